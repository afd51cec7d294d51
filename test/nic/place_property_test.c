// SPDX-License-Identifier: BSD-2-Clause
/*
 * place_property_test.c - Random traffic, and what must be true of any (SPEC RQ-1..RQ-5)
 *
 * Programs with several flows each; segments lost, repeated, out of order, with any
 * options, aggregated or not; buffers of any size, sometimes too few, sometimes taken
 * back. The model knows the posted buffers, first in, first out, and which bytes of each
 * stream were reported. It does no placing itself: from the completions alone it has
 * to be possible to read each stream, and each completion has to follow the rules.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/device_scene.h"
#include "nic/traffic.h"

#define SEEDS 250
#define RUNS 40
#define PROGRAMS 2u
#define FLOWS 3u		/* of each program                              */
#define STREAM 200000u
#define RING 64u
#define PLACES 128u		/* for buffers of one queue: twice a ring       */
#define PLACE_BYTES 4096u
#define FILL 0xdd

/* What is posted to one queue. */
struct posted {
	struct ring_end *ring;
	uint32_t memory;	/* PLACES of PLACE_BYTES                        */
	uint32_t bytes[PLACES];
	bool revoked[PLACES];
	uint64_t next, oldest;	/* numbers of requests: wr_id                   */
};

struct stream {
	struct frame_spec spec;	/* of its next segment                          */
	uint32_t id;
	uint32_t base;		/* sequence number of byte 0                    */
	uint32_t sent;		/* bytes that the other side has sent once      */
	bool *placed;
	uint32_t in_order;	/* all before that byte is placed               */
	bool more;		/* the next piece has to continue at            */
	uint32_t more_at;
	uint64_t dropped;
};

struct world {
	struct device_scene s;
	struct program p[PROGRAMS];
	struct posted rq[PROGRAMS], grq[PROGRAMS];
	struct stream stream[PROGRAMS * FLOWS];
	uint64_t seed, rng;
	uint64_t arrived, reported;	/* bytes of payload, of this run        */
	uint64_t n_rq, n_grq, n_back, n_header, n_revoked;	/* of all       */
};

static void fail_at(const struct world *w, const char *what)
{
	fail_msg("seed %llu: %s", (unsigned long long)w->seed, what);
}

#define EXPECT(w, x) do { if (!(x)) fail_at(w, #x); } while (0)

static uint32_t below(struct world *w, uint32_t n)
{
	return random_below(&w->rng, n);
}

/* ---- Buffers ---------------------------------------------------------------------- */

static uint8_t *buffer_at(const struct program *p, const struct posted *q,
			  uint64_t wr_id)
{
	return p->memory + q->memory + wr_id % PLACES * PLACE_BYTES;
}

static void post_some(struct world *w, struct program *p, struct posted *q)
{
	uint32_t some = below(w, 4) ? below(w, 12) : below(w, RING);

	while (some-- && q->next - q->oldest < RING) {
		uint32_t bytes = 1 + below(w, below(w, 3) ? PLACE_BYTES - 1 : 90);

		memset(buffer_at(p, q, q->next), FILL, PLACE_BYTES);
		q->bytes[q->next % PLACES] = bytes;
		q->revoked[q->next % PLACES] = false;
		program_receive(p, q->ring, (uint32_t)(buffer_at(p, q, q->next) -
						       p->memory),
				bytes, q->next);
		q->next++;
	}
}

/* The oldest comes back, first in, first out. Return: its bytes. */
static const uint8_t *take_posted(struct world *w, const struct program *p,
				  struct posted *q, const struct completion *c)
{
	const uint8_t *at = buffer_at(p, q, c->wr_id);
	uint32_t used = c->offset + c->bytes;

	EXPECT(w, q->oldest < q->next && c->wr_id == q->oldest);
	EXPECT(w, q->revoked[c->wr_id % PLACES] ==
		  (c->kind == COMPLETION_REVOKED));
	EXPECT(w, used <= q->bytes[c->wr_id % PLACES]);
	for (uint32_t n = c->status ? 0 : used; n < PLACE_BYTES; n++)
		EXPECT(w, at[n] == FILL);
	q->oldest++;
	return at;
}

static void revoke_some(struct world *w, struct program *p, struct posted *q,
			uint32_t id)
{
	uint64_t n;

	if (q->oldest == q->next || below(w, 6))
		return;
	n = q->oldest + below(w, (uint32_t)(q->next - q->oldest));
	EXPECT(w, device_revoke(w->s.device, id, n) == !q->revoked[n % PLACES]);
	q->revoked[n % PLACES] = true;
}

/* ---- Completions ------------------------------------------------------------------- */

static struct stream *stream_of(struct world *w, uint32_t id)
{
	for (uint32_t n = 0; n < PROGRAMS * FLOWS; n++) {
		if (w->stream[n].id == id)
			return &w->stream[n];
	}
	fail_at(w, "a completion for no flow");
	return NULL;
}

static void check_stream(struct world *w, struct stream *s,
			 const struct completion *c, const uint8_t *bytes)
{
	uint32_t at = c->seq - s->base;
	bool in_order = c->flags & COMPLETION_IN_ORDER;

	EXPECT(w, at + c->bytes <= s->sent);
	for (uint32_t n = 0; n < c->bytes; n++) {
		if (bytes[c->offset + n] !=
		    frame_stream_byte(s->spec.stream, c->seq + n))
			fail_at(w, "a byte of a stream is wrong");
		s->placed[at + n] = true;
	}
	/* It may know less than we, and never claims more. */
	EXPECT(w, !in_order || at <= s->in_order);
	EXPECT(w, in_order || c->kind == COMPLETION_GENERAL);
	while (s->in_order < STREAM && s->placed[s->in_order])
		s->in_order++;
	w->reported += c->bytes;
}

static void check_header(struct world *w, const struct stream *s,
			 const struct completion *c, const uint8_t *bytes)
{
	const uint8_t *tcp = bytes + frame_link_bytes(&s->spec) +
			     (s->spec.v6 ? 40 : 20);

	EXPECT(w, c->offset == c->header_bytes);
	EXPECT(w, get16(tcp) == s->spec.source_port);
	EXPECT(w, get32(tcp + 4) == c->seq);
	EXPECT(w, get32(tcp + 8) == c->ack);
	EXPECT(w, (tcp[12] >> 4) * 4U > 20);
	w->n_header++;
}

static void check_pieces(struct world *w, struct stream *s,
			 const struct completion *c)
{
	EXPECT(w, s->more != !!(c->flags & COMPLETION_FIRST));
	EXPECT(w, !s->more || c->seq == s->more_at);
	s->more = c->flags & COMPLETION_MORE;
	s->more_at = c->seq + c->bytes;
	EXPECT(w, !s->more || !(c->tcp_flags & (F_FIN | F_PSH)));
}

/* Behind a GRQ buffer with payload comes one of the RQ, if one was posted. */
static void check_brought_back(struct world *w, uint32_t n, const struct stream *s)
{
	struct completion c;
	struct posted *q = &w->rq[n];

	while (q->oldest < q->next) {
		EXPECT(w, program_poll(&w->p[n], &c));
		take_posted(w, &w->p[n], q, &c);
		w->n_revoked += c.kind == COMPLETION_REVOKED;
		if (c.kind == COMPLETION_REVOKED)
			continue;
		EXPECT(w, c.kind == COMPLETION_RECEIVE && c.bytes == 0);
		EXPECT(w, c.flow == s->id && c.status == COMPLETION_OK);
		w->n_back++;
		return;
	}
}

static void take_piece(struct world *w, uint32_t n, const struct completion *c)
{
	bool is_rq = c->kind == COMPLETION_RECEIVE;
	struct stream *s = stream_of(w, c->flow);
	const uint8_t *bytes;

	if (c->kind == COMPLETION_HEADER && !c->header_bytes) {
		EXPECT(w, c->bytes == 0 && c->wr_id == 0);
		return;
	}
	bytes = take_posted(w, &w->p[n], is_rq ? &w->rq[n] : &w->grq[n], c);
	if (c->status != COMPLETION_OK) {
		/* Too short for the headers: that is said of it. */
		EXPECT(w, c->status == COMPLETION_INVALID && !is_rq);
		return;
	}
	if (c->header_bytes)
		check_header(w, s, c, bytes);
	if (c->kind == COMPLETION_HEADER)
		return;
	EXPECT(w, c->bytes > 0);
	check_pieces(w, s, c);
	check_stream(w, s, c, bytes);
	if (is_rq)
		w->n_rq++;
	else
		w->n_grq++;
	if (!is_rq)
		check_brought_back(w, n, s);
}

static void take_completions(struct world *w, uint32_t n)
{
	struct completion c;

	while (program_poll(&w->p[n], &c)) {
		if (c.kind == COMPLETION_REVOKED) {
			bool is_rq = w->rq[n].oldest == c.wr_id &&
				     w->rq[n].oldest < w->rq[n].next &&
				     w->rq[n].revoked[c.wr_id % PLACES];

			take_posted(w, &w->p[n], is_rq ? &w->rq[n] :
							 &w->grq[n], &c);
			w->n_revoked++;
			continue;
		}
		EXPECT(w, c.kind == COMPLETION_RECEIVE ||
			  c.kind == COMPLETION_GENERAL ||
			  c.kind == COMPLETION_HEADER);
		take_piece(w, n, &c);
	}
}

/* ---- Traffic -------------------------------------------------------------------------- */

static void arrive(struct world *w, struct stream *s, uint32_t at,
		   uint32_t bytes)
{
	struct frame_spec *spec = &s->spec;

	spec->seq = s->base + at;
	spec->payload_len = bytes;
	spec->flags = F_ACK | (below(w, 8) ? 0 : F_PSH);
	spec->ack += below(w, 2);
	spec->options_len = 0;
	if (spec->stream % 2)
		frame_timestamp(spec, spec->seq, 5);
	if (below(w, 20) == 0)
		frame_sack(spec, 7, 9);
	spec->tcp_sum = below(w, 30) ? SUM_RIGHT : SUM_WRONG;
	scene_arrive(&w->s, spec);
	spec->id++;
	if (spec->tcp_sum == SUM_RIGHT)
		w->arrived += bytes;
}

/* A segment: the next, one again, or one from ahead; or nothing but an ACK. */
static void arrive_anyhow(struct world *w)
{
	struct stream *s = &w->stream[below(w, PROGRAMS * FLOWS)];
	uint32_t bytes = 1 + below(w, below(w, 2) ? 1400 : 50);
	uint32_t at = s->in_order;

	if (s->sent + 3000 > STREAM)
		return;
	switch (below(w, 12)) {
	case 0:
		at = below(w, s->sent + 1);
		break;
	case 1:
		at += below(w, 1500);
		break;
	case 2:
		bytes = 0;
		break;
	default:	/* several in a row                                     */
		for (uint32_t n = below(w, 6); n > 0; n--) {
			if (s->sent < at + bytes)
				s->sent = at + bytes;
			if (s->sent + 3000 > STREAM)
				return;
			arrive(w, s, at, bytes);
			at += bytes;
		}
		break;
	}
	if (s->sent < at + bytes)
		s->sent = at + bytes;
	arrive(w, s, at, bytes);
}

static uint64_t flow_drops(const struct world *w, const struct stream *s)
{
	struct device_flow_counters c;
	uint64_t n = 0;

	EXPECT(w, device_flow_counters(w->s.device, s->id, &c));
	for (uint32_t k = 0; k < DEVICE_N_DROPS; k++)
		n += k == DEVICE_DROP_CHECKSUM ? 0 : c.drops[k];
	return n;
}

/* Return: whether anything was lost in this run. */
static bool check_drops(struct world *w)
{
	bool lost = false;

	for (uint32_t n = 0; n < PROGRAMS * FLOWS; n++) {
		struct stream *s = &w->stream[n];
		uint64_t dropped = flow_drops(w, s);
		const struct posted *q = &w->grq[n / FLOWS];

		if (dropped == s->dropped)
			continue;
		s->dropped = dropped;
		lost = true;
		/* Only because there was no buffer left, or none large enough. */
		EXPECT(w, q->oldest == q->next || q->next - q->oldest < RING);
	}
	return lost;
}

/* ---- A run ------------------------------------------------------------------------------ */

static void open_posted(struct program *p, struct posted *q,
			struct ring_end *ring)
{
	q->ring = ring;
	q->memory = program_place(p, PLACES * PLACE_BYTES);
}

static void open_stream(struct world *w, uint32_t n)
{
	struct stream *s = &w->stream[n];
	struct device_flow flow;

	s->spec = frame_defaults();
	s->spec.v6 = below(w, 2);
	s->spec.source_port = (uint16_t)(1000 + n);
	s->spec.stream = (uint32_t)w->seed * 100 + n;
	s->base = (uint32_t)random_next(&w->rng);
	s->placed = calloc(STREAM, sizeof(*s->placed));
	flow = program_flow(&w->p[n / FLOWS], &s->spec);
	flow.knows_next = true;
	flow.next_seq = s->base;
	assert_int_equal(device_add_flow(w->s.device, &flow, &s->id), 0);
}

static void begin(struct world *w, uint64_t seed)
{
	const struct program_options options = { .cq = 2048, .rq = RING,
						 .grq = RING };

	memset(w, 0, sizeof(*w));
	w->seed = seed;
	w->rng = seed;
	scene_open(&w->s, NULL, NULL);
	for (uint32_t n = 0; n < PROGRAMS; n++) {
		program_open(&w->s, &w->p[n], &options);
		open_posted(&w->p[n], &w->rq[n], &w->p[n].rq);
		open_posted(&w->p[n], &w->grq[n], &w->p[n].grq);
	}
	for (uint32_t n = 0; n < PROGRAMS * FLOWS; n++)
		open_stream(w, n);
}

static void end(struct world *w)
{
	for (uint32_t n = 0; n < PROGRAMS; n++)
		program_check_canaries(&w->p[n]);
	for (uint32_t n = 0; n < PROGRAMS * FLOWS; n++)
		free(w->stream[n].placed);
	scene_close(&w->s);
}

static void run(struct world *w)
{
	uint32_t segments = below(w, 60);

	for (uint32_t n = 0; n < PROGRAMS; n++) {
		post_some(w, &w->p[n], &w->rq[n]);
		post_some(w, &w->p[n], &w->grq[n]);
		revoke_some(w, &w->p[n], &w->rq[n], w->p[n].rq_id);
		take_completions(w, n);
	}
	w->arrived = w->reported = 0;
	while (segments--)
		arrive_anyhow(w);
	scene_run(&w->s);
	for (uint32_t n = 0; n < PROGRAMS; n++)
		take_completions(w, n);
	for (uint32_t n = 0; n < PROGRAMS * FLOWS; n++)
		EXPECT(w, !w->stream[n].more);
	if (!check_drops(w))
		EXPECT(w, w->arrived == w->reported);
}

static void rq_1_to_rq_5_streams_can_be_read(void **state)
{
	static struct world w;
	uint64_t rq = 0, grq = 0, back = 0, headers = 0, revoked = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(&w, seed);
		for (int n = 0; n < RUNS; n++)
			run(&w);
		rq += w.n_rq;
		grq += w.n_grq;
		back += w.n_back;
		headers += w.n_header;
		revoked += w.n_revoked;
		end(&w);
	}
	/* All of it happened, often. */
	assert_true(rq > 10 * SEEDS && grq > 10 * SEEDS && back > SEEDS &&
		    headers > SEEDS && revoked > SEEDS);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq_1_to_rq_5_streams_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

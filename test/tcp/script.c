// SPDX-License-Identifier: BSD-2-Clause
/* script.c - A peer of the machine that follows a script */
#include "tcp/script.h"

#include <stdlib.h>
#include <string.h>

#define BEGAN (1000 SECONDS)

void script_config(struct tcp_config *c)
{
	tcp_config_default(c);
	c->timestamps = false;
	c->sack = false;
	c->window_scaling = false;
	c->quick_acks = 0;
	c->congestion = CONGESTION_RENO;
	c->ecn = TCP_ECN_OFF;
	c->receive_buffer = c->receive_buffer_max = 65535;
}

void script_begin(struct script *s, const struct tcp_config *config)
{
	memset(s, 0, sizeof(*s));
	if (config)
		s->config = *config;
	else
		script_config(&s->config);
	s->memory = aligned_alloc(CACHE_LINE, cells_bytes(SCRIPT_CELLS));
	assert_non_null(s->memory);
	s->env = (struct tcp_env){
		.now = BEGAN,
		.config = &s->config,
		.cells = cells_init(s->memory, SCRIPT_CELLS, 16),
	};
	s->began = BEGAN;
	s->endpoint = (struct tcp_endpoint){
		.iss = seq(SCRIPT_ISS),
		.mtu = 1500,
	};
}

void script_end(struct script *s)
{
	struct tcp_piece p;

	if (s->t.mtu) {		/* it was opened                                */
		tcp_abort(&s->t, &s->env);
		while (tcp_next_piece(&s->t, &s->env, &p))
			s->held--;
		tcp_forget(&s->t, &s->env);
	}
	assert_int_equal(s->held, 0);
	assert_int_equal(s->env.cells->n_free, SCRIPT_CELLS);
	free(s->memory);
}

/* ---- Segments ----------------------------------------------------------------- */

struct tcp_segment script_segment(const struct script *s, const struct line *l)
{
	struct tcp_segment in = {
		.seq = seq(SCRIPT_IRS + l->seq),
		.ack = seq(l->flags & TCP_ACK ? SCRIPT_ISS + l->ack : 0),
		.len = l->len,
		.flags = l->flags,
		.window = l->win == 0 ? SCRIPT_WINDOW :
			  l->win == CLOSED_WINDOW ? 0 : (uint16_t)l->win,
		.urgent = (uint16_t)l->urgent,
		.mss = l->mss,
		.n_frames = l->n_frames,
		.ecn = l->ecn,
		.has = (uint8_t)(l->has | (l->mss ? TCP_HAS_MSS : 0)),
		.wscale = l->wscale,
		.tsval = l->tsval,
		.tsecr = l->tsecr,
		.n_sack = l->n_sack,
	};

	(void)s;
	if (in.n_frames == 0)
		in.n_frames = (uint16_t)(1 + (l->len ? (l->len - 1) / 1460 : 0));
	for (uint32_t k = 0; k < l->n_sack; k++)
		in.sack[k] = (struct tcp_sack){
			seq(SCRIPT_ISS + l->sack[2 * k]),
			seq(SCRIPT_ISS + l->sack[2 * k + 1]),
		};
	return in;
}

/* Where @skip bytes into the segment of @cookie is what is expected next? */
static void hand_over(struct script *s, int line, uint64_t cookie,
		      uint32_t skip, uint32_t len)
{
	uint32_t at = (uint32_t)cookie + skip - (SCRIPT_IRS + 1);

	if (at != (uint32_t)s->received)
		fail_msg("line %d: byte %u handed over, not %u", line, at,
			 (uint32_t)s->received);
	s->received += len;
}

static void take_pieces(struct script *s, int line)
{
	struct tcp_piece p;

	while (tcp_next_piece(&s->t, &s->env, &p)) {
		s->held--;
		if (p.len)
			hand_over(s, line, p.cookie, p.skip, p.len);
	}
}

void script_in(struct script *s, int line, const struct line *l)
{
	struct tcp_segment in = script_segment(s, l);
	uint64_t cookie = in.seq.n + ((in.flags & TCP_SYN) != 0);

	tcp_arrive(&s->t, &s->env, &in, cookie, &s->arrival);
	if (s->arrival.len)
		hand_over(s, line, cookie, s->arrival.skip, s->arrival.len);
	s->held += s->arrival.kept;
	if (s->arrival.more)
		take_pieces(s, line);
	s->events |= tcp_take_events(&s->t);
	if (l->cause && s->arrival.cause != l->cause - 1)
		fail_msg("line %d: cause %d, not %d", line,
			 (int)s->arrival.cause, (int)l->cause - 1);
}

static void complain(int line, const struct line *want,
		     const struct tcp_segment *got)
{
	fail_msg("line %d: flags %02x seq %u ack %u len %u win %u, not flags %02x "
		 "seq %u ack %u len %u", line, got->flags,
		 got->seq.n - SCRIPT_ISS, got->ack.n - SCRIPT_IRS, got->len,
		 got->window, want->flags, want->seq, want->ack, want->len);
}

static bool is_as_said(const struct line *l, const struct tcp_frame *f)
{
	const struct tcp_segment *g = &f->segment;
	bool ack = l->flags & TCP_ACK;

	if (g->flags != l->flags || g->seq.n - SCRIPT_ISS != l->seq ||
	    (ack && g->ack.n - SCRIPT_IRS != l->ack) || g->len != l->len ||
	    g->n_sack != l->n_sack || g->ecn != l->ecn)
		return false;
	for (uint32_t k = 0; k < l->n_sack; k++)
		if (g->sack[k].start.n - SCRIPT_IRS != l->sack[2 * k] ||
		    g->sack[k].end.n - SCRIPT_IRS != l->sack[2 * k + 1])
			return false;
	return (!l->win || g->window == (l->win == CLOSED_WINDOW ? 0 : l->win)) &&
	       (!l->mss || g->mss == l->mss) && (!l->cut || f->mss == l->cut) &&
	       (!l->has || g->has == l->has) &&
	       (!l->tsval || g->tsval == l->tsval) &&
	       (!l->tsecr || g->tsecr == l->tsecr) &&
	       (!l->wscale || g->wscale == l->wscale) &&
	       (!l->urgent || g->urgent == l->urgent);
}

void script_out(struct script *s, int line, const struct line *l)
{
	if (!tcp_emit(&s->t, &s->env, &s->frame))
		fail_msg("line %d: nothing is sent", line);
	if (!is_as_said(l, &s->frame))
		complain(line, l, &s->frame.segment);
	if (s->frame.segment.len &&
	    s->frame.stream != s->frame.segment.seq.n - SCRIPT_ISS - 1)
		fail_msg("line %d: stream %u", line, (uint32_t)s->frame.stream);
}

void script_silent(struct script *s, int line)
{
	if (tcp_emit(&s->t, &s->env, &s->frame)) {
		const struct tcp_segment *g = &s->frame.segment;

		fail_msg("line %d: flags %02x seq %u ack %u len %u is sent", line,
			 g->flags, g->seq.n - SCRIPT_ISS, g->ack.n - SCRIPT_IRS,
			 g->len);
	}
}

void script_at(struct script *s, int line, ns_t at)
{
	at += s->began;
	if (at < s->env.now)
		fail_msg("line %d: that is over", line);
	while (tcp_deadline(&s->t) <= at) {
		if (tcp_deadline(&s->t) > s->env.now)
			s->env.now = tcp_deadline(&s->t);
		tcp_timer(&s->t, &s->env);
		s->events |= tcp_take_events(&s->t);
		/* What is due at its time is for the script to see. */
		if (s->env.now < at && tcp_emit(&s->t, &s->env, &s->frame))
			fail_msg("line %d: something is sent at %u us", line,
				 (unsigned)((s->env.now - s->began) / 1000));
	}
	s->env.now = at;
}

void script_write(struct script *s, uint32_t bytes)
{
	assert_int_equal(tcp_write(&s->t, &s->env, bytes, false), 0);
}

uint64_t script_drain(struct script *s)
{
	uint64_t bytes = 0;

	while (tcp_emit(&s->t, &s->env, &s->frame))
		bytes += s->frame.segment.len;
	return bytes;
}

struct tcp_report script_report(struct script *s)
{
	struct tcp_report r;

	tcp_report(&s->t, &s->env, &r);
	return r;
}

uint32_t script_events(struct script *s)
{
	uint32_t events = s->events | tcp_take_events(&s->t);

	s->events = 0;
	return events;
}

/* ---- Beginnings --------------------------------------------------------------------- */

static uint8_t options_of(const struct tcp_config *c)
{
	return (uint8_t)((c->sack ? TCP_HAS_SACK_PERMITTED : 0) |
			 (c->timestamps ? TCP_HAS_TIMESTAMP : 0) |
			 (c->window_scaling ? TCP_HAS_WSCALE : 0));
}

void script_connected(struct script *s, const struct tcp_config *config)
{
	struct tcp_frame syn;

	script_begin(s, config);
	tcp_open(&s->t, &s->env, &s->endpoint);
	assert_true(tcp_emit(&s->t, &s->env, &syn));
	s->env.now += 10 MS;
	IN(SYN | ACK, .ack = 1, .mss = 1460, .has = options_of(&s->config),
	   .wscale = 7, .tsval = 1, .tsecr = syn.segment.tsval);
	STATE("ESTABLISHED");
	assert_true(tcp_emit(&s->t, &s->env, &s->frame));
	SILENT();
	script_events(s);
	s->began = s->env.now;
}

void script_accepted(struct script *s, const struct tcp_config *config)
{
	struct tcp_request r;
	struct tcp_segment in, out;
	struct line syn = { .flags = SYN, .mss = 1460, .wscale = 7, .tsval = 1 };
	struct line ack = { .flags = ACK, .seq = 1, .ack = 1, .tsval = 2 };

	script_begin(s, config);
	syn.has = options_of(&s->config);
	in = script_segment(s, &syn);
	assert_true(tcp_request_is_wanted(&in));
	tcp_request_begin(&r, &s->env, &s->endpoint, &in, &out);
	s->env.now += 10 MS;
	ack.has = syn.has & TCP_HAS_TIMESTAMP;
	ack.tsecr = out.tsval;
	in = script_segment(s, &ack);
	assert_int_equal(tcp_request_arrive(&r, &s->env, &s->endpoint, &in, &out),
			 TCP_REQUEST_COMPLETE);
	tcp_accept(&s->t, &s->env, &r, &s->endpoint);
	tcp_arrive(&s->t, &s->env, &in, 0, &s->arrival);
	STATE("ESTABLISHED");
	SILENT();
	script_events(s);
	s->began = s->env.now;
}

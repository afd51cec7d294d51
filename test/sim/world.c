// SPDX-License-Identifier: BSD-2-Clause
/* world.c - Two hosts and the network between them, in virtual time */
#include "sim/world.h"

#include <stdlib.h>
#include <string.h>

#include "packet/headers.h"
#include "sim/invariants.h"
#include "sim/journal.h"
#include "sim/stream.h"

#define BEGIN TCP_SECOND
#define STEPS_MAX 30000000u
#define FRAMES_MAX 20000u	/* without any progress: a storm                */

struct world {
	struct run *run;
	const struct scenario *scenario;
	struct verdict *verdict;
	struct host *host[2];
	struct network network;
	struct world_clock clock[2];
	ns_t now;
	uint32_t next_event;
	uint64_t progress, n_idle_frames;
	struct device stranger;	/* sends what neither host sends                */
	struct chance chance;
	uint32_t n_flood, n_blind;
	ns_t flood_at, blind_at;
	struct capture_writer *capture;
};

static ns_t sooner(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

/* ---- Clocks ------------------------------------------------------------------------- */

static ns_t local_time(const struct world *w, unsigned k)
{
	const struct world_clock *c = &w->clock[k];

	return (w->now + c->offset) / c->tick * c->tick;
}

/* When the clock of host @k shows @at, or more. */
static ns_t world_time(const struct world *w, unsigned k, ns_t at)
{
	const struct world_clock *c = &w->clock[k];

	if (at == NS_NEVER)
		return NS_NEVER;
	at = (at + c->tick - 1) / c->tick * c->tick;
	at = at > c->offset ? at - c->offset : 0;
	return at > c->frozen_until ? at : c->frozen_until;
}

/* ---- Records ------------------------------------------------------------------------ */

static void note(struct world *w, enum journal_kind kind, unsigned k,
		 const uint8_t *bytes, uint32_t len)
{
	struct journal_record r = { (uint8_t)kind, (uint8_t)k, len,
				    local_time(w, k), (uint8_t *)(uintptr_t)bytes };

	if (w->run->journal)
		journal_write(w->run->journal, &r);
}

static void trace(struct world *w, unsigned k, enum capture_direction direction,
		  const uint8_t *bytes, uint32_t len)
{
	const struct capture_packet p = {
		.data = bytes, .len = len, .time = w->now, .interface = k,
		.direction = (uint8_t)direction,
	};

	if (w->capture && capture_write(w->capture, &p))
		verdict_fail(w->verdict, "the capture cannot be written");
}

static void open_records(struct world *w)
{
	const struct run *r = w->run;
	struct wire_error error;
	char text[128];
	uint32_t idx;
	int n;

	if (r->trace && (capture_create(&w->capture, r->trace, &error) ||
	    capture_add_interface(w->capture, 1, "host 0", &idx) ||
	    capture_add_interface(w->capture, 1, "host 1", &idx)))
		verdict_fail(w->verdict, "no capture: %.100s", r->trace);
	n = snprintf(text, sizeof(text), "%s %llu %d", w->scenario->profile,
		     (unsigned long long)w->scenario->seed, (int)r->aggregation);
	note(w, JOURNAL_SCENARIO, 0, (uint8_t *)text, (uint32_t)n);
}

static void close_records(struct world *w)
{
	if (w->capture && capture_finish(w->capture, NULL))
		verdict_fail(w->verdict, "the capture cannot be written");
}

/* ---- Hosts --------------------------------------------------------------------------- */

/* The address of host @number. */
static void address(uint8_t to[16], unsigned number, bool v6)
{
	memset(to, 0, 16);
	if (v6) {
		to[0] = 0xfd;
		to[15] = (uint8_t)(number + 1);
	} else {
		to[0] = 10;
		to[3] = (uint8_t)(number + 1);
	}
}

static bool is_steady(const struct scenario *s, unsigned number)
{
	for (uint32_t n = 0; n < s->n_events; n++) {
		const struct event *e = &s->events[n];

		if (e->side == number &&
		    (e->kind == EVENT_JUMP || e->kind == EVENT_FREEZE))
			return false;
	}
	return true;
}

/* Host 0 connects to host 1, or both do to each other. */
static struct host_setup setup_of(const struct run *r, unsigned k)
{
	const struct scenario *s = r->scenario;
	struct host_setup setup = {
		.side = &s->side[k],
		.number = k,
		.seed = s->seed,
		.aggregation = r->aggregation,
		.mac = { 2, 0, 0, 0, 0, 1 },
		.peer_mac = { 2, 0, 0, 0, 0, 2 },
		.tuple = { .v6 = s->v6, .remote_port = SCENARIO_PORT },
		.listens = k == 1 && !s->simultaneous,
		.n_connections = s->n_connections,
		.n_parallel = s->n_parallel,
		.start_at = s->side[k].clock_start + (k ? s->simultaneous_lag : 0),
		.is_steady = is_steady(s, k),
	};

	address(setup.tuple.local, k, s->v6);
	address(setup.tuple.remote, !k, s->v6);
	if (setup.listens || s->simultaneous)
		setup.tuple.local_port = SCENARIO_PORT;
	return setup;
}

static const uint8_t *payload(const struct connection *c, uint64_t at,
			      uint32_t len)
{
	const struct tcp_tuple *t = &c->out.tuple;

	return stream_bytes(stream_name(c->out.iss.n, t->local_port,
					t->remote_port), at);
}

/* ---- Frames -------------------------------------------------------------------------- */

static void transmit(void *ctx, const uint8_t *frame, uint32_t len,
		     const struct wire_offload *o)
{
	struct host *h = ctx;
	struct world *w = h->around;
	unsigned k = h->setup.number;

	w->run->n_frames++;
	w->n_idle_frames++;
	for (uint32_t at = 0; at < len && at < 64; at += 8)
		w->run->digest = chance_mix(w->run->digest + frame[at]) + w->now;
	note(w, JOURNAL_TRANSMIT, k, frame, len);
	trace(w, k, CAPTURE_OUT, frame, len);
	network_send(&w->network, k, frame, len, w->now);
}

static void receive(struct world *w, unsigned k, uint8_t *bytes, uint32_t len)
{
	note(w, JOURNAL_RECEIVE, k, bytes, len);
	trace(w, k, CAPTURE_IN, bytes, len);
	host_receive(w->host[k], bytes, len, local_time(w, k));
}

static bool receive_all(struct world *w, unsigned k)
{
	struct flying f;
	bool any = false;

	if (w->clock[k].frozen_until > w->now)
		return false;
	while (network_take(&w->network, k, w->now, &f)) {
		receive(w, k, f.bytes, f.len);
		any = true;
	}
	return any;
}

/* ---- Strangers ------------------------------------------------------------------------- */

static void inject(void *ctx, const uint8_t *frame, uint32_t len,
		   const struct wire_offload *o)
{
	struct world *w = ctx;
	uint8_t mine[16], *copy = malloc(len);
	const uint8_t *to = frame + 14 + (w->scenario->v6 ? 24 : 16);

	if (!copy)
		abort();
	memcpy(copy, frame, len);
	address(mine, 0, w->scenario->v6);
	receive(w, memcmp(to, mine, w->scenario->v6 ? 16 : 4) != 0, copy, len);
}

/* A SYN of somebody who does not exist. */
static void flood(struct world *w)
{
	struct tcp_tuple t = { .v6 = w->scenario->v6,
			       .remote_port = SCENARIO_PORT };
	struct tcp_segment s = {
		.flags = TCP_SYN, .n_frames = 1, .has = TCP_HAS_MSS, .mss = 1460,
		.window = 65535, .seq = seq((uint32_t)chance_u64(&w->chance)),
	};

	address(t.local, 100 + (unsigned)chance_below(&w->chance, 100), t.v6);
	address(t.remote, 1, t.v6);
	t.local_port = (uint16_t)chance_range(&w->chance, 1024, 65535);
	device_send(&w->stranger, &t, &s, NULL, 1);
	w->flood_at = ++w->n_flood < w->scenario->flood ?
		      w->now + w->scenario->flood_gap : NS_NEVER;
}

/*
 * RFC 5961: what somebody sends who knows the tuple, and more or less the window,
 * but not RCV.NXT. A RST must be beyond all that the device may still hold.
 */
static bool guess(struct world *w, const struct connection *c,
		  struct tcp_segment *s)
{
	uint32_t window = c->tcb.rcv_edge.n - c->tcb.rcv_nxt.n;
	uint32_t held = w->run->aggregation == AGGREGATE_NOT ? 0 : 600000;

	*s = (struct tcp_segment){ .n_frames = 1, .window = 100,
				   .ack = c->tcb.out.nxt };
	s->seq = seq_add(c->tcb.rcv_nxt,
			 (uint32_t)chance_range(&w->chance, 1u << 30, 3u << 30));
	if (chance_one_in(&w->chance, 2)) {
		if (window <= held + 1)
			return false;
		s->seq = seq_add(c->tcb.rcv_nxt, (uint32_t)
				 chance_range(&w->chance, held + 1, window - 1));
	}
	s->flags = chance_one_in(&w->chance, 2) ? TCP_RST : TCP_SYN;
	if (chance_one_in(&w->chance, 2))
		s->flags |= TCP_ACK;
	/* Without one nothing but RST is looked at. */
	if (c->tcb.flags & TCB_TIMESTAMPS)
		s->has = TCP_HAS_TIMESTAMP;
	s->tsval = c->tcb.ts_recent;
	return true;
}

static void blind(struct world *w)
{
	unsigned k = (unsigned)chance_below(&w->chance, 2);
	struct host *h = w->host[k];
	struct tcp_segment s;
	struct tcp_tuple t;

	for (uint32_t n = 0; n < h->n_connections; n++) {
		const struct connection *c = &h->connections[n];

		if (!c->used || c->tcb.state < TCPS_ESTABLISHED ||
		    c->tcb.state == TCPS_TIME_WAIT || !guess(w, c, &s))
			continue;
		t = c->out.tuple;
		memcpy(t.local, c->out.tuple.remote, 16);
		memcpy(t.remote, c->out.tuple.local, 16);
		t.local_port = c->out.tuple.remote_port;
		t.remote_port = c->out.tuple.local_port;
		device_send(&w->stranger, &t, &s, NULL, 1);
		break;
	}
	w->blind_at = ++w->n_blind < w->scenario->blind ?
		      w->now + w->scenario->blind_gap : NS_NEVER;
}

/* ---- Events --------------------------------------------------------------------------- */

static void check_found(struct world *w, const struct host *h, uint32_t mtu)
{
	uint32_t n_used = 0;

	for (uint32_t n = 0; n < h->n_connections; n++) {
		const struct connection *c = &h->connections[n];
		uint32_t found = c->tcb.path_mtu.mtu;

		if (!c->used)
			continue;
		n_used++;
		if (found > mtu || found + PATH_MTU_ENOUGH <= mtu)
			verdict_fail(w->verdict, "packets have %u bytes, not %u",
				     found, mtu);
	}
	if (!n_used)
		verdict_fail(w->verdict, "no connection to find an MTU");
}

static void happen(struct world *w, const struct event *e)
{
	struct lane *l = &w->network.lane[e->side];

	switch ((enum event_kind)e->kind) {
	case EVENT_MTU:
		l->mtu = (uint16_t)e->value;
		break;
	case EVENT_JUMP:
		w->clock[e->side].offset += e->value;
		break;
	case EVENT_CUT:
		l->is_cut = true;
		break;
	case EVENT_RESTORE:
		l->is_cut = false;
		break;
	case EVENT_FREEZE:
		w->clock[e->side].frozen_until = w->now + e->value;
		break;
	case EVENT_FOUND:
		check_found(w, w->host[e->side], (uint32_t)e->value);
		break;
	}
}

static ns_t event_time(const struct world *w)
{
	return w->next_event < w->scenario->n_events ?
	       BEGIN + w->scenario->events[w->next_event].at : NS_NEVER;
}

/* ---- The course of things ----------------------------------------------------------------- */

static ns_t next_time(const struct world *w)
{
	ns_t next = sooner(event_time(w), network_next(&w->network));

	next = sooner(next, sooner(w->flood_at, w->blind_at));
	for (unsigned k = 0; k < 2; k++) {
		ns_t arrival = network_arrival(&w->network, k);

		if (arrival < w->clock[k].frozen_until)
			arrival = w->clock[k].frozen_until;
		next = sooner(next, arrival);
		next = sooner(next, world_time(w, k, host_next(w->host[k])));
	}
	return next;
}

static void run_host(struct world *w, unsigned k, bool anyway)
{
	if (w->clock[k].frozen_until > w->now)
		return;
	if (!anyway && world_time(w, k, host_next(w->host[k])) > w->now)
		return;
	note(w, JOURNAL_RUN, k, NULL, 0);
	host_run(w->host[k], local_time(w, k));
}

static void step(struct world *w)
{
	bool any[2];

	while (event_time(w) <= w->now)
		happen(w, &w->scenario->events[w->next_event++]);
	if (network_next(&w->network) <= w->now)
		network_run(&w->network, w->now);
	if (w->flood_at <= w->now)
		flood(w);
	if (w->blind_at <= w->now)
		blind(w);
	for (unsigned k = 0; k < 2; k++)
		any[k] = receive_all(w, k);
	for (unsigned k = 0; k < 2; k++)
		run_host(w, k, any[k]);
}

static bool is_done(const struct world *w)
{
	return host_is_done(w->host[0]) && host_is_done(w->host[1]) &&
	       w->flood_at == NS_NEVER;
}

static void check_progress(struct world *w)
{
	uint64_t progress = w->host[0]->progress + w->host[1]->progress;

	if (progress != w->progress)
		w->n_idle_frames = 0;
	w->progress = progress;
	if (w->n_idle_frames > FRAMES_MAX + 10 * w->scenario->flood)
		verdict_fail(w->verdict, "%u frames, and nothing gets on",
			     FRAMES_MAX);
	if (w->run->n_steps > STEPS_MAX)
		verdict_fail(w->verdict, "it takes too many steps");
	if (w->now - BEGIN > w->scenario->limit &&
	    !(host_is_quiet(w->host[0]) && host_is_quiet(w->host[1])))
		verdict_fail(w->verdict, "not finished after %llu ms",
			     (unsigned long long)w->scenario->limit / 1000000);
}

static void advance(struct world *w)
{
	ns_t next = next_time(w);

	if (next == NS_NEVER) {
		verdict_fail(w->verdict, "nothing will ever happen again");
		return;
	}
	if (next > w->now)
		w->now = next;
	w->verdict->now = w->now - BEGIN;
	w->run->n_steps++;
	step(w);
	invariants_pair(w->scenario, w->host);
	check_progress(w);
}

static void open_world(struct world *w, struct run *r)
{
	static const struct host_ops ops = { transmit, payload,
					     invariants_receive };
	const struct scenario *s = r->scenario;
	struct host_setup setup;

	*w = (struct world){
		.run = r, .scenario = s, .verdict = &r->verdict, .now = BEGIN,
		.chance = chance_of(s->seed, 7),
		.flood_at = s->flood ? BEGIN : NS_NEVER,
		.blind_at = s->blind ? BEGIN + s->blind_gap : NS_NEVER,
		.stranger = { .transmit = inject, .verdict = &r->verdict,
			      .mtu = 1500, .mac = { 2, 0, 0, 0, 0, 1 },
			      .peer_mac = { 2, 0, 0, 0, 0, 2 } },
	};
	w->stranger.ctx = w;
	network_open(&w->network, s);
	for (unsigned k = 0; k < 2; k++) {
		w->clock[k] = (struct world_clock){
			.offset = s->side[k].clock_start,
			.tick = s->side[k].clock_tick,
		};
		setup = setup_of(r, k);
		w->host[k] = host_open(&setup, &ops, &r->verdict, w);
	}
}

static void close_world(struct world *w)
{
	for (unsigned k = 0; k < 2; k++) {
		struct host *h = w->host[k];

		for (uint32_t n = 0; n < h->n_outcomes; n++)
			w->run->received[k] += h->outcomes[n].received;
		w->run->n_joined += h->device.n_joined;
		host_close(h);
	}
	network_close(&w->network);
}

void world_run(struct run *r)
{
	struct world w;

	open_world(&w, r);
	open_records(&w);
	for (unsigned k = 0; k < 2; k++)
		run_host(&w, k, true);
	while (!r->verdict.failed && !is_done(&w))
		advance(&w);
	r->duration = w.now - BEGIN;
	if (!r->verdict.failed)
		invariants_end(w.scenario, w.host);
	close_records(&w);
	close_world(&w);
}

/* ---- Replay ---------------------------------------------------------------------------------- */

struct replay {
	struct run *run;
	FILE *file;
};

static void compare(void *ctx, const uint8_t *frame, uint32_t len,
		    const struct wire_offload *o)
{
	struct host *h = ctx;
	struct replay *p = h->around;
	struct journal_record r;

	p->run->n_frames++;
	if (journal_read(p->file, &r) != 1) {
		verdict_fail(&p->run->verdict, "one frame more than recorded");
		return;
	}
	if (r.kind != JOURNAL_TRANSMIT || r.host != h->setup.number)
		verdict_fail(&p->run->verdict, "a frame that was not recorded");
	else if (r.len != len || memcmp(r.bytes, frame, len))
		verdict_fail(&p->run->verdict, "frame %llu is another one",
			     (unsigned long long)p->run->n_frames);
	free(r.bytes);
}

static void replay_one(struct replay *p, struct host *h, struct journal_record *r)
{
	p->run->verdict.now = r->time;
	switch (r->kind) {
	case JOURNAL_RECEIVE:
		host_receive(h, r->bytes, r->len, r->time);
		r->bytes = NULL;
		break;
	case JOURNAL_RUN:
		host_run(h, r->time);
		break;
	default:
		verdict_fail(&p->run->verdict, "a recorded frame is not sent");
	}
	free(r->bytes);
}

void world_replay(struct run *run, FILE *file)
{
	static const struct host_ops ops = { compare, payload,
					     invariants_receive };
	struct replay p = { run, file };
	struct host_setup setup;
	struct journal_record r;
	struct host *host[2];
	int got = 0;

	for (unsigned k = 0; k < 2; k++) {
		setup = setup_of(run, k);
		host[k] = host_open(&setup, &ops, &run->verdict, &p);
	}
	while (!run->verdict.failed && (got = journal_read(file, &r)) == 1)
		replay_one(&p, host[r.host], &r);
	if (got < 0)
		verdict_fail(&run->verdict, "the journal is damaged");
	for (unsigned k = 0; k < 2; k++)
		host_close(host[k]);
}

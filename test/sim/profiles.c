// SPDX-License-Identifier: BSD-2-Clause
/* profiles.c - Kinds of networks, hosts and applications */
#include "sim/profiles.h"

#include <string.h>

#include "endpoint/chance.h"
#include "tcp/congestion/congestion.h"

#define MBIT 1000000ULL
#define GBIT 1000000000ULL
#define PATIENT 100		/* retries, where nobody is to give up          */

/* ---- What all have in common ------------------------------------------------------- */

static void fill_side(struct side *d, struct chance *c)
{
	tcp_config_default(&d->config);
	d->config.retries = d->config.orphan_retries = PATIENT;
	d->config.syn_retries = d->config.syn_ack_retries = PATIENT;
	d->config.time_wait = chance_range(c, 1, 60) SECONDS;
	d->config.congestion = (uint8_t)chance_below(c, CONGESTION_N_KINDS);
	d->mtu = 1500;
	d->n_cells = 8192;
	d->n_requests = 16;
	d->time_wait_entries = chance_one_in(c, 2);
	d->clock_start = chance_range(c, 1000, 100000) SECONDS;
	d->clock_tick = 1;
	d->ral = chance_one_in(c, 2) ? 65535 :
		 (uint32_t)chance_range(c, 3000, 300000);
	d->hold = chance_range(c, 10000, 300000);
	d->gather = chance_one_in(c, 2);
	d->wheel_shift = (uint8_t)chance_range(c, 16, 20);
}

/* The same both ways: @mbit Mbit/s, @delay_us one way, a queue of a round trip. */
static void fill_paths(struct scenario *s, uint64_t mbit, uint64_t delay_us)
{
	uint64_t product = mbit * 2 * delay_us / 8;

	for (unsigned k = 0; k < 2; k++) {
		s->path[k] = (struct path){
			.bits_per_second = mbit * MBIT,
			.delay = delay_us * 1000,
			.queue = (uint32_t)(product < 64000 ? 64000 : product),
			.mtu = 9000,
		};
		s->path[k].faults.burst_end = 0.25;
		s->path[k].faults.burst_loss = 1;
		s->path[k].faults.corrupt_bits = 1;
		s->path[k].faults.reorder_span = 3;
		s->path[k].faults.reorder_hold_ns = MS;
	}
}

static void any_paths(struct scenario *s, struct chance *c)
{
	fill_paths(s, chance_scale(c, 1, 1000), chance_scale(c, 20, 100000));
}

/* The same rate of a fault, both ways. */
#define RATE(s, name, value) \
	((s)->path[0].faults.name = (s)->path[1].faults.name = (value))

/* @low..@high of 1 */
static double rate(struct chance *c, double low, double high)
{
	return low + (high - low) * (double)chance_below(c, 1000) / 1000;
}

static void add_event(struct scenario *s, ns_t at, enum event_kind kind,
		      unsigned side, uint64_t value)
{
	struct event *e = &s->events[s->n_events++];

	for (; e > s->events && e[-1].at > at; e--)
		*e = e[-1];
	*e = (struct event){ at, value, (uint8_t)kind, (uint8_t)side };
}

/* The time that @bytes take at least, on the slower path. */
static ns_t least_time(const struct scenario *s)
{
	uint64_t bytes = 0, slowest = UINT64_MAX;

	for (unsigned k = 0; k < 2; k++) {
		bytes += s->side[k].program.total * s->n_connections;
		if (s->path[k].bits_per_second < slowest)
			slowest = s->path[k].bits_per_second;
	}
	return bytes * 8 * TCP_SECOND / slowest;
}

static ns_t round_trip(const struct scenario *s)
{
	return s->path[0].delay + s->path[1].delay;
}

static void keep_alive(struct scenario *s)
{
	for (unsigned k = 0; k < 2; k++)
		s->side[k].program.keepalive = 10 SECONDS;
}

/* ---- Good paths ----------------------------------------------------------------------- */

static void lan(struct scenario *s, struct chance *c)
{
	uint16_t mtu = chance_one_in(c, 4) ? 9000 : 1500;

	fill_paths(s, chance_one_in(c, 2) ? 1000 : 10000, chance_range(c, 5, 100));
	s->path[0].queue = s->path[1].queue = 4 << 20;
	s->side[0].mtu = s->side[1].mtu = mtu;
	traffic_any(s, c, chance_scale(c, 1, 1000000));
	s->strict = true;
	s->limit = 20 SECONDS;
}

/* 125 MB fit on the way. The window has to open by itself. */
static void fat(struct scenario *s, struct chance *c)
{
	fill_paths(s, 10000, 50000);
	s->path[0].queue = s->path[1].queue = 64 << 20;
	traffic_bulk(s, chance_range(c, 8000000, 16000000));
	s->strict = true;
	s->limit = 2 SECONDS;
}

static void close_at_once(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_both(s, chance_below(c, 5000), chance_below(c, 5000));
	for (unsigned k = 0; k < 2; k++) {
		s->side[k].program.close_whole = true;
		s->side[k].program.close_delay = 500 * MS -
			(k ? 0 : s->path[0].delay) + chance_below(c, 2 * MS) - MS;
	}
	/* Idle for longer than it takes to give up a peer that says nothing. */
	if (chance_one_in(c, 4)) {
		keep_alive(s);
		for (unsigned k = 0; k < 2; k++)
			s->side[k].program.close_delay += 200 SECONDS;
	}
	s->n_connections = (uint32_t)chance_range(c, 1, 6);
	s->n_parallel = s->n_connections;
	s->strict = true;
}

static void simultaneous_open(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	s->simultaneous = true;
	s->simultaneous_lag = chance_below(c, 2 * s->path[0].delay + 1);
	traffic_both(s, chance_below(c, 50000), chance_below(c, 50000));
	if (chance_one_in(c, 2))
		RATE(s, loss, 0.1);
}

static void half_close(struct scenario *s, struct chance *c)
{
	unsigned late = (unsigned)chance_below(c, 2);

	any_paths(s, c);
	traffic_both(s, chance_scale(c, 1, 200000), chance_scale(c, 1, 200000));
	s->side[late].program.after_eof = true;
	traffic_habits(s, c);
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.1));
	else
		s->strict = true;
}

static void tiny_writes(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_both(s, chance_scale(c, 1, 20000), chance_scale(c, 1, 20000));
	for (unsigned k = 0; k < 2; k++) {
		struct program *p = &s->side[k].program;

		p->write_max = (uint32_t)chance_range(c, 1, 60);
		p->write_gap = chance_one_in(c, 2) ? chance_below(c, MS) : 0;
		p->no_delay = chance_one_in(c, 3);
		p->cork = chance_one_in(c, 3);
		p->more = chance_one_in(c, 3);
	}
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.1));
}

static void many(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	s->n_connections = (uint32_t)chance_range(c, 50, 120);
	s->n_parallel = (uint32_t)chance_range(c, 1, 16);
	traffic_turns(s, 1 + (uint32_t)chance_below(c, 2000),
		      1 + (uint32_t)chance_below(c, 5000), 1);
	for (unsigned k = 0; k < 2; k++)
		s->side[k].config.time_wait = chance_range(c, 1, 5) SECONDS;
	s->side[0].program.close_whole = chance_one_in(c, 2);
	s->side[1].program.close_whole = chance_one_in(c, 2);
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.05));
	s->limit = 36000 SECONDS;
}

/* ---- Bad paths ------------------------------------------------------------------------- */

static void loss(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, loss, 0.01);
	traffic_any(s, c, chance_one_in(c, 20) ? 5000000 :
					chance_scale(c, 1000, 600000));
}

static void bursts(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, burst_start, rate(c, 0.001, 0.02));
	RATE(s, burst_end, rate(c, 0.1, 0.5));
	RATE(s, burst_loss, rate(c, 0.5, 1));
	traffic_any(s, c, chance_scale(c, 1000, 300000));
}

static void reordering(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, reorder, rate(c, 0.01, 0.6));
	for (unsigned k = 0; k < 2; k++) {
		s->path[k].faults.reorder_span = (uint32_t)chance_range(c, 1, 64);
		s->path[k].faults.reorder_hold_ns = chance_scale(c, MS / 10, 50 * MS);
	}
	if (chance_one_in(c, 2))
		RATE(s, loss, 0.01);
	traffic_any(s, c, chance_scale(c, 1000, 500000));
}

static void duplication(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, dup, rate(c, 0.01, 1));
	if (chance_one_in(c, 2))
		RATE(s, loss, 0.01);
	if (chance_one_in(c, 2))
		RATE(s, reorder, 0.1);
	traffic_any(s, c, chance_scale(c, 1000, 300000));
}

static void corruption(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, corrupt, rate(c, 0.005, 0.1));
	RATE(s, truncate, rate(c, 0, 0.02));
	traffic_any(s, c, chance_scale(c, 1000, 200000));
}

static void asymmetric(struct scenario *s, struct chance *c)
{
	unsigned slow = (unsigned)chance_below(c, 2);

	fill_paths(s, chance_range(c, 50, 1000), chance_scale(c, 100, 50000));
	s->path[slow].bits_per_second /= chance_range(c, 20, 500);
	s->path[slow].delay *= chance_range(c, 1, 5);
	s->path[slow].queue = (uint32_t)chance_scale(c, 20000, 200000);
	traffic_any(s, c, chance_scale(c, 1000, 500000));
}

static void ack_loss(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	s->path[1].faults.loss = rate(c, 0.1, 0.8);
	traffic_bulk(s, chance_scale(c, 1000, 300000));
	traffic_habits(s, c);
}

static void marks(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	s->path[0].mark = s->path[1].mark = (uint32_t)chance_scale(c, 1500, 30000);
	for (unsigned k = 0; k < 2; k++)
		s->side[k].config.ecn = TCP_ECN_ASK - (chance_one_in(c, 3));
	if (chance_one_in(c, 3))
		RATE(s, loss, 0.01);
	traffic_any(s, c, chance_scale(c, 10000, 1000000));
}

/* A connection that lives for twenty minutes: paths are looked at again after ten. */
static void live_long(struct scenario *s)
{
	traffic_bulk(s, 1000000);
	s->side[0].program.write_max = 50000;
	s->side[0].program.write_gap = 30 SECONDS;
	s->side[0].program.no_delay = true;
}

/* ---- Packets that are too big ------------------------------------------------------------- */

static void mtu_change(struct scenario *s, struct chance *c)
{
	uint64_t least = s->v6 ? 1280 : 576;
	ns_t half;

	fill_paths(s, chance_scale(c, 5, 200), chance_scale(c, 100, 30000));
	s->side[0].mtu = s->side[1].mtu = chance_one_in(c, 3) ? 9000 : 1500;
	traffic_any(s, c, chance_scale(c, 50000, 500000));
	half = least_time(s) / 2 + 4 * round_trip(s);
	if (chance_one_in(c, 4)) {
		s->n_connections = 1;
		s->side[0].program = s->side[1].program = (struct program){ 0 };
		live_long(s);
		half = 600 SECONDS;
	}
	for (unsigned k = 0; k < 2; k++) {
		s->side[k].config.path_mtu_probing = chance_one_in(c, 2);
		if (chance_one_in(c, 3))
			s->path[k].mtu = (uint16_t)chance_range(c, least, 1500);
		add_event(s, chance_below(c, half), EVENT_MTU, k,
			  chance_range(c, least, 1500));
		add_event(s, half + chance_below(c, half), EVENT_MTU, k,
			  chance_range(c, least, 9000));
	}
}

static void mtu_icmp(struct scenario *s, struct chance *c)
{
	mtu_change(s, c);
	s->icmp = true;
}

/* Nobody says why: it has to be found out. */
static void mtu_black_hole(struct scenario *s, struct chance *c)
{
	mtu_change(s, c);
	for (unsigned k = 0; k < 2; k++)
		s->side[k].config.path_mtu_probing = true;
}

/*
 * It becomes smaller, and later as it was; probes of data find both. What is written
 * is enough for a probe each few seconds, for more than twice the ten minutes after
 * which a path is looked at again.
 */
static void mtu_search(struct scenario *s, struct chance *c)
{
	uint16_t top = chance_one_in(c, 3) ? 9000 : 1500;
	uint64_t least = s->v6 ? 1280 : 1024;
	uint16_t mtu = (uint16_t)chance_range(c, least, top - 100U);

	fill_paths(s, chance_scale(c, 20, 1000), chance_scale(c, 100, 20000));
	s->path[0].queue = s->path[1].queue = 1 << 20;
	traffic_bulk(s, top == 9000 ? 6000000 : 3600000);
	s->side[0].program.write_max = top == 9000 ? 40000 : 24000;
	s->side[0].program.write_gap = 5 SECONDS;
	s->side[0].program.no_delay = true;
	s->side[0].mtu = s->side[1].mtu = top;
	s->side[0].config.path_mtu_probing = true;
	add_event(s, 60 SECONDS, EVENT_MTU, 0, mtu);
	add_event(s, 500 SECONDS, EVENT_FOUND, 0, mtu);
	add_event(s, 501 SECONDS, EVENT_MTU, 0, top);
	add_event(s, 1250 SECONDS, EVENT_FOUND, 0, top);
}

/* ---- Peers ------------------------------------------------------------------------------------ */

static void renege(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, loss, rate(c, 0.005, 0.05));
	s->side[0].renege = s->side[1].renege = (uint32_t)chance_scale(c, 50, 5000);
	traffic_any(s, c, chance_scale(c, 1000, 200000));
}

static void odd_peer(struct scenario *s, struct chance *c)
{
	static const uint16_t clamps[] = { 0, 88, 536, 1000 };
	struct side *d = &s->side[chance_below(c, 2)];

	any_paths(s, c);
	d->config.sack = chance_one_in(c, 2);
	d->config.timestamps = chance_one_in(c, 2);
	d->config.window_scaling = chance_one_in(c, 2);
	d->mss_clamp = clamps[chance_below(c, 4)];
	d->config.ecn = (uint8_t)chance_below(c, 3);
	d->config.frto = chance_one_in(c, 2);
	d->config.tail_loss_probe = chance_one_in(c, 2);
	d->config.delayed_ack = chance_range(c, 1, 400) * MS;
	d->config.stretch = (uint16_t)chance_below(c, 5);
	d->config.initial_segments = (uint8_t)chance_range(c, 1, 10);
	d->config.reassembly_pieces_max = (uint32_t)chance_scale(c, 1, 4096);
	d->config.receive_buffer = (uint32_t)chance_scale(c, 3000, 500000);
	d->config.frame_max = (uint32_t)chance_range(c, 1460, 65160);
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.05));
	traffic_any(s, c, chance_scale(c, 1000, 100000));
	for (unsigned k = 0; k < 2; k++)
		s->side[k].config.timestamps_required = chance_one_in(c, 2);
}

static void zero_window(struct scenario *s, struct chance *c)
{
	struct program *p = &s->side[1].program;

	any_paths(s, c);
	traffic_bulk(s, chance_range(c, 100000, 400000));
	p->receive_buffer = (uint32_t)chance_range(c, 5000, 60000);
	p->stall_at = chance_below(c, 50000);
	p->stall = 60 SECONDS;
	p->read_max = (uint32_t)chance_scale(c, 100, 30000);
	/* MUST-37: as long as the peer answers nobody gives up. */
	if (chance_one_in(c, 2))
		s->side[0].config.retries = 6;
	else
		RATE(s, loss, rate(c, 0, 0.05));
}

static void slow_reader(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_both(s, chance_scale(c, 1000, 100000), chance_scale(c, 1, 50000));
	for (unsigned k = 0; k < 2; k++) {
		struct program *p = &s->side[k].program;

		p->read_max = (uint32_t)chance_scale(c, 20, 5000);
		p->read_gap = chance_scale(c, MS / 10, 20 * MS);
		if (chance_one_in(c, 2))
			p->receive_buffer = (uint32_t)chance_range(c, 1000, 60000);
		if (chance_one_in(c, 2))
			p->send_buffer = (uint32_t)chance_range(c, 500, 60000);
	}
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.05));
}

static void scarce(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	RATE(s, loss, rate(c, 0, 0.05));
	RATE(s, reorder, rate(c, 0, 0.3));
	traffic_any(s, c, chance_scale(c, 1000, 200000));
	for (unsigned k = 0; k < 2; k++) {
		s->side[k].n_cells = (uint32_t)chance_range(c, 160, 400);
		s->side[k].n_requests = (uint32_t)chance_range(c, 1, 3);
		s->side[k].config.reassembly_pieces_max =
			(uint32_t)chance_range(c, 1, 20);
	}
}

/* ---- Time ------------------------------------------------------------------------------------- */

static void clock_jumps(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_any(s, c, chance_scale(c, 1000, 300000));
	for (unsigned k = 0; k < 2; k++) {
		if (chance_one_in(c, 2))
			s->side[k].clock_tick = chance_scale(c, 1000, 10 * MS);
		for (unsigned n = 0; n < 3; n++)
			add_event(s, chance_below(c, least_time(s) +
						  20 * round_trip(s)),
				  EVENT_JUMP, k, chance_scale(c, MS, 86400 SECONDS));
	}
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.03));
}

static void freeze(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_any(s, c, chance_scale(c, 1000, 300000));
	/* More timeouts in all than a connection may have in a row. */
	s->side[0].config.retries = s->side[1].config.retries = 12;
	for (unsigned n = 0; n < 4; n++)
		add_event(s, chance_below(c, least_time(s) + 20 * round_trip(s)),
			  EVENT_FREEZE, (unsigned)chance_below(c, 2),
			  chance_one_in(c, 2) ? chance_range(c, 10, 30) SECONDS :
						chance_scale(c, MS, 10 SECONDS));
}

/* ---- What ends otherwise ----------------------------------------------------------------------- */

static void reset(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_both(s, chance_scale(c, 1000, 300000), chance_scale(c, 1000, 300000));
	traffic_habits(s, c);
	s->side[chance_below(c, 2)].program.abort_after = chance_scale(c, 1, 300000);
	keep_alive(s);
	s->expect = EXPECT_RESET;
	if (chance_one_in(c, 2))
		RATE(s, loss, rate(c, 0, 0.1));
}

static void vanish(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_any(s, c, chance_scale(c, 1000, 300000));
	for (unsigned k = 0; k < 2; k++) {
		struct tcp_config *t = &s->side[k].config;

		t->retries = (uint8_t)chance_range(c, 3, 15);
		t->orphan_retries = t->syn_retries = t->syn_ack_retries = 7;
		t->rto_max = chance_range(c, 10, 120) SECONDS;
		if (chance_one_in(c, 3))
			s->side[k].program.user_timeout = 30 SECONDS;
	}
	s->n_connections = s->n_parallel;
	keep_alive(s);
	for (unsigned k = 0; k < 2; k++)
		add_event(s, round_trip(s) + chance_below(c, least_time(s) +
							  4 * round_trip(s)),
			  EVENT_CUT, k, 0);
	s->expect = EXPECT_VANISH;
	s->limit = 72000 SECONDS;	/* an RTO is up to 120 s */
}

static void syn_flood(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	s->path[1].queue = 1 << 20;
	traffic_any(s, c, chance_scale(c, 1000, 50000));
	s->flood = (uint32_t)chance_range(c, 20, 300);
	s->flood_gap = chance_scale(c, MS / 100, 10 * MS);
	s->side[1].n_requests = (uint32_t)chance_range(c, 1, 16);
	s->side[1].cookies_only = chance_one_in(c, 3);
	s->side[1].config.syn_ack_retries = 5;
	for (unsigned k = 0; k < 2; k++) {
		s->side[k].config.timestamps = !chance_one_in(c, 4);
		s->side[k].config.sack = !chance_one_in(c, 4);
		s->side[k].config.ecn = (uint8_t)chance_below(c, 3);
	}
	if (chance_one_in(c, 3))
		RATE(s, loss, rate(c, 0, 0.05));
}

static void blind(struct scenario *s, struct chance *c)
{
	any_paths(s, c);
	traffic_any(s, c, chance_scale(c, 1000, 300000));
	s->blind = (uint32_t)chance_range(c, 10, 100);
	s->blind_gap = (least_time(s) + 20 * round_trip(s)) / s->blind;
}

/* ---- Any of it ------------------------------------------------------------------------------------ */

static void mix(struct scenario *s, struct chance *c)
{
	odd_peer(s, c);
	any_paths(s, c);
	for (unsigned k = 0; k < 2; k++) {
		struct fault_rates *f = &s->path[k].faults;

		f->loss = chance_one_in(c, 2) ? rate(c, 0, 0.1) : 0;
		f->burst_start = chance_one_in(c, 4) ? rate(c, 0, 0.01) : 0;
		f->corrupt = chance_one_in(c, 4) ? rate(c, 0, 0.02) : 0;
		f->dup = chance_one_in(c, 4) ? rate(c, 0, 0.3) : 0;
		f->reorder = chance_one_in(c, 3) ? rate(c, 0, 0.3) : 0;
		f->reorder_span = (uint32_t)chance_range(c, 1, 20);
		f->jitter_ns = 0;
		s->path[k].mark = chance_one_in(c, 3) ? 10000 : 0;
		s->side[k].renege = chance_one_in(c, 6) ? 500 : 0;
		s->side[k].config.ecn = (uint8_t)chance_below(c, 3);
		s->side[k].config.path_mtu_probing = chance_one_in(c, 3);
		s->side[k].clock_tick = chance_one_in(c, 4) ? MS : 1;
	}
	s->icmp = true;
	if (chance_one_in(c, 3))
		add_event(s, chance_below(c, TCP_SECOND), EVENT_MTU,
			  (unsigned)chance_below(c, 2), 1300);
	if (chance_one_in(c, 4))
		add_event(s, chance_below(c, TCP_SECOND), EVENT_JUMP,
			  (unsigned)chance_below(c, 2), 3 SECONDS);
	if (chance_one_in(c, 4))
		add_event(s, chance_below(c, TCP_SECOND), EVENT_FREEZE,
			  (unsigned)chance_below(c, 2), 500 * MS);
}

const struct profile profiles[] = {
	{ "lan", "a short path without faults", lan, false },
	{ "fat", "10 Gbit/s and 100 ms: windows have to open", fat, true },
	{ "loss", "1% of frames are lost", loss, false },
	{ "bursts", "frames are lost in bursts", bursts, false },
	{ "reordering", "frames overtake others, by up to 64", reordering, false },
	{ "duplication", "frames come twice", duplication, false },
	{ "corruption", "bits flip, frames are cut short", corruption, false },
	{ "asymmetric", "one direction is much slower", asymmetric, false },
	{ "mtu-icmp", "the path's MTU changes, ICMP says so", mtu_icmp, false },
	{ "mtu-black-hole", "it changes, and nobody says so", mtu_black_hole, false },
	{ "mtu-search", "it becomes smaller and larger, and both are found", mtu_search, false },
	{ "ack-loss", "most ACKs are lost", ack_loss, false },
	{ "marks", "queues mark CE", marks, false },
	{ "renege", "peers drop what they have acknowledged by SACK", renege, false },
	{ "zero-window", "nothing is read for a minute", zero_window, false },
	{ "slow-reader", "little is read, from small buffers", slow_reader, false },
	{ "clock-jumps", "clocks go forward by up to a day, or are coarse", clock_jumps, false },
	{ "freeze", "hosts do nothing for a while", freeze, false },
	{ "close-at-once", "both ends close at the same time", close_at_once, false },
	{ "simultaneous", "both ends open at the same time", simultaneous_open, false },
	{ "reset", "one end aborts", reset, false },
	{ "half-close", "one end finishes before the other begins", half_close, false },
	{ "tiny-writes", "a few bytes at a time, Nagle and cork", tiny_writes, false },
	{ "vanish", "the path is cut for good", vanish, false },
	{ "syn-flood", "SYNs of nobody beside real connections", syn_flood, false },
	{ "odd-peer", "without options, with odd sizes", odd_peer, false },
	{ "many", "short connections, ports used again", many, true },
	{ "scarce", "pools that are too small", scarce, false },
	{ "blind", "somebody guesses sequence numbers", blind, false },
	{ "mix", "any of it together", mix, false },
};

const unsigned n_profiles = ARRAY_SIZE(profiles);

const struct profile *profile_find(const char *name)
{
	for (unsigned n = 0; n < n_profiles; n++)
		if (strcmp(profiles[n].name, name) == 0)
			return &profiles[n];
	return NULL;
}

void profile_scenario(const struct profile *p, uint64_t seed,
		      struct scenario *s)
{
	struct chance c = chance_of(seed, 1);

	*s = (struct scenario){
		.seed = seed, .profile = p->name, .n_connections = 1,
		.n_parallel = 1, .limit = 72000 SECONDS,
		.v6 = chance_one_in(&c, 3),
	};
	for (unsigned k = 0; k < 2; k++)
		fill_side(&s->side[k], &c);
	p->fill(s, &c);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_tcp.c - What TCP costs as a machine, without wire and without copies
 *
 * Which rows there are. What is measured is in tcp/.
 */
#include <stdio.h>

#include "tcp/cases.h"
#include "tcp/peer.h"
#include "tcp/side.h"

static const char *const notes[] = {
	"64K: 65 160 bytes, 45 frames of 1448. No row copies or touches payload; no IP, no checksum.",
	"receive: tcp_arrive() of one aggregate of 45 frames, tcp_read() of it, tcp_emit() of its ACK and once",
	"  more for nothing, tcp_take_events(). frames: as 45 arrivals, with an ACK for each second one.",
	"send: the ACK of the oldest 64K in tcp_arrive(), tcp_write(), tcp_emit() of one frame of 64K and once",
	"  more for nothing, tcp_take_events(), with F bytes in flight, and timestamps. Without F: 64K in flight, no",
	"  timestamps. ACKs: an ACK for each second frame, each followed by tcp_emit().",
	"send cwnd: the same, but the congestion window (CUBIC) is the limit, between 7/10 of F and F, where",
	"  the path drops a segment: what is allowed, not always 64K, goes out. loss: 1 of 1000 segments.",
	"request+response: one byte each, the work of both ends.",
	"connect+close: both hosts: port, table, request, SYN, SYN-ACK, ACK, FIN, ACK, FIN, ACK as headers,",
	"  timers, an entry in TIME-WAIT and the end of one, with so many of them. 32 at once.",
	"tick: 262 us in which nothing is due, with N idle connections. keepalive: one is due, sent, answered,",
	"  armed again. memory: of a million; table 2/3 full at most; nothing is allocated for an idle one beside.",
	"peer: lwIP's raw API, the distribution's library in one thread, with its checksums, copy of payload,",
	"  locks, malloc() and IP replaced by next to nothing: see bench/tcp/lwip_alone.h. No SACK, no timestamps.",
	"  receive: pbuf_alloced_custom(), tcp_input(), tcp_recved(), pbuf_free(). send: tcp_write(), tcp_output(),",
	"  tcp_input() of the ACKs; at most 64K in flight. tick: tcp_tmr(), each 250 ms. memory: no table, no timers.",
	"  Headers are part of all its rows, so the ratios are to rows with headers.",
	"headers: and the TCP header of what comes is parsed and looked up, of what goes is written; the",
	"  timer wheel follows the deadline. Else segments are values.",
};

static bool has_peer;

/* A row of the peer; NULL when there is none. */
static struct bench_case *add_peer(struct bench *b, const char *name)
{
	return has_peer ? bench_add(b, "peer %s", name) : NULL;
}

static void measure_receive(struct bench *b)
{
	struct bench_case *peer;

	static const struct {
		const char *name;
		struct receive_work work;
	} rows[] = {
		{ "receive 64K", { false, false, SIDE_UNIT_FRAMES } },
		{ "receive 64K timestamps", { true, false, SIDE_UNIT_FRAMES } },
		{ "receive 64K headers", { false, true, SIDE_UNIT_FRAMES } },
		{ "receive 64K frames", { false, false, 1 } },
		{ "receive 64K frames headers", { false, true, 1 } },
	};

	b->item_unit = "ns/64K";
	for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
		struct bench_case *c = bench_add(b, "%s", rows[n].name);

		if (!c)
			continue;
		receive_case(c, &rows[n].work);
		c->ratio = rows[n].work.frames > 1 ? rows[n].work.frames : 2;
	}
	if ((peer = add_peer(b, "receive 64K")))
		peer_receive_case(peer, SIDE_UNIT_FRAMES);
	if ((peer = add_peer(b, "receive 64K frames")))
		peer_receive_case(peer, 1);
	bench_measure(b);
	bench_ratio(b, "peer receive 64K", "receive 64K headers");
	bench_ratio(b, "peer receive 64K frames", "receive 64K headers");
	bench_ratio(b, "peer receive 64K frames", "receive 64K frames headers");
}

static void add_send(struct bench *b, const char *name, struct send_work work)
{
	struct bench_case *c = bench_add(b, "%s", name);

	if (c)
		send_case(c, &work);
}

static void measure_send(struct bench *b)
{
	static const struct {
		const char *name;
		uint32_t units;
	} flights[] = {
		{ "64K", 1 }, { "256K", 4 }, { "1M", 16 }, { "4M", 64 },
		{ "16M", 256 },
	};
	struct bench_case *peer;
	char name[BENCH_NAME];

	for (size_t n = 0; n < ARRAY_SIZE(flights); n++) {
		snprintf(name, sizeof(name), "send 64K F=%s", flights[n].name);
		add_send(b, name, (struct send_work){
			.timestamps = true, .flight = flights[n].units,
			.ack_frames = SIDE_UNIT_FRAMES });
	}
	bench_measure(b);

	if ((peer = add_peer(b, "send 64K")))
		peer_send_case(peer, SIDE_UNIT_FRAMES);
	if ((peer = add_peer(b, "send 64K ACKs")))
		peer_send_case(peer, 2);
	add_send(b, "send 64K", (struct send_work){
		.flight = 1, .ack_frames = SIDE_UNIT_FRAMES });
	add_send(b, "send 64K headers", (struct send_work){
		.flight = 1, .ack_frames = SIDE_UNIT_FRAMES, .headers = true });
	add_send(b, "send 64K ACKs", (struct send_work){
		.flight = 1, .ack_frames = 2 });
	add_send(b, "send 64K ACKs headers", (struct send_work){
		.flight = 1, .ack_frames = 2, .headers = true });
	bench_measure(b);
	bench_ratio(b, "send 64K F=16M", "send 64K F=64K");
	bench_ratio(b, "peer send 64K", "send 64K headers");
	bench_ratio(b, "peer send 64K ACKs", "send 64K ACKs headers");
}

static void add_limited(struct bench *b, const char *name,
			struct limited_work work)
{
	struct bench_case *c = bench_add(b, "%s", name);

	if (!c)
		return;
	limited_case(c, &work);
	/* What the window allows must not fall into small frames. */
	c->ratio = work.loss_bytes ? 0 : 3 * SIDE_UNIT_FRAMES / 4.0;
}

static void measure_limited(struct bench *b)
{
	add_limited(b, "send 64K cwnd F=256K",
		    (struct limited_work){ .flight = 256 << 10 });
	add_limited(b, "send 64K cwnd F=1M",
		    (struct limited_work){ .flight = 1 << 20 });
	add_limited(b, "send 64K cwnd F=16M",
		    (struct limited_work){ .flight = 16 << 20 });
	add_limited(b, "send 64K loss 1/1000",
		    (struct limited_work){ .flight = 1 << 20,
					   .loss_bytes = 1000 * SIDE_MSS });
	bench_measure(b);
}

static void measure_exchange(struct bench *b)
{
	struct bench_case *c;

	b->item_unit = "ns/pair";
	c = bench_add(b, "request+response");
	if (c)
		exchange_case(c, false);
	c = bench_add(b, "request+response headers");
	if (c)
		exchange_case(c, true);
	c = add_peer(b, "request+response");
	if (c)
		peer_exchange_case(c);
	bench_measure(b);
	bench_ratio(b, "peer request+response", "request+response headers");
}

static void add_peer_connect(struct bench *b, uint32_t waiting)
{
	struct bench_case *c;
	char name[BENCH_NAME];

	snprintf(name, sizeof(name), "connect+close TW=%u", waiting);
	c = add_peer(b, name);
	if (c)
		peer_connect_case(c, waiting);
}

static void measure_connect(struct bench *b)
{
	static const uint32_t waiting[] = { 0, 8192, 100000 };
	struct bench_case *c;

	b->item_unit = "ns/connection";
	for (size_t n = 0; n < ARRAY_SIZE(waiting); n++) {
		c = bench_add(b, "connect+close TW=%u", waiting[n]);
		if (c)
			connect_case(c, waiting[n], 1 << 17);
	}
	add_peer_connect(b, 0);
	bench_measure(b);
	/* All of the peer's connections are in one stack: one row at a time. */
	add_peer_connect(b, 8192);
	bench_measure(b);
	bench_ratio(b, "connect+close TW=100000", "connect+close TW=0");
	bench_ratio(b, "peer connect+close TW=0", "connect+close TW=0");
	bench_ratio(b, "peer connect+close TW=8192", "connect+close TW=8192");
}

static void measure_idle(struct bench *b)
{
	static const uint32_t n_idle[] = { 1000, 100000, 1000000 };
	uint32_t n_rows = b->quick ? 2 : 3;
	struct bench_case *c;
	char name[BENCH_NAME];

	b->item_unit = "ns/tick";
	for (size_t n = 0; n < n_rows; n++) {
		c = bench_add(b, "tick N=%u", n_idle[n]);
		if (c)
			tick_case(c, n_idle[n]);
	}
	bench_measure(b);
	for (size_t n = 0; n < n_rows; n++) {
		snprintf(name, sizeof(name), "tick N=%u", n_idle[n]);
		c = add_peer(b, name);
		if (c)
			peer_tick_case(c, n_idle[n]);
		bench_measure(b);
	}
	b->item_unit = "ns/keepalive";
	for (size_t n = 0; n < n_rows; n++) {
		c = bench_add(b, "keepalive N=%u", n_idle[n]);
		if (c)
			keepalive_case(c, n_idle[n]);
	}
	bench_measure(b);
	idle_memory(b);
	if (has_peer)
		bench_value(b, "peer memory, all", "bytes/connection",
			    peer_memory());
}

int main(int argc, char **argv)
{
	static struct bench b;
	const char *no_peer;

	bench_open(&b, argc, argv);
	b.ratio_name = "frames/ACK";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&b, notes[n]);
	no_peer = peer_lwip_open();
	has_peer = !no_peer;
	if (no_peer)
		fprintf(stderr, "%s: rows of the peer skipped: %s\n", b.program,
			no_peer);
	measure_receive(&b);
	measure_send(&b);
	measure_limited(&b);
	measure_exchange(&b);
	measure_connect(&b);
	measure_idle(&b);
	return bench_report(&b);
}

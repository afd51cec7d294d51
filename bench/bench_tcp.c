// SPDX-License-Identifier: BSD-2-Clause
/*
 * bench_tcp.c - What TCP costs as a machine, without wire and without copies
 *
 * Which rows there are. What is measured is in tcp/.
 */
#include <stdio.h>

#include "tcp/cases.h"
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
	"headers: and the TCP header of what comes is parsed and looked up, of what goes is written; the",
	"  timer wheel follows the deadline. Else segments are values.",
};

static void measure_receive(struct bench *b)
{
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
	bench_measure(b);
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
	char name[BENCH_NAME];

	for (size_t n = 0; n < ARRAY_SIZE(flights); n++) {
		snprintf(name, sizeof(name), "send 64K F=%s", flights[n].name);
		add_send(b, name, (struct send_work){
			.timestamps = true, .flight = flights[n].units,
			.ack_frames = SIDE_UNIT_FRAMES });
	}
	bench_measure(b);

	add_send(b, "send 64K", (struct send_work){
		.flight = 1, .ack_frames = SIDE_UNIT_FRAMES });
	add_send(b, "send 64K headers", (struct send_work){
		.flight = 1, .ack_frames = SIDE_UNIT_FRAMES, .headers = true });
	add_send(b, "send 64K ACKs", (struct send_work){
		.flight = 1, .ack_frames = 2 });
	add_send(b, "send 64K ACKs headers", (struct send_work){
		.flight = 1, .ack_frames = 2, .headers = true });
	bench_measure(b);
}

static void add_limited(struct bench *b, const char *name,
			struct limited_work work)
{
	struct bench_case *c = bench_add(b, "%s", name);

	if (c)
		limited_case(c, &work);
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
	bench_measure(b);
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
	bench_measure(b);
}

int main(int argc, char **argv)
{
	static struct bench b;

	bench_open(&b, argc, argv);
	b.ratio_name = "frames/ACK";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&b, notes[n]);
	measure_receive(&b);
	measure_send(&b);
	measure_limited(&b);
	measure_exchange(&b);
	measure_connect(&b);
	return bench_report(&b);
}

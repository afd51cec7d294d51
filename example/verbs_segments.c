// SPDX-License-Identifier: BSD-2-Clause
/*
 * verbs_segments.c - A generator of TCP segments, and a sink
 *
 *	verbs-segments both pair:x		in one process
 *	verbs-segments sink 'memif:/tmp/m.sock,role=server'	in two
 *	verbs-segments send 'memif:/tmp/m.sock'
 *
 * The generator posts 32 KiB at a time, the device cuts them into segments; the other
 * device joins them again. There is no TCP: what finds no buffer is lost, and the sink
 * counts what it got in order.
 */
#include <errno.h>
#include <time.h>

#include "verbs_end.h"

#define UNIT 32768u
#define HEADER 54		/* Ethernet, IPv4, TCP                          */
#define SECONDS 3

/* Of the segments from 10.1.0.@own to 10.1.0.@other. */
static void begin(struct end *e, const char *where, uint8_t own, uint8_t other)
{
	const struct tto_tuple t = { { 10, 1, 0, own }, { 10, 1, 0, other }, own, other, 0 };

	open_end(e, where, TTO_CQ_RAW, UNIT);
	check("flow", tto_flow_open(e->qp, e->grq, &t, NULL, &e->flow));
}

static uint32_t post(struct end *e, uint32_t seq)
{
	const uint8_t header[HEADER] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2,
		0, 1, 0, 2, (uint8_t)(seq >> 24), (uint8_t)(seq >> 16),
		(uint8_t)(seq >> 8), (uint8_t)seq, [46] = 0x50, 0x10, 0xff, 0xff };
	const struct tto_element payload = { .address = e->memory, .bytes = UNIT };
	const struct tto_send send = { .flow = e->flow, .header = header,
				       .header_bytes = HEADER, .elements = &payload,
				       .n_elements = 1, .mss = 1448 };

	/* No room is no error: there will be, after tto_poll(). */
	return tto_post_send(e->qp, &send, 1, NULL) == 0 ? UNIT : 0;
}

struct counted {
	uint64_t bytes, aggregates, segments;
};

static void take(struct end *e, struct counted *counted)
{
	struct tto_completion c[32];
	int n = check("poll", tto_poll(e->cq, c, 32));

	for (int i = 0; i < n; i++) {
		counted->bytes += c[i].flags & TTO_IN_ORDER ? c[i].bytes : 0;
		counted->aggregates += (c[i].flags & TTO_FIRST) != 0;
		counted->segments += c[i].flags & TTO_FIRST ? c[i].segments : 0;
		check("return", tto_return(&c[i]));
	}
}

int main(int argc, char **argv)
{
	struct end sender = { .device = NULL }, sink = { .device = NULL };
	time_t until = time(NULL) + SECONDS;
	const char *what = argc == 3 ? argv[1] : "";
	int sends = strcmp(what, "sink") != 0, sinks = strcmp(what, "send") != 0;
	struct counted counted = { 0, 0, 0 };
	uint32_t seq = 1;

	if (argc != 3)
		check("usage: both|send|sink DEVICE", -EINVAL);
	if (sinks)
		begin(&sink, argv[2], 2, 1);
	if (sends)
		begin(&sender, argv[2], 1, 2);
	while (time(NULL) < until || (sinks && !counted.bytes)) {
		if (sends) {
			seq += post(&sender, seq);
			take(&sender, &counted);
		}
		if (sinks)
			take(&sink, &counted);
	}
	if (counted.aggregates)
		printf("%.2f Gbit/s in order, %.1f segments an aggregate\n",
		       8e-9 * (double)counted.bytes / SECONDS,
		       (double)counted.segments / (double)counted.aggregates);
	tto_close(sender.device);
	tto_close(sink.device);
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* side.c - One end of a connection; the other end is played by the benchmark */
#include "side.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "packet/headers.h"

#define CELLS 4096
#define ISS 0x10000000
#define MIRRORED_ISS 0x40000000
#define PEERS_WSCALE 14

static void make_tables(struct side *e)
{
	static const uint8_t key[16] = { 1, 2, 3 };

	e->env.cells = cells_init(bench_memory(cells_bytes(CELLS)), CELLS, 16);
	e->lookup = lookup_init(bench_memory(lookup_bytes(64)), 64, key);
	e->tuple = (struct tcp_tuple){
		.local = { 10, 0, 0, 1 }, .remote = { 10, 0, 0, 2 },
		.local_port = 40000, .remote_port = 80,
	};
	if (e->options.mirrored)
		e->tuple = (struct tcp_tuple){
			.local = { 10, 0, 0, 2 }, .remote = { 10, 0, 0, 1 },
			.local_port = 80, .remote_port = 40000,
		};
	(void)lookup_insert(e->lookup, &e->tuple, 0);
	timer_wheel_init(&e->wheel, e->env.now, TIMER_WHEEL_SHIFT);
	timer_node_init(&e->node);
}

static void answer_syn(struct side *e)
{
	const struct tcp_segment *syn = &e->out.segment;
	seq_t iss = seq(e->options.mirrored ? ISS : MIRRORED_ISS);

	e->in = (struct tcp_segment){
		.seq = iss, .ack = seq_add(syn->seq, 1),
		.flags = TCP_SYN | TCP_ACK, .window = UINT16_MAX, .n_frames = 1,
		.has = TCP_HAS_MSS | (syn->has & (TCP_HAS_WSCALE |
						  TCP_HAS_SACK_PERMITTED |
						  TCP_HAS_TIMESTAMP)),
		.mss = SIDE_MSS + (e->options.timestamps ? 12 : 0),
		.wscale = PEERS_WSCALE, .tsval = side_clock(e),
		.tsecr = syn->tsval,
	};
	tcp_arrive(&e->tcb, &e->env, &e->in, 0, &e->arrival);
	e->in = (struct tcp_segment){
		.seq = seq_add(iss, 1), .ack = e->in.ack, .flags = TCP_ACK,
		.window = UINT16_MAX, .n_frames = 1,
		.has = e->in.has & TCP_HAS_TIMESTAMP,
		.tsval = e->in.tsval, .tsecr = e->in.tsecr,
		.source_port = e->tuple.remote_port,
		.destination_port = e->tuple.local_port,
	};
	tcp_segment_emit(&e->in, e->in_header);
}

struct side *side_open(const struct side_options *options)
{
	const struct tcp_endpoint endpoint = {
		.iss = seq(options->mirrored ? MIRRORED_ISS : ISS), .mtu = 1500,
	};
	struct side *e = bench_memory(sizeof(*e));

	e->options = *options;
	tcp_config_default(&e->config);
	e->config.timestamps = options->timestamps;
	e->env.now = 1000 * TCP_SECOND;
	e->env.config = &e->config;
	make_tables(e);
	tcp_open(&e->tcb, &e->env, &endpoint);
	if (!side_emit(e) || !(e->out.segment.flags & TCP_SYN)) {
		fprintf(stderr, "bench: no SYN\n");
		exit(1);
	}
	e->env.now += 20000;
	answer_syn(e);
	while (side_emit(e))
		;
	side_rest(e);
	if (e->tcb.state != TCPS_ESTABLISHED || e->tcb.mss != SIDE_MSS) {
		fprintf(stderr, "bench: no connection\n");
		exit(1);
	}
	return e;
}

void side_close(struct side *e)
{
	bench_release(e->env.cells, cells_bytes(CELLS));
	bench_release(e->lookup, lookup_bytes(64));
	bench_release(e, sizeof(*e));
}

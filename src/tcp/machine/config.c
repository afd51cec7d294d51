// SPDX-License-Identifier: BSD-2-Clause
/* config.c - What a general purpose host uses */
#include "tcp/config.h"

#include "tcp/congestion/congestion.h"

void tcp_config_default(struct tcp_config *c)
{
	*c = (struct tcp_config){
		.receive_buffer = 128 << 10,
		.receive_buffer_max = 15 << 20,	/* window scale 8               */
		.send_buffer = 64 << 10,
		.send_buffer_max = 16 << 20,
		.reassembly_pieces_max = 4096,

		.rto_initial = TCP_SECOND,
		.rto_min = 200 * TCP_MS,
		.rto_max = 120 * TCP_SECOND,
		.syn_retries = 7,	/* 255 s in all                         */
		.syn_ack_retries = 7,
		.retries = 15,
		.retries_soft = 3,
		.orphan_retries = 8,

		.delayed_ack = 40 * TCP_MS,
		.quick_acks = 16,
		.ack_segments = 2,

		.time_wait = 60 * TCP_SECOND,
		.fin_wait = 60 * TCP_SECOND,

		.keepalive_idle = 7200 * TCP_SECOND,
		.keepalive_interval = 75 * TCP_SECOND,
		.keepalive_count = 9,

		.timestamps = true,
		.window_scaling = true,
		.sack = true,
		.ecn = TCP_ECN_ACCEPT,
		.congestion = CONGESTION_CUBIC,
		.tail_loss_probe = true,
		.frto = true,
		.initial_segments = 10,

		.timestamp_tick = TCP_MS,
		.challenge_interval = 500 * TCP_MS,
		.challenge_limit = 10,
		.frame_max = 65160,	/* 45 segments of 1448                  */
	};
}

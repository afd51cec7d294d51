/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * side.h - How a host is made, and what its programs do
 */
#ifndef HOST_SIDE_H
#define HOST_SIDE_H

#include "tcp/config.h"
#include "packet/tuple.h"

#define MS TCP_MS
#define SECONDS * TCP_SECOND

/* What the application of a host does with each connection. */
struct program {
	uint64_t total;		/* bytes to write                               */
	uint64_t expect;	/* bytes the other side writes                  */
	uint32_t turn, their_turn;	/* not 0: so many bytes for each so many of
				 * theirs; host 0 begins                        */
	uint32_t write_max;	/* at once, at random [bytes]; 0: what fits     */
	ns_t write_gap;		/* between writes                               */
	uint32_t read_max;	/* at once [bytes]; 0: all                      */
	ns_t read_gap;		/* between reads                                */
	uint64_t stall_at;	/* having read so much, it reads nothing for    */
	ns_t stall;		/* so long                                      */
	uint64_t abort_after;	/* bytes written and read; 0: never             */
	ns_t close_delay;	/* from then on to close                        */
	bool after_eof;		/* writes only when the other one has finished  */
	bool close_whole;	/* close when all is written and read; else shut
				 * down first, and close after the other's FIN  */
	bool more;		/* says at random that more follows             */
	bool cork, no_delay, no_quick_ack;
	ns_t keepalive;		/* idle time and interval; 0: off               */
	ns_t user_timeout;
	uint32_t send_buffer, receive_buffer;	/* fixed; 0: tuned              */
};

struct side {
	struct tcp_config config;
	struct program program;
	uint16_t mtu, mss_clamp;
	uint32_t n_cells, n_requests;
	bool time_wait_entries;	/* instead of TCBs in TIME-WAIT                 */
	bool cookies_only;
	uint32_t renege;	/* of 65536 segments: what is out of order goes */
	ns_t clock_start, clock_tick;
	uint32_t ral;		/* receive aggregation length                   */
	ns_t hold;		/* timeout_aggregation                          */
	bool gather;		/* aggregates stay in their frames              */
	uint8_t wheel_shift;
};

/* What the device of a host does with frames that it receives. */
enum aggregation {
	AGGREGATE_NOT,
	AGGREGATE_HOST,
	AGGREGATE_LOSSLESS,
	AGGREGATE_N
};

/* One host, among others: where it is and how many connections it has. */
struct host_setup {
	const struct side *side;
	unsigned number;	/* its name; 0 begins when two take turns       */
	uint64_t seed;
	enum aggregation aggregation;
	uint8_t mac[6], peer_mac[6];
	bool csum, tso;		/* the wire finishes checksums, cuts units      */
	/* Its address and the other one's. Of the ports of a host that connects
	 * the local one is 0: chosen; of one that listens only that counts.    */
	struct tcp_tuple tuple;
	bool listens;		/* else it connects                             */
	uint32_t n_connections;	/* in all                                       */
	uint32_t n_parallel;
	ns_t start_at;		/* the first one, on its own clock              */
	bool is_steady;		/* its time goes on without leaps               */
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - What a connection tells of itself
 *
 * Everything that Linux's TCP_INFO has, in its units where they are better than
 * ours, so that a socket layer copies one into the other.
 */
#ifndef TCP_REPORT_H
#define TCP_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

struct tcp_env;
struct tcp_tcb;

enum tcp_phase {		/* of congestion control                        */
	TCP_PHASE_OPEN,
	TCP_PHASE_DISORDER,	/* SACK blocks, nothing lost yet                */
	TCP_PHASE_REDUCED,	/* after ECN                                    */
	TCP_PHASE_RECOVERY,
	TCP_PHASE_LOSS,		/* after a retransmission timeout               */
};

struct tcp_report {
	uint8_t state;		/* enum tcp_state                               */
	uint8_t end;		/* enum tcp_end                                 */
	uint8_t phase;		/* enum tcp_phase                               */
	uint8_t congestion;	/* enum congestion_kind                         */
	uint8_t send_shift, receive_shift;	/* window scale                 */
	uint8_t retransmits;	/* of the oldest segment, in a row              */
	uint8_t probes;		/* without an answer: window or keepalive       */
	uint8_t backoff;	/* of the RTO: doublings                        */
	bool timestamps, sack, window_scaling, ecn, ecn_seen;

	ns_t rto, delayed_ack;
	ns_t rtt, rtt_var, rtt_min, rtt_receive;
	ns_t last_sent, last_received, last_ack_received;	/* ago          */

	uint32_t send_mss, receive_mss, path_mtu;	/* [bytes]              */
	uint32_t cwnd, ssthresh;	/* [bytes]; ssthresh UINT32_MAX: none   */
	uint32_t in_flight, sacked, lost, retransmitting;	/* [bytes]      */
	uint32_t not_sent, not_acked;	/* [bytes]                              */
	uint32_t not_read;	/* [bytes], handed over                         */
	uint32_t send_window, receive_window;	/* [bytes]                      */
	uint32_t send_buffer, receive_buffer;	/* [bytes], as tuned            */
	uint32_t reordering;	/* rounds or segments, as loss detection has it */

	uint64_t bytes_sent;	/* first time and again                         */
	uint64_t bytes_again;	/* of these, again                              */
	uint64_t bytes_acked, bytes_received;
	uint64_t frames_sent, frames_received;	/* as the wire has them         */
	uint64_t data_frames_sent, data_frames_received;	/* with payload */
	uint64_t units_sent, units_received;	/* as the machine has them      */
	uint32_t again_total;	/* retransmissions, pseudo frames               */
	uint32_t timeouts, spurious, dsacks, out_of_order;
	uint32_t congestion_marks;	/* CE received */
};

/**
 * tcp_report() - Describe the connection
 * @r:		Overwritten
 */
void tcp_report(const struct tcp_tcb *t, const struct tcp_env *env,
		struct tcp_report *r);

#endif

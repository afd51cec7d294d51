/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcb.h - All that there is of a connection, RFC 9293 §3.3.1
 *
 * For owners, who need its size; what is in it only src/tcp/machine touches.
 * Position independent: cells are named by index, everything else is a value.
 * The first cache lines are what a segment in order touches.
 */
#ifndef TCP_TCB_H
#define TCP_TCB_H

#include "base/compiler.h"
#include "packet/tcp_segment.h"
#include "tcp/congestion/congestion.h"
#include "tcp/congestion/prr.h"
#include "tcp/loss/frto.h"
#include "tcp/loss/newreno.h"
#include "tcp/loss/rack.h"
#include "tcp/loss/reassemble.h"
#include "tcp/loss/scoreboard.h"
#include "tcp/path_mtu.h"
#include "tcp/rtt.h"

enum tcp_timer {
	TIMER_LOSS,		/* RACK's reordering window; else its probe     */
	TIMER_RETRANSMIT,	/* SYN, RTO; the persist timer                  */
	TIMER_ACK,		/* delayed ACK                                  */
	TIMER_KEEPALIVE,
	TIMER_CORK,		/* a small segment has waited long enough       */
	TIMER_END,		/* FIN-WAIT-2 without a user, 2 MSL             */
	TIMER_PATH_MTU,		/* to look for a larger one again               */
	N_TIMERS
};

enum ack_due {
	ACK_NONE,
	ACK_DELAYED,		/* by TIMER_ACK, or with what is sent first     */
	ACK_NOW,
};

/* What can be switched on and off, and what was agreed upon. */
enum tcp_flag {
	TCB_TIMESTAMPS = 1 << 0,
	TCB_SACK = 1 << 1,
	TCB_ECN = 1 << 2,
	TCB_V6 = 1 << 3,
	TCB_NO_DELAY = 1 << 4,
	TCB_CORK = 1 << 5,
	TCB_MORE = 1 << 6,	/* the last tcp_write() said so                 */
	TCB_KEEPALIVE = 1 << 7,
	TCB_SEND_BUFFER_FIXED = 1 << 8,
	TCB_RECEIVE_BUFFER_FIXED = 1 << 9,
	TCB_ORPHAN = 1 << 10,	/* tcp_close() was called                       */
	TCB_FIN = 1 << 11,	/* a FIN is to follow send_end                  */
	TCB_PEER_FIN = 1 << 12,	/* fin_at is known                              */
	TCB_SYN_DUE = 1 << 13,	/* SYN or SYN-ACK is to be sent                 */
	TCB_RST_DUE = 1 << 14,	/* rst_seq, rst_ack                             */
	TCB_RST_ACK = 1 << 15,	/* it has the ACK flag                          */
	TCB_PROBE_DUE = 1 << 16,	/* RACK's                               */
	TCB_PERSIST_DUE = 1 << 17,	/* a byte into a window of zero         */
	TCB_KEEPALIVE_DUE = 1 << 18,
	TCB_FULL = 1 << 19,	/* WRITABLE is to be told                       */
	TCB_URGENT_SENT = 1 << 20,	/* send_up is valid                     */
	TCB_URGENT = 1 << 21,	/* receive_up is valid                          */
	TCB_ECE = 1 << 22,	/* RFC 3168 §6.1.3: until CWR comes             */
	TCB_CWR = 1 << 23,	/* with the next new data                       */
	TCB_PASSIVE = 1 << 24,
	TCB_CWND_LIMITED = 1 << 26,	/* since the last ACK                   */
	TCB_NO_QUICK_ACK = 1 << 27,
	TCB_ECN_ASKED = 1 << 28,
	TCB_TOLD_TIME_WAIT = 1 << 29,
	TCB_CORK_OVER = 1 << 30,	/* TIMER_CORK has fired                 */
	TCB_SCALING = 1U << 31,
};

struct tcp_tcb {
	/* Segments in order: what header prediction compares. */
	seq_t rcv_nxt;
	seq_t rcv_edge;		/* right edge of the window, as advertised      */
	uint32_t flags;		/* enum tcp_flag                                */
	uint32_t snd_wnd;	/* scaled                                       */
	uint32_t ts_recent;
	uint32_t events;	/* enum tcp_event                               */
	uint8_t state;		/* enum tcp_state                               */
	uint8_t end;		/* enum tcp_end                                 */
	uint8_t phase;		/* enum tcp_phase                               */
	uint8_t ack_due;	/* enum ack_due                                 */
	uint8_t snd_shift, rcv_shift;
	uint8_t quick_acks;	/* left                                         */
	uint8_t retransmits;	/* RTOs since SND.UNA moved                     */
	seq_t last_ack_sent;	/* RFC 7323 §4.3                                */
	uint32_t not_read;	/* handed over, tcp_read() not called for       */
	uint32_t receive_buffer;
	uint32_t receive_mss;	/* largest payload of a frame lately            */
	uint64_t received;	/* bytes of the stream in order                 */
	uint64_t acked;		/* bytes of the stream                          */

	/* Sending. */
	seq_t iss, irs;
	seq_t wl1, wl2;		/* RFC 9293 §3.3.1                              */
	seq_t send_end;		/* behind what was written; FIN goes here       */
	seq_t recover;		/* SND.NXT when the phase began                 */
	seq_t send_up, receive_up;	/* urgent pointers                      */
	seq_t fin_at;		/* the peer's                                   */
	seq_t rst_seq, rst_ack;
	seq_t max_flight_end;
	uint32_t max_flight;	/* most that was out in this round trip         */
	uint32_t peak_flight;	/* and in earlier ones; falls slowly            */
	seq_t mtu_probe_start, mtu_probe_end;	/* while path_mtu.probe         */
	uint32_t max_window;	/* largest that the peer ever offered           */
	uint32_t timestamp_offset;
	uint32_t send_buffer, send_buffer_max;
	seq_t small_end;	/* behind the last small segment: Minshall      */
	seq_t instant_end;
	uint32_t window_clamp;
	uint16_t mss;		/* payload of a frame, now                      */
	uint16_t peer_mss;	/* its option                                   */
	uint16_t our_mss;	/* our option                                   */
	uint16_t mtu;		/* of the interface                             */
	uint16_t mss_clamp;
	uint8_t probes;		/* window or keepalive, in a row                */
	uint8_t backoff;	/* of the persist timer                         */
	uint8_t keepalive_count;
	uint8_t soft_error;	/* ICMP since the last progress                 */
	bool loss_timer_probes;	/* TIMER_LOSS is the probe's                    */
	bool ack_whole;		/* the next ACK is not split: see ack.c         */
	uint16_t challenges;	/* in this second                               */
	uint32_t not_sent_lowat;

	struct scoreboard out;	/* SND.UNA, SND.NXT and all between             */
	struct reassemble in;
	struct rtt rtt;
	struct rack rack;
	struct newreno newreno;
	struct frto frto;
	struct undo undo;
	struct congestion congestion;
	struct prr prr;
	struct path_mtu path_mtu;

	/* Times [ns]. */
	ns_t deadline[N_TIMERS];
	ns_t ts_recent_at;	/* RFC 7323 §5.5                                */
	ns_t tick_at;		/* when the clock of TSval ticked last ...      */
	ns_t stalled_since;	/* something waits for an ACK; NS_NEVER: not    */
	ns_t syn_sent;
	ns_t reordering_timer;	/* what rack_detect() said last                 */
	ns_t last_sent, last_received, last_ack_received;
	ns_t instant;		/* at which what ends at instant_end was sent   */
	ns_t challenge_second, last_challenge;
	ns_t user_timeout, keepalive_idle, keepalive_interval, fin_wait;

	/* Tuning of the receive buffer. */
	ns_t rcv_rtt;		/* 0: not known                                 */
	ns_t rcv_rtt_next;	/* least since rcv_rtt_since                    */
	ns_t rcv_rtt_since;
	ns_t rcv_rtt_at;	/* measured from here, to rcv_rtt_end           */
	ns_t tune_at;		/* this round's beginning                       */
	uint32_t tick;		/* ... for this time                            */
	seq_t rcv_rtt_end;
	uint32_t tune_read;	/* bytes read in this round                     */
	uint32_t tune_space;	/* most bytes read in a round                   */

	/* For tcp_report(). */
	uint32_t again_total, timeouts, spurious, dsacks, out_of_order;
	uint32_t congestion_marks;
	uint64_t bytes_sent, bytes_again;
	uint64_t frames_sent, frames_received, units_sent, units_received;
	uint64_t data_frames_sent, data_frames_received;
} CACHE_ALIGNED;

_Static_assert(sizeof(struct tcp_tcb) <= 1024, "a million idle ones are 1 GiB");

#endif

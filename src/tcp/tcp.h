/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcp.h - TCP as a machine: (connection, segment, time) -> values
 *
 * DOC: Theory of operation
 * A connection is a struct tcp_tcb in memory of its owner, who also has the
 * bytes that are sent and received, the clock, the timers and the network. Each
 * call gets the time and memory in a struct tcp_env. The owner
 *
 *   - gives every segment to tcp_arrive(), which says what of its payload is now
 *     in order, and takes the pieces that were waiting with tcp_next_piece();
 *   - after any call pulls with tcp_emit() until there is nothing more: each time
 *     one pseudo frame, header values and a range of the send stream;
 *   - calls tcp_timer() when tcp_deadline() has come;
 *   - looks at tcp_take_events() after any of these.
 *
 * The send stream counts bytes from 0; the owner keeps those from tcp_acked() on
 * and may forget those before. What it was handed as received counts against the
 * window until tcp_read().
 *
 * Nothing here has a pointer into a TCB, or keeps one in it: a TCB may be moved,
 * or seen at another address by another process. One thread at a time.
 * Connections that are not yet there: listen.h.
 * Limits: no TCP Fast Open, no MD5 and TCP-AO, no security compartments.
 * Source: RFC 9293; SPEC LIB-4.
 */
#ifndef TCP_TCP_H
#define TCP_TCP_H

#include "packet/tcp_segment.h"
#include "tcp/cause.h"
#include "tcp/config.h"

struct cells;
struct tcp_tcb;
struct time_wait_state;

/* RFC 9293 §3.3.2, in an order that makes >= meaningful. */
enum tcp_state {
	TCPS_CLOSED,
	TCPS_LISTEN,		/* never in a TCB: see listen.h                 */
	TCPS_SYN_SENT,
	TCPS_SYN_RECEIVED,
	TCPS_ESTABLISHED,	/* from here on synchronized                    */
	TCPS_CLOSE_WAIT,
	TCPS_FIN_WAIT_1,	/* from here on we have closed                  */
	TCPS_CLOSING,
	TCPS_LAST_ACK,
	TCPS_FIN_WAIT_2,	/* from here on our FIN is acknowledged         */
	TCPS_TIME_WAIT,
	TCPS_N
};

/* What happened, for tcp_take_events(). */
enum tcp_event {
	TCP_EVENT_ESTABLISHED = 0x01,
	TCP_EVENT_READABLE = 0x02,	/* bytes were handed over               */
	TCP_EVENT_WRITABLE = 0x04,	/* there is space again after none      */
	TCP_EVENT_ACKED = 0x08,	/* tcp_acked() advanced                         */
	TCP_EVENT_PEER_CLOSED = 0x10,	/* FIN in order: end of the stream      */
	TCP_EVENT_URGENT = 0x20,	/* MUST-32: new urgent data is announced */
	TCP_EVENT_SOFT_ERROR = 0x40,	/* R1, or ICMP: SHLD-9, SHLD-25        */
	TCP_EVENT_TIME_WAIT = 0x80,	/* the TCB may give way to an entry of
				 * time_wait.h                                  */
	TCP_EVENT_CLOSED = 0x100,	/* over: why says tcp_report.end. Pull
				 * tcp_emit() a last time, tcp_forget(), free   */
};

/* What each call gets besides the connection. Pointers are the caller's own. */
struct tcp_env {
	ns_t now;		/* never goes backwards                         */
	const struct tcp_config *config;
	struct cells *cells;	/* loss/cells.h: for what is in flight, and for
				 * what has come out of order                   */
};

/* What tcp_arrive() did with a segment. */
struct tcp_arrival {
	enum tcp_cause cause;
	uint32_t skip;		/* of the payload: had before [bytes]           */
	uint32_t len;		/* behind that: in order, to be read now [bytes] */
	bool kept;		/* out of order: the buffer is referred to, until
				 * tcp_next_piece() gives its cookie back       */
	bool more;		/* call tcp_next_piece()                        */
};

/* Received data that has waited: @len bytes, @skip into what came as @cookie. */
struct tcp_piece {
	uint64_t cookie;
	uint32_t skip, len;	/* 0: nothing to read, only to be freed         */
};

/* A pseudo frame to be sent. */
struct tcp_frame {
	struct tcp_segment segment;	/* ports are for the owner to fill in   */
	uint64_t stream;	/* place of its payload in the send stream      */
	uint16_t mss;		/* cut it to so much payload; never 0           */
	bool again;		/* at least part of it was sent before          */
};

/* ---- The beginning: RFC 9293 §3.10.1. Passive: listen.h ---------------------- */

/**
 * tcp_open() - Open actively: SYN-SENT
 * @t:		Overwritten
 */
void tcp_open(struct tcp_tcb *t, const struct tcp_env *env,
	      const struct tcp_endpoint *endpoint);

/**
 * tcp_set_option() - Change what is said in enum tcp_option
 *
 * Return: 0; -EINVAL for an unknown option or a value out of range.
 */
int tcp_set_option(struct tcp_tcb *t, const struct tcp_env *env,
		   enum tcp_option option, uint64_t value);

/* ---- The network ------------------------------------------------------------- */

/**
 * tcp_arrive() - Take a segment: RFC 9293 §3.10.7.3 and §3.10.7.4
 * @s:		Of this connection, checksum verified
 * @cookie:	What the owner calls the buffer of the payload
 * @result:	Overwritten
 *
 * Cost:	O(1); what is in flight or waits adds what is acknowledged by SACK
 *		for the first time, or becomes in order
 */
void tcp_arrive(struct tcp_tcb *t, const struct tcp_env *env,
		const struct tcp_segment *s, uint64_t cookie,
		struct tcp_arrival *result);

/**
 * tcp_next_piece() - Take what has waited and is now in order, or not needed
 *
 * Return: whether there was one in @piece.
 */
bool tcp_next_piece(struct tcp_tcb *t, const struct tcp_env *env,
		    struct tcp_piece *piece);

/**
 * tcp_emit() - What to send next
 * @frame:	Overwritten if there is something
 *
 * Once given, it counts as sent. Call it until it returns false.
 *
 * Source: RFC 9293 §3.8, §3.10.2; RFC 5681 §3.
 */
bool tcp_emit(struct tcp_tcb *t, const struct tcp_env *env,
	      struct tcp_frame *frame);

/**
 * tcp_refuse() - The RST for a segment that belongs to no connection
 *
 * Source: RFC 9293 §3.10.7.1.
 *
 * Return: false if there is to be none, for @in is an RST.
 */
bool tcp_refuse(const struct tcp_segment *in, struct tcp_segment *out);

enum tcp_icmp {			/* RFC 9293 §3.9.2.2, RFC 5461                  */
	TCP_ICMP_SOFT,		/* net or host unreachable, time exceeded: go on */
	TCP_ICMP_HARD,		/* protocol or port unreachable, or prohibited  */
	TCP_ICMP_TOO_BIG,	/* RFC 1191, RFC 8201                           */
};

/**
 * tcp_icmp() - Take an ICMP error
 * @quoted:	Sequence number of our segment that it quotes; checked against
 *		what is in flight
 * @mtu:	For TCP_ICMP_TOO_BIG: the MTU of the next hop, or 0
 */
void tcp_icmp(struct tcp_tcb *t, const struct tcp_env *env, enum tcp_icmp kind,
	      seq_t quoted, uint16_t mtu);

/* ---- Time -------------------------------------------------------------------- */

/**
 * tcp_deadline() - When tcp_timer() is to be called; NS_NEVER if not at all
 *
 * Changes with any other call. It may be before anything is to be done.
 */
ns_t tcp_deadline(const struct tcp_tcb *t);

void tcp_timer(struct tcp_tcb *t, const struct tcp_env *env);

/* ---- The user: RFC 9293 §3.9.1 ------------------------------------------------- */

/* At most this much more should be written now [bytes]. */
uint32_t tcp_send_space(const struct tcp_tcb *t);

/**
 * tcp_write() - @bytes were appended to the send stream
 * @more:	More follows at once: do not send a small segment for now
 *
 * Return: 0; -EPIPE when closed for writing; -ENOSPC for what would not fit into
 * the sequence space. More than tcp_send_space() is taken otherwise.
 */
int tcp_write(struct tcp_tcb *t, const struct tcp_env *env, uint32_t bytes,
	      bool more);

/* All that was written up to now is urgent, MUST-30. */
void tcp_write_urgent(struct tcp_tcb *t);

/* The user has taken @bytes of what was handed over: the window may open. */
void tcp_read(struct tcp_tcb *t, const struct tcp_env *env, uint32_t bytes);

/* Place in the send stream: everything before is acknowledged. */
uint64_t tcp_acked(const struct tcp_tcb *t);

/* Urgent bytes that are yet to be read, MUST-33. */
uint32_t tcp_urgent_ahead(const struct tcp_tcb *t);

/* No more will be written: FIN behind what was. The peer may go on sending. */
void tcp_shutdown(struct tcp_tcb *t, const struct tcp_env *env);

/**
 * tcp_close() - Nobody has the connection any more
 *
 * As tcp_shutdown(). But if something is not read, or more comes, the peer is
 * told so by RST; and it does not wait for the peer for ever.
 * Source: RFC 9293 §3.6.1, SHLD-3; §3.10.4.
 */
void tcp_close(struct tcp_tcb *t, const struct tcp_env *env);

/* RST, and gone. RFC 9293 §3.10.5. */
void tcp_abort(struct tcp_tcb *t, const struct tcp_env *env);

/* Bits of enum tcp_event since the last call. */
uint32_t tcp_take_events(struct tcp_tcb *t);

/* After TCP_EVENT_TIME_WAIT: what time_wait_enter() needs; then the TCB may go. */
void tcp_time_wait(const struct tcp_tcb *t, struct time_wait_state *w);

/**
 * tcp_forget() - Give everything of the pools back; first take all pieces with
 * tcp_next_piece(), which from TCP_EVENT_CLOSED on gives all that have waited
 */
void tcp_forget(struct tcp_tcb *t, const struct tcp_env *env);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listen.h - Connections that are asked for, before there is a TCB
 *
 * DOC: Theory of operation
 * LISTEN, and SYN-RECEIVED of a passive open, without a TCB. A SYN gives a
 * struct tcp_request (48 bytes), which is all that is kept, and a SYN-ACK:
 *
 *	if (tcp_request_begin(&r, env, endpoint, s, &out))	// from the SYN
 *		send out, keep r (or: nothing, if iss is a cookie)
 *	...
 *	switch (tcp_request_arrive(&r, env, s, &out))		// what follows
 *	case TCP_REQUEST_COMPLETE:
 *		tcp_accept(t, env, &r, endpoint);
 *		tcp_arrive(t, env, s, cookie, &result);
 *
 * With SYN cookies (syn_cookie.h) @iss of the endpoint is the cookie and nothing
 * is kept; tcp_request_restore() makes the request again from what the ACK's
 * cookie says. Simultaneous open has a TCB all the time and is in open.c.
 * Source: RFC 9293 §3.10.7.2; RFC 4987.
 */
#ifndef TCP_LISTEN_H
#define TCP_LISTEN_H

#include "tcp/tcp.h"

/* A SYN that was answered. Position independent. */
struct tcp_request {
	seq_t irs, iss;
	uint32_t ts_recent;	/* TSval of the SYN                             */
	uint32_t timestamp_offset;
	ns_t deadline;		/* of the next SYN-ACK                          */
	ns_t sent;		/* when the last SYN-ACK was, for the RTT       */
	uint16_t mss;		/* the peer's, or the default of the family     */
	uint16_t window;	/* of the SYN; never scaled                     */
	uint8_t has;		/* TCP_HAS_... of what is agreed upon           */
	uint8_t wscale;		/* the peer's                                   */
	uint8_t receive_shift;	/* ours                                         */
	uint8_t n_sent;		/* SYN-ACKs                                     */
	bool ecn;
};

/* Does @s ask for a connection? Otherwise tcp_request_refuse(). */
bool tcp_request_is_wanted(const struct tcp_segment *s);

/**
 * tcp_request_refuse() - The RST for what asks for none, at a port that is listened on
 *
 * As tcp_refuse(), but only an ACK gets one.
 * Source: RFC 9293 §3.10.7.2.
 *
 * Return: false if there is to be none.
 */
bool tcp_request_refuse(const struct tcp_segment *in, struct tcp_segment *out);

/**
 * tcp_request_begin() - Take a SYN
 * @r:		Overwritten
 * @endpoint:	Ours; its iss may be a SYN cookie
 * @syn:	For which tcp_request_is_wanted()
 * @syn_ack:	Overwritten: to be sent; ports as those of @syn, the other way
 */
void tcp_request_begin(struct tcp_request *r, const struct tcp_env *env,
		       const struct tcp_endpoint *endpoint,
		       const struct tcp_segment *syn,
		       struct tcp_segment *syn_ack);

enum tcp_request_verdict {
	TCP_REQUEST_DROP,	/* nothing to do                                */
	TCP_REQUEST_ANSWER,	/* send @out                                    */
	TCP_REQUEST_FORGET,	/* RST: the entry goes, silently                */
	TCP_REQUEST_COMPLETE,	/* the ACK: tcp_accept(), then tcp_arrive()     */
};

/**
 * tcp_request_arrive() - Take a segment for a SYN that was answered
 * @endpoint:	As it was for tcp_request_begin()
 * @out:	Overwritten when TCP_REQUEST_ANSWER is returned
 *
 * Source: RFC 9293 §3.10.7.4 for SYN-RECEIVED; RFC 5961 §3.2, §4.2.
 */
enum tcp_request_verdict tcp_request_arrive(struct tcp_request *r,
					    const struct tcp_env *env,
					    const struct tcp_endpoint *endpoint,
					    const struct tcp_segment *s,
					    struct tcp_segment *out);

/**
 * tcp_request_timer() - The SYN-ACK again, when r->deadline has come
 *
 * Return: TCP_REQUEST_ANSWER; TCP_REQUEST_FORGET after the last one.
 */
enum tcp_request_verdict tcp_request_timer(struct tcp_request *r,
					   const struct tcp_env *env,
					   const struct tcp_endpoint *endpoint,
					   struct tcp_segment *out);

/**
 * tcp_request_hide() - In a SYN-ACK with a cookie: what that has no room for
 * @out:	From tcp_request_begin(). Its timestamp takes it; without one there is
 *		nothing to be remembered, and only an MSS is offered
 *
 * Source: RFC 4987 appendix A.
 */
void tcp_request_hide(const struct tcp_request *r, struct tcp_segment *out);

/** tcp_request_recall() - What cookie (@mss) and timestamp tell, for tcp_request_restore() */
struct tcp_request tcp_request_recall(const struct tcp_segment *ack, uint16_t mss);

/**
 * tcp_request_restore() - A request out of the ACK that completes a handshake
 * @r:		From tcp_request_recall(); the rest is set here
 * @ack:	Whose ack - 1 is the cookie
 *
 * Source: RFC 4987 §3.6.
 */
void tcp_request_restore(struct tcp_request *r, const struct tcp_env *env,
			 const struct tcp_endpoint *endpoint,
			 const struct tcp_segment *ack);

/**
 * tcp_accept() - A TCB for a request, in SYN-RECEIVED
 * @t:		Overwritten. The ACK is then given to tcp_arrive()
 */
void tcp_accept(struct tcp_tcb *t, const struct tcp_env *env,
		const struct tcp_request *r,
		const struct tcp_endpoint *endpoint);

#endif

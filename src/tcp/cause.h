/* SPDX-License-Identifier: BSD-2-Clause */
/* cause.h - Why a connection ended, and what became of a segment */
#ifndef TCP_CAUSE_H
#define TCP_CAUSE_H

enum tcp_end {			/* why a connection ended                       */
	TCP_END_NONE,
	TCP_END_CLOSED,		/* in good order                                */
	TCP_END_ABORTED,	/* by us                                        */
	TCP_END_RESET,		/* by the peer                                  */
	TCP_END_REFUSED,	/* a reset for our SYN                          */
	TCP_END_TIMED_OUT,
	TCP_END_UNREACHABLE,	/* hard ICMP error before it was established    */
};

/* What became of a segment; name and sentence. */
#define TCP_CAUSES(X) \
	X(FAST, "taken by header prediction")				\
	X(TAKEN, "taken step by step")					\
	X(SYN_TAKEN, "taken in SYN-SENT")				\
	X(CLOSED, "there is no connection any more")			\
	X(OUTSIDE_WINDOW, "not in the window: acknowledged again")	\
	X(PAWS, "older timestamp than seen before")			\
	X(NO_TIMESTAMP, "timestamps were agreed upon, but there is none") \
	X(RESET, "a valid RST")						\
	X(CHALLENGED_RESET, "RST in the window, but not at its edge")	\
	X(CHALLENGED_SYN, "SYN on a synchronized connection")		\
	X(NO_ACK, "no ACK flag")					\
	X(ACK_OLD, "ACK far below what is outstanding")			\
	X(ACK_AHEAD, "ACK of something that was never sent")		\
	X(ACK_BAD_IN_HANDSHAKE, "ACK of another handshake: RST")	\
	X(AFTER_CLOSE, "data that nobody will read: RST")		\
	X(UNWANTED_IN_HANDSHAKE, "neither SYN nor RST in SYN-SENT")

enum tcp_cause {
#define X(name, sentence) TCP_CAUSE_##name,
	TCP_CAUSES(X)
#undef X
	TCP_N_CAUSES
};

#endif

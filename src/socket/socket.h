/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * socket.h - A socket: a connection, a listener, or neither yet
 *
 * In the heap, as everything of a stack: stack.h.
 */
#ifndef SOCKET_SOCKET_H
#define SOCKET_SOCKET_H

#include "embed/embed.h"
#include "socket/cursor.h"
#include "socket/ring.h"
#include "tcp/report.h"
#include "tcp/tcb.h"

struct end;
struct watch;

#define SOCKET_N_NUMBERS 13	/* options of option.c's table                  */
#define SOCKET_N_OTHERS 8	/* and of those that only the kernel knows      */

enum socket_kind {
	SOCKET_FREE,
	SOCKET_NEW,		/* neither connected nor listening yet          */
	SOCKET_CONNECTION,
	SOCKET_LISTENER,
};

enum socket_flag {
	SOCKET_NONBLOCK = 1 << 0,	/* O_NONBLOCK                           */
	SOCKET_CONNECTING = 1 << 1,	/* until the handshake is over          */
	SOCKET_CONNECTED = 1 << 2,	/* was, once                            */
	SOCKET_PEER_CLOSED = 1 << 3,	/* FIN in order                         */
	SOCKET_SHUT_READ = 1 << 4,
	SOCKET_SHUT_WRITE = 1 << 5,
	SOCKET_OVER = 1 << 6,	/* the TCB is gone                              */
	SOCKET_ORPHAN = 1 << 7,	/* no descriptor any more                       */
	SOCKET_OUTPUT = 1 << 8,	/* in the list of those that have to send       */
	SOCKET_BOUND = 1 << 9,	/* the tuple's local side was asked for         */
	SOCKET_PORT = 1 << 10,	/* its port was chosen: ports_release()         */
	SOCKET_V6 = 1 << 11,	/* AF_INET6, whatever the tuple is              */
	SOCKET_WAS_FULL = 1 << 12,	/* POLLOUT has to be told               */
	SOCKET_V6_ONLY = 1 << 13,
	SOCKET_OURS = 1 << 15,	/* bound to an address that the kernel has not  */
	SOCKET_DUAL = 1 << 14,	/* a listener in both families                 */
	SOCKET_ZEROCOPY = 1 << 16,	/* SO_ZEROCOPY                          */
	SOCKET_ASKS = 1 << 18,	/* its neighbour is being asked for             */
	SOCKET_HELD_DUAL = 1 << 20,	/* in the other family as well          */
	SOCKET_HELD = 1 << 19,	/* its port, by the device's owner: bind/hold.h  */
	SOCKET_OOB_INLINE = 1 << 17,	/* SO_OOBINLINE                         */
};

enum urgent {			/* the byte of MSG_OOB: urgent.h                */
	URGENT_NONE,
	URGENT_NEW,
	URGENT_READ,		/* with MSG_OOB; still to be passed over        */
};

struct socket {
	struct tcp_tcb tcb;
	uint32_t idx;
	uint8_t kind;		/* enum socket_kind                             */
	uint8_t linger_set;	/* SO_LINGER                                    */
	bool reuses_port;	/* SO_REUSEPORT                                 */
	uint16_t linger;	/* [s]                                          */
	uint32_t flags;		/* enum socket_flag                             */
	uint32_t refs;		/* descriptors, in all processes                */
	int error;		/* SO_ERROR: an errno, given once               */
	struct tcp_tuple tuple;
	struct ring send;	/* place 0 of it: tcp_acked()                   */
	struct ring receive;	/* what was received in order, and behind it
				 * what came out of order                       */
	struct {		/* what was asked for, by option.c's table      */
		int value;
		bool is_set;
	} numbers[SOCKET_N_NUMBERS];
	/* Numbers that our TCP has no use for, for whom is accepted. */
	struct socket_other {
		int level, option, value;
	} others[SOCKET_N_OTHERS];
	uint8_t n_others;
	uint8_t urgent;		/* enum urgent                                  */
	uint64_t urgent_place;	/* in the stream                                */
	pid_t owner;		/* F_SETOWN: gets SIGURG; 0: nobody             */
	uint8_t congestion;	/* enum congestion_kind                         */
	bool congestion_set;
	uint32_t low_water;	/* SO_RCVLOWAT                                  */
	uint64_t receive_timeout, send_timeout;	/* [ns], 0: none                */
	/* Sends with MSG_ZEROCOPY, and of how many it was told: error_queue.h. */
	uint32_t zerocopy_next, zerocopy_told;
	struct watch *watches;
	struct socket *next_output;

	/* A listener's. */
	struct socket *accept_first, *accept_last;	/* by next_accept       */
	uint32_t n_accept, backlog;
	struct socket *same_port[2];	/* others on it, SO_REUSEPORT; of each family */
	struct socket *listener;	/* of one that waits to be accepted     */
	struct socket *next_accept;

	uint32_t holds[2];	/* SOCKET_HELD, SOCKET_HELD_DUAL: bind/hold.c   */
	struct embed_path path;
	struct tcp_report report;	/* when it was over                     */

	/* Where a thread in recv() wants what comes now, straight from the frames (RQ-5). */
	struct cursor *receiver;
	struct end *posted;	/* has receives posted, or is handed up to      */
	uint64_t bytes_straight;	/* that took this way                   */
	uint16_t mss_clamp;
	uint8_t tos, ttl;
};

/* ---- socket.c ---------------------------------------------------------------------------- */

/** socket_take() - A new one, with refs 1; NULL: none left */
struct socket *socket_take(void);

/** socket_free() - When it has neither descriptors nor a connection */
void socket_free(struct socket *s);

/** socket_drop() - One descriptor less; the last one closes the connection */
void socket_drop(struct socket *s);

/** socket_readiness() - POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP | POLLPRI */
uint32_t socket_readiness(const struct socket *s);

/* ---- option.c ---------------------------------------------------------------------------- */

/** socket_apply_options() - Tell the TCB, which is new, what was asked for */
void socket_apply_options(struct socket *s);

/** socket_inherit() - What was asked for of a listener counts for @s, too */
void socket_inherit(struct socket *s, const struct socket *listener);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - Everything that the processes of a stack share
 *
 * DOC: Theory of operation
 * A stack lies in the heap (base/heap.h): sockets, TCBs, buffers, the device, and which
 * descriptors each process has. Whoever calls does the work: under the one lock a call
 * receives what the wire has, gives it to the connections, sends what they have to send,
 * and serves the timers. A process that waits sleeps on the wire's descriptor and on its
 * sleeper's; who changes something that somebody else waits for wakes him.
 *
 *	wire -> embed: frames joined -> connection.c: tcp, receive ring -> recv()
 *	send() -> send ring -> connection.c: tcp -> embed: units, cut or not -> wire
 *
 * What is in the heap points only to what is in the heap; descriptors in it have the same
 * number in every process. When a process dies, process.c drops what it had. When it dies
 * holding the lock, what it was changing cannot be trusted: every connection is reset.
 *
 * Threads: all functions of src/socket but those of tto.h want the lock held.
 * Source: SPEC LIB-2, LIB-3; ARCHITECTURE D6, D7, D11.
 */
#ifndef SOCKET_STACK_H
#define SOCKET_STACK_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>

#include "embed/embed.h"
#include "socket/sleeper.h"
#include "socket/socket.h"
#include "tcp/isn.h"
#include "tcp/listen.h"
#include "tcp/loss/cells.h"
#include "tcp/ports.h"
#include "tcp/report.h"
#include "tcp/syn_cookie.h"
#include "tcp/tcb.h"
#include "tcp/time_wait.h"
#include "tcp/timer_wheel.h"

#define STACK_VERSION 3
#define STACK_SOCKETS 65536	/* connections and listeners                    */
#define STACK_REQUESTS 16384	/* SYNs that were answered                      */
#define STACK_TIME_WAITS 65536
#define STACK_CELLS (1U << 20)
#define STACK_SLEEPERS 4096	/* threads that wait, in all processes          */
#define STACK_EVENTS 96		/* by which they are woken                      */
#define STACK_PROCESSES 1024

/* Values in the lookup table; else the number of a connection. */
#define STACK_REQUEST 0x40000000u
#define STACK_LISTENER 0x20000000u

/* ---- Processes ------------------------------------------------------------------------ */

/* What a process has: process.c, descriptor.c. */
struct process {
	pid_t pid;		/* 0: free; PROCESS_UNBORN: of a child whose pid is
				 * not known yet                                */
	pid_t parent;
	uint64_t started;	/* of /proc/PID/stat, for pids come again; 0: not
				 * known                                        */
	ns_t since;		/* unborn                                       */
	uint64_t *inodes;	/* while it is being executed: what the first
				 * @n_inodes are for the kernel                 */
	uint32_t n_inodes;
	uint32_t n_fds;		/* room at @fds                                 */
	uint32_t end_fds;	/* none at or behind this one is ours           */
	uint32_t *fds;		/* number of what a descriptor is, see
				 * descriptor.h; DESCRIPTOR_NONE                */
};
#define PROCESS_UNBORN (-1)

struct request {
	struct tcp_request tcp;
	struct tcp_tuple tuple;
	struct tcp_endpoint endpoint;
	uint32_t next_free;
	bool used;
};

struct stack {
	uint32_t version;
	uint32_t n_broken;	/* holders of the lock that died                */
	pthread_mutex_t lock;
	ns_t now, turned;	/* the time; of the last turn                   */
	struct embed *embed;
	struct tcp_config config;
	struct cells *cells;
	struct lookup *lookup;
	struct time_wait *time_wait;
	struct ports *ports;
	struct timer_wheel wheel;
	struct timer_node *nodes;	/* sockets, then requests               */
	struct syn_cookie cookies;
	struct isn_secret secret;
	ns_t last_cookie;

	struct socket **sockets;	/* by number; allocated when first used */
	uint32_t *free_sockets;		/* numbers                              */
	uint32_t n_sockets, n_free_sockets;
	struct request *requests;
	uint32_t free_request, n_requests;

	struct socket *output_first, **output_last;
	struct event events[STACK_EVENTS];
	struct sleeper *free_sleepers;	/* of the first @end_sleepers           */
	uint32_t end_sleepers;
	struct sleeper sleepers[STACK_SLEEPERS];
	uint32_t end_processes;	/* none at or behind this one was ever used     */
	struct process processes[STACK_PROCESSES];
	struct epoll_set *sets;
	struct tto_work *works;
	struct passing *passings;
	int passing_fd;		/* an epoll set: passing/passing.h              */
	ns_t last_reap;
	bool is_down;		/* the device is gone                           */
	bool loopback;		/* 127.0.0.1 and ::1 are ours, too              */
	bool caretaker_sleeps;	/* on the wire                                  */
	uint32_t n_asleep;	/* sleepers                                     */
	uint64_t n_turns;
	uint64_t n_opened, n_accepted;	/* connections, since it was made       */
};

/* The stack of this process, NULL: none. */
extern struct stack *stack;

static inline struct tcp_env stack_env(void)
{
	return (struct tcp_env){ stack->now, &stack->config, stack->cells };
}

/**
 * stack_make() - A stack in the heap, which is there; attached to this process
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int stack_make(const char *where, struct wire_error *error);

/** stack_lock() - Return: false: this thread has it already, in a signal handler */
MUST_CHECK bool stack_lock(void);
/** stack_unlock() - And errno is what it was: a call that succeeds leaves it alone */
void stack_unlock(void);
/** stack_forked() - In a child: whoever of the parent has the lock, this thread has not */
void stack_forked(void);

/**
 * stack_run() - One turn: receive, timers, send
 *
 * Sets stack->now. Return: frames received.
 */
int stack_run(void);

/**
 * stack_run_for() - The same, with somebody's buffer in the way of what comes
 * @receiver:	Gets what comes in order for @s; when it is full, the rest of the frames
 *		stays in the wire. Both NULL: nobody's
 */
int stack_run_for(struct socket *s, struct cursor *receiver);

/**
 * stack_run_now_and_then() - For who always finds something to do, and calls it each time
 *
 * Takes few frames, so that what nobody reads yet does not push out of the caches what
 * is being read. Sets the stack's time.
 */
void stack_run_now_and_then(void);

/** stack_deadline() - When stack_run() is needed whatever comes; NS_NEVER */
ns_t stack_deadline(void);

/** stack_clock() - Monotonic [ns] */
ns_t stack_clock(void);

/* For connections and requests that are made. */
struct tcp_endpoint stack_endpoint(const struct tcp_tuple *t);

/** stack_port_is_free() - @t is nobody's: its port may be chosen again, if it is one that is */
void stack_port_is_free(const struct tcp_tuple *t);

/** stack_send() - A segment without a connection */
void stack_send(const struct tcp_tuple *t, const struct embed_path *path,
		const struct tcp_segment *out);

/** stack_answer() - A segment without a connection, back to where @d is from */
void stack_answer(const struct embed_datagram *d, const struct tcp_segment *out);

/* ---- ready/ -------------------------------------------------------------------------------- */

/**
 * notify() - @events of @s have become true, 0: it is over. Whoever watches is told
 *
 * For bytes that come each time, not just when there were none: EPOLLET counts arrivals.
 */
void notify(struct socket *s, uint32_t events);

/** watch_add() - @w's socket and events are set */
void watch_add(struct watch *w);
/** watch_remove() - From the list, if it is in one */
void watch_remove(struct watch *w);

/**
 * sleep_once() - Give the lock away until something may have changed
 * @sleeper:	From sleeper_take(); told of by the caller's watches before
 * @fds:	The kernel's descriptors that are waited for as well; @n of them
 * @until:	At the latest
 * @mask:	As of ppoll(2)
 *
 * What was written to the sleeper since sleeper_take() ends the sleep at once. The lock
 * is held again on return, and stack_run() was called.
 *
 * Return: descriptors of @fds that are ready, whose revents are set; -EINTR: a signal.
 */
int sleep_once(struct sleeper *sleeper, struct pollfd *fds, nfds_t n, ns_t until,
	       const sigset_t *mask);
struct sleeper *sleeper_take(void);	/* NULL: all are in use; sleep_once() looks
					 * every millisecond then               */
void sleeper_give(struct sleeper *sleeper);

/**
 * sleeper_watch() - @sleeper, if there is one, is to be told of @events of @s
 *
 * Until sleeper_give(), @s is held as by a descriptor: somebody may close it meanwhile,
 * and have another one under the same number.
 */
void sleeper_watch(struct sleeper *sleeper, struct socket *s, uint32_t events);

/** sleepers_wake_one() - There is work in the wire, and it does not ring for it */
void sleepers_wake_one(void);

#endif

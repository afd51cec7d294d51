/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h - Work queues: operations that complete later, and data that is handed up
 *
 * DOC: Theory of operation
 * A work queue has an end for each descriptor that something was asked of. The end watches
 * its socket; when that says something the end is in the list of those that are ready, and
 * the next turn of its process does what can be done: operations in their order, and what
 * is to be handed up. A descriptor of the kernel has an end as well: an epoll set of the
 * kernel's says when it is ready.
 *
 *	frames -> take.c: the first receives that are posted, if this is their process
 *			  buffers, if it is handed up                -> operation.c, deliver.c
 *		  ring:	  else, and what comes out of order          -> both, when ready
 *
 * All of it is in the heap, for whoever makes a turn has to find it; the memory of the
 * program is touched in its own process only. So bytes are copied once, from the frame to
 * where they are wanted, unless another process was at work or they had to wait.
 *
 * Buffers that are handed up are filled one behind the other, and have the bytes of one
 * connection. What is not given back was not read for TCP: that closes its window.
 *
 * Threads: stack's lock; callbacks are made without it.
 * Source: SPEC LIB-2, LIB-3, RQ-4, RQ-5; patent US 7,596,628: callback API, work queue based
 *         asynchronous operation.
 */
#ifndef SOCKET_WORK_H
#define SOCKET_WORK_H

#include <tto/tto.h>

#include "socket/stack.h"

struct end;

/* One that is posted; then it is its result. */
struct operation {
	struct operation *next;
	struct cursor at;	/* how far it is                                */
	size_t bytes;		/* of all elements                              */
	struct tto_result result;
	int flags;
	struct iovec iov[TTO_WORK_ELEMENTS];
};

struct operations {		/* first in, first out                          */
	struct operation *first, **last;
};

/* Bytes that are, or are going to be, the program's; data behind it. */
struct buffer {
	uint32_t magic;
	uint32_t filled, handed;	/* bytes                                */
	uint32_t owed;		/* handed up and not given back                 */
	struct end *end;	/* NULL: closed                                 */
	struct tto_work *work;
	struct buffer *next;	/* to be handed up behind this one              */
	struct buffer *all_next, **all_at;	/* of the end, or of the work   */
	bool is_queued;		/* something of it is to be handed up or filled */
};

/* What a work queue has of a descriptor. */
struct end {
	struct tto_work *work;
	struct end *next;	/* in a bucket                                  */
	struct socket *socket;	/* NULL: the kernel's                           */
	struct watch watch;
	struct end *ready_next, *due_next;
	int fd;
	bool is_ready, is_due;	/* in the work queue's lists                    */
	bool is_busy;		/* a callback of it is running                  */
	bool is_gone;		/* freed when it has ended                      */
	bool is_over;		/* its last callback was made                   */
	bool at_end;		/* the kernel's: nothing more comes             */
	bool in_epoll;
	int error;		/* of that: -errno                              */
	struct operations receives, sends;

	tto_receive_fn *deliver;
	void *context;
	uint32_t flags;		/* TTO_PUSHED, TTO_URGENT                       */
	uint32_t n_buffers;
	uint32_t held;		/* bytes in buffers, until given back           */
	struct buffer *first, *last;	/* queued ones                          */
	struct buffer *buffers;	/* all                                          */
};

struct tto_work {
	pid_t process;
	struct tto_work *next, **at;	/* in stack->works                      */
	uint32_t n_entries, n_done;
	struct operation *operations, *free;
	struct operations done;
	struct end **buckets;
	uint32_t n_buckets, n_kernel;	/* ends that are the kernel's           */
	struct end *ready_first, **ready_last;
	struct end *due_first, **due_last;	/* to be called back for        */
	uint32_t n_due;
	struct buffer *orphans;	/* of ends that are gone                        */
	struct watch *watches;	/* who sleeps for it                            */
	int epoll;		/* the kernel's descriptors, and when armed ... */
	int timer, wire;	/* ... these; -1: not yet                       */
	struct sleeper *sleeper;
	bool is_armed;
};

/* ---- end.c ------------------------------------------------------------------------ */

/** end_find() - NULL: nothing was asked of @fd */
struct end *end_find(struct tto_work *w, int fd);

/** end_get() - Find or make it; NULL: no memory. One of another socket is dropped */
struct end *end_get(struct tto_work *w, int fd);

/** end_drop() - Its operations complete, its buffers wait to be given back */
void end_drop(struct end *e);

/** end_ready() - Look at it in the next turn */
void end_ready(struct end *e);

/** end_not_due() - Out of the list of those that are to be called back for */
void end_not_due(struct end *e);

/** end_progress() - Do what can be done of all that are ready */
void end_progress(struct tto_work *w);

/** end_look() - Which of the kernel's are ready? */
void end_look(struct tto_work *w);

/* ---- operation.c --------------------------------------------------------------------- */

void operations_init(struct operations *list);
void operations_push(struct operations *list, struct operation *op);

/** operation_run() - As many as can be done; then the others wait */
void operation_run(struct end *e);

/** operation_cancel() - All of @list, or those with *@wr_id. Return: how many */
uint32_t operation_cancel(struct end *e, struct operations *list, const uint64_t *wr_id);

/* ---- deliver.c -------------------------------------------------------------------------- */

/** deliver_fill() - Into buffers. Return: bytes taken */
uint32_t deliver_fill(struct end *e, const uint8_t *bytes, uint32_t n);

/** deliver_run() - Pull what waits elsewhere; is there something to call back for? */
void deliver_run(struct end *e);

/** deliver_all() - Make the callbacks that are due, without the lock. Return: how many */
int deliver_all(struct tto_work *w);

/** deliver_drop() - @e is gone: its buffers stay until they are given back */
void deliver_drop(struct end *e);

/** deliver_free() - All buffers of a work queue whose ends are gone */
void deliver_free(struct tto_work *w);

#endif

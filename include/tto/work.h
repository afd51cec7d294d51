/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work.h - Sockets without waiting: operations that complete later, and callbacks
 *
 * A work queue has what this process wants to send and receive, on any of its descriptors,
 * and what has come of it. It is for the sockets of tto.h, and serves the kernel's as well.
 *
 * Errors:  every function returns 0 or a count, else -errno, as those of verbs.h; a
 *          status is 0 or -errno, too. A work queue of another process: -EBADF. In a
 *          signal handler, which must not call them: -EAGAIN.
 * Threads: any may use a work queue. There is none behind it: bytes move when somebody
 *          calls, any function of tto.h or this one.
 * Fork:    the work queue stays the parent's, and what was handed up.
 *
 * open -> post, poll -> close; open -> deliver, serve, return -> close
 */
#ifndef TTO_WORK_H
#define TTO_WORK_H

#include <stdint.h>
#include <sys/uio.h>

#include <tto/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Work queues ------------------------------------------------------------------------ */

struct tto_work;

struct tto_work_options {
	uint32_t size;		/* sizeof(struct tto_work_options)                */
	uint32_t entries;	/* operations, from post to poll; default 1024, at
				 * most 1 Mi                                      */
};

/**
 * tto_work_open() - A work queue, with its completions
 * @out:	Set on success; release with tto_work_close()
 * @options:	Copied; NULL: all defaults
 *
 * Return: 0; -ENOENT: this process has no stack; -EINVAL; -ENOMEM; -EMFILE.
 */
TTO_API int tto_work_open(struct tto_work **out, const struct tto_work_options *options);

/**
 * tto_work_close() - What is posted does not complete; all buffers are given back
 *
 * While no thread is in one of its functions, nor in a callback. NULL is allowed.
 */
TTO_API void tto_work_close(struct tto_work *work);

#define TTO_WORK_ELEMENTS 8

/*
 * TTO_RECEIVE: completes, as recvmsg(2) would return, with one byte or more, or with 0 and
 * TTO_END behind the last one. Three receives give three completions, however the bytes
 * were cut on their way. MSG_WAITALL: when all of it is full, or nothing more comes.
 * TTO_SEND: completes when all of it was taken, and the memory is the program's again; or
 * with an error, and as many bytes as were taken before it. MSG_MORE. No SIGPIPE.
 */
struct tto_operation {
	uint64_t wr_id;		/* comes back in the result                       */
	const struct iovec *iov;	/* copied; the memory is the operation's until
					 * it completes                           */
	uint32_t n_iov;		/* at most TTO_WORK_ELEMENTS                      */
	int32_t fd;
	int32_t flags;		/* of recvmsg(2), sendmsg(2): those named above   */
	uint32_t kind;		/* TTO_RECEIVE or TTO_SEND                        */
};

/**
 * tto_work_post() - Post operations, in order, until one cannot be
 * @taken:	Set to how many were taken; may be NULL
 *
 * Those of one descriptor are done in the order of posting, receives and sends each, and
 * complete in it. What can be done at once is done in here.
 *
 * Return: 0: all; else why the first that was not taken was not: -EAGAIN: as many are
 * posted, and not yet polled, as there are entries; -EINVAL; -EBADF; -EBUSY: a receive,
 * and what comes for @fd is handed up; -ENOMEM.
 */
TTO_API int tto_work_post(struct tto_work *work, const struct tto_operation *operations,
			  uint32_t n, uint32_t *taken);

/**
 * tto_work_revoke() - Take back operations that have not completed
 * @wr_id:	All of @fd with this number
 *
 * They complete: with -ECANCELED, or with the bytes that they had already. When this
 * returns nothing is written to their memory any more. Closing @fd, by tto_close_fd() and
 * what else is in here, does the same to all of its operations.
 *
 * Return: how many.
 */
TTO_API int tto_work_revoke(struct tto_work *work, int fd, uint64_t wr_id);

struct tto_result {
	uint64_t wr_id;
	uint64_t bytes;		/* received or sent, also with an error           */
	int32_t fd;
	int32_t status;		/* 0 or -errno                                    */
	uint8_t kind;		/* TTO_RECEIVE or TTO_SEND                        */
	uint8_t flags;		/* TTO_END: no byte comes after these             */
	uint8_t reserved[6];
};

/** tto_work_poll() - Take at most @n results, in the order of completion. Return: how many */
TTO_API int tto_work_poll(struct tto_work *work, struct tto_result *results, uint32_t n);

/**
 * tto_work_sleep() - Until there is a result to poll, or something to be handed up
 * @timeout_ns:	At most; negative: for ever
 *
 * Return: 1; 0: time is up; -EINTR: a signal.
 */
TTO_API int tto_work_sleep(struct tto_work *work, int64_t timeout_ns);

/**
 * tto_work_fd() - What to wait on elsewhere: readable when there may be something to do
 *
 * It is the kernel's: poll(2), epoll_wait(2), any event loop. Arm, then wait; then serve
 * or poll, and arm again. It may be readable though nothing has completed, for whoever
 * waits does the stack's work.
 *
 * Return: a descriptor, which stays the work queue's.
 */
TTO_API int tto_work_fd(struct tto_work *work);

/** tto_work_arm() - Return: 0: armed; 1: not armed, there is something to do already */
TTO_API int tto_work_arm(struct tto_work *work);

/* ---- Callbacks: what a connection receives is handed up ------------------------------------ */

/*
 * Bytes received, in a buffer that is the program's until it gives them back. All pieces
 * of a buffer count as its bytes: it may give them back in any order and portions.
 */
struct tto_piece {
	uint8_t *data;
	uint32_t bytes;
	uint32_t reserved;
	void *buffer;
};

enum tto_delivery_flags {	/* and TTO_END: no byte comes after these         */
	TTO_PUSHED = 0x100,	/* the sender wants it to be read now (PSH)       */
	TTO_URGENT = 0x200,	/* and says that something in it is urgent (URG):
				 * it is among these bytes                        */
};

struct tto_delivery {
	const struct tto_piece *pieces;	/* in order; the array is gone when the
					 * callback returns, the bytes are not    */
	uint32_t n_pieces;
	uint32_t bytes;		/* of all of them                                 */
	uint32_t flags;		/* since the last delivery                        */
	int32_t fd;
	int32_t status;		/* with TTO_END: 0, or why it ended: -errno       */
};

typedef void tto_receive_fn(void *context, const struct tto_delivery *delivery);

/**
 * tto_work_deliver() - Hand up what comes for @fd, from now on and until it is closed
 * @deliver:	Called by tto_work_serve(), without any lock: may call everything
 *
 * Bytes go to buffers of the stack's as they come, whichever process is at work, and are
 * copied no more. What is not given back keeps the receive window from opening: a program
 * that is slow slows its peer down, and nothing is dropped. The last call has TTO_END.
 * With another @deliver for the same @fd that one takes over.
 *
 * Return: 0; -EBADF; -ENOTCONN: connect first; -EBUSY: receives are posted; -ENOMEM.
 */
TTO_API int tto_work_deliver(struct tto_work *work, int fd, tto_receive_fn *deliver,
			     void *context);

/**
 * tto_work_serve() - Call back for whatever has come, or wait for it
 * @timeout_ns:	For the first one at most; 0: no waiting; negative: for ever
 *
 * Each connection is called for by one thread at a time. Results are left for
 * tto_work_poll(), and end the waiting as well.
 *
 * Return: how many calls were made; -EINTR: a signal.
 */
TTO_API int tto_work_serve(struct tto_work *work, int64_t timeout_ns);

/**
 * tto_work_return() - Give bytes back, also of descriptors that are closed
 *
 * Return: 0; -EINVAL: at least one is not of a buffer of @work, or has more bytes than
 * the program has of it: what was before it is given back.
 */
TTO_API int tto_work_return(struct tto_work *work, const struct tto_piece *pieces,
			    uint32_t n);

#ifdef __cplusplus
}
#endif
#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attach.h - How a handle reaches its device: in a daemon, or in this process
 *
 * The control requests are the same structs either way (control/message.h). The data
 * path differs in one thing: a device in this process works only when it is run.
 */
#ifndef VERBS_ATTACH_H
#define VERBS_ATTACH_H

#include <tto/verbs.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "control/message.h"

struct attachment;

struct attachment_ops {
	/* @reply and @fds (CONTROL_FDS_MAX of them, reply->n_fds are set and the
	 * caller's to close) when the status is not negative. Return: the status,
	 * or -EPIPE, -EPROTO, -ETIMEDOUT. */
	int (*request)(struct attachment *a, const struct control_request *request,
		       struct control_reply *reply, int *fds);
	/* Ask without waiting; the answer is not looked at. Return: 0; -EAGAIN:
	 * not now; -EPIPE. */
	int (*tell)(struct attachment *a, const struct control_request *request);
	/* One pass of a device in this process. Return: 1: there was work; 0; -errno.
	 * NULL: it works on its own. */
	int (*run)(struct attachment *a);
	/* The device is to say in fd() when it has work. Return: 0; 1: it has now. */
	int (*arm)(struct attachment *a);
	void (*disarm)(struct attachment *a);
	/* To be polled beside a CQ's own: readable when run() has work, or, of a
	 * daemon, when it is gone. */
	int (*fd)(const struct attachment *a);
	/* An SQ's consumer sleeps. */
	void (*ring)(struct attachment *a);
	/* Return: 0; -EPIPE when a daemon is gone. */
	int (*check)(struct attachment *a);
	/* Another client of the same device. */
	int (*again)(struct attachment *a, struct attachment **out,
		     struct tto_error *error);
	void (*close)(struct attachment *a);
};

/* First member of what each kind has. */
struct attachment {
	const struct attachment_ops *ops;
	uint32_t number;	/* of the last request                          */
	ns_t timeout_ns;
	struct control_reply hello;	/* what it may do, and on what wire     */
};

/* Asks CONTROL_HELLO as well. */
typedef int attach_fn(struct attachment **out, const char *where, ns_t timeout_ns,
		      struct tto_error *error);

attach_fn attach_daemon;	/* @where: path of the socket                   */
attach_fn attach_embedded;	/* @where: specification of a wire              */

/**
 * attach_request() - Ask and have the answer
 * @request:	operation, handle and arguments; the rest is filled in here
 * @reply:	Overwritten
 * @fds:	As in struct attachment_ops; NULL: descriptors are closed
 *
 * Return: 0 or a count; -errno of the other side or of the way to it.
 */
MUST_CHECK int attach_request(struct attachment *a, struct control_request *request,
			      struct control_reply *reply, int *fds);

/** attach_tell() - Ask, and neither wait nor have the answer; as struct attachment_ops */
MUST_CHECK int attach_tell(struct attachment *a, struct control_request *request);

/**
 * attach_check_event() - Whether a descriptor from the other side is an eventfd
 *
 * And makes it one that nobody waits for: a read or write of something else might wait
 * for ever, or end the program by a signal.
 * Return: 0; -EPROTO.
 */
MUST_CHECK int attach_check_event(int fd);

/** attach_say() - One line into @error, which may be NULL. Return: @number. */
int attach_say(struct tto_error *error, int number, const char *format, ...)
	PRINTF_LIKE(3, 4);

#endif

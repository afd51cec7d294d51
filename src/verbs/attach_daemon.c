// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach_daemon.c - A device in a daemon: requests over a socket
 *
 * One datagram there, one back. What does not look like the answer to what was asked
 * ends the attachment: nothing after it could be told apart. The socket is shut down then
 * and stays readable, so that whoever sleeps on it is woken, now and later.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/exchange.h"
#include "verbs/attach.h"

struct daemon {
	struct attachment attachment;
	int socket;
	int doorbell;		/* eventfd, -1 before HELLO was answered        */
	uint32_t untaken;	/* answers to what was only told                */
	bool is_gone;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* The daemon stops serving who does not take its answers. */
#define UNTAKEN_MAX 32

static struct daemon *daemon_of(struct attachment *a)
{
	return (struct daemon *)a;
}

static int gone(struct daemon *d, int error)
{
	shutdown(d->socket, SHUT_RDWR);
	d->is_gone = true;
	return error;
}

/* One datagram. Return: 0 with @reply and @fds; -errno, the daemon is gone then, but
 * for -EAGAIN with MSG_DONTWAIT. */
static int take_reply(struct daemon *d, struct control_reply *reply, int *fds,
		      int flags)
{
	int status = control_receive(d->socket, reply, fds, flags,
				     d->attachment.timeout_ns);

	return !status || status == -EAGAIN ? status : gone(d, status);
}

/* The answer to @request, behind those to what was only told. */
static int receive(struct daemon *d, const struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	int status = take_reply(d, reply, fds, 0);

	while (!status && d->untaken && reply->number != request->number) {
		control_close(fds, reply->n_fds);
		d->untaken--;
		status = take_reply(d, reply, fds, 0);
	}
	if (status)
		return status;
	if (!reply->number && reply->status < 0 && !reply->n_fds)
		return gone(d, reply->status);
	if (reply->number == request->number &&
	    reply->operation == request->operation &&
	    (reply->status >= 0 || !reply->n_fds))
		return reply->status;
	control_close(fds, reply->n_fds);
	return gone(d, -EPROTO);
}

static int request(struct attachment *a, const struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	struct daemon *d = daemon_of(a);
	int err;

	if (d->is_gone)
		return -EPIPE;
	err = control_send(d->socket, request, 0);
	/* Who is not let in is told so, and then the daemon has gone. */
	if (err && err != -ECONNRESET)
		return gone(d, err);
	return receive(d, request, reply, fds);
}

/* What the daemon has written, without waiting. It writes nothing that was not asked
 * for. Return: 0; -EPIPE. */
static int take_untaken(struct daemon *d)
{
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int status;

	while ((status = take_reply(d, &reply, fds, MSG_DONTWAIT)) == 0) {
		control_close(fds, reply.n_fds);
		if (!d->untaken)
			return gone(d, -EPIPE);
		d->untaken--;
	}
	return status == -EAGAIN ? 0 : -EPIPE;
}

static int tell(struct attachment *a, const struct control_request *request)
{
	struct daemon *d = daemon_of(a);

	if (d->is_gone || (d->untaken >= UNTAKEN_MAX && take_untaken(d)))
		return -EPIPE;
	if (d->untaken >= UNTAKEN_MAX)
		return -EAGAIN;
	if (control_send(d->socket, request, MSG_DONTWAIT))
		return -EAGAIN;
	d->untaken++;
	return 0;
}

static int check(struct attachment *a)
{
	struct daemon *d = daemon_of(a);

	return d->is_gone ? -EPIPE : take_untaken(d);
}

static int fd(const struct attachment *a)
{
	return ((const struct daemon *)a)->socket;
}

static void ring(struct attachment *a)
{
	uint64_t one = 1;

	/* It can only fail when the device has been rung 2^64 times. */
	if (write(daemon_of(a)->doorbell, &one, sizeof(one)) < 0)
		return;
}

static int again(struct attachment *a, struct attachment **out,
		 struct tto_error *error)
{
	return attach_daemon(out, daemon_of(a)->path, a->timeout_ns,
			     error);
}

static void close_daemon(struct attachment *a)
{
	struct daemon *d = daemon_of(a);

	if (d->socket >= 0)
		close(d->socket);
	if (d->doorbell >= 0)
		close(d->doorbell);
	free(d);
}

static const struct attachment_ops daemon_ops = {
	.request = request,
	.tell = tell,
	.fd = fd,
	.ring = ring,
	.check = check,
	.again = again,
	.close = close_daemon,
};

static int hello(struct daemon *d)
{
	struct control_request hello = { .operation = CONTROL_HELLO,
					 .handle = CONTROL_NONE };
	int fds[CONTROL_FDS_MAX];
	int status = attach_request(&d->attachment, &hello, &d->attachment.hello,
				    fds);

	if (status < 0)
		return status;
	if (!d->attachment.hello.n_fds)
		return -EPROTO;
	d->doorbell = fds[0];
	status = attach_check_event(d->doorbell);
	/* What is about the client as a whole is found out by asking. */
	for (uint32_t i = 1; i < d->attachment.hello.n_fds; i++)
		close(fds[i]);
	return status;
}

int attach_daemon(struct attachment **out, const char *where, ns_t timeout_ns,
		  struct tto_error *error)
{
	struct daemon *d = calloc(1, sizeof(*d));
	int status;

	if (!d)
		return attach_say(error, -ENOMEM, "%s: no memory", where);
	*d = (struct daemon){ .attachment = { .ops = &daemon_ops,
					      .timeout_ns = timeout_ns },
			      .socket = -1, .doorbell = -1 };
	if (!*where || strlen(where) >= sizeof(d->path)) {
		free(d);
		return attach_say(error, -EINVAL, "daemon:%s: not the path of a "
				  "socket", where);
	}
	strcpy(d->path, where);
	d->socket = control_connect(where, timeout_ns);
	status = d->socket < 0 ? d->socket : hello(d);
	if (status) {
		close_daemon(&d->attachment);
		return attach_say(error, status, "daemon:%s: %s", where,
				  strerror(-status));
	}
	*out = &d->attachment;
	return 0;
}

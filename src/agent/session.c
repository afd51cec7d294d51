// SPDX-License-Identifier: BSD-2-Clause
/* session.c - A client of the daemon: comes in, asks, is gone */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"

#define UNREAD_BYTES 24576	/* as the kernel counts: about 64 answers       */
#define UNWANTED_MAX 16		/* more are closed without a word               */

/* ---- Messages ------------------------------------------------------------------------- */

static int send_reply(int fd, const struct control_reply *reply, const int *fds)
{
	struct iovec iov = { (void *)(uintptr_t)reply, sizeof(*reply) };
	union {
		char bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = reply->n_fds * sizeof(int);

	if (reply->n_fds) {
		struct cmsghdr *c = &control.align;

		m.msg_control = &control;
		m.msg_controllen = CMSG_SPACE(bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(c), fds, bytes);
	}
	return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*reply) ?
	       0 : -errno;
}

/* Return: 1; 0: none now; -errno: no more, or no message of ours. */
static int receive_request(int fd, struct control_request *request)
{
	/* One byte more than there may be shows that there were more. Room for
	 * descriptors is not given, so that the kernel closes them. */
	uint8_t bytes[sizeof(*request) + 1];
	ssize_t n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n != sizeof(*request))
		return n ? -EBADMSG : -ENODATA;
	memcpy(request, bytes, sizeof(*request));
	return 1;
}

/* Who was not let in learns why when it asks for something. */
static void refuse(const struct session *s, const struct control_request *request)
{
	struct control_reply reply = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = request->operation, .number = request->number,
		.status = s->refusal, .handle = CONTROL_NONE,
	};

	(void)!send_reply(s->fd, &reply, NULL);
}

static void take_request(struct agent *a, struct source *source)
{
	struct session *s = (struct session *)source;
	struct control_request request;
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
	int err = receive_request(s->fd, &request);

	if (err == 0)
		return;
	if (err > 0 && !s->client) {
		refuse(s, &request);
		err = -EACCES;
	} else if (err > 0) {
		host_request(s->client, &request, &reply, fds);
		err = send_reply(s->fd, &reply, fds);
		for (uint32_t n = 0; n < reply.n_fds; n++)
			close(fds[n]);
	}
	if (err)
		session_close(a, s);
}

/* ---- Come and go ------------------------------------------------------------------------ */

static uint32_t count_of_user(const struct agent *a, uint32_t uid)
{
	uint32_t n = 0;

	for (const struct session *s = a->sessions; s; s = s->next)
		n += s->client && s->peer.uid == uid;
	return n;
}

static int admit(struct agent *a, struct session *s)
{
	struct host_policy policy;
	uint32_t clients;

	if (!config_policy(a->config, &s->peer, &policy, &clients))
		return -EACCES;
	if (count_of_user(a, s->peer.uid) >= clients)
		return -EDQUOT;
	return host_client_open(a->host, &policy, &s->client);
}

/* Return: -errno: it can not even be told that it may not. */
static int begin(struct agent *a, struct session *s)
{
	int err = socket_peer(s->fd, &s->peer);

	if (err)
		return err;
	s->refusal = admit(a, s);
	if (s->refusal && a->n_unwanted == UNWANTED_MAX)
		return s->refusal;
	err = agent_watch(a, s->fd, &s->source);
	if (err && s->client)
		host_client_close(s->client);
	return err;
}

/* Or it would be ready for ever, and the daemon awake. */
static void turn_away(struct agent *a)
{
	int fd;

	close(a->spare);
	fd = accept4(a->socket, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		a->refused++;
	}
	a->spare = fcntl(a->signals, F_DUPFD_CLOEXEC, 0);
}

static int accept_one(struct agent *a)
{
	int bytes = UNREAD_BYTES;
	int fd = accept4(a->socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE))
		turn_away(a);
	if (fd >= 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return fd;
}

void session_accept(struct agent *a, struct source *source)
{
	struct session *s;
	int fd = accept_one(a);

	(void)source;
	if (fd < 0)
		return;
	s = calloc(1, sizeof(*s));
	if (!s) {
		close(fd);
		return;
	}
	s->source.ready = take_request;
	s->fd = fd;
	if (begin(a, s)) {
		a->refused++;
		close(fd);
		free(s);
		return;
	}
	s->next = a->sessions;
	a->sessions = s;
	if (s->client) {
		a->admitted++;
	} else {
		a->refused++;
		a->n_unwanted++;
	}
}

void session_close(struct agent *a, struct session *s)
{
	struct session **at = &a->sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (s->client)
		host_client_close(s->client);
	else
		a->n_unwanted--;
	close(s->fd);
	free(s);
}

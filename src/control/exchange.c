// SPDX-License-Identifier: BSD-2-Clause
/* exchange.c - Requests and replies over a socket: the program's side */
#include "control/exchange.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/kernel.h"

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

/* ---- Connect ------------------------------------------------------------------------ */

static int set_timeout(int fd, ns_t timeout_ns)
{
	struct timeval t = {
		.tv_sec = (time_t)(timeout_ns / 1000000000),
		.tv_usec = (suseconds_t)(timeout_ns % 1000000000 / 1000),
	};

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)) ||
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t)) ? -errno : 0;
}

int control_connect(const char *path, ns_t timeout_ns)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (!*path || strlen(path) >= sizeof(address.sun_path))
		return -EINVAL;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = set_timeout(fd, timeout_ns);
	if (!err && connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* ---- Ask ----------------------------------------------------------------------------- */

void control_prepare(struct control_request *request, uint32_t number)
{
	uint32_t used = control_request_bytes(request->operation);

	request->magic = CONTROL_MAGIC;
	request->version = CONTROL_VERSION;
	request->number = number;
	/* A compiler need not zero what is behind the member of a union that was set. */
	memset(request->bytes + used, 0, sizeof(request->bytes) - used);
}

int control_send(int socket, const struct control_request *request, int flags)
{
	ssize_t sent;

	do {
		sent = kernel_call(SYS_sendto, socket, request, sizeof(*request),
				   MSG_NOSIGNAL | flags);
	} while (sent < 0 && errno == EINTR);
	if (sent == sizeof(*request))
		return 0;
	if (sent < 0 && errno == EAGAIN)
		return flags & MSG_DONTWAIT ? -EAGAIN : -ETIMEDOUT;
	return sent < 0 && (errno == EPIPE || errno == ECONNRESET) ? -ECONNRESET :
								     -EPIPE;
}

/* ---- Answers --------------------------------------------------------------------------- */

void control_close(const int *fds, uint32_t n)
{
	while (n)
		kernel_call(SYS_close, fds[--n]);
}

/* Takes the descriptors out of @message; all but CONTROL_FDS_MAX are refused. */
static uint32_t take_fds(struct msghdr *message, int *fds)
{
	uint32_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c)) {
		size_t bytes = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			if (n < CONTROL_FDS_MAX)
				fds[n++] = fd;
			else
				kernel_call(SYS_close, fd);
		}
	}
	return n;
}

int control_receive(int socket, struct control_reply *reply, int *fds, int flags,
		    ns_t timeout_ns)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ns_t until = now() + timeout_ns;
	ssize_t bytes;
	uint32_t n_fds;

	/* Each signal begins the socket's timeout anew. */
	do {
		bytes = kernel_call(SYS_recvmsg, socket, &message,
				    MSG_CMSG_CLOEXEC | flags);
		if (bytes < 0 && errno == EINTR && now() >= until)
			return -ETIMEDOUT;
	} while (bytes < 0 && errno == EINTR);
	if (bytes < 0 && errno == EAGAIN)
		return flags & MSG_DONTWAIT ? -EAGAIN : -ETIMEDOUT;
	if (bytes <= 0)
		return -EPIPE;
	n_fds = take_fds(&message, fds);
	if (bytes == sizeof(*reply) && reply->magic == CONTROL_MAGIC &&
	    reply->version == CONTROL_VERSION && reply->n_fds == n_fds)
		return 0;
	control_close(fds, n_fds);
	return -EPROTO;
}

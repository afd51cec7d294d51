// SPDX-License-Identifier: BSD-2-Clause
/* transfer.c - Bytes through sockets */
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>

#include "packetdrill/socket.h"
#include "tcp/tcp.h"

static ns_t limit_of(const struct socket *s, ns_t timeout)
{
	return timeout ? s->host->clock.now + timeout : NS_NEVER;
}

/* Return: bytes, or -EFAULT when one piece is nowhere. */
static ssize_t sum_of(const struct iovec *iov, size_t n)
{
	size_t sum = 0;

	for (size_t k = 0; k < n; k++) {
		if (!iov[k].iov_base && iov[k].iov_len)
			return -EFAULT;
		sum += iov[k].iov_len;
	}
	return (ssize_t)sum;
}

/* ---- Receive --------------------------------------------------------------------------- */

static bool is_at_end(const struct socket *s)
{
	const struct connection *c = s->connection;

	return c->peer_closed || c->closed || c->error || s->shut_read;
}

struct reading {
	const struct socket *s;
	size_t least;		/* bytes that are worth to return               */
};

static bool is_readable(void *ctx)
{
	const struct reading *r = ctx;

	return r->s->connection->received.len >= r->least || is_at_end(r->s);
}

static int wait_readable(const struct socket *s, size_t n, int flags)
{
	struct reading r = { s, s->receive_lowat };

	if (flags & MSG_WAITALL)
		r.least = n;
	if (r.least > n)
		r.least = n;
	if (is_readable(&r))
		return 0;
	if (s->nonblocking || flags & MSG_DONTWAIT)
		return s->connection->received.len ? 0 : -EAGAIN;
	return clock_sleep(&s->host->clock, is_readable, &r,
			   limit_of(s, s->receive_timeout));
}

static size_t copy_out(const struct byte_queue *q, const struct iovec *iov,
		       size_t n, bool discard)
{
	size_t done = 0;

	for (size_t k = 0; k < n && done < q->len; k++) {
		size_t part = q->len - done;

		if (part > iov[k].iov_len)
			part = iov[k].iov_len;
		if (part && !discard)
			memcpy(iov[k].iov_base,
			       byte_queue_look(q, q->at + done), part);
		done += part;
	}
	return done;
}

ssize_t socket_receive(struct socket *s, const struct iovec *iov, size_t n,
		       int flags)
{
	struct connection *c = s->connection;
	ssize_t sum = flags & MSG_TRUNC ? 0 : sum_of(iov, n);
	size_t done;
	int err;

	if (flags & (MSG_ERRQUEUE | MSG_OOB))
		return flags & MSG_OOB ? -EINVAL : -EAGAIN;
	if (!c)
		return s->error ? -socket_take_error(s) : -ENOTCONN;
	if (sum < 0)
		return sum;
	for (size_t k = 0; flags & MSG_TRUNC && k < n; k++)
		sum += (ssize_t)iov[k].iov_len;
	err = wait_readable(s, (size_t)sum, flags);
	if (err && !c->received.len)
		return err;
	if (!c->received.len)
		return c->error ? -socket_take_error(s) : 0;
	done = copy_out(&c->received, iov, n, flags & MSG_TRUNC);
	if (!(flags & MSG_PEEK))
		connection_read(c, (uint32_t)done);
	return (ssize_t)done;
}

static void tell_left(const struct socket *s, struct msghdr *msg, size_t room)
{
	struct cmsghdr *c = msg->msg_control;
	int left = (int)s->connection->received.len;

	if (!c || room < CMSG_LEN(sizeof(left)))
		return;
	if (!left && is_at_end(s))
		left = 1;
	*c = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(left)),
		.cmsg_level = IPPROTO_TCP,
		.cmsg_type = TCP_CM_INQ,
	};
	memcpy(CMSG_DATA(c), &left, sizeof(left));
	msg->msg_controllen = CMSG_SPACE(sizeof(left));
}

ssize_t socket_receive_message(struct socket *s, struct msghdr *msg, int flags)
{
	size_t room = msg->msg_controllen;
	ssize_t n;

	msg->msg_controllen = 0;
	msg->msg_flags = 0;
	n = socket_receive(s, msg->msg_iov, msg->msg_iovlen, flags);
	if (n >= 0 && s->plain[PLAIN_INQ])
		tell_left(s, msg, room);
	return n;
}

/* ---- Send ---------------------------------------------------------------------------------- */

static bool is_writable(void *ctx)
{
	const struct connection *c = ctx;

	if (c->closed || c->shut || c->error)
		return true;
	return c->established && connection_space(c);
}

/* Return: 0: there is space. */
static int wait_writable(struct socket *s, int flags)
{
	struct connection *c = s->connection;
	int err = 0;

	if (!is_writable(c)) {
		if (s->nonblocking || flags & MSG_DONTWAIT)
			return -EAGAIN;
		err = clock_sleep(&s->host->clock, is_writable, c,
				  limit_of(s, s->send_timeout));
	}
	if (c->error)
		return -socket_take_error(s);
	return c->closed || c->shut ? -EPIPE : err;
}

/* What of the call's @flags counts for its last bytes only. */
static unsigned how_of(int flags, bool last)
{
	if (!last)
		return WRITE_MORE;
	if (flags & MSG_EOR)
		return WRITE_RECORD;
	return (flags & MSG_MORE ? WRITE_MORE : 0) |
	       (flags & MSG_OOB ? WRITE_URGENT : 0);
}

/* One piece of memory; @last: nothing follows in this call. */
static ssize_t send_piece(struct socket *s, const struct iovec *iov, int flags,
			  bool last)
{
	size_t done = 0;

	while (done < iov->iov_len) {
		size_t part = iov->iov_len - done, space;
		bool whole;
		int err = wait_writable(s, flags);

		if (err)
			return done ? (ssize_t)done : err;
		space = connection_space(s->connection);
		whole = part <= space;
		if (!whole)
			part = space;
		err = connection_write(s->connection,
				       (const uint8_t *)iov->iov_base + done,
				       (uint32_t)part,
				       how_of(flags, last && whole));
		if (err)
			return done ? (ssize_t)done : err;
		done += part;
	}
	return (ssize_t)done;
}

ssize_t socket_send(struct socket *s, const struct iovec *iov, size_t n,
		    int flags)
{
	ssize_t sum = sum_of(iov, n), done = 0;

	if (flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (!s->connection)
		return s->error ? -socket_take_error(s) : -EPIPE;
	if (sum < 0)
		return sum;
	if (!sum)
		return 0;
	for (size_t k = 0; k < n; k++) {
		ssize_t part;

		if (!iov[k].iov_len)
			continue;
		part = send_piece(s, &iov[k], flags,
				  done + (ssize_t)iov[k].iov_len == sum);
		if (part < 0)
			return done ? done : part;
		done += part;
		if ((size_t)part < iov[k].iov_len)
			break;
	}
	return done;
}

/* ---- Counts ----------------------------------------------------------------------------------- */

/* Bytes that are sent or to be sent, and not acknowledged; a FIN is one. */
static int out_queue(struct connection *c, bool not_sent_only)
{
	struct tcp_report r;

	if (c->closed)
		return 0;
	if (not_sent_only) {
		connection_report(c, &r);
		return (int)r.not_sent;
	}
	return (int)c->sent.len + (c->shut &&
				   connection_state(c) < TCPS_FIN_WAIT_2);
}

int socket_ioctl(struct socket *s, unsigned long request, int *value)
{
	struct connection *c = s->connection;

	if (!value)
		return -EFAULT;
	if (request == FIONBIO) {
		s->nonblocking = *value;
		return 0;
	}
	if (s->listener)
		return -EINVAL;
	switch (request) {
	case SIOCINQ:
		*value = c ? (int)c->received.len : 0;
		return 0;
	case SIOCOUTQ:
	case SIOCOUTQNSD:
		*value = c ? out_queue(c, request == SIOCOUTQNSD) : 0;
		return 0;
	case SIOCATMARK:
		*value = c && !c->closed && !tcp_urgent_ahead(&c->tcb);
		return 0;
	default:
		return -ENOTTY;
	}
}

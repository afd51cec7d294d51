// SPDX-License-Identifier: BSD-2-Clause
/* socket.c - Sockets from their beginning to their end */
#include "packetdrill/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tcp/tcp.h"

#define TTL 64

struct socket *socket_of(const struct host *h, int fd)
{
	return fd >= 0 && fd < HOST_FDS ? h->socket[fd] : NULL;
}

/* ---- Make and release ------------------------------------------------------------------ */

/* A descriptor that we did not see being closed may come again. */
static struct socket *make(struct host *h, bool v6)
{
	struct socket *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0 || s->fd >= HOST_FDS) {
		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return NULL;
	}
	if (h->socket[s->fd])
		socket_free(h->socket[s->fd]);
	h->socket[s->fd] = s;
	s->host = h;
	s->v6 = v6;
	s->receive_lowat = 1;
	s->settings.config = h->flags.config;
	s->settings.ip.ttl = TTL;
	return s;
}

void socket_free(struct socket *s)
{
	s->host->socket[s->fd] = NULL;
	if (s->connection)
		connection_drop(s->connection, true);
	if (s->listener)
		listener_free(s->listener);
	free(s);
}

int socket_open(struct host *h, int domain, int type, int protocol)
{
	struct socket *s;

	if (domain != AF_INET && domain != AF_INET6)
		return -EAFNOSUPPORT;
	if ((type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) != SOCK_STREAM)
		return -ESOCKTNOSUPPORT;
	if (protocol && protocol != IPPROTO_TCP)
		return -EPROTONOSUPPORT;
	s = make(h, domain == AF_INET6);
	if (!s)
		return -EMFILE;
	s->nonblocking = type & SOCK_NONBLOCK;
	return s->fd;
}

int socket_take_error(struct socket *s)
{
	int error = s->error;

	s->error = 0;
	if (!error && s->connection) {
		error = s->connection->error;
		s->connection->error = 0;
	}
	return error;
}

static ns_t limit_of(const struct socket *s, ns_t timeout)
{
	return timeout ? s->host->clock.now + timeout : NS_NEVER;
}

/* ---- Passive ----------------------------------------------------------------------------- */

int socket_bind(struct socket *s, const struct sockaddr *to, socklen_t len)
{
	struct address local;
	int err = address_read(&local, to, len, s->v6);

	if (err)
		return err;
	if (s->bound || s->connection)
		return -EINVAL;
	if (!address_is_any(&local) && !host_is_local(s->host, &local))
		return -EADDRNOTAVAIL;
	if (local.port && listener_find(s->host, &local))
		return -EADDRINUSE;
	s->local = local;
	s->bound = true;
	return 0;
}

int socket_listen(struct socket *s, int backlog)
{
	if (s->connection)
		return -EINVAL;
	if (s->listener) {
		s->listener->backlog = (unsigned)backlog;
		return 0;
	}
	if (!s->local.port)
		s->local.port = s->host->next_port++;
	s->listener = listener_new(s->host, &s->local, &s->settings,
				   (unsigned)backlog);
	return 0;
}

static bool has_connection(void *ctx)
{
	const struct socket *s = ctx;

	return !s->listener || s->listener->n_ready;
}

/* What the listener was told counts for its connections. */
static struct socket *make_accepted(const struct socket *from,
				    struct connection *c)
{
	struct socket *s = make(from->host, from->v6);

	if (!s)
		return NULL;
	s->settings = from->settings;
	s->local = c->local;
	s->bound = true;
	s->connection = c;
	s->linger = from->linger;
	s->linger_seconds = from->linger_seconds;
	s->send_buffer = from->send_buffer;
	s->receive_buffer = from->receive_buffer;
	s->receive_lowat = from->receive_lowat;
	return s;
}

int socket_accept(struct socket *s, struct sockaddr *peer, socklen_t *len)
{
	struct connection *c;
	struct socket *accepted;
	int err;

	if (!s->listener)
		return -EINVAL;
	err = s->nonblocking && !has_connection(s) ? -EAGAIN :
		clock_sleep(&s->host->clock, has_connection, s,
			    limit_of(s, s->receive_timeout));
	if (err)
		return err;
	if (!s->listener)
		return -EINVAL;
	c = listener_take(s->listener);
	accepted = make_accepted(s, c);
	if (!accepted) {
		connection_drop(c, true);
		return -EMFILE;
	}
	address_write(&c->remote, peer, len, s->v6);
	return accepted->fd;
}

/* ---- Active -------------------------------------------------------------------------------- */

static bool is_decided(void *ctx)
{
	const struct connection *c = ctx;

	return c->established || c->closed;
}

static int decision(struct socket *s)
{
	int error;

	if (s->connection->established)
		return 0;
	error = socket_take_error(s);
	connection_drop(s->connection, true);
	s->connection = NULL;
	return error ? -error : -ECONNABORTED;
}

/* connect() on a socket that has a connection, or had. */
static int connect_again(struct socket *s)
{
	if (!is_decided(s->connection))
		return -EALREADY;
	return s->connection->established ? -EISCONN : decision(s);
}

static int start(struct socket *s, const struct address *remote)
{
	int err = host_choose_source(s->host, &s->local, remote);

	if (err)
		return err;
	s->error = 0;
	s->connection = connection_new(s->host, &s->settings, &s->local, remote);
	connection_open(s->connection);
	return 0;
}

int socket_connect(struct socket *s, const struct sockaddr *to, socklen_t len)
{
	struct address remote;
	int err = address_read(&remote, to, len, s->v6);

	if (err)
		return err;
	if (s->listener)
		return -EISCONN;
	if (s->connection)
		return connect_again(s);
	err = start(s, &remote);
	if (err)
		return err;
	if (s->nonblocking)
		return is_decided(s->connection) ? decision(s) : -EINPROGRESS;
	err = clock_sleep(&s->host->clock, is_decided, s->connection,
			  limit_of(s, s->send_timeout));
	if (err)
		return err == -EAGAIN ? -EINPROGRESS : err;
	return decision(s);
}

/* ---- The end --------------------------------------------------------------------------------- */

int socket_shutdown(struct socket *s, int how)
{
	struct connection *c = s->connection;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	if (s->listener && how != SHUT_WR) {
		listener_free(s->listener);
		s->listener = NULL;
		return 0;
	}
	if (!c || c->closed)
		return -ENOTCONN;
	if (how != SHUT_WR) {
		s->shut_read = true;
		c->n_reads++;
	}
	if (how != SHUT_RD && !c->shut)
		connection_shutdown(c);
	return 0;
}

/* What close() with SO_LINGER waits for; the connection itself may be gone. */
struct farewell {
	struct host *host;
	struct address local, remote;
};

static bool is_acknowledged(void *ctx)
{
	const struct farewell *f = ctx;
	const struct connection *c = host_find(f->host, &f->local, &f->remote);

	return !c || connection_state(c) >= TCPS_FIN_WAIT_2;
}

static void drop_lingering(struct socket *s, struct connection *c)
{
	struct farewell f = { s->host, c->local, c->remote };

	connection_drop(c, s->linger && !s->linger_seconds);
	if (s->linger && s->linger_seconds)
		clock_sleep(&s->host->clock, is_acknowledged, &f,
			    limit_of(s, (ns_t)s->linger_seconds * TCP_SECOND));
}

int socket_close(struct socket *s)
{
	struct connection *c = s->connection;
	struct host *h = s->host;

	s->connection = NULL;
	if (c)
		drop_lingering(s, c);
	close(s->fd);
	socket_free(s);
	host_sweep(h);
	return 0;
}

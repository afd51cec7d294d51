// SPDX-License-Identifier: BSD-2-Clause
/* hold.c - Hold ports in the kernel's TCP */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/kernel/kernel.h"

static int bind_to(int fd, const struct host_port *port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in a4 = { .sin_family = AF_INET };
	bool v6 = port->v6;

	memcpy(&a6.sin6_addr, port->address, sizeof(a6.sin6_addr));
	memcpy(&a4.sin_addr, port->address, sizeof(a4.sin_addr));
	a6.sin6_port = a4.sin_port = htons(port->port);
	return bind(fd, v6 ? (void *)&a6 : (void *)&a4, v6 ? sizeof(a6) : sizeof(a4)) ?
	       -errno : 0;
}

/* Whether others that ask for it as well may bind to the same port. */
static void set_reuse(int fd, int reuse)
{
	(void)!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
}

static void set_reuse_of_port(struct kernel *k, const struct host_port *port, int reuse)
{
	for (const struct hold *h = k->holds; h; h = h->next) {
		if (h->port.port == port->port && h->port.v6 == port->v6)
			set_reuse(h->fd, reuse);
	}
}

/* Any address and one of them are two sockets of the same port: both ours. */
static int bind_beside_own(struct kernel *k, int fd, const struct host_port *port)
{
	int err = bind_to(fd, port);

	if (err != -EADDRINUSE)
		return err;
	set_reuse_of_port(k, port, 1);
	set_reuse(fd, 1);
	err = bind_to(fd, port);
	set_reuse(fd, 0);
	set_reuse_of_port(k, port, 0);
	return err;
}

static int open_socket(struct kernel *k, const struct host_port *port)
{
	int fd = socket(port->v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, err = 0;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, k->interface,
		       (socklen_t)strlen(k->interface)) ||
	    (port->v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one))))
		err = -errno;
	if (!err)
		err = bind_beside_own(k, fd, port);
	if (!err)
		return fd;
	close(fd);
	return err;
}

static bool is_any(const struct host_port *port)
{
	static const uint8_t any[16];

	return !memcmp(port->address, any, sizeof(any));
}

/* For any address there is an entry for each that there is. */
static int divert(struct kernel *k, const struct host_port *port, bool add)
{
	struct host_port one = *port;
	int err = 0;

	if (!k->divert)
		return 0;
	if (!is_any(port))
		return divert_port(k->divert, port, add);
	for (uint32_t n = 0; !err && n < k->n_addresses; n++) {
		if (k->addresses[n].v6 != port->v6)
			continue;
		memcpy(one.address, k->addresses[n].address, sizeof(one.address));
		err = divert_port(k->divert, &one, add);
	}
	return err;
}

int hold_claim(void *ctx, const struct host_port *port, void **claimed)
{
	struct kernel *k = ctx;
	struct hold *h = calloc(1, sizeof(*h));
	int err;

	if (!h)
		return -ENOMEM;
	h->port = *port;
	h->fd = open_socket(k, port);
	err = h->fd < 0 ? h->fd : divert(k, port, true);
	if (err) {
		if (h->fd >= 0)
			close(h->fd);
		free(h);
		return err;
	}
	h->next = k->holds;
	k->holds = h;
	*claimed = h;
	return 0;
}

/* Whether another of ours still needs what is diverted for @port. */
static bool is_needed(const struct kernel *k, const struct host_port *port)
{
	for (const struct hold *h = k->holds; h; h = h->next) {
		if (h->port.port == port->port && h->port.v6 == port->v6 &&
		    (is_any(&h->port) || is_any(port)))
			return true;
	}
	return false;
}

void hold_release(void *ctx, const struct host_port *port, void *claimed)
{
	struct kernel *k = ctx;
	struct hold *h = claimed, **at = &k->holds;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	if (!is_needed(k, port))
		(void)!divert(k, port, false);
	close(h->fd);
	free(h);
}

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

/* Those of one port, of all addresses. */
static struct hold *first(const struct kernel *k, const struct host_port *port)
{
	return k->holds[port->port % HOLD_BUCKETS];
}

static void set_reuse_of_port(struct kernel *k, const struct host_port *port, int reuse)
{
	for (const struct hold *h = first(k, port); h; h = h->next) {
		if (h->port.port == port->port && h->port.v6 == port->v6)
			set_reuse(h->fd, reuse);
	}
}

static bool is_any(const struct host_port *port)
{
	static const uint8_t any[16];

	return !memcmp(port->address, any, sizeof(any));
}

/* Whether what comes for @port may come for @h. */
static bool is_shared(const struct hold *h, const struct host_port *port)
{
	return h->port.port == port->port && h->port.v6 == port->v6 &&
	       (is_any(&h->port) || is_any(port) ||
		!memcmp(h->port.address, port->address, sizeof(port->address)));
}

static bool is_ours(const struct kernel *k, const struct host_port *port)
{
	const struct hold *h = first(k, port);

	while (h && !is_shared(h, port))
		h = h->next;
	return h;
}

/*
 * Any address and one of them are two sockets of the same port, and so are two clients
 * that share one: all ours. That others may bind beside is asked for only where ours
 * stands already, which lets nobody in.
 */
static int bind_beside_own(struct kernel *k, int fd, const struct host_port *port)
{
	int err = bind_to(fd, port);

	if (err != -EADDRINUSE || !is_ours(k, port))
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

int hold_claim(void *ctx, const struct host_port *port, void **claimed)
{
	struct kernel *k = ctx;
	struct hold *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->port = *port;
	h->fd = open_socket(k, port);
	if (h->fd < 0) {
		int err = h->fd;

		free(h);
		return err;
	}
	h->next = first(k, port);
	k->holds[port->port % HOLD_BUCKETS] = h;
	*claimed = h;
	return 0;
}

/* ---- What comes for it --------------------------------------------------------------- */

/* Whether what comes for @port, of one address, is the device's. */
static bool is_carried(const struct kernel *k, const struct host_port *port)
{
	const struct hold *h = first(k, port);

	while (h && !(h->carried && is_shared(h, port)))
		h = h->next;
	return h;
}

/* What comes for @port, of one address, is the kernel's or not, as it should be. */
static int divert(struct kernel *k, const struct host_port *port)
{
	return divert_port(k->divert, port, is_carried(k, port));
}

/* For any address there is an entry for each that there is. */
static int divert_each(struct kernel *k, const struct host_port *port,
		       const struct host_address *addresses, uint32_t n)
{
	struct host_port one = *port;
	int err = 0;

	for (uint32_t at = 0; !err && at < n; at++) {
		if (addresses[at].v6 != port->v6)
			continue;
		memcpy(one.address, addresses[at].address, sizeof(one.address));
		err = divert(k, &one);
	}
	return err;
}

int hold_carry(void *ctx, const struct host_port *port, void *claimed, bool begins)
{
	struct kernel *k = ctx;
	struct hold *h = claimed;
	int err;

	if (!k->divert)
		return 0;
	h->carried = begins;
	err = is_any(port) ? divert_each(k, port, k->addresses, k->n_addresses) :
			     divert(k, port);
	if (err && begins)
		(void)!hold_carry(ctx, port, claimed, false);
	return err;
}

static bool has_address(const struct kernel *k, const struct host_address *a)
{
	for (uint32_t n = 0; n < k->n_addresses; n++) {
		if (k->addresses[n].v6 == a->v6 &&
		    !memcmp(k->addresses[n].address, a->address, sizeof(a->address)))
			return true;
	}
	return false;
}

/* By who named the address, and waits for it to come back. */
static bool is_carried_alone(const struct kernel *k, const struct host_port *port)
{
	const struct hold *h = first(k, port);

	while (h && !(h->carried && !is_any(&h->port) && is_shared(h, port)))
		h = h->next;
	return h;
}

/* An address that comes back later is not diverted by who has long let go. */
static void divert_gone(struct kernel *k, const struct host_port *port,
			const struct host_address *before, uint32_t n)
{
	struct host_port one = *port;

	for (uint32_t at = 0; at < n; at++) {
		if (before[at].v6 != port->v6 || has_address(k, &before[at]))
			continue;
		memcpy(one.address, before[at].address, sizeof(one.address));
		(void)!divert_port(k->divert, &one, is_carried_alone(k, &one));
	}
}

void hold_addresses_changed(struct kernel *k, const struct host_address *before,
			    uint32_t n_before)
{
	for (uint32_t n = 0; k->divert && n < HOLD_BUCKETS; n++) {
		for (const struct hold *h = k->holds[n]; h; h = h->next) {
			if (!h->carried || !is_any(&h->port))
				continue;
			(void)!divert_each(k, &h->port, k->addresses, k->n_addresses);
			divert_gone(k, &h->port, before, n_before);
		}
	}
}

void hold_release(void *ctx, const struct host_port *port, void *claimed)
{
	struct kernel *k = ctx;
	struct hold *h = claimed, **at = &k->holds[port->port % HOLD_BUCKETS];

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	close(h->fd);
	free(h);
}

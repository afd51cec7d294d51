// SPDX-License-Identifier: BSD-2-Clause
/* kernel.c - Share addresses with the kernel: begin, end, and hear of changes */
#include "agent/kernel/kernel.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/message.h"
#include "wire/netlink.h"

#define GROUPS (RTMGRP_NEIGH | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)
#define EVENT_BYTES 8192

/* ---- Addresses --------------------------------------------------------------------------------- */

static uint8_t count_bits(const uint8_t *mask, uint32_t bytes)
{
	uint8_t bits = 0;

	for (uint32_t n = 0; n < bytes; n++)
		bits = (uint8_t)(bits + __builtin_popcount(mask[n]));
	return bits;
}

static bool take_address(const struct ifaddrs *i, struct host_address *a)
{
	const struct sockaddr_in *v4 = (const void *)i->ifa_addr;
	const struct sockaddr_in6 *v6 = (const void *)i->ifa_addr;
	const struct sockaddr_in *mask4 = (const void *)i->ifa_netmask;
	const struct sockaddr_in6 *mask6 = (const void *)i->ifa_netmask;

	*a = (struct host_address){ 0 };
	if (!i->ifa_addr || !i->ifa_netmask)
		return false;
	switch (i->ifa_addr->sa_family) {
	case AF_INET:
		memcpy(a->address, &v4->sin_addr, 4);
		a->prefix_bits = count_bits((const void *)&mask4->sin_addr, 4);
		return true;
	case AF_INET6:
		if (IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
			return false;
		memcpy(a->address, &v6->sin6_addr, 16);
		a->prefix_bits = count_bits((const void *)&mask6->sin6_addr, 16);
		a->v6 = 1;
		return true;
	default:
		return false;
	}
}

static int read_addresses(struct kernel *k)
{
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return -errno;
	k->n_addresses = 0;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next) {
		if (k->n_addresses < HOST_ADDRESSES_MAX &&
		    !strcmp(i->ifa_name, k->interface) &&
		    take_address(i, &k->addresses[k->n_addresses]))
			k->n_addresses++;
	}
	freeifaddrs(all);
	return 0;
}

static int read_mac(struct kernel *k)
{
	struct ifreq r = { 0 };
	int err;

	memcpy(r.ifr_name, k->interface, sizeof(r.ifr_name));
	err = ioctl(k->requests, SIOCGIFHWADDR, &r) ? -errno : 0;
	memcpy(k->mac, r.ifr_hwaddr.sa_data, sizeof(k->mac));
	return err;
}

/* ---- Changes --------------------------------------------------------------------------------------- */

static void renew_addresses(struct kernel *k, struct host *host)
{
	struct host_address before[HOST_ADDRESSES_MAX];
	uint32_t n = k->n_addresses;

	memcpy(before, k->addresses, sizeof(before));
	if (read_addresses(k))
		return;
	host_set_addresses(host, k->addresses, k->n_addresses);
	hold_addresses_changed(k, before, n);
}

/* What a message tells of our interface. */
struct changes {
	bool addresses;
	bool known, failed;	/* somebody is, or was not found                */
};

static void note_change(const struct kernel *k, struct nlmsghdr *m, struct changes *c)
{
	const struct ifaddrmsg *address = NLMSG_DATA(m);
	const struct ndmsg *neighbour = NLMSG_DATA(m);

	switch (m->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		c->addresses |= m->nlmsg_len >= NLMSG_LENGTH(sizeof(*address)) &&
				address->ifa_index == k->index;
		break;
	case RTM_NEWNEIGH:
		if (m->nlmsg_len < NLMSG_LENGTH(sizeof(*neighbour)) ||
		    neighbour->ndm_ifindex != (int)k->index)
			break;
		c->failed |= neighbour->ndm_state & NUD_FAILED;
		c->known |= !(neighbour->ndm_state & (NUD_FAILED | NUD_INCOMPLETE));
		break;
	default:
		break;
	}
}

static void take_changes(struct agent *a, struct source *s)
{
	struct kernel *k = (struct kernel *)s;
	_Alignas(8) uint8_t buffer[EVENT_BYTES];
	struct changes c = { 0 };
	ssize_t n = recv(k->events, buffer, sizeof(buffer), MSG_DONTWAIT);
	struct nlmsghdr *m = (void *)buffer;

	/* More than there was room for: anything may have changed. */
	if (n < 0)
		c.addresses = c.known = errno == ENOBUFS;
	for (; n > 0 && NLMSG_OK(m, (size_t)n); m = NLMSG_NEXT(m, n))
		note_change(k, m, &c);
	if (c.addresses)
		renew_addresses(k, a->host);
	if (c.addresses || c.known)
		host_routes_changed(a->host);
	else if (c.failed)
		host_routes_failed(a->host);
}

/* ---- Open and close ---------------------------------------------------------------------------------- */

static int open_events(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK, .nl_groups = GROUPS,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
			NETLINK_ROUTE);
	int err;

	if (fd < 0)
		return -errno;
	if (!bind(fd, (void *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static int open_all(struct kernel *k, bool diverts)
{
	int err;

	k->index = if_nametoindex(k->interface);
	k->requests = netlink_open(NETLINK_ROUTE);
	k->events = open_events();
	if (!k->index)
		return -ENODEV;
	if (k->requests < 0 || k->events < 0)
		return k->requests < 0 ? k->requests : k->events;
	err = read_addresses(k);
	if (!err)
		err = read_mac(k);
	if (!err && diverts)
		err = divert_open(&k->divert, k->interface);
	return err;
}

int kernel_open(struct kernel *k, const char *interface, bool diverts)
{
	int err;

	*k = (struct kernel){ .requests = -1, .events = -1 };
	if (strlen(interface) >= sizeof(k->interface)) {
		message_errno(ENODEV, "%s", interface);
		return -ENODEV;
	}
	strcpy(k->interface, interface);
	err = open_all(k, diverts);
	if (err)
		message_errno(err, "%s: sharing it with the kernel", interface);
	return err;
}

void kernel_close(struct kernel *k)
{
	for (uint32_t n = 0; n < HOLD_BUCKETS; n++) {
		while (k->holds[n])
			hold_release(k, &k->holds[n]->port, k->holds[n]);
	}
	divert_close(k->divert);
	if (k->requests >= 0)
		close(k->requests);
	if (k->events >= 0)
		close(k->events);
}

void kernel_fill(struct kernel *k, struct host_options *options)
{
	options->hooks = (struct host_hooks){
		.ctx = k, .claim = hold_claim, .release = hold_release,
		.carry = hold_carry, .route = route_find,
	};
	memcpy(options->mac, k->mac, sizeof(options->mac));
	memcpy(options->addresses, k->addresses, sizeof(options->addresses));
	options->n_addresses = k->n_addresses;
}

int kernel_watch(struct kernel *k, struct agent *a)
{
	k->agent = a;
	k->changes.ready = take_changes;
	return agent_watch(a, k->events, &k->changes);
}

// SPDX-License-Identifier: BSD-2-Clause
/* address.c - An address and port of IPv4 or IPv6, as one type */
#include "packetdrill/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool address_is_v4(const struct address *a)
{
	return !memcmp(a->ip, mapped, sizeof(mapped));
}

bool address_is_any(const struct address *a)
{
	static const uint8_t any[16];

	return !memcmp(a->ip, any, sizeof(any)) ||
	       (address_is_v4(a) && !memcmp(a->ip + 12, any, 4));
}

bool address_equal_ip(const struct address *a, const struct address *b)
{
	return !memcmp(a->ip, b->ip, sizeof(a->ip));
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->port == b->port && address_equal_ip(a, b);
}

bool address_in_prefix(const struct address *a, const struct address *b,
		       unsigned bits)
{
	unsigned bytes = bits / 8, rest = bits % 8;

	if (memcmp(a->ip, b->ip, bytes))
		return false;
	return !rest || !((a->ip[bytes] ^ b->ip[bytes]) >> (8 - rest));
}

void address_set_ip(struct address *a, const uint8_t *ip, bool v6)
{
	if (v6) {
		memcpy(a->ip, ip, 16);
		return;
	}
	memcpy(a->ip, mapped, sizeof(mapped));
	memcpy(a->ip + 12, ip, 4);
}

const uint8_t *address_wire_ip(const struct address *a)
{
	return address_is_v4(a) ? a->ip + 12 : a->ip;
}

int address_read(struct address *a, const struct sockaddr *from, socklen_t len,
		 bool v6)
{
	struct sockaddr_in6 in6;
	struct sockaddr_in in;

	if (!from)
		return -EFAULT;
	if (len < (v6 ? sizeof(in6) : sizeof(in)))
		return -EINVAL;
	if (from->sa_family != (v6 ? AF_INET6 : AF_INET))
		return -EAFNOSUPPORT;
	if (v6) {
		memcpy(&in6, from, sizeof(in6));
		address_set_ip(a, in6.sin6_addr.s6_addr, true);
		a->port = ntohs(in6.sin6_port);
	} else {
		memcpy(&in, from, sizeof(in));
		address_set_ip(a, (const uint8_t *)&in.sin_addr, false);
		a->port = ntohs(in.sin_port);
	}
	return 0;
}

void address_write(const struct address *a, struct sockaddr *to, socklen_t *len,
		   bool v6)
{
	struct sockaddr_in6 in6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(a->port),
	};
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_port = htons(a->port),
	};
	const void *from = v6 ? (const void *)&in6 : &in;
	socklen_t bytes = v6 ? sizeof(in6) : sizeof(in);

	if (!to || !len)
		return;
	memcpy(in6.sin6_addr.s6_addr, a->ip, 16);
	memcpy(&in.sin_addr, a->ip + 12, 4);
	memcpy(to, from, *len < bytes ? *len : bytes);
	*len = bytes;
}

// SPDX-License-Identifier: BSD-2-Clause
/* address.c - Between struct sockaddr and a tuple */
#include "socket/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "socket/kernel.h"

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

bool address_read(const struct sockaddr *from, socklen_t bytes, struct tcp_tuple *t)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(t, 0, sizeof(*t));
	if (is_nowhere(from) || bytes < sizeof(v4))
		return false;
	if (from->sa_family == AF_INET) {
		memcpy(&v4, from, sizeof(v4));
		memcpy(t->remote, &v4.sin_addr, 4);
		t->remote_port = ntohs(v4.sin_port);
		return true;
	}
	if (from->sa_family != AF_INET6 || bytes < sizeof(v6))
		return false;
	memcpy(&v6, from, sizeof(v6));
	t->remote_port = ntohs(v6.sin6_port);
	if (!memcmp(&v6.sin6_addr, mapped, sizeof(mapped))) {
		memcpy(t->remote, v6.sin6_addr.s6_addr + 12, 4);
		return true;
	}
	memcpy(t->remote, &v6.sin6_addr, 16);
	t->v6 = 1;
	return true;
}

static void give(const void *address, socklen_t size, struct sockaddr *to,
		 socklen_t *bytes)
{
	memcpy(to, address, *bytes < size ? *bytes : size);
	*bytes = size;
}

void address_write(const uint8_t address[16], uint16_t port, bool v6, bool as_v6,
		   struct sockaddr *to, socklen_t *bytes)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	if (!to || !bytes)
		return;
	if (!as_v6 && !v6) {
		memcpy(&four.sin_addr, address, 4);
		give(&four, sizeof(four), to, bytes);
		return;
	}
	if (v6) {
		memcpy(&six.sin6_addr, address, 16);
	} else {
		memcpy(&six.sin6_addr, mapped, sizeof(mapped));
		memcpy(six.sin6_addr.s6_addr + 12, address, 4);
	}
	give(&six, sizeof(six), to, bytes);
}

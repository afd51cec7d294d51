// SPDX-License-Identifier: BSD-2-Clause
/* tuple.c - Between which addresses there are connections */
#include "packet/tuple.h"

#include "base/bytes.h"

static bool is_host(const uint8_t ip[16], bool v6)
{
	static const uint8_t unspecified[16];

	if (v6)
		return ip[0] != 0xff && memcmp(ip, unspecified, 16) != 0;
	/* 0/8 is a host of this network that does not know its own address. */
	return ip[0] != 0 && ip[0] >> 4 != 14 && load_be32(ip) != UINT32_MAX;
}

bool tcp_tuple_is_possible(const struct tcp_tuple *tuple)
{
	return is_host(tuple->local, tuple->v6) &&
	       is_host(tuple->remote, tuple->v6);
}

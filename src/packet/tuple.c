// SPDX-License-Identifier: BSD-2-Clause
/* tuple.c - Between which addresses there are connections, and their IP headers */
#include "packet/tuple.h"

#include "packet/headers.h"

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

void tcp_tuple_read(struct tcp_tuple *t, const uint8_t *ip, bool v6,
		    const uint8_t *ports, bool is_sent)
{
	const uint8_t *source = ip + (v6 ? 8 : 12);
	size_t n = v6 ? 16 : 4;

	memset(t, 0, sizeof(*t));
	t->v6 = v6;
	memcpy(is_sent ? t->local : t->remote, source, n);
	memcpy(is_sent ? t->remote : t->local, source + n, n);
	t->remote_port = load_be16(ports + (is_sent ? 2 : 0));
	t->local_port = load_be16(ports + (is_sent ? 0 : 2));
}

uint32_t tcp_tuple_write_ip(const struct tcp_tuple *t, uint8_t tos, uint8_t ttl,
			    uint16_t id, uint8_t *to)
{
	if (t->v6) {
		struct ipv6_header ip = {
			.version_class_label = to_be32(6U << 28 | (uint32_t)tos << 20),
			.next_header = PROTOCOL_TCP,
			.hop_limit = ttl,
		};

		memcpy(ip.source, t->local, 16);
		memcpy(ip.destination, t->remote, 16);
		memcpy(to, &ip, sizeof(ip));
		return sizeof(ip);
	}
	struct ipv4_header ip = {
		.version_ihl = 0x45, .tos = tos, .ttl = ttl,
		.id = to_be16(id),
		.fragment = to_be16(IPV4_DF),
		.protocol = PROTOCOL_TCP,
	};

	memcpy(ip.source, t->local, 4);
	memcpy(ip.destination, t->remote, 4);
	memcpy(to, &ip, sizeof(ip));
	return sizeof(ip);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * filter.c - Which frames are wanted: by address and port, of either side
 *
 * Source: RFC 791 §3.1; RFC 8200 §3. Behind extension headers there are no ports.
 */
#include "tool/capture/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/message.h"
#include "packet/parse.h"

#define PROTOCOL_UDP 17

int filter_address(struct filter *f, const char *text)
{
	f->has_address = true;
	f->v6 = strchr(text, ':') != NULL;
	if (inet_pton(f->v6 ? AF_INET6 : AF_INET, text, f->address) == 1)
		return 0;
	message("--address %s: not an address of IPv4 or IPv6", text);
	return -EINVAL;
}

static bool has_address(const struct filter *f, const uint8_t *ip, bool v6)
{
	const uint8_t *source = ip + (v6 ? 8 : 12);
	size_t n = v6 ? 16 : 4;

	return f->v6 == v6 && (!memcmp(source, f->address, n) ||
			       !memcmp(source + n, f->address, n));
}

static bool has_port(uint16_t port, const uint8_t *ip, uint32_t len, bool v6)
{
	uint32_t header = v6 ? 40 : (uint32_t)(ip[0] & 15) * 4;
	uint8_t protocol = v6 ? ip[6] : ip[9];

	if ((protocol != PROTOCOL_TCP && protocol != PROTOCOL_UDP) || header < 20 ||
	    len < header + 4 || (!v6 && load_be16(ip + 6) & 0x1fff))
		return false;
	return load_be16(ip + header) == port || load_be16(ip + header + 2) == port;
}

bool filter_passes(const struct filter *f, const uint8_t *frame, uint32_t len)
{
	uint16_t type;
	struct seg s;
	bool v6;

	if (!f->has_address && !f->port)
		return true;
	type = parse_link(PARSE_LINK_ETHERNET, frame, len, &s);
	v6 = type == ETHERTYPE_IPV6;
	if (!type || len < s.l3 + (v6 ? 40u : 20u))
		return false;
	return (!f->has_address || has_address(f, frame + s.l3, v6)) &&
	       (!f->port || has_port(f->port, frame + s.l3, len - s.l3, v6));
}

// SPDX-License-Identifier: BSD-2-Clause
/* options.c - "WIRE;address=10.0.0.2/24;gateway=10.0.0.1;mac=...;mtu=..." */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

#define MTU_MIN 68		/* RFC 791 §3.2 */

static int refuse(struct wire_error *error, const char *what, const char *why)
{
	if (error)
		snprintf(error->text, sizeof(error->text), "%.120s: %s", what, why);
	return -EINVAL;
}

/* Digits and nothing else. */
static bool read_number(const char *text, uint32_t max, uint32_t *value)
{
	*value = 0;
	if (!*text || strlen(text) > 9)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		*value = *value * 10 + (uint32_t)(*text - '0');
	}
	return *value <= max;
}

static bool read_ip(const char *text, uint8_t address[16], uint8_t *v6)
{
	memset(address, 0, 16);
	*v6 = strchr(text, ':') != NULL;
	return inet_pton(*v6 ? AF_INET6 : AF_INET, text, address) == 1;
}

static int take_address(struct host_options *o, char *value)
{
	struct host_address *a = &o->addresses[o->n_addresses];
	char *slash = strchr(value, '/');
	uint32_t bits;

	if (o->n_addresses == HOST_ADDRESSES_MAX || !slash)
		return -EINVAL;
	*slash = '\0';
	if (!read_ip(value, a->address, &a->v6) ||
	    !read_number(slash + 1, a->v6 ? 128 : 32, &bits))
		return -EINVAL;
	a->prefix_bits = (uint8_t)bits;
	o->n_addresses++;
	return 0;
}

/* For the last address of its family. */
static int take_gateway(struct host_options *o, const char *value)
{
	uint8_t address[16], v6;

	if (!read_ip(value, address, &v6))
		return -EINVAL;
	for (uint32_t n = o->n_addresses; n-- > 0;) {
		struct host_address *a = &o->addresses[n];

		if (a->v6 != v6)
			continue;
		memcpy(a->gateway, address, sizeof(a->gateway));
		a->has_gateway = 1;
		return 0;
	}
	return -EINVAL;
}

static int take_mac(struct host_options *o, const char *value)
{
	uint8_t *m = o->mac;
	int end = 0;

	if (sscanf(value, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1],
		   &m[2], &m[3], &m[4], &m[5], &end) != 6 || value[end] ||
	    m[0] & 1)
		return -EINVAL;
	return 0;
}

static int take_option(struct host_options *o, char *option,
		       struct wire_error *error)
{
	char *value = strchr(option, '=');
	const char *why = "unknown option: address, gateway, mac or mtu";

	if (!value)
		return refuse(error, option, why);
	*value++ = '\0';
	if (!strcmp(option, "address")) {
		if (!take_address(o, value))
			return 0;
		why = "not an address with its prefix, as 10.0.0.2/24, or too many";
	} else if (!strcmp(option, "gateway")) {
		if (!take_gateway(o, value))
			return 0;
		why = "not an address, or before the address that it is for";
	} else if (!strcmp(option, "mac")) {
		if (!take_mac(o, value))
			return 0;
		why = "not the MAC address of a station";
	} else if (!strcmp(option, "mtu")) {
		if (read_number(value, UINT16_MAX, &o->mtu) && o->mtu >= MTU_MIN)
			return 0;
		why = "not a number from 68 to 65535";
	} else {
		return refuse(error, option, why);
	}
	return refuse(error, value, why);
}

int host_options_parse(struct host_options *options, const char *where, char **spec,
		       struct wire_error *error)
{
	char *copy = strdup(where), *rest, *option;
	int err = 0;

	if (!copy) {
		(void)!refuse(error, where, "no memory");
		return -ENOMEM;
	}
	rest = strchr(copy, ';');
	if (rest)
		*rest++ = '\0';
	while (!err && rest && (option = strsep(&rest, ";")))
		err = take_option(options, option, error);
	if (err)
		free(copy);
	else
		*spec = copy;
	return err;
}

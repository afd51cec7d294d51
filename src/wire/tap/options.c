// SPDX-License-Identifier: BSD-2-Clause
/* options.c - What stands behind "tap:" in a wire's specification, and what it sets */
#include "wire/tap/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/netlink.h"

#define MAC_BYTES 6

int tap_refuse(struct wire_error *error, const char *name, int err, const char *why)
{
	snprintf(error->text, sizeof(error->text), "tap %s: %s", name, why);
	return err;
}

int tap_refuse_errno(struct wire_error *error, const char *name, const char *what,
		     int err)
{
	const char *hint = "";
	char why[200];

	if (err == -EPERM || err == -EACCES)
		hint = " (needs CAP_NET_ADMIN; try sudo, or unshare -Urn)";
	else if (err == -EBUSY)
		hint = " (another program has it open)";
	snprintf(why, sizeof(why), "%s%s%s%s", what, *what ? ": " : "",
		 strerror(-err), hint);
	return tap_refuse(error, name, err, why);
}

static int parse_number(const char *text, unsigned min, unsigned max,
			unsigned *value)
{
	char *end;
	unsigned long v;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	v = strtoul(text, &end, 10);
	if (*end || v < min || v > max)
		return -EINVAL;
	*value = (unsigned)v;
	return 0;
}

static int parse_address(struct tap_options *o, char *text)
{
	struct tap_address *a = &o->addresses[o->n_addresses];
	char *prefix = strchr(text, '/');
	unsigned bits;

	if (o->n_addresses == TAP_ADDRESSES_MAX || !prefix)
		return -EINVAL;
	*prefix++ = '\0';
	a->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a->family, text, a->bytes) != 1 ||
	    parse_number(prefix, 0, a->family == AF_INET ? 32 : 128, &bits))
		return -EINVAL;
	a->prefix = (uint8_t)bits;
	o->n_addresses++;
	return 0;
}

static int parse_mac(struct tap_options *o, const char *text)
{
	int len = 0;
	uint8_t *m = o->mac;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &m[0], &m[1],
		   &m[2], &m[3], &m[4], &m[5], &len) != MAC_BYTES || text[len])
		return -EINVAL;
	if (m[0] & 1)
		return -EINVAL;		/* a group address */
	o->has_mac = true;
	return 0;
}

static int take_value(struct tap_options *o, const char *key, char *value)
{
	if (!strcmp(key, "address"))
		return parse_address(o, value);
	if (!strcmp(key, "mac"))
		return parse_mac(o, value);
	if (!strcmp(key, "mtu"))
		return parse_number(value, 68, 65521, &o->mtu);
	if (!strcmp(key, "fd")) {
		o->is_shared = true;
		return parse_number(value, 0, INT_MAX, &o->fd);
	}
	if (strcmp(key, "tso") || (strcmp(value, "off") && strcmp(value, "on")))
		return -EINVAL;
	o->tso_off = !strcmp(value, "off");
	return 0;
}

static int take_option(struct tap_options *o, char *option)
{
	char *value = strchr(option, '=');

	if (value) {
		*value++ = '\0';
		return take_value(o, option, value);
	}
	if (!strcmp(option, "up"))
		o->up = true;
	else if (!strcmp(option, "plain"))
		o->plain = true;
	else
		return -EINVAL;
	return 0;
}

int tap_options_parse(struct tap_options *o, char *args, struct wire_error *error)
{
	const char *name = strsep(&args, ",");
	char *option, why[128], shown[48];

	if (!*name || strlen(name) >= sizeof(o->name))
		return tap_refuse(error, name, -EINVAL, "not a name for an interface");
	strcpy(o->name, name);
	while ((option = strsep(&args, ","))) {
		snprintf(shown, sizeof(shown), "%s", option);
		if (!take_option(o, option))
			continue;
		snprintf(why, sizeof(why), "bad option \"%s\": address=A/P, mac=M, mtu=N, up, tso=off or plain",
			 shown);
		return tap_refuse(error, name, -EINVAL, why);
	}
	return 0;
}

/* ---- Configure ------------------------------------------------------------- */

static int add_address(int netlink, int index, const struct tap_address *a)
{
	struct ifaddrmsg head = {
		.ifa_family = a->family,
		/* Nobody else is on this link who could have the same. */
		.ifa_flags = IFA_F_NODAD,
		.ifa_prefixlen = a->prefix,
		.ifa_index = (uint32_t)index,
	};
	struct netlink_request r = { 0 };
	size_t len = a->family == AF_INET ? 4 : 16;

	netlink_begin(&r, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
		      &head, sizeof(head));
	netlink_put(&r, IFA_LOCAL, a->bytes, len);
	netlink_put(&r, IFA_ADDRESS, a->bytes, len);
	return netlink_send(netlink, &r, NULL, 0);
}

static int change_link(int netlink, int index, const struct tap_options *o)
{
	struct ifinfomsg head = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = o->up ? IFF_UP : 0,
		.ifi_change = o->up ? IFF_UP : 0,
	};
	struct netlink_request r = { 0 };

	netlink_begin(&r, RTM_NEWLINK, NLM_F_ACK, &head, sizeof(head));
	if (o->has_mac)
		netlink_put(&r, IFLA_ADDRESS, o->mac, sizeof(o->mac));
	if (o->mtu)
		netlink_put(&r, IFLA_MTU, &o->mtu, sizeof(o->mtu));
	return netlink_send(netlink, &r, NULL, 0);
}

bool tap_changes_settings(const struct tap_options *o)
{
	return o->n_addresses || o->has_mac || o->mtu || o->up;
}

int tap_configure(const struct tap_options *o, int index, struct wire_error *error)
{
	int netlink = netlink_open(NETLINK_ROUTE), err;

	if (netlink < 0)
		return tap_refuse_errno(error, o->name, "netlink", netlink);
	err = change_link(netlink, index, o);
	if (err)
		err = tap_refuse_errno(error, o->name, "mac, mtu or up", err);
	for (unsigned n = 0; !err && n < o->n_addresses; n++) {
		err = add_address(netlink, index, &o->addresses[n]);
		if (err)
			err = tap_refuse_errno(error, o->name, "address", err);
	}
	close(netlink);
	return err;
}

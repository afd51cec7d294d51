// SPDX-License-Identifier: BSD-2-Clause
/* interface.c - What the kernel says of a network interface */
#include "wire/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/netlink.h"

#define FEATURES_MAX 256	/* Linux 6.18 has 64                            */

static int open_control(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A kernel without IPv4 is unusual, but has interfaces too. */
	if (fd < 0)
		fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int set_name(struct ifreq *request, const char *name)
{
	size_t len = strlen(name);

	memset(request, 0, sizeof(*request));
	if (!len || len >= IFNAMSIZ)
		return -ENODEV;
	memcpy(request->ifr_name, name, len);
	return 0;
}

static int query(int fd, struct ifreq *request, struct interface_state *state)
{
	if (ioctl(fd, SIOCGIFINDEX, request))
		return -errno;
	state->index = request->ifr_ifindex;
	if (ioctl(fd, SIOCGIFMTU, request))
		return -errno;
	state->mtu = (uint32_t)request->ifr_mtu;
	if (ioctl(fd, SIOCGIFFLAGS, request))
		return -errno;
	state->up = request->ifr_flags & IFF_UP;
	if (ioctl(fd, SIOCGIFHWADDR, request))
		return -errno;
	state->hardware = request->ifr_hwaddr.sa_family;
	return 0;
}

int interface_query(const char *name, struct interface_state *state)
{
	struct ifreq request;
	int err = set_name(&request, name), fd;

	if (err)
		return err;
	fd = open_control();
	if (fd < 0)
		return fd;
	err = query(fd, &request, state);
	close(fd);
	return err;
}

/* The questions to SIOCETHTOOL, each with room for the answer behind it. */
union ethtool_question {
	struct ethtool_sset_info count;
	struct ethtool_gstrings strings;
	struct ethtool_gfeatures features;
	uint8_t room[sizeof(struct ethtool_gstrings) +
		     FEATURES_MAX * ETH_GSTRING_LEN];
};

static int ask(int fd, struct ifreq *request, union ethtool_question *question)
{
	request->ifr_data = (void *)question;
	return ioctl(fd, SIOCETHTOOL, request) ? -errno : 0;
}

static int ask_count(int fd, struct ifreq *request, uint32_t *n)
{
	union ethtool_question q = { .count = {
		.cmd = ETHTOOL_GSSET_INFO,
		.sset_mask = 1ULL << ETH_SS_FEATURES,
	} };
	int err = ask(fd, request, &q);

	if (err)
		return err;
	if (!q.count.sset_mask || q.count.data[0] > FEATURES_MAX)
		return -EOPNOTSUPP;
	*n = q.count.data[0];
	return 0;
}

static void take_feature(struct interface_features *f, const char *name)
{
	const struct {
		const char *name;
		bool *on, *on_too;
	} known[] = {
		{ "tx-checksum-ip-generic", &f->csum4, &f->csum6 },
		{ "tx-checksum-ipv4", &f->csum4, NULL },
		{ "tx-checksum-ipv6", &f->csum6, NULL },
		{ "rx-checksum", &f->rx_csum, NULL },
		{ "tx-tcp-segmentation", &f->tso4, NULL },
		{ "tx-tcp6-segmentation", &f->tso6, NULL },
		{ "tx-udp-segmentation", &f->uso, NULL },
		{ "tx-generic-segmentation", &f->gso, NULL },
		{ "rx-gro", &f->gro, NULL },
		{ "rx-gro-hw", &f->gro_hw, NULL },
		{ "rx-lro", &f->lro, NULL },
	};

	for (unsigned n = 0; n < ARRAY_SIZE(known); n++) {
		if (strncmp(known[n].name, name, ETH_GSTRING_LEN))
			continue;
		*known[n].on = true;
		if (known[n].on_too)
			*known[n].on_too = true;
	}
}

static int query_features(int fd, struct ifreq *request,
			  struct interface_features *features)
{
	union ethtool_question names, states;
	uint32_t n;
	int err = ask_count(fd, request, &n);

	if (err)
		return err;
	names.strings = (struct ethtool_gstrings){
		.cmd = ETHTOOL_GSTRINGS,
		.string_set = ETH_SS_FEATURES,
		.len = n,
	};
	states.features = (struct ethtool_gfeatures){
		.cmd = ETHTOOL_GFEATURES,
		.size = (n + 31) / 32,
	};
	err = ask(fd, request, &names);
	if (!err)
		err = ask(fd, request, &states);
	for (uint32_t bit = 0; !err && bit < n; bit++) {
		const uint8_t *name = names.strings.data + bit * ETH_GSTRING_LEN;

		if (states.features.features[bit / 32].active >> bit % 32 & 1)
			take_feature(features, (const char *)name);
	}
	return err;
}

int interface_query_features(const char *name,
			     struct interface_features *features)
{
	struct ifreq request;
	int err = set_name(&request, name), fd;

	memset(features, 0, sizeof(*features));
	if (err)
		return err;
	fd = open_control();
	if (fd < 0)
		return fd;
	err = query_features(fd, &request, features);
	close(fd);
	return err;
}

static bool is_used_address(const struct ifaddrs *a, const char *name)
{
	const struct sockaddr_in6 *v6 = (const void *)a->ifa_addr;

	if (!a->ifa_addr || strcmp(a->ifa_name, name))
		return false;
	if (a->ifa_addr->sa_family == AF_INET)
		return true;
	return a->ifa_addr->sa_family == AF_INET6 &&
	       !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static bool names_master(struct nlmsghdr *answer)
{
	int left = (int)IFLA_PAYLOAD(answer);
	struct rtattr *a = IFLA_RTA(NLMSG_DATA(answer));

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
		if (a->rta_type == IFLA_MASTER)
			return true;
	}
	return false;
}

static bool has_master(const char *name)
{
	const struct ifinfomsg head = { .ifi_family = AF_UNSPEC };
	struct netlink_request r = { 0 };
	_Alignas(8) uint8_t answer[8192];
	int fd = netlink_open(NETLINK_ROUTE), got;

	if (fd < 0)
		return true;
	netlink_begin(&r, RTM_GETLINK, 0, &head, sizeof(head));
	netlink_put_text(&r, IFLA_IFNAME, name);
	got = netlink_send(fd, &r, answer, sizeof(answer));
	close(fd);
	return got <= 0 || names_master((void *)answer);
}

bool interface_is_in_use(const char *name)
{
	struct ifaddrs *all;
	bool used = false;

	if (getifaddrs(&all))
		return true;
	for (const struct ifaddrs *a = all; a && !used; a = a->ifa_next)
		used = is_used_address(a, name);
	freeifaddrs(all);
	return used || has_master(name);
}

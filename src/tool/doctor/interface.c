// SPDX-License-Identifier: BSD-2-Clause
/* interface.c - Offloads and settings of one interface */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tool/doctor/doctor.h"
#include "wire/interface.h"

/* Its driver's name, "" when it does not say. */
static void read_driver(const char *name, char *driver, size_t size)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq request = { .ifr_data = (void *)&info };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	driver[0] = '\0';
	if (fd < 0)
		return;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (!ioctl(fd, SIOCETHTOOL, &request))
		snprintf(driver, size, "%.31s", info.driver);
	close(fd);
}

static void check_joining(struct doctor *d, const char *name,
			  const struct interface_features *f)
{
	const struct {
		bool on;
		const char *option, *why;
	} joining[] = {
		{ f->gro, "gro", "the kernel joins segments before the device sees them" },
		{ f->gro_hw, "rx-gro-hw", "the hardware joins segments before the device sees them" },
		{ f->lro, "lro", "the hardware joins segments, in a way that cannot be undone" },
	};
	char change[DOCTOR_TEXT_BYTES];
	bool none = true;

	for (unsigned n = 0; n < ARRAY_SIZE(joining); n++) {
		if (!joining[n].on)
			continue;
		none = false;
		snprintf(change, sizeof(change), "ethtool -K %s %s off", name,
			 joining[n].option);
		doctor_say(d, DOCTOR_WARN, change, "%s: %s is on: %s", name,
			   joining[n].option, joining[n].why);
	}
	if (none)
		doctor_say(d, DOCTOR_OK, "", "%s: frames arrive as they were sent (gro, lro off)",
			   name);
}

static void check_cutting(struct doctor *d, const char *name,
			  const struct interface_features *f)
{
	char change[DOCTOR_TEXT_BYTES], driver[32];
	bool units = f->tso4 || f->tso6;

	read_driver(name, driver, sizeof(driver));
	if (units && !strcmp(driver, "veth")) {
		snprintf(change, sizeof(change),
			 "ethtool -K %s tso off, and the same on the peer, for frames of the MTU",
			 name);
		doctor_say(d, DOCTOR_WARN, change,
			   "%s: tso is on, and a veth does not cut: units of 64 KiB reach the peer",
			   name);
	} else if (units) {
		doctor_say(d, DOCTOR_OK, "", "%s: takes units%s%s%s", name,
			   f->tso4 ? " TCPv4" : "", f->tso6 ? " TCPv6" : "",
			   f->uso ? " UDP" : "");
	} else {
		doctor_say(d, DOCTOR_OK, "", "%s: tso is off: units are cut here", name);
	}
	if (f->csum4 && f->csum6)
		doctor_say(d, DOCTOR_OK, "", "%s: finishes checksums", name);
	else
		doctor_say(d, DOCTOR_OK, "", "%s: tx checksums are off: they are finished here",
			   name);
}

static long read_setting(const char *name, const char *setting)
{
	char path[96 + IFNAMSIZ], value[32];

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", name,
		 setting);
	return doctor_read(path, value, sizeof(value)) ? atol(value) : -1;
}

static void check_address(struct doctor *d, const char *name)
{
	char change[DOCTOR_TEXT_BYTES];

	if (!interface_is_in_use(name)) {
		doctor_say(d, DOCTOR_OK, "",
			   "%s: no address: afpacket:%s takes it over", name,
			   name);
		return;
	}
	snprintf(change, sizeof(change),
		 "move the address to the TAP device, or afpacket:%s,exclusive",
		 name);
	doctor_say(d, DOCTOR_WARN, change,
		   "%s: has an address, or belongs to a bridge: the kernel's own stack hears and answers too",
		   name);
}

static void check_settings(struct doctor *d, const char *name)
{
	long all = read_setting("all", "rp_filter");
	long own = read_setting(name, "rp_filter");
	char change[DOCTOR_TEXT_BYTES];

	if (own < 0 || (all != 1 && own != 1))
		return;
	if (all == 2 || own == 2)
		return;			/* the larger holds: loose */
	snprintf(change, sizeof(change),
		 "sysctl net.ipv4.conf.%s.rp_filter=2, if routes are not symmetric",
		 name);
	doctor_say(d, DOCTOR_WARN, change, "%s: strict rp_filter", name);
}

static void check_offloads(struct doctor *d, const char *name)
{
	struct interface_features f;

	if (interface_query_features(name, &f)) {
		doctor_say(d, DOCTOR_UNKNOWN, "", "%s: does not tell its offloads",
			   name);
		return;
	}
	check_joining(d, name, &f);
	check_cutting(d, name, &f);
}

void doctor_check_interface(struct doctor *d, const char *name)
{
	struct interface_state s;
	char change[DOCTOR_TEXT_BYTES];

	if (interface_query(name, &s))
		return;
	if (s.hardware != ARPHRD_ETHER && s.hardware != ARPHRD_LOOPBACK) {
		doctor_say(d, DOCTOR_MISSING, "another interface",
			   "%s: not an Ethernet interface", name);
		return;
	}
	if (!s.up) {
		snprintf(change, sizeof(change), "ip link set %s up", name);
		doctor_say(d, DOCTOR_WARN, change, "%s: down", name);
	}
	doctor_say(d, DOCTOR_OK, "", "%s: MTU %u", name, s.mtu);
	check_address(d, name);
	check_settings(d, name);
	check_offloads(d, name);
}

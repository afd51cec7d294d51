// SPDX-License-Identifier: BSD-2-Clause
/* link.c - The wire that a program's stack is on, and its addresses */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/run/run.h"
#include "wire/netlink.h"

#define WHERE_BYTES 1024
#define NETWORKS 256		/* 10.111.0.0/30 and those that follow          */

/* ---- Namespaces --------------------------------------------------------------- */

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* So that the kernel's side can be reached by its own address, too. */
static int set_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		err = -errno;
	close(fd);
	return err;
}

int link_enter_namespace(void)
{
	unsigned uid = geteuid(), gid = getegid();
	char users[48], groups[48];
	int err = 0;

	snprintf(users, sizeof(users), "%u %u 1", uid, uid);
	snprintf(groups, sizeof(groups), "%u %u 1", gid, gid);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		err = -errno;
	if (!err)
		err = write_file("/proc/self/setgroups", "deny");
	if (!err)
		err = write_file("/proc/self/uid_map", users);
	if (!err)
		err = write_file("/proc/self/gid_map", groups);
	if (!err)
		err = set_loopback_up();
	if (err)
		message_errno(err, "run: --netns: not allowed here, see tto-doctor(8)");
	return err;
}

/* ---- A TAP device of our own ----------------------------------------------------- */

/* Does a route other than the default one lead to @address? Then it is not free. */
static bool is_in_use(int netlink, int family, const void *address)
{
	size_t len = family == AF_INET ? 4 : 16;
	struct rtmsg head = {
		.rtm_family = (unsigned char)family,
		.rtm_dst_len = (unsigned char)(len * 8),
		.rtm_flags = RTM_F_FIB_MATCH,
	};
	struct netlink_request r = { 0 };
	_Alignas(8) uint8_t answer[4096];
	const struct rtmsg *route = NLMSG_DATA(answer);

	netlink_begin(&r, RTM_GETROUTE, 0, &head, sizeof(head));
	netlink_put(&r, RTA_DST, address, len);
	return netlink_send(netlink, &r, answer, sizeof(answer)) >=
	       (int)NLMSG_LENGTH(sizeof(*route)) && route->rtm_dst_len;
}

/* Networks of the device tto@n; the kernel is 1 in them, the stack is 2. */
static bool is_free(int netlink, unsigned n)
{
	const uint8_t v4[4] = { 10, 111, (uint8_t)(n >> 6), (uint8_t)(n << 2 | 2) };
	const uint8_t v6[16] = { 0xfd, 0x74, 0x74, 0x6f, (uint8_t)(n >> 8), (uint8_t)n,
				 [15] = 2 };
	char name[IF_NAMESIZE];

	snprintf(name, sizeof(name), "tto%u", n);
	return !if_nametoindex(name) && !is_in_use(netlink, AF_INET, v4) &&
	       !is_in_use(netlink, AF_INET6, v6);
}

static bool has_ipv6(void)
{
	static const char path[] = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value = '1';

	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '1';
	close(fd);
	return value == '0';
}

/* ---- Start -------------------------------------------------------------------------- */

static void append(char where[WHERE_BYTES], const char *format, ...) PRINTF_LIKE(2, 3);

static void append(char where[WHERE_BYTES], const char *format, ...)
{
	size_t at = strlen(where);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(where + at, WHERE_BYTES - at, format, arguments);
	va_end(arguments);
}

static int start(const struct run_arguments *a, char where[WHERE_BYTES],
		 struct tto_error *error)
{
	for (unsigned n = 0; n < a->n_addresses; n++)
		append(where, ";address=%s", a->addresses[n]);
	for (unsigned n = 0; n < a->n_gateways; n++)
		append(where, ";gateway=%s", a->gateways[n]);
	if (a->loopback)
		append(where, ";loopback");
	if (strlen(where) == WHERE_BYTES - 1) {
		snprintf(error->text, sizeof(error->text), "too many addresses");
		return -EINVAL;
	}
	error->text[0] = '\0';
	return tto_start(where, error);
}

static int start_on_tap(const struct run_arguments *a, struct tto_error *error)
{
	int netlink = netlink_open(NETLINK_ROUTE), err = -EADDRNOTAVAIL;
	bool v6 = has_ipv6();
	unsigned n;

	if (netlink < 0)
		return netlink;
	snprintf(error->text, sizeof(error->text), "no private network is free: --wire");
	for (n = 0; n < NETWORKS && err; n++) {
		unsigned high = n >> 6, low = n << 2 & 0xff;
		char where[WHERE_BYTES] = "";

		if (!is_free(netlink, n))
			continue;
		append(where, "tap:tto%u,address=10.111.%u.%u/30", n, high, low + 1);
		if (v6)
			append(where, ",address=fd74:746f:%x::1/126", n);
		append(where, ",up;address=10.111.%u.%u/30", high, low + 2);
		if (v6)
			append(where, ";address=fd74:746f:%x::2/126", n);
		err = start(a, where, error);
		if (!err && !a->quiet)
			message("10.111.%u.%u%s on tto%u, the kernel is 10.111.%u.%u",
				high, low + 2, "", n, high, low + 1);
		/* Somebody else may have taken it in this moment. */
		if (err != -EBUSY && err != -EEXIST)
			break;
	}
	close(netlink);
	return err;
}

static int start_on_wire(const struct run_arguments *a, struct tto_error *error)
{
	char where[WHERE_BYTES] = "";
	int err;

	append(where, "%s", a->wire);
	err = start(a, where, error);
	if (!err && !a->quiet)
		message("%s on %s", a->addresses[0], a->wire);
	return err;
}

static int start_on_daemon(const struct run_arguments *a, struct tto_error *error)
{
	char where[WHERE_BYTES] = "";

	append(where, "daemon:%s", a->daemon);
	return start(a, where, error);
}

int link_start(const struct run_arguments *a)
{
	struct tto_error error = { "" };
	int err = a->daemon ? start_on_daemon(a, &error) :
		  a->wire ? start_on_wire(a, &error) : start_on_tap(a, &error);

	if (!err)
		return 0;
	if (!a->wire && !a->daemon && (err == -EPERM || err == -EACCES))
		message("run: a TAP device needs CAP_NET_ADMIN: be root, or use --netns");
	else if (error.text[0])
		message("%s", error.text);
	else
		message_errno(err, "run");
	return err;
}

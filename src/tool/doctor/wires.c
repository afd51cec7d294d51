// SPDX-License-Identifier: BSD-2-Clause
/*
 * wires.c - Privileges, namespaces, and what each wire needs
 *
 * DOC: Theory of operation
 * What the kernel can do is tried out, in a network namespace that a child makes
 * for itself and that ends with it; an unprivileged user needs a user namespace
 * for that. What this process may do here is told by its capabilities.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/doctor/doctor.h"
#include "wire/exclusive.h"
#include "wire/memif/doorbell.h"
#include "wire/memif/region.h"
#include "wire/wire.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

/* What the child found: 0 or -errno each. */
struct probe {
	int namespace;
	int tun_device;
	int tap;
	int uso;
	int packet;		/* with the virtio-net header                   */
	int exclusive;
};

static int try_tap(int fd, struct probe *p)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	strcpy(request.ifr_name, "tto%d");
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, TUNSETOFFLOAD, tso))
		return -errno;
	p->uso = ioctl(fd, TUNSETOFFLOAD, tso | TUN_F_USO4 | TUN_F_USO6) ?
		 -errno : 0;
	return 0;
}

static void try_tun(struct probe *p)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	p->tun_device = fd < 0 ? -errno : 0;
	p->tap = p->uso = p->tun_device;
	if (fd < 0)
		return;
	p->tap = try_tap(fd, p);
	close(fd);
}

static int try_packet(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), err = 0;
	int version = TPACKET_V2, on = 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)))
		err = -errno;
	close(fd);
	return err;
}

static void run_child(int out)
{
	int flags = CLONE_NEWNET | (geteuid() ? CLONE_NEWUSER : 0), fd;
	struct probe p = { 0 };

	if (unshare(flags))
		p.namespace = -errno;
	/* Without a namespace of its own it would touch the user's. */
	if (!p.namespace) {
		try_tun(&p);
		p.packet = try_packet();
		fd = exclusive_take("lo");
		p.exclusive = fd < 0 ? fd : 0;
	}
	_exit(write(out, &p, sizeof(p)) != sizeof(p));
}

static bool run_probe(struct probe *p)
{
	int ends[2], status;
	pid_t child;
	ssize_t got;

	if (pipe2(ends, O_CLOEXEC))
		return false;
	fflush(NULL);
	child = fork();
	if (!child)
		run_child(ends[1]);
	close(ends[1]);
	got = child > 0 ? read(ends[0], p, sizeof(*p)) : -1;
	close(ends[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	return got == sizeof(*p);
}

static uint64_t effective_capabilities(void)
{
	char line[128];
	uint64_t bits = 0;
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "CapEff:", 7))
			bits = strtoull(line + 7, NULL, 16);
	}
	if (file)
		fclose(file);
	return bits;
}

static void check_privilege(struct doctor *d)
{
	uint64_t bits = effective_capabilities();
	bool raw = bits >> CAP_NET_RAW & 1, admin = bits >> CAP_NET_ADMIN & 1;

	if (raw && admin)
		doctor_say(d, DOCTOR_OK, "", "privilege: CAP_NET_RAW and CAP_NET_ADMIN");
	else
		doctor_say(d, DOCTOR_WARN,
			   "sudo, or inside a namespace: unshare -Urn",
			   "privilege: no %s%s%s: afpacket and tap cannot be opened here",
			   raw ? "" : "CAP_NET_RAW", raw || admin ? "" : ", no ",
			   admin ? "" : "CAP_NET_ADMIN");
}

static void check_namespace(struct doctor *d, const struct probe *p)
{
	const char *kind = geteuid() ? "user and network" : "network";
	char change[DOCTOR_TEXT_BYTES] = "sudo";

	if (!p->namespace) {
		doctor_say(d, DOCTOR_OK, "", "%s namespaces", kind);
		return;
	}
	if (geteuid())
		snprintf(change, sizeof(change),
			 "sudo, or as root: sysctl user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0, whichever is there");
	doctor_say(d, DOCTOR_MISSING, change, "%s namespaces: %s", kind,
		   strerror(-p->namespace));
	doctor_say(d, DOCTOR_UNKNOWN, "",
		   "tap, afpacket: not tried out, for want of a namespace");
}

static void check_tap(struct doctor *d, const struct probe *p)
{
	if (p->tun_device)
		doctor_say(d, DOCTOR_MISSING,
			   "modprobe tun; in a container: --device /dev/net/tun",
			   "/dev/net/tun: %s", strerror(-p->tun_device));
	else if (p->tap)
		doctor_say(d, DOCTOR_MISSING, "a kernel with TAP and virtio-net headers",
			   "tap with virtio-net header: %s", strerror(-p->tap));
	else
		doctor_say(d, DOCTOR_OK, "", "tap with virtio-net header: TCP units%s",
			   p->uso ? "" : ", UDP units");
}

static void check_packet(struct doctor *d, const struct probe *p)
{
	if (p->packet)
		doctor_say(d, DOCTOR_MISSING, "a kernel with CONFIG_PACKET",
			   "afpacket with virtio-net header: %s",
			   strerror(-p->packet));
	else
		doctor_say(d, DOCTOR_OK, "", "afpacket with virtio-net header");
	if (p->exclusive)
		doctor_say(d, DOCTOR_WARN,
			   "CONFIG_NF_TABLES and CONFIG_NF_TABLES_NETDEV; or ip link set IF arp off",
			   "afpacket: an interface cannot be taken over (nftables: %s); the kernel's own stack answers too",
			   strerror(-p->exclusive));
	else
		doctor_say(d, DOCTOR_OK, "", "afpacket: an interface can be taken over (nftables)");
}

/* Tried out here: it needs no namespace, and leaves nothing. */
static void check_memif(struct doctor *d)
{
	struct region r = { .fd = -1 };
	struct doorbell bell;
	int err = memif_region_make(&r, 4096), event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	doorbell_init(&bell);
	if (event >= 0)
		doorbell_ring(&bell, event);
	if (err || event < 0)
		doctor_say(d, DOCTOR_MISSING, "a kernel with memfd_create, sealing and eventfd",
			   "memif: %s", strerror(err ? -err : ENOSYS));
	else if (!bell.context)
		doctor_say(d, DOCTOR_WARN, "allow io_setup and io_submit, or raise fs.aio-max-nr",
			   "memif: no asynchronous I/O: a hostile peer could keep us waiting in a write");
	else
		doctor_say(d, DOCTOR_OK, "", "memif: sealed memory, doorbells that do not wait");
	doorbell_close(&bell);
	memif_region_close(&r);
	if (event >= 0)
		close(event);
}

void doctor_check_wires(struct doctor *d)
{
	struct probe p;

	check_privilege(d);
	check_memif(d);
	if (!run_probe(&p)) {
		doctor_say(d, DOCTOR_UNKNOWN, "",
			   "wires: no process could be started to try them out");
		return;
	}
	check_namespace(d, &p);
	if (p.namespace)
		return;
	check_tap(d, &p);
	check_packet(d, &p);
}

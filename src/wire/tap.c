// SPDX-License-Identifier: BSD-2-Clause
/*
 * tap.c - The kernel's network stack, by a TAP device
 *
 * DOC: Theory of operation
 * What is sent here the kernel receives, as from a network card, and the reverse.
 * With the virtio-net header (IFF_VNET_HDR) one write hands over an aggregate of
 * up to 64 KiB and one read takes a unit as long, its checksum unfinished: the
 * cost of a system call and of the kernel's path is paid once for all segments.
 *
 *	tap:NAME[,address=A/P][,mac=M][,mtu=N][,up][,tso=off][,plain]
 *
 * "tso=off": the kernel cuts what it sends itself. "plain": without the header,
 * whole frames only.
 *
 * A device that is not there is made, and is gone when the descriptor is closed,
 * however the process ends. A persistent one (ip tuntap add) is attached to; its
 * settings are its owner's.
 *
 * The frames of a call lie one behind the other in an arena, so that short ones
 * stay in the cache; a call ends when the next might not fit.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "wire/interface.h"
#include "wire/kinds.h"
#include "wire/netlink.h"
#include "wire/wire.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20		/* Linux 6.2 */
#define TUN_F_USO6 0x40
#endif

#define BATCH 128		/* frames a call                                */
#define ARENA_BYTES (512U << 10)
#define FRAME_ROOM (66U << 10)	/* 65535 bytes of IP, Ethernet, tags, header    */
#define IP_ALIGN 18		/* the IP header of a frame is aligned          */
#define SEND_ELEMENTS 64
#define ADDRESSES_MAX 8
#define LINKTYPE_ETHERNET 1
#define ETHERNET_BYTES 18	/* with a VLAN tag                              */
#define MAC_BYTES 6

struct tap {
	struct wire wire;
	int fd;
	bool plain;
	bool created;		/* by us: goes with the descriptor              */
	struct iovec received[BATCH];
	uint8_t *arena;
};

static struct tap *self(struct wire *w)
{
	return (struct tap *)w;
}

/* ---- Receive and send ------------------------------------------------------ */

static void describe(struct wire_frame *frame, struct iovec *iov, uint8_t *data,
		     size_t len)
{
	*iov = (struct iovec){ .iov_base = data, .iov_len = len };
	frame->iov = iov;
	frame->n_iov = 1;
	frame->len = frame->full_len = (uint32_t)len;
	frame->linktype = LINKTYPE_ETHERNET;
	frame->time = 0;
	frame->comment = NULL;
}

/* Return: bytes of the frame read to @data; 0: none; -errno. */
static int read_frame(struct tap *t, uint8_t *data, struct wire_offload *o)
{
	size_t head = t->plain ? 0 : sizeof(*o);
	ssize_t got = read(t->fd, data - head, FRAME_ROOM - CACHE_LINE);

	if (got < 0) {
		if (errno == EAGAIN || errno == EINTR || errno == EIO)
			return 0;
		return errno == EBADFD ? -ENETDOWN : -errno;
	}
	if ((size_t)got < head)
		return 0;
	*o = (struct wire_offload){ 0 };
	memcpy(o, data - head, head);
	return (int)((size_t)got - head);
}

static int tap_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct tap *t = self(w);
	uint32_t at = 0;
	unsigned n_taken = 0;

	if (n > BATCH)
		n = BATCH;
	while (n_taken < n && at + FRAME_ROOM <= ARENA_BYTES) {
		struct wire_frame *f = &frames[n_taken];
		uint8_t *data = t->arena + at + IP_ALIGN;
		int got = read_frame(t, data, &f->offload);

		if (got < 0 && !n_taken)
			return got;
		if (got <= 0)
			break;
		describe(f, &t->received[n_taken++], data, (size_t)got);
		w->stats.rx_bytes += (uint32_t)got;
		at += (uint32_t)(got + IP_ALIGN + CACHE_LINE - 1) &
		      ~(CACHE_LINE - 1U);
	}
	w->stats.rx_frames += n_taken;
	return (int)n_taken;
}

/* Return: bytes written, or -errno. */
static ssize_t write_frame(struct tap *t, const struct wire_frame *frame)
{
	unsigned head = t->plain ? 0 : 1;
	struct iovec iov[SEND_ELEMENTS];
	ssize_t got;

	if (frame->n_iov + head > SEND_ELEMENTS)
		return -EMSGSIZE;
	iov[0] = (struct iovec){
		.iov_base = (void *)(uintptr_t)&frame->offload,
		.iov_len = sizeof(frame->offload),
	};
	memcpy(iov + head, frame->iov, frame->n_iov * sizeof(*iov));
	got = writev(t->fd, iov, (int)(frame->n_iov + head));
	return got < 0 ? -errno : got;
}

static int tap_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	for (unsigned f = 0; f < n; f++) {
		ssize_t got = write_frame(self(w), &frames[f]);

		if (got >= 0) {
			w->stats.tx_frames++;
			w->stats.tx_bytes += frames[f].len;
			continue;
		}
		if (got == -EAGAIN || got == -EINTR)
			return (int)f;
		if (got == -EBADFD)
			return f ? (int)f : -ENETDOWN;
		/* The device is down, or the kernel does not like the frame. */
		w->stats.tx_dropped++;
	}
	return (int)n;
}

static int tap_fd(const struct wire *w)
{
	return ((const struct tap *)w)->fd;
}

static int tap_close(struct wire *w)
{
	struct tap *t = self(w);

	if (t->fd >= 0) {
		if (!t->created && !t->plain)
			ioctl(t->fd, TUNSETOFFLOAD, 0);
		close(t->fd);
	}
	free(t->arena);
	free(t);
	return 0;
}

static const struct wire_ops tap_ops = {
	.kind = "tap",
	.recv = tap_recv,
	.send = tap_send,
	.fd = tap_fd,
	.close = tap_close,
};

/* ---- Options --------------------------------------------------------------- */

struct address {
	uint8_t family;
	uint8_t prefix;
	uint8_t bytes[16];
};

struct options {
	char name[IF_NAMESIZE];
	struct address addresses[ADDRESSES_MAX];
	unsigned n_addresses;
	uint8_t mac[MAC_BYTES];
	bool has_mac;
	unsigned mtu;			/* 0: as it is                          */
	bool up, plain, tso_off;
};

static int refuse(struct wire_error *error, const char *name, int err,
		  const char *why)
{
	snprintf(error->text, sizeof(error->text), "tap %s: %s", name, why);
	return err;
}

static int refuse_errno(struct wire_error *error, const char *name,
			const char *what, int err)
{
	const char *hint = "";
	char why[200];

	if (err == -EPERM || err == -EACCES)
		hint = " (needs CAP_NET_ADMIN; try sudo, or unshare -Urn)";
	else if (err == -EBUSY)
		hint = " (another program has it open)";
	snprintf(why, sizeof(why), "%s%s%s%s", what, *what ? ": " : "",
		 strerror(-err), hint);
	return refuse(error, name, err, why);
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

static int parse_address(struct options *o, char *text)
{
	struct address *a = &o->addresses[o->n_addresses];
	char *prefix = strchr(text, '/');
	unsigned bits;

	if (o->n_addresses == ADDRESSES_MAX || !prefix)
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

static int parse_mac(struct options *o, const char *text)
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

static int take_value(struct options *o, const char *key, char *value)
{
	if (!strcmp(key, "address"))
		return parse_address(o, value);
	if (!strcmp(key, "mac"))
		return parse_mac(o, value);
	if (!strcmp(key, "mtu"))
		return parse_number(value, 68, 65521, &o->mtu);
	if (strcmp(key, "tso") || (strcmp(value, "off") && strcmp(value, "on")))
		return -EINVAL;
	o->tso_off = !strcmp(value, "off");
	return 0;
}

static int take_option(struct options *o, char *option)
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

static int parse_options(struct options *o, char *args,
			 struct wire_error *error)
{
	const char *name = strsep(&args, ",");
	char *option, why[128], shown[48];

	if (!*name || strlen(name) >= sizeof(o->name))
		return refuse(error, name, -EINVAL, "not a name for an interface");
	strcpy(o->name, name);
	while ((option = strsep(&args, ","))) {
		snprintf(shown, sizeof(shown), "%s", option);
		if (!take_option(o, option))
			continue;
		snprintf(why, sizeof(why), "bad option \"%s\": address=A/P, mac=M, mtu=N, up, tso=off or plain",
			 shown);
		return refuse(error, name, -EINVAL, why);
	}
	return 0;
}

/* ---- Open ------------------------------------------------------------------ */

static int set_offload(struct tap *t, const struct options *o)
{
	struct wire_caps *caps = &t->wire.caps;
	unsigned tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
	unsigned uso = TUN_F_USO4 | TUN_F_USO6;
	int header_bytes = sizeof(struct wire_offload);

	if (o->plain)
		return 0;
	if (ioctl(t->fd, TUNSETVNETHDRSZ, &header_bytes))
		return -errno;
	caps->offload = caps->csum = caps->tso4 = caps->tso6 = true;
	/* What it may hand out; it is told first whether the kernel knows USO. */
	caps->uso = !ioctl(t->fd, TUNSETOFFLOAD, tso | uso);
	if (caps->uso && !o->tso_off)
		return 0;
	return ioctl(t->fd, TUNSETOFFLOAD, o->tso_off ? TUN_F_CSUM : tso) ?
	       -errno : 0;
}

static int attach(struct tap *t, struct options *o)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };

	if (!o->plain)
		request.ifr_flags |= IFF_VNET_HDR;
	strcpy(request.ifr_name, o->name);
	t->created = !if_nametoindex(o->name);
	if (ioctl(t->fd, TUNSETIFF, &request))
		return -errno;
	strcpy(o->name, request.ifr_name);	/* "tap%d" has become a name */
	return 0;
}

static int add_address(int netlink, int index, const struct address *a)
{
	struct ifaddrmsg head = {
		.ifa_family = a->family,
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

static int change_link(int netlink, int index, const struct options *o)
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

static bool changes_settings(const struct options *o)
{
	return o->n_addresses || o->has_mac || o->mtu || o->up;
}

static int configure(const struct tap *t, const struct options *o, int index,
		     struct wire_error *error)
{
	int netlink, err;

	if (!changes_settings(o))
		return 0;
	if (!t->created)
		return refuse(error, o->name, -EEXIST,
			      "a persistent device: address, mac, mtu and up are its owner's to set");
	netlink = netlink_open(NETLINK_ROUTE);
	if (netlink < 0)
		return refuse_errno(error, o->name, "netlink", netlink);
	err = change_link(netlink, index, o);
	if (err)
		err = refuse_errno(error, o->name, "mac, mtu or up", err);
	for (unsigned n = 0; !err && n < o->n_addresses; n++) {
		err = add_address(netlink, index, &o->addresses[n]);
		if (err)
			err = refuse_errno(error, o->name, "address", err);
	}
	close(netlink);
	return err;
}

/* -EINVAL of TUNSETIFF: the name is that of another kind of interface. */
static int explain_attach(struct wire_error *error, const struct options *o,
			  const struct tap *t, int err)
{
	if (err == -EINVAL && !t->created)
		return refuse(error, o->name, -EEXIST,
			      "an interface of that name exists and is no TAP device");
	return refuse_errno(error, o->name, "", err);
}

static int start(struct tap *t, struct options *o, struct wire_error *error)
{
	struct interface_state state;
	int err;

	t->arena = aligned_alloc(CACHE_LINE, ARENA_BYTES);
	if (!t->arena)
		return refuse_errno(error, o->name, "", -ENOMEM);
	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0)
		return refuse_errno(error, o->name, "/dev/net/tun", -errno);
	err = attach(t, o);
	if (err)
		return explain_attach(error, o, t, err);
	err = set_offload(t, o);
	if (!err)
		err = interface_query(o->name, &state);
	if (err)
		return refuse_errno(error, o->name, "", err);
	err = configure(t, o, state.index, error);
	if (err)
		return err;
	/* The kernel takes any length here; a frame that is no unit should fit. */
	t->wire.caps.max_frame = (o->mtu ? o->mtu : state.mtu) + ETHERNET_BYTES;
	strcpy(t->wire.name, o->name);
	return 0;
}

static int open_parsed(struct wire **out, struct options *o,
		       struct wire_error *error)
{
	struct tap *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return refuse_errno(error, o->name, "", -ENOMEM);
	t->fd = -1;
	t->plain = o->plain;
	t->wire.ops = &tap_ops;
	t->wire.caps.live = true;
	t->wire.caps.linktype = LINKTYPE_ETHERNET;
	err = start(t, o, error);
	if (err) {
		tap_close(&t->wire);
		return err;
	}
	*out = &t->wire;
	return 0;
}

int tap_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct options o = { 0 };
	char *copy = strdup(args);
	int err;

	if (!copy)
		return refuse_errno(error, args, "", -ENOMEM);
	err = parse_options(&o, copy, error);
	free(copy);
	return err ? err : open_parsed(out, &o, error);
}

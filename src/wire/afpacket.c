// SPDX-License-Identifier: BSD-2-Clause
/*
 * afpacket.c - The frames of a network interface, by a packet socket
 *
 * DOC: Theory of operation
 * Receives from a ring that the kernel writes (TPACKET_V2): no system call a
 * frame, and a queue that is deeper than an unprivileged socket buffer may be.
 * A place in the ring takes a frame of the interface's MTU. What is larger, units
 * of 64 KiB from a peer that leaves cutting them to the hardware, the kernel
 * queues on the socket besides (PACKET_COPY_THRESH) and recvmsg() fetches:
 *
 *	ring	| frame | frame | copy | frame |  ...		in this order
 *	socket	                  `-> unit of up to 64 KiB
 *
 * (TPACKET_V3 would hold both, but hands up blocks, by a timer of milliseconds.)
 * Sends with sendmmsg(). Units go to an interface that cuts them itself (TSO); with
 * option "gso" to any: then the kernel cuts, just before the driver, which spares a
 * system call and a pass of the kernel's transmit path for each frame.
 *
 * A frame's first bytes are those of the virtio-net header (PACKET_VNET_HDR): what
 * the kernel knows of its checksum and of how it is to be cut. Option "plain" does
 * without. Then the kernel says only that a checksum is unfinished, and where
 * it is has to be found in the frame: the one place where a wire looks into a
 * frame, because frames of every peer on this machine come that way, and nobody
 * behind the wire could know.
 *
 * The kernel takes a VLAN tag out of the frame; it is put back.
 *
 * An interface that the kernel's own stack does not use is taken over: see
 * exclusive.h. Options "exclusive" and "shared" say so instead.
 *
 * Everything is bound to descriptors and ends with them: promiscuous mode, ring,
 * filter.
 *
 * Limits: Ethernet only. Frames larger than LARGE_BYTES are dropped, counted.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire/exclusive.h"
#include "wire/interface.h"
#include "wire/kinds.h"
#include "wire/wire.h"

#ifndef TP_STATUS_CSUM_VALID
#define TP_STATUS_CSUM_VALID (1 << 7)
#endif
#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

#define BATCH 128			/* frames a call                        */
#define RING_BYTES (8U << 20)
#define BLOCK_BYTES (1U << 17)		/* what the kernel allocates at a time  */
#define SLOT_BYTES_MIN (1U << 11)	/* powers of 2                          */
#define SLOT_BYTES_MAX BLOCK_BYTES
#define SLOT_OVERHEAD 128		/* its headers, before the frame        */
#define VLAN_BYTES 4
#define LARGE_N 8			/* larger frames a call                 */
#define LARGE_BYTES (68U << 10)
#define SOCKET_BUFFER_BYTES (8 << 20)
#define SEND_ELEMENTS 512		/* of all frames of a system call       */
#define PATIENCE 16			/* empty calls from one look at the
					 * socket's error to the next           */
#define TAG_AT 12			/* behind the MAC addresses             */
#define IPV4_BYTES 20
#define IPV6_BYTES 40

struct ring {
	uint8_t *memory;
	size_t bytes;
	uint32_t slot_bytes;		/* a power of 2                         */
	uint32_t n_slots;
	uint32_t next;			/* to be read                           */
	uint32_t n_lent;		/* before next, still the caller's      */
};

struct afpacket {
	struct wire wire;
	int fd;
	int exclusive;			/* of exclusive_take(), or -1           */
	int index;			/* of the interface                     */
	bool plain;
	bool gone;			/* the interface is                     */
	unsigned n_empty;
	struct ring ring;
	uint8_t *large;			/* LARGE_N times LARGE_BYTES            */
	unsigned n_large;		/* used in this call                    */
	struct iovec received[BATCH];
	struct mmsghdr messages[BATCH];
	struct iovec elements[SEND_ELEMENTS];
};

static struct afpacket *self(struct wire *w)
{
	return (struct afpacket *)w;
}

/* ---- Receive --------------------------------------------------------------- */

static struct tpacket2_hdr *slot_at(const struct ring *r, uint32_t n)
{
	return (void *)(r->memory + (size_t)n * r->slot_bytes);
}

static uint32_t slot_after(const struct ring *r, uint32_t n, uint32_t steps)
{
	return (n + steps) & (r->n_slots - 1);
}

static void return_slots(struct ring *r)
{
	uint32_t n = slot_after(r, r->next, r->n_slots - r->n_lent);

	for (; r->n_lent; r->n_lent--, n = slot_after(r, n, 1))
		__atomic_store_n(&slot_at(r, n)->tp_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
}

/* The kernel's counter starts again at each question, and so does LOSING. */
static void count_drops(struct afpacket *p)
{
	struct tpacket_stats s;
	socklen_t len = sizeof(s);

	if (!getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &s, &len))
		p->wire.stats.rx_dropped += s.tp_drops;
}

struct bytes {
	uint8_t *data;
	uint32_t len;
};

static uint16_t type_at(const struct bytes *b, uint32_t at)
{
	return at + 2 <= b->len ? load_be16(b->data + at) : 0;
}

/* Offset of what follows IP; 0 when that is not known. */
static uint32_t find_transport(const struct bytes *b, uint8_t *protocol)
{
	uint32_t at = TAG_AT;
	uint16_t type = type_at(b, at);

	for (int tags = 0; tags < 2; tags++) {
		if (type != ETH_P_8021Q && type != ETH_P_8021AD)
			break;
		at += VLAN_BYTES;
		type = type_at(b, at);
	}
	at += 2;
	if (type == ETH_P_IP && at + IPV4_BYTES <= b->len) {
		*protocol = b->data[at + 9];
		return at + (b->data[at] & 15) * 4U;
	}
	if (type == ETH_P_IPV6 && at + IPV6_BYTES <= b->len) {
		*protocol = b->data[at + 6];
		return at + IPV6_BYTES;
	}
	return 0;
}

static void locate_checksum(const struct bytes *b, struct wire_offload *o)
{
	uint8_t protocol;
	uint32_t at = find_transport(b, &protocol);

	if (!at || (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP))
		return;
	o->csum_offset = protocol == IPPROTO_TCP ? 16 : 6;
	if (at + o->csum_offset + 2 > b->len)
		return;
	o->csum_start = (uint16_t)at;
	o->flags = WIRE_NEEDS_CSUM;
}

static void judge_plain(uint32_t status, const struct bytes *b,
			struct wire_offload *o)
{
	*o = (struct wire_offload){ 0 };
	if (status & TP_STATUS_CSUMNOTREADY)
		locate_checksum(b, o);
	else if (status & TP_STATUS_CSUM_VALID)
		o->flags = WIRE_DATA_VALID;
}

/* There are VLAN_BYTES of room before the frame. */
static void put_tag_back(const struct tpacket2_hdr *slot, struct bytes *b,
			 struct wire_offload *o)
{
	uint16_t tpid = slot->tp_status & TP_STATUS_VLAN_TPID_VALID ?
			slot->tp_vlan_tpid : ETH_P_8021Q;

	if (b->len < TAG_AT)
		return;
	b->data -= VLAN_BYTES;
	b->len += VLAN_BYTES;
	memmove(b->data, b->data + VLAN_BYTES, TAG_AT);
	store_be16(b->data + TAG_AT, tpid);
	store_be16(b->data + TAG_AT + 2, slot->tp_vlan_tci);
	if (o->flags & WIRE_NEEDS_CSUM)
		o->csum_start += VLAN_BYTES;
	if (o->hdr_len)
		o->hdr_len += VLAN_BYTES;
}

/* The frame did not fit its place in the ring. */
static bool take_large(struct afpacket *p, const struct tpacket2_hdr *slot,
		       struct bytes *b, struct wire_offload *o)
{
	uint8_t *room = p->large + (size_t)p->n_large * LARGE_BYTES +
			CACHE_LINE;
	struct iovec iov[2] = {
		{ .iov_base = o, .iov_len = p->plain ? 0 : sizeof(*o) },
		{ .iov_base = room, .iov_len = LARGE_BYTES - CACHE_LINE },
	};
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov) };
	ssize_t got;

	if (!(slot->tp_status & TP_STATUS_COPY)) {
		p->wire.stats.rx_dropped++;
		return false;
	}
	got = recvmsg(p->fd, &m, MSG_DONTWAIT);
	if (got < (ssize_t)iov[0].iov_len || m.msg_flags & MSG_TRUNC) {
		p->wire.stats.rx_dropped++;
		return false;
	}
	p->n_large++;
	b->data = room;
	b->len = (uint32_t)((size_t)got - iov[0].iov_len);
	return true;
}

/* Return: whether the slot holds a frame for the caller. */
static bool take_slot(struct afpacket *p, struct tpacket2_hdr *slot,
		      struct iovec *iov, struct wire_frame *frame)
{
	const struct sockaddr_ll *from =
		(const void *)((uint8_t *)slot + TPACKET_ALIGN(sizeof(*slot)));
	struct bytes b = {
		.data = (uint8_t *)slot + slot->tp_mac,
		.len = slot->tp_snaplen,
	};
	struct wire_offload *o = &frame->offload;

	if (from->sll_pkttype == PACKET_OUTGOING)
		return false;
	if (slot->tp_len > slot->tp_snaplen) {
		if (!take_large(p, slot, &b, o))
			return false;
	} else if (!p->plain) {
		memcpy(o, b.data - sizeof(*o), sizeof(*o));
	}
	if (p->plain)
		judge_plain(slot->tp_status, &b, o);
	if (slot->tp_status & TP_STATUS_VLAN_VALID)
		put_tag_back(slot, &b, o);
	*iov = (struct iovec){ .iov_base = b.data, .iov_len = b.len };
	frame->iov = iov;
	frame->n_iov = 1;
	frame->len = frame->full_len = b.len;
	frame->linktype = LINKTYPE_ETHERNET;
	frame->time = 0;
	frame->comment = NULL;
	return true;
}

/*
 * Nothing in the ring: a moment to ask how the interface is, but not each time:
 * that is a system call, and looking into the ring is not.
 */
static int look_around(struct afpacket *p)
{
	char name[IF_NAMESIZE];
	int error = 0;
	socklen_t len = sizeof(error);

	if (++p->n_empty % PATIENCE)
		return 0;
	count_drops(p);
	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	/* Down is no reason to end: it may come up again. */
	if (error == ENETDOWN && !if_indextoname((unsigned)p->index, name))
		p->gone = true;
	return p->gone ? -ENETDOWN : 0;
}

static int afpacket_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct afpacket *p = self(w);
	struct ring *r = &p->ring;
	unsigned n_taken = 0;

	return_slots(r);
	p->n_large = 0;
	if (n > BATCH)
		n = BATCH;
	while (n_taken < n && p->n_large < LARGE_N && r->n_lent < r->n_slots / 2) {
		struct tpacket2_hdr *slot = slot_at(r, r->next);
		uint32_t status = __atomic_load_n(&slot->tp_status,
						  __ATOMIC_ACQUIRE);

		if (!(status & TP_STATUS_USER))
			break;
		if (status & TP_STATUS_LOSING)
			count_drops(p);
		if (take_slot(p, slot, &p->received[n_taken], &frames[n_taken]))
			w->stats.rx_bytes += frames[n_taken++].len;
		r->next = slot_after(r, r->next, 1);
		r->n_lent++;
	}
	w->stats.rx_frames += n_taken;
	return r->n_lent ? (int)n_taken : look_around(p);
}

/* ---- Send ------------------------------------------------------------------ */

/* Return: whether the frame's elements found room. */
static bool put_message(struct afpacket *p, struct mmsghdr *m,
			const struct wire_frame *frame, unsigned *n_elements)
{
	unsigned head = p->plain ? 0 : 1;
	struct iovec *iov = p->elements + *n_elements;

	if (frame->n_iov + head > SEND_ELEMENTS - *n_elements)
		return false;
	if (head)
		iov[0] = (struct iovec){
			.iov_base = (void *)(uintptr_t)&frame->offload,
			.iov_len = sizeof(frame->offload),
		};
	memcpy(iov + head, frame->iov, frame->n_iov * sizeof(*iov));
	*m = (struct mmsghdr){ .msg_hdr = {
		.msg_iov = iov,
		.msg_iovlen = frame->n_iov + head,
	} };
	*n_elements += frame->n_iov + head;
	return true;
}

static void count_sent(struct wire *w, const struct wire_frame *frames,
		       unsigned n)
{
	w->stats.tx_frames += n;
	for (unsigned f = 0; f < n; f++)
		w->stats.tx_bytes += frames[f].len;
}

/*
 * The first frame of a call was refused. Return: 0 when the socket is full and
 * the frame may be offered again; 1 when it is lost; -errno when all are.
 */
static int judge_refusal(struct afpacket *p, int error)
{
	if (error == EAGAIN || error == EINTR)
		return 0;
	p->wire.stats.tx_dropped++;
	if (error == ENXIO || error == ENODEV || error == EBADF)
		return -ENETDOWN;
	return 1;
}

static int send_some(struct afpacket *p, const struct wire_frame *frames,
		     unsigned n)
{
	unsigned n_messages = 0, n_elements = 0;
	int sent;

	while (n_messages < n && n_messages < BATCH &&
	       put_message(p, &p->messages[n_messages], &frames[n_messages],
			   &n_elements))
		n_messages++;
	if (!n_messages) {
		p->wire.stats.tx_dropped++;
		return 1;
	}
	sent = sendmmsg(p->fd, p->messages, n_messages, MSG_DONTWAIT);
	if (sent < 0)
		return judge_refusal(p, errno);
	count_sent(&p->wire, frames, (unsigned)sent);
	return sent;
}

static int afpacket_send(struct wire *w, const struct wire_frame *frames,
			 unsigned n)
{
	unsigned n_taken = 0;

	while (n_taken < n) {
		int err = send_some(self(w), frames + n_taken, n - n_taken);

		if (err < 0)
			return n_taken ? (int)n_taken : err;
		if (!err)
			break;
		n_taken += (unsigned)err;
	}
	return (int)n_taken;
}

static int afpacket_fd(const struct wire *w)
{
	return ((const struct afpacket *)w)->fd;
}

/* ---- Open and close -------------------------------------------------------- */

static int afpacket_close(struct wire *w)
{
	struct afpacket *p = self(w);

	if (p->ring.memory)
		munmap(p->ring.memory, p->ring.bytes);
	if (p->large)
		munmap(p->large, (size_t)LARGE_N * LARGE_BYTES);
	if (p->exclusive >= 0)
		close(p->exclusive);
	if (p->fd >= 0)
		close(p->fd);
	free(p);
	return 0;
}

static const struct wire_ops afpacket_ops = {
	.kind = "afpacket",
	.recv = afpacket_recv,
	.send = afpacket_send,
	.fd = afpacket_fd,
	.close = afpacket_close,
};

struct options {
	char name[IF_NAMESIZE];
	bool plain, gso, exclusive, shared;
};

static int refuse(struct wire_error *error, const char *name, int err,
		  const char *why)
{
	snprintf(error->text, sizeof(error->text), "afpacket %s: %s", name, why);
	return err;
}

static int refuse_errno(struct wire_error *error, const char *name, int err)
{
	char why[160];

	if (err == -EPERM || err == -EACCES)
		snprintf(why, sizeof(why), "%s (needs CAP_NET_RAW; try sudo, or unshare -Urn)",
			 strerror(-err));
	else
		snprintf(why, sizeof(why), "%s", strerror(-err));
	return refuse(error, name, err, why);
}

static int take_option(struct options *o, const char *option,
		       struct wire_error *error)
{
	char why[96];

	if (!strcmp(option, "plain"))
		o->plain = true;
	else if (!strcmp(option, "gso"))
		o->gso = true;
	else if (!strcmp(option, "exclusive"))
		o->exclusive = true;
	else if (!strcmp(option, "shared"))
		o->shared = true;
	else {
		snprintf(why, sizeof(why), "unknown option \"%.32s\": plain, gso, exclusive or shared",
			 option);
		return refuse(error, o->name, -EINVAL, why);
	}
	return 0;
}

static int parse_options(struct options *o, char *args,
			 struct wire_error *error)
{
	const char *name = strsep(&args, ","), *option;
	int err = 0;

	if (!*name || strlen(name) >= sizeof(o->name))
		return refuse(error, name, -ENODEV, strerror(ENODEV));
	strcpy(o->name, name);
	while (!err && (option = strsep(&args, ",")))
		err = take_option(o, option, error);
	return err;
}

static int set_option(int fd, int option, int value)
{
	return setsockopt(fd, SOL_PACKET, option, &value, sizeof(value)) ?
	       -errno : 0;
}

/* As large as we may; the system's limit holds for those without privilege. */
static void set_buffer(int fd, int option, int forced)
{
	int bytes = SOCKET_BUFFER_BYTES;

	if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof(bytes));
}

static int map_ring(struct afpacket *p, uint32_t mtu)
{
	struct ring *r = &p->ring;
	struct tpacket_req request = { .tp_block_size = BLOCK_BYTES };
	void *memory;

	r->slot_bytes = SLOT_BYTES_MIN;
	while (r->slot_bytes < SLOT_BYTES_MAX &&
	       r->slot_bytes < mtu + ETH_HLEN + VLAN_BYTES + SLOT_OVERHEAD)
		r->slot_bytes *= 2;
	r->n_slots = RING_BYTES / r->slot_bytes;
	r->bytes = RING_BYTES;
	request.tp_frame_size = r->slot_bytes;
	request.tp_block_nr = RING_BYTES / BLOCK_BYTES;
	request.tp_frame_nr = r->n_slots;
	if (setsockopt(p->fd, SOL_PACKET, PACKET_RX_RING, &request,
		       sizeof(request)))
		return -errno;
	memory = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
		      p->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	r->memory = memory;
	return 0;
}

/* Pages that are never needed are never there. */
static int map_large(struct afpacket *p)
{
	void *memory = mmap(NULL, (size_t)LARGE_N * LARGE_BYTES,
			    PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	p->large = memory;
	return 0;
}

static int set_up_socket(struct afpacket *p, uint32_t mtu)
{
	int err = set_option(p->fd, PACKET_VERSION, TPACKET_V2);

	if (!err)
		err = set_option(p->fd, PACKET_IGNORE_OUTGOING, 1);
	if (!err && !p->plain)
		err = set_option(p->fd, PACKET_VNET_HDR, 1);
	if (!err)
		err = set_option(p->fd, PACKET_COPY_THRESH, 1);
	set_buffer(p->fd, SO_RCVBUF, SO_RCVBUFFORCE);
	set_buffer(p->fd, SO_SNDBUF, SO_SNDBUFFORCE);
	if (!err)
		err = map_large(p);
	return err ? err : map_ring(p, mtu);
}

/* From here on frames arrive. */
static int attach(struct afpacket *p)
{
	struct packet_mreq promiscuous = {
		.mr_ifindex = p->index,
		.mr_type = PACKET_MR_PROMISC,
	};
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_ifindex = p->index,
	};

	store_be16(&address.sll_protocol, ETH_P_ALL);
	if (setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous,
		       sizeof(promiscuous)) ||
	    bind(p->fd, (struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return 0;
}

static int take_over(struct afpacket *p, const struct options *o)
{
	if (o->shared || (!o->exclusive && interface_is_in_use(o->name)))
		return 0;
	p->exclusive = exclusive_take(o->name);
	/* Where nobody asked for it, it is a help and not a condition. */
	return o->exclusive && p->exclusive < 0 ? p->exclusive : 0;
}

static void declare(struct afpacket *p, const struct options *o, uint32_t mtu)
{
	struct interface_features f;

	p->wire.ops = &afpacket_ops;
	strcpy(p->wire.name, o->name);
	if (interface_query_features(o->name, &f))
		f = (struct interface_features){ 0 };
	p->wire.caps = (struct wire_caps){
		.offload = !p->plain,
		.csum = !p->plain && ((f.csum4 && f.csum6) || o->gso),
		.tso4 = !p->plain && (f.tso4 || o->gso),
		.tso6 = !p->plain && (f.tso6 || o->gso),
		.uso = !p->plain && (f.uso || o->gso),
		.live = true,
		.linktype = LINKTYPE_ETHERNET,
		.max_frame = mtu + ETH_HLEN + VLAN_BYTES,
		.tag_bytes = VLAN_BYTES,
	};
}

static int check_interface(const struct options *o, struct interface_state *s,
			   struct wire_error *error)
{
	int err = interface_query(o->name, s);

	if (err)
		return refuse_errno(error, o->name, err);
	if (s->hardware != ARPHRD_ETHER && s->hardware != ARPHRD_LOOPBACK)
		return refuse(error, o->name, -ENOTSUP, "not an Ethernet interface");
	if (!s->up)
		return refuse(error, o->name, -ENETDOWN,
			      "the interface is down; try ip link set up");
	return 0;
}

static int start(struct afpacket *p, const struct options *o, uint32_t mtu)
{
	int err;

	/* Protocol 0: nothing arrives before bind(). */
	p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (p->fd < 0)
		return -errno;
	err = set_up_socket(p, mtu);
	if (!err)
		err = take_over(p, o);
	return err ? err : attach(p);
}

static int open_parsed(struct wire **out, const struct options *o,
		       struct wire_error *error)
{
	struct interface_state state;
	struct afpacket *p;
	int err = check_interface(o, &state, error);

	if (err)
		return err;
	p = calloc(1, sizeof(*p));
	if (!p)
		return refuse_errno(error, o->name, -ENOMEM);
	p->fd = p->exclusive = -1;
	p->index = state.index;
	p->plain = o->plain;
	declare(p, o, state.mtu);
	err = start(p, o, state.mtu);
	if (err) {
		afpacket_close(&p->wire);
		return refuse_errno(error, o->name, err);
	}
	*out = &p->wire;
	return 0;
}

int afpacket_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct options o = { 0 };
	char *copy = strdup(args);
	int err;

	if (!copy)
		return refuse_errno(error, args, -ENOMEM);
	err = parse_options(&o, copy, error);
	free(copy);
	return err ? err : open_parsed(out, &o, error);
}

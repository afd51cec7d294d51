// SPDX-License-Identifier: BSD-2-Clause
/*
 * tun_coalesce.c - tun_coalesce tun0 tun1: packets of tun0 leave tun1 as units
 * of up to 64 KiB, and the reverse. A VPN has its tunnel in the place of tun0.
 */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <tto/engine.h>
#include <unistd.h>

#define MAX 65600
#define V sizeof(struct virtio_net_hdr)

static int tun_open(const char *name, unsigned offload)
{
	struct ifreq r = { .ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &r) || ioctl(fd, TUNSETOFFLOAD, offload))
		return perror(name), -1;
	return fd;
}

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* An aggregate, or a packet as it came, into tun1. */
static void deliver(void *ctx, const struct tto_packet *p)
{
	struct virtio_net_hdr v = { 0 };
	struct iovec iov[3] = { { &v, V } };
	int n = tto_packet_iov(p, iov + 1, 2);

	if (p->changed)	
		v = (struct virtio_net_hdr){
			VIRTIO_NET_HDR_F_NEEDS_CSUM,
			p->v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4,
			(uint16_t)p->header_len, p->gso_size, p->l4, 16 };
	if (writev(*(int *)ctx, iov, n + 1) < 0)
		perror("writev");
}

/* A packet or a unit out of tun1, into tun0: units are cut, checksums finished. */
static void pass_down(int fd, uint8_t *data, size_t len)
{
	const struct virtio_net_hdr *v = (const void *)data;
	static uint8_t frame[V + MAX]; /* its virtio-net header stays zero */
	struct tto_slot slot = { .data = frame + V, .size = MAX };
	size_t l4 = V + v->csum_start;
	size_t at = v->gso_type && l4 + 20 <= len ? l4 + (data[l4 + 12] >> 4) * 4U : len;
	struct iovec payload = { data + at, at < len ? len - at : 0 };
	struct tto_unit unit = { .header = data + V, .header_len = (uint32_t)(at - V),
				 .mss = v->gso_size, .link = TTO_LINK_IP,
				 .n_payload = 1, .payload = &payload };
	struct tto_segmenter s;

	if (!v->gso_type && write(fd, data, len) < 0)
		perror("write");
	if (!v->gso_type || at > len || tto_segmenter_begin(&s, &unit) < 0)
		return;
	while (tto_segmenter_next(&s, &slot, 1) == 1)
		if (write(fd, frame, V + slot.len) < 0)
			perror("write");
}

int main(int argc, char **argv)
{
	static uint8_t buffer[V + MAX];
	struct tto_coalescer_options o = { .size = sizeof(o), .link = TTO_LINK_IP,
					   .output = TTO_OUTPUT_CONTIGUOUS, .partial_csum = 1 };
	int in = argc == 3 ? tun_open(argv[1], 0) : -1;
	int out = argc == 3 ? tun_open(argv[2], TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6) : -1;
	struct pollfd fds[] = { { in, POLLIN, 0 }, { out, POLLIN, 0 } };
	struct tto_coalescer *c;

	if (in < 0 || out < 0 || tto_coalescer_open(&c, &o, deliver, &out))
		return fprintf(stderr, "usage: tun_coalesce tun0 tun1\n"), 1;
	for (ssize_t len;;) {
		poll(fds, 2, tto_coalescer_poll(c, now_ns()) == UINT64_MAX ? -1 : 1);
		while ((len = read(in, buffer, sizeof(buffer))) > (ssize_t)V) {
			struct tto_frame f = { .data = buffer + V, .len = (uint32_t)len - V };

			tto_coalescer_push(c, &f, 1, now_ns());
		}
		while ((len = read(out, buffer, sizeof(buffer))) > (ssize_t)V)
			pass_down(in, buffer, (size_t)len);
	}
}

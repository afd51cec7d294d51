// SPDX-License-Identifier: BSD-2-Clause
/*
 * verbs_udp.c - Send UDP datagrams, then count what comes back
 *
 *	verbs-udp DEVICE LOCAL REMOTE PORT [COUNT]
 *
 * With a TAP, against the kernel (which answers a closed port by ICMP):
 *	verbs-udp 'tap:t0,address=10.1.0.1/24,up;address=10.1.0.2/24' \
 *		10.1.0.2 10.1.0.1 9 1000
 * Whole frames, as the owner of an address: the program makes all headers itself.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "verbs_end.h"

#define PAYLOAD 64
#define SECOND 1000000000ll

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Link header, IPv4, UDP without checksum. Return: bytes. */
static unsigned make_frame(uint8_t *f, const struct tto_path *path,
			   const struct tto_tuple *t)
{
	uint8_t *ip = f + path->link_bytes, *udp = ip + 20;
	unsigned sum = 0;

	memcpy(f, path->link, path->link_bytes);
	ip[0] = 0x45;
	put16(ip + 2, 20 + 8 + PAYLOAD);
	ip[8] = 64;
	ip[9] = IPPROTO_UDP;
	memcpy(ip + 12, t->local, 4);
	memcpy(ip + 16, t->remote, 4);
	for (int n = 0; n < 20; n += 2)
		sum += (unsigned)ip[n] << 8 | ip[n + 1];
	put16(ip + 10, ~(sum + (sum >> 16)));
	put16(udp, t->local_port);
	put16(udp + 2, t->remote_port);
	put16(udp + 4, 8 + PAYLOAD);
	return path->link_bytes + 20 + 8 + PAYLOAD;
}

int main(int argc, char **argv)
{
	struct tto_tuple t = { .local_port = 4000 };
	struct tto_send send = { .wr_id = 0 };
	struct tto_completion c[32];
	struct tto_path path;
	struct end e;
	uint8_t frame[256] = { 0 };
	long count = argc > 5 ? atol(argv[5]) : 1, sent = 0, datagrams = 0, others = 0;
	int n;

	if (argc < 5 || inet_pton(AF_INET, argv[2], t.local) != 1 ||
	    inet_pton(AF_INET, argv[3], t.remote) != 1)
		check("usage: DEVICE LOCAL REMOTE PORT [COUNT]", -EINVAL);
	t.remote_port = (uint16_t)atoi(argv[4]);
	open_end(&e, argv[1], 0, 4096);
	check("address", tto_flow_own(e.qp, e.grq, &t, &e.flow));
	while ((n = tto_route(e.device, &t, &path)) == -EAGAIN)
		check("sleep", tto_sleep(e.cq, SECOND / 100));
	check("route", n);

	send.header = frame;
	send.header_bytes = (uint16_t)make_frame(frame, &path, &t);
	while (sent < count || check("sleep", tto_sleep(e.cq, SECOND))) {
		if (sent < count && !tto_post_send(e.qp, &send, 1, NULL))
			sent++;
		n = check("poll", tto_poll(e.cq, c, 32));
		for (int i = 0; i < n; i++) {
			const uint8_t *ip = c[i].data + path.link_bytes;

			if (c[i].flags & TTO_FRAME && ip[0] == 0x45 && ip[9] == IPPROTO_UDP)
				datagrams++;
			else
				others++;
			check("return", tto_return(&c[i]));
		}
	}
	printf("%ld sent, %ld came back, and %ld other frames\n", sent, datagrams, others);
	tto_close(e.device);
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* network.c - What lies between the two hosts */
#include "sim/network.h"

#include <stdlib.h>
#include <string.h>

#include "packet/checksum.h"
#include "packet/headers.h"
#include "wire/pair.h"

#define FRAME_MAX (9000 + 14)
#define ETHERNET sizeof(struct eth_header)
#define QUOTE 64		/* bytes of IP that an ICMP error repeats       */

void network_open(struct network *n, const struct scenario *s)
{
	const struct pair_options pair = { .max_frame = FRAME_MAX };
	struct wire *inner[2];

	*n = (struct network){ .scenario = s };
	if (pair_create(&inner[0], &inner[1], &pair))
		abort();
	for (unsigned k = 0; k < 2; k++) {
		struct fault_options o;

		fault_defaults(&o);
		o.seed = s->seed * 2 + k + 1;
		o.tx = s->path[k].faults;
		if (fault_wrap(&n->end[k], inner[k], &o))
			abort();
		n->lane[k].mtu = s->path[k].mtu;
	}
}

void network_close(struct network *n)
{
	for (unsigned k = 0; k < 2; k++) {
		struct lane *l = &n->lane[k];

		for (; l->n; l->n--, l->head++)
			free(l->ring[l->head & (l->size - 1)].bytes);
		free(l->ring);
		(void)!wire_close(n->end[k]);
	}
}

/* ---- The link ------------------------------------------------------------------- */

static void lane_grow(struct lane *l)
{
	uint32_t size = l->size ? l->size * 2 : 256;
	struct flying *ring = malloc(size * sizeof(*ring));

	if (!ring)
		abort();
	for (uint32_t k = 0; k < l->n; k++)
		ring[k] = l->ring[(l->head + k) & (l->size - 1)];
	free(l->ring);
	l->ring = ring;
	l->size = size;
	l->head = 0;
}

static void lane_put(struct lane *l, uint8_t *bytes, uint32_t len, ns_t at)
{
	if (l->n == l->size)
		lane_grow(l);
	if (at < l->last_at)
		at = l->last_at;
	l->last_at = at;
	l->ring[(l->head + l->n++) & (l->size - 1)] =
		(struct flying){ at, bytes, len };
}

static bool is_v4(const uint8_t *frame, uint32_t len)
{
	return len >= ETHERNET + 20 && load_be16(frame + 12) == ETHERTYPE_IPV4;
}

static bool is_v6(const uint8_t *frame, uint32_t len)
{
	return len >= ETHERNET + 40 && load_be16(frame + 12) == ETHERTYPE_IPV6;
}

/* RFC 3168: only what says that it can be marked. */
static bool mark(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + ETHERNET;

	if (is_v4(frame, len) && (ip[1] & 3)) {
		ip[1] |= 3;
		store16(ip + 10, 0);
		store16(ip + 10, (uint16_t)~checksum_fold(checksum_header(ip, 20)));
		return true;
	}
	if (is_v6(frame, len) && (ip[1] & 0x30)) {
		ip[1] |= 0x30;
		return true;
	}
	return false;
}

static void enter_link(struct network *n, unsigned from, const uint8_t *frame,
		       uint32_t len, ns_t now)
{
	const struct path *p = &n->scenario->path[from];
	struct lane *l = &n->lane[from];
	ns_t wait = l->free_at > now ? l->free_at - now : 0;
	uint64_t waiting = wait * (p->bits_per_second / 1000) / 8000000;
	uint8_t *bytes;

	if (l->is_cut)
		return;
	if (waiting + len > p->queue) {
		n->n_dropped++;
		return;
	}
	bytes = malloc(len ? len : 1);
	if (!bytes)
		abort();
	memcpy(bytes, frame, len);
	if (p->mark && waiting > p->mark)
		n->n_marked += mark(bytes, len);
	l->free_at = now + wait + len * 8000000000ULL / p->bits_per_second;
	lane_put(l, bytes, len, l->free_at + p->delay);
}

/* ---- Too big ---------------------------------------------------------------------- */

static void write_v4_too_big(uint8_t *out, const uint8_t *ip, uint16_t mtu)
{
	struct ipv4_header h = {
		.version_ihl = 0x45, .ttl = 64, .protocol = 1,
		.total_length = to_be16(20 + 8 + QUOTE),
	};
	uint8_t *icmp = out + 20;

	memcpy(h.source, ip + 16, 4);
	memcpy(h.destination, ip + 12, 4);
	store16(h.checksum.b, (uint16_t)~checksum_fold(checksum_header(&h, 20)));
	memcpy(out, &h, 20);
	memset(icmp, 0, 8);
	icmp[0] = 3;		/* unreachable: fragmentation needed, RFC 1191  */
	icmp[1] = 4;
	store_be16(icmp + 6, mtu);
	memcpy(icmp + 8, ip, QUOTE);
	store16(icmp + 2, (uint16_t)~checksum_fold(checksum_header(icmp, 8 + QUOTE)));
}

static void write_v6_too_big(uint8_t *out, const uint8_t *ip, uint16_t mtu)
{
	uint8_t *icmp = out + 40, pseudo[8] = { 0 };
	uint32_t sum;

	memset(out, 0, 48);
	out[0] = 0x60;
	store_be16(out + 4, 8 + QUOTE);
	out[6] = 58;		/* ICMPv6                                       */
	out[7] = 64;
	memcpy(out + 8, ip + 24, 16);
	memcpy(out + 24, ip + 8, 16);
	icmp[0] = 2;		/* packet too big, RFC 8201                     */
	store_be32(icmp + 4, mtu);
	memcpy(icmp + 8, ip, QUOTE);
	store_be32(pseudo, 8 + QUOTE);
	store_be32(pseudo + 4, 58);
	sum = checksum_add(checksum_header(out + 8, 32), checksum_header(pseudo, 8));
	sum = checksum_add(sum, checksum_header(icmp, 8 + QUOTE));
	store16(icmp + 2, (uint16_t)~checksum_fold(sum));
}

static void answer_too_big(struct network *n, unsigned from,
			   const uint8_t *frame, uint32_t len, ns_t now)
{
	uint8_t out[ETHERNET + 40 + 8 + QUOTE];
	const uint8_t *ip = frame + ETHERNET;
	uint16_t mtu = n->lane[from].mtu;

	n->n_icmp++;
	memcpy(out, frame + 6, 6);
	memcpy(out + 6, frame, 6);
	memcpy(out + 12, frame + 12, 2);
	if (is_v4(frame, len)) {
		write_v4_too_big(out + ETHERNET, ip, mtu);
		enter_link(n, !from, out, ETHERNET + 20 + 8 + QUOTE, now);
	} else if (is_v6(frame, len)) {
		write_v6_too_big(out + ETHERNET, ip, mtu);
		enter_link(n, !from, out, sizeof(out), now);
	}
}

static void enter(struct network *n, unsigned from, const uint8_t *frame,
		  uint32_t len, ns_t now)
{
	if (len <= n->lane[from].mtu + ETHERNET) {
		enter_link(n, from, frame, len, now);
		return;
	}
	n->n_too_big++;
	if (n->scenario->icmp)
		answer_too_big(n, from, frame, len, now);
}

/* ---- The wire ------------------------------------------------------------------------ */

static void drain(struct network *n, unsigned from, ns_t now)
{
	struct wire_frame frames[32];
	int got;

	while ((got = wire_recv(n->end[!from], frames, 32)) > 0) {
		for (int k = 0; k < got; k++)
			enter(n, from, frames[k].iov[0].iov_base, frames[k].len,
			      now);
	}
}

void network_send(struct network *n, unsigned from, const uint8_t *bytes,
		  uint32_t len, ns_t now)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = len, .linktype = 1 };

	fault_set_time(n->end[0], now);
	fault_set_time(n->end[1], now);
	if (wire_send(n->end[from], &f, 1) != 1)
		n->n_dropped++;
	drain(n, from, now);
}

ns_t network_next(const struct network *n)
{
	ns_t a = wire_deadline(n->end[0]), b = wire_deadline(n->end[1]);

	return a < b ? a : b;
}

ns_t network_arrival(const struct network *n, unsigned to)
{
	const struct lane *l = &n->lane[!to];

	return l->n ? l->ring[l->head & (l->size - 1)].at : NS_NEVER;
}

void network_run(struct network *n, ns_t now)
{
	fault_set_time(n->end[0], now);
	fault_set_time(n->end[1], now);
	for (unsigned k = 0; k < 2; k++) {
		drain(n, k, now);	/* also sends what was late             */
		drain(n, !k, now);
	}
}

bool network_take(struct network *n, unsigned to, ns_t now,
		  struct flying *frame)
{
	struct lane *l = &n->lane[!to];

	if (network_arrival(n, to) > now)
		return false;
	*frame = l->ring[l->head++ & (l->size - 1)];
	l->n--;
	return true;
}

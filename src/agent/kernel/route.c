// SPDX-License-Identifier: BSD-2-Clause
/* route.c - The way to an address, as the kernel knows it */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/kernel/kernel.h"
#include "packet/headers.h"
#include "wire/netlink.h"

#define ANSWER_BYTES 1024
#define NUD_USABLE (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | \
		    NUD_DELAY)

/* Attributes that are looked for; NULL: not there. */
struct attributes {
	const struct rtattr *at[RTA_MAX + 1];
};

/* NLMSG_DATA(), of what is only read. */
static const void *data_of(const struct nlmsghdr *m)
{
	return (const uint8_t *)m + NLMSG_HDRLEN;
}

static void parse(struct attributes *a, const struct nlmsghdr *m, size_t head)
{
	const uint8_t *at = (const uint8_t *)data_of(m) + NLMSG_ALIGN(head);
	const uint8_t *end = (const uint8_t *)m + m->nlmsg_len;

	*a = (struct attributes){ { NULL } };
	while (at + sizeof(struct rtattr) <= end) {
		const struct rtattr *r = (const void *)at;

		if (r->rta_len < sizeof(*r) || r->rta_len > end - at)
			return;
		if (r->rta_type <= RTA_MAX)
			a->at[r->rta_type] = r;
		at += RTA_ALIGN(r->rta_len);
	}
}

static const void *value(const struct attributes *a, uint16_t type, uint32_t bytes)
{
	const struct rtattr *r = a->at[type];

	return r && RTA_PAYLOAD(r) >= bytes ?
	       (const uint8_t *)r + RTA_LENGTH(0) : NULL;
}

static bool is_any(const uint8_t *address)
{
	static const uint8_t any[16];

	return !memcmp(address, any, sizeof(any));
}

/* ---- Route ----------------------------------------------------------------------------------- */

struct way {
	uint32_t bytes;		/* of an address                                */
	uint8_t next[16];	/* who is asked for                             */
};

static int judge_route(struct kernel *k, const struct nlmsghdr *m,
		       const struct tcp_tuple *t, struct way *w,
		       struct control_reply *reply)
{
	const struct rtmsg *route = data_of(m);
	struct attributes a;
	const void *v;

	if (m->nlmsg_type != RTM_NEWROUTE ||
	    m->nlmsg_len < NLMSG_LENGTH(sizeof(*route)))
		return -EBADMSG;
	parse(&a, m, sizeof(*route));
	v = value(&a, RTA_OIF, 4);
	if (route->rtm_type != RTN_UNICAST || !v || load32(v) != k->index)
		return -ENETUNREACH;
	v = value(&a, RTA_GATEWAY, w->bytes);
	memcpy(w->next, v ? v : t->remote, w->bytes);
	v = value(&a, RTA_PREFSRC, w->bytes);
	if (!is_any(t->local))
		memcpy(reply->flow.source, t->local, w->bytes);
	else if (v)
		memcpy(reply->flow.source, v, w->bytes);
	return 0;
}

static int find_route(struct kernel *k, const struct tcp_tuple *t, struct way *w,
		      struct control_reply *reply)
{
	struct rtmsg head = {
		.rtm_family = t->v6 ? AF_INET6 : AF_INET,
		.rtm_dst_len = t->v6 ? 128 : 32,
	};
	struct netlink_request r = { 0 };
	_Alignas(8) uint8_t answer[ANSWER_BYTES];
	int n;

	netlink_begin(&r, RTM_GETROUTE, 0, &head, sizeof(head));
	netlink_put(&r, RTA_DST, t->remote, w->bytes);
	if (!is_any(t->local))
		netlink_put(&r, RTA_SRC, t->local, w->bytes);
	n = netlink_send(k->requests, &r, answer, sizeof(answer));
	if (n < 0)
		return n;
	return n ? judge_route(k, (void *)answer, t, w, reply) : -ENETUNREACH;
}

/* ---- Neighbour -------------------------------------------------------------------------------- */

static struct ndmsg neighbour_head(const struct kernel *k, bool v6, uint8_t flags)
{
	return (struct ndmsg){
		.ndm_family = v6 ? AF_INET6 : AF_INET,
		.ndm_ifindex = (int)k->index, .ndm_flags = flags,
	};
}

/* The kernel looks for it, or makes sure that it is still there. */
static void use(struct kernel *k, const struct way *w, bool v6)
{
	struct ndmsg head = neighbour_head(k, v6, NTF_USE);
	struct netlink_request r = { 0 };

	netlink_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, &head, sizeof(head));
	netlink_put(&r, NDA_DST, w->next, w->bytes);
	(void)!netlink_send(k->requests, &r, NULL, 0);
}

/* Return: its state, NUD_NONE when the kernel does not know it. */
static uint16_t find_neighbour(struct kernel *k, const struct way *w, bool v6,
			       uint8_t mac[6])
{
	struct ndmsg head = neighbour_head(k, v6, 0);
	struct netlink_request r = { 0 };
	_Alignas(8) uint8_t answer[ANSWER_BYTES];
	const struct nlmsghdr *m = (const void *)answer;
	const struct ndmsg *n = data_of(m);
	struct attributes a;
	const void *v;

	netlink_begin(&r, RTM_GETNEIGH, 0, &head, sizeof(head));
	netlink_put(&r, NDA_DST, w->next, w->bytes);
	if (netlink_send(k->requests, &r, answer, sizeof(answer)) <= 0 ||
	    m->nlmsg_type != RTM_NEWNEIGH ||
	    m->nlmsg_len < NLMSG_LENGTH(sizeof(*n)))
		return NUD_NONE;
	parse(&a, m, sizeof(*n));
	v = value(&a, NDA_LLADDR, 6);
	if (!v)
		return n->ndm_state & ~NUD_USABLE;
	memcpy(mac, v, 6);
	return n->ndm_state;
}

static void put_link(const struct kernel *k, const uint8_t mac[6], bool v6,
		     struct control_reply *reply)
{
	struct eth_header *eth = (void *)reply->flow.link;

	memcpy(eth->destination, mac, sizeof(eth->destination));
	memcpy(eth->source, k->mac, sizeof(eth->source));
	eth->type = to_be16(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	reply->flow.link_bytes = sizeof(*eth);
}

int route_find(void *ctx, const struct tcp_tuple *tuple, struct control_reply *reply)
{
	struct kernel *k = ctx;
	struct way w = { .bytes = tuple->v6 ? 16 : 4 };
	uint16_t state;
	uint8_t mac[6];
	int err = find_route(k, tuple, &w, reply);

	if (err)
		return err;
	state = find_neighbour(k, &w, tuple->v6, mac);
	if (!(state & NUD_USABLE) || state & NUD_STALE)
		use(k, &w, tuple->v6);
	if (state & NUD_USABLE) {
		put_link(k, mac, tuple->v6, reply);
		return 0;
	}
	return state & NUD_FAILED ? -EHOSTUNREACH : -EAGAIN;
}

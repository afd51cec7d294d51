// SPDX-License-Identifier: BSD-2-Clause
/*
 * route.c - How to get to an address, as the daemon knows it
 *
 * It is asked by every connection that has something to send, so answers are remembered.
 * The daemon finds other link headers by itself when neighbours change; what was posted
 * with the old one is refused then, and all ways are asked for again.
 */
#include <errno.h>

#include "embed/queues/queues.h"

#define KNOWN_NS 15000000000ULL
#define UNKNOWN_NS 1000000000ULL	/* the daemon tells earlier             */
#define NO_WAY_NS 100000000ULL

void queues_forget_ways(struct queues *q, bool all)
{
	for (uint32_t n = 0; n < QUEUES_WAYS; n++) {
		if (all || q->ways[n].err)
			q->ways[n].until = 0;
	}
}

static struct queues_way *place_of(struct queues *q, const struct tcp_tuple *t)
{
	uint32_t hash = 0;

	for (int n = 0; n < 16; n++)
		hash = (hash ^ t->remote[n] ^ (uint32_t)t->local[n] << 8) * 16777619u;
	return &q->ways[(hash >> 16) % QUEUES_WAYS];
}

static void take(struct queues_way *w, const struct control_reply *reply, uint16_t mtu)
{
	if (reply->flow.link_bytes != ETHERNET_BYTES) {
		w->err = -ENETUNREACH;
		return;
	}
	memcpy(w->path.mac, reply->flow.link, sizeof(w->path.mac));
	memcpy(w->source, reply->flow.source, sizeof(w->source));
	w->path.mtu = reply->flow.mtu < mtu ? (uint16_t)reply->flow.mtu : mtu;
}

static void find(struct queues *q, struct queues_way *w, ns_t now)
{
	struct control_request request = { .operation = CONTROL_ROUTE,
					   .handle = CONTROL_NONE };
	struct control_reply reply;

	memcpy(&request.route.tuple, &w->tuple, sizeof(w->tuple));
	w->err = queues_ask(q, &request, &reply, NULL);
	if (w->err >= 0) {
		w->err = 0;
		take(w, &reply, q->embed->mtu);
	}
	q->wants_route |= w->err == -EAGAIN;
	w->until = now + (!w->err ? KNOWN_NS : w->err == -EAGAIN ? UNKNOWN_NS : NO_WAY_NS);
}

/* Until the daemon knows the way: from where it would be. */
static void guess_source(const struct embed *e, struct tcp_tuple *t)
{
	uint32_t own = embed_choose_own(e, t);

	for (uint32_t n = 0; own == e->n_addresses && n < e->n_addresses; n++) {
		if ((bool)e->addresses[n].v6 == (bool)t->v6)
			own = n;
	}
	if (own < e->n_addresses)
		memcpy(t->local, e->addresses[own].address, sizeof(t->local));
}

int queues_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		 struct embed_path *path)
{
	static const uint8_t any[16];
	struct queues *q = e->queues;
	struct tcp_tuple t = *tuple;
	struct queues_way *w = place_of(q, &t);
	bool has_source = memcmp(t.local, any, sizeof(any)) != 0;

	t.local_port = t.remote_port = 0;
	if (q->is_gone)
		return -ENETDOWN;
	if (w->until <= now || !tcp_tuple_equal(&w->tuple, &t)) {
		w->tuple = t;
		find(q, w, now);
	}
	if (!w->err && !has_source)
		memcpy(tuple->local, w->source, sizeof(w->source));
	else if (w->err == -EAGAIN && !has_source)
		guess_source(e, tuple);
	if (w->err)
		return w->err;
	*path = w->path;
	path->until = now + EMBED_PATH_NS;
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * relink.c - Ways change while flows live
 *
 * A flow's frames must begin with the link header of its way. When neighbours change,
 * and now and then besides, all flows are looked at, some at a time: it also keeps those
 * neighbours known that are in use. What changes meanwhile is looked for behind that, and
 * after a pause: neighbours may change as often as somebody likes, and it must not be
 * always the first flows that are looked at, nor nothing else done.
 */
#include <string.h>

#include "host/state.h"

#define EVERY_NS (15 * 1000000000ull)	/* less than neighbours are known for   */
#define PAUSE_NS 50000000ull
#define STEP 32				/* places                               */

void relink_begin(struct host *h)
{
	h->relink.wanted = true;
}

static void look(struct host_client *c, struct host_flow *f)
{
	struct control_reply reply = { 0 };
	struct tcp_tuple t;

	if (f->operation != CONTROL_ADD_FLOW || !f->link_bytes)
		return;
	memcpy(&t, &f->tuple, sizeof(t));
	/* What is not known just now stays as it was. */
	if (host_route(c, &t, &reply) || !reply.flow.link_bytes ||
	    (reply.flow.link_bytes == f->link_bytes &&
	     !memcmp(reply.flow.link, f->link, f->link_bytes)))
		return;
	if (device_set_link(c->host->device, f->id, reply.flow.link,
			    reply.flow.link_bytes))
		return;
	memcpy(f->link, reply.flow.link, sizeof(f->link));
	f->link_bytes = reply.flow.link_bytes;
}

static void step(struct host *h)
{
	struct host_client *c = h->clients[h->relink.client];
	uint32_t *place = &h->relink.place;

	for (uint32_t left = STEP; c && left && *place < c->handles.n_places; left--) {
		struct handle *at = &c->handles.places[(*place)++];

		if (at->kind == HANDLE_FLOW)
			look(c, &at->flow);
	}
	if (c && *place < c->handles.n_places)
		return;
	*place = 0;
	h->relink.running = ++h->relink.client < h->options.clients;
}

static bool has_flows(const struct host *h)
{
	for (uint32_t n = 0; n < h->options.clients; n++) {
		if (h->clients[n] && h->clients[n]->usage.flows)
			return true;
	}
	return false;
}

ns_t relink_step(struct host *h, ns_t now)
{
	struct relink *r = &h->relink;

	if (h->owns_all)
		return NS_NEVER;
	if (!r->running && now >= (r->wanted ? r->rests : r->next)) {
		r->wanted = false;
		r->next = now + EVERY_NS;
		r->rests = now + PAUSE_NS;
		r->running = has_flows(h);
		r->client = r->place = 0;
	}
	if (!r->running)
		return !has_flows(h) ? NS_NEVER : r->wanted ? r->rests : r->next;
	step(h);
	return now;
}

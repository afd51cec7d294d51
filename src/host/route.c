// SPDX-License-Identifier: BSD-2-Clause
/* route.c - The way to an address, when the host has addresses of its own */
#include <errno.h>
#include <string.h>

#include "host/state.h"
#include "packet/headers.h"

static bool is_any(const uint8_t address[16])
{
	static const uint8_t any[16];

	return !memcmp(address, any, sizeof(any));
}

static bool is_on_link(const struct host_address *own, const uint8_t remote[16])
{
	uint32_t bytes = own->prefix_bits / 8, rest = own->prefix_bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return !memcmp(own->address, remote, bytes) &&
	       (!rest || !((own->address[bytes] ^ remote[bytes]) & mask));
}

/* From which of its addresses, and by whom; NULL when there is no way. */
static const struct host_address *choose(const struct host *h,
					 const struct tcp_tuple *t,
					 const uint8_t **next)
{
	const struct host_address *with_gateway = NULL;

	for (uint32_t n = 0; n < h->options.n_addresses; n++) {
		const struct host_address *own = &h->options.addresses[n];

		if (own->v6 != t->v6 || (!is_any(t->local) &&
					 memcmp(t->local, own->address, 16) != 0))
			continue;
		*next = t->remote;
		if (is_on_link(own, t->remote))
			return own;
		if (own->has_gateway && !with_gateway)
			with_gateway = own;
	}
	if (with_gateway)
		*next = with_gateway->gateway;
	return with_gateway;
}

static void put_link(const struct host *h, const uint8_t mac[6], bool v6,
		     struct control_reply *reply)
{
	struct eth_header *eth = (void *)reply->flow.link;

	memcpy(eth->destination, mac, sizeof(eth->destination));
	memcpy(eth->source, h->options.mac, sizeof(eth->source));
	eth->type = to_be16(v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	reply->flow.link_bytes = sizeof(*eth);
}

int host_route(struct host_client *c, const struct tcp_tuple *tuple,
	       struct control_reply *reply)
{
	struct host *h = c->host;
	const struct host_hooks *hooks = &h->options.hooks;
	const struct host_address *own;
	const uint8_t *next;
	uint8_t mac[6];
	int err;

	reply->flow.mtu = h->mtu;
	if (hooks->route)
		return hooks->route(hooks->ctx, tuple, reply);
	own = choose(h, tuple, &next);
	if (!own)
		return -ENETUNREACH;
	memcpy(reply->flow.source, own->address, sizeof(reply->flow.source));
	if (!h->neighbours)
		return 0;
	err = neighbours_find(h->neighbours, next,
			      (uint32_t)(own - h->options.addresses), c->idx,
			      h->now, mac);
	if (!err)
		put_link(h, mac, tuple->v6, reply);
	return err;
}

int host_name_address(struct request *r)
{
	const struct host_options *o = &r->host->options;
	const struct host_address *a;

	if (r->ask->address.index >= o->n_addresses)
		return -ENOENT;
	a = &o->addresses[r->ask->address.index];
	memcpy(r->reply->address.address, a->address, sizeof(a->address));
	r->reply->address.prefix_bits = a->prefix_bits;
	r->reply->address.v6 = a->v6;
	return 0;
}

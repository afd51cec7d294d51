// SPDX-License-Identifier: BSD-2-Clause
/* flow.c - Connections, listens and addresses of a client (SPEC AG-1, AG-3) */
#include <errno.h>
#include <string.h>

#include "host/state.h"

_Static_assert(sizeof(struct control_tuple) == sizeof(struct tcp_tuple), "the same");
_Static_assert(offsetof(struct control_tuple, v6) == offsetof(struct tcp_tuple, v6),
	       "the same");

static const uint8_t zeros[16];

static bool is_any(const uint8_t address[16])
{
	return !memcmp(address, zeros, sizeof(zeros));
}

/* One host's address, or none at all. */
static bool is_unicast(const uint8_t *a, bool v6)
{
	if (v6)
		return a[0] != 0xff;
	return a[0] < 224 && !memcmp(a + 4, zeros, 12);
}

bool host_is_own(const struct host *h, const uint8_t address[16], bool v6)
{
	const struct host_options *o = &h->options;
	bool own = h->owns_all;

	for (uint32_t n = 0; n < o->n_addresses && !own; n++)
		own = o->addresses[n].v6 == v6 &&
		      !memcmp(o->addresses[n].address, address, 16);
	return own;
}

static int check_tuple(const struct request *r, const struct tcp_tuple *t)
{
	if (t->v6 > 1 || !is_unicast(t->local, t->v6) ||
	    !is_unicast(t->remote, t->v6))
		return -EINVAL;
	if (!is_any(t->local) && !host_is_own(r->host, t->local, t->v6))
		return -EADDRNOTAVAIL;
	return 0;
}

/* Ids of the device for the handles that a flow names. */
static int find_queue(const struct request *r, uint32_t number,
		      enum ring_kind kind, uint32_t *id)
{
	const struct handle *h;

	*id = DEVICE_NONE;
	if (number == CONTROL_NONE)
		return 0;
	h = handle_find(&r->client->handles, number, HANDLE_QUEUE);
	if (!h)
		return -ENOENT;
	*id = h->queue.id;
	return h->queue.kind == kind ? 0 : -EINVAL;
}

static int find_queues(const struct request *r, struct device_flow *f)
{
	int err = find_queue(r, r->ask->flow.cq, RING_COMPLETION, &f->cq);

	if (!err && f->cq == DEVICE_NONE)
		err = -EINVAL;
	if (!err)
		err = find_queue(r, r->ask->flow.rq, RING_RECEIVE, &f->rq);
	if (!err)
		err = find_queue(r, r->ask->flow.grq, RING_GENERAL, &f->grq);
	if (!err)
		err = find_queue(r, r->ask->flow.sq, RING_SEND, &f->sq);
	return err;
}

/* The port that the tuple names, or one that is free. */
static int take_port(struct host_client *c, struct host_flow *flow,
		     struct tcp_tuple *t)
{
	bool listens = flow->operation == CONTROL_ADD_LISTEN;
	enum host_right right = listens ? HOST_LISTEN : HOST_FLOW;
	struct host_port name = { .port = t->local_port, .v6 = (uint8_t)t->v6 };
	int err;

	flow->use = listens ? PORT_LISTEN : PORT_FLOW;
	memcpy(name.address, t->local, sizeof(name.address));
	if (name.port)
		return port_take(c, &name, flow->use, &flow->port);
	err = port_choose(c, &name, right, flow->use, &flow->port);
	if (!err)
		flow->tuple.local_port = t->local_port = name.port;
	return err;
}

static int hand_to_device(struct request *r, const struct device_flow *f,
			  uint32_t *id)
{
	switch (r->ask->operation) {
	case CONTROL_OWN_ADDRESS:
		return device_set_address_owner(r->host->device, f, id);
	default:
		return device_add_flow(r->host->device, f, id);
	}
}

/* What all three have in common, when the tuple is fine and allowed. */
static int add(struct request *r, struct device_flow *f)
{
	struct host_client *c = r->client;
	struct host_flow flow = { .operation = r->ask->operation,
				  .tuple = r->ask->flow.tuple };
	uint32_t place;
	int err;

	if (c->usage.flows == c->policy.limits.flows)
		return -EDQUOT;
	err = find_queues(r, f);
	if (!err)
		err = handle_add(&c->handles, HANDLE_FLOW, &place);
	if (err)
		return err;
	if (r->ask->operation != CONTROL_OWN_ADDRESS)
		err = take_port(c, &flow, &f->tuple);
	if (err)
		goto err_handle;
	err = hand_to_device(r, f, &flow.id);
	if (err)
		goto err_port;
	memcpy(flow.link, f->link, sizeof(flow.link));
	flow.link_bytes = f->link_bytes;
	c->handles.places[place].flow = flow;
	c->usage.flows++;
	r->reply->handle = handle_of(&c->handles, place);
	r->reply->flow.flow = flow.id;
	r->reply->flow.port = flow.tuple.local_port;
	return 0;

err_port:
	if (flow.port)
		port_drop(r->host, flow.port, flow.use);
err_handle:
	handle_remove(&c->handles, place);
	return err;
}

static struct device_flow begin(const struct request *r)
{
	struct device_flow f = { .owner = r->client->idx };

	memcpy(&f.tuple, &r->ask->flow.tuple, sizeof(f.tuple));
	return f;
}

/* The way to the other side, and so what the flow's frames must begin with. */
static int find_link(struct request *r, struct device_flow *f)
{
	struct host *h = r->host;
	int err;

	r->reply->flow.mtu = h->mtu;
	if (!h->neighbours && !h->options.hooks.route)
		return 0;
	err = host_route(r->client, &f->tuple, r->reply);
	r->client->waits_for_route |= err == -EAGAIN;
	if (err)
		return err;
	memcpy(f->link, r->reply->flow.link, sizeof(f->link));
	f->link_bytes = r->reply->flow.link_bytes;
	return 0;
}

/* Any port is judged when it is chosen. */
static bool is_allowed(const struct host_client *c, const struct tcp_tuple *t,
		       enum host_right right)
{
	return !t->local_port ||
	       policy_allows(c, t->local, t->v6, t->local_port, right);
}

int host_flow_add(struct request *r)
{
	struct device_flow f = begin(r);
	const struct tcp_tuple *t = &f.tuple;
	int err = check_tuple(r, t);

	if (err)
		return err;
	if (is_any(t->local) || is_any(t->remote) || !t->remote_port ||
	    r->ask->flow.flags & ~(CONTROL_FLOW_KNOWS_NEXT | CONTROL_FLOW_ERRORS))
		return -EINVAL;
	if (!is_allowed(r->client, t, HOST_FLOW))
		return -EACCES;
	f.knows_next = r->ask->flow.flags & CONTROL_FLOW_KNOWS_NEXT;
	f.errors = r->ask->flow.flags & CONTROL_FLOW_ERRORS;
	f.next_seq = r->ask->flow.next_seq;
	err = find_link(r, &f);
	return err ? err : add(r, &f);
}

int host_flow_listen(struct request *r)
{
	struct device_flow f = begin(r);
	const struct tcp_tuple *t = &f.tuple;
	int err = check_tuple(r, t);

	if (err)
		return err;
	if (!is_any(t->remote) || t->remote_port || r->ask->flow.flags)
		return -EINVAL;
	if (!is_allowed(r->client, t, HOST_LISTEN))
		return -EACCES;
	r->reply->flow.mtu = r->host->mtu;
	return add(r, &f);
}

int host_flow_own_address(struct request *r)
{
	struct device_flow f = begin(r);
	const struct tcp_tuple *t = &f.tuple;
	int err = check_tuple(r, t);

	if (err)
		return err;
	if (is_any(t->local) || !is_any(t->remote) || t->local_port ||
	    t->remote_port || r->ask->flow.flags)
		return -EINVAL;
	if (!policy_allows(r->client, t->local, t->v6, 0, HOST_ADDRESS))
		return -EACCES;
	r->reply->flow.mtu = r->host->mtu;
	return add(r, &f);
}

void host_flow_drop(struct host_client *c, uint32_t place)
{
	struct host_flow *f = &c->handles.places[place].flow;

	if (f->port)
		port_drop(c->host, f->port, f->use);
	c->usage.flows--;
	handle_remove(&c->handles, place);
}

static int end_flow(struct request *r, bool listen)
{
	struct handle_table *t = &r->client->handles;
	struct handle *handle = handle_find(t, r->ask->handle, HANDLE_FLOW);
	int err;

	if (!handle ||
	    (handle->flow.operation == CONTROL_ADD_LISTEN) != listen)
		return -ENOENT;
	err = device_remove_flow(r->host->device, handle->flow.id);
	if (!err)
		host_flow_drop(r->client, handle_place(t, handle));
	return err;
}

int host_flow_remove(struct request *r)
{
	return end_flow(r, false);
}

int host_flow_remove_listen(struct request *r)
{
	return end_flow(r, true);
}

int host_flow_route(struct request *r)
{
	struct tcp_tuple t;
	int err;

	memcpy(&t, &r->ask->route.tuple, sizeof(t));
	if (t.v6 > 1 || is_any(t.remote) || !is_unicast(t.remote, t.v6))
		return -EINVAL;
	if (!is_any(t.local) && !host_is_own(r->host, t.local, t.v6))
		return -EADDRNOTAVAIL;
	err = host_route(r->client, &t, r->reply);
	r->client->waits_for_route |= err == -EAGAIN;
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* hold.c - A port before it is known what for: bind() in front of listen(), connect() */
#include <errno.h>
#include <string.h>

#include "host/state.h"

static const uint8_t zeros[16];

static bool is_allowed(const struct host_client *c, const struct host_port *p)
{
	return policy_allows(c, p->address, p->v6, p->port, HOST_LISTEN) ||
	       policy_allows(c, p->address, p->v6, p->port, HOST_FLOW);
}

static int check(const struct request *r, struct host_port *name)
{
	const struct control_tuple *t = &r->ask->hold.tuple;

	if (t->v6 > 1 || t->remote_port || memcmp(t->remote, zeros, sizeof(zeros)) ||
	    r->ask->hold.flags > CONTROL_HOLD_REUSE ||
	    (!t->v6 && memcmp(t->local + 4, zeros, sizeof(t->local) - 4)))
		return -EINVAL;
	if (memcmp(t->local, zeros, sizeof(zeros)) &&
	    !host_is_own(r->host, t->local, t->v6))
		return -EADDRNOTAVAIL;
	*name = (struct host_port){ .port = t->local_port, .v6 = (uint8_t)t->v6 };
	memcpy(name->address, t->local, sizeof(name->address));
	return 0;
}

static int take(struct host_client *c, struct host_port *name, struct host_hold *hold)
{
	if (!name->port)
		return port_choose(c, name, HOST_FLOW | HOST_LISTEN, hold->use,
				   &hold->port);
	if (!is_allowed(c, name))
		return -EACCES;
	return port_take(c, name, hold->use, &hold->port);
}

int host_port_hold(struct request *r)
{
	struct host_client *c = r->client;
	struct host_hold hold = {
		.use = r->ask->hold.flags & CONTROL_HOLD_REUSE ? PORT_HOLD_REUSE :
								  PORT_HOLD,
	};
	struct host_port name;
	uint32_t place;
	int err = check(r, &name);

	if (err)
		return err;
	if (c->usage.flows == c->policy.limits.flows)
		return -EDQUOT;
	err = handle_add(&c->handles, HANDLE_PORT, &place);
	if (err)
		return err;
	err = take(c, &name, &hold);
	if (err) {
		handle_remove(&c->handles, place);
		return err;
	}
	c->handles.places[place].hold = hold;
	c->usage.flows++;
	r->reply->handle = handle_of(&c->handles, place);
	r->reply->flow.port = name.port;
	return 0;
}

void host_port_drop(struct host_client *c, uint32_t place)
{
	struct host_hold *hold = &c->handles.places[place].hold;

	port_drop(c->host, hold->port, hold->use);
	c->usage.flows--;
	handle_remove(&c->handles, place);
}

int host_port_release(struct request *r)
{
	struct handle_table *t = &r->client->handles;
	struct handle *handle = handle_find(t, r->ask->handle, HANDLE_PORT);

	if (!handle)
		return -ENOENT;
	host_port_drop(r->client, handle_place(t, handle));
	return 0;
}

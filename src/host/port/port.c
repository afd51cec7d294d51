// SPDX-License-Identifier: BSD-2-Clause
/* port.c - Whose a local port is */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/state.h"

static struct port **bucket(struct host *h, const struct host_port *name)
{
	return &h->ports[name->port % PORT_BUCKETS];
}

static bool is_any(const struct host_port *name)
{
	static const uint8_t any[16];

	return !memcmp(name->address, any, sizeof(any));
}

static bool is_same(const struct host_port *a, const struct host_port *b)
{
	return a->port == b->port && a->v6 == b->v6 &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}

/* What comes for one may be for the other. */
static bool is_shared(const struct host_port *a, const struct host_port *b)
{
	return a->port == b->port && a->v6 == b->v6 &&
	       (is_any(a) || is_any(b) || is_same(a, b));
}

bool port_is_free(const struct host *h, const struct host_port *name)
{
	const struct port *p = h->ports[name->port % PORT_BUCKETS];

	while (p && !is_shared(&p->name, name))
		p = p->next;
	return !p;
}

static bool holds(enum port_use use)
{
	return use == PORT_HOLD || use == PORT_HOLD_REUSE;
}

/* Whether what @c does with a port may be known to others of its user. */
static bool may_reuse(const struct host_client *c, const struct host_port *name,
		      enum port_use use)
{
	bool reuse = false;

	if (holds(use))
		return use == PORT_HOLD_REUSE;
	for (const struct port *p = *bucket(c->host, name); p; p = p->next) {
		if (p->client != c || !is_shared(&p->name, name))
			continue;
		if (!p->reuse)
			return false;
		reuse = true;
	}
	return reuse;
}

/* As bind(2) and listen(2) have it with SO_REUSEADDR, but for one user only. */
static bool is_in_the_way(const struct port *p, const struct host_client *c,
			  enum port_use use, bool reuse)
{
	if (p->client == c && !holds(use))
		return false;
	if (p->client->policy.user != c->policy.user || !p->reuse || !reuse)
		return true;
	return p->client != c && p->listens && use != PORT_FLOW;
}

static int make_port(struct host_client *c, const struct host_port *name, bool reuse,
		     struct port **out)
{
	const struct host_hooks *hooks = &c->host->options.hooks;
	struct port *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct port){ .name = *name, .client = c, .reuse = reuse };
	if (hooks->claim) {
		err = hooks->claim(hooks->ctx, name, &p->claim);
		if (err) {
			free(p);
			return err;
		}
	}
	p->next = *bucket(c->host, name);
	*bucket(c->host, name) = p;
	c->usage.ports++;
	*out = p;
	return 0;
}

static void end_port(struct host *h, struct port *p)
{
	struct port **at = bucket(h, &p->name);

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (h->options.hooks.release)
		h->options.hooks.release(h->options.hooks.ctx, &p->name,
					 p->claim);
	p->client->usage.ports--;
	free(p);
}

static int carry(struct host *h, const struct port *p, bool begins)
{
	const struct host_hooks *hooks = &h->options.hooks;

	return hooks->carry ? hooks->carry(hooks->ctx, &p->name, p->claim, begins) : 0;
}

static int begin_use(struct host *h, struct port *p, enum port_use use)
{
	int err = 0;

	if (!holds(use) && !p->carried)
		err = carry(h, p, true);
	if (err)
		return err;
	p->uses++;
	p->carried += !holds(use);
	p->listens += use == PORT_LISTEN;
	return 0;
}

int port_take(struct host_client *c, const struct host_port *name, enum port_use use,
	      struct port **out)
{
	bool reuse = may_reuse(c, name, use);
	struct port *found = NULL;
	int err = 0;

	for (struct port *p = *bucket(c->host, name); p; p = p->next) {
		if (!is_shared(&p->name, name))
			continue;
		if (is_in_the_way(p, c, use, reuse))
			return -EADDRINUSE;
		if (p->client == c && is_same(&p->name, name))
			found = p;
	}
	if (!found)
		err = make_port(c, name, reuse, &found);
	if (err)
		return err;
	err = begin_use(c->host, found, use);
	if (err) {
		if (!found->uses)
			end_port(c->host, found);
		return err;
	}
	*out = found;
	return 0;
}

void port_drop(struct host *h, struct port *p, enum port_use use)
{
	p->listens -= use == PORT_LISTEN;
	p->carried -= !holds(use);
	if (!holds(use) && !p->carried)
		(void)!carry(h, p, false);
	if (!--p->uses)
		end_port(h, p);
}

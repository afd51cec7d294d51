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

static int make_port(struct host_client *c, const struct host_port *name,
		     struct port **out)
{
	const struct host_hooks *hooks = &c->host->options.hooks;
	struct port *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	*p = (struct port){ .name = *name, .client = c };
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

int port_take(struct host_client *c, const struct host_port *name,
	      struct port **out)
{
	struct port *found = NULL;
	int err = 0;

	for (struct port *p = *bucket(c->host, name); p; p = p->next) {
		if (!is_shared(&p->name, name))
			continue;
		if (p->client != c)
			return -EADDRINUSE;
		if (is_same(&p->name, name))
			found = p;
	}
	if (!found)
		err = make_port(c, name, &found);
	if (err)
		return err;
	found->uses++;
	*out = found;
	return 0;
}

void port_drop(struct host *h, struct port *p)
{
	struct port **at = bucket(h, &p->name);

	if (--p->uses)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (h->options.hooks.release)
		h->options.hooks.release(h->options.hooks.ctx, &p->name,
					 p->claim);
	p->client->usage.ports--;
	free(p);
}

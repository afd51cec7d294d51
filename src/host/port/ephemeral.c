// SPDX-License-Identifier: BSD-2-Clause
/*
 * ephemeral.c - Choose a local port
 *
 * Only ports that a rule of the client is for are looked at, so that one who may have few
 * finds them; how many are looked at, and how many the hook is asked for, is bounded,
 * because all clients wait meanwhile.
 */
#include <errno.h>
#include <sys/random.h>

#include "host/state.h"

#define LOOKS 65536		/* ports that may be in use                     */
#define TRIES 64		/* of those that are not: policy, and the hook  */

struct search {
	struct host_client *client;
	struct host_port *name;
	enum port_use use;
	uint32_t rights;	/* enum host_right                              */
	bool all;		/* of @rights, not one of them                  */
	uint32_t looks;
	bool allowed;		/* some port was                                */
};

static bool is_allowed(const struct search *s)
{
	const struct host_port *n = s->name;

	for (uint32_t right = HOST_FLOW; right <= HOST_LISTEN; right <<= 1) {
		if (s->rights & right &&
		    policy_allows(s->client, n->address, n->v6, n->port, right) !=
		    s->all)
			return !s->all;
	}
	return s->all;
}

/* Return: 0; -EADDRINUSE; another -errno: looking further is no use. */
static int search_range(struct search *s, uint32_t first, uint32_t last,
			struct port **out)
{
	uint32_t n = last - first + 1, tries = 0, start;
	bool is_free;
	int err;

	if (getrandom(&start, sizeof(start), GRND_NONBLOCK) != sizeof(start))
		return -EIO;
	for (uint32_t at = 0; at < n && tries < TRIES && s->looks; at++, s->looks--) {
		s->name->port = (uint16_t)(first + (start % n + at) % n);
		is_free = port_is_free(s->client->host, s->name);
		if (!is_free && s->allowed)
			continue;
		tries++;
		if (!is_allowed(s))
			continue;
		s->allowed = true;
		if (!is_free)
			continue;
		err = port_take(s->client, s->name, s->use, out);
		if (err != -EADDRINUSE)
			return err;
	}
	return -EADDRINUSE;
}

/* In @first..@last, as far as rules are for it. */
static int search_rules(struct search *s, uint32_t first, uint32_t last,
			struct port **out)
{
	const struct host_policy *p = &s->client->policy;
	int err = -EADDRINUSE;

	for (uint32_t n = 0; n < p->n_rules && err == -EADDRINUSE; n++) {
		const struct host_rule *r = &p->rule[n];
		uint32_t from = r->first_port > first ? r->first_port : first;
		uint32_t to = r->last_port < last ? r->last_port : last;

		if (r->v6 == s->name->v6 && r->rights & s->rights && from <= to)
			err = search_range(s, from, to, out);
	}
	return err;
}

int port_choose(struct host_client *c, struct host_port *name, uint32_t rights,
		enum port_use use, struct port **out)
{
	const struct host_options *o = &c->host->options;
	struct search s = { .client = c, .name = name, .use = use, .rights = rights,
			    .all = true, .looks = LOOKS };
	uint32_t lowest = c->policy.low_ports ? c->policy.low_ports : 1;
	int err = search_rules(&s, o->first_port, o->last_port, out);

	if (err == -EADDRINUSE && !s.allowed) {
		s.all = false;
		err = search_rules(&s, o->first_port, o->last_port, out);
	}
	if (err == -EADDRINUSE && !s.allowed)
		err = search_rules(&s, lowest, UINT16_MAX, out);
	return err == -EADDRINUSE && !s.allowed ? -EACCES : err;
}

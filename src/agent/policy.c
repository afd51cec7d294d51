// SPDX-License-Identifier: BSD-2-Clause
/* policy.c - What a client may do, by who it is */
#include <string.h>

#include "agent/config.h"

static bool is_member(const struct peer *peer, uint32_t gid)
{
	if (peer->gid == gid)
		return true;
	for (uint32_t n = 0; n < peer->n_groups; n++) {
		if (peer->groups[n] == gid)
			return true;
	}
	return false;
}

static bool is_for(const struct grant *g, const struct peer *peer)
{
	switch (g->kind) {
	case GRANT_USER: return g->id == peer->uid;
	case GRANT_GROUP: return is_member(peer, g->id);
	default: return true;
	}
}

static void add_rules(struct host_policy *p, const struct grant *g)
{
	uint32_t n = g->n_rules;

	if (n > HOST_RULES_MAX - p->n_rules)
		n = HOST_RULES_MAX - p->n_rules;
	memcpy(p->rule + p->n_rules, g->rule, n * sizeof(g->rule[0]));
	p->n_rules += n;
	p->raw |= g->raw;
}

#define FILL(member) \
	do { \
		if (!to->member) \
			to->member = from->member; \
	} while (0)

static void fill_limits(struct host_limits *to, const struct host_limits *from)
{
	FILL(memory);
	FILL(registered);
	FILL(objects);
	FILL(queues);
	FILL(regions);
	FILL(flows);
	FILL(entries);
}

bool config_policy(const struct config *c, const struct peer *peer,
		   struct host_policy *policy, uint32_t *clients)
{
	bool found = false, named = false;

	*policy = (struct host_policy){
		.user = peer->uid, .low_ports = (uint16_t)c->low_ports,
	};
	*clients = 0;
	for (int kind = GRANT_USER; kind <= GRANT_EVERYONE; kind++) {
		for (uint32_t n = 0; n < c->n_grants; n++) {
			const struct grant *g = &c->grants[n];

			if (g->kind != kind || !is_for(g, peer))
				continue;
			found = true;
			named |= kind == GRANT_USER;
			add_rules(policy, g);
			fill_limits(&policy->limits, &g->limits);
			if (!*clients)
				*clients = g->clients;
		}
	}
	if (peer->uid == 0 && !named) {
		struct host_limits limits = policy->limits;

		host_policy_all(policy);
		policy->user = peer->uid;
		policy->limits = limits;
		found = true;
	}
	fill_limits(&policy->limits, &c->limits);
	if (!*clients)
		*clients = c->clients;
	return found;
}

// SPDX-License-Identifier: BSD-2-Clause
/* policy.c - What a client may do (SPEC AG-1) */
#include <string.h>

#include "host/state.h"

#define ALL_RIGHTS (HOST_FLOW | HOST_LISTEN | HOST_ADDRESS | HOST_LOW_PORTS)

void host_policy_all(struct host_policy *policy)
{
	*policy = (struct host_policy){ .n_rules = 2, .raw = true };
	for (uint32_t n = 0; n < policy->n_rules; n++)
		policy->rule[n] = (struct host_rule){
			.v6 = (uint8_t)n, .rights = ALL_RIGHTS,
			.last_port = UINT16_MAX,
		};
}

static bool has_prefix(const uint8_t address[16], const uint8_t prefix[16],
		       uint32_t bits)
{
	uint32_t bytes = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return !memcmp(address, prefix, bytes) &&
	       (!rest || !((address[bytes] ^ prefix[bytes]) & mask));
}

static bool rule_is_for(const struct host_rule *rule, const uint8_t local[16],
			bool v6, uint16_t port, enum host_right right)
{
	return rule->v6 == v6 &&
	       has_prefix(local, rule->address, rule->prefix_bits) &&
	       (right == HOST_ADDRESS ||
		(port >= rule->first_port && port <= rule->last_port));
}

static bool allows_one(const struct host_policy *p, const uint8_t local[16],
		       bool v6, uint16_t port, enum host_right right)
{
	uint32_t need = right;

	if (right != HOST_ADDRESS && port < p->low_ports)
		need |= HOST_LOW_PORTS;
	for (uint32_t n = 0; n < p->n_rules; n++) {
		if ((p->rule[n].rights & need) == need &&
		    rule_is_for(&p->rule[n], local, v6, port, right))
			return true;
	}
	return false;
}

static bool is_any(const uint8_t address[16])
{
	static const uint8_t any[16];

	return !memcmp(address, any, sizeof(any));
}

bool policy_allows(const struct host_client *c, const uint8_t local[16], bool v6,
		   uint16_t port, enum host_right right)
{
	const struct host_options *o = &c->host->options;

	if (!is_any(local) || c->host->owns_all)
		return allows_one(&c->policy, local, v6, port, right);
	for (uint32_t n = 0; n < o->n_addresses; n++) {
		if (o->addresses[n].v6 == v6 &&
		    !allows_one(&c->policy, o->addresses[n].address, v6, port,
				right))
			return false;
	}
	return true;
}

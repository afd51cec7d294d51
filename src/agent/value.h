/* SPDX-License-Identifier: BSD-2-Clause */
/* value.h - Values as people write them */
#ifndef AGENT_VALUE_H
#define AGENT_VALUE_H

#include <stdbool.h>
#include <stdint.h>

#include "host/policy.h"

/** value_trim() - @text without blanks at either end; changed in place */
char *value_trim(char *text);

/** value_number() - Digits and nothing else. Return: false: not, or out of range */
bool value_number(const char *text, uint32_t min, uint32_t max, uint32_t *out);

/** value_bytes() - The same, not 0, and K, M or G may follow (powers of 1024) */
bool value_bytes(const char *text, uint64_t *out);

/**
 * value_rules() - "[ADDRESS[/BITS]:]PORT[-PORT]", with HOST_ADDRESS "ADDRESS[/BITS]"
 * @text:	Changed; an IPv6 address before a port stands in brackets. "any": of
 *		ports, those that need no privilege
 * @rights:	For the rules
 * @low_ports:	Ports below need HOST_LOW_PORTS, which the rule gets when it names them
 * @rules:	Room for two: without an address there is one for each family
 *
 * Return: how many rules, 0: not understood.
 */
uint32_t value_rules(char *text, uint8_t rights, uint32_t low_ports,
		     struct host_rule rules[2]);

#endif

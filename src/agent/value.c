// SPDX-License-Identifier: BSD-2-Clause
/* value.c - Values as people write them */
#include "agent/value.h"

#include <arpa/inet.h>
#include <string.h>

#define BLANKS " \t\r\n"
#define KIB_SHIFT 10

char *value_trim(char *text)
{
	size_t len;

	text += strspn(text, BLANKS);
	len = strlen(text);
	while (len && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

bool value_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return false;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return false;
	}
	*out = (uint32_t)value;
	return value >= min;
}

bool value_bytes(const char *text, uint64_t *out)
{
	static const char suffixes[] = "KMG";
	char digits[11] = { 0 };
	size_t len = strspn(text, "0123456789");
	const char *suffix;
	uint32_t value;

	if (len == 0 || len >= sizeof(digits))
		return false;
	memcpy(digits, text, len);
	if (!value_number(digits, 1, UINT32_MAX, &value))
		return false;
	*out = value;
	text += len;
	if (!*text)
		return true;
	suffix = strchr(suffixes, *text);
	if (!suffix || text[1])
		return false;
	*out <<= KIB_SHIFT * (suffix - suffixes + 1);
	return true;
}

/* "ADDRESS[/BITS]" */
static bool read_prefix(char *text, struct host_rule *rule)
{
	char *slash = strchr(text, '/');
	uint32_t max, bits;

	if (slash)
		*slash++ = '\0';
	rule->v6 = strchr(text, ':') != NULL;
	max = bits = rule->v6 ? 128 : 32;
	if (slash && !value_number(slash, 0, max, &bits))
		return false;
	rule->prefix_bits = (uint8_t)bits;
	return inet_pton(rule->v6 ? AF_INET6 : AF_INET, text, rule->address) == 1;
}

/* "PORT", "PORT-PORT" or "any" */
static bool read_ports(char *text, uint32_t low_ports, struct host_rule *rule)
{
	char *dash = strchr(text, '-');
	uint32_t first, last;

	if (!strcmp(text, "any")) {
		first = low_ports ? low_ports : 1;
		last = UINT16_MAX;
	} else {
		if (dash)
			*dash++ = '\0';
		if (!value_number(text, 1, UINT16_MAX, &first) ||
		    !value_number(dash ? dash : text, first, UINT16_MAX, &last))
			return false;
	}
	rule->first_port = (uint16_t)first;
	rule->last_port = (uint16_t)last;
	if (first < low_ports)
		rule->rights |= HOST_LOW_PORTS;
	return true;
}

/* What stands before the port, and the port. */
static char *split_port(char *text, char **address)
{
	char *colon = strrchr(text, ':');

	*address = NULL;
	if (!colon)
		return text;
	*colon = '\0';
	*address = text;
	if (*text == '[' && colon > text && colon[-1] == ']') {
		colon[-1] = '\0';
		(*address)++;
	} else if (strchr(text, ':')) {
		return NULL;
	}
	return colon + 1;
}

uint32_t value_rules(char *text, uint8_t rights, uint32_t low_ports,
		     struct host_rule rules[2])
{
	char *address = text, *ports;

	rules[0] = (struct host_rule){ .rights = rights };
	if (rights == HOST_ADDRESS && strcmp(text, "any"))
		return read_prefix(text, &rules[0]);
	ports = split_port(text, &address);
	if (!ports || !read_ports(ports, low_ports, &rules[0]))
		return 0;
	if (address)
		return read_prefix(address, &rules[0]);
	rules[1] = rules[0];
	rules[1].v6 = 1;
	return 2;
}

// SPDX-License-Identifier: BSD-2-Clause
/* config.c - What ttod.conf says: sections, keys and their values */
#include "agent/config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/value.h"
#include "base/message.h"

#define LINE_MAX_BYTES 4096
#define LOW_PORTS_FILE "/proc/sys/net/ipv4/ip_unprivileged_port_start"
#define PORTS_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define LOW_PORTS 1024
#define HOST_CLIENTS 64		/* at once                                      */
#define CLIENTS 16		/* of one user                                  */

enum section {
	SECTION_NONE,
	SECTION_DAEMON,
	SECTION_WIRE,
	SECTION_LIMITS,
	SECTION_GRANT,
};

/* Where the reading has come to. */
struct reader {
	const char *path;
	unsigned int line;
	struct config *config;
	uint8_t section;	/* enum section                                 */
	uint64_t seen;		/* keys of this section, by their place         */
	struct grant *grant;
	const char *why;	/* what is wrong                                */
	char reason[160];
};

static int refuse(struct reader *r, const char *why)
{
	r->why = why;
	return -EINVAL;
}

/* ---- Values ---------------------------------------------------------------------------- */

static int take_text(struct reader *r, char **to, const char *value)
{
	char *copy = strdup(value);

	if (!copy)
		return -ENOMEM;
	free(*to);
	*to = copy;
	return *value ? 0 : refuse(r, "empty");
}

static int take_path(struct reader *r, char **to, const char *value)
{
	return *value == '/' ? take_text(r, to, value) :
			       refuse(r, "not an absolute path");
}

static int take_bytes(struct reader *r, uint64_t *to, const char *value)
{
	return value_bytes(value, to) ? 0 :
	       refuse(r, "not a number of bytes (K, M or G may follow)");
}

static int take_count(struct reader *r, uint32_t *to, const char *value,
		      uint32_t max)
{
	return value_number(value, 1, max, to) ? 0 :
	       refuse(r, "not a number, or too large");
}

static int take_mode(struct reader *r, const char *value)
{
	char *end;
	unsigned long mode = strtoul(value, &end, 8);

	if (*value < '0' || *value > '7' || *end || mode > 0777)
		return refuse(r, "not a mode in octal digits");
	r->config->mode = (uint32_t)mode;
	return 0;
}

static int take_user(struct reader *r, uint32_t *uid, uint32_t *gid,
		     const char *value)
{
	const struct passwd *p = getpwnam(value);

	if (!p && !value_number(value, 0, INT32_MAX, uid))
		return refuse(r, "no such user");
	if (p)
		*uid = p->pw_uid;
	if (gid)
		*gid = p ? p->pw_gid : *uid;
	return 0;
}

static int take_group(struct reader *r, uint32_t *gid, const char *value)
{
	const struct group *g = getgrnam(value);

	if (!g && !value_number(value, 0, INT32_MAX, gid))
		return refuse(r, "no such group");
	if (g)
		*gid = g->gr_gid;
	return 0;
}

/* The words that options of a wire have as well. */
static int take_host_option(struct reader *r, const char *key, const char *value)
{
	struct wire_error error;
	char text[256], *spec = NULL;

	if (strchr(value, ';') ||
	    snprintf(text, sizeof(text), "x;%s=%s", key, value) >=
		    (int)sizeof(text))
		return refuse(r, "not a value");
	if (host_options_parse(&r->config->host, text, &spec, &error)) {
		snprintf(r->reason, sizeof(r->reason), "%.150s", error.text);
		return refuse(r, r->reason);
	}
	free(spec);
	return 0;
}

static int take_wire(struct reader *r, char **to, const char *value)
{
	if (strchr(value, ';'))
		return refuse(r, "addresses stand in lines of their own");
	if (*value && !wire_is_known(value))
		return refuse(r, "not a wire: KIND:NAME, see tto(1)");
	return take_text(r, to, value);
}

static int take_kernel(struct reader *r, char **to, const char *value)
{
	return strcmp(value, CONFIG_SHARED) ? take_wire(r, to, value) :
					      take_text(r, to, value);
}

static int take_rules(struct reader *r, uint8_t rights, char *value)
{
	struct grant *g = r->grant;
	char *word;

	while ((word = strsep(&value, ","))) {
		struct host_rule rules[2];
		uint32_t n = value_rules(value_trim(word), rights,
					 r->config->low_ports, rules);

		if (!n)
			return refuse(r, rights == HOST_ADDRESS ?
				      "not an address or a prefix" :
				      "not [ADDRESS[/BITS]:]PORT[-PORT] or any");
		if (g->n_rules + n > HOST_RULES_MAX)
			return refuse(r, "too many ports and addresses");
		memcpy(g->rule + g->n_rules, rules, n * sizeof(rules[0]));
		g->n_rules += n;
	}
	return 0;
}

static int take_yes(struct reader *r, bool *to, const char *value)
{
	*to = !strcmp(value, "yes");
	return *to || !strcmp(value, "no") ? 0 : refuse(r, "yes or no");
}

/* "A-B" */
static int take_ports(struct reader *r, char *value)
{
	struct host_options *o = &r->config->host;
	char *dash = strchr(value, '-');
	uint32_t first, last;

	if (dash)
		*dash++ = '\0';
	if (!dash || !value_number(value, 1, UINT16_MAX, &first) ||
	    !value_number(dash, first, UINT16_MAX, &last))
		return refuse(r, "not two ports, the lower one first");
	o->first_port = (uint16_t)first;
	o->last_port = (uint16_t)last;
	return 0;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

static int daemon_key(struct reader *r, uint32_t key, char *value)
{
	struct config *c = r->config;

	switch (key) {
	case 0: return take_path(r, &c->socket, value);
	case 1: return take_path(r, &c->stats, value);
	case 2: return take_mode(r, value);
	case 3: return take_group(r, &c->socket_gid, value);
	case 4: return take_user(r, &c->uid, &c->gid, value);
	case 5: return take_count(r, &c->host.clients, value, 4096);
	case 7: return take_ports(r, value);
	default:
		if (c->n_grants)
			return refuse(r, "stands behind a section that it is for");
		return value_number(value, 0, UINT16_MAX, &c->low_ports) ? 0 :
		       refuse(r, "not a port");
	}
}

static int wire_key(struct reader *r, uint32_t key, char *value)
{
	static const char *const names[] = { "address", "gateway", "mac", "mtu" };
	uint32_t us;

	switch (key) {
	case 0: return take_wire(r, &r->config->wire, value);
	case 1: return take_kernel(r, &r->config->kernel, value);
	case 2:
		if (!value_number(value, 0, 1000000, &us))
			return refuse(r, "not microseconds, at most 1000000");
		r->config->host.spin_ns = us ? us * 1000ull : 1;
		return 0;
	default: return take_host_option(r, names[key - 3], value);
	}
}

static int limits_key(struct reader *r, struct host_limits *l, uint32_t *clients,
		      uint32_t key, const char *value)
{
	switch (key) {
	case 0: return take_bytes(r, &l->memory, value);
	case 1: return take_bytes(r, &l->registered, value);
	case 2: return take_count(r, &l->objects, value, 65536);
	case 3: return take_count(r, &l->queues, value, 65536);
	case 4: return take_count(r, &l->regions, value, 65536);
	case 5: return take_count(r, &l->flows, value, 1u << 20);
	case 6: return take_count(r, &l->entries, value, RING_ENTRIES_MAX);
	default: return take_count(r, clients, value, 4096);
	}
}

static int default_limits_key(struct reader *r, uint32_t key, char *value)
{
	return limits_key(r, &r->config->limits, &r->config->clients, key, value);
}

#define LIMITS 8

static int grant_key(struct reader *r, uint32_t key, char *value)
{
	if (key < LIMITS)
		return limits_key(r, &r->grant->limits, &r->grant->clients, key,
				  value);
	switch (key - LIMITS) {
	case 0: return take_rules(r, HOST_FLOW, value);
	case 1: return take_rules(r, HOST_LISTEN, value);
	case 2: return take_rules(r, HOST_ADDRESS, value);
	default: return take_yes(r, &r->grant->raw, value);
	}
}

#define LIMIT_KEYS "memory", "registered", "objects", "queues", "regions", "flows", \
		   "entries", "clients"

static const struct section_keys {
	const char *name;	/* NULL: a grant                                */
	int (*take)(struct reader *r, uint32_t key, char *value);
	uint64_t repeatable;
	const char *keys[16];
} sections[] = {
	[SECTION_DAEMON] = { "daemon", daemon_key, 0,
		{ "socket", "stats", "mode", "group", "user", "clients", "low-ports",
		  "ephemeral-ports" } },
	[SECTION_WIRE] = { "wire", wire_key, 1 << 3 | 1 << 4,
		{ "wire", "kernel", "spin", "address", "gateway", "mac", "mtu" } },
	[SECTION_LIMITS] = { "limits", default_limits_key, 0, { LIMIT_KEYS } },
	[SECTION_GRANT] = { NULL, grant_key, 7 << LIMITS,
		{ LIMIT_KEYS, "flow", "listen", "address", "raw" } },
};

/* ---- Lines ---------------------------------------------------------------------------------- */

static int take_pair(struct reader *r, const char *key, char *value)
{
	const struct section_keys *s = &sections[r->section];
	uint32_t n = 0;

	if (r->section == SECTION_NONE)
		return refuse(r, "before the first section");
	while (s->keys[n] && strcmp(s->keys[n], key))
		n++;
	if (!s->keys[n])
		return refuse(r, "unknown in this section");
	if (r->seen & ~s->repeatable & 1ull << n)
		return refuse(r, "said twice");
	r->seen |= 1ull << n;
	return s->take(r, n, value);
}

static int begin_grant(struct reader *r, const char *kind, const char *name)
{
	struct config *c = r->config;
	struct grant *g = &c->grants[c->n_grants];
	int err = 0;

	if (c->n_grants == CONFIG_GRANTS_MAX)
		return refuse(r, "too many sections");
	*g = (struct grant){ .kind = GRANT_EVERYONE };
	if (!strcmp(kind, "user") && name) {
		g->kind = GRANT_USER;
		err = take_user(r, &g->id, NULL, name);
	} else if (!strcmp(kind, "group") && name) {
		g->kind = GRANT_GROUP;
		err = take_group(r, &g->id, name);
	} else if (strcmp(kind, "everyone") || name) {
		return refuse(r, "no such section: daemon, wire, limits, user NAME, "
			      "group NAME or everyone");
	}
	for (uint32_t n = 0; !err && n < c->n_grants; n++) {
		if (c->grants[n].kind == g->kind && c->grants[n].id == g->id)
			err = refuse(r, "the section comes twice");
	}
	if (!err)
		c->n_grants++;
	r->grant = g;
	r->section = SECTION_GRANT;
	return err;
}

static int begin_section(struct reader *r, char *head)
{
	char *kind = strsep(&head, " \t");
	char *name = head ? value_trim(head) : NULL;

	r->seen = 0;
	for (uint8_t n = SECTION_DAEMON; n < SECTION_GRANT; n++) {
		if (name || strcmp(kind, sections[n].name))
			continue;
		if (r->section == n)
			return refuse(r, "the section comes twice");
		r->section = n;
		return 0;
	}
	return begin_grant(r, kind, name);
}

static void complain(const struct reader *r, const char *what, int err)
{
	message("%s:%u: %.80s: %s", r->path, r->line, what,
		err == -EINVAL ? r->why : strerror(-err));
}

static int take_line(struct reader *r, char *line)
{
	char *text = value_trim(line), *value, *what = text;
	size_t len = strlen(text);
	int err;

	if (!len || *text == '#')
		return 0;
	if (*text == '[' && text[len - 1] == ']') {
		text[len - 1] = '\0';
		what = value_trim(text + 1);
		err = begin_section(r, what);
	} else if ((value = strchr(text, '='))) {
		*value++ = '\0';
		what = value_trim(text);
		err = take_pair(r, what, value_trim(value));
	} else {
		err = refuse(r, "neither a [section] nor key = value");
	}
	if (err)
		complain(r, what, err);
	return err;
}

static int read_lines(struct reader *r, FILE *file)
{
	char line[LINE_MAX_BYTES];
	int err = 0;

	errno = 0;
	while (!err && fgets(line, sizeof(line), file)) {
		r->line++;
		if (!strchr(line, '\n') && !feof(file)) {
			err = refuse(r, "the line is too long");
			complain(r, "", err);
		} else {
			err = take_line(r, line);
		}
	}
	if (!err && ferror(file)) {
		err = errno ? -errno : -EIO;
		message_errno(err, "%s", r->path);
	}
	return err;
}

/* ---- The whole ---------------------------------------------------------------------------- */

/* What the kernel chooses from, as two numbers; left alone when it does not say. */
static void read_ports(struct host_options *o)
{
	FILE *file = fopen(PORTS_FILE, "re");
	uint32_t first, last;

	if (!file)
		return;
	if (fscanf(file, "%u %u", &first, &last) == 2 && first && first <= last &&
	    last <= UINT16_MAX) {
		o->first_port = (uint16_t)first;
		o->last_port = (uint16_t)last;
	}
	fclose(file);
}

static uint32_t read_low_ports(void)
{
	FILE *file = fopen(LOW_PORTS_FILE, "re");
	uint32_t ports = LOW_PORTS;

	if (!file)
		return ports;
	if (fscanf(file, "%u", &ports) != 1 || ports > UINT16_MAX)
		ports = LOW_PORTS;
	fclose(file);
	return ports;
}

static int begin(struct config *c)
{
	*c = (struct config){
		.socket = strdup(CONFIG_SOCKET), .stats = strdup(CONFIG_STATS),
		.mode = 0660, .socket_gid = UINT32_MAX,
		.uid = UINT32_MAX, .gid = UINT32_MAX,
		.low_ports = read_low_ports(), .clients = CLIENTS,
		.host = { .clients = HOST_CLIENTS },
		.grants = calloc(CONFIG_GRANTS_MAX, sizeof(*c->grants)),
	};
	read_ports(&c->host);
	return c->socket && c->stats && c->grants ? 0 : -ENOMEM;
}

static int check_whole(const char *path, const struct config *c)
{
	const char *why = NULL;

	if (!c->wire)
		why = "[wire] names no wire";
	else if (strlen(c->socket) > 107)	/* unix(7) */
		why = "the path of the socket is longer than 107 bytes";
	else if (c->kernel && c->host.n_addresses)
		why = "[wire] kernel: then the addresses are the kernel's; name none";
	if (!why)
		return 0;
	message("%s: %s", path, why);
	return -EINVAL;
}

int config_read(const char *path, struct config *c)
{
	struct reader r = { .path = path, .config = c };
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	int err = file ? 0 : -errno;

	if (begin(c))
		err = -ENOMEM;
	if (err == -ENOENT) {
		message("%s: not there; see ttod.conf(5)", path);
	} else if (err) {
		message_errno(err, "%s", path);
	} else {
		err = read_lines(&r, file);
		if (!err)
			err = check_whole(path, c);
	}
	if (file && file != stdin)
		fclose(file);
	return err;
}

void config_close(struct config *c)
{
	free(c->socket);
	free(c->stats);
	free(c->wire);
	free(c->kernel);
	free(c->grants);
	*c = (struct config){ 0 };
}

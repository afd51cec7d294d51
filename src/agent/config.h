/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - What ttod.conf says
 *
 * DOC: Theory of operation
 * Sections in brackets, "key = value" lines, comments on lines of their own. Everything
 * is checked before anything is opened: an unknown section or key, a key that comes
 * twice, a name that the system does not know are errors, with file and line.
 *
 * Who may do what stands in sections for a user, a group, or everyone. What several say
 * of a client adds up: it may do what one of them allows, and of each limit it has what
 * the first says that names it, in this order: its user, its groups, everyone, limits.
 * See ttod.conf(5).
 */
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <sys/types.h>

#include "host/host.h"

#define CONFIG_PATH "/etc/tto/ttod.conf"
#define CONFIG_SOCKET "/run/tto/ttod.sock"
#define CONFIG_STATS "/run/tto/ttod.stats"
#define CONFIG_GRANTS_MAX 64
#define CONFIG_SHARED "shared"	/* kernel: the wire's interface is the kernel's */

enum grant_kind {
	GRANT_USER,
	GRANT_GROUP,
	GRANT_EVERYONE,
};

/* A section that says what somebody may do. */
struct grant {
	uint8_t kind;		/* enum grant_kind                              */
	uint32_t id;		/* uid or gid                                   */
	bool raw;
	uint32_t clients;	/* at once, of one user; 0: not said            */
	struct host_limits limits;	/* 0: not said                          */
	uint32_t n_rules;
	struct host_rule rule[HOST_RULES_MAX];
};

struct config {
	char *socket, *stats;
	uint32_t mode;		/* of the socket                                */
	uint32_t socket_gid;	/* UINT32_MAX: not said                         */
	uint32_t uid, gid;	/* to become; UINT32_MAX: stay who one is       */
	uint32_t low_ports;	/* ports below need to be named                 */
	char *wire, *kernel;	/* specifications; kernel may be NULL, or
				 * CONFIG_SHARED                                */
	struct host_options host;
	uint32_t clients;	/* of one user, when no grant says              */
	struct host_limits limits;
	uint32_t n_grants;
	struct grant *grants;
};

/**
 * config_read() - Read and check a file
 * @path:	"-": standard input
 * @c:		Overwritten; release with config_close(), also after an error
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int config_read(const char *path, struct config *c);

void config_close(struct config *c);

/* Who asks: SO_PEERCRED and SO_PEERGROUPS. */
struct peer {
	uint32_t pid, uid, gid;
	uint32_t n_groups;
	uint32_t groups[64];
};

/**
 * config_policy() - What a client may do and have
 * @policy:	Overwritten
 * @clients:	Set: how many of this user there may be at once
 *
 * The user root may do everything, unless a section is for him.
 *
 * Return: false when no section is for this client.
 */
bool config_policy(const struct config *c, const struct peer *peer,
		   struct host_policy *policy, uint32_t *clients);

#endif

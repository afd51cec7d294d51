/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profiles.h - Kinds of networks, hosts and applications
 */
#ifndef SIM_PROFILES_H
#define SIM_PROFILES_H

#include "endpoint/chance.h"
#include "sim/scenario.h"

struct profile {
	const char *name;
	const char *sentence;
	void (*fill)(struct scenario *s, struct chance *c);
	bool heavy;		/* one in eight of its turns is enough          */
};

extern const struct profile profiles[];
extern const unsigned n_profiles;

/* NULL: there is none of that name. */
const struct profile *profile_find(const char *name);

/* What @seed makes of @p. */
void profile_scenario(const struct profile *p, uint64_t seed,
		      struct scenario *s);

/* ---- traffic.c: what applications do ---------------------------------------------------- */

/* Host 0 sends @bytes, host 1 none. */
void traffic_bulk(struct scenario *s, uint64_t bytes);
void traffic_both(struct scenario *s, uint64_t there, uint64_t back);
/* Requests and responses in turn. */
void traffic_turns(struct scenario *s, uint32_t request, uint32_t response,
		   uint32_t n);
/* Any of these, with about @bytes in all. */
void traffic_any(struct scenario *s, struct chance *c, uint64_t bytes);
/* How programs write and read, at random. */
void traffic_habits(struct scenario *s, struct chance *c);

#endif

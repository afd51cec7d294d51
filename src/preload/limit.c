// SPDX-License-Identifier: BSD-2-Clause
/*
 * limit.c - How much address space a process may have: RLIMIT_AS
 *
 * Most of the stack's memory is addresses only, but the kernel counts these. Whoever limits
 * himself means his own: what the stack has is added on the way in, and taken off on the
 * way out.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "preload/real.h"

static void add(rlim_t *limit, rlim_t ours)
{
	if (*limit != RLIM_INFINITY)
		*limit = *limit < RLIM_INFINITY - ours ? *limit + ours : RLIM_INFINITY;
}

static void take_off(rlim_t *limit, rlim_t ours)
{
	if (*limit != RLIM_INFINITY)
		*limit = *limit > ours ? *limit - ours : 0;
}

static bool counts(int resource)
{
	return resource == RLIMIT_AS && tto_address_space();
}

WRAP int prlimit(pid_t process, enum __rlimit_resource resource, const struct rlimit *to,
		 struct rlimit *was)
{
	rlim_t ours = tto_address_space();
	struct rlimit more;
	int result;

	if (!counts((int)resource) || (process && process != getpid()))
		return REAL(prlimit)(process, resource, to, was);
	if (to) {
		more = *to;
		add(&more.rlim_cur, ours);
		add(&more.rlim_max, ours);
	}
	result = REAL(prlimit)(process, resource, to ? &more : NULL, was);
	if (!result && was) {
		take_off(&was->rlim_cur, ours);
		take_off(&was->rlim_max, ours);
	}
	return result;
}

WRAP int setrlimit(__rlimit_resource_t resource, const struct rlimit *to)
{
	if (!counts((int)resource))
		return REAL(setrlimit)(resource, to);
	return prlimit(0, resource, to, NULL);
}

WRAP int getrlimit(__rlimit_resource_t resource, struct rlimit *was)
{
	if (!counts((int)resource))
		return REAL(getrlimit)(resource, was);
	return prlimit(0, resource, NULL, was);
}

/* The same, where a long has 64 bits. */
int prlimit64(pid_t process, enum __rlimit_resource resource, const struct rlimit64 *to,
	      struct rlimit64 *was);
_Static_assert(sizeof(struct rlimit) == sizeof(struct rlimit64), "a limit has 64 bits");

WRAP int prlimit64(pid_t process, enum __rlimit_resource resource, const struct rlimit64 *to,
		   struct rlimit64 *was)
{
	return prlimit(process, resource, (const struct rlimit *)to, (struct rlimit *)was);
}

WRAP int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *to)
{
	return setrlimit(resource, (const struct rlimit *)to);
}

WRAP int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *was)
{
	return getrlimit(resource, (struct rlimit *)was);
}

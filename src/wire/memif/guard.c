// SPDX-License-Identifier: BSD-2-Clause
/* guard.c - Outlive the end of shared memory that somebody else may take away */
#include "wire/memif/guard.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_BYTES (2ul << 20)	/* a hole in huge pages is at least as large    */

/* Read by the handler at any moment: an entry is valid while base is set. */
static struct guard {
	uintptr_t base;
	size_t bytes;
	int hit;
} guards[GUARDS_MAX];
static struct sigaction before;
static int installed;
static size_t page_bytes;

static struct guard *find(uintptr_t at)
{
	for (int n = 0; n < GUARDS_MAX; n++) {
		uintptr_t base = __atomic_load_n(&guards[n].base,
						 __ATOMIC_ACQUIRE);

		if (base && at - base < guards[n].bytes)
			return &guards[n];
	}
	return NULL;
}

/* A page of zeros; huge pages are replaced as a whole. */
static bool replace(const struct guard *g, uintptr_t at)
{
	const size_t sizes[] = { page_bytes, HUGE_BYTES };

	for (int n = 0; n < 2; n++) {
		uintptr_t from = at & ~(sizes[n] - 1);

		if (from >= g->base &&
		    mmap((void *)from, sizes[n], PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
		    MAP_FAILED)
			return true;
	}
	return false;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
		before.sa_sigaction(number, info, context);
	} else if (before.sa_handler != SIG_DFL &&
		   before.sa_handler != SIG_IGN) {
		before.sa_handler(number);
	} else {
		/* It is raised again when the instruction is. */
		signal(number, SIG_DFL);
	}
}

static void on_bus_error(int number, siginfo_t *info, void *context)
{
	int saved = errno;
	uintptr_t at = (uintptr_t)info->si_addr;
	struct guard *g = find(at);

	if (g && replace(g, at))
		__atomic_store_n(&g->hit, 1, __ATOMIC_RELEASE);
	else
		pass_on(number, info, context);
	errno = saved;
}

static int install(void)
{
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	if (installed)
		return 0;
	page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	if (sigaction(SIGBUS, &action, &before))
		return -errno;
	installed = 1;
	return 0;
}

int guard_add(void *base, size_t bytes)
{
	int err = install();

	if (err)
		return err;
	for (int n = 0; n < GUARDS_MAX; n++) {
		uintptr_t none = 0, taken = UINTPTR_MAX;

		if (!__atomic_compare_exchange_n(&guards[n].base, &none, taken,
						 false, __ATOMIC_ACQ_REL,
						 __ATOMIC_RELAXED))
			continue;
		guards[n].bytes = bytes;
		guards[n].hit = 0;
		__atomic_store_n(&guards[n].base, (uintptr_t)base,
				 __ATOMIC_RELEASE);
		return 0;
	}
	return -ENOSPC;
}

bool guard_was_hit(const void *base)
{
	struct guard *g = find((uintptr_t)base);

	return g && __atomic_load_n(&g->hit, __ATOMIC_ACQUIRE);
}

void guard_remove(const void *base)
{
	struct guard *g = find((uintptr_t)base);

	if (g)
		__atomic_store_n(&g->base, 0, __ATOMIC_RELEASE);
}

// SPDX-License-Identifier: BSD-2-Clause
/* couple.c - Two processes on two cores, one of which sends to the other */
#include "couple.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WINDOW_NS 2000000
#define UNDISTURBED 0.97	/* of a window, on the core                     */
#define PATIENCE 20		/* times the time that is to be measured, and ... */
#define PATIENCE_NS 1000000000ull
#define START_NS 20000000000ull
#define REST_NS 20000000

static ns_t read_clock(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t))
		return 0;
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static void sleep_ns(long ns)
{
	struct timespec t = { .tv_nsec = ns };

	nanosleep(&t, NULL);
}

static void be_child(couple_fn *side, void *state, struct couple_control *control,
		     int core)
{
	cpu_set_t one;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	if (sched_setaffinity(0, sizeof(one), &one))
		_exit(1);
	side(state, control);
	_exit(0);
}

static bool wait_until_ready(struct couple *c, int side)
{
	ns_t end = read_clock(CLOCK_MONOTONIC) + START_NS;

	while (!__atomic_load_n(&c->control->ready[side], __ATOMIC_ACQUIRE)) {
		if (waitpid(c->child[side], NULL, WNOHANG) == c->child[side]) {
			c->child[side] = 0;
			return false;
		}
		if (read_clock(CLOCK_MONOTONIC) > end)
			return false;
		sleep_ns(1000000);
	}
	return !clock_getcpuclockid(c->child[side], &c->clock[side]);
}

bool couple_start(struct couple *c, couple_fn *const side[2], void *const state[2],
		  const int core[2], int first)
{
	c->control = mmap(NULL, sizeof(*c->control), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (c->control == MAP_FAILED) {
		c->control = NULL;
		return false;
	}
	for (int n = 0; n < 2; n++) {
		int which = n ? !first : first;

		fflush(NULL);
		c->child[which] = fork();
		if (c->child[which] == 0)
			be_child(side[which], state[which], c->control,
				 core[which]);
		if (c->child[which] < 0 || !wait_until_ready(c, which))
			return false;
	}
	return true;
}

bool couple_rest(struct couple_control *control)
{
	const struct timespec rest = { .tv_nsec = REST_NS };

	if (!couple_goes(control))
		syscall(SYS_futex, &control->go, FUTEX_WAIT, 0, &rest, NULL, 0);
	return !__atomic_load_n(&control->stop, __ATOMIC_RELAXED);
}

static void let_go(struct couple_control *control, uint32_t go)
{
	__atomic_store_n(&control->go, go, __ATOMIC_RELEASE);
	syscall(SYS_futex, &control->go, FUTEX_WAKE, 2, NULL, NULL, 0);
}

struct mark {
	ns_t wall, busy[2];
	uint64_t received;
};

static struct mark look(const struct couple *c)
{
	return (struct mark){
		.received = __atomic_load_n(&c->control->received,
					    __ATOMIC_RELAXED),
		.wall = read_clock(CLOCK_MONOTONIC),
		.busy = { read_clock(c->clock[0]), read_clock(c->clock[1]) },
	};
}

static bool is_undisturbed(const struct mark *from, const struct mark *to)
{
	double wall = (double)(to->wall - from->wall);

	for (int side = 0; side < 2; side++) {
		if ((double)(to->busy[side] - from->busy[side]) <
		    UNDISTURBED * wall)
			return false;
	}
	return true;
}

/* The first time they have to find each other. */
static void wait_until_flowing(const struct couple *c)
{
	ns_t end = read_clock(CLOCK_MONOTONIC) + START_NS;
	uint64_t before = look(c).received;

	do {
		sleep_ns(WINDOW_NS);
	} while (look(c).received == before && read_clock(CLOCK_MONOTONIC) < end);
}

void couple_run(void *couple, struct bench_run *run)
{
	struct couple *c = couple;
	ns_t end = read_clock(CLOCK_MONOTONIC) + PATIENCE_NS +
		   PATIENCE * run->least_ns;
	struct mark from, to;

	let_go(c->control, 1);
	wait_until_flowing(c);
	to = look(c);
	do {
		from = to;
		sleep_ns(WINDOW_NS);
		to = look(c);
		c->windows++;
		if (!is_undisturbed(&from, &to)) {
			c->disturbed++;
			continue;
		}
		run->busy_ns += to.wall - from.wall;
		run->items += to.received - from.received;
	} while (run->busy_ns < run->least_ns && to.wall < end);
	let_go(c->control, 0);
	sleep_ns(WINDOW_NS);
	if (!run->items && run->least_ns)
		bench_fail(c->bench, "%s: in no window had both sides their core",
			   c->name);
	if (__atomic_load_n(&c->control->wrong, __ATOMIC_RELAXED))
		bench_fail(c->bench, "%s: frames were wrong", c->name);
}

void couple_stop(void *couple)
{
	struct couple *c = couple;

	if (c->control)
		__atomic_store_n(&c->control->stop, 1, __ATOMIC_RELEASE);
	for (int side = 0; side < 2; side++) {
		int patience = 2000;

		if (c->child[side] <= 0)
			continue;
		while (waitpid(c->child[side], NULL, WNOHANG) == 0) {
			if (--patience == 0)
				kill(c->child[side], SIGKILL);
			usleep(1000);
		}
		c->child[side] = 0;
	}
	if (c->control)
		munmap(c->control, sizeof(*c->control));
	c->control = NULL;
}

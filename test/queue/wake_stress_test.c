// SPDX-License-Identifier: BSD-2-Clause
/*
 * wake_stress_test.c - Two sides that sleep and wake each other, for as long as wanted
 *
 *   wake_stress_test [--seconds N] [--seed N]
 *
 * A client and a device, threads or processes, with a ring each way and an eventfd to
 * be woken by; or, to come by the critical moment much more often than the kernel
 * can put to sleep, with a word that who sleeps looks at. The client sends numbers in bursts of any size; the device sends each
 * back. Both arm and sleep when there is nothing, after any delay; a burst is answered
 * before the next begins, so that a single wakeup that is lost stops all of it. Then
 * whoever sleeps finds out after a while that something is there, which is the failure.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compiler.h"
#include "queue/ring.h"

#define ENTRIES 16u
#define LOST_MS 5000		/* nobody is late by that much                  */
#define END UINT64_MAX		/* what is sent last                            */

static double seconds = 0.5;
static uint64_t seed = 1;

/* Shared by both sides. */
struct shared {
	CACHE_ALIGNED uint8_t to_device[sizeof(struct ring) + ENTRIES * 8];
	CACHE_ALIGNED uint8_t to_client[sizeof(struct ring) + ENTRIES * 8];
	CACHE_ALIGNED _Atomic uint32_t word[2];	/* instead of eventfds          */
	_Atomic bool lost;
	_Atomic uint64_t n_sleeps, n_wakes, n_in_vain;
};

struct side {
	struct shared *s;
	struct ring_end in, out;
	int own, other;		/* eventfds; -1: words                          */
	_Atomic uint32_t *own_word, *other_word;
	uint64_t rng;
};

static uint32_t below(uint64_t *rng, uint32_t n)
{
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (uint32_t)((*rng * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

/* Nothing, a few cycles, the rest of the time slice, or real sleep. */
static void dawdle(struct side *me)
{
	uint32_t kind = below(&me->rng, 256);

	if (kind >= 64)
		return;
	if (kind < 4 && me->own >= 0) {
		if (kind == 0)
			nanosleep(&(struct timespec){
				0, below(&me->rng, 30000) }, NULL);
		sched_yield();
	}
	for (volatile uint32_t n = below(&me->rng, 100); n > 0; n--)
		;
}

static void wake(struct side *me)
{
	const uint64_t one = 1;

	dawdle(me);
	atomic_fetch_add(&me->s->n_wakes, 1);
	if (me->other < 0)
		atomic_store(me->other_word, 1);
	else if (write(me->other, &one, sizeof(one)) != sizeof(one))
		atomic_store(&me->s->lost, true);
}

static void send(struct side *me, uint64_t value)
{
	while (ring_room(&me->out, 1) == 0)
		sched_yield();
	*(uint64_t *)ring_slot(&me->out, 0) = value;
	dawdle(me);
	ring_publish(&me->out, 1);
	if (ring_wants_wake(&me->out))
		wake(me);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool wait_for_word(struct side *me)
{
	double end = 0;

	for (uint32_t n = 1; !atomic_exchange(me->own_word, 0); n++) {
		if (n % 4096)
			continue;
		sched_yield();
		if (end == 0)
			end = now() + LOST_MS / 1e3;
		else if (now() > end)
			return false;
	}
	return true;
}

/* Waits to be woken. Return: false when that was in vain for too long. */
static bool wait_for_wakeup(struct side *me)
{
	struct pollfd p = { .fd = me->own, .events = POLLIN };
	uint64_t n;

	atomic_fetch_add(&me->s->n_sleeps, 1);
	if (me->own < 0)
		return wait_for_word(me);
	if (poll(&p, 1, LOST_MS) != 1 || read(me->own, &n, sizeof(n)) != 8)
		return false;
	return true;
}

/* Looks a few times before it says that it sleeps: often the moment that counts. */
static bool spin(struct side *me)
{
	uint32_t n = below(&me->rng, below(&me->rng, 4) ? 20 : 400);

	while (n > 0 && !ring_ready(&me->in, 1))
		n--;
	return ring_ready(&me->in, 1);
}

/* The next number that the other side has sent; END also when one is lost. */
static uint64_t receive(struct side *me)
{
	uint64_t value;

	while (!spin(me)) {
		if (!ring_arm(&me->in))
			continue;
		dawdle(me);
		if (!wait_for_wakeup(me)) {
			atomic_store(&me->s->lost, true);
			return END;
		}
		if (below(&me->rng, 2))
			ring_disarm(&me->in);
		if (!ring_ready(&me->in, 1))
			atomic_fetch_add(&me->s->n_in_vain, 1);
	}
	value = *(const uint64_t *)ring_entry(&me->in, 0);
	ring_release(&me->in, 1);
	return value;
}

/* Sends back what comes. */
static void *be_device(void *arg)
{
	struct side *me = arg;
	uint64_t value;

	do {
		value = receive(me);
		send(me, value);
	} while (value != END);
	return NULL;
}

/* Return: numbers that came back. */
static uint64_t be_client(struct side *me)
{
	double end = now() + seconds;
	uint64_t sent = 0, back = 0;

	while (now() < end && !atomic_load(&me->s->lost)) {
		uint32_t burst = 1 + below(&me->rng, below(&me->rng, 4) ? 2 : ENTRIES);

		for (; burst > 0; burst--)
			send(me, sent++);
		for (; back < sent; back++) {
			uint64_t value = receive(me);

			if (value != back) {
				atomic_store(&me->s->lost, true);
				return back;
			}
		}
	}
	send(me, END);
	receive(me);
	return back;
}

static void attach(struct side *me, struct ring *in, struct ring *out)
{
	ring_attach(&me->in, in, ENTRIES, 8);
	ring_attach(&me->out, out, ENTRIES, 8);
}

static void open_sides(struct side side[2], bool with_words)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct ring *to_device, *to_client;
	int fd[2] = { -1, -1 };

	assert_true(s != MAP_FAILED);
	for (int n = 0; n < 2 && !with_words; n++) {
		fd[n] = eventfd(0, EFD_CLOEXEC);
		assert_true(fd[n] >= 0);
	}
	to_device = (struct ring *)(void *)s->to_device;
	to_client = (struct ring *)(void *)s->to_client;
	ring_create(to_device, RING_SEND, ENTRIES, 8);
	ring_create(to_client, RING_COMPLETION, ENTRIES, 8);
	for (int n = 0; n < 2; n++)
		side[n] = (struct side){ .s = s, .own = fd[n],
					 .other = fd[1 - n],
					 .own_word = &s->word[n],
					 .other_word = &s->word[1 - n],
					 .rng = seed * 0x9e3779b97f4a7c15ULL +
						(uint64_t)n + 1 };
	attach(&side[0], to_client, to_device);
	attach(&side[1], to_device, to_client);
}

static void close_sides(struct side side[2])
{
	if (side[0].own >= 0) {
		close(side[0].own);
		close(side[1].own);
	}
	munmap(side[0].s, sizeof(*side[0].s));
}

static void judge(const struct side side[2], uint64_t back)
{
	const struct shared *s = side[0].s;

	printf("%llu numbers, %llu sleeps, %llu wakeups, %llu in vain\n",
	       (unsigned long long)back, (unsigned long long)s->n_sleeps,
	       (unsigned long long)s->n_wakes, (unsigned long long)s->n_in_vain);
	if (s->lost)
		fail_msg("a wakeup was lost; seed %llu",
			 (unsigned long long)seed);
	assert_true(back > 0);
	assert_true(s->n_sleeps > 0);
}

static void run_threads(bool with_words)
{
	struct side side[2];
	pthread_t thread;
	uint64_t back;

	open_sides(side, with_words);
	assert_int_equal(pthread_create(&thread, NULL, be_device, &side[1]), 0);
	back = be_client(&side[0]);
	pthread_join(thread, NULL);
	judge(side, back);
	close_sides(side);
}

static void ag_6_two_threads(void **state)
{
	run_threads(false);
}

static void ag_6_two_threads_that_never_sleep_for_long(void **state)
{
	run_threads(true);
}

static void ag_6_two_processes(void **state)
{
	struct side side[2];
	uint64_t back;
	pid_t parent = getpid(), child;
	int status;

	open_sides(side, false);
	fflush(stdout);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			be_device(&side[1]);
		_exit(0);
	}
	back = be_client(&side[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	judge(side, back);
	assert_int_equal(status, 0);
	close_sides(side);
}

static bool take_arguments(int argc, char **argv)
{
	for (int n = 1; n < argc; n += 2) {
		if (n + 1 == argc)
			return false;
		if (!strcmp(argv[n], "--seconds"))
			seconds = atof(argv[n + 1]) / 3;	/* three tests  */
		else if (!strcmp(argv[n], "--seed"))
			seed = strtoull(argv[n + 1], NULL, 0);
		else
			return false;
	}
	return seconds > 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ag_6_two_threads),
		cmocka_unit_test(ag_6_two_threads_that_never_sleep_for_long),
		cmocka_unit_test(ag_6_two_processes),
	};

	if (!take_arguments(argc, argv)) {
		fprintf(stderr, "usage: %s [--seconds N] [--seed N]\n", argv[0]);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

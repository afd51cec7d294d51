// SPDX-License-Identifier: BSD-2-Clause
/*
 * revoke_test.c - What was taken back is never written again, while bytes keep coming
 *
 *   verbs_revoke_test [--seconds N] [--seed N]
 *
 * The device is in another process and its wire a mirror: what is sent comes back, at
 * its own pace, into receives of which some are revoked at any moment. A buffer that
 * was given back gets a canary at once, and has it until its receive completes and a
 * while longer; one that was not has all its bytes already.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "daemon.h"
#include "scene.h"

#define BUFFERS 32u
#define BUFFER_BYTES 2048u
#define SENDS 12u		/* on the way, so that the GRQ has room for all */
#define SEND_MAX 6000u
#define FROM_BYTES 73728u	/* SENDS times that, in whole pages             */
#define REST 50		/* turns that a revoked buffer lies idle        */
#define PATIENCE 5000000000ll	/* [ns]                                         */

enum state { FREE, POSTED, KEPT, REVOKED, IDLE };

struct buffer {
	enum state state;
	uint64_t wr_id;
	uint64_t until;		/* IDLE: number of a turn                       */
	uint8_t *at;
	uint8_t copy[BUFFER_BYTES];	/* KEPT: as it was then                 */
};

struct run {
	struct daemon_process daemon;
	struct side side;
	uint8_t *from;
	struct buffer buffer[BUFFERS];
	uint32_t end[SENDS];	/* of what was last sent from each place        */
	bool is_sending[SENDS];
	uint64_t rng, wr_id, turns;
	uint32_t got;
	uint64_t n_revoked, n_late, n_bytes;
};

static double seconds = 0.7;
static uint64_t seed = 1;

static uint32_t below(struct run *r, uint32_t n)
{
	r->rng ^= r->rng >> 12;
	r->rng ^= r->rng << 25;
	r->rng ^= r->rng >> 27;
	return (uint32_t)((r->rng * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- Buffers ------------------------------------------------------------- */

static uint8_t canary(const struct buffer *b)
{
	return (uint8_t)(0xa5 ^ b->wr_id * 7);
}

static void check_canary(const struct buffer *b)
{
	for (uint32_t n = 0; n < BUFFER_BYTES; n++) {
		if (b->at[n] != canary(b))
			fail_msg("seed %llu: byte %u of a revoked receive was written",
				 (unsigned long long)seed, n);
	}
}

static void post(struct run *r, struct buffer *b)
{
	const struct tto_receive receive = {
		.wr_id = r->wr_id, .address = b->at,
		.bytes = 1 + below(r, BUFFER_BYTES),
	};

	if (tto_post_receive(r->side.qp, &receive, 1, NULL))
		return;
	b->wr_id = r->wr_id++;
	b->state = POSTED;
}

static void revoke(struct run *r, struct buffer *b)
{
	int n = tto_revoke(r->side.qp, b->wr_id);

	assert_in_range(n, 0, 1);
	if (n) {
		b->state = REVOKED;
		memset(b->at, canary(b), BUFFER_BYTES);
		r->n_revoked++;
	} else {
		b->state = KEPT;
		memcpy(b->copy, b->at, BUFFER_BYTES);
		r->n_late++;
	}
}

static void use_buffers(struct run *r)
{
	r->turns++;
	for (uint32_t n = 0; n < BUFFERS; n++) {
		struct buffer *b = &r->buffer[n];

		if (b->state == IDLE && r->turns >= b->until) {
			check_canary(b);
			b->state = FREE;
		}
		if (b->state == FREE)
			post(r, b);
	}
}

/* One of those that are posted, at any moment; half the times the next one. */
static void revoke_one(struct run *r)
{
	bool next = below(r, 2);
	struct buffer *it = NULL;

	for (uint32_t n = 0, at = below(r, BUFFERS); n < BUFFERS; n++, at++) {
		struct buffer *b = &r->buffer[at % BUFFERS];

		if (b->state == POSTED && (!it || (next && b->wr_id < it->wr_id)))
			it = b;
	}
	for (volatile uint32_t n = below(r, 2) ? below(r, 3000) : 0; n > 0; n--)
		;
	if (it)
		revoke(r, it);
}

/* ---- Completions --------------------------------------------------------- */

static void take_bytes(struct run *r, struct buffer *b, const struct tto_completion *c)
{
	assert_true(b->state == POSTED || b->state == KEPT);
	assert_int_equal(c->status, 0);
	assert_int_equal(c->seq, SCENE_FIRST + r->got);
	assert_ptr_equal(c->data, b->at);
	scene_check(b->at, r->got, c->bytes);
	if (b->state == KEPT)
		assert_memory_equal(b->copy, b->at, BUFFER_BYTES);
	r->got += c->bytes;
	r->n_bytes += c->bytes;
	b->state = FREE;
}

static void take(struct run *r, const struct tto_completion *c)
{
	struct buffer *b = r->buffer;

	if (c->kind == TTO_SEND) {
		assert_int_equal(c->status, 0);
		r->is_sending[c->wr_id] = false;
		return;
	}
	assert_int_equal(c->kind, TTO_RECEIVE);
	while (b < r->buffer + BUFFERS && (b->wr_id != c->wr_id || b->state == IDLE))
		b++;
	assert_true(b < r->buffer + BUFFERS);
	if (c->status != -ECANCELED) {
		take_bytes(r, b, c);
		return;
	}
	assert_int_equal(c->bytes, 0);
	if (b->state == KEPT) {
		assert_memory_equal(b->copy, b->at, BUFFER_BYTES);
		b->state = FREE;
		return;
	}
	assert_int_equal(b->state, REVOKED);
	check_canary(b);
	b->state = IDLE;
	b->until = r->turns + REST;
}

static void poll_some(struct run *r)
{
	struct tto_completion c[16];
	int n = tto_poll(r->side.cq, c, 16);

	assert_in_range(n, 0, 16);
	for (int k = 0; k < n; k++)
		take(r, &c[k]);
}

static void send_some(struct run *r)
{
	uint32_t bytes = 1 + below(r, below(r, 3) ? SEND_MAX : 100);
	uint32_t n = below(r, SENDS);
	uint8_t *from = r->from + n * SEND_MAX;

	/* Where the last one was sent from, and has come back. */
	if (r->is_sending[n] || (int32_t)(r->got - r->end[n]) < 0)
		return;
	scene_fill(from, r->side.sent, bytes);
	if (scene_send(&r->side, from, bytes, TTO_SEND_SIGNALED, n))
		return;
	r->is_sending[n] = true;
	r->end[n] = r->side.sent;
}

/* Until all that was sent has come. */
static void take_the_rest(struct run *r)
{
	double end = now() + PATIENCE / 1e9;

	while (r->got != r->side.sent) {
		use_buffers(r);
		poll_some(r);
		if (r->turns % 1024 == 0 && now() > end)
			fail_msg("seed %llu: %u bytes have not come",
				 (unsigned long long)seed, r->side.sent - r->got);
	}
}

/* All receives are with the device, bytes come, and some receives are taken back. */
static void play_round(struct run *r)
{
	use_buffers(r);
	for (uint32_t n = 1 + below(r, SENDS); n > 0; n--)
		send_some(r);
	for (uint32_t n = 1 + below(r, 4); n > 0; n--) {
		revoke_one(r);
		if (below(r, 2))
			poll_some(r);
	}
	send_some(r);
	take_the_rest(r);
}

static void check_all(const struct run *r)
{
	struct tto_device_stats stats;

	for (uint32_t n = 0; n < BUFFERS; n++) {
		const struct buffer *b = &r->buffer[n];

		if (b->state == REVOKED || b->state == IDLE)
			check_canary(b);
	}
	assert_int_equal(tto_device_stats(r->side.device, &stats), 0);
	printf("%llu bytes, %llu receives placed, %llu copied, %llu asked back, "
	       "%llu revoked, %llu too late\n", (unsigned long long)r->n_bytes,
	       (unsigned long long)stats.receives_placed,
	       (unsigned long long)stats.receives_copied,
	       (unsigned long long)stats.receives_asked_back,
	       (unsigned long long)r->n_revoked, (unsigned long long)r->n_late);
	assert_true(r->n_revoked > 0 && stats.receives_placed > 0);
}

static void run_against(uint64_t daemon_spin_ns)
{
	const struct daemon_options options = { .spin_ns = daemon_spin_ns, .core = -1 };
	const struct scene_options o = {
		.device = { .place_min = 1 }, .qp = { .receives = BUFFERS },
	};
	static struct run run;
	struct run *r = &run;
	double end = now() + seconds / 2;
	void *memory;

	run = (struct run){ .rng = seed * 0x9e3779b97f4a7c15ULL + 1 };
	assert_int_equal(daemon_start(&r->daemon, &options), 0);
	scene_open_side(&r->side, 0, r->daemon.where, &o);
	assert_int_equal(tto_memory_allocate(r->side.device, FROM_BYTES +
					     BUFFERS * BUFFER_BYTES, &memory), 0);
	r->from = memory;
	for (uint32_t n = 0; n < BUFFERS; n++)
		r->buffer[n].at = r->from + FROM_BYTES + n * BUFFER_BYTES;
	while (now() < end)
		play_round(r);
	check_all(r);
	tto_close(r->side.device);
	daemon_stop(&r->daemon);
}

static void rq_7_revoked_while_the_device_is_awake(void **state)
{
	run_against(1000000);
}

static void rq_7_revoked_while_the_device_sleeps_often(void **state)
{
	run_against(1);
}

static bool take_arguments(int argc, char **argv)
{
	for (int n = 1; n + 1 < argc; n += 2) {
		if (!strcmp(argv[n], "--seconds"))
			seconds = atof(argv[n + 1]);
		else if (!strcmp(argv[n], "--seed"))
			seed = strtoull(argv[n + 1], NULL, 0);
		else
			return false;
	}
	return argc % 2 == 1 && seconds > 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rq_7_revoked_while_the_device_is_awake),
		cmocka_unit_test(rq_7_revoked_while_the_device_sleeps_often),
	};

	if (!take_arguments(argc, argv)) {
		fprintf(stderr, "usage: %s [--seconds N] [--seed N]\n", argv[0]);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * fault_test.c - What goes wrong on a wire is what was asked for, and no more
 *
 * Each frame carries its number, so what became of it can be told. Most cases
 * run in both directions: is_tx false puts the faults before the receiver, true
 * behind the sender.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/fault.h"
#include "wire/pair.h"

#define FRAMES 20000u
#define FRAME_BYTES 100u
#define BATCH 32u
#define US 1000ULL

/* A sender, a receiver, faults between. */
struct scene {
	struct wire *from, *to;
	struct wire *faulty;	/* one of these */
	bool is_tx;
	uint32_t sent, got;
	uint32_t order[3 * FRAMES];	/* numbers, as they came */
	ns_t now;
	ns_t newest;			/* time of a received frame  */
	bool is_ordered;		/* times never go back       */
};

static struct scene scene;

static void open_scene(const struct fault_options *o, bool is_tx,
		       const struct pair_options *pair)
{
	struct wire **end = is_tx ? &scene.from : &scene.to;

	memset(&scene, 0, sizeof(scene));
	scene.is_tx = is_tx;
	assert_int_equal(pair_create(&scene.from, &scene.to, pair), 0);
	assert_int_equal(fault_wrap(&scene.faulty, *end, o), 0);
	*end = scene.faulty;
	scene.now = 1;
	fault_set_time(scene.faulty, scene.now);
}

static void close_scene(void)
{
	assert_int_equal(wire_close(scene.from), 0);
	assert_int_equal(wire_close(scene.to), 0);
}

static struct fault_rates *rates_of(struct fault_options *o, bool is_tx)
{
	return is_tx ? &o->tx : &o->rx;
}

static void fill(uint8_t *data, uint32_t number)
{
	uint32_t at;

	store32(data, number);
	for (at = 4; at < FRAME_BYTES; at++)
		data[at] = (uint8_t)(number * 7 + at);
}

/* Sends up to @n; Return: how many were taken. */
static uint32_t send_some(uint32_t n)
{
	static uint8_t data[BATCH][FRAME_BYTES];
	struct wire_frame frames[BATCH];
	struct iovec iov[BATCH];
	int taken;

	for (uint32_t k = 0; k < n; k++) {
		fill(data[k], scene.sent + k);
		iov[k] = (struct iovec){ data[k], FRAME_BYTES };
		frames[k] = (struct wire_frame){
			.iov = &iov[k], .n_iov = 1, .len = FRAME_BYTES,
			.linktype = 1, .time = scene.now,
		};
	}
	taken = wire_send(scene.from, frames, n);
	assert_in_range(taken, 0, n);
	scene.sent += (uint32_t)taken;
	return (uint32_t)taken;
}

/* Receives all there is; a frame must be whole when @is_whole. */
static void recv_all(bool is_whole)
{
	struct wire_frame frames[BATCH];
	uint8_t wanted[FRAME_BYTES];
	int n;

	while ((n = wire_recv(scene.to, frames, BATCH)) > 0) {
		for (int k = 0; k < n; k++) {
			const uint8_t *data = frames[k].iov[0].iov_base;
			uint32_t number = load32(data);

			if (scene.is_ordered)
				assert_true(frames[k].time >= scene.newest);
			scene.newest = frames[k].time;
			assert_true(scene.got < ARRAY_SIZE(scene.order));
			scene.order[scene.got++] = number;
			if (!is_whole)
				continue;
			assert_int_equal(frames[k].len, FRAME_BYTES);
			fill(wanted, number);
			assert_memory_equal(data, wanted, FRAME_BYTES);
		}
	}
	assert_true(n == 0 || n == -ENODATA);
}

static void advance(ns_t ns)
{
	scene.now += ns;
	fault_set_time(scene.faulty, scene.now);
	/* Frames to be sent leave in a call only. */
	if (scene.is_tx)
		wire_send(scene.from, NULL, 0);
}

static void send_all(uint32_t n, bool is_whole)
{
	while (scene.sent < n) {
		uint32_t left = n - scene.sent;

		send_some(left < BATCH ? left : BATCH);
		recv_all(is_whole);
		advance(10 * US);
	}
}

static struct fault_counts counts(void)
{
	return fault_counts(scene.faulty, scene.is_tx);
}

/* Until nothing comes any more. What still waited outside is late once more. */
static void drain(bool is_whole)
{
	int idle = 0;

	while (idle < 5) {
		uint32_t before = scene.got;

		advance(2000 * US);
		recv_all(is_whole);
		idle = scene.got == before ? idle + 1 : 0;
	}
}

/* |n - p * of| within 5 standard deviations */
static void assert_rate(uint64_t n, double p, uint64_t of)
{
	double mean = p * (double)of, d = (double)n - mean;

	if (d * d > 25 * mean * (1 - p))
		fail_msg("%llu of %llu at a rate of %g", (unsigned long long)n,
			 (unsigned long long)of, p);
}

/* ---- Loss -------------------------------------------------------------------- */

static void no_faults_change_nothing(void **state)
{
	for (int is_tx = 0; is_tx < 2; is_tx++) {
		open_scene(NULL, is_tx, NULL);
		send_all(FRAMES, true);
		assert_int_equal(scene.got, FRAMES);
		for (uint32_t n = 0; n < FRAMES; n++)
			assert_int_equal(scene.order[n], n);
		close_scene();
	}
}

static void loss_is_at_the_rate(void **state)
{
	struct fault_options o;

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		struct wire_stats s;

		fault_defaults(&o);
		rates_of(&o, is_tx)->loss = 0.1;
		open_scene(&o, is_tx, NULL);
		send_all(FRAMES, true);
		assert_rate(FRAMES - scene.got, 0.1, FRAMES);
		assert_int_equal(counts().lost, FRAMES - scene.got);
		s = scene.faulty->stats;
		assert_int_equal(is_tx ? s.tx_dropped : s.rx_dropped,
				 counts().lost);
		for (uint32_t n = 1; n < scene.got; n++)
			assert_true(scene.order[n] > scene.order[n - 1]);
		close_scene();
	}
}

static void loss_of_1_loses_all(void **state)
{
	struct fault_options o;

	fault_defaults(&o);
	o.rx.loss = 1;
	open_scene(&o, false, NULL);
	send_all(FRAMES, true);
	assert_int_equal(scene.got, 0);
	close_scene();
}

/* Gilbert-Elliott: bursts of 1 / burst_end frames, in the share of the time
 * that the two chances give; nothing is lost outside them.                    */
static void bursts_have_the_length_and_the_share(void **state)
{
	struct fault_options o;
	uint32_t lost, n, runs = 0;

	fault_defaults(&o);
	o.rx.burst_start = 0.01;
	o.rx.burst_end = 0.2;
	open_scene(&o, false, NULL);
	send_all(FRAMES, true);
	lost = FRAMES - scene.got;
	for (n = 1; n < scene.got; n++)
		runs += scene.order[n] != scene.order[n - 1] + 1;
	assert_in_range(counts().bursts, runs, runs + 2);
	assert_rate(runs, 0.01 * 0.2 / 0.21, FRAMES);
	/* 5 each; the deviation of the mean of ~190 is 4.5 / 14. */
	assert_in_range(lost, runs * 34 / 10, runs * 66 / 10);
	close_scene();
}

/* ---- The same each time --------------------------------------------------------- */

static uint32_t copy_of[3 * FRAMES];

static uint32_t run_with(const struct fault_options *o)
{
	open_scene(o, false, NULL);
	send_all(2000, false);
	drain(false);
	close_scene();
	return scene.got;
}

static void same_seed_same_faults(void **state)
{
	struct fault_options o;
	uint32_t n;

	fault_defaults(&o);
	assert_int_equal(fault_parse(&o, "loss=.05,burst_start=.01,dup=.05,"
				     "reorder=.1,delay_us=300,jitter_us=200,"
				     "seed=42", NULL), 0);
	n = run_with(&o);
	memcpy(copy_of, scene.order, sizeof(copy_of));
	assert_int_equal(run_with(&o), n);
	assert_memory_equal(copy_of, scene.order, sizeof(copy_of));
	o.seed = 43;
	run_with(&o);
	assert_memory_not_equal(copy_of, scene.order, 100 * sizeof(*copy_of));
}

static void other_faults_do_not_change_which_are_lost(void **state)
{
	struct fault_options o;
	uint32_t n, at, distinct = 0;
	static bool seen[FRAMES];

	fault_defaults(&o);
	o.rx.loss = 0.2;
	n = run_with(&o);
	memcpy(copy_of, scene.order, sizeof(copy_of));
	o.rx.dup = o.rx.reorder = 0.3;
	o.rx.delay_ns = 100 * US;
	run_with(&o);
	memset(seen, 0, sizeof(seen));
	for (at = 0; at < scene.got; at++) {
		distinct += !seen[scene.order[at]];
		seen[scene.order[at]] = true;
	}
	assert_int_equal(distinct, n);
	for (at = 0; at < n; at++)
		assert_true(seen[copy_of[at]]);
}

/* ---- Twice, overtaken -------------------------------------------------------------- */

static void twice_is_twice_in_a_row(void **state)
{
	struct fault_options o;

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		fault_defaults(&o);
		rates_of(&o, is_tx)->dup = 1;
		open_scene(&o, is_tx, NULL);
		send_all(FRAMES, true);
		assert_int_equal(scene.got, 2 * FRAMES);
		for (uint32_t n = 0; n < scene.got; n++)
			assert_int_equal(scene.order[n], n / 2);
		close_scene();
	}
}

/* Marks who came behind a later one. Return: how many. */
static uint32_t mark_late(bool *is_late)
{
	uint32_t newest = 0, n, late = 0;

	for (n = 0; n < scene.got; n++) {
		uint32_t number = scene.order[n];

		is_late[number] = number < newest;
		late += number < newest;
		newest = number > newest ? number : newest;
	}
	return late;
}

static void overtaken_by_no_more_than_the_span(void **state)
{
	static bool is_late[FRAMES];
	struct fault_options o;

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		uint32_t span = 5, most = 0;

		fault_defaults(&o);
		rates_of(&o, is_tx)->reorder = 0.1;
		rates_of(&o, is_tx)->reorder_span = span;
		open_scene(&o, is_tx, NULL);
		send_all(FRAMES, true);
		drain(true);
		assert_int_equal(scene.got, FRAMES);
		assert_rate(counts().reordered, 0.1, FRAMES);
		/* The last may have had none behind them. */
		assert_in_range(mark_late(is_late), counts().reordered - span,
				counts().reordered);
		for (uint32_t n = 0; n < FRAMES; n++) {
			uint32_t back, overtaking = 0;

			if (!is_late[scene.order[n]])
				continue;
			for (back = 1; back <= n && back < 100; back++) {
				uint32_t before = scene.order[n - back];

				overtaking += before > scene.order[n] &&
					      !is_late[before];
			}
			assert_in_range(overtaking, 1, span);
			most = overtaking > most ? overtaking : most;
		}
		assert_int_equal(most, span);
		close_scene();
	}
}

static void held_back_goes_when_time_is_up(void **state)
{
	struct fault_options o;

	fault_defaults(&o);
	o.rx.reorder = 1;
	o.rx.reorder_hold_ns = 50 * US;
	open_scene(&o, false, NULL);
	assert_int_equal(send_some(3), 3);
	recv_all(true);
	assert_int_equal(scene.got, 0);
	assert_int_equal(wire_deadline(scene.to), scene.now + 50 * US);
	advance(50 * US - 1);
	recv_all(true);
	assert_int_equal(scene.got, 0);
	advance(1);
	recv_all(true);
	assert_int_equal(scene.got, 3);
	assert_int_equal(wire_deadline(scene.to), NS_NEVER);
	close_scene();
}

/* ---- Late --------------------------------------------------------------------------- */

static void late_by_the_delay_and_in_order(void **state)
{
	struct fault_options o;

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		ns_t least = 0, most = 0, before = 0;
		struct wire_frame f;

		fault_defaults(&o);
		rates_of(&o, is_tx)->delay_ns = 500 * US;
		rates_of(&o, is_tx)->jitter_ns = 100 * US;
		open_scene(&o, is_tx, NULL);
		for (uint32_t n = 0; n < 2000; n++) {
			ns_t sent = scene.now, late;

			/* 1 ms apart, so that none waits for another. */
			assert_int_equal(send_some(1), 1);
			if (!is_tx)
				assert_int_equal(wire_recv(scene.to, &f, 1), 0);
			late = wire_deadline(scene.faulty) - sent;
			assert_in_range(late, 400 * US, 600 * US);
			advance(late - 1);
			assert_int_equal(wire_recv(scene.to, &f, 1), 0);
			advance(1);
			assert_int_equal(wire_recv(scene.to, &f, 1), 1);
			assert_int_equal(f.time, sent + late);
			assert_true(f.time > before);
			before = f.time;
			least = n && least < late ? least : late;
			most = late > most ? late : most;
			advance(1000 * US - late);
		}
		assert_in_range(least, 400 * US, 405 * US);
		assert_in_range(most, 595 * US, 600 * US);
		close_scene();
	}
}

static void jitter_alone_does_not_reorder(void **state)
{
	struct fault_options o;

	fault_defaults(&o);
	o.tx.delay_ns = o.tx.jitter_ns = 300 * US;
	open_scene(&o, true, NULL);
	scene.is_ordered = true;
	send_all(FRAMES, true);
	advance(600 * US);
	recv_all(true);
	assert_int_equal(scene.got, FRAMES);
	for (uint32_t n = 0; n < FRAMES; n++)
		assert_int_equal(scene.order[n], n);
	close_scene();
}

static void late_frames_leave_before_close(void **state)
{
	struct fault_options o;

	fault_defaults(&o);
	o.tx.delay_ns = 1000000 * US;
	o.tx.reorder = 0.5;
	open_scene(&o, true, NULL);
	assert_int_equal(send_some(BATCH), BATCH);
	recv_all(true);
	assert_int_equal(scene.got, 0);
	assert_int_equal(wire_close(scene.from), 0);
	recv_all(true);
	assert_int_equal(scene.got, BATCH);
	wire_close(scene.to);
}

/* ---- Damage -------------------------------------------------------------------------- */

static uint32_t bits_between(const uint8_t *a, const uint8_t *b, uint32_t n)
{
	uint32_t bits = 0;

	while (n--)
		bits += (uint32_t)__builtin_popcount(a[n] ^ b[n]);
	return bits;
}

static uint16_t fold(const uint8_t *data, uint32_t from, uint32_t len,
		     uint32_t sum)
{
	for (; from < len; from++)
		sum += (uint32_t)data[from] << (from % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void exchange(struct wire_frame *f, struct wire_frame *got)
{
	assert_int_equal(wire_send(scene.from, f, 1), 1);
	assert_int_equal(wire_recv(scene.to, got, 1), 1);
}

/* One bit, anywhere; the sender's own memory is never touched. */
static void corrupt_flips_one_bit(void **state)
{
	struct fault_options o;
	uint8_t data[FRAME_BYTES], copy[FRAME_BYTES];
	struct iovec iov = { data, FRAME_BYTES };
	uint32_t hit[FRAME_BYTES] = { 0 };

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		struct wire_frame f = { .iov = &iov, .n_iov = 1,
					.len = FRAME_BYTES }, got;

		fault_defaults(&o);
		rates_of(&o, is_tx)->corrupt = 1;
		open_scene(&o, is_tx, NULL);
		fill(data, 1);
		memcpy(copy, data, sizeof(copy));
		for (int n = 0; n < 5000; n++) {
			const uint8_t *there;

			exchange(&f, &got);
			there = got.iov[0].iov_base;
			assert_memory_equal(data, copy, sizeof(copy));
			assert_int_equal(bits_between(there, data, FRAME_BYTES),
					 1);
			for (uint32_t at = 0; at < FRAME_BYTES; at++)
				hit[at] += there[at] != data[at];
		}
		close_scene();
	}
	for (uint32_t at = 0; at < FRAME_BYTES; at++)
		assert_rate(hit[at], 1.0 / FRAME_BYTES, 10000);
}

/*
 * The checksum that was left to the other side is finished first, so that the
 * damage can be noticed: without the flipped bit all, with the pseudo header,
 * would sum up to 0xffff. The field held the sum of the pseudo header.
 */
static void corrupt_finishes_the_checksum(void **state)
{
	struct pair_options pair = { .offload = true };
	struct fault_options o;
	uint8_t data[FRAME_BYTES];

	for (int is_tx = 0; is_tx < 2; is_tx++) {
		fault_defaults(&o);
		rates_of(&o, is_tx)->corrupt = 1;
		open_scene(&o, is_tx, &pair);
		assert_int_equal(scene.faulty->caps.tso4, !is_tx);
		assert_int_equal(scene.faulty->caps.csum, !is_tx);
		for (uint32_t n = 0; n < 2000; n++) {
			uint32_t len = FRAME_BYTES - n % 2, noticed;
			struct iovec iov = { data, len };
			struct wire_frame got, f = {
				.iov = &iov, .n_iov = 1, .len = len,
				.offload = { .flags = WIRE_NEEDS_CSUM,
					     .csum_start = 34,
					     .csum_offset = 16 },
			};
			const uint8_t *there;

			fill(data, n);
			exchange(&f, &got);
			there = got.iov[0].iov_base;
			assert_int_equal(got.offload.flags, 0);
			noticed = fold(there, 34, len,
				       load_be16(data + 50)) != 0xffff;
			/* A bit before the start is not covered by it. */
			assert_int_equal(noticed,
				!bits_between(there, data, 34));
		}
		close_scene();
	}
}

static void units_are_left_alone_and_claims_are_not(void **state)
{
	struct pair_options pair = { .offload = true };
	struct fault_options o;
	uint8_t data[FRAME_BYTES];
	struct iovec iov = { data, FRAME_BYTES };
	struct wire_frame got, f = { .iov = &iov, .n_iov = 1,
				     .len = FRAME_BYTES };

	fault_defaults(&o);
	o.rx.corrupt = o.rx.truncate = 1;
	open_scene(&o, false, &pair);
	fill(data, 1);
	f.offload.gso_type = WIRE_GSO_TCPV4;
	f.offload.flags = WIRE_NEEDS_CSUM;
	exchange(&f, &got);
	assert_int_equal(got.len, FRAME_BYTES);
	assert_int_equal(got.offload.flags, WIRE_NEEDS_CSUM);
	assert_memory_equal(got.iov[0].iov_base, data, FRAME_BYTES);
	f.offload.gso_type = WIRE_GSO_NONE;
	f.offload.flags = WIRE_DATA_VALID;
	exchange(&f, &got);
	assert_int_equal(got.offload.flags, 0);
	close_scene();
}

static void truncated_is_a_beginning(void **state)
{
	struct fault_options o;
	uint8_t data[FRAME_BYTES];
	struct iovec iov = { data, FRAME_BYTES };
	struct wire_frame got, f = { .iov = &iov, .n_iov = 1,
				     .len = FRAME_BYTES };
	uint32_t least = FRAME_BYTES, most = 0;

	fault_defaults(&o);
	o.tx.truncate = 1;
	open_scene(&o, true, NULL);
	fill(data, 1);
	for (int n = 0; n < 5000; n++) {
		exchange(&f, &got);
		assert_in_range(got.len, 1, FRAME_BYTES - 1);
		assert_int_equal(got.full_len, got.len);
		assert_memory_equal(got.iov[0].iov_base, data, got.len);
		least = got.len < least ? got.len : least;
		most = got.len > most ? got.len : most;
	}
	assert_int_equal(least, 1);
	assert_int_equal(most, FRAME_BYTES - 1);
	close_scene();
}

/* ---- Nothing else ---------------------------------------------------------------------- */

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((seed >> 33) % n);
}

static double random_rate(void)
{
	static const double rates[] = { 0, 0, 0.01, 0.3, 1 };

	return rates[random_below(ARRAY_SIZE(rates))];
}

static void random_rates(struct fault_rates *r)
{
	r->loss = random_rate() / 2;
	r->burst_start = random_rate() / 2;
	r->dup = random_rate();
	r->reorder = random_rate();
	r->reorder_span = 1 + random_below(64);
	r->delay_ns = random_below(3) * 200 * US;
	r->jitter_ns = random_below(3) * 100 * US;
}

/* Each frame came once, or twice, or was lost, as often as it was counted. */
static bool is_accounted_for(const struct fault_counts *c, bool is_reordered)
{
	static uint8_t times[FRAMES];
	uint32_t n, lost = 0, twice = 0;

	memset(times, 0, sizeof(times));
	for (n = 0; n < scene.got; n++) {
		if (n && !is_reordered && scene.order[n] < scene.order[n - 1])
			return false;
		if (times[scene.order[n]]++ == 2)
			return false;
	}
	for (n = 0; n < scene.sent; n++) {
		lost += times[n] == 0;
		twice += times[n] == 2;
	}
	return c->frames == scene.sent && lost == c->lost &&
	       twice == c->duplicated && c->too_long == 0;
}

/* Neither end is drained before the other is full, now and then. */
static void one_random_run(uint64_t run_seed)
{
	struct pair_options pair = { .n_frames = 8 };
	struct fault_options o;
	struct fault_counts c;
	int n;

	fault_defaults(&o);
	seed = o.seed = run_seed;
	o.queue = 8 + random_below(60);
	random_rates(&o.rx);
	random_rates(&o.tx);
	pair.n_frames += random_below(60);
	open_scene(&o, run_seed & 1, &pair);
	for (n = 0; n < 600; n++) {
		send_some(random_below(BATCH + 1));
		if (!random_below(3))
			recv_all(true);
		if (random_below(2))
			advance(random_below(300) * US);
	}
	drain(true);
	c = counts();
	if (!is_accounted_for(&c, rates_of(&o, run_seed & 1)->reorder > 0))
		fail_msg("seed %llu: %u sent, %llu seen, %llu lost, %llu twice, "
			 "%u received", (unsigned long long)run_seed, scene.sent,
			 (unsigned long long)c.frames,
			 (unsigned long long)c.lost,
			 (unsigned long long)c.duplicated, scene.got);
	close_scene();
}

/* A wire that is full, here or behind, holds frames up and loses none. */
static void nothing_is_lost_that_was_not_counted(void **state)
{
	for (uint64_t n = 1; n <= 300; n++)
		one_random_run(n);
}

/* Without a clock but the frames' own, all comes out at the end. */
static void frames_are_the_clock_of_a_capture(void **state)
{
	struct pair_options pair = { .n_frames = 1024 };
	struct fault_options o;
	struct wire *faulty;
	uint32_t n;

	for (int small = 0; small < 2; small++) {
		fault_defaults(&o);
		o.rx.delay_ns = 500 * US;
		o.rx.reorder = 0.2;
		o.queue = small ? 8 : 256;
		memset(&scene, 0, sizeof(scene));
		assert_int_equal(pair_create(&scene.from, &scene.to, &pair), 0);
		assert_int_equal(fault_wrap(&faulty, scene.to, &o), 0);
		scene.to = faulty;
		scene.now = 1000000 * US;
		for (n = 0; n < 10; n++) {
			scene.now += 100 * US;
			assert_int_equal(send_some(BATCH), BATCH);
		}
		recv_all(true);
		assert_in_range(scene.got, BATCH, 10 * BATCH - 1);
		wire_close(scene.from);
		recv_all(true);
		assert_int_equal(scene.got, 10 * BATCH);
		assert_int_equal(wire_recv(scene.to, &(struct wire_frame){ 0 },
					   1), -ENODATA);
		wire_close(scene.to);
	}
}

/* ---- Options --------------------------------------------------------------------------- */

static void options_as_text(void **state)
{
	struct wire_error error;
	struct fault_options o;

	fault_defaults(&o);
	assert_int_equal(fault_parse(&o,
		"loss=0.01,tx.loss=0.5,rx.dup=1,corrupt_bits=3,delay_us=500,"
		"tx.jitter_us=100,reorder_hold_us=7,seed=18446744073709551615,"
		"queue=64", &error), 0);
	assert_true(o.rx.loss == 0.01 && o.tx.loss == 0.5);
	assert_true(o.rx.dup == 1 && o.tx.dup == 0);
	assert_int_equal(o.rx.corrupt_bits, 3);
	assert_int_equal(o.tx.delay_ns, 500 * US);
	assert_int_equal(o.rx.jitter_ns, 0);
	assert_int_equal(o.tx.jitter_ns, 100 * US);
	assert_int_equal(o.rx.reorder_hold_ns, 7 * US);
	assert_true(o.seed == UINT64_MAX);
	assert_int_equal(o.queue, 64);
	assert_int_equal(fault_parse(&o, "", &error), 0);
}

static void options_that_are_none(void **state)
{
	static const char *const cases[][2] = {
		/* 0 */ { "loss", "loss: an option of fault has a value" },
		/* 1 */ { "loss=1.1", "loss: 1.1 is not a value it can have" },
		/* 2 */ { "loss=-0.1", "loss: -0.1 is not a value it can have" },
		/* 3 */ { "loss=nan", "loss: nan is not a value it can have" },
		/* 4 */ { "loss=", "loss:  is not a value it can have" },
		/* 5 */ { "loss=1%", "loss: 1% is not a value it can have" },
		/* 6 */ { "rx.lose=1", "rx.lose: not an option of fault" },
		/* 7 */ { "queue=7", "queue: 7 is not a value it can have" },
		/* 8 */ { "queue=65537",
			  "queue: 65537 is not a value it can have" },
		/* 9 */ { "seed=18446744073709551616",
		  "seed: 18446744073709551616 is not a value it can have" },
		/* 10 */ { "delay_us=-1",
			   "delay_us: -1 is not a value it can have" },
		/* 11 */ { "delay_us=3600000001",
			   "delay_us: 3600000001 is not a value it can have" },
		/* 12 */ { "corrupt_bits=0",
			   "corrupt_bits: 0 is not a value it can have" },
		/* 13 */ { "rx.seed=1", "rx.seed: not an option of fault" },
	};
	struct fault_options o;
	struct wire_error error;
	struct wire *a, *b, *w;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		fault_defaults(&o);
		assert_int_equal(fault_parse(&o, cases[n][0], &error), -EINVAL);
		assert_string_equal(error.text, cases[n][1]);
	}
	assert_int_equal(pair_create(&a, &b, NULL), 0);
	fault_defaults(&o);
	o.tx.delay_ns = FAULT_DELAY_MAX + 1;
	assert_int_equal(fault_wrap(&w, a, &o), -EINVAL);
	fault_defaults(&o);
	o.rx.reorder_span = 0;
	assert_int_equal(fault_wrap(&w, a, &o), -EINVAL);
	wire_close(a);
	wire_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_faults_change_nothing),
		cmocka_unit_test(loss_is_at_the_rate),
		cmocka_unit_test(loss_of_1_loses_all),
		cmocka_unit_test(bursts_have_the_length_and_the_share),
		cmocka_unit_test(same_seed_same_faults),
		cmocka_unit_test(other_faults_do_not_change_which_are_lost),
		cmocka_unit_test(twice_is_twice_in_a_row),
		cmocka_unit_test(overtaken_by_no_more_than_the_span),
		cmocka_unit_test(held_back_goes_when_time_is_up),
		cmocka_unit_test(late_by_the_delay_and_in_order),
		cmocka_unit_test(jitter_alone_does_not_reorder),
		cmocka_unit_test(late_frames_leave_before_close),
		cmocka_unit_test(corrupt_flips_one_bit),
		cmocka_unit_test(corrupt_finishes_the_checksum),
		cmocka_unit_test(units_are_left_alone_and_claims_are_not),
		cmocka_unit_test(truncated_is_a_beginning),
		cmocka_unit_test(nothing_is_lost_that_was_not_counted),
		cmocka_unit_test(frames_are_the_clock_of_a_capture),
		cmocka_unit_test(options_as_text),
		cmocka_unit_test(options_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream_test.c - Receives get the bytes of the stream, all of them, in order
 *
 * Against a model of the device that runs when it likes: segments come in any order,
 * again, and overlapping; what continues the bytes that were placed goes to receives
 * that were posted, the rest to GRQ buffers; its completions are read later. A seed says
 * who does what next; what is delivered has to be the stream whatever the order. Each
 * byte says where in the stream it belongs.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "verbs/stream.h"

#define SEEDS 3000
#define STEPS 400
#define N_GENERAL 96
#define N_RECEIVES 64
#define BUFFER_BYTES 96
#define PENDING 4096
#define STREAM_BYTES 20000	/* at most, for a run                           */
#define FIRST 0xfffff000u	/* sequence numbers wrap                        */

/* A completion that was not read yet. */
struct pending {
	struct completion c;
	struct slot *slot;
};

struct scene {
	uint64_t random;
	struct stream stream;
	struct slots receives, generals;
	struct slot *general[N_GENERAL];	/* posted, oldest first         */
	uint32_t n_general, n_generals;	/* of so many                           */
	struct slot *posted[N_RECEIVES];	/* with the device              */
	uint32_t n_posted;
	struct pending pending[PENDING];
	uint32_t n_pending, n_read;
	bool was_placed[STREAM_BYTES];
	uint32_t next;		/* all before it were placed                    */
	uint32_t sent;		/* bytes that the other side has sent at least once */
	uint32_t delivered;
	uint64_t n_asked, n_finished;	/* receives                             */
	bool has_fin;
	struct registration_cache cache;
};

static uint32_t pick(struct scene *s, uint32_t n)
{
	s->random = s->random * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)((s->random >> 33) % n);
}

static uint8_t byte_at(uint32_t position)
{
	return (uint8_t)(position * 2654435761u >> 24);
}

/* ---- The device ------------------------------------------------------------------------ */

static void complete(struct scene *s, struct slot *slot, uint8_t kind, uint32_t bytes,
		     uint8_t flags)
{
	struct pending *p = &s->pending[s->n_pending++ % PENDING];

	assert_true(s->n_pending - s->n_read <= PENDING);
	*p = (struct pending){ .slot = slot };
	p->c = (struct completion){ .kind = kind, .bytes = bytes, .flags = flags };
}

static struct slot *first_posted(struct scene *s)
{
	struct slot *slot = s->posted[0];

	memmove(s->posted, s->posted + 1, --s->n_posted * sizeof(s->posted[0]));
	return slot;
}

/* SPEC RQ-3: a GRQ buffer brings back a receive, if there is one. */
static void bring_back(struct scene *s)
{
	if (s->n_posted)
		complete(s, first_posted(s), COMPLETION_RECEIVE, 0, 0);
}

static void place(struct scene *s, struct slot *slot, uint8_t kind, uint32_t at,
		  uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++) {
		slot->address[i] = byte_at(at + i);
		s->was_placed[at + i] = true;
	}
	complete(s, slot, kind, bytes, 0);
	s->pending[(s->n_pending - 1) % PENDING].c.seq = FIRST + at;
	while (s->next < STREAM_BYTES && s->was_placed[s->next])
		s->next++;
}

static void arrive_in_grq(struct scene *s, uint32_t at, uint32_t bytes)
{
	place(s, s->general[--s->n_general], COMPLETION_GENERAL, at, bytes);
}

/* A segment: in order to receives as far as there are any, the rest to the GRQ. */
static void arrive(struct scene *s, uint32_t at, uint32_t bytes)
{
	while (bytes) {
		uint32_t n = bytes;

		if (at == s->next && s->n_posted) {
			struct slot *slot = first_posted(s);

			n = n < slot->bytes ? n : slot->bytes;
			place(s, slot, COMPLETION_RECEIVE, at, n);
		} else if (s->n_general) {
			arrive_in_grq(s, at, n);
			/* Not always seen: the race. */
			if (pick(s, 2))
				bring_back(s);
		} else {
			return;
		}
		at += n;
		bytes -= n;
	}
}

/* New bytes, or some that were sent before, or both. */
static void some_bytes_come(struct scene *s)
{
	uint32_t bytes = 1 + pick(s, BUFFER_BYTES), at = s->sent;

	if (s->has_fin || s->sent + BUFFER_BYTES >= STREAM_BYTES)
		return;
	switch (pick(s, 6)) {
	case 0:		/* again                                                */
		at = pick(s, s->sent + 1);
		break;
	case 1:		/* what was lost, if it was                             */
		at = s->stream.next - FIRST;
		break;
	case 2:		/* something before it is lost                          */
		at += s->sent + 4 * BUFFER_BYTES < STREAM_BYTES ? pick(s, 200) : 0;
		break;
	default:
		break;
	}
	arrive(s, at, bytes);
	if (at + bytes > s->sent)
		s->sent = at + bytes;
}

static void revoke(struct scene *s, struct slot *slot)
{
	for (uint32_t i = 0; i < s->n_posted; i++) {
		if (s->posted[i] != slot)
			continue;
		memmove(&s->posted[i], &s->posted[i + 1],
			(--s->n_posted - i) * sizeof(s->posted[0]));
		complete(s, slot, COMPLETION_REVOKED, 0, 0);
		return;
	}
}

/* ---- The library ------------------------------------------------------------------------ */

static void spent(void *ctx, struct slot *slot)
{
	struct scene *s = ctx;

	assert_true(s->n_general < N_GENERAL);
	slot->state = SLOT_POSTED;
	s->general[s->n_general++] = slot;
}

static void post(struct scene *s)
{
	struct slot *slot = slot_take(&s->receives);
	bool placeable = pick(s, 3);

	if (!slot)
		return;
	slot->wr_id = s->n_asked++;
	slot->bytes = 1 + pick(s, BUFFER_BYTES);
	/* Held by nobody: it only says that the device may have it. */
	slot->range = placeable ? (void *)s : NULL;
	if (stream_post(&s->stream, slot, placeable))
		s->posted[s->n_posted++] = slot;
}

static void take_finished(struct scene *s)
{
	struct received r;
	struct slot *slot;

	while (stream_next(&s->stream, &r)) {
		assert_int_equal(r.slot->wr_id, s->n_finished);
		s->n_finished++;
		assert_int_equal(r.status, 0);
		assert_true(r.bytes <= r.slot->bytes);
		if (!r.bytes)
			assert_true(r.flags & TTO_END && s->has_fin &&
				    s->delivered == s->sent);
		else
			assert_int_equal(r.seq, FIRST + s->delivered);
		for (uint32_t i = 0; i < r.bytes; i++)
			assert_int_equal(r.slot->address[i], byte_at(s->delivered++));
		r.slot->range = NULL;
		slot_give(&s->receives, r.slot, &s->cache);
	}
	while ((slot = stream_resubmit(&s->stream)))
		s->posted[s->n_posted++] = slot;
}

static void read_one(struct scene *s)
{
	struct pending *p = &s->pending[s->n_read++ % PENDING];

	if (p->c.kind == COMPLETION_GENERAL)
		stream_general(&s->stream, p->slot, &p->c);
	else
		stream_returned(&s->stream, p->slot, &p->c);
	take_finished(s);
}

static void poll(struct scene *s, uint32_t most)
{
	while (most-- && s->n_read != s->n_pending)
		read_one(s);
	if (s->n_read != s->n_pending)
		return;
	if (s->has_fin)
		stream_end(&s->stream, FIRST + s->sent);
	take_finished(s);
	if (stream_stuck(&s->stream) && !s->stream.first->is_asked_back) {
		s->stream.first->is_asked_back = true;
		revoke(s, s->stream.first);
	}
}

/* ---- Runs ------------------------------------------------------------------------------- */

static void open_slots(struct slots *slots, uint32_t n)
{
	assert_int_equal(slots_open(slots, n), 0);
	for (uint32_t i = 0; i < n; i++) {
		slots->at[i].address = malloc(BUFFER_BYTES);
		slots->at[i].bytes = BUFFER_BYTES;
	}
}

static void close_slots(struct slots *slots)
{
	for (uint32_t i = 0; i < slots->n; i++)
		free(slots->at[i].address);
	slots_close(slots);
}

static struct scene *open_scene(uint64_t seed)
{
	struct scene *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->random = seed * 2654435761 + 1;
	stream_open(&s->stream, spent, s);
	stream_begin(&s->stream, FIRST);
	open_slots(&s->receives, N_RECEIVES);
	open_slots(&s->generals, N_GENERAL);
	for (uint32_t i = 4 + pick(s, N_GENERAL - 3); i; i--)
		spent(s, slot_take(&s->generals));
	s->n_generals = s->n_general;
	return s;
}

static void close_scene(struct scene *s)
{
	stream_drop(&s->stream);
	close_slots(&s->receives);
	close_slots(&s->generals);
	free(s);
}

static void step(struct scene *s)
{
	switch (pick(s, 8)) {
	case 0:
	case 1:
		post(s);
		break;
	case 2:
	case 3:
	case 4:
		some_bytes_come(s);
		break;
	case 5:
		bring_back(s);
		break;
	default:
		poll(s, 1 + pick(s, 6));
	}
}

/* The other side sends again what is missing here. */
static void mend(struct scene *s)
{
	uint32_t at = s->stream.next - FIRST;

	if (at < s->sent)
		arrive(s, at, s->sent - at < BUFFER_BYTES ? s->sent - at : BUFFER_BYTES);
}

static uint64_t n_moved, last_seed;

static int say_seed(void **state)
{
	print_message("the last seed was %llu\n", (unsigned long long)last_seed);
	return 0;
}

static void run(uint64_t seed)
{
	struct scene *s = open_scene(seed);
	uint32_t n_steps = pick(s, STEPS);

	while (n_steps--)
		step(s);
	s->has_fin = true;
	/* Whoever goes on to ask gets everything, then the end. */
	for (int i = 0; i < 20000 && s->delivered < s->sent; i++) {
		post(s);
		poll(s, 8);
		if (i % 8 == 0)
			mend(s);
	}
	assert_int_equal(s->delivered, s->sent);
	for (int i = 0; i < 1000 && s->n_finished < s->n_asked; i++)
		poll(s, 8);
	assert_int_equal(s->n_finished, s->n_asked);
	assert_int_equal(s->n_general, s->n_generals);
	n_moved += s->stream.n_moved;
	close_scene(s);
}

/* SPEC RQ-4 */
static void rq_4_bytes_reach_receives_in_order(void **state)
{
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		last_seed = seed;
		run(seed);
	}
	/* The race that stream.h tells of was among them. */
	assert_true(n_moved > 0);
}

/* What is posted, in bytes each; 0 ends it. */
static void post_sizes(struct scene *s, const uint32_t *sizes, bool placeable)
{
	for (; *sizes; sizes++) {
		struct slot *slot = slot_take(&s->receives);

		slot->wr_id = s->n_asked++;
		slot->bytes = *sizes;
		slot->range = placeable ? (void *)s : NULL;
		if (stream_post(&s->stream, slot, placeable))
			s->posted[s->n_posted++] = slot;
	}
}

/* SPEC RQ-5: one piece, or many, make three completions of three receives. */
static void three_receives(const uint32_t *pieces, bool placeable)
{
	static const uint32_t sizes[] = { 10, 20, 30, 0 };
	struct scene *s = open_scene(1);

	post_sizes(s, sizes, placeable);
	for (; *pieces; pieces++)
		arrive(s, s->next, *pieces);
	poll(s, PENDING);
	assert_int_equal(s->n_finished, 3);
	close_scene(s);
}

static void rq_5_three_receives_three_completions(void **state)
{
	three_receives((const uint32_t[]){ 60, 0 }, false);
	three_receives((const uint32_t[]){ 90, 0 }, false);
	three_receives((const uint32_t[]){ 10, 20, 30, 0 }, false);
	three_receives((const uint32_t[]){ 1, 1, 58, 0 }, false);
	three_receives((const uint32_t[]){ 10, 20, 30, 0 }, true);
	three_receives((const uint32_t[]){ 1, 2, 3, 0 }, true);
}

static void a_gap_does_not_take_all_buffers(void **state)
{
	struct scene *s = open_scene(1);

	while (s->n_general < N_GENERAL)
		spent(s, slot_take(&s->generals));
	for (uint32_t i = 0; i < N_GENERAL; i++)
		arrive_in_grq(s, 1000 - 2 * i, 1);
	poll(s, PENDING);
	/* None is held; the farthest were given up, and what is near has stayed. */
	assert_int_equal(s->n_general, N_GENERAL);
	assert_int_equal(s->stream.n_ahead, STREAM_AHEAD_MAX);
	assert_int_equal(s->stream.ahead->seq, FIRST + 1000 - 2 * (N_GENERAL - 1));
	s->sent = 1001;
	post_sizes(s, (const uint32_t[]){ BUFFER_BYTES, 0 }, false);
	for (int i = 0; i < 1001 && s->delivered < s->sent; i++) {
		mend(s);
		poll(s, PENDING);
		post(s);
	}
	assert_int_equal(s->delivered, s->sent);
	close_scene(s);
}

static void what_no_window_reaches_is_not_kept(void **state)
{
	struct scene *s = open_scene(1);
	uint32_t n_general = s->n_general;
	struct slot *slot = s->general[--s->n_general];

	complete(s, slot, COMPLETION_GENERAL, 10, 0);
	s->pending[0].c.seq = FIRST + STREAM_WINDOW + 1;
	poll(s, 1);
	assert_int_equal(s->n_general, n_general);
	assert_null(s->stream.ahead);
	close_scene(s);
}

static void a_receive_waits_behind_one_that_waits(void **state)
{
	struct scene *s = open_scene(1);

	post_sizes(s, (const uint32_t[]){ 10, 0 }, false);
	post_sizes(s, (const uint32_t[]){ 10, 0 }, true);
	assert_int_equal(s->n_posted, 0);
	arrive_in_grq(s, 0, 5);
	poll(s, 1);
	assert_int_equal(s->n_finished, 1);
	/* Nothing is in front of it any more. */
	assert_int_equal(s->n_posted, 1);
	close_scene(s);
}

static void revoked_receives_leave_the_bytes_to_others(void **state)
{
	struct scene *s = open_scene(1);
	struct received r;

	post_sizes(s, (const uint32_t[]){ 10, 10, 0 }, false);
	s->stream.first->is_revoked = true;
	assert_true(stream_next(&s->stream, &r));
	assert_int_equal(r.status, -ECANCELED);
	assert_int_equal(r.bytes, 0);
	slot_give(&s->receives, r.slot, &s->cache);
	s->n_finished = 1;
	arrive_in_grq(s, 0, 7);
	poll(s, 1);
	assert_int_equal(s->n_finished, 2);
	assert_int_equal(s->delivered, 7);
	close_scene(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(rq_4_bytes_reach_receives_in_order,
					  say_seed),
		cmocka_unit_test(rq_5_three_receives_three_completions),
		cmocka_unit_test(a_gap_does_not_take_all_buffers),
		cmocka_unit_test(what_no_window_reaches_is_not_kept),
		cmocka_unit_test(a_receive_waits_behind_one_that_waits),
		cmocka_unit_test(revoked_receives_leave_the_bytes_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

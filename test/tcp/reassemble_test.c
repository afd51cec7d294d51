// SPDX-License-Identifier: BSD-2-Clause
/*
 * reassemble_test.c - What came out of order against an array of bytes
 *
 * Covers SPEC LIB-4 as far as RFC 9293 §3.10.7.4 (SHLD-31: what is out of order is
 * kept), RFC 2018 §4 and RFC 2883 §4 speak of a receiver. SEEDS and FIRST in the
 * environment choose other runs.
 */
#include "tcp/loss_check.h"

#include "tcp/loss/reassemble.c"

#define BYTES 6000
#define MANY 1024
#define COOKIES 4000

/* Positions count from the first byte, so nothing wraps here. */
static struct run {
	struct reassemble r;
	struct cells *pool;
	uint32_t capacity;
	seq_t first;
	uint32_t next;			/* RCV.NXT                              */
	uint32_t top;			/* behind all that was ever given       */
	uint32_t owner[BYTES + 1];	/* cookie that holds it; 0: nobody      */
	uint32_t stamp[BYTES + 1];	/* when its range changed last          */
	struct reassemble_piece given[COOKIES];
	bool out[COOKIES];		/* taken, and not yet back              */
	uint32_t n_given;
	uint32_t n_out;
	uint32_t cost_out;
} run;

static seq_t seq_of(uint32_t at)
{
	return seq_add(run.first, at);
}

static uint32_t at_of(seq_t s)
{
	return s.n - run.first.n;
}

static void start(uint32_t capacity, uint32_t pieces, uint32_t cost)
{
	memset(&run, 0, sizeof(run));
	run.first = loss_first_seq();
	run.capacity = capacity;
	run.pool = loss_pool(capacity, 0);
	run.n_given = 1;
	reassemble_init(&run.r, pieces, cost);
}

/* ---- Model --------------------------------------------------------------------- */

/* Ends of the range around a byte that is held. */
static uint32_t range_start(uint32_t at)
{
	while (at > run.next && run.owner[at - 1])
		at--;
	return at;
}

static uint32_t range_end(uint32_t at)
{
	while (run.owner[at])
		at++;
	return at;
}

static void stamp_range(uint32_t at)
{
	uint32_t end = range_end(at);

	for (at = range_start(at); at < end; at++)
		run.stamp[at] = loss_run.step + 1;
}

/* RFC 2883 §4: the first contiguous part of a segment that is there already. */
static bool first_twice(uint32_t at, uint32_t end, uint32_t *from, uint32_t *to)
{
	while (at < end && at >= run.next && !run.owner[at])
		at++;
	*from = at;
	while (at < end && (at < run.next || run.owner[at]))
		at++;
	*to = at;
	return *from < *to;
}

/* What was kept is whose? Ranges that lie inside a piece give way to it. */
static void own(uint32_t at, uint32_t end, uint32_t cookie)
{
	uint32_t from;

	if (at < run.next)
		at = run.next;
	at = run.owner[at] ? range_end(at) : at;
	from = at;
	for (uint32_t inside; at < end; at = inside) {
		inside = at;
		if (!run.owner[at]) {
			run.owner[at] = cookie;
			inside++;
			continue;
		}
		/* a range that began behind the start of the piece */
		while (run.owner[inside] && run.owner[inside] != cookie)
			inside++;
		if (inside >= end)
			break;
		while (at < inside)
			run.owner[at++] = cookie;
	}
	stamp_range(from);
}

/* ---- What must always be true -------------------------------------------------- */

static void check_pieces(const struct range *g, uint32_t *pieces, uint32_t *bytes)
{
	seq_t at = g->start;

	for (uint32_t idx = g->first; idx != CELL_NONE;
	     idx = held_at(run.pool, idx)->next) {
		const struct reassemble_piece *p = &held_at(run.pool, idx)->piece;
		const struct reassemble_piece *given = run.given + p->cookie;

		CHECK(seq_equal(p->seq, at) && p->len);
		CHECK(run.out[p->cookie]);
		CHECK(p->skip - given->skip == p->seq.n - given->seq.n);
		at = seq_add(at, p->len);
		CHECK(seq_diff(seq_add(given->seq, given->len), at) >= 0);
		for (uint32_t b = at_of(p->seq); b < at_of(at); b++)
			CHECK(run.owner[b] == p->cookie);
		++*pieces;
		*bytes += p->len;
		CHECK(held_at(run.pool, idx)->next != CELL_NONE || g->last == idx);
	}
	CHECK(seq_equal(at, g->end));
}

static void check_recent(void)
{
	uint32_t n = 0, fresher = CELL_NONE, newest = UINT32_MAX;

	for (uint32_t idx = run.r.recent; idx != CELL_NONE;
	     idx = range_at(run.pool, idx)->staler) {
		const struct range *g = range_at(run.pool, idx);

		CHECK(g->fresher == fresher);
		CHECK(run.stamp[at_of(g->start)] <= newest);
		newest = run.stamp[at_of(g->start)];
		fresher = idx;
		n++;
	}
	CHECK(run.r.stale == fresher && n == run.r.ranges.n);
}

static void check(void)
{
	uint32_t pieces = 0, bytes = 0, at = run.next, dropped = 0;

	loss_check_tree(&run.r.ranges, run.pool);
	for (uint32_t idx = run.r.ranges.first; idx != CELL_NONE;
	     idx = tree_at(run.pool, idx)->next) {
		const struct range *g = range_at(run.pool, idx);

		for (; at < at_of(g->start); at++)
			CHECK(!run.owner[at]);
		CHECK(at == at_of(g->start) && range_start(at) == at);
		CHECK(range_end(at) == at_of(g->end));
		check_pieces(g, &pieces, &bytes);
		at = at_of(g->end);
	}
	for (; at < run.top; at++)
		CHECK(!run.owner[at]);
	for (uint32_t idx = run.r.dropped; idx != CELL_NONE;
	     idx = held_at(run.pool, idx)->next)
		dropped++;
	CHECK(run.r.n_pieces == pieces && run.r.bytes == bytes);
	CHECK(run.n_out == pieces + dropped && run.r.cost == run.cost_out);
	CHECK(run.r.n_cells == pieces + dropped + run.r.ranges.n);
	CHECK(run.pool->n_free + run.r.n_cells == run.capacity);
	CHECK(run.r.n_pieces <= run.r.limit_pieces);
	CHECK(run.r.cost <= run.r.limit_cost);
	check_recent();
}

/* ---- Random traffic --------------------------------------------------------------- */

static void back(const struct reassemble_piece *p)
{
	CHECK(p->cookie < COOKIES && run.out[p->cookie]);
	run.out[p->cookie] = false;
	run.n_out--;
	run.cost_out -= p->cost;
}

static void drain_dropped(void)
{
	struct reassemble_piece p;

	while (reassemble_dropped(&run.r, run.pool, &p))
		back(&p);
}

/* RCV.NXT has moved: what is in order now comes, each byte once. */
static void drain(uint32_t from)
{
	struct reassemble_piece p;

	while (reassemble_next(&run.r, run.pool, seq_of(run.next), &p)) {
		const struct reassemble_piece *given = run.given + p.cookie;

		back(&p);
		CHECK(p.skip - given->skip == p.seq.n - given->seq.n);
		CHECK(!p.len || at_of(p.seq) == run.next);
		CHECK(seq_diff(seq_add(given->seq, given->len),
			       seq_add(p.seq, p.len)) >= 0);
		for (; p.len; p.len--, run.next++)
			CHECK(run.owner[run.next] == p.cookie);
	}
	CHECK(!run.owner[run.next]);
	memset(run.owner + from, 0, (run.next - from) * sizeof(run.owner[0]));
}

static void check_full(const struct reassemble_piece *p, uint32_t n_free)
{
	CHECK(run.r.n_pieces >= run.r.limit_pieces || n_free < 2 ||
	      run.r.cost + p->cost > run.r.limit_cost);
}

static void insert(uint32_t at, uint32_t len)
{
	struct reassemble_piece p = {
		.cookie = run.n_given, .seq = seq_of(at), .len = len,
		.skip = loss_random(100), .cost = len + loss_random(100),
	};
	uint32_t from = 0, to = 0, missing = 0, n = run.r.ranges.n;
	uint32_t n_pieces = run.r.n_pieces, n_free = run.pool->n_free;
	bool twice = first_twice(at, at + len, &from, &to);
	enum reassemble_verdict verdict;

	for (uint32_t b = at; b < at + len; b++)
		missing += b >= run.next && !run.owner[b];
	run.given[run.n_given++] = p;
	run.top = at + len > run.top ? at + len : run.top;
	run.r.dsack = false;
	loss_steps = 0;
	verdict = reassemble_insert(&run.r, run.pool, seq_of(run.next), &p);
	CHECK(loss_steps <= 4 * (n + 1) + n_pieces);	/* all of them go */
	if (run.r.dropped == CELL_NONE)
		CHECK(loss_steps <= 6 * loss_log2(n + 1) + 6);
	CHECK((verdict == REASSEMBLE_DUPLICATE) == (missing == 0));
	if (verdict == REASSEMBLE_KEPT) {
		run.out[p.cookie] = true;
		run.n_out++;
		run.cost_out += p.cost;
	}
	if (verdict != REASSEMBLE_FULL)
		CHECK(run.r.dsack == twice);
	else
		check_full(&p, n_free);
	if (run.r.dsack)
		CHECK(seq_equal(run.r.dsack_start, seq_of(from)) &&
		      seq_equal(run.r.dsack_end, seq_of(to)));
	/* a range that the start lies in has changed, if only by a duplicate */
	from = at < run.next ? run.next : at;
	if (from < at + len && run.owner[from])
		stamp_range(from);
	if (verdict == REASSEMBLE_KEPT)
		own(at, at + len, (uint32_t)p.cookie);
}

static void check_blocks(void)
{
	struct tcp_sack blocks[TCP_SEGMENT_SACKS];
	uint32_t max = loss_between(1, TCP_SEGMENT_SACKS), b = 0, n;
	bool dsack = run.r.dsack;
	uint32_t newest = UINT32_MAX, around = UINT32_MAX, seen = 0;

	n = reassemble_blocks(&run.r, run.pool, max, true, blocks);
	CHECK(n == (run.r.ranges.n + dsack < max ? run.r.ranges.n + dsack : max));
	CHECK(!run.r.dsack);
	if (dsack) {
		uint32_t at = at_of(blocks[b++].start);

		if (at >= run.next && run.owner[at] && n > 1) {
			CHECK(at_of(blocks[b].start) == range_start(at));
			CHECK(at_of(blocks[b].end) == range_end(at));
			around = range_start(at);
			b++;
		}
	}
	for (; b < n; b++, seen++) {
		uint32_t at = at_of(blocks[b].start);

		CHECK(at != around && run.owner[at] && range_start(at) == at);
		CHECK(range_end(at) == at_of(blocks[b].end));
		CHECK(run.stamp[at] <= newest);
		newest = run.stamp[at];
	}
	/* nothing that is not told has changed later */
	for (uint32_t at = run.next; seen && b == max && at < run.top; at++) {
		bool told = false;

		for (uint32_t k = 0; k < n; k++)
			told |= at_of(blocks[k].start) <= at &&
				at < at_of(blocks[k].end);
		CHECK(told || !run.owner[at] || run.stamp[at] <= newest);
	}
}

static void step(void)
{
	uint32_t room = BYTES - 300 - run.next, len = loss_between(1, 40);
	uint32_t at = run.next + loss_random(room < 400 ? room : 400);

	if (!loss_random(6))
		len = loss_between(1, 200);
	if (!loss_random(8))
		at -= loss_random(run.next < 60 ? run.next + 1 : 60);
	if (!loss_random(10) && run.r.ranges.n && run.owner[at])
		at = range_end(at);
	if (loss_random(12)) {
		insert(at, len);
		check();
		drain_dropped();
		drain(run.next);	/* it may have been at RCV.NXT */
	} else {
		run.next += len;	/* in order: does not come here */
		drain(run.next - len);
	}
	if (!loss_random(3))
		check_blocks();
}

/* RFC 9293 §3.10.7.4, RFC 2018 §4, RFC 2883 §4: each byte comes once, in order. */
static void shld_31_every_byte_comes_once_and_in_order(void **state)
{
	(void)state;
	FOR_EACH_SEED(1500) {
		bool tight = loss_random(3) == 0;

		start(tight ? loss_between(2, 30) : 2 * MANY,
		      tight ? loss_between(1, 20) : MANY,
		      tight ? loss_between(100, 2000) : UINT32_MAX);
		for (; loss_run.step < 150; loss_run.step++) {
			step();
			check();
			if (run.next > BYTES - 1000)
				break;
		}
		reassemble_drop_all(&run.r, run.pool);
		drain_dropped();
		CHECK(run.n_out == 0 && run.cost_out == 0 && run.r.cost == 0);
		CHECK(run.r.n_cells == 0 && run.r.bytes == 0);
		CHECK(run.pool->n_free == run.capacity);
		free(run.pool);
	}
}

/* ---- Single cases -------------------------------------------------------------- */

static struct cells *pool;
static struct reassemble held;

static int set_up(void **state)
{
	(void)state;
	loss_begin(0);
	pool = loss_pool(4 * MANY, 0);
	reassemble_init(&held, MANY, UINT32_MAX);
	return 0;
}

static int tear_down(void **state)
{
	struct reassemble_piece p;

	(void)state;
	reassemble_drop_all(&held, pool);
	while (reassemble_dropped(&held, pool, &p))
		;
	assert_int_equal(pool->n_free, pool->capacity);
	free(pool);
	return 0;
}

static enum reassemble_verdict give(uint32_t rcv_nxt, uint32_t from, uint32_t to)
{
	struct reassemble_piece p = { .cookie = from, .seq = seq(from),
				      .len = to - from, .cost = 1 };

	return reassemble_insert(&held, pool, seq(rcv_nxt), &p);
}

#define GIVE(rcv_nxt, from, to, verdict)                                       \
	assert_int_equal(give(rcv_nxt, from, to), REASSEMBLE_##verdict)

static void expect_blocks(const struct tcp_sack *expected, uint32_t n, uint32_t max)
{
	struct tcp_sack blocks[TCP_SEGMENT_SACKS];

	assert_int_equal(reassemble_blocks(&held, pool, max, true, blocks), n);
	for (uint32_t b = 0; b < n; b++) {
		assert_int_equal(blocks[b].start.n, expected[b].start.n);
		assert_int_equal(blocks[b].end.n, expected[b].end.n);
	}
}

#define BLOCK(from, to) { { from }, { to } }
#define BLOCKS(max, ...)                                                       \
	do {                                                                   \
		const struct tcp_sack expected_[] = { __VA_ARGS__ };           \
		expect_blocks(expected_, ARRAY_SIZE(expected_), max);          \
	} while (0)

#define NEXT(rcv_nxt, from, to)                                                \
	do {                                                                   \
		struct reassemble_piece p_;                                    \
		assert_true(reassemble_next(&held, pool, seq(rcv_nxt), &p_));  \
		assert_int_equal(p_.seq.n, from);                              \
		assert_int_equal(p_.len, (to) - (from));                       \
	} while (0)

/* RFC 2018 §7, case 3: the second, fourth, sixth and eighth of eight are lost. */
static void rfc_2018_7_every_other_segment_lost(void **state)
{
	(void)state;
	GIVE(5500, 6000, 6500, KEPT);
	BLOCKS(3, BLOCK(6000, 6500));
	GIVE(5500, 7000, 7500, KEPT);
	BLOCKS(3, BLOCK(7000, 7500), BLOCK(6000, 6500));
	GIVE(5500, 8000, 8500, KEPT);
	BLOCKS(3, BLOCK(8000, 8500), BLOCK(7000, 7500), BLOCK(6000, 6500));
	BLOCKS(2, BLOCK(8000, 8500), BLOCK(7000, 7500));
	GIVE(5500, 6500, 7000, KEPT);
	BLOCKS(3, BLOCK(6000, 7500), BLOCK(8000, 8500));
	NEXT(6000, 6000, 6500);
	NEXT(6500, 6500, 7000);
	NEXT(7000, 7000, 7500);
	BLOCKS(3, BLOCK(8000, 8500));
}

/* RFC 2883 §4.1: a duplicate below the ACK is told once, before what is held. */
static void rfc_2883_4_1_full_duplicate(void **state)
{
	(void)state;
	GIVE(4000, 4500, 5000, KEPT);
	reassemble_duplicate(&held, seq(3000), seq(3500));
	assert_true(reassemble_has_blocks(&held));
	BLOCKS(3, BLOCK(3000, 3500), BLOCK(4500, 5000));
	BLOCKS(3, BLOCK(4500, 5000));
	GIVE(4000, 3500, 4000, DUPLICATE);
	BLOCKS(3, BLOCK(3500, 4000), BLOCK(4500, 5000));
}

/* RFC 2883 §4.1, example 3: what is held comes again; its range is told behind. */
static void rfc_2883_4_1_duplicate_of_what_is_held(void **state)
{
	(void)state;
	GIVE(4000, 4500, 5000, KEPT);
	GIVE(4000, 5000, 5500, KEPT);
	GIVE(4000, 6000, 6500, KEPT);
	GIVE(4000, 5000, 5500, DUPLICATE);
	BLOCKS(3, BLOCK(5000, 5500), BLOCK(4500, 5500), BLOCK(6000, 6500));
	BLOCKS(3, BLOCK(4500, 5500), BLOCK(6000, 6500));
}

/* RFC 2883 §4.2: of a segment that is there in part, the first such part. */
static void rfc_2883_4_2_partial_duplicate(void **state)
{
	(void)state;
	GIVE(1000, 1500, 2000, KEPT);
	GIVE(1000, 2500, 3000, KEPT);
	GIVE(1000, 1800, 2800, KEPT);	/* 1800-2000 and 2500-2800 */
	BLOCKS(3, BLOCK(1800, 2000), BLOCK(1500, 3000));
	NEXT(1500, 1500, 2000);
	NEXT(2000, 2000, 2500);
	NEXT(2500, 2500, 3000);
}

/* The piece that spans others stays whole; their cookies come back. */
static void what_is_spanned_gives_way(void **state)
{
	struct reassemble_piece p = { .cookie = 0 };
	uint64_t cookies = 0;

	(void)state;
	GIVE(1000, 1500, 1600, KEPT);
	GIVE(1000, 1700, 1800, KEPT);
	GIVE(1000, 1900, 2000, KEPT);
	GIVE(1000, 1400, 2000, KEPT);	/* to the very end of the last */
	assert_true(reassemble_dropped(&held, pool, &p));
	cookies += p.cookie;
	assert_true(reassemble_dropped(&held, pool, &p));
	assert_int_equal(cookies + p.cookie, 1500 + 1700);
	assert_false(reassemble_dropped(&held, pool, &p));
	assert_int_equal(held.n_pieces, 2);
	NEXT(1450, 1450, 1900);		/* 50 came in order meanwhile */
	NEXT(1900, 1900, 2000);
}

/* In order up to the middle of the third: what is not needed has no length. */
static void next_gives_back_what_came_in_order_meanwhile(void **state)
{
	(void)state;
	GIVE(1000, 1100, 1200, KEPT);
	GIVE(1000, 1200, 1300, KEPT);
	GIVE(1000, 1300, 1400, KEPT);
	NEXT(1350, 1200, 1200);
	NEXT(1350, 1300, 1300);
	NEXT(1350, 1350, 1400);
	assert_int_equal(held.ranges.n, 0);
}

static void far_away_is_refused(void **state)
{
	(void)state;
	GIVE(1000, 1000 + (1u << 30), 1001 + (1u << 30), FULL);
	GIVE(1000, 1000 - (1u << 30) - 1, 2000, FULL);
	GIVE(1000, 2000, 1000, FULL);
	GIVE(1000, 1000 - (1u << 30) - 100, 1000 - (1u << 30) - 50, FULL);
	assert_false(reassemble_has_blocks(&held));
}

/* Every second byte, from both sides: memory and steps are bounded. */
static void hostile_every_second_byte(void **state)
{
	uint32_t most = 0, kept = 0;
	struct reassemble_piece p;

	(void)state;
	for (uint32_t n = 0; n < 10000; n++) {
		uint32_t from = 2000 + (n & 1 ? 2 * n : 65534 - 2 * n);

		loss_steps = 0;
		kept += give(1000, from, from + 1) == REASSEMBLE_KEPT;
		if (most < loss_steps)
			most = (uint32_t)loss_steps;
	}
	assert_int_equal(kept, MANY);
	assert_int_equal(held.n_cells, 2 * MANY);
	assert_in_range(most, 10, 40);
	NEXT(2002, 2002, 2003);		/* one goes, to make room for the worst */
	loss_steps = 0;
	GIVE(2003, 2003, 70000, KEPT);
	assert_in_range(loss_steps, MANY, 8 * MANY);
	assert_int_equal(held.n_pieces, 1);
	kept = 0;
	while (reassemble_dropped(&held, pool, &p))
		kept++;
	assert_int_equal(kept, MANY - 1);
}

/* Behind one loss, however long: the same few steps for each piece. */
static void cost_behind_one_loss_is_flat(void **state)
{
	uint32_t at = 2000;

	(void)state;
	GIVE(1000, 1100, 1200, KEPT);
	for (uint32_t n = 0; n < MANY - 1; n++, at += 65160) {
		loss_steps = 0;
		GIVE(1000, at, at + 65160, KEPT);
		assert_in_range(loss_steps, 0, 3);
	}
	assert_int_equal(held.ranges.n, 2);
	BLOCKS(4, BLOCK(2000, at), BLOCK(1100, 1200));
}

/* The pool's reserve is not for data that waits. */
static void reserve_is_left_alone(void **state)
{
	struct cells *small = loss_pool(8, 5);
	struct reassemble_piece p = { .seq = seq(10), .len = 1 };
	struct reassemble r;

	(void)state;
	reassemble_init(&r, MANY, UINT32_MAX);
	assert_int_equal(reassemble_insert(&r, small, seq(0), &p),
			 REASSEMBLE_KEPT);
	p.seq = seq(20);	/* a range of its own: two cells */
	assert_int_equal(reassemble_insert(&r, small, seq(0), &p),
			 REASSEMBLE_FULL);
	p.seq = seq(11);
	assert_int_equal(reassemble_insert(&r, small, seq(0), &p),
			 REASSEMBLE_KEPT);
	assert_int_equal(small->n_free, 5);
	assert_int_equal(r.n_cells, 3);
	reassemble_init(&r, MANY, UINT32_MAX);	/* not for the first one either */
	assert_int_equal(reassemble_insert(&r, small, seq(0), &p),
			 REASSEMBLE_FULL);
	free(small);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shld_31_every_byte_comes_once_and_in_order),
		CASE(rfc_2018_7_every_other_segment_lost),
		CASE(rfc_2883_4_1_full_duplicate),
		CASE(rfc_2883_4_1_duplicate_of_what_is_held),
		CASE(rfc_2883_4_2_partial_duplicate),
		CASE(what_is_spanned_gives_way),
		CASE(next_gives_back_what_came_in_order_meanwhile),
		CASE(far_away_is_refused),
		CASE(hostile_every_second_byte),
		CASE(cost_behind_one_loss_is_flat),
		CASE(reserve_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

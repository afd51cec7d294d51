// SPDX-License-Identifier: BSD-2-Clause
/*
 * scoreboard_test.c - Records in flight against an array of bytes
 *
 * Covers SPEC LIB-4 as far as RFC 2018, 2883, 6675 and 8985 §5, §6 speak of what a
 * sender remembers. SEEDS and FIRST in the environment choose other runs.
 */
#include "tcp/loss_model.h"

#define MSS 32
#define MANY 4096

static struct model model;

struct run {
	struct scoreboard s;
	struct cells *pool;
	struct model *m;
	ns_t now;
	ns_t rack_sent;
	seq_t rack_end;
	bool exact;		/* no limit is met: equal in every byte          */
	uint32_t others;	/* cells in use elsewhere                        */
	bool told[MODEL_BYTES];	/* the peer has SACKed it                       */
};

static void start(struct run *r, struct cells *pool, uint32_t limit, bool exact)
{
	memset(r, 0, sizeof(*r));
	r->m = &model;
	r->m->una = r->m->nxt = r->m->fack = 0;
	r->m->first = loss_first_seq();
	r->pool = pool;
	r->exact = exact;
	r->now = 1000;
	r->rack_sent = NS_NEVER;
	scoreboard_init(&r->s, r->m->first, limit);
}

static void step_send(struct run *r)
{
	uint32_t len = loss_random(3) ? loss_between(1, 12 * MSS) :
					loss_between(1, MSS);
	uint32_t last = r->s.records.last;
	bool sent;

	if (r->m->nxt - r->m->una + len > 1500 || r->m->nxt + len > MODEL_BYTES)
		return;
	sent = scoreboard_send(&r->s, r->pool, len, r->now);
	if (sent)
		model_send(r->m, len, r->now);
	else	/* only if there is no record, nor one that it may join */
		CHECK(!r->exact && (r->s.records.n >= r->s.limit ||
				    r->pool->n_free <= r->pool->reserve) &&
		      (last == CELL_NONE ||
		       record_at(r->pool, last)->state != RECORD_FLIGHT ||
		       record_at(r->pool, last)->flags & RECORD_RESENT));
}

/* Some place in or near what is out, often at the end of a segment. */
static seq_t some_place(struct run *r)
{
	uint32_t out = r->m->nxt - r->m->una, at = loss_random(out + 1);

	switch (loss_random(8)) {
	case 0:
		return model_seq(r->m, r->m->nxt);
	case 1:
		return seq_add(model_seq(r->m, r->m->una), loss_random(200) - 100);
	case 2:
		return loss_random(20) ? model_seq(r->m, r->m->una + at) :
					 seq(loss_random(UINT32_MAX));
	default:
		return model_seq(r->m, (r->m->una + at) / MSS * MSS);
	}
}

static void make_blocks(struct run *r, struct scoreboard_input *in,
			struct tcp_sack *blocks)
{
	in->n_blocks = loss_random(4) ? (uint8_t)loss_random(5) : 0;
	in->blocks = blocks;
	for (uint32_t b = 0; b < in->n_blocks; b++) {
		blocks[b].start = some_place(r);
		blocks[b].end = loss_random(3) ? seq_add(blocks[b].start, MSS) :
						 some_place(r);
	}
	/* often a hole at the front, and a block grows */
	if (in->n_blocks && loss_random(2) && r->m->nxt - r->m->una > 2 * MSS)
		blocks[0] = (struct tcp_sack){
			model_seq(r->m, r->m->una + MSS),
			model_seq(r->m, loss_between(r->m->una + MSS, r->m->nxt)),
		};
}

static void note_told(struct run *r, const struct scoreboard_input *in)
{
	for (uint32_t b = 0; b < in->n_blocks; b++) {
		uint32_t from = model_at(r->m, in->blocks[b].start);
		uint32_t to = model_at(r->m, in->blocks[b].end);

		for (; from < to && to <= r->m->nxt; from++)
			r->told[from] = true;
	}
}

static void step_ack(struct run *r)
{
	struct tcp_sack blocks[TCP_SEGMENT_SACKS];
	struct scoreboard_result out, expected;
	struct scoreboard_input in = {
		.now = r->now,
		.min_rtt = loss_random(3) * 20,
		.echo_until = loss_random(2) ? NS_NEVER : r->now - loss_random(300),
		.ack = loss_random(2) ? model_seq(r->m, r->m->una) : some_place(r),
		.mss = MSS,
	};
	uint32_t n = r->s.records.n;

	make_blocks(r, &in, blocks);
	note_told(r, &in);
	loss_steps = 0;
	scoreboard_ack(&r->s, r->pool, &in, &out);
	/* whatever it says: a few steps for each record, or for each block */
	CHECK(loss_steps <= (n + 12) * 2 * (loss_log2(n) + 2));
	model_ack(r->m, &in, &expected);
	if (r->exact)
		check_result(&out, &expected);
	CHECK(out.acked == expected.acked);
	if (out.rack_sent != NS_NEVER) {
		r->rack_sent = out.rack_sent;
		r->rack_end = out.rack_end;
	}
}

static void step_overdue(struct run *r)
{
	ns_t wait = loss_random(200), next, expected;
	uint32_t lost, lost_expected;

	if (r->rack_sent == NS_NEVER)
		return;
	lost = scoreboard_overdue(&r->s, r->pool, r->rack_sent, r->rack_end, wait,
				  r->now, &next);
	lost_expected = model_overdue(r->m, r->rack_sent, r->rack_end, wait, r->now,
				      &expected);
	if (r->exact) {
		CHECK(lost == lost_expected);
		CHECK(next == expected);
	}
}

static uint32_t first_lost(const struct model *m)
{
	uint32_t at = m->una;

	while (at < m->nxt && m->byte[at].state != RECORD_LOST)
		at++;
	return at;
}

static void step_resend(struct run *r)
{
	struct seq_range range = { seq(0), seq(0) };
	uint32_t len = loss_between(1, 3 * MSS), n;
	bool any = scoreboard_next_lost(&r->s, r->pool, &range);

	if (r->exact)
		CHECK(any == (first_lost(r->m) < r->m->nxt));
	if (any && r->exact) {
		CHECK(model_at(r->m, range.start) == first_lost(r->m));
		for (uint32_t at = first_lost(r->m); at < model_at(r->m, range.end);
		     at++)
			CHECK(r->m->byte[at].state == RECORD_LOST);
	}
	if (!any || !loss_random(8))
		range.start = some_place(r);
	n = scoreboard_resend(&r->s, r->pool, range.start, len, r->now);
	CHECK(n <= len);
	if (!r->exact)
		return;
	if (n == 0)
		CHECK(model_at(r->m, range.start) - r->m->una >=
			      r->m->nxt - r->m->una ||
		      r->m->byte[model_at(r->m, range.start)].state ==
			      RECORD_SACKED);
	model_resend(r->m, model_at(r->m, range.start), n, r->now);
}

static void step_lose_first(struct run *r)
{
	bool may = r->m->una < r->m->nxt &&
		   r->m->byte[r->m->una].state == RECORD_FLIGHT;
	uint32_t n = scoreboard_lose_first(&r->s, r->pool, MSS);

	if (!r->exact)
		return;
	CHECK(n <= MSS && (n > 0) == may);
	for (uint32_t at = r->m->una; n; n--)
		r->m->byte[at++].state = RECORD_LOST;
}

static void step_lose_all(struct run *r)
{
	scoreboard_lose_all(&r->s, r->pool);
	CHECK(scoreboard_in_flight(&r->s) == 0);
	for (uint32_t at = r->m->una; at < r->m->nxt; at++)
		if (r->m->byte[at].state == RECORD_FLIGHT)
			r->m->byte[at].state = RECORD_LOST;
}

static void step(struct run *r)
{
	r->now += loss_random(3) ? loss_random(60) : 0;
	switch (loss_random(32)) {
	case 0:
		step_lose_first(r);
		break;
	case 1:
		if (!loss_random(3))
			step_lose_all(r);
		break;
	case 2:
		scoreboard_find_all(&r->s, r->pool);
		model_find_all(r->m);
		CHECK(r->s.lost == 0);
		break;
	case 3:
		scoreboard_forget_sacks(&r->s, r->pool);
		model_forget_sacks(r->m);
		CHECK(r->s.sacked == 0);
		break;
	case 4 ... 7:
		step_overdue(r);
		break;
	case 8 ... 13:
		step_resend(r);
		break;
	case 14 ... 21:
		r->now++;	/* nothing arrives when it is sent */
		step_ack(r);
		break;
	default:
		step_send(r);
	}
}

/* RFC 2018, 2883, 6675, 8985: equal to what they say of each single byte. */
static void every_byte_is_as_in_the_model(void **state)
{
	static struct run r;

	(void)state;
	FOR_EACH_SEED(2000) {
		struct cells *pool = loss_pool(MANY, 0);

		start(&r, pool, MANY, true);
		for (; loss_run.step < 120; loss_run.step++) {
			step(&r);
			check_model(&r.s, pool, r.m);
		}
		scoreboard_free(&r.s, pool);
		CHECK(pool->n_free == pool->capacity);
		free(pool);
	}
}

/* What the peer told is believed, or not noticed; never the other way round. */
static void check_modest(struct run *r)
{
	check_scoreboard(&r->s, r->pool, r->others);
	CHECK(seq_equal(r->s.una, model_seq(r->m, r->m->una)));
	CHECK(seq_equal(r->s.nxt, model_seq(r->m, r->m->nxt)));
	for (uint32_t idx = r->s.records.first; idx != CELL_NONE;
	     idx = tree_at(r->pool, idx)->next) {
		const struct record *c = record_at(r->pool, idx);

		if (c->state == RECORD_SACKED)
			for (seq_t at = c->seq; seq_before(at, c->end);
			     at = seq_add(at, 1))
				CHECK(r->told[model_at(r->m, at)]);
	}
}

static void few_records_are_enough(void **state)
{
	static struct run r;

	(void)state;
	FOR_EACH_SEED(2000) {
		uint32_t limit = loss_between(SCOREBOARD_LIMIT_MIN, 24);
		struct cells *pool = loss_pool(loss_between(4, 24), 2);

		start(&r, pool, limit, false);
		r.others = loss_random(2);
		if (r.others)
			cells_take(pool, 0);
		for (; loss_run.step < 120; loss_run.step++) {
			step(&r);
			check_modest(&r);
		}
		scoreboard_free(&r.s, pool);
		CHECK(pool->n_free + r.others == pool->capacity);
		free(pool);
	}
}

/* ---- Single cases -------------------------------------------------------------- */

static struct cells *pool;
static struct scoreboard board;
static struct scoreboard_result result;
static ns_t min_rtt;

static int set_up(void **state)
{
	(void)state;
	min_rtt = 0;
	loss_begin(0);
	pool = loss_pool(2 * MANY, 4);
	scoreboard_init(&board, seq(0xfffff000), MANY);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	check_scoreboard(&board, pool, 0);
	scoreboard_free(&board, pool);
	free(pool);
	return 0;
}

/* Offsets from the first byte, so that cases can be read. */
static seq_t at(uint32_t offset)
{
	return seq_add(seq(0xfffff000), offset);
}

static void send_data(uint32_t len, ns_t now)
{
	assert_true(scoreboard_send(&board, pool, len, now));
}

#define BLOCK(from, to) { { (from) + 0xfffff000u }, { (to) + 0xfffff000u } }

static void ack_blocks(uint32_t ack, ns_t now, ns_t echo_until,
		       const struct tcp_sack *blocks, uint8_t n)
{
	struct scoreboard_input in = { .now = now, .echo_until = echo_until,
				       .ack = at(ack), .mss = 1448,
				       .min_rtt = min_rtt, .n_blocks = n, .blocks = blocks };

	scoreboard_ack(&board, pool, &in, &result);
}

#define ACK(ack, now, ...)                                                     \
	do {                                                                   \
		const struct tcp_sack blocks_[] = { __VA_ARGS__ };             \
		ack_blocks(ack, now, NS_NEVER, blocks_, ARRAY_SIZE(blocks_));  \
	} while (0)

#define ACK_ALONE(ack, now) ack_blocks(ack, now, NS_NEVER, NULL, 0)

/* RFC 8985 §6.2: of a frame of 44 segments only the one that is missing is lost. */
static void rfc_8985_one_segment_of_a_pseudo_frame(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };
	ns_t next;

	(void)state;
	send_data(44 * 1448, 1000);
	ACK(7 * 1448, 2000, BLOCK(8 * 1448, 44 * 1448));
	assert_int_equal(board.records.n, 2);
	assert_int_equal(result.delivered, 43 * 1448);
	assert_int_equal(board.sacked_segs, 36);
	assert_int_equal(scoreboard_in_flight(&board), 1448);
	assert_int_equal(result.rack_sent, 1000);
	assert_true(seq_equal(result.rack_end, at(44 * 1448)));
	scoreboard_overdue(&board, pool, 1000, result.rack_end, 1001, 2000, &next);
	assert_int_equal(next, 2001);
	assert_false(scoreboard_next_lost(&board, pool, &range));
	scoreboard_overdue(&board, pool, 1000, result.rack_end, 1000, 2000, &next);
	assert_true(scoreboard_next_lost(&board, pool, &range));
	assert_true(seq_equal(range.start, at(7 * 1448)));
	assert_true(seq_equal(range.end, at(8 * 1448)));
}

/* RFC 2883 §4.1, example 1: both data and its duplicate are below the ACK. */
static void rfc_2883_4_1_duplicate_below_the_ack(void **state)
{
	(void)state;
	send_data(1000, 10);
	ACK(1000, 20, BLOCK(500, 1000));
	assert_int_equal(result.flags, SCOREBOARD_DSACK);
	assert_true(seq_equal(result.dsack.start, at(500)));
	assert_true(seq_equal(result.dsack.end, at(1000)));
}

/* RFC 2883 §4.2.1: the second block holds the first. It says nothing else new. */
static void rfc_2883_4_2_1_duplicate_inside_the_second_block(void **state)
{
	(void)state;
	send_data(5000, 10);
	ACK(500, 20, BLOCK(1000, 1500), BLOCK(1000, 2000));
	assert_int_equal(result.flags, SCOREBOARD_DSACK | SCOREBOARD_SACKS);
	assert_int_equal(result.sacked, 1000);
	ACK(500, 20, BLOCK(1000, 2000), BLOCK(3000, 4000));
	assert_int_equal(result.flags, SCOREBOARD_SACKS);
	assert_int_equal(result.sacked, 1000);
}

/* RFC 2883 §5: judged by the ACK that carries it, though SND.UNA has gone on. */
static void rfc_2883_5_old_ack_has_no_dsack(void **state)
{
	(void)state;
	send_data(5000, 10);
	ACK_ALONE(3000, 20);
	ACK(1000, 21, BLOCK(2000, 3000));
	assert_int_equal(result.flags, 0);
	assert_int_equal(result.acked, 0);
	ACK(1000, 21, BLOCK(500, 1000));
	assert_int_equal(result.flags, SCOREBOARD_DSACK);
}

/* RFC 2018 §8: what is SACKed at SND.UNA was thrown away. */
static void rfc_2018_8_reneging_shows_and_is_forgotten(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };

	(void)state;
	send_data(1000, 10);
	send_data(1000, 11);
	ACK(0, 20, BLOCK(1000, 2000));
	assert_false(result.flags & SCOREBOARD_RENEGED);
	ACK_ALONE(1000, 30);
	assert_true(result.flags & SCOREBOARD_RENEGED);
	assert_true(scoreboard_reneged(&board, pool));
	assert_int_equal(scoreboard_lose_first(&board, pool, 1448), 0);
	scoreboard_forget_sacks(&board, pool);
	assert_true(scoreboard_next_lost(&board, pool, &range));
	assert_true(seq_equal(range.start, at(1000)));
	assert_int_equal(board.lost, 1000);
	/* it was not so after all: no time is known, no RTT comes of it */
	ACK_ALONE(2000, 40);
	assert_int_equal(result.rack_sent, NS_NEVER);
	assert_false(scoreboard_has_rtt(&result));
}

/* RFC 6298 §3, Karn: no sample when something that was sent twice is acknowledged. */
static void rfc_6298_3_karn(void **state)
{
	(void)state;
	send_data(1000, 10);
	send_data(1000, 20);
	ACK_ALONE(500, 30);
	assert_true(scoreboard_has_rtt(&result));
	assert_int_equal(result.first_sent, 10);
	assert_int_equal(scoreboard_resend(&board, pool, at(500), 500, 40), 500);
	ACK_ALONE(2000, 50);
	assert_false(scoreboard_has_rtt(&result));
	assert_int_equal(result.rack_sent, 40);
}

/* RFC 8985 §6.2 step 2: the echo tells which of two has arrived. */
static void rfc_8985_6_2_echo_older_than_what_was_sent_again(void **state)
{
	(void)state;
	send_data(1000, 10);
	scoreboard_resend(&board, pool, at(0), 1000, 40);
	ack_blocks(1000, 60, 40, NULL, 0);
	assert_int_equal(result.flags, SCOREBOARD_RESENT | SCOREBOARD_ORIGINAL);
	assert_int_equal(result.rack_sent, NS_NEVER);
	send_data(1000, 70);
	scoreboard_resend(&board, pool, at(1000), 1000, 90);
	ack_blocks(2000, 110, 91, NULL, 0);
	assert_int_equal(result.flags, SCOREBOARD_RESENT);
	assert_int_equal(result.rack_sent, 90);
}

/* RFC 8985 §6.2 step 2: sooner than one ever came, it must be the first of two. */
static void rfc_8985_6_2_sooner_than_min_rtt(void **state)
{
	(void)state;
	min_rtt = 20;
	send_data(2000, 10);
	scoreboard_resend(&board, pool, at(0), 2000, 40);
	ACK_ALONE(1000, 59);
	assert_int_equal(result.rack_sent, NS_NEVER);
	ACK_ALONE(2000, 60);
	assert_int_equal(result.rack_sent, 40);
}

/* RFC 7323 §4.3: a SACK echoes something older, which does not tell. */
static void rfc_7323_4_3_echo_of_a_sack_does_not_tell(void **state)
{
	static const struct tcp_sack block[] = { BLOCK(1000, 2000) };

	(void)state;
	send_data(2000, 10);
	scoreboard_resend(&board, pool, at(1000), 1000, 40);
	ack_blocks(0, 60, 20, block, 1);
	assert_int_equal(result.flags, SCOREBOARD_RESENT | SCOREBOARD_SACKS);
	assert_int_equal(result.rack_sent, 40);
}

/* Blocks that cannot be: inverted, empty, not sent yet, at SND.UNA, over it. */
static void rfc_2018_impossible_blocks_say_nothing(void **state)
{
	(void)state;
	send_data(4000, 10);
	ACK_ALONE(1000, 20);
	ACK(1000, 30, BLOCK(3000, 2000), BLOCK(2000, 2000), BLOCK(2000, 4001),
	    BLOCK(1000, 2000));
	assert_int_equal(result.flags, 0);
	ACK(1000, 30, BLOCK(900, 2000), BLOCK(0x80000000, 2000),
	    BLOCK(2000, 0x80000000), BLOCK(0x7fffffff, 0x80001000));
	assert_int_equal(result.flags, 0);
	ACK_ALONE(4001, 30);
	assert_int_equal(result.acked, 0);
	assert_int_equal(board.records.n, 1);
}

/* One ACK for a hundred frames is nothing special. */
static void stretch_ack_of_a_hundred_records(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 200; n++)
		send_data(65160, 10 + n);
	loss_steps = 0;
	ACK_ALONE(100 * 65160, 1000);
	assert_int_equal(board.records.n, 100);
	assert_int_equal(result.delivered, 100 * 65160);
	assert_int_equal(result.first_sent, 10);
	assert_int_equal(result.last_sent, 109);
	assert_in_range(loss_steps, 100, 500);
}

/* The same steps for each frame, whatever is in flight: 64 KiB or 256 MiB. */
static void cost_in_order_is_flat(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= MANY; n *= 4) {
		uint32_t sent = 0, acked = 0;

		for (; sent < n; sent++)
			send_data(65160, sent);
		loss_steps = 0;
		for (; acked < 3 * MANY; acked++) {
			ACK_ALONE((acked + 1) * 65160, sent);
			send_data(65160, sent++);
		}
		/* one record is sent, one acknowledged, none looked at else */
		assert_in_range(loss_steps, 0, 3 * 3 * MANY);
		ACK_ALONE(sent * 65160, sent);
		scoreboard_init(&board, seq(0xfffff000), MANY);
	}
}

/* RFC 5682 §3.4: to take all back costs a few steps for each, in any order. */
static void rfc_5682_3_4_finding_all_is_cheap(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 1000; n++)
		send_data(1448, 10 + n);
	scoreboard_lose_all(&board, pool);
	for (uint32_t n = 0; n < 1000; n++)
		send_data(1448, 2000 + n);
	loss_steps = 0;
	scoreboard_find_all(&board, pool);
	assert_in_range(loss_steps, 1000, 1000 * 12);
	assert_int_equal(scoreboard_in_flight(&board), 2000 * 1448);
}

/* Every second byte, upwards then downwards: the limit holds, we can still send. */
static void hostile_every_second_byte(void **state)
{
	uint32_t most = 0;

	(void)state;
	scoreboard_init(&board, seq(0xfffff000), 256);
	send_data(65536, 10);
	send_data(1, 11);
	for (uint32_t n = 0; n < 32767; n++) {
		uint32_t from = n & 1 ? 2 * n + 1 : 65535 - 2 * n;

		loss_steps = 0;
		ACK(0, 20 + n, BLOCK(from, from + 1));
		if (most < loss_steps)
			most = (uint32_t)loss_steps;
	}
	assert_int_equal(board.records.n, 256 - RECORD_SPARE);
	assert_in_range(most, 1, 60);
	for (uint32_t n = 0; n < 100; n++)	/* at last they join */
		send_data(1448, 100000 + n);
	assert_int_equal(board.records.n, 256);
	loss_steps = 0;
	ACK(0, 200000, BLOCK(1, 65536));
	/* all of them in one call, once: a few steps for each */
	assert_in_range(loss_steps, 256, 256 * 12);
	assert_in_range(board.records.n, 1, 10);
	ACK_ALONE(65537 + 100 * 1448, 300000);
	assert_int_equal(board.records.n, 0);
}

/* A hundred connections that take all they can leave one record for each other. */
static void hostile_reserve_is_for_those_who_have_none(void **state)
{
	struct cells *small = loss_pool(64, 8);
	struct scoreboard greedy, modest[8];
	struct tcp_sack block;
	struct scoreboard_input in = { .now = 2, .echo_until = NS_NEVER, .mss = 1,
				       .n_blocks = 1, .blocks = &block };

	(void)state;
	scoreboard_init(&greedy, seq(7), 1024);
	assert_true(scoreboard_send(&greedy, small, 1000, 1));
	in.ack = seq(7);
	for (uint32_t n = 0; n < 400; n++) {
		block = (struct tcp_sack){ seq(9 + 2 * n), seq(10 + 2 * n) };
		scoreboard_ack(&greedy, small, &in, &result);
	}
	assert_int_equal(small->n_free, 8);
	for (uint32_t n = 0; n < 8; n++) {
		scoreboard_init(modest + n, seq(n), 1024);
		assert_true(scoreboard_send(modest + n, small, 1000, 1));
		assert_true(scoreboard_send(modest + n, small, 1000, 2));
	}
	assert_int_equal(small->n_free, 0);
	free(small);
}

/* Without a record to spare what is sent joins the last; only its end has a time. */
static void joined_record_has_the_time_of_its_end(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };
	ns_t next;

	(void)state;
	scoreboard_init(&board, seq(0xfffff000), SCOREBOARD_LIMIT_MIN);
	for (uint32_t n = 0; n < 12; n++)
		send_data(1000, 100 * (n + 1));
	assert_int_equal(board.records.n, SCOREBOARD_LIMIT_MIN);
	ACK_ALONE(9500, 2000);
	assert_int_equal(result.last_sent, 700);	/* not 1200 */
	scoreboard_overdue(&board, pool, 1200, at(20000), 801, 2000, &next);
	assert_int_equal(next, 2001);			/* by the later one */
	ACK(9500, 2000, BLOCK(11000, 12000));
	assert_int_equal(result.last_sent, 1200);
	ACK_ALONE(11000, 2000);		/* nobody knows when that was sent */
	assert_int_equal(result.first_sent, NS_NEVER);
	assert_int_equal(result.rack_sent, NS_NEVER);
	assert_int_equal(result.delivered, 1500);
	ACK_ALONE(12000, 2000);
	assert_false(scoreboard_next_lost(&board, pool, &range));
}

/* RFC 8985 §7.3: the probe is the last segment, of a frame too. */
static void rfc_8985_7_3_last_segment(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };

	(void)state;
	assert_false(scoreboard_last(&board, pool, 1448, &range));
	send_data(10000, 10);
	assert_true(scoreboard_last(&board, pool, 1448, &range));
	assert_true(seq_equal(range.start, at(10000 - 1448)));
	assert_true(seq_equal(range.end, at(10000)));
	assert_int_equal(scoreboard_resend(&board, pool, range.start, 1448, 20),
			 1448);
	assert_int_equal(board.resent, 1448);
	assert_int_equal(scoreboard_in_flight(&board), 10000);
	ACK(0, 30, BLOCK(10000 - 1448, 10000));
	assert_false(scoreboard_last(&board, pool, 1448, &range));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_is_as_in_the_model),
		cmocka_unit_test(few_records_are_enough),
		CASE(rfc_8985_one_segment_of_a_pseudo_frame),
		CASE(rfc_2883_4_1_duplicate_below_the_ack),
		CASE(rfc_2883_4_2_1_duplicate_inside_the_second_block),
		CASE(rfc_2883_5_old_ack_has_no_dsack),
		CASE(rfc_2018_8_reneging_shows_and_is_forgotten),
		CASE(rfc_6298_3_karn),
		CASE(rfc_8985_6_2_echo_older_than_what_was_sent_again),
		CASE(rfc_8985_6_2_sooner_than_min_rtt),
		CASE(rfc_7323_4_3_echo_of_a_sack_does_not_tell),
		CASE(rfc_2018_impossible_blocks_say_nothing),
		CASE(stretch_ack_of_a_hundred_records),
		CASE(cost_in_order_is_flat),
		CASE(rfc_5682_3_4_finding_all_is_cheap),
		CASE(hostile_every_second_byte),
		CASE(hostile_reserve_is_for_those_who_have_none),
		CASE(joined_record_has_the_time_of_its_end),
		CASE(rfc_8985_7_3_last_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * frto_test.c - Timeouts and recoveries that were not necessary
 *
 * Covers SPEC LIB-4 as far as RFC 5682, RFC 3522 and RFC 3708 go. Ten segments are
 * out; numbers in the scripts count segments.
 */
#include "tcp/loss_model.h"

#include "tcp/loss/frto.c"

#define MSS 1000
#define OUT 10

static struct cells *pool;
static struct scoreboard board;
static struct frto frto;
static struct undo undo;
static struct scoreboard_result result;
static bool can_send_new;
static bool sack;
static ns_t echo_until;

static seq_t at(uint32_t segment)
{
	return seq_add(seq(0xffffe000), segment * MSS);
}

static int set_up(void **state)
{
	(void)state;
	loss_begin(0);
	pool = loss_pool(64, 0);
	scoreboard_init(&board, at(0), 64);
	frto_init(&frto);
	assert_true(scoreboard_send(&board, pool, OUT * MSS, 100));
	can_send_new = true;
	echo_until = NS_NEVER;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scoreboard_free(&board, pool);
	free(pool);
	return 0;
}

/* The RTO: the first segment is sent again. */
static bool timeout(void)
{
	bool asks = frto_timeout(&frto, &board, MSS);

	scoreboard_lose_first(&board, pool, MSS);
	scoreboard_resend(&board, pool, board.una, MSS, 1000);
	return asks;
}

static enum frto_verdict take(uint32_t ack, uint32_t from, uint32_t to)
{
	struct tcp_sack block = { at(from), at(to) };
	struct scoreboard_input in = { .now = 2000, .echo_until = echo_until,
				       .ack = at(ack), .mss = MSS,
				       .n_blocks = from != to,
				       .blocks = &block };
	struct frto_input f = { .sack = sack, .can_send_new = can_send_new };

	scoreboard_ack(&board, pool, &in, &result);
	f.una = board.una;
	f.advanced = result.acked > 0;
	f.duplicate = !f.advanced;
	return frto_ack(&frto, &result, &f);
}

#define ACK(ack, verdict) assert_int_equal(take(ack, 0, 0), FRTO_##verdict)
#define ACK_SACK(ack, from, to, verdict)                                       \
	assert_int_equal(take(ack, from, to), FRTO_##verdict)
#define SEND_NEW() assert_true(scoreboard_send(&board, pool, 2 * MSS, 1500))

/* ---- RFC 5682 §2.1 ---------------------------------------------------------------- */

static void rfc_5682_2_1_delayed_acks_are_spurious(void **state)
{
	(void)state;
	sack = false;
	assert_true(timeout());
	ACK(1, SEND_NEW);
	SEND_NEW();
	ACK(2, SPURIOUS);
	ACK(3, NOTHING);
}

static void rfc_5682_2_1_duplicates_are_loss(void **state)
{
	(void)state;
	sack = false;
	assert_true(timeout());
	ACK(0, LOSS);
	ACK(1, NOTHING);
}

static void rfc_5682_2_1_duplicate_after_new_data_is_loss(void **state)
{
	(void)state;
	sack = false;
	assert_true(timeout());
	ACK(1, SEND_NEW);
	SEND_NEW();
	ACK(1, LOSS);
}

static void rfc_5682_2_1_step_2a_all_or_too_little(void **state)
{
	(void)state;
	sack = false;
	assert_true(timeout());
	ACK(OUT, LOSS);
	SEND_NEW();
	assert_true(timeout());		/* of new data: the question is open again */
	board.una = seq_add(board.una, 1);	/* not all that was sent again */
	assert_int_equal(frto_ack(&frto, &result,
				  &(struct frto_input){ .una = board.una,
							.advanced = true,
							.can_send_new = true }),
			 FRTO_LOSS);
	board.una = seq(board.una.n - 1);
}

static void rfc_5682_2_1_nothing_new_to_send(void **state)
{
	(void)state;
	sack = can_send_new = false;
	assert_true(timeout());
	ACK(1, LOSS);
}

static void rfc_5682_2_1_not_for_the_second_timeout(void **state)
{
	(void)state;
	sack = false;
	assert_true(timeout());
	assert_false(timeout());
	ACK(1, NOTHING);
	assert_false(timeout());	/* still what was out the first time */
	ACK(OUT, NOTHING);
	assert_false(timeout());	/* nothing is out */
}

/* ---- RFC 5682 §3.1 ---------------------------------------------------------------- */

static void rfc_5682_3_1_original_is_spurious(void **state)
{
	(void)state;
	sack = true;
	assert_true(timeout());
	ACK_SACK(0, 8, 9, NOTHING);	/* duplicates in step 2 tell nothing */
	ACK(1, SEND_NEW);
	SEND_NEW();
	result = (struct scoreboard_result){ .first_sent = NS_NEVER };
	assert_int_equal(frto_ack(&frto, &result,	/* says nothing at all */
				  &(struct frto_input){ .una = board.una,
							.sack = true }),
			 FRTO_NOTHING);
	ACK_SACK(1, 3, 4, SPURIOUS);
}

static void rfc_5682_3_1_only_new_data_is_loss(void **state)
{
	(void)state;
	sack = true;
	assert_true(timeout());
	ACK(1, SEND_NEW);
	SEND_NEW();
	ACK_SACK(1, OUT, OUT + 1, LOSS);
}

static void rfc_5682_3_1_acknowledged_to_the_end_is_no_answer(void **state)
{
	(void)state;
	sack = true;
	assert_true(timeout());
	ACK(OUT, LOSS);
	ACK(OUT, NOTHING);
}

/* An old timeout is forgotten before sequence numbers come round. */
static void recover_does_not_come_round(void **state)
{
	struct scoreboard_input in = { .now = 3000, .echo_until = NS_NEVER,
				       .mss = MSS };
	struct frto_input f = { .advanced = true };

	(void)state;
	assert_true(timeout());
	for (uint32_t n = 0; n < 7; n++) {	/* 3.5 GiB further */
		assert_true(scoreboard_send(&board, pool, 1 << 29, 2000));
		in.ack = f.una = board.nxt;
		scoreboard_ack(&board, pool, &in, &result);
		frto_ack(&frto, &result, &f);
	}
	SEND_NEW();
	assert_true(timeout());
}

/* ---- Eifel: RFC 3522 -------------------------------------------------------------- */

static void undo_again(uint32_t segment, uint32_t n, ns_t now)
{
	uint32_t len = scoreboard_resend(&board, pool, at(segment), n * MSS, now);

	assert_int_equal(len, n * MSS);
	undo_resent(&undo, len, now, board.nxt);
}

static enum undo_verdict undo_take(uint32_t ack, uint32_t from, uint32_t to)
{
	take(ack, from, to);
	return undo_ack(&undo, &result, board.una, echo_until);
}

#define UNDO_ACK(ack, echo, verdict)                                           \
	do {                                                                   \
		echo_until = echo;                                             \
		assert_int_equal(undo_take(ack, 0, 0), UNDO_##verdict);        \
	} while (0)
#define UNDO_DSACK(ack, from, to, verdict)                                     \
	assert_int_equal(undo_take(ack, from, to), UNDO_##verdict)

static void rfc_3522_3_2_echo_of_the_original(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 1, 1000);
	UNDO_ACK(1, 1000, EIFEL);
	UNDO_ACK(2, 1000, NO);	/* once */
}

static void rfc_3522_3_2_echo_of_the_second(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 2, 1000);
	UNDO_ACK(1, 1001, NO);
	UNDO_ACK(2, 500, NO);		/* only the first counts */
}

static void rfc_3522_3_2_without_timestamps(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 1, 1000);
	UNDO_ACK(1, NS_NEVER, NO);
}

/* What was never sent again echoes an old time too: that says nothing. */
static void rfc_3522_3_2_ack_of_something_else(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(2, 1, 1000);
	UNDO_ACK(1, 500, NO);
	UNDO_ACK(2, 500, NO);
	UNDO_ACK(3, 1001, NO);
	undo_begin(&undo, board.una);
	undo_again(4, 1, 1100);
	UNDO_ACK(4, 500, NO);
	UNDO_ACK(5, 1100, EIFEL);
}

/* The second one repaired it, what followed was not needed: a loss all the same. */
static void rfc_3522_3_2_first_of_several_counts(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 1, 1000);
	undo_again(1, 1, 1100);
	UNDO_ACK(2, 1050, NO);
}

/* ---- D-SACK: RFC 3708 --------------------------------------------------------------- */

static void rfc_3708_2_all_came_twice(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 3, 1000);
	UNDO_ACK(OUT, NS_NEVER, NO);
	UNDO_DSACK(OUT, 0, 1, NO);
	UNDO_DSACK(OUT, 1, 2, NO);
	UNDO_DSACK(OUT, 2, 3, DSACK);
	UNDO_DSACK(OUT, 2, 3, NO);
}

static void rfc_3708_2_one_repaired_a_loss(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	undo_again(0, 3, 1000);
	UNDO_ACK(OUT, NS_NEVER, NO);
	UNDO_DSACK(OUT, 1, 2, NO);
	UNDO_DSACK(OUT, 2, 3, NO);
	SEND_NEW();
	UNDO_ACK(OUT + 1, NS_NEVER, NO);	/* sent later: nothing is to come */
	assert_false(undo.open);
	UNDO_DSACK(OUT + 1, 0, 1, NO);
}

static void rfc_3708_2_of_an_earlier_recovery(void **state)
{
	(void)state;
	UNDO_ACK(2, NS_NEVER, NO);
	undo_begin(&undo, board.una);
	undo_again(2, 1, 1000);
	UNDO_DSACK(3, 0, 1, NO);
	UNDO_DSACK(3, 2, 3, DSACK);
}

static void undo_says_nothing_when_nothing_was_sent_again(void **state)
{
	(void)state;
	undo_begin(&undo, board.una);
	UNDO_DSACK(2, 0, 1, NO);
	undo_end(&undo);
	undo_again(2, 1, 1000);
	UNDO_DSACK(3, 2, 3, NO);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(rfc_5682_2_1_delayed_acks_are_spurious),
		CASE(rfc_5682_2_1_duplicates_are_loss),
		CASE(rfc_5682_2_1_duplicate_after_new_data_is_loss),
		CASE(rfc_5682_2_1_step_2a_all_or_too_little),
		CASE(rfc_5682_2_1_nothing_new_to_send),
		CASE(rfc_5682_2_1_not_for_the_second_timeout),
		CASE(rfc_5682_3_1_original_is_spurious),
		CASE(rfc_5682_3_1_only_new_data_is_loss),
		CASE(rfc_5682_3_1_acknowledged_to_the_end_is_no_answer),
		CASE(recover_does_not_come_round),
		CASE(rfc_3522_3_2_echo_of_the_original),
		CASE(rfc_3522_3_2_echo_of_the_second),
		CASE(rfc_3522_3_2_without_timestamps),
		CASE(rfc_3522_3_2_ack_of_something_else),
		CASE(rfc_3522_3_2_first_of_several_counts),
		CASE(rfc_3708_2_all_came_twice),
		CASE(rfc_3708_2_one_repaired_a_loss),
		CASE(rfc_3708_2_of_an_earlier_recovery),
		CASE(undo_says_nothing_when_nothing_was_sent_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

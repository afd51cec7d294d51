// SPDX-License-Identifier: BSD-2-Clause
/*
 * newreno_test.c - Loss recovery without SACK
 *
 * Covers SPEC LIB-4 as far as RFC 6582, RFC 3042 and RFC 5681 §3.2 speak of what is
 * lost. SEEDS and FIRST in the environment choose other runs.
 */
#include "tcp/loss_model.h"

#include "tcp/loss/newreno.c"

#define MSS 32
#define STREAM (300 * MSS)
#define CWND 30			/* segments                                     */

static struct cells *pool;
static struct scoreboard board;
static struct newreno reno;
static struct scoreboard_result result;
static seq_t first;

static void begin(void)
{
	first = loss_first_seq();
	pool = loss_pool(1024, 0);
	scoreboard_init(&board, first, 1024);
	newreno_init(&reno);
}

static void end(void)
{
	check_scoreboard(&board, pool, 0);
	scoreboard_free(&board, pool);
	free(pool);
}

static int set_up(void **state)
{
	(void)state;
	loss_begin(0);
	begin();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	end();
	return 0;
}

static void send_segs(uint32_t n)
{
	assert_true(scoreboard_send(&board, pool, n * MSS, 1));
}

/* All before segment @n is acknowledged. */
static enum newreno_verdict ack(uint32_t n)
{
	struct scoreboard_input in = { .now = 2, .echo_until = NS_NEVER,
				       .ack = seq_add(first, n * MSS),
				       .mss = MSS };

	scoreboard_ack(&board, pool, &in, &result);
	return newreno_ack(&reno, &board, result.acked, MSS);
}

static uint32_t left(void)
{
	return newreno_left(&reno, &board, MSS) / MSS;
}

static uint32_t in_flight(void)
{
	return scoreboard_in_flight(&board) / MSS;
}

static uint32_t next_lost(void)
{
	struct seq_range range;

	if (!scoreboard_next_lost(&board, pool, &range))
		return UINT32_MAX;
	assert_int_equal(scoreboard_resend(&board, pool, range.start, MSS,
					   loss_run.step), MSS);
	return (range.start.n - first.n) / MSS;
}

#define DUPACK(verdict)                                                        \
	assert_int_equal(newreno_dupack(&reno, &board), NEWRENO_##verdict)
#define ACK(n, verdict) assert_int_equal(ack(n), NEWRENO_##verdict)

static void rfc_3042_2_two_duplicates_let_one_segment_each_out(void **state)
{
	(void)state;
	DUPACK(NOTHING);	/* nothing is out: it is none */
	send_segs(10);
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	assert_int_equal(left(), 2);
	ACK(1, NOTHING);
	assert_int_equal(left(), 0);
	DUPACK(LIMITED);
}

/* RFC 6582 §3.2: ten are out, 0 and 4 are lost. */
static void rfc_6582_3_2_two_losses_of_one_window(void **state)
{
	(void)state;
	send_segs(10);
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	DUPACK(ENTER);
	assert_int_equal(newreno_lose(&board, pool, MSS), MSS);
	assert_int_equal(in_flight() - left(), 10 - 1 - 3);
	assert_int_equal(next_lost(), 0);
	for (uint32_t n = 0; n < 5; n++)
		DUPACK(LEFT);
	assert_int_equal(in_flight() - left(), 2);	/* 0 again, and 4 */
	ACK(4, PARTIAL);
	assert_int_equal(newreno_lose(&board, pool, MSS), MSS);
	assert_int_equal(in_flight() - left(), 0);
	assert_int_equal(next_lost(), 4);
	assert_int_equal(in_flight() - left(), 1);
	ACK(10, FULL);
	assert_int_equal(left(), 0);
	send_segs(5);
	ACK(11, NOTHING);
}

/* RFC 6582 §3.2 step 2: duplicates of what a timeout sent again are no loss. */
static void rfc_6582_3_2_no_fast_retransmit_after_a_timeout(void **state)
{
	(void)state;
	send_segs(10);
	assert_int_equal(newreno_timeout(&reno, &board, pool), 10 * MSS);
	assert_int_equal(in_flight(), 0);
	ACK(4, NOTHING);
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	DUPACK(NOTHING);
	DUPACK(NOTHING);
	ACK(10, NOTHING);
	send_segs(10);
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	DUPACK(NOTHING);	/* not more than it */
	ACK(11, NOTHING);	/* beyond it: duplicates count again */
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	DUPACK(ENTER);
	newreno_stop(&reno);
	assert_int_equal(left(), 0);
}

/* A count that a peer can drive up does not make more leave than there is. */
static void hostile_duplicates_without_end(void **state)
{
	(void)state;
	send_segs(10);
	for (uint32_t n = 0; n < 1000; n++)
		newreno_dupack(&reno, &board);
	assert_int_equal(left(), 10);
	reno.dupacks = UINT32_MAX;
	DUPACK(LEFT);
	assert_int_equal(left(), 10);
}

/* What was remembered of a recovery is forgotten before numbers come round. */
static void recover_does_not_come_round(void **state)
{
	struct scoreboard_input in = { .now = 2, .echo_until = NS_NEVER,
				       .ack = first, .mss = MSS };

	(void)state;
	send_segs(10);
	newreno_timeout(&reno, &board, pool);
	for (uint32_t n = 0; n < 7; n++) {	/* 3.5 GiB further */
		assert_true(scoreboard_send(&board, pool, 1 << 29, 2));
		in.ack = board.nxt;
		scoreboard_ack(&board, pool, &in, &result);
		newreno_ack(&reno, &board, result.acked, MSS);
	}
	send_segs(10);
	DUPACK(LIMITED);
	DUPACK(LIMITED);
	DUPACK(ENTER);
}

/* ---- A path that loses, and keeps the order ---------------------------------------- */

static struct {
	uint32_t fifo[4096];	/* segment numbers, in order                    */
	uint32_t from, to;
	bool has[STREAM / MSS];
	uint32_t next;		/* RCV.NXT                                      */
	uint32_t nxt;		/* SND.NXT                                      */
	uint32_t n_lost, n_resent, n_timeouts;
} path;

static void transmit(uint32_t seg, uint32_t loss)
{
	if (loss_random(1000) < loss)
		path.n_lost++;
	else
		path.fifo[path.to++ % ARRAY_SIZE(path.fifo)] = seg;
}

static void pull(uint32_t loss)
{
	uint32_t seg;

	while (in_flight() - left() < CWND && (seg = next_lost()) != UINT32_MAX) {
		path.n_resent++;
		transmit(seg, loss);
	}
	while (in_flight() - left() < CWND && path.nxt < STREAM / MSS) {
		assert_true(scoreboard_send(&board, pool, MSS, loss_run.step));
		transmit(path.nxt++, loss);
	}
}

static void take_ack(void)
{
	uint32_t una = (board.una.n - first.n) / MSS;
	enum newreno_verdict verdict = path.next > una ?
					       ack(path.next) :
					       newreno_dupack(&reno, &board);

	if (verdict == NEWRENO_ENTER || verdict == NEWRENO_PARTIAL)
		newreno_lose(&board, pool, MSS);
}

/* RFC 6582: with no timeout, what is sent again is what was lost. */
static void rfc_6582_sent_again_is_what_was_lost(void **state)
{
	uint32_t n = 0;

	(void)state;
	FOR_EACH_SEED(300) {
		memset(&path, 0, sizeof(path));
		begin();
		for (pull(20); board.records.n; pull(20)) {
			CHECK(loss_run.step++ < 100000);
			check_scoreboard(&board, pool, 0);
			if (path.from == path.to) {
				newreno_timeout(&reno, &board, pool);
				path.n_timeouts++;
				continue;
			}
			path.has[path.fifo[path.from++ % ARRAY_SIZE(path.fifo)]] =
				true;
			while (path.next < STREAM / MSS && path.has[path.next])
				path.next++;
			take_ack();
		}
		CHECK(path.next == STREAM / MSS);
		if (!path.n_timeouts) {
			CHECK(path.n_resent == path.n_lost);
			n++;
		}
		end();
	}
	assert_in_range(n, 20, 100000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(rfc_3042_2_two_duplicates_let_one_segment_each_out),
		CASE(rfc_6582_3_2_two_losses_of_one_window),
		CASE(rfc_6582_3_2_no_fast_retransmit_after_a_timeout),
		CASE(hostile_duplicates_without_end),
		CASE(recover_does_not_come_round),
		cmocka_unit_test(rfc_6582_sent_again_is_what_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

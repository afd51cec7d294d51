// SPDX-License-Identifier: BSD-2-Clause
/*
 * recovery_test.c - What the machine makes of losses
 *
 * The parts have tests of their own; here is how they work together. Covers SPEC
 * LIB-4.
 */
#include "tcp/script.h"

static void sack(struct tcp_config *c)
{
	script_config(c);
	c->sack = true;
	c->tail_loss_probe = false;
}

/* Ten segments are out. */
static void ten_out(struct script *s)
{
	script_write(s, 14600);
	assert_int_equal(script_drain(s), 14600);
}

/* RFC 8985, RFC 6937: the first is lost; it goes again, once, before new data. */
static void one_lost_with_sack(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	sack(&c);
	script_connected(s, &c);
	ten_out(s);
	AT(10 MS);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 2921));
	assert_int_equal(script_report(s).phase, TCP_PHASE_DISORDER);
	SILENT();
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 4381));
	SILENT();
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 5841));
	assert_int_equal(script_report(s).phase, TCP_PHASE_RECOVERY);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	SILENT();
	assert_int_equal(script_report(s).ssthresh, 7300);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 14601));
	AT(20 MS);
	IN(ACK, .seq = 1, .ack = 14601);
	assert_int_equal(script_report(s).phase, TCP_PHASE_OPEN);
	assert_int_equal(script_report(s).cwnd, 7300);
	assert_int_equal(script_report(s).again_total, 1);
	assert_int_equal(script_report(s).timeouts, 0);
	script_end(s);
}

/*
 * RFC 8985 §6.2: several ACKs are taken in one go, at the same time. What was sent
 * before the first one goes again says nothing of it, what was sent after it does.
 */
static void rfc_8985_6_2_sent_again_at_the_same_instant(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	sack(&c);
	script_connected(s, &c);
	ten_out(s);
	script_write(s, 14600);
	AT(10 MS);
	IN(ACK, .seq = 1, .ack = 1461);
	OUT(ACK | PSH, .seq = 14601, .ack = 1, .len = 2920);
	SILENT();
	IN(ACK, .seq = 1, .ack = 1461, SACKS(2921, 14601));
	OUT(ACK, .seq = 1461, .ack = 1, .len = 1460);
	assert_true(script_drain(s) >= 1460);	/* new data */
	AT(20 MS);
	IN(ACK, .seq = 1, .ack = 1461, SACKS(2921, 17521));
	assert_int_equal(script_report(s).lost, 0);
	script_drain(s);
	assert_int_equal(script_report(s).again_total, 1);
	IN(ACK, .seq = 1, .ack = 1461, SACKS(2921, 18981));
	assert_int_equal(script_report(s).lost, 1460);
	script_end(s);
}

/* RFC 6582: two are lost, without SACK; a partial ACK sends the second. */
static void rfc_6582_two_lost_without_sack(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	ten_out(s);
	AT(10 MS);
	for (int k = 0; k < 3; k++) {
		SILENT();
		IN(ACK, .seq = 1, .ack = 1);
	}
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	assert_int_equal(script_report(s).phase, TCP_PHASE_RECOVERY);
	AT(20 MS);
	IN(ACK, .seq = 1, .ack = 2921);
	OUT(ACK, .seq = 2921, .ack = 1, .len = 1460);
	AT(30 MS);
	IN(ACK, .seq = 1, .ack = 14601);
	assert_int_equal(script_report(s).phase, TCP_PHASE_OPEN);
	assert_int_equal(script_report(s).timeouts, 0);
	script_end(s);
}

/*
 * RFC 6298 §5: the RTO doubles, and the window is one segment. It goes back when
 * something that was not sent again is acknowledged, RFC 8961 §4.
 */
static void must_18_rfc_6298_a_timeout(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	ns_t rto;

	(void)state;
	sack(&c);
	c.frto = false;
	script_connected(s, &c);
	rto = script_report(s).rto;
	ten_out(s);
	script_at(s, __LINE__, rto);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	SILENT();
	assert_int_equal(script_report(s).phase, TCP_PHASE_LOSS);
	assert_int_equal(script_report(s).cwnd, 1460);
	assert_int_equal(script_report(s).rto, 2 * rto);
	script_at(s, __LINE__, 3 * rto);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	SILENT();
	script_at(s, __LINE__, 3 * rto + 10 MS);
	IN(ACK, .seq = 1, .ack = 1461);
	assert_int_equal(script_report(s).rto, 4 * rto);
	assert_int_equal(script_drain(s), 2 * 1460);
	script_end(s);
}

/* RFC 8985 §7: a tail that is lost is asked for before the RTO. */
static void rfc_8985_a_loss_probe(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	sack(&c);
	c.tail_loss_probe = true;
	script_connected(s, &c);
	script_write(s, 2920);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 2920);
	assert_true(tcp_deadline(&s->t) - s->began < 100 MS);
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(ACK | PSH, .seq = 1461, .ack = 1, .len = 1460);
	SILENT();
	assert_int_equal(script_report(s).phase, TCP_PHASE_OPEN);
	/* It was the last that was lost: the probe has repaired it. */
	IN(ACK, .seq = 1, .ack = 2921);
	script_write(s, 1460);
	OUT(ACK | PSH, .seq = 2921, .ack = 1, .len = 1460);
	IN(ACK, .seq = 1, .ack = 4381);
	assert_int_equal(script_report(s).timeouts, 0);
	assert_int_equal(script_report(s).phase, TCP_PHASE_REDUCED);
	script_end(s);
}

/* RFC 5682: the ACKs were late, nothing was lost: all as before. */
static void rfc_5682_a_spurious_timeout(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	uint32_t cwnd;

	(void)state;
	sack(&c);
	script_connected(s, &c);
	script_write(s, 40000);
	script_drain(s);
	cwnd = script_report(s).cwnd;
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	SILENT();
	IN(ACK, .seq = 1, .ack = 2921);
	OUT(ACK | PSH, .seq = 14601, .ack = 1, .len = 2920);	/* new data */
	SILENT();
	IN(ACK, .seq = 1, .ack = 4381);
	assert_int_equal(script_report(s).spurious, 1);
	assert_int_equal(script_report(s).phase, TCP_PHASE_OPEN);
	assert_true(script_report(s).cwnd >= cwnd / 2);
	assert_int_equal(script_report(s).again_total, 1);
	script_end(s);
}

/* RFC 3708, RFC 4015: D-SACK says that nothing was lost but reordered. */
static void rfc_3708_a_recovery_is_undone(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	uint32_t cwnd;

	(void)state;
	sack(&c);
	script_connected(s, &c);
	ten_out(s);
	cwnd = script_report(s).cwnd;
	AT(10 MS);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 5841));
	OUT(ACK, .seq = 1, .ack = 1, .len = 1460);
	IN(ACK, .seq = 1, .ack = 14601);		/* it was only late */
	AT(20 MS);
	IN(ACK, .seq = 1, .ack = 14601, SACKS(1, 1461));
	assert_int_equal(script_report(s).spurious, 1);
	assert_int_equal(script_report(s).dsacks, 1);
	assert_true(script_report(s).cwnd >= cwnd);
	script_end(s);
}

/* RFC 2018 §8: a peer that takes back what it has SACKed. */
static void rfc_2018_reneging(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	uint64_t again = 0;

	(void)state;
	sack(&c);
	c.frto = false;
	script_connected(s, &c);
	ten_out(s);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1461, 14601));
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 1461);		/* and nothing of the rest */
	for (uint32_t ack = 1461; ack < 14601 && again < 20; again++) {
		script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
		ack += (uint32_t)script_drain(s);
		IN(ACK, .seq = 1, .ack = ack);
	}
	assert_int_equal(tcp_acked(&s->t), 14600);
	script_end(s);
}

/* RFC 5681 §3.1: growth counts bytes, so aggregated ACKs are as good. */
static void growth_does_not_depend_on_aggregation(void **state)
{
	uint32_t cwnd[2];

	(void)state;
	for (int joined = 0; joined < 2; joined++) {
		struct script script, *s = &script;

		script_connected(s, NULL);
		ten_out(s);
		script_write(s, 14600);
		AT(10 MS);
		for (uint32_t k = 1; k <= 10; k++)
			if (!joined || k == 10)
				IN(ACK, .seq = 1, .ack = 1 + k * 1460);
		cwnd[joined] = script_report(s).cwnd;
		script_end(s);
	}
	assert_int_equal(cwnd[0], 2 * 14600);
	assert_int_equal(cwnd[1], 2 * 14600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_lost_with_sack),
		cmocka_unit_test(rfc_8985_6_2_sent_again_at_the_same_instant),
		cmocka_unit_test(rfc_6582_two_lost_without_sack),
		cmocka_unit_test(must_18_rfc_6298_a_timeout),
		cmocka_unit_test(rfc_8985_a_loss_probe),
		cmocka_unit_test(rfc_5682_a_spurious_timeout),
		cmocka_unit_test(rfc_3708_a_recovery_is_undone),
		cmocka_unit_test(rfc_2018_reneging),
		cmocka_unit_test(growth_does_not_depend_on_aggregation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

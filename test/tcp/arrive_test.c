// SPDX-License-Identifier: BSD-2-Clause
/*
 * arrive_test.c - The steps of RFC 9293 §3.10.7.4, and RFC 5961, RFC 7323
 *
 * Covers SPEC LIB-4.
 */
#include "tcp/script.h"

static void timestamps(struct tcp_config *c)
{
	script_config(c);
	c->timestamps = true;
}

/* §3.4, table 6: all cases, by the definition. */
static void a_segment_is_acceptable_if_it_touches_the_window(void **state)
{
	(void)state;
	for (uint32_t window = 0; window < 6; window++)
		for (uint32_t len = 0; len < 8; len++)
			for (int32_t at = -10; at < 10; at++) {
				struct tcp_segment s = {
					.seq = seq(3U + (uint32_t)at), .len = len,
				};
				bool touches = len == 0 && window == 0 && at == 0;

				for (int32_t k = at; window && len &&
				     k < at + (int32_t)len; k++)
					touches |= k >= 0 && k < (int32_t)window;
				if (len == 0 && window)
					touches = at >= 0 && at < (int32_t)window;
				assert_int_equal(touches, sequence_is_acceptable(
					seq(3), window, &s));
			}
}

/* first: outside of the window an ACK, but nothing for RST. */
static void first_outside_of_the_window(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 70000, .ack = 1, .len = 10, CAUSE(OUTSIDE_WINDOW));
	OUT(ACK, .seq = 1, .ack = 1);
	IN(RST, .seq = 70000, CAUSE(OUTSIDE_WINDOW));
	SILENT();
	IN(ACK, .seq = 1, .ack = 1, .len = 10);
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 11);
	/* Had before: acknowledged again each time. */
	for (int k = 0; k < 3; k++) {
		IN(ACK, .seq = 1, .ack = 1, .len = 10, CAUSE(OUTSIDE_WINDOW));
		OUT(ACK, .seq = 1, .ack = 11);
	}
	assert_int_equal(s->received, 10);
	/* A part of it is new. */
	IN(ACK, .seq = 5, .ack = 1, .len = 10, CAUSE(TAKEN));
	assert_int_equal(s->received, 14);
	OUT(ACK, .seq = 1, .ack = 15);
	SILENT();
	script_end(s);
}

/* second: RFC 5961 §3.2. */
static void rfc_5961_reset_at_the_edge_only(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(RST, .seq = 2, CAUSE(CHALLENGED_RESET));
	OUT(ACK, .seq = 1, .ack = 1);
	STATE("ESTABLISHED");
	IN(RST, .seq = 1, CAUSE(RESET));
	STATE("CLOSED");
	SILENT();
	assert_true(script_events(s) & TCP_EVENT_CLOSED);	/* MUST-12 */
	assert_int_equal(script_report(s).end, TCP_END_RESET);
	script_end(s);
}

/* fourth: RFC 5961 §4.2. §7: not more often than every half second. */
static void rfc_5961_syn_is_challenged_at_a_limited_rate(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(SYN, .seq = 5, CAUSE(CHALLENGED_SYN));
	OUT(ACK, .seq = 1, .ack = 1);
	IN(SYN, .seq = 5, CAUSE(CHALLENGED_SYN));
	SILENT();
	AT(499 MS);
	IN(SYN, .seq = 5);
	SILENT();
	AT(500 MS);
	IN(SYN, .seq = 5);
	OUT(ACK, .seq = 1, .ack = 1);
	STATE("ESTABLISHED");
	script_end(s);
}

static void rfc_5961_challenges_are_limited_in_each_second(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	uint32_t n = 0;

	(void)state;
	script_config(&c);
	c.challenge_interval = 0;
	script_connected(s, &c);
	for (int k = 0; k < 50; k++) {
		IN(SYN, .seq = 5);
		n += tcp_emit(&s->t, &s->env, &s->frame);
	}
	assert_int_equal(n, c.challenge_limit);
	script_end(s);
}

/* fifth: RFC 5961 §5.2: an ACK of nothing that could be. */
static void rfc_5961_acks_that_cannot_be(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 2, .len = 5, CAUSE(ACK_AHEAD));
	OUT(ACK, .seq = 1, .ack = 1);
	AT(1 SECONDS);
	IN(ACK, .seq = 1, .ack = 0U - 70000, .len = 5, CAUSE(ACK_OLD));
	OUT(ACK, .seq = 1, .ack = 1);
	IN(0, .seq = 1, .len = 5, CAUSE(NO_ACK));
	SILENT();
	assert_int_equal(s->received, 0);
	/* Old, but possible: its data counts. */
	script_write(s, 100);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	IN(ACK, .seq = 1, .ack = 101);
	IN(ACK, .seq = 1, .ack = 1, .len = 5, CAUSE(TAKEN));
	assert_int_equal(s->received, 5);
	script_end(s);
}

/* MUST-66: RST and ACK count when the window is closed; the data does not. */
static void must_66_a_closed_window(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .len = 65535);
	OUT(ACK, .seq = 1, .ack = 65536, .win = CLOSED_WINDOW);
	script_write(s, 100);
	OUT(ACK | PSH, .seq = 1, .ack = 65536, .len = 100);
	IN(ACK | URG, .seq = 65536, .ack = 101, .len = 1, .urgent = 1);
	assert_int_equal(tcp_acked(&s->t), 100);
	assert_true(script_events(s) & TCP_EVENT_URGENT);
	OUT(ACK, .seq = 101, .ack = 65536, .win = CLOSED_WINDOW);
	assert_int_equal(s->received, 65535);
	tcp_read(&s->t, &s->env, 65535);
	OUT(ACK, .seq = 101, .ack = 65536, .win = 65535);
	SILENT();
	IN(RST, .seq = 65536);
	STATE("CLOSED");
	script_end(s);
}

/* What lies beyond the window is cut off, with the FIN. */
static void text_beyond_the_window_is_cut(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK | FIN, .seq = 1, .ack = 1, .len = 70000);
	assert_int_equal(s->received, 65535);
	OUT(ACK, .seq = 1, .ack = 65536, .win = CLOSED_WINDOW);
	STATE("ESTABLISHED");
	tcp_read(&s->t, &s->env, 65535);
	OUT(ACK, .seq = 1, .ack = 65536);
	IN(ACK | FIN, .seq = 65536, .ack = 1, .len = 4465);
	STATE("CLOSE-WAIT");
	assert_int_equal(s->received, 70000);
	script_end(s);
}

/* SHLD-31: kept, and handed over when the hole is filled; the FIN waits, too. */
static void shld_31_text_out_of_order(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.sack = true;
	script_connected(s, &c);
	IN(ACK, .seq = 101, .ack = 1, .len = 100);
	assert_true(s->arrival.kept);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(101, 201));
	IN(ACK | FIN, .seq = 301, .ack = 1, .len = 100);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(301, 401, 101, 201));
	IN(ACK, .seq = 101, .ack = 1, .len = 100);	/* twice: D-SACK */
	assert_false(s->arrival.kept);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(101, 201, 101, 201, 301, 401));
	IN(ACK, .seq = 1, .ack = 1, .len = 250);
	assert_int_equal(s->received, 250);
	OUT(ACK, .seq = 1, .ack = 251, SACKS(101, 201, 301, 401));
	STATE("ESTABLISHED");
	IN(ACK, .seq = 251, .ack = 1, .len = 50);
	assert_int_equal(s->received, 400);
	OUT(ACK, .seq = 1, .ack = 402);
	STATE("CLOSE-WAIT");
	assert_true(script_events(s) & TCP_EVENT_PEER_CLOSED);
	script_end(s);
}

/* RFC 9293 §3.10.7.4: nothing is behind a FIN; what has waited there is given back. */
static void rfc_9293_text_behind_a_fin(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.sack = true;
	script_connected(s, &c);
	IN(ACK, .seq = 101, .ack = 1, .len = 100);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(101, 201));
	assert_int_equal(s->held, 1);
	IN(FIN | ACK, .seq = 1, .ack = 1);
	assert_int_equal(s->held, 0);
	assert_int_equal(s->received, 0);
	OUT(ACK, .seq = 1, .ack = 2);
	STATE("CLOSE-WAIT");
	script_end(s);
}

/* RFC 2883 §4.2: what fills a hole, and has some of what is held. */
static void rfc_2883_in_order_and_held(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.sack = true;
	script_connected(s, &c);
	IN(ACK, .seq = 1001, .ack = 1, .len = 2000);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(1001, 3001));
	IN(ACK, .seq = 4001, .ack = 1, .len = 1000);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(4001, 5001, 1001, 3001));
	IN(ACK, .seq = 7001, .ack = 1, .len = 1000);
	OUT(ACK, .seq = 1, .ack = 1, SACKS(7001, 8001, 4001, 5001, 1001, 3001));
	/* The first of two. */
	IN(ACK, .seq = 1, .ack = 1, .len = 6000);
	OUT(ACK, .seq = 1, .ack = 6001, SACKS(1001, 3001, 7001, 8001));
	/* As far as it reaches. */
	IN(ACK, .seq = 6001, .ack = 1, .len = 1500);
	OUT(ACK, .seq = 1, .ack = 8001, SACKS(7001, 7501));
	/* It was not held. */
	IN(ACK, .seq = 9001, .ack = 1, .len = 1000);
	OUT(ACK, .seq = 1, .ack = 8001, SACKS(9001, 10001));
	IN(ACK, .seq = 8001, .ack = 1, .len = 1000);
	OUT(ACK, .seq = 1, .ack = 10001);
	/* What lies before RCV.NXT comes first. */
	IN(ACK, .seq = 11001, .ack = 1, .len = 1000);
	OUT(ACK, .seq = 1, .ack = 10001, SACKS(11001, 12001));
	IN(ACK, .seq = 9001, .ack = 1, .len = 3000);
	OUT(ACK, .seq = 1, .ack = 12001, SACKS(9001, 10001));
	assert_int_equal(s->received, 12000);
	script_end(s);
}

/* RFC 7323 §5.3: R1, and §3.2: none where there has to be one. */
static void rfc_7323_old_and_missing_timestamps(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	timestamps(&c);
	c.timestamps_required = true;
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 10, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 100, CAUSE(FAST));
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 11, .tsecr = 100);
	IN(ACK, .seq = 11, .ack = 1, .len = 10, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 99, CAUSE(PAWS));
	OUT(ACK, .seq = 1, .ack = 11, .tsecr = 100);
	IN(ACK, .seq = 11, .ack = 1, .len = 10, CAUSE(NO_TIMESTAMP));
	SILENT();
	assert_int_equal(s->received, 10);
	/* §5.5: after 24 days it says nothing any more. */
	AT((25ULL * 86400) SECONDS);
	IN(ACK, .seq = 11, .ack = 1, .len = 10, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 99, CAUSE(TAKEN));
	assert_int_equal(s->received, 20);
	IN(RST, .seq = 21);	/* §3.2: RST without is fine */
	STATE("CLOSED");
	script_end(s);
}

/* By default what has none is taken; it changes nothing of what is echoed. */
static void rfc_7323_missing_timestamps_are_tolerated(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	timestamps(&c);
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 10, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 100, CAUSE(FAST));
	IN(ACK, .seq = 11, .ack = 1, .len = 10, CAUSE(TAKEN));
	assert_int_equal(s->received, 20);
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 21, .tsecr = 100, .has = TCP_HAS_TIMESTAMP);
	IN(ACK, .seq = 21, .ack = 1, .len = 10, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 99, CAUSE(PAWS));
	OUT(ACK, .seq = 1, .ack = 21, .tsecr = 100);
	IN(FIN | ACK, .seq = 21, .ack = 1, CAUSE(TAKEN));
	STATE("CLOSE-WAIT");
	script_end(s);
}

/* RFC 7323 §4.3: what is refused for its ACK does not count as the latest. */
static void rfc_7323_timestamp_of_a_bad_ack(void **state)
{
	static const struct line bad[] = {
		{ .flags = ACK | FIN, .ack = 9999 },
		{ .flags = ACK, .ack = 0U - 70000 },
		{ .flags = FIN },
	};
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	timestamps(&c);
	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		struct line in = bad[n];

		script_connected(s, &c);
		in.seq = 1;
		in.has = TCP_HAS_TIMESTAMP;
		in.tsval = 200000;
		script_in(s, __LINE__, &in);
		script_drain(s);
		IN(ACK, .seq = 1, .ack = 1, .len = 1460, .tsval = 201,
		   .has = TCP_HAS_TIMESTAMP, CAUSE(FAST));
		assert_int_equal(s->received, 1460);
		script_end(s);
	}
}

/* RFC 7323 §4.3: of what was acknowledged last, not of the latest. */
static void rfc_7323_what_is_echoed(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	timestamps(&c);
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 100, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 10);
	IN(ACK, .seq = 101, .ack = 1, .len = 100, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 11);
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 201, .tsecr = 10);
	/* Out of order: not echoed; when the hole is filled, that one's is. */
	IN(ACK, .seq = 301, .ack = 1, .len = 100, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 12);
	OUT(ACK, .seq = 1, .ack = 201, .tsecr = 10);
	IN(ACK, .seq = 201, .ack = 1, .len = 100, .has = TCP_HAS_TIMESTAMP,
	   .tsval = 11);
	OUT(ACK, .seq = 1, .ack = 401, .tsecr = 11);
	script_end(s);
}

/* MUST-31 to MUST-33, MUST-62. */
static void must_31_32_33_urgent_data(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK | URG, .seq = 1, .ack = 1, .len = 10, .urgent = 20);
	assert_true(script_events(s) & TCP_EVENT_URGENT);
	assert_int_equal(tcp_urgent_ahead(&s->t), 20);
	tcp_read(&s->t, &s->env, 10);
	assert_int_equal(tcp_urgent_ahead(&s->t), 10);
	IN(ACK | URG, .seq = 11, .ack = 1, .len = 10, .urgent = 10);
	assert_false(script_events(s) & TCP_EVENT_URGENT);	/* known */
	tcp_read(&s->t, &s->env, 10);
	assert_int_equal(tcp_urgent_ahead(&s->t), 0);
	script_end(s);
}

/* RFC 3168 §6.1.3: a mark is told until CWR comes. */
static void rfc_3168_marks_are_echoed(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.ecn = TCP_ECN_ASK;
	script_begin(s, &c);
	tcp_open(&s->t, &s->env, &s->endpoint);
	OUT(SYN | ECE | CWR);
	IN(SYN | ACK | ECE, .ack = 1, .mss = 1460);
	OUT(ACK, .seq = 1, .ack = 1);
	IN(ACK, .seq = 1, .ack = 1, .len = 10, .ecn = TCP_ECN_CE);
	OUT(ACK | ECE, .seq = 1, .ack = 11);
	IN(ACK, .seq = 11, .ack = 1, .len = 10, .ecn = TCP_ECN_ECT0);
	AT(40 MS);
	OUT(ACK | ECE, .seq = 1, .ack = 21);
	IN(ACK | CWR, .seq = 21, .ack = 1, .len = 10, .ecn = TCP_ECN_ECT0);
	AT(80 MS);
	OUT(ACK, .seq = 1, .ack = 31);
	/* We are told: once, and CWR with new data. */
	script_write(s, 3000);
	OUT(ACK | PSH, .seq = 1, .ack = 31, .len = 3000, .ecn = TCP_ECN_ECT0);
	IN(ACK | ECE, .seq = 31, .ack = 1461);
	IN(ACK | ECE, .seq = 31, .ack = 2921);
	script_write(s, 1460);
	assert_int_equal(script_report(s).phase, TCP_PHASE_REDUCED);
	assert_int_equal(script_report(s).cwnd, script_report(s).ssthresh);
	OUT(ACK | PSH | CWR, .seq = 3001, .ack = 31, .len = 1460,
	    .ecn = TCP_ECN_ECT0);
	script_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_segment_is_acceptable_if_it_touches_the_window),
		cmocka_unit_test(first_outside_of_the_window),
		cmocka_unit_test(rfc_5961_reset_at_the_edge_only),
		cmocka_unit_test(rfc_5961_syn_is_challenged_at_a_limited_rate),
		cmocka_unit_test(rfc_5961_challenges_are_limited_in_each_second),
		cmocka_unit_test(rfc_5961_acks_that_cannot_be),
		cmocka_unit_test(must_66_a_closed_window),
		cmocka_unit_test(text_beyond_the_window_is_cut),
		cmocka_unit_test(shld_31_text_out_of_order),
		cmocka_unit_test(rfc_9293_text_behind_a_fin),
		cmocka_unit_test(rfc_2883_in_order_and_held),
		cmocka_unit_test(rfc_7323_old_and_missing_timestamps),
		cmocka_unit_test(rfc_7323_missing_timestamps_are_tolerated),
		cmocka_unit_test(rfc_7323_timestamp_of_a_bad_ack),
		cmocka_unit_test(rfc_7323_what_is_echoed),
		cmocka_unit_test(must_31_32_33_urgent_data),
		cmocka_unit_test(rfc_3168_marks_are_echoed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * ack_test.c - When to acknowledge, and what window to offer
 *
 * RFC 9293 §3.8.6.2.2, §3.8.6.3. Covers SPEC LIB-4.
 */
#include "tcp/script.h"

/* SHLD-18, MUST-40: delayed, and less than half a second. */
static void must_40_a_single_segment_waits_40_ms(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	SILENT();
	AT(39 MS);
	SILENT();
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 101);
	SILENT();
	/* Or goes with what is sent first. */
	IN(ACK | PSH, .seq = 101, .ack = 1, .len = 100);
	script_write(s, 5);
	OUT(ACK | PSH, .seq = 1, .ack = 201, .len = 5);
	AT(100 MS);
	SILENT();
	script_end(s);
}

/* SHLD-19: every second full-sized one. */
static void shld_19_two_full_segments(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .len = 1460);
	SILENT();
	IN(ACK, .seq = 1461, .ack = 1, .len = 1460);
	OUT(ACK, .seq = 1, .ack = 2921);
	IN(ACK, .seq = 2921, .ack = 1, .len = 1460);
	SILENT();
	AT(40 MS);
	OUT(ACK, .seq = 1, .ack = 4381);
	script_end(s);
}

/* MUST-58: an aggregate is one arrival: one ACK at once; or as many as wanted. */
static void must_58_an_aggregate(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .len = 44 * 1460, .n_frames = 44);
	OUT(ACK, .seq = 1, .ack = 1 + 44 * 1460);
	SILENT();
	script_end(s);

	script_config(&c);
	c.stretch = 2;
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 5 * 1460, .n_frames = 5);
	OUT(ACK, .seq = 1, .ack = 1 + 2 * 1460, .win = 65535 - 2920);
	OUT(ACK, .seq = 1, .ack = 1 + 4 * 1460, .win = 65535 - 5840);
	OUT(ACK, .seq = 1, .ack = 1 + 5 * 1460, .win = 65535 - 7300);
	SILENT();
	/* What fills a hole is acknowledged with one. */
	IN(ACK, .seq = 8761, .ack = 1, .len = 5 * 1460, .n_frames = 5);
	OUT(ACK, .seq = 1, .ack = 7301);
	IN(ACK, .seq = 7301, .ack = 1, .len = 1460);
	OUT(ACK, .seq = 1, .ack = 16061);
	SILENT();
	script_end(s);
}

/* RFC 2883 §4: a duplicate is told of where the ACK has it behind, not before. */
static void rfc_2883_a_duplicate_in_an_aggregate(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.stretch = 2;
	c.sack = true;
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 5 * 1460, .n_frames = 5);
	IN(ACK, .seq = 4381, .ack = 1, .len = 100);
	OUT(ACK, .seq = 1, .ack = 1 + 2 * 1460, .win = 65535 - 2920);
	OUT(ACK, .seq = 1, .ack = 1 + 4 * 1460, .win = 65535 - 5840);
	OUT(ACK, .seq = 1, .ack = 1 + 5 * 1460, .win = 65535 - 7300,
	    SACKS(4381, 4481));
	SILENT();
	script_end(s);
}

/* The first ones at once, and when the user says so. */
static void quick_acks(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.quick_acks = 2;
	script_connected(s, &c);
	for (uint32_t k = 0; k < 2; k++) {
		IN(ACK, .seq = 1 + k * 10, .ack = 1, .len = 10);
		OUT(ACK, .seq = 1, .ack = 11 + k * 10);
	}
	IN(ACK, .seq = 21, .ack = 1, .len = 10);
	SILENT();
	assert_int_equal(tcp_set_option(&s->t, &s->env, TCP_OPTION_QUICK_ACK, 1), 0);
	OUT(ACK, .seq = 1, .ack = 31);
	IN(ACK, .seq = 31, .ack = 1, .len = 10);
	OUT(ACK, .seq = 1, .ack = 41);
	assert_int_equal(tcp_set_option(&s->t, &s->env, TCP_OPTION_QUICK_ACK, 0), 0);
	IN(ACK, .seq = 41, .ack = 1, .len = 10);
	SILENT();
	script_end(s);
}

/* RFC 5681 §4.2: out of order, and what fills the hole, at once. */
static void must_59_out_of_order_and_the_hole_at_once(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 11, .ack = 1, .len = 10);
	OUT(ACK, .seq = 1, .ack = 1);
	IN(ACK, .seq = 21, .ack = 1, .len = 10);
	OUT(ACK, .seq = 1, .ack = 1);
	IN(ACK, .seq = 1, .ack = 1, .len = 10);
	OUT(ACK, .seq = 1, .ack = 31);
	SILENT();
	script_end(s);
}

/* MUST-39: the window does not open by a byte. SHLD-14: it never shrinks. */
static void must_39_the_window_opens_in_steps(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.receive_buffer = c.receive_buffer_max = 10000;
	script_connected(s, &c);
	IN(ACK, .seq = 1, .ack = 1, .len = 10000);
	OUT(ACK, .seq = 1, .ack = 10001, .win = CLOSED_WINDOW);
	tcp_read(&s->t, &s->env, 1459);
	SILENT();
	IN(ACK, .seq = 10001, .ack = 1, .len = 1);	/* a probe */
	OUT(ACK, .seq = 1, .ack = 10001, .win = CLOSED_WINDOW);
	tcp_read(&s->t, &s->env, 1);
	OUT(ACK, .seq = 1, .ack = 10001, .win = 1460);
	tcp_read(&s->t, &s->env, 8540);
	OUT(ACK, .seq = 1, .ack = 10001, .win = 10000);
	/* A smaller buffer takes nothing back. */
	tcp_set_option(&s->t, &s->env, TCP_OPTION_RECEIVE_BUFFER, 5000);
	IN(ACK, .seq = 10001, .ack = 1, .len = 4000);
	OUT(ACK, .seq = 1, .ack = 14001, .win = 6000);
	tcp_read(&s->t, &s->env, 4000);
	IN(ACK, .seq = 14001, .ack = 1, .len = 6000);
	assert_int_equal(s->arrival.len, 6000);
	script_end(s);
}

/* A window clamp, and windows with a scale: rounded down, honoured in full. */
static void windows_with_a_scale(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;

	(void)state;
	script_config(&c);
	c.window_scaling = true;
	c.receive_buffer = 1000000;
	c.receive_buffer_max = 4000000;	/* scale 6 */
	script_accepted(s, &c);
	assert_int_equal(script_report(s).receive_shift, 6);
	IN(ACK, .seq = 1, .ack = 1, .len = 2921, .n_frames = 3);
	OUT(ACK, .seq = 1, .ack = 2922, .win = (1000000 - 2921) >> 6);
	tcp_set_option(&s->t, &s->env, TCP_OPTION_WINDOW_CLAMP, 64000);
	assert_int_equal(script_report(s).send_shift, 7);
	assert_int_equal(script_report(s).send_window, SCRIPT_WINDOW << 7);
	script_end(s);
}

/* A sender that doubles each round trip is never limited by our buffer. */
static void the_receive_buffer_follows_the_sender(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	uint32_t at = 1, flight = 14480, limited = 0;

	(void)state;
	script_config(&c);
	c.window_scaling = c.timestamps = true;
	c.receive_buffer = 65536;
	c.receive_buffer_max = 6 << 20;
	script_accepted(s, &c);
	for (uint32_t round = 0; round < 10; round++) {
		uint32_t edge = s->t.rcv_edge.n - (SCRIPT_IRS + at);
		uint32_t send = flight < edge ? flight : edge, part;

		limited += send < flight && flight < (2 << 20);
		script_at(s, __LINE__, (round + 1) * (50 MS));
		for (; send; send -= part, at += part) {
			part = send < 64240 ? send : 64240;
			IN(ACK, .seq = at, .ack = 1, .len = part,
			   .has = TCP_HAS_TIMESTAMP, .tsval = 3 + round,
			   .tsecr = timestamp_now(&s->env, 0) - 50);
			script_drain(s);
			tcp_read(&s->t, &s->env, part);
		}
		script_drain(s);
		flight *= 2;
	}
	assert_true(limited <= 1);
	assert_true(script_report(s).receive_buffer >= 4 << 20);
	assert_true(script_report(s).receive_buffer <= 6 << 20);
	script_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(must_40_a_single_segment_waits_40_ms),
		cmocka_unit_test(shld_19_two_full_segments),
		cmocka_unit_test(must_58_an_aggregate),
		cmocka_unit_test(rfc_2883_a_duplicate_in_an_aggregate),
		cmocka_unit_test(quick_acks),
		cmocka_unit_test(must_59_out_of_order_and_the_hole_at_once),
		cmocka_unit_test(must_39_the_window_opens_in_steps),
		cmocka_unit_test(windows_with_a_scale),
		cmocka_unit_test(the_receive_buffer_follows_the_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

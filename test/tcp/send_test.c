// SPDX-License-Identifier: BSD-2-Clause
/*
 * send_test.c - What to send, and what happens when nothing comes back
 *
 * RFC 9293 §3.7.4, §3.8. Covers SPEC LIB-4.
 */
#include "tcp/script.h"

/* SHLD-7: Nagle, with Minshall's change. MUST-17: it can be switched off. */
static void shld_7_must_17_nagle(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 100);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	script_write(s, 100);
	SILENT();			/* a small one is out */
	script_write(s, 1400);
	OUT(ACK, .seq = 101, .ack = 1, .len = 1460);
	SILENT();
	IN(ACK, .seq = 1, .ack = 101);
	OUT(ACK | PSH, .seq = 1561, .ack = 1, .len = 40);
	script_write(s, 10);
	SILENT();
	tcp_set_option(&s->t, &s->env, TCP_OPTION_NO_DELAY, 1);
	OUT(ACK | PSH, .seq = 1601, .ack = 1, .len = 10);
	script_write(s, 10);
	OUT(ACK | PSH, .seq = 1611, .ack = 1, .len = 10);
	script_end(s);
}

/* A write of more than a segment does not wait for its own beginning. */
static void the_tail_of_a_large_write_goes_along(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 1600);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 1600, .cut = 1460);
	SILENT();
	script_end(s);
}

static void cork_and_more(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	tcp_set_option(&s->t, &s->env, TCP_OPTION_CORK, 1);
	script_write(s, 100);
	SILENT();
	AT(199 MS);
	SILENT();
	AT(200 MS);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	script_write(s, 1500);
	OUT(ACK, .seq = 101, .ack = 1, .len = 1460);
	SILENT();
	tcp_set_option(&s->t, &s->env, TCP_OPTION_CORK, 0);
	IN(ACK, .seq = 1, .ack = 1561);
	OUT(ACK | PSH, .seq = 1561, .ack = 1, .len = 40);
	IN(ACK, .seq = 1, .ack = 1601);
	assert_int_equal(tcp_write(&s->t, &s->env, 7, true), 0);
	SILENT();
	assert_int_equal(tcp_write(&s->t, &s->env, 7, false), 0);
	OUT(ACK | PSH, .seq = 1601, .ack = 1, .len = 14);
	script_end(s);
}

/* MUST-38: neither a window that is too small, nor for ever. */
static void must_38_silly_windows(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .win = 100);
	script_write(s, 5000);
	SILENT();
	AT(210 MS);		/* the override: an RTO of 10 ms + 200 ms */
	OUT(ACK, .seq = 1, .ack = 1, .len = 100);
	IN(ACK, .seq = 1, .ack = 101, .win = 1460);
	OUT(ACK, .seq = 101, .ack = 1, .len = 1460);
	script_end(s);
}

/* MUST-36, MUST-37, SHLD-29, SHLD-30. */
static void must_36_37_zero_window_probes(void **state)
{
	struct script script, *s = &script;
	ns_t last = 0, wait = 0;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .win = CLOSED_WINDOW);
	script_write(s, 5000);
	SILENT();
	for (int k = 0; k < 200; k++) {
		ns_t at = tcp_deadline(&s->t);

		assert_true(at != NS_NEVER);
		if (k > 1) {
			assert_true(at - last >= wait * 2 - 1 || at - last >=
				    120 SECONDS);
			wait = at - last;
		} else if (k == 1) {
			wait = at - last;
		}
		last = at;
		script_at(s, __LINE__, at - s->began);
		OUT(ACK, .seq = 1, .ack = 1, .len = 1);
		IN(ACK, .seq = 1, .ack = 1, .win = CLOSED_WINDOW);
		SILENT();
		STATE("ESTABLISHED");
	}
	IN(ACK, .seq = 1, .ack = 1, .win = 20000);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1);	/* was dropped: again */
	OUT(ACK | PSH, .seq = 2, .ack = 1, .len = 2920);
	assert_int_equal(script_drain(s), 1460);	/* Nagle */
	script_end(s);
}

/* ... but not without answers: MUST-20. */
static void probes_without_an_answer(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .win = CLOSED_WINDOW);
	script_write(s, 5000);
	for (int k = 0; k < 100 && s->t.state != TCPS_CLOSED; k++) {
		script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
		script_drain(s);
	}
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_TIMED_OUT);
	script_end(s);
}

/* MUST-34: a window that shrinks behind what is out. SHLD-16: not beyond it. */
static void must_34_the_window_shrinks(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 8000);
	assert_int_equal(script_drain(s), 8000);
	IN(ACK, .seq = 1, .ack = 1461, .win = 1460);
	script_write(s, 1000);
	SILENT();
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(ACK, .seq = 1461, .ack = 1, .len = 1460);
	SILENT();
	IN(ACK, .seq = 1, .ack = 2921, .win = 20000);
	assert_true(script_drain(s) > 0);
	STATE("ESTABLISHED");
	script_end(s);
}

/* MUST-20, SHLD-9 to SHLD-11: R1 tells the user, R2 ends it. */
static void must_20_r1_and_r2(void **state)
{
	struct script script, *s = &script;
	uint32_t sent = 0, told_after = 0, events;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 100);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	script_events(s);
	while (s->t.state != TCPS_CLOSED) {
		script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
		events = script_events(s);
		if (events & TCP_EVENT_SOFT_ERROR)
			told_after = sent + 1;
		sent += script_drain(s) != 0;
		assert_true(sent < 50);
	}
	assert_int_equal(told_after, 3);
	assert_int_equal(sent, 15);
	assert_int_equal(script_report(s).end, TCP_END_TIMED_OUT);
	assert_true(s->env.now - s->began >= 100 SECONDS);	/* SHLD-11 */
	script_end(s);
}

/* MUST-21: the user says how long. */
static void must_21_user_timeout(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	tcp_set_option(&s->t, &s->env, TCP_OPTION_USER_TIMEOUT, 3 SECONDS);
	AT(10 SECONDS);
	STATE("ESTABLISHED");	/* idle */
	script_write(s, 100);
	script_drain(s);
	while (tcp_deadline(&s->t) - s->began < 13 SECONDS) {
		script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
		script_drain(s);
		STATE("ESTABLISHED");
	}
	AT(13 SECONDS);
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_TIMED_OUT);
	script_end(s);
}

/* MUST-24 to MUST-29. */
static void must_24_to_29_keepalive(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	AT(100000 SECONDS);	/* MUST-25: off by default */
	SILENT();
	s->began = s->env.now;
	tcp_set_option(&s->t, &s->env, TCP_OPTION_KEEPALIVE, 1);
	AT(7199 SECONDS);	/* MUST-28 */
	SILENT();
	AT(7200 SECONDS);
	OUT(ACK, .seq = 0, .ack = 1);
	IN(ACK, .seq = 1, .ack = 1);
	AT(14400 SECONDS);
	OUT(ACK, .seq = 0, .ack = 1);
	AT(14475 SECONDS);	/* MUST-29: one without an answer is nothing */
	OUT(ACK, .seq = 0, .ack = 1);
	tcp_set_option(&s->t, &s->env, TCP_OPTION_KEEPALIVE_COUNT, 2);
	tcp_set_option(&s->t, &s->env, TCP_OPTION_KEEPALIVE_INTERVAL, 1 SECONDS);
	AT(14550 SECONDS);
	STATE("CLOSED");
	OUT(RST | ACK, .seq = 1, .ack = 1);
	assert_int_equal(script_report(s).end, TCP_END_TIMED_OUT);
	script_end(s);
}

/* MUST-30: urgent data goes in segments of its own, with its pointer. */
static void must_30_62_urgent_data(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 2000);
	tcp_write_urgent(&s->t);
	OUT(ACK | URG, .seq = 1, .ack = 1, .len = 1460, .urgent = 2000);
	OUT(ACK | URG | PSH, .seq = 1461, .ack = 1, .len = 540, .urgent = 540);
	SILENT();
	script_end(s);
}

/* Frames of up to 64 KiB, in whole segments, as the windows allow. */
static void pseudo_frames(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 60000);
	/* An RTT of 10 ms: two segments at a time, ten in all. */
	for (uint32_t k = 0; k < 5; k++)
		OUT(ACK | PSH, .seq = 1 + k * 2920, .ack = 1, .len = 2920,
		    .cut = 1460);
	SILENT();
	IN(ACK, .seq = 1, .ack = 14601);
	assert_int_equal(script_drain(s), 2 * 14600);
	script_end(s);

	/* Never more than the owner has room for. */
	for (uint32_t max = 1; max < 8000; max += 37) {
		script_connected(s, NULL);
		s->config.frame_max = max;
		script_write(s, 10000);
		while (tcp_emit(&s->t, &s->env, &s->frame))
			assert_in_range(s->frame.segment.len, 1,
					max < 1460 ? 1460 : max);
		script_end(s);
	}
}

/* What an ACK allows is not sent in pieces while others are near. */
static void small_pieces_wait_for_the_next_ack(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_begin(s, NULL);
	tcp_open(&s->t, &s->env, &s->endpoint);
	OUT(SYN);
	AT(200000);
	IN(SYN | ACK, .ack = 1, .mss = 1460);
	OUT(ACK, .seq = 1, .ack = 1);
	script_write(s, 60000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 14600);
	SILENT();
	AT(400000);
	IN(ACK, .seq = 1, .ack = 1461);
	SILENT();		/* 2 segments, of a window of 11                */
	IN(ACK, .seq = 1, .ack = 4381);
	OUT(ACK | PSH, .seq = 14601, .ack = 1, .len = 6 * 1460);
	IN(ACK, .seq = 1, .ack = 14601);
	OUT(ACK | PSH, .seq = 23361, .ack = 1, .len = 14 * 1460);
	SILENT();
	/* What is out was sent just now: the next ACK is far. */
	IN(ACK, .seq = 1, .ack = 16061);
	OUT(ACK | PSH, .seq = 43801, .ack = 1, .len = 2 * 1460);
	SILENT();
	script_end(s);
}

/* MUST-16: the least of the peer's MSS and the path's; ICMP makes it smaller. */
static void must_16_icmp_too_big(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 2000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 2000, .cut = 1460);
	tcp_icmp(&s->t, &s->env, TCP_ICMP_TOO_BIG, seq(SCRIPT_ISS + 5000), 1000);
	SILENT();		/* not of ours */
	tcp_icmp(&s->t, &s->env, TCP_ICMP_TOO_BIG, seq(SCRIPT_ISS + 1), 1000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 1920, .cut = 960);
	assert_int_equal(script_report(s).send_mss, 960);
	/* SHLD-25: soft ones are told, hard ones do not end it. */
	script_events(s);
	tcp_icmp(&s->t, &s->env, TCP_ICMP_HARD, seq(SCRIPT_ISS + 1), 0);
	assert_int_equal(script_events(s), TCP_EVENT_SOFT_ERROR);
	STATE("ESTABLISHED");
	script_end(s);
	/* MUST-56 is the same before; a hard one ends an attempt. */
	script_begin(s, NULL);
	tcp_open(&s->t, &s->env, &s->endpoint);
	OUT(SYN);
	tcp_icmp(&s->t, &s->env, TCP_ICMP_SOFT, seq(SCRIPT_ISS), 0);
	STATE("SYN-SENT");
	tcp_icmp(&s->t, &s->env, TCP_ICMP_HARD, seq(SCRIPT_ISS + 1), 0);
	STATE("SYN-SENT");
	tcp_icmp(&s->t, &s->env, TCP_ICMP_HARD, seq(SCRIPT_ISS), 0);
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_UNREACHABLE);
	script_end(s);
}

/* Space and WRITABLE: the buffer follows the congestion window. */
static void the_send_buffer(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	assert_int_equal(tcp_send_space(&s->t), 65536);
	script_write(s, 65536);
	assert_int_equal(tcp_send_space(&s->t), 0);
	script_drain(s);
	script_events(s);
	IN(ACK, .seq = 1, .ack = 14601);
	assert_false(script_events(s) & TCP_EVENT_WRITABLE);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 43801);
	assert_true(script_events(s) & TCP_EVENT_WRITABLE);
	assert_int_equal(tcp_acked(&s->t), 43800);
	assert_true(script_report(s).send_buffer > 65536);
	assert_int_equal(tcp_write(&s->t, &s->env, UINT32_MAX, false), -28);
	script_end(s);
}

/* When the window falls, what was written may fill the buffer all of a sudden. */
static void a_buffer_that_became_smaller(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	for (uint32_t n = 0; n < 8; n++) {
		script_write(s, tcp_send_space(&s->t));
		script_drain(s);
		IN(ACK, .seq = 1, .ack = s->t.out.nxt.n - SCRIPT_ISS);
	}
	while (seq_before(s->t.out.una, s->t.send_end)) {
		script_drain(s);
		IN(ACK, .seq = 1, .ack = s->t.out.nxt.n - SCRIPT_ISS);
	}
	assert_true(script_events(s) & TCP_EVENT_WRITABLE);
	script_write(s, tcp_send_space(&s->t) / 2);
	script_drain(s);
	while (tcp_send_space(&s->t)) {	/* until timers have made the window small */
		assert_true(script_report(s).state != TCPS_CLOSED);
		s->env.now = tcp_deadline(&s->t);
		tcp_timer(&s->t, &s->env);
		script_drain(s);
	}
	script_events(s);
	while (!seq_before(s->t.send_end, s->t.out.nxt) && tcp_send_space(&s->t) == 0) {
		IN(ACK, .seq = 1, .ack = s->t.out.nxt.n - SCRIPT_ISS);
		script_drain(s);
	}
	assert_true(tcp_send_space(&s->t) > 0);
	assert_true(script_events(s) & TCP_EVENT_WRITABLE);
	script_end(s);
}

static void options_out_of_range(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	/* What is refused changes nothing. */
	for (int o = 0; o < TCP_N_OPTIONS + 1; o++) {
		const struct tcp_tcb before = s->t;

		assert_int_equal(tcp_set_option(&s->t, &s->env,
						(enum tcp_option)o,
						UINT64_MAX), -22);
		assert_memory_equal(&before, &s->t, sizeof(before));
		for (uint64_t value = 3; value; value <<= 1) {
			if (tcp_set_option(&s->t, &s->env, (enum tcp_option)o,
					   value))
				assert_memory_equal(&before, &s->t, sizeof(before));
			s->t = before;
		}
	}
	assert_int_equal(tcp_set_option(&s->t, &s->env, TCP_OPTION_MSS_CLAMP, 500), 0);
	script_write(s, 1000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 1000, .cut = 500);
	script_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shld_7_must_17_nagle),
		cmocka_unit_test(the_tail_of_a_large_write_goes_along),
		cmocka_unit_test(cork_and_more),
		cmocka_unit_test(must_38_silly_windows),
		cmocka_unit_test(must_36_37_zero_window_probes),
		cmocka_unit_test(probes_without_an_answer),
		cmocka_unit_test(must_34_the_window_shrinks),
		cmocka_unit_test(must_20_r1_and_r2),
		cmocka_unit_test(must_21_user_timeout),
		cmocka_unit_test(must_24_to_29_keepalive),
		cmocka_unit_test(must_30_62_urgent_data),
		cmocka_unit_test(pseudo_frames),
		cmocka_unit_test(small_pieces_wait_for_the_next_ack),
		cmocka_unit_test(must_16_icmp_too_big),
		cmocka_unit_test(the_send_buffer),
		cmocka_unit_test(a_buffer_that_became_smaller),
		cmocka_unit_test(options_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

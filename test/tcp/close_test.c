// SPDX-License-Identifier: BSD-2-Clause
/*
 * close_test.c - How connections end: RFC 9293 §3.6, §3.10.4, §3.10.5
 *
 * Covers SPEC LIB-4.
 */
#include "tcp/script.h"
#include "tcp/time_wait.h"

/* Figure 13: both close at once. */
static void figure_13_simultaneous_close(void **state)
{
	struct script script, *s = &script;
	struct time_wait_state w;

	(void)state;
	script_connected(s, NULL);
	tcp_shutdown(&s->t, &s->env);
	OUT(FIN | ACK, .seq = 1, .ack = 1);
	IN(FIN | ACK, .seq = 1, .ack = 1);
	STATE("CLOSING");
	OUT(ACK, .seq = 2, .ack = 2);
	IN(ACK, .seq = 2, .ack = 1);	/* not yet of our FIN */
	STATE("CLOSING");
	IN(ACK, .seq = 2, .ack = 2);
	STATE("TIME-WAIT");
	assert_true(script_events(s) & TCP_EVENT_TIME_WAIT);
	tcp_time_wait(&s->t, &w);
	assert_int_equal(w.snd_nxt.n, SCRIPT_ISS + 2U);
	assert_int_equal(w.rcv_nxt.n, SCRIPT_IRS + 2U);
	/* The FIN again: answered, and 2 MSL again. */
	AT(30 SECONDS);
	IN(FIN | ACK, .seq = 1, .ack = 2);
	OUT(ACK, .seq = 2, .ack = 2);
	AT(89 SECONDS);
	STATE("TIME-WAIT");
	/* RFC 1337: an RST does not end it early. */
	IN(RST, .seq = 2, CAUSE(RESET));
	STATE("TIME-WAIT");
	/* What is not where it should be is told so; an ACK that is, is not. */
	IN(ACK, .seq = 2, .ack = 2);
	SILENT();
	IN(ACK, .seq = 3, .ack = 2);
	OUT(ACK, .seq = 2, .ack = 2);
	IN(ACK, .seq = 2, .ack = 2, .len = 5);
	SILENT();		/* RFC 5961 §7: not so soon again               */
	AT(90 SECONDS);		/* MUST-13 */
	STATE("CLOSED");
	script_end(s);
}

/* MAY-1: half closed by the peer: we go on. */
static void half_close_by_the_peer(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(FIN | ACK | PSH, .seq = 1, .ack = 1, .len = 10);
	STATE("CLOSE-WAIT");
	assert_int_equal(s->received, 10);
	OUT(ACK, .seq = 1, .ack = 12);
	script_write(s, 1000);
	OUT(ACK | PSH, .seq = 1, .ack = 12, .len = 1000);
	IN(ACK, .seq = 12, .ack = 1001);
	IN(ACK, .seq = 12, .ack = 1001, .len = 5);	/* behind its FIN */
	assert_int_equal(s->received, 10);
	script_drain(s);
	tcp_shutdown(&s->t, &s->env);
	STATE("LAST-ACK");
	OUT(FIN | ACK, .seq = 1001, .ack = 12);
	/* Lost: again, after the RTO. */
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(FIN | ACK, .seq = 1001, .ack = 12);
	IN(ACK, .seq = 12, .ack = 1002);
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_CLOSED);
	assert_int_equal(tcp_acked(&s->t), 1000);
	script_end(s);
}

/* Half closed by us: the peer goes on, for as long as it likes. */
static void half_close_by_us(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 100);
	tcp_shutdown(&s->t, &s->env);
	assert_int_equal(tcp_write(&s->t, &s->env, 1, false), -32);
	OUT(FIN | ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	IN(ACK, .seq = 1, .ack = 101);
	STATE("FIN-WAIT-1");
	IN(ACK, .seq = 1, .ack = 102);
	STATE("FIN-WAIT-2");
	AT(1000 SECONDS);
	STATE("FIN-WAIT-2");
	IN(ACK, .seq = 1, .ack = 102, .len = 3000);
	OUT(ACK, .seq = 102, .ack = 3001);
	assert_int_equal(s->received, 3000);
	IN(FIN | ACK, .seq = 3001, .ack = 102);
	STATE("TIME-WAIT");
	OUT(ACK, .seq = 102, .ack = 3002);
	script_end(s);
}

/* SHLD-3: data that nobody will read. */
static void shld_3_data_after_close(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	tcp_close(&s->t, &s->env);
	OUT(FIN | ACK, .seq = 1, .ack = 1);
	IN(ACK, .seq = 1, .ack = 2);
	IN(ACK, .seq = 1, .ack = 2, .len = 10, CAUSE(AFTER_CLOSE));
	STATE("CLOSED");
	OUT(RST, .seq = 2);
	SILENT();
	script_end(s);
	/* ... and that was not read. */
	script_connected(s, NULL);
	IN(ACK, .seq = 1, .ack = 1, .len = 10);
	tcp_close(&s->t, &s->env);
	STATE("CLOSED");
	OUT(RST | ACK, .seq = 1, .ack = 11);
	script_end(s);
}

static void fin_wait_2_without_a_user_ends(void **state)
{
	struct script script, *s = &script;

	(void)state;
	for (int first = 0; first < 2; first++) {
		script_connected(s, NULL);
		if (first)
			tcp_close(&s->t, &s->env);
		else
			tcp_shutdown(&s->t, &s->env);
		OUT(FIN | ACK, .seq = 1, .ack = 1);
		IN(ACK, .seq = 1, .ack = 2);
		STATE("FIN-WAIT-2");
		if (!first)
			tcp_close(&s->t, &s->env);
		AT(59 SECONDS);
		STATE("FIN-WAIT-2");
		AT(60 SECONDS);
		STATE("CLOSED");
		SILENT();
		script_end(s);
	}
}

/* §3.10.5: in each state. */
static void abort_resets(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 100);
	script_drain(s);
	tcp_abort(&s->t, &s->env);
	OUT(RST | ACK, .seq = 101, .ack = 1);
	SILENT();
	assert_int_equal(script_report(s).end, TCP_END_ABORTED);
	assert_int_equal(tcp_deadline(&s->t), NS_NEVER);
	tcp_abort(&s->t, &s->env);
	SILENT();
	script_end(s);
	/* Not beyond the peer's window, where it would be challenged. */
	script_connected(s, NULL);
	script_write(s, 5000);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 1461, .win = 1000);
	tcp_abort(&s->t, &s->env);
	OUT(RST | ACK, .seq = 2461, .ack = 1);
	script_end(s);
}

/* What waits out of order comes back when it ends. */
static void pieces_come_back(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	for (uint32_t k = 0; k < 20; k++)
		IN(ACK, .seq = 101 + 20 * k, .ack = 1, .len = 10);
	assert_int_equal(s->held, 20);
	IN(RST, .seq = 1);
	STATE("CLOSED");
	script_end(s);		/* counts them */
}

/* A FIN in front of what came out of order: that is not of the stream. */
static void nothing_follows_the_peers_fin(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(ACK, .seq = 16, .ack = 1, .len = 1000);
	IN(ACK, .seq = 3000, .ack = 1, .len = 10);
	IN(FIN | ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	STATE("CLOSE-WAIT");
	assert_int_equal(s->received, 100);
	assert_int_equal(s->held, 0);
	script_drain(s);
	script_end(s);
}

/* The FIN comes first: what is said to be behind it neither moves nor hides it. */
static void what_comes_is_cut_at_the_peers_fin(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	IN(FIN | ACK, .seq = 51, .ack = 1, .len = 50);
	STATE("ESTABLISHED");
	IN(ACK, .seq = 1, .ack = 1, .len = 300);
	assert_int_equal(s->received, 100);
	STATE("CLOSE-WAIT");
	OUT(ACK, .seq = 1, .ack = 102);
	script_end(s);
}

/* All that can follow all, and what cannot: figure 5. */
static void figure_5_successors(void **state)
{
	uint32_t arrows = 0;

	(void)state;
	for (int from = 0; from < TCPS_N; from++)
		for (int to = 0; to < TCPS_N; to++)
			arrows += tcp_state_may_follow((enum tcp_state)to,
						       (enum tcp_state)from);
	assert_int_equal(arrows, 24);
	assert_false(tcp_state_may_follow(TCPS_ESTABLISHED, TCPS_TIME_WAIT));
	assert_false(tcp_state_may_follow(TCPS_N, TCPS_CLOSED));
	assert_string_equal(tcp_state_name(TCPS_N), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_13_simultaneous_close),
		cmocka_unit_test(half_close_by_the_peer),
		cmocka_unit_test(half_close_by_us),
		cmocka_unit_test(shld_3_data_after_close),
		cmocka_unit_test(fin_wait_2_without_a_user_ends),
		cmocka_unit_test(abort_resets),
		cmocka_unit_test(pieces_come_back),
		cmocka_unit_test(nothing_follows_the_peers_fin),
		cmocka_unit_test(what_comes_is_cut_at_the_peers_fin),
		cmocka_unit_test(figure_5_successors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * handshake_test.c - How connections begin: RFC 9293 §3.5, §3.10.1, §3.10.7.3
 *
 * Covers SPEC LIB-4.
 */
#include "tcp/script.h"

static void open_actively(struct script *s, const struct tcp_config *c)
{
	script_begin(s, c);
	tcp_open(&s->t, &s->env, &s->endpoint);
}

static void full_config(struct tcp_config *c)
{
	script_config(c);
	c->sack = c->timestamps = c->window_scaling = true;
	c->receive_buffer = 540000;
	c->receive_buffer_max = 15728640;
}

/* Figure 6. MUST-14: MSS is sent; the window of a SYN is not scaled. */
static void figure_6_an_active_open(void **state)
{
	struct tcp_config c;
	struct script script, *s = &script;

	(void)state;
	full_config(&c);
	open_actively(s, &c);
	STATE("SYN-SENT");
	OUT(SYN, .has = 0x0f, .mss = 1460, .wscale = 8, .win = 65535);
	SILENT();
	AT(30 MS);
	IN(SYN | ACK, .ack = 1, .mss = 1400, .has = 0x0e, .wscale = 7,
	   .win = 1000, .tsval = 5, CAUSE(SYN_TAKEN));
	STATE("ESTABLISHED");
	OUT(ACK, .seq = 1, .ack = 1, .has = TCP_HAS_TIMESTAMP, .tsecr = 5,
	    .win = 540000 >> 8);
	SILENT();
	assert_int_equal(script_events(s),
			 TCP_EVENT_ESTABLISHED | TCP_EVENT_WRITABLE);
	assert_int_equal(script_report(s).send_mss, 1400 - 12);
	assert_int_equal(script_report(s).send_window, 1000);
	assert_in_range(script_report(s).rtt, 29 MS, 31 MS);
	script_end(s);
}

/* The configured algorithm is that of both who open, and an option of before counts. */
static void congestion_control_is_what_was_asked_for(void **state)
{
	struct tcp_config c;
	struct script script, *s = &script;

	(void)state;
	script_config(&c);
	c.congestion = CONGESTION_CUBIC;
	script_connected(s, &c);
	assert_int_equal(script_report(s).congestion, CONGESTION_CUBIC);
	script_end(s);
	script_accepted(s, &c);
	assert_int_equal(script_report(s).congestion, CONGESTION_CUBIC);
	script_end(s);

	open_actively(s, &c);
	assert_int_equal(script_report(s).congestion, CONGESTION_CUBIC);
	assert_int_equal(tcp_set_option(&s->t, &s->env, TCP_OPTION_CONGESTION,
					CONGESTION_RENO), 0);
	OUT(SYN, .seq = 0);
	IN(SYN | ACK, .ack = 1);
	STATE("ESTABLISHED");
	assert_int_equal(script_report(s).congestion, CONGESTION_RENO);
	script_end(s);
}

/* Data both ways, and the close of figure 12. */
static void figure_12_data_and_a_normal_close(void **state)
{
	struct script script, *s = &script;

	(void)state;
	script_connected(s, NULL);
	script_write(s, 2000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 2000, .cut = 1460);
	SILENT();
	IN(ACK, .seq = 1, .ack = 2001, CAUSE(FAST));
	assert_int_equal(tcp_acked(&s->t), 2000);
	IN(ACK | PSH, .seq = 1, .ack = 2001, .len = 4000, CAUSE(FAST));
	assert_int_equal(s->arrival.len, 4000);
	OUT(ACK, .seq = 2001, .ack = 4001, .win = 65535 - 4000);
	SILENT();
	tcp_read(&s->t, &s->env, 4000);
	tcp_close(&s->t, &s->env);
	STATE("FIN-WAIT-1");
	OUT(FIN | ACK, .seq = 2001, .ack = 4001);
	IN(ACK, .seq = 4001, .ack = 2002);
	STATE("FIN-WAIT-2");
	SILENT();
	IN(FIN | ACK, .seq = 4001, .ack = 2002);
	STATE("TIME-WAIT");
	OUT(ACK, .seq = 2002, .ack = 4002);
	assert_true(script_events(s) & TCP_EVENT_TIME_WAIT);
	AT(59 SECONDS);
	STATE("TIME-WAIT");
	AT(61 SECONDS);
	STATE("CLOSED");
	assert_true(script_events(s) & TCP_EVENT_CLOSED);
	assert_int_equal(script_report(s).end, TCP_END_CLOSED);
	SILENT();
	script_end(s);
}

/* RFC 9293 §3.10.7.3, fourth: text and controls of a SYN-ACK are taken. */
static void rfc_9293_text_in_a_syn_ack(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	OUT(SYN);
	IN(SYN | ACK | PSH, .ack = 1, .mss = 1000, .len = 3, CAUSE(SYN_TAKEN));
	STATE("ESTABLISHED");
	assert_int_equal(s->received, 3);
	OUT(ACK, .seq = 1, .ack = 4);
	SILENT();
	IN(ACK, .seq = 4, .ack = 1, .len = 2, CAUSE(FAST));
	assert_int_equal(s->received, 5);
	script_end(s);

	open_actively(s, NULL);
	OUT(SYN);
	IN(SYN | ACK | URG | FIN, .ack = 1, .len = 3, .urgent = 3);
	STATE("CLOSE-WAIT");
	assert_true(script_events(s) & TCP_EVENT_URGENT);
	OUT(ACK, .seq = 1, .ack = 5);
	script_end(s);

	/* What lies beyond the window that the SYN had is not. */
	open_actively(s, NULL);
	OUT(SYN);
	IN(SYN | ACK | FIN, .ack = 1, .len = 70000);
	STATE("ESTABLISHED");
	assert_int_equal(s->received, 65535);
	script_end(s);

	/* A SYN alone promises nothing: its text comes again. */
	open_actively(s, NULL);
	OUT(SYN);
	IN(SYN, .len = 3);
	STATE("SYN-RECEIVED");
	OUT(SYN | ACK, .seq = 0, .ack = 1);
	assert_int_equal(s->received, 0);
	script_end(s);
}

/* MUST-10: simultaneous open, figure 7. */
static void must_10_simultaneous_open(void **state)
{
	struct script script, *s = &script;

	(void)state;
	for (int with_syn = 0; with_syn < 2; with_syn++) {
		open_actively(s, NULL);
		OUT(SYN);
		IN(SYN, .mss = 1000);
		STATE("SYN-RECEIVED");
		OUT(SYN | ACK, .seq = 0, .ack = 1);
		SILENT();
		if (with_syn)
			IN(SYN | ACK, .seq = 0, .ack = 1, .mss = 1000);
		else
			IN(ACK, .seq = 1, .ack = 1);
		STATE("ESTABLISHED");
		assert_true(script_events(s) & TCP_EVENT_ESTABLISHED);
		script_write(s, 10);
		OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 10);
		assert_int_equal(script_report(s).send_mss, 1000);
		script_end(s);
	}
}

/* MUST-23: R2 of a SYN is 3 minutes at least. */
static void must_23_a_syn_is_repeated_for_3_minutes(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	OUT(SYN);
	for (uint32_t k = 1; k <= 7; k++) {
		AT(((1U << k) - 1) SECONDS);
		OUT(SYN);
		SILENT();
	}
	AT(180 SECONDS);
	STATE("SYN-SENT");
	AT(300 SECONDS);
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_TIMED_OUT);
	SILENT();
	script_end(s);
}

static void segments_in_syn_sent(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	OUT(SYN);
	/* first: an ACK of something else, with and without RST */
	IN(ACK, .seq = 5, .ack = 77, CAUSE(ACK_BAD_IN_HANDSHAKE));
	OUT(RST, .seq = 77);
	IN(SYN | ACK, .ack = 0, CAUSE(ACK_BAD_IN_HANDSHAKE));
	OUT(RST, .seq = 0);
	IN(RST | ACK, .seq = 5, .ack = 2, CAUSE(ACK_BAD_IN_HANDSHAKE));
	SILENT();
	/* second: RST without ACK */
	IN(RST, .seq = 0, CAUSE(UNWANTED_IN_HANDSHAKE));
	/* fourth: neither SYN nor RST */
	IN(ACK, .seq = 1, .ack = 1, CAUSE(UNWANTED_IN_HANDSHAKE));
	SILENT();
	STATE("SYN-SENT");
	IN(RST | ACK, .seq = 0, .ack = 1, CAUSE(RESET));
	STATE("CLOSED");
	assert_int_equal(script_report(s).end, TCP_END_REFUSED);
	IN(SYN | ACK, .ack = 1, CAUSE(CLOSED));
	SILENT();
	script_end(s);
}

static void close_in_syn_sent(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	OUT(SYN);
	tcp_close(&s->t, &s->env);
	STATE("CLOSED");
	SILENT();
	assert_int_equal(tcp_write(&s->t, &s->env, 1, false), -32);
	script_end(s);
}

/* What is written before is sent when it is established; the FIN follows. */
static void data_and_close_before_established(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	script_write(s, 100);
	OUT(SYN);
	SILENT();
	IN(SYN, .mss = 1460);
	tcp_shutdown(&s->t, &s->env);
	OUT(SYN | ACK, .seq = 0, .ack = 1);
	SILENT();
	IN(ACK, .seq = 1, .ack = 1);
	STATE("FIN-WAIT-1");
	OUT(FIN | ACK | PSH, .seq = 1, .ack = 1, .len = 100);
	SILENT();
	script_end(s);
}

/* MUST-36: also when it was closed before there was a connection. */
static void must_36_a_closed_window_in_the_syn(void **state)
{
	struct script script, *s = &script;

	(void)state;
	open_actively(s, NULL);
	script_write(s, 100);
	OUT(SYN);
	IN(SYN | ACK, .ack = 1, .mss = 1460, .win = CLOSED_WINDOW);
	OUT(ACK, .seq = 1, .ack = 1);
	SILENT();
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1);
	IN(ACK, .seq = 1, .ack = 2);
	OUT(ACK | PSH, .seq = 2, .ack = 1, .len = 99);
	script_end(s);

	/* The same of a FIN alone. */
	open_actively(s, NULL);
	OUT(SYN);
	IN(SYN, .mss = 1460, .win = CLOSED_WINDOW);
	tcp_shutdown(&s->t, &s->env);
	OUT(SYN | ACK, .seq = 0, .ack = 1);
	IN(ACK, .seq = 1, .ack = 1, .win = CLOSED_WINDOW);
	SILENT();
	script_at(s, __LINE__, tcp_deadline(&s->t) - s->began);
	OUT(FIN | ACK, .seq = 1, .ack = 1);
	script_end(s);
}

/* ---- Passive ---------------------------------------------------------------------- */

struct door {
	struct tcp_request r;
	struct tcp_segment out;
};

static enum tcp_request_verdict knock(struct script *s, struct door *d,
				      struct line l)
{
	struct tcp_segment in = script_segment(s, &l);

	d->out = (struct tcp_segment){ 0 };
	return tcp_request_arrive(&d->r, &s->env, &s->endpoint, &in, &d->out);
}

static void ring(struct script *s, struct door *d, const struct tcp_config *c,
		 struct line l)
{
	struct tcp_segment in;

	script_begin(s, c);
	in = script_segment(s, &l);
	in.source_port = 1;
	in.destination_port = 2;
	assert_true(tcp_request_is_wanted(&in));
	tcp_request_begin(&d->r, &s->env, &s->endpoint, &in, &d->out);
	assert_int_equal(d->out.source_port, 2);
	assert_int_equal(d->out.destination_port, 1);
}

static void a_syn_is_answered_with_what_both_have(void **state)
{
	static const struct {
		uint8_t ours, theirs;
	} T[] = { { 0x0e, 0x0e }, { 0x0e, 0 }, { 0, 0x0e }, { 0x0a, 0x0c } };
	struct script script, *s = &script;
	struct door d;
	struct tcp_config c;

	(void)state;
	for (uint32_t k = 0; k < ARRAY_SIZE(T); k++) {
		full_config(&c);
		c.sack = T[k].ours & TCP_HAS_SACK_PERMITTED;
		c.timestamps = T[k].ours & TCP_HAS_TIMESTAMP;
		c.window_scaling = T[k].ours & TCP_HAS_WSCALE;
		ring(s, &d, &c, (struct line){ .flags = SYN, .mss = 1300,
					       .has = T[k].theirs, .wscale = 20,
					       .tsval = 9 });
		assert_int_equal(d.out.flags, SYN | ACK);
		assert_int_equal(d.out.has,
				 TCP_HAS_MSS | (T[k].ours & T[k].theirs));
		assert_int_equal(d.out.seq.n, SCRIPT_ISS);
		assert_int_equal(d.out.ack.n, SCRIPT_IRS + 1);
		assert_int_equal(d.r.wscale, 14);	/* RFC 7323 §2.3 */
		script_end(s);
	}
}

static void segments_for_a_request(void **state)
{
	struct script script, *s = &script;
	struct door d;

	(void)state;
	ring(s, &d, NULL, (struct line){ .flags = SYN, .mss = 1300 });
	/* The SYN again. */
	assert_int_equal(knock(s, &d, (struct line){ .flags = SYN }),
			 TCP_REQUEST_ANSWER);
	assert_int_equal(d.out.flags, SYN | ACK);
	/* first: outside of the window */
	assert_int_equal(knock(s, &d, (struct line){ .flags = ACK, .ack = 1,
						     .seq = 70000 }),
			 TCP_REQUEST_ANSWER);
	assert_int_equal(d.out.flags, ACK);
	assert_int_equal(knock(s, &d, (struct line){ .flags = RST, .seq = 70000 }),
			 TCP_REQUEST_DROP);
	/* second: RST at RCV.NXT, and elsewhere: RFC 5961 §3.2 */
	assert_int_equal(knock(s, &d, (struct line){ .flags = RST, .seq = 2 }),
			 TCP_REQUEST_ANSWER);
	assert_int_equal(d.out.flags, ACK);
	assert_int_equal(knock(s, &d, (struct line){ .flags = RST, .seq = 1 }),
			 TCP_REQUEST_FORGET);
	/* MUST-11: fourth, SYN: back to LISTEN */
	assert_int_equal(knock(s, &d, (struct line){ .flags = SYN, .seq = 1 }),
			 TCP_REQUEST_FORGET);
	/* fifth */
	assert_int_equal(knock(s, &d, (struct line){ .flags = 0, .seq = 1 }),
			 TCP_REQUEST_DROP);
	assert_int_equal(knock(s, &d, (struct line){ .flags = ACK, .seq = 1,
						     .ack = 2 }),
			 TCP_REQUEST_ANSWER);
	assert_int_equal(d.out.flags, RST);
	assert_int_equal(d.out.seq.n, SCRIPT_ISS + 2);
	assert_int_equal(knock(s, &d, (struct line){ .flags = ACK, .seq = 1,
						     .ack = 1 }),
			 TCP_REQUEST_COMPLETE);
	script_end(s);
}

/* RFC 7323 §3.2: an ACK without the timestamp that was agreed upon. */
static void rfc_7323_no_timestamp_for_a_request(void **state)
{
	struct line syn = { .flags = SYN, .has = TCP_HAS_TIMESTAMP, .tsval = 9 };
	struct line ack = { .flags = ACK, .seq = 1, .ack = 1 };
	struct line rst = { .flags = RST, .seq = 1 };
	struct script script, *s = &script;
	struct tcp_config c;
	struct door d;

	(void)state;
	script_config(&c);
	c.timestamps = c.timestamps_required = true;
	ring(s, &d, &c, syn);
	assert_int_equal(knock(s, &d, ack), TCP_REQUEST_DROP);
	s->config.timestamps_required = false;
	assert_int_equal(knock(s, &d, ack), TCP_REQUEST_COMPLETE);
	s->config.timestamps_required = true;
	ack.has = TCP_HAS_TIMESTAMP;
	ack.tsval = 9;
	assert_int_equal(knock(s, &d, ack), TCP_REQUEST_COMPLETE);
	assert_int_equal(knock(s, &d, rst), TCP_REQUEST_FORGET);
	script_end(s);
	/* It was not agreed upon. */
	c.timestamps = false;
	ring(s, &d, &c, syn);
	ack.has = 0;
	assert_int_equal(knock(s, &d, ack), TCP_REQUEST_COMPLETE);
	script_end(s);
}

static void must_23_a_syn_ack_is_repeated_for_3_minutes(void **state)
{
	struct script script, *s = &script;
	struct door d;
	ns_t began;
	uint32_t n = 0;

	(void)state;
	ring(s, &d, NULL, (struct line){ .flags = SYN });
	began = s->env.now;
	assert_int_equal(tcp_request_timer(&d.r, &s->env, &s->endpoint, &d.out),
			 TCP_REQUEST_DROP);
	for (;; n++) {
		s->env.now = d.r.deadline;
		if (tcp_request_timer(&d.r, &s->env, &s->endpoint, &d.out) !=
		    TCP_REQUEST_ANSWER)
			break;
		assert_int_equal(d.out.flags, SYN | ACK);
	}
	assert_int_equal(n, 7);
	assert_true(s->env.now - began >= 180 SECONDS);
	script_end(s);
}

/* The ACK that completes the handshake may carry data and FIN. */
static void data_with_the_last_ack(void **state)
{
	struct script script, *s = &script;
	struct line l = { .flags = ACK | PSH | FIN, .seq = 1, .ack = 1,
			  .len = 5 };
	struct door d;

	(void)state;
	ring(s, &d, NULL, (struct line){ .flags = SYN });
	assert_int_equal(knock(s, &d, l), TCP_REQUEST_COMPLETE);
	tcp_accept(&s->t, &s->env, &d.r, &s->endpoint);
	STATE("SYN-RECEIVED");
	script_in(s, __LINE__, &l);
	STATE("CLOSE-WAIT");
	assert_int_equal(s->received, 5);
	OUT(ACK, .seq = 1, .ack = 7);
	/* MUST-15: no MSS option is 536 */
	assert_int_equal(script_report(s).send_mss, 536);
	script_end(s);
}

static void a_request_from_a_cookie(void **state)
{
	struct script script, *s = &script;
	struct line l = { .flags = ACK, .seq = 1, .ack = 1, .tsval = 4,
			  .has = TCP_HAS_TIMESTAMP };
	struct tcp_config c;
	struct tcp_segment in;
	struct tcp_request r = {
		.mss = 1300, .wscale = 3,
		.has = TCP_HAS_TIMESTAMP | TCP_HAS_WSCALE,
	};

	(void)state;
	full_config(&c);
	script_begin(s, &c);
	in = script_segment(s, &l);
	tcp_request_restore(&r, &s->env, &s->endpoint, &in);
	tcp_accept(&s->t, &s->env, &r, &s->endpoint);
	script_in(s, __LINE__, &l);
	STATE("ESTABLISHED");
	assert_int_equal(script_report(s).send_mss, 1300 - 12);
	assert_int_equal(script_report(s).send_window, SCRIPT_WINDOW << 3);
	assert_int_equal(script_report(s).rtt, 0);
	script_end(s);
}

/* §3.10.7.1: the RST has the sequence number that is expected. */
static void what_nobody_wants_is_refused(void **state)
{
	struct script script, *s = &script;
	struct tcp_segment in, out;

	(void)state;
	script_begin(s, NULL);
	in = script_segment(s, &(struct line){ .flags = ACK, .seq = 3, .ack = 9 });
	assert_false(tcp_request_is_wanted(&in));
	assert_true(tcp_refuse(&in, &out));
	assert_int_equal(out.flags, RST);
	assert_int_equal(out.seq.n, SCRIPT_ISS + 9);
	in = script_segment(s, &(struct line){ .flags = SYN | FIN, .seq = 3,
					       .len = 10 });
	assert_true(tcp_refuse(&in, &out));
	assert_int_equal(out.flags, RST | ACK);
	assert_int_equal(out.seq.n, 0);
	assert_int_equal(out.ack.n, SCRIPT_IRS + 15);
	in.flags = RST;
	assert_false(tcp_refuse(&in, &out));
	script_end(s);
}

/* RFC 9293 §3.10.7.2: a listener answers to an ACK, and to nothing else. */
static void rfc_9293_what_a_listener_refuses(void **state)
{
	static const struct {
		uint16_t flags;
		bool answered;
	} T[] = {
		{ ACK, true }, { SYN | ACK, true }, { FIN | ACK, true },
		{ FIN, false }, { 0, false }, { PSH | URG, false },
		{ RST, false }, { RST | ACK, false },
	};
	struct script script, *s = &script;
	struct tcp_segment in, out;

	(void)state;
	script_begin(s, NULL);
	for (size_t n = 0; n < ARRAY_SIZE(T); n++) {
		in = script_segment(s, &(struct line){
			.flags = T[n].flags, .seq = 3, .ack = 9, .len = 3 });
		assert_false(tcp_request_is_wanted(&in));
		assert_int_equal(tcp_request_refuse(&in, &out), T[n].answered);
		if (!T[n].answered)
			continue;
		assert_int_equal(out.flags, RST);
		assert_int_equal(out.seq.n, SCRIPT_ISS + 9);
	}
	script_end(s);
}

/* RFC 3168 §6.1.1: who gets ECN, and that a second SYN does not ask. */
static void ecn_is_agreed_upon(void **state)
{
	struct script script, *s = &script;
	struct tcp_config c;
	struct door d;

	(void)state;
	script_config(&c);
	c.ecn = TCP_ECN_ASK;
	open_actively(s, &c);
	OUT(SYN | ECE | CWR);
	IN(SYN | ACK | ECE, .ack = 1);
	assert_true(script_report(s).ecn);
	script_end(s);
	open_actively(s, &c);
	OUT(SYN | ECE | CWR);
	AT(1 SECONDS);
	OUT(SYN);
	IN(SYN | ACK | ECE | CWR, .ack = 1);	/* a reflection */
	assert_false(script_report(s).ecn);
	script_end(s);
	c.ecn = TCP_ECN_ACCEPT;
	ring(s, &d, &c, (struct line){ .flags = SYN | ECE | CWR });
	assert_int_equal(d.out.flags, SYN | ACK | ECE);
	script_end(s);
	ring(s, &d, &c, (struct line){ .flags = SYN | ECE });
	assert_int_equal(d.out.flags, SYN | ACK);
	script_end(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figure_6_an_active_open),
		cmocka_unit_test(congestion_control_is_what_was_asked_for),
		cmocka_unit_test(figure_12_data_and_a_normal_close),
		cmocka_unit_test(rfc_9293_text_in_a_syn_ack),
		cmocka_unit_test(must_10_simultaneous_open),
		cmocka_unit_test(must_23_a_syn_is_repeated_for_3_minutes),
		cmocka_unit_test(segments_in_syn_sent),
		cmocka_unit_test(close_in_syn_sent),
		cmocka_unit_test(data_and_close_before_established),
		cmocka_unit_test(must_36_a_closed_window_in_the_syn),
		cmocka_unit_test(a_syn_is_answered_with_what_both_have),
		cmocka_unit_test(segments_for_a_request),
		cmocka_unit_test(rfc_7323_no_timestamp_for_a_request),
		cmocka_unit_test(must_23_a_syn_ack_is_repeated_for_3_minutes),
		cmocka_unit_test(data_with_the_last_ack),
		cmocka_unit_test(a_request_from_a_cookie),
		cmocka_unit_test(what_nobody_wants_is_refused),
		cmocka_unit_test(rfc_9293_what_a_listener_refuses),
		cmocka_unit_test(ecn_is_agreed_upon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * mtu_probe_test.c - The search for a larger path MTU by segments of data, RFC 4821
 *
 * Here the interface carries 1500 bytes and the path 1024, so segments have 984 and
 * probes up to 1460. Requirement LIB-4.
 */
#include "tcp/script.h"

#define MSS 984
#define PROBE 1460

/* Established with a peer that SACKs; @segments may be out at once. */
static void begin(struct script *s, uint8_t segments)
{
	struct tcp_config c;

	script_config(&c);
	c.sack = true;
	c.path_mtu_probing = true;
	c.tail_loss_probe = false;
	c.initial_segments = segments;
	c.rto_max = 100000 SECONDS;
	script_begin(s, &c);
	s->endpoint.path_mtu = 1024;
	tcp_open(&s->t, &s->env, &s->endpoint);
	OUT(SYN, .has = TCP_HAS_MSS | TCP_HAS_SACK_PERMITTED);
	s->env.now += 1 MS / 10;	/* so short that frames may be of any size      */
	IN(SYN | ACK, .ack = 1, .mss = PROBE, .has = TCP_HAS_SACK_PERMITTED);
	OUT(ACK, .seq = 1, .ack = 1);
	s->began = s->env.now;
}

/* ... and long enough after it was seen how small the path is. */
static void begin_search(struct script *s, uint8_t segments)
{
	begin(s, segments);
	AT(600 SECONDS);
	SILENT();
}

/* RFC 4821 §7.3, §7.6.1: ten minutes later the path is asked, and carries more. */
static void rfc_4821_found(void **state)
{
	struct script script, *s = &script;

	(void)state;
	begin(s, 10);
	AT(599 SECONDS);
	script_write(s, 10000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 9840, .cut = MSS);
	SILENT();
	IN(ACK, .seq = 1, .ack = 9841);
	OUT(ACK | PSH, .seq = 9841, .ack = 1, .len = 160);
	IN(ACK, .seq = 1, .ack = 10001);
	AT(600 SECONDS);
	script_write(s, 10000);
	OUT(ACK, .seq = 10001, .ack = 1, .len = PROBE, .cut = PROBE);
	OUT(ACK | PSH, .seq = 11461, .ack = 1, .len = 8540, .cut = MSS);
	SILENT();
	assert_int_equal(script_report(s).send_mss, MSS);
	IN(ACK, .seq = 1, .ack = 11461);
	assert_int_equal(script_report(s).send_mss, PROBE);
	assert_int_equal(script_report(s).path_mtu, 1500);
	IN(ACK, .seq = 1, .ack = 20001);
	/* It is as large as it can be: no probes any more. */
	script_write(s, 14600);
	OUT(ACK | PSH, .seq = 20001, .ack = 1, .len = 14600, .cut = PROBE);
	script_end(s);
}

/* The probe and eight segments behind it, of which none is acknowledged yet. */
static void send_probe(struct script *s, uint32_t at)
{
	script_write(s, PROBE + 8 * MSS);
	OUT(ACK, .seq = at, .ack = 1, .len = PROBE, .cut = PROBE);
	OUT(ACK | PSH, .seq = at + PROBE, .ack = 1, .len = 8 * MSS, .cut = MSS);
	SILENT();
}

/* All but the probe arrives; it goes again, in segments, and nothing is slower. */
static void lose_probe(struct script *s, uint32_t at)
{
	uint32_t end = at + PROBE + 8 * MSS, before = script_report(s).cwnd;

	IN(ACK, .seq = 1, .ack = at, SACKS(at + PROBE, at + PROBE + 3 * MSS));
	assert_int_equal(script_report(s).phase, TCP_PHASE_DISORDER);
	assert_int_equal(script_report(s).cwnd, before);
	OUT(ACK | PSH, .seq = at, .ack = 1, .len = PROBE, .cut = MSS);
	SILENT();
	IN(ACK, .seq = 1, .ack = end);
	assert_int_equal(script_report(s).phase, TCP_PHASE_OPEN);
	assert_true(script_report(s).cwnd >= before);
	assert_int_equal(script_report(s).ssthresh, UINT32_MAX);
	assert_int_equal(script_report(s).timeouts, 0);
	assert_int_equal(script_report(s).send_mss, MSS);
}

/*
 * RFC 4821 §7.6.2: a probe that is lost alone is no congestion. Twice the same size,
 * not more often than once a second, then a smaller one.
 */
static void rfc_4821_lost_alone(void **state)
{
	struct script script, *s = &script;

	(void)state;
	begin_search(s, 10);
	send_probe(s, 1);
	lose_probe(s, 1);
	script_write(s, 9840);
	OUT(ACK | PSH, .seq = 9333, .ack = 1, .len = 9840, .cut = MSS);
	IN(ACK, .seq = 1, .ack = 19173);
	AT(601 SECONDS);
	send_probe(s, 19173);
	lose_probe(s, 19173);
	AT(602 SECONDS);
	/* The middle of 1024 and 1499. */
	script_write(s, 10000);
	OUT(ACK, .seq = 28505, .ack = 1, .len = 1222, .cut = 1222);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 28505 + 10000);
	assert_int_equal(script_report(s).send_mss, 1222);
	/* ... and goes on from there, without waiting. */
	script_write(s, 14600);
	OUT(ACK, .seq = 38505, .ack = 1, .len = 1341, .cut = 1341);
	script_end(s);
}

/* RFC 4821 §7.6.4: with others lost it is congestion, and says nothing of sizes. */
static void rfc_4821_lost_with_others(void **state)
{
	const uint32_t probe = 1 + 2 * MSS, behind = probe + PROBE;
	const uint32_t end = behind + 8 * MSS;
	const struct line sacks[] = {
		/* the probe, and what is in front of it */
		{ SACKS(1 + MSS, probe, behind, behind + 5 * MSS) },
		/* in front of it, but not the probe */
		{ SACKS(1 + MSS, behind + 3 * MSS) },
		/* the probe, and what is right behind it */
		{ SACKS(1, probe, behind + MSS, behind + 5 * MSS) },
		/* ... and behind it */
		{ SACKS(1, probe, behind, behind + MSS,
			behind + 2 * MSS, behind + 6 * MSS) },
	};
	struct script script, *s = &script;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(sacks); n++) {
		struct line ack = sacks[n];

		begin_search(s, 12);
		script_write(s, 2 * MSS);
		OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 2 * MSS);
		send_probe(s, probe);
		ack.flags = ACK;
		ack.seq = 1;
		ack.ack = ack.sack[0] == 1 ? probe : 1;
		script_in(s, __LINE__, &ack);
		assert_int_equal(script_report(s).phase, TCP_PHASE_RECOVERY);
		assert_true(script_report(s).ssthresh <= end / 2);
		script_drain(s);
		IN(ACK, .seq = 1, .ack = end);
		assert_int_equal(script_report(s).send_mss, MSS);
		/* The same size again: it has not been tried yet. */
		AT(602 SECONDS);
		s->t.congestion.cwnd = 12 * MSS;
		script_write(s, 20000);
		OUT(ACK, .seq = end, .ack = 1, .len = PROBE, .cut = PROBE);
		script_end(s);
	}
}

/* What is sent again in place of the probe does not show that its size works. */
static void rfc_4821_a_repair_is_no_proof(void **state)
{
	struct script script, *s = &script;

	(void)state;
	/* After a timeout. */
	begin_search(s, 10);
	send_probe(s, 1);
	AT(600200100 MS / 1000);
	assert_int_equal(script_report(s).timeouts, 1);
	OUT(ACK, .seq = 1, .ack = 1, .len = MSS, .cut = MSS);
	IN(ACK, .seq = 1, .ack = 1 + MSS);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 1 + PROBE + 8 * MSS);
	assert_int_equal(script_report(s).send_mss, MSS);
	assert_int_equal(script_report(s).path_mtu, 1024);
	script_end(s);

	/* ... which does not count as one of the two that are a black hole. */
	begin_search(s, 10);
	send_probe(s, 1);
	for (int timeouts = 1; timeouts <= 3; timeouts++) {
		s->env.now = tcp_deadline(&s->t);
		tcp_timer(&s->t, &s->env);
		script_drain(s);
		assert_int_equal(script_report(s).timeouts, timeouts);
		assert_int_equal(script_report(s).path_mtu,
				 timeouts == 3 ? 552 : 1024);
	}
	script_end(s);

	/* Nor when ICMP says meanwhile that it is even smaller. */
	begin_search(s, 10);
	send_probe(s, 1);
	tcp_icmp(&s->t, &s->env, TCP_ICMP_TOO_BIG, seq(SCRIPT_ISS + 1), 900);
	assert_int_equal(script_report(s).path_mtu, 900);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 1 + PROBE + 8 * MSS);
	assert_int_equal(script_report(s).path_mtu, 900);
	script_end(s);
}

/* What says that a size between them works is tried next: RFC 4821 §7.3. */
static void rfc_4821_icmp_names_the_next_size(void **state)
{
	struct script script, *s = &script;

	(void)state;
	begin_search(s, 10);
	send_probe(s, 1);
	tcp_icmp(&s->t, &s->env, TCP_ICMP_TOO_BIG, seq(SCRIPT_ISS + 1), 1300);
	assert_int_equal(script_report(s).path_mtu, 1024);
	lose_probe(s, 1);
	AT(601 SECONDS);
	script_write(s, 10000);
	OUT(ACK, .seq = 1 + PROBE + 8 * MSS, .ack = 1, .len = 1260, .cut = 1260);
	script_end(s);
}

/* RFC 4821 §7.4: when a probe may be sent. */
static void rfc_4821_when_it_is_allowed(void **state)
{
	struct script script, *s = &script;

	(void)state;
	/* Not without enough behind it. */
	begin_search(s, 10);
	script_write(s, PROBE + 2 * MSS - 1);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = PROBE + 2 * MSS - 1, .cut = MSS);
	script_end(s);

	/* Not while the window of the peer or the congestion window is too small. */
	begin_search(s, 10);
	IN(ACK, .seq = 1, .ack = 1, .win = PROBE + 2 * MSS - 1);
	script_write(s, 20000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 3 * MSS, .cut = MSS);
	script_end(s);
	begin_search(s, 3);
	script_write(s, 20000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 3 * MSS, .cut = MSS);
	script_end(s);

	/* Not if the owner does not take such frames. */
	begin_search(s, 10);
	s->config.frame_max = PROBE - 1;
	script_write(s, 20000);
	OUT(ACK, .seq = 1, .ack = 1, .len = MSS, .cut = MSS);
	script_end(s);

	/* Not in disorder, nor in recovery. */
	begin(s, 10);
	AT(599999900 MS / 1000);
	script_write(s, 3 * MSS);
	script_drain(s);
	AT(600 SECONDS);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1 + MSS, 1 + 2 * MSS));
	script_write(s, 20000);
	OUT(ACK | PSH, .seq = 1 + 3 * MSS, .ack = 1, .len = 8 * MSS, .cut = MSS);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1 + MSS, 1 + 6 * MSS));
	assert_int_equal(script_report(s).phase, TCP_PHASE_RECOVERY);
	OUT(ACK, .seq = 1, .ack = 1, .len = MSS, .cut = MSS);
	IN(ACK, .seq = 1, .ack = 1, SACKS(1 + MSS, 1 + 11 * MSS));
	assert_true(tcp_emit(&s->t, &s->env, &s->frame));
	assert_int_equal(s->frame.mss, MSS);
	script_end(s);

	/* Only while nothing at all is going on. */
	for (int phase = TCP_PHASE_REDUCED; phase <= TCP_PHASE_LOSS; phase++) {
		begin_search(s, 10);
		script_write(s, 20000);
		s->t.phase = (uint8_t)phase;
		OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 10 * MSS, .cut = MSS);
		script_end(s);
	}

	/* Not while something is out again, as after the probe of RFC 8985 §7.3. */
	begin_search(s, 10);
	s->config.tail_loss_probe = true;
	script_write(s, 2 * MSS);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 2 * MSS, .cut = MSS);
	s->env.now = tcp_deadline(&s->t);
	tcp_timer(&s->t, &s->env);
	OUT(ACK | PSH, .seq = 1 + MSS, .ack = 1, .len = MSS);
	script_write(s, 20000);
	OUT(ACK | PSH, .seq = 1 + 2 * MSS, .ack = 1, .len = 8 * MSS, .cut = MSS);
	script_end(s);

	/* One at a time; and what was held back for it goes when there is room. */
	begin_search(s, 10);
	script_write(s, MSS * 9);
	OUT(ACK, .seq = 1, .ack = 1, .len = PROBE, .cut = PROBE);
	script_drain(s);
	script_write(s, 40000);
	OUT(ACK, .seq = 1 + 9 * MSS, .ack = 1, .len = MSS, .cut = MSS);
	SILENT();
	IN(ACK, .seq = 1, .ack = 1 + PROBE);
	assert_int_equal(script_report(s).send_mss, PROBE);
	script_end(s);
}

/* A full window: the next segment is the probe, as soon as there is room for it. */
static void rfc_4821_waits_for_room(void **state)
{
	struct script script, *s = &script;

	(void)state;
	begin(s, 10);
	AT(599990 MS);
	script_write(s, 40000);
	OUT(ACK | PSH, .seq = 1, .ack = 1, .len = 10 * MSS, .cut = MSS);
	SILENT();
	AT(600 SECONDS);
	/* Slow start is off, so that an ACK makes room for what it takes away. */
	s->t.congestion.ssthresh = 2 * MSS;
	IN(ACK, .seq = 1, .ack = 1 + MSS);
	SILENT();
	IN(ACK, .seq = 1, .ack = 1 + 2 * MSS);
	OUT(ACK, .seq = 1 + 10 * MSS, .ack = 1, .len = PROBE, .cut = PROBE);
	script_end(s);
}

/* The peer's MSS is a limit for probes, too, and so is the user's. */
static void must_16_probes_keep_to_the_mss(void **state)
{
	struct script script, *s = &script;

	(void)state;
	begin_search(s, 10);
	assert_int_equal(tcp_set_option(&s->t, &s->env, TCP_OPTION_MSS_CLAMP,
					1100), 0);
	script_write(s, 20000);
	OUT(ACK, .seq = 1, .ack = 1, .len = 1100, .cut = 1100);
	script_drain(s);
	IN(ACK, .seq = 1, .ack = 1101);
	assert_int_equal(script_report(s).send_mss, 1100);
	assert_int_equal(script_report(s).path_mtu, 1140);
	IN(ACK, .seq = 1, .ack = 1101);
	script_write(s, 20000);
	assert_true(tcp_emit(&s->t, &s->env, &s->frame));
	assert_int_equal(s->frame.mss, 1100);
	assert_true(s->frame.segment.len > 1100);	/* no probe any more    */
	script_end(s);
}

/* What is sent first grows the window, then it is asked. */
static bool goes_up(struct script *s)
{
	bool probed = false;

	for (int round = 0; round < 8; round++) {
		script_write(s, 8000);
		while (tcp_emit(&s->t, &s->env, &s->frame)) {
			probed |= s->frame.mss == PROBE;
			assert_int_equal(s->frame.segment.len <= s->frame.mss ||
					 s->frame.mss == MSS, 1);
		}
		if (probed)
			break;
		IN(ACK, .seq = 1, .ack = s->t.out.nxt.n - SCRIPT_ISS);
	}
	return probed;
}

/* RFC 4821 §7.7: two timeouts of full segments are a black hole; then upwards. */
static void rfc_4821_black_hole(void **state)
{
	struct script script, *s = &script;

	(void)state;
	for (int sack = 0; sack < 2; sack++) {
		struct tcp_config c;

		script_config(&c);
		c.sack = sack;
		c.path_mtu_probing = true;
		c.frto = c.tail_loss_probe = false;
		script_connected(s, &c);
		script_write(s, 3 * PROBE);
		script_drain(s);
		AT(210 MS);
		OUT(ACK, .seq = 1, .ack = 1, .len = PROBE, .cut = PROBE);
		assert_int_equal(script_report(s).path_mtu, 1500);
		AT(630 MS);
		assert_int_equal(script_report(s).path_mtu, 1024);
		OUT(ACK | PSH, .seq = 1, .ack = 1, .len = PROBE, .cut = MSS);
		IN(ACK, .seq = 1, .ack = 1 + PROBE);
		script_drain(s);
		IN(ACK, .seq = 1, .ack = 1 + 3 * PROBE);
		AT(10 SECONDS);
		/* A peer without SACK could not say that only the probe is lost. */
		assert_int_equal(goes_up(s), sack);
		script_end(s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_4821_found),
		cmocka_unit_test(rfc_4821_lost_alone),
		cmocka_unit_test(rfc_4821_lost_with_others),
		cmocka_unit_test(rfc_4821_a_repair_is_no_proof),
		cmocka_unit_test(rfc_4821_icmp_names_the_next_size),
		cmocka_unit_test(rfc_4821_when_it_is_allowed),
		cmocka_unit_test(rfc_4821_waits_for_room),
		cmocka_unit_test(must_16_probes_keep_to_the_mss),
		cmocka_unit_test(rfc_4821_black_hole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * prr_test.c - Proportional rate reduction in recoveries that are acted out
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "tcp/congestion/prr.h"

#define MSS 1000U

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* The network during a recovery: bytes there, and the sender that fills it. */
struct scene {
	struct prr prr;
	uint32_t pipe;
};

/* An ACK for @delivered; sends what it may. Returns that [bytes]. */
static uint32_t ack(struct scene *s, uint32_t delivered, uint32_t lost, bool safe)
{
	uint32_t cwnd, send;

	s->pipe -= delivered + lost;
	cwnd = prr_ack(&s->prr, delivered, s->pipe, MSS, safe);
	send = cwnd - s->pipe;
	prr_sent(&s->prr, send);
	s->pipe += send;
	return send;
}

/*
 * RFC 6937 §1: after one loss, at the end of the round trip just ssthresh is in
 * flight, and sending was even; the same when it is acknowledged by large ACKs.
 */
static void rfc_6937_proportional(void **unused)
{
	static const uint32_t parts[] = { 1, 2, 7, 14, 49, 98 };

	for (size_t n = 0; n < ARRAY_SIZE(parts); n++) {
		struct scene s = { .pipe = 100 * MSS };
		uint32_t sent, most = 0;

		prr_begin(&s.prr, 70 * MSS, 100 * MSS, 0);
		ack(&s, MSS, MSS, false);	/* finds the loss */
		for (uint32_t got = 0; got + parts[n] <= 98; got += parts[n]) {
			sent = ack(&s, parts[n] * MSS, 0, false);
			most = sent > most ? sent : most;
			assert_true(s.pipe >= 69 * MSS);
		}
		assert_true(s.pipe >= 69 * MSS && s.pipe <= 72 * MSS);
		assert_true(most <= parts[n] * MSS);
	}
}

/* RFC 6937 §3.1: conservative when it cannot be sure, else a segment more. */
static void rfc_6937_bounds(void **unused)
{
	struct scene s = { .pipe = 20 * MSS };

	prr_begin(&s.prr, 70 * MSS, 100 * MSS, 0);
	assert_int_equal(ack(&s, MSS, 0, false), MSS);
	assert_int_equal(ack(&s, 3 * MSS, 0, false), 3 * MSS);
	assert_int_equal(ack(&s, MSS, 0, true), 2 * MSS);
	assert_int_equal(ack(&s, 5 * MSS, 0, true), 6 * MSS);
	assert_int_equal(s.pipe, 22 * MSS);
	/* Nothing was delivered: nothing to send. */
	assert_int_equal(ack(&s, 0, 0, true), 0);
}

/* RFC 9937 §6: the first retransmission is sent at once. */
static void rfc_9937_first_retransmission(void **unused)
{
	struct scene s = { .pipe = 100 * MSS };

	prr_begin(&s.prr, 50 * MSS, 100 * MSS, 0);
	assert_true(ack(&s, 0, MSS, false) == MSS);
}

/* What was SACKed before is not counted as to be delivered. */
static void rfc_9937_recover_fs(void **unused)
{
	struct prr p;

	prr_begin(&p, 70, 1000, 300);
	assert_int_equal(p.recover_fs, 700);
	prr_begin(&p, 70, 0, 300);
	assert_int_equal(p.recover_fs, 1);
}

/*
 * Any sequence of deliveries and losses: never above what was in flight before and
 * is delivered (packet conservation), back at ssthresh if the losses end.
 */
static void random_recoveries(void **unused)
{
	for (uint64_t seed = 1; seed <= 3000; seed++) {
		uint32_t flight, ssthresh;
		struct scene s;

		state = seed;
		flight = (uint32_t)(4 + draw() % 2000) * MSS;
		ssthresh = flight / 10 * (uint32_t)(3 + draw() % 5);
		s.pipe = flight;
		prr_begin(&s.prr, ssthresh, flight, 0);
		for (int n = 0; n < 400; n++) {
			uint32_t before = s.pipe, got, lost = 0, sent;

			if (!s.pipe)
				break;
			got = 1 + (uint32_t)draw() % s.pipe;
			if (n < 100 && draw() % 4 == 0)
				lost = (uint32_t)(draw() % (s.pipe - got + 1));
			sent = ack(&s, got, lost, !lost && draw() % 2);
			if (s.pipe > ssthresh && s.pipe > before + MSS)
				fail_msg("seed %llu: from %u to %u",
					 (unsigned long long)seed, before,
					 s.pipe);
			assert_true(sent <= ssthresh + got + MSS);
		}
		for (int n = 0; n < 3000; n++)
			ack(&s, s.pipe < MSS ? s.pipe : MSS, 0, true);
		if (s.pipe > ssthresh + MSS || s.pipe + MSS < ssthresh)
			fail_msg("seed %llu: %u in flight, ssthresh %u",
				 (unsigned long long)seed, s.pipe, ssthresh);
	}
}

/* Any numbers: no division by zero, nothing that wraps. */
static void any_numbers(void **unused)
{
	state = 5;
	for (int n = 0; n < 100000; n++) {
		uint32_t flight = (uint32_t)(draw() >> draw() % 64);
		struct prr p;

		prr_begin(&p, (uint32_t)draw(), (uint32_t)draw(),
			  (uint32_t)(draw() >> draw() % 64));
		p.delivered = draw() >> (2 + draw() % 62);
		p.out = draw() >> (2 + draw() % 62);
		assert_true(prr_ack(&p, (uint32_t)draw(), flight,
				    (uint16_t)draw(), draw() % 2) >= flight);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_6937_proportional),
		cmocka_unit_test(rfc_6937_bounds),
		cmocka_unit_test(rfc_9937_first_retransmission),
		cmocka_unit_test(rfc_9937_recover_fs),
		cmocka_unit_test(random_recoveries),
		cmocka_unit_test(any_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

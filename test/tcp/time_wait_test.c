// SPDX-License-Identifier: BSD-2-Clause
/*
 * time_wait_test.c - What answers when the TCB is gone
 *
 * Requirement LIB-4.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "packet/headers.h"
#include "tcp/time_wait.h"

#define SECOND 1000000000ULL
#define MSL2 (60 * SECOND)
#define START (1000 * SECOND)

static uint64_t state;

static uint64_t draw(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static const uint8_t key[16] = { 1 };

struct scene {
	struct lookup *l;
	struct time_wait *w;
};

static void *memory_of(size_t bytes)
{
	void *p = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	assert_non_null(p);
	return p;
}

static struct scene begin(uint32_t capacity)
{
	return (struct scene){
		lookup_init(memory_of(lookup_bytes(2 * capacity)), 2 * capacity,
			    key),
		time_wait_init(memory_of(time_wait_bytes(capacity)), capacity,
			       MSL2, 1000000),
	};
}

static void end(struct scene *s)
{
	free(s->l);
	free(s->w);
}

static struct tcp_tuple tuple(uint32_t n)
{
	return (struct tcp_tuple){ .local = { 1 }, .remote = { (uint8_t)n },
				   .local_port = 80,
				   .remote_port = (uint16_t)(1 + n / 256) };
}

/* Sequence numbers: 5000 is RCV.NXT, 9000 SND.NXT, 100 TS.Recent. */
static uint32_t enter(struct scene *s, uint32_t n, ns_t now, bool timestamps)
{
	struct time_wait_state state_of = {
		.snd_nxt = seq(9000), .rcv_nxt = seq(5000), .ts_recent = 100,
		.timestamp_offset = 77, .window = 64 << 10, .receive_shift = 7,
		.timestamps = timestamps,
	};
	struct tcp_tuple t = tuple(n);

	return time_wait_enter(s->w, s->l, &t, &state_of, now, NULL);
}

enum { TS = 1, PLAIN = 0, NO_TS = -1 };

/* What comes to a fresh entry, with or without timestamps, and the verdict. */
static const struct {
	int waiting;	/* TS or PLAIN: had it timestamps?              */
	uint16_t flags;
	uint32_t seq, len;
	int64_t tsval;	/* or NO_TS                                     */
	enum time_wait_verdict verdict;
	bool restart;
} cases[] = {
	/* 1: RFC 1337 F1: RST does nothing. */
	{ TS, TCP_RST, 5000, 0, NO_TS, TIME_WAIT_DROP, false },
	/* 2 */ { TS, TCP_RST | TCP_ACK, 5000, 0, 101, TIME_WAIT_DROP, false },
	/* 3: FIN again: ACK, 2 MSL anew. RFC 9293 §3.10.7.4. */
	{ PLAIN, TCP_FIN | TCP_ACK, 4999, 0, NO_TS, TIME_WAIT_ANSWER, true },
	/* 4 */ { TS, TCP_FIN | TCP_ACK, 4999, 0, 100, TIME_WAIT_ANSWER, true },
	/* 5: with data in front. */
	{ TS, TCP_FIN | TCP_ACK, 4899, 100, 105, TIME_WAIT_ANSWER, true },
	/* 6: PAWS: an old one. */
	{ TS, TCP_FIN | TCP_ACK, 4999, 0, 99, TIME_WAIT_ANSWER, false },
	/* 7: another FIN, in front of the window. */
	{ TS, TCP_FIN | TCP_ACK, 4000, 0, 100, TIME_WAIT_ANSWER, false },
	/* 8: an ACK at RCV.NXT is nothing. */
	{ TS, TCP_ACK, 5000, 0, 100, TIME_WAIT_DROP, false },
	/* 9: keepalive. */
	{ TS, TCP_ACK, 4999, 0, 100, TIME_WAIT_ANSWER, false },
	/* 10: old data, 11: behind the window. */
	{ TS, TCP_ACK, 4000, 500, 100, TIME_WAIT_ANSWER, false },
	{ TS, TCP_ACK, 5000 + (64 << 10), 5, 100, TIME_WAIT_ANSWER, false },
	/* 12: text in the window is ignored, but answered: fifth step. */
	{ TS, TCP_ACK, 5000, 5, 100, TIME_WAIT_ANSWER, false },
	/* RFC 6191 §2, row by row. 13: newer timestamp. */
	{ TS, TCP_SYN, 1, 0, 101, TIME_WAIT_REOPEN, false },
	/* 14: the same one, later number, 15: and earlier one. */
	{ TS, TCP_SYN, 5001, 0, 100, TIME_WAIT_REOPEN, false },
	{ TS, TCP_SYN, 4999, 0, 100, TIME_WAIT_ANSWER, false },
	/* 16: older timestamp. */
	{ TS, TCP_SYN, 5001, 0, 99, TIME_WAIT_ANSWER, false },
	/* 17, 18: the new one has none. */
	{ TS, TCP_SYN, 5001, 0, NO_TS, TIME_WAIT_REOPEN, false },
	{ TS, TCP_SYN, 4999, 0, NO_TS, TIME_WAIT_ANSWER, false },
	/* 19: only the new one has. */
	{ PLAIN, TCP_SYN, 1, 0, 5, TIME_WAIT_REOPEN, false },
	/* 20, 21: neither has. */
	{ PLAIN, TCP_SYN, 5000, 0, NO_TS, TIME_WAIT_REOPEN, false },
	{ PLAIN, TCP_SYN, 4999, 0, NO_TS, TIME_WAIT_ANSWER, false },
	/* 22: a SYN-ACK opens nothing. */
	{ TS, TCP_SYN | TCP_ACK, 9999, 0, 200, TIME_WAIT_ANSWER, false },
	/* 23: nor is an RST answered that is in front of the window. */
	{ TS, TCP_RST, 4000, 0, NO_TS, TIME_WAIT_DROP, false },
	/* 24: an ACK elsewhere in the window: the peer is not where it was. */
	{ TS, TCP_ACK, 5001, 0, 100, TIME_WAIT_ANSWER, false },
	/* 25: a FIN that cannot be. */
	{ TS, TCP_FIN | TCP_ACK, 5000, 0, 100, TIME_WAIT_ANSWER, false },
	/* 26, 27: without ACK nothing in the window is answered. */
	{ TS, TCP_FIN, 5000, 0, 100, TIME_WAIT_DROP, false },
	{ TS, 0, 5001, 5, 100, TIME_WAIT_DROP, false },
};

static void verdicts(void **unused)
{
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct scene s = begin(4);
		uint32_t number = enter(&s, 1, START, cases[n].waiting == TS);
		struct tcp_segment out = { .flags = 0 }, in = {
			.seq = seq(cases[n].seq), .ack = seq(9000),
			.flags = cases[n].flags, .len = cases[n].len,
			.n_frames = 1, .source_port = 7, .destination_port = 80,
		};
		enum time_wait_verdict v;
		bool restarted;

		if (cases[n].tsval != NO_TS) {
			in.has = TCP_HAS_TIMESTAMP;
			in.tsval = (uint32_t)cases[n].tsval;
		}
		v = time_wait_arrive(s.w, number, &in, START + SECOND, &out);
		if (v != cases[n].verdict)
			fail_msg("case %zu: verdict %d", n + 1, v);
		restarted = time_wait_next(s.w) == START + SECOND + MSL2;
		if (restarted != cases[n].restart)
			fail_msg("case %zu: restarted %d", n + 1, restarted);
		if (v != TIME_WAIT_DROP) {
			assert_int_equal(out.seq.n, 9000);
			assert_int_equal(out.ack.n, 5000);
			assert_int_equal(out.flags, TCP_ACK);
			assert_int_equal(out.window, 512);
			assert_int_equal(out.destination_port, 7);
			assert_int_equal(out.source_port, 80);
			assert_int_equal(out.has, cases[n].waiting == TS ?
					 TCP_HAS_TIMESTAMP : 0);
		}
		if (out.has) {
			assert_int_equal(out.tsval, 1001000 + 77);
			assert_int_equal(out.tsecr, restarted ? in.tsval : 100);
		}
		end(&s);
	}
}

/* RFC 5961 §7: but the FIN is always answered. */
static void answers_are_limited(void **unused)
{
	struct scene s = begin(4);
	uint32_t number = enter(&s, 1, 0, false), answers = 0;
	struct tcp_segment out, in = { .seq = seq(4000), .flags = TCP_ACK };

	for (ns_t now = 0; now < 10 * SECOND; now += SECOND / 100)
		answers += time_wait_arrive(s.w, number, &in, now, &out) ==
			TIME_WAIT_ANSWER;
	assert_int_equal(answers, 20);
	in.seq = seq(4999);
	in.flags = TCP_FIN | TCP_ACK;
	for (int n = 0; n < 100; n++)
		assert_int_equal(time_wait_arrive(s.w, number, &in, 10 * SECOND,
						  &out), TIME_WAIT_ANSWER);
	end(&s);
}

/* Who had to leave for another; who waits is found, and nobody else. */
static void oldest_leaves_when_full(void **unused)
{
	struct scene s = begin(100);
	struct time_wait_state some = { .snd_nxt = seq(1) };

	for (uint32_t n = 0; n < 300; n++) {
		struct tcp_tuple t = tuple(n), gone;

		time_wait_enter(s.w, s.l, &t, &some, START + n, &gone);
		if (n < 100)
			assert_int_equal(gone.local_port, 0);
		else
			assert_memory_equal(&gone,
				(&(struct tcp_tuple[]){ tuple(n - 100) }[0]),
				sizeof(gone));
		assert_int_equal(time_wait_count(s.w), n < 100 ? n + 1 : 100);
		assert_int_equal(lookup_count(s.l), time_wait_count(s.w));
	}
	end(&s);
}

/* A TCB's value in the table becomes that of the one that waits. */
static void takes_the_place_of_a_tcb(void **unused)
{
	struct scene s = begin(4);
	struct tcp_tuple t = tuple(1);
	uint32_t number;

	assert_int_equal(lookup_insert(s.l, &t, 17), 0);
	number = enter(&s, 1, START, true);
	assert_int_equal(lookup_find(s.l, &t), number | TIME_WAIT_FLAG);
	number = enter(&s, 1, START, true);	/* once more */
	assert_int_equal(time_wait_count(s.w), 1);
	time_wait_remove(s.w, s.l, number);
	assert_int_equal(lookup_find(s.l, &t), LOOKUP_NONE);
	assert_true(time_wait_next(s.w) == NS_NEVER);
	end(&s);
}

/* When the table of names is full nobody waits, and no place is lost by that. */
static void no_name_no_place(void **unused)
{
	struct scene s = begin(4);
	uint32_t n_others = 0;

	while (true) {
		struct tcp_tuple t = tuple(1000 + n_others);

		if (lookup_insert(s.l, &t, n_others) != 0)
			break;
		n_others++;
	}
	for (int n = 0; n < 9; n++)
		assert_int_equal(enter(&s, 1, START, true), LOOKUP_NONE);
	assert_int_equal(time_wait_count(s.w), 0);
	assert_int_equal(lookup_count(s.l), n_others);
	assert_true(time_wait_next(s.w) == NS_NEVER);
	while (n_others) {
		struct tcp_tuple t = tuple(1000 + --n_others);

		assert_int_equal(lookup_remove(s.l, &t), n_others);
	}
	for (uint32_t n = 0; n < 4; n++)
		assert_int_not_equal(enter(&s, n, START, true), LOOKUP_NONE);
	assert_int_equal(time_wait_count(s.w), 4);
	end(&s);
}

/* Random lives against a list of deadlines. */
static void must_13_two_msl(void **unused)
{
	static ns_t deadline[512];
	static struct tcp_tuple gone[8];

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct scene s = begin(512);
		ns_t now = START;

		state = seed;
		memset(deadline, 0xff, sizeof(deadline));
		for (int step = 0; step < 4000; step++) {
			uint32_t n = (uint32_t)draw() % 512, left = 0;
			struct tcp_tuple t = tuple(n);
			uint32_t value = lookup_find(s.l, &t);
			struct tcp_segment out, fin = {
				.seq = seq(4999), .flags = TCP_FIN | TCP_ACK };

			assert_int_equal(value != LOOKUP_NONE,
					 deadline[n] != NS_NEVER);
			now += draw() % SECOND;
			if (value == LOOKUP_NONE)
				enter(&s, n, now, false);
			else
				time_wait_arrive(s.w, value & ~TIME_WAIT_FLAG,
						 &fin, now, &out);
			deadline[n] = now + MSL2;
			if (draw() % 4 == 0)
				now += draw() % (40 * SECOND);
			while (time_wait_next(s.w) <= now)
				assert_in_range(time_wait_expire(s.w, s.l, now,
								 gone, 8), 1, 8);
			for (n = 0; n < 512; n++) {
				if (deadline[n] <= now)
					deadline[n] = NS_NEVER;
				left += deadline[n] != NS_NEVER;
			}
			assert_int_equal(time_wait_count(s.w), left);
		}
		end(&s);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(verdicts),
		cmocka_unit_test(answers_are_limited),
		cmocka_unit_test(oldest_leaves_when_full),
		cmocka_unit_test(takes_the_place_of_a_tcb),
		cmocka_unit_test(no_name_no_place),
		cmocka_unit_test(must_13_two_msl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

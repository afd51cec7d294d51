// SPDX-License-Identifier: BSD-2-Clause
/*
 * hostile_test.c - Arbitrary segments at arbitrary times: nothing breaks
 *
 * A peer that sends what it likes, a user that does what it likes, a clock that
 * jumps. After each step: at most so many frames are sent, the state is one, what
 * is in flight adds up, and at the end the pool is whole. Covers SPEC LIB-4.
 */
#include <stdlib.h>
#include <string.h>

#include "tcp/script.h"

static uint64_t state_of_random;

static uint32_t roll(uint32_t n)
{
	state_of_random = state_of_random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(state_of_random >> 33) % n;
}

/* Near something that matters, or anywhere. */
static seq_t near(seq_t a, uint32_t distance)
{
	return roll(16) == 0 ? seq(roll(UINT32_MAX)) :
	       seq_add(a, roll(2 * distance + 1) - distance);
}

static struct tcp_segment any_segment(const struct script *s)
{
	static const uint16_t flags[] = { ACK, ACK, ACK, ACK | PSH, FIN | ACK, RST,
					  SYN, SYN | ACK, RST | ACK, URG | ACK,
					  ECE | ACK, CWR | ACK, 0, 0x1ff };
	const struct tcp_tcb *t = &s->t;
	struct tcp_segment in = {
		.flags = flags[roll(roll(4) ? 5 : 14)],
		.seq = roll(2) ? t->rcv_nxt : near(t->rcv_nxt, 5000),
		.ack = roll(2) ? t->out.nxt : near(t->out.una, 5000),
		.len = roll(3) ? 0 : roll(4) ? roll(3000) : roll(100000),
		.window = (uint16_t)(roll(4) ? 65535 : roll(3) ? roll(5000) : 0),
		.urgent = (uint16_t)roll(3000),
		.n_frames = (uint16_t)(1 + roll(3)),
		.ecn = (uint8_t)roll(4),
		.has = (uint8_t)(roll(3) ? (has(t, TCB_TIMESTAMPS) ?
					    TCP_HAS_TIMESTAMP : 0) : roll(32)),
		.mss = (uint16_t)(roll(2) ? 1460 : roll(65536)),
		.wscale = (uint8_t)roll(256),
		.tsval = t->ts_recent + roll(3) - (roll(8) == 0),
		.tsecr = timestamp_now(&s->env, t->timestamp_offset) - roll(50),
		.n_sack = (uint8_t)(roll(3) ? 0 : roll(5)),
	};

	for (uint32_t k = 0; k < in.n_sack; k++) {
		in.sack[k].start = near(t->out.una, 40000);
		in.sack[k].end = roll(8) ? seq_add(in.sack[k].start, roll(9000)) :
				 near(t->out.nxt, 4000);
	}
	return in;
}

static void pull_pieces(struct script *s)
{
	struct tcp_piece p;

	while (tcp_next_piece(&s->t, &s->env, &p))
		s->held--;
}

static void use(struct script *s)
{
	switch (roll(24)) {
	case 0:
		tcp_shutdown(&s->t, &s->env);
		break;
	case 1:
		if (roll(10) == 0)
			tcp_close(&s->t, &s->env);
		break;
	case 2:
		(void)tcp_set_option(&s->t, &s->env,
				     (enum tcp_option)roll(TCP_N_OPTIONS + 1),
				     roll(3) ? roll(2) : roll(UINT32_MAX));
		break;
	case 3:
		tcp_icmp(&s->t, &s->env, (enum tcp_icmp)roll(3),
			 near(s->t.out.una, 3000), (uint16_t)roll(2000));
		break;
	case 4:
		tcp_write_urgent(&s->t);
		break;
	case 5: case 6: case 7: case 8:
		tcp_read(&s->t, &s->env, roll(100000));
		break;
	default:
		if (tcp_send_space(&s->t))
			(void)tcp_write(&s->t, &s->env, roll(100000), roll(2));
	}
}

static void check(const struct script *s, uint64_t seed, uint32_t step)
{
	const struct tcp_tcb *t = &s->t;

	if (t->state >= TCPS_N || t->out.sacked + t->out.lost > outstanding(t) ||
	    (t->state > TCPS_SYN_RECEIVED && t->congestion.cwnd < 1) ||
	    t->mss == 0)
		fail_msg("seed %llu, step %u", (unsigned long long)seed, step);
}

static void drain(struct script *s, uint64_t seed)
{
	struct tcp_frame f;
	uint32_t n = 0;

	while (tcp_emit(&s->t, &s->env, &f)) {
		if (++n > 100000 || f.mss == 0 || f.segment.n_sack > 4)
			fail_msg("seed %llu: %u frames", (unsigned long long)seed,
				 n);
	}
}

static void live(struct script *s, uint64_t seed)
{
	for (uint32_t step = 0; step < 400; step++) {
		struct tcp_segment in = any_segment(s);

		tcp_arrive(&s->t, &s->env, &in, 0, &s->arrival);
		s->held += s->arrival.kept;
		if (s->arrival.more && roll(8))
			pull_pieces(s);
		check(s, seed, step);
		if (roll(2))
			use(s);
		if (roll(4))
			drain(s, seed);
		s->env.now += roll(3) ? roll(1000000) : roll(2000000000);
		if (tcp_deadline(&s->t) <= s->env.now)
			tcp_timer(&s->t, &s->env);
		check(s, seed, step);
		if (s->t.state == TCPS_CLOSED)
			break;
	}
	drain(s, seed);
}

static void nothing_breaks(void **state)
{
	const char *one = getenv("TTO_SEED"), *many = getenv("TTO_SEEDS");
	uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10) : 2000;

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		struct script script, *s = &script;
		struct tcp_config c;

		state_of_random = seed * 0x9e3779b97f4a7c15ULL;
		tcp_config_default(&c);
		c.path_mtu_probing = roll(2);
		c.ecn = (uint8_t)roll(3);
		c.sack = roll(3);
		c.timestamps = roll(3);
		c.stretch = (uint16_t)roll(3);
		c.reassembly_pieces_max = 1 + roll(64);
		if (roll(8) == 0) {
			script_begin(s, &c);
			tcp_open(&s->t, &s->env, &s->endpoint);
		} else if (roll(2)) {
			script_connected(s, &c);
		} else {
			script_accepted(s, &c);
		}
		live(s, seed);
		script_end(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_breaks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

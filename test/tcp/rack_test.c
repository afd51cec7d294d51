// SPDX-License-Identifier: BSD-2-Clause
/*
 * rack_test.c - RACK-TLP against the RFC's own words, on a path that misbehaves
 *
 * Covers SPEC LIB-4 as far as RFC 8985 goes. A sender, a path and a receiver in
 * virtual time; beside the sender runs the pseudocode of RFC 8985 §6.2, for each
 * single byte, and all that RACK decides is compared with it. SEEDS and FIRST in
 * the environment choose other runs.
 */
#include "tcp/loss_model.h"

#include "tcp/loss/rack.c"
#include "tcp/loss/reassemble.c"

#define MSS 32
#define STREAM (150 * MSS)
#define CWND (40 * MSS)
#define RTT 1000
#define RTO (6 * RTT)
#define PACKETS 4096

/* ---- The pseudocode ------------------------------------------------------------- */

struct naive {
	ns_t sent, rtt, window;
	seq_t end, round;
	bool seen, in_round;
	uint32_t mult, persist;
};

static ns_t naive_window(struct naive *v, const struct model *m,
			 const struct rack_env *env)
{
	uint32_t sacked = 0;
	ns_t window;

	for (uint32_t at = m->una; at < m->nxt; at++)
		sacked += m->byte[at].state == RECORD_SACKED;
	if (!v->seen && (env->in_recovery || sacked / MSS >= 3))
		return 0;
	window = v->mult * (env->min_rtt / 4);
	return window < env->srtt ? window : env->srtt;
}

static void naive_ack(struct naive *v, const struct model *m,
		      const struct scoreboard_result *result,
		      const struct rack_env *env)
{
	bool dsack = result->flags & SCOREBOARD_DSACK;

	if (result->rack_sent != NS_NEVER) {
		v->rtt = env->now - result->rack_last;
		if (v->sent == NS_NEVER || result->rack_sent > v->sent ||
		    (result->rack_sent == v->sent &&
		     seq_before(v->end, result->rack_end))) {
			v->sent = result->rack_sent;
			v->end = result->rack_end;
		}
	}
	v->seen |= !!(result->flags & SCOREBOARD_REORDERED);
	if (v->in_round && m->una >= model_at(m, v->round))
		v->in_round = false;
	if (!v->in_round && dsack) {
		v->in_round = true;
		v->round = model_seq(m, m->nxt);
		v->mult++;
		v->persist = 16;
	} else if (env->recovery_ends) {
		if (v->persist)
			v->persist--;
		if (!v->persist)
			v->mult = 1;
	}
}

/* ---- Path and receiver ------------------------------------------------------------ */

struct profile {
	uint32_t loss;		/* of 1000 segments                              */
	uint32_t ack_loss;
	uint32_t jitter;	/* at most so much later                        */
	uint32_t duplicate;	/* of 1000                                      */
	bool reneges;
};

struct packet {
	ns_t due;
	bool ack;
	uint32_t at, len;	/* data; of an ACK at is its number             */
	uint8_t n;
	struct tcp_sack blocks[TCP_SEGMENT_SACKS];
};

static struct path {
	struct profile p;
	struct packet packet[PACKETS];
	uint32_t n;
	uint32_t n_lost;	/* data [bytes]                                 */
	struct cells *cells;
	struct reassemble in;
	uint32_t next;
} path;

static struct model model;

static struct {
	struct scoreboard s;
	struct rack rack;
	struct naive naive;
	struct cells *cells;
	ns_t now;
	ns_t rack_timer, probe_timer, rto_timer;
	ns_t min_rtt;
	bool recovering;
	seq_t recover;
	uint32_t resent;	/* [bytes]                                      */
	uint32_t marked_late;	/* as lost, after reordering was seen [bytes]   */
	uint32_t n_timeouts, n_probes;
} me;

static void launch(struct packet p, uint32_t loss)
{
	p.due = me.now + RTT / 2 + (path.p.jitter ? loss_random(path.p.jitter) : 0);
	if (loss_random(1000) < loss) {
		path.n_lost += p.ack ? 0 : p.len;
		return;
	}
	CHECK(path.n < PACKETS);
	path.packet[path.n++] = p;
}

/* A range, cut into segments. */
static void transmit(uint32_t at, uint32_t len)
{
	uint32_t n;

	for (; len; len -= n, at += n) {
		n = len < MSS ? len : MSS;
		launch((struct packet){ .at = at, .len = n }, path.p.loss);
		if (loss_random(1000) < path.p.duplicate)
			launch((struct packet){ .at = at, .len = n }, 0);
	}
	me.rto_timer = me.now + RTO;
}

static void send_ack(void)
{
	struct packet p = { .ack = true, .at = path.next };

	p.n = (uint8_t)reassemble_blocks(&path.in, path.cells, 3, true, p.blocks);
	launch(p, path.p.ack_loss);
}

static void receive(const struct packet *p)
{
	struct reassemble_piece piece = { .seq = model_seq(&model, p->at),
					  .len = p->len }, next;

	if (p->at + p->len <= path.next) {
		reassemble_duplicate(&path.in, piece.seq,
				     model_seq(&model, p->at + p->len));
	} else {
		CHECK(reassemble_insert(&path.in, path.cells,
					model_seq(&model, path.next),
					&piece) != REASSEMBLE_FULL);
		while (reassemble_next(&path.in, path.cells,
				       model_seq(&model, path.next), &next))
			path.next += next.len;
	}
	if (path.p.reneges && !loss_random(40))
		reassemble_drop_all(&path.in, path.cells);
	while (reassemble_dropped(&path.in, path.cells, &next))
		;
	send_ack();
}

/* ---- The sender -------------------------------------------------------------------- */

static struct rack_env env_now(bool ends)
{
	return (struct rack_env){ .now = me.now, .min_rtt = me.min_rtt,
				  .srtt = RTT + RTT / 4, .mss = MSS,
				  .in_recovery = me.recovering,
				  .recovery_ends = ends };
}

static void lost(uint32_t bytes)
{
	if (!bytes || me.recovering)
		return;
	me.recovering = true;
	me.recover = me.s.nxt;
	rack_probe_forget(&me.rack);
}

static void detect(void)
{
	struct rack_env env = env_now(false);
	ns_t timer, expected_timer = NS_NEVER;
	uint32_t bytes, expected = 0, n = me.s.records.n;

	loss_steps = 0;
	bytes = rack_detect(&me.rack, &me.s, me.cells, &env, &timer);
	/* only what is marked is looked at, and one more */
	CHECK(loss_steps <= 2 + (bytes + MSS - 1) / MSS * (loss_log2(n) + 3) * 2);
	if (me.naive.sent != NS_NEVER) {
		me.naive.window = naive_window(&me.naive, &model, &env);
		expected = model_overdue(&model, me.naive.sent, me.naive.end,
					 me.naive.rtt + me.naive.window, me.now,
					 &expected_timer);
	}
	CHECK(bytes == expected);
	CHECK(timer == expected_timer);
	CHECK(me.rack.window == me.naive.window);
	me.rack_timer = timer;
	me.marked_late += me.rack.reordering_seen ? bytes : 0;
	lost(bytes);
}

static void arm_probe(void)
{
	struct rack_env env = env_now(false);
	ns_t rto = me.rto_timer > me.now ? me.rto_timer - me.now : 0;

	me.probe_timer = NS_NEVER;
	if (rack_may_arm_probe(&me.rack, &me.s, me.recovering))
		me.probe_timer = me.now + rack_probe_timeout(&me.s, &env, 200, rto);
}

static void pull(void)
{
	struct seq_range range = { { 0 }, { 0 } };
	uint32_t len;

	while (scoreboard_in_flight(&me.s) < CWND &&
	       scoreboard_next_lost(&me.s, me.cells, &range)) {
		len = scoreboard_resend(&me.s, me.cells, range.start,
					loss_between(1, 4) * MSS, me.now);
		CHECK(len);
		model_resend(&model, model_at(&model, range.start), len, me.now);
		transmit(model_at(&model, range.start), len);
		me.resent += len;
	}
	while (scoreboard_in_flight(&me.s) + 8 * MSS <= CWND &&
	       model.nxt < STREAM) {
		len = loss_between(1, 8) * MSS;
		len = len < STREAM - model.nxt ? len : STREAM - model.nxt;
		CHECK(scoreboard_send(&me.s, me.cells, len, me.now));
		transmit(model.nxt, len);
		model_send(&model, len, me.now);
		arm_probe();
	}
}

static void check_naive(void)
{
	const struct rack *r = &me.rack;

	CHECK(r->sent == me.naive.sent && r->rtt == me.naive.rtt);
	CHECK(r->sent == NS_NEVER || seq_equal(r->end, me.naive.end));
	CHECK(r->reordering_seen == me.naive.seen);
	CHECK(r->window_mult == me.naive.mult);
	CHECK(r->window_persist == me.naive.persist);
}

static void take_ack(const struct packet *p)
{
	struct scoreboard_input in = {
		.now = me.now, .min_rtt = me.min_rtt, .echo_until = NS_NEVER,
		.ack = model_seq(&model, p->at), .mss = MSS,
		.n_blocks = p->n, .blocks = p->blocks,
	};
	struct scoreboard_result result, expected;
	struct rack_env env;
	bool ends;

	scoreboard_ack(&me.s, me.cells, &in, &result);
	model_ack(&model, &in, &expected);
	check_result(&result, &expected);
	if (scoreboard_has_rtt(&result) &&
	    me.now - result.last_sent < me.min_rtt)
		me.min_rtt = me.now - result.last_sent;
	ends = me.recovering && !seq_before(me.s.una, me.recover);
	me.recovering &= !ends;
	env = env_now(ends);
	rack_ack(&me.rack, &me.s, &result, &env);
	naive_ack(&me.naive, &model, &expected, &env);
	check_naive();
	rack_probe_ack(&me.rack, &result, in.ack, false);
	detect();
	if (result.acked) {
		me.rto_timer = me.now + RTO;
		arm_probe();
	}
}

static void probe(void)
{
	struct seq_range range = { { 0 }, { 0 } };

	me.probe_timer = NS_NEVER;
	if (!rack_may_probe(&me.rack) ||
	    !scoreboard_last(&me.s, me.cells, MSS, &range))
		return;
	me.n_probes++;
	CHECK(scoreboard_resend(&me.s, me.cells, range.start, MSS, me.now) == MSS);
	model_resend(&model, model_at(&model, range.start), MSS, me.now);
	rack_probe_sent(&me.rack, me.s.nxt, true);
	transmit(model_at(&model, range.start), MSS);
}

/* RFC 8985 §6.3, of each byte. */
static uint32_t naive_timeout(const struct rack_env *env)
{
	uint32_t bytes = 0;
	ns_t wait;

	if (model.byte[model.una].state == RECORD_SACKED) {
		for (uint32_t at = model.una; at < model.nxt; at++)
			bytes += model.byte[at].state == RECORD_SACKED;
		model_forget_sacks(&model);
	}
	wait = me.naive.rtt + naive_window(&me.naive, &model, env);
	me.naive.window = wait - me.naive.rtt;
	for (uint32_t at = model.una; at < model.nxt; at++)
		if (model.byte[at].state == RECORD_FLIGHT &&
		    (at < model.una + MSS || model.byte[at].sent + wait <= me.now)) {
			model.byte[at].state = RECORD_LOST;
			bytes++;
		}
	return bytes;
}

static void timeout(void)
{
	struct rack_env env = env_now(false);
	uint32_t bytes = rack_timeout(&me.rack, &me.s, me.cells, &env);

	CHECK(bytes == naive_timeout(&env));
	CHECK(bytes || me.s.lost);
	me.n_timeouts++;
	me.recovering = false;
	lost(1);
	me.rto_timer = me.now + RTO;
	me.probe_timer = me.rack_timer = NS_NEVER;
}

/* ---- Time ------------------------------------------------------------------------ */

static void begin(const struct profile *p)
{
	memset(&path, 0, sizeof(path));
	memset(&me, 0, sizeof(me));
	memset(&model, 0, sizeof(model));
	model.first = loss_first_seq();
	path.p = *p;
	path.cells = loss_pool(1024, 0);
	reassemble_init(&path.in, 500, UINT32_MAX);
	me.cells = loss_pool(2048, 0);
	scoreboard_init(&me.s, model.first, 2048);
	rack_init(&me.rack);
	me.naive = (struct naive){ .sent = NS_NEVER, .mult = 1, .persist = 16 };
	me.now = 10000;
	me.min_rtt = RTT;
	me.rack_timer = me.probe_timer = me.rto_timer = NS_NEVER;
}

static void end(void)
{
	CHECK(path.next == STREAM && me.s.records.n == 0);
	CHECK(me.cells->n_free == me.cells->capacity);
	CHECK(path.cells->n_free == path.cells->capacity);
	free(me.cells);
	free(path.cells);
}

static struct packet take_packet(uint32_t idx)
{
	struct packet p = path.packet[idx];

	path.packet[idx] = path.packet[--path.n];
	return p;
}

/* Whatever is due next; of packets due together any one. */
static void next_event(void)
{
	ns_t due = me.rack_timer < me.probe_timer ? me.rack_timer : me.probe_timer;
	uint32_t idx = UINT32_MAX;
	struct packet p;

	due = due < me.rto_timer ? due : me.rto_timer;
	for (uint32_t k = 0; k < path.n; k++) {
		/* what was sent first arrives first, unless delayed */
		if (path.packet[k].due < due ||
		    (idx != UINT32_MAX && path.packet[k].due == due &&
		     path.packet[k].at < path.packet[idx].at)) {
			due = path.packet[k].due;
			idx = k;
		}
	}
	me.now = me.now > due ? me.now : due;
	if (idx != UINT32_MAX) {
		p = take_packet(idx);
		if (p.ack)
			take_ack(&p);
		else
			receive(&p);
	} else if (due == me.rack_timer) {
		detect();
	} else if (due == me.probe_timer) {
		probe();
	} else {
		timeout();
	}
}

static void transfer(const struct profile *p)
{
	begin(p);
	pull();
	for (; model.una < STREAM; loss_run.step++) {
		CHECK(loss_run.step < 50000);	/* it gets done */
		next_event();
		if (loss_run.step % 4 == 0)
			check_model(&me.s, me.cells, &model);
		pull();
	}
	while (path.n)	/* what is still on its way does no harm */
		next_event();
	end();
}

static void rfc_8985_6_2_equals_its_pseudocode(void **state)
{
	(void)state;
	FOR_EACH_SEED(150) {
		struct profile p = {
			.loss = loss_random(3) * 30,
			.ack_loss = loss_random(3) * 60,
			.jitter = loss_random(3) * loss_random(400),
			.duplicate = loss_random(3) * 20,
			.reneges = !loss_random(4),
		};

		transfer(&p);
	}
}

/* No loss, no reordering: nothing is ever sent again. */
static void rfc_8985_no_loss_nothing_is_sent_again(void **state)
{
	(void)state;
	FOR_EACH_SEED(20) {
		transfer(&(struct profile){ 0 });
		CHECK(me.resent == 0 && me.n_timeouts == 0 && me.n_probes == 0);
	}
}

/* Losses only: what is sent again is what was lost, to the byte. */
static void rfc_8985_6_2_sent_again_is_what_was_lost(void **state)
{
	uint32_t n = 0;

	(void)state;
	FOR_EACH_SEED(100) {
		transfer(&(struct profile){ .loss = 10 });
		if (me.n_timeouts || me.n_probes)
			continue;
		CHECK(me.resent == path.n_lost);
		n++;
	}
	assert_in_range(n, 50, 100000);
}

/* RFC 8985 §3.3: once reordering was seen, a quarter of an RTT of it is no loss. */
static void rfc_8985_3_3_reordering_is_learnt(void **state)
{
	uint32_t n = 0;

	(void)state;
	FOR_EACH_SEED(50) {
		transfer(&(struct profile){ .jitter = RTT / 8 });
		CHECK(me.n_timeouts == 0);
		CHECK(me.marked_late == 0);
		n += me.rack.reordering_seen && me.resent;
	}
	assert_in_range(n, 10, 100000);	/* before, it made mistakes */
}

/* ---- Single cases -------------------------------------------------------------- */

static struct rack rack;
static struct rack_env env;
static struct scoreboard_result result;

static int set_up(void **state)
{
	(void)state;
	loss_begin(0);
	begin(&(struct profile){ 0 });
	rack_init(&rack);
	env = (struct rack_env){ .now = 1000, .min_rtt = 400, .srtt = 1000,
				 .mss = MSS };
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	scoreboard_free(&me.s, me.cells);
	free(me.cells);
	free(path.cells);
	return 0;
}

static seq_t at(uint32_t offset)
{
	return model_seq(&model, offset);
}

static void ack(uint32_t number, ns_t now, uint32_t from, uint32_t to)
{
	struct tcp_sack block = { at(from), at(to) };
	struct scoreboard_input in = { .now = now, .echo_until = NS_NEVER,
				       .ack = at(number), .mss = MSS,
				       .n_blocks = from != to,
				       .blocks = &block };

	env.now = now;
	scoreboard_ack(&me.s, me.cells, &in, &result);
	rack_ack(&rack, &me.s, &result, &env);
}

static void rfc_8985_6_2_step_4_window_before_reordering(void **state)
{
	ns_t timer;

	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	ack(0, 500, MSS, 3 * MSS);
	assert_int_equal(rack_detect(&rack, &me.s, me.cells, &env, &timer), 0);
	assert_int_equal(rack.window, 100);		/* two: a quarter */
	assert_int_equal(timer, 100 + 400 + 100);
	ack(0, 500, MSS, 4 * MSS);
	assert_int_equal(rack_detect(&rack, &me.s, me.cells, &env, &timer), MSS);
	assert_int_equal(rack.window, 0);		/* three: none */
	assert_int_equal(timer, NS_NEVER);
}

static void rfc_8985_6_2_step_4_no_window_in_recovery(void **state)
{
	ns_t timer;

	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	env.in_recovery = true;
	ack(0, 500, MSS, 2 * MSS);
	assert_int_equal(rack_detect(&rack, &me.s, me.cells, &env, &timer), MSS);
	rack.reordering_seen = true;
	rack_detect(&rack, &me.s, me.cells, &env, &timer);
	assert_int_equal(rack.window, 100);
}

static void rfc_8985_6_2_step_3_reordering_is_seen(void **state)
{
	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	ack(0, 500, MSS, 2 * MSS);
	assert_false(rack.reordering_seen);
	ack(2 * MSS, 510, 0, 0);	/* it was only late */
	assert_true(rack.reordering_seen);
}

/* What was sent again does not show reordering. */
static void rfc_8985_6_2_step_3_not_by_what_was_sent_again(void **state)
{
	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	ack(0, 500, MSS, 2 * MSS);
	assert_int_equal(scoreboard_resend(&me.s, me.cells, at(0), MSS, 600), MSS);
	ack(2 * MSS, 1000, 0, 0);
	assert_false(rack.reordering_seen);
	assert_int_equal(rack.sent, 600);
	assert_int_equal(rack.rtt, 400);
}

static void rfc_8985_6_2_step_4_dsack_widens_once_a_round(void **state)
{
	ns_t timer;

	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 40 * MSS, 100));
	for (uint32_t n = 1; n <= 20; n++) {
		ack(2 * n * MSS - MSS, 500, 0, MSS);	/* D-SACK */
		assert_int_equal(rack.window_mult, n + 1);
		ack(2 * n * MSS - MSS, 500, 0, MSS);	/* same round */
		assert_int_equal(rack.window_mult, n + 1);
		ack(2 * n * MSS, 500, 0, 0);
		assert_true(scoreboard_send(&me.s, me.cells, MSS, 500 + n));
		rack.dsack_round = at(2 * n * MSS);	/* it was this far */
	}
	rack_detect(&rack, &me.s, me.cells, &env, &timer);
	assert_int_equal(rack.window, 1000);	/* never more than SRTT */
	env.recovery_ends = true;
	for (uint32_t n = 0; n < RACK_PERSIST; n++) {
		assert_int_equal(rack.window_mult, 21);
		ack(40 * MSS, 600, 0, 0);
	}
	assert_int_equal(rack.window_mult, 1);
	rack.window_mult = RACK_MULT_MAX;
	env.recovery_ends = false;
	ack(40 * MSS, 600, 0, MSS);
	assert_int_equal(rack.window_mult, RACK_MULT_MAX);
}

/* A retransmission that is lost is found like anything else. */
static void rfc_8985_3_4_lost_retransmission(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };
	ns_t timer;

	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	ack(0, 500, MSS, 5 * MSS);
	assert_int_equal(rack_detect(&rack, &me.s, me.cells, &env, &timer), MSS);
	assert_int_equal(scoreboard_resend(&me.s, me.cells, at(0), MSS, 500), MSS);
	assert_true(scoreboard_send(&me.s, me.cells, MSS, 510));
	ack(0, 910, 5 * MSS, 11 * MSS);
	assert_int_equal(rack_detect(&rack, &me.s, me.cells, &env, &timer), MSS);
	assert_true(scoreboard_next_lost(&me.s, me.cells, &range));
	assert_true(seq_equal(range.start, at(0)));
}

/* The first segment, and what is older than RTT and window: not what is fresh. */
static void rfc_8985_6_3_timeout_spares_what_is_fresh(void **state)
{
	struct seq_range range = { { 0 }, { 0 } };

	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, MSS, 100));
	ack(MSS, 500, 0, 0);
	assert_true(scoreboard_send(&me.s, me.cells, 5 * MSS, 2000));
	assert_true(scoreboard_send(&me.s, me.cells, 5 * MSS, 2400));
	env.now = 2000 + 400 + 99;
	assert_int_equal(rack_timeout(&rack, &me.s, me.cells, &env), MSS);
	assert_true(scoreboard_next_lost(&me.s, me.cells, &range));
	assert_true(seq_equal(range.start, at(MSS)));
	assert_true(seq_equal(range.end, at(2 * MSS)));
	env.now++;
	assert_int_equal(rack_timeout(&rack, &me.s, me.cells, &env), 4 * MSS);
	assert_int_equal(scoreboard_in_flight(&me.s), 5 * MSS);
}

static void rfc_2018_8_timeout_forgets_what_was_reneged(void **state)
{
	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 10 * MSS, 100));
	ack(0, 500, 4 * MSS, 10 * MSS);
	env.now = 100;
	rack_timeout(&rack, &me.s, me.cells, &env);
	assert_int_equal(me.s.sacked, 6 * MSS);	/* no sign of it: RFC 6675 §5.1 */
	ack(4 * MSS, 600, 0, 0);
	assert_true(result.flags & SCOREBOARD_RENEGED);
	assert_int_equal(rack_timeout(&rack, &me.s, me.cells, &env), 6 * MSS);
	assert_int_equal(me.s.sacked, 0);
}

static void rfc_8985_7_2_when_and_for_how_long(void **state)
{
	(void)state;
	assert_false(rack_may_arm_probe(&rack, &me.s, false));	/* nothing out */
	assert_true(scoreboard_send(&me.s, me.cells, MSS, 100));
	assert_true(rack_may_arm_probe(&rack, &me.s, false));
	assert_false(rack_may_arm_probe(&rack, &me.s, true));
	assert_int_equal(rack_probe_timeout(&me.s, &env, 200, 9999), 2200);
	assert_true(scoreboard_send(&me.s, me.cells, MSS, 100));
	assert_int_equal(rack_probe_timeout(&me.s, &env, 200, 9999), 2000);
	assert_int_equal(rack_probe_timeout(&me.s, &env, 200, 1500), 1500);
	env.srtt = 0;
	assert_int_equal(rack_probe_timeout(&me.s, &env, 200, NS_NEVER),
			 1000000000);
	ack(0, 500, MSS, 2 * MSS);
	assert_false(rack_may_arm_probe(&rack, &me.s, false));	/* SACKed */
}

static void rfc_8985_7_3_one_probe_until_an_rtt_is_measured(void **state)
{
	(void)state;
	assert_true(scoreboard_send(&me.s, me.cells, 4 * MSS, 100));
	assert_true(rack_may_probe(&rack));
	rack_probe_sent(&rack, at(4 * MSS), false);
	assert_false(rack_may_probe(&rack));
	result = (struct scoreboard_result){ .flags = 0 };
	assert_int_equal(rack_probe_ack(&rack, &result, at(4 * MSS), false),
			 RACK_PROBE_DONE);
	assert_false(rack_may_probe(&rack));	/* no RTT since */
	ack(4 * MSS, 500, 0, 0);
	assert_true(rack_may_probe(&rack));
}

static void rfc_8985_7_4_what_became_of_the_probe(void **state)
{
	static const struct {
		uint32_t ack;		/* 10 is the end of the probe           */
		uint32_t dsack_end;	/* 0: none                              */
		bool resent, duplicate;
		enum rack_probe verdict;
		bool still_out;
	} T[] = {
		/*  1 */ { 9, 0, true, false, RACK_PROBE_NONE, true },
		/*  2 */ { 9, 10, true, false, RACK_PROBE_NONE, true },
		/*  3 */ { 10, 0, false, false, RACK_PROBE_DONE, false },
		/*  4 */ { 12, 0, false, false, RACK_PROBE_DONE, false },
		/*  5 */ { 10, 0, true, false, RACK_PROBE_NONE, true },
		/*  6 */ { 10, 10, true, false, RACK_PROBE_DONE, false },
		/*  7 */ { 10, 9, true, false, RACK_PROBE_NONE, true },
		/*  8 */ { 11, 0, true, false, RACK_PROBE_REPAIRED, false },
		/*  9 */ { 11, 10, true, false, RACK_PROBE_DONE, false },
		/* 10 */ { 10, 0, true, true, RACK_PROBE_DONE, false },
	};

	(void)state;
	for (uint32_t n = 0; n < ARRAY_SIZE(T); n++) {
		loss_run.step = n + 1;
		rack_probe_sent(&rack, at(10), T[n].resent);
		result = (struct scoreboard_result){
			.flags = T[n].dsack_end ? SCOREBOARD_DSACK : 0,
			.dsack = { at(1), at(T[n].dsack_end) },
		};
		CHECK(rack_probe_ack(&rack, &result, at(T[n].ack),
				     T[n].duplicate) == T[n].verdict);
		CHECK(rack.probe_out == T[n].still_out);
	}
	rack_probe_forget(&rack);
	CHECK(rack_probe_ack(&rack, &result, at(20), false) == RACK_PROBE_NONE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_8985_6_2_equals_its_pseudocode),
		cmocka_unit_test(rfc_8985_no_loss_nothing_is_sent_again),
		cmocka_unit_test(rfc_8985_6_2_sent_again_is_what_was_lost),
		cmocka_unit_test(rfc_8985_3_3_reordering_is_learnt),
		CASE(rfc_8985_6_2_step_4_window_before_reordering),
		CASE(rfc_8985_6_2_step_4_no_window_in_recovery),
		CASE(rfc_8985_6_2_step_3_reordering_is_seen),
		CASE(rfc_8985_6_2_step_3_not_by_what_was_sent_again),
		CASE(rfc_8985_6_2_step_4_dsack_widens_once_a_round),
		CASE(rfc_8985_3_4_lost_retransmission),
		CASE(rfc_8985_6_3_timeout_spares_what_is_fresh),
		CASE(rfc_2018_8_timeout_forgets_what_was_reneged),
		CASE(rfc_8985_7_2_when_and_for_how_long),
		CASE(rfc_8985_7_3_one_probe_until_an_rtt_is_measured),
		CASE(rfc_8985_7_4_what_became_of_the_probe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

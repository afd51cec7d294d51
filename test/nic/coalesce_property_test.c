// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_property_test.c - What holds whatever the traffic is
 *
 * DOC: Theory of operation
 * Each seed is a script of random traffic with random options (traffic.h), run
 * under the oracle (watch.h), which checks every packet and every counter. The
 * script is then run again in other batches and by the other variants for this
 * CPU: the packets must be the same, bit for bit.
 *
 *   TTO_SEEDS=N     how many seeds (default 200)
 *   TTO_FIRST=N     the first one (default 1)
 *
 * A seed that fails prints the command line that repeats it.
 * Covers SPEC RX-1 .. RX-5, RX-7 .. RX-17.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "nic/scene.h"
#include "nic/traffic.h"

enum batches { AS_MADE, ONE_BY_ONE, RANDOM_PIECES, N_BATCHES };

static const char *const variants[] = { "portable", "avx2", "avx512" };

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

static void push_in_pieces(struct watch *w, const struct script *script,
			   const struct script_step *step, enum batches batches,
			   uint64_t *random)
{
	uint32_t at = 0, n;

	if (!step->n)
		watch_push(w, NULL, 0, step->at_ns);
	for (; at < step->n; at += n) {
		n = step->n - at;
		if (batches == ONE_BY_ONE)
			n = 1;
		if (batches == RANDOM_PIECES)
			n = 1 + random_below(random, n);
		watch_push(w, script->frames + step->from + at, n, step->at_ns);
	}
}

static void run_step(struct watch *w, const struct script *script,
		     const struct script_step *step, enum batches batches,
		     uint64_t *random)
{
	switch (step->call) {
	case SCRIPT_PUSH:
		push_in_pieces(w, script, step, batches, random);
		break;
	case SCRIPT_SENT:
		watch_sent(w, script->frames + step->from, step->n, step->at_ns);
		break;
	case SCRIPT_POLL:
		watch_poll(w, step->at_ns);
		break;
	default:
		watch_flush(w, step->at_ns);
		break;
	}
}

/* Return: 0, or -ENOTSUP when this CPU has no such variant. */
static int run_script(struct watch *w, const struct script *script,
		      const char *cpu, enum batches batches)
{
	struct tto_coalescer_options o = script->options;
	uint64_t random = batches;
	int err;

	o.cpu = cpu;
	err = watch_open(w, &o);
	for (uint32_t i = 0; !err && !w->failure[0] && i < script->n_steps; i++) {
		if (script->diligent)
			watch_run_to(w, script->steps[i].at_ns);
		run_step(w, script, &script->steps[i], batches, &random);
		if (i % 8 == 0)
			watch_check(w);
	}
	return err;
}

static int describe(const struct watch_packet *p, char *out, size_t size)
{
	return snprintf(out, size, "%u frames from %d, %s, %u+%u bytes, gso %u "
			"flags %u csum %u acks %u tsval %u at %" PRIu64 ", of %"
			PRIu64, p->n_frames, (int)p->first,
			tto_cause_name(p->cause), p->header_len, p->payload_len,
			p->gso_size, p->gso_flags, p->csum, p->n_acks,
			p->first_tsval, p->at_ns, p->first_ns);
}

static void compare(struct watch *w, const struct watch *first)
{
	char now[200], before[200];

	for (uint32_t i = 0; i < w->n_packets && i < first->n_packets; i++) {
		const struct watch_packet *a = &first->packets[i];
		const struct watch_packet *b = &w->packets[i];

		if (a->digest == b->digest && a->first == b->first)
			continue;
		describe(a, before, sizeof(before));
		describe(b, now, sizeof(now));
		watch_fail(w, "packet %u differs: %s; was %s", i, now, before);
		return;
	}
	if (w->n_packets != first->n_packets)
		watch_fail(w, "%u packets, were %u", w->n_packets,
			   first->n_packets);
}

/* Number of the frame that a failure speaks of, 0 when it names none. */
static uint32_t frame_named(const char *failure)
{
	const char *at = strstr(failure, "frame ");

	if (!at)
		at = strstr(failure, "from ");
	while (at && *at && (*at < '0' || *at > '9'))
		at++;
	return at ? (uint32_t)strtoul(at, NULL, 10) : 0;
}

static void report(const struct watch *w, uint64_t seed, const char *cpu,
		   enum batches batches)
{
	static const char *const names[] = { "as made", "one by one",
					     "in random pieces" };
	const struct tto_coalescer_options *o = &w->options;
	uint32_t frame = frame_named(w->failure);

	fprintf(stderr, "seed %" PRIu64 ", cpu %s, pushed %s: %s\n", seed,
		cpu ? cpu : "best", names[batches], w->failure);
	fprintf(stderr, "policy %u output %u link %u flows %u ral %u segments "
		"%u buffers %u partial %u acked %u timeouts %" PRIu64 " %" PRIu64
		"\n", o->policy, o->output, o->link, o->flows, o->ral,
		o->segments, o->buffers, o->partial_csum,
		o->receive_acked_bytes_aggregation, o->timeout_aggregation_ns,
		o->timeout_ack_aggregation_ns);
	watch_print(w, frame > 12 ? frame - 12 : 0, frame + 24);
	fprintf(stderr, "repeat: TTO_FIRST=%" PRIu64 " TTO_SEEDS=1 "
		"coalesce_property_test\n", seed);
}

/* Return: whether all was well. */
static bool run_again(const struct script *script, const struct watch *first,
		      uint64_t seed, const char *cpu, enum batches batches)
{
	struct watch w;
	bool well;

	if (run_script(&w, script, cpu, batches) == -ENOTSUP) {
		watch_close(&w);
		return true;
	}
	if (!w.failure[0])
		compare(&w, first);
	well = !w.failure[0];
	if (!well)
		report(&w, seed, cpu, batches);
	watch_close(&w);
	return well;
}

static bool run_seed(uint64_t seed)
{
	struct script script;
	struct watch first;
	bool well;

	script_make(&script, seed);
	well = !run_script(&first, &script, NULL, AS_MADE) && !first.failure[0];
	if (!well)
		report(&first, seed, NULL, AS_MADE);
	well = well && run_again(&script, &first, seed, NULL,
				 1 + seed % (N_BATCHES - 1));
	for (size_t i = 0; well && i < ARRAY_SIZE(variants); i++)
		well = run_again(&script, &first, seed, variants[i],
				 (seed + i) % N_BATCHES);
	watch_close(&first);
	script_free(&script);
	return well;
}

static void rx_1_to_rx_17_random_traffic(void **state)
{
	uint64_t first = from_environment("TTO_FIRST", 1);
	uint64_t n = from_environment("TTO_SEEDS", 200);
	unsigned failed = 0;

	(void)state;
	for (uint64_t seed = first; seed < first + n && failed < 5; seed++)
		failed += !run_seed(seed);
	assert_int_equal(failed, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rx_1_to_rx_17_random_traffic),
	};

	return cmocka_run_group_tests_name("coalesce property", tests, NULL,
					   NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * address_test.c - A host and addresses that are nobody's
 *
 * The host is one of the simulator's; datagrams are given to it behind its device,
 * frames are counted where they leave.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "endpoint/host.h"
#include "packet/headers.h"

#define PORT 80
#define BEGIN (1000 * TCP_SECOND)

struct address {
	bool v6, is_nobodys;
	uint8_t ip[16];
};

static const struct address addresses[] = {
	{ false, false, { 10, 0, 0, 1 } },
	{ false, false, { 127, 0, 0, 1 } },
	{ false, false, { 1, 0, 0, 0 } },
	{ false, false, { 223, 255, 255, 255 } },
	{ false, true, { 0, 0, 0, 0 } },
	{ false, true, { 0, 0, 0, 1 } },
	{ false, true, { 224, 0, 0, 1 } },
	{ false, true, { 239, 255, 255, 255 } },
	{ false, false, { 240, 0, 0, 1 } },
	{ false, false, { 255, 255, 255, 254 } },
	{ false, true, { 255, 255, 255, 255 } },
	{ true, false, { 0xfd, [15] = 1 } },
	{ true, false, { [15] = 1 } },
	{ true, false, { 0xfe, 0x80, [15] = 1 } },
	{ true, true, { 0 } },
	{ true, true, { 0xff, 2, [15] = 1 } },
	{ true, true, { 0xff, 0x0e, [15] = 9 } },
};

/* ---- A host --------------------------------------------------------------------- */

struct scene {
	struct host *host;
	struct side side;
	struct verdict verdict;
	uint32_t n_sent;
};

static void count_frame(void *ctx, const uint8_t *frame, uint32_t len,
			const struct wire_offload *o)
{
	struct host *h = ctx;
	struct scene *s = h->around;

	(void)frame;
	(void)len;
	(void)o;
	s->n_sent++;
}

static const uint8_t *no_payload(const struct connection *c, uint64_t at,
				 uint32_t len)
{
	(void)c;
	(void)at;
	assert_int_equal(len, 0);
	return NULL;
}

static const struct host_ops ops = { .transmit = count_frame,
				     .payload = no_payload };

static void begin(struct scene *s, const struct address *local,
		  const struct address *remote, bool listens)
{
	struct host_setup setup = {
		.side = &s->side, .tuple = { .v6 = local->v6 },
		.listens = listens, .n_connections = 1, .n_parallel = 1,
		.start_at = BEGIN,
	};

	memset(s, 0, sizeof(*s));
	tcp_config_default(&s->side.config);
	s->side.mtu = 1500;
	s->side.n_cells = 64;
	s->side.n_requests = 4;
	s->side.clock_start = BEGIN;
	s->side.clock_tick = 1;
	s->side.wheel_shift = 16;
	memcpy(setup.tuple.local, local->ip, 16);
	memcpy(setup.tuple.remote, remote->ip, 16);
	setup.tuple.local_port = listens ? PORT : 0;
	setup.tuple.remote_port = listens ? 0 : PORT;
	s->host = host_open(&setup, &ops, &s->verdict, s);
}

static void end(struct scene *s)
{
	assert_false(s->verdict.failed);
	host_close(s->host);
}

/* What a datagram to @port makes the host send [frames]. */
static uint32_t answers(const struct address *local, const struct address *remote,
			uint16_t port, uint16_t flags)
{
	struct datagram d = {
		.tuple = { .local_port = port, .remote_port = 999,
			   .v6 = local->v6 },
		.segment = { .flags = flags, .seq = seq(5), .window = 1000,
			     .n_frames = 1 },
	};
	struct scene s;

	begin(&s, local, remote, true);
	memcpy(d.tuple.local, local->ip, 16);
	memcpy(d.tuple.remote, remote->ip, 16);
	s.host->device.arrive(s.host, &d);
	assert_int_equal(s.host->n_requests_used,
			 s.n_sent && port == PORT && flags == TCP_SYN);
	end(&s);
	return s.n_sent;
}

/* SYNs that a host sends when it is to connect. */
static uint32_t opens(const struct address *local, const struct address *remote)
{
	struct scene s;

	begin(&s, local, remote, false);
	host_run(s.host, BEGIN);
	assert_int_equal(s.host->n_started, s.n_sent);
	assert_true(s.n_sent || host_next(s.host) == NS_NEVER);
	end(&s);
	return s.n_sent;
}

/* ---- All pairs -------------------------------------------------------------------- */

static void for_each_pair(void (*judge)(const struct address *local,
					const struct address *remote,
					bool possible))
{
	for (unsigned a = 0; a < ARRAY_SIZE(addresses); a++)
		for (unsigned b = 0; b < ARRAY_SIZE(addresses); b++) {
			const struct address *l = &addresses[a], *r = &addresses[b];

			if (l->v6 == r->v6)
				judge(l, r, !l->is_nobodys && !r->is_nobodys);
		}
}

static void judge_open(const struct address *local, const struct address *remote,
		       bool possible)
{
	assert_int_equal(opens(local, remote), possible);
}

/* RFC 9293 §3.9.1.1. */
static void must_46_no_open_to_groups_and_broadcasts(void **state)
{
	(void)state;
	for_each_pair(judge_open);
}

static void judge_answer(const struct address *local,
			 const struct address *remote, bool possible)
{
	assert_int_equal(answers(local, remote, PORT, TCP_SYN), possible);
	/* Nobody listens there: RST. */
	assert_int_equal(answers(local, remote, PORT + 1, TCP_SYN), possible);
	assert_int_equal(answers(local, remote, PORT, TCP_ACK), possible);
}

/* RFC 9293 §3.9.2.3: to such addresses MUST-57, from them MUST-63. */
static void must_57_must_63_silence(void **state)
{
	(void)state;
	for_each_pair(judge_answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(must_46_no_open_to_groups_and_broadcasts),
		cmocka_unit_test(must_57_must_63_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * port_test.c - Whose a local port is, held, used or chosen (SPEC AG-1, AG-3, AG-7, KT-3)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "host/view.h"
#include "request_scene.h"

#define PAGE 4096u
#define REUSE CONTROL_HOLD_REUSE
#define ANY 0			/* as the last byte of an address               */
#define ONE 1

/* In place of the kernel: which ports are claimed and carried, and which it refuses. */
static struct {
	int claimed[1 << 16], carried[1 << 16];
	uint16_t taken_first, taken_last;	/* by programs                  */
	int carry_error;
} kernel;

static int claim(void *ctx, const struct host_port *port, void **claimed)
{
	if (kernel.taken_last && port->port >= kernel.taken_first &&
	    port->port <= kernel.taken_last)
		return -EADDRINUSE;
	kernel.claimed[port->port]++;
	*claimed = ctx;
	return 0;
}

static void release(void *ctx, const struct host_port *port, void *claimed)
{
	assert_ptr_equal(claimed, ctx);
	kernel.claimed[port->port]--;
	assert_true(kernel.claimed[port->port] >= kernel.carried[port->port]);
}

static int carry(void *ctx, const struct host_port *port, void *claimed, bool begins)
{
	assert_ptr_equal(claimed, ctx);
	if (begins && kernel.carry_error)
		return kernel.carry_error;
	kernel.carried[port->port] += begins ? 1 : -1;
	assert_true(kernel.carried[port->port] >= 0);
	assert_true(kernel.claimed[port->port] >= kernel.carried[port->port]);
	return 0;
}

static struct host_options options(void)
{
	return (struct host_options){
		.hooks = { .ctx = &kernel, .claim = claim, .release = release,
			   .carry = carry },
	};
}

static struct host_policy policy_of(uint32_t user)
{
	struct host_policy p;

	host_policy_all(&p);
	p.user = user;
	return p;
}

static int set_up(void **state)
{
	static struct scene s;
	struct host_options o = options();
	struct host_policy p = policy_of(1);

	memset(&kernel, 0, sizeof(kernel));
	scene_open(&s, &o);
	scene_client(&s, &p);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	for (uint32_t n = 0; n < 1 << 16; n++) {
		assert_int_equal(kernel.claimed[n], 0);
		assert_int_equal(kernel.carried[n], 0);
	}
	return 0;
}

/* ---- Asking ---------------------------------------------------------------------------- */

static struct control_tuple local_side(uint8_t local, uint16_t port)
{
	struct control_tuple t = { .local_port = port };

	if (local != ANY)
		memcpy(t.local, (uint8_t[]){ 10, 0, 0, local }, 4);
	return t;
}

/* Return: status; the handle is in s->reply. */
static int hold(struct scene *s, uint8_t local, uint16_t port, uint32_t flags)
{
	struct control_request *r = scene_ask(s, CONTROL_HOLD_PORT);

	r->hold.tuple = local_side(local, port);
	r->hold.flags = flags;
	return scene_do(s);
}

static int end(struct scene *s, enum control_operation operation, uint32_t handle)
{
	scene_ask(s, operation)->handle = handle;
	return scene_do(s);
}

static uint32_t cq_of(struct scene *s)
{
	return scene_queue(s, scene_object(s, PAGE), 0, RING_COMPLETION, CONTROL_NONE);
}

static int listen_at(struct scene *s, uint8_t local, uint16_t port, uint32_t cq)
{
	struct control_tuple t = local_side(local, port);

	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	return scene_do(s);
}

/* Each to another. */
static int flow_from(struct scene *s, uint8_t local, uint16_t port, uint32_t cq)
{
	struct control_tuple t = scene_tuple(local, port);
	static uint16_t remote;

	t.remote_port = ++remote;
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	return scene_do(s);
}

static uint32_t ports_of(const struct scene *s)
{
	struct host_usage u;

	host_client_usage(s->client, &u);
	return u.ports;
}

/* ---- What makes no sense ----------------------------------------------------------------- */

static void holds_that_make_no_sense(void **state)
{
	struct scene *s = *state;

#define WRONG(change) \
	do { \
		scene_ask(s, CONTROL_HOLD_PORT)->hold.tuple = local_side(ONE, 80); \
		change; \
		assert_int_equal(scene_do(s), -EINVAL); \
	} while (0)
#define ASK s->ask.hold

	WRONG(ASK.tuple.v6 = 2);
	WRONG(ASK.tuple.local[4] = 1);
	WRONG(ASK.tuple.remote[0] = 1);
	WRONG(ASK.tuple.remote_port = 1);
	WRONG(ASK.flags = 2);
	assert_int_equal(ports_of(s), 0);
	assert_int_equal(hold(s, ONE, 80, 0), 0);
	/* It is no flow, and no flow is one. */
	assert_int_equal(end(s, CONTROL_REMOVE_FLOW, s->reply.handle), -ENOENT);
	assert_int_equal(hold(s, ONE, 81, 0), 0);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, s->reply.handle), 0);
	scene_do(s);
	assert_int_equal(s->reply.status, -ENOENT);
}

static void only_own_addresses_can_be_held(void **state)
{
	struct host_options o = options();
	struct scene s;

	(void)state;
	o.n_addresses = 1;
	o.addresses[0] = (struct host_address){ .address = { 10, 0, 0, ONE },
						.prefix_bits = 24 };
	scene_open(&s, &o);
	scene_client(&s, NULL);
	assert_int_equal(hold(&s, ONE, 80, 0), 0);
	assert_int_equal(hold(&s, 2, 80, 0), -EADDRNOTAVAIL);
	assert_int_equal(hold(&s, ANY, 81, 0), 0);
	scene_close(&s);
}

static void holds_count_as_flows(void **state)
{
	struct scene *s = *state;
	struct host_policy p = policy_of(2);

	p.limits.flows = 3;
	scene_client(s, &p);
	for (uint16_t n = 0; n < 3; n++)
		assert_int_equal(hold(s, ONE, (uint16_t)(80 + n), 0), 0);
	assert_int_equal(hold(s, ONE, 99, 0), -EDQUOT);
	assert_int_equal(kernel.claimed[99], 0);
}

/* ---- Who may have it beside ------------------------------------------------------------------ */

enum what { HOLD, HOLD_REUSE, LISTEN, LISTEN_REUSE, FLOW, FLOW_REUSE, N_WHAT };

/* Takes the port as @what says: those with REUSE hold it so before. */
static int take(struct scene *s, enum what what, uint8_t local, uint16_t port)
{
	int err = 0;

	switch (what) {
	case HOLD: return hold(s, local, port, 0);
	case HOLD_REUSE: return hold(s, local, port, REUSE);
	case LISTEN_REUSE:
	case FLOW_REUSE:
		err = hold(s, local, port, REUSE);
		break;
	default:
		break;
	}
	if (err)
		return err;
	return what == LISTEN || what == LISTEN_REUSE ?
	       listen_at(s, local, port, cq_of(s)) :
	       flow_from(s, ONE, port, cq_of(s));
}

static bool reuses(enum what what)
{
	return what == HOLD_REUSE || what == LISTEN_REUSE || what == FLOW_REUSE;
}

static bool listens(enum what what)
{
	return what == LISTEN || what == LISTEN_REUSE;
}

/* All pairs, by what bind(2) and listen(2) would do. */
static void kt_3_two_clients_share_when_both_say_so(void **state)
{
	struct scene *s = *state;

	for (int first = 0; first < N_WHAT; first++) {
		for (int second = 0; second < N_WHAT; second++) {
			for (uint32_t other = 0; other < 4; other++) {
				struct host_policy same = policy_of(1);
				struct host_policy with = policy_of(other & 1 ? 2 : 1);
				uint8_t local = other & 2 ? ANY : ONE;
				bool shared = reuses(first) && reuses(second) &&
					      !listens(first) && !(other & 1);
				struct host_client *one, *two;

				one = scene_client(s, &same);
				assert_int_equal(take(s, first, ONE, 80), 0);
				two = scene_client(s, &with);
				assert_int_equal(take(s, second, local, 80),
						 shared ? 0 : -EADDRINUSE);
				host_client_close(one);
				assert_int_equal(kernel.claimed[80] > 0, shared);
				host_client_close(two);
				assert_int_equal(kernel.claimed[80], 0);
			}
		}
	}
}

static void one_client_holds_a_port_once_unless_it_is_reused(void **state)
{
	struct scene *s = *state;
	uint32_t first;

	assert_int_equal(hold(s, ONE, 80, 0), 0);
	first = s->reply.handle;
	assert_int_equal(hold(s, ONE, 80, 0), -EADDRINUSE);
	assert_int_equal(hold(s, ANY, 80, REUSE), -EADDRINUSE);
	assert_int_equal(hold(s, 2, 80, 0), 0);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, first), 0);
	assert_int_equal(hold(s, ONE, 80, REUSE), 0);
	assert_int_equal(hold(s, ONE, 80, REUSE), 0);
	assert_int_equal(hold(s, ONE, 80, 0), -EADDRINUSE);
	assert_int_equal(ports_of(s), 2);
}

static void at_last_one_of_those_who_share_listens(void **state)
{
	struct scene *s = *state;
	struct host_policy same = policy_of(1);
	struct host_client *first = s->client;
	uint32_t cq = cq_of(s), listening;

	assert_int_equal(hold(s, ANY, 80, REUSE), 0);
	scene_client(s, &same);
	assert_int_equal(hold(s, ANY, 80, REUSE), 0);
	assert_int_equal(listen_at(s, ANY, 80, cq_of(s)), 0);
	listening = s->reply.handle;
	struct host_client *second = s->client;

	s->client = first;
	assert_int_equal(listen_at(s, ANY, 80, cq), -EADDRINUSE);
	assert_int_equal(flow_from(s, ONE, 80, cq), 0);
	s->client = second;
	assert_int_equal(end(s, CONTROL_REMOVE_LISTEN, listening), 0);
	s->client = first;
	assert_int_equal(listen_at(s, ANY, 80, cq), 0);
}

/* A server that ended waits for the end of its connections; another begins. */
static void a_port_in_time_wait_is_had_again(void **state)
{
	struct scene *s = *state;
	struct host_policy same = policy_of(1), other = policy_of(2);
	uint32_t cq = cq_of(s), held, listening;

	assert_int_equal(hold(s, ANY, 80, REUSE), 0);
	held = s->reply.handle;
	assert_int_equal(listen_at(s, ANY, 80, cq), 0);
	listening = s->reply.handle;
	assert_int_equal(flow_from(s, ONE, 80, cq), 0);
	assert_int_equal(end(s, CONTROL_REMOVE_LISTEN, listening), 0);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, held), 0);
	assert_int_equal(ports_of(s), 1);

	scene_client(s, &other);
	assert_int_equal(hold(s, ANY, 80, REUSE), -EADDRINUSE);
	scene_client(s, &same);
	assert_int_equal(hold(s, ANY, 80, 0), -EADDRINUSE);
	assert_int_equal(listen_at(s, ANY, 80, cq_of(s)), -EADDRINUSE);
	assert_int_equal(hold(s, ANY, 80, REUSE), 0);
	assert_int_equal(listen_at(s, ANY, 80, cq_of(s)), 0);
}

/* ---- What the kernel is told ------------------------------------------------------------------ */

static void kt_3_what_is_only_held_is_not_carried(void **state)
{
	struct scene *s = *state;
	uint32_t cq = cq_of(s), held, listening, flow;

	assert_int_equal(hold(s, ONE, 80, 0), 0);
	held = s->reply.handle;
	assert_int_equal(kernel.claimed[80], 1);
	assert_int_equal(kernel.carried[80], 0);
	assert_int_equal(listen_at(s, ONE, 80, cq), 0);
	listening = s->reply.handle;
	assert_int_equal(kernel.carried[80], 1);
	assert_int_equal(flow_from(s, ONE, 80, cq), 0);
	flow = s->reply.handle;
	assert_int_equal(end(s, CONTROL_REMOVE_LISTEN, listening), 0);
	assert_int_equal(kernel.carried[80], 1);
	assert_int_equal(end(s, CONTROL_REMOVE_FLOW, flow), 0);
	assert_int_equal(kernel.carried[80], 0);
	assert_int_equal(kernel.claimed[80], 1);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, held), 0);
	assert_int_equal(kernel.claimed[80], 0);
}

static void what_uses_a_port_keeps_it(void **state)
{
	struct scene *s = *state;
	uint32_t cq = cq_of(s), held;

	assert_int_equal(hold(s, ONE, 80, 0), 0);
	held = s->reply.handle;
	assert_int_equal(flow_from(s, ONE, 80, cq), 0);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, held), 0);
	assert_int_equal(kernel.claimed[80], 1);
	assert_int_equal(ports_of(s), 1);
}

static void who_is_refused_leaves_nothing(void **state)
{
	struct scene *s = *state;
	uint32_t cq = cq_of(s);

	kernel.carry_error = -EPERM;
	assert_int_equal(listen_at(s, ONE, 80, cq), -EPERM);
	assert_int_equal(kernel.claimed[80], 0);
	assert_int_equal(hold(s, ONE, 80, 0), 0);
	assert_int_equal(listen_at(s, ONE, 80, cq), -EPERM);
	assert_int_equal(kernel.claimed[80], 1);
	kernel.carry_error = 0;
	kernel.taken_first = kernel.taken_last = 81;
	assert_int_equal(hold(s, ONE, 81, 0), -EADDRINUSE);
	assert_int_equal(listen_at(s, ONE, 81, cq), -EADDRINUSE);
	assert_int_equal(ports_of(s), 1);
}

static void ag_7_a_client_that_is_gone_has_no_ports(void **state)
{
	struct scene *s = *state;
	struct host_policy other = policy_of(2);

	assert_int_equal(hold(s, ONE, 80, 0), 0);
	assert_int_equal(listen_at(s, ONE, 80, cq_of(s)), 0);
	host_client_close(s->client);
	assert_int_equal(kernel.claimed[80], 0);
	assert_int_equal(kernel.carried[80], 0);
	scene_client(s, &other);
	assert_int_equal(hold(s, ONE, 80, 0), 0);
}

/* ---- Chosen ports ------------------------------------------------------------------------------ */

/* Return: the port, or -errno. */
static int choose(struct scene *s)
{
	int err = hold(s, ONE, 0, 0);

	if (err)
		return err;
	assert_int_equal(kernel.claimed[s->reply.flow.port], 1);
	return s->reply.flow.port;
}

static void a_port_is_chosen_at_random_and_is_nobodys(void **state)
{
	struct scene *s = *state;
	struct host_policy other = policy_of(2);
	uint32_t neighbours = 0;
	int last = 0;

	for (int n = 0; n < 400; n++) {
		int port;

		if (n == 200)
			scene_client(s, &other);
		port = choose(s);
		assert_in_range(port, 32768, 60999);
		neighbours += port == last + 1;
		last = port;
	}
	assert_true(neighbours < 10);
}

static void kt_3_what_the_kernel_has_is_not_chosen(void **state)
{
	struct host_options o = options();
	uint32_t seen = 0;
	struct scene s;

	(void)state;
	o.first_port = 40000;
	o.last_port = 40015;
	kernel.taken_first = 40003;
	kernel.taken_last = 40012;
	scene_open(&s, &o);
	scene_client(&s, NULL);
	for (int n = 0; n < 6; n++) {
		int port = choose(&s);

		assert_in_range(port, 40000, 40015);
		seen |= 1u << (port - 40000);
	}
	assert_int_equal(seen, 0xe007);
	assert_int_equal(choose(&s), -EADDRINUSE);
	scene_close(&s);
}

static void policy_of_ranges(struct host_policy *p, uint16_t flow_first,
			     uint16_t flow_last, uint16_t listen_first,
			     uint16_t listen_last)
{
	*p = (struct host_policy){
		.user = 3, .low_ports = 1024, .n_rules = 2,
		.rule = {
			{ .rights = HOST_FLOW, .first_port = flow_first,
			  .last_port = flow_last },
			{ .rights = HOST_LISTEN, .first_port = listen_first,
			  .last_port = listen_last },
		},
	};
}

static void ag_1_a_chosen_port_is_one_that_the_policy_allows(void **state)
{
	static const struct {
		uint16_t flow[2], listen[2];
		int first, last;	/* of what comes; @last 0: -errno       */
	} cases[] = {
		{ { 32768, 60999 }, { 1, 2 }, 32768, 60999 },
		{ { 1, 65535 }, { 40000, 40001 }, 40000, 40001 },	/* both */
		{ { 40000, 40003 }, { 40004, 40009 }, 40000, 40009 },
		{ { 8000, 8003 }, { 8000, 8003 }, 8000, 8003 },
		{ { 8000, 8003 }, { 50000, 50000 }, 50000, 50000 },
		{ { 80, 80 }, { 443, 443 }, -EACCES, 0 },
	};
	struct scene *s = *state;

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct host_policy p;

		policy_of_ranges(&p, cases[n].flow[0], cases[n].flow[1],
				 cases[n].listen[0], cases[n].listen[1]);
		scene_client(s, &p);
		for (int more = 0; more < 20; more++) {
			int port = choose(s);

			if (!cases[n].last) {
				assert_int_equal(port, cases[n].first);
				break;
			}
			assert_in_range(port, cases[n].first, cases[n].last);
			assert_int_equal(end(s, CONTROL_RELEASE_PORT,
					     s->reply.handle), 0);
		}
		host_client_close(s->client);
	}
}

/* A range that is full is not left, nor does a small one hide what is free. */
static void ports_that_may_be_had_run_out(void **state)
{
	struct scene *s = *state;
	struct host_policy p;
	uint32_t handle;
	int port = 0;

	policy_of_ranges(&p, 40000, 40063, 40000, 40063);
	scene_client(s, &p);
	for (int n = 0; n < 64; n++) {
		port = choose(s);
		assert_in_range(port, 40000, 40063);
	}
	handle = s->reply.handle;
	assert_int_equal(choose(s), -EADDRINUSE);
	assert_int_equal(end(s, CONTROL_RELEASE_PORT, handle), 0);
	assert_int_equal(choose(s), port);
}

static void flows_and_listens_have_theirs_chosen_too(void **state)
{
	struct scene *s = *state;
	struct host_policy p;
	uint32_t cq;

	policy_of_ranges(&p, 40000, 40003, 50000, 50003);
	scene_client(s, &p);
	cq = cq_of(s);
	assert_int_equal(flow_from(s, ONE, 0, cq), 0);
	assert_in_range(s->reply.flow.port, 40000, 40003);
	assert_int_equal(kernel.carried[s->reply.flow.port], 1);
	assert_int_equal(listen_at(s, ONE, 0, cq), 0);
	assert_in_range(s->reply.flow.port, 50000, 50003);
	assert_int_equal(kernel.carried[s->reply.flow.port], 1);
	assert_int_equal(flow_from(s, ONE, 40002, cq), 0);
	assert_int_equal(s->reply.flow.port, 40002);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(holds_that_make_no_sense),
		TEST(only_own_addresses_can_be_held),
		TEST(holds_count_as_flows),
		TEST(kt_3_two_clients_share_when_both_say_so),
		TEST(one_client_holds_a_port_once_unless_it_is_reused),
		TEST(at_last_one_of_those_who_share_listens),
		TEST(a_port_in_time_wait_is_had_again),
		TEST(kt_3_what_is_only_held_is_not_carried),
		TEST(what_uses_a_port_keeps_it),
		TEST(who_is_refused_leaves_nothing),
		TEST(ag_7_a_client_that_is_gone_has_no_ports),
		TEST(a_port_is_chosen_at_random_and_is_nobodys),
		TEST(kt_3_what_the_kernel_has_is_not_chosen),
		TEST(ag_1_a_chosen_port_is_one_that_the_policy_allows),
		TEST(ports_that_may_be_had_run_out),
		TEST(flows_and_listens_have_theirs_chosen_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * neighbour_test.c - The host answers for its addresses, and finds others'
 *
 * The test is the other end of the wire, and the clock.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "host/neighbour.h"
#include "packet/headers.h"
#include "packet/neighbour.h"
#include "request_scene.h"

#define SECOND 1000000000ull
#define PAGE 4096u
#define ETH 14

static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 0x99 };
static const uint8_t other_mac[6] = { 2, 0, 0, 0, 0, 0x98 };
static const uint8_t own_mac[6] = { 2, 0, 0, 0, 0, 0x11 };

static struct host_options addresses(void)
{
	struct host_options o = { .n_addresses = 2, .mac = { 2, 0, 0, 0, 0, 0x11 } };

	o.addresses[0] = (struct host_address){
		.address = { 10, 0, 0, 1 }, .gateway = { 10, 0, 0, 254 },
		.prefix_bits = 24, .has_gateway = 1,
	};
	o.addresses[1] = (struct host_address){
		.address = { 0xfd, [15] = 1 }, .prefix_bits = 64, .v6 = 1,
	};
	return o;
}

static int set_up(void **state)
{
	static struct scene s;
	struct host_options o = addresses();

	scene_open(&s, &o);
	scene_client(&s, NULL);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scene_close(*state);
	return 0;
}

/* ---- The other end ------------------------------------------------------------------------- */

/* Frames that came, the last of them in @frame. */
static unsigned int receive(struct scene *s, struct neighbour_message *m,
			    uint8_t *frame, uint32_t *len)
{
	struct wire_frame frames[16];
	int n = wire_recv(s->far, frames, 16);

	assert_true(n >= 0);
	if (n > 0) {
		*len = wire_frame_copy(&frames[n - 1], frame);
		assert_true(neighbour_parse(frame, *len, m));
	}
	return (unsigned int)n;
}

static void send_frame(struct scene *s, const uint8_t *frame, uint32_t len, ns_t now)
{
	struct iovec iov = { (void *)(uintptr_t)frame, len };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = len,
				.full_len = len, .linktype = 1 };

	assert_int_equal(wire_send(s->far, &f, 1), 1);
	assert_int_equal(host_run(s->host, now), 1);
}

/* The peer says who he is, to the host. */
static void say(struct scene *s, bool asks, const uint8_t *sender,
		const uint8_t *target, const uint8_t mac[6], ns_t now)
{
	uint8_t frame[NEIGHBOUR_FRAME_MAX], own[16] = { 10, 0, 0, 1 };
	struct neighbour_message m = {
		.asks = asks, .knows_mac = true, .overrides = true,
		.solicited = !asks,
	};

	memcpy(m.mac, mac, 6);
	memcpy(m.sender, sender, 4);
	memcpy(m.target, target, 4);
	send_frame(s, frame, neighbour_emit(&m, asks ? NULL : own_mac, own, frame),
		   now);
}

static int route(struct scene *s, const uint8_t *remote, bool v6)
{
	struct control_request *r = scene_ask(s, CONTROL_ROUTE);

	memcpy(r->route.tuple.remote, remote, v6 ? 16 : 4);
	r->route.tuple.v6 = v6;
	return scene_do(s);
}

/* Lets @now come. */
static void wait_until(struct scene *s, ns_t now)
{
	assert_int_equal(host_run(s->host, now), 0);
	(void)host_deadline(s->host, now);
}

/* ---- Tests ------------------------------------------------------------------------------------ */

static void questions_for_own_addresses_are_answered(void **state)
{
	struct scene *s = *state;
	uint8_t frame[256];
	struct neighbour_message m;
	uint32_t len;

	say(s, true, (uint8_t[]){ 10, 0, 0, 9 }, (uint8_t[]){ 10, 0, 0, 1 },
	    peer_mac, 1);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	assert_memory_equal(frame, peer_mac, 6);
	assert_memory_equal(m.mac, own_mac, 6);
	assert_memory_equal(m.target, "\12\0\0\1", 4);
	assert_false(m.asks);
	say(s, true, (uint8_t[]){ 10, 0, 0, 9 }, (uint8_t[]){ 10, 0, 0, 2 },
	    peer_mac, 1);
	assert_int_equal(receive(s, &m, frame, &len), 0);
}

static void rfc_4861_solicitations_are_answered(void **state)
{
	struct scene *s = *state;
	struct neighbour_message m = {
		.v6 = true, .asks = true, .knows_mac = true,
		.sender = { 0xfd, [15] = 9 }, .target = { 0xfd, [15] = 1 },
	};
	uint8_t frame[256], all[16] = { 0 };
	uint32_t len;

	memcpy(m.mac, peer_mac, 6);
	send_frame(s, frame, neighbour_emit(&m, NULL, all, frame), 1);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	assert_memory_equal(frame, peer_mac, 6);
	assert_memory_equal(m.mac, own_mac, 6);
	assert_true(m.solicited && !m.asks);
}

static void a_way_is_asked_for_and_then_known(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct scene *s = *state;
	uint8_t frame[256];
	struct neighbour_message m;
	uint32_t len;

	assert_int_equal(route(s, near, false), -EAGAIN);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	assert_true(m.asks);
	assert_memory_equal(m.target, near, 4);
	say(s, false, near, near, peer_mac, 1000);
	assert_int_equal(route(s, near, false), 0);
	assert_int_equal(s->reply.flow.link_bytes, ETH);
	assert_memory_equal(s->reply.flow.link, peer_mac, 6);
	assert_memory_equal(s->reply.flow.link + 6, own_mac, 6);
	assert_int_equal(load_be16(s->reply.flow.link + 12), ETHERTYPE_IPV4);
	assert_memory_equal(s->reply.flow.source, "\12\0\0\1", 4);
	assert_int_equal(s->reply.flow.mtu, 1500);
}

/* RFC 4861 §10: three times, a second apart. */
static void nobody_answers(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct scene *s = *state;
	uint8_t frame[256];
	struct neighbour_message m;
	unsigned int asked = 0;
	uint32_t len;

	assert_int_equal(route(s, near, false), -EAGAIN);
	for (ns_t now = 0; now < 4 * SECOND; now += SECOND / 4) {
		wait_until(s, now);
		asked += receive(s, &m, frame, &len);
		assert_int_equal(route(s, near, false),
				 now < 3 * SECOND ? -EAGAIN : -EHOSTUNREACH);
	}
	assert_int_equal(asked, 3);
	wait_until(s, 7 * SECOND);
	assert_int_equal(route(s, near, false), -EAGAIN);
}

static void beyond_the_link_the_gateway_is_asked(void **state)
{
	static const uint8_t far[4] = { 192, 0, 2, 1 };
	static const uint8_t gateway[4] = { 10, 0, 0, 254 };
	uint8_t frame[256], far6[16] = { 0x20, 1 };
	struct scene *s = *state;
	struct neighbour_message m;
	uint32_t len;

	assert_int_equal(route(s, far, false), -EAGAIN);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	assert_memory_equal(m.target, gateway, 4);
	say(s, false, gateway, gateway, peer_mac, 1);
	assert_int_equal(route(s, far, false), 0);
	assert_memory_equal(s->reply.flow.link, peer_mac, 6);
	assert_int_equal(route(s, far6, true), -ENETUNREACH);
}

/* It is known for half a minute; then it still serves, while it is asked for. */
static void what_is_old_is_asked_for_again(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct scene *s = *state;
	uint8_t frame[256];
	struct neighbour_message m;
	uint32_t len;

	assert_int_equal(route(s, near, false), -EAGAIN);
	say(s, false, near, near, peer_mac, 1);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	wait_until(s, 29 * SECOND);
	assert_int_equal(route(s, near, false), 0);
	assert_int_equal(receive(s, &m, frame, &len), 0);
	wait_until(s, 31 * SECOND);
	assert_int_equal(route(s, near, false), 0);
	assert_int_equal(receive(s, &m, frame, &len), 1);
	assert_memory_equal(frame, peer_mac, 6);
	say(s, false, near, near, other_mac, 31 * SECOND);
	assert_int_equal(route(s, near, false), 0);
	assert_memory_equal(s->reply.flow.link, other_mac, 6);
}

/* Nobody gets into the table by asking or by claiming. */
static void only_who_was_asked_for_is_known(void **state)
{
	struct scene *s = *state;

	for (uint32_t n = 2; n < 254; n++) {
		uint8_t who[4] = { 10, 0, 0, (uint8_t)n };

		say(s, n & 1, who, (uint8_t[]){ 10, 0, 0, 1 }, peer_mac, n);
		assert_int_equal(route(s, who, false), -EAGAIN);
		assert_true(wire_recv(s->far, (struct wire_frame[8]){ 0 }, 8) >= 0);
	}
}

/* What one asks for, whatever it is, does not keep another's answer away. */
static void one_who_asks_for_everybody_is_not_in_the_way(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct scene *s = *state;
	struct host_client *hostile = s->client, *honest = scene_client(s, NULL);
	struct wire_frame frames[64];
	unsigned int asked = 0;

	for (uint32_t n = 0; n < 1000; n++) {
		uint8_t any[4] = { 192, 0, 2, (uint8_t)n };
		uint8_t next[4] = { 10, 0, 0, (uint8_t)(20 + n % 230) };

		s->client = hostile;
		assert_int_equal(route(s, n & 1 ? any : next, false), -EAGAIN);
		asked += (unsigned int)wire_recv(s->far, frames, 64);
		if (n == 500) {
			s->client = honest;
			assert_int_equal(route(s, near, false), -EAGAIN);
			assert_int_equal(wire_recv(s->far, frames, 64), 1);
		}
	}
	assert_in_range(asked, NEIGHBOURS_ASKED - 1, NEIGHBOURS_ASKED + 1);
	say(s, false, near, near, peer_mac, 1);
	s->client = honest;
	assert_int_equal(route(s, near, false), 0);
	/* And it has its questions when those before are given up. */
	for (ns_t now = 0; now < 4 * SECOND; now += SECOND / 4)
		wait_until(s, now);
	while (wire_recv(s->far, frames, 64) > 0)
		;
	s->client = hostile;
	assert_int_equal(route(s, (uint8_t[]){ 10, 0, 0, 10 }, false), -EAGAIN);
	assert_int_equal(wire_recv(s->far, frames, 64), 1);
}

/* Known ones stay when others fail, as many as there are of these. */
static void who_fails_makes_room_first(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct wire_frame frames[64];
	struct scene *s = *state;
	ns_t now = 1;

	assert_int_equal(route(s, near, false), -EAGAIN);
	say(s, false, near, near, peer_mac, now);
	for (uint32_t n = 0; n < 320; n++) {
		struct control_request *r = scene_ask(s, CONTROL_ROUTE);

		r->route.tuple.v6 = 1;
		r->route.tuple.remote[0] = 0xfd;
		r->route.tuple.remote[14] = (uint8_t)(1 + n / 200);
		r->route.tuple.remote[15] = (uint8_t)n;
		assert_int_equal(scene_do(s), -EAGAIN);
		for (int k = 0; n % 8 == 7 && k < 4; k++, now += SECOND)
			wait_until(s, now);
		while (wire_recv(s->far, frames, 64) > 0)
			;
	}
	assert_int_equal(route(s, near, false), 0);
}

static void the_waiting_client_is_told(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct scene *s = *state;
	struct host_policy all;
	struct pollfd p = { .events = POLLIN };

	host_policy_all(&all);
	assert_int_equal(host_client_open(s->host, &all, &s->client), 0);
	scene_ask(s, CONTROL_HELLO);
	host_request(s->client, &s->ask, &s->reply, s->fds);
	assert_int_equal(s->reply.n_fds, 2);
	p.fd = s->fds[1];
	close(s->fds[0]);
	assert_int_equal(route(s, near, false), -EAGAIN);
	assert_int_equal(poll(&p, 1, 0), 0);
	say(s, false, near, near, peer_mac, 1);
	assert_int_equal(poll(&p, 1, 0), 1);
	close(p.fd);
}

/* A flow's frames go where the way leads, and nowhere else. */
static void a_flow_has_the_link_of_its_way(void **state)
{
	static const uint8_t near[4] = { 10, 0, 0, 9 };
	struct control_tuple t = scene_tuple(1, 1000);
	struct scene *s = *state;
	uint32_t cq = scene_queue(s, scene_object(s, PAGE), 0, RING_COMPLETION,
				  CONTROL_NONE);

	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), -EAGAIN);
	say(s, false, near, near, peer_mac, 1);
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), 0);
	assert_memory_equal(s->reply.flow.link, peer_mac, 6);
	assert_int_equal(s->reply.flow.link_bytes, ETH);
	t.local[3] = 2;
	scene_flow(s, CONTROL_ADD_FLOW, &t, cq);
	assert_int_equal(scene_do(s), -EADDRNOTAVAIL);
	scene_flow(s, CONTROL_ADD_LISTEN, &t, cq);
	assert_int_equal(scene_do(s), -EADDRNOTAVAIL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(questions_for_own_addresses_are_answered),
		TEST(rfc_4861_solicitations_are_answered),
		TEST(a_way_is_asked_for_and_then_known),
		TEST(nobody_answers),
		TEST(beyond_the_link_the_gateway_is_asked),
		TEST(what_is_old_is_asked_for_again),
		TEST(only_who_was_asked_for_is_known),
		TEST(one_who_asks_for_everybody_is_not_in_the_way),
		TEST(who_fails_makes_room_first),
		TEST(the_waiting_client_is_told),
		TEST(a_flow_has_the_link_of_its_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

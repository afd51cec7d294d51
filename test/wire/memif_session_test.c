// SPDX-License-Identifier: BSD-2-Clause
/* memif_session_test.c - How memif connections begin, end, and begin again */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "memif_ends.h"
#include "memif_peer.h"

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int send_bytes(struct wire *w, uint32_t len)
{
	static uint8_t data[2000];
	struct iovec iov = { data, len };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = len };

	return wire_send(w, &f, 1);
}

static int receive_one(struct wire *w)
{
	struct wire_frame f[1];

	return wire_recv(w, f, 1);
}

static void turn(struct wire *w)
{
	for (int n = 0; n < 40; n++)
		assert_int_equal(receive_one(w), 0);
}

/* A single end, and a peer in our hands. */
static void open_one(struct ends *e, struct peer *p, int side, const char *options)
{
	peer_init(p);
	ends_open_folder(e);
	if (side == CLIENT)
		peer_listen(p, e->path);
	ends_open_one(e, side, options);
	if (side == SERVER) {
		peer_connect(p, e->path);
	} else {
		p->socket = accept4(p->listener, NULL, NULL,
				    SOCK_NONBLOCK | SOCK_CLOEXEC);
		assert_true(p->socket >= 0);
	}
	turn(e->wire[side]);
}

static void close_one(struct ends *e, struct peer *p, int side)
{
	peer_close(p);
	assert_int_equal(wire_close(e->wire[side]), 0);
	unlink(e->path);
	assert_int_equal(rmdir(e->folder), 0);
}

/* Reads away what was sent before. Return: whether DISCONNECT with @why came. */
static bool was_refused(struct peer *p, const char *why)
{
	struct memif_message m;
	int fd, type;

	while ((type = peer_receive(p, &m, &fd)) > 0) {
		if (fd >= 0)
			close(fd);
		if (type == MEMIF_DISCONNECT &&
		    !strncmp(m.disconnect.reason, why, sizeof(m.disconnect.reason)))
			return true;
	}
	return false;
}

/* ---- The messages of a server and a client -------------------------------------------- */

/* The bytes of the protocol, as others wrote them down. */
static void a_server_says_what_it_can_take(void **state)
{
	struct memif_message m;
	struct ends e;
	struct peer p;
	int fd;

	open_one(&e, &p, SERVER, "ring=512,queues=3");
	assert_int_equal(peer_receive(&p, &m, &fd), 2);
	assert_string_equal((char *)m.bytes, "tto");
	assert_int_equal(m.bytes[32] | m.bytes[33] << 8, 0x200);
	assert_int_equal(m.bytes[34] | m.bytes[35] << 8, 0x200);
	assert_int_equal(m.bytes[36] | m.bytes[37] << 8, 31);
	assert_int_equal(m.bytes[38] | m.bytes[39] << 8, 2);
	assert_int_equal(m.bytes[40] | m.bytes[41] << 8, 2);
	assert_int_equal(m.bytes[42], 9);
	close_one(&e, &p, SERVER);
}

/* One message, one answer: DPDK's server sends ACK, and reads no faster. */
static void a_client_waits_for_each_answer(void **state)
{
	static const int expected[] = { 3, 4, 5, 5, 5, 5, 6 };
	struct memif_message m = { .type = MEMIF_HELLO, .hello = {
		.min_version = 0x100, .max_version = 0x300, .max_region = 9,
		.max_to_client = 1, .max_to_server = 7, .max_log2_ring = 8 } };
	struct ends e;
	struct peer p;
	int fd;

	open_one(&e, &p, CLIENT, "queues=2,id=77,secret=abc");
	assert_true(peer_send(&p, &m, -1));
	for (size_t n = 0; n < ARRAY_SIZE(expected); n++) {
		turn(e.wire[CLIENT]);
		assert_int_equal(peer_receive(&p, &m, &fd), expected[n]);
		if (n == 0) {
			assert_int_equal(m.init.id, 77);
			assert_string_equal(m.init.secret, "abc");
		}
		if (m.type == MEMIF_ADD_RING)
			assert_int_equal(m.add_ring.log2_ring, 8);
		assert_int_equal(fd >= 0, m.type == MEMIF_ADD_REGION ||
					  m.type == MEMIF_ADD_RING);
		if (m.type == MEMIF_ADD_REGION)
			assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK |
					 F_SEAL_GROW | F_SEAL_SEAL);
		if (fd >= 0)
			close(fd);
		assert_int_equal(peer_receive(&p, &m, &fd), 0);
		m = (struct memif_message){ .type = MEMIF_ACK };
		if (n + 1 < ARRAY_SIZE(expected))
			assert_true(peer_send(&p, &m, -1));
	}
	m.type = MEMIF_CONNECTED;
	assert_true(peer_send(&p, &m, -1));
	turn(e.wire[CLIENT]);
	assert_true(ends_is_up(&e, CLIENT));
	close_one(&e, &p, CLIENT);
}

static void other_versions_are_refused(void **state)
{
	static const uint16_t versions[][2] = { { 0x100, 0x1ff }, { 0x201, 0x300 } };
	struct ends e;
	struct peer p;

	for (int n = 0; n < 2; n++) {
		struct memif_message m = { .type = MEMIF_HELLO, .hello = {
			.min_version = versions[n][0],
			.max_version = versions[n][1], .max_log2_ring = 14 } };

		open_one(&e, &p, CLIENT, "");
		assert_true(peer_send(&p, &m, -1));
		turn(e.wire[CLIENT]);
		assert_true(was_refused(&p, "not version 2.0"));
		close_one(&e, &p, CLIENT);

		m = (struct memif_message){ .type = MEMIF_INIT,
					    .init.version = versions[n][1] };
		open_one(&e, &p, SERVER, "");
		assert_true(peer_send(&p, &m, -1));
		turn(e.wire[SERVER]);
		assert_true(was_refused(&p, "not version 2.0"));
		close_one(&e, &p, SERVER);
	}
}

/* ---- What a server refuses of a client ------------------------------------------------- */

/* Sends all as it should be but what @spoil does to a step. */
static void refuse_case(void (*spoil)(struct peer *p, int step,
				      struct memif_message *m, int *fd),
			const char *why)
{
	struct ends e;
	struct peer p;

	open_one(&e, &p, SERVER, "");
	peer_share(&p, MFD_ALLOW_SEALING);
	for (int step = 0; step < PEER_STEPS; step++) {
		struct memif_message m = peer_message(&p, step);
		int fd = peer_fd(&p, step);

		spoil(&p, step, &m, &fd);
		if (!peer_send(&p, &m, fd))
			break;
		turn(e.wire[SERVER]);
	}
	if (why)
		assert_true(was_refused(&p, why));
	assert_int_equal(ends_is_up(&e, SERVER), !why);
	close_one(&e, &p, SERVER);
}

static void nothing(struct peer *p, int step, struct memif_message *m, int *fd)
{
}

static void other_id(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 0)
		m->init.id = 1;
}

static void other_mode(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 0)
		m->init.mode = MEMIF_IP;
}

static void larger_than_it_is(struct peer *p, int step, struct memif_message *m,
			      int *fd)
{
	if (step == 1)
		m->add_region.bytes = PEER_REGION + 1;
}

static void no_memory(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 1)
		*fd = p->event[0];
}

static void no_region(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 1)
		*fd = -1;
}

static void no_eventfd(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 2)
		*fd = p->memory;
}

static void behind_the_region(struct peer *p, int step, struct memif_message *m,
			      int *fd)
{
	if (step == 3)
		m->add_ring.offset = PEER_REGION - PEER_RING_BYTES + 8;
}

static void no_cookie(struct peer *p, int step, struct memif_message *m, int *fd)
{
	peer_ring(p, TO_SERVER)->cookie++;
}

static void ring_out_of_order(struct peer *p, int step, struct memif_message *m,
			      int *fd)
{
	if (step == 2)
		m->add_ring.index = 1;
}

static void private_header(struct peer *p, int step, struct memif_message *m,
			   int *fd)
{
	if (step == 3)
		m->add_ring.private_bytes = 64;
}

static void unknown_type(struct peer *p, int step, struct memif_message *m, int *fd)
{
	if (step == 4)
		m->type = 9;
}

static void what_is_wrong_is_refused_and_said(void **state)
{
	refuse_case(nothing, NULL);
	refuse_case(other_id, "no interface of this id");
	refuse_case(other_mode, "Ethernet frames only");
	refuse_case(larger_than_it_is,
		    "a region larger than its file, empty, or too large");
	refuse_case(no_memory, "a region that is not memory");
	refuse_case(no_region, "a region at the wrong time, or none");
	refuse_case(no_eventfd, "a ring without an eventfd");
	refuse_case(behind_the_region, "a ring that does not lie in a region");
	refuse_case(no_cookie, "a ring without the cookie");
	refuse_case(ring_out_of_order, "rings out of order, or too many");
	refuse_case(private_header, "private headers, or too large a ring");
	refuse_case(unknown_type, "a message of no known type");
}

static void secrets_have_to_match(void **state)
{
	static const char *const secrets[] = { "", "Sesame", "sesame2", "sesame" };

	for (size_t n = 0; n < ARRAY_SIZE(secrets); n++) {
		struct memif_message m;
		struct ends e;
		struct peer p;
		int fd;

		open_one(&e, &p, SERVER, "secret=sesame");
		m = peer_message(&p, 0);
		strcpy(m.init.secret, secrets[n]);
		assert_int_equal(peer_receive(&p, &m, &fd), MEMIF_HELLO);
		m = peer_message(&p, 0);
		strcpy(m.init.secret, secrets[n]);
		assert_true(peer_send(&p, &m, -1));
		turn(e.wire[SERVER]);
		assert_int_equal(peer_receive(&p, &m, &fd),
				 n == 3 ? MEMIF_ACK : MEMIF_DISCONNECT);
		close_one(&e, &p, SERVER);
	}
}

/* ---- Memory that may be taken away ------------------------------------------------------ */

static bool connect_peer(struct ends *e, struct peer *p)
{
	for (int step = 0; step < PEER_STEPS; step++) {
		struct memif_message m = peer_message(p, step);

		if (!peer_send(p, &m, peer_fd(p, step)))
			break;
		turn(e->wire[SERVER]);
	}
	return ends_is_up(e, SERVER);
}

/* What is not sealed is sealed by us, or else refused. */
static void memory_cannot_be_taken_away(void **state)
{
	struct ends e;
	struct peer p;

	open_one(&e, &p, SERVER, "");
	peer_share(&p, MFD_ALLOW_SEALING);
	assert_int_equal(fcntl(p.memory, F_GET_SEALS), 0);
	assert_true(connect_peer(&e, &p));
	assert_int_equal(fcntl(p.memory, F_GET_SEALS), F_SEAL_SHRINK);
	assert_int_equal(ftruncate(p.memory, 0), -1);
	close_one(&e, &p, SERVER);

	open_one(&e, &p, SERVER, "");
	peer_share(&p, 0);
	assert_false(connect_peer(&e, &p));
	assert_true(was_refused(&p, "a region that is not sealed against shrinking"));
	close_one(&e, &p, SERVER);
}

static void a_peer_without_seals_ends_only_itself(void **state)
{
	struct memif_ring *r;
	struct ends e;
	struct peer p;

	open_one(&e, &p, SERVER, "unsealed");
	peer_share(&p, 0);
	assert_true(connect_peer(&e, &p));
	r = peer_ring(&p, TO_CLIENT);
	r->head = PEER_SLOTS;
	assert_int_equal(send_bytes(e.wire[SERVER], 1000), 1);
	assert_int_equal(r->tail, 1);
	/* Reading and writing there is SIGBUS from now on. */
	assert_int_equal(ftruncate(p.memory, 0), 0);
	assert_int_equal(send_bytes(e.wire[SERVER], 1000), 1);
	for (int n = 0; n < 3000 && ends_is_up(&e, SERVER); n++)
		receive_one(e.wire[SERVER]);
	assert_false(ends_is_up(&e, SERVER));
	close_one(&e, &p, SERVER);
}

/* ---- Death, and life after it --------------------------------------------------------------- */

static void pass_frame(struct ends *e, int from)
{
	int got = 0;

	assert_int_equal(send_bytes(e->wire[from], 100), 1);
	for (int n = 0; n < 100 && !got; n++)
		got = receive_one(e->wire[1 - from]);
	assert_int_equal(got, 1);
}

static void an_end_that_closed_is_replaced(void **state)
{
	struct ends e;

	ends_open(&e, "", "");
	ends_connect(&e);
	for (int n = 0; n < 6; n++) {
		int side = n % 2;

		pass_frame(&e, SERVER);
		pass_frame(&e, CLIENT);
		assert_int_equal(wire_close(e.wire[side]), 0);
		e.wire[side] = NULL;
		for (int k = 0; k < 40; k++)
			ends_turn(&e);
		assert_false(ends_is_up(&e, 1 - side));
		/* As with a cable that is not plugged in. */
		assert_int_equal(send_bytes(e.wire[1 - side], 100), 1);
		assert_true(e.wire[1 - side]->stats.tx_dropped > 0);
		ends_open_one(&e, side, "");
		for (int k = 0; k < 300 && !ends_is_up(&e, side); k++) {
			ends_turn(&e);
			usleep(10000);
		}
		ends_connect(&e);
	}
	ends_close(&e);
}

/* A child with a client that is killed while frames are on their way. */
static void a_killed_client_is_replaced(void **state)
{
	struct ends e;
	int status;

	ends_open_folder(&e);
	ends_open_one(&e, SERVER, "");
	for (int n = 0; n < 3; n++) {
		uint64_t before = e.wire[SERVER]->stats.rx_frames;
		uint64_t end = now_ms() + 10000;
		pid_t child = fork();

		if (!child) {
			ends_open_one(&e, CLIENT, "");
			for (;;) {
				receive_one(e.wire[CLIENT]);
				send_bytes(e.wire[CLIENT], 1000);
			}
		}
		while (e.wire[SERVER]->stats.rx_frames < before + 5000) {
			receive_one(e.wire[SERVER]);
			send_bytes(e.wire[SERVER], 1000);
			assert_true(now_ms() < end);
		}
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (ends_is_up(&e, SERVER)) {
			receive_one(e.wire[SERVER]);
			assert_true(now_ms() < end);
		}
	}
	assert_int_equal(memif_counters(e.wire[SERVER])->connected, 3);
	assert_int_equal(wire_close(e.wire[SERVER]), 0);
	assert_int_equal(rmdir(e.folder), 0);
}

static void a_second_client_is_turned_away(void **state)
{
	struct memif_message m;
	struct ends e;
	struct peer p;
	int fd;

	ends_open(&e, "", "");
	ends_connect(&e);
	peer_init(&p);
	peer_connect(&p, e.path);
	ends_turn(&e);
	turn(e.wire[SERVER]);
	assert_int_equal(peer_receive(&p, &m, &fd), MEMIF_DISCONNECT);
	assert_string_equal(m.disconnect.reason, "already connected");
	assert_int_equal(peer_receive(&p, &m, &fd), -1);
	peer_close(&p);
	pass_frame(&e, CLIENT);
	ends_close(&e);
}

static void a_path_that_is_taken_is_left_alone(void **state)
{
	struct wire_error error;
	struct wire *w;
	struct ends e;
	char spec[128];
	int fd;

	ends_open_folder(&e);
	ends_open_one(&e, SERVER, "");
	snprintf(spec, sizeof(spec), "memif:%s,role=server", e.path);
	assert_int_equal(wire_open(&w, spec, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "another process listens there"));
	/* What nobody serves any more is taken over. */
	fd = dup(STDIN_FILENO);
	assert_int_equal(wire_close(e.wire[SERVER]), 0);
	close(fd);
	assert_int_equal(access(e.path, F_OK), -1);
	fd = open(e.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(wire_open(&w, spec, &error), -EEXIST);
	assert_int_equal(unlink(e.path), 0);
	{
		struct peer p;

		peer_init(&p);
		peer_listen(&p, e.path);
		peer_close(&p);
	}
	assert_int_equal(wire_open(&w, spec, &error), 0);
	assert_int_equal(wire_close(w), 0);
	assert_int_equal(rmdir(e.folder), 0);
}

/* ---- Awake and asleep ------------------------------------------------------------------------- */

static bool is_readable(const struct wire *w, int timeout_ms)
{
	struct pollfd p = { .fd = wire_fd(w), .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void sleep_well(struct wire *w)
{
	turn(w);
	assert_false(is_readable(w, 0));
}

/* D11: no doorbell for a side that is awake, one for a side that sleeps. */
static void only_a_sleeper_is_woken(void **state)
{
	struct ends e;

	ends_open(&e, "", "");
	ends_connect(&e);
	for (int side = 0; side < 2; side++) {
		struct wire *from = e.wire[side], *to = e.wire[1 - side];
		uint64_t rung = memif_counters(from)->doorbells;

		sleep_well(to);
		for (int n = 0; n < 10; n++) {
			assert_int_equal(send_bytes(from, 100), 1);
			assert_true(is_readable(to, 1000));
			assert_int_equal(receive_one(to), 1);
			sleep_well(to);
		}
		assert_int_equal(memif_counters(from)->doorbells, rung + 10);
		/* Awake: it took a frame, and has not looked in vain since. */
		send_bytes(from, 100);
		assert_int_equal(receive_one(to), 1);
		rung = memif_counters(from)->doorbells;
		for (int n = 0; n < 100; n++) {
			assert_int_equal(send_bytes(from, 100), 1);
			assert_int_equal(receive_one(to), 1);
		}
		assert_int_equal(memif_counters(from)->doorbells, rung);
	}
	ends_close(&e);
}

static void who_polls_is_never_rung(void **state)
{
	struct ends e;

	ends_open(&e, "poll", "poll");
	ends_connect(&e);
	assert_int_equal(wire_fd(e.wire[SERVER]), -1);
	for (int n = 0; n < 100; n++) {
		pass_frame(&e, n % 2);
		turn(e.wire[SERVER]);
		turn(e.wire[CLIENT]);
	}
	assert_int_equal(memif_counters(e.wire[SERVER])->doorbells, 0);
	assert_int_equal(memif_counters(e.wire[CLIENT])->doorbells, 0);
	ends_close(&e);
}

/* A server that is asleep wakes up for a client, and when it is gone. */
static void a_sleeper_hears_of_peers(void **state)
{
	struct ends e;
	uint64_t end = now_ms() + 10000;

	ends_open_folder(&e);
	ends_open_one(&e, SERVER, "");
	sleep_well(e.wire[SERVER]);
	assert_true(wire_deadline(e.wire[SERVER]) == NS_NEVER);
	ends_open_one(&e, CLIENT, "");
	while (!ends_is_up(&e, CLIENT) || !ends_is_up(&e, SERVER)) {
		for (int side = 0; side < 2; side++) {
			if (is_readable(e.wire[side], 1))
				receive_one(e.wire[side]);
		}
		assert_true(now_ms() < end);
	}
	sleep_well(e.wire[SERVER]);
	sleep_well(e.wire[CLIENT]);
	assert_int_equal(wire_close(e.wire[SERVER]), 0);
	assert_true(is_readable(e.wire[CLIENT], 1000));
	turn(e.wire[CLIENT]);
	assert_false(ends_is_up(&e, CLIENT));
	/* It tries again, by its clock. */
	assert_false(is_readable(e.wire[CLIENT], 0));
	assert_in_range(wire_deadline(e.wire[CLIENT]) / 1000000, now_ms(),
			now_ms() + 1001);
	assert_int_equal(wire_close(e.wire[CLIENT]), 0);
	assert_int_equal(rmdir(e.folder), 0);
}

/* ---- Peers that do not do their part --------------------------------------------------------------- */

static void a_peer_that_stalls_does_not_hold_us(void **state)
{
	struct ends e;
	uint64_t begin;

	ends_open(&e, "", "ring=16");
	ends_connect(&e);
	for (int side = 0; side < 2; side++) {
		struct wire *w = e.wire[side];

		begin = now_ms();
		while (w->stats.tx_dropped == 0) {
			(void)send_bytes(w, 100);
			assert_true(now_ms() < begin + 5000);
		}
		assert_true(now_ms() >= begin + 20);
		assert_int_equal(w->stats.tx_frames, 16);
		/* And goes on when it does. */
		while (receive_one(e.wire[1 - side]))
			;
		assert_int_equal(send_bytes(w, 100), 1);
		assert_int_equal(w->stats.tx_frames, 17);
		assert_int_equal(receive_one(e.wire[1 - side]), 1);
	}
	ends_close(&e);
}

static void who_is_slow_to_connect_is_dropped(void **state)
{
	struct peer p[8];
	struct ends e;

	ends_open_folder(&e);
	ends_open_one(&e, SERVER, "");
	for (int n = 0; n < 8; n++) {
		peer_init(&p[n]);
		peer_connect(&p[n], e.path);
		turn(e.wire[SERVER]);
	}
	/* More than there is room for: the oldest had to go. */
	assert_true(was_refused(&p[0], "too many connections"));
	assert_true(wire_deadline(e.wire[SERVER]) != NS_NEVER);
	/* A good one comes up all the same. */
	ends_open_one(&e, CLIENT, "");
	ends_connect(&e);
	assert_true(was_refused(&p[7], "already connected"));
	pass_frame(&e, CLIENT);
	for (int n = 0; n < 8; n++)
		peer_close(&p[n]);
	ends_close(&e);
}

/* The eventfd is full, and writing to it would wait for ever. */
static void a_doorbell_cannot_be_jammed(void **state)
{
	const uint64_t full = 0xfffffffffffffffe;
	struct ends e;
	struct peer p;

	open_one(&e, &p, SERVER, "");
	peer_share(&p, MFD_ALLOW_SEALING);
	assert_true(connect_peer(&e, &p));
	assert_int_equal(write(p.event[TO_CLIENT], &full, sizeof(full)),
			 sizeof(full));
	assert_int_equal(fcntl(p.event[TO_CLIENT], F_SETFL, 0), 0);
	peer_ring(&p, TO_CLIENT)->head = PEER_SLOTS;
	alarm(20);
	assert_int_equal(send_bytes(e.wire[SERVER], 100), 1);
	alarm(0);
	assert_int_equal(memif_counters(e.wire[SERVER])->doorbells, 1);
	assert_int_equal(peer_ring(&p, TO_CLIENT)->tail, 1);
	close_one(&e, &p, SERVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_says_what_it_can_take),
		cmocka_unit_test(a_client_waits_for_each_answer),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(what_is_wrong_is_refused_and_said),
		cmocka_unit_test(secrets_have_to_match),
		cmocka_unit_test(memory_cannot_be_taken_away),
		cmocka_unit_test(a_peer_without_seals_ends_only_itself),
		cmocka_unit_test(an_end_that_closed_is_replaced),
		cmocka_unit_test(a_killed_client_is_replaced),
		cmocka_unit_test(a_second_client_is_turned_away),
		cmocka_unit_test(a_path_that_is_taken_is_left_alone),
		cmocka_unit_test(only_a_sleeper_is_woken),
		cmocka_unit_test(who_polls_is_never_rung),
		cmocka_unit_test(a_sleeper_hears_of_peers),
		cmocka_unit_test(a_peer_that_stalls_does_not_hold_us),
		cmocka_unit_test(who_is_slow_to_connect_is_dropped),
		cmocka_unit_test(a_doorbell_cannot_be_jammed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * memif_share_test.c - A connection of memif that a program takes over which is executed
 *
 * The program is this one: with arguments it is the other process. ARCHITECTURE D6, D11.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/keep.h"
#include "memif_ends.h"
#include "memif_peer.h"

#define FRAMES 1100		/* more than a ring has slots                   */

static uint32_t length_of(unsigned n)
{
	return 60 + n % 1400;
}

static int send_frame(struct wire *w, unsigned n)
{
	uint8_t data[1500];
	struct iovec iov = { data, length_of(n) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = length_of(n) };

	memset(data, (int)n, sizeof(data));
	return wire_send(w, &f, 1);
}

static bool is_frame(const struct wire_frame *f, unsigned n)
{
	uint8_t data[1500], expected[1500];

	memset(expected, (int)n, sizeof(expected));
	return f->len == length_of(n) && wire_frame_copy(f, data) == f->len &&
	       !memcmp(data, expected, f->len);
}

/* Whatever comes goes back. */
static int echo(struct wire *w, unsigned n)
{
	while (n) {
		struct wire_frame f;
		int got = wire_recv(w, &f, 1);

		if (got < 0)
			return 2;
		if (got && wire_send(w, &f, 1) != 1)
			return 3;
		n -= (unsigned)got;
		if (!got)
			sched_yield();
	}
	return 0;
}

static pid_t execute_other(int heap, const char *spec)
{
	char number[16];
	pid_t child;

	snprintf(number, sizeof(number), "%d", heap);
	child = fork();
	if (child)
		return child;
	execl("/proc/self/exe", "memif_share_test", number, spec, NULL);
	_exit(99);
}

static void assert_echo(struct wire *w, unsigned n)
{
	struct wire_frame f;

	for (unsigned k = 0; k < n; k++) {
		while (send_frame(w, k) != 1)
			;
		while (!wire_recv(w, &f, 1))
			sched_yield();
		assert_true(is_frame(&f, k));
	}
}

static void assert_shared(int side)
{
	struct wire_frame f;
	struct ends e;
	char spec[64];
	int heap, status;
	pid_t child;

	alarm(30);
	assert_int_equal(heap_create(&heap), 0);
	heap = keep_descriptor(heap);
	ends_open(&e, "", "");
	ends_connect(&e);
	assert_int_equal(wire_share(e.wire[side], spec, sizeof(spec)), 0);
	/* Before, beside and after the other process the connection is ours, too. */
	for (int round = 0; round < 2; round++) {
		child = execute_other(heap, spec);
		assert_echo(e.wire[!side], FRAMES);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
		assert_int_equal(send_frame(e.wire[!side], 7), 1);
		assert_int_equal(echo(e.wire[side], 1), 0);
		while (!wire_recv(e.wire[!side], &f, 1))
			;
		assert_true(is_frame(&f, 7));
	}
	assert_true(ends_is_up(&e, side) && ends_is_up(&e, !side));
	wire_close(e.wire[SERVER]);
	wire_close(e.wire[CLIENT]);
	rmdir(e.folder);
	heap_leave();
	close(heap);
}

static void client_is_shared(void **state)
{
	assert_shared(CLIENT);
}

static void server_is_shared(void **state)
{
	assert_shared(SERVER);
}

/* ---- The peer goes, and comes again --------------------------------------------------- */

static void wait_until_up(struct ends *e, int side)
{
	struct wire_frame f;

	for (int n = 0; n < 200 && !ends_is_up(e, side); n++) {
		for (int k = 0; k < 32; k++) {
			assert_int_equal(wire_recv(e->wire[side], &f, 1), 0);
			assert_int_equal(wire_recv(e->wire[!side], &f, 1), 0);
		}
		if (!ends_is_up(e, side))
			usleep(20000);
	}
	assert_true(ends_is_up(e, side));
}

static void assert_frame(struct ends *e, int from, unsigned n)
{
	struct wire_frame f;
	int got = 0;

	assert_int_equal(send_frame(e->wire[from], n), 1);
	for (int k = 0; k < 1000 && !got; k++)
		got = wire_recv(e->wire[!from], &f, 1);
	assert_int_equal(got, 1);
	assert_true(is_frame(&f, n));
}

static unsigned count_descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void assert_peer_returns(int side)
{
	struct pollfd p = { .events = POLLIN };
	struct ends e;
	char spec[64];
	struct wire_frame f;
	unsigned n_fds = 0;
	pid_t idle;
	int heap;

	alarm(30);
	assert_int_equal(heap_create(&heap), 0);
	ends_open(&e, "", "");
	ends_connect(&e);
	assert_int_equal(wire_share(e.wire[side], spec, sizeof(spec)), 0);
	p.fd = wire_fd(e.wire[side]);
	for (unsigned round = 0; round < 4; round++) {
		assert_frame(&e, side, round);
		assert_frame(&e, !side, 50 + round);
		idle = fork();
		if (!idle) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
		}
		wire_close(e.wire[!side]);
		for (int n = 0; n < 100; n++)
			assert_int_equal(wire_recv(e.wire[side], &f, 1), 0);
		assert_false(ends_is_up(&e, side));
		assert_int_equal(send_frame(e.wire[side], 1), 1);
		/* It sleeps until there is one to be looked for, whoever still has
		 * descriptors of the one that was. */
		assert_int_equal(poll(&p, 1, 0), 0);
		assert_true((wire_deadline(e.wire[side]) == NS_NEVER) == (side == SERVER));
		if (round == 1)
			n_fds = count_descriptors();
		if (round > 1)
			assert_int_equal(count_descriptors(), n_fds);
		ends_open_one(&e, !side, "");
		wait_until_up(&e, side);
		wait_until_up(&e, !side);
		kill(idle, SIGKILL);
		waitpid(idle, NULL, 0);
	}
	assert_int_equal(memif_counters(e.wire[side])->connected, 5);
	wire_close(e.wire[side]);
	wire_close(e.wire[!side]);
	assert_int_equal(rmdir(e.folder), 0);
	heap_leave();
	close(heap);
}

static void the_server_returns(void **state)
{
	assert_peer_returns(CLIENT);
}

static void another_client_comes(void **state)
{
	assert_peer_returns(SERVER);
}

/* ---- Who comes need not be one of us ------------------------------------------------- */

/* Lets the server look until it has said something. Return: as peer_receive(). */
static int hear(struct ends *e, struct peer *p)
{
	struct memif_message m;
	struct wire_frame f;
	int type = 0, fd;

	for (int n = 0; n < 500 && !type; n++) {
		for (int k = 0; k < 32; k++)
			assert_int_equal(wire_recv(e->wire[SERVER], &f, 1), 0);
		type = peer_receive(p, &m, &fd);
		if (!type)
			usleep(1000);
	}
	return type;
}

/* As far as @step, then more regions than several processes can have, or the end. */
static void come_and_go(struct ends *e, int step, unsigned regions)
{
	struct peer p;
	int type;

	peer_init(&p);
	peer_connect(&p, e->path);
	peer_share(&p, MFD_ALLOW_SEALING);
	assert_int_equal(hear(e, &p), MEMIF_HELLO);
	for (int n = 0; n < step; n++) {
		struct memif_message m = peer_message(&p, n);

		assert_true(peer_send(&p, &m, peer_fd(&p, n)));
		assert_true(hear(e, &p) > 0);
	}
	for (unsigned n = 1; n < regions; n++) {
		struct memif_message m = peer_message(&p, 1);

		m.add_region.index = (uint16_t)n;
		assert_true(peer_send(&p, &m, p.memory));
	}
	type = regions ? hear(e, &p) : 0;
	while (type == MEMIF_ACK)
		type = hear(e, &p);
	assert_true(!regions || type == MEMIF_DISCONNECT);
	peer_close(&p);
}

static void whoever_comes_leaves_nothing(void **state)
{
	unsigned n_fds = 0;
	struct ends e;
	char spec[64];
	int heap;

	alarm(30);
	assert_int_equal(heap_create(&heap), 0);
	ends_open(&e, "", "");
	ends_connect(&e);
	assert_int_equal(wire_share(e.wire[SERVER], spec, sizeof(spec)), 0);
	for (unsigned round = 0; round < 3; round++) {
		wire_close(e.wire[CLIENT]);
		for (int step = 0; step <= PEER_STEPS; step++)
			come_and_go(&e, step, 0);
		for (unsigned regions = 5; regions < 9; regions++)
			come_and_go(&e, 2, regions);
		ends_open_one(&e, CLIENT, "");
		wait_until_up(&e, SERVER);
		wait_until_up(&e, CLIENT);
		assert_frame(&e, SERVER, round);
		assert_frame(&e, CLIENT, 50 + round);
		if (round == 0)
			n_fds = count_descriptors();
		assert_int_equal(count_descriptors(), n_fds);
		assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
	}
	wire_close(e.wire[SERVER]);
	wire_close(e.wire[CLIENT]);
	assert_int_equal(rmdir(e.folder), 0);
	heap_leave();
	close(heap);
}

/* ---- ... and all processes have it -------------------------------------------------------- */

#define PROCESSES 3
#define ROUNDS 5

struct company {
	pthread_mutex_t lock;
	volatile bool ends;
	uint64_t echoed[PROCESSES];	/* with a connection that was not there at first */
};

static void lock(struct company *c)
{
	if (pthread_mutex_lock(&c->lock) == EOWNERDEAD)
		pthread_mutex_consistent(&c->lock);
}

/* Whatever comes goes back, in turn with others, until that is enough. */
static void keep_company(struct wire *w, struct company *c, int who)
{
	while (!c->ends) {
		struct wire_frame f;
		int got;

		lock(c);
		got = wire_recv(w, &f, 1);
		if (got > 0 && wire_send(w, &f, 1) == 1 &&
		    memif_counters(w)->connected > 1)
			c->echoed[who]++;
		pthread_mutex_unlock(&c->lock);
		if (!got)
			usleep(who * 100);
	}
}

/* The other end, in a process without a heap; each round with a wire of its own. */
static void be_peer(const struct ends *e, int side, bool may_lose)
{
	struct pollfd p = { .events = POLLIN };
	struct wire_error error;
	struct wire_frame f;
	char spec[256];

	snprintf(spec, sizeof(spec), "memif:%s,role=%s", e->path,
		 side == SERVER ? "server" : "client");
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned done = 0, sent = 0, idle = 0, goal = may_lose ? 100 : FRAMES;
		struct wire *w;

		if (wire_open(&w, spec, &error))
			_exit(3);
		p.fd = wire_fd(w);
		while (!memif_counters(w)->is_up)
			if (wire_recv(w, &f, 1) < 0)
				_exit(4);
		for (uint64_t turns = 0; done < goal; turns++) {
			bool lost = may_lose && turns % 4096 == 0;

			if (sent == done || lost)
				sent += send_frame(w, done) == 1;
			if (wire_recv(w, &f, 1) != 1) {
				/* Whoever answers wakes. */
				if (++idle % 64 == 0 && sent > done && !lost &&
				    poll(&p, 1, may_lose ? 1 : 2000) == 0 && !may_lose)
					_exit(8);
				continue;
			}
			if (!may_lose && !is_frame(&f, done))
				_exit(6);
			done++;
			sent = done;
		}
		wire_close(w);
	}
	_exit(0);
}

static pid_t execute_company(int heap, const char *spec, const struct company *c, int who)
{
	char number[16], at[32], which[16];
	pid_t child;

	snprintf(number, sizeof(number), "%d", heap);
	snprintf(at, sizeof(at), "%llx", (unsigned long long)(uintptr_t)c);
	snprintf(which, sizeof(which), "%d", who);
	child = fork();
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	execl("/proc/self/exe", "memif_share_test", number, spec, at, which, NULL);
	_exit(99);
}

static struct company *make_company(void)
{
	struct company *c = heap_zeroed(1, sizeof(*c));
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&c->lock, &a);
	return c;
}

static void assert_gone_well(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* @kills: processes are killed, in the middle of whatever they do, and others come. */
static void assert_company(int side, bool kills)
{
	pid_t peer, child[PROCESSES];
	struct company *c;
	struct ends e;
	char spec[64];
	int heap, status;

	alarm(30);
	ends_open_folder(&e);
	peer = fork();
	if (!peer) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		be_peer(&e, !side, kills);
	}
	if (side == CLIENT)
		usleep(50000);
	assert_int_equal(heap_create(&heap), 0);
	heap = keep_descriptor(heap);
	ends_open_one(&e, side, "");
	assert_int_equal(wire_share(e.wire[side], spec, sizeof(spec)), 0);
	c = make_company();
	for (int n = 1; n < PROCESSES; n++)
		child[n] = execute_company(heap, spec, c, n);
	for (int n = 1; waitpid(peer, &status, WNOHANG) == 0; n++) {
		struct wire_frame f;

		lock(c);
		if (wire_recv(e.wire[side], &f, 1) > 0 &&
		    wire_send(e.wire[side], &f, 1) == 1 &&
		    memif_counters(e.wire[side])->connected > 1)
			c->echoed[0]++;
		pthread_mutex_unlock(&c->lock);
		if (n % 128 == 0)
			usleep(100);
		if (kills && n % 4096 == 0) {
			int who = 1 + n / 4096 % (PROCESSES - 1);

			kill(child[who], SIGKILL);
			waitpid(child[who], NULL, 0);
			child[who] = execute_company(heap, spec, c, who);
		}
	}
	assert_int_equal(status, 0);
	c->ends = true;
	for (int n = 1; n < PROCESSES; n++)
		assert_gone_well(child[n]);
	for (int n = 0; n < PROCESSES && !kills; n++)
		assert_true(c->echoed[n] > 0);
	wire_close(e.wire[side]);
	assert_int_equal(rmdir(e.folder), 0);
	heap_leave();
	close(heap);
}

static void all_processes_have_the_next_server(void **state)
{
	assert_company(CLIENT, false);
}

static void all_processes_have_the_next_client(void **state)
{
	assert_company(SERVER, false);
}

static void processes_die_while_servers_come_and_go(void **state)
{
	assert_company(CLIENT, true);
}

static void processes_die_while_clients_come_and_go(void **state)
{
	assert_company(SERVER, true);
}

static void not_without_a_heap(void **state)
{
	struct ends e;
	char spec[64];
	struct wire *w;
	struct wire_error error;

	ends_open(&e, "", "");
	ends_connect(&e);
	assert_int_equal(wire_share(e.wire[CLIENT], spec, sizeof(spec)), -EOPNOTSUPP);
	ends_close(&e);
	assert_int_equal(wire_open(&w, "memif:shared=3a0000010000", &error), -EPROTO);
	assert_int_equal(wire_open(&w, "memif:shared=", &error), -EPROTO);
}

static int other_process(int argc, char **argv)
{
	struct wire_error error = { "" };
	struct wire *w;
	int err = heap_join(atoi(argv[1]));

	if (!err)
		err = wire_open(&w, argv[2], &error);
	if (err) {
		fprintf(stderr, "%s: %s\n", argv[2], error.text);
		return 1;
	}
	if (argc > 4)
		keep_company(w, (struct company *)(uintptr_t)strtoull(argv[3], NULL, 16),
			     atoi(argv[4]));
	else
		err = echo(w, FRAMES);
	wire_close(w);
	return err;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_shared),
		cmocka_unit_test(server_is_shared),
		cmocka_unit_test(the_server_returns),
		cmocka_unit_test(another_client_comes),
		cmocka_unit_test(whoever_comes_leaves_nothing),
		cmocka_unit_test(all_processes_have_the_next_server),
		cmocka_unit_test(all_processes_have_the_next_client),
		cmocka_unit_test(processes_die_while_servers_come_and_go),
		cmocka_unit_test(processes_die_while_clients_come_and_go),
		cmocka_unit_test(not_without_a_heap),
	};

	if (argc > 2)
		return other_process(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

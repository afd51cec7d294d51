// SPDX-License-Identifier: BSD-2-Clause
/*
 * memif_share_test.c - A connection of memif that a program takes over which is executed
 *
 * The program is this one: with arguments it is the other process. ARCHITECTURE D6, D11.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/keep.h"
#include "memif_ends.h"
#include "wire/memif/state.h"

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

static int other_process(char **argv)
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
	err = echo(w, FRAMES);
	wire_close(w);
	return err;
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

	alarm(60);
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

static void nothing_wakes(const struct wire *w)
{
	struct pollfd p = { .fd = wire_fd(w), .events = POLLIN };

	assert_int_equal(poll(&p, 1, 0), 0);
}

/* Its peer is gone: no other one comes, and nobody waits for one. */
static void peer_goes(void **state)
{
	struct ends e;
	char spec[64];
	struct wire_frame f;
	int heap, other;

	assert_int_equal(heap_create(&heap), 0);
	ends_open(&e, "", "");
	ends_connect(&e);
	assert_int_equal(wire_share(e.wire[CLIENT], spec, sizeof(spec)), 0);
	/* As another process has it, which does not know yet. */
	other = dup(memif_self(e.wire[CLIENT])->memif->up->fd);
	wire_close(e.wire[SERVER]);
	for (int n = 0; n < 100; n++)
		assert_int_equal(wire_recv(e.wire[CLIENT], &f, 1), 0);
	nothing_wakes(e.wire[CLIENT]);
	close(other);
	assert_false(ends_is_up(&e, CLIENT));
	assert_true(wire_deadline(e.wire[CLIENT]) == NS_NEVER);
	assert_int_equal(send_frame(e.wire[CLIENT], 1), 1);
	wire_close(e.wire[CLIENT]);
	rmdir(e.folder);
	heap_leave();
	close(heap);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_is_shared),
		cmocka_unit_test(server_is_shared),
		cmocka_unit_test(peer_goes),
		cmocka_unit_test(not_without_a_heap),
	};

	if (argc > 2)
		return other_process(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

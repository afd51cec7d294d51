// SPDX-License-Identifier: BSD-2-Clause
/* memif_confined_test.c - An end in a process that has forbidden itself most system calls */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/kernel.h"
#include "memif_ends.h"
#include "stack/few_calls.h"

#define ROUNDS 20
#define SKIP 77

static int send_one(struct wire *w)
{
	static uint8_t data[100];
	struct iovec iov = { data, sizeof(data) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = sizeof(data) };

	return wire_send(w, &f, 1);
}

static int receive_one(struct wire *w)
{
	struct wire_frame f[1];

	return wire_recv(w, f, 1);
}

/* Asks, and waits for each answer. Return: exit status. */
static int converse(struct wire *w)
{
	alarm(20);
	if (!allow_few_calls())
		return SKIP;
	kernel_is_confined = true;
	if (wire_fd(w) != -1)	/* it would never be quiet                      */
		return 2;
	for (int n = 0; n < ROUNDS; n++) {
		if (send_one(w) != 1)
			return 1;
		while (!receive_one(w))
			;
	}
	return 0;
}

/* Who sleeps is woken by the one that is confined, and answers. */
static void a_confined_end_sends_rings_and_receives(void **state)
{
	struct pollfd p = { .events = POLLIN };
	struct ends e;
	int status;
	pid_t child;

	if (MAKES_MORE_CALLS) {
		print_message("skipped: a sanitizer makes calls of its own\n");
		skip();
	}
	ends_open(&e, "", "");
	ends_connect(&e);
	child = fork();
	if (!child)
		_exit(converse(e.wire[CLIENT]));
	p.fd = wire_fd(e.wire[SERVER]);
	for (int n = 0; n < ROUNDS; n++) {
		while (!receive_one(e.wire[SERVER]) && poll(&p, 1, 10000) == 1)
			;
		if (waitpid(child, &status, WNOHANG) == child)
			break;
		assert_int_equal(send_one(e.wire[SERVER]), 1);
	}
	if (waitpid(child, &status, 0) == child && WIFEXITED(status) &&
	    WEXITSTATUS(status) == SKIP)
		skip();
	assert_int_equal(status, 0);
	ends_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confined_end_sends_rings_and_receives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

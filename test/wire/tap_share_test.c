// SPDX-License-Identifier: BSD-2-Clause
/*
 * tap_share_test.c - A TAP device that several processes use by its descriptor
 *
 * In network and user namespaces of its own, which end with it. ARCHITECTURE D6, D11.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/keep.h"
#include "wire/wire.h"

#define FRAME_BYTES 42

/* Who has 10.9.0.1? RFC 826. */
static const uint8_t question[FRAME_BYTES] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 9, 0, 0, 0, 2, 8, 6,
	0, 1, 8, 0, 6, 4, 0, 1, 2, 9, 0, 0, 0, 2, 10, 9, 0, 2,
	0, 0, 0, 0, 0, 0, 10, 9, 0, 1,
};

static struct wire *open_tap(void)
{
	struct wire_error error = { "" };
	struct wire *w;
	int err;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET)) {
		print_message("skip: no namespaces here: %s\n", strerror(errno));
		skip();
	}
	err = wire_open(&w, "tap:shared%d,address=10.9.0.1/30,up", &error);
	if (err == -ENOENT || err == -EPERM || err == -EACCES) {
		print_message("skip: %s\n", error.text);
		skip();
	}
	assert_int_equal(err, 0);
	return w;
}

static int send_question(const char *spec)
{
	struct iovec iov = { (void *)(uintptr_t)question, sizeof(question) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = sizeof(question) };
	struct wire_error error;
	struct wire *w;

	if (wire_open(&w, spec, &error)) {
		print_error("%s\n", error.text);
		return 1;
	}
	return wire_send(w, &f, 1) != 1 || wire_close(w);
}

/* Is an answer among what comes within a second? */
static bool gets_answer(struct wire *w)
{
	struct pollfd fd = { .fd = wire_fd(w), .events = POLLIN };
	struct wire_frame f;

	while (poll(&fd, 1, 1000) == 1) {
		uint8_t bytes[70000];

		if (wire_recv(w, &f, 1) != 1 || f.len < FRAME_BYTES)
			continue;
		wire_frame_copy(&f, bytes);
		if (!memcmp(bytes, question + 6, 6) && bytes[12] == 8 &&
		    bytes[13] == 6 && bytes[21] == 2)
			return true;
	}
	return false;
}

static void two_processes_have_one_device(void **state)
{
	struct wire *w = open_tap();
	char spec[128];
	int status;
	pid_t child;

	assert_int_equal(wire_share(w, spec, sizeof(spec)), 0);
	assert_true(keep_has(wire_fd(w)));
	assert_int_equal(fcntl(wire_fd(w), F_GETFD), 0);
	child = fork();
	if (!child)
		_exit(send_question(spec));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* The other one has closed it; ours works all the same. */
	assert_true(gets_answer(w));
	wire_close(w);
}

static void only_the_device_that_is_meant(void **state)
{
	struct wire *w = open_tap(), *other;
	struct wire_error error = { "" };
	char spec[128], wrong[160];

	assert_int_equal(wire_share(w, spec, sizeof(spec)), 0);
	snprintf(wrong, sizeof(wrong), "tap:elsewhere,fd=%d,mtu=1500", wire_fd(w));
	assert_int_equal(wire_open(&other, wrong, &error), -EBADF);
	assert_non_null(strstr(error.text, "not that of this device"));
	snprintf(wrong, sizeof(wrong), "%s,plain", spec);
	assert_int_equal(wire_open(&other, wrong, &error), -EBADF);
	assert_int_equal(wire_open(&other, "tap:shared0,fd=0,mtu=1500", &error), -EBADF);
	assert_int_equal(wire_share(w, spec, 8), -ENAMETOOLONG);
	wire_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processes_have_one_device),
		cmocka_unit_test(only_the_device_that_is_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

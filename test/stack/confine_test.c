// SPDX-License-Identifier: BSD-2-Clause
/*
 * confine_test.c - Sockets of ours in processes that have taken rights from themselves
 *
 * As OpenSSH's sshd does with the process that talks to who has not logged in yet.
 * Source: seccomp(2), setrlimit(2); SPEC LIB-5.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "stack/few_calls.h"
#include "stack/loopback_scene.h"

/* Until a byte comes, for longer than it takes until dead processes are looked for. */
static int answer_confined(int fd)
{
	static const struct rlimit none;
	struct pollfd p = { fd, POLLIN, 0 };
	char byte = 0;

	if (setrlimit(RLIMIT_NOFILE, &none) || !allow_few_calls())
		return SCENE_SKIP;
	tto_confine();
	if (tto_ppoll(&p, 1, NULL, NULL) != 1 || p.revents != POLLIN ||
	    scene_receive(fd, &byte, 1, 0) != 1 || scene_receive(fd, &byte, 1, 0) != 1)
		return 1;
	return scene_send(fd, &byte, 1, 0) != 1;
}

static void lib_5_confined_waits_and_answers(void **state)
{
	char byte = 0;
	int ends[2], status;
	pid_t child;

	if (MAKES_MORE_CALLS) {
		print_message("skipped: a sanitizer makes calls of its own\n");
		skip();
	}
	scene_pair(ends);
	child = scene_fork();
	if (!child) {
		alarm(20);
		_exit(answer_confined(ends[1]));
	}
	for (char n = 'a'; n <= 'b'; n++) {
		usleep(300000);
		assert_int_equal(scene_send(ends[0], &n, 1, 0), 1);
	}
	assert_int_equal(scene_receive(ends[0], &byte, 1, 0), 1);
	assert_int_equal(byte, 'b');
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SCENE_SKIP)
		skip();
	assert_int_equal(status, 0);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* More descriptors than the limit allows to have are waited for, and not by turning. */
static void lib_5_waits_for_more_than_the_limit(void **state)
{
	struct rlimit limit, one;
	struct timespec time = { 0, 300000000 };
	struct rusage before, after;
	int ends[2], pipes[2], ready;
	struct pollfd fds[2];

	scene_pair(ends);
	assert_int_equal(pipe(pipes), 0);
	fds[0] = (struct pollfd){ ends[0], POLLIN, 0 };
	fds[1] = (struct pollfd){ pipes[0], POLLIN, 0 };
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	one = limit;
	one.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &one), 0);
	getrusage(RUSAGE_THREAD, &before);
	ready = tto_ppoll(fds, 2, &time, NULL);
	getrusage(RUSAGE_THREAD, &after);
	assert_int_equal(ready, 0);
	assert_true(after.ru_utime.tv_sec * 1000000 + after.ru_utime.tv_usec +
		    after.ru_stime.tv_sec * 1000000 + after.ru_stime.tv_usec <
		    before.ru_utime.tv_sec * 1000000 + before.ru_utime.tv_usec +
		    before.ru_stime.tv_sec * 1000000 + before.ru_stime.tv_usec + 150000);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	ready = tto_ppoll(fds, 2, &time, NULL);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(ready, 1);
	assert_int_equal(fds[0].revents, 0);
	assert_int_equal(fds[1].revents, POLLIN);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
	close(pipes[0]);
	close(pipes[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_confined_waits_and_answers),
		cmocka_unit_test(lib_5_waits_for_more_than_the_limit),
	};

	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

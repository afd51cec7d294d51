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

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/compiler.h"
#include "stack/loopback_scene.h"

/* What confine.h promises to do with, and what ends the process. */
static const uint32_t allowed[] = {
	SYS_read, SYS_write, SYS_writev, SYS_ppoll, SYS_pselect6, SYS_futex, SYS_getrandom,
	SYS_rt_sigprocmask, SYS_clock_gettime, SYS_exit_group, SYS_rt_sigreturn,
};

static bool allow_few_calls(void)
{
	struct sock_filter filter[2 * ARRAY_SIZE(allowed) + 2];
	struct sock_fprog program = { .filter = filter };
	unsigned n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr));
	for (unsigned k = 0; k < ARRAY_SIZE(allowed); k++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   allowed[k], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							   SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						   SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	return !prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

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

// SPDX-License-Identifier: BSD-2-Clause
/*
 * process_test.c - What the processes of a stack have, however they begin and end
 *
 * This program executes itself with arguments: "HEAP ACTION ..." is then done in the new
 * process, whose exit status is 0 if all was as expected.
 * Source: ARCHITECTURE D6; SPEC LIB-5.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>
#include <cmocka.h>

#include "socket/descriptor.h"
#include "socket/double.h"
#include "socket/process.h"

#define WAIT_MS 10000

extern char **environ;
static const char *me;

struct scene {
	struct socket *s;
	int fd, set;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	double_start();
	scene->fd = double_socket(&scene->s);
	scene->set = tto_epoll_create1(0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	tto_close_fd(scene->fd);
	tto_close_fd(scene->set);
	assert_int_equal(double_count(), 0);
	assert_null(stack->sets);
	double_stop();
	free(scene);
	return 0;
}

static pid_t fork_here(void)
{
	pid_t child;

	tto_fork_begin();
	child = fork();
	if (child)
		tto_fork_parent(child);
	else
		tto_fork_child();
	return child;
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void reap(void)
{
	/* It looks at some of them each time. */
	for (int n = 0; n < STACK_PROCESSES / 16; n++) {
		assert_true(stack_lock());
		process_reap();
		stack_unlock();
	}
}

/* Until it is so, or WAIT_MS have passed. */
#define wait_for(is_so) \
	do { \
		int left_ = WAIT_MS; \
		while (!(is_so) && left_--) \
			usleep(1000); \
		assert_true(is_so); \
	} while (0)

/* ---- Fork ------------------------------------------------------------------------------ */

static void lib_5_a_child_has_what_its_parent_has(void **state)
{
	struct scene *scene = *state;
	pid_t child = fork_here();

	if (!child) {
		bool ok = tto_owns(scene->fd) && tto_owns(scene->set) &&
			  process_pid() == getpid() && process_self->pid == getpid() &&
			  scene->s->refs == 2;

		ok &= !tto_close_fd(scene->fd) && scene->s->refs == 1;
		tto_exit();
		_exit(!ok);
	}
	assert_int_equal(status_of(child), 0);
	assert_int_equal(scene->s->refs, 1);
	assert_int_equal(process_count(), 0);
}

/* The parent closes, the child still has it; who is killed closes what he had. */
static void lib_5_what_a_dead_process_had_is_closed(void **state)
{
	struct scene *scene = *state;
	struct epoll_event event = { EPOLLIN, { .u64 = 1 } };
	pid_t child = fork_here();

	if (!child) {
		tto_epoll_ctl(scene->set, EPOLL_CTL_ADD, scene->fd, &event);
		for (;;)
			tto_epoll_wait(scene->set, &event, 1, NULL, NULL);
	}
	tto_close_fd(scene->fd);
	wait_for(scene->s->watches && stack->sleepers[0].is_asleep);
	reap();
	assert_int_equal(scene->s->refs, 1);
	kill(child, SIGKILL);
	/* It is enough that it has ended; its parent need not have asked. */
	wait_for((reap(), !double_count()));
	assert_int_equal(process_count(), 0);
	assert_int_equal(stack->sleepers[0].process, 0);
	status_of(child);
}

static void lib_5_a_fork_that_fails_leaves_nothing(void **state)
{
	struct scene *scene = *state;

	tto_fork_begin();
	assert_int_equal(scene->s->refs, 2);
	tto_fork_parent(-1);
	assert_int_equal(scene->s->refs, 1);
	assert_int_equal(process_count(), 0);
}

/* ---- Exec ------------------------------------------------------------------------------ */

/* Of the next call but three. */
static char *number(int n)
{
	static char texts[4][16];
	static unsigned next;
	char *text = texts[next++ % 4];

	snprintf(text, sizeof(texts[0]), "%d", n);
	return text;
}

static void execute(int a, int b)
{
	char *arguments[] = { (char *)(uintptr_t)me, number(double_heap()), number(a),
			      number(b), NULL };

	tto_exec_begin();
	execv(me, arguments);
	tto_exec_failed();
	_exit(9);
}

/* The new program: @a is ours, and @b is not. */
static int executed(char *const argv[])
{
	int a = atoi(argv[2]), b = atoi(argv[3]);
	bool ok;

	double_join(atoi(argv[1]));
	ok = tto_owns(a) && !tto_owns(b) && process_self->pid == getpid() &&
	     !process_self->inodes && stack->sleepers[0].process == 0;
	tto_exit();
	return !ok;
}

static void lib_5_exec_keeps_what_it_does_not_close(void **state)
{
	struct scene *scene = *state;
	struct socket *other;
	int closed = double_socket(&other);
	pid_t child;

	fcntl(closed, F_SETFD, FD_CLOEXEC);
	child = fork_here();
	if (!child)
		execute(scene->fd, closed);
	assert_int_equal(status_of(child), 0);
	assert_int_equal(scene->s->refs, 1);
	assert_int_equal(other->refs, 1);
	tto_close_fd(closed);
}

static void lib_5_exec_that_fails_changes_nothing(void **state)
{
	struct scene *scene = *state;

	tto_exec_begin();
	assert_non_null(process_self->inodes);
	tto_exec_failed();
	assert_null(process_self->inodes);
	assert_true(tto_owns(scene->fd));
	assert_int_equal(scene->s->refs, 1);
}

/* A number that has become another file's is not taken for ours. */
static void lib_5_exec_knows_a_number_of_another(void **state)
{
	struct scene *scene = *state;
	struct socket *other;
	int fd = double_socket(&other), plain = socket(AF_INET, SOCK_STREAM, 0);
	pid_t child = fork_here();

	if (!child) {
		char *arguments[] = { (char *)(uintptr_t)me, number(double_heap()),
				      number(scene->fd), number(fd), NULL };

		tto_exec_begin();
		dup2(plain, fd);
		execv(me, arguments);
		_exit(9);
	}
	assert_int_equal(status_of(child), 0);
	assert_int_equal(other->refs, 1);
	close(plain);
	tto_close_fd(fd);
}

/* ---- Without fork ---------------------------------------------------------------------- */

/* An inetd: the program has the socket as its standard input. */
static void lib_5_posix_spawn_moves_descriptors(void **state)
{
	struct scene *scene = *state;
	char *arguments[] = { (char *)(uintptr_t)me, number(double_heap()), number(0),
			      number(scene->fd), NULL };
	posix_spawn_file_actions_t actions;
	unsigned long spawn;
	pid_t child;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, scene->fd, 0);
	posix_spawn_file_actions_addclose(&actions, scene->fd);
	spawn = tto_spawn_begin();
	assert_int_equal(posix_spawn(&child, me, &actions, NULL, arguments, environ), 0);
	tto_spawn_end(spawn, child);
	assert_int_equal(status_of(child), 0);
	assert_int_equal(scene->s->refs, 1);
	posix_spawn_file_actions_destroy(&actions);
}

/* As system() does it: whose child it is, is all that is known. */
static void lib_5_a_program_finds_what_its_parent_had(void **state)
{
	struct scene *scene = *state;
	unsigned long spawn;
	char *command;

	assert_true(asprintf(&command, "exec '%s' %d %d 999", me, double_heap(),
			     scene->fd) > 0);
	spawn = tto_spawn_begin();
	assert_int_equal(system(command), 0);
	tto_spawn_end(spawn, -1);
	assert_int_equal(scene->s->refs, 1);
	assert_int_equal(process_count(), 0);
	free(command);
}

static void lib_5_a_program_that_does_not_join_leaves_nothing(void **state)
{
	struct scene *scene = *state;
	unsigned long spawn = tto_spawn_begin();

	assert_int_equal(scene->s->refs, 2);
	assert_int_equal(system("true"), 0);
	tto_spawn_end(spawn, -1);
	assert_int_equal(scene->s->refs, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(lib_5_a_child_has_what_its_parent_has),
		TEST(lib_5_what_a_dead_process_had_is_closed),
		TEST(lib_5_a_fork_that_fails_leaves_nothing),
		TEST(lib_5_exec_keeps_what_it_does_not_close),
		TEST(lib_5_exec_that_fails_changes_nothing),
		TEST(lib_5_exec_knows_a_number_of_another),
		TEST(lib_5_posix_spawn_moves_descriptors),
		TEST(lib_5_a_program_finds_what_its_parent_had),
		TEST(lib_5_a_program_that_does_not_join_leaves_nothing),
	};

	me = realpath("/proc/self/exe", NULL);
	if (argc == 4)
		return executed(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

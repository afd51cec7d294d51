// SPDX-License-Identifier: BSD-2-Clause
/*
 * poll_test.c - Who waits for sockets of ours and descriptors of the kernel
 *
 * Source: poll(2), select(2), epoll(7); SPEC LIB-5.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/double.h"
#include "socket/ready/epoll.h"
#include "socket/ready/wait.h"

#define SOON_NS 20000000L	/* until another thread does something          */
#define LONG_S 20		/* a wait that must be ended by somebody        */

static const struct timespec none, long_time = { LONG_S, 0 };

struct scene {
	struct socket *s;
	int fd, pipe[2];
	/* What the other thread does after SOON_NS. */
	void (*act)(struct scene *scene);
	pthread_t waiter, thread;
	int signal;
};

static int setup(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	double_start();
	scene->fd = double_socket(&scene->s);
	*state = scene;
	return pipe2(scene->pipe, O_CLOEXEC);
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	close(scene->pipe[0]);
	close(scene->pipe[1]);
	if (tto_owns(scene->fd))
		tto_close_fd(scene->fd);
	for (unsigned n = 0; n < STACK_SLEEPERS; n++)
		assert_int_equal(stack->sleepers[n].process, 0);
	assert_int_equal(double_count(), 0);
	double_stop();
	free(scene);
	return 0;
}

static void *act_later(void *argument)
{
	struct scene *scene = argument;
	struct timespec soon = { 0, SOON_NS };

	nanosleep(&soon, NULL);
	scene->act(scene);
	return NULL;
}

static void later(struct scene *scene, void (*act)(struct scene *))
{
	scene->act = act;
	scene->waiter = pthread_self();
	assert_int_equal(pthread_create(&scene->thread, NULL, act_later, scene), 0);
}

static void arrive(struct scene *scene)
{
	double_arrive(scene->s, 3);
}

static void write_pipe(struct scene *scene)
{
	assert_int_equal(write(scene->pipe[1], "x", 1), 1);
}

static void send_signal(struct scene *scene)
{
	pthread_kill(scene->waiter, scene->signal);
}

/* ---- poll ------------------------------------------------------------------------------ */

static void lib_5_poll_sees_both_kinds(void **state)
{
	struct scene *scene = *state;
	struct pollfd fds[] = {
		{ scene->fd, POLLIN | POLLOUT, 0 }, { scene->pipe[0], POLLIN, 0 },
		{ -1, POLLIN, 7 }, { 1000, POLLIN, 0 },
	};

	assert_int_equal(tto_ppoll(fds, 3, &none, NULL), 1);
	assert_int_equal(fds[0].revents, POLLOUT);
	assert_int_equal(fds[2].revents, 0);
	double_fill(scene->s);
	assert_int_equal(tto_ppoll(fds, 3, &none, NULL), 0);
	write_pipe(scene);
	assert_int_equal(tto_ppoll(fds, 3, &none, NULL), 1);
	assert_int_equal(fds[1].revents, POLLIN);
	double_arrive(scene->s, 1);
	usleep(100);	/* what is the kernel's is looked at every 50 us        */
	assert_int_equal(tto_ppoll(fds, 4, &none, NULL), 3);
	assert_int_equal(fds[0].revents, POLLIN);
	assert_int_equal(fds[3].revents, POLLNVAL);
}

static void lib_5_poll_is_woken_by_a_socket(void **state)
{
	struct scene *scene = *state;
	struct pollfd fds[] = { { scene->fd, POLLIN, 0 }, { scene->pipe[0], POLLIN, 0 } };

	later(scene, arrive);
	assert_int_equal(tto_ppoll(fds, 2, &long_time, NULL), 1);
	assert_int_equal(fds[0].revents, POLLIN);
	pthread_join(scene->thread, NULL);
}

/* More who sleep than there are events to wake them by; each is woken for his own. */
#define MANY (3 * STACK_EVENTS + 5)

static struct {
	struct socket *s;
	pthread_t thread;
	int fd;
	_Atomic bool is_back;
} crowd[MANY];

static void *wait_in_crowd(void *argument)
{
	int n = (int)(intptr_t)argument;
	struct pollfd p = { crowd[n].fd, POLLIN, 0 };

	assert_int_equal(tto_ppoll(&p, 1, &long_time, NULL), 1);
	crowd[n].is_back = true;
	return NULL;
}

static bool all_sleep(uint32_t n)
{
	bool is_so;

	assert_true(stack_lock());
	is_so = stack->n_asleep == n;
	stack_unlock();
	return is_so;
}

static void lib_5_of_many_who_sleep_the_right_one_is_woken(void **state)
{
	for (int n = 0; n < MANY; n++) {
		crowd[n].fd = double_socket(&crowd[n].s);
		crowd[n].is_back = false;
		double_fill(crowd[n].s);
		pthread_create(&crowd[n].thread, NULL, wait_in_crowd,
			       (void *)(intptr_t)n);
	}
	for (int n = 0; n < MANY; n++) {
		int one = n * 7 % MANY;

		while (!all_sleep((uint32_t)(MANY - n)))
			usleep(200);
		assert_false(crowd[one].is_back);
		double_arrive(crowd[one].s, 1);
		pthread_join(crowd[one].thread, NULL);
	}
	for (int n = 0; n < MANY; n++) {
		assert_int_equal(tto_close_fd(crowd[n].fd), 0);
		assert_int_equal(n < STACK_EVENTS && stack->events[n].n_sleepers, 0);
	}
}

static void lib_5_poll_is_woken_by_the_kernel(void **state)
{
	struct scene *scene = *state;
	struct pollfd fds[] = { { scene->fd, POLLIN, 0 }, { scene->pipe[0], POLLIN, 0 } };

	later(scene, write_pipe);
	assert_int_equal(tto_ppoll(fds, 2, &long_time, NULL), 1);
	assert_int_equal(fds[1].revents, POLLIN);
	pthread_join(scene->thread, NULL);
}

static void lib_5_poll_ends_with_its_time(void **state)
{
	struct scene *scene = *state;
	struct pollfd fd = { scene->fd, POLLIN, 0 };
	struct timespec timeout = { 0, 30000000 };
	ns_t start = stack_clock(), took;

	assert_int_equal(tto_ppoll(&fd, 1, &timeout, NULL), 0);
	took = stack_clock() - start;
	assert_true(took >= 30000000);
	assert_int_equal(timeout.tv_nsec, 30000000);
}

/* Timers of the stack are served while somebody sleeps. */
static void lib_5_poll_runs_the_stack_in_time(void **state)
{
	struct scene *scene = *state;
	struct pollfd fd = { scene->fd, POLLIN, 0 };
	struct timespec timeout = { 0, 60000000 };
	unsigned before = double_turns;

	setenv("TTO_SPIN_US", "0", 1);
	double_deadline = stack_clock() + 10000000;
	assert_int_equal(tto_ppoll(&fd, 1, &timeout, NULL), 0);
	assert_true(double_turns - before >= 2);
}

/* ---- Signals ----------------------------------------------------------------------------- */

static volatile sig_atomic_t handled;

static void handler(int number)
{
	handled++;
}

static void handle(int number, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	handled = 0;
	sigaction(number, &action, NULL);
}

static void lib_5_a_signal_interrupts_poll(void **state)
{
	struct scene *scene = *state;
	struct pollfd fd = { scene->fd, POLLIN, 0 };

	/* poll(2) does not go on, SA_RESTART or not. */
	handle(SIGUSR1, SA_RESTART);
	scene->signal = SIGUSR1;
	later(scene, send_signal);
	assert_int_equal(tto_ppoll(&fd, 1, &long_time, NULL), -1);
	assert_int_equal(errno, EINTR);
	assert_int_equal(handled, 1);
	pthread_join(scene->thread, NULL);
}

/* The mask holds while it waits, so a signal that was blocked before is not missed. */
static void lib_5_the_mask_lets_in_what_was_pending(void **state)
{
	struct scene *scene = *state;
	struct pollfd fd = { scene->fd, POLLIN, 0 };
	sigset_t blocked, old, open;

	handle(SIGUSR1, 0);
	sigemptyset(&open);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, &old);
	pthread_kill(pthread_self(), SIGUSR1);
	assert_int_equal(tto_ppoll(&fd, 1, &none, NULL), 0);
	assert_int_equal(handled, 0);
	assert_int_equal(tto_ppoll(&fd, 1, &long_time, &open), -1);
	assert_int_equal(errno, EINTR);
	assert_int_equal(handled, 1);
	/* And afterwards it is what it was. */
	pthread_kill(pthread_self(), SIGUSR1);
	assert_int_equal(handled, 1);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(handled, 2);
}

static void lib_5_calls_go_on_as_all_handlers_say(void **state)
{
	handle(SIGUSR1, SA_RESTART);
	assert_true(wait_restarts());
	handle(SIGUSR2, 0);
	assert_false(wait_restarts());
	signal(SIGUSR2, SIG_IGN);
	assert_true(wait_restarts());
}

/* ---- select -------------------------------------------------------------------------------- */

static void lib_5_select_sees_both_kinds(void **state)
{
	struct scene *scene = *state;
	fd_set in, out, exceptions;
	int n = (scene->fd > scene->pipe[0] ? scene->fd : scene->pipe[0]) + 1;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&exceptions);
	FD_SET(scene->fd, &in);
	FD_SET(scene->pipe[0], &in);
	FD_SET(scene->fd, &out);
	FD_SET(scene->fd, &exceptions);
	write_pipe(scene);
	double_finish(scene->s);
	usleep(100);
	assert_int_equal(tto_select(n, &in, &out, &exceptions, &long_time, NULL), 3);
	assert_true(FD_ISSET(scene->fd, &in) && FD_ISSET(scene->pipe[0], &in));
	assert_true(FD_ISSET(scene->fd, &out));
	assert_false(FD_ISSET(scene->fd, &exceptions));
}

static void lib_5_select_refuses_what_is_closed(void **state)
{
	struct scene *scene = *state;
	fd_set in;

	FD_ZERO(&in);
	FD_SET(scene->fd, &in);
	FD_SET(500, &in);
	assert_int_equal(tto_select(501, &in, NULL, NULL, &none, NULL), -1);
	assert_int_equal(errno, EBADF);
}

/* ---- epoll ------------------------------------------------------------------------------- */

static void lib_5_epoll_is_woken_by_a_socket(void **state)
{
	struct scene *scene = *state;
	struct epoll_event event = { EPOLLIN, { .u64 = 42 } }, got;
	int set = tto_epoll_create1(0);

	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, scene->fd, &event), 0);
	later(scene, arrive);
	assert_int_equal(tto_epoll_wait(set, &got, 1, &long_time, NULL), 1);
	assert_int_equal(got.events, EPOLLIN);
	assert_int_equal(got.data.u64, 42);
	pthread_join(scene->thread, NULL);
	tto_close_fd(set);
}

struct late_add {
	struct scene *scene;
	int set;
};

static void *add_later(void *argument)
{
	struct late_add *late = argument;
	struct timespec soon = { 0, SOON_NS };
	struct epoll_event event = { EPOLLOUT, { .u64 = 43 } };

	nanosleep(&soon, NULL);
	assert_int_equal(tto_epoll_ctl(late->set, EPOLL_CTL_ADD, late->scene->fd, &event),
			 0);
	return NULL;
}

/* Who waits is told of what another thread adds. */
static void lib_5_epoll_is_woken_by_an_addition(void **state)
{
	struct late_add late = { *state, tto_epoll_create1(0) };
	struct epoll_event got;
	pthread_t thread;

	pthread_create(&thread, NULL, add_later, &late);
	assert_int_equal(tto_epoll_wait(late.set, &got, 1, &long_time, NULL), 1);
	assert_int_equal(got.data.u64, 43);
	pthread_join(thread, NULL);
	tto_close_fd(late.set);
}

static void lib_5_a_set_in_a_set_is_ready(void **state)
{
	struct scene *scene = *state;
	struct epoll_event event = { EPOLLIN, { .u64 = 1 } }, got[4];
	int inner = tto_epoll_create1(0), outer = tto_epoll_create1(0);
	struct pollfd fd = { inner, POLLIN, 0 };

	assert_int_equal(tto_epoll_ctl(inner, EPOLL_CTL_ADD, scene->fd, &event), 0);
	event.data.u64 = 2;
	assert_int_equal(tto_epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
	assert_int_equal(tto_epoll_ctl(inner, EPOLL_CTL_ADD, outer, &event), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(tto_epoll_wait(outer, got, 4, &none, NULL), 0);
	later(scene, arrive);
	assert_int_equal(tto_epoll_wait(outer, got, 4, &long_time, NULL), 1);
	assert_int_equal(got[0].data.u64, 2);
	assert_int_equal(tto_ppoll(&fd, 1, &none, NULL), 1);
	double_take(scene->s, 3);
	assert_int_equal(tto_ppoll(&fd, 1, &none, NULL), 0);
	assert_int_equal(tto_epoll_wait(outer, got, 4, &none, NULL), 0);
	pthread_join(scene->thread, NULL);
	/* The kernel's members of the inner one count as well. */
	event.data.u64 = 3;
	assert_int_equal(tto_epoll_ctl(inner, EPOLL_CTL_ADD, scene->pipe[0], &event), 0);
	write_pipe(scene);
	assert_int_equal(tto_epoll_wait(outer, got, 4, &long_time, NULL), 1);
	assert_int_equal(got[0].data.u64, 2);
	tto_close_fd(inner);
	tto_close_fd(outer);
}

/* A member stays until the last descriptor of what was added is closed: epoll(7). */
static void lib_5_a_duplicate_keeps_the_member(void **state)
{
	struct scene *scene = *state;
	struct epoll_event event = { EPOLLOUT, { .u64 = 5 } }, got;
	int set = tto_epoll_create1(0), copy = tto_dup(scene->fd);

	assert_true(tto_owns(copy));
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, scene->fd, &event), 0);
	assert_int_equal(tto_close_fd(scene->fd), 0);
	assert_int_equal(tto_epoll_wait(set, &got, 1, &none, NULL), 1);
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_DEL, scene->fd, NULL), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(tto_close_fd(copy), 0);
	assert_int_equal(tto_epoll_wait(set, &got, 1, &none, NULL), 0);
	tto_close_fd(set);
}

/* One that is in a set before it is connected: the kernel's until that is decided. */
static void lib_5_what_is_not_decided_is_the_kernels(void **state)
{
	struct scene *scene = *state;
	struct epoll_event event = { EPOLLIN | EPOLLOUT, { .u64 = 6 } }, got[2];
	struct pollfd fd = { scene->fd, POLLOUT, 0 };
	int set = tto_epoll_create1(0);

	double_fill(scene->s);
	scene->s->kind = SOCKET_NEW;
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, scene->fd, &event), 0);
	assert_int_equal(tto_epoll_wait(set, got, 2, &none, NULL), 1);
	assert_int_equal(got[0].events, EPOLLOUT | EPOLLHUP);
	assert_int_equal(tto_ppoll(&fd, 1, &none, NULL), 1);
	assert_int_equal(fd.revents, POLLOUT | POLLHUP);
	scene->s->kind = SOCKET_CONNECTION;
	epoll_is_ours(scene->s);
	assert_int_equal(tto_epoll_wait(set, got, 2, &none, NULL), 0);
	assert_int_equal(tto_ppoll(&fd, 1, &none, NULL), 0);
	double_drain(scene->s);
	assert_int_equal(tto_epoll_wait(set, got, 2, &none, NULL), 1);
	assert_int_equal(got[0].events, EPOLLOUT);
	assert_int_equal(got[0].data.u64, 6);
	tto_close_fd(set);
}

/* ---- EPOLLEXCLUSIVE ---------------------------------------------------------------------- */

#define WAITERS 4

struct exclusive {
	int set;
	_Atomic int *n_woken;
};

static void *wait_exclusive(void *argument)
{
	struct exclusive *e = argument;
	struct timespec timeout = { 0, 200000000 };
	struct epoll_event got;

	if (tto_epoll_wait(e->set, &got, 1, &timeout, NULL) > 0)
		++*e->n_woken;
	return NULL;
}

/* Return: how many of the sets reported the arrival. */
static int wake_sets(struct scene *scene, uint32_t events)
{
	struct epoll_event event = { events, { .u64 = 1 } };
	struct exclusive e[WAITERS];
	pthread_t threads[WAITERS];
	_Atomic int n_woken = 0;

	for (int k = 0; k < WAITERS; k++) {
		e[k] = (struct exclusive){ tto_epoll_create1(0), &n_woken };
		assert_int_equal(tto_epoll_ctl(e[k].set, EPOLL_CTL_ADD, scene->fd, &event), 0);
		pthread_create(&threads[k], NULL, wait_exclusive, &e[k]);
	}
	usleep(50000);
	/* Taken at once, so that level triggering tells nobody else. */
	double_arrive(scene->s, 1);
	for (int k = 0; k < WAITERS; k++) {
		pthread_join(threads[k], NULL);
		tto_close_fd(e[k].set);
	}
	return n_woken;
}

static void lib_5_one_of_those_that_want_to_be_alone_is_woken(void **state)
{
	assert_int_equal(wake_sets(*state, EPOLLIN | EPOLLET | EPOLLEXCLUSIVE), 1);
}

static void lib_5_all_others_are_woken(void **state)
{
	assert_int_equal(wake_sets(*state, EPOLLIN | EPOLLET), WAITERS);
}

static void lib_5_exclusive_has_the_kernels_limits(void **state)
{
	struct scene *scene = *state;
	int set = tto_epoll_create1(0), inner = tto_epoll_create1(0);
	struct epoll_event event = { EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, { .u64 = 1 } };

	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, scene->fd, &event), -1);
	assert_int_equal(errno, EINVAL);
	event.events = EPOLLIN | EPOLLEXCLUSIVE;
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, inner, &event), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, scene->fd, &event), 0);
	event.events = EPOLLIN;
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_MOD, scene->fd, &event), -1);
	assert_int_equal(errno, EINVAL);
	tto_close_fd(inner);
	tto_close_fd(set);
}

/* ---- Descriptors -------------------------------------------------------------------------- */

static void lib_5_duplicates_are_the_same_socket(void **state)
{
	struct scene *scene = *state;
	int a = tto_dup(scene->fd), b = tto_fcntl(scene->fd, F_DUPFD_CLOEXEC, 40);

	assert_ptr_equal(descriptor_socket(a), scene->s);
	assert_ptr_equal(descriptor_socket(b), scene->s);
	assert_true(b >= 40);
	assert_int_equal(scene->s->refs, 3);
	assert_int_equal(tto_dup3(scene->pipe[0], a, -1), a);
	assert_false(tto_owns(a));
	assert_int_equal(tto_dup3(scene->fd, a, 0), a);
	assert_true(tto_owns(a));
	assert_int_equal(tto_dup3(a, a, -1), a);
	assert_int_equal(tto_dup3(a, a, 0), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(scene->s->refs, 3);
	close(tto_dup(scene->pipe[1]));
	assert_int_equal(tto_close_fd(a), 0);
	assert_int_equal(tto_close_fd(b), 0);
	assert_int_equal(scene->s->refs, 1);
}

/* The stack's own descriptors survive what programs do to begin clean. */
static void lib_5_the_stacks_descriptors_stay_open(void **state)
{
	struct scene *scene = *state;
	int event = stack->events[0].fd;

	assert_int_equal(tto_close_fd(event), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(tto_dup3(scene->pipe[0], event, 0), -1);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(tto_close_range((unsigned)scene->fd, ~0U, 0), 0);
	assert_int_equal(fcntl(event, F_GETFD), 0);
	assert_int_equal(fcntl(scene->fd, F_GETFD), -1);
	assert_false(tto_owns(scene->fd));
}

static void lib_5_flags_and_counts(void **state)
{
	struct scene *scene = *state;
	int n = 1;

	assert_int_equal(tto_fcntl(scene->fd, F_SETFL, O_NONBLOCK), 0);
	assert_true(scene->s->flags & SOCKET_NONBLOCK);
	assert_true(tto_fcntl(scene->fd, F_GETFL, 0) & O_NONBLOCK);
	n = 0;
	assert_int_equal(tto_ioctl(scene->fd, FIONBIO, &n), 0);
	assert_false(scene->s->flags & SOCKET_NONBLOCK);
	double_arrive(scene->s, 17);
	assert_int_equal(tto_ioctl(scene->fd, FIONREAD, &n), 0);
	assert_int_equal(n, 17);
	assert_int_equal(tto_ioctl(scene->fd, TIOCOUTQ, &n), 0);
	assert_int_equal(n, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lib_5_poll_sees_both_kinds),
		TEST(lib_5_poll_is_woken_by_a_socket),
		TEST(lib_5_of_many_who_sleep_the_right_one_is_woken),
		TEST(lib_5_poll_is_woken_by_the_kernel),
		TEST(lib_5_poll_ends_with_its_time),
		TEST(lib_5_poll_runs_the_stack_in_time),
		TEST(lib_5_a_signal_interrupts_poll),
		TEST(lib_5_the_mask_lets_in_what_was_pending),
		TEST(lib_5_calls_go_on_as_all_handlers_say),
		TEST(lib_5_select_sees_both_kinds),
		TEST(lib_5_select_refuses_what_is_closed),
		TEST(lib_5_epoll_is_woken_by_a_socket),
		TEST(lib_5_epoll_is_woken_by_an_addition),
		TEST(lib_5_a_set_in_a_set_is_ready),
		TEST(lib_5_a_duplicate_keeps_the_member),
		TEST(lib_5_what_is_not_decided_is_the_kernels),
		TEST(lib_5_one_of_those_that_want_to_be_alone_is_woken),
		TEST(lib_5_all_others_are_woken),
		TEST(lib_5_exclusive_has_the_kernels_limits),
		TEST(lib_5_duplicates_are_the_same_socket),
		TEST(lib_5_the_stacks_descriptors_stay_open),
		TEST(lib_5_flags_and_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

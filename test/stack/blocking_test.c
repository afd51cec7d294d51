// SPDX-License-Identifier: BSD-2-Clause
/* blocking_test.c - Calls that wait: signals, SO_LINGER, and closing meanwhile */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/descriptor.h"
#include "stack/loopback_scene.h"

#define MS 1000u	/* [us] */

static uint64_t clock_us(void)
{
	return stack_clock() / 1000;
}

/* ---- Signals -------------------------------------------------------------------- */

static volatile sig_atomic_t n_signals;

static void count(int number)
{
	n_signals++;
}

/* In 100 ms, once. */
static void signal_soon(int flags)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };
	struct itimerval timer = { .it_value = { 0, 100 * MS } };

	n_signals = 0;
	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	assert_int_equal(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void *accept_late(void *argument)
{
	usleep(400 * MS);
	return (void *)(intptr_t)accept((int)(intptr_t)argument, NULL, NULL);
}

/* Of the kernel's, whose queue is full until somebody accepts. */
static int full_listener(struct sockaddr_in *a, int *first)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t bytes = sizeof(*a);

	*a = (struct sockaddr_in){ .sin_family = AF_INET };
	assert_int_equal(inet_pton(AF_INET, "10.79.0.1", &a->sin_addr), 1);
	assert_int_equal(bind(fd, (struct sockaddr *)a, bytes), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)a, &bytes), 0);
	assert_int_equal(listen(fd, 0), 0);
	*first = tto_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(tto_connect(*first, (struct sockaddr *)a, bytes), 0);
	return fd;
}

static void lib_5_connect_goes_on_with_sa_restart(void **state)
{
	struct sockaddr_in a;
	pthread_t thread;
	int first, listener = full_listener(&a, &first), fd;

	fd = tto_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(pthread_create(&thread, NULL, accept_late,
					(void *)(intptr_t)listener), 0);
	signal_soon(SA_RESTART);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(n_signals, 1);
	pthread_join(thread, NULL);
	tto_close_fd(fd);
	tto_close_fd(first);
	close(listener);
}

static void lib_5_connect_is_interrupted(void **state)
{
	struct sockaddr_in a;
	int first, listener = full_listener(&a, &first), fd;

	fd = tto_socket(AF_INET, SOCK_STREAM, 0);
	signal_soon(0);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, EINTR);
	/* The handshake goes on meanwhile. */
	assert_int_equal(tto_fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, EALREADY);
	tto_close_fd(fd);
	tto_close_fd(first);
	close(listener);
}

/* signal(7): with a time limit it never goes on. */
static void lib_5_with_a_time_limit_receiving_is_interrupted(void **state)
{
	struct timeval limit = { 5, 0 };
	int ends[2];
	char byte;

	scene_pair(ends);
	assert_int_equal(tto_setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit,
					sizeof(limit)), 0);
	signal_soon(SA_RESTART);
	assert_int_equal(scene_receive(ends[0], &byte, 1, 0), -1);
	assert_int_equal(errno, EINTR);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* ---- SO_LINGER -------------------------------------------------------------------- */

static void set_linger(int fd, int seconds)
{
	struct linger l = { 1, seconds };

	assert_int_equal(tto_setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)), 0);
}

static void lib_5_linger_of_no_time_resets(void **state)
{
	int ends[2];
	char byte;

	scene_pair(ends);
	set_linger(ends[0], 0);
	assert_int_equal(tto_close_fd(ends[0]), 0);
	assert_int_equal(scene_receive(ends[1], &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	tto_close_fd(ends[1]);
}

static size_t fill(int fd)
{
	static char bytes[65536];
	size_t sent = 0;
	ssize_t n;

	while ((n = scene_send(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		sent += (size_t)n;
	assert_int_equal(errno, EAGAIN);
	return sent;
}

static size_t drain(int fd)
{
	static char bytes[65536];
	size_t got = 0;
	ssize_t n;

	while ((n = scene_receive(fd, bytes, sizeof(bytes), 0)) > 0)
		got += (size_t)n;
	assert_int_equal(n, 0);
	return got;
}

/* Nobody reads: close() takes its time, and all the same nothing is lost. */
static void lib_5_linger_waits_no_longer_than_asked(void **state)
{
	uint64_t start;
	int ends[2];
	size_t sent;

	scene_pair(ends);
	set_linger(ends[0], 1);
	sent = fill(ends[0]);
	start = clock_us();
	assert_int_equal(tto_close_fd(ends[0]), 0);
	assert_in_range(clock_us() - start, 950 * MS, 15000 * MS);
	assert_int_equal(drain(ends[1]), sent);
	tto_close_fd(ends[1]);
}

static void *drain_late(void *argument)
{
	usleep(200 * MS);
	return (void *)drain((int)(intptr_t)argument);
}

static void lib_5_linger_ends_when_all_is_there(void **state)
{
	pthread_t thread;
	uint64_t start;
	void *got;
	int ends[2];
	size_t sent;

	scene_pair(ends);
	set_linger(ends[0], 20);
	sent = fill(ends[0]);
	assert_int_equal(pthread_create(&thread, NULL, drain_late,
					(void *)(intptr_t)ends[1]), 0);
	start = clock_us();
	assert_int_equal(tto_close_fd(ends[0]), 0);
	assert_in_range(clock_us() - start, 150 * MS, 5000 * MS);
	pthread_join(thread, &got);
	assert_int_equal((size_t)got, sent);
	tto_close_fd(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_connect_goes_on_with_sa_restart),
		cmocka_unit_test(lib_5_connect_is_interrupted),
		cmocka_unit_test(lib_5_with_a_time_limit_receiving_is_interrupted),
		cmocka_unit_test(lib_5_linger_of_no_time_resets),
		cmocka_unit_test(lib_5_linger_waits_no_longer_than_asked),
		cmocka_unit_test(lib_5_linger_ends_when_all_is_there),
	};
	int cannot = scene_start();

	return cannot ? cannot : cmocka_run_group_tests(tests, NULL, NULL);
}

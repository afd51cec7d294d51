// SPDX-License-Identifier: BSD-2-Clause
/* urgent_test.c - MSG_OOB, as Linux has it: the same calls over both stacks */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#include "stack/loopback_scene.h"

/* ---- The same for both ------------------------------------------------------------ */

/* Both stacks are asked by the same names: a descriptor of the kernel's goes to it. */
static ssize_t receive(int fd, char *to, size_t n, int flags)
{
	ssize_t got = scene_receive(fd, to, n - 1, flags | MSG_DONTWAIT);

	to[got > 0 ? got : 0] = '\0';
	return got;
}

static bool has_urgent(int fd)
{
	struct pollfd p = { fd, POLLPRI, 0 };
	static const struct timespec none;

	return tto_ppoll(&p, 1, &none, NULL) == 1 && p.revents & POLLPRI;
}

static int count(int fd, unsigned long request)
{
	int n = -1;

	assert_int_equal(tto_ioctl(fd, request, &n), 0);
	return n;
}

static void expect(int fd, const char *text, int flags)
{
	char got[64];

	assert_int_equal(receive(fd, got, sizeof(got), flags), strlen(text));
	assert_string_equal(got, text);
}

static void expect_error(int fd, int flags, int error)
{
	char got[64];

	assert_int_equal(receive(fd, got, sizeof(got), flags), -1);
	assert_int_equal(errno, error);
}

static void put(int fd, const char *text, int flags)
{
	assert_int_equal(scene_send(fd, text, strlen(text), flags), strlen(text));
}

static void settle(void)
{
	usleep(20000);	/* on the way between two stacks                        */
}

/* ---- What happens ------------------------------------------------------------------- */

static void read_it_aside(int from, int to)
{
	expect_error(to, MSG_OOB, EINVAL);
	assert_false(has_urgent(to));
	put(from, "abc", 0);
	put(from, "xyZ", MSG_OOB);
	put(from, "def", 0);
	settle();
	assert_true(has_urgent(to));
	assert_int_equal(count(to, SIOCINQ), 5);
	assert_int_equal(count(to, SIOCATMARK), 0);
	expect(to, "Z", MSG_OOB | MSG_PEEK);
	expect(to, "Z", MSG_OOB);
	expect_error(to, MSG_OOB, EINVAL);
	assert_false(has_urgent(to));
	/* Reading stops before it, and goes on behind it. */
	expect(to, "abcxy", MSG_PEEK);
	expect(to, "abcxy", 0);
	assert_int_equal(count(to, SIOCATMARK), 1);
	expect(to, "def", 0);
	assert_int_equal(count(to, SIOCATMARK), 0);
	expect_error(to, 0, EAGAIN);
}

static void pass_over_it(int from, int to)
{
	put(from, "ab!", MSG_OOB);
	settle();
	expect(to, "ab", 0);
	assert_true(has_urgent(to));
	/* There is nothing but it. */
	expect_error(to, 0, EAGAIN);
	put(from, "cd", 0);
	settle();
	expect(to, "cd", 0);
	assert_false(has_urgent(to));
	expect_error(to, MSG_OOB, EINVAL);
}

static void read_it_in_line(int from, int to)
{
	int one = 1, zero = 0;

	assert_int_equal(tto_setsockopt(to, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)),
			 0);
	put(from, "ab!", MSG_OOB);
	put(from, "cd", 0);
	settle();
	assert_true(has_urgent(to));
	expect_error(to, MSG_OOB, EINVAL);
	expect(to, "ab", 0);
	assert_int_equal(count(to, SIOCATMARK), 1);
	expect(to, "!cd", 0);
	assert_false(has_urgent(to));
	assert_int_equal(tto_setsockopt(to, SOL_SOCKET, SO_OOBINLINE, &zero,
					sizeof(zero)), 0);
}

/* The one before stays in the stream, as any other byte. */
static void displace_it(int from, int to)
{
	put(from, "a1", MSG_OOB);
	put(from, "b2", MSG_OOB);
	put(from, "c", 0);
	settle();
	expect(to, "2", MSG_OOB);
	expect(to, "a1b", 0);
	expect(to, "c", 0);
}

static volatile sig_atomic_t n_signals;

static void take_signal(int number)
{
	n_signals++;
}

static void tell_the_owner(int from, int to)
{
	n_signals = 0;
	signal(SIGURG, take_signal);
	assert_int_equal(tto_fcntl(to, F_SETOWN, (unsigned long)getpid()), 0);
	put(from, "!", MSG_OOB);
	settle();
	assert_true(has_urgent(to));
	assert_int_equal(n_signals, 1);
	expect(to, "!", MSG_OOB);
}

static void all(int from, int to)
{
	read_it_aside(from, to);
	pass_over_it(from, to);
	read_it_in_line(from, to);
	displace_it(from, to);
	tell_the_owner(from, to);
}

/* ---- Over what ------------------------------------------------------------------------ */

/* What is expected is what the kernel does. */
static void the_kernel_does_so(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t bytes = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), from, to;

	assert_int_equal(bind(listener, (struct sockaddr *)&a, bytes), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &bytes), 0);
	assert_int_equal(listen(listener, 1), 0);
	from = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(from, (struct sockaddr *)&a, bytes), 0);
	to = accept(listener, NULL, NULL);
	all(from, to);
	close(from);
	close(to);
	close(listener);
}

static void lib_5_we_do_so(void **state)
{
	int ends[2];

	scene_pair(ends);
	assert_true(tto_owns(ends[0]) && tto_owns(ends[1]));
	all(ends[0], ends[1]);
	all(ends[1], ends[0]);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* The pointer means the same to both. */
static void lib_5_with_the_kernel_at_the_other_end(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(a);
	int listener = socket(AF_INET, SOCK_STREAM, 0), kernel, ours;

	assert_int_equal(inet_pton(AF_INET, "10.79.0.1", &a.sin_addr), 1);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, bytes), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&a, &bytes), 0);
	assert_int_equal(listen(listener, 1), 0);
	ours = tto_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(tto_connect(ours, (struct sockaddr *)&a, bytes), 0);
	assert_true(tto_owns(ours));
	kernel = accept(listener, NULL, NULL);
	all(kernel, ours);
	tto_close_fd(ours);
	close(kernel);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kernel_does_so),
		cmocka_unit_test(lib_5_we_do_so),
		cmocka_unit_test(lib_5_with_the_kernel_at_the_other_end),
	};
	int cannot = scene_start();

	alarm(60);
	return cannot ? cannot : cmocka_run_group_tests(tests, NULL, NULL);
}

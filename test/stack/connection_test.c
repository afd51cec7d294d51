// SPDX-License-Identifier: BSD-2-Clause
/*
 * connection_test.c - The whole stack, over a TAP device, against the kernel's TCP
 *
 * In network and user namespaces of its own, which end with it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/stack.h"

#define KERNEL "10.79.0.1"
#define WHERE "tap:ttotest,address=10.79.0.1/24,up;address=10.79.0.2/24"
#define PORT 5999
#define STREAM_BYTES (3u << 20)
#define SKIP 77

static int listener;

static struct sockaddr_in kernel_address(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };

	assert_int_equal(inet_pton(AF_INET, KERNEL, &a.sin_addr), 1);
	return a;
}

static void listen_in_the_kernel(void)
{
	struct sockaddr_in a = kernel_address();
	int one = 1;

	listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(listener >= 0);
	assert_int_equal(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one,
				    sizeof(one)), 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(listener, 5), 0);
}

/* @kernel: the other end. Return: ours. */
static int connect_to_it(int *kernel)
{
	struct sockaddr_in a = kernel_address();
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	*kernel = accept(listener, NULL, NULL);
	assert_true(*kernel >= 0);
	return fd;
}

static ssize_t send_bytes(int fd, const void *bytes, size_t n)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return tto_sendmsg(fd, &m, MSG_NOSIGNAL);
}

static ssize_t receive_bytes(int fd, void *bytes, size_t n)
{
	struct iovec iov = { bytes, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return tto_recvmsg(fd, &m, 0);
}

static uint8_t byte_at(uint32_t place)
{
	return (uint8_t)(place * 2654435761u >> 21);
}

/* In a process of its own: sends back what comes, until the end. */
static pid_t echo(int kernel)
{
	static uint8_t bytes[65536];
	ssize_t n, done, part;
	pid_t child = fork();

	if (child)
		return child;
	alarm(30);
	while ((n = read(kernel, bytes, sizeof(bytes))) > 0)
		for (done = 0; done < n; done += part) {
			part = write(kernel, bytes + done, (size_t)(n - done));
			if (part <= 0)
				_exit(1);
		}
	_exit(n < 0);
}

static void lib_2_bytes_there_and_back(void **state)
{
	static uint8_t out[20000], in[20000];
	uint32_t sent = 0, received = 0;
	int kernel, fd = connect_to_it(&kernel), status;
	pid_t child = echo(kernel);

	close(kernel);
	while (received < STREAM_BYTES) {
		uint32_t n = 1 + sent % 19997;
		ssize_t got;

		if (sent + n > STREAM_BYTES)
			n = STREAM_BYTES - sent;
		for (uint32_t k = 0; k < n; k++)
			out[k] = byte_at(sent + k);
		if (n)
			assert_int_equal(send_bytes(fd, out, n), n);
		sent += n;
		got = receive_bytes(fd, in, sizeof(in));
		assert_true(got > 0);
		for (ssize_t k = 0; k < got; k++)
			assert_int_equal(in[k], byte_at(received + (uint32_t)k));
		received += (uint32_t)got;
	}
	assert_int_equal(tto_shutdown(fd, SHUT_WR), 0);
	assert_int_equal(receive_bytes(fd, in, sizeof(in)), 0);
	assert_int_equal(tto_close_fd(fd), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void refused_is_said(void **state)
{
	struct sockaddr_in a = kernel_address();
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons(PORT + 1);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, ECONNREFUSED);
	assert_int_equal(tto_close_fd(fd), 0);
}

/* ARCHITECTURE D6: a robust lock. */
static void who_dies_with_the_lock_takes_the_connections_with_him(void **state)
{
	int kernel, fd = connect_to_it(&kernel), status;
	char bytes[8];
	pid_t child;

	tto_fork_begin();
	child = fork();
	if (!child) {
		tto_fork_child();
		if (stack_lock())
			raise(SIGKILL);
		_exit(1);
	}
	tto_fork_parent(child);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));

	assert_int_equal(send_bytes(fd, "hello", 5), -1);
	assert_int_equal(errno, ECONNRESET);
	assert_int_equal(stack->n_broken, 1);
	assert_int_equal(receive_bytes(fd, bytes, sizeof(bytes)), 0);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);

	fd = connect_to_it(&kernel);
	assert_int_equal(send_bytes(fd, "hello", 5), 5);
	assert_int_equal(read(kernel, bytes, sizeof(bytes)), 5);
	assert_int_equal(tto_close_fd(fd), 0);
	assert_int_equal(read(kernel, bytes, sizeof(bytes)), 0);
	close(kernel);
}

static void *send_urgent_later(void *kernel)
{
	usleep(50000);
	assert_int_equal(send(*(int *)kernel, "ab", 2, MSG_OOB), 2);
	return NULL;
}

/* RFC 6093 §3.1: not to who waits for bytes, but to the ring, which has no room yet. */
static void an_urgent_byte_comes_to_who_waits(void **state)
{
	uint8_t bytes[1000];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int kernel, fd = connect_to_it(&kernel);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, send_urgent_later, &kernel), 0);
	assert_int_equal(tto_recvmsg(fd, &m, 0), 1);
	pthread_join(thread, NULL);
	assert_int_equal(bytes[0], 'a');
	assert_int_equal(tto_recvmsg(fd, &m, MSG_OOB | MSG_DONTWAIT), 1);
	assert_int_equal(bytes[0], 'b');
	/* And while one is announced, what is not urgent. */
	assert_int_equal(send(kernel, "c", 1, MSG_OOB), 1);
	assert_int_equal(send(kernel, "d", 1, 0), 1);
	usleep(50000);
	assert_int_equal(tto_recvmsg(fd, &m, MSG_DONTWAIT), 1);
	assert_int_equal(bytes[0], 'd');
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

/* Whoever waits for a neighbour's answer sleeps meanwhile. */
static void who_asks_for_a_neighbour_sleeps(void **state)
{
	struct sockaddr_in a = kernel_address();
	struct timespec soon = { .tv_nsec = 300000000 };
	int fd = tto_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	uint64_t turns;

	assert_int_equal(inet_pton(AF_INET, "10.79.0.77", &a.sin_addr), 1);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), -1);
	assert_int_equal(errno, EINPROGRESS);
	turns = stack->n_turns;
	assert_int_equal(tto_ppoll(&p, 1, &soon, NULL), 0);
	assert_in_range(stack->n_turns - turns, 1, 2000);
	assert_int_equal(tto_close_fd(fd), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_2_bytes_there_and_back),
		cmocka_unit_test(refused_is_said),
		cmocka_unit_test(an_urgent_byte_comes_to_who_waits),
		cmocka_unit_test(who_asks_for_a_neighbour_sleeps),
		cmocka_unit_test(who_dies_with_the_lock_takes_the_connections_with_him),
	};
	struct tto_error error = { "" };

	alarm(60);
	if ((unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET)) ||
	    tto_start(WHERE, &error)) {
		printf("no network namespace with a TAP device: %s\n", error.text);
		return SKIP;
	}
	listen_in_the_kernel();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/* listen_test.c - Several listeners on a port: SO_REUSEPORT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#include "stack/loopback_scene.h"

#define OURS "10.79.0.2"	/* the kernel has no such address               */
#define N_CLIENTS 64

static int bound(const char *address, uint16_t port, int reuses)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = tto_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), saved;

	assert_true(fd >= 0);
	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	if (reuses)
		assert_int_equal(tto_setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &reuses,
						sizeof(reuses)), 0);
	if (!tto_bind(fd, (struct sockaddr *)&a, sizeof(a)))
		return fd;
	saved = errno;
	tto_close_fd(fd);
	errno = saved;
	return -1;
}

/* Return: how many it has accepted. */
static int accept_all(int listener)
{
	int n = 0, fd;

	while ((fd = tto_accept4(listener, NULL, NULL, 0)) >= 0) {
		assert_true(tto_owns(fd));
		assert_int_equal(tto_close_fd(fd), 0);
		n++;
	}
	assert_int_equal(errno, EAGAIN);
	return n;
}

static void connect_all(const char *address, uint16_t port, int *clients)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, address, &a.sin_addr), 1);
	for (int n = 0; n < N_CLIENTS; n++) {
		clients[n] = tto_socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(tto_connect(clients[n], (struct sockaddr *)&a,
					     sizeof(a)), 0);
	}
}

static void close_all(const int *clients)
{
	for (int n = 0; n < N_CLIENTS; n++)
		assert_int_equal(tto_close_fd(clients[n]), 0);
}

static void share(const char *address, uint16_t port)
{
	int clients[N_CLIENTS], listeners[3], got, all = 0;

	for (int n = 0; n < 3; n++) {
		listeners[n] = bound(address, port, 1);
		assert_int_equal(tto_listen(listeners[n], N_CLIENTS), 0);
	}
	connect_all(address, port, clients);
	for (int n = 0; n < 3; n++) {
		got = accept_all(listeners[n]);
		assert_in_range(got, 1, N_CLIENTS - 2);
		all += got;
	}
	assert_int_equal(all, N_CLIENTS);
	close_all(clients);

	/* In the order in which none of the places in the list is left out. */
	assert_int_equal(tto_close_fd(listeners[0]), 0);
	connect_all(address, port, clients);
	got = accept_all(listeners[1]);
	assert_int_equal(got + accept_all(listeners[2]), N_CLIENTS);
	close_all(clients);
	assert_int_equal(tto_close_fd(listeners[2]), 0);
	connect_all(address, port, clients);
	assert_int_equal(accept_all(listeners[1]), N_CLIENTS);
	close_all(clients);
	assert_int_equal(tto_close_fd(listeners[1]), 0);
	assert_int_equal(scene_sockets(), 0);
}

static void lib_5_a_port_shared_where_the_kernel_listens_too(void **state)
{
	share("127.0.0.1", 7101);
}

static void lib_5_a_port_shared_at_an_address_of_ours(void **state)
{
	share(OURS, 7102);
}

static void lib_5_a_port_not_shared_without_being_asked(void **state)
{
	int first = bound("127.0.0.1", 7103, 0), second;

	assert_int_equal(tto_listen(first, 1), 0);
	assert_int_equal(bound("127.0.0.1", 7103, 1), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(tto_close_fd(first), 0);

	first = bound(OURS, 7104, 1);
	second = bound(OURS, 7104, 0);
	assert_int_equal(tto_listen(first, 1), 0);
	assert_int_equal(tto_listen(second, 1), -1);
	assert_int_equal(errno, EADDRINUSE);
	assert_int_equal(tto_close_fd(first), 0);
	assert_int_equal(tto_listen(second, 1), 0);
	assert_int_equal(tto_close_fd(second), 0);
}

/* As over the kernel: no address is this host. */
static void lib_5_connecting_to_no_address(void **state)
{
	int clients[N_CLIENTS], listener = bound("0.0.0.0", 7105, 0);

	assert_int_equal(tto_listen(listener, N_CLIENTS), 0);
	connect_all("0.0.0.0", 7105, clients);
	assert_int_equal(accept_all(listener), N_CLIENTS);
	close_all(clients);
	assert_int_equal(tto_close_fd(listener), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_a_port_shared_where_the_kernel_listens_too),
		cmocka_unit_test(lib_5_a_port_shared_at_an_address_of_ours),
		cmocka_unit_test(lib_5_a_port_not_shared_without_being_asked),
		cmocka_unit_test(lib_5_connecting_to_no_address),
	};
	int cannot = scene_start();

	alarm(60);
	return cannot ? cannot : cmocka_run_group_tests(tests, NULL, NULL);
}

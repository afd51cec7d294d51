// SPDX-License-Identifier: BSD-2-Clause
/* loopback_test.c - Both ends of a connection in one stack */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/descriptor.h"
#include "stack/loopback_scene.h"

/* Who sends may do nothing else for long: nobody but he can deliver it. */
static void lib_2_what_was_sent_has_arrived(void **state)
{
	char got[8] = "";
	int ends[2], status;
	pid_t child;

	scene_pair(ends);
	assert_int_equal(scene_send(ends[0], "hello", 5, 0), 5);
	assert_int_equal(ring_count(&descriptor_socket(ends[1])->receive), 5);
	assert_int_equal(scene_receive(ends[1], got, sizeof(got), 0), 5);

	child = scene_fork();
	if (!child) {
		alarm(10);
		_exit(scene_receive(ends[1], got, sizeof(got), 0) != 5);
	}
	usleep(50000);
	assert_int_equal(scene_send(ends[0], "again", 5, 0), 5);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* Programs close a socket, and tell then why it did not connect. */
static void lib_5_errno_stays_when_a_call_succeeds(void **state)
{
	static const struct timespec moment = { 0, 1000000 };
	struct epoll_event event = { .events = EPOLLIN }, got;
	int ends[2], listener, set, one = 1;
	char byte;

	errno = EXDEV;
	listener = scene_listen(1);
	ends[0] = scene_connect(scene_port(listener));
	ends[1] = tto_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	assert_int_equal(errno, EXDEV);
	set = tto_epoll_create1(0);
	assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, ends[1], &event), 0);
	assert_int_equal(tto_setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one,
					sizeof(one)), 0);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(tto_epoll_wait(set, &got, 1, &moment, NULL), 0);
	assert_int_equal(tto_ppoll(&(struct pollfd){ ends[1], POLLIN, 0 }, 1, &moment, NULL), 0);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(scene_send(ends[0], "x", 1, 0), 1);
	assert_int_equal(scene_receive(ends[1], &byte, 1, 0), 1);
	assert_int_equal(tto_fcntl(ends[1], F_SETFL, 0), 0);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(tto_shutdown(ends[0], SHUT_WR), 0);
	assert_int_equal(scene_receive(ends[1], &byte, 1, 0), 0);
	assert_int_equal(tto_close_fd(ends[0]), 0);
	assert_int_equal(tto_close_fd(ends[1]), 0);
	assert_int_equal(tto_close_fd(set), 0);
	assert_int_equal(tto_close_fd(listener), 0);
	assert_int_equal(errno, EXDEV);
}

/* As over the kernel's loopback, whatever else is ready. */
static void lib_2_a_set_tells_of_both_ends(void **state)
{
	struct epoll_event event = { .events = EPOLLIN }, got[4];
	int ends[2], set = tto_epoll_create1(0);
	static const struct timespec second = { 1, 0 };

	scene_pair(ends);
	for (int n = 0; n < 2; n++) {
		event.data.fd = ends[n];
		assert_int_equal(tto_epoll_ctl(set, EPOLL_CTL_ADD, ends[n], &event), 0);
	}
	assert_int_equal(scene_send(ends[0], "there", 5, 0), 5);
	assert_int_equal(scene_send(ends[1], "back", 4, 0), 4);
	assert_int_equal(tto_epoll_wait(set, got, 4, &second, NULL), 2);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
	tto_close_fd(set);
}

/* More than there are places for units from us to us. */
static void lib_2_nothing_is_lost_of_many_small_writes(void **state)
{
	uint32_t n = 5000, sent_again = 0;
	int ends[2], one = 1;
	char byte;

	scene_pair(ends);
	assert_int_equal(tto_setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &one,
					sizeof(one)), 0);
	for (uint32_t k = 0; k < n; k++) {
		byte = (char)k;
		assert_int_equal(scene_send(ends[0], &byte, 1, MSG_DONTWAIT), 1);
	}
	assert_int_equal(ring_count(&descriptor_socket(ends[1])->receive), n);
	for (uint32_t k = 0; k < n; k++) {
		assert_int_equal(scene_receive(ends[1], &byte, 1, MSG_DONTWAIT), 1);
		assert_int_equal(byte, (char)k);
	}
	sent_again = descriptor_socket(ends[0])->tcb.again_total;
	assert_int_equal(sent_again, 0);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_2_what_was_sent_has_arrived),
		cmocka_unit_test(lib_5_errno_stays_when_a_call_succeeds),
		cmocka_unit_test(lib_2_a_set_tells_of_both_ends),
		cmocka_unit_test(lib_2_nothing_is_lost_of_many_small_writes),
	};
	int cannot = scene_start();

	alarm(60);
	return cannot ? cannot : cmocka_run_group_tests(tests, NULL, NULL);
}

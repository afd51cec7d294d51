// SPDX-License-Identifier: BSD-2-Clause
/* loopback_scene.c - A stack in this process, with loopback of its own */
#include "stack/loopback_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/stack.h"

#define WHERE "tap:ttotest,address=10.79.0.1/24,up;address=10.79.0.2/24;loopback"

static int set_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), err;

	err = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return err;
}

int scene_start(void)
{
	struct tto_error error = { "" };

	if ((!unshare(CLONE_NEWUSER | CLONE_NEWNET) || !unshare(CLONE_NEWNET)) &&
	    !set_loopback_up() && !tto_start(WHERE, &error))
		return 0;
	printf("no network namespace with a TAP device: %s\n", error.text);
	return SCENE_SKIP;
}

static struct sockaddr_in here(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr = { htonl(INADDR_LOOPBACK) } };
}

int scene_listen(int backlog)
{
	struct sockaddr_in a = here(0);
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(tto_bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(tto_listen(fd, backlog), 0);
	return fd;
}

uint16_t scene_port(int fd)
{
	struct sockaddr_in a;
	socklen_t bytes = sizeof(a);

	assert_int_equal(tto_getsockname(fd, (struct sockaddr *)&a, &bytes), 0);
	return ntohs(a.sin_port);
}

int scene_connect(uint16_t port)
{
	struct sockaddr_in a = here(port);
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

void scene_pair(int ends[2])
{
	int listener = scene_listen(1);

	ends[0] = scene_connect(scene_port(listener));
	ends[1] = tto_accept4(listener, NULL, NULL, 0);
	assert_true(ends[1] >= 0);
	assert_true(tto_owns(ends[1]));
	assert_int_equal(tto_close_fd(listener), 0);
}

ssize_t scene_send(int fd, const void *bytes, size_t n, int flags)
{
	struct iovec iov = { (void *)(uintptr_t)bytes, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return tto_sendmsg(fd, &m, flags | MSG_NOSIGNAL);
}

ssize_t scene_receive(int fd, void *bytes, size_t n, int flags)
{
	struct iovec iov = { bytes, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return tto_recvmsg(fd, &m, flags);
}

pid_t scene_fork(void)
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

uint32_t scene_sockets(void)
{
	uint32_t left = 1;

	for (int n = 0; n < 4000 && left; n++) {
		if (!stack_lock())
			break;
		stack_run();
		left = stack->n_sockets;
		stack_unlock();
		if (left)
			usleep(500);
	}
	return left;
}

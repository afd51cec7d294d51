// SPDX-License-Identifier: BSD-2-Clause
/* scene.c - The whole stack in this process, over a TAP device, and the kernel's TCP */
#include "stack/scene.h"

#include <fcntl.h>
#include <sched.h>

#define WHERE "tap:ttotest,address=" SCENE_KERNEL "/24,up;address=" SCENE_OURS "/24"
#define PORT 5999

static int listener;

struct sockaddr_in scene_address(int offset)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons((uint16_t)(PORT + offset)) };

	assert_int_equal(inet_pton(AF_INET, SCENE_KERNEL, &a.sin_addr), 1);
	return a;
}

int scene_start(void)
{
	struct tto_error error = { "" };
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	int one = 1;

	if ((unshare(CLONE_NEWUSER | CLONE_NEWNET) && unshare(CLONE_NEWNET)) ||
	    tto_start(WHERE, &error)) {
		printf("no network namespace with a TAP device: %s\n", error.text);
		return SCENE_SKIP;
	}
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 ||
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(listener, (struct sockaddr *)&a, sizeof(a)) || listen(listener, 5)) {
		perror("listener");
		exit(1);
	}
	return 0;
}

void scene_call(int fd, int *kernel)
{
	struct sockaddr_in a = scene_address(0);

	assert_int_equal(tto_connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	*kernel = accept(listener, NULL, NULL);
	assert_true(*kernel >= 0);
}

int scene_connect(int *kernel)
{
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	scene_call(fd, kernel);
	return fd;
}

/* The kernel's @fd calls @ours, which listens. Return: ours. */
static int meet(int ours, int fd)
{
	struct pollfd p = { .fd = ours, .events = POLLIN };
	struct timespec soon = { .tv_sec = 5 };
	struct sockaddr_in a;
	socklen_t bytes = sizeof(a);
	int flags = fcntl(fd, F_GETFL);

	assert_int_equal(tto_getsockname(ours, (struct sockaddr *)&a, &bytes), 0);
	assert_int_equal(fcntl(fd, F_SETFL, flags | O_NONBLOCK), 0);
	(void)connect(fd, (struct sockaddr *)&a, sizeof(a));
	assert_int_equal(tto_ppoll(&p, 1, &soon, NULL), 1);
	assert_int_equal(fcntl(fd, F_SETFL, flags), 0);
	return tto_accept4(ours, NULL, NULL, 0);
}

int scene_take(int ours, int *kernel)
{
	*kernel = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(*kernel >= 0);
	return meet(ours, *kernel);
}

int scene_take_by_kernel(int kernels, int *fd)
{
	struct sockaddr_in a;
	socklen_t bytes = sizeof(a);
	int kernel;

	assert_int_equal(getsockname(kernels, (struct sockaddr *)&a, &bytes), 0);
	*fd = tto_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(tto_connect(*fd, (struct sockaddr *)&a, sizeof(a)), 0);
	kernel = accept(kernels, NULL, NULL);
	assert_true(kernel >= 0);
	return kernel;
}

int scene_answer(int kernel)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int ours = tto_socket(AF_INET, SOCK_STREAM, 0), fd, one = 1;

	assert_int_equal(inet_pton(AF_INET, SCENE_OURS, &a.sin_addr), 1);
	assert_int_equal(tto_setsockopt(ours, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)),
			 0);
	assert_int_equal(tto_bind(ours, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(tto_listen(ours, 5), 0);
	fd = meet(ours, kernel);
	assert_true(fd >= 0);
	assert_int_equal(tto_close_fd(ours), 0);
	return fd;
}

int scene_accept(int *kernel)
{
	*kernel = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(*kernel >= 0);
	return scene_answer(*kernel);
}

void scene_fill(uint8_t *bytes, size_t n, uint64_t place)
{
	for (size_t k = 0; k < n; k++)
		bytes[k] = scene_byte(place + k);
}

void scene_check(const uint8_t *bytes, size_t n, uint64_t place)
{
	for (size_t k = 0; k < n; k++)
		if (bytes[k] != scene_byte(place + k))
			fail_msg("byte %llu of the stream is another one",
				 (unsigned long long)(place + k));
}

void scene_kernel_sends(int kernel, size_t n, uint64_t place)
{
	static uint8_t bytes[65536];

	while (n) {
		size_t part = n < sizeof(bytes) ? n : sizeof(bytes);

		scene_fill(bytes, part, place);
		assert_int_equal(send(kernel, bytes, part, MSG_NOSIGNAL), part);
		place += part;
		n -= part;
	}
}

void scene_kernel_receives(int kernel, size_t n, uint64_t place)
{
	static uint8_t bytes[65536];

	while (n) {
		ssize_t got = recv(kernel, bytes, n < sizeof(bytes) ? n : sizeof(bytes), 0);

		assert_true(got > 0);
		scene_check(bytes, (size_t)got, place);
		place += (uint64_t)got;
		n -= (size_t)got;
	}
}

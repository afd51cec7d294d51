// SPDX-License-Identifier: BSD-2-Clause
/* hostile_test.c - Programs that do much at once, or what nobody expects */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "stack/loopback_scene.h"

/* ---- What a process has ------------------------------------------------------------ */

/* Return: descriptors that are open; @heap_blocks: pages of the heap, in 512 bytes. */
static unsigned count_descriptors(uint64_t *heap_blocks)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;

	*heap_blocks = 0;
	while ((entry = readdir(dir))) {
		char target[64] = "";
		struct stat st;

		if (entry->d_name[0] == '.')
			continue;
		n++;
		(void)!readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (strstr(target, "memfd:tto-heap") &&
		    !fstatat(dirfd(dir), entry->d_name, &st, 0))
			*heap_blocks = (uint64_t)st.st_blocks;
	}
	closedir(dir);
	return n;
}

static void reset_on_close(int fd)
{
	struct linger now = { 1, 0 };

	assert_int_equal(tto_setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
}

/* Without TIME-WAIT, for there are not so many ports. */
static void open_and_close(int listener, uint16_t port, unsigned times)
{
	for (unsigned n = 0; n < times; n++) {
		int lone = tto_socket(AF_INET6, SOCK_STREAM, 0);
		int a = scene_connect(port), b = tto_accept4(listener, NULL, NULL, 0);
		int copy = tto_dup(b);

		assert_true(lone >= 0 && b >= 0 && tto_owns(a) && tto_owns(copy));
		assert_int_equal(scene_send(a, &n, sizeof(n), 0), sizeof(n));
		reset_on_close(a);
		assert_int_equal(tto_close_fd(lone), 0);
		assert_int_equal(tto_close_fd(b), 0);
		assert_int_equal(tto_close_fd(a), 0);
		assert_int_equal(tto_close_fd(copy), 0);
	}
}

static void lib_5_nothing_is_left_of_100000_connections(void **state)
{
	int listener = scene_listen(5);
	uint16_t port = scene_port(listener);
	uint64_t memory, memory_after;
	unsigned n;

	open_and_close(listener, port, 1000);
	n = count_descriptors(&memory);
	assert_true(memory > 0);
	open_and_close(listener, port, 100000);
	assert_int_equal(count_descriptors(&memory_after), n);
	/* A MiB is the dust of allocators; a byte of each would not fit. */
	assert_in_range(memory_after, 0, memory + 2048);
	assert_int_equal(tto_close_fd(listener), 0);
	assert_int_equal(scene_sockets(), 0);
}

/* ---- Many at once -------------------------------------------------------------------- */

#define CROWD 10000

static int clients[CROWD], servers[CROWD];

static void call_all(uint16_t port)
{
	for (int n = 0; n < CROWD; n++) {
		clients[n] = scene_connect(port);
		assert_true(tto_owns(clients[n]));
	}
	for (int n = 0; n < CROWD; n++)
		assert_int_equal(scene_send(clients[n], &n, sizeof(n), 0), sizeof(n));
	for (int n = 0; n < CROWD; n++) {
		int got = -1;

		assert_int_equal(scene_receive(clients[n], &got, sizeof(got),
					       MSG_WAITALL), sizeof(got));
		assert_int_equal(got, n + 1);
	}
}

static void serve_all(int listener)
{
	for (int n = 0; n < CROWD; n++) {
		servers[n] = tto_accept4(listener, NULL, NULL, 0);
		assert_true(servers[n] >= 0);
	}
	for (int n = 0; n < CROWD; n++) {
		int got = -1;

		assert_int_equal(scene_receive(servers[n], &got, sizeof(got),
					       MSG_WAITALL), sizeof(got));
		got++;
		assert_int_equal(scene_send(servers[n], &got, sizeof(got), 0), sizeof(got));
	}
}

static void lib_5_10000_connections_at_once(void **state)
{
	struct rlimit limit;
	int listener, status;
	uint16_t port;
	pid_t child;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < CROWD + 1200) {
		print_message("only %lu descriptors\n", (unsigned long)limit.rlim_cur);
		skip();
	}
	listener = scene_listen(4096);
	port = scene_port(listener);
	child = scene_fork();
	if (!child) {
		alarm(50);
		call_all(port);
		tto_exit();
		_exit(0);
	}
	serve_all(listener);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* Whom the child has left finds the end. */
	for (int n = 0; n < CROWD; n++) {
		char byte;

		assert_int_equal(scene_receive(servers[n], &byte, 1, 0), 0);
		assert_int_equal(tto_close_fd(servers[n]), 0);
	}
	assert_int_equal(tto_close_fd(listener), 0);
	assert_int_equal(scene_sockets(), 0);
}

/* ---- Closed by others ------------------------------------------------------------------ */

struct reader {
	int fd;
	ssize_t result;
	int error;
	char byte;
	_Atomic bool is_back;
};

static void *read_one(void *argument)
{
	struct reader *r = argument;

	r->result = scene_receive(r->fd, &r->byte, 1, 0);
	r->error = errno;
	r->is_back = true;
	return NULL;
}

static void begin_to_read(pthread_t *thread, struct reader *r, int fd)
{
	*r = (struct reader){ .fd = fd };
	assert_int_equal(pthread_create(thread, NULL, read_one, r), 0);
	usleep(100000);
	assert_false(r->is_back);
}

/* As in the kernel: who reads goes on reading of what he had, not of what comes there. */
static void lib_5_closed_while_another_thread_reads(void **state)
{
	int ends[2], others[2];
	pthread_t thread;
	struct reader r;

	scene_pair(ends);
	begin_to_read(&thread, &r, ends[0]);
	assert_int_equal(tto_close_fd(ends[0]), 0);
	scene_pair(others);
	assert_true(others[0] == ends[0] || others[1] == ends[0]);
	assert_int_equal(scene_send(others[0], "n", 1, 0), 1);
	assert_int_equal(scene_send(others[1], "n", 1, 0), 1);
	usleep(100000);
	assert_false(r.is_back);
	assert_int_equal(scene_send(ends[1], "o", 1, 0), 1);
	pthread_join(thread, NULL);
	assert_int_equal(r.result, 1);
	assert_int_equal(r.byte, 'o');

	/* And now it is closed. */
	assert_int_equal(scene_receive(ends[1], &r.byte, 1, 0), 0);
	tto_close_fd(ends[1]);
	tto_close_fd(others[0]);
	tto_close_fd(others[1]);
	assert_int_equal(scene_sockets(), 0);
}

static void *accept_one(void *argument)
{
	struct reader *r = argument;

	r->result = tto_accept4(r->fd, NULL, NULL, 0);
	r->error = errno;
	r->is_back = true;
	return NULL;
}

static void lib_5_a_listener_closed_while_another_thread_accepts(void **state)
{
	struct reader r = { .fd = scene_listen(1) };
	uint16_t port = scene_port(r.fd);
	pthread_t thread;
	int client;

	assert_int_equal(pthread_create(&thread, NULL, accept_one, &r), 0);
	usleep(100000);
	assert_int_equal(tto_close_fd(r.fd), 0);
	for (int n = 0; n < 50 && !r.is_back; n++)
		usleep(100000);
	/* Over the kernel that is so: it listens as long as somebody accepts. */
	if (!r.is_back) {
		client = scene_connect(port);
		pthread_join(thread, NULL);
		assert_true(r.result >= 0 || r.error == EBADF);
		if (r.result >= 0)
			tto_close_fd((int)r.result);
		tto_close_fd(client);
	} else {
		pthread_join(thread, NULL);
		assert_int_equal(r.error, EBADF);
	}
	assert_int_equal(scene_sockets(), 0);
}

/* shutdown() is how a program ends what another thread waits for. */
static void lib_5_shut_down_while_another_thread_reads(void **state)
{
	pthread_t thread;
	struct reader r;
	int ends[2];

	scene_pair(ends);
	begin_to_read(&thread, &r, ends[0]);
	assert_int_equal(tto_shutdown(ends[0], SHUT_RDWR), 0);
	pthread_join(thread, NULL);
	assert_int_equal(r.result, 0);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

/* A thread that dies in a call, with its process, holds nothing any more. */
static void lib_5_killed_while_it_reads(void **state)
{
	pthread_t thread;
	struct reader r;
	int ends[2], status;
	pid_t child;

	scene_pair(ends);
	child = scene_fork();
	if (!child) {
		tto_close_fd(ends[1]);
		begin_to_read(&thread, &r, ends[0]);
		tto_close_fd(ends[0]);
		raise(SIGKILL);
	}
	tto_close_fd(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(scene_receive(ends[1], &r.byte, 1, 0), 0);
	tto_close_fd(ends[1]);
	assert_int_equal(scene_sockets(), 0);
}

/* ---- Numbers --------------------------------------------------------------------------- */

static void lib_5_another_descriptor_in_the_place_of_ours(void **state)
{
	int a[2], b[2], pipes[2];
	char byte;

	scene_pair(a);
	scene_pair(b);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(tto_dup3(pipes[0], a[0], -1), a[0]);
	assert_false(tto_owns(a[0]));
	assert_int_equal(scene_receive(a[1], &byte, 1, 0), 0);
	assert_int_equal(write(pipes[1], "p", 1), 1);
	assert_int_equal(read(a[0], &byte, 1), 1);

	assert_int_equal(tto_dup3(b[0], a[1], O_CLOEXEC), a[1]);
	assert_int_equal(scene_send(b[1], "x", 1, 0), 1);
	assert_int_equal(scene_receive(a[1], &byte, 1, 0), 1);
	assert_int_equal(tto_close_fd(b[0]), 0);
	assert_int_equal(scene_send(a[1], "y", 1, 0), 1);
	assert_int_equal(scene_receive(b[1], &byte, 1, 0), 1);
	assert_int_equal(tto_close_fd(a[1]), 0);
	assert_int_equal(scene_receive(b[1], &byte, 1, 0), 0);
	close(a[0]);
	close(pipes[0]);
	close(pipes[1]);
	tto_close_fd(b[1]);
	assert_int_equal(scene_sockets(), 0);
}

/* Who receives has it as by dup(2), and who has sent it has lost nothing. */
static void lib_5_passed_by_a_message(void **state)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { "" };
	char byte = 'm';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int ends[2], unix_ends[2], got;

	scene_pair(ends);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, unix_ends), 0);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &ends[0], sizeof(int));
	assert_int_equal(tto_sendmsg(unix_ends[0], &m, 0), 1);
	assert_int_equal(tto_recvmsg(unix_ends[1], &m, 0), 1);
	c = CMSG_FIRSTHDR(&m);
	assert_non_null(c);
	memcpy(&got, CMSG_DATA(c), sizeof(int));
	assert_true(tto_owns(got));
	assert_int_equal(scene_send(ends[1], "r", 1, 0), 1);
	assert_int_equal(scene_receive(got, &byte, 1, 0), 1);
	assert_int_equal(byte, 'r');
	assert_int_equal(tto_close_fd(got), 0);
	assert_int_equal(scene_send(ends[0], "x", 1, 0), 1);
	assert_int_equal(scene_receive(ends[1], &byte, 1, 0), 1);
	assert_int_equal(byte, 'x');
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
	close(unix_ends[0]);
	close(unix_ends[1]);
	assert_int_equal(scene_sockets(), 0);
}

/* ---- Signals and processes ---------------------------------------------------------------- */

#define STREAM (16u << 20)

static volatile sig_atomic_t n_signals;

static void count_signal(int number)
{
	n_signals++;
}

static uint8_t byte_at(uint32_t place)
{
	return (uint8_t)(place * 2654435761u >> 23);
}

static void send_stream(int fd)
{
	static uint8_t bytes[50000];

	for (uint32_t at = 0, n; at < STREAM; at += n) {
		ssize_t sent;

		n = STREAM - at < sizeof(bytes) ? STREAM - at : (uint32_t)sizeof(bytes);
		for (uint32_t k = 0; k < n; k++)
			bytes[k] = byte_at(at + k);
		sent = scene_send(fd, bytes, n, 0);
		assert_true(sent > 0);
		n = (uint32_t)sent;
	}
}

static void receive_stream(int fd)
{
	static uint8_t bytes[70000];
	ssize_t got;

	for (uint32_t at = 0; at < STREAM; at += (uint32_t)got) {
		got = scene_receive(fd, bytes, sizeof(bytes), 0);
		assert_true(got > 0);
		for (ssize_t k = 0; k < got; k++)
			assert_int_equal(bytes[k], byte_at(at + (uint32_t)k));
	}
}

/* Each of two processes has both ends before it closes one; both are interrupted. */
static void lib_5_forked_and_interrupted_all_the_time(void **state)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 700 }, { 0, 700 } }, never = { { 0, 0 }, { 0, 0 } };
	int ends[2], status;
	pid_t child;
	char byte;

	assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
	scene_pair(ends);
	child = scene_fork();
	assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
	if (!child) {
		tto_close_fd(ends[0]);
		receive_stream(ends[1]);
		tto_exit();
		_exit(n_signals < 3);
	}
	tto_close_fd(ends[1]);
	send_stream(ends[0]);
	assert_int_equal(scene_receive(ends[0], &byte, 1, 0), 0);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_true(n_signals > 3);
	tto_close_fd(ends[0]);
	assert_int_equal(scene_sockets(), 0);
}

/* ---- Memory ------------------------------------------------------------------------------- */

struct hoard {
	struct hoard *next;
};

/* All that is left of the heap, from the largest pieces on. */
static struct hoard *take_all_memory(void)
{
	struct hoard *all = NULL, *one;

	assert_true(stack_lock());
	for (size_t bytes = 2ULL << 30; bytes >= 64; bytes /= 2) {
		while ((one = heap_alloc(bytes))) {
			one->next = all;
			all = one;
		}
	}
	stack_unlock();
	return all;
}

static void give_back(struct hoard *all)
{
	assert_true(stack_lock());
	for (struct hoard *next; all; all = next) {
		next = all->next;
		heap_free(all);
	}
	stack_unlock();
}

/* What was taken arrives, and what was not is not lost silently. */
static void lib_5_without_memory_nothing_is_lost(void **state)
{
	static uint8_t bytes[8192];
	uint32_t sent = 0, received = 0;
	struct hoard *all;
	int ends[2], fd;
	ssize_t n;

	scene_pair(ends);
	all = take_all_memory();
	do {
		for (uint32_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = byte_at(sent + k);
		n = scene_send(ends[0], bytes, sizeof(bytes), MSG_DONTWAIT);
		sent += n > 0 ? (uint32_t)n : 0;
	} while (n > 0);
	assert_true(errno == ENOMEM || errno == ENOBUFS || errno == EAGAIN);
	/* Without memory for one of ours it is the kernel's. */
	fd = tto_socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd >= 0);
	assert_int_equal(tto_close_fd(fd), 0);
	give_back(all);

	for (uint32_t k = 0; k < sizeof(bytes); k++)
		bytes[k] = byte_at(sent + k);
	assert_int_equal(scene_send(ends[0], bytes, sizeof(bytes), 0), sizeof(bytes));
	sent += (uint32_t)sizeof(bytes);
	while (received < sent) {
		n = scene_receive(ends[1], bytes, sizeof(bytes), 0);
		assert_true(n > 0);
		for (ssize_t k = 0; k < n; k++)
			assert_int_equal(bytes[k], byte_at(received + (uint32_t)k));
		received += (uint32_t)n;
	}
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
	assert_int_equal(scene_sockets(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_closed_while_another_thread_reads),
		cmocka_unit_test(lib_5_a_listener_closed_while_another_thread_accepts),
		cmocka_unit_test(lib_5_shut_down_while_another_thread_reads),
		cmocka_unit_test(lib_5_killed_while_it_reads),
		cmocka_unit_test(lib_5_another_descriptor_in_the_place_of_ours),
		cmocka_unit_test(lib_5_passed_by_a_message),
		cmocka_unit_test(lib_5_forked_and_interrupted_all_the_time),
		cmocka_unit_test(lib_5_without_memory_nothing_is_lost),
		cmocka_unit_test(lib_5_10000_connections_at_once),
		cmocka_unit_test(lib_5_nothing_is_left_of_100000_connections),
	};
	int cannot = scene_start();

	return cannot ? cannot : cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/* deliver_test.c - What is received is handed up, and given back: LIB-2, LIB-3 */
#include "stack/scene.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND 1000000000LL
#define KEPT_MAX 65536

static struct tto_work *work;

static int open_work(void **state)
{
	return tto_work_open(&work, NULL);
}

static int close_work(void **state)
{
	tto_work_close(work);
	return 0;
}

/* What a connection has handed up. */
struct sink {
	int fd;
	uint64_t place;		/* bytes so far                                 */
	unsigned calls, ends;
	uint32_t flags;		/* of the last call                             */
	int status;
	unsigned keeps;		/* pieces are not given back                    */
	bool closes;		/* in its first call                            */
	struct tto_piece kept[KEPT_MAX];
	uint32_t n_kept;
};

static void take(void *context, const struct tto_delivery *d)
{
	struct sink *sink = context;
	uint32_t bytes = 0;

	assert_int_equal(d->fd, sink->fd);
	assert_int_equal(sink->ends, 0);
	for (uint32_t k = 0; k < d->n_pieces; k++) {
		assert_true(d->pieces[k].bytes > 0);
		scene_check(d->pieces[k].data, d->pieces[k].bytes, sink->place + bytes);
		bytes += d->pieces[k].bytes;
		if (sink->keeps)
			sink->kept[sink->n_kept++] = d->pieces[k];
	}
	assert_int_equal(bytes, d->bytes);
	assert_true(bytes || d->flags & TTO_END);
	sink->place += bytes;
	sink->flags = d->flags;
	sink->status = d->status;
	sink->ends += (d->flags & TTO_END) != 0;
	sink->calls++;
	if (!sink->keeps)
		assert_int_equal(tto_work_return(work, d->pieces, d->n_pieces), 0);
	if (sink->closes)
		assert_int_equal(tto_close_fd(sink->fd), 0);
}

/* A sink that is reset, for @fd. */
static struct sink *sink_of(struct sink *sink, int fd)
{
	memset(sink, 0, sizeof(*sink));
	sink->fd = fd;
	assert_int_equal(tto_work_deliver(work, fd, take, sink), 0);
	return sink;
}

static void serve_until(const struct sink *sink, uint64_t place)
{
	while (sink->place < place)
		assert_in_range(tto_work_serve(work, 10 * SECOND), 1, 1000);
	assert_int_equal(sink->place, place);
}

static void give_back(struct sink *sink)
{
	assert_int_equal(tto_work_return(work, sink->kept, sink->n_kept), 0);
	sink->n_kept = 0;
}

static struct sink a, b;

/* ---- What is handed up ----------------------------------------------------------------- */

static void lib_2_bytes_are_handed_up_with_their_urgency(void **state)
{
	int kernel, fd = scene_connect(&kernel);

	sink_of(&a, fd);
	assert_int_equal(tto_work_serve(work, SECOND / 50), 0);
	scene_kernel_sends(kernel, 100, 0);
	serve_until(&a, 100);
	assert_int_equal(a.flags, TTO_PUSHED);
	assert_int_equal(send(kernel, &(uint8_t){ scene_byte(100) }, 1, MSG_OOB), 1);
	serve_until(&a, 101);
	assert_true(a.flags & TTO_URGENT);
	assert_int_equal(shutdown(kernel, SHUT_WR), 0);
	while (!a.ends)
		assert_int_equal(tto_work_serve(work, 10 * SECOND), 1);
	assert_int_equal(a.status, 0);
	assert_int_equal(tto_work_serve(work, SECOND / 50), 0);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

static void *sends_much(void *kernel)
{
	scene_kernel_sends(*(int *)kernel, 24 << 20, 0);
	assert_int_equal(shutdown(*(int *)kernel, SHUT_WR), 0);
	return NULL;
}

static void lib_2_a_stream_comes_whole_and_once(void **state)
{
	pthread_t thread;
	int kernel, fd = scene_accept(&kernel);

	sink_of(&a, fd);
	pthread_create(&thread, NULL, sends_much, &kernel);
	while (!a.ends)
		assert_in_range(tto_work_serve(work, 10 * SECOND), 1, 1000);
	pthread_join(thread, NULL);
	assert_int_equal(a.place, 24 << 20);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

static void lib_2_what_came_before_is_handed_up_first(void **state)
{
	uint8_t bytes[40];
	struct iovec iov = { bytes, 40 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	int kernel, fd = scene_connect(&kernel);

	scene_kernel_sends(kernel, 1000, 0);
	assert_int_equal(tto_recvmsg(fd, &m, 0), 40);
	sink_of(&a, fd);
	a.place = 40;
	scene_kernel_sends(kernel, 1000, 1000);
	serve_until(&a, 2000);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

static void lib_2_a_reset_ends_it_with_an_error(void **state)
{
	struct linger now = { 1, 0 };
	int kernel, fd = scene_connect(&kernel);

	sink_of(&a, fd);
	assert_int_equal(setsockopt(kernel, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(kernel);
	assert_int_equal(tto_work_serve(work, 5 * SECOND), 1);
	assert_int_equal(a.flags, TTO_END);
	assert_int_equal(a.status, -ECONNRESET);
	assert_int_equal(tto_close_fd(fd), 0);
}

/* ---- Whose they are ---------------------------------------------------------------------- */

/* Return: bytes that the kernel could send until nothing moved for a while. */
static uint64_t send_until_it_stops(int kernel, struct sink *sink)
{
	static uint8_t bytes[65536];
	uint64_t sent = 0;
	int idle = 0;

	assert_int_equal(fcntl(kernel, F_SETFL, O_NONBLOCK), 0);
	while (idle < 20) {
		ssize_t n;

		scene_fill(bytes, sizeof(bytes), sent);
		n = send(kernel, bytes, sizeof(bytes), MSG_NOSIGNAL);
		idle = n > 0 ? 0 : idle + 1;
		sent += n > 0 ? (uint64_t)n : 0;
		(void)tto_work_serve(work, SECOND / 100);
	}
	return sent;
}

/* The window closes: bounded memory, and nothing is dropped. */
static void lib_2_what_is_kept_closes_the_window(void **state)
{
	int kernel, fd = scene_connect(&kernel);
	uint64_t sent, held;

	sink_of(&a, fd);
	a.keeps = 1;
	sent = send_until_it_stops(kernel, &a);
	held = a.place;
	print_message("held %llu of %llu bytes\n", (unsigned long long)held,
		      (unsigned long long)sent);
	assert_in_range(held, 1, 16 << 20);	/* config.receive_buffer_max    */
	assert_true(sent > held);
	assert_int_equal(tto_work_serve(work, SECOND / 5), 0);
	assert_int_equal(a.place, held);
	for (uint32_t k = 0, at = 0; k < a.n_kept; at += a.kept[k++].bytes)
		scene_check(a.kept[k].data, a.kept[k].bytes, at);

	give_back(&a);
	a.keeps = 0;
	serve_until(&a, sent);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

/* A byte that is kept in each keeps a buffer; when there are too many it waits. */
static void lib_2_small_pieces_do_not_take_more_buffers(void **state)
{
	int kernel, fd = scene_connect(&kernel);
	const uint8_t *first;

	sink_of(&a, fd);
	a.keeps = 1;
	for (uint64_t n = 0; n < 50; n++) {
		scene_kernel_sends(kernel, 10, n * 10);
		serve_until(&a, n * 10 + 10);
	}
	first = a.kept[0].data;
	for (uint32_t k = 0, at = 0; k < a.n_kept; at += a.kept[k++].bytes)
		assert_ptr_equal(a.kept[k].data, first + at);
	give_back(&a);
	a.keeps = 1;
	scene_kernel_sends(kernel, 10, 500);
	serve_until(&a, 510);
	assert_ptr_equal(a.kept[0].data, first);	/* the same again, warm */
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

static void lib_2_pieces_outlive_their_connection(void **state)
{
	struct tto_piece piece, part;
	int kernel, fd = scene_connect(&kernel);

	sink_of(&a, fd);
	a.keeps = 1;
	scene_kernel_sends(kernel, 1000, 0);
	serve_until(&a, 1000);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
	fd = scene_connect(&kernel);	/* memory is used again                 */
	sink_of(&b, fd);
	b.keeps = 1;
	scene_kernel_sends(kernel, 3000, 0);
	serve_until(&b, 3000);
	piece = a.kept[0];
	scene_check(piece.data, piece.bytes, 0);

	part = piece;
	part.bytes = 1;
	assert_int_equal(tto_work_return(work, &part, 1), 0);
	assert_int_equal(tto_work_return(work, &piece, 1), -EINVAL);	/* one too many */
	for (uint32_t k = 0; k < a.n_kept; k++) {
		piece = a.kept[k];
		piece.bytes -= !k;
		assert_int_equal(tto_work_return(work, &piece, 1), 0);
		assert_int_equal(tto_work_return(work, &piece, 1), -EINVAL);
	}
	piece.buffer = &piece;
	assert_int_equal(tto_work_return(work, &piece, 1), -EINVAL);
	piece.buffer = (uint8_t *)b.kept[0].buffer + 64;
	assert_int_equal(tto_work_return(work, &piece, 1), -EINVAL);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);		/* what b has goes with the work queue          */
}

static void lib_2_a_callback_may_close(void **state)
{
	int kernel, fd = scene_connect(&kernel);
	uint8_t byte;

	sink_of(&a, fd);
	a.closes = true;
	scene_kernel_sends(kernel, 10, 0);
	serve_until(&a, 10);
	assert_int_equal(a.calls, 1);
	assert_int_equal(recv(kernel, &byte, 1, 0), 0);
	close(kernel);
	assert_int_equal(tto_work_serve(work, SECOND / 50), 0);
}

static void second(void *context, const struct tto_delivery *d)
{
	take(context, d);
}

static void lib_2_mistakes_are_refused(void **state)
{
	uint8_t bytes[8];
	struct iovec iov = { bytes, sizeof(bytes) };
	struct tto_operation o = { .iov = &iov, .n_iov = 1, .kind = TTO_RECEIVE };
	int kernel, fd = scene_connect(&kernel), other = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(tto_work_deliver(work, -1, take, &a), -EBADF);
	assert_int_equal(tto_work_deliver(work, fd, NULL, &a), -EINVAL);
	assert_int_equal(tto_work_deliver(work, other, take, &a), -ENOTCONN);
	o.fd = fd;
	assert_int_equal(tto_work_post(work, &o, 1, NULL), 0);
	assert_int_equal(tto_work_deliver(work, fd, take, &a), -EBUSY);
	assert_int_equal(tto_work_revoke(work, fd, 0), 1);
	sink_of(&a, fd);
	assert_int_equal(tto_work_post(work, &o, 1, NULL), -EBUSY);
	sink_of(&b, fd);
	assert_int_equal(tto_work_deliver(work, fd, second, &b), 0);
	assert_int_equal(tto_work_serve(work, SECOND), 0);	/* a result ends it */
	scene_kernel_sends(kernel, 10, 0);
	assert_int_equal(tto_work_poll(work, &(struct tto_result){ 0 }, 1), 1);
	serve_until(&b, 10);
	assert_int_equal(a.calls, 0);
	assert_int_equal(tto_close_fd(fd), 0);
	assert_int_equal(tto_close_fd(other), 0);
	close(kernel);
}

/* ---- The kernel's ------------------------------------------------------------------------- */

static void lib_2_descriptors_of_the_kernel_as_well(void **state)
{
	int pair[2];
	uint64_t sent;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	sink_of(&a, pair[0]);
	a.keeps = 1;
	sent = send_until_it_stops(pair[1], &a);
	assert_in_range(a.place, 1, sent - 1);
	assert_in_range(a.place, 1, 300 << 10);
	give_back(&a);
	a.keeps = 0;
	serve_until(&a, sent);
	close(pair[1]);
	while (!a.ends)
		assert_int_equal(tto_work_serve(work, 10 * SECOND), 1);
	assert_int_equal(a.status, 0);
	assert_int_equal(tto_close_fd(pair[0]), 0);
}

/* ---- Threads and processes ------------------------------------------------------------------ */

#define CONNECTIONS 6
#define BYTES (2u << 20)

static struct sink many[CONNECTIONS];
static int kernels[CONNECTIONS];

static void *serves(void *unused)
{
	for (;;) {
		unsigned ends = 0;

		for (int k = 0; k < CONNECTIONS; k++)
			ends += __atomic_load_n(&many[k].ends, __ATOMIC_ACQUIRE);
		if (ends == CONNECTIONS)
			return NULL;
		(void)tto_work_serve(work, SECOND / 50);
	}
}

static void *sends_to_all(void *unused)
{
	for (uint64_t at = 0; at < BYTES; at += 8192)
		for (int k = 0; k < CONNECTIONS; k++)
			scene_kernel_sends(kernels[k], 8192, at);
	for (int k = 0; k < CONNECTIONS; k++)
		shutdown(kernels[k], SHUT_WR);
	return NULL;
}

/* Each connection is called for by one thread at a time: the sinks have no lock. */
static void lib_2_threads_serve_together(void **state)
{
	pthread_t threads[3], sender;

	for (int k = 0; k < CONNECTIONS; k++)
		sink_of(&many[k], scene_connect(&kernels[k]));
	pthread_create(&sender, NULL, sends_to_all, NULL);
	for (int k = 0; k < 3; k++)
		pthread_create(&threads[k], NULL, serves, NULL);
	for (int k = 0; k < 3; k++)
		pthread_join(threads[k], NULL);
	pthread_join(sender, NULL);
	for (int k = 0; k < CONNECTIONS; k++) {
		assert_int_equal(many[k].place, BYTES);
		assert_int_equal(tto_close_fd(many[k].fd), 0);
		close(kernels[k]);
	}
}

/* Another process makes the turns, and what comes is ours all the same. */
static void lib_2_whoever_is_at_work_fills_the_buffers(void **state)
{
	int kernel, fd = scene_connect(&kernel), status;
	pid_t child;

	sink_of(&a, fd);
	tto_fork_begin();
	child = fork();
	if (!child) {
		struct pollfd p = { fd, POLLIN, 0 };
		struct timespec soon = { 0, 300000000 };

		tto_fork_child();
		alarm(10);
		scene_kernel_sends(kernel, 5000, 0);
		(void)tto_ppoll(&p, 1, &soon, NULL);
		/* Whoever dies with what was handed up does not matter either. */
		tto_exit();
		_exit(tto_work_deliver(work, fd, take, &a) != -EBADF);
	}
	tto_fork_parent(child);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	serve_until(&a, 5000);
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_work, close_work)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lib_2_bytes_are_handed_up_with_their_urgency),
		TEST(lib_2_a_stream_comes_whole_and_once),
		TEST(lib_2_what_came_before_is_handed_up_first),
		TEST(lib_2_a_reset_ends_it_with_an_error),
		TEST(lib_2_what_is_kept_closes_the_window),
		TEST(lib_2_small_pieces_do_not_take_more_buffers),
		TEST(lib_2_pieces_outlive_their_connection),
		TEST(lib_2_a_callback_may_close),
		TEST(lib_2_mistakes_are_refused),
		TEST(lib_2_descriptors_of_the_kernel_as_well),
		TEST(lib_2_threads_serve_together),
		TEST(lib_2_whoever_is_at_work_fills_the_buffers),
	};

	alarm(100);
	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

// SPDX-License-Identifier: BSD-2-Clause
/* work_test.c - Operations on work queues, of our sockets and the kernel's: LIB-2, RQ-5 */
#include "stack/scene.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <time.h>

#define SECOND 1000000000LL

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

/* Return: of tto_work_post(). */
static int post(uint32_t kind, int fd, uint64_t wr_id, void *bytes, size_t n, int flags)
{
	struct iovec iov = { bytes, n };
	const struct tto_operation o = { .wr_id = wr_id, .iov = &iov, .n_iov = 1, .fd = fd,
					 .flags = flags, .kind = kind };

	return tto_work_post(work, &o, 1, NULL);
}

static struct tto_result next_result(void)
{
	struct tto_result r;

	while (!tto_work_poll(work, &r, 1))
		assert_int_equal(tto_work_sleep(work, 10 * SECOND), 1);
	return r;
}

static void no_result(void)
{
	struct tto_result r;

	assert_int_equal(tto_work_sleep(work, SECOND / 50), 0);
	assert_int_equal(tto_work_poll(work, &r, 1), 0);
}

static void expect(uint64_t wr_id, int status, uint64_t bytes, uint8_t flags)
{
	struct tto_result r = next_result();

	assert_int_equal(r.wr_id, wr_id);
	assert_int_equal(r.status, status);
	assert_int_equal(r.bytes, bytes);
	assert_int_equal(r.flags, flags);
}

static void shut(int fd, int kernel)
{
	assert_int_equal(tto_close_fd(fd), 0);
	close(kernel);
}

/* ---- Receives ------------------------------------------------------------------------ */

static void rq_5_three_receives_give_three_completions(void **state)
{
	static uint8_t bytes[3][4000];
	static const size_t sizes[][2] = {	/* of a receive, of a send      */
		{ 10, 1 }, { 10, 10 }, { 10, 100 }, { 4000, 3 }, { 1000, 3000 },
		{ 1, 3 }, { 4000, 20000 }, { 3000, 1449 },
	};
	int kernel, fd = scene_connect(&kernel);
	uint64_t sent = 0, got = 0;

	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		size_t room = sizes[k][0];

		for (uint64_t n = 0; n < 3; n++)
			assert_int_equal(post(TTO_RECEIVE, fd, n, bytes[n], room, 0), 0);
		for (uint64_t n = 0; n < 3; n++) {
			struct tto_result r;

			if (sent - got < 3 * room) {
				scene_kernel_sends(kernel, sizes[k][1], sent);
				sent += sizes[k][1];
			}
			r = next_result();
			assert_int_equal(r.wr_id, n);
			assert_int_equal(r.fd, fd);
			assert_int_equal(r.kind, TTO_RECEIVE);
			assert_int_equal(r.status, 0);
			assert_in_range(r.bytes, 1, room);
			scene_check(bytes[n], r.bytes, got);
			got += r.bytes;
		}
		no_result();
	}
	shut(fd, kernel);
}

static void rq_5_any_segmentation_gives_the_stream(void **state)
{
	static uint8_t bytes[64][9000];
	unsigned seed = (unsigned)time(NULL);
	uint64_t posted = 0, done = 0, sent = 0, got = 0;
	int kernel, fd = scene_connect(&kernel);

	print_message("seed %u\n", seed);
	while (got < 4 << 20) {
		while (posted - done < 64) {
			size_t room = 1 + (size_t)rand_r(&seed) % 9000;

			assert_int_equal(post(TTO_RECEIVE, fd, room << 32 | posted,
					      bytes[posted % 64], room, 0), 0);
			posted++;
		}
		while (sent - got < 20000) {
			size_t n = 1 + (size_t)rand_r(&seed) % 9000;

			scene_kernel_sends(kernel, n, sent);
			sent += n;
		}
		for (unsigned k = rand_r(&seed) % 40; k > 0 && got < sent; k--) {
			struct tto_result r = next_result();

			assert_int_equal((uint32_t)r.wr_id, done);
			assert_in_range(r.bytes, 1, r.wr_id >> 32);
			scene_check(bytes[done % 64], r.bytes, got);
			got += r.bytes;
			done++;
		}
	}
	shut(fd, kernel);
	for (; done < posted; done++)	/* closed with operations outstanding   */
		assert_int_equal((uint32_t)next_result().wr_id, done);
	no_result();
}

static void rq_5_waitall_waits_until_it_is_full_or_the_end(void **state)
{
	uint8_t a[100], b[100];
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_RECEIVE, fd, 1, a, 100, MSG_WAITALL), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 2, b, 100, MSG_WAITALL), 0);
	scene_kernel_sends(kernel, 60, 0);
	no_result();
	scene_kernel_sends(kernel, 60, 60);
	expect(1, 0, 100, 0);
	scene_check(a, 100, 0);
	no_result();
	assert_int_equal(shutdown(kernel, SHUT_WR), 0);
	expect(2, 0, 20, TTO_END);
	scene_check(b, 20, 100);
	shut(fd, kernel);
}

static void lib_2_what_came_before_is_there_at_once(void **state)
{
	uint8_t a[50], b[100];
	struct iovec iov[4] = { { a, 10 }, { a, 0 }, { a + 10, 40 }, { b, 100 } };
	const struct tto_operation o = { .wr_id = 7, .iov = iov, .n_iov = 4,
					 .kind = TTO_RECEIVE };
	struct tto_operation again = o;
	struct pollfd p;
	int kernel, fd = scene_connect(&kernel);

	scene_kernel_sends(kernel, 120, 0);
	p = (struct pollfd){ fd, POLLIN, 0 };
	assert_int_equal(tto_ppoll(&p, 1, NULL, NULL), 1);
	again.fd = fd;
	assert_int_equal(tto_work_post(work, &again, 1, NULL), 0);
	expect(7, 0, 120, 0);
	scene_check(a, 50, 0);
	scene_check(b, 70, 50);
	shut(fd, kernel);
}

static void lib_2_the_end_completes_all(void **state)
{
	uint8_t a[10], b[10];
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_RECEIVE, fd, 1, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 2, b, 10, 0), 0);
	assert_int_equal(shutdown(kernel, SHUT_WR), 0);
	expect(1, 0, 0, TTO_END);
	expect(2, 0, 0, TTO_END);
	assert_int_equal(post(TTO_SEND, fd, 3, a, 10, 0), 0);
	expect(3, 0, 10, 0);
	shut(fd, kernel);
}

/* Bytes for several receives and the FIN in one turn. */
static void lib_2_the_end_is_behind_the_last_byte(void **state)
{
	uint8_t bytes[3][10];
	int kernel, fd = scene_connect(&kernel);

	for (uint64_t n = 0; n < 3; n++)
		assert_int_equal(post(TTO_RECEIVE, fd, n, bytes[n], 10, 0), 0);
	scene_kernel_sends(kernel, 25, 0);
	assert_int_equal(shutdown(kernel, SHUT_WR), 0);
	usleep(20000);
	expect(0, 0, 10, 0);
	expect(1, 0, 10, 0);
	expect(2, 0, 5, TTO_END);
	shut(fd, kernel);
}

static void reset(int kernel)
{
	struct linger now = { 1, 0 };

	assert_int_equal(setsockopt(kernel, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(kernel);
}

static void lib_2_a_reset_is_told_once_as_by_recvmsg(void **state)
{
	uint8_t a[10], b[10];
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_RECEIVE, fd, 1, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 2, b, 10, 0), 0);
	reset(kernel);
	expect(1, -ECONNRESET, 0, 0);
	expect(2, 0, 0, TTO_END);
	assert_int_equal(post(TTO_SEND, fd, 3, a, 10, 0), 0);
	expect(3, -EPIPE, 0, 0);
	assert_int_equal(tto_close_fd(fd), 0);
}

/* ---- Sends -------------------------------------------------------------------------------- */

static void lib_2_sends_complete_in_order_when_all_is_taken(void **state)
{
	static uint8_t bytes[4][8 << 20];
	uint64_t place = 0;
	int kernel, fd = scene_connect(&kernel);
	pid_t child;
	int status;

	for (uint64_t n = 0; n < 4; n++) {
		scene_fill(bytes[n], sizeof(bytes[n]), n * sizeof(bytes[n]));
		assert_int_equal(post(TTO_SEND, fd, n, bytes[n], sizeof(bytes[n]), 0), 0);
	}
	no_result();		/* more than all buffers have room for          */
	tto_fork_begin();
	child = fork();
	if (!child) {
		tto_fork_child();
		alarm(30);
		scene_kernel_receives(kernel, 4 * sizeof(bytes[0]), 0);
		tto_exit();
		_exit(0);
	}
	tto_fork_parent(child);
	for (uint64_t n = 0; n < 4; n++, place += sizeof(bytes[0]))
		expect(n, 0, sizeof(bytes[0]), 0);
	while (waitpid(child, &status, WNOHANG) == 0)
		(void)tto_work_sleep(work, SECOND / 100);
	assert_int_equal(status, 0);
	shut(fd, kernel);
}

static void lib_2_a_send_that_fails_says_how_far_it_came(void **state)
{
	static uint8_t bytes[32 << 20];
	struct tto_result r;
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_SEND, fd, 1, bytes, sizeof(bytes), 0), 0);
	assert_int_equal(post(TTO_SEND, fd, 2, bytes, 10, 0), 0);
	no_result();
	reset(kernel);
	r = next_result();
	assert_int_equal(r.wr_id, 1);
	assert_int_equal(r.status, -ECONNRESET);
	assert_in_range(r.bytes, 1, sizeof(bytes) - 1);
	expect(2, -EPIPE, 0, 0);
	assert_int_equal(tto_close_fd(fd), 0);
}

/* ---- Take back ------------------------------------------------------------------------------ */

static void lib_2_closing_completes_what_is_outstanding(void **state)
{
	static uint8_t big[32 << 20];
	uint8_t a[10] = "untouched", b[10];
	int kernel, fd = scene_connect(&kernel), other = tto_dup(fd);

	assert_int_equal(post(TTO_RECEIVE, fd, 1, a, 10, 0), 0);
	assert_int_equal(post(TTO_SEND, fd, 2, big, sizeof(big), 0), 0);
	assert_int_equal(post(TTO_RECEIVE, other, 3, b, 10, 0), 0);
	assert_int_equal(tto_close_fd(fd), 0);
	expect(1, -ECANCELED, 0, 0);
	assert_int_equal(next_result().wr_id, 2);
	scene_kernel_sends(kernel, 10, 0);
	expect(3, 0, 10, 0);	/* the connection goes on with the other number */
	scene_check(b, 10, 0);
	assert_string_equal((char *)a, "untouched");
	assert_int_equal(post(TTO_RECEIVE, fd, 4, a, 10, 0), -EBADF);
	shut(other, kernel);
}

static void rq_7_what_is_revoked_is_not_written_to(void **state)
{
	uint8_t a[10] = "untouched", b[10], c[10];
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_RECEIVE, fd, 5, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 6, b, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 5, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 7, c, 10, 0), 0);
	assert_int_equal(tto_work_revoke(work, fd, 5), 2);
	assert_int_equal(tto_work_revoke(work, fd, 5), 0);
	expect(5, -ECANCELED, 0, 0);
	expect(5, -ECANCELED, 0, 0);
	scene_kernel_sends(kernel, 20, 0);
	assert_int_equal(next_result().wr_id, 6);
	assert_int_equal(next_result().wr_id, 7);
	scene_check(b, 10, 0);
	scene_check(c, 10, 10);
	assert_string_equal((char *)a, "untouched");
	shut(fd, kernel);
}

static void lib_2_what_was_received_before_it_was_revoked_is_told(void **state)
{
	uint8_t a[10], b[10];
	int kernel, fd = scene_connect(&kernel);

	assert_int_equal(post(TTO_RECEIVE, fd, 1, a, 10, MSG_WAITALL), 0);
	scene_kernel_sends(kernel, 4, 0);
	no_result();
	assert_int_equal(tto_work_revoke(work, fd, 1), 1);
	expect(1, 0, 4, 0);
	scene_check(a, 4, 0);
	assert_int_equal(post(TTO_RECEIVE, fd, 2, b, 10, 0), 0);
	scene_kernel_sends(kernel, 6, 4);
	expect(2, 0, 6, 0);
	scene_check(b, 6, 4);
	shut(fd, kernel);
}

/* ---- Limits and mistakes --------------------------------------------------------------------- */

static void lib_2_what_has_no_room_is_not_taken(void **state)
{
	const struct tto_work_options few = { .size = sizeof(few), .entries = 4 };
	struct tto_operation o[6];
	struct tto_result r[6];
	struct tto_work *small;
	uint8_t bytes[6];
	struct iovec iov[6];
	int kernel, fd = scene_connect(&kernel);
	uint32_t taken;

	assert_int_equal(tto_work_open(&small, &few), 0);
	for (uint32_t k = 0; k < 6; k++) {
		iov[k] = (struct iovec){ &bytes[k], 1 };
		o[k] = (struct tto_operation){ .wr_id = k, .iov = &iov[k], .n_iov = 1,
					       .fd = fd, .kind = TTO_RECEIVE };
	}
	assert_int_equal(tto_work_post(small, o, 6, &taken), -EAGAIN);
	assert_int_equal(taken, 4);
	scene_kernel_sends(kernel, 6, 0);
	assert_int_equal(tto_work_sleep(small, SECOND), 1);
	assert_int_equal(tto_work_post(small, o + 4, 2, &taken), -EAGAIN);
	assert_int_equal(taken, 0);	/* results that wait take room as well  */
	assert_int_equal(tto_work_poll(small, r, 6), 4);
	assert_int_equal(tto_work_post(small, o + 4, 2, &taken), 0);
	assert_int_equal(tto_work_poll(small, r, 6), 2);
	scene_check(bytes, 6, 0);
	tto_work_close(small);
	shut(fd, kernel);
}

static void lib_2_mistakes_are_refused(void **state)
{
	const struct tto_work_options other = { .size = 1 };
	uint8_t bytes[4];
	struct tto_work *w;
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(tto_work_open(&w, &other), -EINVAL);
	assert_int_equal(post(TTO_RECEIVE, -1, 0, bytes, 4, 0), -EBADF);
	assert_int_equal(post(TTO_RECEIVE, 4000, 0, bytes, 4, 0), -EBADF);
	assert_int_equal(post(TTO_RECEIVE, fd, 0, bytes, 4, MSG_PEEK), -EINVAL);
	assert_int_equal(post(TTO_SEND, fd, 0, bytes, 4, MSG_WAITALL), -EINVAL);
	assert_int_equal(post(TTO_LOW, fd, 0, bytes, 4, 0), -EINVAL);
	assert_int_equal(post(TTO_RECEIVE, fd, 1, bytes, 4, 0), 0);
	expect(1, -ENOTCONN, 0, 0);
	assert_int_equal(post(TTO_SEND, fd, 2, bytes, 4, 0), 0);
	expect(2, -EPIPE, 0, 0);
	assert_int_equal(tto_work_revoke(work, fd, 1), 0);
	assert_int_equal(tto_close_fd(fd), 0);
}

/* ---- Waiting ------------------------------------------------------------------------------------ */

static void *sends_later(void *kernel)
{
	usleep(100000);
	scene_kernel_sends(*(int *)kernel, 10, 0);
	return NULL;
}

static void lib_2_any_event_loop_can_wait(void **state)
{
	uint8_t bytes[10];
	int kernel, fd = scene_connect(&kernel), set = epoll_create1(0), rounds = 0;
	struct epoll_event event = { .events = EPOLLIN };
	struct tto_result r;
	pthread_t thread;

	assert_int_equal(post(TTO_RECEIVE, fd, 1, bytes, 10, 0), 0);
	assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, tto_work_fd(work), &event), 0);
	assert_int_equal(pthread_create(&thread, NULL, sends_later, &kernel), 0);
	while (tto_work_arm(work) == 0) {
		assert_int_equal(epoll_wait(set, &event, 1, 5000), 1);
		assert_true(++rounds < 50);
	}
	assert_int_equal(tto_work_poll(work, &r, 1), 1);
	assert_int_equal(r.bytes, 10);
	pthread_join(thread, NULL);
	close(set);
	shut(fd, kernel);
}

static void *closes_later(void *fd)
{
	usleep(100000);
	assert_int_equal(tto_close_fd(*(int *)fd), 0);
	return NULL;
}

static void lib_2_who_waits_is_woken_by_another_thread(void **state)
{
	uint8_t bytes[10];
	int kernel, fd;
	struct pollfd p = { .fd = tto_work_fd(work), .events = POLLIN };
	pthread_t thread;

	for (int round = 0; round < 2; round++) {
		fd = scene_connect(&kernel);
		assert_int_equal(post(TTO_RECEIVE, fd, 1, bytes, 10, 0), 0);
		assert_int_equal(pthread_create(&thread, NULL, closes_later, &fd), 0);
		if (round)
			assert_int_equal(tto_work_sleep(work, 5 * SECOND), 1);
		else
			while (tto_work_arm(work) == 0)
				assert_int_equal(poll(&p, 1, 5000), 1);
		expect(1, -ECANCELED, 0, 0);
		pthread_join(thread, NULL);
		close(kernel);
	}
	assert_int_equal(tto_work_sleep(work, SECOND / 20), 0);
}

/* ---- The kernel's descriptors ---------------------------------------------------------------------- */

static void lib_2_descriptors_of_the_kernel_as_well(void **state)
{
	static uint8_t big[1 << 20], back[1 << 20];
	uint8_t a[10], b[10], c[10];
	int pair[2];
	size_t got = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 1, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 2, b, 10, MSG_WAITALL), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 3, c, 10, 0), 0);
	no_result();
	scene_kernel_sends(pair[1], 4, 0);
	expect(1, 0, 4, 0);
	scene_kernel_sends(pair[1], 4, 4);
	no_result();
	scene_kernel_sends(pair[1], 10, 8);
	expect(2, 0, 10, 0);
	expect(3, 0, 4, 0);
	scene_check(b, 10, 4);
	scene_fill(big, sizeof(big), 0);
	assert_int_equal(post(TTO_SEND, pair[0], 4, big, sizeof(big), 0), 0);
	no_result();
	while (got < sizeof(big)) {
		ssize_t n = recv(pair[1], back + got, sizeof(back) - got, MSG_DONTWAIT);

		assert_true(n > 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		(void)tto_work_sleep(work, 0);
	}
	scene_check(back, sizeof(back), 0);
	expect(4, 0, sizeof(big), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 5, a, 10, 0), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 6, a, 10, 0), 0);
	assert_int_equal(tto_work_revoke(work, pair[0], 5), 1);
	expect(5, -ECANCELED, 0, 0);
	close(pair[1]);
	expect(6, 0, 0, TTO_END);
	assert_int_equal(post(TTO_SEND, pair[0], 7, a, 10, 0), 0);
	expect(7, -EPIPE, 0, 0);
	assert_int_equal(tto_close_fd(pair[0]), 0);

	assert_int_equal(pipe(pair), 0);
	assert_int_equal(post(TTO_RECEIVE, pair[0], 8, a, 10, 0), 0);
	expect(8, -ENOTSOCK, 0, 0);
	close(pair[0]);
	close(pair[1]);
}

/* ---- Threads and processes --------------------------------------------------------------------------- */

#define THREADS 4
#define ROUNDS 400

struct echo {
	pthread_t thread;
	int fd, kernel;
	uint64_t done;
};

/* Each has a connection; all post to one work queue, and take what is whosever. */
static struct echo echoes[THREADS];
static unsigned rounds_done;

static void *takes_any(void *mine)
{
	static _Thread_local uint8_t bytes[64];
	struct echo *e = mine;
	uint64_t own = (uint64_t)(e - echoes);

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(post(TTO_SEND, e->fd, own, bytes, sizeof(bytes), 0), 0);
	while (__atomic_load_n(&rounds_done, __ATOMIC_ACQUIRE) < THREADS * ROUNDS) {
		struct tto_result r;

		if (tto_work_poll(work, &r, 1) != 1) {
			(void)tto_work_sleep(work, SECOND / 100);
			continue;
		}
		assert_int_equal(r.status, 0);
		assert_int_equal(r.bytes, sizeof(bytes));
		if (++echoes[r.wr_id].done == ROUNDS + 0ULL) {
			__atomic_add_fetch(&rounds_done, ROUNDS, __ATOMIC_RELEASE);
			continue;
		}
		assert_int_equal(post(TTO_SEND, r.fd, r.wr_id, bytes, sizeof(bytes), 0), 0);
	}
	return NULL;
}

static void lib_2_threads_share_a_work_queue(void **state)
{
	static uint8_t bytes[ROUNDS * 64];

	rounds_done = 0;
	memset(echoes, 0, sizeof(echoes));
	for (int k = 0; k < THREADS; k++)
		echoes[k].fd = scene_connect(&echoes[k].kernel);
	for (int k = 0; k < THREADS; k++)
		assert_int_equal(pthread_create(&echoes[k].thread, NULL, takes_any,
						&echoes[k]), 0);
	for (int k = 0; k < THREADS; k++)
		pthread_join(echoes[k].thread, NULL);
	for (int k = 0; k < THREADS; k++) {
		/* The last of it may wait for an ACK, and that for somebody's turn. */
		while (recv(echoes[k].kernel, bytes, sizeof(bytes),
			    MSG_PEEK | MSG_DONTWAIT) != sizeof(bytes))
			(void)tto_work_sleep(work, SECOND / 100);
		shut(echoes[k].fd, echoes[k].kernel);
	}
}

/* What comes while the child works lies in the ring: its memory is not ours. */
static void lib_2_a_child_does_not_write_to_its_parents_memory(void **state)
{
	uint8_t bytes[10] = "untouched";
	struct iovec iov = { bytes, 10 };
	int kernel, fd = scene_connect(&kernel), status;
	pid_t child;

	assert_int_equal(post(TTO_RECEIVE, fd, 1, bytes, 10, 0), 0);
	tto_fork_begin();
	child = fork();
	if (!child) {
		struct tto_operation o = { .fd = fd, .kind = TTO_RECEIVE, .iov = &iov,
					   .n_iov = 1 };
		struct pollfd p = { fd, POLLIN, 0 };
		bool fine;

		tto_fork_child();
		alarm(10);
		fine = tto_work_post(work, &o, 1, NULL) == -EBADF;
		scene_kernel_sends(kernel, 10, 0);
		fine = tto_ppoll(&p, 1, NULL, NULL) == 1 && fine;
		fine = !strcmp((char *)bytes, "untouched") && fine;
		tto_exit();
		_exit(!fine);
	}
	tto_fork_parent(child);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	expect(1, 0, 10, 0);
	scene_check(bytes, 10, 0);
	shut(fd, kernel);
}

/* Its operations point into memory that is not there any more. */
static void ag_7_who_is_killed_leaves_nothing(void **state)
{
	uint8_t bytes[10];
	struct pollfd p = { .events = POLLIN };
	struct timespec soon = { .tv_nsec = 500000000 };
	int kernel, fd = scene_connect(&kernel), status;
	pid_t child;

	tto_fork_begin();
	child = fork();
	if (!child) {
		struct tto_work *own;
		struct iovec iov = { bytes, 10 };
		const struct tto_operation o = { .fd = fd, .kind = TTO_RECEIVE,
						 .iov = &iov, .n_iov = 1 };

		tto_fork_child();
		if (!tto_work_open(&own, NULL) && !tto_work_post(own, &o, 1, NULL) &&
		    !tto_work_arm(own))
			raise(SIGKILL);
		_exit(1);
	}
	tto_fork_parent(child);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	p.fd = -1;
	(void)tto_ppoll(&p, 1, &soon, NULL);
	for (int k = 0; k < 20; k++)	/* somebody notices                     */
		(void)tto_work_sleep(work, SECOND / 40);
	assert_int_equal(post(TTO_RECEIVE, fd, 1, bytes, 10, 0), 0);
	scene_kernel_sends(kernel, 10, 0);
	expect(1, 0, 10, 0);
	scene_check(bytes, 10, 0);
	shut(fd, kernel);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_work, close_work)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rq_5_three_receives_give_three_completions),
		TEST(rq_5_any_segmentation_gives_the_stream),
		TEST(rq_5_waitall_waits_until_it_is_full_or_the_end),
		TEST(lib_2_what_came_before_is_there_at_once),
		TEST(lib_2_the_end_completes_all),
		TEST(lib_2_the_end_is_behind_the_last_byte),
		TEST(lib_2_a_reset_is_told_once_as_by_recvmsg),
		TEST(lib_2_sends_complete_in_order_when_all_is_taken),
		TEST(lib_2_a_send_that_fails_says_how_far_it_came),
		TEST(lib_2_closing_completes_what_is_outstanding),
		TEST(rq_7_what_is_revoked_is_not_written_to),
		TEST(lib_2_what_was_received_before_it_was_revoked_is_told),
		TEST(lib_2_what_has_no_room_is_not_taken),
		TEST(lib_2_mistakes_are_refused),
		TEST(lib_2_any_event_loop_can_wait),
		TEST(lib_2_who_waits_is_woken_by_another_thread),
		TEST(lib_2_descriptors_of_the_kernel_as_well),
		TEST(lib_2_threads_share_a_work_queue),
		TEST(lib_2_a_child_does_not_write_to_its_parents_memory),
		TEST(ag_7_who_is_killed_leaves_nothing),
	};

	alarm(100);
	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

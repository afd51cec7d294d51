// SPDX-License-Identifier: BSD-2-Clause
/*
 * epoll_model_test.c - Sets of ours report what the kernel's sets report
 *
 * The same random operations on two sides: sockets of ours in a set of ours, and socket
 * pairs of the kernel in a set of the kernel. Some members of the first set are the
 * kernel's, too. Each wait must give the same events, in any order.
 * Source: epoll(7); SPEC LIB-5.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>
#include <cmocka.h>

#include "socket/double.h"
#include "socket/ready/epoll.h"

#define SEEDS 60
#define STEPS 1500
#define N 12

struct side {
	int fd, peer;		/* of the kernel's model                        */
	int our_fd, our_peer;	/* the side that is tested                      */
	struct socket *s;	/* NULL: the kernel's there as well             */
	uint32_t bytes;
	bool is_full, is_finished, is_open;
};

struct model {
	struct side sides[N];
	int set, our_set;
	unsigned seed;
};

static uint32_t draw(struct model *m, uint32_t n)
{
	return (uint32_t)rand_r(&m->seed) % n;
}

/* ---- Both sides ---------------------------------------------------------------------------- */

static void pair(int *fd, int *peer)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	*fd = fds[0];
	*peer = fds[1];
}

static void open_side(struct model *m, struct side *side)
{
	*side = (struct side){ .is_open = true, .our_peer = -1 };
	pair(&side->fd, &side->peer);
	if (draw(m, 4))
		side->our_fd = double_socket(&side->s);
	else
		pair(&side->our_fd, &side->our_peer);
}

static void close_side(struct side *side)
{
	close(side->fd);
	close(side->peer);
	assert_int_equal(tto_close_fd(side->our_fd), 0);
	if (side->our_peer >= 0)
		close(side->our_peer);
	side->is_open = false;
}

static void write_byte(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void arrive(struct side *side)
{
	if (side->is_finished || side->bytes > 20)
		return;
	write_byte(side->peer);
	if (side->s)
		double_arrive(side->s, 1);
	else
		write_byte(side->our_peer);
	side->bytes++;
}

static void take(struct side *side)
{
	char c;

	if (!side->bytes)
		return;
	assert_int_equal(read(side->fd, &c, 1), 1);
	if (side->s)
		double_take(side->s, 1);
	else
		assert_int_equal(read(side->our_fd, &c, 1), 1);
	side->bytes--;
}

static void fill_pair(int fd)
{
	char block[4096] = { 0 };

	while (write(fd, block, sizeof(block)) > 0)
		;
}

static void drain_pair(int peer)
{
	char block[65536];

	while (read(peer, block, sizeof(block)) > 0)
		;
}

static void turn_room(struct side *side)
{
	side->is_full = !side->is_full;
	if (side->is_full) {
		fill_pair(side->fd);
		side->s ? double_fill(side->s) : fill_pair(side->our_fd);
	} else {
		drain_pair(side->peer);
		side->s ? double_drain(side->s) : drain_pair(side->our_peer);
	}
}

static void finish(struct side *side)
{
	if (side->is_finished)
		return;
	side->is_finished = true;
	assert_int_equal(shutdown(side->peer, SHUT_WR), 0);
	if (side->s)
		double_finish(side->s);
	else
		assert_int_equal(shutdown(side->our_peer, SHUT_WR), 0);
}

/* ---- Sets ------------------------------------------------------------------------------------ */

static void control(struct model *m, struct side *side)
{
	static const int operations[] = { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL };
	int operation = operations[draw(m, 3)], a, b, error;
	struct epoll_event event = { .data.u32 = (uint32_t)(side - m->sides) };

	event.events = (draw(m, 4) ? EPOLLIN : 0) | (draw(m, 3) ? 0 : EPOLLOUT) |
		       (draw(m, 3) ? 0 : EPOLLRDHUP) | (draw(m, 3) ? 0 : EPOLLRDNORM) |
		       (draw(m, 3) ? 0 : (uint32_t)EPOLLET) |
		       (draw(m, 4) ? 0 : EPOLLONESHOT);
	a = epoll_ctl(m->set, operation, side->fd, &event);
	error = errno;
	b = tto_epoll_ctl(m->our_set, operation, side->our_fd, &event);
	assert_int_equal(a, b);
	if (a)
		assert_int_equal(error, errno);
}

/* By member; each at most once. */
static void note(const struct epoll_event *events, int n, uint32_t *got)
{
	for (int k = 0; k < n; k++) {
		assert_int_equal(got[events[k].data.u32], 0);
		got[events[k].data.u32] = events[k].events;
	}
}

static void compare(struct model *m)
{
	struct epoll_event theirs[N], ours[N];
	uint32_t a[N] = { 0 }, b[N] = { 0 };
	static const struct timespec none;

	note(theirs, epoll_wait(m->set, theirs, N, 0), a);
	/* So that the kernel's side is not put off. */
	stack->sets->looked = 0;
	note(ours, tto_epoll_wait(m->our_set, ours, N, &none, NULL), b);
	for (int k = 0; k < N; k++)
		assert_int_equal(a[k], b[k]);
}

static void step(struct model *m)
{
	struct side *side = &m->sides[draw(m, N)];

	switch (draw(m, 16)) {
	case 0 ... 3:
		arrive(side);
		break;
	case 4 ... 6:
		take(side);
		break;
	case 7 ... 8:
		turn_room(side);
		break;
	case 9 ... 11:
		control(m, side);
		break;
	case 12:
		if (!draw(m, 4))
			finish(side);
		break;
	case 13:
		if (draw(m, 4))
			break;
		close_side(side);
		open_side(m, side);
		break;
	default:
		compare(m);
	}
}

static void run_seed(unsigned seed)
{
	struct model m = { .seed = seed };

	double_start();
	m.set = epoll_create1(EPOLL_CLOEXEC);
	m.our_set = tto_epoll_create1(EPOLL_CLOEXEC);
	assert_true(m.set >= 0 && m.our_set >= 0);
	for (int k = 0; k < N; k++)
		open_side(&m, &m.sides[k]);
	for (int k = 0; k < STEPS; k++)
		step(&m);
	for (int k = 0; k < N; k++)
		close_side(&m.sides[k]);
	close(m.set);
	assert_int_equal(tto_close_fd(m.our_set), 0);
	assert_null(stack->sets);
	assert_int_equal(double_count(), 0);
	double_stop();
}

static void lib_5_sets_report_what_the_kernels_do(void **state)
{
	const char *one = getenv("TTO_SEED");
	unsigned from = one ? (unsigned)atoi(one) : 1, to = one ? from : SEEDS;

	for (unsigned seed = from; seed <= to; seed++) {
		print_message("TTO_SEED=%u\n", seed);
		run_seed(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_sets_report_what_the_kernels_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

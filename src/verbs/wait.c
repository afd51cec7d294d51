// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - Poll for a while, then arm and sleep
 *
 * DOC: Theory of operation
 * To wake a sleeper costs the device a system call and the sleeper some ten
 * microseconds, so whoever waits polls first, for about as long as that costs. A device
 * that sees nobody asleep makes no call.
 *
 * A device in this process is run while polling; what is slept on then is its wire, and
 * a timer for what becomes due.
 * Source: SPEC AG-6, TX-9; ARCHITECTURE D11.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "verbs/device.h"

#define SPINS 32		/* looks between two at the clock               */
#define TURNS 1024		/* of these, between two at the daemon          */
#define KEPT 16			/* completions taken at once                    */

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static ns_t deadline(int64_t timeout_ns)
{
	return timeout_ns < 0 ? NS_NEVER : now() + (ns_t)timeout_ns;
}

/* Return: 1: something is there; 0; -errno. */
static int look(struct tto_cq *cq)
{
	int status = cq->run ? cq->run(cq->device->attachment) : 0;

	if (cq_has(cq))
		return 1;
	return status < 0 ? status : cq->queue.end.broken ? -EPIPE : 0;
}

/* Until @until, at most spin_ns. Return: as look(). */
static int spin(struct tto_cq *cq, ns_t until)
{
	struct attachment *a = cq->device->attachment;
	ns_t began = now(), least = cq->device->options.spin_ns, at;
	uint32_t turns = 0;
	int status;

	do {
		for (int i = 0; i < SPINS; i++) {
			status = look(cq);
			if (status)
				return status;
			spin_pause();
		}
		/* Who spins for long must see that nobody is there any more. */
		if (++turns % TURNS == 0 && a->ops->check && a->ops->check(a))
			return device_gone(cq);
		at = now();
	} while (at - began < least && at < until);
	return 0;
}

/* The event of the wakeup before is over; one that comes now is for this arming. */
static void forget_wakeup(struct tto_cq *cq)
{
	uint64_t count;

	if (cq->was_armed && cq->event >= 0 &&
	    read(cq->event, &count, sizeof(count)) < 0)
		return;
	cq->was_armed = true;
}

/* Return: 0: armed; 1: there is something. */
static int arm(struct tto_cq *cq)
{
	struct attachment *a = cq->device->attachment;

	cq_settle(cq);
	if (cq_has(cq))
		return 1;
	forget_wakeup(cq);
	/* Who is woken and finds nothing twice asks why. */
	cq->idle_polls = UINT32_MAX - 1;
	if (cq->event >= 0 && !ring_arm(&cq->queue.end))
		return 1;
	return a->ops->arm ? a->ops->arm(a) : 0;
}

int tto_arm(struct tto_cq *cq)
{
	return cq->n_kept ? 1 : arm(cq);
}

int tto_cq_fd(struct tto_cq *cq)
{
	struct attachment *a = cq->device->attachment;
	struct epoll_event event = { .events = EPOLLIN };
	int fd;

	if (cq->fd >= 0)
		return cq->fd;
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd < 0)
		return -errno;
	if ((cq->event >= 0 && epoll_ctl(fd, EPOLL_CTL_ADD, cq->event, &event)) ||
	    epoll_ctl(fd, EPOLL_CTL_ADD, a->ops->fd(a), &event)) {
		int error = errno;

		close(fd);
		return -error;
	}
	cq->fd = fd;
	return fd;
}

/* Return: 1: awake; 0: @until has come; -EINTR; -EPIPE. */
static int sleep_until(struct tto_cq *cq, ns_t until)
{
	struct attachment *a = cq->device->attachment;
	struct pollfd fds[2] = { { .fd = a->ops->fd(a), .events = POLLIN },
				 { .fd = cq->event, .events = POLLIN } };
	ns_t at = now(), left = until > at ? until - at : 0;
	struct timespec t = { .tv_sec = (time_t)(left / 1000000000),
			      .tv_nsec = (long)(left % 1000000000) };
	int n = ppoll(fds, 2, until == NS_NEVER ? NULL : &t, NULL);

	ring_disarm(&cq->queue.end);
	if (a->ops->disarm)
		a->ops->disarm(a);
	cq->device->stats.wakeups++;
	if (n < 0)
		return errno == EINTR ? -EINTR : -errno;
	if (fds[0].revents && a->ops->check && a->ops->check(a))
		return device_gone(cq);
	return n > 0;
}

/* For more than is kept. */
static int wait_until(struct tto_cq *cq, ns_t until)
{
	int status = look(cq);

	while (!status) {
		status = spin(cq, until);
		if (status)
			break;
		if (arm(cq))
			return 1;
		status = sleep_until(cq, until);
		if (status <= 0)
			break;
		status = look(cq);
	}
	/* What came just now counts, however the sleep ended. */
	return status <= 0 && cq_has(cq) ? 1 : status;
}

int tto_sleep(struct tto_cq *cq, int64_t timeout_ns)
{
	return cq->n_kept ? 1 : wait_until(cq, deadline(timeout_ns));
}

/* ---- TX-9 (c) ---------------------------------------------------------------------------- */

/* Takes what there is and keeps it. Return: how many; -ENOBUFS; -errno. */
static int keep(struct tto_cq *cq)
{
	uint32_t room = cq->queue.entries - cq->n_kept;
	struct tto_completion taken[KEPT];
	int n;

	if (!cq->kept)
		cq->kept = calloc(cq->queue.entries, sizeof(cq->kept[0]));
	if (!cq->kept)
		return -ENOMEM;
	if (!room)
		return -ENOBUFS;
	n = cq_take(cq, taken, room < KEPT ? room : KEPT);
	for (int i = 0; i < n; i++) {
		cq->kept[(cq->kept_first + cq->n_kept) & (cq->queue.entries - 1)] =
			taken[i];
		cq->n_kept++;
	}
	return n;
}

int tto_wait(struct tto_qp *qp, uint64_t wr_id, int64_t timeout_ns)
{
	ns_t until = deadline(timeout_ns);

	while (sent_is_reading(&qp->sent, wr_id)) {
		int status = keep(qp->cq);

		if (status < 0)
			return status;
		if (status || !sent_is_reading(&qp->sent, wr_id))
			continue;
		if (now() >= until)
			return -ETIMEDOUT;
		status = wait_until(qp->cq, until);
		if (status < 0)
			return status;
	}
	return 0;
}

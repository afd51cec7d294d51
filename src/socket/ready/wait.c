// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - Spin, and sleep
 *
 * DOC: Theory of operation
 * Who finds nothing to do takes a sleeper, adds watches to the sockets, and calls
 * sleep_once() until one of them is ready. It turns the stack for a short time first
 * (TTO_SPIN_US): what comes within it is had without a system call and without waking up.
 * Then it sleeps in ppoll() on the wire, on its sleeper's event, and on what it wants of
 * the kernel. Who gets a frame gives it to the connections, whoever they belong to, and
 * notify() writes to the events of those who sleep.
 *
 * While it goes on spinning all signals are blocked, and ppoll() has the mask of the caller: a
 * signal that comes at any time since the call began interrupts it, as in the kernel.
 *
 * Limits: everyone who sleeps is woken by a frame. When no sleeper is left, or the wire has
 * no descriptor, it looks every millisecond.
 */
#include "socket/ready/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>

#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/confine.h"

#define SPIN_US 20
#define BLIND_NS 1000000u	/* between looks that nothing announces         */
#define APART_NS 100000u	/* an event is not looked at that is somebody else's */
#define REAP_NS 100000000u
#define UNLUCKY 8		/* spins in vain, after which it is tried rarely ... */
#define RARELY 32		/* ... in so many sleeps, and ever more rarely  */
#define RAREST 1024
#define GLANCES 4		/* of a spin, before signals are blocked for it */
#define KERNEL_TURNS 16		/* of a spin, to one look at what is the kernel's */

/* ---- Sleep ------------------------------------------------------------------------------ */

ns_t wait_until(const struct timespec *timeout)
{
	ns_t now = stack_clock(), more;

	if (!timeout || timeout->tv_sec > INT32_MAX)
		return NS_NEVER;
	more = (ns_t)timeout->tv_sec * 1000000000u + (ns_t)timeout->tv_nsec;
	return more ? now + more : 0;
}

static bool has_handler(int number, int *flags)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) || action.sa_handler == SIG_DFL ||
	    action.sa_handler == SIG_IGN)
		return false;
	*flags = action.sa_flags;
	return true;
}

bool wait_restarts(void)
{
	int flags;

	if (kernel_is_confined)	/* and may not ask                              */
		return false;
	for (int n = 1; n < NSIG; n++)
		if (has_handler(n, &flags) && !(flags & SA_RESTART))
			return false;
	return true;
}

/* [ns]; of this process, from the environment. */
static ns_t spin_time(void)
{
	static ns_t time = NS_NEVER;
	const char *text;
	unsigned long us;

	if (time != NS_NEVER)
		return time;
	text = getenv("TTO_SPIN_US");
	us = text ? strtoul(text, NULL, 10) : SPIN_US;
	time = (us > 1000000 ? 1000000 : us) * 1000u;
	return time;
}

/* How the spins of this process have ended: only rough, whoever counts. */
static struct luck {
	unsigned in_vain;	/* since the last that was not                  */
	unsigned pause, left;	/* sleeps until the next, once it was UNLUCKY   */
} luck = { .pause = RARELY };

/* Spinning takes the processor from others; so only while it tends to be worth it. */
static bool is_worth_spinning(void)
{
	if (luck.in_vain < UNLUCKY || !luck.left)
		return true;
	luck.left--;
	return false;
}

static void was_worth_spinning(bool it_was)
{
	if (it_was) {
		luck = (struct luck){ .pause = RARELY };
	} else if (++luck.in_vain >= UNLUCKY) {
		luck.left = luck.pause;
		luck.pause = luck.pause < RAREST ? 2 * luck.pause : RAREST;
	}
}

static void relock(void)
{
	/* It was this thread's before; nothing of it is interrupted here. */
	while (!stack_lock())
		spin_pause();
}

/* What comes in this turn may go straight to who waits for it. */
static void turn(const struct sleeper *sleeper)
{
	struct socket *s = sleeper && sleeper->receiver && sleeper->watch.at ?
			   sleeper->watch.socket : NULL;

	stack_run_for(s, s ? sleeper->receiver : NULL);
}

static int poll_now(struct pollfd *list, nfds_t n)
{
	static const struct timespec none;

	return n ? confine_ppoll(list, n, &none, NULL) : 0;
}

/* Return: descriptors that are ready; @told: something of ours may be. */
static int spin(struct sleeper *sleeper, struct pollfd *list, nfds_t n, ns_t until)
{
	ns_t end, wait = spin_time();
	int ready = 0;

	if (!wait || !is_worth_spinning())
		return 0;
	end = stack_clock() + wait;
	if (end > until)
		end = until;
	for (unsigned k = 1;; k++) {
		stack_unlock();
		spin_pause();
		if (k % KERNEL_TURNS == 0)
			ready = poll_now(list, n);
		relock();
		turn(sleeper);
		if (ready > 0 || !sleeper || sleeper->is_told) {
			was_worth_spinning(true);
			return ready > 0 ? ready : 0;
		}
		if (stack->now >= end)
			break;
	}
	was_worth_spinning(false);
	return 0;
}

static const struct timespec *timeout_at(ns_t until, ns_t most, struct timespec *ts)
{
	ns_t now = stack_clock(), due = stack_deadline();

	if (due < until)
		until = due;
	if (until > now && until - now > most)
		until = now + most;
	if (until == NS_NEVER)
		return NULL;
	until = until > now ? until - now : 0;
	*ts = (struct timespec){ (time_t)(until / 1000000000u),
				 (long)(until % 1000000000u) };
	return ts;
}

/* One ppoll() without the lock, of its event if @event. Return: as that, but -errno. */
static int sleep_unlocked(const struct event *event, struct pollfd *list, nfds_t n,
			  ns_t until, ns_t most, const sigset_t *mask)
{
	static const struct timespec none;
	struct timespec ts;
	const struct timespec *timeout = timeout_at(until, most, &ts);
	int ready;

	list[n] = (struct pollfd){ embed_fd(stack->embed), POLLIN, 0 };
	list[n + 1] = (struct pollfd){ event ? event->fd : -1, POLLIN, 0 };
	if (!embed_arm(stack->embed))
		timeout = &none;
	stack_unlock();
	ready = confine_ppoll(list, n + WAIT_MORE, timeout, mask);
	relock();
	return ready;
}

static bool is_due(ns_t until)
{
	ns_t now = stack_clock();

	return until <= now || stack_deadline() <= now;
}

/*
 * As sleep_unlocked(), and again when somebody else was meant: the event stays as it is
 * until he has run, and is not looked at for a moment.
 */
static int sleep_alone(const struct sleeper *sleeper, struct pollfd *list, nfds_t n,
		       ns_t until, const sigset_t *mask)
{
	ns_t most = embed_fd(stack->embed) < 0 ? BLIND_NS : NS_NEVER;
	bool is_apart = false;
	int ready;

	for (;;) {
		ready = sleep_unlocked(is_apart ? NULL : sleeper->event, list, n, until,
				       is_apart ? APART_NS : most, mask);
		if (sleeper->is_told || ready < 0)
			return ready;
		if (is_apart && !ready && !is_due(until) && embed_arm(stack->embed))
			is_apart = false;
		else if (ready == 1 && list[n + 1].revents)
			is_apart = true;
		else
			return ready;
	}
}

/* Gives the lock away. Return: of ppoll(2), but -errno; 0 as well if only ours woke it. */
static int sleep_in_kernel(struct sleeper *sleeper, struct pollfd *list, nfds_t n,
			   ns_t until, const sigset_t *mask)
{
	int ready;

	if (!sleeper) {
		ready = sleep_unlocked(NULL, list, n, until, BLIND_NS, mask);
	} else {
		sleeper_set_asleep(sleeper, true);
		ready = sleep_alone(sleeper, list, n, until, mask);
		sleeper_awake(sleeper);
	}
	return ready <= 0 ? ready : ready - !!list[n].revents - !!list[n + 1].revents;
}

/* Has a signal come since, with a handler? That runs now. Without the lock. */
static bool is_interrupted(const sigset_t *mask)
{
	static const struct timespec none;

	return confine_ppoll(NULL, 0, &none, mask) == -EINTR;
}

/*
 * What is about to come is had without a system call. A signal that comes meanwhile may as
 * well have come before the call began.
 */
static void glance(struct sleeper *sleeper)
{
	if (!sleeper || !spin_time() || luck.in_vain >= UNLUCKY)
		return;
	for (int n = 0; n < GLANCES && !sleeper->is_told; n++) {
		stack_unlock();
		spin_pause();
		relock();
		turn(sleeper);
	}
}

int sleep_among(struct sleeper *sleeper, struct pollfd *list, nfds_t n, ns_t until,
		const sigset_t *mask)
{
	int ready = 0;
	sigset_t all, old;
	bool is_told;

	glance(sleeper);
	if (!sleeper || !sleeper->is_told) {
		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &old);
		ready = spin(sleeper, list, n, until);
		if (!ready && !(sleeper && sleeper->is_told))
			ready = sleep_in_kernel(sleeper, list, n, until,
						mask ? mask : &old);
		if (ready < 0 && ready != -EINTR)
			ready = 0;
		turn(sleeper);
		if (stack->now - stack->last_reap > REAP_NS && !kernel_is_confined)
			process_reap();
		is_told = sleeper && sleeper->is_told;
		/* Handlers may run now, and use the stack. */
		stack_unlock();
		if (!ready && !is_told && is_interrupted(mask ? mask : &old))
			ready = -EINTR;
		pthread_sigmask(SIG_SETMASK, &old, NULL);
		relock();
	}
	if (sleeper)
		sleeper->is_told = false;
	return ready;
}

int sleep_once(struct sleeper *sleeper, struct pollfd *fds, nfds_t n, ns_t until,
	       const sigset_t *mask)
{
	struct pollfd list[WAIT_FEW + WAIT_MORE];
	int ready;

	if (n > WAIT_FEW)
		return -EINVAL;
	if (n)
		memcpy(list, fds, n * sizeof(*fds));
	ready = sleep_among(sleeper, list, n, until, mask);
	if (n)
		memcpy(fds, list, n * sizeof(*fds));
	return ready;
}

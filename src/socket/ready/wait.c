// SPDX-License-Identifier: BSD-2-Clause
/*
 * wait.c - Who sleeps, and who wakes whom
 *
 * DOC: Theory of operation
 * Who finds nothing to do takes a sleeper, adds watches to the sockets, and calls
 * sleep_once() until one of them is ready. It turns the stack for a short time first
 * (TTO_SPIN_US): what comes within it is had without a system call and without waking up.
 * Then it sleeps in ppoll() on the wire, on its sleeper's event, and on what it wants of
 * the kernel. Who gets a frame gives it to the connections, whoever they belong to, and
 * notify() writes to the events of those who sleep.
 *
 * While it is spinning all signals are blocked, and ppoll() has the mask of the caller: a
 * signal that comes at any time since the call began interrupts it, as in the kernel.
 *
 * There are fewer events than sleepers, for their descriptors are in every process. Those
 * who share one wake up together; who was not meant sleeps again, and it is drained when
 * the last who was meant is awake.
 *
 * Limits: everyone who sleeps is woken by a frame. When no sleeper is left, or the wire has
 * no descriptor, it looks every millisecond.
 */
#include "socket/ready/wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/heap.h"
#include "base/keep.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/epoll.h"
#include "socket/work/take.h"

#define SPIN_US 20
#define BLIND_NS 1000000u	/* between looks that nothing announces         */
#define APART_NS 100000u	/* an event is not looked at that is somebody else's */
#define REAP_NS 100000000u
#define UNLUCKY 8		/* spins in vain, after which it is tried rarely */
#define RARELY 32
#define KERNEL_TURNS 16		/* of a spin, to one look at what is the kernel's */

/* ---- Watches ------------------------------------------------------------------------- */

void watch_insert(struct watch **first, struct watch *w)
{
	w->next = *first;
	if (w->next)
		w->next->at = &w->next;
	*first = w;
	w->at = first;
}

void watch_add(struct watch *w)
{
	watch_insert(&w->socket->watches, w);
}

void watch_remove(struct watch *w)
{
	if (!w->at)
		return;
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	w->next = NULL;
	w->at = NULL;
}

static void wake(struct sleeper *sleeper)
{
	static const uint64_t one = 1;

	if (sleeper->is_told)
		return;
	sleeper->is_told = true;
	if (!sleeper->is_asleep)
		return;
	sleeper->is_written = true;
	if (!sleeper->event->n_written++)
		(void)!kernel_call(SYS_write, sleeper->event->fd, &one, sizeof(one));
}

/* All are told; of those who asked to be told alone (EPOLLEXCLUSIVE) one who was waiting. */
void watches_tell(struct watch *first, uint32_t events)
{
	bool is_taken = false;

	for (struct watch *w = first, *next; w; w = next) {
		next = w->next;
		if (!(events & (w->events | POLLERR | POLLHUP)))
			continue;
		if (w->sleeper)
			wake(w->sleeper);
		else if (w->end)
			work_tell(w->end);
		else if (!epoll_is_exclusive(w->member))
			epoll_tell(w->member);
		else if (!is_taken)
			is_taken = epoll_tell(w->member);
	}
}

/* Who waits in epoll_wait() has the sleeper's own watch; poll() has others. */
void watches_tell_set(struct watch *first)
{
	bool is_taken = false;

	for (struct watch *w = first, *next; w; w = next) {
		next = w->next;
		if (w->member) {
			epoll_tell(w->member);
		} else if (w != &w->sleeper->watch) {
			wake(w->sleeper);
		} else if (!is_taken && !w->sleeper->is_told) {
			wake(w->sleeper);
			is_taken = true;
		}
	}
}

void notify(struct socket *s, uint32_t events)
{
	if (s->watches)
		watches_tell(s->watches, events ? events : ~0U);
}

void watches_drop(struct watch **first)
{
	struct watch *w;

	while ((w = *first)) {
		if (w->member) {
			epoll_member_free(w->member);
			continue;
		}
		if (w->end) {
			work_gone(w->end);
			continue;
		}
		watch_remove(w);
		wake(w->sleeper);
	}
}

/* ---- Sleepers ------------------------------------------------------------------------ */

int sleepers_open(void)
{
	for (unsigned n = 0; n < STACK_EVENTS; n++) {
		int made = eventfd(0, EFD_NONBLOCK);
		int fd = made < 0 ? -errno : keep_descriptor(made);

		if (fd < 0) {
			if (made >= 0)
				(void)!kernel_close(made);
			return fd;
		}
		stack->events[n].fd = fd;
	}
	return 0;
}

static struct event *choose_event(void)
{
	struct event *found = stack->events;

	for (unsigned n = 1; n < STACK_EVENTS && found->n_sleepers; n++)
		if (stack->events[n].n_sleepers < found->n_sleepers)
			found = &stack->events[n];
	found->n_sleepers++;
	return found;
}

struct sleeper *sleeper_take(void)
{
	struct sleeper *sleeper = stack->free_sleepers;

	if (sleeper)
		stack->free_sleepers = sleeper->next_free;
	else if (stack->end_sleepers < STACK_SLEEPERS)
		sleeper = &stack->sleepers[stack->end_sleepers++];
	else
		return NULL;
	sleeper->process = process_pid();
	sleeper->is_told = false;
	sleeper->receiver = NULL;
	sleeper->holds = false;
	sleeper->event = choose_event();
	return sleeper;
}

void sleeper_watch(struct sleeper *sleeper, struct socket *s, uint32_t events)
{
	if (!sleeper)
		return;
	sleeper->watch.sleeper = sleeper;
	sleeper->watch.socket = s;
	sleeper->watch.events = events;
	watch_add(&sleeper->watch);
	descriptor_hold(s->idx + 1);
	sleeper->holds = true;
}

void sleeper_give(struct sleeper *sleeper)
{
	if (!sleeper)
		return;
	watch_remove(&sleeper->watch);
	if (sleeper->holds)
		descriptor_drop(sleeper->watch.socket->idx + 1);
	heap_free(sleeper->many);
	sleeper->many = NULL;
	sleeper->process = 0;
	sleeper->event->n_sleepers--;
	sleeper->next_free = stack->free_sleepers;
	stack->free_sleepers = sleeper;
}

void sleeper_set_asleep(struct sleeper *sleeper, bool is_asleep)
{
	if (!sleeper || sleeper->is_asleep == is_asleep)
		return;
	sleeper->is_asleep = is_asleep;
	stack->n_asleep += is_asleep ? 1 : -1U;
}

void sleepers_wake_one(void)
{
	for (unsigned n = 0; n < stack->end_sleepers; n++) {
		struct sleeper *sleeper = &stack->sleepers[n];

		if (sleeper->is_asleep && !sleeper->is_told) {
			wake(sleeper);
			return;
		}
	}
}

void sleeper_awake(struct sleeper *sleeper)
{
	struct event *event;
	uint64_t count;

	sleeper_set_asleep(sleeper, false);
	if (!sleeper || !sleeper->is_written)
		return;
	event = sleeper->event;
	sleeper->is_written = false;
	if (!--event->n_written)
		(void)!kernel_call(SYS_read, event->fd, &count, sizeof(count));
}

static void drop_watches(struct watch *w, pid_t process)
{
	for (struct watch *next; w; w = next) {
		next = w->next;
		if (w->sleeper && w->sleeper->process == process)
			watch_remove(w);
	}
}

void sleepers_drop(pid_t process)
{
	bool any = false;

	for (unsigned n = 0; n < stack->end_sleepers; n++)
		any |= stack->sleepers[n].process == process;
	if (!any)
		return;
	for (uint32_t n = 0; n < STACK_SOCKETS; n++)
		if (stack->sockets[n])
			drop_watches(stack->sockets[n]->watches, process);
	for (struct epoll_set *set = stack->sets; set; set = set->next)
		drop_watches(set->watches, process);
	for (unsigned n = 0; n < stack->end_sleepers; n++) {
		struct sleeper *sleeper = &stack->sleepers[n];

		if (sleeper->process != process)
			continue;
		sleeper_awake(sleeper);
		sleeper_give(sleeper);
	}
}

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

/* Spinning takes the processor from others; so only while it tends to be worth it. */
static bool is_worth_spinning(unsigned *in_vain)
{
	static unsigned turn;

	return *in_vain < UNLUCKY || ++turn % RARELY == 0;
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

	return n ? kernel_ppoll(list, n, &none, NULL) : 0;
}

/* Return: descriptors that are ready; @told: something of ours may be. */
static int spin(struct sleeper *sleeper, struct pollfd *list, nfds_t n, ns_t until)
{
	static unsigned in_vain;
	ns_t end, wait = spin_time();
	int ready = 0;

	if (!wait || !is_worth_spinning(&in_vain))
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
			in_vain = 0;
			return ready > 0 ? ready : 0;
		}
		if (stack->now >= end)
			break;
	}
	in_vain++;
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
	int ready, error;

	list[n] = (struct pollfd){ embed_fd(stack->embed), POLLIN, 0 };
	list[n + 1] = (struct pollfd){ event ? event->fd : -1, POLLIN, 0 };
	if (!embed_arm(stack->embed))
		timeout = &none;
	stack_unlock();
	ready = kernel_ppoll(list, n + WAIT_MORE, timeout, mask);
	error = errno;
	relock();
	return ready < 0 ? -error : ready;
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

/* Has a signal come since, that runs its handler as soon as it may? */
static bool is_interrupted(const sigset_t *mask)
{
	sigset_t pending;
	int flags;

	sigpending(&pending);
	if (sigisemptyset(&pending))
		return false;
	for (int n = 1; n < NSIG; n++)
		if (sigismember(&pending, n) == 1 && sigismember(mask, n) == 0 &&
		    has_handler(n, &flags))
			return true;
	return false;
}

int sleep_among(struct sleeper *sleeper, struct pollfd *list, nfds_t n, ns_t until,
		const sigset_t *mask)
{
	int ready = 0;
	sigset_t all, old;

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
		if (stack->now - stack->last_reap > REAP_NS)
			process_reap();
		if (!ready && !(sleeper && sleeper->is_told) &&
		    is_interrupted(mask ? mask : &old))
			ready = -EINTR;
		/* Handlers may run now, and use the stack. */
		stack_unlock();
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

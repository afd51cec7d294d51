// SPDX-License-Identifier: BSD-2-Clause
/*
 * sleeper.c - Who watches a socket, who sleeps for it, and who is woken
 *
 * DOC: Theory of operation
 * Whoever changes a socket calls notify(). A watch that wants to know belongs to a
 * sleeper, to a member of an epoll set, or to a work queue. A sleeper that is asleep is
 * written to by its event.
 *
 * There are fewer events than sleepers, for their descriptors are in every process. Those
 * who share one wake up together; who was not meant sleeps again, and it is drained when
 * the last who was meant is awake.
 */
#include "socket/ready/wait.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "base/heap.h"
#include "base/keep.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/ready/epoll.h"
#include "socket/work/take.h"

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

void sleeper_watch_list(struct sleeper *sleeper, struct watch **first)
{
	if (!sleeper)
		return;
	sleeper->watch.sleeper = sleeper;
	sleeper->watch.events = POLLIN;
	watch_insert(first, &sleeper->watch);
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

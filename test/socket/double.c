// SPDX-License-Identifier: BSD-2-Clause
/* double.c - A stack without TCP, for tests of what waits for one */
#include "socket/double.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "socket/descriptor.h"
#include "socket/join.h"
#include "socket/process.h"
#include "socket/ready/wait.h"
#include "socket/work/take.h"


struct stack *stack;
unsigned double_turns;
ns_t double_deadline = NS_NEVER;
static _Thread_local bool inside;
static int heap_fd;

static void must(bool is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "double: %s: %m\n", what);
	abort();
}

/* ---- What stack.c is otherwise --------------------------------------------------------- */

bool stack_lock(void)
{
	if (inside)
		return false;
	pthread_mutex_lock(&stack->lock);
	inside = true;
	return true;
}

void stack_unlock(void)
{
	inside = false;
	pthread_mutex_unlock(&stack->lock);
}

void stack_forked(void)
{
	inside = false;
}

ns_t stack_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (ns_t)ts.tv_sec * 1000000000u + (ns_t)ts.tv_nsec;
}

int stack_run(void)
{
	stack->now = stack_clock();
	double_turns++;
	return 0;
}

int stack_run_for(struct socket *s, struct cursor *receiver)
{
	return stack_run();
}

ns_t stack_deadline(void)
{
	return double_deadline;
}

/* A wire that never has anything. */
int embed_fd(const struct embed *e)
{
	static int pipes[2];

	if (!pipes[1])
		must(!pipe(pipes), "pipe");
	return pipes[0];
}

bool embed_arm(struct embed *e)
{
	return true;
}

/* There are no work queues. */
void work_tell(struct end *e)
{
}

void work_gone(struct end *e)
{
}

void works_close(int fd)
{
}

void works_drop(pid_t process)
{
}

/* Nobody joins later. */
bool join_is_due;

void join_now(void)
{
}

bool join_pause(void)
{
	return false;
}

void join_resume(void)
{
}

void double_start(void)
{
	pthread_mutexattr_t shared;

	must(!heap_create(&heap_fd), "heap");
	stack = heap_zeroed(1, sizeof(*stack));
	must(stack, "memory");
	*heap_root() = stack;
	stack->sockets = heap_zeroed(STACK_SOCKETS, sizeof(struct socket *));
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&stack->lock, &shared);
	must(!sleepers_open(), "eventfd");
	must(stack_lock(), "lock");
	must(!process_enter(true), "process");
	stack_unlock();
}

void double_join(int fd)
{
	must(!heap_join(fd), "heap");
	stack = *heap_root();
	must(stack_lock(), "lock");
	must(!process_enter(true), "process");
	stack_unlock();
}

int double_heap(void)
{
	must(!fcntl(heap_fd, F_SETFD, 0), "heap");
	return heap_fd;
}

void double_stop(void)
{
	must(stack_lock(), "lock");
	process_leave();
	stack_unlock();
	for (unsigned n = 0; n < STACK_EVENTS; n++)
		close(stack->events[n].fd);
	stack = NULL;
	heap_leave();
	close(heap_fd);
	double_deadline = NS_NEVER;
}

/* ---- Sockets ------------------------------------------------------------------------------ */

struct socket *socket_take(void)
{
	uint32_t n = 0;

	while (n < stack->n_sockets && stack->sockets[n]->kind != SOCKET_FREE)
		n++;
	if (n == stack->n_sockets) {
		must(n < STACK_SOCKETS, "sockets");
		stack->sockets[n] = heap_zeroed(1, sizeof(struct socket));
		stack->n_sockets++;
	}
	memset(stack->sockets[n], 0, sizeof(struct socket));
	stack->sockets[n]->idx = n;
	stack->sockets[n]->refs = 1;
	return stack->sockets[n];
}

void socket_drop(struct socket *s)
{
	if (--s->refs)
		return;
	must(!s->watches, "watches of a socket that is free");
	s->kind = SOCKET_FREE;
}

uint32_t socket_readiness(const struct socket *s)
{
	uint32_t events = 0;

	if (ring_count(&s->receive) || s->flags & SOCKET_PEER_CLOSED)
		events |= POLLIN;
	if (s->flags & SOCKET_PEER_CLOSED)
		events |= POLLRDHUP;
	if (!(s->flags & SOCKET_WAS_FULL))
		events |= POLLOUT;
	return events;
}

unsigned double_count(void)
{
	unsigned count = 0;

	for (uint32_t n = 0; n < stack->n_sockets; n++)
		count += stack->sockets[n]->kind != SOCKET_FREE;
	return count;
}

int double_socket(struct socket **s)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	must(fd >= 0, "socket");
	must(stack_lock(), "lock");
	*s = socket_take();
	(*s)->kind = SOCKET_CONNECTION;
	must(!descriptor_add(fd, *s), "descriptor");
	stack_unlock();
	return fd;
}

/* ---- What happens to them -------------------------------------------------------------- */

void double_arrive(struct socket *s, uint32_t bytes)
{
	must(stack_lock(), "lock");
	ring_extend(&s->receive, bytes);
	notify(s, POLLIN | POLLRDNORM);
	stack_unlock();
}

void double_take(struct socket *s, uint32_t bytes)
{
	must(stack_lock(), "lock");
	s->receive.first += bytes;
	stack_unlock();
}

void double_fill(struct socket *s)
{
	must(stack_lock(), "lock");
	s->flags |= SOCKET_WAS_FULL;
	stack_unlock();
}

void double_drain(struct socket *s)
{
	must(stack_lock(), "lock");
	s->flags &= ~(uint32_t)SOCKET_WAS_FULL;
	notify(s, POLLOUT | POLLWRNORM);
	stack_unlock();
}

void double_finish(struct socket *s)
{
	must(stack_lock(), "lock");
	s->flags |= SOCKET_PEER_CLOSED;
	notify(s, ~0U);
	stack_unlock();
}

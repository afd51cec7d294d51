// SPDX-License-Identifier: BSD-2-Clause
/* take.c - What work queues are told, and where they want what comes */
#include "socket/work/take.h"

#include "base/heap.h"
#include "packet/headers.h"
#include "socket/process.h"
#include "socket/ready/urgent.h"
#include "socket/ready/wait.h"
#include "socket/work/work.h"

/* ---- Bytes ---------------------------------------------------------------------------- */

/* To the receives that are posted, in their order; only their process has the memory. */
static uint32_t to_operations(struct end *e, const uint8_t *bytes, uint32_t n)
{
	uint32_t given = 0;

	if (e->work->process != process_pid())
		return 0;
	for (struct operation *op = e->receives.first; op && given < n; op = op->next)
		given += cursor_fill(&op->at, bytes + given, n - given);
	return given;
}

uint32_t work_take(struct socket *s, const uint8_t *bytes, uint32_t n)
{
	struct end *e = s->posted;
	struct tcp_env env = stack_env();
	uint32_t given = 0;

	/* An urgent byte is not for who receives; who is handed up to gets all. */
	if (e->deliver)
		given = deliver_fill(e, bytes, n);
	else if (!s->urgent)
		given = to_operations(e, bytes, n);
	s->receive.first += given;
	s->receive.end += given;
	s->bytes_straight += given;
	urgent_passed(s, s->receive.first);
	/* What is handed up is read when it is given back. */
	if (given && !e->deliver)
		tcp_read(&s->tcb, &env, given);
	return given;
}

void work_note(struct socket *s, uint32_t flags)
{
	s->posted->flags |= (flags & TCP_PSH ? (uint32_t)TTO_PUSHED : 0) |
			    (flags & TCP_URG ? (uint32_t)TTO_URGENT : 0);
}

/* ---- Events ------------------------------------------------------------------------------ */

void work_tell(struct end *e)
{
	end_ready(e);
	watches_tell(e->work->watches, ~0U);
}

void work_gone(struct end *e)
{
	struct tto_work *w = e->work;

	end_drop(e);
	watches_tell(w->watches, ~0U);
}

void works_close(int fd)
{
	for (struct tto_work *w = stack->works; w; w = w->next) {
		struct end *e = w->process == process_pid() ? end_find(w, fd) : NULL;

		if (e)
			work_gone(e);
	}
}

void works_repair(void)
{
	for (struct tto_work *w = stack->works; w; w = w->next) {
		w->ready_first = NULL;
		w->ready_last = &w->ready_first;
		for (uint32_t b = 0; b < w->n_buckets; b++)
			for (struct end *e = w->buckets[b]; e; e = e->next) {
				e->is_ready = false;
				end_ready(e);
			}
	}
}

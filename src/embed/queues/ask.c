// SPDX-License-Identifier: BSD-2-Clause
/*
 * ask.c - Requests to the daemon, in turn, by any process of the stack
 *
 * Answers come in the order of the requests. Who waits for his deals with those that come
 * before it: of what was only told, or of a process that has died meanwhile.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/kernel.h"
#include "control/exchange.h"
#include "embed/queues/queues.h"

#define TIMEOUT_NS 5000000000ULL

/* Nothing that was its wakes anybody any more. */
static int gone(struct queues *q)
{
	const int fds[] = { q->socket, q->event, q->changes };

	for (unsigned n = 0; n < ARRAY_SIZE(fds); n++)
		(void)!kernel_call(SYS_epoll_ctl, q->epoll, EPOLL_CTL_DEL, fds[n], NULL);
	q->is_gone = true;
	return -ENETDOWN;
}

/* ---- Answers -------------------------------------------------------------------------- */

/* The request of somebody who has died: it has no use for anybody. */
static void undo(struct queues *q, const struct control_reply *reply)
{
	struct control_request request = { .handle = reply->handle };

	if (reply->status < 0)
		return;
	if (reply->operation == CONTROL_ADD_FLOW)
		request.operation = CONTROL_REMOVE_FLOW;
	else if (reply->operation == CONTROL_ADD_LISTEN)
		request.operation = CONTROL_REMOVE_LISTEN;
	else if (reply->operation == CONTROL_HOLD_PORT)
		request.operation = CONTROL_RELEASE_PORT;
	else
		return;
	queues_tell(q, &request, CLAIM_NONE);
}

static void settle(struct queues *q, struct queues_told *t,
		   const struct control_reply *reply)
{
	uint32_t claim = t->claim;

	t->number = 0;
	q->n_untaken--;
	if (claim != CLAIM_NONE)
		claim_answered(q, claim, reply);
}

/* What was told before and has no answer: somebody took it, and has died. */
static void settle_lost(struct queues *q, uint32_t number)
{
	static const struct control_reply lost = { .status = -EOWNERDEAD };

	for (uint32_t n = 0; n < QUEUES_UNTAKEN; n++) {
		struct queues_told *t = &q->told[n];

		if (t->number && (int32_t)(number - t->number) > 0)
			settle(q, t, &lost);
	}
}

static void take_told(struct queues *q, const struct control_reply *reply)
{
	settle_lost(q, reply->number);
	for (uint32_t n = 0; n < QUEUES_UNTAKEN; n++) {
		if (q->told[n].number == reply->number) {
			settle(q, &q->told[n], reply);
			return;
		}
	}
	undo(q, reply);
}

/* One answer. Return: 0; -EAGAIN: none, with MSG_DONTWAIT; -ENETDOWN. */
static int take(struct queues *q, struct control_reply *reply, int *fds, int flags)
{
	int err = control_receive(q->socket, reply, fds, flags, TIMEOUT_NS);

	return !err || err == -EAGAIN ? err : gone(q);
}

/* Of others, until there is none left, or @number's is. */
static int take_until(struct queues *q, uint32_t number, struct control_reply *reply,
		      int *fds, int flags)
{
	int own[CONTROL_FDS_MAX], err;

	while (!(err = take(q, reply, own, flags))) {
		if (reply->number == number) {
			if (fds)
				memcpy(fds, own, reply->n_fds * sizeof(own[0]));
			else
				control_close(own, reply->n_fds);
			return 0;
		}
		control_close(own, reply->n_fds);
		/* Who is not let in is told so, whatever he asked. */
		if (!reply->number && reply->status < 0)
			return gone(q);
		take_told(q, reply);
	}
	return err;
}

int queues_listen_to(struct queues *q)
{
	struct control_reply reply;
	uint64_t count;

	if (q->is_gone)
		return -ENETDOWN;
	if (q->wants_route &&
	    kernel_call(SYS_read, q->changes, &count, sizeof(count)) > 0) {
		q->wants_route = false;
		queues_forget_ways(q, false);
	}
	return take_until(q, 0, &reply, NULL, MSG_DONTWAIT) == -EAGAIN ? 0 : gone(q);
}

/* ---- Requests -------------------------------------------------------------------------- */

static int send_request(struct queues *q, struct control_request *request)
{
	if (q->is_gone)
		return -ENETDOWN;
	if (!++q->number)
		q->number = 1;
	control_prepare(request, q->number);
	return control_send(q->socket, request, 0) ? gone(q) : 0;
}

int queues_ask(struct queues *q, struct control_request *request,
	       struct control_reply *reply, int *fds)
{
	int err = send_request(q, request);

	if (!err)
		err = take_until(q, request->number, reply, fds, 0);
	if (err)
		return err;
	if (reply->operation != request->operation)
		return gone(q);
	return reply->status;
}

static struct queues_told *free_place(struct queues *q)
{
	for (uint32_t n = 0; n < QUEUES_UNTAKEN; n++) {
		if (!q->told[n].number)
			return &q->told[n];
	}
	return NULL;
}

/* The daemon serves nobody who does not take its answers. */
void queues_tell(struct queues *q, struct control_request *request, uint32_t claim)
{
	struct queues_told *t;
	struct control_reply reply;

	while (!(t = free_place(q))) {
		int fds[CONTROL_FDS_MAX];

		if (take(q, &reply, fds, 0))
			return;
		control_close(fds, reply.n_fds);
		take_told(q, &reply);
	}
	if (send_request(q, request))
		return;
	*t = (struct queues_told){ .number = request->number, .claim = claim };
	q->n_untaken++;
}

// SPDX-License-Identifier: BSD-2-Clause
/* operation.c - Operations of work queues: post, do, take back: SPEC RQ-5 */
#include <errno.h>
#include <fcntl.h>

#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/transfer/transfer.h"
#include "socket/work/work.h"

void operations_init(struct operations *list)
{
	list->first = NULL;
	list->last = &list->first;
}

void operations_push(struct operations *list, struct operation *op)
{
	op->next = NULL;
	*list->last = op;
	list->last = &op->next;
}

static struct operation *pop(struct operations *list)
{
	struct operation *op = list->first;

	list->first = op->next;
	if (!list->first)
		list->last = &list->first;
	return op;
}

static void complete(struct end *e, struct operations *list, int status)
{
	struct operation *op = pop(list);

	op->result.status = status;
	op->result.bytes = op->at.got;
	operations_push(&e->work->done, op);
	e->work->n_done++;
}

/* ---- Do ---------------------------------------------------------------------------- */

/* What is left, for the kernel. */
static struct msghdr message_of(const struct operation *op,
				struct iovec iov[TTO_WORK_ELEMENTS])
{
	for (size_t n = 0; n < op->at.n_iov; n++)
		iov[n] = op->at.iov[n];
	iov[0].iov_base = (uint8_t *)iov[0].iov_base + op->at.at;
	iov[0].iov_len -= op->at.at;
	return (struct msghdr){ .msg_iov = iov, .msg_iovlen = op->at.n_iov };
}

static size_t wanted(const struct operation *op)
{
	return op->flags & MSG_WAITALL || !op->bytes ? op->bytes : 1;
}

/* Return: 0: done; -EAGAIN; -errno. */
static int receive_kernel(struct end *e, struct operation *op, bool *is_end)
{
	struct iovec iov[TTO_WORK_ELEMENTS];
	struct msghdr m;
	ssize_t n;

	while (op->at.got < wanted(op)) {
		m = message_of(op, iov);
		n = kernel_recvmsg(e->fd, &m, MSG_DONTWAIT);
		if (n < 0)
			return op->at.got && errno != EAGAIN ? 0 : -errno;
		*is_end = !n;
		if (!n)
			return 0;
		cursor_advance(&op->at, (size_t)n);
	}
	return 0;
}

static int send_kernel(struct end *e, struct operation *op)
{
	struct iovec iov[TTO_WORK_ELEMENTS];
	struct msghdr m;
	ssize_t n;

	while (op->at.got < op->bytes) {
		m = message_of(op, iov);
		n = kernel_sendmsg(e->fd, &m, op->flags | MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		cursor_advance(&op->at, (size_t)n);
	}
	return 0;
}

static int send_ours(struct end *e, struct operation *op)
{
	ssize_t n;

	while (op->at.got < op->bytes) {
		n = transfer_send(e->socket, &op->at, op->bytes - op->at.got,
				  op->flags & MSG_MORE || op->next);
		if (n < 0)
			return (int)n;
	}
	return 0;
}

static void run_receives(struct end *e)
{
	struct operation *op;
	bool is_end = false;
	int err;

	while ((op = e->receives.first)) {
		err = e->socket ? transfer_receive(e->socket, &op->at, wanted(op),
						   &is_end) :
				  receive_kernel(e, op, &is_end);
		if (err == -EAGAIN)
			return;
		/* Frames have filled the next one, too: the end is behind that. */
		if (op->next && op->next->at.got)
			is_end = false;
		op->result.flags = is_end && !err ? TTO_END : 0;
		complete(e, &e->receives, err);
	}
}

void operation_run(struct end *e)
{
	struct operation *op;
	int err;

	run_receives(e);
	while ((op = e->sends.first)) {
		err = e->socket ? send_ours(e, op) : send_kernel(e, op);
		if (err == -EAGAIN)
			return;
		complete(e, &e->sends, err);
	}
}

/* ---- Take back ------------------------------------------------------------------------ */

uint32_t operation_cancel(struct end *e, struct operations *list, const uint64_t *wr_id)
{
	struct operations kept;
	uint32_t n = 0;

	operations_init(&kept);
	while (list->first) {
		if (wr_id && list->first->result.wr_id != *wr_id) {
			operations_push(&kept, pop(list));
			continue;
		}
		complete(e, list, list->first->at.got ? 0 : -ECANCELED);
		n++;
	}
	operations_init(list);
	while (kept.first)
		operations_push(list, pop(&kept));
	return n;
}

int tto_work_revoke(struct tto_work *w, int fd, uint64_t wr_id)
{
	struct end *e;
	uint32_t n = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	e = end_find(w, fd);
	if (e)
		n = operation_cancel(e, &e->receives, &wr_id) +
		    operation_cancel(e, &e->sends, &wr_id);
	stack_unlock();
	return (int)n;
}

/* ---- Post ------------------------------------------------------------------------------ */

static bool is_fine(const struct tto_operation *o)
{
	int flags = o->kind == TTO_RECEIVE ? MSG_WAITALL : MSG_MORE | MSG_NOSIGNAL;

	return (o->kind == TTO_RECEIVE || o->kind == TTO_SEND) &&
	       o->n_iov <= TTO_WORK_ELEMENTS && (o->iov || !o->n_iov) &&
	       !(o->flags & ~flags);
}

/* Elements without bytes are left out. */
static void fill_in(struct operation *op, const struct tto_operation *o)
{
	op->at = (struct cursor){ .iov = op->iov };
	op->bytes = 0;
	for (uint32_t n = 0; n < o->n_iov; n++) {
		if (!o->iov[n].iov_len)
			continue;
		op->iov[op->at.n_iov++] = o->iov[n];
		op->bytes += o->iov[n].iov_len;
	}
	op->flags = o->flags;
	op->result = (struct tto_result){ .wr_id = o->wr_id, .fd = o->fd,
					  .kind = (uint8_t)o->kind };
}

static int post(struct tto_work *w, const struct tto_operation *o)
{
	struct operation *op = w->free;
	struct end *e;
	bool waits;

	if (!is_fine(o))
		return -EINVAL;
	if (!op)
		return -EAGAIN;
	if (!descriptor_socket(o->fd) && kernel_fcntl(o->fd, F_GETFD, 0) < 0)
		return -EBADF;
	e = end_get(w, o->fd);
	if (!e)
		return -ENOMEM;
	if (o->kind == TTO_RECEIVE && e->deliver)
		return -EBUSY;
	w->free = op->next;
	fill_in(op, o);
	waits = o->kind == TTO_RECEIVE ? e->receives.first : e->sends.first;
	operations_push(o->kind == TTO_RECEIVE ? &e->receives : &e->sends, op);
	if (!waits)
		end_ready(e);
	return 0;
}

int tto_work_post(struct tto_work *w, const struct tto_operation *operations, uint32_t n,
		  uint32_t *taken)
{
	uint32_t k = 0;
	int err = 0;

	if (taken)
		*taken = 0;
	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	stack->now = stack_clock();
	while (k < n && !(err = post(w, &operations[k])))
		k++;
	end_progress(w);
	embed_flush(stack->embed);
	stack_unlock();
	if (taken)
		*taken = k;
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* deliver.c - Hand up what was received, in buffers that become the program's */
#include <errno.h>
#include <fcntl.h>

#include "base/heap.h"
#include "socket/connection.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/work/take.h"
#include "socket/work/work.h"

#define MAGIC 0x62756666u
#define ALLOCATED 16384u	/* a size of the heap's                         */
#define DATA 128u		/* where bytes begin                            */
#define ROOM (ALLOCATED - DATA)
#define BUFFERS_MAX 2048u	/* of an end: more than any window needs, if all is
				 * given back that was handed up                */
#define KERNEL_AHEAD (256u << 10)	/* bytes taken from the kernel and not given
					 * back                                 */
#define PIECES 64u		/* of a delivery                                */

_Static_assert(sizeof(struct buffer) <= DATA, "bytes begin behind it");

static uint8_t *bytes_of(struct buffer *b)
{
	return (uint8_t *)b + DATA;
}

/* ---- Buffers ------------------------------------------------------------------------- */

static void list_insert(struct buffer **first, struct buffer *b)
{
	b->all_next = *first;
	if (b->all_next)
		b->all_next->all_at = &b->all_next;
	*first = b;
	b->all_at = first;
}

static void list_remove(struct buffer *b)
{
	*b->all_at = b->all_next;
	if (b->all_next)
		b->all_next->all_at = b->all_at;
}

static struct buffer *add(struct end *e)
{
	struct buffer *b = e->n_buffers < BUFFERS_MAX ? heap_alloc(ALLOCATED) : NULL;

	if (!b)
		return NULL;
	*b = (struct buffer){ .magic = MAGIC, .end = e, .work = e->work,
			      .is_queued = true };
	list_insert(&e->buffers, b);
	if (e->last)
		e->last->next = b;
	else
		e->first = b;
	e->last = b;
	e->n_buffers++;
	return b;
}

static void free_buffer(struct buffer *b)
{
	list_remove(b);
	if (b->end)
		b->end->n_buffers--;
	b->magic = 0;
	heap_free(b);
}

/* One with room, NULL: there is none. */
static struct buffer *open_buffer(struct end *e)
{
	return e->last && e->last->filled < ROOM ? e->last : add(e);
}

uint32_t deliver_fill(struct end *e, const uint8_t *bytes, uint32_t n)
{
	uint32_t given = 0;

	while (given < n) {
		struct buffer *b = open_buffer(e);
		uint32_t part;

		if (!b)
			break;
		part = ROOM - b->filled < n - given ? ROOM - b->filled : n - given;
		memcpy(bytes_of(b) + b->filled, bytes + given, part);
		b->filled += part;
		given += part;
	}
	e->held += given;
	return given;
}

/* ---- What waits elsewhere ------------------------------------------------------------- */

/* What came out of order, or before it was asked for. */
static void pull_ring(struct end *e)
{
	struct socket *s = e->socket;
	struct ring *r = &s->receive;
	struct iovec part[2];
	uint32_t n = ring_look(r, r->first, ring_count(r), part), given = 0;

	if (!ring_count(r))
		return;
	for (uint32_t k = 0; k < n; k++)
		given += deliver_fill(e, part[k].iov_base, (uint32_t)part[k].iov_len);
	connection_took(s, r->first + given);
}

static void pull_kernel(struct end *e)
{
	struct buffer *b;

	while (!e->at_end && e->held < KERNEL_AHEAD && (b = open_buffer(e))) {
		struct iovec iov = { bytes_of(b) + b->filled, ROOM - b->filled };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
		ssize_t n = kernel_recvmsg(e->fd, &m, MSG_DONTWAIT);

		if (n > 0) {
			b->filled += (uint32_t)n;
			e->held += (uint32_t)n;
			continue;
		}
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		e->error = n ? -errno : 0;
		e->at_end = true;
	}
}

static bool has_bytes(const struct end *e)
{
	return e->first && e->first->filled > e->first->handed;
}

/* Nothing comes any more, and all was handed up. */
static bool is_at_end(const struct end *e)
{
	const struct socket *s = e->socket;

	if (has_bytes(e))
		return false;
	if (!s)
		return e->at_end;
	return !ring_count(&s->receive) &&
	       (s->kind != SOCKET_CONNECTION ||
		s->flags & (SOCKET_PEER_CLOSED | SOCKET_SHUT_READ | SOCKET_OVER));
}

static bool is_due(const struct end *e)
{
	return !e->is_over && !e->is_busy && (has_bytes(e) || is_at_end(e));
}

void deliver_run(struct end *e)
{
	struct tto_work *w = e->work;

	if (e->socket)
		pull_ring(e);
	else
		pull_kernel(e);
	if (e->is_due || !is_due(e))
		return;
	e->is_due = true;
	e->due_next = NULL;
	*w->due_last = e;
	w->due_last = &e->due_next;
	w->n_due++;
}

/* ---- Call back ------------------------------------------------------------------------- */

/* Everything that is to be handed up, as far as there is room in @pieces. */
static void collect(struct end *e, struct tto_piece *pieces, struct tto_delivery *d)
{
	while (has_bytes(e) && d->n_pieces < PIECES) {
		struct buffer *b = e->first;
		uint32_t n = b->filled - b->handed;

		pieces[d->n_pieces++] = (struct tto_piece){ bytes_of(b) + b->handed, n,
							    0, b };
		d->bytes += n;
		b->owed += n;
		b->handed = b->filled;
		if (b->filled < ROOM)
			break;
		b->is_queued = false;
		e->first = b->next;
		if (!e->first)
			e->last = NULL;
	}
}

static int status_of(struct end *e)
{
	int err = e->socket ? -e->socket->error : e->error;

	if (e->socket)
		e->socket->error = 0;
	return err;
}

static void call(struct end *e)
{
	struct tto_piece pieces[PIECES];
	struct tto_delivery d = { .pieces = pieces, .fd = e->fd, .flags = e->flags };
	tto_receive_fn *deliver = e->deliver;
	void *context = e->context;

	collect(e, pieces, &d);
	e->flags = 0;
	if (is_at_end(e)) {
		d.flags |= TTO_END;
		d.status = status_of(e);
		e->is_over = true;
	}
	e->is_busy = true;
	stack_unlock();
	deliver(context, &d);
	while (!stack_lock())
		spin_pause();
	e->is_busy = false;
	if (e->is_gone)
		heap_free(e);
	else if (!e->is_over)
		work_tell(e);
}

int deliver_all(struct tto_work *w)
{
	/* Those that are due now: who becomes it meanwhile has his turn next time. */
	uint32_t left = w->n_due;
	struct end *e;
	int n = 0;

	while (left-- && (e = w->due_first)) {
		end_not_due(e);
		if (is_due(e)) {
			call(e);
			n++;
		}
	}
	return n;
}

int tto_work_deliver(struct tto_work *w, int fd, tto_receive_fn *deliver, void *context)
{
	struct end *e = NULL;
	int err = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!deliver)
		return -EINVAL;
	if (!stack_lock())
		return -EAGAIN;
	if (!descriptor_socket(fd) && kernel_fcntl(fd, F_GETFD, 0) < 0)
		err = -EBADF;
	if (!err && !(e = end_get(w, fd)))
		err = -ENOMEM;
	if (!err && e->socket && e->socket->kind != SOCKET_CONNECTION)
		err = -ENOTCONN;
	if (!err && e->receives.first)
		err = -EBUSY;
	if (!err) {
		e->deliver = deliver;
		e->context = context;
		end_ready(e);
	}
	stack_unlock();
	return err;
}

/* ---- Give back --------------------------------------------------------------------------- */

/* Nothing of @b is the program's any more. */
static void is_given_back(struct buffer *b)
{
	if (!b->is_queued)
		free_buffer(b);
	else if (b->handed == b->filled)
		b->filled = b->handed = 0;
}

/* Bytes that were read, for TCP or for the limit of what is taken from the kernel. */
static void credit(struct end *e, uint32_t bytes)
{
	struct tcp_env env = stack_env();

	e->held -= bytes;
	if (!e->socket || ring_count(&e->socket->receive))
		end_ready(e);
	if (!e->socket || !connection_lives(e->socket))
		return;
	tcp_read(&e->socket->tcb, &env, bytes);
	connection_touch(e->socket);
}

static int give_back(struct tto_work *w, const struct tto_piece *p)
{
	struct buffer *b = p->buffer;

	if ((uintptr_t)b - HEAP_ADDRESS >= HEAP_BYTES || (uintptr_t)b % 64 ||
	    b->magic != MAGIC || b->work != w || p->bytes > b->owed)
		return -EINVAL;
	b->owed -= p->bytes;
	if (b->end)
		credit(b->end, p->bytes);
	if (!b->owed)
		is_given_back(b);
	return 0;
}

int tto_work_return(struct tto_work *w, const struct tto_piece *pieces, uint32_t n)
{
	int err = 0;

	if (w->process != process_pid())
		return -EBADF;
	if (!stack_lock())
		return -EAGAIN;
	stack->now = stack_clock();
	for (uint32_t k = 0; k < n && !err; k++)
		err = give_back(w, &pieces[k]);
	embed_flush(stack->embed);
	stack_unlock();
	return err;
}

/* ---- End ----------------------------------------------------------------------------------- */

void deliver_drop(struct end *e)
{
	struct buffer *b;

	while ((b = e->buffers)) {
		if (!b->owed) {
			free_buffer(b);
			continue;
		}
		list_remove(b);
		b->end = NULL;
		b->is_queued = false;
		list_insert(&e->work->orphans, b);
	}
	e->first = e->last = NULL;
}

void deliver_free(struct tto_work *w)
{
	while (w->orphans)
		free_buffer(w->orphans);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * claim.c - Flows and listens: what the device takes for ours
 *
 * DOC: Theory of operation
 * A connection that is opened has a flow before its first segment, which claims its port
 * as well. One that is accepted is heard and answered by its listener's listen, and its
 * flow is only told for: it goes by the listen until there is an answer, and for good if
 * there may be no more flows. So a listen stays as long as somebody goes by it.
 *
 * Who listens at any address listens at each of the host's: a listen sends from its own
 * address only (SPEC TX-8).
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/heap.h"
#include "embed/queues/queues.h"

#define CLAIMS 65536

/* ---- Places ------------------------------------------------------------------------------ */

int claims_open(struct queues *q)
{
	void *memory = heap_zeroed(1, lookup_bytes(2 * CLAIMS));
	uint8_t key[16];

	q->claims = heap_zeroed(CLAIMS, sizeof(*q->claims));
	if (!memory || !q->claims) {
		heap_free(memory);
		return -ENOMEM;
	}
	if (getrandom(key, sizeof(key), 0) != sizeof(key)) {
		heap_free(memory);
		return -EIO;
	}
	q->lookup = lookup_init(memory, 2 * CLAIMS, key);
	for (uint32_t n = 0; n < CLAIMS; n++)
		q->claims[n].next_free = n + 1 < CLAIMS ? n + 1 : CLAIM_NONE;
	return 0;
}

void claims_free(struct queues *q)
{
	heap_free(q->lookup);
	heap_free(q->claims);
}

/*
 * Flows are found by their id in the same table: a tuple that nobody can have, with
 * neither address.
 */
static struct tcp_tuple name_of(uint32_t id)
{
	struct tcp_tuple t = { .v6 = 2 };

	memcpy(t.remote, &id, sizeof(id));
	return t;
}

static struct claim *find(const struct queues *q, const struct tcp_tuple *t)
{
	uint32_t at = lookup_find(q->lookup, t);

	return at == LOOKUP_NONE ? NULL : &q->claims[at];
}

static uint32_t number_of(const struct queues *q, const struct claim *c)
{
	return (uint32_t)(c - q->claims);
}

static struct claim *make(struct queues *q, const struct tcp_tuple *t)
{
	uint32_t at = q->first_free_claim;
	struct claim *c = &q->claims[at];
	uint32_t next = at == CLAIM_NONE ? CLAIM_NONE : c->next_free;

	if (at == CLAIM_NONE || lookup_insert(q->lookup, t, at))
		return NULL;
	q->first_free_claim = next;
	*c = (struct claim){ .tuple = *t, .listener = CLAIM_NONE, .hold = CLAIM_NONE };
	return c;
}

static void drop_listener(struct queues *q, struct claim *c);

static void drop_hold(struct queues *q, struct claim *c)
{
	if (c->hold != CLAIM_NONE)
		queues_unhold(q->embed, c->hold);
	c->hold = CLAIM_NONE;
}

static void forget(struct queues *q, struct claim *c)
{
	drop_hold(q, c);
	if (find(q, &c->tuple) == c)
		lookup_remove(q->lookup, &c->tuple);
	drop_listener(q, c);
	c->state = CLAIM_FREE;
	c->next_free = q->first_free_claim;
	q->first_free_claim = number_of(q, c);
}

/* ---- Ask ------------------------------------------------------------------------------- */

static void begin(struct queues *q, const struct claim *c,
		  struct control_request *request)
{
	*request = (struct control_request){
		.operation = c->tuple.remote_port ? CONTROL_ADD_FLOW : CONTROL_ADD_LISTEN,
		.handle = CONTROL_NONE,
		.flow = { .cq = q->cq_handle, .rq = CONTROL_NONE, .grq = q->grq_handle,
			  .sq = q->sq_handle,
			  .flags = c->tuple.remote_port ? CONTROL_FLOW_ERRORS : 0 },
	};
	memcpy(&request->flow.tuple, &c->tuple, sizeof(c->tuple));
}

static void take(struct queues *q, struct claim *c, const struct control_reply *reply)
{
	struct tcp_tuple name = name_of(reply->flow.flow);

	c->handle = reply->handle;
	c->id = reply->flow.flow;
	c->state = CLAIM_OPEN;
	memcpy(c->from, reply->flow.link, sizeof(c->from));
	drop_hold(q, c);
	/* An id that was another's, whose end nobody has heard of. */
	if (lookup_insert(q->lookup, &name, number_of(q, c)))
		(void)lookup_set(q->lookup, &name, number_of(q, c));
}

static int ask(struct queues *q, struct claim *c)
{
	struct control_request request;
	struct control_reply reply;
	int status;

	begin(q, c, &request);
	status = queues_ask(q, &request, &reply, NULL);
	if (status >= 0)
		take(q, c, &reply);
	q->wants_route |= status == -EAGAIN;
	return status < 0 ? status : 0;
}

static void close_claim(struct queues *q, struct claim *c)
{
	struct control_request request = {
		.operation = c->tuple.remote_port ? CONTROL_REMOVE_FLOW :
						    CONTROL_REMOVE_LISTEN,
		.handle = c->handle,
	};
	struct tcp_tuple name = name_of(c->id);

	if (c->state != CLAIM_OPEN)
		return;
	c->state = CLAIM_REFUSED;
	if (find(q, &name) == c)
		lookup_remove(q->lookup, &name);
	queues_tell(q, &request, CLAIM_NONE);
}

static void end(struct queues *q, struct claim *c)
{
	close_claim(q, c);
	forget(q, c);
}

void claim_answered(struct queues *q, uint32_t claim, const struct control_reply *reply)
{
	struct claim *c = &q->claims[claim];
	bool is_over = c->state == CLAIM_OVER;

	if (c->state != CLAIM_ASKED && !is_over)
		return;
	c->state = CLAIM_REFUSED;
	if (reply->status >= 0)
		take(q, c, reply);
	if (c->lingers)
		close_claim(q, c);
	if (reply->status >= 0 && !c->lingers)
		drop_listener(q, c);
	if (is_over)
		end(q, c);
}

/* ---- Listens ------------------------------------------------------------------------------ */

static void drop_user(struct queues *q, struct claim *listener)
{
	if (--listener->users == 0)
		end(q, listener);
}

static void drop_listener(struct queues *q, struct claim *c)
{
	uint32_t listener = c->listener;

	c->listener = CLAIM_NONE;
	if (listener != CLAIM_NONE)
		drop_user(q, &q->claims[listener]);
}

static bool is_any(const struct tcp_tuple *t)
{
	static const uint8_t any[16];

	return !memcmp(t->local, any, sizeof(any));
}

/* The @n-th of the tuples that @t stands for. Return: false: there are no more. */
static bool next_listen(const struct embed *e, const struct tcp_tuple *t, uint32_t n,
			struct tcp_tuple *out)
{
	*out = *t;
	if (!is_any(t))
		return n == 0;
	for (uint32_t k = 0; k < e->n_addresses; k++) {
		const struct host_address *a = &e->addresses[k];

		if ((bool)a->v6 != (bool)t->v6 || embed_is_loopback(a->address, a->v6))
			continue;
		memcpy(out->local, a->address, sizeof(out->local));
		if (n-- == 0)
			return true;
	}
	return false;
}

static int listen_at(struct queues *q, const struct tcp_tuple *t)
{
	struct claim *c = find(q, t);
	int err;

	if (c) {
		c->users++;
		return 0;
	}
	c = make(q, t);
	if (!c)
		return -EDQUOT;
	c->users = 1;
	err = ask(q, c);
	if (err)
		forget(q, c);
	return err;
}

static void unlisten_at(struct queues *q, const struct tcp_tuple *t)
{
	struct claim *c = find(q, t);

	if (c)
		drop_user(q, c);
}

static int listen(struct queues *q, const struct tcp_tuple *t)
{
	struct tcp_tuple one;
	uint32_t n = 0;
	int err = 0;

	while (!err && next_listen(q->embed, t, n, &one)) {
		err = listen_at(q, &one);
		n += !err;
	}
	while (err && n--) {
		(void)next_listen(q->embed, t, n, &one);
		unlisten_at(q, &one);
	}
	return err;
}

static void unlisten(struct queues *q, const struct tcp_tuple *t)
{
	struct tcp_tuple one;

	for (uint32_t n = 0; next_listen(q->embed, t, n, &one); n++)
		unlisten_at(q, &one);
}

/* ---- Connections -------------------------------------------------------------------------- */

/* The way is not known yet, but the port is to be ours. */
static int wait_for_way(struct queues *q, struct claim *c)
{
	struct tcp_tuple t = { .local_port = c->tuple.local_port, .v6 = c->tuple.v6 };

	memcpy(t.local, c->tuple.local, sizeof(t.local));
	c->state = CLAIM_WANTED;
	return queues_hold(q->embed, &t, true, &c->hold);
}

static int open_flow(struct queues *q, const struct tcp_tuple *t)
{
	struct claim *c = find(q, t);
	int err;

	if (c)		/* of a connection that a process has died with         */
		end(q, c);
	c = make(q, t);
	if (!c)
		return -EDQUOT;
	err = ask(q, c);
	if (err == -EAGAIN)
		err = wait_for_way(q, c);
	if (err)
		forget(q, c);
	return err;
}

static void follow(struct queues *q, const struct tcp_tuple *t)
{
	uint32_t listener = lookup_find_listener(q->lookup, t);
	struct control_request request;
	struct claim *c;

	if (listener == LOOKUP_NONE || find(q, t))
		return;
	c = make(q, t);
	if (!c)
		return;		/* for good by the listen, as long as it is there */
	c->listener = listener;
	q->claims[listener].users++;
	c->state = CLAIM_ASKED;
	begin(q, c, &request);
	queues_tell(q, &request, number_of(q, c));
}

/* By the listen again, if there is one: there may be many of these, and few flows. */
void queues_linger(struct embed *e, const struct tcp_tuple *tuple)
{
	struct queues *q = e->queues;
	struct claim *c = find(q, tuple);
	uint32_t listener = lookup_find_listener(q->lookup, tuple);

	if (c && c->state == CLAIM_ASKED)
		c->lingers = true;
	if (!c || c->state != CLAIM_OPEN || listener == LOOKUP_NONE)
		return;
	close_claim(q, c);
	c->listener = listener;
	q->claims[listener].users++;
}

int queues_claim(struct embed *e, const struct tcp_tuple *tuple, enum embed_claim why)
{
	struct queues *q = e->queues;

	switch (why) {
	case EMBED_LISTEN:
		return listen(q, tuple);
	case EMBED_CONNECT:
		return open_flow(q, tuple);
	default:
		follow(q, tuple);
		return 0;
	}
}

void queues_release(struct embed *e, const struct tcp_tuple *tuple)
{
	struct queues *q = e->queues;
	struct claim *c = find(q, tuple);

	if (!tuple->remote_port) {
		unlisten(q, tuple);
		return;
	}
	if (!c)
		return;
	if (c->state == CLAIM_ASKED) {
		/* Somebody may have the same tuple before there is an answer. */
		lookup_remove(q->lookup, tuple);
		c->state = CLAIM_OVER;
	} else {
		end(q, c);
	}
}

/* ---- What is sent and received ------------------------------------------------------------- */

uint32_t claim_to_send(struct queues *q, const struct tcp_tuple *tuple)
{
	struct claim *c = find(q, tuple);
	uint32_t listener;

	if (c && c->state == CLAIM_WANTED && ask(q, c))
		return CLAIM_NONE;
	if (c && c->state == CLAIM_OPEN)
		return c->id;
	listener = c ? c->listener : lookup_find_listener(q->lookup, tuple);
	return listener == LOOKUP_NONE ? CLAIM_NONE : q->claims[listener].id;
}

const struct claim *claim_of_flow(const struct queues *q, uint32_t id)
{
	struct tcp_tuple name = name_of(id);

	return find(q, &name);
}

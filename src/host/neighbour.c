// SPDX-License-Identifier: BSD-2-Clause
/* neighbour.c - Answer for the host's own addresses, and find others' */
#include "host/neighbour.h"

#include <errno.h>
#include <string.h>

#include "base/heap.h"
#include "host/host.h"
#include "packet/echo.h"
#include "packet/neighbour.h"

#define ENTRIES 256
#define MS 1000000ull
#define RETRY_NS (1000 * MS)		/* RFC 4861 §10: RETRANS_TIMER          */
#define TRIES 3				/* MAX_MULTICAST_SOLICIT                */
#define REACHABLE_NS (30000 * MS)	/* REACHABLE_TIME                       */
#define FAILED_NS (3000 * MS)		/* before it is asked for again         */

enum entry_state {
	ENTRY_FREE,
	ENTRY_ASKED,		/* nothing is known                             */
	ENTRY_KNOWN,
	ENTRY_REFRESHED,	/* known, and asked for again                   */
	ENTRY_FAILED,
};

struct entry {
	uint8_t address[16];
	uint8_t mac[6];
	bool v6;
	uint8_t state;		/* enum entry_state                             */
	uint8_t tries;
	uint32_t own;		/* which address asks                           */
	uint32_t who;		/* and for whom                                 */
	ns_t due;		/* to be asked for again, or old                */
	ns_t wanted;		/* last                                         */
};

struct neighbours {
	struct wire *wire;
	uint8_t mac[6];
	const struct host_address *own;
	uint32_t n_own;
	bool changed;
	uint64_t answered;
	struct entry entries[ENTRIES];
	uint8_t echo[ECHO_FRAME_MAX];
};

struct neighbours *neighbours_open(struct wire *wire, const uint8_t mac[6],
				   const struct host_address *own, uint32_t n)
{
	struct neighbours *ns = heap_zeroed(1, sizeof(*ns));

	if (!ns)
		return NULL;
	ns->wire = wire;
	ns->own = own;
	ns->n_own = n;
	memcpy(ns->mac, mac, sizeof(ns->mac));
	return ns;
}

void neighbours_attach(struct neighbours *n, struct wire *wire)
{
	n->wire = wire;
}

void neighbours_close(struct neighbours *n)
{
	heap_free(n);
}

/* What is lost on the way is asked for or answered again. */
static void send_frame(struct neighbours *n, const uint8_t *frame, uint32_t len)
{
	struct iovec iov = { (void *)(uintptr_t)frame, len };
	struct wire_frame f = {
		.iov = &iov, .n_iov = 1, .len = len, .full_len = len,
		.linktype = LINKTYPE_ETHERNET,
	};

	(void)!wire_send(n->wire, &f, 1);
}

static uint32_t find_own(const struct neighbours *n, const uint8_t address[16],
			 bool v6)
{
	uint32_t idx = 0;

	while (idx < n->n_own &&
	       (n->own[idx].v6 != v6 ||
		memcmp(n->own[idx].address, address, 16) != 0))
		idx++;
	return idx;
}

/* ---- Asking ------------------------------------------------------------------------ */

static void ask(struct neighbours *n, const struct entry *e)
{
	static const uint8_t all[16];
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	struct neighbour_message m = {
		.v6 = e->v6, .asks = true, .knows_mac = true,
	};
	bool known = e->state == ENTRY_REFRESHED;

	memcpy(m.mac, n->mac, sizeof(m.mac));
	memcpy(m.sender, n->own[e->own].address, sizeof(m.sender));
	memcpy(m.target, e->address, sizeof(m.target));
	send_frame(n, frame, neighbour_emit(&m, known ? e->mac : NULL, all, frame));
}

static struct entry *find_entry(struct neighbours *n, const uint8_t address[16],
				bool v6)
{
	for (uint32_t idx = 0; idx < ENTRIES; idx++) {
		struct entry *e = &n->entries[idx];

		if (e->state != ENTRY_FREE && e->v6 == v6 &&
		    !memcmp(e->address, address, sizeof(e->address)))
			return e;
	}
	return NULL;
}

/* The lower, the sooner it makes room. */
static uint32_t worth(const struct entry *e)
{
	switch (e->state) {
	case ENTRY_FREE: return 0;
	case ENTRY_FAILED: return 1;
	default: return 2;
	}
}

static struct entry *make_room(struct neighbours *n)
{
	struct entry *least = &n->entries[0];

	for (uint32_t idx = 1; idx < ENTRIES; idx++) {
		struct entry *e = &n->entries[idx];

		if (worth(e) < worth(least) ||
		    (worth(e) == worth(least) && e->wanted < least->wanted))
			least = e;
	}
	return least;
}

static bool asks_enough(const struct neighbours *n, uint32_t who)
{
	uint32_t asked = 0;

	for (uint32_t idx = 0; idx < ENTRIES; idx++)
		asked += n->entries[idx].state == ENTRY_ASKED &&
			 n->entries[idx].who == who;
	return asked >= NEIGHBOURS_ASKED && who != NEIGHBOURS_ALONE;
}

static void begin(struct neighbours *n, struct entry *e, enum entry_state state,
		  ns_t now)
{
	e->state = (uint8_t)state;
	e->tries = 1;
	e->due = now + RETRY_NS;
	ask(n, e);
}

int neighbours_find(struct neighbours *n, const uint8_t address[16], uint32_t own,
		    uint32_t who, ns_t now, uint8_t mac[6])
{
	bool v6 = n->own[own].v6;
	struct entry *e = find_entry(n, address, v6);

	if ((!e || e->state == ENTRY_FAILED) && asks_enough(n, who))
		return e && now < e->due ? -EHOSTUNREACH : -EAGAIN;
	if (!e) {
		e = make_room(n);
		*e = (struct entry){ .v6 = v6 };
		memcpy(e->address, address, sizeof(e->address));
	}
	e->wanted = now;
	e->own = own;
	if (e->state == ENTRY_FREE || e->state == ENTRY_FAILED)
		e->who = who;
	if (e->state == ENTRY_FREE || (e->state == ENTRY_FAILED && now >= e->due))
		begin(n, e, ENTRY_ASKED, now);
	else if (e->state == ENTRY_KNOWN && now >= e->due)
		begin(n, e, ENTRY_REFRESHED, now);
	if (e->state == ENTRY_ASKED)
		return -EAGAIN;
	if (e->state == ENTRY_FAILED)
		return -EHOSTUNREACH;
	memcpy(mac, e->mac, sizeof(e->mac));
	return 0;
}

static void ask_again(struct neighbours *n, struct entry *e, ns_t now)
{
	if (e->tries < TRIES) {
		e->tries++;
		e->due = now + RETRY_NS;
		ask(n, e);
		return;
	}
	n->changed = true;
	e->state = ENTRY_FAILED;
	e->due = now + FAILED_NS;
}

ns_t neighbours_poll(struct neighbours *n, ns_t now)
{
	ns_t next = NS_NEVER;

	for (uint32_t idx = 0; idx < ENTRIES; idx++) {
		struct entry *e = &n->entries[idx];

		if (e->state != ENTRY_ASKED && e->state != ENTRY_REFRESHED)
			continue;
		if (now >= e->due)
			ask_again(n, e, now);
		if (e->state != ENTRY_FAILED && e->due < next)
			next = e->due;
	}
	return next;
}

/* ---- Answers and questions ------------------------------------------------------------ */

/* Somebody says where he is. */
static void learn(struct neighbours *n, const struct neighbour_message *m,
		  const uint8_t address[16], ns_t now)
{
	struct entry *e = m->knows_mac ? find_entry(n, address, m->v6) : NULL;
	bool moved;

	if (!e)
		return;
	moved = memcmp(e->mac, m->mac, sizeof(e->mac)) != 0;
	/* RFC 4861 §7.2.5: without Override it only confirms what is known. */
	if (moved && !m->overrides && (e->state == ENTRY_KNOWN ||
				       e->state == ENTRY_REFRESHED))
		return;
	n->changed |= moved || e->state == ENTRY_ASKED || e->state == ENTRY_FAILED;
	memcpy(e->mac, m->mac, sizeof(e->mac));
	e->state = ENTRY_KNOWN;
	e->due = now + REACHABLE_NS;
}

static void answer(struct neighbours *n, const struct neighbour_message *question)
{
	static const uint8_t nobody[16];
	uint8_t frame[NEIGHBOUR_FRAME_MAX];
	struct neighbour_message m = {
		.v6 = question->v6, .knows_mac = true, .overrides = true,
		.solicited = memcmp(question->sender, nobody, 16) != 0,
	};

	memcpy(m.mac, n->mac, sizeof(m.mac));
	memcpy(m.sender, question->target, sizeof(m.sender));
	memcpy(m.target, question->target, sizeof(m.target));
	n->answered++;
	send_frame(n, frame, neighbour_emit(&m, question->knows_mac ?
					    question->mac : NULL,
					    question->sender, frame));
}

static bool take_message(struct neighbours *n, const uint8_t *data, uint32_t len,
			 ns_t now)
{
	struct neighbour_message m;

	if (!neighbour_parse(data, len, &m))
		return false;
	learn(n, &m, m.asks ? m.sender : m.target, now);
	if (m.asks && find_own(n, m.target, m.v6) < n->n_own)
		answer(n, &m);
	return true;
}

static bool take_echo(struct neighbours *n, const uint8_t *data, uint32_t len)
{
	struct echo_request request;

	if (!echo_parse(data, len, &request) ||
	    find_own(n, request.destination, request.v6) == n->n_own)
		return false;
	memcpy(n->echo, data, len);
	echo_answer(n->echo);
	n->answered++;
	send_frame(n, n->echo, len);
	return true;
}

bool neighbours_take(struct neighbours *n, const struct wire_frame *frame, ns_t now)
{
	const uint8_t *data = frame->iov->iov_base;

	if (frame->n_iov != 1 || frame->linktype != LINKTYPE_ETHERNET)
		return false;
	return take_message(n, data, frame->len, now) ||
	       take_echo(n, data, frame->len);
}

bool neighbours_changed(struct neighbours *n)
{
	bool changed = n->changed;

	n->changed = false;
	return changed;
}

uint64_t neighbours_answered(const struct neighbours *n)
{
	return n->answered;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queues.h - The device that the daemon has, over queues that several processes share
 *
 * DOC: Theory of operation
 * One client of the daemon for all processes of a stack: one CQ, one GRQ, one SQ, and the
 * memory in which they, the receive buffers and what is being sent lie. It is one object
 * of the daemon's, mapped behind the heap, at the same address everywhere. What is known
 * of the queues is in the heap, the descriptors have the same numbers in all processes:
 *
 *	memory		the object
 *	socket		requests, and their answers; at its end the daemon is gone
 *	event		something has come to the CQ
 *	doorbell	something is in the SQ, and the daemon sleeps
 *	changes		a way that was not known may be known now
 *	epoll		to sleep on: all but memory and doorbell
 *
 * The device joins and cuts, so neither is done here:
 *
 *	CQ: pieces of an aggregate -> receive.c -> segment; buffers go back to the GRQ
 *	segment -> send.c -> SQ: a header as a template, payload copied once
 *	claim.c: flows and listens, each a tuple that the device looks at
 *	route.c: how to get to an address, remembered for some time
 *	ask.c: requests in turn, under the stack's lock
 *
 * A place in the SQ that the device has given back tells that the payload of its request
 * has left (queue/work.h): so memory to send from is a ring as well, and no send has to be
 * reported.
 *
 * A process that dies between a request and its answer leaves the answer to who asks next.
 * He finds that nobody waits for it; what it has opened, he closes.
 *
 * Limits: when the daemon is gone, it stays so for this stack: what another one would give
 * are descriptors, which processes that are there already cannot get.
 * Threads: none; under the stack's lock.
 * Source: ARCHITECTURE D2, D3; SPEC TX-8, AG-1, AG-7.
 */
#ifndef EMBED_QUEUES_H
#define EMBED_QUEUES_H

#include "control/message.h"
#include "embed/state.h"
#include "packet/lookup.h"
#include "queue/ring.h"

#define QUEUES_WAYS 64		/* that are remembered                          */
#define QUEUES_UNTAKEN 32	/* answers, before one is waited for            */

/* What was asked, and nobody waits for. */
struct queues_told {
	uint32_t number;	/* 0: free                                      */
	uint32_t claim;		/* for which it was; CLAIM_NONE: none           */
};

struct queues_way {
	struct tcp_tuple tuple;	/* without ports; remote port 1: it is one      */
	int err;		/* 0, -EAGAIN, -ENETUNREACH ...                 */
	struct embed_path path;
	uint8_t source[16];
	ns_t until;
};

struct queues {
	struct embed *embed;
	uint8_t *memory;
	size_t bytes;
	int memory_fd, socket, event, doorbell, changes, epoll;
	uint32_t cq_handle, grq_handle, sq_handle;
	uint64_t pdbr;
	bool is_gone;

	struct ring_end cq;
	bool is_armed;
	bool is_rung;		/* the event was written, or will be            */
	ns_t looked;		/* for the daemon's life, and what it has said  */

	struct ring_end grq;
	uint8_t *buffers;
	uint32_t n_back;	/* buffers that are not published yet           */

	struct ring_end sq;
	uint32_t n_blocks;	/* that are not published yet                   */
	uint8_t *pool;
	uint32_t pool_first, pool_end;	/* counted on and on                    */
	uint32_t *pool_ends;	/* where pool_end was behind a block            */

	uint32_t number, n_untaken;
	struct queues_told told[QUEUES_UNTAKEN];
	bool wants_route;

	struct lookup *lookup;	/* of claims                                    */
	struct claim *claims;
	uint32_t first_free_claim;

	struct queues_way ways[QUEUES_WAYS];
};

/**
 * queues_open() - Become a client of the daemon, attached to this process
 * @e:		Zeros; embed_free() it on failure
 * @path:	Of the daemon's socket
 *
 * Return: 0; -errno, of the way to the daemon or what it has said.
 */
MUST_CHECK int queues_open(struct embed *e, const char *path, struct wire_error *error);

/** queues_attach() - In another process. Return: 0 or -errno */
MUST_CHECK int queues_attach(struct embed *e);

/** queues_free() - NULL is allowed */
void queues_free(struct queues *q);

/* ---- ask.c --------------------------------------------------------------------------- */

/**
 * queues_ask() - Ask and have the answer
 * @fds:	CONTROL_FDS_MAX; NULL: none may come
 *
 * Return: 0 or a count; -errno of the daemon; -ENETDOWN: it is gone.
 */
MUST_CHECK int queues_ask(struct queues *q, struct control_request *request,
			  struct control_reply *reply, int *fds);

/**
 * queues_tell() - Ask for what nobody waits for
 * @claim:	To which the answer goes: claim_answered(); CLAIM_NONE
 */
void queues_tell(struct queues *q, struct control_request *request, uint32_t claim);

/** queues_listen_to() - Take what answers there are. Return: 0; -ENETDOWN */
int queues_listen_to(struct queues *q);

/* ---- claim.c -------------------------------------------------------------------------- */

#define CLAIM_NONE UINT32_MAX

struct claim {
	struct tcp_tuple tuple;
	uint32_t handle, id;	/* of the daemon                                */
	uint32_t listener;	/* a claim, by which it goes; CLAIM_NONE        */
	uint32_t hold;		/* of its port, until it is open; CLAIM_NONE    */
	uint32_t users;		/* of a listen: who asked for it, and who goes by it */
	uint32_t next_free;
	uint8_t state;		/* enum claim_state                             */
	bool lingers;		/* by a listener, although there is an answer   */
	uint8_t from[6];	/* whom its frames come from                    */
};

enum claim_state {
	CLAIM_FREE,
	CLAIM_WANTED,		/* to be asked for when the way is known        */
	CLAIM_ASKED,		/* by a listener until there is an answer       */
	CLAIM_REFUSED,		/* by a listener, or not at all                 */
	CLAIM_OPEN,
	CLAIM_OVER,		/* closed as soon as there is an answer         */
};

/** claims_open() - Room for claims. Return: 0; -ENOMEM; -EIO */
MUST_CHECK int claims_open(struct queues *q);
void claims_free(struct queues *q);

int queues_claim(struct embed *e, const struct tcp_tuple *tuple, enum embed_claim why);
void queues_linger(struct embed *e, const struct tcp_tuple *tuple);
void queues_release(struct embed *e, const struct tcp_tuple *tuple);

/** claim_answered() - What queues_tell() has asked for @claim */
void claim_answered(struct queues *q, uint32_t claim, const struct control_reply *reply);

/** claim_to_send() - The flow that segments for @tuple are of. Return: its id, CLAIM_NONE */
uint32_t claim_to_send(struct queues *q, const struct tcp_tuple *tuple);

/** claim_of_flow() - What the device means by @id, NULL: nothing of ours */
const struct claim *claim_of_flow(const struct queues *q, uint32_t id);

/* ---- hold.c ----------------------------------------------------------------------------- */

int queues_hold(struct embed *e, struct tcp_tuple *local, bool reuse, uint32_t *hold);
void queues_unhold(struct embed *e, uint32_t hold);

/* ---- Others ----------------------------------------------------------------------------- */

int queues_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		 struct embed_path *path);
/** queues_forget_ways() - All, or only those that were not known */
void queues_forget_ways(struct queues *q, bool all);

int queues_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive);
/** queues_fill() - All buffers to the GRQ, of a device that was just opened */
void queues_fill(struct queues *q);

bool queues_ready(struct embed *e);
void queues_send(struct embed *e, const struct embed_unit *u, struct tto_unit *unit);
void queues_flush(struct embed *e);

/* What lies in the memory, and how much of it there is. */
enum {
	QUEUES_BUFFERS = 512,	/* entries of the GRQ                           */
	QUEUES_BUFFER_BYTES = 16384,
	QUEUES_COMPLETIONS = 4096,	/* entries of the CQ                    */
	QUEUES_BLOCKS = 4096,	/* entries of the SQ                            */
	QUEUES_POOL_BYTES = 2 << 20,	/* a power of two                       */
};

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session.h - Read what a stack of other processes mirrors: embed/mirror.h
 *
 * Only the mirror and its ring are mapped, wherever there is room. What is read is
 * judged: a place outside the ring, or a record longer than what is there, ends it. And
 * there is nothing there that this process would follow or be led by, as a mutex would.
 */
#ifndef TOOL_CAPTURE_SESSION_H
#define TOOL_CAPTURE_SESSION_H

#include "embed/mirror.h"
#include "tool/stack/find.h"

struct session {
	int heap;
	int lock;		/* descriptor of the heap, with the lock        */
	uint32_t wanted;
	struct mirror *mirror;
	void *pages;		/* in which @mirror is, @page_bytes             */
	size_t page_bytes;
	const uint8_t *ring;	/* NULL: the stack has not begun yet            */
	uint32_t number;
	const void *turns;	/* where the stack counts                       */
	uint64_t tail;
};

/**
 * session_open() - Ask for what passes
 * @found:	Its heap is taken, whatever the result
 * @wanted:	A bit for each enum mirror_point
 * @snap:	Bytes of a frame, at least 1
 *
 * Return: 0; -EBUSY: somebody else captures there; -EPROTO: not a stack of this version,
 * another -errno.
 */
MUST_CHECK int session_open(struct session *s, const struct found_stack *found,
			    uint32_t wanted, uint32_t snap);

/** session_close() - The stack takes its ring back at its next turn */
void session_close(struct session *s);

/**
 * session_next() - The next record, and the frame behind it, in the ring
 * @r:		A copy
 *
 * Return: 1: there until session_done(); 0: nothing now; -EPROTO: it cannot be.
 */
MUST_CHECK int session_next(struct session *s, struct mirror_record *r,
			    const uint8_t **frame);

/** session_done() - What session_next() gave is not needed any more */
void session_done(struct session *s, const struct mirror_record *r);

/** session_turns() - How often the stack has turned; it stands still when nobody calls */
uint64_t session_turns(const struct session *s);

#endif

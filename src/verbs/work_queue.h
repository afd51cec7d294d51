/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * work_queue.h - A ring that the device has the other end of, and what was posted to it
 *
 * DOC: Theory of operation
 * What the device is given as the number of a request (wr_id) is not the program's:
 * it says to which queue the request was posted, and which of that queue's places has
 * what is known of it. So one look at a completion finds it, and a completion that
 * comes after its queue was closed finds nothing.
 *
 *      | queue: index 16 | generation 16 | place, or count of sends 32 |
 *
 * Buffers that wait for bytes have a struct slot each.
 */
#ifndef VERBS_WORK_QUEUE_H
#define VERBS_WORK_QUEUE_H

#include "queue/completion.h"
#include "queue/ring.h"
#include "queue/work.h"
#include "verbs/shared.h"
#include "verbs/registration.h"

struct work_queue {
	struct ring_end end;
	struct tto_device *device;
	void *owner;		/* struct tto_cq, tto_grq or tto_qp             */
	struct shared object;	/* where the ring is                            */
	uint64_t number;	/* of its requests, without their place         */
	uint32_t handle;
	uint32_t entries;
	uint8_t kind;		/* enum ring_kind                               */
	bool is_open;
};

/* What is to be opened. */
struct work_queue_options {
	uint32_t kind;		/* enum ring_kind                               */
	uint32_t entries;
	uint32_t cq;		/* handle, CONTROL_NONE for a CQ                */
	uint32_t flags;		/* enum control_queue_flag                      */
	void *owner;
};

/**
 * work_queue_open() - Have the device share a ring
 * @q:		Overwritten; release with work_queue_close()
 * @fd:		Of a CQ: its event descriptor, or -1 if there is none; else NULL
 *
 * Return: 0; -EINVAL for @options.entries; -ENOMEM; -errno of the other side.
 */
MUST_CHECK int work_queue_open(struct work_queue *q, struct tto_device *device,
			  const struct work_queue_options *options, int *fd);

/** work_queue_close() - Return: 0; -errno of the other side, and nothing has changed. */
MUST_CHECK int work_queue_close(struct work_queue *q);

/** work_queue_forget() - Of an attachment that is closed */
void work_queue_forget(struct work_queue *q);

/** work_queue_of() - The queue that @number belongs to, or NULL */
struct work_queue *work_queue_of(const struct tto_device *device, uint64_t number);

/* ---- Buffers that wait for bytes --------------------------------------------------- */

enum slot_state {
	SLOT_FREE = 0,
	SLOT_POSTED,		/* the device has it                            */
	SLOT_WAITING,		/* RQ: the library has it, to be filled         */
	SLOT_FILLED,		/* bytes in it are part of a stream             */
};

/* The device's name for memory. */
struct place {
	uint64_t address, base;
	uint16_t command;	/* DESCRIPTOR_VIRTUAL or DESCRIPTOR_REGION      */
};

enum piece_origin {
	PIECE_GENERAL,		/* in a GRQ buffer, with its slot               */
	PIECE_RECEIVE,		/* in a receive, with its slot                  */
	PIECE_MOVED,		/* in memory of its own, behind it              */
};

/* Bytes of a stream, in order; see stream.h. */
struct piece {
	struct piece *next;
	uint8_t *data;
	uint32_t bytes;
	uint32_t seq;		/* of the first of them                         */
	uint8_t origin;		/* enum piece_origin                            */
	struct completion completion;	/* that brought them                    */
};

struct slot {
	uint64_t wr_id;		/* the program's                                */
	uint8_t *address;
	uint32_t bytes;
	uint32_t next_free;	/* index + 1                                    */
	struct registered_range *range;	/* held; NULL: not memory of the device */
	struct work_queue *queue;	/* posted to                                    */
	struct place place;
	uint8_t state;		/* enum slot_state                              */
	bool is_revoked;	/* by the program                               */
	bool is_asked_back;	/* by the library                               */
	struct slot *next;	/* RQ: posted after this one                    */
	struct piece piece;	/* while FILLED                                 */
};

struct slots {
	struct slot *at;
	uint32_t n, first_free;	/* index + 1                                    */
	uint32_t n_free;
};

MUST_CHECK int slots_open(struct slots *s, uint32_t n);
/** slots_close() - Nothing that is held is put back */
void slots_close(struct slots *s);

/** slot_take() - A free one, or NULL */
static inline struct slot *slot_take(struct slots *s)
{
	struct slot *slot;

	if (!s->first_free)
		return NULL;
	slot = &s->at[s->first_free - 1];
	s->first_free = slot->next_free;
	s->n_free--;
	return slot;
}

/** slot_give() - Free again; its memory is not the device's any more */
static inline void slot_give(struct slots *s, struct slot *slot,
			     struct registration_cache *cache)
{
	if (slot->range)
		registration_put(cache, slot->range);
	slot->range = NULL;
	slot->state = SLOT_FREE;
	slot->next_free = s->first_free;
	s->first_free = (uint32_t)(slot - s->at) + 1;
	s->n_free++;
}

/** slot_of() - That @number of a completion stands for, or NULL when none can be */
static inline struct slot *slot_of(const struct slots *s, uint64_t number)
{
	uint32_t index = (uint32_t)number;

	return likely(index < s->n) && s->at[index].state == SLOT_POSTED ?
	       &s->at[index] : NULL;
}

/* Writes @slot's request behind @n others that are not published yet. */
static inline void slot_write(const struct slots *s, struct slot *slot, uint32_t n)
{
	struct receive_work *work = ring_slot(&slot->queue->end, n);

	*work = (struct receive_work){
		.address = slot->place.address,
		.base = slot->place.base,
		.length = slot->bytes,
		.command = slot->place.command,
		.wr_id = slot->queue->number | (uint32_t)(slot - s->at),
	};
	slot->state = SLOT_POSTED;
}

#endif

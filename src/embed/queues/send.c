// SPDX-License-Identifier: BSD-2-Clause
/*
 * send.c - From segments to requests of the SQ
 *
 *	short	| head | header, payload |
 *	else	| head | descriptor | header |	payload in the pool, until the blocks are back
 *
 * The device is told of what was written when there is much, or at the end of a turn.
 */
#include <errno.h>
#include <string.h>

#include "base/kernel.h"
#include "embed/queues/queues.h"
#include "queue/work.h"

#define INLINE_BYTES 512	/* of payload                                   */
#define UNIT_BYTES (64U << 10)
#define READY_BLOCKS 256	/* the rest is for what does not ask            */
#define PUBLISH_BLOCKS 32
#define REQUEST_BLOCKS SEND_BLOCKS_MAX

/* ---- The pool ------------------------------------------------------------------------ */

/* What lies before the blocks that the device has given back is free. */
static void reclaim(struct queues *q)
{
	uint32_t head;

	(void)ring_room(&q->sq, q->sq.mask + 1);
	head = q->sq.seen;
	q->pool_first = q->pool_ends[(head - 1) & q->sq.mask];
}

/* @bytes in one piece. Return: where; NULL: no room. */
static uint8_t *take_pool(struct queues *q, uint32_t bytes)
{
	uint32_t at = q->pool_end % QUEUES_POOL_BYTES;
	uint32_t skip = at + bytes > QUEUES_POOL_BYTES ? QUEUES_POOL_BYTES - at : 0;
	uint32_t used = q->pool_end - q->pool_first;

	if (QUEUES_POOL_BYTES - used < skip + bytes) {
		reclaim(q);
		used = q->pool_end - q->pool_first;
	}
	if (QUEUES_POOL_BYTES - used < skip + bytes)
		return NULL;
	at = (at + skip) % QUEUES_POOL_BYTES;
	q->pool_end += skip + bytes;
	return q->pool + at;
}

static uint32_t blocks_free(struct queues *q, uint32_t want)
{
	uint32_t room = ring_room(&q->sq, q->n_blocks + want);

	return room > q->n_blocks ? room - q->n_blocks : 0;
}

bool queues_ready(struct embed *e)
{
	struct queues *q = e->queues;

	if (q->is_gone)
		return true;	/* nothing will ever be better                  */
	if (blocks_free(q, READY_BLOCKS) < READY_BLOCKS)
		return false;
	if (q->pool_end - q->pool_first > QUEUES_POOL_BYTES - 2 * UNIT_BYTES)
		reclaim(q);
	return q->pool_end - q->pool_first <= QUEUES_POOL_BYTES - 2 * UNIT_BYTES;
}

/* ---- Requests -------------------------------------------------------------------------- */

static void gather(uint8_t *to, const struct iovec *payload, uint32_t n)
{
	for (; n; n--, payload++) {
		memcpy(to, payload->iov_base, payload->iov_len);
		to += payload->iov_len;
	}
}

/* Is there much that the device has not taken? Then it tells when it has. */
static bool is_half_full(const struct queues *q)
{
	return q->sq.own + q->n_blocks - q->sq.seen > (q->sq.mask + 1) / 2 ||
	       q->pool_end - q->pool_first > QUEUES_POOL_BYTES / 2;
}

/* Behind those that are not published. @request: its blocks, one behind the other. */
static void put(struct queues *q, const uint8_t *request, uint32_t blocks)
{
	for (uint32_t n = 0; n < blocks; n++)
		memcpy(ring_slot(&q->sq, q->n_blocks + n), request + n * SEND_BLOCK_BYTES,
		       SEND_BLOCK_BYTES);
	q->n_blocks += blocks;
	q->pool_ends[(q->sq.own + q->n_blocks - 1) & q->sq.mask] = q->pool_end;
}

static bool make(struct queues *q, uint32_t flow, const struct tto_unit *unit,
		 uint32_t bytes)
{
	_Alignas(64) uint8_t request[REQUEST_BLOCKS * SEND_BLOCK_BYTES];
	struct send_head *head = (void *)request;
	struct descriptor *descriptor = (void *)(head + 1);
	bool is_short = bytes <= INLINE_BYTES;
	uint32_t inline_bytes = unit->header_len + (is_short ? bytes : 0);
	uint32_t blocks = send_blocks(!is_short, inline_bytes);
	uint8_t *at = is_short ? NULL : take_pool(q, bytes);
	uint8_t *header = is_short ? (uint8_t *)descriptor : (uint8_t *)(descriptor + 1);

	if (!is_short && !at)
		return false;
	*head = (struct send_head){
		.flow = flow, .inline_bytes = (uint16_t)inline_bytes, .mss = unit->mss,
		.command = (uint16_t)(unit->flags << 8), .blocks = (uint8_t)blocks,
		.descriptors = !is_short,
		.flags = is_half_full(q) ? SEND_SIGNALED : 0,
	};
	if (!is_short)
		*descriptor = (struct descriptor){
			.address = (uintptr_t)at, .base = q->pdbr, .length = bytes,
			.command = DESCRIPTOR_VIRTUAL | DESCRIPTOR_END,
		};
	memcpy(header, unit->header, unit->header_len);
	gather(is_short ? header + unit->header_len : at, unit->payload, unit->n_payload);
	put(q, request, blocks);
	return true;
}

void queues_flush(struct embed *e)
{
	struct queues *q = e->queues;
	uint32_t n = q->n_blocks;
	uint64_t one = 1;

	if (!n)
		return;
	/* In this order: who dies in between has sent nothing, rather than all twice. */
	q->n_blocks = 0;
	atomic_signal_fence(memory_order_seq_cst);
	ring_publish(&q->sq, n);
	if (ring_wants_wake(&q->sq))
		(void)!kernel_call(SYS_write, q->doorbell, &one, sizeof(one));
}

void queues_send(struct embed *e, const struct embed_unit *u, struct tto_unit *unit)
{
	struct queues *q = e->queues;
	uint32_t bytes = u->segment->len, flow = claim_to_send(q, u->tuple);

	if (flow == CLAIM_NONE || q->is_gone || bytes > UNIT_BYTES ||
	    blocks_free(q, REQUEST_BLOCKS) < REQUEST_BLOCKS ||
	    !make(q, flow, unit, bytes)) {
		e->stats.dropped++;
		return;
	}
	if (q->n_blocks >= PUBLISH_BLOCKS || bytes > UNIT_BYTES / 4)
		queues_flush(e);
}

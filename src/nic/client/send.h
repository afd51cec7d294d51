/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.h - From the requests of a send queue to frames on the wire
 *
 * DOC: Theory of operation
 *   SQ -> copy of the blocks -> fetch -> of the flow's tuple? -> segment -> batch
 *                                                        batch -> wire -> CQ
 *
 * Queues take turns. What a request makes is put into a batch of frames, which names
 * the payload where it lies; a request is complete when the wire has taken its last
 * frame. Nothing of a batch outlives the call: when the wire is full, requests that
 * have not left are as if they had not been taken, and of the first the number of
 * frames that did leave is kept. So no translation is used across two calls, and
 * what is taken again is copied, judged and translated again.
 *
 * Limits: with a flow TCP only, without IP options and extension headers.
 * Source: SPEC TX-1, TX-2, TX-5, TX-8, TX-10.
 */
#ifndef NIC_CLIENT_SEND_H
#define NIC_CLIENT_SEND_H

#include "nic/fetch.h"
#include "queue/work.h"
#include "wire/wire.h"

#define SEND_FRAMES 128		/* of a batch                                   */
#define SEND_RECORDS 128
#define SEND_ELEMENTS 1024
#define SEND_BYTES (192U << 10)	/* headers, and payload that is copied          */
#define SEND_FRAME_ELEMENTS 48	/* of one frame; what is in more pieces is copied */
#define SEND_COPY_MAX (72U << 10)	/* bytes of a frame that can be copied  */

struct device;
struct client_queue;

/* A request in the batch, or the part of it that is there. */
struct send_record {
	struct client_queue *sq;
	uint64_t wr_id;
	uint32_t flow;
	uint32_t bytes;		/* of payload                                   */
	uint32_t begin, end;	/* of its frames in the batch                   */
	struct dma_error error;
	uint8_t blocks;		/* 0: it goes on behind these frames            */
	uint8_t status;		/* enum completion_status                       */
	bool signaled;
};

struct send_batch {
	struct wire *wire;
	enum tto_link link;
	ns_t now;
	bool full;		/* the wire takes no more                       */
	uint32_t n_frames, n_records, n_elements, n_bytes;
	uint32_t made;		/* frames since the call began                  */
	uint32_t taken;		/* requests, likewise                           */
	struct fetch fetch;
	struct wire_frame frames[SEND_FRAMES];
	struct send_record records[SEND_RECORDS];
	struct iovec elements[SEND_ELEMENTS];
	CACHE_ALIGNED uint8_t bytes[SEND_BYTES];
};

/** send_run() - As device_send(), but for making known what it did */
uint32_t send_run(struct device *d, struct wire *w, uint32_t budget, ns_t now);

#endif

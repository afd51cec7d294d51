/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pumped.h - A device in this process that works when it is told to
 *
 * So that what the program pays, posting and polling, is measured apart from what the
 * device pays. Its wire is the mirror of the tests.
 */
#ifndef BENCH_PUMPED_H
#define BENCH_PUMPED_H

#include <tto/verbs.h>

#include "base/compiler.h"

#define PUMPED_HEADER 54	/* Ethernet, IPv4, TCP                          */
#define PUMPED_MSS 1460

struct host;

/* A program with one flow. */
struct program {
	struct tto_device *device;
	struct tto_cq *cq;
	struct tto_grq *grq;
	struct tto_qp *qp;
	struct tto_flow *flow;
	struct host *host;	/* NULL: elsewhere                              */
	uint8_t header[PUMPED_HEADER];
	uint8_t *memory;	/* of the device, PROGRAM_BYTES                 */
};

#define PROGRAM_BYTES (4u << 20)

/** program_open() - With a device of its own; exits when that is not possible */
void program_open(struct program *p, unsigned mirror,
		  const struct tto_device_options *options);
/** program_attach() - The same, with a device that is elsewhere */
void program_attach(struct program *p, const char *where,
		    const struct tto_device_options *options);
void program_close(struct program *p);

/** program_pump() - The device works until it has nothing to do. Return: passes. */
unsigned program_pump(struct program *p);

/** program_send() - Post one. Return: as tto_post_send(). */
static ALWAYS_INLINE int program_send(struct program *p, const void *from,
				      uint32_t bytes, uint32_t flags, uint64_t wr_id)
{
	const struct tto_element element = { .address = from, .bytes = bytes };
	const struct tto_send send = {
		.wr_id = wr_id, .flow = p->flow, .header = p->header,
		.header_bytes = PUMPED_HEADER, .elements = &element, .n_elements = 1,
		.mss = PUMPED_MSS, .flags = flags,
	};

	return tto_post_send(p->qp, &send, 1, NULL);
}

#endif

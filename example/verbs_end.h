/* SPDX-License-Identifier: BSD-2-Clause */
/* verbs_end.h - What every program does first: open a device, and its queues */
#ifndef EXAMPLE_VERBS_END_H
#define EXAMPLE_VERBS_END_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/verbs.h>

struct end {
	struct tto_device *device;
	struct tto_cq *cq;
	struct tto_grq *grq;
	struct tto_qp *qp;
	struct tto_flow *flow;
	void *memory;		/* that the device can reach                    */
};

/* Every function returns 0 or a count, else -errno. */
static int check(const char *what, int status)
{
	if (status < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-status));
		exit(1);
	}
	return status;
}

static void open_end(struct end *e, const char *where, uint32_t cq_flags, size_t bytes)
{
	const struct tto_grq_options buffers = { .size = sizeof(buffers), .buffers = 256 };
	const struct tto_qp_options unowned = { .size = sizeof(unowned), .unowned = 1 };
	struct tto_error error;

	if (tto_open(&e->device, where, NULL, &error)) {
		fprintf(stderr, "%s\n", error.text);
		exit(1);
	}
	check("CQ", tto_cq_open(e->device, 4096, cq_flags, &e->cq));
	check("GRQ", tto_grq_open(e->device, e->cq, &buffers, &e->grq));
	check("QP", tto_qp_open(e->device, e->cq, &unowned, &e->qp));
	check("memory", tto_memory_allocate(e->device, bytes, &e->memory));
}

#endif

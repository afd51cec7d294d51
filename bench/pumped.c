// SPDX-License-Identifier: BSD-2-Clause
/* pumped.c - A device in this process that works when it is told to */
#include "pumped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/host.h"
#include "verbs/device.h"
#include "verbs/mirror.h"

struct pumped {
	struct attachment attachment;
	struct host *host;
	struct host_client *client;
};

static int request(struct attachment *a, const struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	host_request(((struct pumped *)a)->client, request, reply, fds);
	return reply->status;
}

static int tell(struct attachment *a, const struct control_request *what)
{
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];

	request(a, what, &reply, fds);
	return 0;
}

static void close_pumped(struct attachment *a)
{
	host_close(((struct pumped *)a)->host);
	free(a);
}

/* No run(): the library does not know that the device is here. */
static const struct attachment_ops pumped_ops = {
	.request = request,
	.tell = tell,
	.close = close_pumped,
};

static void check(const char *what, int status)
{
	if (status >= 0)
		return;
	fprintf(stderr, "bench-queue: %s: %s\n", what, strerror(-status));
	exit(1);
}

static void open_queues(struct program *p)
{
	const struct tto_grq_options buffers = { .size = sizeof(buffers), .buffers = 64 };
	const struct tto_qp_options qp = { .size = sizeof(qp), .send_blocks = 4096 };
	const struct tto_tuple t = { .local = { 10, 1, 0, 1 }, .remote = { 10, 1, 0, 2 },
				     .local_port = 1, .remote_port = 2 };
	const uint8_t header[PUMPED_HEADER] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 0, 0, 0, 0x40, 0,
		64, 6, 0, 0, 10, 1, 0, 1, 10, 1, 0, 2, 0, 1, 0, 2, [46] = 0x50, 0x10,
	};
	void *memory;

	memcpy(p->header, header, sizeof(header));
	check("CQ", tto_cq_open(p->device, 16384, 0, &p->cq));
	check("GRQ", tto_grq_open(p->device, p->cq, &buffers, &p->grq));
	check("QP", tto_qp_open(p->device, p->cq, &qp, &p->qp));
	check("flow", tto_flow_open(p->qp, p->grq, &t, NULL, &p->flow));
	check("memory", tto_memory_allocate(p->device, PROGRAM_BYTES, &memory));
	p->memory = memory;
	memset(p->memory, 1, PROGRAM_BYTES);
}

void program_open(struct program *p, unsigned mirror,
		  const struct tto_device_options *options)
{
	struct pumped *a = calloc(1, sizeof(*a));
	struct control_request hello = { .operation = CONTROL_HELLO };
	struct tto_device_options o;
	struct host_policy policy;
	struct wire *wire;

	*p = (struct program){ .host = NULL };
	if (!a)
		check("memory", -ENOMEM);
	host_policy_all(&policy);
	policy.in_process = true;
	check("wire", mirror_create(&wire, mirror));
	check("host", host_open(&a->host, wire, NULL));
	check("client", host_client_open(a->host, &policy, &a->client));
	a->attachment.ops = &pumped_ops;
	check("hello", attach_request(&a->attachment, &hello, &a->attachment.hello, NULL));
	check("options", device_options(&o, options));
	check("device", device_make(&p->device, &a->attachment, &o));
	p->host = a->host;
	open_queues(p);
}

void program_attach(struct program *p, const char *where,
		    const struct tto_device_options *options)
{
	struct tto_error error;

	*p = (struct program){ .host = NULL };
	if (tto_open(&p->device, where, options, &error)) {
		fprintf(stderr, "bench-queue: %s\n", error.text);
		exit(1);
	}
	open_queues(p);
}

void program_close(struct program *p)
{
	tto_close(p->device);
}

unsigned program_pump(struct program *p)
{
	struct timespec t;
	unsigned passes = 0;

	do {
		clock_gettime(CLOCK_MONOTONIC, &t);
		passes++;
	} while (host_run(p->host, (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec) > 0);
	return passes;
}

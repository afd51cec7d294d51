/* SPDX-License-Identifier: BSD-2-Clause */
/* request_scene.h - A host on one end of a pair, and clients that ask */
#ifndef TEST_REQUEST_SCENE_H
#define TEST_REQUEST_SCENE_H

#include "host/host.h"

#define SCENE_CLIENTS 8		/* at once                                      */

struct scene {
	struct wire *far;	/* the other end of the wire                    */
	struct host *host;
	struct host_client *client;
	struct control_request ask;
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];
};

/* With @options, or defaults; no client yet. */
void scene_open(struct scene *s, const struct host_options *options);
void scene_close(struct scene *s);

/* A client that has said HELLO; its descriptors are closed again. */
struct host_client *scene_client(struct scene *s, const struct host_policy *policy);

/* A request of @operation, to be filled in: s->ask. */
struct control_request *scene_ask(struct scene *s, enum control_operation operation);

/* Sends s->ask for s->client. Return: s->reply.status; descriptors are closed. */
int scene_do(struct scene *s);

/* Each returns a handle, and fails the test when there is none. */
uint32_t scene_object(struct scene *s, uint64_t bytes);
uint32_t scene_queue(struct scene *s, uint32_t object, uint64_t offset,
		     enum ring_kind kind, uint32_t cq);
uint32_t scene_region(struct scene *s, uint32_t object, uint64_t address,
		      uint64_t offset, uint64_t bytes);

/* A connection of 10.0.0.@local, to 10.0.0.9:80. */
struct control_tuple scene_tuple(uint8_t local, uint16_t port);

/* Prepares ADD_FLOW and the like: handles or CONTROL_NONE. */
struct control_request *scene_flow(struct scene *s, enum control_operation operation,
				   const struct control_tuple *tuple, uint32_t cq);

#endif

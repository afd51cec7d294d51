/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h - A client of the daemon, made of control messages and rings only
 *
 * For tests: nothing between them and what the daemon gives. Whatever fails that must
 * not fail ends the process with one line.
 */
#ifndef TEST_AGENT_CLIENT_H
#define TEST_AGENT_CLIENT_H

#include "control/message.h"
#include "queue/completion.h"
#include "queue/ring.h"
#include "queue/work.h"

#define CLIENT_ENTRIES 256	/* of each queue                                */
#define CLIENT_BUFFERS 64	/* of the GRQ                                   */
#define CLIENT_BUFFER_BYTES 65536u
#define CLIENT_SEND_BYTES (4u << 20)
#define CLIENT_LINK 14

struct client {
	int socket, doorbell, events, cq_event;
	uint32_t object;
	uint8_t *memory;	/* rings, buffers, payload: one object          */
	uint64_t bytes;
	uint64_t stag, pdbr;
	uint32_t cq_handle, grq_handle, sq_handle;
	struct ring_end cq, grq, sq;
	uint8_t *buffers, *payload;
	uint32_t flow_flags;	/* enum control_flow_flag, of flows to be added */
};

struct client_flow {
	uint32_t handle, id;
	uint8_t link[CLIENT_LINK];
	struct control_tuple tuple;
};

/* Prints and ends with status 1. */
void client_fail(const char *what, int error) __attribute__((noreturn));

/* A request of @operation, to be filled in. */
struct control_request client_ask(enum control_operation operation);

/* Sends it, waits for the answer; descriptors in @fds (NULL: closed). Return: status. */
int client_do(struct client *c, struct control_request *ask,
	      struct control_reply *reply, int *fds);

/* Connects, says HELLO. Return: 0 or -errno as the daemon said. */
int client_connect(struct client *c, const char *path);

/* An object with three queues, buffers that are posted, and a region over it all. */
void client_set_up(struct client *c);

/* "10.9.0.2"; tries for five seconds until the way is known. Return: 0 or -errno. */
int client_add_flow(struct client *c, const char *local, uint16_t local_port,
		    const char *remote, uint16_t remote_port, struct client_flow *flow);

/* One segment or pseudo frame of a flow. */
struct client_segment {
	uint32_t seq, ack;
	uint8_t flags;
	const uint8_t *payload;	/* in c->memory                                 */
	uint64_t base;		/* 0: the client's PDBR                         */
	uint16_t command;	/* how @payload is meant; 0: virtual            */
	uint32_t bytes;
	uint16_t mss;
	uint64_t wr_id;
};

/* Return: false when the SQ is full. */
bool client_post(struct client *c, const struct client_flow *f,
		 const struct client_segment *s);

/* A GRQ buffer may be used again. */
void client_repost(struct client *c, uint64_t wr_id);

/* The next completion. Return: false when none came within @timeout_ms. */
bool client_poll(struct client *c, struct completion *out, int timeout_ms);

/* In hostile.c: everything that must not help, until it is killed. */
void hostile_run(const char *path, const char *local, const char *remote,
		 uint32_t seed) __attribute__((noreturn));

/* In murder.c: bears hostile clients and kills them. */
void murder_run(char **argv);

#endif

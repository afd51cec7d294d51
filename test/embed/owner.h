/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * owner.h - A daemon whose device is the test: it answers, and the test has the rings
 *
 * A thread answers requests as they come. What the device does (take what was posted,
 * complete) is done by the test, with the other end of each ring.
 */
#ifndef TEST_EMBED_OWNER_H
#define TEST_EMBED_OWNER_H

#include <pthread.h>

#include "control/message.h"
#include "queue/completion.h"
#include "queue/ring.h"
#include "queue/work.h"

#define OWNER_REQUESTS 4096	/* that are remembered                          */

struct owner {
	char where[64];		/* for embed_open()                             */
	char path[48];
	pthread_t thread;
	int listener, session;
	int doorbell, changes, event;
	uint8_t *memory;	/* the client's object                          */
	size_t bytes;
	struct ring_end cq, grq, sq;

	pthread_mutex_t lock;	/* around what follows                          */
	int32_t status[CONTROL_N_OPERATIONS];	/* < 0: that is the answer      */
	bool is_mute;		/* answers are not given, but kept              */
	uint32_t n_kept;
	struct control_reply kept[64];
	uint32_t n_requests;
	struct control_request request[OWNER_REQUESTS];
	uint32_t n_handles;
};

void owner_start(struct owner *o);
void owner_stop(struct owner *o);

/** owner_refuse() - @operation is answered with @status from now on; 0: as usual */
void owner_refuse(struct owner *o, uint16_t operation, int32_t status);

/** owner_mute() - Or not: what was kept is answered, but for the first @lost of it */
void owner_mute(struct owner *o, bool is_mute, uint32_t lost);

/** owner_count() - Requests of a kind, when none has come for a moment */
uint32_t owner_count(struct owner *o, uint16_t operation);

/** owner_last() - The last of them */
struct control_request owner_last(struct owner *o, uint16_t operation);

/** owner_say() - A reply that nobody has asked for */
void owner_say(struct owner *o, const struct control_reply *reply);

/** owner_complete() - @n completions; wakes who has armed */
void owner_complete(struct owner *o, const struct completion *c, uint32_t n);

/** owner_buffer() - The next buffer of the GRQ: its number and where it is */
uint64_t owner_buffer(struct owner *o, uint8_t **at);

#endif

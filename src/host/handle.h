/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handle.h - Numbers by which a client names what it holds
 *
 * A handle is a place in the client's own table and the place's generation, so that
 * one that was released, or is another client's, finds nothing. Places are used again
 * in the order in which they were released.
 */
#ifndef HOST_HANDLE_H
#define HOST_HANDLE_H

#include <stdint.h>

#include "base/compiler.h"
#include "control/message.h"

#define HANDLE_PLACES_MAX (1U << 20)

enum handle_kind {
	HANDLE_FREE,
	HANDLE_OBJECT,
	HANDLE_QUEUE,
	HANDLE_REGION,
	HANDLE_FLOW,
	HANDLE_PORT,
};

struct port;

struct host_object {
	uint64_t at;		/* on the bus                                   */
	uint64_t bytes;
	uint32_t refs;		/* mappings and queues in it                    */
};

struct host_queue {
	uint32_t id;		/* of the device                                */
	uint32_t object;	/* place                                        */
	uint32_t entries;
	int event;		/* of a CQ; -1: none                            */
	uint8_t kind;		/* enum ring_kind                               */
};

struct host_region {
	uint64_t stag;
	uint64_t address;
	uint64_t bytes;
};

struct host_flow {
	uint32_t id;		/* of the device                                */
	uint16_t operation;	/* that made it, enum control_operation         */
	struct port *port;	/* NULL: an address                             */
	uint8_t use;		/* enum port_use                                */
	struct control_tuple tuple;
	uint8_t link[22];	/* as the device has it                         */
	uint8_t link_bytes;
};

struct host_hold {
	struct port *port;
	uint8_t use;		/* enum port_use                                */
};

struct handle {
	uint16_t generation;
	uint8_t kind;		/* enum handle_kind                             */
	uint32_t next_free;	/* place + 1; 0: none                           */
	union {
		struct host_object object;
		struct host_queue queue;
		struct host_region region;
		struct host_flow flow;
		struct host_hold hold;
	};
};

struct handle_table {
	struct handle *places;
	uint32_t n_places, max_places;
	uint32_t first_free, last_free;	/* place + 1; 0: none                   */
};

/** handle_table_close() - Release the table, not what the handles are for */
void handle_table_close(struct handle_table *t);

/**
 * handle_add() - A place for something of @kind
 * @place:	Set on success; what was pointed to in the table may have moved
 *
 * Return: 0; -ENOMEM; -ENOSPC.
 */
MUST_CHECK int handle_add(struct handle_table *t, enum handle_kind kind,
			  uint32_t *place);

/** handle_remove() - The handle of @place finds nothing any more */
void handle_remove(struct handle_table *t, uint32_t place);

/** handle_of() - What the client calls @place */
uint32_t handle_of(const struct handle_table *t, uint32_t place);

/**
 * handle_find() - What a client means
 * @number:	Any
 *
 * Return: NULL when it is no handle of @kind. Good until the next handle_add().
 */
struct handle *handle_find(const struct handle_table *t, uint32_t number,
			   enum handle_kind kind);

/* The place of a handle that was found. */
static inline uint32_t handle_place(const struct handle_table *t,
				    const struct handle *h)
{
	return (uint32_t)(h - t->places);
}

#endif

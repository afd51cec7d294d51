/* SPDX-License-Identifier: BSD-2-Clause */
/* view.h - What a host and its clients have and did, for those who look in */
#ifndef HOST_VIEW_H
#define HOST_VIEW_H

#include "host/host.h"

struct host_usage {
	uint64_t memory, registered;
	uint32_t objects, queues, regions, flows, ports;
};

/** host_client_usage() - What a client holds now */
void host_client_usage(const struct host_client *c, struct host_usage *usage);

/** host_client_limits() - What it may hold, defaults filled in */
void host_client_limits(const struct host_client *c, struct host_limits *limits);

/* Its place among the host's clients: less than options.clients. */
uint32_t host_client_index(const struct host_client *c);

/** host_client_counters() - Of all queues that a client has or had */
void host_client_counters(const struct host_client *c,
			  struct device_queue_counters *counters);

struct host_flow_view {
	uint32_t id;		/* of the device                                */
	uint16_t operation;	/* that made it, enum control_operation         */
	struct control_tuple tuple;
	struct device_flow_counters counters;
};

/**
 * host_client_flow() - Walk over a client's flows, listens and addresses
 * @cursor:	0 at first; moved on by the call
 *
 * Return: false when there is none left.
 */
bool host_client_flow(const struct host_client *c, uint32_t *cursor,
		      struct host_flow_view *view);

struct host_counters {
	uint64_t requests, refused;	/* control                              */
	uint64_t unclaimed;		/* packets of nobody                    */
	uint64_t answered;		/* questions for neighbours, and pings     */
	uint64_t wakes;			/* descriptors written                  */
	uint64_t sleeps;
	uint64_t walks, faults;		/* of the device, to memory             */
	struct device_queue_counters queues;	/* of all there were            */
	struct wire_stats wire;
};

void host_counters(const struct host *h, struct host_counters *counters);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* view.c - What there is of a client, for those who look in */
#include "host/state.h"

void host_client_usage(const struct host_client *c, struct host_usage *usage)
{
	*usage = c->usage;
}

void host_client_limits(const struct host_client *c, struct host_limits *limits)
{
	*limits = c->policy.limits;
}

uint32_t host_client_index(const struct host_client *c)
{
	return c->idx;
}

void host_client_counters(const struct host_client *c,
			  struct device_queue_counters *counters)
{
	struct device_queue_counters one;

	*counters = c->closed;
	for (uint32_t n = 0; n < c->handles.n_places; n++) {
		const struct handle *h = &c->handles.places[n];

		if (h->kind == HANDLE_QUEUE &&
		    device_counters(c->host->device, h->queue.id, &one))
			queue_add_counters(counters, &one);
	}
}

bool host_client_flow(const struct host_client *c, uint32_t *cursor,
		      struct host_flow_view *view)
{
	while (*cursor < c->handles.n_places) {
		const struct handle *h = &c->handles.places[(*cursor)++];

		if (h->kind != HANDLE_FLOW)
			continue;
		*view = (struct host_flow_view){
			.id = h->flow.id, .operation = h->flow.operation,
			.tuple = h->flow.tuple,
		};
		(void)!device_flow_counters(c->host->device, h->flow.id,
					    &view->counters);
		return true;
	}
	return false;
}

// SPDX-License-Identifier: BSD-2-Clause
/* hold.c - Ports that the daemon holds for us, before there is a flow or a listen */
#include <errno.h>

#include "embed/queues/queues.h"

int queues_hold(struct embed *e, struct tcp_tuple *local, bool reuse, uint32_t *hold)
{
	struct control_request request = {
		.operation = CONTROL_HOLD_PORT, .handle = CONTROL_NONE,
		.hold = { .flags = reuse ? CONTROL_HOLD_REUSE : 0 },
	};
	struct control_reply reply;
	int status;

	memcpy(&request.hold.tuple, local, sizeof(*local));
	status = queues_ask(e->queues, &request, &reply, NULL);
	if (status < 0)
		return status;
	local->local_port = reply.flow.port;
	*hold = reply.handle;
	return 0;
}

/* When it returns, somebody else may have the port. */
void queues_unhold(struct embed *e, uint32_t hold)
{
	struct control_request request = { .operation = CONTROL_RELEASE_PORT,
					   .handle = hold };
	struct control_reply reply;

	(void)!queues_ask(e->queues, &request, &reply, NULL);
}

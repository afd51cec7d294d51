// SPDX-License-Identifier: BSD-2-Clause
/* flow.c - Flows, listens, addresses and ports, and the way to the other side */
#include <errno.h>
#include <stdlib.h>

#include "verbs/device.h"

#define FLOWS_MIN 16u

/* ---- By id ------------------------------------------------------------------------ */

static uint32_t place_of(const struct tto_device *d, uint32_t id)
{
	return (id * 2654435769u >> 7) & d->flows_mask;
}

struct tto_flow *flow_find(const struct tto_device *device, uint32_t id)
{
	uint32_t at;

	if (!device->flows || id == COMPLETION_NO_FLOW)
		return NULL;
	for (at = place_of(device, id); device->flows[at];
	     at = (at + 1) & device->flows_mask) {
		if (device->flows[at]->id == id)
			return device->flows[at];
	}
	return NULL;
}

static void put(struct tto_device *d, struct tto_flow *flow)
{
	uint32_t at = place_of(d, flow->id);

	while (d->flows[at])
		at = (at + 1) & d->flows_mask;
	d->flows[at] = flow;
}

/* At most half full, so that a search ends soon. Return: 0; -ENOMEM. */
static int make_room(struct tto_device *d)
{
	struct tto_flow **old = d->flows;
	uint32_t n_old = old ? d->flows_mask + 1 : 0;
	uint32_t n = n_old ? 2 * n_old : FLOWS_MIN;

	if (old && 2 * (d->n_flows + 1) <= n_old)
		return 0;
	d->flows = calloc(n, sizeof(struct tto_flow *));
	if (!d->flows) {
		d->flows = old;
		return -ENOMEM;
	}
	d->flows_mask = n - 1;
	for (uint32_t at = 0; at < n_old; at++) {
		if (old[at])
			put(d, old[at]);
	}
	free(old);
	return 0;
}

/* Those behind it move up, as far as their own place allows. */
static void take_out(struct tto_device *d, struct tto_flow *flow)
{
	uint32_t at = place_of(d, flow->id);

	while (d->flows[at] != flow)
		at = (at + 1) & d->flows_mask;
	d->flows[at] = NULL;
	d->n_flows--;
	for (at = (at + 1) & d->flows_mask; d->flows[at];
	     at = (at + 1) & d->flows_mask) {
		struct tto_flow *moved = d->flows[at];

		d->flows[at] = NULL;
		put(d, moved);
	}
}

static void port_forget(struct tto_port *port)
{
	link_remove(&port->link);
	free(port);
}

void flow_forget_all(struct tto_device *device)
{
	for (uint32_t at = 0; device->flows && at <= device->flows_mask; at++)
		free(device->flows[at]);
	free(device->flows);
	while (device->ports.next)
		port_forget((struct tto_port *)device->ports.next);
}

/* ---- Open and close ----------------------------------------------------------------- */

static struct control_tuple control_tuple(const struct tto_tuple *t, bool remote)
{
	struct control_tuple c = { .local_port = t->local_port, .v6 = t->v6 };

	memcpy(c.local, t->local, sizeof(c.local));
	if (remote) {
		memcpy(c.remote, t->remote, sizeof(c.remote));
		c.remote_port = t->remote_port;
	}
	return c;
}

static void take_path(struct tto_path *path, const struct control_reply *reply)
{
	*path = (struct tto_path){ .mtu = reply->flow.mtu };
	path->link_bytes = reply->flow.link_bytes;
	if (path->link_bytes > sizeof(path->link))
		path->link_bytes = sizeof(path->link);
	memcpy(path->link, reply->flow.link, sizeof(path->link));
	memcpy(path->source, reply->flow.source, sizeof(path->source));
}

/* Return: 0 with @flow's handle, id and path; -errno. */
static int ask(struct tto_flow *flow, struct control_request *request)
{
	struct tto_qp *qp = flow->qp;
	struct control_reply reply;
	int status;

	request->handle = CONTROL_NONE;
	request->flow.cq = qp->cq->queue.handle;
	request->flow.rq = request->operation == CONTROL_ADD_FLOW && qp->rq.is_open ?
			   qp->rq.handle : CONTROL_NONE;
	request->flow.grq = flow->grq ? flow->grq->queue.handle : CONTROL_NONE;
	request->flow.sq = qp->sq.handle;
	status = attach_request(qp->device->attachment, request, &reply, NULL);
	if (status < 0)
		return status;
	flow->handle = reply.handle;
	flow->id = reply.flow.flow;
	flow->port = reply.flow.port;
	take_path(&flow->path, &reply);
	return 0;
}

static int release(struct tto_flow *flow)
{
	struct control_request request = { .operation = flow->release,
					   .handle = flow->handle };
	struct control_reply reply;

	return attach_request(flow->qp->device->attachment, &request, &reply, NULL);
}

static int open_flow(struct tto_qp *qp, struct tto_grq *grq,
		     struct control_request *request, struct tto_flow **out)
{
	struct tto_device *d = qp->device;
	struct tto_flow *flow;
	int status = make_room(d);

	if (status)
		return status;
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->qp = qp;
	flow->grq = grq;
	flow->release = request->operation == CONTROL_ADD_LISTEN ?
			CONTROL_REMOVE_LISTEN : CONTROL_REMOVE_FLOW;
	flow->in_stream = request->operation == CONTROL_ADD_FLOW &&
			  qp->rq.is_open && !(qp->cq->flags & TTO_CQ_RAW);
	status = ask(flow, request);
	if (status) {
		free(flow);
		return status;
	}
	if (flow->in_stream) {
		qp->has_stream = true;
		if (request->flow.flags & CONTROL_FLOW_KNOWS_NEXT)
			stream_begin(&qp->stream, request->flow.next_seq);
	}
	put(d, flow);
	d->n_flows++;
	qp->users++;
	qp->cq->users++;
	if (grq)
		grq->users++;
	*out = flow;
	return 0;
}

int tto_flow_open(struct tto_qp *qp, struct tto_grq *grq,
		  const struct tto_tuple *tuple,
		  const struct tto_flow_options *options, struct tto_flow **out)
{
	struct control_request request = {
		.operation = CONTROL_ADD_FLOW,
		.flow = { .tuple = control_tuple(tuple, true) },
	};

	struct tto_flow_options o;

	if (options_take(&o, sizeof(o), options) || (grq && grq->device != qp->device))
		return -EINVAL;
	if (qp->has_stream)
		return -EBUSY;
	if (o.knows_next)
		request.flow.flags |= CONTROL_FLOW_KNOWS_NEXT;
	if (o.errors)
		request.flow.flags |= CONTROL_FLOW_ERRORS;
	request.flow.next_seq = o.next_seq;
	return open_flow(qp, grq, &request, out);
}

int tto_flow_listen(struct tto_qp *qp, struct tto_grq *grq,
		    const struct tto_tuple *tuple, struct tto_flow **out)
{
	struct control_request request = {
		.operation = CONTROL_ADD_LISTEN,
		.flow = { .tuple = control_tuple(tuple, false) },
	};

	if (!grq || grq->device != qp->device)
		return -EINVAL;
	return open_flow(qp, grq, &request, out);
}

int tto_flow_own(struct tto_qp *qp, struct tto_grq *grq,
		 const struct tto_tuple *tuple, struct tto_flow **out)
{
	struct control_request request = {
		.operation = CONTROL_OWN_ADDRESS,
		.flow = { .tuple = control_tuple(tuple, false) },
	};

	request.flow.tuple.local_port = 0;
	if (!grq || grq->device != qp->device)
		return -EINVAL;
	return open_flow(qp, grq, &request, out);
}

int tto_flow_close(struct tto_flow *flow)
{
	struct tto_qp *qp = flow->qp;
	int status = release(flow);

	if (status < 0 && status != -EPIPE)
		return status;
	if (flow->in_stream) {
		stream_drop(&qp->stream);
		qp->has_stream = false;
		cq_activate(qp->cq, qp);
	}
	if (flow->grq)
		flow->grq->users--;
	take_out(qp->device, flow);
	qp->users--;
	qp->cq->users--;
	free(flow);
	return 0;
}

uint16_t tto_flow_port(const struct tto_flow *flow)
{
	return flow->port;
}

int tto_flow_path(const struct tto_flow *flow, struct tto_path *path)
{
	*path = flow->path;
	return 0;
}

int tto_route(struct tto_device *device, const struct tto_tuple *tuple,
	      struct tto_path *path)
{
	struct control_request request = {
		.operation = CONTROL_ROUTE,
		.handle = CONTROL_NONE,
		.route = { .tuple = control_tuple(tuple, true) },
	};
	struct control_reply reply;
	int status = attach_request(device->attachment, &request, &reply, NULL);

	if (status < 0)
		return status;
	take_path(path, &reply);
	return 0;
}

/* ---- Ports without a flow -------------------------------------------------------------- */

int tto_port_hold(struct tto_device *device, const struct tto_tuple *tuple,
		  uint32_t flags, struct tto_port **out)
{
	struct control_request request = {
		.operation = CONTROL_HOLD_PORT,
		.handle = CONTROL_NONE,
		.hold = { .tuple = control_tuple(tuple, false) },
	};
	struct control_reply reply;
	struct tto_port *port;
	int status;

	if (flags & ~(uint32_t)TTO_PORT_REUSE)
		return -EINVAL;
	if (flags & TTO_PORT_REUSE)
		request.hold.flags = CONTROL_HOLD_REUSE;
	port = calloc(1, sizeof(*port));
	if (!port)
		return -ENOMEM;
	status = attach_request(device->attachment, &request, &reply, NULL);
	if (status < 0) {
		free(port);
		return status;
	}
	port->device = device;
	port->handle = reply.handle;
	port->number = reply.flow.port;
	link_add(&device->ports, &port->link);
	*out = port;
	return 0;
}

uint16_t tto_port_number(const struct tto_port *port)
{
	return port->number;
}

int tto_port_release(struct tto_port *port)
{
	struct control_request request = { .operation = CONTROL_RELEASE_PORT,
					   .handle = port->handle };
	struct control_reply reply;
	int status = attach_request(port->device->attachment, &request, &reply, NULL);

	if (status < 0 && status != -EPIPE)
		return status;
	port_forget(port);
	return 0;
}

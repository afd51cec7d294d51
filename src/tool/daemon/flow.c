// SPDX-License-Identifier: BSD-2-Clause
/* flow.c - A flow of the statistics, for people and as JSON */
#include "tool/daemon/flow.h"

#include <stdio.h>
#include <tto/engine.h>

#include "base/compiler.h"
#include "base/json.h"
#include "nic/device.h"

static const struct {
	const char *name, *text;
} drops[] = {
#define X(id, name, text) { name, text },
	DEVICE_DROPS(X)
#undef X
};

_Static_assert(ARRAY_SIZE(drops) <= STATS_DROPS, "all of them are there");
_Static_assert(TTO_N_CAUSES <= STATS_CAUSES, "all of them are there");

const char *drop_name(uint32_t drop)
{
	return drop < ARRAY_SIZE(drops) ? drops[drop].name : NULL;
}

const char *drop_text(uint32_t drop)
{
	return drop < ARRAY_SIZE(drops) ? drops[drop].text : NULL;
}

void flow_names(struct flow_names *names, const struct stats_flow *f)
{
	const struct control_tuple *t = &f->tuple;

	address_text(names->local, t->local, t->local_port, t->v6);
	switch (f->operation) {
	case CONTROL_ADD_LISTEN:
		names->kind = "listen";
		snprintf(names->remote, sizeof(names->remote), "*");
		break;
	case CONTROL_OWN_ADDRESS:
		names->kind = "address";
		snprintf(names->remote, sizeof(names->remote), "*");
		break;
	default:
		names->kind = "connection";
		address_text(names->remote, t->remote, t->remote_port, t->v6);
	}
}

double flow_joined(const struct stats_flow *f)
{
	return f->packets ? (double)f->segments / (double)f->packets : 0;
}

void flow_json(struct json *j, const struct stats_flow *f)
{
	struct flow_names names;

	flow_names(&names, f);
	json_object_begin(j, NULL);
	json_u64(j, "flow", f->id);
	json_string(j, "kind", names.kind);
	json_u64(j, "pid", f->pid);
	json_string(j, "local", names.local);
	json_string(j, "remote", names.remote);
	json_u64(j, "packets", f->packets);
	json_u64(j, "segments", f->segments);
	json_u64(j, "acks", f->acks);
	json_u64(j, "bytes", f->bytes);
	json_u64(j, "placed_rq", f->placed_rq);
	json_u64(j, "placed_grq", f->placed_grq);
	json_u64(j, "out_of_order", f->out_of_order);
	json_u64(j, "sent", f->sent);
	json_object_begin(j, "drops");
	for (uint32_t n = 0; n < ARRAY_SIZE(drops); n++) {
		if (f->drops[n])
			json_u64(j, drops[n].name, f->drops[n]);
	}
	json_object_end(j);
	json_object_begin(j, "causes");
	for (uint32_t n = 0; n < TTO_N_CAUSES; n++) {
		if (f->causes[n])
			json_u64(j, tto_cause_name(n), f->causes[n]);
	}
	json_object_end(j);
	json_object_end(j);
}

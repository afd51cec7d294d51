/* SPDX-License-Identifier: BSD-2-Clause */
/* flow.h - A flow of the statistics, for people and as JSON */
#ifndef TOOL_DAEMON_FLOW_H
#define TOOL_DAEMON_FLOW_H

#include "tool/daemon/file.h"

struct json;

struct flow_names {
	char local[ADDRESS_TEXT], remote[ADDRESS_TEXT];
	const char *kind;	/* "connection", "listen", "address"            */
};

void flow_names(struct flow_names *names, const struct stats_flow *f);

/* Segments to a packet. */
double flow_joined(const struct stats_flow *f);

void flow_json(struct json *j, const struct stats_flow *f);

/* Name and sentence of enum device_drop; NULL when out of range. */
const char *drop_name(uint32_t drop);
const char *drop_text(uint32_t drop);

#endif

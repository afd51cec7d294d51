/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats.h - Keep the statistics file up to date
 *
 * A sweep over all clients and flows, in steps, so that the device does not wait for
 * it; one begins when something has happened since the last, and INTERVAL later at the
 * earliest. A daemon that does nothing writes nothing.
 */
#ifndef AGENT_STATS_H
#define AGENT_STATS_H

#include "agent/agent.h"

struct stats;

/**
 * stats_open() - Make the file; it is removed by stats_close()
 * @flows:	How many the device may have
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int stats_open(struct stats **out, const struct config *config,
			  uint32_t clients, uint32_t flows);
void stats_close(struct stats *s);

/**
 * stats_step() - Go on with the sweep, or begin one
 * @active:	Something has happened since the last call
 *
 * Return: when it wants to be called next; NS_NEVER: when something has happened.
 */
ns_t stats_step(struct stats *s, const struct agent *a, bool active, ns_t now);

#endif

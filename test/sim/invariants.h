/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * invariants.h - What must hold between two hosts, whatever the network does
 *
 * The first that does not is written to the verdict of the run. What a host alone
 * must keep to: host/watch.h.
 */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H

#include "endpoint/host.h"
#include "sim/scenario.h"

/* @len bytes at place @at of the stream are handed over. */
void invariants_receive(struct connection *c, uint64_t at, const uint8_t *bytes,
			uint32_t len);

/* Something has happened. */
void invariants_pair(const struct scenario *s, struct host *const hosts[2]);

/* Both hosts are done. */
void invariants_end(const struct scenario *s, struct host *const hosts[2]);

#endif

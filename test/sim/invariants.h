/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * invariants.h - What must hold, whatever the network does
 *
 * The first that does not is written to the verdict of the run.
 */
#ifndef SIM_INVARIANTS_H
#define SIM_INVARIANTS_H

#include "host/host.h"

/* A connection has got a segment, and will now see it. */
void invariants_arrive(struct connection *c, const struct tcp_segment *s);

/* It sends one. */
void invariants_emit(struct connection *c, const struct tcp_frame *f);

/* It has nothing more to do now. */
void invariants_rest(struct connection *c);

/* @len bytes at place @at of the stream are handed over. */
void invariants_receive(struct connection *c, uint64_t at, const uint8_t *bytes,
			uint32_t len);

/* Something has happened. */
void invariants_pair(struct host *const hosts[2]);

/* Both hosts are done. */
void invariants_end(struct host *const hosts[2]);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h - What a host must keep to, whatever the network does
 *
 * The first that it does not is written to its verdict.
 */
#ifndef HOST_WATCH_H
#define HOST_WATCH_H

#include "endpoint/host.h"

/* A connection has got a segment, and will now see it. */
void watch_arrive(struct connection *c, const struct tcp_segment *s);

/* It sends one. */
void watch_emit(struct connection *c, const struct tcp_frame *f);

/* It has nothing more to do now. */
void watch_rest(struct connection *c);

/* All its connections are over, TIME-WAIT too: nothing is left of them. */
void watch_end(struct host *h);

#endif

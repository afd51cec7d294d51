/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * station.h - A host (host/host.h) on a wire, in real time
 *
 *	wire --recv--> neighbour | device, TCP, application --> outlet --send--> wire
 *
 * One thread and one loop: what has come, what is due, sleep until a descriptor is
 * ready or a deadline comes. The address is the station's own; no interface has it.
 */
#ifndef INTEROP_STATION_H
#define INTEROP_STATION_H

#include "endpoint/host.h"
#include "interop/neighbour.h"
#include "host/kernel/outlet.h"

#define STATION_BATCH 64
#define STATION_FRAME_MAX 9216	/* what is longer is a unit, and sent at once   */

struct station {
	struct wire *wire;
	struct outlet *outlet;
	struct neighbour neighbour;
	struct host *host;
	struct verdict verdict;
	ns_t limit;		/* when to give up                              */
	uint64_t n_not_understood;
	unsigned n_out;		/* frames since the last flush                  */
	struct wire_frame received[STATION_BATCH];
	struct tto_frame frames[STATION_BATCH];
	struct iovec iov[OUTLET_FRAMES];
	uint8_t out[OUTLET_FRAMES][STATION_FRAME_MAX];
};

ns_t station_now(void);

/**
 * station_open() - Find the neighbour, make the host
 * @s:		wire, neighbour (but peer_mac) and limit are set, the rest is zero.
 *		The wire stays the caller's
 * @setup:	MACs and what the wire does are filled in
 * @around:	As for host_open(); its transmit is the station's
 *
 * Return: 0; -ETIMEDOUT: nobody has the address; another -errno.
 */
MUST_CHECK int station_open(struct station *s, struct host_setup *setup,
			    struct host_ops *ops);

/**
 * station_run() - Until the host is done
 *
 * Return: 0; -ETIMEDOUT: not until s->limit; -EPROTO: s->verdict says what is
 * wrong; another -errno of the wire.
 */
MUST_CHECK int station_run(struct station *s);

void station_close(struct station *s);

#endif

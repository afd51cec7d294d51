/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bridge.h - The device between two wires, live
 *
 * DOC: Theory of operation
 *
 *	WIRE --recv--> coalescer --deliver--> outlet --send--> HOST
 *	WIRE <--send-- outlet (cut, finish checksums) <--recv-- HOST
 *	                 `-- what goes out is shown to the coalescer
 *
 * One thread runs to completion: a batch from WIRE, a batch from HOST, what is
 * due; when there was nothing it sleeps until a descriptor is ready or a
 * deadline comes. While frames stream in it naps instead, for a fraction of
 * timeout_aggregation and whatever arrives: being woken costs the sender's core
 * as much as sending many frames, and each nap ends with a batch to work on. The
 * coalescer copies payload, so that a batch's memory is WIRE's again when the
 * batch is pushed.
 *
 * What the kernel knows of a frame passes through: unfinished and verified
 * checksums, units that were not cut yet. All that is not TCP goes its way as if
 * nothing were here (SPEC KT-2), in order.
 *
 * Everything is bound to descriptors; however the process ends, no interface,
 * address or filter stays behind.
 *
 * A capture as WIRE is the clock itself: its deadlines come as in the capture.
 *
 * Source: SPEC KT-1, KT-2; ARCHITECTURE D5.
 */
#ifndef TOOL_BRIDGE_H
#define TOOL_BRIDGE_H

#include <tto/engine.h>

#include "tool/bridge/report.h"
#include "host/kernel/outlet.h"

#define BRIDGE_BATCH 64
#define BRIDGE_LINEAR_BYTES (1U << 18)

struct bridge {
	/* Set by whoever makes it. */
	struct wire *wire, *host;
	struct outlet *to_wire, *to_host;
	struct tto_coalescer *coalescer;	/* NULL: nothing is coalesced   */
	uint8_t *linear;	/* BRIDGE_LINEAR_BYTES, for frames in several
				 * elements                                     */
	int stop_fd;		/* readable when @stop has become true          */
	bool busy;		/* never sleep                                  */
	bool json;
	bool progress;		/* a line on the terminal, not one on stdout    */
	ns_t report_every;	/* 0: never                                     */

	/* The loop's own. */
	struct wire_frame received[BRIDGE_BATCH];
	struct tto_frame frames[BRIDGE_BATCH];
	struct iovec linear_iov;
	bool wire_is_quiet, host_is_quiet;	/* ppoll() said so just now     */
	bool host_ended;
	bool streaming;		/* frames came fast in the last window          */
	uint32_t window_frames;
	ns_t window_start;
	const struct wire *failed;	/* whose error ended it                 */
	ns_t time, real_time;	/* of what is handed up, and of what a live wire
				 * received, for captures; else 0               */
	uint64_t unknown;	/* frames that could not be handled             */
	ns_t start, next_report;
	struct bridge_mark mark;
};

/** bridge_deliver() - For tto_coalescer_open(), with the bridge as context */
void bridge_deliver(void *ctx, const struct tto_packet *packet);

/**
 * bridge_run() - Move frames until told to stop
 * @b:		All of it, zero but for what is set by the caller
 * @stop:	May become true at any time, by a signal
 *
 * What is held is handed up at the end.
 *
 * Return: 0 when stopped or when WIRE, a capture, came to its end; -ENETDOWN
 * when an interface is gone; another -errno.
 */
int bridge_run(struct bridge *b, const volatile int *stop);

/** bridge_view() - What the reports show */
struct bridge_view bridge_view(const struct bridge *b);

#endif

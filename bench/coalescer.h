/* SPDX-License-Identifier: BSD-2-Clause */
/* coalescer.h - Our engine, set up for the frames of a benchmark */
#ifndef BENCH_COALESCER_H
#define BENCH_COALESCER_H

#include <tto/engine.h>

#include "bench.h"
#include "frames.h"

#define COALESCER_BURST 64
#define COALESCER_FRAME_NS 123	/* a full frame at 100 Gbit/s                   */

/**
 * coalescer_open() - A coalescer that delivers after 44 frames and not before
 * @cpu:	As in struct tto_coalescer_options
 *
 * Exits with a message when it cannot be opened.
 */
struct tto_coalescer *coalescer_open(const struct frame_set *frames,
				     const char *cpu, enum tto_output output,
				     tto_deliver_fn *deliver, void *ctx);

/* What is asked of ours. */
struct coalescer_work {
	const char *cpu;
	bool verify;		/* the checksum of each segment                 */
	bool contiguous;	/* payload copied to one buffer                 */
};

/** coalescer_has_cpu() - Whether the engine has code for @cpu that runs here */
bool coalescer_has_cpu(const char *cpu);

/** coalescer_case() - Set run, close and state of @c */
void coalescer_case(struct bench_case *c, const struct frame_set *frames,
		    const struct coalescer_work *work);

#endif

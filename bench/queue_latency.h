/* SPDX-License-Identifier: BSD-2-Clause */
/* queue_latency.h - From a post to its completion, with a device in another process */
#ifndef BENCH_QUEUE_LATENCY_H
#define BENCH_QUEUE_LATENCY_H

#include "bench.h"

/** measure_latency() - All rows, in wall-clock time */
void measure_latency(struct bench *b);

#endif

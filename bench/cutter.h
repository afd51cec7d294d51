/* SPDX-License-Identifier: BSD-2-Clause */
/* cutter.h - The units through our engine */
#ifndef BENCH_CUTTER_H
#define BENCH_CUTTER_H

#include "bench.h"
#include "source.h"

/* What is asked of ours. */
struct cutter_work {
	const char *cpu;	/* as in struct tto_unit                        */
	bool checksum;		/* of payload; else left unfinished             */
	bool contiguous;	/* frames in one piece; else a gather list      */
};

/** cutter_has_cpu() - Whether the engine has code for @cpu that runs here */
bool cutter_has_cpu(const char *cpu);

/** cutter_case() - Set run, close and state of @c */
void cutter_case(struct bench_case *c, const struct source *source,
		 const struct cutter_work *work);

#endif

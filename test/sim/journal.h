/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h - What went into the hosts of a run, and what came out
 *
 * A file of records: first how the hosts are made (profile, seed, aggregation),
 * then for each host in order of time the frames that came, the moments at which
 * it was run, and the frames that it sent. Replay makes the hosts anew, gives them
 * the inputs, without any network, and compares what they send byte by byte.
 *
 * Shape: "tto-sim 1\n"; then records: 1 byte kind, 1 byte host, 2 bytes 0, 4 bytes
 * length, 8 bytes time on the host's clock, the bytes. Integers are big endian.
 */
#ifndef SIM_JOURNAL_H
#define SIM_JOURNAL_H

#include <stdio.h>

#include "base/bytes.h"

enum journal_kind {
	JOURNAL_SCENARIO,	/* text: profile, seed, aggregation             */
	JOURNAL_RECEIVE,	/* input: a frame                               */
	JOURNAL_RUN,		/* input: the time                              */
	JOURNAL_TRANSMIT,	/* output: a frame                              */
};

struct journal_record {
	uint8_t kind, host;
	uint32_t len;
	ns_t time;
	uint8_t *bytes;		/* read: malloc()ed, the caller's               */
};

/* What a journal begins with. */
void journal_begin(FILE *f);
/* Return: 0; -EBADMSG: @f is none. */
int journal_check(FILE *f);
void journal_write(FILE *f, const struct journal_record *r);
/* Return: 1; 0 at the end; -EBADMSG. */
int journal_read(FILE *f, struct journal_record *r);

#endif

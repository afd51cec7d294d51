/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seq.h - TCP sequence numbers: arithmetic modulo 2^32
 *
 * "Before" means: less than 2^31 steps behind. A struct, so that an ordinary
 * comparison of two sequence numbers does not compile.
 * Source: RFC 9293 §3.4; for timestamps RFC 7323 §5.2.
 */
#ifndef PACKET_SEQ_H
#define PACKET_SEQ_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
	uint32_t n;
} seq_t;

static inline seq_t seq(uint32_t n)
{
	return (seq_t){ n };
}

static inline seq_t seq_add(seq_t a, uint32_t bytes)
{
	return (seq_t){ a.n + bytes };
}

/* Bytes from @b up to @a: positive when @a is later. */
static inline int32_t seq_diff(seq_t a, seq_t b)
{
	return (int32_t)(a.n - b.n);
}

static inline bool seq_before(seq_t a, seq_t b)
{
	return seq_diff(a, b) < 0;
}

static inline bool seq_equal(seq_t a, seq_t b)
{
	return a.n == b.n;
}

#endif

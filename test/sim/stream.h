/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.h - Bytes that tell where they belong
 *
 * Each direction of each connection has an endless stream of its own, which both
 * ends know without talking about it: it repeats after a prime number of bytes, so
 * whatever is moved by a power of two, or by a segment, is noticed.
 */
#ifndef SIM_STREAM_H
#define SIM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#define STREAM_PERIOD 131071u
#define STREAM_PIECE_MAX 524288u

/* To be called once. */
void stream_init(void);

/* The stream of whoever sent a SYN with @iss from port @from to port @to. */
uint32_t stream_name(uint32_t iss, uint16_t from, uint16_t to);

/* @len bytes at @at, at most STREAM_PIECE_MAX; valid for ever. */
const uint8_t *stream_bytes(uint32_t name, uint64_t at);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum_kernels.h - The checksum kernels, of which checksum_select() has one
 *
 * DOC: Theory of operation
 * All are one kernel (checksum_lanes.h), compiled for vectors of several widths.
 * A range is read as 64-bit lanes. Two running sums per lane are enough to keep
 * the exact sum of its 32-bit halves without masking them apart:
 *
 *	all  += v		low halves + 2^32 * high halves, modulo 2^64
 *	high += v >> 32		high halves, exact
 *	low   = all - (high << 32)
 *
 * Three operations a vector, on every vector unit, in either byte order and
 * with no multiplication: on some CPUs the clock falls for wide multiplications,
 * for all code on that core. 32-bit halves are pairs of 16-bit words, and 2^32
 * is 1 modulo 2^16 - 1, so their exact sum, folded, is RFC 1071's.
 *
 *	 src                                                    src + len
 *	  |--- head ---|-- body: whole vectors, aligned --|-- tail --|
 *	  |---- one vector ----|               |---- one vector -----|
 *
 * Head and tail are whole vectors too, which overlap the body: a copy stores
 * them as they are (the same bytes twice), a sum takes only the bytes that are
 * not the body's. Nothing outside the range is read or written. The body is
 * aligned for the destination of a copy (a store across two lines costs more
 * than a load), else for the source.
 *
 * A head of odd length puts the words of the body together the wrong way. Then
 * all of the range is summed that way, and swapped at the end: the head is read
 * from its second byte on, and its first byte is added alone, as the second of
 * a word. A tail of odd length is read likewise, and its last byte added alone.
 *
 * Limits: reads and stores overlap within the range, so source and destination
 * must not.
 *
 * Source: RFC 1071 §2 (A) to (C), and its points (1), carries deferred, and (3),
 * copied in the same pass.
 */
#ifndef PACKET_CHECKSUM_KERNELS_H
#define PACKET_CHECKSUM_KERNELS_H

#include "packet/checksum.h"

extern const struct checksum_ops checksum_portable;
extern const struct checksum_ops checksum_avx2;
extern const struct checksum_ops checksum_avx512;
extern const struct checksum_ops checksum_neon;

/* Longest range for one lanes_pass(); even. Sums are exact below 2^34 bytes.  */
#define CHECKSUM_PART_BYTES ((size_t)1 << 30)

/**
 * checksum_parts() - Sum, or copy and sum, what is too long for one pass
 * @k:		Kernel for the parts
 * @dst:	NULL: sum only
 * @len:	More than CHECKSUM_PART_BYTES
 *
 * Return: the sum.
 */
uint32_t checksum_parts(const struct checksum_ops *k, void *dst,
			const void *src, size_t len);

#endif

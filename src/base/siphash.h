/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * siphash.h - SipHash-2-4, a keyed hash for short inputs
 *
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF".
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

/**
 * siphash_2_4() - Hash @len bytes at @data under a 16-byte key
 */
uint64_t siphash_2_4(const void *data, size_t len, const uint8_t key[16]);

#endif

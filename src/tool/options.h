/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - Values of options: numbers in a range
 *
 * Each prints one line on stderr ("tto: --mss 0: 1 to 65535") when it fails.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdint.h>

#include "base/compiler.h"

/**
 * options_u64() - Read an unsigned decimal number
 * @name:	Of the option, for the message
 * @text:	Digits and nothing else
 * @min:	Least that is allowed
 * @max:	Most that is allowed
 * @value:	Set on success only
 *
 * Return: 0 or -EINVAL.
 */
MUST_CHECK int options_u64(const char *name, const char *text, uint64_t min,
			   uint64_t max, uint64_t *value);

/** options_u32() - As options_u64(), for 32 bits */
MUST_CHECK int options_u32(const char *name, const char *text, uint32_t min,
			   uint32_t max, uint32_t *value);

/** options_bytes() - As options_u64(), and K, M or G may follow (powers of 1024) */
MUST_CHECK int options_bytes(const char *name, const char *text, uint64_t min,
			     uint64_t max, uint64_t *value);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spec.h - Words of a wire's specification, and the text of what is wrong
 *
 * "KIND:NAME[,OPTION[=VALUE]]...": ',' and ':' end a word; a backslash before
 * one of them, or before another backslash, takes its meaning away.
 */
#ifndef WIRE_SPEC_H
#define WIRE_SPEC_H

#include <stddef.h>

#include "wire/wire.h"

/**
 * spec_error() - Say why something failed: "what: why", one line
 * @error:	Written; NULL is allowed. Control characters become '?'; a @what
 *		that is too long is cut, never the why
 * @err:	-errno, returned as it is
 * @what:	What it is about: a file, an interface, an option
 * @format:	Why, as for printf(3)
 *
 * Return: @err.
 */
int spec_error(struct wire_error *error, int err, const char *what,
	       const char *format, ...) PRINTF_LIKE(4, 5);

/**
 * spec_word() - Take the next word off a specification
 * @out:	Room for @size bytes, NUL included
 * @spec:	Moved to the character that ended the word, or to the NUL
 * @stops:	Characters that end it, when there is no backslash before them
 *
 * Return: 0; -ENAMETOOLONG when @out is too small.
 */
MUST_CHECK int spec_word(char *out, size_t size, const char **spec,
			 const char *stops);

/**
 * spec_number() - A whole decimal number
 * @text:	Digits, nothing else
 *
 * Return: 0; -EINVAL when it is none; -ERANGE when it is above @max.
 */
MUST_CHECK int spec_number(const char *text, uint64_t max, uint64_t *out);

/** spec_probability() - A decimal number 0..1; Return: 0 or -EINVAL */
MUST_CHECK int spec_probability(const char *text, double *out);

#endif

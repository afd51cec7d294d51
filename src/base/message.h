/* SPDX-License-Identifier: BSD-2-Clause */
/* message.h - One line to the user on standard error */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

#include "base/compiler.h"

/* Of the program, before each line; "tto" unless it says otherwise. */
extern const char *message_program;

/**
 * message() - Print "tto: what: why" and a newline
 * @format:	printf format of "what: why"
 *
 * Always one line: control bytes, as a file name may contain, become "?". What
 * is longer than a few hundred bytes ends in "...".
 */
void message(const char *format, ...) PRINTF_LIKE(1, 2);

/**
 * message_errno() - Print "tto: what: why", where why is the text of an errno
 * @error:	errno or -errno
 * @format:	printf format of "what"
 */
void message_errno(int error, const char *format, ...) PRINTF_LIKE(2, 3);

#endif

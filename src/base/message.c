// SPDX-License-Identifier: BSD-2-Clause
/* message.c - One line to the user on standard error */
#include "base/message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 640
#define ELLIPSIS "..."

const char *message_program = "tto";

static void print_line(const char *format, va_list args, const char *why)
{
	char line[LINE_BYTES];
	int len = vsnprintf(line, sizeof(line), format, args);

	if (len >= LINE_BYTES)
		strcpy(line + LINE_BYTES - sizeof(ELLIPSIS), ELLIPSIS);
	for (char *p = line; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	fflush(stdout);
	fprintf(stderr, "%s: %s%s%s\n", message_program, line, why ? ": " : "",
		why ? why : "");
}

void message(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args, NULL);
	va_end(args);
}

void message_errno(int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	print_line(format, args, strerror(abs(error)));
	va_end(args);
}

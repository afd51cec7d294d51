// SPDX-License-Identifier: BSD-2-Clause
/* spec.c - Words of a wire's specification, and the text of what is wrong */
#include "wire/spec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define WHY_BYTES 128

int spec_error(struct wire_error *error, int err, const char *what,
	       const char *format, ...)
{
	char why[WHY_BYTES];
	va_list arguments;
	char *at;

	if (!error)
		return err;
	va_start(arguments, format);
	vsnprintf(why, sizeof(why), format, arguments);
	va_end(arguments);
	snprintf(error->text, sizeof(error->text), "%.*s: %s",
		 (int)(sizeof(error->text) - WHY_BYTES - 2), what, why);
	for (at = error->text; *at; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = '?';
	}
	return err;
}

static bool is_escaped(const char *at)
{
	return at[0] == '\\' && at[1] && strchr("\\,:", at[1]);
}

int spec_word(char *out, size_t size, const char **spec, const char *stops)
{
	const char *at = *spec;
	size_t n = 0;

	while (*at && !strchr(stops, *at)) {
		if (is_escaped(at))
			at++;
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		out[n++] = *at++;
	}
	out[n] = '\0';
	*spec = at;
	return 0;
}

int spec_number(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!*text)
		return -EINVAL;
	for (; *text; text++) {
		uint64_t digit = (uint64_t)*text - '0';

		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (digit > max || v > (max - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	*out = v;
	return 0;
}

int spec_probability(const char *text, double *out)
{
	char *end;
	double v = strtod(text, &end);

	/* Written so that NaN is refused. */
	if (end == text || *end || !(v >= 0 && v <= 1))
		return -EINVAL;
	*out = v;
	return 0;
}

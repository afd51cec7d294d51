// SPDX-License-Identifier: BSD-2-Clause
/* json.c - Write JSON to a stream, as it comes */
#include "base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void fail(struct json *j)
{
	if (!j->error)
		j->error = -EINVAL;
}

/*
 * Length of the UTF-8 sequence at @p, which a 0 ends; 0 when it is not one:
 * overlong, a surrogate, above U+10FFFF, cut short. Source: RFC 3629 §4.
 */
static unsigned sequence_length(const uint8_t *p)
{
	unsigned n, len = p[0] < 0x80 ? 1 :
			  p[0] < 0xc2 ? 0 :
			  p[0] < 0xe0 ? 2 :
			  p[0] < 0xf0 ? 3 :
			  p[0] < 0xf5 ? 4 : 0;

	for (n = 1; n < len; n++) {
		if ((p[n] & 0xc0) != 0x80)
			return 0;
	}
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

static void put_string(struct json *j, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	fputc('"', j->out);
	while (*p) {
		unsigned len = sequence_length(p);

		if (len == 0)
			fputs("\\ufffd", j->out);
		else if (*p == '"' || *p == '\\')
			fprintf(j->out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			fprintf(j->out, "\\u%04x", *p);
		else
			fwrite(p, 1, len, j->out);
		p += len ? len : 1;
	}
	fputc('"', j->out);
}

/* Comma, line and key before a value. Return: whether a value fits here. */
static bool begin_value(struct json *j, const char *key)
{
	bool in_object = j->depth && j->is_object[j->depth - 1];

	if (in_object != !!key || (!j->depth && !j->is_empty[0]))
		fail(j);
	if (j->error)
		return false;
	if (!j->is_empty[j->depth])
		fputc(',', j->out);
	j->is_empty[j->depth] = false;
	if (j->depth)
		fprintf(j->out, "\n%*s", 2 * (int)j->depth, "");
	if (key) {
		put_string(j, key);
		fputs(": ", j->out);
	}
	return true;
}

static void begin_container(struct json *j, const char *key, bool is_object)
{
	if (j->depth == JSON_DEPTH_MAX)
		fail(j);
	if (!begin_value(j, key))
		return;
	fputc(is_object ? '{' : '[', j->out);
	j->is_object[j->depth++] = is_object;
	j->is_empty[j->depth] = true;
}

static void end_container(struct json *j, bool is_object)
{
	if (!j->depth || j->is_object[j->depth - 1] != is_object)
		fail(j);
	if (j->error)
		return;
	if (!j->is_empty[j->depth--])
		fprintf(j->out, "\n%*s", 2 * (int)j->depth, "");
	fputc(is_object ? '}' : ']', j->out);
}

void json_begin(struct json *j, FILE *out)
{
	*j = (struct json){ .out = out, .is_empty = { true } };
}

int json_end(struct json *j)
{
	if (j->depth || j->is_empty[0])
		fail(j);
	fputc('\n', j->out);
	if (fflush(j->out) && !j->error)
		j->error = -errno;
	if (ferror(j->out) && !j->error)
		j->error = -EIO;
	return j->error;
}

void json_object_begin(struct json *j, const char *key)
{
	begin_container(j, key, true);
}

void json_object_end(struct json *j)
{
	end_container(j, true);
}

void json_array_begin(struct json *j, const char *key)
{
	begin_container(j, key, false);
}

void json_array_end(struct json *j)
{
	end_container(j, false);
}

void json_string(struct json *j, const char *key, const char *text)
{
	if (!begin_value(j, key))
		return;
	if (text)
		put_string(j, text);
	else
		fputs("null", j->out);
}

void json_u64(struct json *j, const char *key, uint64_t value)
{
	if (begin_value(j, key))
		fprintf(j->out, "%" PRIu64, value);
}

void json_i64(struct json *j, const char *key, int64_t value)
{
	if (begin_value(j, key))
		fprintf(j->out, "%" PRId64, value);
}

void json_double(struct json *j, const char *key, double value)
{
	char digits[32];

	if (!begin_value(j, key))
		return;
	snprintf(digits, sizeof(digits), "%.15g", value);
	if (strtod(digits, NULL) != value)
		snprintf(digits, sizeof(digits), "%.17g", value);
	fputs(isfinite(value) ? digits : "null", j->out);
}

void json_bool(struct json *j, const char *key, bool value)
{
	if (begin_value(j, key))
		fputs(value ? "true" : "false", j->out);
}

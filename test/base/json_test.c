// SPDX-License-Identifier: BSD-2-Clause
/*
 * json_test.c - What is written is JSON, whatever the input
 *
 * Source: RFC 8259; RFC 3629 for what UTF-8 is.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "base/json.h"

struct document {
	struct json j;
	FILE *stream;
	char *text;
	size_t len;
};

static void document_begin(struct document *d)
{
	d->stream = open_memstream(&d->text, &d->len);
	assert_non_null(d->stream);
	json_begin(&d->j, d->stream);
}

static int document_end(struct document *d)
{
	int err = json_end(&d->j);

	fclose(d->stream);
	return err;
}

static void expect(struct document *d, const char *text)
{
	assert_int_equal(document_end(d), 0);
	assert_string_equal(d->text, text);
	free(d->text);
}

static void values_in_their_places(void **state)
{
	struct document d;

	document_begin(&d);
	json_object_begin(&d.j, NULL);
	json_string(&d.j, "name", "eth1");
	json_u64(&d.j, "most", UINT64_MAX);
	json_i64(&d.j, "least", INT64_MIN);
	json_bool(&d.j, "yes", true);
	json_string(&d.j, "nothing", NULL);
	json_array_begin(&d.j, "list");
	json_bool(&d.j, NULL, false);
	json_object_begin(&d.j, NULL);
	json_object_end(&d.j);
	json_array_end(&d.j);
	json_array_begin(&d.j, "none");
	json_array_end(&d.j);
	json_object_end(&d.j);
	expect(&d, "{\n"
		   "  \"name\": \"eth1\",\n"
		   "  \"most\": 18446744073709551615,\n"
		   "  \"least\": -9223372036854775808,\n"
		   "  \"yes\": true,\n"
		   "  \"nothing\": null,\n"
		   "  \"list\": [\n"
		   "    false,\n"
		   "    {}\n"
		   "  ],\n"
		   "  \"none\": []\n"
		   "}\n");
}

static void doubles_come_back(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
		{ 0, "0\n" },
		{ -1.5, "-1.5\n" },
		{ 0.1, "0.1\n" },
		{ 1e300, "1e+300\n" },
		{ 1.0 / 3, "0.33333333333333331\n" },
		{ INFINITY, "null\n" },
		{ -INFINITY, "null\n" },
		{ NAN, "null\n" },
	};

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		struct document d;

		document_begin(&d);
		json_double(&d.j, NULL, rows[row].value);
		expect(&d, rows[row].text);
	}
}

static void strings_are_escaped(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "", "\"\"\n" },
		{ "a\"b\\c/", "\"a\\\"b\\\\c/\"\n" },
		{ "\n\t\x01\x1f\x7f", "\"\\u000a\\u0009\\u0001\\u001f\\u007f\"\n" },
		{ "\xc3\xa9", "\"\xc3\xa9\"\n" },
		{ "\x80x", "\"\\ufffdx\"\n" },			/* lone continuation */
		{ "\xc0\xaf", "\"\\ufffd\\ufffd\"\n" },		/* overlong          */
		{ "\xe0\x9f\xbf", "\"\\ufffd\\ufffd\\ufffd\"\n" }, /* overlong       */
		{ "\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\"\n" }, /* surrogate      */
		{ "\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\"\n" },
		{ "\xe2\x82", "\"\\ufffd\\ufffd\"\n" },		/* cut short         */
		{ "\xff\xfe", "\"\\ufffd\\ufffd\"\n" },
	};

	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		struct document d;

		document_begin(&d);
		json_string(&d.j, NULL, rows[row].in);
		expect(&d, rows[row].out);
	}
}

static size_t encode(uint32_t c, char *out)
{
	static const uint8_t lead[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

	for (size_t n = len; n > 1; n--, c >>= 6)
		out[n - 1] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)(lead[len] | c);
	return len;
}

/* Each that needs no escape is written as it is. */
static void every_code_point(void **state)
{
	static char text[4096 * 4 + 1];

	for (uint32_t first = 0x80; first < 0x110000; first += 4096) {
		struct document d;
		size_t len = 0;

		for (uint32_t c = first; c < first + 4096 && c < 0x110000; c++) {
			if (c < 0xd800 || c > 0xdfff)
				len += encode(c, text + len);
		}
		text[len] = '\0';
		document_begin(&d);
		json_string(&d.j, NULL, text);
		assert_int_equal(document_end(&d), 0);
		assert_int_equal(d.len, len + 3);
		assert_memory_equal(d.text + 1, text, len);
		free(d.text);
	}
}

/* Return: bytes of the UTF-8 sequence at @p; 0: none, by decoding it. */
static size_t decode(const char *p)
{
	char again[4];

	for (size_t len = 1; len <= 4; len++) {
		uint32_t c = (uint8_t)p[0] & (0xff >> (len + (len > 1)));

		for (size_t n = 1; n < len; n++) {
			if (!p[n])
				return 0;
			c = c << 6 | ((uint8_t)p[n] & 0x3f);
		}
		if (c < 0x110000 && (c < 0xd800 || c > 0xdfff) &&
		    encode(c, again) == len && !memcmp(again, p, len))
			return len;
	}
	return 0;
}

/* Bytes that favour the borders of UTF-8's table. */
static void random_bytes_become_utf8(void **state)
{
	static const uint8_t borders[] = {
		0x7e, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2,
		0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf3,
		0xf4, 0xf5, 0xff, '"',	'\\', 1,
	};
	uint32_t random = 1;

	for (int turn = 0; turn < 200000; turn++) {
		char text[9], model[128] = "\"";
		size_t at, len = 1, n;
		struct document d;

		for (n = 0; n < 8; n++) {
			random = random * 1664525 + 1013904223;
			text[n] = (char)borders[(random >> 16) %
						ARRAY_SIZE(borders)];
		}
		text[8] = '\0';
		for (at = 0; at < 8; at += n ? n : 1) {
			uint8_t c = (uint8_t)text[at];

			n = decode(text + at);
			if (n == 0)
				len += (size_t)sprintf(model + len, "\\ufffd");
			else if (c == 1 || c == 0x7f)
				len += (size_t)sprintf(model + len, "\\u%04x", c);
			else
				len += (size_t)sprintf(model + len, "%s%.*s",
					c == '"' || c == '\\' ? "\\" : "",
					(int)n, text + at);
		}
		strcpy(model + len, "\"\n");
		document_begin(&d);
		json_string(&d.j, NULL, text);
		expect(&d, model);
	}
}

static void too_deep(struct json *j)
{
	for (int n = 0; n <= JSON_DEPTH_MAX; n++)
		json_array_begin(j, NULL);
	for (int n = 0; n <= JSON_DEPTH_MAX; n++)
		json_array_end(j);
}

static void key_in_array(struct json *j)
{
	json_array_begin(j, NULL);
	json_u64(j, "key", 1);
	json_array_end(j);
}

static void no_key_in_object(struct json *j)
{
	json_object_begin(j, NULL);
	json_u64(j, NULL, 1);
	json_object_end(j);
}

static void crossed(struct json *j)
{
	json_object_begin(j, NULL);
	json_array_end(j);
	json_object_end(j);
}

static void two_values(struct json *j)
{
	json_u64(j, NULL, 1);
	json_u64(j, NULL, 2);
}

static void left_open(struct json *j)
{
	json_object_begin(j, NULL);
}

static void end_without_begin(struct json *j)
{
	json_object_end(j);
	json_u64(j, NULL, 1);
}

static void nothing_at_all(struct json *j)
{
	(void)j;
}

static void misuse_is_reported(void **state)
{
	static void (*const misuses[])(struct json *) = {
		too_deep,	  key_in_array, no_key_in_object,  crossed,
		two_values,	  left_open,	end_without_begin, nothing_at_all,
	};

	for (size_t n = 0; n < ARRAY_SIZE(misuses); n++) {
		struct document d;

		document_begin(&d);
		misuses[n](&d.j);
		if (document_end(&d) != -EINVAL)
			fail_msg("misuse %zu was not reported", n);
		free(d.text);
	}
}

static void deepest_is_fine(void **state)
{
	struct document d;

	document_begin(&d);
	for (int n = 0; n < JSON_DEPTH_MAX; n++)
		json_array_begin(&d.j, NULL);
	for (int n = 0; n < JSON_DEPTH_MAX; n++)
		json_array_end(&d.j);
	assert_int_equal(document_end(&d), 0);
	free(d.text);
}

static void a_full_disk_is_reported(void **state)
{
	FILE *full = fopen("/dev/full", "w");
	struct json j;

	if (!full) {
		print_message("no /dev/full\n");
		skip();
	}
	json_begin(&j, full);
	json_u64(&j, NULL, 1);
	assert_int_equal(json_end(&j), -ENOSPC);
	fclose(full);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_in_their_places),
		cmocka_unit_test(doubles_come_back),
		cmocka_unit_test(strings_are_escaped),
		cmocka_unit_test(every_code_point),
		cmocka_unit_test(random_bytes_become_utf8),
		cmocka_unit_test(misuse_is_reported),
		cmocka_unit_test(deepest_is_fine),
		cmocka_unit_test(a_full_disk_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

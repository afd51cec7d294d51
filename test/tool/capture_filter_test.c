// SPDX-License-Identifier: BSD-2-Clause
/* capture_filter_test.c - Which frames tto capture wants: by address and port */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "tool/capture/filter.h"

#define TCP 6
#define UDP 17

static const uint8_t v4[2][4] = { { 10, 0, 0, 1 }, { 10, 0, 0, 2 } };
static const uint8_t v6[2][16] = { { 0xfd, [15] = 1 }, { 0xfd, [15] = 2 } };

/* From port 1000 of .1 to port 80 of .2. Return: its length. */
static uint32_t make(uint8_t *frame, bool is_v6, bool has_tag, uint8_t protocol,
		     uint32_t options)
{
	uint8_t *at = frame + 12;
	uint32_t header = is_v6 ? 40 : 20 + options;

	memset(frame, 0, 200);
	if (has_tag) {
		store_be16(at, 0x8100);
		store_be16(at + 2, 5);
		at += 4;
	}
	store_be16(at, is_v6 ? 0x86dd : 0x0800);
	at += 2;
	if (is_v6) {
		at[0] = 0x60;
		at[6] = protocol;
		store_be16(at + 4, 20);
		memcpy(at + 8, v6[0], 16);
		memcpy(at + 24, v6[1], 16);
	} else {
		at[0] = (uint8_t)(0x40 | header / 4);
		at[9] = protocol;
		store_be16(at + 2, (uint16_t)(header + 20));
		memcpy(at + 12, v4[0], 4);
		memcpy(at + 16, v4[1], 4);
	}
	at += header;
	store_be16(at, 1000);
	store_be16(at + 2, 80);
	at[12] = 0x50;
	return (uint32_t)(at + 20 - frame);
}

static struct filter filter_for(const char *address, uint16_t port)
{
	struct filter f = { .port = port };

	if (address)
		assert_int_equal(filter_address(&f, address), 0);
	return f;
}

static void lib_5_either_side_is_asked_for(void **state)
{
	static const struct {
		bool is_v6, has_tag;
		uint8_t protocol;
		uint32_t options;
		const char *address;
		uint16_t port;
		bool passes;
	} cases[] = {
		/* 0 */ { false, false, TCP, 0, NULL, 0, true },
		/* 1 */ { false, false, TCP, 0, "10.0.0.1", 0, true },
		/* 2 */ { false, false, TCP, 0, "10.0.0.2", 0, true },
		/* 3 */ { false, false, TCP, 0, "10.0.0.3", 0, false },
		/* 4 */ { false, false, TCP, 0, NULL, 80, true },
		/* 5 */ { false, false, TCP, 0, NULL, 1000, true },
		/* 6 */ { false, false, TCP, 0, NULL, 1001, false },
		/* 7 */ { false, false, TCP, 0, "10.0.0.2", 80, true },
		/* 8 */ { false, false, TCP, 0, "10.0.0.2", 81, false },
		/* 9 */ { false, false, TCP, 0, "10.0.0.3", 80, false },
		/* 10 */ { false, true, TCP, 0, "10.0.0.1", 80, true },
		/* 11 */ { false, false, TCP, 12, NULL, 80, true },
		/* 12 */ { false, false, UDP, 0, NULL, 80, true },
		/* 13 */ { false, false, 1, 0, NULL, 80, false },
		/* 14 */ { false, false, 1, 0, "10.0.0.1", 0, true },
		/* 15 */ { true, false, TCP, 0, "fd00::1", 80, true },
		/* 16 */ { true, true, TCP, 0, "fd00::2", 1000, true },
		/* 17 */ { true, false, TCP, 0, "fd00::3", 0, false },
		/* 18 */ { true, false, TCP, 0, "10.0.0.1", 0, false },
		/* 19 */ { false, false, TCP, 0, "fd00::1", 0, false },
		/* 20 */ { true, false, 43, 0, NULL, 80, false },
	};
	uint8_t frame[200];

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct filter f = filter_for(cases[n].address, cases[n].port);
		uint32_t len = make(frame, cases[n].is_v6, cases[n].has_tag,
				    cases[n].protocol, cases[n].options);

		if (filter_passes(&f, frame, len) != cases[n].passes)
			fail_msg("case %zu", n);
	}
}

static void lib_5_later_fragments_have_no_ports(void **state)
{
	struct filter f = filter_for(NULL, 80);
	uint8_t frame[200];
	uint32_t len = make(frame, false, false, TCP, 0);

	store_be16(frame + 14 + 6, 0x2000);
	assert_true(filter_passes(&f, frame, len));
	store_be16(frame + 14 + 6, 0x2001);
	assert_false(filter_passes(&f, frame, len));
	f = filter_for("10.0.0.1", 0);
	assert_true(filter_passes(&f, frame, len));
}

/* Whatever is cut off, nothing behind the end is read: memory that ends there. */
static void lib_5_a_frame_that_is_cut_is_not_overread(void **state)
{
	struct filter f = filter_for(NULL, 80);
	uint8_t frame[200];

	for (unsigned kind = 0; kind < 8; kind++) {
		uint32_t len = make(frame, kind & 1, kind & 2, TCP, kind & 4 ? 40 : 0);
		uint32_t header = len - 20;

		for (uint32_t n = 0; n <= len; n++) {
			uint8_t *cut = malloc(n ? n : 1);

			assert_non_null(cut);
			memcpy(cut, frame, n);
			assert_int_equal(filter_passes(&f, cut, n), n >= header + 4);
			free(cut);
		}
	}
}

static void lib_5_what_is_no_address_is_refused(void **state)
{
	static const char *const wrong[] = { "", "x", "10.0.0", "10.0.0.0/8", "::g",
					     "10.0.0.1 ", "fd00::1%lo" };
	struct filter f = { 0 };

	for (size_t n = 0; n < ARRAY_SIZE(wrong); n++) {
		if (filter_address(&f, wrong[n]) != -EINVAL)
			fail_msg("case %zu", n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_either_side_is_asked_for),
		cmocka_unit_test(lib_5_later_fragments_have_no_ports),
		cmocka_unit_test(lib_5_a_frame_that_is_cut_is_not_overread),
		cmocka_unit_test(lib_5_what_is_no_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

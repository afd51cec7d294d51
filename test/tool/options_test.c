// SPDX-License-Identifier: BSD-2-Clause
/* options_test.c - Numbers of the command line: all of it a number, in range */
#include "tool/options.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/compiler.h"

#define UNTOUCHED 0xa5a5a5a5a5a5a5a5

struct row {
	const char *text;
	uint64_t min, max;
	int err;
	uint64_t value;
};

static void check(const struct row *rows, size_t n,
		  int (*read)(const char *, const char *, uint64_t, uint64_t,
			      uint64_t *))
{
	for (size_t row = 0; row < n; row++) {
		const struct row *r = &rows[row];
		uint64_t value = UNTOUCHED;
		int err = read("--n", r->text, r->min, r->max, &value);

		if (err != r->err || value != (err ? UNTOUCHED : r->value))
			fail_msg("row %zu, \"%s\": %d, %#llx", row + 1, r->text,
				 err, (unsigned long long)value);
	}
}

static void numbers(void **state)
{
	static const struct row rows[] = {
		/*  1 */ { "0", 0, 9, 0, 0 },
		/*  2 */ { "9", 0, 9, 0, 9 },
		/*  3 */ { "10", 0, 9, -EINVAL, 0 },
		/*  4 */ { "0", 1, 9, -EINVAL, 0 },
		/*  5 */ { "007", 0, 9, 0, 7 },
		/*  6 */ { "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
		/*  7 */ { "18446744073709551616", 0, UINT64_MAX, -EINVAL, 0 },
		/*  8 */ { "99999999999999999999999", 0, UINT64_MAX, -EINVAL, 0 },
		/*  9 */ { "", 0, 9, -EINVAL, 0 },
		/* 10 */ { "-1", 0, UINT64_MAX, -EINVAL, 0 },
		/* 11 */ { "+1", 0, 9, -EINVAL, 0 },
		/* 12 */ { " 1", 0, 9, -EINVAL, 0 },
		/* 13 */ { "1 ", 0, 9, -EINVAL, 0 },
		/* 14 */ { "1x", 0, 9, -EINVAL, 0 },
		/* 15 */ { "0x1", 0, 9, -EINVAL, 0 },
		/* 16 */ { "1.5", 0, 9, -EINVAL, 0 },
		/* 17 */ { "1K", 0, 9999, -EINVAL, 0 },
		/* 18 */ { "one", 0, 9, -EINVAL, 0 },
	};

	check(rows, ARRAY_SIZE(rows), options_u64);
}

static void sizes(void **state)
{
	static const struct row rows[] = {
		/*  1 */ { "64K", 0, 65536, 0, 65536 },
		/*  2 */ { "65K", 0, 65536, -EINVAL, 0 },
		/*  3 */ { "3M", 0, UINT64_MAX, 0, 3 << 20 },
		/*  4 */ { "16G", 0, UINT64_MAX, 0, 16ULL << 30 },
		/*  5 */ { "17179869184G", 0, UINT64_MAX, -EINVAL, 0 },
		/*  6 */ { "17179869183G", 0, UINT64_MAX, 0, 17179869183ULL << 30 },
		/*  7 */ { "K", 0, 9, -EINVAL, 0 },
		/*  8 */ { "1KB", 0, UINT64_MAX, -EINVAL, 0 },
		/*  9 */ { "1k", 0, UINT64_MAX, -EINVAL, 0 },
		/* 10 */ { "1T", 0, UINT64_MAX, -EINVAL, 0 },
	};

	check(rows, ARRAY_SIZE(rows), options_bytes);
}

static void thirty_two_bits(void **state)
{
	uint32_t value = 7;

	assert_int_equal(options_u32("--n", "4294967296", 0, UINT32_MAX, &value),
			 -EINVAL);
	assert_int_equal(value, 7);
	assert_int_equal(options_u32("--n", "4294967295", 0, UINT32_MAX, &value),
			 0);
	assert_true(value == UINT32_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(sizes),
		cmocka_unit_test(thirty_two_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

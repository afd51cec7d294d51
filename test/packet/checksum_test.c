/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * checksum_test.c - Every checksum kernel of this CPU against a byte-wise model
 *
 * What RX-15 (verify before merging) and TX-5 (checksums by the device) rest on.
 * Source: RFC 1071 §1, §2 (A), (B), §3 (the numeric example).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "packet/checksum.h"

#define REGION_BYTES (1u << 18)
#define BESIDE_BYTES 128u	/* looked at before and behind a destination    */
#define UNTOUCHED 0xa5

/* Memory between two pages that must not be touched. */
struct region {
	uint8_t *start, *end;
};

static struct region from, to;
static const struct checksum_ops *kernels[4];
static size_t n_kernels;
static uint64_t seed = 20240611;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1dULL >> 16;
}

static size_t random_below(size_t n)
{
	return next_random() % n;
}

/* The model: bytes have weight 256 and 1 in turn, carries go around. */
static uint16_t model(const uint8_t *p, size_t len)
{
	uint64_t s = 0;
	uint16_t native;
	size_t at;

	for (at = 0; at < len; at++)
		s += at & 1 ? p[at] : (uint64_t)p[at] << 8;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	store_be16(&native, (uint16_t)s);
	return native;
}

static void region_map(struct region *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = mmap(NULL, REGION_BYTES + 2 * page, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(p != MAP_FAILED);
	r->start = p + page;
	r->end = r->start + REGION_BYTES;
	assert_int_equal(
		mprotect(r->start, REGION_BYTES, PROT_READ | PROT_WRITE), 0);
}

static void randomise(uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at++)
		p[at] = (uint8_t)next_random();
}

static void expect_sum(const struct checksum_ops *k, const uint8_t *p,
		       size_t len, uint32_t sum, const char *what)
{
	uint16_t expected = model(p, len), got = checksum_fold(sum);

	if (got != expected)
		fail_msg("%s %s: %zu bytes at ...%02x: %04x, expected %04x",
			 k->name, what, len, (unsigned)((uintptr_t)p & 0xff),
			 got, expected);
}

static void expect_untouched(const struct checksum_ops *k, const uint8_t *p,
			     const uint8_t *end, size_t len)
{
	for (; p < end; p++)
		if (*p != UNTOUCHED)
			fail_msg("%s copy of %zu bytes wrote outside", k->name,
				 len);
}

static uint8_t *at_least(uint8_t *p, uint8_t *limit)
{
	return (size_t)(p - limit) < BESIDE_BYTES ? limit : p - BESIDE_BYTES;
}

static uint8_t *at_most(uint8_t *p, uint8_t *limit)
{
	return (size_t)(limit - p) < BESIDE_BYTES ? limit : p + BESIDE_BYTES;
}

/* One range through sum and copy of one kernel. */
static void check(const struct checksum_ops *k, const uint8_t *src,
		  uint8_t *dst, size_t len)
{
	uint8_t *first = at_least(dst, to.start);
	uint8_t *last = at_most(dst + len, to.end);

	memset(first, UNTOUCHED, (size_t)(last - first));
	expect_sum(k, src, len, k->sum(src, len), "sum");
	expect_sum(k, src, len, k->copy(dst, src, len), "copy");
	if (memcmp(dst, src, len))
		fail_msg("%s copied %zu bytes wrongly", k->name, len);
	expect_untouched(k, first, dst, len);
	expect_untouched(k, dst + len, last, len);
}

/* Each kernel; source and destination against the guards at either end. */
static void check_everywhere(size_t len, size_t src_at, size_t dst_at)
{
	for (size_t n = 0; n < n_kernels; n++) {
		const struct checksum_ops *k = kernels[n];

		check(k, from.start + src_at, to.start + dst_at, len);
		check(k, from.end - len - src_at, to.end - len - dst_at, len);
	}
}

static void every_short_length_at_every_alignment(void **state)
{
	for (size_t len = 0; len <= 600; len++)
		for (size_t at = 0; at < 64; at++)
			check_everywhere(len, at, (len + 7 * at) % 64);
}

static void random_lengths_at_random_alignments(void **state)
{
	for (unsigned n = 0; n < 3000; n++)
		check_everywhere(random_below(3001), random_below(64),
				 random_below(64));
}

static void long_ranges(void **state)
{
	static const size_t lens[] = { 65535, 65536, 131072, 131073, 200001 };

	for (size_t n = 0; n < ARRAY_SIZE(lens); n++)
		for (size_t at = 0; at < 64; at += 1 + random_below(9))
			check_everywhere(lens[n], at, random_below(64));
}

/* In memory of exactly that size: for the address sanitizer. */
static void exact_allocations(void **state)
{
	for (size_t len = 0; len <= 1600; len += 1 + random_below(5)) {
		uint8_t *src = malloc(len), *dst = malloc(len);

		assert_true(!len || (src && dst));
		randomise(src, len);
		for (size_t n = 0; n < n_kernels; n++) {
			const struct checksum_ops *k = kernels[n];

			expect_sum(k, src, len, k->sum(src, len), "sum");
			expect_sum(k, src, len, k->copy(dst, src, len), "copy");
			assert_true(!len || !memcmp(dst, src, len));
		}
		free(src);
		free(dst);
	}
}

/* 0 if and only if all bytes are 0: +0 and -0 are told apart. */
static void zero_means_all_zero(void **state)
{
	static const size_t lens[] = { 1,   2,	 16,   63,    64,    65, 200,
				       511, 512, 1448, 1460, 65536 };

	for (size_t n = 0; n < ARRAY_SIZE(lens) * n_kernels; n++) {
		const struct checksum_ops *k = kernels[n % n_kernels];
		size_t len = lens[n / n_kernels], at = random_below(64);
		uint8_t *p = from.start + at;

		memset(p, 0, len);
		assert_int_equal(k->sum(p, len), 0);
		assert_int_equal(k->copy(to.start, p, len), 0);
		p[random_below(len)] = 1;
		assert_int_not_equal(checksum_fold(k->sum(p, len)), 0);
		memset(p, 0xff, len);
		assert_int_not_equal(checksum_fold(k->sum(p, len)), 0);
		expect_sum(k, p, len, k->copy(to.start, p, len), "of 0xff");
	}
	randomise(from.start, REGION_BYTES);
}

/* Nearly all ones, and a little: folding to 32 bits carries once more. */
static void carries_go_around_twice(void **state)
{
	for (size_t n = 0; n < 400; n++) {
		const struct checksum_ops *k = kernels[n % n_kernels];
		size_t len = 64 + random_below(2000);
		uint8_t *p = from.start + random_below(64);

		memset(p, 0xff, len);
		store32(p + 4 * random_below(len / 4), 1 + random_below(9));
		expect_sum(k, p, len, k->sum(p, len), "of nearly all ones");
	}
	randomise(from.start, REGION_BYTES);
}

/* RFC 1071 §2 (A), (B): parts add up, those at odd offsets swapped. */
static void parts_add_up_to_the_whole(void **state)
{
	for (unsigned n = 0; n < 5000; n++) {
		const struct checksum_ops *k = kernels[n % n_kernels];
		size_t len = random_below(3001), cut[4] = { 0, 0, 0, len };
		const uint8_t *p = from.start + random_below(64);
		uint32_t s = 0;

		cut[2] = random_below(len + 1);
		cut[1] = random_below(cut[2] + 1);
		for (unsigned part = 0; part < 3; part++) {
			uint32_t more = k->sum(p + cut[part],
					       cut[part + 1] - cut[part]);

			s = checksum_add(s,
					 checksum_shift(more, cut[part] & 1));
		}
		expect_sum(k, p, len, s, "of three parts");
	}
}

static void header_sum_is_the_sum(void **state)
{
	for (size_t len = 0; len <= 256; len++)
		for (size_t n = 0; n < n_kernels; n++) {
			const uint8_t *p = from.start + random_below(1000);

			assert_int_equal(checksum_fold(checksum_header(p, len)),
					 checksum_fold(kernels[n]->sum(p, len)));
		}
}

static void adding_folding_negating(void **state)
{
	static const uint32_t edge[] = { 0,	     1,		 0xfffe,
					 0xffff,     0x10000,	 0xffff0000,
					 0xfffffffe, 0xffffffff, 0x80008000 };

	for (unsigned n = 0; n < 100000; n++) {
		uint32_t a = n < 81 ? edge[n / 9] : (uint32_t)next_random();
		uint32_t b = n < 81 ? edge[n % 9] : (uint32_t)next_random();
		uint16_t fold = checksum_fold(a);

		/* Modulo 0xffff, and 0 only from 0. */
		assert_int_equal(fold % 0xffff, a % 0xffff);
		assert_int_equal(!fold, !a);
		assert_int_equal(checksum_add(a, b) % 0xffffu,
				 ((uint64_t)a + b) % 0xffff);
		assert_int_equal(!checksum_add(a, b), !a && !b);
		/* What is taken away is gone; -0 for nothing left. */
		assert_int_equal(checksum_fold(checksum_add(a,
							    checksum_negate(a))),
				 0xffff);
		b = checksum_add(checksum_add(a, b), checksum_negate(b));
		assert_int_equal(checksum_fold(b) % 0xffff, fold % 0xffff);
		/* Twice at an odd offset is an even offset. */
		assert_int_equal(checksum_shift(checksum_shift(a, true), true),
				 fold);
		assert_int_equal(checksum_shift(a, false), a);
	}
}

/* RFC 1071 §3. */
static void example_of_rfc_1071(void **state)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03,
					 0xf4, 0xf5, 0xf6, 0xf7 };

	for (size_t n = 0; n < n_kernels; n++) {
		uint16_t s = checksum_fold(kernels[n]->sum(bytes, 8));

		assert_int_equal(load_be16(&s), 0xddf2);
	}
}

#define PIECE ((size_t)1 << 20)
#define GIB_PIECES 1024u
#define SUM_PIECES (4 * GIB_PIECES + 4)
#define COPY_PIECES (GIB_PIECES + 6)

/* A file of PIECE bytes, mapped again and again; NULL: this machine refuses. */
static uint8_t *map_repeatedly(size_t bytes, int prot, const uint8_t *fill)
{
	int fd = memfd_create("checksum_test", 0);
	uint8_t *p = mmap(NULL, bytes, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	bool ok = fd >= 0 && p != MAP_FAILED &&
		  pwrite(fd, fill, PIECE, 0) == (ssize_t)PIECE;

	for (size_t at = 0; ok && at < bytes; at += PIECE)
		ok = mmap(p + at, PIECE, prot, MAP_SHARED | MAP_FIXED, fd, 0) !=
		     MAP_FAILED;
	if (fd >= 0)
		close(fd);
	if (!ok && p != MAP_FAILED)
		munmap(p, bytes);
	return ok ? p : NULL;
}

/* @one: sum of the piece that @src repeats. */
static void check_gigabytes(const struct checksum_ops *k, const uint8_t *src,
			    uint8_t *dst, uint64_t one)
{
	size_t last = SUM_PIECES * PIECE - 1;
	uint32_t s = k->sum(src + 1, last - 1);

	s = checksum_add(s, k->sum(src + last, 1));
	s = checksum_add(k->sum(src, 1), checksum_shift(s, true));
	assert_int_equal(checksum_fold(s) % 0xffff, one * SUM_PIECES % 0xffff);

	memset(dst, 0, PIECE);
	memset(dst + GIB_PIECES * PIECE, 0, (COPY_PIECES - GIB_PIECES) * PIECE);
	s = k->copy(dst, src, COPY_PIECES * PIECE);
	assert_int_equal(checksum_fold(s) % 0xffff, one * COPY_PIECES % 0xffff);
	for (size_t at = GIB_PIECES - 1; at < COPY_PIECES; at++)
		assert_memory_equal(dst + at * PIECE, src, PIECE);
}

/* Accumulators must not overflow, nor lengths be cut to 32 bits. */
static void more_than_4_gib(void **state)
{
	static uint8_t fill[PIECE];
	uint8_t *src = NULL, *dst = NULL, *behind = MAP_FAILED;
	uint64_t one;

#ifndef __OPTIMIZE__
	print_message("would take long without optimisation\n");
	skip();
#endif
	for (size_t at = 0; at < PIECE; at++)
		fill[at] = (uint8_t)next_random() | 0xc0;
	one = model(fill, PIECE);
	if (sizeof(size_t) > 4) {
		src = map_repeatedly(SUM_PIECES * PIECE, PROT_READ, fill);
		dst = map_repeatedly(COPY_PIECES * PIECE,
				     PROT_READ | PROT_WRITE, fill);
	}
	if (src && dst)	/* behind the first GiB other memory than before */
		behind = mmap(dst + GIB_PIECES * PIECE,
			      (COPY_PIECES - GIB_PIECES) * PIECE,
			      PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (behind == MAP_FAILED) {
		print_message("no address space for 4 GiB\n");
		skip();
	}
	for (size_t n = 0; n < n_kernels; n++)
		check_gigabytes(kernels[n], src, dst, one);
	munmap(src, SUM_PIECES * PIECE);
	munmap(dst, COPY_PIECES * PIECE);
}

static void selection_by_name(void **state)
{
	assert_non_null(checksum_select(NULL));
	assert_ptr_equal(checksum_select(NULL), kernels[0]);
	assert_null(checksum_select("no such kernel"));
	assert_null(checksum_select(""));
	assert_non_null(checksum_select("portable"));
	assert_null(checksum_select("port"));
	for (size_t n = 0; n < n_kernels; n++)
		assert_ptr_equal(checksum_select(kernels[n]->name), kernels[n]);
}

/* The kernels of this CPU, best first. */
static int set_up(void **state)
{
	static const char *const names[] = { "avx512", "avx2", "neon",
					     "portable" };

	for (size_t n = 0; n < ARRAY_SIZE(names); n++) {
		const struct checksum_ops *k = checksum_select(names[n]);

		if (k) {
			assert_string_equal(k->name, names[n]);
			kernels[n_kernels++] = k;
		}
		print_message("%s: %s\n", names[n], k ? "tested" : "not here");
	}
	region_map(&from);
	region_map(&to);
	randomise(from.start, REGION_BYTES);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selection_by_name),
		cmocka_unit_test(example_of_rfc_1071),
		cmocka_unit_test(every_short_length_at_every_alignment),
		cmocka_unit_test(random_lengths_at_random_alignments),
		cmocka_unit_test(long_ranges),
		cmocka_unit_test(exact_allocations),
		cmocka_unit_test(zero_means_all_zero),
		cmocka_unit_test(carries_go_around_twice),
		cmocka_unit_test(parts_add_up_to_the_whole),
		cmocka_unit_test(header_sum_is_the_sum),
		cmocka_unit_test(adding_folding_negating),
		cmocka_unit_test(more_than_4_gib),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}

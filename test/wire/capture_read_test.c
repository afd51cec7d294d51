// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_read_test.c - The reader on files made byte by byte
 *
 * What tto coalesce and tto segment rest on. Source: draft-ietf-opsawg-pcap;
 * draft-ietf-opsawg-pcapng §3, §4.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image.h"
#include "wire/capture.h"

#define NS 1000000000ULL

static struct image image;

static void setup_image(bool big)
{
	memset(&image, 0, sizeof(image));
	image.big = big;
}

/* Return: of opening; the error's text is in @error either way. */
static int open_image(struct capture **c, struct wire_error *error, FILE **file)
{
	error->text[0] = '\0';
	*file = fmemopen(image.b, image.n ? image.n : 1, "rb");
	assert_non_null(*file);
	if (image.n == 0)
		assert_int_equal(fgetc(*file), 0);
	return capture_open_file(c, *file, "in.pcap", error);
}

static struct capture *must_open(FILE **file)
{
	struct wire_error error;
	struct capture *c;

	if (open_image(&c, &error, file))
		fail_msg("%s", error.text);
	return c;
}

/* Opens and reads all. Return: the number of packets; the text of an error. */
static int read_image(char *text)
{
	struct capture_packet p;
	struct wire_error error;
	struct capture *c;
	FILE *file;
	int n = 0, got = open_image(&c, &error, &file);

	strcpy(text, error.text);
	if (got == 0) {
		while ((got = capture_next(c, &p)) == 1)
			n++;
		if (got)
			strcpy(text, capture_error(c));
		assert_int_equal(capture_next(c, &p), got);
		capture_close(c);
	}
	fclose(file);
	return n;
}

static void expect(struct capture *c, const char *data, uint32_t full_len,
		   ns_t time, uint16_t linktype)
{
	struct capture_packet p;

	if (capture_next(c, &p) != 1)
		fail_msg("\"%s\" expected: %s", data, capture_error(c));
	assert_int_equal(p.len, strlen(data));
	assert_memory_equal(p.data, data, p.len);
	assert_int_equal(p.full_len, full_len);
	assert_int_equal(p.time, time);
	assert_int_equal(p.linktype, linktype);
}

static void expect_end(struct capture *c, FILE *file)
{
	struct capture_packet p;
	int got = capture_next(c, &p);

	if (got)
		fail_msg("end expected: %d %s", got, capture_error(c));
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
	fclose(file);
}

/* ---- pcap ------------------------------------------------------------------ */

static void pcap_both_orders_us_ns_and_modified(void **state)
{
	static const struct {
		uint32_t magic, unit;
		bool longer;
	} cases[] = {
		{ 0xa1b2c3d4, 1000, false },
		{ 0xa1b23c4d, 1, false },
		{ 0xa1b2cd34, 1000, true },
	};

	for (size_t n = 0; n < 2 * ARRAY_SIZE(cases); n++) {
		struct capture *c;
		FILE *file;

		setup_image(n % 2);
		/* The upper bits say that frames end with a 4-byte FCS. */
		put_pcap(&image, cases[n / 2].magic, 4, 0x24000000 | 113);
		for (int packet = 0; packet < 2; packet++) {
			put32(&image, 1700000000);
			put32(&image, 999999 + (uint32_t)packet);
			put32(&image, 3);
			put32(&image, 60);
			if (cases[n / 2].longer)
				put64(&image, 0x1122334455667788);
			put_text(&image, packet ? "two" : "one");
		}
		c = must_open(&file);
		expect(c, "one", 60,
		       1700000000 * NS + 999999ULL * cases[n / 2].unit, 113);
		expect(c, "two", 60,
		       1700000000 * NS + 1000000ULL * cases[n / 2].unit, 113);
		expect_end(c, file);
	}
}

static void pcap_old_versions_swap_lengths(void **state)
{
	struct capture *c;
	FILE *file;

	for (uint16_t minor = 2; minor <= 4; minor++) {
		setup_image(false);
		put_pcap(&image, 0xa1b2c3d4, minor, 1);
		put32(&image, 5);
		put32(&image, 0);
		put32(&image, minor < 4 ? 60 : 4);
		put32(&image, minor < 4 ? 4 : 60);
		put_text(&image, "data");
		c = must_open(&file);
		expect(c, "data", 60, 5 * NS, 1);
		expect_end(c, file);
	}
}

/* ---- pcapng ---------------------------------------------------------------- */

static void pcapng_sections_interfaces_and_packet_blocks(void **state)
{
	struct capture *c;
	FILE *file;

	setup_image(false);
	for (int big = 0; big < 2; big++) {
		put_section(&image, big);
		put_interface(&image, big ? 101 : 1);
		open_block(&image, 0x0bad);	/* unknown */
		put_text(&image, "something else");
		close_block(&image);
		open_interface(&image, 113, 4);
		close_block(&image);
		put_packet(&image, 1, 1000000, "enhanced");
		open_block(&image, 2);		/* obsolete */
		put16(&image, 0);
		put16(&image, 7);
		put64(&image, 0);
		put32(&image, 3);
		put32(&image, 90);
		put_text(&image, "old");
		close_block(&image);
		open_block(&image, 3);		/* simple: of interface 0 */
		put32(&image, 6);
		put_text(&image, "simple");
		close_block(&image);
	}
	c = must_open(&file);
	for (int big = 0; big < 2; big++) {
		expect(c, "enhanced", 8, NS, 113);
		expect(c, "old", 90, 0, big ? 101 : 1);
		expect(c, "simple", 6, 0, big ? 101 : 1);
	}
	expect_end(c, file);
}

static void pcapng_simple_packet_is_cut_by_the_snap_length(void **state)
{
	struct capture *c;
	FILE *file;

	setup_image(true);
	put_section(&image, true);
	open_interface(&image, 1, 5);
	close_block(&image);
	open_block(&image, 3);
	put32(&image, 1500);
	put_text(&image, "short");
	close_block(&image);
	c = must_open(&file);
	expect(c, "short", 1500, 0, 1);
	expect_end(c, file);
}

static void pcapng_time_resolutions_and_offsets(void **state)
{
	static const struct {
		uint8_t resolution;
		int64_t offset;
		uint64_t units;
		ns_t ns;
	} cases[] = {
		/* 0 */ { 6, 0, 1234567, 1234567000 },
		/* 1 */ { 9, 0, 1700000000123456789, 1700000000123456789 },
		/* 2 */ { 0, 0, 77, 77 * NS },
		/* 3 */ { 12, 0, 1999, 1 },
		/* 4 */ { 19, 0, 10000000000, 1 },
		/* 5 */ { 127, 0, UINT64_MAX, 0 },
		/* 6 */ { 0x80 | 10, 0, 1024 + 512, NS + NS / 2 },
		/* 7 */ { 0x80 | 32, 0, 3ULL << 31, NS + NS / 2 },
		/* 8 */ { 0x80 | 63, 0, 1ULL << 63, NS },
		/* 9 */ { 0x80 | 127, 0, UINT64_MAX, 0 },
		/* 10 */ { 6, 1000, 5, 1000 * NS + 5000 },
		/* 11 */ { 6, -1, 1500000, NS / 2 },
		/* 12 */ { 6, -2, 1500000, 0 },
		/* 13 */ { 6, 0, UINT64_MAX, NS_NEVER - 1 },
		/* 14 */ { 6, INT64_MAX, 0, NS_NEVER - 1 },
		/* 15 */ { 6, INT64_MIN, UINT64_MAX, 0 },
	};

	for (size_t n = 0; n < 2 * ARRAY_SIZE(cases); n++) {
		struct capture *c;
		FILE *file;

		setup_image(false);
		put_section(&image, n % 2);
		open_interface(&image, 1, 0);
		put16(&image, 14);
		put16(&image, 8);
		put64(&image, (uint64_t)cases[n / 2].offset);
		put_option(&image, 9, &cases[n / 2].resolution, 1);
		put32(&image, 0);
		close_block(&image);
		put_packet(&image, 0, cases[n / 2].units, "x");
		c = must_open(&file);
		expect(c, "x", 1, cases[n / 2].ns, 1);
		expect_end(c, file);
	}
}

static void pcapng_first_comment_and_direction(void **state)
{
	static char longest[CAPTURE_COMMENT_MAX + 1];
	struct capture_packet p;
	struct capture *c;
	FILE *file;

	memset(longest, 'c', CAPTURE_COMMENT_MAX);
	setup_image(true);
	put_section(&image, true);
	put_interface(&image, 1);
	open_packet(&image, 0, 0, "one");
	put16(&image, 2);
	put16(&image, 4);
	put32(&image, 0x1fc | CAPTURE_OUT);
	put_option(&image, 1, "tto: joined 2", 13);
	put_option(&image, 1, "another", 7);
	put32(&image, 0);
	put_text(&image, "behind the end");
	close_block(&image);
	put_packet(&image, 0, 0, "two");
	open_packet(&image, 0, 0, "three");
	put_option(&image, 1, longest, CAPTURE_COMMENT_MAX);
	close_block(&image);	/* no end of options: allowed */
	c = must_open(&file);
	assert_int_equal(capture_next(c, &p), 1);
	assert_string_equal(p.comment, "tto: joined 2");
	assert_int_equal(p.direction, CAPTURE_OUT);
	assert_int_equal(capture_next(c, &p), 1);
	assert_null(p.comment);
	assert_int_equal(p.direction, CAPTURE_UNKNOWN);
	assert_int_equal(capture_next(c, &p), 1);
	assert_string_equal(p.comment, longest);
	expect_end(c, file);
}

static void put_named(uint16_t linktype, const char *name)
{
	open_interface(&image, linktype, 0);
	put_option(&image, 2, name, (uint16_t)strlen(name));
	close_block(&image);
}

/* As when a program writes a section each time it is started. */
static void pcapng_an_interface_is_the_same_in_the_next_section(void **state)
{
	static const uint32_t wanted[] = { 0, 1, 0, 2, 3, 2 };
	struct capture_interface i;
	struct capture_packet p;
	struct capture *c;
	FILE *file;

	setup_image(false);
	put_section(&image, false);
	put_named(1, "eth0");
	put_named(101, "tun0");
	put_packet(&image, 0, 0, "0");
	put_packet(&image, 1, 0, "1");
	put_section(&image, true);
	put_named(1, "eth0");
	put_named(101, "tun1");
	put_packet(&image, 0, 0, "0");
	put_packet(&image, 1, 0, "2");
	put_section(&image, false);
	put_named(113, "eth0");
	put_named(101, "tun1");
	put_packet(&image, 0, 0, "3");
	put_packet(&image, 1, 0, "2");
	c = must_open(&file);
	for (size_t n = 0; n < ARRAY_SIZE(wanted); n++) {
		assert_int_equal(capture_next(c, &p), 1);
		assert_int_equal(p.interface, wanted[n]);
	}
	assert_true(capture_get_interface(c, 2, &i));
	assert_int_equal(i.linktype, 101);
	assert_string_equal(i.name, "tun1");
	assert_false(capture_get_interface(c, 4, &i));
	expect_end(c, file);
}

/* ---- What is wrong ---------------------------------------------------------- */

static void good_pcap(void)
{
	setup_image(false);
	put_pcap(&image, 0xa1b2c3d4, 4, 1);
	put_record(&image, 1, 2, "first", 5);
	put_record(&image, 3, 4, "second", 6);
}

static void good_pcapng(void)
{
	setup_image(false);
	put_section(&image, false);
	put_interface(&image, 1);
	put_packet(&image, 0, 1, "first");
	open_packet(&image, 0, 2, "second");
	put_option(&image, 1, "comment", 7);
	put32(&image, 0);
	close_block(&image);
}

/* Both good files have two packets; where a packet of them ends, and the file. */
static void cut_anywhere_says_where(void **state)
{
	void (*const make[])(void) = { good_pcap, good_pcapng };
	char text[512];

	for (size_t f = 0; f < ARRAY_SIZE(make); f++) {
		size_t whole, n, clean = 0;

		make[f]();
		whole = image.n;
		for (n = 4; n < whole; n++) {
			char wanted[64];
			int packets;

			make[f]();
			image.n = n;
			packets = read_image(text);
			if (!text[0]) {
				clean++;
				continue;
			}
			snprintf(wanted, sizeof(wanted),
				 "in.pcap: cut short in packet %d", packets + 1);
			if (!strcmp(text, wanted))
				continue;
			if (packets)
				snprintf(wanted, sizeof(wanted), "in.pcap: "
					 "cut short after packet %d", packets);
			else
				strcpy(wanted, "in.pcap: cut short before the "
					       "first packet");
			assert_string_equal(text, wanted);
		}
		/* After the file's header, the interface, each packet but the
		 * last.                                                       */
		assert_int_equal(clean, f == 0 ? 2 : 3);
	}
	good_pcap();
	image.n -= 3;
	assert_int_equal(read_image(text), 1);
	assert_string_equal(text, "in.pcap: cut short in packet 2");
}

/* 4 bytes at @at of a good file become @v; what then is to be said. */
struct wrong {
	bool is_pcapng;
	size_t at;
	uint32_t v;
	int packets;
	const char *text;
};

#define INTERFACE_AT 28
#define FIRST_AT (INTERFACE_AT + 20)
#define SECOND_AT (FIRST_AT + 40)
#define OPTION_AT (SECOND_AT + 36)

static void wrong_values_say_what(void **state)
{
	static const struct wrong cases[] = {
		/* 0 */ { false, 0, 0x12345678, 0, "not a capture (pcap or pcapng)" },
		/* 1 */ { false, 0, 0x00088b1f, 0, "compressed; unpack it first" },
		/* 2 */ { false, 0, 0xfd2fb528, 0, "compressed; unpack it first" },
		/* 3 */ { false, 4, 0x00040001, 0, "pcap version 1.4 is not known" },
		/* 4 */ { false, 20, 65536, 0, "link type 65536 is not known" },
		/* 5 */ { false, 32, CAPTURE_PACKET_MAX + 1, 0,
			  "packet 1 claims 262145 bytes" },
		/* 6 */ { false, 32, UINT32_MAX, 0,
			  "packet 1 claims 4294967295 bytes" },
		/* 7 */ { false, 53, 7, 1, "cut short in packet 2" },
		/* 8 */ { true, 8, 0, 0, "a section without byte order" },
		/* 9 */ { true, 4, 12, 0,
			  "a block after packet 0 claims 12 bytes" },
		/* 10 */ { true, 12, 2, 0, "pcapng version 2.0 is not known" },
		/* 11 */ { true, 24, 32, 0,
			   "the block after packet 0 has two lengths" },
		/* 12 */ { true, INTERFACE_AT + 4, 12, 0,
			   "a block after packet 0 is too short" },
		/* 13 */ { true, FIRST_AT + 4, 8, 0,
			   "a block after packet 0 claims 8 bytes" },
		/* 14 */ { true, FIRST_AT + 4, 41, 0,
			   "a block after packet 0 claims 41 bytes" },
		/* 15 */ { true, FIRST_AT + 4, 0xfffffffc, 0,
			   "cut short in packet 1" },
		/* 16 */ { true, FIRST_AT + 4, 28, 0,
			   "a block after packet 0 is too short" },
		/* 17 */ { true, FIRST_AT + 8, 1, 0,
			   "packet 1 is of interface 1, but there are 1" },
		/* 18 */ { true, FIRST_AT + 8, UINT32_MAX, 0,
			   "packet 1 is of interface 4294967295, but there are 1" },
		/* 19 */ { true, FIRST_AT + 20, 9, 0, "packet 1 claims 9 bytes" },
		/* 20 */ { true, FIRST_AT + 20, UINT32_MAX, 0,
			   "packet 1 claims 4294967295 bytes" },
		/* 21 */ { true, OPTION_AT, 0x00100001, 1,
			   "an option after packet 1 is longer than its block" },
		/* 22 */ { true, OPTION_AT, 0xffff0001, 1,
			   "an option after packet 1 is longer than its block" },
		/* 23 */ { true, SECOND_AT + 4, 0x10000000, 1,
			   "cut short in packet 2" },
	};
	char text[512];

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		const struct wrong *w = &cases[n];
		size_t end;
		int packets;

		if (w->is_pcapng)
			good_pcapng();
		else
			good_pcap();
		end = image.n;
		image.n = w->at;
		put32(&image, w->v);
		image.n = end;
		packets = read_image(text);
		if (packets != w->packets || strncmp(text, "in.pcap: ", 9) ||
		    strcmp(text + 9, w->text))
			fail_msg("case %zu: %d packets, %s", n, packets, text);
	}
}

static void a_simple_packet_needs_an_interface(void **state)
{
	char text[512];

	setup_image(false);
	put_section(&image, false);
	put_interface(&image, 1);
	put_section(&image, false);	/* its interfaces are counted anew */
	open_block(&image, 3);
	put32(&image, 1);
	put_text(&image, "x");
	close_block(&image);
	assert_int_equal(read_image(text), 0);
	assert_string_equal(text,
		"in.pcap: packet 1 is of interface 0, but there are 0");
}

static void too_many_interfaces_are_refused(void **state)
{
	char text[512];

	setup_image(false);
	put_section(&image, false);
	for (uint32_t n = 0; n < CAPTURE_INTERFACES_MAX; n++)
		put_interface(&image, 1);
	put_packet(&image, CAPTURE_INTERFACES_MAX - 1, 0, "x");
	assert_int_equal(read_image(text), 1);
	assert_string_equal(text, "");
	put_interface(&image, 1);
	assert_int_equal(read_image(text), 1);
	assert_string_equal(text, "in.pcap: more than 4096 interfaces");
}

static void largest_packet_is_read(void **state)
{
	struct capture_packet p;
	struct capture *c;
	FILE *file;

	setup_image(false);
	put_pcap(&image, 0xa1b2c3d4, 4, 1);
	put64(&image, 0);
	put32(&image, CAPTURE_PACKET_MAX);
	put32(&image, CAPTURE_PACKET_MAX);
	image.n += CAPTURE_PACKET_MAX - 1;
	put_text(&image, "e");
	c = must_open(&file);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.len, CAPTURE_PACKET_MAX);
	assert_int_equal(p.data[p.len - 1], 'e');
	expect_end(c, file);
}

/* Whatever is damaged: no crash, an end, one line, no more than there is. */
static void damage_at_random_is_survived(void **state)
{
	void (*const make[])(void) = { good_pcap, good_pcapng };
	uint64_t seed = 1;
	char text[512];

	for (int n = 0; n < 10000; n++) {
		int changes = n % 7 + 1, packets;

		make[n & 1]();
		while (changes--) {
			seed = seed * 6364136223846793005 + 1442695040888963407;
			image.b[(seed >> 33) % image.n] = (uint8_t)(seed >> 20);
		}
		packets = read_image(text);
		assert_in_range(packets, 0, (int)(image.n / 12));
		assert_null(strchr(text, '\n'));
		assert_true(strlen(text) < sizeof(((struct wire_error *)0)->text));
	}
}

/* ---- Paths -------------------------------------------------------------------- */

static void expect_refused(const char *path, int err, const char *text)
{
	struct wire_error error;
	struct capture *c;

	assert_int_equal(capture_open(&c, path, &error), err);
	assert_string_equal(error.text, text);
}

static void write_file(const char *path, const void *data, size_t n)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

static void paths_that_cannot_be_read(void **state)
{
	char directory[] = "capture_read_test.XXXXXX";
	char here[4096], longer[512];
	struct wire_error error;
	struct capture *c;

	assert_non_null(getcwd(here, sizeof(here)));
	assert_non_null(mkdtemp(directory));
	assert_int_equal(chdir(directory), 0);
	write_file("empty", "", 0);
	write_file("text", "hello, world\n", 13);
	write_file("two", "\xd4\xc3", 2);
	write_file("new\nline", "hi", 2);
	expect_refused("missing", -ENOENT, "missing: No such file or directory");
	expect_refused(".", -EISDIR, ".: Is a directory");
	expect_refused("empty", -EBADMSG, "empty: not a capture: it is empty");
	expect_refused("text", -EBADMSG,
		       "text: not a capture (pcap or pcapng)");
	expect_refused("two", -EBADMSG, "two: not a capture (pcap or pcapng)");
	expect_refused("new\nline", -EBADMSG,
		       "new?line: not a capture (pcap or pcapng)");
	memset(longer, 'l', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(capture_open(&c, longer, &error), -ENAMETOOLONG);
	assert_string_equal(strchr(error.text, ':'), ": File name too long");
	if (geteuid()) {
		assert_int_equal(chmod("text", 0), 0);
		expect_refused("text", -EACCES, "text: Permission denied");
	}
	assert_int_equal(unlink("empty"), 0);
	assert_int_equal(unlink("text"), 0);
	assert_int_equal(unlink("two"), 0);
	assert_int_equal(unlink("new\nline"), 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(rmdir(directory), 0);
}

static void an_empty_stream_is_not_a_capture(void **state)
{
	char text[512];

	setup_image(false);
	read_image(text);
	assert_string_equal(text, "in.pcap: not a capture: it is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap_both_orders_us_ns_and_modified),
		cmocka_unit_test(pcap_old_versions_swap_lengths),
		cmocka_unit_test(pcapng_sections_interfaces_and_packet_blocks),
		cmocka_unit_test(pcapng_simple_packet_is_cut_by_the_snap_length),
		cmocka_unit_test(pcapng_time_resolutions_and_offsets),
		cmocka_unit_test(pcapng_first_comment_and_direction),
		cmocka_unit_test(
			pcapng_an_interface_is_the_same_in_the_next_section),
		cmocka_unit_test(cut_anywhere_says_where),
		cmocka_unit_test(wrong_values_say_what),
		cmocka_unit_test(a_simple_packet_needs_an_interface),
		cmocka_unit_test(too_many_interfaces_are_refused),
		cmocka_unit_test(largest_packet_is_read),
		cmocka_unit_test(damage_at_random_is_survived),
		cmocka_unit_test(paths_that_cannot_be_read),
		cmocka_unit_test(an_empty_stream_is_not_a_capture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

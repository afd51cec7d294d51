// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_test.c - Captures read and written, with libpcap as the judge
 */
#include <dirent.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/capture.h"

#define NS_PER_S 1000000000ULL

static char directory[64];

static int make_directory(void **state)
{
	strcpy(directory, "/tmp/tto-capture.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	DIR *d = opendir(directory);
	struct dirent *e;
	char path[512];

	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", directory, e->d_name);
		unlink(path);
	}
	if (d)
		closedir(d);
	return rmdir(directory);
}

static const char *in_directory(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void put_file(const char *path, const void *bytes, size_t len)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Every packet of @path as libpcap sees it is as we see it. */
static void compare(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	struct wire_error error;
	pcap_t *theirs = pcap_open_offline_with_tstamp_precision(
		path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct capture *ours;
	struct capture_packet p;
	struct pcap_pkthdr *h;
	const u_char *data;

	if (!theirs)
		fail_msg("%s: %s", path, text);
	assert_int_equal(capture_open(&ours, path, &error), 0);
	while (pcap_next_ex(theirs, &h, &data) == 1) {
		assert_int_equal(capture_next(ours, &p), 1);
		assert_int_equal(p.len, h->caplen);
		assert_int_equal(p.full_len, h->len);
		assert_memory_equal(p.data, data, p.len);
		assert_int_equal(p.time, (ns_t)h->ts.tv_sec * NS_PER_S +
						 (ns_t)h->ts.tv_usec);
	}
	assert_int_equal(capture_next(ours, &p), 0);
	capture_close(ours);
	pcap_close(theirs);
}

static void reads_what_libpcap_reads(void **state)
{
	const char *from = getenv("TTO_PCAPS");
	char path[1024];
	struct dirent *e;
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/../shared/pcaps",
		 getenv("TTO_SOURCE") ? getenv("TTO_SOURCE") : ".");
	d = opendir(from ? from : path);
	if (!d) {
		print_message("no captures at %s\n", from ? from : path);
		skip();
	}
	while ((e = readdir(d))) {
		char file[2048];

		if (!strstr(e->d_name, ".pcap"))
			continue;
		snprintf(file, sizeof(file), "%s/%s", from ? from : path,
			 e->d_name);
		compare(file);
		n++;
	}
	closedir(d);
	assert_true(n > 0);
}

/* What pcap_dump() writes, in both precisions. */
static void reads_what_libpcap_writes(void **state)
{
	static const int precisions[] = { PCAP_TSTAMP_PRECISION_MICRO,
					  PCAP_TSTAMP_PRECISION_NANO };

	for (unsigned turn = 0; turn < 2; turn++) {
		const char *path = in_directory("theirs.pcap");
		pcap_t *p = pcap_open_dead_with_tstamp_precision(
			DLT_EN10MB, 65535, precisions[turn]);
		pcap_dumper_t *d = pcap_dump_open(p, path);
		uint8_t bytes[300];

		for (unsigned n = 0; n < 50; n++) {
			struct pcap_pkthdr h = {
				.ts = { 1700000000 + n, 999 * n },
				.caplen = n * 6,
				.len = n * 6 + (n % 3 ? 0 : 100),
			};

			memset(bytes, (int)n, sizeof(bytes));
			pcap_dump((u_char *)d, &h, bytes);
		}
		pcap_dump_close(d);
		pcap_close(p);
		compare(path);
	}
}

static void write_some(const char *path, uint32_t *n_interfaces)
{
	struct capture_writer *w;
	struct wire_error error;
	uint32_t first, second;
	uint8_t bytes[2000];

	assert_int_equal(capture_create(&w, path, &error), 0);
	assert_int_equal(capture_add_interface(w, 1, "eth", &first), 0);
	assert_int_equal(capture_add_interface(w, 101, "", &second), 0);
	for (unsigned n = 0; n < 100; n++) {
		char comment[64];
		struct capture_packet p = {
			.data = bytes,
			.len = n * 17,
			.full_len = n * 17 + n % 2,
			.time = 1700000000 * NS_PER_S + n * 1234567891ULL,
			.interface = *n_interfaces == 1 ? first : n % 2,
			.comment = n % 5 ? comment : NULL,
			.direction = (uint8_t)(n % 3),
		};

		memset(bytes, (int)n, sizeof(bytes));
		snprintf(comment, sizeof(comment), "packet %u", n);
		assert_int_equal(capture_write(w, &p), 0);
	}
	assert_non_null(capture_temporary(w));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(capture_finish(w, &error), 0);
	*n_interfaces = 2;
}

static void libpcap_reads_what_we_write(void **state)
{
	uint32_t interfaces = 1;

	write_some(in_directory("one.pcapng"), &interfaces);
	/* libpcap refuses interfaces of different link types; one is unused. */
	{
		struct wire_error error;
		struct capture_writer *w;
		uint32_t idx;
		uint8_t bytes[100] = { 1, 2, 3 };
		struct capture_packet p = { .data = bytes, .len = 100,
					    .full_len = 100, .comment = "c",
					    .time = 5 };

		assert_int_equal(capture_create(&w, in_directory("eth.pcapng"),
						&error), 0);
		assert_int_equal(capture_add_interface(w, 1, "eth", &idx), 0);
		assert_int_equal(capture_write(w, &p), 0);
		p.len = 99;
		p.time += NS_PER_S;
		assert_int_equal(capture_write(w, &p), 0);
		assert_int_equal(capture_finish(w, &error), 0);
	}
	compare(in_directory("eth.pcapng"));
}

static void round_trip(void **state)
{
	uint32_t interfaces = 2;
	struct wire_error error;
	struct capture *c;
	struct capture_packet p;
	const char *path = in_directory("two.pcapng");

	write_some(path, &interfaces);
	assert_int_equal(capture_open(&c, path, &error), 0);
	for (unsigned n = 0; n < 100; n++) {
		char comment[64];

		assert_int_equal(capture_next(c, &p), 1);
		assert_int_equal(p.len, n * 17);
		assert_int_equal(p.full_len, n * 17 + n % 2);
		assert_int_equal(p.time, 1700000000 * NS_PER_S +
						 n * 1234567891ULL);
		assert_int_equal(p.interface, n % 2);
		assert_int_equal(p.linktype, n % 2 ? 101 : 1);
		assert_int_equal(p.direction, n % 3);
		snprintf(comment, sizeof(comment), "packet %u", n);
		if (n % 5)
			assert_string_equal(p.comment, comment);
		else
			assert_null(p.comment);
	}
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
}

static void abort_leaves_nothing(void **state)
{
	struct capture_writer *w;
	struct wire_error error;
	char temporary[512];

	assert_int_equal(capture_create(&w, in_directory("never"), &error), 0);
	snprintf(temporary, sizeof(temporary), "%s", capture_temporary(w));
	assert_int_equal(access(temporary, F_OK), 0);
	capture_abort(w);
	assert_int_equal(access(temporary, F_OK), -1);
	assert_int_equal(access(in_directory("never"), F_OK), -1);
	capture_abort(NULL);
}

/* One of each kind of damage: the message, and that it is an error. */
static void refuses(const char *name, const void *bytes, size_t len,
		    const char *expected)
{
	const char *path = in_directory(name);
	struct wire_error error = { "" };
	struct capture_packet p;
	struct capture *c;
	int got = 1;

	put_file(path, bytes, len);
	if (capture_open(&c, path, &error)) {
		assert_non_null(strstr(error.text, expected));
		assert_null(strchr(error.text, '\n'));
		return;
	}
	while (got == 1)
		got = capture_next(c, &p);
	assert_true(got < 0);
	if (!strstr(capture_error(c), expected))
		fail_msg("%s, not %s", capture_error(c), expected);
	assert_null(strchr(capture_error(c), '\n'));
	capture_close(c);
}

static void damaged_files_are_refused(void **state)
{
	uint8_t pcap[24 + 16 + 100] = { 0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0 };
	uint8_t section[28] = { 0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0,
				0x4d, 0x3c, 0x2b, 0x1a, 1 };
	uint8_t ng[28 + 32 + 4];

	pcap[20] = 1;
	pcap[24 + 8] = 100;
	pcap[24 + 12] = 100;
	section[24] = 28;
	refuses("empty", "", 0, "empty");
	refuses("text", "hello, world", 12, "not a capture");
	refuses("short", "\xd4\xc3", 2, "too short");
	refuses("gz", "\x1f\x8b\x08\0\0\0", 6, "compressed");
	refuses("head", pcap, 20, "cut short");
	refuses("record", pcap, 24 + 8, "cut short in packet 1");
	refuses("data", pcap, sizeof(pcap) - 1, "cut short in packet 1");
	pcap[24 + 11] = 0x7f;
	refuses("huge", pcap, sizeof(pcap), "packet 1 claims");

	refuses("order", "\x0a\x0d\x0d\x0a\x1c\0\0\0abcd", 12, "byte order");
	section[24] = 27;
	refuses("ends", section, sizeof(section), "another length");
	section[24] = 28;
	memcpy(ng, section, 28);
	memset(ng + 28, 0, sizeof(ng) - 28);
	ng[28] = 6;
	ng[32] = 36;
	ng[28 + 32] = 36;
	refuses("interface", ng, 28 + 36, "was not described");
	ng[32] = 8;
	refuses("block", ng, 28 + 36, "claims 8 bytes");
	assert_int_equal(capture_open(&(struct capture *){ NULL }, directory,
				      &(struct wire_error){ "" }), -EISDIR);
	assert_int_equal(capture_open(&(struct capture *){ NULL },
				      in_directory("not-there"),
				      &(struct wire_error){ "" }), -ENOENT);
}

/* No prefix of a good file crashes, and only whole packets come out. */
static void every_prefix_is_survived(void **state)
{
	uint32_t interfaces = 2;
	const char *path = in_directory("whole.pcapng");
	static uint8_t bytes[200000];
	size_t len;
	FILE *f;

	write_some(path, &interfaces);
	f = fopen(path, "rb");
	len = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	for (size_t n = 1; n < len; n += n < 3000 ? 1 : 997) {
		struct wire_error error;
		struct capture_packet p;
		struct capture *c;

		put_file(in_directory("prefix"), bytes, n);
		if (capture_open(&c, in_directory("prefix"), &error))
			continue;
		while (capture_next(c, &p) == 1)
			assert_true(p.len <= p.full_len);
		capture_close(c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_libpcap_reads),
		cmocka_unit_test(reads_what_libpcap_writes),
		cmocka_unit_test(libpcap_reads_what_we_write),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(abort_leaves_nothing),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(every_prefix_is_survived),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

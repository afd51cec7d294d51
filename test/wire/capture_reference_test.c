// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_reference_test.c - Our reader and writer against libpcap and tshark
 *
 * Every capture in the directory TTO_PCAPS (default: ../shared/pcaps beside the
 * sources) is read by libpcap and by us; then it is written by us and read by
 * both again.
 */
#include <dirent.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/capture.h"

#define COMMENT "tto: joined 3 frames; \"quoted\", 100 %"

static char directory[] = "capture_reference_test.XXXXXX";
static char out[64];

static int make_directory(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(out, sizeof(out), "%s/out.pcapng", directory);
	return 0;
}

static int remove_directory(void **state)
{
	unlink(out);
	return rmdir(directory);
}

/* LINKTYPE_ of a DLT_; in files they differ for raw IP alone, among ours. */
static int linktype_of(int dlt)
{
	return dlt == DLT_RAW ? 101 : dlt;
}

/* Return: packets, which are equal in every respect libpcap knows of. */
static int compare(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *theirs = pcap_open_offline_with_tstamp_precision(
		path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *h;
	struct capture *ours;
	struct wire_error error;
	struct capture_packet p;
	const u_char *data;
	int n = 0, got;

	if (!theirs)
		fail_msg("libpcap: %s: %s", path, text);
	if (capture_open(&ours, path, &error))
		fail_msg("%s", error.text);
	while ((got = pcap_next_ex(theirs, &h, &data)) == 1) {
		if (capture_next(ours, &p) != 1)
			fail_msg("%s", capture_error(ours));
		n++;
		assert_int_equal(p.len, h->caplen);
		assert_int_equal(p.full_len, h->len < h->caplen ? h->caplen :
								   h->len);
		assert_int_equal(p.time, (ns_t)h->ts.tv_sec * 1000000000 +
						 (ns_t)h->ts.tv_usec);
		assert_int_equal(p.linktype,
				 linktype_of(pcap_datalink(theirs)));
		assert_memory_equal(p.data, data, p.len);
	}
	if (got != PCAP_ERROR_BREAK)
		fail_msg("libpcap: %s: %s", path, pcap_geterr(theirs));
	assert_int_equal(capture_next(ours, &p), 0);
	capture_close(ours);
	pcap_close(theirs);
	return n;
}

/* Every 3rd packet gets a comment, every 2nd a direction, all a time in ns. */
static void rewrite(const char *path)
{
	struct capture_writer *w;
	struct wire_error error;
	struct capture_packet p;
	struct capture *c;
	uint32_t idx;
	int n = 0;

	if (capture_open(&c, path, &error) ||
	    capture_create(&w, out, &error))
		fail_msg("%s", error.text);
	while (capture_next(c, &p) == 1) {
		if (n == 0)
			assert_int_equal(capture_add_interface(
				w, p.linktype, "eth1", &idx), 0);
		p.interface = idx;
		p.time += n % 1000;
		p.comment = n % 3 ? NULL : COMMENT;
		p.direction = (uint8_t)(n++ % 2);
		assert_int_equal(capture_write(w, &p), 0);
	}
	capture_close(c);
	if (capture_finish(w, &error))
		fail_msg("%s", error.text);
}

static int is_capture(const struct dirent *e)
{
	return strstr(e->d_name, ".pcap") != NULL;
}

static void captures_read_and_written_as_by_libpcap(void **state)
{
	const char *pcaps = getenv("TTO_PCAPS"), *source = getenv("TTO_SOURCE");
	struct dirent **entries;
	char beside[4096];
	long packets = 0;
	int n;

	snprintf(beside, sizeof(beside), "%s/../shared/pcaps",
		 source ? source : ".");
	if (!pcaps)
		pcaps = beside;
	n = scandir(pcaps, &entries, is_capture, alphasort);
	if (n <= 0) {
		print_message("no captures in %s: not compared\n", pcaps);
		skip();
	}
	for (int at = 0; at < n; at++) {
		char path[4096 + 256];
		int read;

		snprintf(path, sizeof(path), "%s/%s", pcaps,
			 entries[at]->d_name);
		read = compare(path);
		rewrite(path);
		assert_int_equal(compare(out), read);
		packets += read;
		free(entries[at]);
	}
	free(entries);
	print_message("%d captures, %ld packets\n", n, packets);
	assert_true(packets > 0);
}

/* ---- tshark ------------------------------------------------------------------- */

/* Interfaces of different link types, which libpcap cannot read. */
static void write_three(void)
{
	static const uint8_t ip[] = "\x45\0\0\x14\0\0\0\0\x40\xfd\0\0\x0a\0\0\1"
				    "\x0a\0\0\2";
	uint8_t frame[34] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0 };
	struct capture_packet p = { .data = frame, .len = 34, .full_len = 1514,
				    .time = 1700000000123456789,
				    .direction = CAPTURE_OUT };
	struct capture_writer *w;
	struct wire_error error;
	uint32_t eth, raw;

	memcpy(frame + 14, ip, 20);
	if (capture_create(&w, out, &error))
		fail_msg("%s", error.text);
	assert_int_equal(capture_add_interface(w, 1, "eth1", &eth), 0);
	assert_int_equal(capture_write(w, &p), 0);
	assert_int_equal(capture_add_interface(w, 101, "tto0", &raw), 0);
	p = (struct capture_packet){ .data = ip, .len = 20, .interface = raw,
				     .time = 1700000000123456790,
				     .comment = COMMENT,
				     .direction = CAPTURE_IN };
	assert_int_equal(capture_write(w, &p), 0);
	if (capture_finish(w, &error))
		fail_msg("%s", error.text);
}

static void tshark_sees_all_that_was_written(void **state)
{
	static const char *const wanted[] = {
		"eth1|1700000000.123456789|34|1514|0x00000002||10.0.0.2\n",
		"tto0|1700000000.123456790|20|20|0x00000001|" COMMENT
		"|10.0.0.2\n",
	};
	char command[512], line[256];
	FILE *pipe;

	if (system("command -v tshark >/dev/null 2>&1")) {
		print_message("tshark is not there\n");
		skip();
	}
	write_three();
	snprintf(command, sizeof(command),
		 "tshark -r %s -T fields -E separator='|' "
		 "-e frame.interface_name -e frame.time_epoch -e frame.cap_len "
		 "-e frame.len -e frame.packet_flags -e frame.comment -e ip.dst "
		 "2>/dev/null", out);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	for (size_t n = 0; n < ARRAY_SIZE(wanted); n++) {
		assert_non_null(fgets(line, sizeof(line), pipe));
		assert_string_equal(line, wanted[n]);
	}
	assert_null(fgets(line, sizeof(line), pipe));
	assert_int_equal(pclose(pipe), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(captures_read_and_written_as_by_libpcap),
		cmocka_unit_test(tshark_sees_all_that_was_written),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}

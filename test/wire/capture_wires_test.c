// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_wires_test.c - The wires that read and write captures, and wire_open()
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/capture.h"
#include "wire/fault.h"
#include "wire/kinds.h"
#include "wire/pair.h"
#include "wire/trace.h"

static char directory[32];

static int enter_directory(void **state)
{
	strcpy(directory, "capture_wires_test.XXXXXX");
	return mkdtemp(directory) && !chdir(directory) ? 0 : -1;
}

static int leave_directory(void **state)
{
	DIR *d = opendir(".");
	struct dirent *e;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		unlink(e->d_name);
	closedir(d);
	return chdir("..") || rmdir(directory);
}

static void write_capture(const char *path, int packets)
{
	struct capture_packet p = { .len = 4, .full_len = 60 };
	struct capture_writer *w;
	struct wire_error error;
	char data[16];
	uint32_t idx[2];

	if (capture_create(&w, path, &error))
		fail_msg("%s", error.text);
	assert_int_equal(capture_add_interface(w, 101, "a", &idx[0]), 0);
	assert_int_equal(capture_add_interface(w, 113, "b", &idx[1]), 0);
	for (int n = 0; n < packets; n++) {
		snprintf(data, sizeof(data), "%04d", n);
		p.data = (const uint8_t *)data;
		p.time = 1000u + (unsigned)n;
		p.interface = idx[n % 2];
		p.comment = n % 2 ? "odd" : NULL;
		assert_int_equal(capture_write(w, &p), 0);
	}
	assert_int_equal(capture_finish(w, &error), 0);
}

static struct capture *must_read(const char *path)
{
	struct wire_error error;
	struct capture *c;

	if (capture_open(&c, path, &error))
		fail_msg("%s", error.text);
	return c;
}

static struct wire *must_open(const char *spec)
{
	struct wire_error error;
	struct wire *w;

	if (wire_open(&w, spec, &error))
		fail_msg("%s", error.text);
	return w;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static int count_files(void)
{
	DIR *d = opendir(".");
	int n = -2;	/* "." and ".." */

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ---- pcap ------------------------------------------------------------------ */

static void pcap_gives_frames_one_by_one(void **state)
{
	struct wire_frame f[4];
	struct wire *w;
	char data[16];

	write_capture("in", 5);
	w = must_open("pcap:in");
	assert_false(w->caps.live || w->caps.offload || w->caps.tso4);
	assert_int_equal(w->caps.linktype, 101);
	assert_string_equal(w->name, "in");
	assert_int_equal(wire_fd(w), -1);
	for (int n = 0; n < 5; n++) {
		assert_int_equal(wire_recv(w, f, 4), 1);
		snprintf(data, sizeof(data), "%04d", n);
		assert_memory_equal(f->iov[0].iov_base, data, 4);
		assert_int_equal(f->n_iov, 1);
		assert_int_equal(f->len, 4);
		assert_int_equal(f->full_len, 60);
		assert_int_equal(f->time, 1000 + n);
		assert_int_equal(f->linktype, n % 2 ? 113 : 101);
		if (n % 2)
			assert_string_equal(f->comment, "odd");
		else
			assert_null(f->comment);
	}
	assert_int_equal(wire_recv(w, f, 4), -ENODATA);
	assert_int_equal(wire_recv(w, f, 4), -ENODATA);
	assert_int_equal(wire_send(w, f, 1), 1);
	assert_int_equal(w->stats.tx_dropped, 1);
	assert_int_equal(w->stats.rx_frames, 5);
	assert_int_equal(w->stats.rx_bytes, 20);
	assert_int_equal(wire_close(w), 0);
}

static void pcap_writes_what_is_sent(void **state)
{
	struct capture_packet p;
	struct wire_frame f;
	struct capture *c;
	struct wire *w;

	write_capture("in", 6);
	w = must_open("pcap:in,w=out");
	while (wire_recv(w, &f, 1) == 1) {
		f.time = f.time % 4 ? f.time : 0;
		assert_int_equal(wire_send(w, &f, 1), 1);
	}
	assert_false(exists("out"));
	assert_int_equal(wire_close(w), 0);
	c = must_read("out");
	for (int n = 0; n < 6; n++) {
		assert_int_equal(capture_next(c, &p), 1);
		/* Without a time of its own it has that of the capture. */
		assert_int_equal(p.time, 1000 + n);
		assert_int_equal(p.full_len, 60);
		assert_int_equal(p.linktype, n % 2 ? 113 : 101);
		assert_int_equal(!p.comment, !(n % 2));
	}
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
}

static void pcap_of_damaged_input_leaves_no_output(void **state)
{
	struct wire_frame f;
	struct wire *w;

	write_capture("in", 3);
	assert_int_equal(truncate("in", 28 + 2 * 40 + 36 + 10), 0);
	w = must_open("pcap:in,w=out");
	assert_int_equal(wire_recv(w, &f, 1), 1);
	assert_int_equal(wire_recv(w, &f, 1), -EBADMSG);
	assert_string_equal(pcap_error(w), "in: cut short in packet 2");
	assert_int_equal(wire_close(w), -EBADMSG);
	assert_false(exists("out"));
	assert_int_equal(count_files(), 1);
}

static void pcap_that_only_writes(void **state)
{
	struct iovec iov = { (void *)(uintptr_t)"frame", 5 };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = 5,
				.linktype = 1, .time = 5 };
	struct capture_packet p;
	struct capture *c;
	struct wire *w = must_open("pcap:w=a\\,b\\:c");

	assert_int_equal(wire_send(w, &f, 1), 1);
	assert_int_equal(wire_recv(w, &f, 1), -ENODATA);
	assert_int_equal(wire_close(w), 0);
	c = must_read("a,b:c");
	assert_int_equal(capture_next(c, &p), 1);
	assert_memory_equal(p.data, "frame", 5);
	capture_close(c);
}

static void pcap_to_a_full_disk_says_so(void **state)
{
	static uint8_t data[1000];
	struct iovec iov = { data, sizeof(data) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = sizeof(data) };
	struct wire *w = must_open("pcap:w=/dev/full");
	int n = 0;

	while (wire_send(w, &f, 1) == 1)
		assert_true(n++ < 1000);
	assert_int_equal(wire_send(w, &f, 1), -ENOSPC);
	assert_int_equal(wire_close(w), -ENOSPC);
}

/* ---- trace ----------------------------------------------------------------- */

static void trace_writes_both_directions(void **state)
{
	struct pair_options o = { .offload = true };
	struct iovec iov = { (void *)(uintptr_t)"frame", 5 };
	struct wire_frame got, f = { .iov = &iov, .n_iov = 1, .len = 5,
				     .linktype = 1, .time = 7 };
	struct wire *a, *b, *t;
	struct wire_error error;
	struct capture_packet p;
	struct capture *c;

	assert_int_equal(pair_create(&a, &b, &o), 0);
	assert_int_equal(trace_wrap(&t, a, "trace", &error), 0);
	assert_true(t->caps.tso4);
	assert_int_equal(wire_send(t, &f, 1), 1);
	f.time = 0;
	f.offload = (struct wire_offload){ .flags = WIRE_NEEDS_CSUM,
		.gso_type = WIRE_GSO_TCPV6 | WIRE_GSO_ECN, .hdr_len = 74,
		.gso_size = 1440, .csum_start = 54, .csum_offset = 16 };
	assert_int_equal(wire_send(t, &f, 1), 1);
	f.comment = "mine";
	assert_int_equal(wire_send(t, &f, 1), 1);
	f.offload = (struct wire_offload){ .flags = WIRE_DATA_VALID };
	f.time = 8;
	assert_int_equal(wire_send(b, &f, 1), 1);
	trace_set_time(t, 9);
	assert_int_equal(wire_recv(t, &got, 1), 1);
	assert_memory_equal(got.iov[0].iov_base, "frame", 5);
	assert_int_equal(wire_recv(t, &got, 1), 0);
	assert_int_equal(t->stats.tx_frames, 3);
	assert_int_equal(t->stats.rx_frames, 1);
	assert_int_equal(wire_close(t), 0);
	assert_int_equal(wire_send(b, &f, 1), -EPIPE);
	wire_close(b);

	c = must_read("trace");
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.time, 7);
	assert_int_equal(p.direction, CAPTURE_OUT);
	assert_null(p.comment);
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.time, 7);
	assert_string_equal(p.comment, "wire: checksum unfinished (start 54, "
			    "offset 16), gso tcpv6 ecn of 1440, header 74");
	assert_int_equal(capture_next(c, &p), 1);
	assert_string_equal(p.comment, "mine");
	assert_int_equal(capture_next(c, &p), 1);
	assert_int_equal(p.direction, CAPTURE_IN);
	assert_int_equal(p.time, 9);
	assert_null(p.comment);
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
}

static void trace_has_only_what_was_taken(void **state)
{
	struct pair_options o = { .n_frames = 2, .live = true };
	struct iovec iov = { (void *)(uintptr_t)"frame", 5 };
	struct wire_frame f[3];
	struct wire *a, *b, *t;
	struct wire_error error;
	struct capture_packet p;
	struct capture *c;

	for (int n = 0; n < 3; n++)
		f[n] = (struct wire_frame){ .iov = &iov, .n_iov = 1, .len = 5,
					    .time = 7 };
	assert_int_equal(pair_create(&a, &b, &o), 0);
	assert_int_equal(trace_wrap(&t, a, "trace", &error), 0);
	assert_int_equal(wire_send(t, f, 3), 2);
	assert_int_equal(wire_send(t, f, 3), 0);
	wire_close(b);
	assert_int_equal(wire_send(t, f, 3), -EPIPE);
	assert_int_equal(wire_recv(t, f, 3), -ENODATA);
	assert_int_equal(wire_close(t), 0);
	c = must_read("trace");
	for (int n = 0; n < 2; n++) {
		assert_int_equal(capture_next(c, &p), 1);
		/* Live: the time of day. */
		assert_in_range(p.time / 1000000000, time(NULL) - 60,
				time(NULL));
	}
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
}

static void trace_to_a_full_disk_lets_frames_pass(void **state)
{
	static uint8_t data[1000];
	struct iovec iov = { data, sizeof(data) };
	struct wire_frame got, f = { .iov = &iov, .n_iov = 1,
				     .len = sizeof(data) };
	struct wire *a, *b, *t;
	struct wire_error error;

	assert_int_equal(pair_create(&a, &b, NULL), 0);
	assert_int_equal(trace_wrap(&t, a, "/dev/full", &error), 0);
	for (int n = 0; n < 1000; n++) {
		assert_int_equal(wire_send(t, &f, 1), 1);
		assert_int_equal(wire_recv(b, &got, 1), 1);
	}
	assert_int_equal(wire_close(t), -ENOSPC);
	wire_close(b);
}

/* ---- wire_open() ------------------------------------------------------------- */

static void wires_nest(void **state)
{
	struct capture_packet p;
	struct wire_frame f;
	struct capture *c;
	struct wire *w;
	int n = 0, got;

	write_capture("in", 100);
	w = must_open("trace:tr\\:ace:fault:rx.dup=1,delay_us=1,seed=3:"
		      "pcap:in,w=out");
	assert_string_equal(w->ops->kind, "trace");
	assert_string_equal(w->name, "in");
	while ((got = wire_recv(w, &f, 1)) >= 0) {
		if (got)
			assert_int_equal(wire_send(w, &f, 1), 1);
		n += got;
	}
	assert_int_equal(got, -ENODATA);
	assert_int_equal(n, 200);
	assert_int_equal(wire_close(w), 0);
	c = must_read("tr:ace");
	for (n = 0; capture_next(c, &p) == 1; n++)
		;
	assert_int_equal(n, 400);
	capture_close(c);
	/* What was late at the end has been sent all the same. */
	c = must_read("out");
	for (n = 0; capture_next(c, &p) == 1; n++)
		;
	assert_int_equal(n, 200);
	capture_close(c);
}

/* A capture has room for one packet: none may be asked for while one is lent. */
static void faults_leave_the_inner_frames_alone(void **state)
{
	struct wire_frame f[16];
	char data[16];
	struct wire *w;
	int n = 0, got;

	write_capture("in", 100);
	w = must_open("fault:rx.dup=0.2,rx.corrupt=0:pcap:in");
	while ((got = wire_recv(w, f, 16)) >= 0) {
		for (int k = 0; k < got; k++) {
			if (k && f[k].time == f[k - 1].time)
				continue;
			snprintf(data, sizeof(data), "%04d",
				 (int)f[k].time - 1000);
			assert_memory_equal(f[k].iov[0].iov_base, data, 4);
		}
		n += got;
	}
	assert_int_equal(got, -ENODATA);
	assert_in_range(n, 105, 140);
	assert_int_equal(wire_close(w), 0);
}

static void specifications_that_are_none(void **state)
{
	static const struct {
		const char *spec;
		int err;
		const char *text;
	} cases[] = {
#define KINDS "not a wire; KIND:NAME with KIND afpacket, tap, memif, pair, pcap, trace or fault"
		/* 0 */ { "", -EINVAL, "wire: " KINDS },
		/* 1 */ { "pcap", -EINVAL, "pcap: " KINDS },
		/* 2 */ { "pca:in", -EINVAL, "pca:in: " KINDS },
		/* 3 */ { "pcapx:in", -EINVAL, "pcapx:in: " KINDS },
		/* 4 */ { "pcap:", -EINVAL, "pcap: no file is named" },
		/* 5 */ { "pcap:,", -EINVAL, "pcap: no file is named" },
		/* 6 */ { "pcap:none", -ENOENT,
			  "none: No such file or directory" },
		/* 7 */ { "pcap:none,x=1", -EINVAL,
			  "x=1: not an option of pcap (w=FILE)" },
		/* 8 */ { "pcap:w=no/out", -ENOENT,
			  "no/out: No such file or directory" },
		/* 9 */ { "trace:pcap", -EINVAL,
			  "trace: trace:FILE:WIRE is what it takes" },
		/* 10 */ { "trace::pcap:in", -EINVAL,
			   "trace: trace:FILE:WIRE is what it takes" },
		/* 11 */ { "trace:out:pcap:none", -ENOENT,
			   "none: No such file or directory" },
		/* 12 */ { "trace:no/out:pcap:in", -ENOENT,
			   "no/out: No such file or directory" },
		/* 13 */ { "fault:loss=0.1", -EINVAL,
			   "fault: fault:OPTIONS:WIRE is what it takes" },
		/* 14 */ { "fault:loss=2:pcap:in", -EINVAL,
			   "loss: 2 is not a value it can have" },
		/* 15 */ { "fault::pcap:none", -ENOENT,
			   "none: No such file or directory" },
		/* 16 */ { "pcap:damaged", -EBADMSG,
			   "damaged: cut short before the first packet" },
	};
	struct wire_error error;
	struct wire *w;

	write_capture("in", 1);
	write_capture("damaged", 1);
	assert_int_equal(truncate("damaged", 40), 0);
	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		assert_int_equal(wire_open(&w, cases[n].spec, &error),
				 cases[n].err);
		assert_string_equal(error.text, cases[n].text);
	}
	assert_int_equal(count_files(), 2);
}

static void names_too_long_are_refused(void **state)
{
	static const char *const kinds[] = { "pcap:", "trace:", "fault:" };
	struct wire_error error;
	char spec[9000];
	struct wire *w;

	for (size_t n = 0; n < ARRAY_SIZE(kinds); n++) {
		memset(spec, 'n', sizeof(spec) - 1);
		spec[sizeof(spec) - 1] = '\0';
		memcpy(spec, kinds[n], strlen(kinds[n]));
		assert_true(wire_open(&w, spec, &error) < 0);
		assert_non_null(strstr(error.text, " is too long"));
	}
}

#define in_directory(test) \
	cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		in_directory(pcap_gives_frames_one_by_one),
		in_directory(pcap_writes_what_is_sent),
		in_directory(pcap_of_damaged_input_leaves_no_output),
		in_directory(pcap_that_only_writes),
		in_directory(pcap_to_a_full_disk_says_so),
		in_directory(trace_writes_both_directions),
		in_directory(trace_has_only_what_was_taken),
		in_directory(trace_to_a_full_disk_lets_frames_pass),
		in_directory(wires_nest),
		in_directory(faults_leave_the_inner_frames_alone),
		in_directory(specifications_that_are_none),
		in_directory(names_too_long_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

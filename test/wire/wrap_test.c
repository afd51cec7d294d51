// SPDX-License-Identifier: BSD-2-Clause
/*
 * wrap_test.c - The wires in memory: pair, and trace and fault around it
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire/capture.h"
#include "wire/kinds.h"

#define FRAMES 5000
#define FRAME_BYTES 64

static void make_frame(uint8_t bytes[FRAME_BYTES], uint32_t number)
{
	memset(bytes, 0x5a, FRAME_BYTES);
	memcpy(bytes, &number, sizeof(number));
}

static int send_number(struct wire *w, uint32_t number)
{
	uint8_t bytes[FRAME_BYTES];
	struct iovec iov[2] = { { bytes, 10 }, { bytes + 10, FRAME_BYTES - 10 } };
	struct wire_frame f = { .iov = iov, .n_iov = 2, .len = FRAME_BYTES,
				.offload = { .gso_size = (uint16_t)number } };

	make_frame(bytes, number);
	return wire_send(w, &f, 1);
}

static uint32_t number_of(const struct wire_frame *f)
{
	uint32_t number;

	memcpy(&number, f->iov[0].iov_base, sizeof(number));
	return number;
}

static void pair_carries_in_order(void **state)
{
	struct wire *a, *b;
	struct wire_frame got[8];
	uint32_t sent = 0, received = 0;

	assert_int_equal(pair_create(&a, &b, 16, FRAME_BYTES, true), 0);
	while (received < 1000) {
		int n;

		while (send_number(a, sent) == 1)
			sent++;
		n = wire_recv(b, got, 8);
		assert_int_equal(n, 8);
		for (int at = 0; at < n; at++) {
			assert_int_equal(number_of(&got[at]), received);
			assert_int_equal(got[at].offload.gso_size,
					 (uint16_t)received);
			assert_int_equal(got[at].len, FRAME_BYTES);
			received++;
		}
	}
	assert_int_equal(wire_recv(a, got, 8), 0);
	wire_close(a);
	while (wire_recv(b, got, 8) > 0)
		;
	assert_int_equal(wire_recv(b, got, 8), -ENODATA);
	assert_int_equal(send_number(b, 1), 1);	/* taken, and dropped */
	assert_int_equal(b->stats.tx_dropped, 1);
	wire_close(b);
}

/* What a receive handed out is not written to before the next one. */
static void pair_lends_until_the_next_receive(void **state)
{
	struct wire *a, *b;
	struct wire_frame got[4];

	assert_int_equal(pair_create(&a, &b, 4, FRAME_BYTES, false), 0);
	for (uint32_t n = 0; n < 4; n++)
		assert_int_equal(send_number(a, n), 1);
	assert_int_equal(wire_recv(b, got, 4), 4);
	assert_int_equal(send_number(a, 99), 0);	/* full: all are lent */
	for (uint32_t n = 0; n < 4; n++)
		assert_int_equal(number_of(&got[n]), n);
	assert_int_equal(wire_recv(b, got, 4), 0);
	assert_int_equal(send_number(a, 99), 1);
	wire_close(b);
	wire_close(a);
}

/* How often each of FRAMES numbers arrived through a fault wire, in order. */
struct outcome {
	uint32_t count[FRAMES];
	uint32_t order[4 * FRAMES];
	uint32_t n, damaged;
	ns_t latest;		/* longest time under way */
};

static void drain(struct wire *w, struct outcome *o, ns_t now)
{
	struct wire_frame got[16];
	int n;

	while ((n = wire_recv(w, got, 16)) > 0) {
		for (int at = 0; at < n; at++) {
			uint8_t expected[FRAME_BYTES];
			uint32_t number = number_of(&got[at]);

			make_frame(expected, number);
			if (number >= FRAMES ||
			    memcmp(expected, got[at].iov[0].iov_base,
				   FRAME_BYTES) != 0) {
				o->damaged++;
				continue;
			}
			o->count[number]++;
			o->order[o->n++] = number;
			if (now - number * 1000ULL > o->latest)
				o->latest = now - number * 1000ULL;
		}
	}
}

/* One frame a microsecond, then a second's rest, in virtual time. */
static void run_faults(const struct fault_options *options, bool on_send,
		       struct outcome *o)
{
	struct wire *a, *b, *f;
	ns_t now = 0;

	memset(o, 0, sizeof(*o));
	assert_int_equal(pair_create(&a, &b, 1024, FRAME_BYTES, false), 0);
	assert_int_equal(fault_wrap(&f, on_send ? a : b, options), 0);
	for (uint32_t n = 0; n < FRAMES; n++, now += 1000) {
		fault_set_time(f, now);
		assert_int_equal(send_number(on_send ? f : a, n), 1);
		drain(on_send ? b : f, o, now);
	}
	while (wire_deadline(f) != NS_NEVER) {
		struct wire_frame none[1];

		assert_true(wire_deadline(f) <= now + 1000000000);
		now = wire_deadline(f) > now ? wire_deadline(f) : now;
		fault_set_time(f, now);
		if (on_send)
			wire_recv(f, none, 1);
		drain(on_send ? b : f, o, now);
	}
	wire_close(f);
	wire_close(on_send ? b : a);
}

static struct outcome first, second;

static void fault_free_passes_all(void **state)
{
	const struct fault_options none = { .seed = 1 };

	for (int on_send = 0; on_send < 2; on_send++) {
		run_faults(&none, on_send, &first);
		assert_int_equal(first.n, FRAMES);
		for (uint32_t n = 0; n < FRAMES; n++)
			assert_int_equal(first.order[n], n);
	}
}

static void faults_repeat_with_their_seed(void **state)
{
	struct fault_options all = { .seed = 7, .loss = 0.1, .duplicate = 0.1,
				     .reorder = 0.1, .corrupt = 0.05,
				     .burst_loss = 0.01, .burst_len = 4,
				     .delay = 5000, .jitter = 9000 };

	for (int on_send = 0; on_send < 2; on_send++) {
		all.seed = 7;
		run_faults(&all, on_send, &first);
		run_faults(&all, on_send, &second);
		assert_memory_equal(&first, &second, sizeof(first));
		all.seed = 8;
		run_faults(&all, on_send, &second);
		assert_memory_not_equal(&first, &second, sizeof(first));
	}
}

static void assert_about(uint32_t n, double expected)
{
	if (n < expected * 0.8 || n > expected * 1.2)
		fail_msg("%u, not about %.0f", n, expected);
}

static void each_fault_is_as_often_as_asked(void **state)
{
	uint32_t n, swapped = 0;

	run_faults(&(struct fault_options){ .seed = 3, .loss = 0.2 }, true,
		   &first);
	assert_about(FRAMES - first.n, FRAMES * 0.2);
	run_faults(&(struct fault_options){ .seed = 3, .duplicate = 0.2 }, true,
		   &first);
	assert_about(first.n - FRAMES, FRAMES * 0.2);
	run_faults(&(struct fault_options){ .seed = 3, .corrupt = 0.2 }, false,
		   &first);
	assert_about(first.damaged, FRAMES * 0.2);
	assert_int_equal(first.n + first.damaged, FRAMES);
	run_faults(&(struct fault_options){ .seed = 3, .burst_loss = 0.02,
					    .burst_len = 5 }, true, &first);
	assert_about(FRAMES - first.n, FRAMES * 0.1 / 1.1);
	run_faults(&(struct fault_options){ .seed = 3, .reorder = 0.1 }, false,
		   &first);
	assert_int_equal(first.n, FRAMES);
	for (n = 1; n < FRAMES; n++)
		swapped += first.order[n] < first.order[n - 1];
	assert_about(swapped, FRAMES * 0.1);
}

static void delay_is_what_was_asked(void **state)
{
	run_faults(&(struct fault_options){ .delay = 20000, .jitter = 30000 },
		   false, &first);
	assert_int_equal(first.n, FRAMES);
	assert_in_range(first.latest, 40000, 51000);
}

static void trace_writes_what_passes(void **state)
{
	char path[] = "/tmp/tto-trace.XXXXXX";
	struct wire *a, *b, *t;
	struct wire_error error;
	struct wire_frame got[16];
	struct capture_packet p;
	struct capture *c;

	close(mkstemp(path));
	assert_int_equal(pair_create(&a, &b, 16, FRAME_BYTES, false), 0);
	assert_int_equal(trace_wrap(&t, a, path, &error), 0);
	for (uint32_t n = 0; n < 5; n++) {
		assert_int_equal(send_number(t, n), 1);
		assert_int_equal(send_number(b, 100 + n), 1);
		assert_int_equal(wire_recv(t, got, 16), 1);
	}
	assert_int_equal(wire_close(t), 0);
	wire_close(b);
	assert_int_equal(capture_open(&c, path, &error), 0);
	for (uint32_t n = 0; n < 10; n++) {
		uint8_t expected[FRAME_BYTES];

		assert_int_equal(capture_next(c, &p), 1);
		make_frame(expected, n / 2 + (n % 2 ? 100 : 0));
		assert_int_equal(p.len, FRAME_BYTES);
		assert_memory_equal(p.data, expected, FRAME_BYTES);
		assert_int_equal(p.direction,
				 n % 2 ? CAPTURE_IN : CAPTURE_OUT);
	}
	assert_int_equal(capture_next(c, &p), 0);
	capture_close(c);
	unlink(path);
}

/* One line, and nothing opened, for each specification that is wrong. */
static void wrong_specifications_are_refused(void **state)
{
	static const char *const specs[] = {
		"", "nothing", "pair:a", "pcap", "pcap:", "pcap:/not/there",
		"pcap:,w=", "trace:x", "trace::pcap:/not/there",
		"trace:/not/there/x:pcap:,w=/tmp", "fault:loss=2:pcap:x",
		"fault:loss=x:pcap:x", "fault:loss:pcap:x", "fault:what=1:pcap:x",
		"fault:loss=nan:pcap:x", "fault:loss=0.1:", "fault:loss=0.1",
		"afpacket:", "afpacket:no-such-device-here", "tap:a/b", "tap:",
	};

	for (size_t n = 0; n < ARRAY_SIZE(specs); n++) {
		struct wire_error error = { "" };
		struct wire *w = NULL;

		if (wire_open(&w, specs[n], &error) >= 0)
			fail_msg("%s was opened", specs[n]);
		assert_null(w);
		assert_int_not_equal(error.text[0], '\0');
		assert_null(strchr(error.text, '\n'));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pair_carries_in_order),
		cmocka_unit_test(pair_lends_until_the_next_receive),
		cmocka_unit_test(fault_free_passes_all),
		cmocka_unit_test(faults_repeat_with_their_seed),
		cmocka_unit_test(each_fault_is_as_often_as_asked),
		cmocka_unit_test(delay_is_what_was_asked),
		cmocka_unit_test(trace_writes_what_passes),
		cmocka_unit_test(wrong_specifications_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

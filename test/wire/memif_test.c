// SPDX-License-Identifier: BSD-2-Clause
/* memif_test.c - Both ends of a memif wire in one process, and what becomes of frames */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "memif_ends.h"
#include "packet/checksum.h"

#define BATCH 32u

static uint64_t seed;

static uint32_t random_below(uint32_t n)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(seed >> 33) % n;
}

/* ---- Frames ------------------------------------------------------------------ */

/* What was sent in one direction, by number and length. */
struct lane {
	uint32_t sent, received;
	uint32_t len[65536];
};

static uint8_t byte_at(uint32_t number, uint32_t at)
{
	return (uint8_t)((number * 2654435761u + at * 40503u) >> 13);
}

static void send_frames(struct wire *w, struct lane *l, uint32_t n, uint32_t len)
{
	static uint8_t data[BATCH][66000];
	struct iovec iov[BATCH][3];
	struct wire_frame f[BATCH];
	uint64_t before = w->stats.tx_frames;
	int taken;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t number = l->sent + k, a, b;
		uint32_t bytes = len ? len : 1 + random_below(w->caps.max_frame);

		for (uint32_t at = 0; at < bytes; at++)
			data[k][at] = byte_at(number, at);
		a = random_below(bytes + 1);
		b = random_below(bytes - a + 1);
		iov[k][0] = (struct iovec){ data[k], a };
		iov[k][1] = (struct iovec){ data[k] + a, b };
		iov[k][2] = (struct iovec){ data[k] + a + b, bytes - a - b };
		f[k] = (struct wire_frame){ .iov = iov[k], .n_iov = 3,
					    .len = bytes, .linktype = 1 };
		l->len[number % 65536] = bytes;
	}
	taken = wire_send(w, f, n);
	assert_in_range(taken, 0, n);
	/* The rest is dropped when the other side was slow: we are both. */
	l->sent += (uint32_t)(w->stats.tx_frames - before);
}

/* The same, written where they go. Some of the places are given back as they are. */
static void lend_frames(struct wire *w, struct lane *l, uint32_t n)
{
	struct wire_place places[BATCH];
	uint32_t lent = w->ops->lend(w, places, n);

	assert_in_range(lent, 0, n);
	lent = random_below(lent + 1);
	for (uint32_t k = 0; k < lent; k++) {
		uint32_t number = l->sent + k, bytes = 1 + random_below(places[k].size);

		if (bytes > w->caps.max_frame)
			bytes = w->caps.max_frame;
		for (uint32_t at = 0; at < bytes; at++)
			places[k].data[at] = byte_at(number, at);
		places[k].len = bytes;
		l->len[number % 65536] = bytes;
	}
	w->ops->send_lent(w, places, lent);
	l->sent += lent;
}

static unsigned n_summed;

static void check_frame(const struct wire_frame *f, uint32_t number, uint32_t len)
{
	const uint8_t *data = f->iov[0].iov_base;

	assert_int_equal(f->n_iov, 1);
	assert_int_equal(f->len, len);
	assert_int_equal(f->full_len, len);
	assert_int_equal(f->iov[0].iov_len, len);
	assert_int_equal(f->linktype, 1);
	assert_int_equal(f->offload.flags, 0);
	for (uint32_t at = 0; at < len; at++) {
		if (data[at] != byte_at(number, at))
			fail_msg("frame %u, byte %u of %u", number, at, len);
	}
	if (f->is_summed)
		assert_int_equal(checksum_fold(f->sum),
				 checksum_fold(checksum_header(data, len)));
	n_summed += f->is_summed;
}

static uint32_t receive_frames(struct wire *w, struct lane *l, uint32_t n)
{
	struct wire_frame f[BATCH];
	int got = wire_recv(w, f, n);

	assert_in_range(got, 0, n);
	for (int k = 0; k < got; k++) {
		assert_true(l->received < l->sent);
		check_frame(&f[k], l->received, l->len[l->received % 65536]);
		l->received++;
	}
	return (uint32_t)got;
}

static void drain(struct wire *w, struct lane *l)
{
	for (int n = 0; l->received < l->sent && n < 10000; n++)
		receive_frames(w, l, BATCH);
	assert_int_equal(l->received, l->sent);
}

/* ---- Both directions, all shapes --------------------------------------------------- */

static struct lane lane[2];

static void run(uint64_t run_seed)
{
	struct ends e;
	char client[64];

	seed = run_seed;
	memset(lane, 0, sizeof(lane));
	snprintf(client, sizeof(client), "ring=%u,buffer=%u,mtu=%u,queues=%u",
		 2u << random_below(9), 64 + random_below(4000),
		 68 + random_below(9000), 1 + random_below(3));
	ends_open(&e, "mtu=9000,queues=4", client);
	ends_connect(&e);
	for (int step = 0; step < 3000; step++) {
		uint32_t side = random_below(2), n = random_below(BATCH + 1);

		if (random_below(4) == 0)
			lend_frames(e.wire[side], &lane[side], n);
		else if (random_below(2))
			send_frames(e.wire[side], &lane[side], n, 0);
		else
			receive_frames(e.wire[1 - side], &lane[side], n);
	}
	for (int side = 0; side < 2; side++) {
		drain(e.wire[1 - side], &lane[side]);
		assert_true(lane[side].sent > 100);
		assert_int_equal(e.wire[side]->stats.tx_frames, lane[side].sent);
		assert_int_equal(e.wire[1 - side]->stats.rx_frames,
				 lane[side].sent);
		assert_int_equal(e.wire[side]->stats.rx_dropped, 0);
	}
	ends_close(&e);
}

/* Lengths, elements, chains, rings that run full and around, in each direction. */
static void frames_arrive_whole_and_in_order(void **state)
{
	for (uint64_t s = 1; s <= 12; s++) {
		print_message("seed %llu\n", (unsigned long long)s);
		run(s);
	}
	assert_true(n_summed > 10000);
}

/* A frame of nine buffers, with the ring so placed that it goes around its end. */
static void a_frame_may_take_several_buffers(void **state)
{
	struct ends e;

	seed = 7;
	memset(lane, 0, sizeof(lane));
	ends_open(&e, "mtu=9000", "ring=16,buffer=1024,mtu=9000");
	ends_connect(&e);
	for (int n = 0; n < 20; n++) {
		for (int side = 0; side < 2; side++) {
			send_frames(e.wire[side], &lane[side], 1, 9000);
			send_frames(e.wire[side], &lane[side], 1, 60);
			drain(e.wire[1 - side], &lane[side]);
		}
	}
	assert_int_equal(lane[0].sent, 40);
	assert_int_equal(lane[1].sent, 40);
	ends_close(&e);
}

static void what_is_larger_than_the_ring_is_dropped(void **state)
{
	struct ends e;

	memset(lane, 0, sizeof(lane));
	ends_open(&e, "mtu=9000", "ring=4,buffer=1024,mtu=9000");
	ends_connect(&e);
	for (int side = 0; side < 2; side++) {
		static uint8_t data[9018];
		struct iovec iov = { data, sizeof(data) };
		struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = 9018 };

		assert_int_equal(wire_send(e.wire[side], &f, 1), 1);
		assert_int_equal(e.wire[side]->stats.tx_dropped, 1);
		f.len = 9019;
		assert_int_equal(wire_send(e.wire[side], &f, 1), 1);
		assert_int_equal(e.wire[side]->stats.tx_dropped, 2);
		send_frames(e.wire[side], &lane[side], 1, 4000);
		drain(e.wire[1 - side], &lane[side]);
	}
	ends_close(&e);
}

/* D5: it says that it cannot finish or cut, and does not pretend to have sent. */
static void unfinished_frames_are_dropped_and_counted(void **state)
{
	struct ends e;
	uint8_t data[100] = { 0 };
	struct iovec iov = { data, sizeof(data) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = 100 };

	ends_open(&e, "", "");
	ends_connect(&e);
	assert_false(e.wire[0]->caps.offload);
	assert_false(e.wire[0]->caps.csum);
	assert_false(e.wire[0]->caps.tso4);
	assert_int_equal(e.wire[0]->caps.max_frame, 1518);
	f.offload.flags = WIRE_NEEDS_CSUM;
	assert_int_equal(wire_send(e.wire[0], &f, 1), 1);
	f.offload = (struct wire_offload){ .gso_type = WIRE_GSO_TCPV4 };
	assert_int_equal(wire_send(e.wire[0], &f, 1), 1);
	assert_int_equal(e.wire[0]->stats.tx_dropped, 2);
	assert_int_equal(e.wire[0]->stats.tx_frames, 0);
	ends_close(&e);
}

static void large_buffers_make_large_frames(void **state)
{
	struct ends e;

	memset(lane, 0, sizeof(lane));
	ends_open(&e, "mtu=65535", "buffer=65536,ring=64");
	ends_connect(&e);
	assert_int_equal(e.wire[1]->caps.max_frame, 65536);
	for (int side = 0; side < 2; side++) {
		send_frames(e.wire[side], &lane[side], 3, 65535);
		drain(e.wire[1 - side], &lane[side]);
	}
	ends_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_whole_and_in_order),
		cmocka_unit_test(a_frame_may_take_several_buffers),
		cmocka_unit_test(what_is_larger_than_the_ring_is_dropped),
		cmocka_unit_test(unfinished_frames_are_dropped_and_counted),
		cmocka_unit_test(large_buffers_make_large_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

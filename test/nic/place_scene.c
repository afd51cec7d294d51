// SPDX-License-Identifier: BSD-2-Clause
/* place_scene.c - A program with one flow, whose stream arrives */
#include "nic/place_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/traffic.h"

void place_add_flow(struct place_scene *f)
{
	struct device_flow flow = program_flow(&f->p, &f->spec);

	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	f->start = f->p.next;
}

int place_setup(void **state)
{
	struct place_scene *f = calloc(1, sizeof(*f));

	scene_open(&f->s, NULL, NULL);
	program_open(&f->s, &f->p, NULL);
	f->spec = frame_defaults();
	place_add_flow(f);
	*state = f;
	return 0;
}

int place_teardown(void **state)
{
	struct place_scene *f = *state;

	program_check_canaries(&f->p);
	scene_close(&f->s);
	free(f);
	return 0;
}

/* The next @bytes of the stream arrive in one segment. */
void place_arrive(struct place_scene *f, uint32_t bytes)
{
	f->spec.payload_len = bytes;
	scene_arrive(&f->s, &f->spec);
	f->spec.seq += bytes;
	f->spec.id++;
}

void place_check_bytes(const struct place_scene *f, uint32_t offset, uint32_t seq,
		       uint32_t bytes)
{
	for (uint32_t n = 0; n < bytes; n++) {
		if (f->p.memory[offset + n] !=
		    frame_stream_byte(f->spec.stream, seq + n))
			fail_msg("byte %u of %u is wrong", n, bytes);
	}
}

struct completion place_poll(struct place_scene *f)
{
	struct completion c;

	assert_true(program_poll(&f->p, &c));
	return c;
}

void place_poll_nothing(struct place_scene *f)
{
	struct completion c;

	assert_false(program_poll(&f->p, &c));
}

/* Posts a fresh buffer to the RQ. Return: where it is. */
uint32_t place_post(struct place_scene *f, uint32_t bytes, uint64_t wr_id)
{
	uint32_t at = program_place(&f->p, bytes);

	program_receive(&f->p, &f->p.rq, at, bytes, wr_id);
	return at;
}

uint32_t place_post_general(struct place_scene *f, uint32_t bytes, uint64_t wr_id)
{
	uint32_t at = program_place(&f->p, bytes);

	program_receive(&f->p, &f->p.grq, at, bytes, wr_id);
	return at;
}

/* A buffer came back with @bytes of the stream from @seq on. */
void place_check_piece(struct place_scene *f, struct completion c, uint64_t wr_id,
		       enum completion_kind kind, uint32_t at, uint32_t seq,
		       uint32_t bytes)
{
	assert_int_equal(c.wr_id, wr_id);
	assert_int_equal(c.kind, kind);
	assert_int_equal(c.status, COMPLETION_OK);
	assert_int_equal(c.flow, f->flow);
	assert_int_equal(c.seq, seq);
	assert_int_equal(c.bytes, bytes);
	place_check_bytes(f, at, seq, bytes);
}

/* Cuts @bytes of the stream anyhow, and has them arrive in bursts of any size. */
void place_arrive_anyhow(struct place_scene *f, uint64_t *rng, uint32_t bytes)
{
	uint32_t most = 1 + random_below(rng, 1400);

	while (bytes > 0) {
		uint32_t part = 1 + random_below(rng, most);

		if (part > bytes)
			part = bytes;
		f->spec.flags = F_ACK | (random_below(rng, 5) ? 0 : F_PSH);
		place_arrive(f, part);
		bytes -= part;
		if (!random_below(rng, 8))
			scene_run(&f->s);
	}
	scene_run(&f->s);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* place_scene.h - A program with one flow, whose stream arrives */
#ifndef TEST_NIC_PLACE_SCENE_H
#define TEST_NIC_PLACE_SCENE_H

#include "nic/device_scene.h"

struct place_scene {
	struct device_scene s;
	struct program p;
	struct frame_spec spec;	/* the next segment of the flow                 */
	uint32_t flow;
	uint32_t start;		/* of memory for buffers                        */
};

/* For cmocka; at the end nothing was written outside of the program's memory. */
int place_setup(void **state);
int place_teardown(void **state);

/** place_add_flow() - f->flow is of what f->spec says from now on */
void place_add_flow(struct place_scene *f);

/** place_arrive() - The next @bytes of the stream arrive in one segment */
void place_arrive(struct place_scene *f, uint32_t bytes);
/** place_arrive_anyhow() - @bytes of the stream, cut anyhow, in bursts of any size */
void place_arrive_anyhow(struct place_scene *f, uint64_t *rng, uint32_t bytes);

/** place_post() - Post a fresh buffer to the RQ. Return: where it is */
uint32_t place_post(struct place_scene *f, uint32_t bytes, uint64_t wr_id);
/** place_post_general() - The same, to the GRQ */
uint32_t place_post_general(struct place_scene *f, uint32_t bytes, uint64_t wr_id);

/** place_poll() - The next completion, which has to be there */
struct completion place_poll(struct place_scene *f);
void place_poll_nothing(struct place_scene *f);

/** place_check_bytes() - @bytes of the stream, from @seq on, are at @offset */
void place_check_bytes(const struct place_scene *f, uint32_t offset, uint32_t seq,
		       uint32_t bytes);
/** place_check_piece() - A buffer came back with @bytes of the stream from @seq on */
void place_check_piece(struct place_scene *f, struct completion c, uint64_t wr_id,
		       enum completion_kind kind, uint32_t at, uint32_t seq,
		       uint32_t bytes);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.h - Two programs with a device each, and a connection between them
 *
 * Both are in this process, their devices joined by a pair wire. There is no TCP: each
 * side says itself what its segments are.
 */
#ifndef TEST_VERBS_SCENE_H
#define TEST_VERBS_SCENE_H

#include <stdint.h>
#include <tto/verbs.h>

#define SCENE_HEADER 54		/* Ethernet, IPv4, TCP without options          */
#define SCENE_MSS 1460
#define SCENE_FIRST 1000u	/* first sequence number, both ways             */
#define SCENE_GRQ_BUFFERS 64
#define SCENE_GRQ_BYTES 4096

struct side {
	struct tto_device *device;
	struct tto_cq *cq;
	struct tto_grq *grq;
	struct tto_qp *qp;
	struct tto_flow *flow;	/* NULL: not open                               */
	struct tto_tuple tuple;
	uint32_t sent;		/* bytes of the stream                          */
};

struct scene_options {
	uint32_t cq_flags;
	uint8_t no_receive, no_flow, flow_errors;
	struct tto_device_options device;
	struct tto_qp_options qp;
};

/** scene_open() - Both sides, their flow open; asserts that all of it works */
void scene_open(struct side sides[2], const struct scene_options *options);
void scene_close(struct side sides[2]);

/** scene_open_side() - One of them, @n, with a device at @where */
void scene_open_side(struct side *s, int n, const char *where,
		     const struct scene_options *o);

/** scene_header() - The headers of @side's next segment, with these flags */
void scene_header(const struct side *side, uint8_t *header, uint8_t flags);

/** scene_send() - Post the next @bytes of the stream, from @from. Return: of the post */
int scene_send(struct side *side, const void *from, uint32_t bytes, uint32_t flags,
	       uint64_t wr_id);

/** scene_byte() - Of the stream, at this position */
static inline uint8_t scene_byte(uint32_t position)
{
	return (uint8_t)(position * 2654435761u >> 24);
}

/** scene_fill() - Bytes of the stream from @position on */
void scene_fill(void *to, uint32_t position, uint32_t bytes);
/** scene_check() - Assert that they are */
void scene_check(const void *at, uint32_t position, uint32_t bytes);

/** scene_poll() - Both devices run until @side has a completion. Return: 1; 0: none */
int scene_poll(struct side sides[2], struct side *side, struct tto_completion *c);

#endif

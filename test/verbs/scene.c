// SPDX-License-Identifier: BSD-2-Clause
/* scene.c - Two programs with a device each, and a connection between them */
#include "scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"

#define PASSES 64

static struct tto_tuple tuple_of(int n)
{
	struct tto_tuple t = { .local = { 10, 9, 0, (uint8_t)(1 + n) },
			       .remote = { 10, 9, 0, (uint8_t)(2 - n) },
			       .local_port = (uint16_t)(4000 + n),
			       .remote_port = (uint16_t)(4001 - n) };

	return t;
}

void scene_open_side(struct side *s, int n, const char *where,
		     const struct scene_options *o)
{
	const struct tto_grq_options grq = { .size = sizeof(grq),
					     .buffers = SCENE_GRQ_BUFFERS,
					     .buffer_bytes = SCENE_GRQ_BYTES };
	const struct tto_flow_options flow = { .size = sizeof(flow), .knows_next = 1,
					       .next_seq = SCENE_FIRST,
					       .errors = o->flow_errors };
	struct tto_device_options device = o->device;
	struct tto_qp_options qp = o->qp;
	struct tto_error error = { "" };

	*s = (struct side){ .tuple = tuple_of(n) };
	device.size = sizeof(device);
	qp.size = sizeof(qp);
	qp.unowned = 1;
	qp.no_receive = o->no_receive;
	if (tto_open(&s->device, where, &device, &error))
		fail_msg("%s", error.text);
	assert_int_equal(tto_cq_open(s->device, 4096, o->cq_flags, &s->cq), 0);
	assert_int_equal(tto_grq_open(s->device, s->cq, &grq, &s->grq), 0);
	assert_int_equal(tto_qp_open(s->device, s->cq, &qp, &s->qp), 0);
	if (!o->no_flow)
		assert_int_equal(tto_flow_open(s->qp, s->grq, &s->tuple, &flow,
					       &s->flow), 0);
}

void scene_open(struct side sides[2], const struct scene_options *options)
{
	static const struct scene_options none;
	static int scenes;
	char where[64];

	snprintf(where, sizeof(where), "pair:scene-%d", ++scenes);
	for (int n = 0; n < 2; n++)
		scene_open_side(&sides[n], n, where, options ? options : &none);
}

void scene_close(struct side sides[2])
{
	for (int n = 0; n < 2; n++)
		tto_close(sides[n].device);
}

void scene_header(const struct side *side, uint8_t *header, uint8_t flags)
{
	const struct tto_tuple *t = &side->tuple;

	memset(header, 0, SCENE_HEADER);
	memset(header, 2, 6);
	memset(header + 6, 4, 6);
	store_be16(header + 12, 0x0800);
	header[14] = 0x45;
	store_be16(header + 14 + 6, 0x4000);
	header[14 + 8] = 64;
	header[14 + 9] = 6;
	memcpy(header + 14 + 12, t->local, 4);
	memcpy(header + 14 + 16, t->remote, 4);
	store_be16(header + 34, t->local_port);
	store_be16(header + 36, t->remote_port);
	store_be32(header + 38, SCENE_FIRST + side->sent);
	store_be32(header + 42, SCENE_FIRST);
	header[46] = 0x50;
	header[47] = flags;
	store_be16(header + 48, 65535);
}

int scene_send(struct side *side, const void *from, uint32_t bytes, uint32_t flags,
	       uint64_t wr_id)
{
	uint8_t header[SCENE_HEADER];
	const struct tto_element element = { .address = from, .bytes = bytes };
	const struct tto_send send = {
		.wr_id = wr_id, .flow = side->flow, .header = header,
		.header_bytes = SCENE_HEADER, .elements = &element,
		.n_elements = bytes != 0, .mss = SCENE_MSS, .flags = flags,
	};
	int status;

	scene_header(side, header, 0x10);
	status = tto_post_send(side->qp, &send, 1, NULL);
	if (!status)
		side->sent += bytes;
	return status;
}

void scene_fill(void *to, uint32_t position, uint32_t bytes)
{
	uint8_t *at = to;

	for (uint32_t i = 0; i < bytes; i++)
		at[i] = scene_byte(position + i);
}

void scene_check(const void *from, uint32_t position, uint32_t bytes)
{
	const uint8_t *at = from;

	for (uint32_t i = 0; i < bytes; i++) {
		if (at[i] != scene_byte(position + i))
			fail_msg("byte %u of the stream is wrong", position + i);
	}
}

int scene_poll(struct side sides[2], struct side *side, struct tto_completion *c)
{
	struct side *other = &sides[side == &sides[0]];

	for (int n = 0; n < PASSES; n++) {
		int taken = tto_poll(side->cq, c, 1);

		assert_true(taken >= 0);
		if (taken)
			return 1;
		/* Its completions stay: room for none is given. */
		assert_true(tto_poll(other->cq, NULL, 0) >= 0);
	}
	return 0;
}

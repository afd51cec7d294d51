// SPDX-License-Identifier: BSD-2-Clause
/* send_scene.c - A program with one flow, and requests to send */
#include "nic/send_scene.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/traffic.h"

void send_add_flow(struct send_scene *f)
{
	struct frame_spec arriving = f->spec;
	struct device_flow flow;

	frame_reverse(&arriving);
	flow = program_flow(&f->p, &arriving);
	assert_int_equal(device_add_flow(f->s.device, &flow, &f->flow), 0);
	f->start = f->p.next;
}

static void open_scene(struct send_scene *f, const struct pair_options *pair,
		       const struct program_options *options)
{
	scene_open(&f->s, NULL, pair);
	program_open(&f->s, &f->p, options);
	f->spec = frame_defaults();
	frame_reverse(&f->spec);
	send_add_flow(f);
}

void send_open_again(struct send_scene *f, const struct pair_options *pair,
		     const struct program_options *options)
{
	scene_close(&f->s);
	open_scene(f, pair, options);
}

int send_setup(void **state)
{
	struct send_scene *f = calloc(1, sizeof(*f));

	open_scene(f, NULL, NULL);
	*state = f;
	return 0;
}

int send_teardown(void **state)
{
	struct send_scene *f = *state;

	program_check_canaries(&f->p);
	scene_close(&f->s);
	free(f);
	return 0;
}

struct completion send_poll(struct send_scene *f)
{
	struct completion c;

	assert_true(program_poll(&f->p, &c));
	assert_int_equal(c.kind, COMPLETION_SEND);
	return c;
}

void send_poll_nothing(struct send_scene *f)
{
	struct completion c;

	assert_false(program_poll(&f->p, &c));
}

/* ---- Requests ------------------------------------------------------------------ */

/* Its payload, from @at on. */
static void write_payload(const struct send_unit *u, uint32_t at, uint8_t *to,
			  uint32_t bytes)
{
	for (uint32_t n = 0; n < bytes; n++)
		to[n] = frame_stream_byte(u->spec.stream, u->spec.seq + at + n);
}

/*
 * Writes the request for @u: headers and @inline_payload bytes of payload inline,
 * the rest in @n descriptors of any length.
 */
void send_lay_out(struct send_scene *f, const struct send_unit *u, uint64_t *rng,
		  uint32_t inline_payload, uint32_t n)
{
	struct frame_spec headers = u->spec;
	struct program_send *s = &f->send;
	uint32_t at = inline_payload, left;

	headers.payload_len = 0;
	left = u->spec.payload_len - inline_payload;
	*s = (struct program_send){
		.flow = f->flow, .mss = u->mss, .inline_at = f->inline_bytes,
		.inline_bytes = frame_build(&headers, f->inline_bytes),
		.n = n,
	};
	write_payload(u, 0, f->inline_bytes + s->inline_bytes, inline_payload);
	s->inline_bytes += inline_payload;
	f->p.next = f->start;
	for (uint32_t k = 0; k < n; k++) {
		uint32_t bytes = k + 1 == n ? left : random_below(rng, left + 1);
		uint32_t to = program_place(&f->p, bytes + 40) +
			      random_below(rng, 40);

		write_payload(u, at, f->p.memory + to, bytes);
		s->descriptor[k] = (struct descriptor){
			.address = f->p.bus + to, .length = bytes,
			.command = k + 1 == n ? DESCRIPTOR_END : 0,
		};
		at += bytes;
		left -= bytes;
	}
}

/* Sends a short message of the flow: 10 bytes, signaled. */
void send_short(struct send_scene *f, uint64_t wr_id)
{
	struct send_unit u = { f->spec, 1000 };

	u.spec.payload_len = 10;
	send_lay_out(f, &u, NULL, 10, 0);
	f->send.wr_id = wr_id;
	f->send.flags = SEND_SIGNALED;
	assert_true(program_send(&f->p, &f->send));
}

uint32_t send_count_frames(struct send_scene *f)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t n = 0;

	while (scene_leave(&f->s, frame, NULL))
		n++;
	return n;
}

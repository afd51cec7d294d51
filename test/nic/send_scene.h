/* SPDX-License-Identifier: BSD-2-Clause */
/* send_scene.h - A program with one flow, and requests to send */
#ifndef TEST_NIC_SEND_SCENE_H
#define TEST_NIC_SEND_SCENE_H

#include "nic/device_scene.h"

struct send_scene {
	struct device_scene s;
	struct program p;
	struct frame_spec spec;	/* of what is sent                              */
	uint32_t flow;
	uint32_t start;		/* of memory for payload                        */
	struct program_send send;
	uint8_t inline_bytes[2048];
};

/* A unit of TCP: @spec says its first frame, but for payload_len: all of it. */
struct send_unit {
	struct frame_spec spec;
	uint16_t mss;
};

/* For cmocka; at the end nothing was written outside of the program's memory. */
int send_setup(void **state);
int send_teardown(void **state);

/** send_open_again() - From the beginning, another wire, other queues; NULL: as usual */
void send_open_again(struct send_scene *f, const struct pair_options *pair,
		     const struct program_options *options);

/** send_add_flow() - f->flow is of what f->spec says from now on */
void send_add_flow(struct send_scene *f);

/**
 * send_lay_out() - Write the request for @u to f->send, and its payload
 * @rng:		Of the lengths; NULL: @n is 0
 * @inline_payload:	Bytes that follow the headers inline
 * @n:			Descriptors, of any length, for the rest
 */
void send_lay_out(struct send_scene *f, const struct send_unit *u, uint64_t *rng,
		  uint32_t inline_payload, uint32_t n);

/** send_short() - Send 10 bytes of the flow, signaled */
void send_short(struct send_scene *f, uint64_t wr_id);

/** send_poll() - The next completion, which has to be there, and of a send */
struct completion send_poll(struct send_scene *f);
void send_poll_nothing(struct send_scene *f);

/** send_count_frames() - Take what the device sent. Return: how many frames */
uint32_t send_count_frames(struct send_scene *f);

#endif

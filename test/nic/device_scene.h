/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device_scene.h - A device, programs on its one side, a wire on the other
 *
 * Each program has memory of its own on the bus, with canaries on both sides, and
 * four rings in it. It keeps the rules of ring.h unless a test does otherwise.
 */
#ifndef TEST_NIC_DEVICE_SCENE_H
#define TEST_NIC_DEVICE_SCENE_H

#include "nic/device.h"
#include "nic/frames.h"
#include "wire/pair.h"

#define SCENE_PROGRAMS 4
#define SCENE_PROGRAM_BYTES (4u << 20)	/* on the bus, each                     */
#define SCENE_CANARY_BYTES 65536u	/* in front of it                       */
#define SCENE_WAKES 64
#define SCENE_NOBODYS 64

struct program_options {	/* 0: 64 entries                                */
	uint32_t cq, sq, rq, grq;
	bool unowned;
};

struct program {
	struct device_scene *scene;
	uint32_t owner;
	uint16_t domain;
	struct extent extent[4];
	struct dma_queue dma;
	uint64_t bus;		/* where its memory begins                      */
	uint8_t *memory;
	uint32_t next;		/* offset of what is not yet given out          */
	struct program_options options;
	struct ring_end cq, sq, rq, grq;
	uint32_t cq_id, sq_id, rq_id, grq_id;
};

/* What the owner of the device got to see of a packet that is nobody's. */
struct scene_packet {
	uint8_t bytes[2048];
	uint32_t len;
	uint8_t cause;
};

struct device_scene {
	struct bus bus;
	struct memory *memory;
	struct domain domain[SCENE_PROGRAMS];
	struct region region[16];
	struct device *device;
	void *device_memory;
	struct wire *near, *far;	/* of the device, and of the test       */
	struct pair_options pair;
	ns_t now;
	uint32_t n_programs;
	uint32_t n_nobodys;	/* counts on beyond the array                   */
	struct scene_packet nobodys[SCENE_NOBODYS];
	uint32_t n_wakes;
	uint32_t wakes[SCENE_WAKES];	/* ids of CQs                           */
};

/** scene_open() - @options and @pair may be NULL */
void scene_open(struct device_scene *s, const struct device_options *options,
		const struct pair_options *pair);
void scene_close(struct device_scene *s);

/** program_open() - A program with all four queues; owner is its number */
void program_open(struct device_scene *s, struct program *p,
		  const struct program_options *options);

/** program_reopen() - Fresh queues where the old ones were, which are closed */
void program_reopen(struct program *p);

/* Fails the test if anything was written outside of the program's memory. */
void program_check_canaries(const struct program *p);

/** program_place() - Memory: offset of @bytes that nobody else has, aligned */
uint32_t program_place(struct program *p, uint32_t bytes);

/** program_flow() - A flow for the tuple of frames like @spec, with all queues */
struct device_flow program_flow(const struct program *p,
				const struct frame_spec *spec);
/** program_listen() - The same, for their local side only */
struct device_flow program_listen(const struct program *p,
				  const struct frame_spec *spec);

/** program_receive() - Post a buffer to p->rq or p->grq */
void program_receive(struct program *p, struct ring_end *to, uint32_t offset,
		     uint32_t bytes, uint64_t wr_id);

/* A request to send, as a test says it. */
struct program_send {
	uint64_t wr_id;
	uint32_t flow;
	uint16_t mss, command;
	uint8_t flags;		/* enum send_flag                               */
	const uint8_t *inline_at;
	uint32_t inline_bytes;
	uint32_t n;		/* descriptors                                  */
	struct descriptor descriptor[SEND_DESCRIPTORS_MAX];
};

/** program_send() - Post a request. Return: false when there is no room */
bool program_send(struct program *p, const struct program_send *send);

/** program_poll() - Return: false when nothing is there; a copy in @c */
bool program_poll(struct program *p, struct completion *c);

/** scene_arrive() - A frame comes from the wire at the next scene_run() */
void scene_arrive(struct device_scene *s, const struct frame_spec *spec);
void scene_arrive_bytes(struct device_scene *s, const uint8_t *frame,
			uint32_t len);

/** scene_run() - Receive all that is on the wire, send all that is in queues */
void scene_run(struct device_scene *s);

/** scene_leave() - Next frame that the device sent; its length, 0: none */
uint32_t scene_leave(struct device_scene *s, uint8_t *frame,
		     struct wire_offload *offload);

/** scene_drops() - One counter of a queue */
uint64_t scene_drops(const struct device_scene *s, uint32_t queue,
		     enum device_drop drop);

#endif

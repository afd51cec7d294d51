/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.h - What the tests of the receive side say again and again
 */
#ifndef TEST_NIC_SCENE_H
#define TEST_NIC_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "nic/watch.h"

#define US 1000ull
#define MS 1000000ull
#define SECOND 1000000000ull

/** scene_options() - A small table, a fixed seed, all else default. */
static inline struct tto_coalescer_options scene_options(uint8_t policy)
{
	struct tto_coalescer_options o = {
		.size = sizeof(o), .policy = policy, .flows = 256, .buffers = 64,
	};

	memset(o.seed, 7, sizeof(o.seed));
	return o;
}

static inline void scene_open(struct watch *w,
			      const struct tto_coalescer_options *options)
{
	assert_int_equal(watch_open(w, options), 0);
}

/** scene_fine() - The oracle has nothing to complain of so far. */
static inline void scene_fine(struct watch *w)
{
	if (!w->failure[0])
		return;
	watch_print(w, w->n_records > 40 ? w->n_records - 40 : 0, w->n_records);
	fail_msg("%s", w->failure);
}

static inline void scene_close(struct watch *w)
{
	watch_check(w);
	scene_fine(w);
	watch_close(w);
}

static inline void scene_push(struct watch *w, const struct frame_spec *spec,
			      uint64_t now_ns)
{
	watch_push_specs(w, spec, 1, now_ns);
	scene_fine(w);
}

/** scene_packet() - Packet number @index has @n_frames and one of @causes. */
static inline void scene_packet(struct watch *w, uint32_t index,
				uint32_t n_frames, causes_t causes)
{
	const struct watch_packet *p = &w->packets[index];

	scene_fine(w);
	if (index >= w->n_packets)
		fail_msg("packet %u of %u", index, w->n_packets);
	if (p->n_frames != n_frames || !(causes >> p->cause & 1))
		fail_msg("packet %u: %u frames, cause %s", index, p->n_frames,
			 tto_cause_name(p->cause));
}

/** scene_packets() - So many packets were handed up. */
static inline void scene_packets(struct watch *w, uint32_t n)
{
	scene_fine(w);
	if (w->n_packets != n)
		fail_msg("%u packets, not %u; the last: %u frames, cause %s",
			 w->n_packets, n,
			 w->n_packets ? w->packets[w->n_packets - 1].n_frames : 0,
			 w->n_packets ? tto_cause_name(
				w->packets[w->n_packets - 1].cause) : "-");
}

/** scene_advance() - To the segment that follows @spec. */
static inline void scene_advance(struct frame_spec *spec)
{
	spec->seq += spec->payload_len;
	spec->id++;
}

/** scene_flow() - The first segment of flow @number. */
static inline struct frame_spec scene_flow(uint32_t number)
{
	struct frame_spec s = frame_defaults();

	s.source_port = (uint16_t)(number * 17 + 1);
	s.source = (uint16_t)(number / 1000);
	s.seq = number * 0x3c6ef372u;
	return s;
}

/** scene_flows() - Entries in the table. */
static inline uint64_t scene_flows(const struct watch *w)
{
	return watch_stats(w).flows;
}

/** scene_establish() - Two segments in order, handed up: it carries data. */
static inline void scene_establish(struct watch *w, uint32_t number,
				   uint64_t now_ns)
{
	struct frame_spec s = scene_flow(number);

	scene_push(w, &s, now_ns);
	scene_advance(&s);
	s.flags |= F_PSH;
	scene_push(w, &s, now_ns);
}

/** scene_is_known() - Flow @number has an entry. */
static inline bool scene_is_known(const struct watch *w, uint32_t number)
{
	struct frame_spec s = scene_flow(number);
	struct tto_flow_info info;
	uint32_t cursor = 0;
	uint8_t port[2], source[4] = { 10, 0 };

	put16(port, s.source_port);
	put16(source + 2, s.source);
	while (tto_coalescer_flow(w->coalescer, &cursor, &info))
		if (!memcmp(&info.source_port, port, 2) &&
		    !memcmp(info.source, source, 4))
			return true;
	return false;
}

#endif

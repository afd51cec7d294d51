// SPDX-License-Identifier: BSD-2-Clause
/*
 * send_test.c - What programs post leaves as frames, if it is theirs
 *
 * The frames that are wanted are written field by field (frames.h), one after the
 * other; nothing of the code under test takes part.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/send_scene.h"
#include "nic/traffic.h"

/* ---- Units --------------------------------------------------------------- */

static uint32_t n_frames(const struct send_unit *u)
{
	return u->spec.payload_len ? (u->spec.payload_len + u->mss - 1) / u->mss :
				     1;
}

/* SPEC TX-5: what frame @n of a unit has to be. Return: its length. */
static uint32_t want_frame(const struct send_unit *u, uint32_t n, uint8_t *frame)
{
	struct frame_spec spec = u->spec;
	uint32_t at = n * u->mss;

	spec.seq += at;
	spec.id = (uint16_t)(spec.id + n);
	spec.payload_len -= at;
	if (n + 1 < n_frames(u)) {
		spec.payload_len = u->mss;
		spec.flags &= ~(F_FIN | F_PSH);
	}
	if (n > 0)
		spec.flags &= ~F_CWR;
	return frame_build(&spec, frame);
}

static struct send_unit random_unit(const struct send_scene *f, uint64_t *rng)
{
	struct send_unit u = { .spec = f->spec };
	uint32_t most = random_below(rng, 4) ? 3000 : 60000;

	if (random_below(rng, 2))
		frame_timestamp(&u.spec, (uint32_t)random_next(rng), 5);
	u.spec.seq = (uint32_t)random_next(rng);
	u.spec.id = (uint16_t)random_next(rng);
	u.spec.flags = F_ACK | (random_next(rng) & (F_PSH | F_FIN | F_CWR));
	u.spec.tos = (uint8_t)random_next(rng);
	u.spec.stream = (uint32_t)random_next(rng);
	u.spec.payload_len = random_below(rng, most + 1);
	u.mss = (uint16_t)(1 + random_below(rng, 1400));
	if (u.spec.payload_len > 3000 && u.mss < 300)
		u.mss = 300;
	return u;
}

static void lay_out_anyhow(struct send_scene *f, const struct send_unit *u,
			   uint64_t *rng)
{
	uint32_t most = u->spec.payload_len < 300 ? u->spec.payload_len : 300;
	uint32_t some = random_below(rng, most + 1);

	if (u->spec.payload_len <= 300 && random_below(rng, 2))
		send_lay_out(f, u, rng, u->spec.payload_len, 0);
	else
		send_lay_out(f, u, rng, some, 1 + random_below(rng, 18));
}

/* ---- Frames -------------------------------------------------------------- */

static void check_frame(const struct send_unit *u, uint32_t n, const uint8_t *got,
			uint32_t len, uint64_t seed)
{
	static uint8_t want[FRAME_MAX_BYTES];
	uint32_t want_len = want_frame(u, n, want);

	if (len != want_len || memcmp(got, want, len) != 0)
		fail_msg("seed %llu: frame %u of %u is wrong (%u bytes, wanted %u)",
			 (unsigned long long)seed, n, n_frames(u), len, want_len);
}

static void tx_1_tx_2_tx_5_frames_of_random_units(void **state)
{
	struct send_scene *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];

	for (uint64_t seed = 1; seed <= 1500; seed++) {
		uint64_t rng = seed;
		struct send_unit u = random_unit(f, &rng);
		struct completion c;

		lay_out_anyhow(f, &u, &rng);
		f->send.wr_id = seed;
		f->send.flags = SEND_SIGNALED;
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		for (uint32_t n = 0; n < n_frames(&u); n++)
			check_frame(&u, n, frame,
				    scene_leave(&f->s, frame, NULL), seed);
		assert_int_equal(scene_leave(&f->s, frame, NULL), 0);
		c = send_poll(f);
		assert_int_equal(c.status, COMPLETION_OK);
		assert_int_equal(c.wr_id, seed);
		assert_int_equal(c.flow, f->flow);
		assert_int_equal(c.bytes, u.spec.payload_len);
		send_poll_nothing(f);
	}
}

static void tx_5_ipv6(void **state)
{
	struct send_scene *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	uint64_t rng = 5;
	struct send_unit u;

	f->spec.v6 = true;
	send_add_flow(f);
	u = random_unit(f, &rng);
	u.spec.payload_len = 2000;
	u.mss = 900;
	send_lay_out(f, &u, &rng, 33, 3);
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
	for (uint32_t n = 0; n < 3; n++)
		check_frame(&u, n, frame, scene_leave(&f->s, frame, NULL), 0);
}

/* A wire that is always full: any number of frames a call, and all come, once. */
static void tx_1_wire_takes_a_few_at_a_time(void **state)
{
	struct send_scene *f = *state;
	const struct pair_options pair = { .n_frames = 8 };
	static uint8_t frame[FRAME_MAX_BYTES];

	send_open_again(f, &pair, NULL);
	for (uint64_t seed = 1; seed <= 400; seed++) {
		uint64_t rng = seed;
		struct send_unit u[3];
		uint32_t done = 0, n = 0;

		for (int k = 0; k < 3; k++) {
			u[k] = random_unit(f, &rng);
			if (u[k].spec.payload_len > 300)
				u[k].spec.payload_len = 300;
			if (u[k].mss < 4)
				u[k].mss = 4;
			send_lay_out(f, &u[k], &rng, u[k].spec.payload_len, 0);
			f->send.wr_id = (uint64_t)k;
			f->send.flags = SEND_SIGNALED;
			assert_true(program_send(&f->p, &f->send));
		}
		while (done < 3) {
			uint32_t some = 1 + random_below(&rng, 5), len;
			struct completion c;

			device_send(f->s.device, f->s.near, 256, 1);
			while (program_poll(&f->p, &c)) {
				assert_true(c.wr_id >= done);
				assert_int_equal(c.status, COMPLETION_OK);
			}
			while (some-- && (len = scene_leave(&f->s, frame, NULL))) {
				check_frame(&u[done], n++, frame, len, seed);
				if (n < n_frames(&u[done]))
					continue;
				done++;
				n = 0;
				if (done == 3)
					break;
			}
		}
		device_send(f->s.device, f->s.near, 256, 1);
		assert_int_equal(scene_leave(&f->s, frame, NULL), 0);
	}
}

/* A completion means that the memory is free: the wire has the last frame. */
static void tx_9_completes_when_the_wire_has_all_of_it(void **state)
{
	struct send_scene *f = *state;
	const struct pair_options pair = { .n_frames = 4 };
	static uint8_t frame[FRAME_MAX_BYTES];
	struct send_unit u;
	uint64_t rng = 1;

	send_open_again(f, &pair, NULL);
	u = (struct send_unit){ f->spec, 100 };
	u.spec.payload_len = 950;
	send_lay_out(f, &u, &rng, 0, 2);
	f->send.flags = SEND_SIGNALED;
	assert_true(program_send(&f->p, &f->send));
	for (uint32_t n = 0; n < 10; n++) {
		device_send(f->s.device, f->s.near, 256, 1);
		if (n < 7)
			send_poll_nothing(f);
		check_frame(&u, n, frame, scene_leave(&f->s, frame, NULL), n);
	}
	assert_int_equal(send_poll(f).bytes, 950);
}

/* ---- Wires that can do more ---------------------------------------------- */

/* What a network card does with what was left to it. */
static void finish_frame(uint8_t *frame, uint32_t len,
			 const struct wire_offload *o)
{
	uint16_t sum;

	if (!(o->flags & WIRE_NEEDS_CSUM))
		return;
	sum = (uint16_t)~naive_sum(0, frame + o->csum_start,
				   len - o->csum_start);
	put16(frame + o->csum_start + o->csum_offset, sum);
}

/* Cuts a unit by hand, and compares each frame. */
static void cut_and_check(const struct send_unit *u, const uint8_t *unit,
			  uint32_t len, const struct wire_offload *o,
			  uint64_t seed)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t header = o->hdr_len, l3 = frame_link_bytes(&u->spec);
	uint32_t payload = len - header, n = 0;

	assert_int_equal(o->gso_size, u->mss);
	assert_int_equal(o->gso_type & ~WIRE_GSO_ECN,
			 u->spec.v6 ? WIRE_GSO_TCPV6 : WIRE_GSO_TCPV4);
	assert_int_equal(!!(o->gso_type & WIRE_GSO_ECN),
			 !!(u->spec.flags & F_CWR));
	assert_int_equal(o->csum_start, header - 20 - u->spec.options_len);
	assert_int_equal(o->csum_offset, 16);
	assert_int_equal(payload, u->spec.payload_len);
	/* The unit's own lengths and sums are those of one large frame. */
	if (!u->spec.v6) {
		assert_int_equal(get16(unit + l3 + 2), len - l3);
		assert_int_equal(naive_sum(0, unit + l3, 20), 0xffff);
	}
	assert_int_equal(get16(unit + o->csum_start + 16),
			 naive_pseudo(unit + l3, u->spec.v6,
				      len - o->csum_start));
	for (uint32_t at = 0; at < payload; at += u->mss, n++) {
		uint32_t part = payload - at < u->mss ? payload - at : u->mss;
		bool last = at + part == payload;
		uint8_t *tcp = frame + o->csum_start;

		memcpy(frame, unit, header);
		memcpy(frame + header, unit + header + at, part);
		put32(tcp + 4, get32(tcp + 4) + at);
		if (!last)
			tcp[13] &= (uint8_t)~(F_FIN | F_PSH);
		if (n > 0)
			tcp[13] &= (uint8_t)~F_CWR;
		if (!u->spec.v6) {
			put16(frame + l3 + 2, (uint16_t)(header + part - l3));
			put16(frame + l3 + 4,
			      (uint16_t)(get16(frame + l3 + 4) + n));
			put16(frame + l3 + 10, 0);
			put16(frame + l3 + 10,
			      (uint16_t)~naive_sum(0, frame + l3, 20));
		} else {
			put16(frame + l3 + 4,
			      (uint16_t)(header + part - l3 - 40));
		}
		put16(tcp + 16, 0);
		put16(tcp + 16, (uint16_t)~naive_sum(
			naive_pseudo(frame + l3, u->spec.v6,
				     header + part - o->csum_start),
			tcp, header + part - o->csum_start));
		check_frame(u, n, frame, header + part, seed);
	}
	assert_int_equal(n, n_frames(u));
}

static void tx_5_wire_that_cuts_gets_whole_units(void **state)
{
	struct send_scene *f = *state;
	const struct pair_options pair = { .offload = true };
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t n_units = 0;

	send_open_again(f, &pair, NULL);
	for (uint64_t seed = 1; seed <= 600; seed++) {
		uint64_t rng = seed;
		struct wire_offload o;
		struct send_unit u;
		uint32_t len;

		f->spec.v6 = seed == 300;
		if (f->spec.v6)
			send_add_flow(f);
		f->spec.v6 = seed >= 300;
		u = random_unit(f, &rng);
		lay_out_anyhow(f, &u, &rng);
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		len = scene_leave(&f->s, frame, &o);
		if (o.gso_type) {
			n_units++;
			cut_and_check(&u, frame, len, &o, seed);
		} else {
			assert_int_equal(n_frames(&u), 1);
			assert_int_equal(o.flags, WIRE_NEEDS_CSUM);
			finish_frame(frame, len, &o);
			check_frame(&u, 0, frame, len, seed);
		}
		assert_int_equal(scene_leave(&f->s, frame, NULL), 0);
	}
	assert_true(n_units > 300);
}

/* What a wire would cut otherwise than was asked for is cut for it. */
static void tx_5_what_the_wire_would_cut_wrongly(void **state)
{
	struct send_scene *f = *state;
	const struct pair_options pair = { .offload = true };
	static uint8_t frame[FRAME_MAX_BYTES];
	static const uint16_t commands[] = {
		DESCRIPTOR_FIXED_ID, DESCRIPTOR_ACCECN,
	};
	struct wire_offload o;
	struct send_unit u;

	send_open_again(f, &pair, NULL);
	u = (struct send_unit){ f->spec, 200 };
	u.spec.flags |= F_CWR;
	u.spec.payload_len = 500;
	for (uint32_t n = 0; n < ARRAY_SIZE(commands); n++) {
		send_lay_out(f, &u, NULL, 500, 0);
		f->send.command = commands[n];
		assert_true(program_send(&f->p, &f->send));
		scene_run(&f->s);
		for (uint32_t k = 0; k < 3; k++) {
			assert_true(scene_leave(&f->s, frame, &o) > 0);
			assert_int_equal(o.gso_type, 0);
			assert_int_equal(get16(frame + 18),
					 f->spec.id + (n ? k : 0));
			assert_int_equal(!!(frame[47] & F_CWR), n || k == 0);
		}
	}
}

/* ---- Unowned ------------------------------------------------------------- */

static void unowned_frames_leave_as_they_are(void **state)
{
	struct send_scene *f = *state;
	const struct program_options options = { .unowned = true };
	static uint8_t want[2048], got[FRAME_MAX_BYTES];
	uint64_t rng = 1;

	for (uint32_t n = 0; n < sizeof(want); n++)
		want[n] = (uint8_t)random_next(&rng);
	f->send = (struct program_send){ .flags = SEND_UNOWNED,
					 .inline_at = want, .inline_bytes = 60 };
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
	assert_int_equal(send_count_frames(f), 0);
	assert_int_equal(send_poll(f).status, COMPLETION_FLUSHED);
	send_open_again(f, NULL, &options);
	for (uint32_t len = 1; len < 1540; len += 17) {
		struct program_send *s = &f->send;
		uint32_t at;

		*s = (struct program_send){
			.flags = SEND_UNOWNED | SEND_SIGNALED,
			.inline_at = want, .n = random_below(&rng, 20),
			.inline_bytes = len < 200 ? random_below(&rng, len) : 0,
		};
		if (!s->n)
			s->n = 1;
		at = s->inline_bytes;
		for (uint32_t k = 0; k < s->n; k++) {
			uint32_t bytes = k + 1 == s->n ? len - at :
					 random_below(&rng, len - at + 1);
			uint32_t to = program_place(&f->p, bytes);

			memcpy(f->p.memory + to, want + at, bytes);
			s->descriptor[k] = (struct descriptor){
				.address = f->p.bus + to, .length = bytes,
				.command = k + 1 == s->n ? DESCRIPTOR_END : 0,
			};
			at += bytes;
		}
		assert_true(program_send(&f->p, s));
		scene_run(&f->s);
		if (len > 1514) {
			assert_int_equal(send_count_frames(f), 0);
			assert_int_equal(send_poll(f).status, COMPLETION_TOO_LARGE);
			continue;
		}
		assert_int_equal(scene_leave(&f->s, got, NULL), len);
		assert_memory_equal(got, want, len);
		assert_int_equal(send_poll(f).bytes, len);
	}
	f->send = (struct program_send){ .flags = SEND_UNOWNED };
	assert_true(program_send(&f->p, &f->send));
	scene_run(&f->s);
	assert_true(send_poll(f).status != COMPLETION_OK);
}

/* ---- Faults and nonsense ------------------------------------------------- */

static void tx_3_fault_sends_nothing_and_disturbs_nothing(void **state)
{
	struct send_scene *f = *state;
	struct send_unit u = { f->spec, 1000 };
	struct completion c;
	uint64_t rng = 3;

	send_short(f, 1);
	u.spec.payload_len = 3000;
	send_lay_out(f, &u, &rng, 10, 4);
	f->send.wr_id = 2;
	f->send.descriptor[2].address = f->p.bus - 1;
	f->send.descriptor[2].length = 5;
	assert_true(program_send(&f->p, &f->send));
	send_short(f, 3);
	scene_run(&f->s);
	assert_int_equal(send_count_frames(f), 2);
	assert_int_equal(send_poll(f).wr_id, 1);
	c = send_poll(f);
	assert_int_equal(c.wr_id, 2);
	assert_int_equal(c.status, COMPLETION_FAULT);
	assert_int_equal(c.fault, DMA_FAULT_UNREACHABLE);
	assert_int_equal(c.fault_element, 2);
	assert_int_equal(completion_fault_address(&c), f->p.bus - 1);
	assert_int_equal(send_poll(f).wr_id, 3);
}

/* The memory goes while the wire is full: what has left has left. */
static void tx_3_memory_that_goes_ends_the_request(void **state)
{
	struct send_scene *f = *state;
	const struct pair_options pair = { .n_frames = 4 };
	static uint8_t frame[FRAME_MAX_BYTES];
	struct send_unit u;
	uint64_t rng = 3;
	struct completion c;
	uint32_t n = 0, len;

	send_open_again(f, &pair, NULL);
	u = (struct send_unit){ f->spec, 1000 };
	u.spec.payload_len = 9000;
	send_lay_out(f, &u, &rng, 0, 1);
	assert_true(program_send(&f->p, &f->send));
	device_send(f->s.device, f->s.near, 256, 1);
	send_poll_nothing(f);
	assert_int_equal(memory_revoke(f->s.memory, f->p.domain, f->p.bus +
				       SCENE_PROGRAM_BYTES - 4096, 4096), 0);
	memory_poll(f->s.memory);
	for (; n < 2; n++)
		check_frame(&u, n, frame, scene_leave(&f->s, frame, NULL), n);
	device_send(f->s.device, f->s.near, 256, 1);
	send_poll_nothing(f);	/* another page: nothing happened               */
	assert_int_equal(memory_revoke(f->s.memory, f->p.domain, f->p.bus +
				       (f->start & ~4095u), 1 << 20), 0);
	memory_poll(f->s.memory);
	while ((len = scene_leave(&f->s, frame, NULL)) > 0)
		check_frame(&u, n++, frame, len, 0);
	assert_in_range(n, 3, 8);
	device_send(f->s.device, f->s.near, 256, 1);
	c = send_poll(f);
	assert_int_equal(c.status, COMPLETION_FAULT);
	assert_int_equal(scene_leave(&f->s, frame, NULL), 0);
}

static void requests_that_contradict_themselves(void **state)
{
	struct send_scene *f = *state;
	struct send_head *head;

	for (int n = 0; n < 6; n++) {
		static const uint8_t status[] = {
			COMPLETION_INVALID, COMPLETION_INVALID,
			COMPLETION_INVALID, COMPLETION_INVALID,
			COMPLETION_INVALID, COMPLETION_TOO_LARGE,
		};
		uint32_t before = f->p.sq.own;

		send_short(f, 4);
		head = ring_at(&f->p.sq, before);
		if (n == 0)
			head->descriptors = 255;
		else if (n == 1)
			head->inline_bytes = 65535;
		else if (n == 2)
			head->command = DESCRIPTOR_VIRTUAL;
		else if (n == 3)
			head->command = 0x8000;
		else if (n == 4)
			head->mss = 0;
		if (n == 5) {
			struct send_unit u = { f->spec, 3000 };

			scene_run(&f->s);
			assert_int_equal(send_poll(f).wr_id, 4);
			assert_int_equal(send_count_frames(f), 1);
			u.spec.payload_len = 1600;
			send_lay_out(f, &u, &(uint64_t){ 1 }, 0, 1);
			assert_true(program_send(&f->p, &f->send));
		}
		scene_run(&f->s);
		assert_int_equal(send_poll(f).status, status[n]);
		assert_int_equal(send_count_frames(f), 0);
	}
	send_short(f, 5);
	scene_run(&f->s);
	assert_int_equal(send_poll(f).wr_id, 5);
}

/* Where the next request begins is not known any more: the queue is closed. */
static void tx_2_lost_framing_breaks_the_queue(void **state)
{
	static const uint8_t blocks[] = { 0, 17, 255, 16 };

	for (uint32_t n = 0; n < ARRAY_SIZE(blocks); n++) {
		struct send_scene *f = *state;
		struct completion c;
		uint32_t id = f->p.sq_id;
		struct send_head *head;

		send_short(f, 1);
		head = ring_at(&f->p.sq, f->p.sq.own);
		send_short(f, 2);
		head->blocks = blocks[n];
		send_short(f, 3);
		scene_run(&f->s);
		assert_int_equal(send_poll(f).wr_id, 1);
		c = send_poll(f);
		assert_int_equal(c.status, COMPLETION_INVALID);
		send_poll_nothing(f);
		assert_int_equal(send_count_frames(f), 1);
		assert_int_equal(scene_drops(&f->s, id, DEVICE_DROP_RING_BROKEN),
				 1);
		assert_true(device_arm(f->s.device));
		device_disarm(f->s.device);
		scene_run(&f->s);
		assert_int_equal(scene_drops(&f->s, id, DEVICE_DROP_RING_BROKEN),
				 1);
		assert_int_equal(device_remove_flow(f->s.device, f->flow), 0);
		assert_int_equal(device_close_queue(f->s.device, id), 0);
		send_open_again(f, NULL, NULL);
	}
}

/* ---- Who waits, and for what --------------------------------------------- */

static void full_cq_holds_its_queue_back(void **state)
{
	struct send_scene *f = *state;
	const struct program_options options = { .cq = 2 };

	send_open_again(f, NULL, &options);
	for (uint64_t n = 0; n < 6; n++)
		send_short(f, n);
	scene_run(&f->s);
	assert_int_equal(send_count_frames(f), 2);
	assert_true(device_arm(f->s.device));	/* no work: nothing can be done */
	assert_true(device_poll(f->s.device, f->s.now) <= f->s.now + 1000000);
	for (uint64_t n = 0; n < 6; n++) {
		assert_int_equal(send_poll(f).wr_id, n);
		scene_run(&f->s);
		assert_int_equal(send_count_frames(f), n < 4);
	}
	assert_int_equal(device_poll(f->s.device, f->s.now), NS_NEVER);
}

static void wire_that_is_gone_counts_what_is_lost(void **state)
{
	struct send_scene *f = *state;
	struct wire *spare;

	wire_close(f->s.far);
	send_short(f, 1);
	send_short(f, 2);
	scene_run(&f->s);
	assert_int_equal(send_poll(f).status, COMPLETION_OK);
	assert_int_equal(send_poll(f).status, COMPLETION_OK);
	assert_int_equal(scene_drops(&f->s, f->p.sq_id, DEVICE_DROP_WIRE), 2);
	assert_int_equal(pair_create(&f->s.far, &spare, NULL), 0);
	wire_close(spare);
}

static void queues_take_turns(void **state)
{
	struct send_scene *f = *state;
	static uint8_t frame[FRAME_MAX_BYTES];
	struct program other;
	struct frame_spec mine = f->spec;
	struct device_flow flow;
	uint32_t at = 0, theirs;

	program_open(&f->s, &other, NULL);
	mine.source_port++;
	frame_reverse(&mine);
	flow = program_flow(&other, &mine);
	assert_int_equal(device_add_flow(f->s.device, &flow, &theirs), 0);
	for (int n = 0; n < 20; n++) {	/* each makes 20 frames                 */
		struct send_unit u = { f->spec, 10 };

		u.spec.payload_len = 200;
		send_lay_out(f, &u, NULL, 200, 0);
		if (!program_send(&f->p, &f->send))
			break;
	}
	f->spec.source_port++;
	f->send.flow = theirs;
	{
		struct send_unit u = { f->spec, 10 };

		send_lay_out(f, &u, NULL, 0, 0);
		f->send.flow = theirs;
		assert_true(program_send(&other, &f->send));
	}
	scene_run(&f->s);
	while (scene_leave(&f->s, frame, NULL) &&
	       get16(frame + 34) != f->spec.source_port)
		at++;
	assert_in_range(at, 0, 60);
}

/* SPEC TX-7: polling; and a look every so often is nothing else. */
static void tx_7_work_is_found_without_a_doorbell(void **state)
{
	struct send_scene *f = *state;

	for (uint64_t n = 0; n < 5; n++)
		send_short(f, n);
	assert_int_equal(device_send(f->s.device, f->s.near, 2, 1), 2);
	assert_int_equal(send_count_frames(f), 2);
	assert_int_equal(device_send(f->s.device, f->s.near, 100, 1), 3);
	assert_int_equal(device_send(f->s.device, f->s.near, 100, 1), 0);
	assert_int_equal(send_count_frames(f), 3);
}

static void unsignaled_requests_report_errors_only(void **state)
{
	struct send_scene *f = *state;
	struct send_unit u = { f->spec, 1000 };
	struct device_queue_counters c;

	for (uint64_t n = 0; n < 9; n++) {
		u.spec.payload_len = 10;
		send_lay_out(f, &u, NULL, 10, 0);
		f->send.wr_id = n;
		if (n == 5)
			f->send.mss = 0;
		if (n == 7)
			f->send.flags = SEND_SIGNALED;
		assert_true(program_send(&f->p, &f->send));
	}
	scene_run(&f->s);
	assert_int_equal(send_poll(f).wr_id, 5);
	assert_int_equal(send_poll(f).wr_id, 7);
	send_poll_nothing(f);
	assert_int_equal(send_count_frames(f), 8);
	assert_true(device_counters(f->s.device, f->p.sq_id, &c));
	assert_int_equal(c.requests, 9);
	assert_int_equal(c.bytes, 80);
	assert_int_equal(c.completions, 2);
}

/* SPEC RX-12: what the program acknowledges is in order, whatever it looked like. */
static void rx_12_acks_that_are_sent_mend_the_order(void **state)
{
	struct send_scene *f = *state;
	struct frame_spec in = frame_defaults();
	struct completion c;

	for (int n = 0; n < 4; n++) {
		uint32_t at = program_place(&f->p, 4096);

		program_receive(&f->p, n % 2 ? &f->p.grq : &f->p.rq, at, 4096,
				(uint64_t)n);
	}
	f->start = f->p.next;
	in.payload_len = 100;
	scene_arrive(&f->s, &in);
	scene_run(&f->s);
	assert_true(program_poll(&f->p, &c));
	assert_int_equal(c.wr_id, 0);
	f->spec.ack = in.seq = 500000;
	send_short(f, 9);
	scene_run(&f->s);
	assert_int_equal(send_poll(f).wr_id, 9);
	scene_arrive(&f->s, &in);
	scene_run(&f->s);
	assert_true(program_poll(&f->p, &c));
	assert_int_equal(c.wr_id, 2);
	assert_true(c.flags & COMPLETION_IN_ORDER);
}

#define T(name) cmocka_unit_test_setup_teardown(name, send_setup, send_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(tx_1_tx_2_tx_5_frames_of_random_units),
		T(tx_5_ipv6),
		T(tx_1_wire_takes_a_few_at_a_time),
		T(tx_9_completes_when_the_wire_has_all_of_it),
		T(tx_5_wire_that_cuts_gets_whole_units),
		T(tx_5_what_the_wire_would_cut_wrongly),
		T(unowned_frames_leave_as_they_are),
		T(tx_3_fault_sends_nothing_and_disturbs_nothing),
		T(tx_3_memory_that_goes_ends_the_request),
		T(requests_that_contradict_themselves),
		T(tx_2_lost_framing_breaks_the_queue),
		T(full_cq_holds_its_queue_back),
		T(wire_that_is_gone_counts_what_is_lost),
		T(queues_take_turns),
		T(tx_7_work_is_found_without_a_doorbell),
		T(unsignaled_requests_report_errors_only),
		T(rx_12_acks_that_are_sent_mend_the_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

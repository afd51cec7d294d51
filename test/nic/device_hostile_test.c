// SPDX-License-Identifier: BSD-2-Clause
/*
 * device_hostile_test.c - A program that writes anything into its queues harms itself
 *
 * Two programs share a device. One is honest: a stream arrives for it, and it sends
 * one. The other writes nonsense into its rings, indices, requests and buffers, in
 * between and, in a second variant, at the same time as the device works. Whatever
 * it does, the honest streams are whole, no byte outside of its memory is written,
 * what leaves in its name has its tuple, each call does a bounded amount of work, and a
 * ring that cannot be is closed and counted.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nic/device_scene.h"
#include "nic/traffic.h"

#define SEEDS 60
#define STEPS 300
#define BUFFER 700u
#define BUFFERS 24
#define SEND_BUDGET 40
#define QUEUES_BYTES 32768u	/* of a program's memory: its rings             */

struct scene {
	struct device_scene s;
	struct program honest, enemy;
	uint64_t seed, rng;
	uint32_t flow, enemy_flow;
	/* The stream to the honest program: go back to what has arrived. */
	struct frame_spec in;
	uint32_t next;		/* everything before it is there                */
	uint32_t buffer[BUFFERS];	/* by wr_id: where it is                */
	bool is_general[BUFFERS];
	uint64_t received;
	/* And from it. */
	struct frame_spec out;
	uint32_t n_posted, n_left;
	struct frame_spec enemy_in;
	uint64_t n_broken, n_enemy_frames, n_enemy_completions;
};

static void fail_at(const struct scene *x, const char *what)
{
	fail_msg("seed %llu: %s", (unsigned long long)x->seed, what);
}

#define EXPECT(x, y) do { if (!(y)) fail_at(x, #y); } while (0)

/* ---- The honest program ------------------------------------------------------- */

static void post_buffer(struct scene *x, uint32_t n)
{
	struct program *p = &x->honest;

	memset(p->memory + x->buffer[n], 0xee, BUFFER + 64);
	program_receive(p, x->is_general[n] ? &p->grq : &p->rq, x->buffer[n],
			BUFFER, n);
}

/* A buffer came back: what is in it is of the stream, and nothing behind it is. */
static void take_buffer(struct scene *x, const struct completion *c)
{
	const uint8_t *at = x->honest.memory + x->buffer[c->wr_id];
	uint32_t behind = c->offset + c->bytes;

	EXPECT(x, c->wr_id < BUFFERS && c->status == COMPLETION_OK);
	EXPECT(x, c->flow == x->flow && behind <= BUFFER);
	for (uint32_t n = 0; n < c->bytes; n++) {
		if (at[c->offset + n] != frame_stream_byte(1, c->seq + n))
			fail_at(x, "the honest stream is not whole");
	}
	for (; behind < BUFFER + 64; behind++)
		EXPECT(x, at[behind] == 0xee);
	if ((int32_t)(c->seq - x->next) <= 0 &&
	    (int32_t)(c->seq + c->bytes - x->next) > 0) {
		x->received += c->seq + c->bytes - x->next;
		x->next = c->seq + c->bytes;
	}
	post_buffer(x, (uint32_t)c->wr_id);
}

static void poll_honest(struct scene *x)
{
	struct completion c;

	while (program_poll(&x->honest, &c)) {
		if (c.kind == COMPLETION_RECEIVE || c.kind == COMPLETION_GENERAL)
			take_buffer(x, &c);
		else
			EXPECT(x, c.kind == COMPLETION_SEND &&
				  c.status == COMPLETION_OK);
	}
	EXPECT(x, !x->honest.cq.broken && !x->honest.sq.broken &&
		  !x->honest.rq.broken && !x->honest.grq.broken);
}

static void feed_honest(struct scene *x)
{
	uint32_t segments = random_below(&x->rng, 5);

	x->in.seq = x->next;
	if (random_below(&x->rng, 8) == 0)
		x->in.seq += 100;	/* out of order                         */
	while (segments--) {
		x->in.payload_len = 1 + random_below(&x->rng, 1400);
		scene_arrive(&x->s, &x->in);
		x->in.seq += x->in.payload_len;
		x->in.id++;
	}
}

/* The message that is sent as number @n. */
static struct frame_spec message(const struct scene *x, uint32_t n)
{
	struct frame_spec spec = x->out;

	spec.seq += n * 48;
	spec.id = (uint16_t)n;
	spec.payload_len = 48;
	spec.stream = 2;
	return spec;
}

static void send_honest(struct scene *x)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	uint32_t some = random_below(&x->rng, 5);

	while (some--) {
		const struct frame_spec spec = message(x, x->n_posted);
		const struct program_send send = {
			.flow = x->flow, .mss = 1000, .inline_at = frame,
			.inline_bytes = frame_build(&spec, frame),
			.flags = x->n_posted % 3 ? 0 : SEND_SIGNALED,
		};

		if (!program_send(&x->honest, &send))
			return;
		x->n_posted++;
	}
}

/* ---- What leaves ---------------------------------------------------------------- */

static void judge_frames(struct scene *x)
{
	static uint8_t frame[FRAME_MAX_BYTES], want[FRAME_MAX_BYTES];
	static uint8_t theirs[FRAME_MAX_BYTES];
	struct frame_spec enemy = x->enemy_in;
	uint32_t len;

	frame_reverse(&enemy);
	enemy.payload_len = 0;
	frame_build(&enemy, theirs);
	while ((len = scene_leave(&x->s, frame, NULL)) > 0) {
		if (get16(frame + 34) == x->out.source_port) {
			const struct frame_spec spec = message(x, x->n_left++);

			EXPECT(x, frame_build(&spec, want) == len);
			EXPECT(x, memcmp(frame, want, len) == 0);
			continue;
		}
		x->n_enemy_frames++;
		EXPECT(x, len >= 54 && frame[14] == 0x45 && frame[23] == 6);
		EXPECT(x, memcmp(frame + 26, theirs + 26, 12) == 0);
	}
}

/* ---- The enemy ------------------------------------------------------------------- */

static uint32_t any(struct scene *x)
{
	static const uint32_t likely_ones[] = {
		0, 1, 2, 15, 16, 17, 63, 64, 65, 255, 4096, 65535, 65536,
		UINT32_MAX, 1u << 31,
	};

	return random_below(&x->rng, 2) ? (uint32_t)random_next(&x->rng) :
	       likely_ones[random_below(&x->rng, ARRAY_SIZE(likely_ones))];
}

/* Its own memory, near the ends of it, somebody else's, or nowhere. */
static uint64_t any_address(struct scene *x)
{
	const struct program *e = &x->enemy;

	switch (random_below(&x->rng, 6)) {
	case 0:
		return e->bus + SCENE_PROGRAM_BYTES - random_below(&x->rng, 900);
	case 1:
		return e->bus - random_below(&x->rng, 900);
	case 2:
		return x->honest.bus + random_below(&x->rng, QUEUES_BYTES * 2);
	case 3:
		return random_next(&x->rng);
	default:
		return e->bus + random_below(&x->rng, SCENE_PROGRAM_BYTES);
	}
}

static void scribble(struct scene *x)
{
	uint32_t bytes = 1 + random_below(&x->rng, 200);
	uint32_t at = random_below(&x->rng, random_below(&x->rng, 2) ?
				   QUEUES_BYTES : SCENE_PROGRAM_BYTES - 200);

	while (bytes--)
		x->enemy.memory[at++] = (uint8_t)random_next(&x->rng);
}

static struct ring_end *any_ring(struct scene *x)
{
	struct ring_end *const rings[] = {
		&x->enemy.cq, &x->enemy.sq, &x->enemy.rq, &x->enemy.grq,
	};

	return rings[random_below(&x->rng, 4)];
}

static void move_index(struct scene *x)
{
	struct ring *r = any_ring(x)->ring;
	_Atomic uint32_t *const words[] = { &r->head, &r->tail, &r->sleeps };
	_Atomic uint32_t *word = words[random_below(&x->rng, 3)];

	atomic_store(word, random_below(&x->rng, 3) ?
		     atomic_load(word) + random_below(&x->rng, 9) - 2 : any(x));
}

static void post_any_buffer(struct scene *x)
{
	struct ring_end *to = random_below(&x->rng, 2) ? &x->enemy.rq :
							 &x->enemy.grq;

	*(struct receive_work *)ring_slot(to, 0) = (struct receive_work){
		.address = any_address(x), .base = random_next(&x->rng),
		.length = random_below(&x->rng, 4) ?
			  random_below(&x->rng, 3000) : any(x),
		.command = random_below(&x->rng, 4) ? 0 :
			   (uint16_t)random_next(&x->rng),
		.reserved = random_below(&x->rng, 9) == 0,
		.wr_id = random_below(&x->rng, 4),
	};
	ring_publish(to, 1);
}

/* A request that is nearly right, or not. */
static void post_any_request(struct scene *x)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	struct frame_spec spec = x->enemy_in;
	struct program_send s = {
		.flow = random_below(&x->rng, 8) ? x->enemy_flow : x->flow,
		.mss = (uint16_t)(random_below(&x->rng, 8) ?
				  random_below(&x->rng, 1500) : any(x)),
		.flags = (uint8_t)random_below(&x->rng, 4),
		.inline_at = frame, .n = random_below(&x->rng, 6),
	};
	struct ring_end *sq = &x->enemy.sq;
	uint8_t *head = ring_slot(sq, 0);

	frame_reverse(&spec);
	spec.payload_len = random_below(&x->rng, 200);
	s.inline_bytes = frame_build(&spec, frame);
	for (uint32_t n = random_below(&x->rng, 3); n > 0; n--)
		frame[random_below(&x->rng, 54)] ^= (uint8_t)any(x);
	for (uint32_t n = 0; n < s.n; n++)
		s.descriptor[n] = (struct descriptor){
			.address = any_address(x), .base = random_next(&x->rng),
			.length = random_below(&x->rng, 8) ?
				  random_below(&x->rng, 4000) : any(x),
			.command = (uint16_t)((n + 1 == s.n ?
					DESCRIPTOR_END : 0) |
				(random_below(&x->rng, 8) ? 0 : any(x))),
		};
	sq->broken = false;	/* it does not care                             */
	sq->seen = sq->own;
	if (program_send(&x->enemy, &s) && random_below(&x->rng, 4) == 0)
		head[random_below(&x->rng, 32)] = (uint8_t)any(x);
}

static void poll_enemy(struct scene *x)
{
	struct ring_end *cq = &x->enemy.cq;
	uint32_t tail = atomic_load(&cq->ring->tail);

	x->n_enemy_completions += tail != cq->own;
	cq->own = tail;
	atomic_store(&cq->ring->head, tail);
	if (random_below(&x->rng, 2))
		atomic_store(&cq->ring->sleeps, 1);
}

static void be_hostile(struct scene *x)
{
	static void (*const deeds[])(struct scene *x) = {
		scribble, move_index, post_any_buffer, post_any_buffer,
		post_any_buffer, post_any_request, post_any_request, poll_enemy,
		poll_enemy,
	};

	for (uint32_t n = random_below(&x->rng, 8); n > 0; n--)
		deeds[random_below(&x->rng, ARRAY_SIZE(deeds))](x);
}

static void feed_enemy(struct scene *x)
{
	struct frame_spec spec = x->enemy_in;

	for (uint32_t n = random_below(&x->rng, 4); n > 0; n--) {
		spec.seq = random_below(&x->rng, 2) ? x->enemy_in.seq :
			   (uint32_t)random_next(&x->rng);
		spec.flags = F_ACK | (random_next(&x->rng) & (F_PSH | F_FIN |
			     (random_below(&x->rng, 9) ? 0 : F_SYN | F_RST)));
		spec.options_len = 0;
		if (random_below(&x->rng, 4) == 0)
			frame_sack(&spec, 1, 2);
		spec.payload_len = random_below(&x->rng, 1400);
		scene_arrive(&x->s, &spec);
		x->enemy_in.seq = spec.seq + spec.payload_len;
	}
}

/* ---- The owner of the device ------------------------------------------------------- */

static void add_enemy_flow(struct scene *x)
{
	struct device_flow flow = program_flow(&x->enemy, &x->enemy_in);

	EXPECT(x, device_add_flow(x->s.device, &flow, &x->enemy_flow) == 0);
}

/* Rings that broke are closed; the enemy gets new ones, and tries again. */
static void mend_enemy(struct scene *x)
{
	struct program *e = &x->enemy;
	const uint32_t ids[] = { e->cq_id, e->sq_id, e->rq_id, e->grq_id };
	uint64_t broken = 0;

	for (uint32_t n = 0; n < ARRAY_SIZE(ids); n++) {
		uint64_t times = scene_drops(&x->s, ids[n],
					     DEVICE_DROP_RING_BROKEN);

		EXPECT(x, times <= 1);
		broken += times;
	}
	if (!broken)
		return;
	x->n_broken += broken;
	device_close_owner(x->s.device, e->owner);
	program_reopen(e);
	add_enemy_flow(x);
}

static void ask_for_enemy(struct scene *x)
{
	struct device *d = x->s.device;

	switch (random_below(&x->rng, 6)) {
	case 0:
		EXPECT(x, device_revoke(d, x->enemy.rq_id,
					random_below(&x->rng, 4)) >= 0);
		break;
	case 1:
		EXPECT(x, device_ask_low(d, x->enemy.grq_id, any(x)) == 0);
		break;
	case 2:
		(void)device_arm(d);
		device_disarm(d);
		break;
	case 3:
		device_poll(d, x->s.now);
		break;
	default:
		break;
	}
}

/* ---- A run ----------------------------------------------------------------------------- */

/* Everything that has arrived; then requests, a few at a time. */
static void run_device(struct scene *x)
{
	struct wire_frame frames[64];
	int got;

	while ((got = wire_recv(x->s.near, frames, 64)) > 0) {
		device_receive(x->s.device, frames, (uint32_t)got,
			       TTO_LINK_ETHERNET, x->s.now);
		if (random_below(&x->rng, 2))
			be_hostile(x);
	}
	for (int n = 0; n < 4; n++) {
		uint64_t before = x->s.near->stats.tx_frames;
		uint32_t done = device_send(x->s.device, x->s.near, SEND_BUDGET,
					    x->s.now);

		EXPECT(x, done <= SEND_BUDGET);
		EXPECT(x, x->s.near->stats.tx_frames - before <=
			  SEND_BUDGET * 128);
		judge_frames(x);
	}
	x->s.now += 1000;
}

static void begin(struct scene *x, uint64_t seed)
{
	const struct program_options options = { .rq = 32, .grq = 32 };
	struct device_flow flow;

	memset(x, 0, sizeof(*x));
	x->seed = seed;
	x->rng = seed;
	scene_open(&x->s, NULL, NULL);
	program_open(&x->s, &x->honest, &options);
	program_open(&x->s, &x->enemy, NULL);
	x->in = frame_defaults();
	x->in.stream = 1;
	x->in.payload_len = 0;
	x->next = x->in.seq;
	x->out = x->in;
	frame_reverse(&x->out);
	x->enemy_in = x->in;
	x->enemy_in.source_port = 7;
	x->enemy_in.destination_port = 8;
	flow = program_flow(&x->honest, &x->in);
	flow.knows_next = true;
	flow.next_seq = x->next;
	assert_int_equal(device_add_flow(x->s.device, &flow, &x->flow), 0);
	add_enemy_flow(x);
	for (uint32_t n = 0; n < BUFFERS; n++) {
		x->buffer[n] = program_place(&x->honest, BUFFER + 64);
		x->is_general[n] = n % 2;
		post_buffer(x, n);
	}
}

static void step(struct scene *x)
{
	feed_honest(x);
	feed_enemy(x);
	send_honest(x);
	be_hostile(x);
	run_device(x);
	poll_honest(x);
	ask_for_enemy(x);
	mend_enemy(x);
}

/* What was posted leaves, when the enemy is left out of it. */
static void end(struct scene *x)
{
	for (int n = 0; n < 100 && x->n_left < x->n_posted; n++) {
		device_send(x->s.device, x->s.near, SEND_BUDGET, x->s.now);
		judge_frames(x);
		poll_honest(x);
	}
	EXPECT(x, x->n_left == x->n_posted);
	EXPECT(x, x->received > 0);
	program_check_canaries(&x->honest);
	program_check_canaries(&x->enemy);
	scene_close(&x->s);
}

static void hostile_program_harms_itself(void **state)
{
	static struct scene x;
	uint64_t broken = 0, frames = 0, completions = 0;

	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		begin(&x, seed);
		for (int n = 0; n < STEPS; n++) {
			step(&x);
			if (n % 16 == 0)
				program_check_canaries(&x.enemy);
		}
		broken += x.n_broken;
		frames += x.n_enemy_frames;
		completions += x.n_enemy_completions;
		end(&x);
	}
	/* It got somewhere: this is not a test of rings that broke at once. */
	assert_true(broken > SEEDS && frames > SEEDS && completions > SEEDS);
}

/* ---- At the same time ---------------------------------------------------------------------- */

struct vandal {
	volatile uint8_t *memory;
	_Atomic bool stop;
	uint64_t rng;
};

/* Words of its own memory, mostly of its rings, all the time. */
static void *vandalise(void *arg)
{
	struct vandal *v = arg;

	while (!atomic_load_explicit(&v->stop, memory_order_relaxed)) {
		for (int n = 0; n < 50; n++) {
			uint32_t at = random_below(&v->rng, QUEUES_BYTES) & ~3u;
			volatile uint32_t *word =
				(volatile uint32_t *)(volatile void *)
				(v->memory + at);

			/* Indices that change too often break too soon. */
			if (at % 64 || random_below(&v->rng, 64) == 0)
				*word = random_below(&v->rng, 2) ?
					(uint32_t)random_next(&v->rng) :
					*word + 1;
		}
	}
	return NULL;
}

static void hostile_program_harms_itself_at_any_moment(void **state)
{
	static struct scene x;

	for (uint64_t seed = 1; seed <= 8; seed++) {
		struct vandal v = { .rng = seed };
		pthread_t thread;

		begin(&x, seed + 1000);
		v.memory = x.enemy.memory;
		assert_int_equal(pthread_create(&thread, NULL, vandalise, &v), 0);
		for (int n = 0; n < STEPS; n++)
			step(&x);
		atomic_store(&v.stop, true);
		pthread_join(thread, NULL);
		end(&x);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_program_harms_itself),
		cmocka_unit_test(hostile_program_harms_itself_at_any_moment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

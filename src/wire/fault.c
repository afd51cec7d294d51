// SPDX-License-Identifier: BSD-2-Clause
/*
 * fault.c - A wire around a wire, with the faults of a bad network
 *
 * DOC: Theory of operation
 *	fault:OPTION=VALUE[,...]:WIRE
 *
 * Each direction is a line of its own: a stream of random numbers, and a fixed
 * number of slots for the frames that are held back or changed. For each frame
 * it is drawn, in this order: lost (a run of losses, then a single one),
 * damaged, repeated, and for each copy how long it is held back: by time (delay,
 * jitter) or until others have passed (reorder). A frame to which nothing
 * happens goes through without being copied.
 *
 * The same seed and the same calls give the same faults. Nothing is allocated
 * after opening. When all slots are taken, frames pass without being held.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire/kinds.h"

#define SLOTS 256
#define FRAME_MAX (66u << 10)
#define RECV_MAX 64		/* frames taken from the inner wire a call      */
#define REORDER_MAX 3		/* frames that overtake                         */
#define REORDER_WAIT 1000000	/* ... or this long, when none comes [ns]       */
#define US 1000

enum slot_state { FREE, HELD, LENT };

struct slot {
	enum slot_state state;
	ns_t due;
	uint64_t after;		/* frames that must have passed the line        */
	uint64_t order;		/* of those due at once, the first goes first   */
	struct wire_frame frame;
	struct iovec iov;
};

struct line {
	uint64_t random;
	uint64_t passed;	/* frames that came to this line                */
	uint64_t orders;
	uint32_t n_held;
	bool in_burst;
	struct slot slots[SLOTS];
	uint8_t *memory;	/* SLOTS times FRAME_MAX                        */
};

struct fault {
	struct wire wire;
	struct wire *inner;
	struct fault_options options;
	bool virtual_time;
	bool ended;		/* nothing more comes from the inner wire       */
	ns_t now;
	struct line in, out;
};

static struct fault *fault_of(struct wire *w)
{
	return (struct fault *)w;
}

static ns_t now(const struct fault *f)
{
	struct timespec t;

	if (f->virtual_time)
		return f->now;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom ..." */
static uint64_t draw(struct line *l)
{
	uint64_t z = l->random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static bool happens(struct line *l, double probability)
{
	return probability > 0 &&
	       (double)(draw(l) >> 11) * 0x1p-53 < probability;
}

static bool is_lost(const struct fault_options *o, struct line *l)
{
	if (l->in_burst && o->burst_len >= 1)
		l->in_burst = !happens(l, 1 / o->burst_len);
	else
		l->in_burst = happens(l, o->burst_loss);
	return l->in_burst || happens(l, o->loss);
}

static struct slot *take_slot(struct line *l, const struct wire_frame *f)
{
	if (f->len > FRAME_MAX)
		return NULL;
	for (unsigned n = 0; n < SLOTS; n++) {
		struct slot *s = &l->slots[n];

		if (s->state != FREE)
			continue;
		s->frame = *f;
		s->iov.iov_base = l->memory + (size_t)n * FRAME_MAX;
		s->iov.iov_len = wire_frame_copy(f, s->iov.iov_base);
		s->frame.iov = &s->iov;
		s->frame.n_iov = 1;
		s->state = HELD;
		s->order = l->orders++;
		l->n_held++;
		return s;
	}
	return NULL;
}

static void damage(struct line *l, struct slot *s)
{
	uint64_t bit = s->frame.len ? draw(l) % (s->frame.len * 8ULL) : 0;

	if (s->frame.len)
		((uint8_t *)s->iov.iov_base)[bit / 8] ^=
			(uint8_t)(1u << (bit % 8));
}

/* When a frame that comes now may go on. */
static void hold_back(const struct fault *f, struct line *l, struct slot *s,
		      bool reordered)
{
	const struct fault_options *o = &f->options;

	s->due = now(f) + o->delay + (o->jitter ? draw(l) % (o->jitter + 1) : 0);
	s->after = 0;
	if (reordered) {
		s->after = l->passed + 1 + draw(l) % REORDER_MAX;
		s->due += REORDER_WAIT;
	}
}

static bool is_due(const struct line *l, const struct slot *s, ns_t time)
{
	return s->state == HELD &&
	       (s->due <= time || (s->after && s->after <= l->passed));
}

/* Of the slots that are due, the one that came first; NULL: none. */
static struct slot *next_due(struct line *l, ns_t time)
{
	struct slot *best = NULL;

	if (l->n_held == 0)
		return NULL;
	for (unsigned n = 0; n < SLOTS; n++) {
		struct slot *s = &l->slots[n];

		if (!is_due(l, s, time))
			continue;
		if (!best || s->due < best->due ||
		    (s->due == best->due && s->order < best->order))
			best = s;
	}
	return best;
}

/* Puts a copy into a slot; false when there is none. */
static bool keep(struct fault *f, struct line *l, const struct wire_frame *frame,
		 bool damaged, bool reordered)
{
	struct slot *s = take_slot(l, frame);

	if (!s)
		return false;
	if (damaged)
		damage(l, s);
	hold_back(f, l, s, reordered);
	return true;
}

/*
 * What becomes of a frame: false when it is lost or held back, else *through is
 * the frame to pass on.
 */
static bool meet(struct fault *f, struct line *l, const struct wire_frame *frame,
		 struct wire_frame *through)
{
	const struct fault_options *o = &f->options;
	bool damaged, repeated, reordered, waits = o->delay || o->jitter;
	bool kept = false;

	l->passed++;
	if (is_lost(o, l))
		return false;
	damaged = happens(l, o->corrupt);
	repeated = happens(l, o->duplicate);
	reordered = happens(l, o->reorder);
	*through = *frame;
	if (damaged || reordered || waits)
		kept = keep(f, l, frame, damaged, reordered);
	if (repeated)
		keep(f, l, frame, damaged, false);
	return !kept;
}

static void release_lent(struct line *l)
{
	for (unsigned n = 0; n < SLOTS; n++) {
		if (l->slots[n].state == LENT)
			l->slots[n].state = FREE;
	}
}

static void lend(struct line *l, struct slot *s)
{
	s->state = LENT;
	l->n_held--;
}

/* Sends what is due of what is held back on the way out. */
static void send_due(struct fault *f)
{
	struct slot *s;

	while ((s = next_due(&f->out, now(f)))) {
		if (wire_send(f->inner, &s->frame, 1) != 1)
			return;
		s->state = FREE;
		f->out.n_held--;
	}
}

static unsigned recv_due(struct fault *f, struct wire_frame *frames, unsigned n)
{
	unsigned got = 0;
	struct slot *s;

	while (got < n && (s = next_due(&f->in, now(f)))) {
		frames[got++] = s->frame;
		lend(&f->in, s);
	}
	return got;
}

static int fault_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct wire_frame in[RECV_MAX];
	struct fault *f = fault_of(w);
	unsigned got;
	int taken = 0;

	release_lent(&f->in);
	send_due(f);
	got = recv_due(f, frames, n);
	if (got < n && !f->ended)
		taken = wire_recv(f->inner, in,
				  n - got < RECV_MAX ? n - got : RECV_MAX);
	if (taken == -ENODATA)
		f->ended = true;
	else if (taken < 0)
		return got ? (int)got : taken;
	for (int at = 0; at < taken; at++) {
		if (meet(f, &f->in, &in[at], &frames[got]))
			got++;
	}
	/* What the new frames pushed out, as far as there is room. */
	got += recv_due(f, frames + got, n - got);
	for (unsigned at = 0; at < got; at++)
		w->stats.rx_bytes += frames[at].len;
	w->stats.rx_frames += got;
	return got == 0 && f->ended && f->in.n_held == 0 ? -ENODATA : (int)got;
}

static int fault_send(struct wire *w, const struct wire_frame *frames,
		      unsigned n)
{
	struct fault *f = fault_of(w);

	for (unsigned at = 0; at < n; at++) {
		struct wire_frame through;

		if (meet(f, &f->out, &frames[at], &through) &&
		    wire_send(f->inner, &through, 1) != 1)
			w->stats.tx_dropped++;
		send_due(f);
		w->stats.tx_frames++;
		w->stats.tx_bytes += frames[at].len;
	}
	return (int)n;
}

static int fault_fd(const struct wire *w)
{
	return wire_fd(((const struct fault *)w)->inner);
}

static ns_t line_deadline(const struct line *l)
{
	ns_t first = NS_NEVER;

	if (l->n_held == 0)
		return NS_NEVER;
	for (unsigned n = 0; n < SLOTS; n++) {
		if (l->slots[n].state == HELD && l->slots[n].due < first)
			first = l->slots[n].due;
	}
	return first;
}

static ns_t fault_deadline(const struct wire *w)
{
	const struct fault *f = (const struct fault *)w;
	ns_t in = line_deadline(&f->in), out = line_deadline(&f->out);
	ns_t inner = wire_deadline(f->inner);

	if (out < in)
		in = out;
	return inner < in ? inner : in;
}

static int fault_close(struct wire *w)
{
	struct fault *f = fault_of(w);
	int err = wire_close(f->inner);

	free(f->in.memory);
	free(f->out.memory);
	free(f);
	return err;
}

static const struct wire_ops fault_ops = {
	.kind = "fault",
	.recv = fault_recv,
	.send = fault_send,
	.fd = fault_fd,
	.deadline = fault_deadline,
	.close = fault_close,
};

int fault_wrap(struct wire **out, struct wire *inner,
	       const struct fault_options *options)
{
	struct fault *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->in.memory = malloc((size_t)SLOTS * FRAME_MAX);
	f->out.memory = malloc((size_t)SLOTS * FRAME_MAX);
	if (!f->in.memory || !f->out.memory) {
		free(f->in.memory);
		free(f->out.memory);
		free(f);
		return -ENOMEM;
	}
	f->inner = inner;
	f->options = *options;
	f->in.random = options->seed;
	f->out.random = ~options->seed;
	f->wire.ops = &fault_ops;
	f->wire.caps = inner->caps;
	memcpy(f->wire.name, inner->name, sizeof(f->wire.name));
	*out = &f->wire;
	return 0;
}

void fault_set_time(struct wire *fault, ns_t time)
{
	struct fault *f = fault_of(fault);

	f->virtual_time = true;
	f->now = time;
}

/* ---- fault:OPTION=VALUE,...:WIRE --------------------------------------------- */

static int refuse(struct wire_error *error, const char *what, const char *why)
{
	snprintf(error->text, sizeof(error->text), "wire fault: %.100s: %s", what,
		 why);
	return -EINVAL;
}

static int take_option(struct fault_options *o, const char *name,
		       const char *text, struct wire_error *error)
{
	const struct {
		const char *name;
		double *probability;	/* or NULL: a number */
		double most;
	} known[] = {
		{ "loss", &o->loss, 1 },
		{ "burst_loss", &o->burst_loss, 1 },
		{ "burst_len", &o->burst_len, 1e6 },
		{ "dup", &o->duplicate, 1 },
		{ "reorder", &o->reorder, 1 },
		{ "corrupt", &o->corrupt, 1 },
		{ "delay_us", NULL, 6e7 },
		{ "jitter_us", NULL, 6e7 },
		{ "seed", NULL, 9e18 },
	};
	char *end;
	double v = strtod(text, &end);

	for (size_t n = 0; n < ARRAY_SIZE(known); n++) {
		if (strcmp(known[n].name, name) != 0)
			continue;
		if (end == text || *end || !(v >= 0 && v <= known[n].most))
			return refuse(error, name, "not a number in its range");
		if (known[n].probability)
			*known[n].probability = v;
		else if (!strcmp(name, "delay_us"))
			o->delay = (ns_t)(v * US);
		else if (!strcmp(name, "jitter_us"))
			o->jitter = (ns_t)(v * US);
		else
			o->seed = strtoull(text, NULL, 10);
		return 0;
	}
	return refuse(error, name, "unknown option; loss, burst_loss, burst_len, "
		      "dup, reorder, corrupt, delay_us, jitter_us, seed");
}

static int parse_options(struct fault_options *o, char *text,
			 struct wire_error *error)
{
	char *save = NULL;

	for (char *option = strtok_r(text, ",", &save); option;
	     option = strtok_r(NULL, ",", &save)) {
		char *value = strchr(option, '=');
		int err;

		if (!value)
			return refuse(error, option, "no value");
		*value = '\0';
		err = take_option(o, option, value + 1, error);
		if (err)
			return err;
	}
	return 0;
}

int fault_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct fault_options o = { .burst_len = 1 };
	const char *colon = strchr(args, ':');
	struct wire *inner;
	char options[512];
	int err;

	if (!colon || (size_t)(colon - args) >= sizeof(options))
		return refuse(error, args, "it is fault:OPTION=VALUE,...:WIRE");
	memcpy(options, args, (size_t)(colon - args));
	options[colon - args] = '\0';
	err = parse_options(&o, options, error);
	if (err)
		return err;
	err = wire_open(&inner, colon + 1, error);
	if (err)
		return err;
	err = fault_wrap(out, inner, &o);
	if (err) {
		wire_close(inner);
		snprintf(error->text, sizeof(error->text),
			 "wire fault: out of memory");
	}
	return err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* pair.c - Two wires in memory: what one end sends the other receives */
#include "wire/pair.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/kinds.h"
#include "wire/spec.h"

#define FRAMES_MAX 65536u
#define BYTES_MAX (1u << 30)
#define NO_ROOM UINT32_MAX
#define NAMED_FRAMES 1024u
#define NAMED_BYTES (8u << 20)
#define NAMED_FRAME_MAX 65535u

struct entry {
	struct iovec iov;	/* into bytes[]                                 */
	uint32_t start;		/* offset of it                                 */
	uint32_t full_len;
	uint16_t linktype;
	struct wire_offload offload;
	ns_t time;
};

/*
 * From head to tail, both only grow: first @n_lent entries that the receiver
 * still reads, then those on the way. The bytes in use are those from the
 * start of the head entry to @put, around the end of bytes[] or not.
 */
struct lane {
	uint64_t head, tail;
	uint32_t n_lent;
	uint32_t put;
	struct entry *entries;
	uint8_t *bytes;
};

struct pair;

struct pair_end {
	struct wire wire;
	struct pair *pair;
	struct lane *to, *from;
	bool is_closed;
};

struct pair {
	struct pair_options options;
	struct pair_end end[2];
	struct lane lane[2];
};

static struct pair_end *end_of(const struct wire *w)
{
	return (struct pair_end *)(uintptr_t)w;
}

static bool is_other_closed(const struct pair_end *e)
{
	return e->pair->end[e == &e->pair->end[0]].is_closed;
}

static struct entry *entry_at(const struct pair *p, const struct lane *l,
			      uint64_t number)
{
	return &l->entries[number & (p->options.n_frames - 1)];
}

/* ---- Send ------------------------------------------------------------------- */

/*
 * Where @bytes fit in one piece, or NO_ROOM. While there are entries @put is
 * not before them unless the bytes in use go around the end.
 */
static uint32_t find_room(const struct pair *p, const struct lane *l,
			  uint32_t bytes)
{
	uint32_t first;

	if (l->head == l->tail)
		return 0;
	first = entry_at(p, l, l->head)->start;
	if (l->put > first) {
		if (p->options.n_bytes - l->put >= bytes)
			return l->put;
		return bytes <= first ? 0 : NO_ROOM;
	}
	return bytes <= first - l->put ? l->put : NO_ROOM;
}

static uint32_t place_bytes(uint32_t len)
{
	return len ? (len + CACHE_LINE - 1) & ~(uint32_t)(CACHE_LINE - 1) :
		     CACHE_LINE;
}

static bool is_refused(const struct pair_options *o, const struct wire_frame *f)
{
	bool is_unit = (f->offload.gso_type & ~WIRE_GSO_ECN) != WIRE_GSO_NONE;

	if (!o->offload && (is_unit || f->offload.flags & WIRE_NEEDS_CSUM))
		return true;
	return f->len > (is_unit ? PAIR_UNIT_MAX : o->max_frame);
}

/* Return: false when there is no room. */
static bool send_one(const struct pair_end *e, const struct wire_frame *f)
{
	const struct pair *p = e->pair;
	struct lane *l = e->to;
	struct entry *entry = entry_at(p, l, l->tail);
	uint32_t bytes = place_bytes(f->len), start;

	if (l->tail - l->head == p->options.n_frames)
		return false;
	start = find_room(p, l, bytes);
	if (start == NO_ROOM)
		return false;
	wire_frame_copy(f, l->bytes + start);
	*entry = (struct entry){
		.iov = { l->bytes + start, f->len },
		.start = start,
		.full_len = f->full_len ? f->full_len : f->len,
		.linktype = f->linktype,
		.time = f->time,
	};
	if (p->options.offload)
		entry->offload = f->offload;
	l->put = start + bytes;
	l->tail++;
	return true;
}

static int pair_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct pair_end *e = end_of(w);
	unsigned taken;

	if (is_other_closed(e))
		return -EPIPE;
	for (taken = 0; taken < n; taken++) {
		const struct wire_frame *f = &frames[taken];

		if (is_refused(&e->pair->options, f)) {
			w->stats.tx_dropped++;
			continue;
		}
		if (!send_one(e, f))
			break;
		w->stats.tx_frames++;
		w->stats.tx_bytes += f->len;
	}
	return (int)taken;
}

/* ---- Receive ----------------------------------------------------------------- */

static void fill_frame(struct wire_frame *f, const struct entry *entry)
{
	*f = (struct wire_frame){
		.iov = &entry->iov,
		.n_iov = 1,
		.len = (uint32_t)entry->iov.iov_len,
		.full_len = entry->full_len,
		.linktype = entry->linktype,
		.offload = entry->offload,
		.time = entry->time,
	};
}

static int pair_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct pair_end *e = end_of(w);
	struct lane *l = e->from;
	unsigned got = 0;

	l->head += l->n_lent;
	l->n_lent = 0;
	for (; got < n && l->head + got < l->tail; got++) {
		fill_frame(&frames[got], entry_at(e->pair, l, l->head + got));
		w->stats.rx_bytes += frames[got].len;
	}
	l->n_lent = got;
	w->stats.rx_frames += got;
	return got || n == 0 || !is_other_closed(e) ? (int)got : -ENODATA;
}

/* ---- Make and release ---------------------------------------------------------- */

static void release(struct pair *p)
{
	for (int n = 0; n < 2; n++) {
		free(p->lane[n].entries);
		free(p->lane[n].bytes);
	}
	free(p);
}

static int pair_close(struct wire *w)
{
	struct pair_end *e = end_of(w);

	e->is_closed = true;
	if (is_other_closed(e))
		release(e->pair);
	return 0;
}

static const struct wire_ops pair_ops = {
	.kind = "pair",
	.recv = pair_recv,
	.send = pair_send,
	.close = pair_close,
};

static void set_end(struct pair *p, int n)
{
	const struct pair_options *o = &p->options;
	struct pair_end *e = &p->end[n];

	e->pair = p;
	e->to = &p->lane[n];
	e->from = &p->lane[1 - n];
	e->wire.ops = &pair_ops;
	e->wire.caps = (struct wire_caps){
		.offload = o->offload,
		.csum = o->offload,
		.tso4 = o->offload,
		.tso6 = o->offload,
		.uso = o->offload,
		.live = o->live,
		.linktype = o->linktype,
		.max_frame = o->max_frame,
	};
	snprintf(e->wire.name, sizeof(e->wire.name), "pair-%c", 'a' + n);
}

/* The number of frames becomes a power of two, that of bytes whole places. */
static int take_options(struct pair_options *to, const struct pair_options *o)
{
	uint32_t longest, frames = 1;

	*to = o ? *o : (struct pair_options){ 0 };
	if (!to->n_frames)
		to->n_frames = 256;
	if (!to->n_bytes)
		to->n_bytes = 1u << 20;
	if (!to->max_frame)
		to->max_frame = 1514;
	if (!to->linktype)
		to->linktype = 1;
	longest = to->max_frame;
	if (to->offload && longest < PAIR_UNIT_MAX)
		longest = PAIR_UNIT_MAX;
	if (to->n_frames > FRAMES_MAX || to->n_bytes > BYTES_MAX ||
	    longest > to->n_bytes)
		return -EINVAL;
	while (frames < to->n_frames)
		frames *= 2;
	to->n_frames = frames;
	to->n_bytes = place_bytes(to->n_bytes);
	return 0;
}

int pair_create(struct wire **a, struct wire **b,
		const struct pair_options *options)
{
	struct pair *p = calloc(1, sizeof(*p));
	int n, err;

	if (!p)
		return -ENOMEM;
	err = take_options(&p->options, options);
	for (n = 0; n < 2 && !err; n++) {
		struct lane *l = &p->lane[n];

		l->entries = calloc(p->options.n_frames, sizeof(*l->entries));
		l->bytes = malloc(p->options.n_bytes);
		if (!l->entries || !l->bytes)
			err = -ENOMEM;
		set_end(p, n);
	}
	if (err) {
		release(p);
		return err;
	}
	*a = &p->end[0].wire;
	*b = &p->end[1].wire;
	return 0;
}

/* ---- By a name that two openers share ---------------------------------------------
 *
 *	pair:NAME[,frame=BYTES][,offload]
 *
 * Who comes first makes the pair and takes one end, the next takes the other; after
 * that the name is free again. What it can do is as the first one says.
 */

/* An end that waits for its opener. */
struct waiting {
	struct waiting *next;
	struct wire *end;
	char name[64];
};

static struct waiting *all;

static int take_option(struct pair_options *o, const char *text,
		       struct wire_error *error)
{
	uint64_t frame;

	if (!strcmp(text, "offload")) {
		o->offload = true;
		return 0;
	}
	if (!strncmp(text, "frame=", 6) && !spec_number(text + 6, NAMED_FRAME_MAX, &frame) &&
	    frame >= 64) {
		o->max_frame = (uint32_t)frame;
		return 0;
	}
	return spec_error(error, -EINVAL, text, "not an option of a pair: frame=BYTES "
			  "(64..65535), offload");
}

static int take_args(const char *args, char *name, size_t size,
		     struct pair_options *o, struct wire_error *error)
{
	char option[32];

	if (spec_word(name, size, &args, ",") || !*name)
		return spec_error(error, -EINVAL, "pair", "a name of 1 to 63 characters "
				  "is missing");
	while (*args == ',') {
		int err;

		args++;
		if (spec_word(option, sizeof(option), &args, ","))
			return spec_error(error, -EINVAL, args, "too long");
		err = take_option(o, option, error);
		if (err)
			return err;
	}
	return 0;
}

static struct wire *take_waiting(const char *name)
{
	for (struct waiting **at = &all; *at; at = &(*at)->next) {
		struct waiting *w = *at;
		struct wire *end = w->end;

		if (strcmp(w->name, name))
			continue;
		*at = w->next;
		free(w);
		return end;
	}
	return NULL;
}

int pair_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct pair_options options = { .n_frames = NAMED_FRAMES, .n_bytes = NAMED_BYTES,
					.live = true };
	struct waiting *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return spec_error(error, -ENOMEM, "pair", "no memory");
	err = take_args(args, w->name, sizeof(w->name), &options, error);
	if (!err)
		*out = take_waiting(w->name);
	if (err || *out) {
		free(w);
		return err;
	}
	err = pair_create(out, &w->end, &options);
	if (err) {
		free(w);
		return spec_error(error, err, "pair", "%s", strerror(-err));
	}
	w->next = all;
	all = w;
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * pair_named.c - Both ends of a pair, by a name that two openers share
 *
 *	pair:NAME[,frame=BYTES][,offload]
 *
 * Who comes first makes the pair and takes one end, the next takes the other; after that
 * the name is free again. What it can do is as the first one says. One thread has both.
 */
#include <errno.h>
#include <stdlib.h>

#include "wire/kinds.h"
#include "wire/pair.h"
#include "wire/spec.h"

#define FRAME_MAX 65535u
#define FRAMES 1024u
#define BYTES (8u << 20)

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
	if (!strncmp(text, "frame=", 6) && !spec_number(text + 6, FRAME_MAX, &frame) &&
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
	struct pair_options options = { .n_frames = FRAMES, .n_bytes = BYTES,
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

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memif_ends.h - A server and a client in one process, over a socket of their own
 *
 * The directory of the socket is gone when the ends are closed.
 */
#ifndef WIRE_MEMIF_ENDS_H
#define WIRE_MEMIF_ENDS_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/memif/memif.h"
#include "wire/wire.h"

enum { SERVER, CLIENT };

struct ends {
	char folder[64];
	char path[80];
	struct wire *wire[2];
};

static inline void ends_open_folder(struct ends *e)
{
	strcpy(e->folder, "/tmp/tto-memif-XXXXXX");
	assert_non_null(mkdtemp(e->folder));
	snprintf(e->path, sizeof(e->path), "%s/socket", e->folder);
	e->wire[SERVER] = e->wire[CLIENT] = NULL;
}

/* @options: behind the role, or "" */
static inline void ends_open_one(struct ends *e, int side, const char *options)
{
	struct wire_error error = { "" };
	char spec[256];

	snprintf(spec, sizeof(spec), "memif:%s,role=%s%s%s", e->path,
		 side == SERVER ? "server" : "client", *options ? "," : "",
		 options);
	if (wire_open(&e->wire[side], spec, &error))
		fail_msg("%s: %s", spec, error.text);
}

static inline void ends_open(struct ends *e, const char *server,
			     const char *client)
{
	ends_open_folder(e);
	ends_open_one(e, SERVER, server);
	ends_open_one(e, CLIENT, client);
}

static inline bool ends_is_up(const struct ends *e, int side)
{
	return memif_counters(e->wire[side])->is_up;
}

/* Lets both sides do what they have to; nothing is on its way. */
static inline void ends_turn(struct ends *e)
{
	struct wire_frame f[1];

	for (int side = 0; side < 2; side++) {
		if (e->wire[side])
			assert_int_equal(wire_recv(e->wire[side], f, 1), 0);
	}
}

static inline void ends_connect(struct ends *e)
{
	for (int n = 0; n < 5000; n++) {
		ends_turn(e);
		if (ends_is_up(e, SERVER) && ends_is_up(e, CLIENT))
			return;
	}
	fail_msg("server: %s; client: %s", memif_counters(e->wire[SERVER])->why,
		 memif_counters(e->wire[CLIENT])->why);
}

static inline void ends_close(struct ends *e)
{
	for (int side = 0; side < 2; side++) {
		assert_int_equal(wire_close(e->wire[side]), 0);
		e->wire[side] = NULL;
	}
	/* The server took its socket away. */
	assert_int_equal(rmdir(e->folder), 0);
}

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* memif_ends.c - Sides of bench-memif: wires of ours, and a bare cache line */
#include "memif_ends.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire/wire.h"

#define CONTROL_EVERY 64	/* bursts from one look at the control channel  */
#define FRAME_ROOM 2048

static struct wire *open_end(const struct end *e, struct couple_control *control,
			     int side)
{
	struct wire_error error = { "" };
	struct wire *w;
	char spec[160];

	snprintf(spec, sizeof(spec), "memif:%s/socket,role=%s,ring=%u,poll",
		 e->folder, e->is_server ? "server" : "client",
		 1u << e->log2_ring);
	if (wire_open(&w, spec, &error)) {
		fprintf(stderr, "bench-memif: %s\n", error.text);
		_exit(1);
	}
	__atomic_store_n(&control->ready[side], 1, __ATOMIC_RELEASE);
	return w;
}

/* The same frames again and again, each with its number in front. */
void memif_sends(void *state, struct couple_control *control)
{
	static uint8_t data[END_BURST][FRAME_ROOM] CACHE_ALIGNED;
	const struct end *e = state;
	struct wire *w = open_end(e, control, SENDS);
	struct wire_frame frames[END_BURST], none[1];
	struct iovec iov[END_BURST];
	uint64_t number = 0, turns = 0;

	for (uint32_t k = 0; k < END_BURST; k++) {
		memset(data[k], (int)k, FRAME_ROOM);
		iov[k] = (struct iovec){ data[k], e->bytes };
		frames[k] = (struct wire_frame){ .iov = &iov[k], .n_iov = 1,
						 .len = e->bytes, .linktype = 1 };
	}
	while (couple_rest(control)) {
		uint64_t sent;

		if (turns++ % CONTROL_EVERY == 0 || !couple_goes(control))
			wire_recv(w, none, 1);
		if (!couple_goes(control))
			continue;
		for (uint32_t k = 0; k < END_BURST; k++)
			memcpy(data[k], &(uint64_t){ number + k }, sizeof(number));
		sent = w->stats.tx_frames;
		if (wire_send(w, frames, END_BURST) == 0)
			spin_pause();
		number += w->stats.tx_frames - sent;
	}
	wire_close(w);
}

void memif_receives(void *state, struct couple_control *control)
{
	const struct end *e = state;
	struct wire *w = open_end(e, control, RECEIVES);
	struct wire_frame frames[END_BURST];
	uint64_t received = 0;

	while (couple_rest(control)) {
		int n = wire_recv(w, frames, END_BURST);

		for (int k = 0; k < n; k++) {
			uint64_t number;

			memcpy(&number, frames[k].iov->iov_base, sizeof(number));
			if (number != received++ || frames[k].len != e->bytes)
				control->wrong++;
		}
		if (n > 0)
			couple_count(control, received);
		else
			spin_pause();
	}
	wire_close(w);
}

/* ---- A cache line -------------------------------------------------------------------- */

void line_sends(void *state, struct couple_control *control)
{
	__atomic_store_n(&control->ready[SENDS], 1, __ATOMIC_RELEASE);
	for (uint64_t n = 1; couple_rest(control); n++) {
		__atomic_store_n(&control->line, 2 * n, __ATOMIC_RELEASE);
		while (__atomic_load_n(&control->line, __ATOMIC_ACQUIRE) == 2 * n) {
			if (!couple_rest(control))
				return;
		}
		couple_count(control, n);
	}
}

void line_receives(void *state, struct couple_control *control)
{
	uint64_t seen = 0, now;

	__atomic_store_n(&control->ready[RECEIVES], 1, __ATOMIC_RELEASE);
	while (couple_rest(control)) {
		now = __atomic_load_n(&control->line, __ATOMIC_ACQUIRE);
		if (now == seen || now & 1)
			continue;
		seen = now + 1;
		__atomic_store_n(&control->line, seen, __ATOMIC_RELEASE);
	}
}

// SPDX-License-Identifier: BSD-2-Clause
/* fault.c - A wire on which things go wrong, the same way each time */
#include "wire/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "wire/fault_lane.h"
#include "wire/kinds.h"
#include "wire/spec.h"

#define UNIT_MAX (65535u + 64)	/* bytes of an uncut unit, link header included */
#define ROUNDS_MAX 16		/* receives from the inner wire in one of ours  */
#define RETRY_NS 1000000	/* after the inner wire was full                */
#define BLOCKED 1

enum clock {
	CLOCK_FRAMES,		/* the newest time that a frame had             */
	CLOCK_LIVE,
	CLOCK_CALLER,
};

struct fault {
	struct wire wire;
	struct wire *inner;
	enum clock clock;
	ns_t now;
	ns_t retry;		/* not before this to the inner wire            */
	struct lane rx, tx;
	struct wire_frame batch[LANE_BATCH];	/* on their way in or out       */
};

static struct fault *fault_of(const struct wire *w)
{
	return (struct fault *)(uintptr_t)w;
}

/* ---- Time -------------------------------------------------------------------- */

static void read_clock(struct fault *f)
{
	struct timespec t;

	if (f->clock != CLOCK_LIVE)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	f->now = (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static void see_time(struct fault *f, const struct wire_frame *frame)
{
	if (f->clock == CLOCK_FRAMES && frame->time > f->now)
		f->now = frame->time;
}

/*
 * No slots are left, and the clock moves with the frames only: moves it to the
 * next deadline, or nothing would ever move again. Return: false when time is
 * not ours to move.
 */
static bool force_time(struct fault *f, const struct lane *l)
{
	ns_t due = lane_deadline(l);

	if (f->clock != CLOCK_FRAMES || due == NS_NEVER)
		return false;
	if (due > f->now)
		f->now = due;
	return true;
}

/* ---- To the inner wire ----------------------------------------------------------- */

/* Return: 0; BLOCKED: the rest waits; -errno: the inner wire is broken. */
static int send_stage(struct fault *f)
{
	uint32_t n = f->tx.n_stage;
	int sent;

	if (n == 0)
		return 0;
	sent = wire_send(f->inner, f->batch, n);
	if (sent < 0) {
		lane_drop(&f->tx);
		return sent;
	}
	lane_done(&f->tx, (uint32_t)sent);
	if ((uint32_t)sent == n)
		return 0;
	f->retry = f->now + RETRY_NS;
	return BLOCKED;
}

/* Sends all that is due at @now. Return: as send_stage(). */
static int send_due(struct fault *f, ns_t now)
{
	int err;

	lane_begin(&f->tx, f->batch, LANE_BATCH);
	do {
		lane_advance(&f->tx, now);
		if (f->tx.n_stage == 0)
			return 0;
		err = send_stage(f);
	} while (!err);
	return err;
}

/* Makes room for one frame more. Return: as send_stage(). */
static int make_room(struct fault *f)
{
	int err = send_stage(f);

	while (!err && lane_room(&f->tx) == 0) {
		if (!force_time(f, &f->tx))
			return BLOCKED;
		err = send_due(f, f->now);
	}
	return err;
}

static void count_tx(struct fault *f, const struct wire_frame *frames, int n)
{
	struct wire_stats *s = &f->wire.stats;

	for (; n > 0; n--, frames++) {
		s->tx_frames++;
		s->tx_bytes += frames->len;
	}
	s->tx_dropped = f->inner->stats.tx_dropped + f->tx.counts.lost +
			f->tx.counts.too_long;
}

static int fault_send(struct wire *w, const struct wire_frame *frames,
		      unsigned n)
{
	struct fault *f = fault_of(w);
	unsigned taken = 0;
	int err;

	read_clock(f);
	err = send_due(f, f->now);
	for (; taken < n && !err; taken++) {
		see_time(f, &frames[taken]);
		lane_advance(&f->tx, f->now);
		if (f->tx.n_stage + 2 > LANE_BATCH || !lane_room(&f->tx))
			err = make_room(f);
		if (err)
			break;
		lane_admit(&f->tx, &frames[taken], f->now);
	}
	/* What waits behind a full wire was taken all the same. */
	if (!err)
		err = send_stage(f);
	if (err < 0 && taken == 0)
		return err;
	count_tx(f, frames, (int)taken);
	return (int)taken;
}

/* ---- From the inner wire --------------------------------------------------------- */

static int admit_received(struct fault *f, uint32_t want)
{
	struct wire_frame frames[LANE_BATCH];
	int got, n;

	got = wire_recv(f->inner, frames, want);
	for (n = 0; n < got; n++) {
		see_time(f, &frames[n]);
		lane_advance(&f->rx, f->now);
		lane_admit(&f->rx, &frames[n], f->now);
	}
	return got;
}

/* The inner wire will give no more. */
static int finish_rx(struct fault *f)
{
	if (f->clock == CLOCK_FRAMES)
		lane_advance(&f->rx, NS_NEVER);
	return f->rx.n_stage || !lane_is_empty(&f->rx) ? 0 : -ENODATA;
}

/*
 * Fills the stage. Frames that lie in the inner wire's memory must leave it
 * before the next receive, so the first of these is the last round.
 */
static int receive(struct fault *f)
{
	struct lane *l = &f->rx;
	int round, got;

	for (round = 0; round < ROUNDS_MAX; round++) {
		uint32_t want, room;

		lane_advance(l, f->now);
		want = l->stage_max - l->n_stage;
		if (want == 0 || l->n_borrowed)
			return 0;
		room = lane_room(l);
		if (room == 0 && (l->n_stage || !force_time(f, l)))
			return 0;
		if (room == 0)
			continue;
		got = admit_received(f, want < room ? want : room);
		if (got == -ENODATA)
			return finish_rx(f);
		if (got <= 0)
			return got;
	}
	return 0;
}

static void count_rx(struct fault *f)
{
	struct wire_stats *s = &f->wire.stats;
	uint32_t n;

	for (n = 0; n < f->rx.n_stage; n++)
		s->rx_bytes += f->rx.stage[n].len;
	s->rx_frames += f->rx.n_stage;
	s->rx_dropped = f->inner->stats.rx_dropped + f->rx.counts.lost +
			f->rx.counts.too_long;
}

static int fault_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct fault *f = fault_of(w);
	int err;

	lane_drop(&f->rx);
	read_clock(f);
	if (!lane_is_empty(&f->tx))
		(void)!send_due(f, f->now);
	lane_begin(&f->rx, frames, n);
	if (n == 0)
		return 0;
	err = receive(f);
	count_rx(f);
	return f->rx.n_stage ? (int)f->rx.n_stage : err;
}

/* ---- The rest of a wire ------------------------------------------------------------ */

static int fault_fd(const struct wire *w)
{
	return wire_fd(fault_of(w)->inner);
}

static ns_t fault_deadline(const struct wire *w)
{
	const struct fault *f = fault_of(w);
	ns_t inner = wire_deadline(f->inner), rx = lane_deadline(&f->rx);
	ns_t tx = lane_deadline(&f->tx);

	if (tx < f->retry)
		tx = f->retry;
	if (rx > tx)
		rx = tx;
	return inner < rx ? inner : rx;
}

static int fault_close(struct wire *w)
{
	struct fault *f = fault_of(w);
	int err = send_due(f, NS_NEVER), inner_err = wire_close(f->inner);

	lane_close(&f->rx);
	lane_close(&f->tx);
	free(f);
	return err < 0 ? err : inner_err;
}

static const struct wire_ops fault_ops = {
	.kind = "fault",
	.recv = fault_recv,
	.send = fault_send,
	.fd = fault_fd,
	.deadline = fault_deadline,
	.close = fault_close,
};

void fault_set_time(struct wire *w, ns_t now)
{
	struct fault *f = fault_of(w);

	if (f->clock != CLOCK_CALLER || now > f->now)
		f->now = now;
	f->clock = CLOCK_CALLER;
}

struct fault_counts fault_counts(const struct wire *w, bool is_tx)
{
	return is_tx ? fault_of(w)->tx.counts : fault_of(w)->rx.counts;
}

/* ---- Make it ------------------------------------------------------------------------- */

static bool is_rate(double v)
{
	return v >= 0 && v <= 1;
}

static bool is_valid(const struct fault_rates *r)
{
	return is_rate(r->loss) && is_rate(r->burst_start) &&
	       is_rate(r->burst_end) && is_rate(r->burst_loss) &&
	       is_rate(r->truncate) && is_rate(r->corrupt) && is_rate(r->dup) &&
	       is_rate(r->reorder) && r->corrupt_bits >= 1 &&
	       r->corrupt_bits <= 64 && r->reorder_span >= 1 &&
	       r->reorder_span <= 64 &&
	       r->reorder_hold_ns <= FAULT_DELAY_MAX &&
	       r->delay_ns <= FAULT_DELAY_MAX &&
	       r->jitter_ns <= FAULT_DELAY_MAX;
}

static void set_wire(struct fault *f, const struct fault_rates *tx)
{
	struct wire_caps *caps = &f->wire.caps;

	f->wire.ops = &fault_ops;
	*caps = f->inner->caps;
	memcpy(f->wire.name, f->inner->name, sizeof(f->wire.name));
	f->clock = caps->live ? CLOCK_LIVE : CLOCK_FRAMES;
	if (tx->corrupt > 0 || tx->truncate > 0)
		caps->csum = caps->tso4 = caps->tso6 = caps->uso = false;
}

static uint32_t slot_bytes_of(const struct wire_caps *caps)
{
	if (caps->offload && caps->max_frame < UNIT_MAX)
		return UNIT_MAX;
	return caps->max_frame;
}

int fault_wrap(struct wire **out, struct wire *inner,
	       const struct fault_options *options)
{
	uint32_t slots = 8, slot_bytes = slot_bytes_of(&inner->caps);
	struct fault_options o;
	struct fault *f;
	int err;

	fault_defaults(&o);
	if (options)
		o = *options;
	if (o.queue < 8 || o.queue > 65536 || !is_valid(&o.rx) ||
	    !is_valid(&o.tx))
		return -EINVAL;
	while (slots < o.queue)
		slots *= 2;
	f = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	err = lane_open(&f->rx, &o.rx, slot_bytes, slots, 2 * o.seed);
	if (!err)
		err = lane_open(&f->tx, &o.tx, slot_bytes, slots,
				2 * o.seed + 1);
	if (err) {
		lane_close(&f->rx);
		lane_close(&f->tx);
		free(f);
		return err;
	}
	f->inner = inner;
	set_wire(f, &o.tx);
	*out = &f->wire;
	return 0;
}

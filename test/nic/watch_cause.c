// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch_cause.c - A coalescer under the eyes of the oracle: are the causes true?
 *
 * The device says why each packet was handed up when it was. Here is collected
 * every cause that would have been true; of several it may name any (RX-13).
 */
#include <inttypes.h>
#include <string.h>

#include "nic/watch.h"

/*
 * Bytes acknowledged by @last beyond @ack; none when it is behind. A leap is of
 * a connection whose beginning was not seen: from where on it counts is open.
 */
static uint32_t acked(const struct input *last, uint32_t ack)
{
	int32_t bytes = oracle_seq_diff(last->view.ack, ack);

	if (bytes < -(1 << 28))
		return UINT32_MAX;
	return bytes > 0 ? (uint32_t)bytes : 0;
}

/* Causes that need no frame of the same flow: time, room, the caller. */
static causes_t causes_outside(const struct watch *w, const struct input *first,
			       const struct input *last, uint32_t n)
{
	const struct tto_coalescer_options *o = &w->options;
	uint32_t limit = o->receive_acked_bytes_aggregation;
	uint64_t waited = w->now_ns - first->pushed_ns;
	uint32_t before = w->n_records - w->n_delivered + n;
	const struct watch_track *t = &w->tracks[w->records[watch_index(last)].track];
	causes_t may = w->in_flush ? CAUSE(FLUSH) : 0;

	may |= waited >= o->timeout_aggregation_ns ? CAUSE(DEADLINE) : 0;
	may |= waited >= o->timeout_ack_aggregation_ns ? CAUSE(ACK_DEADLINE) : 0;
	/* Nothing is held longer than its flow may be silent. */
	if (waited >= o->terminate_no_activity_time_ns)
		may |= CAUSE(IDLE);
	may |= w->used_sent ? CAUSE(KEEPALIVE_LOST) : 0;
	if (w->n_tracks > o->flows)
		may |= CAUSE(EVICTED) | CAUSE(TABLE_FULL);
	if (before > (o->output == TTO_OUTPUT_GATHER ? o->segments
							  : o->buffers))
		may |= CAUSE(NO_MEMORY);
	if (!t->delivered_known || acked(last, t->delivered_ack) > limit ||
	    acked(last, first->view.ack) > limit)
		may |= CAUSE(ACKED_BYTES);
	return may;
}

/* Whether it begins before the end of one that came before it. */
static bool is_old(const struct watch *w, const struct watch_record *r)
{
	for (uint32_t i = r->since; &w->records[i] < r; i++) {
		const struct view *v = &w->records[i].in.view;

		if (w->records[i].track == r->track && v->tcp &&
		    oracle_seq_diff(r->in.view.seq,
				    v->seq + view_payload_len(v)) < 0)
			return true;
	}
	return false;
}

/* Whether a frame that came before it acknowledges as much. */
static bool is_no_advance(const struct watch *w, const struct watch_record *r)
{
	for (uint32_t i = r->since; &w->records[i] < r; i++)
		if (w->records[i].track == r->track &&
		    w->records[i].in.view.tcp &&
		    oracle_seq_diff(r->in.view.ack,
				    w->records[i].in.view.ack) <= 0)
			return true;
	return false;
}

static bool options_differ(const struct input *a, const struct input *b)
{
	uint32_t at = a->view.l4 + 20, size = a->view.payload - at;

	return size != b->view.payload - b->view.l4 - 20 ||
	       memcmp(a->bytes + at, b->bytes + b->view.l4 + 20, size);
}

static causes_t why_not_next(const struct watch *w,
			     const struct input *const *parts, uint32_t n,
			     const struct input *next)
{
	const struct watch_record *r = &w->records[watch_index(next)];
	causes_t why = oracle_between(&w->rules, parts, n, next);

	if (!view_payload_len(&next->view) && is_no_advance(w, r))
		why |= CAUSE(ACK) | CAUSE(DUP_ACK) | CAUSE(WINDOW_UPDATE);
	if (why && !view_payload_len(&next->view))
		why |= CAUSE(PURE_ACK);
	if (oracle_unusual_checksum(next))
		why |= CAUSE(CHECKSUM_FORM);
	/* A timestamp that moves is looked for in one layout only. */
	if (options_differ(parts[0], next))
		why |= CAUSE(OPTIONS);
	return why;
}

/* Causes for which @n frames held may have been handed up. */
static causes_t causes_of_end(const struct watch *w, uint32_t n)
{
	const struct input *const *parts = (const struct input *const *)w->parts;
	const struct input *last = parts[n - 1];
	uint32_t next = w->records[watch_index(last)].next, total, largest = 0;
	causes_t may = oracle_closes(&w->rules, parts, n) |
		       causes_outside(w, parts[0], last, n);

	total = parts[0]->view.payload - parts[0]->view.l3;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t size = view_payload_len(&parts[i]->view);

		total += size;
		largest = size > largest ? size : largest;
	}
	may |= total + largest > w->rules.ral ? CAUSE(FULL) : 0;
	/* A frame that is not understood may still show whose it is. */
	if (w->others_head != WATCH_NONE && w->others_head > watch_index(last))
		may |= oracle_alone(&w->rules, &w->records[w->others_head].in);
	if (next != WATCH_NONE)
		may |= oracle_alone(&w->rules, &w->records[next].in);
	if (next != WATCH_NONE && w->records[next].in.view.tcp)
		may |= why_not_next(w, parts, n, &w->records[next].in);
	return may;
}

/* Causes for which a frame may have been handed up at once. */
static causes_t causes_of_pass(const struct watch *w, const struct input *in)
{
	const struct watch_record *r = &w->records[watch_index(in)];
	const struct view *v = &in->view;
	causes_t may = oracle_alone(&w->rules, in);

	if (!v->tcp)
		return may;
	may |= oracle_unusual_checksum(in) ? CAUSE(CHECKSUM_FORM) : 0;
	if (!view_payload_len(v))
		may |= CAUSE(PURE_ACK) | CAUSE(DUP_ACK) | CAUSE(WINDOW_UPDATE) |
		       CAUSE(PROBE) | CAUSE(GAP) | CAUSE(OLD);
	may |= is_no_advance(w, r) ? CAUSE(ACK) : 0;
	if (w->rules.policy == TTO_POLICY_HOST && v->has_timestamp)
		may |= CAUSE(TIMESTAMP);
	if (is_old(w, r))
		may |= CAUSE(OLD) |
		       (view_payload_len(v) <= 1 ? CAUSE(PROBE) : 0);
	return may;
}

void watch_check_cause(struct watch *w, const struct tto_packet *p)
{
	causes_t may;

	if (w->records[watch_index(w->parts[0])].track == WATCH_NONE)
		may = oracle_alone(&w->rules, w->parts[0]);
	else
		may = causes_of_end(w, p->n_frames);
	if (p->n_frames == 1)
		may |= causes_of_pass(w, w->parts[0]);
	if (!(may >> p->cause & 1))
		watch_fail(w, "packet %u: first frame %u, %u frames: cause %s "
			   "is not true at %" PRIu64 " ns (%u flows seen)",
			   w->n_packets, watch_index(w->parts[0]), p->n_frames,
			   tto_cause_name(p->cause), w->now_ns, w->n_tracks);
}

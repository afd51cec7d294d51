// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch.c - A coalescer under the eyes of the oracle: calls and records
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nic/watch.h"

void watch_fail(struct watch *w, const char *format, ...)
{
	va_list args;

	if (w->failure[0])
		return;
	va_start(args, format);
	vsnprintf(w->failure, sizeof(w->failure), format, args);
	va_end(args);
}

static void *grow(void *array, uint32_t *room, uint32_t n, size_t size)
{
	if (n <= *room)
		return array;
	*room = n + *room / 2 + 64;
	array = realloc(array, *room * size);
	if (!array)
		abort();
	return array;
}

static uint64_t or_default(uint64_t value, uint64_t otherwise)
{
	return value ? value : otherwise;
}

static void fill_defaults(struct tto_coalescer_options *o)
{
	uint64_t four_a_flow;

	o->flows = (uint32_t)or_default(o->flows, 16384);
	four_a_flow = 4ull * o->flows;
	o->ral = (uint32_t)or_default(o->ral, 65535);
	o->segments = (uint32_t)or_default(o->segments, four_a_flow < 4096
						       ? 4096 : four_a_flow);
	o->buffers = (uint32_t)or_default(o->buffers, 256);
	o->receive_acked_bytes_aggregation = (uint32_t)
		or_default(o->receive_acked_bytes_aggregation, 65535);
	o->timeout_aggregation_ns =
		or_default(o->timeout_aggregation_ns, 200000);
	o->timeout_ack_aggregation_ns =
		or_default(o->timeout_ack_aggregation_ns, 100000);
	o->terminate_no_activity_time_ns =
		or_default(o->terminate_no_activity_time_ns, 60000000000);
	o->timeout_keepalive_ns =
		or_default(o->timeout_keepalive_ns, 10000000000);
	o->replace_idle_time_ns =
		or_default(o->replace_idle_time_ns, 1000000000);
}

int watch_open(struct watch *w, const struct tto_coalescer_options *options)
{
	memset(w, 0, sizeof(*w));
	if (options)
		w->options = *options;
	fill_defaults(&w->options);
	w->rules.policy = w->options.policy;
	w->rules.link = w->options.link;
	w->rules.partial_csum = w->options.partial_csum;
	w->rules.ral = w->options.ral;
	w->others_head = w->others_tail = WATCH_NONE;
	memset(w->buckets, 0xff, sizeof(w->buckets));
	w->announced_ns = UINT64_MAX;
	return tto_coalescer_open(&w->coalescer, options, watch_deliver, w);
}

/* ---- Records -------------------------------------------------------------- */

static uint32_t bucket_of(const struct view *v, const uint8_t *frame)
{
	uint32_t at = v->l3 + (v->v6 ? 8 : 12), size = v->v6 ? 32 : 8, h = 1;

	while (size--)
		h = (h ^ frame[at++]) * 16777619u;
	h = (h ^ get32(frame + v->l4)) * 16777619u;
	return (h ^ h >> 16) % WATCH_BUCKETS;
}

static uint32_t track_of(struct watch *w, const struct input *in, uint32_t index)
{
	uint32_t *bucket = &w->buckets[bucket_of(&in->view, in->bytes)], t;

	for (t = *bucket; t != WATCH_NONE; t = w->tracks[t].bucket_next) {
		const struct input *sample =
			&w->records[w->tracks[t].sample].in;

		if (view_same_flow(&sample->view, sample->bytes, &in->view,
				   in->bytes))
			return t;
	}
	w->tracks = grow(w->tracks, &w->room_tracks, w->n_tracks + 1,
			 sizeof(*w->tracks));
	t = w->n_tracks++;
	memset(&w->tracks[t], 0, sizeof(w->tracks[t]));
	w->tracks[t].sample = index;
	w->tracks[t].head = w->tracks[t].tail = WATCH_NONE;
	w->tracks[t].bucket_next = *bucket;
	*bucket = t;
	return t;
}

static void append(struct watch *w, uint32_t *head, uint32_t *tail,
		   uint32_t index)
{
	if (*head == WATCH_NONE)
		*head = index;
	else
		w->records[*tail].next = index;
	*tail = index;
}

/* What the flow's next frames may be old or duplicates against. */
static void note_progress(struct watch_track *t, struct watch_record *r,
			  uint32_t index, bool trusted)
{
	const struct view *v = &r->in.view;

	r->since = t->since;
	r->ack_known = t->ack_known;
	r->last_ack = t->last_ack;
	if (!v->tcp || !trusted)
		return;
	if (v->flags & (F_SYN | F_RST)) {
		t->since = index + 1;
		t->ack_known = t->delivered_known = false;
		return;
	}
	if (!(v->flags & F_ACK))
		return;
	t->last_ack = v->ack;
	t->ack_known = true;
}

static void record(struct watch *w, const struct tto_frame *frame)
{
	uint32_t index = w->n_records++;
	struct watch_record *r = &w->records[index];
	uint8_t *copy = malloc(frame->len + 1);

	memset(r, 0, sizeof(*r));
	r->lent = malloc(frame->len);
	if (!copy || (!r->lent && frame->len))
		abort();
	if (frame->len) {
		memcpy(copy, frame->data, frame->len);
		memcpy(r->lent, frame->data, frame->len);
	}
	r->in.bytes = copy;
	r->in.frame = *frame;
	r->in.frame.data = r->lent;
	r->in.frame.cookie = (void *)(uintptr_t)(index + 1);
	r->in.pushed_ns = w->now_ns;
	r->next = r->track = WATCH_NONE;
	view_read(&r->in.view, w->options.link, copy, frame->len,
		  frame->truncated);
	if (!r->in.view.tuple) {
		append(w, &w->others_head, &w->others_tail, index);
		return;
	}
	r->track = track_of(w, &r->in, index);
	note_progress(&w->tracks[r->track], r, index,
		      !(oracle_alone(&w->rules, &r->in) &
			(CAUSE(CHECKSUM) | CAUSE(GSO) | CAUSE(IP_OPTIONS))));
	append(w, &w->tracks[r->track].head, &w->tracks[r->track].tail, index);
}

/* ---- After each call ------------------------------------------------------ */

struct tto_coalescer_stats watch_stats(const struct watch *w)
{
	struct tto_coalescer_stats stats;

	memset(&stats, 0xff, sizeof(stats));
	tto_coalescer_stats(w->coalescer, &stats);
	return stats;
}

static uint64_t held_now(struct watch *w)
{
	while (w->oldest < w->n_records && w->records[w->oldest].delivered)
		w->oldest++;
	return w->n_records - w->n_delivered;
}

/* Deadlines that have passed are served, whichever call it was. */
static void check_deadline(struct watch *w)
{
	const struct watch_record *r;

	if (!held_now(w))
		return;
	r = &w->records[w->oldest];
	if (r->in.pushed_ns + w->options.timeout_aggregation_ns <= w->now_ns)
		watch_fail(w, "frame %u of %" PRIu64 " ns still held at %"
			   PRIu64 " ns", w->oldest, r->in.pushed_ns, w->now_ns);
}

static void check_counters(struct watch *w)
{
	struct tto_coalescer_stats s = watch_stats(w);

	if (s.frames_in != w->n_records)
		watch_fail(w, "frames_in %" PRIu64 ", pushed %u", s.frames_in,
			   w->n_records);
	if (s.packets_out != w->n_packets)
		watch_fail(w, "packets_out %" PRIu64 ", delivered %u",
			   s.packets_out, w->n_packets);
	if (s.held != held_now(w))
		watch_fail(w, "held %" PRIu64 ", not delivered %" PRIu64,
			   s.held, held_now(w));
	if (s.aggregates != w->n_aggregates || s.frames_joined != w->n_joined)
		watch_fail(w, "aggregates %" PRIu64 " of %" PRIu64 " frames, "
			   "seen %" PRIu64 " of %" PRIu64, s.aggregates,
			   s.frames_joined, w->n_aggregates, w->n_joined);
	if (s.flows > w->options.flows || s.flows > s.flows_created)
		watch_fail(w, "flows %" PRIu64 ", places %u, created %" PRIu64,
			   s.flows, w->options.flows, s.flows_created);
	if (w->options.output == TTO_OUTPUT_GATHER &&
	    s.held > w->options.segments)
		watch_fail(w, "held %" PRIu64 " of %u segments", s.held,
			   w->options.segments);
	for (int c = 0; c < TTO_N_CAUSES; c++)
		if (s.ended[c] + s.passed[c] != w->by_cause[c])
			watch_fail(w, "cause %s: ended %" PRIu64 " + passed %"
				   PRIu64 ", seen %" PRIu64, tto_cause_name(c),
				   s.ended[c], s.passed[c], w->by_cause[c]);
}

/* What cannot be joined to anything must not wait (RX-7, RX-9). */
static void check_prompt(struct watch *w, uint32_t from)
{
	for (uint32_t i = from; i < w->n_records; i++) {
		const struct watch_record *r = &w->records[i];
		const struct input *in = &r->in;
		const struct view *v = &in->view;

		if (r->delivered)
			continue;
		if (oracle_alone(&w->rules, in) ||
		    oracle_closes(&w->rules, &in, 1))
			watch_fail(w, "frame %u can have no successor or no "
				   "company, but is held", i);
		if (!view_payload_len(v) && !(v->flags & F_FIN) &&
		    r->ack_known && v->ack == r->last_ack)
			watch_fail(w, "frame %u, a duplicate ACK, is held", i);
	}
}

static void begin_call(struct watch *w, uint64_t now_ns)
{
	if (now_ns > w->now_ns)
		w->now_ns = now_ns;
	w->in_call = true;
}

static void end_call(struct watch *w)
{
	w->in_call = false;
	check_deadline(w);
	check_counters(w);
}

/* ---- Calls ---------------------------------------------------------------- */

static void take_back(struct watch *w, uint32_t index)
{
	struct watch_record *r = &w->records[index];

	if (!r->lent)
		return;
	if (r->in.frame.len && memcmp(r->lent, r->in.bytes, r->in.frame.len))
		watch_fail(w, "frame %u was written to", index);
	if (r->in.frame.len)
		memset(r->lent, 0xa5, r->in.frame.len);
	free(r->lent);
	r->lent = NULL;
}

void watch_push(struct watch *w, const struct tto_frame *frames, size_t n,
		uint64_t now_ns)
{
	uint32_t from = w->n_records;
	struct tto_frame *passed = malloc(n * sizeof(*passed) + 1);

	if (!passed)
		abort();
	begin_call(w, now_ns);
	w->records = grow(w->records, &w->room_records,
			  w->n_records + (uint32_t)n, sizeof(*w->records));
	for (size_t i = 0; i < n; i++) {
		record(w, &frames[i]);
		passed[i] = w->records[from + i].in.frame;
	}
	tto_coalescer_push(w->coalescer, passed, n, now_ns);
	free(passed);
	end_call(w);
	check_prompt(w, from);
	if (w->options.output == TTO_OUTPUT_CONTIGUOUS)
		for (uint32_t i = from; i < w->n_records; i++)
			take_back(w, i);
}

void watch_push_specs(struct watch *w, const struct frame_spec *specs, size_t n,
		      uint64_t now_ns)
{
	struct tto_frame *frames = calloc(n, sizeof(*frames));
	uint8_t **bytes = calloc(n, sizeof(*bytes));

	for (size_t i = 0; i < n; i++) {
		bytes[i] = malloc(FRAME_MAX_BYTES);
		frames[i].len = frame_build(&specs[i], bytes[i]);
		frames[i].data = bytes[i];
		frames[i].csum = specs[i].csum;
		frames[i].gso_size = specs[i].gso_size;
		frames[i].truncated = specs[i].truncated;
	}
	watch_push(w, frames, n, now_ns);
	for (size_t i = 0; i < n; i++)
		free(bytes[i]);
	free(bytes);
	free(frames);
}

void watch_sent(struct watch *w, const struct tto_frame *frames, size_t n,
		uint64_t now_ns)
{
	w->used_sent = true;
	begin_call(w, now_ns);
	tto_coalescer_sent(w->coalescer, frames, n, now_ns);
	w->in_call = false;
	check_counters(w);
}

void watch_sent_spec(struct watch *w, const struct frame_spec *spec,
		     uint64_t now_ns)
{
	uint8_t *bytes = malloc(FRAME_MAX_BYTES);
	struct tto_frame frame = { .data = bytes, .csum = spec->csum };

	frame.len = frame_build(spec, bytes);
	watch_sent(w, &frame, 1, now_ns);
	free(bytes);
}

uint64_t watch_poll(struct watch *w, uint64_t now_ns)
{
	uint64_t latest;

	begin_call(w, now_ns);
	w->announced_ns = tto_coalescer_poll(w->coalescer, now_ns);
	end_call(w);
	if ((w->announced_ns == UINT64_MAX) != !held_now(w))
		watch_fail(w, "%" PRIu64 " held, poll announces %" PRIu64,
			   held_now(w), w->announced_ns);
	if (!held_now(w))
		return w->announced_ns;
	latest = w->records[w->oldest].in.pushed_ns +
		 w->options.timeout_aggregation_ns;
	if (w->announced_ns <= w->now_ns || w->announced_ns > latest)
		watch_fail(w, "at %" PRIu64 " poll announces %" PRIu64
			   ", oldest deadline %" PRIu64, w->now_ns,
			   w->announced_ns, latest);
	return w->announced_ns;
}

void watch_run_to(struct watch *w, uint64_t now_ns)
{
	while (!w->failure[0] && watch_poll(w, w->now_ns) <= now_ns)
		w->now_ns = w->announced_ns;
}

void watch_flush(struct watch *w, uint64_t now_ns)
{
	begin_call(w, now_ns);
	w->in_flush = true;
	tto_coalescer_flush(w->coalescer, now_ns);
	w->in_flush = false;
	end_call(w);
	if (held_now(w))
		watch_fail(w, "%" PRIu64 " frames held after flush, first %u",
			   held_now(w), w->oldest);
}

void watch_close(struct watch *w)
{
	tto_coalescer_close(w->coalescer);
	for (uint32_t i = 0; i < w->n_records; i++) {
		free(w->records[i].lent);
		free((void *)(uintptr_t)w->records[i].in.bytes);
	}
	free(w->records);
	free(w->tracks);
	free(w->packets);
	free(w->parts);
	free(w->last_bytes);
	memset(w, 0, sizeof(*w));
}

void watch_print(const struct watch *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to && i < w->n_records; i++) {
		const struct watch_record *r = &w->records[i];
		const struct view *v = &r->in.view;

		fprintf(stderr, "%6u %10" PRIu64 " ns flow %3d len %5u ",
			i, r->in.pushed_ns, (int)r->track, v->len);
		if (!v->tuple) {
			fprintf(stderr, "not TCP, or not understood%s\n",
				r->delivered ? "" : " (held)");
			continue;
		}
		fprintf(stderr, "v%c seq %u+%u ack %u flags %03x win %u tos %02x "
			"ttl %u id %u ts %u/%u trailer %u csum %u%s%s%s\n",
			v->v6 ? '6' : '4', v->seq, view_payload_len(v), v->ack,
			v->flags, v->window, v->tos, v->ttl, v->id, v->tsval,
			v->tsecr, v->len - v->end, r->in.frame.csum,
			r->in.frame.gso_size ? " gso" : "",
			oracle_alone(&w->rules, &r->in) & CAUSE(CHECKSUM)
			? " wrong" : "", r->delivered ? "" : " (held)");
	}
}

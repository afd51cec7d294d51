// SPDX-License-Identifier: BSD-2-Clause
/*
 * watch_check.c - A coalescer under the eyes of the oracle: judging a packet
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nic/watch.h"

#define NAME(w) ((w)->n_packets), tto_cause_name((w)->packets[(w)->n_packets].cause)

/* ---- The packet as bytes -------------------------------------------------- */

/* Header and segments, one behind the other; false when they contradict. */
static bool linearise(struct watch *w, const struct tto_packet *p)
{
	bool gather = w->options.output == TTO_OUTPUT_GATHER;
	const struct tto_segment *s;
	uint32_t at = p->header_len, n = 0;

	w->last_len = p->header_len + p->payload_len;
	w->last_bytes = realloc(w->last_bytes, w->last_len + 1);
	if (!w->last_bytes)
		abort();
	if (p->header_len)
		memcpy(w->last_bytes, p->header, p->header_len);
	for (s = p->segments; s; s = s->next, n++) {
		if (s->len > w->last_len - at || (!s->payload != !s->len) ||
		    n > p->n_frames) {
			watch_fail(w, "packet %u: segment %u: %u bytes at %p, "
				   "payload_len %u", w->n_packets, n, s->len,
				   s->payload, p->payload_len);
			return false;
		}
		if (s->len)
			memcpy(w->last_bytes + at, s->payload, s->len);
		at += s->len;
	}
	if (at != w->last_len)
		watch_fail(w, "packet %u: segments hold %u bytes, not %u",
			   w->n_packets, at - p->header_len, p->payload_len);
	if (n != (gather ? p->n_frames : 1))
		watch_fail(w, "packet %u: %u segments for %u frames",
			   w->n_packets, n, p->n_frames);
	if (!gather && p->payload_len && p->segments->payload !=
	    (const uint8_t *)p->header + p->header_len)
		watch_fail(w, "packet %u: payload not behind the header",
			   w->n_packets);
	return at == w->last_len;
}

static void check_iov(struct watch *w, const struct tto_packet *p)
{
	struct iovec iov[66];
	size_t total = 0;
	int n, i;

	if (p->n_frames > 64)
		return;
	memset(iov, 0, sizeof(iov));
	n = tto_packet_iov(p, iov, p->n_frames + 1);
	if (n < 1 || n > (int)p->n_frames + 1) {
		watch_fail(w, "packet %u: tto_packet_iov() %d", w->n_packets, n);
		return;
	}
	for (i = 0; i < n; i++) {
		if (iov[i].iov_len > w->last_len - total ||
		    memcmp(iov[i].iov_base, w->last_bytes + total,
			   iov[i].iov_len))
			break;
		total += iov[i].iov_len;
	}
	if (i != n || total != w->last_len)
		watch_fail(w, "packet %u: iovec %d differs", w->n_packets, i);
	n--;
	if (tto_packet_iov(p, iov, (size_t)n) != -ENOBUFS)
		watch_fail(w, "packet %u: iovec of %d should not do",
			   w->n_packets, n);
}

/* ---- Which frames it is made of ------------------------------------------- */

static uint32_t head_of(const struct watch *w, uint32_t index)
{
	const struct watch_record *r = &w->records[index];

	return r->track == WATCH_NONE ? w->others_head
				      : w->tracks[r->track].head;
}

static bool is_frame(const struct watch *w, uint32_t index)
{
	const struct input *in;

	if (index == WATCH_NONE)
		return false;
	in = &w->records[index].in;
	return in->frame.len == w->last_len &&
	       !memcmp(in->bytes, w->last_bytes, w->last_len);
}

/* Without cookies: the flow whose header this is. */
static uint32_t find_by_header(struct watch *w, const struct tto_packet *p)
{
	uint32_t size = p->changed ? p->header_len : w->last_len, t;
	uint8_t *copy = malloc(size + 1);
	struct view v;

	if (!copy)
		abort();
	memcpy(copy, w->last_bytes, size);
	view_read(&v, w->options.link, copy, size, false);
	if (p->changed && v.l3 + 40 <= size) {	/* as if without payload */
		if (copy[v.l3] >> 4 == 6)
			put16(copy + v.l3 + 4, (uint16_t)(size - v.l3 - 40));
		else
			put16(copy + v.l3 + 2, (uint16_t)(size - v.l3));
		view_read(&v, w->options.link, copy, size, false);
	}
	for (t = 0; t < w->n_tracks; t++) {
		const struct input *sample =
			&w->records[w->tracks[t].sample].in;

		if (w->tracks[t].head != WATCH_NONE &&
		    view_same_flow(&v, copy, &sample->view, sample->bytes))
			break;
	}
	free(copy);
	return t == w->n_tracks ? WATCH_NONE : w->tracks[t].head;
}

/* Index of the first frame of @p, WATCH_NONE when there is none. */
static uint32_t identify(struct watch *w, const struct tto_packet *p)
{
	uint32_t index;

	if (w->options.output == TTO_OUTPUT_GATHER) {
		index = (uint32_t)(uintptr_t)p->segments->cookie - 1;
		if (index >= w->n_records || w->records[index].delivered)
			return WATCH_NONE;
		return index;
	}
	index = find_by_header(w, p);
	if (!p->changed && is_frame(w, w->others_head) &&
	    (!is_frame(w, index) || p->cause == TTO_CAUSE_MALFORMED))
		return w->others_head;
	return index;
}

/* Takes @n frames from the queue that @index is head of. */
static bool dequeue(struct watch *w, uint32_t index, uint32_t n)
{
	struct watch_record *r = &w->records[index];
	uint32_t *head = r->track == WATCH_NONE ? &w->others_head
						: &w->tracks[r->track].head;

	if (n > w->room_parts) {
		w->room_parts = n * 2;
		w->parts = realloc(w->parts, w->room_parts * sizeof(*w->parts));
		if (!w->parts)
			abort();
	}
	for (uint32_t i = 0; i < n; i++, *head = r->next) {
		if (*head == WATCH_NONE) {
			watch_fail(w, "packet %u (%s): %u frames, only %u are "
				   "there", NAME(w), n, i);
			return false;
		}
		r = &w->records[*head];
		r->delivered = true;
		w->n_delivered++;
		w->parts[i] = &r->in;
	}
	return true;
}

/* ---- Is it what the frames make? ------------------------------------------ */

static void check_alone(struct watch *w, const struct tto_packet *p)
{
	const struct input *in = w->parts[0];
	uint32_t i = watch_index(in);

	if (w->last_len != in->frame.len ||
	    memcmp(w->last_bytes, in->bytes, w->last_len))
		watch_fail(w, "packet %u (%s): frame %u changed or overtaken",
			   NAME(w), i);
	if (p->payload_len || p->segments->len)
		watch_fail(w, "packet %u: payload beside the frame",
			   w->n_packets);
	if (p->gso_size && p->gso_size != in->frame.gso_size)
		watch_fail(w, "packet %u: gso_size %u of a frame alone",
			   w->n_packets, p->gso_size);
	if (p->csum != in->frame.csum &&
	    !(p->csum == TTO_CSUM_VERIFIED && in->view.tcp_sum_right &&
	      in->frame.csum == TTO_CSUM_UNKNOWN))
		watch_fail(w, "packet %u: csum %u for a frame with csum %u",
			   w->n_packets, p->csum, in->frame.csum);
	if (p->l3 != 0xffff && p->l3 != in->view.l3)
		watch_fail(w, "packet %u: l3 %u", w->n_packets, p->l3);
	if (p->l4 != 0xffff && in->view.tuple && p->l4 != in->view.l4)
		watch_fail(w, "packet %u: l4 %u", w->n_packets, p->l4);
}

static void check_join(struct watch *w, const struct tto_packet *p)
{
	const struct input **parts = w->parts;
	causes_t why;

	for (uint32_t i = 0; i < p->n_frames; i++) {
		why = oracle_alone(&w->rules, parts[i]);
		if (!why && i)
			why = oracle_between(&w->rules, parts, i, parts[i]);
		if (!why && i)
			why = oracle_closes(&w->rules, parts, i);
		if (!why)
			continue;
		watch_fail(w, "packet %u (%s): frame %u must not be joined: %s",
			   NAME(w), watch_index(parts[i]),
			   tto_cause_name(__builtin_ctzll(why)));
		return;
	}
}

static void check_header(struct watch *w, const struct tto_packet *p)
{
	const struct view *a = &w->parts[0]->view;
	uint8_t expected[256];
	uint32_t size, i;

	if (p->header_len != a->payload || a->payload > sizeof(expected)) {
		watch_fail(w, "packet %u (%s): header of %u bytes, not %u",
			   NAME(w), p->header_len, a->payload);
		return;
	}
	size = oracle_header(&w->rules, w->parts, p->n_frames, w->last_bytes,
			     expected);
	for (i = 0; i < size; i++) {
		if (expected[i] == w->last_bytes[i])
			continue;
		watch_fail(w, "packet %u (%s), first frame %u, %u frames: "
			   "header byte %u is %02x, not %02x (IP at %u, TCP at "
			   "%u)", NAME(w), watch_index(w->parts[0]), p->n_frames,
			   i, w->last_bytes[i], expected[i], a->l3, a->l4);
		return;
	}
}

static void check_payload(struct watch *w, const struct tto_packet *p)
{
	const struct tto_segment *s = p->segments;
	uint32_t at = p->header_len;

	for (uint32_t i = 0; i < p->n_frames; i++) {
		const struct input *in = w->parts[i];
		uint32_t size = view_payload_len(&in->view);

		if (at + size > w->last_len ||
		    memcmp(w->last_bytes + at, in->bytes + in->view.payload,
			   size)) {
			watch_fail(w, "packet %u (%s): payload of frame %u "
				   "differs", NAME(w), watch_index(in));
			return;
		}
		at += size;
		if (w->options.output == TTO_OUTPUT_CONTIGUOUS)
			continue;
		if (s->cookie != in->frame.cookie || s->len != size ||
		    (size && (const uint8_t *)s->payload !=
		     (const uint8_t *)in->frame.data + in->view.payload))
			watch_fail(w, "packet %u: segment %u is not frame %u",
				   w->n_packets, i, watch_index(in));
		s = s->next;
	}
	if (at != w->last_len)
		watch_fail(w, "packet %u: %u bytes of payload too many",
			   w->n_packets, w->last_len - at);
}

static void check_fields(struct watch *w, const struct tto_packet *p)
{
	const struct input *a = w->parts[0];
	uint32_t n_acks = 0, largest = 0, finishing = 0;
	bool same_id = p->n_frames > 1 && !a->view.v6;
	bool partial = w->rules.partial_csum ||
		       a->frame.csum == TTO_CSUM_PARTIAL;

	for (uint32_t i = 0; i < p->n_frames; i++) {
		const struct view *v = &w->parts[i]->view;

		n_acks += !view_payload_len(v);
		finishing += !view_payload_len(v) && v->flags & F_FIN;
		if (view_payload_len(v) > largest)
			largest = view_payload_len(v);
		same_id &= v->id == a->view.id;
	}
	if (p->gso_flags != (same_id ? TTO_GSO_FIXED_ID : 0))
		watch_fail(w, "packet %u: gso_flags %u, but the IDs are %s",
			   w->n_packets, p->gso_flags,
			   same_id ? "the same" : "not the same");
	if (p->gso_size != largest)
		watch_fail(w, "packet %u: gso_size %u, not %u", w->n_packets,
			   p->gso_size, largest);
	if (p->n_acks > n_acks || p->n_acks < n_acks - finishing)
		watch_fail(w, "packet %u: n_acks %u, not %u", w->n_packets,
			   p->n_acks, n_acks);
	if (p->csum != (partial ? TTO_CSUM_PARTIAL : TTO_CSUM_VERIFIED))
		watch_fail(w, "packet %u: csum %u", w->n_packets, p->csum);
	if (p->l3 != a->view.l3 || p->l4 != a->view.l4 ||
	    !p->v6 != !a->view.v6)
		watch_fail(w, "packet %u: l3 %u l4 %u v6 %u", w->n_packets,
			   p->l3, p->l4, p->v6);
	if (a->view.has_timestamp && p->first_tsval != a->view.tsval)
		watch_fail(w, "packet %u: first_tsval %u, not %u",
			   w->n_packets, p->first_tsval, a->view.tsval);
}

/* Cut again, an aggregate of policy lossless is the very frames (RX-17). */
static void check_cut(struct watch *w, const struct tto_packet *p)
{
	struct oracle_cut cut = {
		.packet = w->last_bytes, .len = w->last_len,
		.view = &w->parts[0]->view, .gso_size = p->gso_size,
		.fixed_id = p->gso_flags & TTO_GSO_FIXED_ID,
		.partial = w->parts[0]->frame.csum == TTO_CSUM_PARTIAL,
	};
	uint8_t *frame = malloc(FRAME_MAX_BYTES);

	if (!frame)
		abort();
	for (uint32_t i = 0; i <= p->n_frames; i++) {
		const struct input *in = i < p->n_frames ? w->parts[i] : NULL;
		uint32_t size = oracle_cut(&cut, i, frame);

		if (in ? size == in->frame.len && !memcmp(frame, in->bytes, size)
		       : !size)
			continue;
		watch_fail(w, "packet %u (%s), %u frames from %u: piece %u of "
			   "the cut is not the frame", NAME(w), p->n_frames,
			   watch_index(w->parts[0]), i);
		break;
	}
	free(frame);
}

/* ---- deliver() ------------------------------------------------------------ */

static uint64_t digest(const struct watch_packet *p, const uint8_t *bytes,
		       uint32_t len)
{
	uint64_t h = 0xcbf29ce484222325;
	const uint8_t *fields = (const uint8_t *)p;

	for (uint32_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * 0x100000001b3;
	for (size_t i = 0; i < sizeof(*p); i++)
		h = (h ^ fields[i]) * 0x100000001b3;
	return h;
}

static struct watch_packet *note_packet(struct watch *w,
					const struct tto_packet *p)
{
	struct watch_packet *out;

	if (w->n_packets == w->room_packets) {
		w->room_packets = w->room_packets * 2 + 64;
		w->packets = realloc(w->packets, w->room_packets * sizeof(*out));
		if (!w->packets)
			abort();
	}
	out = &w->packets[w->n_packets];
	memset(out, 0, sizeof(*out));
	out->at_ns = w->now_ns;
	out->first_ns = p->first_ns;
	out->first = WATCH_NONE;
	out->n_frames = p->n_frames;
	out->n_acks = p->n_acks;
	out->header_len = p->header_len;
	out->payload_len = p->payload_len;
	out->first_tsval = p->first_tsval;
	out->gso_size = p->gso_size;
	out->gso_flags = p->gso_flags;
	out->csum = p->csum;
	out->cause = p->cause;
	out->changed = !!p->changed;
	return out;
}

/* The frames are the caller's again: nobody may look at them any more. */
static void release(struct watch *w, uint32_t n)
{
	if (w->options.output != TTO_OUTPUT_GATHER)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct watch_record *r = &w->records[watch_index(w->parts[i])];

		if (memcmp(r->lent, r->in.bytes, r->in.frame.len))
			watch_fail(w, "frame %u was written to",
				   watch_index(&r->in));
		memset(r->lent, 0xa5, r->in.frame.len);
		free(r->lent);
		r->lent = NULL;
	}
}

static void note_delivered(struct watch *w, struct watch_track *t,
			   const struct input *last, uint8_t cause)
{
	t->causes[cause]++;
	if (!last->view.tcp ||
	    oracle_alone(&w->rules, last) &
	    (CAUSE(CHECKSUM) | CAUSE(NO_ACK) | CAUSE(GSO) | CAUSE(IP_OPTIONS)))
		return;
	t->delivered_known = true;
	t->delivered_ack = last->view.ack;
}

static void judge(struct watch *w, const struct tto_packet *p)
{
	struct watch_packet *out = &w->packets[w->n_packets];
	uint32_t first = identify(w, p);

	if (first == WATCH_NONE || head_of(w, first) != first) {
		watch_fail(w, "packet %u (%s) of %u frames: frame %d is not "
			   "the next of its flow (%d is)", NAME(w), p->n_frames,
			   (int)first,
			   first == WATCH_NONE ? -1 : (int)head_of(w, first));
		return;
	}
	out->first = first;
	if (!dequeue(w, first, p->n_frames))
		return;
	if (p->changed) {
		check_join(w, p);
		check_header(w, p);
		check_payload(w, p);
		check_fields(w, p);
		if (w->rules.policy == TTO_POLICY_LOSSLESS)
			check_cut(w, p);
	} else {
		check_alone(w, p);
	}
	watch_check_cause(w, p);
	if (p->first_ns != w->parts[0]->pushed_ns)
		watch_fail(w, "packet %u: first_ns %" PRIu64 ", not %" PRIu64,
			   w->n_packets, p->first_ns, w->parts[0]->pushed_ns);
	if (w->records[first].track != WATCH_NONE)
		note_delivered(w, &w->tracks[w->records[first].track],
			       w->parts[p->n_frames - 1], p->cause);
	release(w, p->n_frames);
}

void watch_deliver(void *ctx, const struct tto_packet *p)
{
	struct watch *w = ctx;
	struct watch_packet *out = note_packet(w, p);

	if (!w->in_call)
		watch_fail(w, "packet %u outside of a call", w->n_packets);
	if (p->cause >= TTO_N_CAUSES || !p->n_frames || !p->segments ||
	    !p->header || (p->n_frames > 1 && !p->changed) ||
	    (p->changed && !p->held)) {
		watch_fail(w, "packet %u: cause %u, %u frames, changed %u",
			   w->n_packets, p->cause, p->n_frames, p->changed);
		return;
	}
	if (linearise(w, p)) {
		check_iov(w, p);
		judge(w, p);
	}
	out->digest = digest(out, w->last_bytes, w->last_len);
	w->by_cause[p->cause]++;
	w->n_aggregates += p->n_frames > 1;
	w->n_joined += p->n_frames > 1 ? p->n_frames : 0;
	w->n_packets++;
}

/* ---- The flow table ------------------------------------------------------- */

static bool is_info_of(const struct watch *w, const struct watch_track *t,
		       const struct tto_flow_info *info)
{
	const struct input *in = &w->records[t->sample].in;
	const struct view *v = &in->view;
	uint32_t size = v->v6 ? 16 : 4, at = v->l3 + (v->v6 ? 8 : 12);

	return !info->v6 == !v->v6 && info->vlan[0] == v->vid[0] &&
	       info->vlan[1] == v->vid[1] &&
	       !memcmp(info->source, in->bytes + at, size) &&
	       !memcmp(info->destination, in->bytes + at + size, size) &&
	       !memcmp(&info->source_port, in->bytes + v->l4, 2) &&
	       !memcmp(&info->destination_port, in->bytes + v->l4 + 2, 2);
}

static void check_flow(struct watch *w, uint32_t t,
		       const struct tto_flow_info *info)
{
	const struct watch_track *track = &w->tracks[t];
	uint32_t held = 0, i;

	for (i = track->head; i != WATCH_NONE; i = w->records[i].next)
		held += view_payload_len(&w->records[i].in.view);
	if (info->held != held)
		watch_fail(w, "flow %u: %u bytes held, not %u", t, info->held,
			   held);
	/* What is not understood may still be counted for the flow it shows. */
	for (int c = 0; c < TTO_N_CAUSES; c++)
		if (info->causes[c] > track->causes[c] &&
		    c != TTO_CAUSE_MALFORMED && c != TTO_CAUSE_FRAGMENT &&
		    c != TTO_CAUSE_IP_OPTIONS)
			watch_fail(w, "flow %u: cause %s %u times, seen %u", t,
				   tto_cause_name(c), info->causes[c],
				   track->causes[c]);
}

void watch_check(struct watch *w)
{
	struct tto_flow_info info;
	uint32_t cursor = 0, t, n = 0, holding = 0;

	while (tto_coalescer_flow(w->coalescer, &cursor, &info)) {
		for (t = 0; t < w->n_tracks; t++)
			if (is_info_of(w, &w->tracks[t], &info))
				break;
		if (t == w->n_tracks)
			watch_fail(w, "a flow in the table that never was");
		else
			check_flow(w, t, &info);
		holding += t < w->n_tracks && w->tracks[t].head != WATCH_NONE;
		n++;
	}
	if (n != watch_stats(w).flows)
		watch_fail(w, "%u flows listed, %" PRIu64 " counted", n,
			   watch_stats(w).flows);
	for (t = 0; t < w->n_tracks; t++)
		holding -= w->tracks[t].head != WATCH_NONE;
	if (holding)
		watch_fail(w, "frames are held of flows not in the table");
}

// SPDX-License-Identifier: BSD-2-Clause
/* time_wait.c - TIME-WAIT without a TCB */
#include "tcp/time_wait.h"

#include "base/compiler.h"
#include "packet/headers.h"

struct waiting {
	seq_t snd_nxt, rcv_nxt;
	uint32_t ts_recent;
	uint32_t timestamp_offset;
	ns_t deadline;
	ns_t answered;		/* last one that is limited in rate; NS_NEVER   */
	uint32_t next, prev;	/* in order of deadlines; next also when free   */
	uint32_t entry;		/* of lookup.h                                  */
	uint16_t window;	/* as in the header                             */
	uint8_t receive_shift;
	bool timestamps;
};

_Static_assert(sizeof(struct waiting) == 48, "100,000 of them are 5 MB");

struct time_wait {
	ns_t duration, tick;
	uint32_t capacity, count;
	uint32_t oldest, newest;
	uint32_t fresh;		/* from here on never used                      */
	uint32_t first_free;
	struct waiting waiting[] CACHE_ALIGNED;
} CACHE_ALIGNED;

size_t time_wait_bytes(uint32_t capacity)
{
	return sizeof(struct time_wait) +
		(size_t)capacity * sizeof(struct waiting);
}

struct time_wait *time_wait_init(void *memory, uint32_t capacity, ns_t duration,
				 ns_t tick)
{
	struct time_wait *w = memory;

	*w = (struct time_wait){ .duration = duration, .tick = tick ? tick : 1,
				 .capacity = capacity, .oldest = LOOKUP_NONE,
				 .newest = LOOKUP_NONE,
				 .first_free = LOOKUP_NONE };
	return w;
}

static void append(struct time_wait *w, uint32_t number, ns_t now)
{
	struct waiting *e = &w->waiting[number];

	e->deadline = now + w->duration;
	e->next = LOOKUP_NONE;
	e->prev = w->newest;
	if (w->newest == LOOKUP_NONE)
		w->oldest = number;
	else
		w->waiting[w->newest].next = number;
	w->newest = number;
}

static void take_out(struct time_wait *w, uint32_t number)
{
	struct waiting *e = &w->waiting[number];

	if (e->prev == LOOKUP_NONE)
		w->oldest = e->next;
	else
		w->waiting[e->prev].next = e->next;
	if (e->next == LOOKUP_NONE)
		w->newest = e->prev;
	else
		w->waiting[e->next].prev = e->prev;
}

static uint32_t new_number(struct time_wait *w)
{
	uint32_t number = w->first_free;

	w->count++;
	if (number == LOOKUP_NONE)
		return w->fresh++;
	w->first_free = w->waiting[number].next;
	return number;
}

void time_wait_remove(struct time_wait *w, struct lookup *l, uint32_t number)
{
	struct tcp_tuple tuple = *lookup_tuple(l, w->waiting[number].entry);

	take_out(w, number);
	w->waiting[number].next = w->first_free;
	w->first_free = number;
	w->count--;
	lookup_remove(l, &tuple);
}

static void make_room(struct time_wait *w, struct lookup *l,
		      struct tcp_tuple *gone)
{
	if (gone)
		gone->local_port = 0;
	if (w->count < w->capacity)
		return;
	if (gone)
		*gone = *lookup_tuple(l, w->waiting[w->oldest].entry);
	time_wait_remove(w, l, w->oldest);
}

/* @entry of @tuple, which may be LOOKUP_NONE, gets a value. Return: the entry. */
static uint32_t name(struct lookup *l, const struct tcp_tuple *tuple,
		     uint32_t entry, uint32_t value)
{
	if (entry == LOOKUP_NONE)
		return lookup_insert(l, tuple, value) == 0 ?
			lookup_entry(l, tuple) : LOOKUP_NONE;
	lookup_change(l, entry, value);
	return entry;
}

uint32_t time_wait_enter(struct time_wait *w, struct lookup *l,
			 const struct tcp_tuple *tuple,
			 const struct time_wait_state *s, ns_t now,
			 struct tcp_tuple *gone)
{
	uint32_t entry = lookup_entry(l, tuple), number;

	if (entry != LOOKUP_NONE && lookup_value(l, entry) & TIME_WAIT_FLAG) {
		time_wait_remove(w, l, lookup_value(l, entry) & ~TIME_WAIT_FLAG);
		entry = LOOKUP_NONE;
	}
	make_room(w, l, gone);
	number = new_number(w);
	entry = name(l, tuple, entry, number | TIME_WAIT_FLAG);
	if (entry == LOOKUP_NONE) {
		w->waiting[number].next = w->first_free;
		w->first_free = number;
		w->count--;
		return LOOKUP_NONE;
	}
	w->waiting[number] = (struct waiting){
		.snd_nxt = s->snd_nxt, .rcv_nxt = s->rcv_nxt,
		.ts_recent = s->ts_recent,
		.timestamp_offset = s->timestamp_offset,
		.answered = NS_NEVER, .entry = entry,
		.window = (uint16_t)(s->window >> s->receive_shift > UINT16_MAX ?
				     UINT16_MAX : s->window >> s->receive_shift),
		.receive_shift = s->receive_shift, .timestamps = s->timestamps,
	};
	append(w, number, now);
	return number;
}

static enum time_wait_verdict answer(const struct time_wait *w,
				     const struct waiting *e,
				     const struct tcp_segment *in, ns_t now,
				     struct tcp_segment *out)
{
	*out = (struct tcp_segment){
		.seq = e->snd_nxt, .ack = e->rcv_nxt, .flags = TCP_ACK,
		.window = e->window, .n_frames = 1,
		.source_port = in->destination_port,
		.destination_port = in->source_port,
	};
	if (e->timestamps) {
		out->has = TCP_HAS_TIMESTAMP;
		out->tsval = (uint32_t)(now / w->tick) + e->timestamp_offset;
		out->tsecr = e->ts_recent;
	}
	return TIME_WAIT_ANSWER;
}

static enum time_wait_verdict
answer_seldom(const struct time_wait *w, struct waiting *e,
	      const struct tcp_segment *in, ns_t now, struct tcp_segment *out)
{
	if (e->answered != NS_NEVER && now - e->answered < TIME_WAIT_ANSWER_NS)
		return TIME_WAIT_DROP;
	e->answered = now;
	return answer(w, e, in, now, out);
}

/* RFC 6191 §2. */
static bool may_reopen(const struct waiting *e, const struct tcp_segment *in)
{
	bool ahead = !seq_before(in->seq, e->rcv_nxt);
	int32_t newer = (int32_t)(in->tsval - e->ts_recent);

	if (!(in->has & TCP_HAS_TIMESTAMP))
		return ahead;
	if (!e->timestamps)
		return true;
	return newer > 0 || (newer == 0 && ahead);
}

static bool is_old(const struct waiting *e, const struct tcp_segment *in)
{
	return e->timestamps && in->has & TCP_HAS_TIMESTAMP &&
		(int32_t)(in->tsval - e->ts_recent) < 0;
}

/* RFC 9293 §3.10.7.4, first step: any of it in the window? */
static bool is_acceptable(const struct waiting *e, const struct tcp_segment *in)
{
	uint32_t window = (uint32_t)e->window << e->receive_shift;
	int32_t from = seq_diff(in->seq, e->rcv_nxt);
	uint32_t space = tcp_segment_space(in);

	if (!space)
		return from == 0 || (from > 0 && (uint32_t)from < window);
	if (from >= 0)
		return (uint32_t)from < window;
	return window && space > 0U - (uint32_t)from;
}

/*
 * RFC 9293 §3.10.7.4, first and fifth step: in the window, what has no ACK is
 * dropped. An ACK of what is where it should be asks for none.
 */
static bool is_silent(const struct waiting *e, const struct tcp_segment *in)
{
	return is_acceptable(e, in) &&
		(!(in->flags & TCP_ACK) ||
		 (tcp_segment_space(in) == 0 && seq_equal(in->seq, e->rcv_nxt)));
}

static bool is_last_again(const struct waiting *e, const struct tcp_segment *in)
{
	return in->flags & TCP_FIN &&
		seq_equal(seq_add(in->seq, tcp_segment_space(in)), e->rcv_nxt);
}

static enum time_wait_verdict take_syn(struct time_wait *w, struct waiting *e,
				       const struct tcp_segment *in, ns_t now,
				       struct tcp_segment *out)
{
	if (in->flags & TCP_ACK || !may_reopen(e, in))
		return answer_seldom(w, e, in, now, out);
	answer(w, e, in, now, out);
	return TIME_WAIT_REOPEN;
}

enum time_wait_verdict time_wait_arrive(struct time_wait *w, uint32_t number,
					const struct tcp_segment *in, ns_t now,
					struct tcp_segment *out)
{
	struct waiting *e = &w->waiting[number];

	if (in->flags & TCP_RST)
		return TIME_WAIT_DROP;
	if (in->flags & TCP_SYN)
		return take_syn(w, e, in, now, out);
	if (is_old(e, in))
		return answer_seldom(w, e, in, now, out);
	if (!is_last_again(e, in))
		return is_silent(e, in) ? TIME_WAIT_DROP :
			answer_seldom(w, e, in, now, out);
	if (e->timestamps && in->has & TCP_HAS_TIMESTAMP)
		e->ts_recent = in->tsval;
	take_out(w, number);
	append(w, number, now);
	return answer(w, e, in, now, out);
}

ns_t time_wait_next(const struct time_wait *w)
{
	return w->oldest == LOOKUP_NONE ? NS_NEVER :
		w->waiting[w->oldest].deadline;
}

uint32_t time_wait_expire(struct time_wait *w, struct lookup *l, ns_t now,
			  struct tcp_tuple *gone, uint32_t max)
{
	uint32_t n;

	for (n = 0; n < max && w->count && time_wait_next(w) <= now; n++) {
		if (gone)
			gone[n] = *lookup_tuple(l, w->waiting[w->oldest].entry);
		time_wait_remove(w, l, w->oldest);
	}
	return n;
}

uint32_t time_wait_count(const struct time_wait *w)
{
	return w->count;
}

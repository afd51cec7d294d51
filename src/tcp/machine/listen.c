// SPDX-License-Identifier: BSD-2-Clause
/*
 * listen.c - Connections that are asked for, before there is a TCB
 *
 * The states LISTEN and SYN-RECEIVED (passive) of RFC 9293 §3.10.7. What is
 * agreed upon here is agreed upon in the same way when a TCB sent the SYN, so
 * open.c uses the functions at the beginning too.
 */
#include "packet/headers.h"
#include "tcp/listen.h"
#include "tcp/machine/machine.h"
#include "tcp/syn_cookie.h"

/* ---- What both sides of a handshake need -------------------------------------- */

/* IP and TCP headers without options, RFC 9293 §3.7.1. */
static uint16_t header_bytes(const struct tcp_endpoint *e)
{
	return e->v6 ? 60 : 40;
}

uint16_t announced_mss(const struct tcp_endpoint *e)
{
	uint16_t header = header_bytes(e);
	uint16_t mss = e->mtu > header + TCP_MSS_MIN ?
		       (uint16_t)(e->mtu - header) : TCP_MSS_MIN;

	return e->mss_clamp && e->mss_clamp < mss ? e->mss_clamp : mss;
}

uint16_t mss_of_syn(const struct tcp_segment *syn, bool v6)
{
	uint16_t mss = v6 ? TCP_MSS_DEFAULT_V6 : TCP_MSS_DEFAULT_V4;

	if (syn->has & TCP_HAS_MSS)
		mss = syn->mss;
	return mss < TCP_MSS_MIN ? TCP_MSS_MIN : mss;
}

uint8_t shift_for(uint32_t buffer_max)
{
	uint8_t shift = 0;

	while (shift < TCP_SEGMENT_WSCALE_MAX && buffer_max >> shift > UINT16_MAX)
		shift++;
	return shift;
}

uint8_t options_we_want(const struct tcp_config *c)
{
	return (uint8_t)((c->window_scaling ? TCP_HAS_WSCALE : 0) |
			 (c->sack ? TCP_HAS_SACK_PERMITTED : 0) |
			 (c->timestamps ? TCP_HAS_TIMESTAMP : 0));
}

uint8_t peers_shift(const struct tcp_segment *syn)
{
	return syn->wscale > TCP_SEGMENT_WSCALE_MAX ? TCP_SEGMENT_WSCALE_MAX :
						      syn->wscale;
}

uint32_t timestamp_now(const struct tcp_env *env, uint32_t offset)
{
	return (uint32_t)(env->now / env->config->timestamp_tick) + offset;
}

/* ---- LISTEN ------------------------------------------------------------------- */

bool tcp_request_is_wanted(const struct tcp_segment *s)
{
	return (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

bool tcp_request_refuse(const struct tcp_segment *in, struct tcp_segment *out)
{
	return in->flags & TCP_ACK && tcp_refuse(in, out);
}

static ns_t doubled(ns_t first, uint32_t times, ns_t max)
{
	for (; times > 0 && first < max; times--)
		first *= 2;
	return first < max ? first : max;
}

static void answer_to(const struct tcp_segment *in, struct tcp_segment *out)
{
	*out = (struct tcp_segment){
		.source_port = in->destination_port,
		.destination_port = in->source_port,
		.n_frames = 1,
	};
}

static uint16_t unscaled_window(const struct tcp_config *c)
{
	return c->receive_buffer < UINT16_MAX ? (uint16_t)c->receive_buffer :
						UINT16_MAX;
}

static void make_syn_ack(struct tcp_request *r, const struct tcp_env *env,
			 const struct tcp_endpoint *endpoint,
			 struct tcp_segment *out)
{
	out->seq = r->iss;
	out->ack = seq_add(r->irs, 1);
	out->flags = TCP_SYN | TCP_ACK | (r->ecn ? TCP_ECE : 0);
	out->window = unscaled_window(env->config);
	out->has = TCP_HAS_MSS | r->has;
	out->mss = announced_mss(endpoint);
	out->wscale = r->receive_shift;
	out->tsval = timestamp_now(env, r->timestamp_offset);
	out->tsecr = r->ts_recent;

	r->sent = env->now;
	r->deadline = env->now + doubled(env->config->rto_initial, r->n_sent,
					 env->config->rto_max);
	if (r->n_sent < UINT8_MAX)
		r->n_sent++;
}

void tcp_request_begin(struct tcp_request *r, const struct tcp_env *env,
		       const struct tcp_endpoint *endpoint,
		       const struct tcp_segment *syn,
		       struct tcp_segment *syn_ack)
{
	const struct tcp_config *c = env->config;

	*r = (struct tcp_request){
		.irs = syn->seq,
		.iss = endpoint->iss,
		.ts_recent = syn->tsval,
		.timestamp_offset = endpoint->timestamp_offset,
		.mss = mss_of_syn(syn, endpoint->v6),
		.window = syn->window,
		.has = syn->has & options_we_want(c),
		.wscale = peers_shift(syn),
		.receive_shift = shift_for(c->receive_buffer_max),
		/* RFC 3168 §6.1.1: an ECN-setup SYN has both. */
		.ecn = c->ecn != TCP_ECN_OFF &&
		       (syn->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR),
	};
	answer_to(syn, syn_ack);
	make_syn_ack(r, env, endpoint, syn_ack);
}

void tcp_request_hide(const struct tcp_request *r, struct tcp_segment *out)
{
	struct syn_cookie_options o = {
		.wscale = out->has & TCP_HAS_WSCALE ? r->wscale : SYN_COOKIE_NO_WSCALE,
		.sack = out->has & TCP_HAS_SACK_PERMITTED,
		.ecn = r->ecn,
	};

	if (out->has & TCP_HAS_TIMESTAMP) {
		out->tsval = syn_cookie_timestamp(out->tsval, &o);
	} else {
		out->has &= TCP_HAS_MSS;
		out->flags &= (uint16_t)~TCP_ECE;
	}
}

struct tcp_request tcp_request_recall(const struct tcp_segment *ack, uint16_t mss)
{
	struct syn_cookie_options o = syn_cookie_options(ack->tsecr);
	struct tcp_request r = { .mss = mss };

	if (!(ack->has & TCP_HAS_TIMESTAMP))
		return r;
	r.has = TCP_HAS_TIMESTAMP;
	r.has |= o.sack ? TCP_HAS_SACK_PERMITTED : 0;
	if (o.wscale != SYN_COOKIE_NO_WSCALE) {
		r.has |= TCP_HAS_WSCALE;
		r.wscale = o.wscale;
	}
	r.ecn = o.ecn;
	return r;
}

void tcp_request_restore(struct tcp_request *r, const struct tcp_env *env,
			 const struct tcp_endpoint *endpoint,
			 const struct tcp_segment *ack)
{
	r->irs = seq_add(ack->seq, UINT32_MAX);
	r->iss = seq_add(ack->ack, UINT32_MAX);
	r->ts_recent = ack->tsval;
	r->timestamp_offset = endpoint->timestamp_offset;
	r->deadline = NS_NEVER;
	r->sent = NS_NEVER;
	r->window = ack->window;
	r->receive_shift = shift_for(env->config->receive_buffer_max);
	r->n_sent = 1;
	if (!(ack->has & TCP_HAS_TIMESTAMP))
		r->has &= (uint8_t)~TCP_HAS_TIMESTAMP;
}

/* ---- SYN-RECEIVED, in the order of §3.10.7.4 ---------------------------------- */

/* An ACK where the peer should be: for what is not acceptable, RFC 5961 §3.2. */
static enum tcp_request_verdict acknowledge(struct tcp_request *r,
					    const struct tcp_env *env,
					    const struct tcp_segment *s,
					    struct tcp_segment *out)
{
	answer_to(s, out);
	out->seq = seq_add(r->iss, 1);
	out->ack = seq_add(r->irs, 1);
	out->flags = TCP_ACK;
	out->window = unscaled_window(env->config);
	if (r->has & TCP_HAS_WSCALE)
		out->window >>= r->receive_shift;
	out->has = r->has & TCP_HAS_TIMESTAMP;
	out->tsval = timestamp_now(env, r->timestamp_offset);
	out->tsecr = r->ts_recent;
	return TCP_REQUEST_ANSWER;
}

static bool is_old_timestamp(const struct tcp_request *r,
			     const struct tcp_segment *s)
{
	return (r->has & s->has & TCP_HAS_TIMESTAMP) &&
	       seq_before(seq(s->tsval), seq(r->ts_recent));
}

/* RFC 7323 §3.2, if the owner wants it; see config.h. */
static bool lacks_timestamp(const struct tcp_request *r, const struct tcp_env *env,
			    const struct tcp_segment *s)
{
	return env->config->timestamps_required && !(s->flags & TCP_RST) &&
	       (r->has & (uint8_t)~s->has & TCP_HAS_TIMESTAMP);
}

static bool is_in_window(const struct tcp_request *r, const struct tcp_env *env,
			 const struct tcp_segment *s)
{
	return sequence_is_acceptable(seq_add(r->irs, 1),
				      unscaled_window(env->config), s);
}

enum tcp_request_verdict tcp_request_arrive(struct tcp_request *r,
					    const struct tcp_env *env,
					    const struct tcp_endpoint *endpoint,
					    const struct tcp_segment *s,
					    struct tcp_segment *out)
{
	/* The SYN once more: our answer was lost. */
	if (tcp_request_is_wanted(s) && seq_equal(s->seq, r->irs)) {
		answer_to(s, out);
		make_syn_ack(r, env, endpoint, out);
		return TCP_REQUEST_ANSWER;
	}
	if (lacks_timestamp(r, env, s))
		return TCP_REQUEST_DROP;
	/* first: is it in the window? With RFC 7323 §5.3 R1. */
	if (!is_in_window(r, env, s) || is_old_timestamp(r, s))
		return s->flags & TCP_RST ? TCP_REQUEST_DROP :
					    acknowledge(r, env, s, out);
	/* second: RST, with RFC 5961 §3.2; a passive open goes back to LISTEN. */
	if (s->flags & TCP_RST)
		return seq_equal(s->seq, seq_add(r->irs, 1)) ?
		       TCP_REQUEST_FORGET : acknowledge(r, env, s, out);
	/* fourth: SYN, back to LISTEN. */
	if (s->flags & TCP_SYN)
		return TCP_REQUEST_FORGET;
	/* fifth: ACK. */
	if (!(s->flags & TCP_ACK))
		return TCP_REQUEST_DROP;
	if (!seq_equal(s->ack, seq_add(r->iss, 1)))
		return tcp_refuse(s, out) ? TCP_REQUEST_ANSWER : TCP_REQUEST_DROP;
	return TCP_REQUEST_COMPLETE;
}

enum tcp_request_verdict tcp_request_timer(struct tcp_request *r,
					   const struct tcp_env *env,
					   const struct tcp_endpoint *endpoint,
					   struct tcp_segment *out)
{
	if (env->now < r->deadline)
		return TCP_REQUEST_DROP;
	if (r->n_sent > env->config->syn_ack_retries)
		return TCP_REQUEST_FORGET;
	*out = (struct tcp_segment){ .n_frames = 1 };
	make_syn_ack(r, env, endpoint, out);
	return TCP_REQUEST_ANSWER;
}

bool tcp_refuse(const struct tcp_segment *in, struct tcp_segment *out)
{
	if (in->flags & TCP_RST)
		return false;
	answer_to(in, out);
	if (in->flags & TCP_ACK) {
		out->seq = in->ack;
		out->flags = TCP_RST;
	} else {
		out->ack = seq_add(in->seq, tcp_segment_space(in));
		out->flags = TCP_RST | TCP_ACK;
	}
	return true;
}

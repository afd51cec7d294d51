/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h - What the files of the machine call of each other
 *
 * The path of a segment: arrive.c (open.c in SYN-SENT) takes it apart; acked.c
 * and recover.c have what it says about what was sent, window.c and ack.c what
 * it brings. Nothing is sent there: they leave in the TCB what is due, and
 * output.c looks for it when the owner pulls.
 */
#ifndef TCP_MACHINE_MACHINE_H
#define TCP_MACHINE_MACHINE_H

#include <assert.h>

#include "tcp/loss/scoreboard_ack.h"
#include "tcp/report.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

#define TCP_MSS_MIN 48		/* less is an attack on our CPU, CVE-2019-11479 */
#define TCP_MSS_DEFAULT_V4 536	/* RFC 9293 §3.7.1, MUST-15                     */
#define TCP_MSS_DEFAULT_V6 1220
#define TCP_PEERS_DELAY_NS (200 * TCP_MS)	/* of its ACKs: RFC 8985 §7.2   */

/* ---- State and words ------------------------------------------------------------ */

const char *tcp_state_name(enum tcp_state state);
bool tcp_state_may_follow(enum tcp_state next, enum tcp_state state);

/* The only writer of t->state; @next is a successor of it. */
void set_state(struct tcp_tcb *t, enum tcp_state next);

/* CLOSED, whatever it was; what is to be sent yet stays due. */
void end_connection(struct tcp_tcb *t, enum tcp_end why);

static inline bool has(const struct tcp_tcb *t, enum tcp_flag flags)
{
	return (t->flags & (uint32_t)flags) != 0;
}

static inline void raise_flag(struct tcp_tcb *t, enum tcp_flag flags)
{
	t->flags |= (uint32_t)flags;
}

static inline void drop_flag(struct tcp_tcb *t, enum tcp_flag flags)
{
	t->flags &= ~(uint32_t)flags;
}

static inline void put_flag(struct tcp_tcb *t, enum tcp_flag flag, bool on)
{
	if (on)
		raise_flag(t, flag);
	else
		drop_flag(t, flag);
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t most(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline ns_t sooner(ns_t a, ns_t b)
{
	return a < b ? a : b;
}

static inline bool is_synchronized(const struct tcp_tcb *t)
{
	return t->state >= TCPS_ESTABLISHED;
}

/* May the peer still send data? */
static inline bool is_receiving(const struct tcp_tcb *t)
{
	return t->state == TCPS_ESTABLISHED || t->state == TCPS_FIN_WAIT_1 ||
	       t->state == TCPS_FIN_WAIT_2;
}

/* May we still send data, FIN included, for the first time or again? */
static inline bool is_sending(const struct tcp_tcb *t)
{
	return t->state >= TCPS_ESTABLISHED && t->state <= TCPS_LAST_ACK;
}

/* SND.NXT - SND.UNA */
static inline uint32_t outstanding(const struct tcp_tcb *t)
{
	return t->out.nxt.n - t->out.una.n;
}

/* Sequence numbers from @start on that the peer's window has room for. */
static inline uint32_t window_behind(const struct tcp_tcb *t, seq_t start)
{
	int32_t n = seq_diff(seq_add(t->out.una, t->snd_wnd), start);

	return n > 0 ? (uint32_t)n : 0;
}

/* Written, and never sent; the FIN does not count. */
static inline uint32_t unsent(const struct tcp_tcb *t)
{
	int32_t n = seq_diff(t->send_end, t->out.nxt);

	return n > 0 ? (uint32_t)n : 0;
}

static inline bool fin_is_unsent(const struct tcp_tcb *t)
{
	return has(t, TCB_FIN) && !seq_before(t->send_end, t->out.nxt);
}

/* ---- listen.c: of handshakes ----------------------------------------------------- */

uint16_t announced_mss(const struct tcp_endpoint *e);
uint16_t mss_of_syn(const struct tcp_segment *syn, bool v6);
uint8_t shift_for(uint32_t buffer_max);
uint8_t peers_shift(const struct tcp_segment *syn);
uint8_t options_we_want(const struct tcp_config *c);
uint32_t timestamp_now(const struct tcp_env *env, uint32_t offset);

/*
 * TSval now, as timestamp_now() has it, and t->tick_at. It divides only when the
 * clock has ticked, which is seldom between two segments of bulk data.
 */
static inline uint32_t tsval_now(struct tcp_tcb *t, const struct tcp_env *env)
{
	ns_t tick = env->config->timestamp_tick;

	if (env->now - t->tick_at >= tick) {
		t->tick = (uint32_t)(env->now / tick);
		t->tick_at = env->now - env->now % tick;
	}
	return t->tick + t->timestamp_offset;
}

/* ---- open.c ------------------------------------------------------------------------ */

/* RFC 9293 §3.10.7.3: a segment in SYN-SENT. */
void arrive_in_syn_sent(struct tcp_tcb *t, const struct tcp_env *env,
			const struct tcp_segment *s,
			struct tcp_arrival *result);
void become_established(struct tcp_tcb *t, const struct tcp_env *env);

/* ---- arrive.c ---------------------------------------------------------------------- */

/* RFC 9293 §3.4, table 6, for a window of @window from @nxt on. */
bool sequence_is_acceptable(seq_t nxt, uint32_t window,
			    const struct tcp_segment *s);

/* ---- acked.c: fifth, the ACK --------------------------------------------------------- */

/**
 * take_acknowledgment() - What an ACK says about what was sent
 * @s:		Its ack is not ahead of SND.NXT, and was not refused
 */
void take_acknowledgment(struct tcp_tcb *t, const struct tcp_env *env,
			 const struct tcp_segment *s);

/* ---- recover.c: loss and congestion ---------------------------------------------------- */

struct ack_facts {		/* of one ACK                                   */
	struct scoreboard_input in;
	struct scoreboard_result out;
	uint32_t flight;	/* outstanding before it [bytes]                */
	uint32_t delivered;	/* as far as can be told [bytes]                */
	bool duplicate;		/* RFC 5681 §2                                  */
	bool ece;
};

/* Everything that follows from an ACK for what was sent; scoreboard included. */
void recover_on_ack(struct tcp_tcb *t, const struct tcp_env *env,
		    struct ack_facts *f);
void recover_on_rto(struct tcp_tcb *t, const struct tcp_env *env);
void recover_on_loss_timer(struct tcp_tcb *t, const struct tcp_env *env);
int recover_set_congestion(struct tcp_tcb *t, uint64_t kind);
ns_t retransmission_timeout(const struct tcp_tcb *t, const struct tcp_env *env);

/* The congestion window leaves this much for sending now [bytes]. */
uint32_t window_of_congestion(const struct tcp_tcb *t);
/* @len bytes are sent, @again or for the first time. */
void recover_on_sent(struct tcp_tcb *t, const struct tcp_env *env, uint32_t len,
		     bool again);
void recover_begin(struct tcp_tcb *t, const struct tcp_env *env);
bool in_recovery(const struct tcp_tcb *t);

/* ---- ack.c: when to acknowledge ------------------------------------------------------- */

static inline void ack_now(struct tcp_tcb *t)
{
	t->ack_due = ACK_NOW;
}

/* Data in order has come. @hole: something was out of order, before or after. */
void ack_data(struct tcp_tcb *t, const struct tcp_env *env,
	      const struct tcp_segment *s, bool hole);
/* A segment that is not acceptable: RFC 5961 §7 limits how often it is answered. */
void ack_challenge(struct tcp_tcb *t, const struct tcp_env *env);
/* An ACK was sent, up to @ack. */
void ack_was_sent(struct tcp_tcb *t, seq_t ack);
/* What the next ACK acknowledges: RCV.NXT, or less when it must not stretch. */
seq_t ack_next(const struct tcp_tcb *t, const struct tcp_env *env);

/* ---- window.c: what we offer ------------------------------------------------------------ */

/* SEG.WND for an ACK of @ack; moves the advertised edge. */
uint16_t window_to_offer(struct tcp_tcb *t, seq_t ack);
/* The window as the peer knows it [bytes]. */
static inline uint32_t window_offered(const struct tcp_tcb *t)
{
	int32_t n = seq_diff(t->rcv_edge, t->rcv_nxt);

	return n > 0 ? (uint32_t)n : 0;
}
void window_on_data(struct tcp_tcb *t, const struct tcp_env *env,
		    const struct tcp_segment *s);
void window_on_read(struct tcp_tcb *t, const struct tcp_env *env,
		    uint32_t bytes);
uint32_t send_buffer(const struct tcp_tcb *t);

/* ---- timers.c ------------------------------------------------------------------------------ */

static inline void timer_set(struct tcp_tcb *t, enum tcp_timer timer, ns_t at)
{
	t->deadline[timer] = at;
}

static inline void timer_stop(struct tcp_tcb *t, enum tcp_timer timer)
{
	t->deadline[timer] = NS_NEVER;
}

static inline bool timer_runs(const struct tcp_tcb *t, enum tcp_timer timer)
{
	return t->deadline[timer] != NS_NEVER;
}

void timer_stop_all(struct tcp_tcb *t);
/* What retransmits, as it has to be now: after an ACK or something sent. */
void timer_arm_retransmit(struct tcp_tcb *t, const struct tcp_env *env);
/* The peer is alive. */
static inline void timer_on_arrival(struct tcp_tcb *t, const struct tcp_env *env)
{
	t->last_received = env->now;
}
void enter_time_wait(struct tcp_tcb *t, const struct tcp_env *env);
void enter_fin_wait_2(struct tcp_tcb *t, const struct tcp_env *env);
ns_t keepalive_idle(const struct tcp_tcb *t, const struct tcp_env *env);

/* ---- user.c ---------------------------------------------------------------------------------- */

/* An RST is to be sent, and the connection is over. */
void reset_peer(struct tcp_tcb *t, enum tcp_end why);

#endif

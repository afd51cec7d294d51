/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script.h - A peer of the machine that follows a script
 *
 *	script_connected(s, &config);
 *	IN(ACK | PSH, .seq = 1, .ack = 1, .len = 100);
 *	AT(40 MS);
 *	OUT(ACK, .seq = 1, .ack = 101);
 *	SILENT();
 *
 * Sequence numbers count from the ISS of each side, which are near 2^32, so that
 * they wrap. A line of OUT() says flags, seq, ack and len of exactly the next frame
 * that the machine has; what else it names is compared, too. AT() lets the clock
 * go on to a time since the script began, and timers fire on the way.
 *
 * Whatever is handed over as received is checked: in order, once, without hole.
 * The variable s is the script.
 */
#ifndef TEST_TCP_SCRIPT_H
#define TEST_TCP_SCRIPT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "packet/headers.h"
#include "tcp/listen.h"
#include "tcp/loss/cells.h"
#include "tcp/machine/machine.h"
#include "tcp/report.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

#define MS * TCP_MS
#define SECONDS * TCP_SECOND

enum {
	FIN = TCP_FIN, SYN = TCP_SYN, RST = TCP_RST, PSH = TCP_PSH,
	ACK = TCP_ACK, URG = TCP_URG, ECE = TCP_ECE, CWR = TCP_CWR,
};

#define SCRIPT_ISS 0xffffff00U		/* ours                                 */
#define SCRIPT_IRS 0xfffffe00U		/* the peer's                           */
#define SCRIPT_CELLS 8192
#define SCRIPT_WINDOW 65535		/* the peer's, when a line names none   */
#define CLOSED_WINDOW UINT32_MAX	/* in .win                              */
#define NO_EXPECTATION UINT32_MAX

struct line {
	uint16_t flags;
	uint32_t seq, ack, len;
	uint32_t win;		/* 0: SCRIPT_WINDOW, or not compared            */
	uint32_t urgent;
	uint16_t mss;		/* 0: no option, or not compared                */
	uint16_t n_frames;	/* 0: by length                                 */
	uint16_t cut;		/* OUT: mss of the frame                        */
	uint8_t ecn;
	uint8_t has;		/* IN: more options; OUT: these exactly, if any */
	uint8_t wscale;
	uint32_t tsval, tsecr;
	uint8_t n_sack;
	uint32_t sack[8];	/* start, end, start, end ...                   */
	uint64_t cause;		/* IN: 1 + enum tcp_cause, when it matters      */
};

struct script {
	struct tcp_tcb t;
	struct tcp_env env;
	struct tcp_config config;
	struct tcp_endpoint endpoint;
	struct tcp_arrival arrival;	/* of the last IN()                     */
	struct tcp_frame frame;	/* of the last OUT()                            */
	uint32_t events;	/* all that there were                          */
	uint64_t received;	/* bytes handed over                            */
	uint32_t held;		/* cookies that the machine has                 */
	ns_t began;
	void *memory;
};

#define IN(f, ...) \
	script_in(s, __LINE__, &(struct line){ .flags = (f), __VA_ARGS__ })
#define OUT(f, ...) \
	script_out(s, __LINE__, &(struct line){ .flags = (f), __VA_ARGS__ })
#define SILENT() script_silent(s, __LINE__)
#define AT(time) script_at(s, __LINE__, time)
#define CAUSE(name) .cause = 1 + TCP_CAUSE_##name
#define STATE(name) \
	assert_string_equal(tcp_state_name((enum tcp_state)s->t.state), name)
#define SACKS(...) .n_sack = sizeof((uint32_t[]){ __VA_ARGS__ }) / 8, \
	.sack = { __VA_ARGS__ }

/* Without timestamps, SACK and quick ACKs; window scale none; Reno. */
void script_config(struct tcp_config *c);
/* A closed connection; @config may be NULL. script_end() frees. */
void script_begin(struct script *s, const struct tcp_config *config);
/* ... that was opened by us, with SACK if the config says so, and is established. */
void script_connected(struct script *s, const struct tcp_config *config);
/* ... that the peer opened: scale 7, SACK and timestamps if the config says so. */
void script_accepted(struct script *s, const struct tcp_config *config);
void script_end(struct script *s);

void script_in(struct script *s, int line, const struct line *l);
void script_out(struct script *s, int line, const struct line *l);
void script_silent(struct script *s, int line);
void script_at(struct script *s, int line, ns_t at);
void script_write(struct script *s, uint32_t bytes);
/* Take all that the machine wants to send, without looking; bytes of payload. */
uint64_t script_drain(struct script *s);
struct tcp_report script_report(struct script *s);
/* Events since the last time. */
uint32_t script_events(struct script *s);

/* A segment of the script as the machine gets it. */
struct tcp_segment script_segment(const struct script *s, const struct line *l);

#endif

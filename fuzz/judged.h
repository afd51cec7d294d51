/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judged.h - A TCP connection each call of which is judged
 *
 * For fuzz targets: they drive src/tcp by these functions instead of its own, and
 * whatever the peer has sent, a rule that is broken ends the process. What is judged:
 *
 *   received	in order, once, without hole, nothing behind the peer's FIN
 *   taken	no segment from outside of the window changes what is received, no ACK
 *		of what was not sent what is sent; only the RST of RFC 5961 ends it
 *   sent	within what was written, in what the peer has offered, in frames that fit
 *		path and peer; acknowledged and offered is never less than before; SACKed
 *		is only what is held
 *   held	of buffers and cells no more than was agreed, all of it back at the end
 *   waiting	where something is outstanding there is a deadline, and no timer fires
 *		over and over at one instant
 *
 * None of it is computed the way src/tcp does; some is looked up in the TCB.
 */
#ifndef FUZZ_JUDGED_H
#define FUZZ_JUDGED_H

#include <stdlib.h>

#include "tcp/listen.h"
#include "tcp/loss/cells.h"
#include "tcp/tcb.h"
#include "tcp/tcp.h"

/* Print what was broken and end: libFuzzer and the replay both report that. */
#define CHECK(x) ((x) ? (void)0 : judged_fail(__FILE__, __LINE__, #x))

_Noreturn void judged_fail(const char *file, int line, const char *what);

#define JUDGED_HELD_MAX 128	/* buffers out of order: pieces and dropped ones */

struct judged {
	struct tcp_tcb t;
	struct tcp_env env;
	struct tcp_endpoint endpoint;
	uint32_t n_cells;	/* of the pool, when nothing is held            */
	uint32_t n_hoarded;	/* of these with somebody else                  */

	/* What its user knows. */
	uint64_t written, acked, received, read;
	bool shut, closed, eof;
	uint32_t events;	/* all that there were                          */

	/* What the peer knows. */
	bool knows_irs, knows_edge, has_acked, opened, pieces_wait;
	bool squeezed;		/* buffer or window were made smaller           */
	seq_t irs;
	seq_t edge;		/* right edge of the peer's window, at its best */
	uint32_t peer_window;	/* the largest that it ever offered             */
	uint16_t peer_mss;	/* the most that may be sent to it              */
	seq_t own_ack, own_edge;
	uint32_t tsval;
	ns_t tsval_at;
	uint32_t most_buffer;
	uint32_t n_calls;

	struct {		/* buffers that the machine refers to           */
		seq_t start, end;
		bool used;
	} held[JUDGED_HELD_MAX];
	uint32_t n_held;
};

/** judged_begin() - Nothing is open yet; @env and @n_cells are for all calls */
void judged_begin(struct judged *j, const struct tcp_env *env,
		  const struct tcp_endpoint *endpoint);

void judged_open(struct judged *j);

/** judged_accept() - @window is that of the SYN, @mss the peer's */
void judged_accept(struct judged *j, const struct tcp_request *r);

/** judged_arrive() - tcp_arrive(), and the pieces if @take */
enum tcp_cause judged_arrive(struct judged *j, const struct tcp_segment *s,
			     bool take);

/** judged_take_pieces() - Whatever tcp_next_piece() has */
void judged_take_pieces(struct judged *j);

/** judged_emit() - One frame. Return: false: there is none */
bool judged_emit(struct judged *j, struct tcp_frame *f);

/** judged_timers() - What is due at env.now; @sent gets each frame, or is NULL */
void judged_timers(struct judged *j,
		   void (*sent)(void *context, const struct tcp_frame *f),
		   void *context);

/** judged_drain() - All frames that are due; @sent as above */
void judged_drain(struct judged *j,
		  void (*sent)(void *context, const struct tcp_frame *f),
		  void *context);

/** judged_rest() - Everything due was sent: is it known how it goes on? */
void judged_rest(struct judged *j);

void judged_icmp(struct judged *j, enum tcp_icmp kind, seq_t quoted, uint16_t mtu);
void judged_write(struct judged *j, uint32_t bytes, bool more);
void judged_read(struct judged *j, uint32_t bytes);
void judged_set_option(struct judged *j, enum tcp_option option, uint64_t value);
void judged_shutdown(struct judged *j);
void judged_close(struct judged *j);

/** judged_end() - Abort if it is open, give all back, and count */
void judged_end(struct judged *j);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frto.h - Was that timeout, was that recovery necessary?
 *
 * DOC: Theory of operation
 * Three ways to find out that nothing was lost, in order of what they need:
 * F-RTO (RFC 5682) sends new data after the first segment was sent again upon a
 * timeout and looks whether what comes back is about data that was sent only once;
 * Eifel (RFC 3522) looks whether the first ACK after sending again echoes a
 * timestamp from before; D-SACKs (RFC 3708) tell that everything that was sent
 * again came twice.
 *
 * These objects decide only. To undo is the owner's: scoreboard_find_all(),
 * congestion window, RTO (RFC 4015 §3).
 */
#ifndef TCP_LOSS_FRTO_H
#define TCP_LOSS_FRTO_H

#include "tcp/loss/scoreboard_ack.h"

enum frto_step {
	FRTO_OFF,		/* no question, or answered                     */
	FRTO_FIRST,		/* waits for the first ACK after the timeout    */
	FRTO_SECOND,		/* new data was sent, waits for what it brings  */
};

/* Part of a TCB. */
struct frto {
	seq_t recover;		/* SND.NXT at the timeout                       */
	seq_t resent_end;	/* behind what the timeout sent again           */
	uint8_t step;		/* enum frto_step                               */
	bool have_recover;
	uint8_t spare[2];
};

enum frto_verdict {
	FRTO_NOTHING,		/* not asked, or no answer yet: for FRTO_FIRST send
				 * nothing but the first segment                */
	FRTO_SEND_NEW,		/* now send up to two new segments, nothing again */
	FRTO_SPURIOUS,		/* nothing was lost: undo                       */
	FRTO_LOSS,		/* it was a loss: send again all that is lost   */
};

/** frto_init() - No timeout yet */
void frto_init(struct frto *f);

/**
 * frto_timeout() - The RTO has fired
 * @s:		Before anything was marked
 * @mss:	Size of what will be sent again at once [bytes]
 *
 * Source:	RFC 5682 §2.1 step 1, §3.1 step 1
 * Return: true: send only the first segment again, then wait for frto_ack();
 * false: this is not the first timeout of this data, recover as usual
 */
bool frto_timeout(struct frto *f, const struct scoreboard *s, uint16_t mss);

/**
 * frto_passed() - SND.UNA has moved, while no question is asked
 *
 * Forgets what the timeout was about before sequence numbers come round.
 */
static inline void frto_passed(struct frto *f, seq_t una)
{
	if (!seq_before(una, f->recover))
		f->have_recover = false;
}

/* An ACK, as far as it concerns frto_ack(). */
struct frto_input {
	seq_t una;		/* SND.UNA after it                             */
	bool advanced;		/* it moved SND.UNA                             */
	bool duplicate;		/* it is a duplicate ACK; with SACK: any that does
				 * not move SND.UNA and tells something          */
	bool sack;		/* the peer SACKs                               */
	bool can_send_new;	/* there is unsent data and room for it         */
};

/**
 * frto_ack() - An ACK has come: call it for each, unless f->step is FRTO_OFF
 * @result:	Of scoreboard_ack()
 *
 * Source:	RFC 5682 §2.1 steps 2, 3; §3.1 steps 2, 3
 */
enum frto_verdict frto_ack(struct frto *f, const struct scoreboard_result *result,
			   const struct frto_input *in);

/* Eifel and D-SACK, for a timeout or a fast recovery. Part of a TCB. */
struct undo {
	ns_t first_resent;	/* when something was first sent again          */
	seq_t start;		/* SND.UNA when it began                        */
	seq_t until;		/* SND.NXT when something was last sent again   */
	uint32_t resent;	/* sent again, not yet seen twice [bytes]       */
	bool open;
	bool any_resent;
	bool eifel_done;	/* the first ACK that counts has come            */
	uint8_t spare;
};

enum undo_verdict {
	UNDO_NO,
	UNDO_EIFEL,		/* RFC 3522 §3.2: the original arrived           */
	UNDO_DSACK,		/* RFC 3708 §2: all came twice                  */
};

/** undo_begin() - A recovery begins; a new one replaces an older one
 * @una:	SND.UNA
 */
void undo_begin(struct undo *u, seq_t una);

/**
 * undo_resent() - Something is sent again in this recovery
 * @len:	[bytes]
 * @nxt:	SND.NXT
 */
void undo_resent(struct undo *u, uint32_t len, ns_t now, seq_t nxt);

/** undo_end() - Nothing can be undone any more: it was done, or proved right */
void undo_end(struct undo *u);

/**
 * undo_ack() - An ACK has come
 * @result:	Of scoreboard_ack()
 * @una:	SND.UNA after it
 * @echo_until:	As given to scoreboard_ack()
 *
 * Goes on after the recovery has ended, as D-SACKs come last: until what was sent
 * after the last retransmission is acknowledged.
 * Source:	RFC 3522 §3.2; RFC 3708 §2
 */
enum undo_verdict undo_ack(struct undo *u, const struct scoreboard_result *result,
			   seq_t una, ns_t echo_until);

#endif

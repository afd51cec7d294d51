// SPDX-License-Identifier: BSD-2-Clause
/*
 * peer_bulk.c - The same units through lwIP
 *
 * Timed are for receiving pbuf_alloced_custom(), tcp_input() and what the
 * application does in its callback, tcp_recved() and pbuf_free(); for sending
 * tcp_write(), tcp_output(), and tcp_input() for the ACKs. Headers that come are
 * written before, as lwIP changes them in place.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lwip_alone.h"
#include "peer.h"

#define FRAMES 45
#define MSS 1448
#define UNIT (FRAMES * MSS)
#define BATCH 16

struct bulk {
	struct tcp_pcb *pcb;
	uint32_t frames;	/* in an arrival, or that an ACK is for         */
	uint32_t seq, ack;	/* of the peer's next one                       */
	uint32_t n_buffers, buffer_bytes;
	uint8_t *buffer;	/* of a batch                                   */
	struct pbuf_custom *p;
	uint64_t bytes;		/* that the application has got                 */
	uint64_t n_sent;	/* segments                                     */
};

static void fail(const char *what)
{
	fprintf(stderr, "bench: lwIP: %s\n", what);
	exit(1);
}

static void count(void *state, struct pbuf *p, uint32_t source,
		  uint32_t destination)
{
	struct bulk *b = state;

	b->n_sent++;
}

static void write_header(struct bulk *b, uint32_t buffer)
{
	lwip_alone_header(b->buffer + (size_t)buffer * b->buffer_bytes, 80,
			  b->pcb->local_port, b->seq, b->ack, TCP_ACK | TCP_PSH);
}

static void arrive(struct bulk *b, uint32_t buffer)
{
	struct pbuf_custom *p = &b->p[buffer];

	lwip_alone_wrap(p, b->buffer + (size_t)buffer * b->buffer_bytes,
			b->buffer_bytes);
	lwip_alone_arrive(&p->pbuf, LWIP_ADDRESS(2), LWIP_ADDRESS(1));
}

/* ---- Receive -------------------------------------------------------------------------- */

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
	struct bulk *b = arg;

	if (!p)
		fail("the connection has ended");
	b->bytes += p->tot_len;
	tcp_recved(pcb, p->tot_len);
	pbuf_free(p);
	return ERR_OK;
}

static void run_receive(void *state, struct bench_run *run)
{
	struct bulk *b = state;
	uint64_t expected = b->bytes;

	b->n_sent = 0;
	lwip_alone_output(count, b);
	do {
		for (uint32_t n = 0; n < b->n_buffers; n++) {
			write_header(b, n);
			b->seq += b->frames * MSS;
		}
		bench_start(run);
		for (uint32_t n = 0; n < b->n_buffers; n++)
			arrive(b, n);
		bench_stop(run);
		run->items += BATCH;
		run->contained += BATCH * FRAMES;
		expected += BATCH * UNIT;
	} while (run->busy_ns < run->least_ns && b->bytes == expected);
	lwip_alone_output(NULL, NULL);
	run->outputs = b->n_sent;
	if (b->bytes != expected)
		fail("not all was received");
}

/* ---- Send ------------------------------------------------------------------------------ */

static err_t sent(void *arg, struct tcp_pcb *pcb, u16_t len)
{
	struct bulk *b = arg;

	b->bytes += len;
	return ERR_OK;
}

static void run_send(void *state, struct bench_run *run)
{
	struct bulk *b = state;
	uint64_t expected = b->bytes;
	bool full = true;

	b->n_sent = 0;
	lwip_alone_output(count, b);
	do {
		for (uint32_t n = 0; n < b->n_buffers; n++) {
			uint32_t left = UNIT - n * b->frames * MSS;

			b->ack += left < b->frames * MSS ? left :
							   b->frames * MSS;
			write_header(b, n);
		}
		bench_start(run);
		full = tcp_write(b->pcb, b->buffer, UNIT, 0) == ERR_OK &&
		       tcp_output(b->pcb) == ERR_OK;
		for (uint32_t n = 0; n < b->n_buffers; n++)
			arrive(b, n);
		bench_stop(run);
		run->items++;
		expected += UNIT;
	} while (run->busy_ns < run->least_ns && full && b->bytes == expected);
	lwip_alone_output(NULL, NULL);
	if (!full || b->bytes != expected || b->n_sent != run->items * FRAMES)
		fail("not all was sent");
}

/* ---- Setting them up --------------------------------------------------------------------- */

static struct bulk *open_bulk(uint32_t n_buffers, uint32_t payload)
{
	struct bulk *b = calloc(1, sizeof(*b));

	if (!b)
		exit(1);
	b->n_buffers = n_buffers;
	b->buffer_bytes = LWIP_HEADER + payload;
	b->buffer = bench_memory((size_t)n_buffers * b->buffer_bytes + UNIT);
	b->p = calloc(n_buffers, sizeof(*b->p));
	b->pcb = lwip_alone_connect(MSS);
	if (!b->p || !b->pcb)
		fail("no connection");
	b->seq = b->pcb->rcv_nxt;
	b->ack = b->pcb->snd_nxt;
	tcp_arg(b->pcb, b);
	tcp_recv(b->pcb, received);
	tcp_sent(b->pcb, sent);
	return b;
}

static void close_bulk(void *state)
{
	struct bulk *b = state;

	tcp_abort(b->pcb);
	bench_release(b->buffer, (size_t)b->n_buffers * b->buffer_bytes + UNIT);
	free(b->p);
	free(b);
}

void peer_receive_case(struct bench_case *c, uint32_t frames)
{
	struct bulk *b = open_bulk(BATCH * FRAMES / frames, frames * MSS);

	b->frames = frames;
	c->state = b;
	c->run = run_receive;
	c->close = close_bulk;
}

/* Slow start: an ACK for each segment, until a unit is sent at once. */
static void open_window(struct bulk *b)
{
	for (uint32_t n = 0; b->pcb->cwnd < UNIT && n < 1000; n++) {
		tcp_write(b->pcb, b->buffer, MSS, 0);
		tcp_output(b->pcb);
		b->ack += MSS;
		write_header(b, 0);
		arrive(b, 0);
	}
}

void peer_send_case(struct bench_case *c, uint32_t ack_frames)
{
	struct bulk *b = open_bulk((FRAMES + ack_frames - 1) / ack_frames, 0);

	b->frames = ack_frames;
	open_window(b);
	c->state = b;
	c->run = run_send;
	c->close = close_bulk;
}

const char *peer_lwip_open(void)
{
	return lwip_alone_open() ? NULL : "the library calls functions of its own";
}

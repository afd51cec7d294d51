// SPDX-License-Identifier: BSD-2-Clause
/*
 * receiver_main.c - The receiving half of a TCP, to see the queues against a kernel's
 *
 *	verbs-receiver DEVICE ADDRESS PORT
 *
 * Accepts one connection, acknowledges whatever comes in order, writes it to standard
 * output, and ends with the FIN. It has no timers: what of it is lost the peer sends
 * again, because it was not acknowledged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/verbs.h>
#include <unistd.h>

#include "base/bytes.h"

#define RECEIVES 4
#define RECEIVE_BYTES 65536u
#define PATIENCE_NS 20000000000ll
#define HEADER 58		/* Ethernet, IPv4, TCP with MSS                 */
#define FIN 0x01
#define SYN 0x02
#define ACK 0x10

struct receiver {
	struct tto_device *device;
	struct tto_cq *cq;
	struct tto_grq *grq;
	struct tto_qp *qp;
	struct tto_flow *listen, *flow;
	uint8_t *memory;
	uint8_t header[HEADER];	/* of what is sent                              */
	uint64_t copied, placed;
};

static int check(const char *what, int status)
{
	if (status < 0) {
		fprintf(stderr, "verbs-receiver: %s: %s\n", what, strerror(-status));
		exit(1);
	}
	return status;
}

static void open_receiver(struct receiver *r, char **argv)
{
	const struct tto_grq_options buffers = { .size = sizeof(buffers), .buffers = 128 };
	struct tto_tuple t = { .local_port = (uint16_t)atoi(argv[3]) };
	struct tto_error error;

	if (tto_open(&r->device, argv[1], NULL, &error)) {
		fprintf(stderr, "verbs-receiver: %s\n", error.text);
		exit(1);
	}
	if (inet_pton(AF_INET, argv[2], t.local) != 1)
		check(argv[2], -EINVAL);
	check("CQ", tto_cq_open(r->device, 4096, 0, &r->cq));
	check("GRQ", tto_grq_open(r->device, r->cq, &buffers, &r->grq));
	check("QP", tto_qp_open(r->device, r->cq, NULL, &r->qp));
	check("listen", tto_flow_listen(r->qp, r->grq, &t, &r->listen));
	check("memory", tto_memory_allocate(r->device, RECEIVES * RECEIVE_BYTES,
					    (void **)&r->memory));
}

static void answer(struct receiver *r, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct tto_send send = { .flow = r->flow, .header = r->header,
				 .header_bytes = HEADER, .mss = 1460 };

	store_be32(r->header + 38, seq);
	store_be32(r->header + 42, ack);
	r->header[46] = 0x60;
	r->header[47] = flags;
	if (!(flags & SYN)) {	/* without the option                           */
		r->header[46] = 0x50;
		send.header_bytes -= 4;
	}
	check("send", tto_post_send(r->qp, &send, 1, NULL));
}

static void post(struct receiver *r, uint64_t n)
{
	const struct tto_receive receive = { .wr_id = n, .bytes = RECEIVE_BYTES,
					     .address = r->memory + n * RECEIVE_BYTES };

	check("receive", tto_post_receive(r->qp, &receive, 1, NULL));
}

/* What is sent begins as what came, with the sides exchanged. */
static void accept_connection(struct receiver *r, const struct tto_completion *c)
{
	const uint8_t *syn = c->data - c->header_bytes;
	struct tto_flow_options options = { .size = sizeof(options), .knows_next = 1,
					    .next_seq = load_be32(syn + 38) + 1 };
	struct tto_tuple t = { .local_port = load_be16(syn + 36),
			       .remote_port = load_be16(syn + 34) };
	int n;

	memcpy(t.local, syn + 30, 4);
	memcpy(t.remote, syn + 26, 4);
	memcpy(r->header, syn + 6, 6);
	memcpy(r->header + 6, syn, 6);
	store_be16(r->header + 12, 0x0800);
	r->header[14] = 0x45;
	store_be16(r->header + 20, 0x4000);
	r->header[22] = 64;
	r->header[23] = IPPROTO_TCP;
	memcpy(r->header + 26, t.local, 4);
	memcpy(r->header + 30, t.remote, 4);
	store_be16(r->header + 34, t.local_port);
	store_be16(r->header + 36, t.remote_port);
	store_be16(r->header + 48, 65535);
	store_be32(r->header + 54, 0x020405b4);
	/* The way back may have to be asked for. */
	while ((n = tto_flow_open(r->qp, r->grq, &t, &options, &r->flow)) == -EAGAIN)
		check("sleep", tto_sleep(r->cq, 1000000));
	check("flow", n);
	for (uint64_t i = 0; i < RECEIVES; i++)
		post(r, i);
	answer(r, SYN | ACK, 1, options.next_seq);
}

/* Return: whether it was the last. */
static bool take(struct receiver *r, const struct tto_completion *c)
{
	bool is_last = c->flags & TTO_END;

	check("completion", c->status);
	if (c->kind == TTO_HEADER && c->flow == r->listen && c->tcp_flags & SYN && !r->flow)
		accept_connection(r, c);
	if (c->buffer)
		check("return", tto_return(c));
	if (c->kind != TTO_RECEIVE)
		return false;
	for (uint32_t at = 0; at < c->bytes;)
		at += (uint32_t)check("write", (int)write(1, c->data + at, c->bytes - at));
	answer(r, ACK, 2, c->seq + c->bytes + is_last);
	r->copied += (c->flags & TTO_COPIED) != 0;
	r->placed += !(c->flags & TTO_COPIED);
	if (!is_last)
		post(r, c->wr_id);
	return is_last;
}

int main(int argc, char **argv)
{
	struct receiver r = { .device = NULL };
	struct tto_completion c[8];
	bool is_last = false;

	if (argc != 4)
		check("usage: DEVICE ADDRESS PORT", -EINVAL);
	open_receiver(&r, argv);
	while (!is_last) {
		int n;

		if (check("sleep", tto_sleep(r.cq, PATIENCE_NS)) == 0)
			check("sleep", -ETIMEDOUT);
		n = check("poll", tto_poll(r.cq, c, 8));
		for (int i = 0; i < n && !is_last; i++)
			is_last = take(&r, &c[i]);
	}
	/* The last answer has to leave. */
	tto_sleep(r.cq, 50000000);
	fprintf(stderr, "%llu placed, %llu copied\n", (unsigned long long)r.placed,
		(unsigned long long)r.copied);
	tto_close(r.device);
	return 0;
}

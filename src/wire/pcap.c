// SPDX-License-Identifier: BSD-2-Clause
/*
 * pcap.c - A capture as a wire: read what was received, write what is sent
 *
 *	pcap:FILE[,w=FILE]	either may be empty
 *
 * Received frames bear the times of the capture. What is sent without a file to
 * write to is dropped, and counted.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/capture.h"
#include "wire/kinds.h"

#define FRAME_MAX (1u << 18)

struct pcap {
	struct wire wire;
	struct capture *in;		/* NULL: nothing is received            */
	struct capture_writer *out;	/* NULL: what is sent is dropped        */
	uint32_t out_interface;
	uint16_t out_linktype;
	bool has_interface;
	struct iovec iov;
	uint8_t frame[FRAME_MAX];	/* what is sent, in one piece           */
};

static struct pcap *pcap_of(struct wire *w)
{
	return (struct pcap *)w;
}

/* One a call: the reader has room for one. */
static int pcap_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct pcap *p = pcap_of(w);
	struct capture_packet packet;
	int got;

	if (n == 0)
		return 0;
	if (!p->in)
		return -ENODATA;
	got = capture_next(p->in, &packet);
	if (got <= 0)
		return got ? got : -ENODATA;
	p->iov = (struct iovec){ (void *)(uintptr_t)packet.data, packet.len };
	frames[0] = (struct wire_frame){
		.iov = &p->iov,
		.n_iov = 1,
		.len = packet.len,
		.full_len = packet.full_len,
		.linktype = packet.linktype,
		.time = packet.time,
	};
	w->stats.rx_frames++;
	w->stats.rx_bytes += packet.len;
	return 1;
}

static int write_frame(struct pcap *p, const struct wire_frame *f)
{
	struct capture_packet packet = {
		.data = p->frame,
		.len = f->len,
		.full_len = f->full_len,
		.time = f->time,
		.comment = f->comment,
		.direction = CAPTURE_OUT,
	};
	uint16_t linktype = f->linktype ? f->linktype : p->wire.caps.linktype;

	if (f->len > FRAME_MAX)
		return -EMSGSIZE;
	if (!p->has_interface || p->out_linktype != linktype) {
		int err = capture_add_interface(p->out, linktype, "tto",
						&p->out_interface);

		if (err)
			return err;
		p->has_interface = true;
		p->out_linktype = linktype;
	}
	packet.interface = p->out_interface;
	wire_frame_copy(f, p->frame);
	return capture_write(p->out, &packet);
}

static int pcap_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct pcap *p = pcap_of(w);

	for (unsigned at = 0; at < n; at++) {
		if (!p->out || write_frame(p, &frames[at])) {
			w->stats.tx_dropped++;
			continue;
		}
		w->stats.tx_frames++;
		w->stats.tx_bytes += frames[at].len;
	}
	return (int)n;
}

static int pcap_close(struct wire *w)
{
	struct pcap *p = pcap_of(w);
	struct wire_error error;
	int err = p->out ? capture_finish(p->out, &error) : 0;

	capture_close(p->in);
	free(p);
	return err;
}

static const struct wire_ops pcap_ops = {
	.kind = "pcap",
	.recv = pcap_recv,
	.send = pcap_send,
	.close = pcap_close,
};

static int open_files(struct pcap *p, char *args, struct wire_error *error)
{
	char *to = strstr(args, ",w=");
	int err = 0;

	if (to) {
		*to = '\0';
		to += 3;
	}
	snprintf(p->wire.name, sizeof(p->wire.name), "%.63s",
		 *args ? args : to ? to : "");
	if (!*args && !(to && *to)) {
		snprintf(error->text, sizeof(error->text),
			 "wire pcap: no file; it is pcap:FILE[,w=FILE]");
		return -EINVAL;
	}
	if (*args)
		err = capture_open(&p->in, args, error);
	if (!err && to && *to)
		err = capture_create(&p->out, to, error);
	return err;
}

int pcap_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct pcap *p = calloc(1, sizeof(*p));
	char *copy = strdup(args);
	int err = -ENOMEM;

	snprintf(error->text, sizeof(error->text), "wire pcap: out of memory");
	if (p && copy)
		err = open_files(p, copy, error);
	free(copy);
	if (err) {
		if (p)
			capture_close(p->in);
		free(p);
		return err;
	}
	p->wire.ops = &pcap_ops;
	p->wire.caps.linktype = 1;
	p->wire.caps.max_frame = FRAME_MAX;
	*out = &p->wire;
	return 0;
}

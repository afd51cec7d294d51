// SPDX-License-Identifier: BSD-2-Clause
/*
 * pcap.c - A capture as a wire: read what is received, write what is sent
 *
 *	pcap:in.pcap			receive; what is sent is dropped
 *	pcap:in.pcap,w=out.pcapng	both
 *	pcap:w=out.pcapng		send; nothing is received
 *
 * A receive gives one frame: its time is the clock of whoever runs on this
 * wire, and a batch has one time only.
 *
 * When the input turns out to be damaged the output is removed by close, not
 * left half under its final name.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/capture.h"
#include "wire/kinds.h"
#include "wire/spec.h"

struct pcap_wire {
	struct wire wire;
	struct capture *in;		/* NULL: nothing to receive             */
	struct capture_writer *out;	/* NULL: what is sent is dropped        */
	struct capture_packet packet;	/* the latest                           */
	bool is_pending;		/* @packet was not given out yet        */
	int in_error, out_error;	/* these stay                           */
	ns_t time;			/* of the latest frame with a time      */
	struct iovec iov;
};

static struct pcap_wire *pcap_of(const struct wire *w)
{
	return (struct pcap_wire *)(uintptr_t)w;
}

static int pcap_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct pcap_wire *p = pcap_of(w);
	int got = 1;

	if (n == 0)
		return 0;
	if (!p->in)
		return -ENODATA;
	if (!p->is_pending)
		got = capture_next(p->in, &p->packet);
	if (got < 0)
		p->in_error = got;
	if (got != 1)
		return got ? got : -ENODATA;
	p->is_pending = false;
	p->iov.iov_base = (void *)(uintptr_t)p->packet.data;
	p->iov.iov_len = p->packet.len;
	frames[0] = (struct wire_frame){
		.iov = &p->iov,
		.n_iov = 1,
		.len = p->packet.len,
		.full_len = p->packet.full_len,
		.linktype = p->packet.linktype,
		.time = p->packet.time,
		.comment = p->packet.comment,
	};
	if (p->packet.time)
		p->time = p->packet.time;
	w->stats.rx_frames++;
	w->stats.rx_bytes += p->packet.len;
	return 1;
}

static int pcap_send_one(struct pcap_wire *p, const struct wire_frame *f)
{
	struct capture_packet packet = { .comment = f->comment };

	if (f->time)
		p->time = f->time;
	packet.time = p->time;
	return capture_write_frame(p->out, "tto", &packet, f);
}

static int pcap_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct pcap_wire *p = pcap_of(w);
	unsigned taken;

	if (!p->out) {
		w->stats.tx_dropped += n;
		return (int)n;
	}
	for (taken = 0; taken < n && !p->out_error; taken++) {
		p->out_error = pcap_send_one(p, &frames[taken]);
		if (p->out_error)
			break;
		w->stats.tx_frames++;
		w->stats.tx_bytes += frames[taken].len;
	}
	return taken || !p->out_error ? (int)taken : p->out_error;
}

static int pcap_close(struct wire *w)
{
	struct pcap_wire *p = pcap_of(w);
	int err = p->in_error ? p->in_error : p->out_error;

	if (p->out && err)
		capture_abort(p->out);
	else if (p->out)
		err = capture_finish(p->out, NULL);
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

const char *pcap_error(const struct wire *w)
{
	return pcap_of(w)->in ? capture_error(pcap_of(w)->in) : "";
}

struct arguments {
	char in[PATH_MAX], out[PATH_MAX];	/* "": none */
};

static int parse_arguments(struct arguments *a, const char *args,
			   struct wire_error *error)
{
	char word[PATH_MAX];
	bool first = true;

	a->in[0] = a->out[0] = '\0';
	for (; first || *args == ','; first = false) {
		if (!first)
			args++;
		if (spec_word(word, sizeof(word), &args, ","))
			return spec_error(error, -ENAMETOOLONG, "pcap",
					  "a name is too long");
		if (!strncmp(word, "w=", 2))
			strcpy(a->out, word + 2);
		else if (first)
			strcpy(a->in, word);
		else if (*word)
			return spec_error(error, -EINVAL, word,
					  "not an option of pcap (w=FILE)");
	}
	if (!a->in[0] && !a->out[0])
		return spec_error(error, -EINVAL, "pcap", "no file is named");
	return 0;
}

/* Reads the first packet, to know the link type and whether it is any good. */
static int open_input(struct pcap_wire *p, const char *path,
		      struct wire_error *error)
{
	struct capture_interface i;
	int got = capture_open(&p->in, path, error);

	if (got)
		return got;
	got = capture_next(p->in, &p->packet);
	if (got < 0)
		return snprintf(error->text, sizeof(error->text), "%s",
				capture_error(p->in)), got;
	p->is_pending = got == 1;
	if (got == 1)
		p->wire.caps.linktype = p->packet.linktype;
	else if (capture_get_interface(p->in, 0, &i))
		p->wire.caps.linktype = i.linktype;
	return 0;
}

static void set_name(struct wire *w, const struct arguments *a)
{
	const char *path = a->in[0] ? a->in : a->out;
	const char *slash = strrchr(path, '/');

	snprintf(w->name, sizeof(w->name), "%.*s", (int)sizeof(w->name) - 1,
		 slash ? slash + 1 : path);
}

int pcap_open(struct wire **out, const char *args, struct wire_error *error)
{
	struct pcap_wire *p = calloc(1, sizeof(*p));
	struct arguments a;
	int err;

	if (!p)
		return spec_error(error, -ENOMEM, "pcap", "out of memory");
	p->wire.ops = &pcap_ops;
	p->wire.caps.linktype = 1;
	p->wire.caps.max_frame = CAPTURE_PACKET_MAX;
	err = parse_arguments(&a, args, error);
	if (!err && a.in[0])
		err = open_input(p, a.in, error);
	if (!err && a.out[0])
		err = capture_create(&p->out, a.out, error);
	if (err) {
		capture_close(p->in);
		free(p);
		return err;
	}
	set_name(&p->wire, &a);
	*out = &p->wire;
	return 0;
}

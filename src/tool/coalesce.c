// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce.c - tto coalesce: the receive side of the device over a capture
 *
 * DOC: Theory of operation
 * The capture's own timestamps are the clock. Between two frames the clock
 * stops at each deadline that falls there, so that a packet is written with the
 * time at which the live device would have handed it up. Every interface of
 * the capture has a coalescer of its own: flows of different interfaces never
 * meet. Frames of a link type that the device does not know are copied.
 *
 * Each packet written carries a comment that says what the device did and why;
 * tto segment reads from it how an aggregate is to be cut again.
 *
 * Source: SPEC RX-1 to RX-17.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <tto/engine.h>

#include "base/json.h"
#include "base/message.h"
#include "tool/device_comment.h"
#include "tool/linktype.h"
#include "tool/options.h"
#include "tool/report.h"
#include "tool/tool.h"
#include "wire/capture.h"

#define US 1000ULL
#define INTERFACES_MAX 256
#define RAL_MAX 65535	/* a longer one could not say how long it is */

struct interface {
	struct coalesce_run *run;
	struct tto_coalescer *coalescer;	/* NULL: copied */
	uint16_t linktype;
	uint32_t out;		/* interface of the output */
	bool known;
};

struct coalesce_run {
	struct capture *in;
	struct capture_writer *out;
	struct tto_coalescer_options options;
	struct interface interfaces[INTERFACES_MAX];
	uint64_t copied;	/* frames of unknown link types */
	uint64_t bytes_in, bytes_out;
	ns_t now;
	uint32_t full_len;	/* of the frame that is being pushed */
	const uint8_t *pushed;
	int error;		/* of writing, sticky */
};

static void write_packet(struct coalesce_run *r, const struct interface *i,
			 const uint8_t *data, uint32_t len, const char *comment)
{
	struct capture_packet p = {
		.data = data,
		.len = len,
		.full_len = data == r->pushed ? r->full_len : len,
		.time = r->now,
		.interface = i->out,
		.comment = comment,
	};
	int err = capture_write(r->out, &p);

	r->bytes_out += len;
	if (err && !r->error)
		r->error = err;
}

static void deliver(void *ctx, const struct tto_packet *p)
{
	struct interface *i = ctx;
	char comment[DEVICE_COMMENT_MAX];

	device_comment_write(comment, sizeof(comment), p);
	write_packet(i->run, i, p->header, p->header_len + p->payload_len,
		     comment);
}

static int open_interface(struct coalesce_run *r, struct interface *i,
			  uint16_t linktype)
{
	struct tto_coalescer_options o = r->options;
	int link = linktype_to_link(linktype), err;

	i->run = r;
	i->known = true;
	i->linktype = linktype;
	err = capture_add_interface(r->out, linktype, "tto", &i->out);
	if (err || link < 0)
		return err;
	o.link = (uint8_t)link;
	return tto_coalescer_open(&i->coalescer, &o, deliver, i);
}

static uint64_t next_due(struct coalesce_run *r)
{
	uint64_t first = UINT64_MAX;

	for (unsigned n = 0; n < INTERFACES_MAX; n++) {
		uint64_t due;

		if (!r->interfaces[n].coalescer)
			continue;
		due = tto_coalescer_poll(r->interfaces[n].coalescer, r->now);
		if (due < first)
			first = due;
	}
	return first;
}

/* Moves the clock to @time, stopping at each deadline on the way. */
static void advance(struct coalesce_run *r, ns_t time)
{
	uint64_t due;

	while ((due = next_due(r)) <= time)
		r->now = due;
	if (time > r->now)
		r->now = time;
}

static int take_packet(struct coalesce_run *r, const struct capture_packet *p)
{
	struct interface *i;
	struct tto_frame frame = {
		.data = p->data,
		.len = p->len,
		.truncated = p->full_len > p->len,
	};
	int err = 0;

	if (p->interface >= INTERFACES_MAX) {
		message("%s: more than %d interfaces", capture_name(r->in),
			INTERFACES_MAX);
		return -E2BIG;
	}
	i = &r->interfaces[p->interface];
	if (!i->known) {
		err = open_interface(r, i, p->linktype);
		if (err)
			return err;
	}
	advance(r, p->time);
	r->bytes_in += p->len;
	r->full_len = p->full_len;
	r->pushed = p->data;
	if (i->coalescer) {
		tto_coalescer_push(i->coalescer, &frame, 1, r->now);
	} else {
		r->copied++;
		write_packet(r, i, p->data, p->len,
			     "tto: copied: unknown link type");
	}
	r->pushed = NULL;
	return r->error;
}

static void close_interfaces(struct coalesce_run *r, bool flush)
{
	for (unsigned n = 0; n < INTERFACES_MAX; n++) {
		struct interface *i = &r->interfaces[n];

		if (i->coalescer && flush)
			tto_coalescer_flush(i->coalescer, r->now);
		tto_coalescer_close(i->coalescer);
		i->coalescer = NULL;
	}
}

static void add_stats(const struct coalesce_run *r, struct report *report)
{
	*report = (struct report){
		.bytes_in = r->bytes_in,
		.bytes_out = r->bytes_out,
	};
	for (unsigned n = 0; n < INTERFACES_MAX; n++) {
		if (r->interfaces[n].coalescer)
			report_add(report, r->interfaces[n].coalescer);
	}
	report->total.frames_in += r->copied;
	report->total.packets_out += r->copied;
	report->total.passed[TTO_CAUSE_NOT_TCP] += r->copied;
}

static int run_capture(struct coalesce_run *r)
{
	struct capture_packet p;
	int err;

	while ((err = capture_next(r->in, &p)) == 1) {
		err = take_packet(r, &p);
		if (err)
			return err;
	}
	if (err < 0)
		message("%s", capture_error(r->in));
	return err;
}

struct arguments {
	const char *in, *out;
	bool json;
};

static int parse_policy(const char *text, uint8_t *policy)
{
	if (!strcmp(text, "host"))
		*policy = TTO_POLICY_HOST;
	else if (!strcmp(text, "lossless"))
		*policy = TTO_POLICY_LOSSLESS;
	else
		return message("--policy %s: host or lossless", text), -EINVAL;
	return 0;
}

enum { OPT_POLICY = 256, OPT_RAL, OPT_TIMEOUT, OPT_ACK_TIMEOUT, OPT_FLOWS };

static int take_option(int option, struct arguments *a,
		       struct tto_coalescer_options *o)
{
	uint64_t v;

	switch (option) {
	case 'w':
		a->out = optarg;
		return 0;
	case 'j':
		a->json = true;
		return 0;
	case OPT_POLICY:
		return parse_policy(optarg, &o->policy);
	case OPT_RAL:
		return options_u32("--ral", optarg, 576, RAL_MAX, &o->ral);
	case OPT_FLOWS:
		return options_u32("--flows", optarg, 1, 1 << 20, &o->flows);
	case OPT_TIMEOUT:
		if (options_u64("--timeout-us", optarg, 1, UINT32_MAX, &v))
			return -EINVAL;
		o->timeout_aggregation_ns = v * US;
		return 0;
	case OPT_ACK_TIMEOUT:
		if (options_u64("--ack-timeout-us", optarg, 1, UINT32_MAX, &v))
			return -EINVAL;
		o->timeout_ack_aggregation_ns = v * US;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_arguments(int argc, char **argv, struct arguments *a,
			   struct tto_coalescer_options *o)
{
	static const struct option longs[] = {
		{ "write", required_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "policy", required_argument, NULL, OPT_POLICY },
		{ "ral", required_argument, NULL, OPT_RAL },
		{ "timeout-us", required_argument, NULL, OPT_TIMEOUT },
		{ "ack-timeout-us", required_argument, NULL, OPT_ACK_TIMEOUT },
		{ "flows", required_argument, NULL, OPT_FLOWS },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = tool_getopt(argc, argv, ":w:j", longs)) != -1) {
		if (take_option(option, a, o))
			return -EINVAL;
	}
	if (optind == argc)
		return message("coalesce: no input; see tto coalesce --help"),
		       -EINVAL;
	a->in = argv[optind++];
	if (optind < argc)
		return message("coalesce: %s: one input only", argv[optind]),
		       -EINVAL;
	if (!a->out)
		return message("coalesce: no output; -w FILE names it"),
		       -EINVAL;
	return 0;
}

static int coalesce(struct coalesce_run *r, const struct arguments *a)
{
	struct report report;
	int err = run_capture(r);

	if (err)
		return err;
	for (unsigned n = 0; n < INTERFACES_MAX; n++) {
		if (r->interfaces[n].coalescer)
			tto_coalescer_flush(r->interfaces[n].coalescer, r->now);
	}
	add_stats(r, &report);
	if (r->error)
		return r->error;
	err = tool_finish_output(r->out);
	r->out = NULL;
	if (!err)
		report_print(&report, a->json, !strcmp(a->out, "-") ? stderr : stdout);
	return err;
}

static int run(int argc, char **argv)
{
	struct coalesce_run *r = calloc(1, sizeof(*r));
	struct arguments a = { 0 };
	struct wire_error error;
	int err;

	if (!r)
		return message("out of memory"), TOOL_REFUSED;
	r->options = (struct tto_coalescer_options){
		.size = sizeof(r->options),
		.output = TTO_OUTPUT_CONTIGUOUS,
	};
	if (getrandom(r->options.seed, sizeof(r->options.seed), 0) < 0)
		memcpy(r->options.seed, &r, sizeof(r));
	if (parse_arguments(argc, argv, &a, &r->options)) {
		free(r);
		return TOOL_USAGE;
	}
	err = capture_open(&r->in, a.in, &error);
	if (!err)
		err = capture_create(&r->out, a.out, &error);
	if (err) {
		message("%s", error.text);
	} else {
		tool_abort_on_signal(r->out);
		err = coalesce(r, &a);
	}
	close_interfaces(r, false);
	if (r->out)
		tool_abort_output(r->out);
	capture_close(r->in);
	free(r);
	return err ? TOOL_REFUSED : TOOL_OK;
}

const struct tool_verb tool_coalesce = {
	.name = "coalesce",
	.summary = "run the receive side of the device over a capture",
	.usage =
"Usage: tto coalesce IN -w OUT [OPTIONS]\n"
"\n"
"Reads a capture (pcap or pcapng), coalesces its TCP segments as the device\n"
"would at the times in the capture, and writes what the host would be handed\n"
"as pcapng, each packet with a comment that says why. All else is copied.\n"
"\n"
"  -w, --write FILE      where to; - is standard output\n"
"      --policy POLICY   lossless (default): only what can be cut again into\n"
"                        the very same frames; host: newest ACK, oldest\n"
"                        timestamp, least TTL, ACKs joined\n"
"      --ral BYTES       receive aggregation length, 576..65535 (65535)\n"
"      --timeout-us N    timeout_aggregation (200)\n"
"      --ack-timeout-us N  timeout_ack_aggregation (100)\n"
"      --flows N         places in the flow table (16384)\n"
"  -j, --json            the summary as JSON\n"
"  -h, --help            this text\n",
	.run = run,
};

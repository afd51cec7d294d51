// SPDX-License-Identifier: BSD-2-Clause
/*
 * segment.c - tto segment: the transmit side of the device over a capture
 *
 * Cuts the TCP packets of a capture that carry more than MSS bytes. A packet
 * whose comment says how it was joined (tto coalesce) is cut as it had been,
 * if that is no larger. Everything else is copied.
 *
 * A checksum that is neither right nor unfinished is not made right by cutting:
 * such a packet is copied as it is.
 *
 * Source: SPEC TX-1, TX-5, RX-17.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <tto/engine.h>

#include "base/json.h"
#include "base/message.h"
#include "packet/checksum.h"
#include "packet/parse.h"
#include "packet/pseudo.h"
#include "tool/device_comment.h"
#include "tool/linktype.h"
#include "tool/options.h"
#include "tool/tool.h"
#include "wire/capture.h"

#define FRAME_MAX (65535 + 128)
#define INTERFACES_MAX 256

struct segment_counts {
	uint64_t packets_in, frames_out;
	uint64_t cut, frames_cut;	/* packets cut, frames that they made */
	uint64_t small;			/* TCP, fits one frame                */
	uint64_t not_tcp;		/* copied: not plain TCP              */
	uint64_t bad_checksum;		/* copied: checksum wrong             */
	uint64_t refused;		/* copied: cannot be cut (SYN, URG)   */
};

struct segment_run {
	struct capture *in;
	struct capture_writer *out;
	const struct checksum_ops *sums;
	uint16_t mss;			/* 0: only as the comment says */
	struct segment_counts n;
	bool known[INTERFACES_MAX];
	uint32_t out_interface[INTERFACES_MAX];
	uint8_t frame[FRAME_MAX];
};

static int write_frame(struct segment_run *r, const struct capture_packet *like,
		       const uint8_t *data, uint32_t len, const char *comment)
{
	struct capture_packet p = *like;

	if (data != like->data)
		p.full_len = len;
	p.data = data;
	p.len = len;
	p.interface = r->out_interface[like->interface];
	p.comment = comment;
	r->n.frames_out++;
	return capture_write(r->out, &p);
}

static int copy(struct segment_run *r, const struct capture_packet *p,
		uint64_t *count, const char *comment)
{
	(*count)++;
	return write_frame(r, p, p->data, p->len, comment);
}

/* The checksum is right, or is the sum of the pseudo header: unfinished. */
static bool is_checksum_usable(const struct segment_run *r, const uint8_t *data,
			       const struct seg *s)
{
	const uint8_t *ip = data + s->l3, *tcp = data + s->l4;
	uint32_t pseudo = pseudo_sum(ip, s->v6, PROTOCOL_TCP, s->end - s->l4);
	uint32_t all = checksum_add(pseudo, r->sums->sum(tcp, s->end - s->l4));

	if (!s->v6 && checksum_fold(checksum_header(ip, s->l4 - s->l3)) !=
			      0xffff)
		return false;
	return checksum_fold(all) == 0xffff ||
	       load16(tcp + 16) == checksum_fold(pseudo);
}

static uint16_t payload_of_frame(const struct segment_run *r,
				 const struct capture_packet *p, bool *fixed_id)
{
	uint16_t gso_size;

	*fixed_id = false;
	if (!device_comment_read(p->comment, &gso_size, fixed_id))
		return r->mss;
	if (r->mss && r->mss < gso_size)
		return r->mss;
	return gso_size;
}

static int cut(struct segment_run *r, const struct capture_packet *p,
	       const struct seg *s, const struct tto_unit *unit)
{
	struct tto_segmenter segmenter;
	int frames = tto_segmenter_begin(&segmenter, unit), n;
	char comment[64];

	if (frames < 0)
		return copy(r, p, &r->n.refused, "tto: copied: cannot be cut");
	r->n.cut++;
	r->n.frames_cut += (uint64_t)frames;
	for (n = 1; n <= frames; n++) {
		struct tto_slot slot = { .data = r->frame,
					 .size = sizeof(r->frame) };
		int err = tto_segmenter_next(&segmenter, &slot, 1);

		if (err != 1)
			return err < 0 ? err : -EIO;
		snprintf(comment, sizeof(comment), "tto: frame %d of %d", n,
			 frames);
		err = write_frame(r, p, slot.data, slot.len, comment);
		if (err)
			return err;
	}
	return 0;
}

static int take_tcp(struct segment_run *r, const struct capture_packet *p,
		    const struct seg *s, int link)
{
	struct iovec payload = { (void *)(uintptr_t)(p->data + s->payload),
				 s->payload_len };
	struct tto_unit unit = {
		.header = p->data,
		.header_len = s->payload,
		.link = (uint8_t)link,
		.cut = TTO_CUT_TCP,
		.n_payload = 1,
		.payload = &payload,
	};
	bool fixed_id;

	unit.mss = payload_of_frame(r, p, &fixed_id);
	if (fixed_id)
		unit.flags |= TTO_UNIT_FIXED_ID;
	if (unit.mss == 0 || s->payload_len <= unit.mss)
		return copy(r, p, &r->n.small, NULL);
	if (!is_checksum_usable(r, p->data, s))
		return copy(r, p, &r->n.bad_checksum,
			    "tto: copied: the checksum is wrong");
	return cut(r, p, s, &unit);
}

static int take_packet(struct segment_run *r, const struct capture_packet *p)
{
	int link = linktype_to_link(p->linktype);
	enum parse_verdict v;
	struct seg s;

	r->n.packets_in++;
	if (p->interface >= INTERFACES_MAX) {
		message("%s: more than %d interfaces", capture_name(r->in),
			INTERFACES_MAX);
		return -E2BIG;
	}
	if (!r->known[p->interface]) {
		int err = capture_add_interface(r->out, p->linktype, "tto",
						&r->out_interface[p->interface]);

		if (err)
			return err;
		r->known[p->interface] = true;
	}
	if (link < 0 || p->full_len > p->len)
		return copy(r, p, &r->n.not_tcp, NULL);
	v = parse_frame((enum parse_link)link, p->data, p->len, &s);
	if (v != PARSE_TCP && v != PARSE_TCP_IP_OPTIONS)
		return copy(r, p, &r->n.not_tcp, NULL);
	return take_tcp(r, p, &s, link);
}

static void print_counts(const struct segment_counts *n, bool as_json, FILE *out)
{
	const struct {
		const char *key, *label;
		uint64_t value;
	} rows[] = {
		{ "packets_in", "packets in", n->packets_in },
		{ "frames_out", "frames out", n->frames_out },
		{ "packets_cut", "packets cut", n->cut },
		{ "frames_cut", "  into frames", n->frames_cut },
		{ "tcp_small", "copied: small enough", n->small },
		{ "not_tcp", "copied: not whole TCP", n->not_tcp },
		{ "bad_checksum", "copied: wrong checksum", n->bad_checksum },
		{ "refused", "copied: cannot be cut", n->refused },
	};
	struct json j;

	if (!as_json) {
		for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
			fprintf(out, "%-24s %12" PRIu64 "\n", rows[row].label,
				rows[row].value);
		return;
	}
	json_begin(&j, out);
	json_object_begin(&j, NULL);
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++)
		json_u64(&j, rows[row].key, rows[row].value);
	json_object_end(&j);
	json_end(&j);
}

struct arguments {
	const char *in, *out;
	uint32_t mss;
	bool json;
};

static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
		{ "write", required_argument, NULL, 'w' },
		{ "json", no_argument, NULL, 'j' },
		{ "mss", required_argument, NULL, 'm' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = tool_getopt(argc, argv, ":w:jm:", longs)) != -1) {
		if (option == 'w')
			a->out = optarg;
		else if (option == 'j')
			a->json = true;
		else if (option != 'm' ||
			 options_u32("--mss", optarg, 1, 65535, &a->mss))
			return -EINVAL;
	}
	if (optind == argc)
		return message("segment: no input; see tto segment --help"),
		       -EINVAL;
	a->in = argv[optind++];
	if (optind < argc)
		return message("segment: %s: one input only", argv[optind]),
		       -EINVAL;
	if (!a->out)
		return message("segment: no output; -w FILE names it"), -EINVAL;
	return 0;
}

static int segment(struct segment_run *r, const struct arguments *a)
{
	struct capture_packet p;
	int err;

	while ((err = capture_next(r->in, &p)) == 1) {
		err = take_packet(r, &p);
		if (err)
			return err;
	}
	if (err < 0)
		return message("%s", capture_error(r->in)), err;
	err = tool_finish_output(r->out);
	r->out = NULL;
	if (!err)
		print_counts(&r->n, a->json,
			     !strcmp(a->out, "-") ? stderr : stdout);
	return err;
}

static int run(int argc, char **argv)
{
	struct segment_run *r = calloc(1, sizeof(*r));
	struct arguments a = { 0 };
	struct wire_error error;
	int err;

	if (!r)
		return message("out of memory"), TOOL_REFUSED;
	if (parse_arguments(argc, argv, &a)) {
		free(r);
		return TOOL_USAGE;
	}
	r->mss = (uint16_t)a.mss;
	r->sums = checksum_select(NULL);
	err = capture_open(&r->in, a.in, &error);
	if (!err)
		err = capture_create(&r->out, a.out, &error);
	if (err) {
		message("%s", error.text);
	} else {
		tool_abort_on_signal(r->out);
		err = segment(r, &a);
	}
	if (r->out)
		tool_abort_output(r->out);
	capture_close(r->in);
	free(r);
	return err ? TOOL_REFUSED : TOOL_OK;
}

const struct tool_verb tool_segment = {
	.name = "segment",
	.summary = "cut the large TCP packets of a capture into frames",
	.usage =
"Usage: tto segment IN -w OUT [--mss N] [OPTIONS]\n"
"\n"
"Reads a capture (pcap or pcapng), cuts each TCP packet that carries more than\n"
"MSS bytes into frames as the device would, and writes them as pcapng. What\n"
"tto coalesce joined is cut as it had been, unless --mss is smaller. All else\n"
"is copied.\n"
"\n"
"  -w, --write FILE   where to; - is standard output\n"
"  -m, --mss N        payload of a frame, 1..65535 bytes; without it only what\n"
"                     tto coalesce joined is cut\n"
"  -j, --json         the summary as JSON\n"
"  -h, --help         this text\n",
	.run = run,
};

// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_read.c - Read pcap and pcapng
 *
 * Both formats are read record by record into one buffer; a length is believed
 * only up to a limit. pcapng: sections of either byte order, interfaces with
 * their own link type and time resolution, enhanced, simple and obsolete
 * packet blocks; other blocks are skipped.
 *
 * Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "wire/capture.h"

#define BLOCK_MAX (CAPTURE_PACKET_MAX + (1u << 16))
#define NS_PER_S 1000000000ULL

enum {
	PCAP_MAGIC_US = 0xa1b2c3d4,
	PCAP_MAGIC_NS = 0xa1b23c4d,
	PCAP_MAGIC_MODIFIED = 0xa1b2cd34,	/* 8 bytes more a record */
	PCAPNG_SECTION = 0x0a0d0d0a,
	PCAPNG_ORDER = 0x1a2b3c4d,
	PCAPNG_INTERFACE = 1,
	PCAPNG_PACKET_OBSOLETE = 2,
	PCAPNG_PACKET_SIMPLE = 3,
	PCAPNG_PACKET = 6,
	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_FLAGS = 2,
	OPTION_TSRESOL = 9,
	OPTION_TSOFFSET = 14,
};

struct interface {
	uint16_t linktype;
	uint32_t snaplen;
	uint8_t resolution;	/* power of 10, or of 2 with the top bit        */
	int64_t offset_s;
};

struct capture {
	FILE *file;
	char *path;
	int (*next)(struct capture *c, struct capture_packet *p);
	bool swapped;
	uint64_t packets;	/* read so far */
	ns_t time;		/* of the last one, for those without */

	/* pcap */
	bool nanoseconds;
	uint32_t record_bytes;	/* of the header before each packet */
	uint16_t linktype;

	/* pcapng */
	struct interface *interfaces;
	uint32_t n_interfaces;
	uint32_t section_first;	/* number of the section's interface 0 */

	uint8_t *block;
	char comment[1024];
	char error[512];
};

static int fail(struct capture *c, int err, const char *format, ...)
	PRINTF_LIKE(3, 4);

static int fail(struct capture *c, int err, const char *format, ...)
{
	int n = snprintf(c->error, sizeof(c->error), "%.300s: ", c->path);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(c->error + n, sizeof(c->error) - (size_t)n, format,
		  arguments);
	va_end(arguments);
	return err;
}

static uint16_t get16(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap16(load16(at)) : load16(at);
}

static uint32_t get32(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap32(load32(at)) : load32(at);
}

static uint64_t get64(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap64(load64(at)) : load64(at);
}

/* 1: all of it; 0: the end before its first byte; -errno. */
static int read_bytes(struct capture *c, void *to, size_t bytes)
{
	size_t got = fread(to, 1, bytes, c->file);

	if (got == bytes)
		return 1;
	if (ferror(c->file))
		return fail(c, -EIO, "%s", strerror(errno));
	if (got == 0)
		return 0;
	return fail(c, -EBADMSG, "cut short in packet %llu",
		    (unsigned long long)c->packets + 1);
}

/* The same where the end is an error. */
static int read_rest(struct capture *c, void *to, size_t bytes)
{
	int got = bytes ? read_bytes(c, to, bytes) : 1;

	if (got == 0)
		return fail(c, -EBADMSG, "cut short in packet %llu",
			    (unsigned long long)c->packets + 1);
	return got;
}

static int take_packet(struct capture *c, struct capture_packet *p)
{
	if (p->full_len < p->len)
		p->full_len = p->len;
	c->packets++;
	c->time = p->time;
	return 1;
}

/* ---- pcap ------------------------------------------------------------------- */

static int next_pcap(struct capture *c, struct capture_packet *p)
{
	uint8_t record[24];
	int got = read_bytes(c, record, c->record_bytes);

	if (got <= 0)
		return got;
	*p = (struct capture_packet){
		.data = c->block,
		.len = get32(c, record + 8),
		.full_len = get32(c, record + 12),
		.linktype = c->linktype,
		.time = get32(c, record) * NS_PER_S +
			(ns_t)get32(c, record + 4) *
				(c->nanoseconds ? 1 : 1000),
	};
	if (p->len > CAPTURE_PACKET_MAX)
		return fail(c, -EBADMSG, "packet %llu claims %u bytes",
			    (unsigned long long)c->packets + 1, p->len);
	got = read_rest(c, c->block, p->len);
	return got < 0 ? got : take_packet(c, p);
}

static int begin_pcap(struct capture *c, uint32_t magic)
{
	uint8_t rest[20];
	int got = read_rest(c, rest, sizeof(rest));

	if (got < 0)
		return fail(c, -EBADMSG, "not a capture: cut short in its header");
	c->nanoseconds = magic == PCAP_MAGIC_NS;
	c->record_bytes = magic == PCAP_MAGIC_MODIFIED ? 24 : 16;
	c->linktype = (uint16_t)get32(c, rest + 16);
	c->next = next_pcap;
	return 0;
}

/* ---- pcapng ------------------------------------------------------------------- */

static ns_t scale_time(const struct interface *i, uint64_t units)
{
	unsigned __int128 ns = units;
	unsigned power = i->resolution & 0x7f;
	int64_t offset = i->offset_s;

	if (i->resolution & 0x80) {
		ns = power < 64 ? (ns * NS_PER_S) >> power : 0;
	} else {
		for (; power < 9; power++)
			ns *= 10;
		for (; power > 9 && ns; power--)
			ns /= 10;
	}
	return (ns_t)ns + (ns_t)offset * NS_PER_S;
}

/* The next option from *at on; false when there is none. */
static bool next_option(const struct capture *c, const uint8_t **at,
			const uint8_t *end, uint16_t *code, uint16_t *len,
			const uint8_t **value)
{
	if (end - *at < 4)
		return false;
	*code = get16(c, *at);
	*len = get16(c, *at + 2);
	*value = *at + 4;
	if (*code == OPTION_END || end - *value < *len)
		return false;
	*at = *value + (*len + 3u) / 4 * 4;
	if (*at > end)
		*at = end;
	return true;
}

static void copy_comment(struct capture *c, const uint8_t *text, uint16_t len)
{
	size_t n = len < sizeof(c->comment) - 1 ? len : sizeof(c->comment) - 1;

	memcpy(c->comment, text, n);
	c->comment[n] = '\0';
}

static void read_options(struct capture *c, const uint8_t *at,
			 const uint8_t *end, struct capture_packet *p)
{
	const uint8_t *value;
	uint16_t code, len;

	while (next_option(c, &at, end, &code, &len, &value)) {
		if (code == OPTION_COMMENT && !p->comment) {
			copy_comment(c, value, len);
			p->comment = c->comment;
		} else if (code == OPTION_FLAGS && len == 4) {
			p->direction = get32(c, value) & 3;
		}
	}
}

static int take_section(struct capture *c)
{
	c->section_first = c->n_interfaces;
	return 0;
}

static int take_interface(struct capture *c, uint32_t bytes)
{
	const uint8_t *at = c->block + 8, *end = c->block + bytes, *value;
	struct interface *i;
	uint16_t code, len;

	if (bytes < 8)
		return fail(c, -EBADMSG, "an interface block is too short");
	if (c->n_interfaces == CAPTURE_INTERFACES_MAX)
		return fail(c, -E2BIG, "more than %d interfaces",
			    CAPTURE_INTERFACES_MAX);
	i = &c->interfaces[c->n_interfaces++];
	*i = (struct interface){
		.linktype = get16(c, c->block),
		.snaplen = get32(c, c->block + 4),
		.resolution = 6,
	};
	while (next_option(c, &at, end, &code, &len, &value)) {
		if (code == OPTION_TSRESOL && len == 1)
			i->resolution = *value;
		else if (code == OPTION_TSOFFSET && len == 8)
			i->offset_s = (int64_t)get64(c, value);
	}
	return 0;
}

static const struct interface *interface_of(struct capture *c, uint32_t number,
					    struct capture_packet *p)
{
	if (number >= c->n_interfaces - c->section_first) {
		fail(c, -EBADMSG, "packet %llu: interface %u was not described",
		     (unsigned long long)c->packets + 1, number);
		return NULL;
	}
	p->interface = c->section_first + number;
	p->linktype = c->interfaces[p->interface].linktype;
	return &c->interfaces[p->interface];
}

/* An enhanced or obsolete packet block: the latter has the interface in 16 bits. */
static int take_enhanced(struct capture *c, uint32_t bytes, bool obsolete,
			 struct capture_packet *p)
{
	const struct interface *i;
	uint64_t units;

	if (bytes < 20)
		return fail(c, -EBADMSG, "packet %llu: its block is too short",
			    (unsigned long long)c->packets + 1);
	i = interface_of(c, obsolete ? get16(c, c->block) : get32(c, c->block),
			 p);
	if (!i)
		return -EBADMSG;
	units = (uint64_t)get32(c, c->block + 4) << 32 |
		get32(c, c->block + 8);
	p->time = scale_time(i, units);
	p->len = get32(c, c->block + 12);
	p->full_len = get32(c, c->block + 16);
	p->data = c->block + 20;
	if (p->len > bytes - 20)
		return fail(c, -EBADMSG, "packet %llu is longer than its block",
			    (unsigned long long)c->packets + 1);
	if ((p->len + 3u) / 4 * 4 <= bytes - 20)
		read_options(c, p->data + (p->len + 3u) / 4 * 4,
			     c->block + bytes, p);
	return take_packet(c, p);
}

static int take_simple(struct capture *c, uint32_t bytes,
		       struct capture_packet *p)
{
	const struct interface *i;

	if (bytes < 4)
		return fail(c, -EBADMSG, "packet %llu: its block is too short",
			    (unsigned long long)c->packets + 1);
	i = interface_of(c, 0, p);
	if (!i)
		return -EBADMSG;
	p->time = c->time;
	p->full_len = get32(c, c->block);
	p->len = p->full_len;
	if (i->snaplen && p->len > i->snaplen)
		p->len = i->snaplen;
	if (p->len > bytes - 4)
		p->len = bytes - 4;
	p->data = c->block + 4;
	return take_packet(c, p);
}

/* Byte order of the section, from the field behind its length. */
static int read_order(struct capture *c)
{
	uint8_t order[4];
	int got = read_rest(c, order, sizeof(order));

	if (got < 0)
		return got;
	c->swapped = load32(order) != PCAPNG_ORDER;
	if (get32(c, order) != PCAPNG_ORDER)
		return fail(c, -EBADMSG, "a section has no byte order");
	return 0;
}

static int skip(struct capture *c, uint64_t bytes)
{
	while (bytes > 0) {
		size_t some = bytes < BLOCK_MAX ? (size_t)bytes : BLOCK_MAX;
		int got = read_rest(c, c->block, some);

		if (got < 0)
			return got;
		bytes -= some;
	}
	return 0;
}

static bool is_used(uint32_t type)
{
	return type == PCAPNG_INTERFACE || type == PCAPNG_PACKET ||
	       type == PCAPNG_PACKET_OBSOLETE || type == PCAPNG_PACKET_SIMPLE;
}

static int take_block(struct capture *c, uint32_t type, uint32_t bytes,
		      struct capture_packet *p)
{
	switch (type) {
	case PCAPNG_INTERFACE:
		return take_interface(c, bytes);
	case PCAPNG_PACKET:
		return take_enhanced(c, bytes, false, p);
	case PCAPNG_PACKET_OBSOLETE:
		return take_enhanced(c, bytes, true, p);
	default:
		return take_simple(c, bytes, p);
	}
}

/* The rest of a block whose type is known: length, body, length again. */
static int read_block(struct capture *c, uint32_t type, const uint8_t length[4],
		      struct capture_packet *p)
{
	uint32_t total, body, head = 12;
	uint8_t again[4];
	int err;

	if (type == PCAPNG_SECTION) {
		err = read_order(c);
		if (err)
			return err;
		head = 16;
	}
	total = get32(c, length);
	if (total < head || total % 4 != 0)
		return fail(c, -EBADMSG, "a block claims %u bytes", total);
	body = total - head;
	if (is_used(type) && body > BLOCK_MAX)
		return fail(c, -EBADMSG, "a block claims %u bytes", total);
	err = is_used(type) ? read_rest(c, c->block, body) : skip(c, body);
	if (err >= 0)
		err = read_rest(c, again, sizeof(again));
	if (err < 0)
		return err;
	if (get32(c, again) != total)
		return fail(c, -EBADMSG, "a block ends with another length");
	if (type == PCAPNG_SECTION)
		return take_section(c);
	return is_used(type) ? take_block(c, type, body, p) : 0;
}

static int next_pcapng(struct capture *c, struct capture_packet *p)
{
	for (;;) {
		uint8_t head[8];
		int got = read_bytes(c, head, sizeof(head));

		*p = (struct capture_packet){ 0 };
		if (got == 1)
			got = read_block(c, get32(c, head), head + 4, p);
		else
			return got;
		if (got != 0)
			return got;
	}
}

static int begin_pcapng(struct capture *c)
{
	struct capture_packet none;
	uint8_t length[4];
	int err = read_rest(c, length, sizeof(length));

	if (err > 0) {
		c->interfaces = calloc(CAPTURE_INTERFACES_MAX,
				       sizeof(*c->interfaces));
		if (!c->interfaces)
			return fail(c, -ENOMEM, "out of memory");
		err = read_block(c, PCAPNG_SECTION, length, &none);
	}
	c->next = next_pcapng;
	return err;
}

/* ---- Any capture ------------------------------------------------------------------ */

static int begin(struct capture *c)
{
	uint8_t magic[4];
	uint32_t m;
	int got = read_bytes(c, magic, sizeof(magic));

	if (got == -EIO)
		return got;
	if (got <= 0)
		return fail(c, -EBADMSG, "not a capture: %s",
			    got ? "too short" : "empty");
	m = load32(magic);
	if (m == PCAPNG_SECTION)
		return begin_pcapng(c);
	if (magic[0] == 0x1f && magic[1] == 0x8b)
		return fail(c, -EBADMSG, "compressed; unpack it first");
	for (int turn = 0; turn < 2; turn++) {
		if (m == PCAP_MAGIC_US || m == PCAP_MAGIC_NS ||
		    m == PCAP_MAGIC_MODIFIED)
			return begin_pcap(c, m);
		m = __builtin_bswap32(m);
		c->swapped = true;
	}
	return fail(c, -EBADMSG, "not a capture");
}

static int open_file(struct capture *c, const char *path)
{
	struct stat s;

	c->file = strcmp(path, "-") ? fopen(path, "rbe") : stdin;
	if (!c->file)
		return fail(c, -errno, "%s", strerror(errno));
	if (!fstat(fileno(c->file), &s) && S_ISDIR(s.st_mode))
		return fail(c, -EISDIR, "%s", strerror(EISDIR));
	c->block = malloc(BLOCK_MAX);
	return c->block ? begin(c) : fail(c, -ENOMEM, "out of memory");
}

int capture_open(struct capture **out, const char *path,
		 struct wire_error *error)
{
	struct capture *c = calloc(1, sizeof(*c));
	int err;

	*out = NULL;
	if (c)
		c->path = strdup(path);
	if (!c || !c->path) {
		free(c);
		snprintf(error->text, sizeof(error->text), "out of memory");
		return -ENOMEM;
	}
	err = open_file(c, path);
	if (err < 0) {
		snprintf(error->text, sizeof(error->text), "%.255s", c->error);
		capture_close(c);
		return err;
	}
	*out = c;
	return 0;
}

int capture_next(struct capture *c, struct capture_packet *p)
{
	return c->next(c, p);
}

const char *capture_error(const struct capture *c)
{
	return c->error;
}

const char *capture_name(const struct capture *c)
{
	return c->path;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->file && c->file != stdin)
		fclose(c->file);
	free(c->interfaces);
	free(c->block);
	free(c->path);
	free(c);
}

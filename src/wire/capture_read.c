// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_read.c - Read captures: pcap here, pcapng in capture_pcapng.c
 *
 * DOC: Theory of operation
 * A file is read from its beginning to its end, never sought in, so that a pipe
 * will do. Which format it has its first four bytes say. A reader is one
 * allocation with room for the longest packet; all else a file may claim is
 * refused or passed over.
 *
 * Limits: compressed files are refused. A packet longer than the snapshot
 * length that the file claims is given as it stands in the file.
 *
 * Source: draft-ietf-opsawg-pcap (file header, packet record).
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "wire/capture_file.h"

#define LINKTYPE_MASK 0x03ffffffu	/* above it: the length of the FCS      */

enum {
	PCAP_MAGIC_US = 0xa1b2c3d4,
	PCAP_MAGIC_NS = 0xa1b23c4d,
	PCAP_MAGIC_MODIFIED = 0xa1b2cd34,	/* 8 bytes more in each record  */
};

/* ---- Reading the file ------------------------------------------------------ */

int capture_file_cut(struct capture *c)
{
	if (c->in_packet)
		return capture_fail(c, -EBADMSG, "cut short in packet %" PRIu64,
			    c->packets + 1);
	if (c->packets)
		return capture_fail(c, -EBADMSG, "cut short after packet %" PRIu64,
			    c->packets);
	return capture_fail(c, -EBADMSG, "cut short before the first packet");
}

/* Return: bytes read, less than @bytes at the end of the file only; -errno. */
int capture_file_some(struct capture *c, void *to, uint32_t bytes)
{
	size_t got;

	errno = 0;
	got = fread_unlocked(to, 1, bytes, c->file);
	if (got < bytes && ferror(c->file)) {
		int err = errno ? -errno : -EIO;

		return capture_fail(c, err, "%s", strerror(-err));
	}
	return (int)got;
}

int capture_file_read(struct capture *c, void *to, uint32_t bytes)
{
	int got = capture_file_some(c, to, bytes);

	if (got < 0)
		return got;
	return (uint32_t)got == bytes ? 0 : capture_file_cut(c);
}

int capture_file_skip(struct capture *c, uint32_t bytes)
{
	uint8_t waste[4096];

	while (bytes > 0) {
		uint32_t some = bytes < sizeof(waste) ? bytes : sizeof(waste);
		int err = capture_file_read(c, waste, some);

		if (err)
			return err;
		bytes -= some;
	}
	return 0;
}

int capture_file_claims(struct capture *c, uint32_t bytes)
{
	return capture_fail(c, -EBADMSG, "packet %" PRIu64 " claims %" PRIu32 " bytes",
		    c->packets + 1, bytes);
}

int capture_file_packet(struct capture *c, struct capture_packet *p)
{
	if (p->full_len < p->len)
		p->full_len = p->len;
	c->packets++;
	c->in_packet = false;
	return 1;
}

/* ---- Interfaces ------------------------------------------------------------ */

int capture_file_interface(struct capture *c, const struct interface *i)
{
	if (c->n_interfaces == CAPTURE_INTERFACES_MAX)
		return capture_fail(c, -EBADMSG, "more than %u interfaces",
			    CAPTURE_INTERFACES_MAX);
	if (c->n_interfaces == c->room) {
		uint32_t room = c->room ? 2 * c->room : 4;
		struct interface *more = realloc(c->interfaces,
						 room * sizeof(*more));

		if (!more)
			return capture_fail(c, -ENOMEM, "out of memory");
		c->interfaces = more;
		c->room = room;
	}
	c->interfaces[c->n_interfaces++] = *i;
	return 0;
}

bool capture_get_interface(const struct capture *c, uint32_t number,
			   struct capture_interface *i)
{
	if (number >= c->n_interfaces)
		return false;
	*i = (struct capture_interface){
		.linktype = c->interfaces[number].linktype,
		.snaplen = c->interfaces[number].snaplen,
		.name = c->interfaces[number].name,
	};
	return true;
}

/* ---- pcap ------------------------------------------------------------------ */

static int next_pcap(struct capture *c, struct capture_packet *p)
{
	uint8_t record[24];
	int got = capture_file_some(c, record, c->record_bytes), err;

	if (got <= 0)
		return got;
	c->in_packet = true;
	if ((uint32_t)got < c->record_bytes)
		return capture_file_cut(c);
	*p = (struct capture_packet){
		.data = c->data,
		.time = (ns_t)get32(c, record) * NS_PER_S +
			(ns_t)get32(c, record + 4) * c->unit_ns,
		.len = get32(c, record + 8),
		.full_len = get32(c, record + 12),
		.linktype = c->interfaces[0].linktype,
	};
	if (c->lengths_swapped || (c->lengths_unsure && p->len > p->full_len)) {
		uint32_t len = p->len;

		p->len = p->full_len;
		p->full_len = len;
	}
	if (p->len > CAPTURE_PACKET_MAX)
		return capture_file_claims(c, p->len);
	err = capture_file_read(c, c->data, p->len);
	return err ? err : capture_file_packet(c, p);
}

/* Before version 2.3 the two lengths stood the other way round; some programs
 * wrote 2.3 so too, and NFR's files are such under a version of their own.    */
static int check_version(struct capture *c, uint16_t major, uint16_t minor)
{
	if (major != 2 && major != 543)
		return capture_fail(c, -EBADMSG, "pcap version %u.%u is not known",
			    major, minor);
	c->lengths_swapped = major == 543 || minor < 3;
	c->lengths_unsure = minor == 3;
	return 0;
}

static int begin_pcap(struct capture *c, uint32_t magic)
{
	struct interface i = { .resolution = 6 };
	uint8_t rest[20];
	uint32_t linktype;
	int err = capture_file_read(c, rest, sizeof(rest));

	if (!err)
		err = check_version(c, get16(c, rest), get16(c, rest + 2));
	if (err)
		return err;
	c->unit_ns = magic == PCAP_MAGIC_NS ? 1 : 1000;
	c->record_bytes = magic == PCAP_MAGIC_MODIFIED ? 24 : 16;
	c->next = next_pcap;
	i.snaplen = get32(c, rest + 12);
	linktype = get32(c, rest + 16) & LINKTYPE_MASK;
	if (linktype > UINT16_MAX)
		return capture_fail(c, -EBADMSG, "link type %" PRIu32 " is not known",
			    linktype);
	i.linktype = (uint16_t)linktype;
	return capture_file_interface(c, &i);
}

/* ---- Any capture ------------------------------------------------------------ */

static bool is_compressed(const uint8_t magic[4])
{
	static const struct {
		uint8_t bytes[4], n;
	} known[] = {
		{ { 0x1f, 0x8b }, 2 },			/* gzip  */
		{ { 'B', 'Z', 'h' }, 3 },		/* bzip2 */
		{ { 0xfd, '7', 'z', 'X' }, 4 },		/* xz    */
		{ { 0x28, 0xb5, 0x2f, 0xfd }, 4 },	/* zstd  */
		{ { 0x04, 0x22, 0x4d, 0x18 }, 4 },	/* lz4   */
	};

	for (size_t k = 0; k < ARRAY_SIZE(known); k++) {
		if (!memcmp(magic, known[k].bytes, known[k].n))
			return true;
	}
	return false;
}

static int begin(struct capture *c)
{
	uint8_t magic[4] = { 0 };
	int got = capture_file_some(c, magic, sizeof(magic));

	if (got < 0)
		return got;
	if (got == 0)
		return capture_fail(c, -EBADMSG, "not a capture: it is empty");
	if (is_compressed(magic))
		return capture_fail(c, -ENOTSUP, "compressed; unpack it first");
	if (load32(magic) == PCAPNG_SECTION)
		return capture_pcapng_begin(c);
	for (int turn = 0; turn < 2; turn++) {
		uint32_t m;

		c->swapped = turn == 1;
		m = get32(c, magic);
		if (m == PCAP_MAGIC_US || m == PCAP_MAGIC_NS ||
		    m == PCAP_MAGIC_MODIFIED)
			return begin_pcap(c, m);
	}
	return capture_fail(c, -EBADMSG, "not a capture (pcap or pcapng)");
}

static int start(struct capture **out, struct capture *c,
		 struct wire_error *error)
{
	int err = begin(c);

	if (err) {
		*error = c->error;
		capture_close(c);
		return err;
	}
	c->state = 1;
	*out = c;
	return 0;
}

static struct capture *allocate(const char *name)
{
	struct capture *c = malloc(sizeof(*c));

	if (!c)
		return NULL;
	memset(c, 0, offsetof(struct capture, data));
	c->name = strdup(name);
	if (c->name)
		return c;
	free(c);
	return NULL;
}

int capture_open_file(struct capture **out, FILE *file, const char *name,
		      struct wire_error *error)
{
	struct capture *c = allocate(name);

	if (!c)
		return spec_error(error, -ENOMEM, name, "out of memory");
	c->file = file;
	return start(out, c, error);
}

int capture_open(struct capture **out, const char *path,
		 struct wire_error *error)
{
	bool is_stdin = !strcmp(path, "-");
	struct capture *c;
	struct stat s;
	FILE *file;
	int err;

	if (is_stdin)
		return capture_open_file(out, stdin, "standard input", error);
	file = fopen(path, "rbe");
	if (!file) {
		err = -errno;
		return spec_error(error, err, path, "%s", strerror(-err));
	}
	c = allocate(path);
	if (!c || (!fstat(fileno(file), &s) && S_ISDIR(s.st_mode))) {
		err = c ? -EISDIR : -ENOMEM;
		capture_close(c);
		fclose(file);
		return spec_error(error, err, path, "%s", strerror(-err));
	}
	c->file = file;
	c->own_file = true;
	setvbuf(file, c->buffer, _IOFBF, sizeof(c->buffer));
	return start(out, c, error);
}

int capture_next(struct capture *c, struct capture_packet *p)
{
	if (c->state == 1)
		c->state = c->next(c, p);
	return c->state;
}

const char *capture_error(const struct capture *c)
{
	return c->error.text;
}

const char *capture_name(const struct capture *c)
{
	return c->name;
}

void capture_close(struct capture *c)
{
	if (!c)
		return;
	if (c->own_file)
		fclose(c->file);
	free(c->interfaces);
	free(c->name);
	free(c);
}

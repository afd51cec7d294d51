// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_pcapng.c - Read pcapng
 *
 * DOC: Theory of operation
 * A file is a row of blocks. The body of the block at hand is taken piece by
 * piece with take(), which knows how much of it is left, so that no length in it
 * leads out of it and no block needs memory of its size. Blocks that are not
 * known are skipped.
 *
 * Interfaces are numbered anew in each section of the file; place[] leads from a
 * number of the section to ours. So sections that one program wrote one after
 * the other, on the same interfaces, need no more memory than one.
 *
 * Limits: of several comments of a packet the first is kept; name resolution,
 * statistics and decryption secrets are skipped; the length of a section is not
 * used.
 *
 * Source: draft-ietf-opsawg-pcapng §3.1 (block), §3.5 (options), §4.1 (section),
 * §4.2 (interface), §4.3 (enhanced packet), §4.4 (simple packet), appendix A
 * (obsolete packet).
 */
#include <errno.h>
#include <inttypes.h>

#include "wire/capture_file.h"

enum {
	BLOCK_INTERFACE = 1,
	BLOCK_OBSOLETE_PACKET = 2,
	BLOCK_SIMPLE_PACKET = 3,
	BLOCK_PACKET = 6,
	SECTION_ORDER = 0x1a2b3c4d,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_FLAGS = 2,		/* of a packet                          */
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
	OPTION_IF_TSOFFSET = 14,
};

/* ---- pcapng: pieces of a block --------------------------------------------- */

static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3u;
}

static int take(struct capture *c, void *to, uint32_t bytes)
{
	if (bytes > c->left)
		return capture_fail(c, -EBADMSG,
			    "a block after packet %" PRIu64 " is too short",
			    c->packets);
	c->left -= bytes;
	return capture_file_read(c, to, bytes);
}

/* At most @room of @bytes, which are padded; the rest is passed over. */
static int take_padded(struct capture *c, void *to, uint32_t bytes,
		       uint32_t room)
{
	uint32_t some = bytes < room ? bytes : room;
	int err = take(c, to, some);

	if (err)
		return err;
	c->left -= padded(bytes) - some;
	return capture_file_skip(c, padded(bytes) - some);
}

/*
 * The head of the next option; its value, @len bytes and padding, is there.
 * Return: 1; 0 when there is none; -errno.
 */
static int take_option(struct capture *c, uint16_t *code, uint16_t *len)
{
	uint8_t head[4];
	int err;

	if (c->left < sizeof(head))
		return 0;
	err = take(c, head, sizeof(head));
	if (err)
		return err;
	*code = get16(c, head);
	*len = get16(c, head + 2);
	if (*code == OPTION_END)
		return 0;
	if (padded(*len) > c->left)
		return capture_fail(c, -EBADMSG, "an option after packet %" PRIu64
			    " is longer than its block", c->packets);
	return 1;
}

/* ---- pcapng: interfaces ----------------------------------------------------- */

static int take_interface_option(struct capture *c, struct interface *i,
				 uint16_t code, uint16_t len)
{
	uint8_t value[CAPTURE_NAME_MAX] = { 0 };
	int err = take_padded(c, value, len, sizeof(value) - 1);

	if (err)
		return err;
	if (code == OPTION_IF_NAME)
		memcpy(i->name, value, sizeof(i->name));
	else if (code == OPTION_IF_TSRESOL && len == 1)
		i->resolution = value[0];
	else if (code == OPTION_IF_TSOFFSET && len == 8)
		i->offset_s = (int64_t)get64(c, value);
	return 0;
}

static bool is_same_interface(const struct interface *a,
			      const struct interface *b)
{
	return a->linktype == b->linktype && !strcmp(a->name, b->name);
}

static int place_interface(struct capture *c, const struct interface *i)
{
	uint32_t place = c->n_section;
	int err;

	if (place < c->n_places &&
	    is_same_interface(&c->interfaces[c->place[place]], i)) {
		c->interfaces[c->place[place]] = *i;
		c->n_section++;
		return 0;
	}
	err = capture_file_interface(c, i);
	if (err)
		return err;
	c->place[place] = (uint16_t)(c->n_interfaces - 1);
	c->n_section++;
	if (c->n_places < c->n_section)
		c->n_places = c->n_section;
	return 0;
}

static int take_interface(struct capture *c)
{
	struct interface i = { .resolution = 6 };
	uint16_t code, len;
	uint8_t head[8];
	int err = take(c, head, sizeof(head));

	if (err)
		return err;
	i.linktype = get16(c, head);
	i.snaplen = get32(c, head + 4);
	while ((err = take_option(c, &code, &len)) == 1) {
		err = take_interface_option(c, &i, code, len);
		if (err)
			return err;
	}
	return err ? err : place_interface(c, &i);
}

/* ---- pcapng: packets -------------------------------------------------------- */

/* What does not fit 0..NS_NEVER - 1 becomes the nearest that does. */
static ns_t to_ns(const struct interface *i, uint64_t units)
{
	unsigned power = i->resolution & 0x7f;
	__int128 ns = units;

	if (i->resolution & 0x80) {
		ns = ns * NS_PER_S >> power;
	} else {
		for (; power < 9; power++)
			ns *= 10;
		for (; power > 9 && ns; power--)
			ns /= 10;
	}
	ns += (__int128)i->offset_s * NS_PER_S;
	if (ns < 0)
		return 0;
	return ns < NS_NEVER ? (ns_t)ns : NS_NEVER - 1;
}

static int take_packet_option(struct capture *c, struct capture_packet *p,
			      uint16_t code, uint16_t len)
{
	uint8_t value[4] = { 0 };
	int err;

	if (code == OPTION_COMMENT && !p->comment) {
		err = take_padded(c, c->comment, len, CAPTURE_COMMENT_MAX);
		c->comment[len] = '\0';
		p->comment = c->comment;
		return err;
	}
	err = take_padded(c, value, len, sizeof(value));
	if (code == OPTION_FLAGS && len == 4)
		p->direction = get32(c, value) & 3;
	if (p->direction > CAPTURE_OUT)
		p->direction = CAPTURE_UNKNOWN;
	return err;
}

static const struct interface *find_interface(struct capture *c,
					      uint32_t number,
					      struct capture_packet *p)
{
	if (number >= c->n_section) {
		capture_fail(c, -EBADMSG, "packet %" PRIu64 " is of interface %" PRIu32
		     ", but there are %" PRIu32, c->packets + 1, number,
		     c->n_section);
		return NULL;
	}
	p->interface = c->place[number];
	p->linktype = c->interfaces[p->interface].linktype;
	return &c->interfaces[p->interface];
}

static int take_data(struct capture *c, struct capture_packet *p)
{
	if (p->len > CAPTURE_PACKET_MAX || padded(p->len) > c->left)
		return capture_file_claims(c, p->len);
	p->data = c->data;
	return take_padded(c, c->data, p->len, p->len);
}

/* Enhanced, or obsolete: there the number of the interface has 16 bits. */
static int take_packet(struct capture *c, bool is_obsolete,
		       struct capture_packet *p)
{
	const struct interface *i;
	uint16_t code, len;
	uint8_t head[20];
	int err = take(c, head, sizeof(head));

	if (err)
		return err;
	i = find_interface(c, is_obsolete ? get16(c, head) : get32(c, head), p);
	if (!i)
		return -EBADMSG;
	p->time = to_ns(i, (uint64_t)get32(c, head + 4) << 32 |
			   get32(c, head + 8));
	p->len = get32(c, head + 12);
	p->full_len = get32(c, head + 16);
	err = take_data(c, p);
	if (err)
		return err;
	while ((err = take_option(c, &code, &len)) == 1) {
		err = take_packet_option(c, p, code, len);
		if (err)
			return err;
	}
	return err;
}

static int take_simple_packet(struct capture *c, struct capture_packet *p)
{
	const struct interface *i;
	uint8_t head[4];
	int err = take(c, head, sizeof(head));

	if (err)
		return err;
	i = find_interface(c, 0, p);
	if (!i)
		return -EBADMSG;
	p->full_len = get32(c, head);
	p->len = p->full_len;
	if (i->snaplen && p->len > i->snaplen)
		p->len = i->snaplen;
	return take_data(c, p);
}

/* ---- pcapng: blocks --------------------------------------------------------- */

static int take_section(struct capture *c)
{
	uint8_t head[12];	/* major, minor, length of the section */
	int err = take(c, head, sizeof(head));

	if (err)
		return err;
	if (get16(c, head) != 1)
		return capture_fail(c, -EBADMSG, "pcapng version %u.%u is not known",
			    get16(c, head), get16(c, head + 2));
	c->n_section = 0;
	return 0;
}

/* Return: 1: @p is a packet; 0: it was another block; -errno. */
static int take_body(struct capture *c, uint32_t type, struct capture_packet *p)
{
	int err;

	switch (type) {
	case PCAPNG_SECTION:
		return take_section(c);
	case BLOCK_INTERFACE:
		return take_interface(c);
	case BLOCK_PACKET:
	case BLOCK_OBSOLETE_PACKET:
		err = take_packet(c, type == BLOCK_OBSOLETE_PACKET, p);
		break;
	case BLOCK_SIMPLE_PACKET:
		err = take_simple_packet(c, p);
		break;
	default:
		return 0;
	}
	return err ? err : 1;
}

/* The order of bytes, which must be known to read the length before it. */
static int take_order(struct capture *c)
{
	uint8_t order[4];
	int err = capture_file_read(c, order, sizeof(order));

	if (err)
		return err;
	c->swapped = load32(order) != SECTION_ORDER;
	if (get32(c, order) != SECTION_ORDER)
		return capture_fail(c, -EBADMSG, "a section without byte order");
	return 0;
}

/* A block whose first eight bytes are read. Return: as take_body(). */
static int take_block(struct capture *c, const uint8_t head[8],
		      struct capture_packet *p)
{
	uint32_t type = get32(c, head), total, fixed = 12;
	uint8_t again[4];
	int err = 0, is_packet;

	c->in_packet = type == BLOCK_PACKET || type == BLOCK_SIMPLE_PACKET ||
		       type == BLOCK_OBSOLETE_PACKET;
	if (type == PCAPNG_SECTION) {
		err = take_order(c);
		fixed = 16;
	}
	if (err)
		return err;
	total = get32(c, head + 4);
	if (total < fixed || total % 4)
		return capture_fail(c, -EBADMSG, "a block after packet %" PRIu64
			    " claims %" PRIu32 " bytes", c->packets, total);
	c->left = total - fixed;
	is_packet = take_body(c, type, p);
	if (is_packet < 0)
		return is_packet;
	err = capture_file_skip(c, c->left);
	if (!err)
		err = capture_file_read(c, again, sizeof(again));
	if (err)
		return err;
	if (get32(c, again) != total)
		return capture_fail(c, -EBADMSG, "the block after packet %" PRIu64
			    " has two lengths", c->packets);
	return is_packet;
}

static int next_pcapng(struct capture *c, struct capture_packet *p)
{
	uint8_t head[8];

	for (;;) {
		int got = capture_file_some(c, head, sizeof(head));

		if (got <= 0)
			return got;
		if ((uint32_t)got < sizeof(head))
			return capture_file_cut(c);
		*p = (struct capture_packet){ 0 };
		got = take_block(c, head, p);
		if (got)
			return got == 1 ? capture_file_packet(c, p) : got;
	}
}

int capture_pcapng_begin(struct capture *c)
{
	struct capture_packet none;
	uint8_t head[8];
	int err;

	store32(head, PCAPNG_SECTION);
	err = capture_file_read(c, head + 4, 4);
	c->next = next_pcapng;
	return err ? err : take_block(c, head, &none);
}

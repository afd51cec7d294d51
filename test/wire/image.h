/* SPDX-License-Identifier: BSD-2-Clause */
/* image.h - Capture files made in memory, byte by byte, right or wrong */
#ifndef TEST_WIRE_IMAGE_H
#define TEST_WIRE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define IMAGE_MAX (1u << 20)

struct image {
	bool big;		/* byte order of what is put                    */
	size_t n;
	size_t block;		/* where the open block begins                  */
	uint8_t b[IMAGE_MAX];
};

static inline void put_bytes(struct image *i, const void *p, size_t n)
{
	memcpy(i->b + i->n, p, n);
	i->n += n;
}

static inline void put_value(struct image *i, uint64_t v, unsigned n)
{
	for (unsigned at = 0; at < n; at++)
		i->b[i->n++] = (uint8_t)(v >> 8 * (i->big ? n - 1 - at : at));
}

static inline void put16(struct image *i, uint16_t v)
{
	put_value(i, v, 2);
}

static inline void put32(struct image *i, uint32_t v)
{
	put_value(i, v, 4);
}

static inline void put64(struct image *i, uint64_t v)
{
	put_value(i, v, 8);
}

static inline void put_text(struct image *i, const char *text)
{
	put_bytes(i, text, strlen(text));
}

static inline void put_padding(struct image *i)
{
	while ((i->n - i->block) % 4)
		i->b[i->n++] = 0;
}

/* ---- pcap ------------------------------------------------------------------ */

static inline void put_pcap(struct image *i, uint32_t magic, uint16_t minor,
			    uint32_t linktype)
{
	put32(i, magic);
	put16(i, 2);
	put16(i, minor);
	put32(i, 0);
	put32(i, 0);
	put32(i, 65535);
	put32(i, linktype);
}

static inline void put_record(struct image *i, uint32_t s, uint32_t part,
			      const char *data, uint32_t full_len)
{
	put32(i, s);
	put32(i, part);
	put32(i, (uint32_t)strlen(data));
	put32(i, full_len);
	put_text(i, data);
}

/* ---- pcapng ---------------------------------------------------------------- */

static inline void open_block(struct image *i, uint32_t type)
{
	i->block = i->n;
	put32(i, type);
	put32(i, 0);
}

/* Sets the length, at both ends. */
static inline void close_block(struct image *i)
{
	size_t end, total;

	put_padding(i);
	total = i->n + 4 - i->block;
	put32(i, (uint32_t)total);
	end = i->n;
	i->n = i->block + 4;
	put32(i, (uint32_t)total);
	i->n = end;
}

static inline void put_option(struct image *i, uint16_t code, const void *value,
			      uint16_t len)
{
	put16(i, code);
	put16(i, len);
	put_bytes(i, value, len);
	put_padding(i);
}

static inline void put_section(struct image *i, bool big)
{
	i->big = big;
	open_block(i, 0x0a0d0d0a);
	put32(i, 0x1a2b3c4d);
	put16(i, 1);
	put16(i, 0);
	put64(i, UINT64_MAX);
	close_block(i);
}

/* Without options; close_block() follows. */
static inline void open_interface(struct image *i, uint16_t linktype,
				  uint32_t snaplen)
{
	open_block(i, 1);
	put16(i, linktype);
	put16(i, 0);
	put32(i, snaplen);
}

static inline void put_interface(struct image *i, uint16_t linktype)
{
	open_interface(i, linktype, 0);
	close_block(i);
}

/* Enhanced packet block without options; close_block() follows. */
static inline void open_packet(struct image *i, uint32_t interface,
			       uint64_t time, const char *data)
{
	open_block(i, 6);
	put32(i, interface);
	put32(i, (uint32_t)(time >> 32));
	put32(i, (uint32_t)time);
	put32(i, (uint32_t)strlen(data));
	put32(i, (uint32_t)strlen(data));
	put_text(i, data);
	put_padding(i);
}

static inline void put_packet(struct image *i, uint32_t interface,
			      uint64_t time, const char *data)
{
	open_packet(i, interface, time, data);
	close_block(i);
}

#endif

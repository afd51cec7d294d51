/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture_file.h - A capture that is being read, inside the reader
 *
 * For capture_read.c and capture_pcapng.c alone.
 */
#ifndef WIRE_CAPTURE_FILE_H
#define WIRE_CAPTURE_FILE_H

#include "wire/capture.h"
#include "wire/spec.h"

#define NS_PER_S 1000000000
#define PCAPNG_SECTION 0x0a0d0d0a	/* reads the same in both byte orders   */

struct interface {
	uint16_t linktype;
	uint8_t resolution;	/* -log10 of seconds; -log2 with the top bit    */
	uint32_t snaplen;
	int64_t offset_s;
	char name[CAPTURE_NAME_MAX];
};

struct capture {
	FILE *file;
	bool own_file;
	char *name;
	int (*next)(struct capture *c, struct capture_packet *p);
	int state;		/* 1: reading; else what capture_next() returns */
	bool swapped;
	bool in_packet;		/* for the text when the file ends              */
	uint64_t packets;	/* read so far                                  */

	/* pcap */
	uint32_t unit_ns;	/* of the second half of a time                 */
	uint32_t record_bytes;
	bool lengths_swapped;
	bool lengths_unsure;

	/* pcapng */
	uint32_t left;		/* of the block's body, not taken yet           */
	uint32_t n_section;	/* interfaces of this section so far            */
	uint32_t n_places;	/* of any section so far                        */
	uint16_t place[CAPTURE_INTERFACES_MAX];	/* -> interfaces[]              */

	uint32_t n_interfaces;
	uint32_t room;		/* of interfaces[]                              */
	struct interface *interfaces;

	struct wire_error error;

	/* Not cleared when it is allocated. */
	uint8_t data[CAPTURE_PACKET_MAX];
	char comment[CAPTURE_COMMENT_MAX + 1];
	char buffer[1 << 16];	/* of @file                                     */
};

/* capture_fail(c, -errno, format, ...) - Return: the -errno */
#define capture_fail(c, err, ...) \
	spec_error(&(c)->error, err, (c)->name, __VA_ARGS__)

static inline uint16_t get16(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap16(load16(at)) : load16(at);
}

static inline uint32_t get32(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap32(load32(at)) : load32(at);
}

static inline uint64_t get64(const struct capture *c, const void *at)
{
	return c->swapped ? __builtin_bswap64(load64(at)) : load64(at);
}

/**
 * capture_file_some() - Read up to @bytes
 *
 * Return: how many, less than @bytes at the end of the file only; -errno.
 */
int capture_file_some(struct capture *c, void *to, uint32_t bytes);

/** capture_file_read() - Read @bytes; Return: 0 or -errno, also for the end */
int capture_file_read(struct capture *c, void *to, uint32_t bytes);

/** capture_file_skip() - Read @bytes for nothing; Return: 0 or -errno */
int capture_file_skip(struct capture *c, uint32_t bytes);

/** capture_file_cut() - The file ends too early; Return: -EBADMSG */
int capture_file_cut(struct capture *c);

/** capture_file_claims() - A packet of @bytes cannot be; Return: -EBADMSG */
int capture_file_claims(struct capture *c, uint32_t bytes);

/** capture_file_packet() - @p is complete; Return: 1 */
int capture_file_packet(struct capture *c, struct capture_packet *p);

/** capture_file_interface() - Append to interfaces[]; Return: 0 or -errno */
int capture_file_interface(struct capture *c, const struct interface *i);

/** capture_pcapng_begin() - After the first 4 bytes; Return: 0 or -errno */
int capture_pcapng_begin(struct capture *c);

#endif

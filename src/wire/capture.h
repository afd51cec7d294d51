/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - Capture files: read pcap and pcapng, write pcapng
 *
 * Read by our own code and not by libpcap because the comments of packets are
 * needed (tto segment reads from them how an aggregate was made), because a
 * file may have interfaces of different link types, and because the program
 * depends on libc alone. The tests compare with libpcap.
 *
 * Everything in a file is checked: it may come from anywhere.
 */
#ifndef WIRE_CAPTURE_H
#define WIRE_CAPTURE_H

#include "wire/wire.h"

#define CAPTURE_PACKET_MAX (1u << 20)	/* bytes of one packet, captured        */
#define CAPTURE_INTERFACES_MAX 4096

enum capture_direction {
	CAPTURE_UNKNOWN,
	CAPTURE_IN,
	CAPTURE_OUT,
};

struct capture_packet {
	const uint8_t *data;	/* read: until the next capture_next()          */
	uint32_t len;		/* captured                                     */
	uint32_t full_len;	/* on the wire; never less than len             */
	ns_t time;		/* since 1970                                   */
	uint16_t linktype;	/* read: of its interface                       */
	uint32_t interface;	/* numbered from 0 over all sections of a file  */
	const char *comment;	/* one line, or NULL; as data                   */
	uint8_t direction;	/* enum capture_direction                       */
};

struct capture;
struct capture_writer;

/**
 * capture_open() - Open a capture for reading
 * @path:	"-" is standard input
 *
 * Return: 0, or -errno with @error filled in.
 */
MUST_CHECK int capture_open(struct capture **out, const char *path,
			    struct wire_error *error);

/**
 * capture_next() - Read the next packet
 *
 * Return: 1 with @p filled in; 0 at the end; -EBADMSG or another -errno:
 * capture_error() says what is wrong.
 */
MUST_CHECK int capture_next(struct capture *c, struct capture_packet *p);

/** capture_error() - One line about the failure of capture_next() */
const char *capture_error(const struct capture *c);
/** capture_name() - The path it was opened by */
const char *capture_name(const struct capture *c);
/** capture_close() - NULL is allowed */
void capture_close(struct capture *c);

/**
 * capture_create() - Begin to write a pcapng file
 * @path:	The file appears under this name when it is finished; until then
 *		it is a temporary one beside it. "-" is standard output; what is
 *		not a regular file is written to directly
 */
MUST_CHECK int capture_create(struct capture_writer **out, const char *path,
			      struct wire_error *error);

/** capture_add_interface() - A further interface; @idx is its number */
MUST_CHECK int capture_add_interface(struct capture_writer *w,
				     uint16_t linktype, const char *name,
				     uint32_t *idx);

/** capture_write() - Append a packet of an interface that was added */
MUST_CHECK int capture_write(struct capture_writer *w,
			     const struct capture_packet *p);

/** capture_temporary() - Name of the temporary file, NULL when there is none */
const char *capture_temporary(const struct capture_writer *w);

/**
 * capture_finish() - Complete the file and give it its name; @w is gone
 *
 * Return: 0, or -errno with @error filled in; the temporary file is removed
 * then.
 */
MUST_CHECK int capture_finish(struct capture_writer *w,
			      struct wire_error *error);

/** capture_abort() - Remove what was written; @w is gone. NULL is allowed */
void capture_abort(struct capture_writer *w);

#endif

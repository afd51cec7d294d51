/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * capture.h - Capture files: read pcap and pcapng, write pcapng
 *
 * Read by our own code and not by libpcap because the comments of packets are
 * needed (tto segment reads from them how an aggregate was made), because a
 * file may have interfaces of different link types, and because the program
 * depends on libc alone. The tests compare with libpcap and tshark.
 *
 * A file may come from anywhere: nothing in it is believed unchecked, memory
 * is bounded whatever it says, and what is wrong is told in one line.
 *
 * Limits: a packet is at most CAPTURE_PACKET_MAX bytes, as for libpcap and
 * tshark; a reader or a writer belongs to one thread.
 */
#ifndef WIRE_CAPTURE_H
#define WIRE_CAPTURE_H

#include <stdio.h>

#include "wire/wire.h"

#define CAPTURE_PACKET_MAX 262144u	/* captured bytes                       */
#define CAPTURE_COMMENT_MAX 65535u	/* bytes, without the NUL               */
#define CAPTURE_INTERFACES_MAX 4096u	/* of all sections of a file            */
#define CAPTURE_NAME_MAX 64u		/* of an interface, with the NUL        */

enum capture_direction {
	CAPTURE_UNKNOWN = 0,
	CAPTURE_IN = 1,	/* as in the option epb_flags                   */
	CAPTURE_OUT = 2,
};

struct capture_packet {
	const uint8_t *data;	/* read: until the next capture_next()          */
	uint32_t len;		/* captured; 0..CAPTURE_PACKET_MAX              */
	uint32_t full_len;	/* on the wire; read: never less than len       */
	ns_t time;		/* since 1970; 0: the file does not say         */
	uint16_t linktype;	/* LINKTYPE_; read: of its interface            */
	uint8_t direction;	/* enum capture_direction                       */
	uint32_t interface;	/* from 0. Sections of a file count on, but an
				 * interface of equal place, name and link type
				 * is the same one                              */
	const char *comment;	/* the first of the packet, or NULL; as data    */
};

struct capture_interface {
	uint16_t linktype;
	uint32_t snaplen;	/* 0: no limit                                  */
	const char *name;	/* "" when the file does not say                */
};

struct capture;
struct capture_writer;

/**
 * capture_open() - Open a capture for reading
 * @out:	Set on success; release with capture_close()
 * @path:	"-" is standard input
 * @error:	Filled in on failure
 *
 * Return: 0; -EBADMSG when it is no capture; -ENOTSUP when it is compressed;
 * another -errno of opening or reading it.
 */
MUST_CHECK int capture_open(struct capture **out, const char *path,
			    struct wire_error *error);

/**
 * capture_open_file() - The same for an open stream
 * @file:	Read from where it stands; stays the caller's to close, after
 *		capture_close()
 * @name:	For messages
 */
MUST_CHECK int capture_open_file(struct capture **out, FILE *file,
				 const char *name, struct wire_error *error);

/**
 * capture_next() - Read the next packet
 * @p:		Filled in
 *
 * Return: 1; 0 at the end; -EBADMSG (the file is damaged) or another -errno,
 * then capture_error() says what is wrong. The end and a failure stay.
 */
MUST_CHECK int capture_next(struct capture *c, struct capture_packet *p);

/**
 * capture_get_interface() - What is known of interface @number
 *
 * Return: false when no packet so far can have named it. @i->name is valid
 * until the next capture_next().
 */
bool capture_get_interface(const struct capture *c, uint32_t number,
			   struct capture_interface *i);

/** capture_error() - One line about the failure of capture_next() */
const char *capture_error(const struct capture *c);
/** capture_name() - The path it was opened by */
const char *capture_name(const struct capture *c);
/** capture_close() - NULL is allowed */
void capture_close(struct capture *c);

/**
 * capture_create() - Begin to write a pcapng file
 * @out:	Set on success; release with capture_finish() or capture_abort()
 * @path:	The file gets this name when it is finished; until then it is a
 *		temporary one in the same directory. "-" is standard output;
 *		what is there and not a regular file is written to directly
 * @error:	Filled in on failure
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int capture_create(struct capture_writer **out, const char *path,
			      struct wire_error *error);

/**
 * capture_add_interface() - Describe a further interface, at any time
 * @linktype:	LINKTYPE_ of its packets
 * @name:	Cut after CAPTURE_NAME_MAX - 1 bytes; "" or NULL: none
 * @idx:	Its number, for struct capture_packet
 *
 * Return: 0; -E2BIG: too many; -errno of writing.
 */
MUST_CHECK int capture_add_interface(struct capture_writer *w,
				     uint16_t linktype, const char *name,
				     uint32_t *idx);

/**
 * capture_write() - Append a packet
 * @p:		Its interface was added; linktype is not read; a full_len less
 *		than len stands for len; the comment is NULL or at most
 *		CAPTURE_COMMENT_MAX bytes
 *
 * Return: 0; -EINVAL: no such interface, or the comment is too long; -EMSGSIZE:
 * longer than CAPTURE_PACKET_MAX; -errno of writing, which stays.
 */
MUST_CHECK int capture_write(struct capture_writer *w,
			     const struct capture_packet *p);

/**
 * capture_write_frame() - Append a wire's frame
 * @name:	Of the interface that is added when the first frame of its link
 *		type comes
 * @p:		time, direction and comment are read
 * @frame:	The rest; cut to CAPTURE_PACKET_MAX when it is longer
 *
 * Return: as capture_write() and capture_add_interface().
 */
MUST_CHECK int capture_write_frame(struct capture_writer *w, const char *name,
				   const struct capture_packet *p,
				   const struct wire_frame *frame);

/* What an interface has had, when it is over. */
struct capture_statistics {
	ns_t begin, end;	/* since 1970                                   */
	uint64_t received;	/* frames, with those that were dropped         */
	uint64_t dropped;
};

/**
 * capture_write_statistics() - Append what interface @idx, which was added, has had
 *
 * Return: 0; -EINVAL: no such interface; -errno of writing.
 */
MUST_CHECK int capture_write_statistics(struct capture_writer *w, uint32_t idx,
					const struct capture_statistics *s);

/** capture_flush() - Let whoever reads the file see all so far. Return: 0 or -errno */
MUST_CHECK int capture_flush(struct capture_writer *w);

/**
 * capture_temporary() - Name of the temporary file, NULL when there is none
 *
 * For signal handlers, which may unlink(2) it but not call capture_abort().
 * Valid until capture_finish() or capture_abort().
 */
const char *capture_temporary(const struct capture_writer *w);

/**
 * capture_finish() - Complete the file and give it its name
 * @w:		Released, whatever the result
 * @error:	Filled in on failure; NULL is allowed
 *
 * Return: 0; -errno of this or of an earlier write: the temporary file is
 * removed then, and what had the name before is untouched.
 */
MUST_CHECK int capture_finish(struct capture_writer *w,
			      struct wire_error *error);

/** capture_abort() - Remove what was written, release @w; NULL is allowed */
void capture_abort(struct capture_writer *w);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frames.h - Frames for tests, written field by field
 *
 * Deliberately slow and plain, and with a checksum of its own: nothing here is
 * shared with the code under test. A struct frame_spec is what a test would say
 * of a frame; frame_build() writes the bytes. frame_defaults() gives an ordinary
 * full-sized TCP data segment, so that a test names only what matters to it.
 */
#ifndef TEST_NIC_FRAMES_H
#define TEST_NIC_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tto/engine.h"

#define FRAME_MAX_TAGS 4
#define FRAME_MAX_BYTES (65535 + 64 + 4 * FRAME_MAX_TAGS)

enum {				/* bits of frame_spec.flags                     */
	F_FIN = 0x01, F_SYN = 0x02, F_RST = 0x04, F_PSH = 0x08,
	F_ACK = 0x10, F_URG = 0x20, F_ECE = 0x40, F_CWR = 0x80,
	F_AE = 0x100, F_RESERVED = 0xe00,
};

enum {				/* bits of frame_spec.fragment                  */
	F_IP_RESERVED = 0x8000, F_DF = 0x4000, F_MF = 0x2000,
};

enum frame_sum {
	SUM_RIGHT,
	SUM_WRONG,
	SUM_ALL_ONES,		/* the field is 0xffff where 0 would be written:
				 * as right, but not as anybody computes it.
				 * TCP: the first two payload bytes are chosen so;
				 * IPv4: the ID                                 */
};

struct frame_spec {
	uint8_t link;		/* enum tto_link                                */
	uint8_t mac;		/* low byte of both MAC addresses               */
	uint8_t n_tags;		/* 0 .. FRAME_MAX_TAGS, outer first             */
	uint16_t tpid[FRAME_MAX_TAGS];
	uint16_t tci[FRAME_MAX_TAGS];

	bool v6;
	uint16_t source, destination;		/* low bytes of the addresses   */
	uint16_t source_port, destination_port;
	uint8_t tos, ttl;
	uint16_t id;
	uint16_t fragment;	/* IPv4: reserved, DF, MF, offset / 8           */
	uint32_t flow_label;
	uint8_t protocol;
	uint8_t ip_extra[40];	/* IPv4 options, or IPv6 extension headers      */
	uint8_t ip_extra_len;
	uint8_t next_header;	/* IPv6 with ip_extra: what the fixed header says */

	uint32_t seq, ack;
	uint16_t flags, window, urgent;
	uint8_t options[40];
	uint8_t options_len;	/* a multiple of 4                              */
	uint32_t payload_len;
	uint32_t stream;	/* payload: frame_stream_byte(stream, seq + i)  */
	uint16_t trailer;	/* bytes of 0xee behind the IP datagram         */

	uint8_t csum;		/* enum tto_csum: what the wire says of it      */
	uint16_t gso_size;	/* likewise                                     */
	bool truncated;		/* likewise                                     */
	uint8_t tcp_sum, ip_sum;	/* enum frame_sum                       */
};

/** frame_defaults() - IPv4 over Ethernet, 1000 bytes, ACK, TTL 64, DF. */
struct frame_spec frame_defaults(void);

/** frame_build() - Write a frame; @out has FRAME_MAX_BYTES. Return: its length. */
uint32_t frame_build(const struct frame_spec *spec, uint8_t *out);

/** frame_timestamp() - NOP NOP TIMESTAMP as the only options. */
void frame_timestamp(struct frame_spec *spec, uint32_t tsval, uint32_t tsecr);

/** frame_options() - Any options; padded with NOP to a multiple of 4. */
void frame_options(struct frame_spec *spec, const void *options, uint8_t len);

/** frame_sack() - One SACK block (behind whatever options are there). */
void frame_sack(struct frame_spec *spec, uint32_t left, uint32_t right);

/** frame_tag() - Add a VLAN tag inside those that are there. */
void frame_tag(struct frame_spec *spec, uint16_t tpid, uint16_t tci);

/** frame_reverse() - Swap source and destination. */
void frame_reverse(struct frame_spec *spec);

/** frame_link_bytes() - Length of the link header of @spec. */
uint32_t frame_link_bytes(const struct frame_spec *spec);

/** frame_header_bytes() - Link, IP and TCP header of @spec. */
uint32_t frame_header_bytes(const struct frame_spec *spec);

/** frame_stream_byte() - Byte at position @seq of byte stream @stream. */
uint8_t frame_stream_byte(uint32_t stream, uint32_t seq);

/* Big-endian numbers in bytes. */
uint16_t get16(const uint8_t *p);
uint32_t get32(const uint8_t *p);
void put16(uint8_t *p, uint16_t v);
void put32(uint8_t *p, uint32_t v);

/**
 * naive_sum() - RFC 1071, one 16-bit word after the other
 * @start:	Sum so far, 0 at first
 *
 * Return: sum, folded to 16 bits, not complemented.
 */
uint16_t naive_sum(uint16_t start, const uint8_t *p, size_t len);

/**
 * naive_pseudo() - Sum of the pseudo header
 * @ip:		IPv4 or IPv6 header
 * @len:	TCP header and payload [bytes]
 */
uint16_t naive_pseudo(const uint8_t *ip, bool v6, uint32_t len);

#endif

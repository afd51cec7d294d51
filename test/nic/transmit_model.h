/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transmit_model.h - Random units, and a slow and obvious segmenter to compare
 *
 * The model knows where it has put what, so it parses nothing; it computes every
 * checksum byte by byte from a pseudo header that it writes out; it shares no
 * code with what it judges.
 */
#ifndef TEST_TRANSMIT_MODEL_H
#define TEST_TRANSMIT_MODEL_H

#include <tto/engine.h>

#define MODEL_HEADER_MAX 440

struct rng {
	uint64_t state;
};

/* 0 .. n-1; n is not 0. */
uint32_t rng_below(struct rng *r, uint32_t n);
bool rng_chance(struct rng *r, uint32_t in_n);
void rng_fill(struct rng *r, uint8_t *p, uint32_t len);

/* A header as it was built, and where its parts are. */
struct model_header {
	uint8_t bytes[MODEL_HEADER_MAX];
	uint32_t len;
	uint32_t l3, l4;
	uint32_t split;		/* IPv6: end of the unfragmentable part         */
	uint32_t split_next;	/* IPv6: which byte names what follows it       */
	uint8_t final[16];	/* destination in the pseudo header             */
	uint8_t link;		/* enum tto_link                                */
	uint8_t protocol;	/* at l4                                        */
	bool v6;
	bool fragment;		/* IPv6: ends with a fragment header            */
};

/* Link header and IP, with options or extension headers in one case of four. */
void model_ip(struct rng *r, struct model_header *h, uint8_t protocol);
/* The same with the version chosen, and no options. */
void model_plain_ip(struct model_header *h, uint8_t link, bool v6,
		    uint8_t protocol);
/* A TCP header of 20..60 bytes; @flags in the low 12 bits. */
void model_tcp(struct rng *r, struct model_header *h, uint16_t flags);
void model_udp(struct rng *r, struct model_header *h);

/* Payload, and the same bytes as a list: empty elements, odd lengths. */
struct model_payload {
	uint8_t *bytes;
	uint32_t len;
	struct iovec *iov;	/* each element is memory of its own            */
	uint32_t n;
};

void model_payload_make(struct rng *r, struct model_payload *p, uint32_t len);
void model_payload_free(struct model_payload *p);

/* A frame that came out, payload put behind the header. */
struct model_frame {
	uint8_t *bytes;
	uint32_t len;
	uint32_t header_len;	/* what was written to the slot in gather form  */
};

struct model_frames {
	struct model_frame *frame;
	uint32_t n;
};

/* How slots are offered. */
enum model_form {
	MODEL_CONTIGUOUS,
	MODEL_GATHER,
	MODEL_MIXED,
	N_MODEL_FORMS
};

/*
 * Takes all frames of a unit, some at a time, some slots too small; fails the
 * test when the contract of tto_segmenter_next() is broken or a byte beside a
 * frame was written. Return: what begin() returned.
 */
int model_collect(struct rng *r, const struct tto_unit *unit,
		  enum model_form form, struct model_frames *out);
void model_frames_free(struct model_frames *f);

/* ---- Checksums, naively ---------------------------------------------------- */

/* RFC 1071 over @len bytes, on top of @sum; big-endian words, not folded. */
uint64_t model_sum(uint64_t sum, const uint8_t *p, uint32_t len);
/* Folded to 16 bits, not complemented. */
uint16_t model_fold(uint64_t sum);
/* Pseudo header for @len bytes of transport. */
uint64_t model_pseudo_sum(const struct model_header *h, uint32_t len);

uint16_t model_get16(const uint8_t *p);
uint32_t model_get32(const uint8_t *p);
void model_put16(uint8_t *p, uint32_t v);
void model_put32(uint8_t *p, uint32_t v);

/* Writes IP lengths and the IPv4 checksum for @bytes behind the link header. */
void model_finish_ip(const struct model_header *h, uint8_t *frame,
		     uint32_t bytes);

/* Fails with the seed and the place of the first difference. */
void model_compare(uint64_t seed, uint32_t idx, const struct model_frame *got,
		   const uint8_t *want, uint32_t len);

#endif

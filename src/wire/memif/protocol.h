/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protocol.h - memif, version 2.0: its messages, rings and descriptors
 *
 * Two processes on one machine share memory. They agree on it over a socket
 * (Unix, SOCK_SEQPACKET), a message of 128 bytes at a time:
 *
 *	server					client
 *	HELLO		what it can take  ->
 *			<-  INIT		which interface, how
 *			<-  ADD_REGION + fd	memory, each answered by ACK
 *			<-  ADD_RING + fd	a ring in it, and its eventfd
 *			<-  CONNECT
 *	CONNECTED			  ->
 *			<- DISCONNECT ->	why; or just the end of the socket
 *
 * (They were called master and slave. DPDK and older texts say S2M for rings from
 * client to server, M2S for the others.)
 *
 * The client owns all memory. In either direction a ring's head is the client's
 * to move, its tail the server's: the slots from tail to head belong to the
 * server, the rest to the client.
 *
 *	client to server	frames lie in what the client hands over
 *	server to client	the client hands over empty buffers, and gets frames
 *
 *	ring + 0      4       6              64             128
 *	     | cookie | flags | head | ...   | tail | ...   | descriptors ...
 *
 * Numbers are in the byte order of the machine; indices are 16 bits and wrap.
 *
 * Source: the memif plugin of FD.io VPP and the memif poll mode driver of DPDK,
 * which have the layouts in headers, and the latter's guide.
 */
#ifndef WIRE_MEMIF_PROTOCOL_H
#define WIRE_MEMIF_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>

#define MEMIF_VERSION 0x0200		/* major, minor                         */
#define MEMIF_COOKIE 0x03e31f20u
#define MEMIF_LOG2_RING_MAX 14

enum {
	MEMIF_NAME_BYTES = 32,		/* with the NUL, if there is room       */
	MEMIF_SECRET_BYTES = 24,
	MEMIF_REASON_BYTES = 96,
	MEMIF_MESSAGE_BYTES = 128,
	MEMIF_DESCRIPTORS_AT = 128,	/* in a ring                            */
};

enum memif_type {
	MEMIF_ACK = 1,
	MEMIF_HELLO,
	MEMIF_INIT,
	MEMIF_ADD_REGION,
	MEMIF_ADD_RING,
	MEMIF_CONNECT,
	MEMIF_CONNECTED,
	MEMIF_DISCONNECT,
};

enum memif_mode {			/* what a frame begins with             */
	MEMIF_ETHERNET,
	MEMIF_IP,
	MEMIF_PUNT_INJECT,
};

enum {
	MEMIF_TO_SERVER = 1,		/* add_ring.flags                       */
	MEMIF_MASK_INTERRUPT = 1,	/* ring.flags, the receiver's to set    */
	MEMIF_NEXT = 1,			/* descriptor.flags: the frame goes on
					 * in the next slot                     */
};

struct memif_hello {
	char name[MEMIF_NAME_BYTES];
	uint16_t min_version, max_version;
	uint16_t max_region;		/* these three: the greatest index      */
	uint16_t max_to_client, max_to_server;
	uint8_t max_log2_ring;
} __attribute__((packed));

struct memif_init {
	uint16_t version;
	uint32_t id;
	uint8_t mode;
	char secret[MEMIF_SECRET_BYTES];
	char name[MEMIF_NAME_BYTES];
} __attribute__((packed));

struct memif_add_region {
	uint16_t index;
	uint64_t bytes;
} __attribute__((packed));

struct memif_add_ring {
	uint16_t flags;
	uint16_t index;			/* counted for each direction           */
	uint16_t region;
	uint32_t offset;
	uint8_t log2_ring;
	uint16_t private_bytes;		/* before each frame                    */
} __attribute__((packed));

struct memif_connect {
	char name[MEMIF_NAME_BYTES];
} __attribute__((packed));

struct memif_disconnect {
	uint32_t code;
	char reason[MEMIF_REASON_BYTES];
} __attribute__((packed));

struct memif_message {
	uint16_t type;
	union {
		struct memif_hello hello;
		struct memif_init init;
		struct memif_add_region add_region;
		struct memif_add_ring add_ring;
		struct memif_connect connect;	/* and CONNECTED                */
		struct memif_disconnect disconnect;
		uint8_t bytes[MEMIF_MESSAGE_BYTES - 2];
	};
} __attribute__((packed));

struct memif_descriptor {
	uint16_t flags;
	uint16_t region;
	uint32_t length;		/* of the frame's part; empty: of the buffer */
	uint32_t offset;
	uint32_t metadata;
};

struct memif_ring {
	uint32_t cookie;
	uint16_t flags;
	uint16_t head;
	uint8_t reserved1[56];
	uint16_t tail;
	uint8_t reserved2[62];
	struct memif_descriptor descriptors[];
};

_Static_assert(sizeof(struct memif_hello) == 43, "layout");
_Static_assert(sizeof(struct memif_init) == 63, "layout");
_Static_assert(sizeof(struct memif_add_region) == 10, "layout");
_Static_assert(sizeof(struct memif_add_ring) == 13, "layout");
_Static_assert(sizeof(struct memif_message) == MEMIF_MESSAGE_BYTES, "layout");
_Static_assert(sizeof(struct memif_descriptor) == 16, "four to a cache line");
_Static_assert(offsetof(struct memif_ring, head) == 6, "layout");
_Static_assert(offsetof(struct memif_ring, tail) == 64, "a line of its own");
_Static_assert(offsetof(struct memif_ring, descriptors) == MEMIF_DESCRIPTORS_AT,
	       "layout");

#endif

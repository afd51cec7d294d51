/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steer.h - Whose packet is it?
 *
 * What the coalescer hands up goes to the flow with its tuple; else, for TCP, to
 * who listens for its local side; else to who owns the address, who also gets
 * everything that is not TCP; else it is nobody's, and the owner of the device has it.
 * An ICMP error is for the flow that it quotes, when that wants them.
 * Source: SPEC AG-1, AG-3, RX-1.
 */
#ifndef NIC_CLIENT_STEER_H
#define NIC_CLIENT_STEER_H

#include "nic/client/state.h"

/* A segment or an aggregate, as its headers say. */
struct arrival {
	const struct tto_packet *packet;
	const uint8_t *header;	/* from the link header on                      */
	const uint8_t *payload;	/* of a segment alone; aggregates: in the packet */
	uint32_t payload_bytes;
	uint32_t seq, ack;
	uint16_t header_bytes;	/* link, IP, TCP                                */
	uint16_t l3, l4;
	uint16_t flags;		/* 12 bits                                      */
	bool v6;
};

/** steer_packet() - tto_deliver_fn of the coalescer; @ctx is the device */
void steer_packet(void *ctx, const struct tto_packet *packet);

#endif

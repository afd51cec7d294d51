/* SPDX-License-Identifier: BSD-2-Clause */
/* echo.h - Answer a ping */
#ifndef PACKET_ECHO_H
#define PACKET_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#define ECHO_FRAME_MAX 9216	/* longer ones are not answered                 */

/* Where an echo request says that it goes. */
struct echo_request {
	bool v6;
	uint8_t destination[16];	/* as in struct tcp_tuple               */
};

/**
 * echo_parse() - Whether a frame is an echo request that can be answered
 * @frame:	Ethernet without tags; hostile
 * @request:	Set when it is
 *
 * Fragments, IP options, and wrong checksums are not.
 * Source: RFC 792; RFC 4443 §4.1.
 */
bool echo_parse(const uint8_t *frame, uint32_t len, struct echo_request *request);

/**
 * echo_answer() - Turn the request round
 * @frame:	That echo_parse() said true to; changed into the answer, of the same
 *		length
 */
void echo_answer(uint8_t *frame);

#endif

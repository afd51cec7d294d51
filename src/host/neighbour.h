/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neighbour.h - Answer for the host's own addresses, and find others'
 *
 * DOC: Theory of operation
 * For a device that has addresses of its own, without a kernel behind it. Questions for
 * them are answered, pings too. Others are asked for when somebody wants to send there:
 * three times, a second apart; then they are known for half a minute, and asked for
 * again when they are wanted after that, while the old answer still serves. Only what
 * was asked for gets into the table, so that nobody can fill it; who is in it and says
 * that he has moved is believed, as the protocols have it.
 *
 * Limits: Ethernet without tags; ENTRIES at once, of which the one that was not wanted
 * for the longest time makes room. Neither duplicates nor routers are looked for.
 * Source: RFC 826; RFC 4861 §7.2, §10.
 */
#ifndef HOST_NEIGHBOUR_H
#define HOST_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "wire/wire.h"

#define NEIGHBOURS_ASKED 8
#define NEIGHBOURS_ALONE UINT32_MAX

struct neighbours;
struct host_address;

/**
 * neighbours_open() - With these addresses, on this wire
 * @wire:	For questions and answers; of the caller
 * @own:	Of the caller, for as long; @n of them
 *
 * Return: NULL without memory.
 */
struct neighbours *neighbours_open(struct wire *wire, const uint8_t mac[6],
				   const struct host_address *own, uint32_t n);

/** neighbours_attach() - Another wire from now on: in another process that has @n */
void neighbours_attach(struct neighbours *n, struct wire *wire);

/** neighbours_close() - NULL is allowed */
void neighbours_close(struct neighbours *n);

/**
 * neighbours_find() - The MAC address of somebody on the link
 * @own:	Which of the addresses asks
 * @who:	For whom: nobody has more than NEIGHBOURS_ASKED questions at a time, so
 *		that one who asks for everybody does not keep others from their answers.
 *		NEIGHBOURS_ALONE: there are no others
 *
 * Return: 0; -EAGAIN: not yet known; -EHOSTUNREACH: did not answer, not long ago.
 */
MUST_CHECK int neighbours_find(struct neighbours *n, const uint8_t address[16],
			       uint32_t own, uint32_t who, ns_t now, uint8_t mac[6]);

/**
 * neighbours_take() - Is a frame of their business?
 *
 * Return: true: it was, and has been dealt with.
 */
bool neighbours_take(struct neighbours *n, const struct wire_frame *frame,
		     ns_t now);

/**
 * neighbours_poll() - Ask again, give up
 *
 * Return: when it has to be called next.
 */
ns_t neighbours_poll(struct neighbours *n, ns_t now);

/**
 * neighbours_changed() - Whether an answer came, or a search ended, since the last call
 */
bool neighbours_changed(struct neighbours *n);

/* Questions and pings that were answered. */
uint64_t neighbours_answered(const struct neighbours *n);

#endif

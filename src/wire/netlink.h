/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netlink.h - Compose netlink requests and wait for their answer
 *
 * A request is put together in place: begin, put ..., send. What does not fit
 * makes it unusable, which netlink_send() reports; so only that call is checked.
 */
#ifndef WIRE_NETLINK_H
#define WIRE_NETLINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define NETLINK_BYTES 1024

/* One or more messages that are sent together. */
struct netlink_request {
	uint32_t len;			/* of all messages                      */
	uint32_t message;		/* offset of the last one               */
	uint32_t sequence;
	int error;			/* the first -errno, or 0               */
	_Alignas(8) uint8_t bytes[NETLINK_BYTES];
};

/**
 * netlink_open() - Open a netlink socket
 * @protocol:	NETLINK_ROUTE, NETLINK_NETFILTER
 *
 * Return: a descriptor for close(2), or -errno.
 */
MUST_CHECK int netlink_open(int protocol);

/**
 * netlink_begin() - Begin a message, behind those that are there already
 * @r:		All zero before the first message
 * @type:	nlmsg_type
 * @flags:	nlmsg_flags, NLM_F_REQUEST is added
 * @head:	Fixed part of the message
 * @head_len:	Its bytes
 */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags,
		   const void *head, size_t head_len);

/** netlink_put() - Append an attribute with @len bytes at @data */
void netlink_put(struct netlink_request *r, uint16_t type, const void *data,
		 size_t len);

/** netlink_put_text() - Append an attribute with a string and its 0 */
void netlink_put_text(struct netlink_request *r, uint16_t type,
		      const char *text);

/**
 * netlink_nest() - Open an attribute that holds attributes
 *
 * Return: what netlink_nest_end() needs.
 */
uint32_t netlink_nest(struct netlink_request *r, uint16_t type);

/** netlink_nest_end() - Close what netlink_nest() opened */
void netlink_nest_end(struct netlink_request *r, uint32_t nest);

/**
 * netlink_send() - Send and wait for an answer
 * @fd:		Of netlink_open()
 * @r:		One of its messages has NLM_F_ACK, or asks for one answer
 * @answer:	NULL, or room for the first answer that is not an acknowledgement
 * @size:	Bytes of room
 *
 * Waits a second at most.
 *
 * Return: bytes of the answer, 0 for an acknowledgement, or -errno.
 */
MUST_CHECK int netlink_send(int fd, const struct netlink_request *r,
			    void *answer, size_t size);

#endif

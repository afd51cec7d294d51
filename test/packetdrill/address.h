/* SPDX-License-Identifier: BSD-2-Clause */
/* address.h - An address and port of IPv4 or IPv6, as one type */
#ifndef TEST_PACKETDRILL_ADDRESS_H
#define TEST_PACKETDRILL_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4 is ::ffff:a.b.c.d. Without padding: compared as bytes. */
struct address {
	uint8_t ip[16];
	uint16_t port;		/* host order                                   */
};

bool address_is_v4(const struct address *a);
bool address_is_any(const struct address *a);
bool address_equal_ip(const struct address *a, const struct address *b);
bool address_equal(const struct address *a, const struct address *b);

/* Whether the first @bits of 128 are equal; IPv4: 96 more than its prefix. */
bool address_in_prefix(const struct address *a, const struct address *b,
		       unsigned bits);

/* From the wire: 4 bytes of IPv4, or 16. */
void address_set_ip(struct address *a, const uint8_t *ip, bool v6);

/* The bytes as they go on the wire: 4 of IPv4, or 16. */
const uint8_t *address_wire_ip(const struct address *a);

/**
 * address_read() - From what a program gives to bind() or connect()
 * @v6:		The socket is one of AF_INET6, which takes ::ffff:0:0/96 too
 *
 * Return: 0; -EINVAL, -EAFNOSUPPORT.
 */
int address_read(struct address *a, const struct sockaddr *from, socklen_t len,
		 bool v6);

/**
 * address_write() - To what a program gets from accept()
 * @to:		May be NULL
 * @len:	Room at @to, then bytes that there are
 */
void address_write(const struct address *a, struct sockaddr *to, socklen_t *len,
		   bool v6);

#endif

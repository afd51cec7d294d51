/* SPDX-License-Identifier: BSD-2-Clause */
/* address.h - Between struct sockaddr and a tuple */
#ifndef SOCKET_ADDRESS_H
#define SOCKET_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "packet/tuple.h"

/**
 * address_read() - Address and port of @t's remote side; an IPv4 address in IPv6's form
 * is IPv4
 *
 * Return: false: not of the Internet, or too short.
 */
bool address_read(const struct sockaddr *from, socklen_t bytes, struct tcp_tuple *t);

/**
 * address_write() - As the calls of sockets(7) give it: cut off at *@bytes, which is set
 * @as_v6:	The socket is of IPv6: an IPv4 address gets its form
 */
void address_write(const uint8_t address[16], uint16_t port, bool v6, bool as_v6,
		   struct sockaddr *to, socklen_t *bytes);

#endif

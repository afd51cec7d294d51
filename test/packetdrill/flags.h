/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flags.h - --so_flags: key=value,... (doc/packetdrill.md)
 *
 *	profile=google|rfc	what the scripts expect of TCP; default google
 *	local=ADDRESS/PREFIX	an address of this host; may be repeated. Without it
 *				all of two networks are, from which the tool takes
 *				one at random if it is not told
 */
#ifndef TEST_PACKETDRILL_FLAGS_H
#define TEST_PACKETDRILL_FLAGS_H

#include "base/compiler.h"
#include "packetdrill/address.h"
#include "tcp/config.h"

#define FLAGS_LOCALS_MAX 16

struct local {
	struct address address;	/* port 0                                       */
	unsigned prefix;	/* [bits] of 128; IPv4 begins at 96             */
};

struct flags {
	struct tcp_config config;	/* of the profile                       */
	uint16_t mtu_v4, mtu_v6;	/* of the interface [bytes]             */
	struct local local[FLAGS_LOCALS_MAX];
	unsigned n_local;
	bool any_local;		/* every address with one of these prefixes     */
};

/**
 * flags_parse() - Read --so_flags
 * @f:		Overwritten
 * @text:	May be NULL or empty: the defaults
 *
 * Return: 0; -EINVAL after message() has said what is wrong.
 */
MUST_CHECK int flags_parse(struct flags *f, const char *text);

#endif

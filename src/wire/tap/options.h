/* SPDX-License-Identifier: BSD-2-Clause */
/* options.h - What stands behind "tap:" in a wire's specification, and what it sets */
#ifndef WIRE_TAP_OPTIONS_H
#define WIRE_TAP_OPTIONS_H

#include <net/if.h>

#include "wire/wire.h"

#define TAP_ADDRESSES_MAX 8

struct tap_address {
	uint8_t family;
	uint8_t prefix;
	uint8_t bytes[16];
};

struct tap_options {
	char name[IF_NAMESIZE];
	struct tap_address addresses[TAP_ADDRESSES_MAX];
	unsigned n_addresses;
	uint8_t mac[6];
	bool has_mac;
	unsigned mtu;			/* 0: as it is                          */
	bool up, plain, tso_off;
	bool is_shared;			/* @fd is that of a device which another
					 * process has opened and set up        */
	unsigned fd;
};

/**
 * tap_options_parse() - Read a specification
 * @o:		All zero before
 * @args:	Overwritten
 *
 * Return: 0 or -EINVAL, and @error is set.
 */
MUST_CHECK int tap_options_parse(struct tap_options *o, char *args,
				 struct wire_error *error);

/* Does it change settings of the device? */
bool tap_changes_settings(const struct tap_options *o);

/**
 * tap_configure() - Set addresses, MAC, MTU and state of a device as asked for
 * @index:	Of the interface
 *
 * Return: 0 or -errno, and @error is set.
 */
MUST_CHECK int tap_configure(const struct tap_options *o, int index,
			     struct wire_error *error);

/** tap_refuse() - "tap NAME: WHY"; Return: @err */
int tap_refuse(struct wire_error *error, const char *name, int err, const char *why);

/** tap_refuse_errno() - The same with @what and the text of @err; Return: @err */
int tap_refuse_errno(struct wire_error *error, const char *name, const char *what,
		     int err);

#endif

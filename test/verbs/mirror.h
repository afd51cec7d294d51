/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - A wire whose other end sends back what it gets
 *
 * Link and IPv4 addresses and ports are exchanged, so that what a flow sends comes to
 * it as if the other side had sent it. As a sink it throws everything away.
 */
#ifndef TEST_VERBS_MIRROR_H
#define TEST_VERBS_MIRROR_H

#include "wire/wire.h"

enum mirror_flag {
	MIRROR_SINK = 1,	/* nothing comes back                           */
	MIRROR_WHOLE = 2,	/* frames have to be cut and finished. Else it
				 * takes units of TCP, as a TAP with offloads   */
};

/** mirror_create() - Such a wire. Return: 0; -ENOMEM; -errno. */
MUST_CHECK int mirror_create(struct wire **out, unsigned flags);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mirror.h - A wire whose other end sends back what it gets
 *
 * Link and IPv4 addresses and ports are exchanged, so that what a flow sends comes to
 * it as if the other side had sent it. As a sink it throws everything away.
 */
#ifndef TEST_VERBS_MIRROR_H
#define TEST_VERBS_MIRROR_H

#include <stdbool.h>

#include "wire/wire.h"

/**
 * mirror_create() - Such a wire
 * @is_sink:	Nothing comes back
 *
 * It takes units of TCP, unfinished as they are, as a TAP with offloads does.
 *
 * Return: 0; -ENOMEM; -errno.
 */
MUST_CHECK int mirror_create(struct wire **out, bool is_sink);

#endif

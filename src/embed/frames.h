/* SPDX-License-Identifier: BSD-2-Clause */
/* frames.h - The device that is in this process, over a wire of its own */
#ifndef EMBED_FRAMES_H
#define EMBED_FRAMES_H

#include "embed/embed.h"

/**
 * frames_open() - Open a wire, and attach this process
 * @e:		Zeros; embed_free() it on failure
 * @where:	As of embed_open()
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int frames_open(struct embed *e, const char *where, struct wire_error *error);

/**
 * frames_attach() - In another process
 * @spec:	Of embed_share()
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int frames_attach(struct embed *e, const char *spec, struct wire_error *error);

#endif

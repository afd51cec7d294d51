/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kinds.h - The kinds of wire that a specification can name
 *
 * Each opens a wire from what stands behind "KIND:" in the specification.
 */
#ifndef WIRE_KINDS_H
#define WIRE_KINDS_H

#include "wire/wire.h"

typedef int wire_open_fn(struct wire **out, const char *args,
			 struct wire_error *error);

wire_open_fn afpacket_open;	/* INTERFACE[,OPTION]...                        */
wire_open_fn tap_open;		/* NAME[,OPTION]...                             */
wire_open_fn memif_open;	/* PATH[,OPTION]...                             */
wire_open_fn pair_open;		/* NAME[,OPTION]...                             */
wire_open_fn pcap_open;		/* [FILE][,w=FILE]                              */
wire_open_fn trace_open;	/* FILE:SPECIFICATION                           */
wire_open_fn fault_open;	/* [OPTION=VALUE[,OPTION=VALUE]...]:SPECIFICATION */

/** pcap_error() - One line about the last -errno of wire_recv() on a "pcap" */
const char *pcap_error(const struct wire *w);

#endif

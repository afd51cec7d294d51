/* SPDX-License-Identifier: BSD-2-Clause */
/* linktype.h - Link types of captures, as the device knows them */
#ifndef TOOL_LINKTYPE_H
#define TOOL_LINKTYPE_H

#include <stdint.h>

/**
 * linktype_to_link() - enum tto_link of a LINKTYPE_ number
 *
 * Return: -1 for a link type that the device does not know.
 */
int linktype_to_link(uint16_t linktype);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* linktype.c - Link types of captures, as the device knows them */
#include "tool/linktype.h"

#include <tto/engine.h>

int linktype_to_link(uint16_t linktype)
{
	switch (linktype) {
	case 0:		/* LINKTYPE_NULL */
	case 108:	/* LINKTYPE_LOOP */
		return TTO_LINK_NULL;
	case 1:		/* LINKTYPE_ETHERNET */
		return TTO_LINK_ETHERNET;
	case 12:	/* raw IP, as some systems number it */
	case 14:
	case 101:	/* LINKTYPE_RAW */
	case 228:	/* LINKTYPE_IPV4 */
	case 229:	/* LINKTYPE_IPV6 */
		return TTO_LINK_IP;
	case 113:	/* LINKTYPE_LINUX_SLL */
		return TTO_LINK_SLL;
	case 276:	/* LINKTYPE_LINUX_SLL2 */
		return TTO_LINK_SLL2;
	default:
		return -1;
	}
}

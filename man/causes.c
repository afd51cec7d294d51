// SPDX-License-Identifier: BSD-2-Clause
/* causes.c - Print tto-causes(7) as scdoc, from the lists that device and stack use */
#include <ctype.h>
#include <stdio.h>
#include <tto/engine.h>

#include "socket/cause.h"

static void print_cause(const char *name, const char *text)
{
	printf("*%s*\n\t%c", name, toupper((unsigned char)text[0]));
	for (text++; *text; text++)	/* scdoc underlines between two         */
		printf(*text == '_' ? "\\%c" : "%c", *text);
	printf(".\n\n");
}

int main(void)
{
	printf("tto-causes(7) \"tto\"\n\n"
	       "# NAME\n\n"
	       "tto-causes - why an aggregate ended, or a socket is the kernel's\n\n"
	       "# AGGREGATES\n\n"
	       "Every packet that the device hands up has a cause. The tools count\n"
	       "them twice: _ended_ counts what was held and then handed up,\n"
	       "_passed_ the frames that were handed up at once. When a frame that\n"
	       "cannot join ends what is held of its flow, both have its cause.\n\n");
	for (int cause = 0; cause < TTO_N_CAUSES; cause++)
		print_cause(tto_cause_name(cause), tto_cause_text(cause));
	printf("# SOCKETS\n\n"
	       "Why a socket of a program under *tto-run*(1) is the kernel's.\n\n");
#define X(id, name, text) print_cause(name, text);
	SOCKET_CAUSES(X)
#undef X
	printf("# SEE ALSO\n\n"
	       "*tto-coalesce*(1), *tto-bridge*(8), *tto-explain*(1), "
	       "*tto_coalescer_open*(3)\n");
	return 0;
}

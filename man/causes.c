// SPDX-License-Identifier: BSD-2-Clause
/* causes.c - Print tto-causes(7) as scdoc, from the list that the device uses */
#include <ctype.h>
#include <stdio.h>
#include <tto/engine.h>

int main(void)
{
	printf("tto-causes(7) \"tto\"\n\n"
	       "# NAME\n\n"
	       "tto-causes - why an aggregate ended, or a frame was passed alone\n\n"
	       "# DESCRIPTION\n\n"
	       "Every packet that the device hands up has a cause. The tools count\n"
	       "them twice: _ended_ counts what was held and then handed up,\n"
	       "_passed_ the frames that were handed up at once. When a frame that\n"
	       "cannot join ends what is held of its flow, both have its cause.\n\n"
	       "# CAUSES\n\n");
	for (int cause = 0; cause < TTO_N_CAUSES; cause++) {
		const char *text = tto_cause_text(cause);

		printf("*%s*\n\t%c%s.\n\n", tto_cause_name(cause),
		       toupper((unsigned char)text[0]), text + 1);
	}
	printf("# SEE ALSO\n\n"
	       "*tto-coalesce*(1), *tto-bridge*(8), *tto_coalescer_open*(3)\n");
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* output.c - A capture as the output of a verb: complete, or not there */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/tool.h"
#include "wire/capture.h"

static char unfinished[4096];

static void remove_unfinished(int number)
{
	if (unfinished[0])
		unlink(unfinished);
	signal(number, SIG_DFL);
	raise(number);
}

void tool_abort_on_signal(struct capture_writer *w)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = remove_unfinished };
	const char *path = capture_temporary(w);

	if (!path || strlen(path) >= sizeof(unfinished))
		return;
	strcpy(unfinished, path);
	for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++)
		sigaction(numbers[n], &action, NULL);
}

int tool_finish_output(struct capture_writer *w)
{
	struct wire_error error;
	int err = capture_finish(w, &error);

	unfinished[0] = '\0';
	if (err)
		message("%s", error.text);
	return err;
}

void tool_abort_output(struct capture_writer *w)
{
	capture_abort(w);
	unfinished[0] = '\0';
}

int tool_check_stdout(void)
{
	if (!fflush(stdout) && !ferror(stdout))
		return 0;
	message("standard output: %s", strerror(errno));
	return -EIO;
}

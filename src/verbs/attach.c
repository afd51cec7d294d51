// SPDX-License-Identifier: BSD-2-Clause
/* attach.c - Ask the device's owner, whoever it is */
#include "verbs/attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control/exchange.h"

int attach_tell(struct attachment *a, struct control_request *request)
{
	control_prepare(request, ++a->number);
	return a->ops->tell(a, request);
}

int attach_request(struct attachment *a, struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	int own[CONTROL_FDS_MAX];
	int status;

	control_prepare(request, ++a->number);
	*reply = (struct control_reply){ .n_fds = 0 };
	status = a->ops->request(a, request, reply, own);
	if (status < 0)
		return status;
	if (fds)
		memcpy(fds, own, reply->n_fds * sizeof(own[0]));
	else
		control_close(own, reply->n_fds);
	return status;
}

int attach_check_event(int fd)
{
	static const char wanted[] = "anon_inode:[eventfd]";
	char path[32], is[sizeof(wanted)];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, is, sizeof(is));
	/* Where there is no /proc, it is believed. */
	if (n >= 0 && (n != sizeof(wanted) - 1 || memcmp(is, wanted, (size_t)n)))
		return -EPROTO;
	return fcntl(fd, F_SETFL, O_NONBLOCK) ? -EPROTO : 0;
}

int attach_say(struct tto_error *error, int number, const char *format, ...)
{
	va_list args;

	if (error) {
		va_start(args, format);
		vsnprintf(error->text, sizeof(error->text), format, args);
		va_end(args);
	}
	return number;
}

// SPDX-License-Identifier: BSD-2-Clause
/* file.c - From files and pipes to sockets, and back: sendfile(), splice() */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "preload/real.h"

#define PIECE 16384u
#define PIPE_PIECE 4096u	/* PIPE_BUF: poll() says that there is room for it */

/* ---- sendfile() ---------------------------------------------------------------------- */

WRAP ssize_t sendfile(int to, int from, off_t *place, size_t bytes)
{
	if (!tto_owns(to))
		return REAL(sendfile)(to, from, place, bytes);
	return tto_sendfile(to, from, place, bytes);
}

WRAP ssize_t sendfile64(int to, int from, off64_t *place, size_t bytes)
{
	return sendfile(to, from, place, bytes);
}

/* ---- splice() ------------------------------------------------------------------------- */

static bool is_ready(int fd, short events)
{
	struct pollfd p = { fd, events, 0 };

	return poll(&p, 1, 0) > 0;
}

/* What the pipe does not take stays in the socket. */
static ssize_t to_pipe(int from, int pipe, size_t bytes, unsigned int flags)
{
	char piece[PIECE];
	size_t want = bytes < PIECE ? bytes : PIECE;
	ssize_t got, wrote;

	if (flags & SPLICE_F_NONBLOCK && !is_ready(pipe, POLLOUT)) {
		errno = EAGAIN;
		return -1;
	}
	if (flags & SPLICE_F_NONBLOCK && want > PIPE_PIECE)
		want = PIPE_PIECE;
	got = recv(from, piece, want, MSG_PEEK);
	if (got <= 0)
		return got;
	wrote = write(pipe, piece, (size_t)got);
	if (wrote > 0)
		(void)!recv(from, piece, (size_t)wrote, 0);
	return wrote;
}

/* What has left the pipe is sent, even if that takes some time. */
static ssize_t from_pipe(int pipe, int to, size_t bytes, unsigned int flags)
{
	struct pollfd room = { to, POLLOUT, 0 };
	char piece[PIECE];
	ssize_t got, at = 0;

	if ((flags & SPLICE_F_NONBLOCK && !is_ready(pipe, POLLIN)) ||
	    (fcntl(to, F_GETFL) & O_NONBLOCK && !is_ready(to, POLLOUT))) {
		errno = EAGAIN;
		return -1;
	}
	got = read(pipe, piece, bytes < PIECE ? bytes : PIECE);
	while (at < got) {
		ssize_t wrote = send(to, piece + at, (size_t)(got - at),
				     flags & SPLICE_F_MORE ? MSG_MORE : 0);

		if (wrote < 0 && errno == EAGAIN)
			wrote = poll(&room, 1, -1) * 0;
		else if (wrote < 0)
			return at ? at : -1;
		at += wrote;
	}
	return got;
}

WRAP ssize_t splice(int from, off64_t *from_place, int to, off64_t *to_place, size_t bytes,
		    unsigned int flags)
{
	bool in = tto_owns(from), out = tto_owns(to);

	if (!in && !out)
		return REAL(splice)(from, from_place, to, to_place, bytes, flags);
	if (in && out) {
		errno = EINVAL;
		return -1;
	}
	if (in ? from_place : to_place) {
		errno = ESPIPE;
		return -1;
	}
	return in ? to_pipe(from, to, bytes, flags) : from_pipe(from, to, bytes, flags);
}

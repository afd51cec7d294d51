// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_write.c - Write pcapng
 *
 * DOC: Theory of operation
 * One section in the machine's byte order, interfaces as they come, times in
 * nanoseconds, and for each packet its direction and comment. What is written
 * is a function of the calls alone: no date, no host, no version.
 *
 * Nobody ever sees half a file under the name that was asked for: until it is
 * finished it has a temporary name in the same directory, so that the last step
 * is a rename(2). What had the name before stays until then. A symbolic link is
 * followed first, for the rename would replace the link.
 *
 * Limits: what is not a regular file (standard output, a pipe, /dev/null) is
 * written to as it is. There is no fsync(2): the file is complete for whoever
 * opens it, not for whoever cuts the power.
 *
 * Source: draft-ietf-opsawg-pcapng §3.1 (block), §3.5 (options), §4.1 (section),
 * §4.2 (interface), §4.3 (enhanced packet), §4.6 (statistics).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/capture.h"
#include "wire/spec.h"

#define TEMPORARY_TRIES 100
#define TEMPORARY_NAME_MAX 200	/* of the final name, so that all of it fits    */

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,
	SECTION_ORDER = 0x1a2b3c4d,

	OPTION_COMMENT = 1,
	OPTION_FLAGS = 2,		/* of a packet                          */
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
	OPTION_STARTTIME = 2,		/* of statistics                        */
	OPTION_ENDTIME = 3,
	OPTION_IFRECV = 4,
	OPTION_IFDROP = 5,
};

struct capture_writer {
	FILE *file;
	char *path;		/* as it was given, for messages                */
	char *target;		/* what the file will be called; NULL: it is
				 * written to directly                          */
	char *temporary;	/* what it is called now, or NULL               */
	int error;		/* the first one stays                          */
	uint32_t n_interfaces;
	uint16_t linktype[CAPTURE_INTERFACES_MAX];
	char buffer[1 << 17];	/* of @file                                     */
};

/* ---- The file --------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int create_temporary(struct capture_writer *w, mode_t mode)
{
	const char *base = base_name(w->target);
	int n, fd = -1, directory = (int)(base - w->target);

	for (n = 0; n < TEMPORARY_TRIES && fd < 0; n++) {
		free(w->temporary);
		if (asprintf(&w->temporary, "%.*s.%.*s.%ld-%d", directory,
			     w->target, TEMPORARY_NAME_MAX, base,
			     (long)getpid(), n) < 0) {
			w->temporary = NULL;
			return -ENOMEM;
		}
		fd = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
			  0666);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0) {
		n = -errno;
		free(w->temporary);
		w->temporary = NULL;
		return n;
	}
	if (mode)
		(void)!fchmod(fd, mode);
	return fd;
}

/* Return: a descriptor or -errno. */
static int open_output(struct capture_writer *w)
{
	const char *path = w->path;
	struct stat s;
	int fd;

	if (!strcmp(path, "-")) {
		if (isatty(STDOUT_FILENO))
			return -ENOTTY;
		fd = dup(STDOUT_FILENO);
		return fd < 0 ? -errno : fd;
	}
	if (stat(path, &s)) {
		if (errno != ENOENT || !*base_name(path))
			return -errno;
		w->target = strdup(path);
		return w->target ? create_temporary(w, 0) : -ENOMEM;
	}
	if (!S_ISREG(s.st_mode)) {
		fd = open(path, O_WRONLY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	if (faccessat(AT_FDCWD, path, W_OK, AT_EACCESS))
		return -errno;
	w->target = realpath(path, NULL);
	return w->target ? create_temporary(w, s.st_mode & 0777) : -errno;
}

static void release(struct capture_writer *w)
{
	if (w->file)
		fclose(w->file);
	if (w->temporary)
		unlink(w->temporary);
	free(w->temporary);
	free(w->target);
	free(w->path);
	free(w);
}

static int explain(const struct capture_writer *w, int err,
		   struct wire_error *error)
{
	if (err == -ENOTTY)
		return spec_error(error, err, "standard output",
				  "a terminal; write to a file or a pipe");
	return spec_error(error, err,
			  strcmp(w->path, "-") ? w->path : "standard output",
			  "%s", strerror(-err));
}

/* ---- Pieces of blocks ------------------------------------------------------- */

static void put(struct capture_writer *w, const void *p, size_t bytes)
{
	if (w->error || bytes == 0)
		return;
	errno = 0;
	if (fwrite_unlocked(p, 1, bytes, w->file) != bytes)
		w->error = errno ? -errno : -EIO;
}

static void put32(struct capture_writer *w, uint32_t v)
{
	put(w, &v, sizeof(v));
}

static uint32_t padded(size_t bytes)
{
	return (uint32_t)((bytes + 3) & ~(size_t)3);
}

static void put_padding(struct capture_writer *w, size_t bytes)
{
	put(w, "\0\0", padded(bytes) - bytes);
}

static uint32_t option_bytes(size_t bytes)
{
	return bytes ? 4 + padded(bytes) : 0;
}

static void put_option(struct capture_writer *w, uint16_t code,
		       const void *value, size_t bytes)
{
	uint16_t head[2] = { code, (uint16_t)bytes };

	if (bytes == 0)
		return;
	put(w, head, sizeof(head));
	put(w, value, bytes);
	put_padding(w, bytes);
}

static void put_section(struct capture_writer *w)
{
	/* Type, length, order, version 1.0, length of the section unknown. */
	static const uint16_t version[2] = { 1, 0 };
	uint32_t block[7] = { BLOCK_SECTION, sizeof(block), SECTION_ORDER, 0,
			      UINT32_MAX, UINT32_MAX, sizeof(block) };

	memcpy(&block[3], version, sizeof(version));
	put(w, block, sizeof(block));
}

/* ---- What the caller sees ---------------------------------------------------- */

int capture_create(struct capture_writer **out, const char *path,
		   struct wire_error *error)
{
	struct capture_writer *w = calloc(1, sizeof(*w));
	int fd, err;

	if (w)
		w->path = strdup(path);
	if (!w || !w->path) {
		free(w);
		return spec_error(error, -ENOMEM, path, "out of memory");
	}
	fd = open_output(w);
	if (fd >= 0)
		w->file = fdopen(fd, "wb");
	if (!w->file) {
		err = fd < 0 ? fd : -ENOMEM;
		explain(w, err, error);
		if (fd >= 0)
			close(fd);
		release(w);
		return err;
	}
	setvbuf(w->file, w->buffer, _IOFBF, sizeof(w->buffer));
	put_section(w);
	*out = w;
	return 0;
}

int capture_add_interface(struct capture_writer *w, uint16_t linktype,
			  const char *name, uint32_t *idx)
{
	static const uint8_t nanoseconds = 9;
	size_t name_bytes = name ? strnlen(name, CAPTURE_NAME_MAX - 1) : 0;
	uint32_t total = 24 + option_bytes(name_bytes) +
			 option_bytes(sizeof(nanoseconds));
	/* Type, length, link type, no limit to what is captured of a packet. */
	uint32_t head[4] = { BLOCK_INTERFACE, total, 0, 0 };

	if (w->n_interfaces == CAPTURE_INTERFACES_MAX)
		return -E2BIG;
	memcpy(&head[2], &linktype, sizeof(linktype));
	put(w, head, sizeof(head));
	put_option(w, OPTION_IF_NAME, name, name_bytes);
	put_option(w, OPTION_IF_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	put32(w, 0);
	put32(w, total);
	if (w->error)
		return w->error;
	*idx = w->n_interfaces;
	w->linktype[w->n_interfaces++] = linktype;
	return 0;
}

/* The bytes of @p are @n_iov elements, of which p->len bytes are written. */
static int write_packet(struct capture_writer *w,
			const struct capture_packet *p,
			const struct iovec *iov, uint32_t n_iov)
{
	size_t comment = p->comment ? strlen(p->comment) : 0;
	uint32_t flags = p->direction, left = p->len;
	uint32_t flags_bytes = flags ? sizeof(flags) : 0;
	uint32_t options = option_bytes(comment) + option_bytes(flags_bytes);
	uint32_t total = 32 + padded(p->len) + options + (options ? 4 : 0);
	uint32_t head[7] = {
		BLOCK_PACKET, total, p->interface, (uint32_t)(p->time >> 32),
		(uint32_t)p->time, p->len,
		p->full_len > p->len ? p->full_len : p->len,
	};

	if (p->interface >= w->n_interfaces || comment > CAPTURE_COMMENT_MAX ||
	    flags > CAPTURE_OUT)
		return -EINVAL;
	put(w, head, sizeof(head));
	for (; n_iov && left; n_iov--, iov++) {
		uint32_t some = iov->iov_len < left ? (uint32_t)iov->iov_len :
						      left;

		put(w, iov->iov_base, some);
		left -= some;
	}
	put_padding(w, p->len);
	put_option(w, OPTION_FLAGS, &flags, flags_bytes);
	put_option(w, OPTION_COMMENT, p->comment, comment);
	if (options)
		put32(w, 0);
	put32(w, total);
	return w->error;
}

int capture_write(struct capture_writer *w, const struct capture_packet *p)
{
	struct iovec iov = { (void *)(uintptr_t)p->data, p->len };

	if (p->len > CAPTURE_PACKET_MAX)
		return -EMSGSIZE;
	return write_packet(w, p, &iov, 1);
}

int capture_write_frame(struct capture_writer *w, const char *name,
			const struct capture_packet *p,
			const struct wire_frame *frame)
{
	struct capture_packet packet = *p;
	uint32_t idx = 0;
	int err;

	while (idx < w->n_interfaces && w->linktype[idx] != frame->linktype)
		idx++;
	if (idx == w->n_interfaces) {
		err = capture_add_interface(w, frame->linktype, name, &idx);
		if (err)
			return err;
	}
	packet.interface = idx;
	packet.len = frame->len < CAPTURE_PACKET_MAX ? frame->len :
						       CAPTURE_PACKET_MAX;
	packet.full_len = frame->full_len > frame->len ? frame->full_len :
							 frame->len;
	return write_packet(w, &packet, frame->iov, frame->n_iov);
}

/* Two halves, the upper one first, in any byte order. */
static void split(ns_t time, uint32_t half[2])
{
	half[0] = (uint32_t)(time >> 32);
	half[1] = (uint32_t)time;
}

int capture_write_statistics(struct capture_writer *w, uint32_t idx,
			     const struct capture_statistics *s)
{
	uint32_t total = 24 + 4 * option_bytes(8) + 4, begin[2], end[2];
	uint32_t head[5] = { BLOCK_STATISTICS, total, idx };

	if (idx >= w->n_interfaces)
		return -EINVAL;
	split(s->begin, begin);
	split(s->end, end);
	memcpy(head + 3, end, sizeof(end));
	put(w, head, sizeof(head));
	put_option(w, OPTION_STARTTIME, begin, sizeof(begin));
	put_option(w, OPTION_ENDTIME, end, sizeof(end));
	put_option(w, OPTION_IFRECV, &s->received, sizeof(s->received));
	put_option(w, OPTION_IFDROP, &s->dropped, sizeof(s->dropped));
	put32(w, 0);
	put32(w, total);
	return w->error;
}

int capture_flush(struct capture_writer *w)
{
	errno = 0;
	if (!w->error && fflush(w->file))
		w->error = errno ? -errno : -EIO;
	return w->error;
}

const char *capture_temporary(const struct capture_writer *w)
{
	return w->temporary;
}

int capture_finish(struct capture_writer *w, struct wire_error *error)
{
	int err = w->error;

	errno = 0;
	if (fclose(w->file) && !err)
		err = errno ? -errno : -EIO;
	w->file = NULL;
	if (!err && w->temporary) {
		if (rename(w->temporary, w->target)) {
			err = -errno;
		} else {
			free(w->temporary);
			w->temporary = NULL;
		}
	}
	if (err)
		explain(w, err, error);
	release(w);
	return err;
}

void capture_abort(struct capture_writer *w)
{
	if (w)
		release(w);
}

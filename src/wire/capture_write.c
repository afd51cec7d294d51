// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture_write.c - Write pcapng
 *
 * One section, nanosecond times, a comment for each packet that has one. What
 * is not complete has no name that anybody could take for a capture.
 *
 * Source: draft-ietf-opsawg-pcapng.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wire/capture.h"

#define FILE_BUFFER (1u << 18)

enum {
	SECTION = 0x0a0d0d0a,
	ORDER = 0x1a2b3c4d,
	INTERFACE = 1,
	ENHANCED_PACKET = 6,
	OPTION_COMMENT = 1,
	OPTION_FLAGS = 2,
	OPTION_IF_NAME = 2,
	OPTION_IF_TSRESOL = 9,
};

struct capture_writer {
	FILE *file;
	char *path;		/* final name                                   */
	char *temporary;	/* NULL: written to directly                    */
	uint32_t n_interfaces;
	int error;		/* the first one, sticky                        */
};

static uint32_t padded(size_t bytes)
{
	return (uint32_t)((bytes + 3) / 4 * 4);
}

static void put(struct capture_writer *w, const void *p, size_t bytes)
{
	if (!w->error && bytes && fwrite(p, 1, bytes, w->file) != bytes)
		w->error = errno ? -errno : -EIO;
}

static void put16(struct capture_writer *w, uint16_t v)
{
	put(w, &v, sizeof(v));
}

static void put32(struct capture_writer *w, uint32_t v)
{
	put(w, &v, sizeof(v));
}

static void put_padded(struct capture_writer *w, const void *p, size_t bytes)
{
	static const uint8_t zeros[3];

	put(w, p, bytes);
	put(w, zeros, padded(bytes) - bytes);
}

static void put_option(struct capture_writer *w, uint16_t code,
		       const void *value, size_t bytes)
{
	put16(w, code);
	put16(w, (uint16_t)bytes);
	put_padded(w, value, bytes);
}

static void put_section(struct capture_writer *w)
{
	const uint64_t unknown = UINT64_MAX;

	put32(w, SECTION);
	put32(w, 28);
	put32(w, ORDER);
	put16(w, 1);	/* version 1.0 */
	put16(w, 0);
	put(w, &unknown, sizeof(unknown));
	put32(w, 28);
}

static int fail(struct wire_error *error, const char *path, int err)
{
	snprintf(error->text, sizeof(error->text), "%.200s: %s", path,
		 strerror(-err));
	return err;
}

static void free_writer(struct capture_writer *w)
{
	free(w->temporary);
	free(w->path);
	free(w);
}

/* A temporary file beside @path, with the rights that a new file would have. */
static int open_temporary(struct capture_writer *w)
{
	mode_t mask = umask(0);
	int fd;

	umask(mask);
	if (asprintf(&w->temporary, "%s.XXXXXX", w->path) < 0) {
		w->temporary = NULL;
		return -ENOMEM;
	}
	fd = mkstemp(w->temporary);
	if (fd < 0) {
		int err = -errno;

		free(w->temporary);
		w->temporary = NULL;
		return err;
	}
	fchmod(fd, 0666 & ~mask);
	w->file = fdopen(fd, "wb");
	if (w->file)
		return 0;
	close(fd);
	unlink(w->temporary);
	return -ENOMEM;
}

static int open_output(struct capture_writer *w)
{
	struct stat s;

	if (!strcmp(w->path, "-")) {
		w->file = stdout;
		return 0;
	}
	if (stat(w->path, &s) == 0 && !S_ISREG(s.st_mode)) {
		w->file = fopen(w->path, "wbe");
		return w->file ? 0 : -errno;
	}
	return open_temporary(w);
}

int capture_create(struct capture_writer **out, const char *path,
		   struct wire_error *error)
{
	struct capture_writer *w = calloc(1, sizeof(*w));
	int err;

	*out = NULL;
	if (w)
		w->path = strdup(path);
	if (!w || !w->path) {
		free(w);
		return fail(error, path, -ENOMEM);
	}
	err = open_output(w);
	if (err) {
		free_writer(w);
		return fail(error, path, err);
	}
	setvbuf(w->file, NULL, _IOFBF, FILE_BUFFER);
	put_section(w);
	*out = w;
	return 0;
}

int capture_add_interface(struct capture_writer *w, uint16_t linktype,
			  const char *name, uint32_t *idx)
{
	const uint8_t nanoseconds = 9;
	size_t name_len = strlen(name);
	uint32_t total = 20 + 4 + padded(name_len) + 8 + 4;

	put32(w, INTERFACE);
	put32(w, total);
	put16(w, linktype);
	put16(w, 0);
	put32(w, 0);	/* no limit to what is captured of a packet */
	put_option(w, OPTION_IF_NAME, name, name_len);
	put_option(w, OPTION_IF_TSRESOL, &nanoseconds, 1);
	put32(w, 0);	/* end of options */
	put32(w, total);
	*idx = w->n_interfaces++;
	return w->error;
}

int capture_write(struct capture_writer *w, const struct capture_packet *p)
{
	size_t comment = p->comment ? strlen(p->comment) : 0;
	const uint32_t flags = p->direction;
	uint32_t options = (comment ? 4 + padded(comment) : 0) +
			   (flags ? 8 : 0) + (comment || flags ? 4 : 0);
	uint32_t total = 32 + padded(p->len) + options;

	if (p->interface >= w->n_interfaces || p->len > CAPTURE_PACKET_MAX ||
	    comment > UINT16_MAX || flags > CAPTURE_OUT)
		return -EINVAL;
	put32(w, ENHANCED_PACKET);
	put32(w, total);
	put32(w, p->interface);
	put32(w, (uint32_t)(p->time >> 32));
	put32(w, (uint32_t)p->time);
	put32(w, p->len);
	put32(w, p->full_len > p->len ? p->full_len : p->len);
	put_padded(w, p->data, p->len);
	if (comment)
		put_option(w, OPTION_COMMENT, p->comment, comment);
	if (flags)
		put_option(w, OPTION_FLAGS, &flags, sizeof(flags));
	if (options)
		put32(w, 0);	/* end of options */
	put32(w, total);
	return w->error;
}

const char *capture_temporary(const struct capture_writer *w)
{
	return w->temporary;
}

int capture_finish(struct capture_writer *w, struct wire_error *error)
{
	int err = w->error;

	if (!err && fflush(w->file))
		err = -errno;
	if (w->file != stdout && fclose(w->file) && !err)
		err = -errno;
	if (!err && w->temporary && rename(w->temporary, w->path))
		err = -errno;
	if (err) {
		fail(error, w->path, err);
		if (w->temporary)
			unlink(w->temporary);
	}
	free_writer(w);
	return err;
}

void capture_abort(struct capture_writer *w)
{
	if (!w)
		return;
	if (w->file != stdout)
		fclose(w->file);
	if (w->temporary)
		unlink(w->temporary);
	free_writer(w);
}

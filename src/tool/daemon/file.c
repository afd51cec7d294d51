// SPDX-License-Identifier: BSD-2-Clause
/* file.c - The daemon's statistics file, for the verbs that read it */
#include "tool/daemon/file.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/tool.h"

int daemon_options(int argc, char **argv, struct daemon_options *o)
{
	static const struct option longs[] = {
		{ "file", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct daemon_options){ .path = STATS_FILE };
	while ((option = tool_getopt(argc, argv, ":f:j", longs)) != -1) {
		switch (option) {
		case 'f':
			o->path = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			return TOOL_USAGE;
		}
	}
	return 0;
}

/* ---- Open ---------------------------------------------------------------------------------- */

static bool lies_within(uint64_t at, uint64_t n, uint64_t each, uint64_t bytes)
{
	uint64_t size;

	return at % 8 == 0 && at <= bytes &&
	       !__builtin_mul_overflow(n, each, &size) && size <= bytes - at;
}

static bool is_sound(const struct stats_head *h, uint64_t bytes)
{
	return h->magic == STATS_MAGIC && h->version == STATS_VERSION &&
	       lies_within(h->clients_at, h->n_clients, sizeof(struct stats_client),
			   bytes) &&
	       lies_within(h->flows_at, h->n_flows, sizeof(struct stats_flow), bytes);
}

static void copy_head(struct stats_file *f)
{
	char *wire = f->head.wire;

	stats_copy(&f->head, f->memory, sizeof(f->head));
	wire[sizeof(f->head.wire) - 1] = '\0';
	for (; *wire; wire++) {		/* it goes to a terminal                */
		if (*wire < ' ' || *wire > '~')
			*wire = '?';
	}
}

/* The file was cut: there is no memory any more where it was mapped. */
static void end_at_once(int signal)
{
	static const char text[] = "tto: the statistics were cut while they were read\n";

	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(TOOL_REFUSED);
}

static int map_file(struct stats_file *f, int fd)
{
	struct stat st;
	void *memory;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(f->head))
		return -EBADMSG;
	f->bytes = (uint64_t)st.st_size;
	memory = mmap(NULL, f->bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	f->memory = memory;
	f->alone = flock(fd, LOCK_SH | LOCK_NB) == 0;
	copy_head(f);
	if (is_sound(&f->head, f->bytes))
		return 0;
	munmap(memory, f->bytes);
	return -EBADMSG;
}

int stats_file_open(struct stats_file *f, const char *verb, const char *path)
{
	const struct sigaction cut = { .sa_handler = end_at_once };
	/* What is no file is not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), err;

	*f = (struct stats_file){ 0 };
	sigaction(SIGBUS, &cut, NULL);
	err = fd < 0 ? -errno : map_file(f, fd);
	if (fd >= 0)
		close(fd);
	if (err == -EBADMSG)
		message("%s: %s: not statistics of this version of ttod", verb, path);
	else if (err == -ENOENT)
		message("%s: %s: not there; is ttod running?", verb, path);
	else if (err)
		message_errno(err, "%s: %s", verb, path);
	if (!err && f->alone)
		message("%s: %s: left behind by a ttod that has ended", verb, path);
	return err;
}

void stats_file_close(struct stats_file *f)
{
	munmap((void *)(uintptr_t)f->memory, f->bytes);
}

/* ---- Records --------------------------------------------------------------------------------- */

/* @each is the caller's, who has checked that all of them lie within. */
static bool read_record(const struct stats_file *f, uint64_t at, uint32_t n,
			void *out, size_t each)
{
	const uint8_t *records = f->memory + at;

	return stats_read(out, records + n * each, each);
}

bool stats_file_client(const struct stats_file *f, uint32_t n,
		       struct stats_client *out)
{
	return n < f->head.n_clients &&
	       read_record(f, f->head.clients_at, n, out, sizeof(*out)) && out->used;
}

bool stats_file_flow(const struct stats_file *f, uint32_t n, struct stats_flow *out)
{
	return n < f->head.n_flows &&
	       read_record(f, f->head.flows_at, n, out, sizeof(*out)) && out->used;
}

void address_text(char out[ADDRESS_TEXT], const uint8_t address[16], uint16_t port,
		  bool v6)
{
	static const uint8_t any[16];
	char text[INET6_ADDRSTRLEN];
	bool brackets = v6 && port && memcmp(address, any, sizeof(any)) != 0;

	if (!memcmp(address, any, sizeof(any)))
		strcpy(text, v6 ? "any6" : "any");
	else
		inet_ntop(v6 ? AF_INET6 : AF_INET, address, text, sizeof(text));
	if (port)
		snprintf(out, ADDRESS_TEXT, "%s%s%s:%u", brackets ? "[" : "", text,
			 brackets ? "]" : "", port);
	else
		snprintf(out, ADDRESS_TEXT, "%s", text);
}

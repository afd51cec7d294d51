// SPDX-License-Identifier: BSD-2-Clause
/*
 * kernel_sockets.c - The kernel's tables of Internet sockets
 *
 * Source: proc(5), /proc/net/tcp.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/explain/kernel.h"

static const struct table {
	const char *name;
	bool is_tcp, v6;
} tables[] = {
	{ "tcp", true, false }, { "tcp6", true, true },
	{ "udp", false, false }, { "udp6", false, true },
	{ "udplite", false, false }, { "udplite6", false, true },
	{ "raw", false, false }, { "raw6", false, true },
	{ "icmp", false, false }, { "icmp6", false, true },
};

/* Words of 32 bits, each as this machine prints it. Return: false: not so. */
static bool read_address(const char *text, bool v6, uint8_t to[16], uint16_t *port)
{
	unsigned words = v6 ? 4 : 1, value;

	memset(to, 0, 16);
	for (unsigned n = 0; n < words; n++) {
		uint32_t word;

		if (sscanf(text + n * 8, "%8x", &value) != 1)
			return false;
		word = value;
		memcpy(to + n * 4, &word, 4);
	}
	if (sscanf(text + words * 8, ":%4x", &value) != 1)
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool read_line(const char *line, const struct table *t, struct kernel_socket *s)
{
	char local[64], remote[64];
	uint8_t from[16], to[16];
	unsigned state;

	*s = (struct kernel_socket){ .is_tcp = t->is_tcp };
	if (sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %*d %*d %" SCNu64, local,
		   remote, &state, &s->inode) != 4 ||
	    strlen(local) < (t->v6 ? 37 : 13) || strlen(remote) < (t->v6 ? 37 : 13) ||
	    !read_address(local, t->v6, from, &s->local_port) ||
	    !read_address(remote, t->v6, to, &s->remote_port))
		return false;
	s->state = (uint8_t)state;
	look_name(s->local, from, s->local_port, t->v6);
	look_name(s->remote, to, s->remote_port, t->v6);
	return s->inode != 0;
}

static int read_table(pid_t pid, const struct table *t, struct kernel_socket **out,
		      size_t *n, size_t *room)
{
	char path[64], line[512];
	struct kernel_socket s;
	int err = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, t->name);
	f = fopen(path, "re");
	while (f && !err && fgets(line, sizeof(line), f)) {
		if (!read_line(line, t, &s))
			continue;
		if (*n == *room) {
			struct kernel_socket *more;

			*room = *room ? 2 * *room : 64;
			more = reallocarray(*out, *room, sizeof(*more));
			err = more ? 0 : -ENOMEM;
			*out = more ? more : *out;
		}
		if (!err)
			(*out)[(*n)++] = s;
	}
	if (f)
		fclose(f);
	return err;
}

static int by_inode(const void *a, const void *b)
{
	const struct kernel_socket *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

int kernel_sockets(pid_t pid, struct kernel_socket **out)
{
	size_t n = 0, room = 0;

	*out = NULL;
	for (size_t k = 0; k < ARRAY_SIZE(tables); k++) {
		if (read_table(pid, &tables[k], out, &n, &room))
			return -ENOMEM;
	}
	if (n)
		qsort(*out, n, sizeof(**out), by_inode);
	return (int)n;
}

const struct kernel_socket *kernel_socket_find(const struct kernel_socket *sockets,
					       int n, uint64_t inode)
{
	const struct kernel_socket key = { .inode = inode };

	return n > 0 ? bsearch(&key, sockets, (size_t)n, sizeof(key), by_inode) : NULL;
}

const char *kernel_state(const struct kernel_socket *s)
{
	static const char *const states[] = {
		"?", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2",
		"TIME-WAIT", "UNCONN", "CLOSE-WAIT", "LAST-ACK", "LISTEN", "CLOSING",
	};

	return s && s->state < ARRAY_SIZE(states) ? states[s->state] : "UNCONN";
}

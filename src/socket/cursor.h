/* SPDX-License-Identifier: BSD-2-Clause */
/* cursor.h - How far a call has come in the caller's list of elements */
#ifndef SOCKET_CURSOR_H
#define SOCKET_CURSOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

/* In front of a byte, or at the end: elements without bytes are passed over. */
struct cursor {
	const struct iovec *iov;
	size_t n_iov, at;	/* elements that are left, @at in the first     */
	size_t got;		/* bytes that it has passed                     */
};

/* Bytes from here to the end of the element; 0 at the end of all. */
static inline size_t cursor_part(const struct cursor *c)
{
	return c->n_iov ? c->iov->iov_len - c->at : 0;
}

static inline uint8_t *cursor_bytes(const struct cursor *c)
{
	return (uint8_t *)c->iov->iov_base + c->at;
}

/* @n bytes on, of those that are left. */
static inline void cursor_advance(struct cursor *c, size_t n)
{
	c->got += n;
	while (c->n_iov && n >= cursor_part(c)) {
		n -= cursor_part(c);
		c->iov++;
		c->n_iov--;
		c->at = 0;
	}
	c->at += n;
}

static inline struct cursor cursor_begin(const struct iovec *iov, size_t n_iov)
{
	struct cursor c = { .iov = iov, .n_iov = n_iov };

	cursor_advance(&c, 0);
	return c;
}

/* Bytes that are left. */
static inline size_t cursor_left(const struct cursor *c)
{
	size_t left = 0;

	for (size_t n = 0; n < c->n_iov; n++)
		left += c->iov[n].iov_len;
	return left - c->at;
}

/* Copies to it what there is room for. Return: bytes. */
static inline uint32_t cursor_fill(struct cursor *c, const uint8_t *bytes, uint32_t n)
{
	uint32_t given = 0;

	while (given < n && c->n_iov) {
		size_t room = cursor_part(c);
		uint32_t part = room < n - given ? (uint32_t)room : n - given;

		memcpy(cursor_bytes(c), bytes + given, part);
		cursor_advance(c, part);
		given += part;
	}
	return given;
}

#endif

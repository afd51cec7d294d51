// SPDX-License-Identifier: BSD-2-Clause
/* join.c - Use the stack that another process has made */
#include "socket/join.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "base/keep.h"
#include "socket/descriptor.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/stack.h"

int join_share(char *value, size_t size)
{
	int heap = heap_share(), at;

	if (heap < 0)
		return heap;
	at = snprintf(value, size, "%d %d ", heap, keep_first());
	if (at >= (int)size)
		return -ENAMETOOLONG;
	return embed_share(stack->embed, value + at, size - (size_t)at);
}

static int say(struct tto_error *error, int err, const char *what)
{
	if (error)
		snprintf(error->text, sizeof(error->text), "TTO_STACK: %.200s", what);
	return err;
}

/* The wire of this process, of the same descriptors. */
static int attach(const char *spec, struct tto_error *error)
{
	struct wire_error wire_error = { "" };
	struct wire *wire;
	int err = wire_open(&wire, spec, &wire_error);

	if (err)
		return say(error, err, wire_error.text);
	err = embed_attach(stack->embed, wire);
	if (err) {
		(void)!wire_close(wire);
		return say(error, err, strerror(-err));
	}
	return 0;
}

/* What is there from number @first on is the stack's, but for sockets that were moved. */
static void reserve(int first)
{
	for (int fd = first; fd < FD_SETSIZE; fd++) {
		if (kernel_fcntl(fd, F_GETFD, 0) >= 0 && !tto_owns(fd))
			descriptor_reserve(fd);
	}
}

static int enter(int first, struct tto_error *error)
{
	int err = -EAGAIN;

	if (stack_lock()) {
		err = process_enter();
		if (!err)
			reserve(first);
		stack_unlock();
	}
	return err ? say(error, err, strerror(-err)) : 0;
}

int tto_join(struct tto_error *error)
{
	const char *value = getenv("TTO_STACK");
	int err, heap, first, at = 0;

	if (stack)
		return -EEXIST;
	if (!value)
		return say(error, -ENOENT, "is not set");
	if (sscanf(value, "%d %d %n", &heap, &first, &at) != 2 || !at)
		return say(error, -EINVAL, "not \"HEAP FIRST WIRE\"");
	err = heap_join(heap);
	if (err)
		return say(error, err, err == -EPROTO ? "not a stack of this version" :
							strerror(-err));
	stack = *heap_root();
	if (!stack || stack->version != STACK_VERSION)
		err = say(error, -EPROTO, "not a stack of this version");
	else
		err = attach(value + at, error);
	if (!err) {
		err = enter(first, error);
		if (err)
			embed_detach(stack->embed);
	}
	if (err) {
		stack = NULL;
		heap_leave();
	}
	return err;
}

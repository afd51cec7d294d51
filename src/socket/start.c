// SPDX-License-Identifier: BSD-2-Clause
/* start.c - Make a stack in this process */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/heap.h"
#include "socket/join.h"
#include "socket/passing/passing.h"
#include "socket/process.h"
#include "socket/ready/wait.h"
#include "socket/stack.h"

/* Take ";loopback" out of it, which is the stack's. Return: whether it was there. */
static bool take_loopback(char *where)
{
	static const char option[] = ";loopback";
	size_t length = sizeof(option) - 1;
	char *at = strstr(where, option);

	if (!at || (at[length] && at[length] != ';'))
		return false;
	memmove(at, at + length, strlen(at + length) + 1);
	return true;
}

static int make(char *where, struct wire_error *error)
{
	bool loopback = take_loopback(where);
	int err = stack_make(where, error);

	if (err)
		return err;
	stack->loopback = loopback;
	if (loopback && embed_add_loopback(stack->embed))
		return -E2BIG;
	err = sleepers_open();
	if (!err)
		err = passing_open();
	if (!err && stack_lock()) {
		err = process_enter(false);
		stack_unlock();
	}
	return err;
}

int tto_start(const char *where, struct tto_error *error)
{
	struct wire_error why = { "" };
	char *copy;
	int heap, err;

	if (join_is_due)
		join_now();
	copy = strdup(where);
	err = copy ? heap_create(&heap) : -ENOMEM;

	if (!err) {
		err = make(copy, &why);
		if (err) {
			stack = NULL;
			heap_leave();
			close(heap);
		}
	}
	free(copy);
	if (err && error)
		snprintf(error->text, sizeof(error->text), "%s",
			 why.text[0] ? why.text : strerror(-err));
	return err;
}

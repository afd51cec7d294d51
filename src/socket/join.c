// SPDX-License-Identifier: BSD-2-Clause
/*
 * join.c - Use the stack that another process has made
 *
 * DOC: Theory of operation
 * Joining takes about a millisecond, and most of a program's processes never have a socket.
 * So one that was given none joins with its first: until then it knows which descriptors
 * are not its own, and nothing else. Whether it was given any says the table of processes,
 * in which it has an entry then.
 *
 * A child of such a process is one as well. A thread that is interrupted while it joins, by
 * a handler that makes a socket, gets the kernel's.
 */
#include "socket/join.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#include "base/heap.h"
#include "base/keep.h"
#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/stack.h"

#define OTHER_BYTES (1UL << 30)

bool join_is_due;
static pthread_mutex_t joining = PTHREAD_MUTEX_INITIALIZER;
static _Thread_local bool is_joining;

int join_share(char *value, size_t size)
{
	char wire[JOIN_WIRE_BYTES], kept[JOIN_KEPT_BYTES];
	int heap = heap_share(), at, err;

	if (heap < 0)
		return heap;
	err = embed_share(stack->embed, wire, sizeof(wire));
	if (!err)
		err = keep_list(kept, sizeof(kept));
	if (err)
		return err;
	at = snprintf(value, size, "%d %s %s", heap, kept, wire);
	return at < (int)size ? 0 : -ENAMETOOLONG;
}

static int say(struct tto_error *error, int err, const char *what)
{
	if (error)
		snprintf(error->text, sizeof(error->text), "TTO_STACK: %.200s", what);
	return err;
}

/* The device of this process, of the same descriptors. */
static int attach(struct embed *embed, const char *spec, struct tto_error *error)
{
	struct wire_error why = { "" };
	int err = embed_attach(embed, spec, &why);

	return err ? say(error, err, why.text) : 0;
}

/* ---- Join ---------------------------------------------------------------------------- */

/* What TTO_STACK says: "HEAP KEPT WIRE". */
struct place {
	int heap;
	char kept[JOIN_KEPT_BYTES], wire[JOIN_WIRE_BYTES];
};

static int read_place(struct place *p, struct tto_error *error)
{
	const char *value = getenv("TTO_STACK");
	int at = 0;

	if (!value)
		return say(error, -ENOENT, "is not set");
	if (sscanf(value, "%d %127s %n", &p->heap, p->kept, &at) != 2 || !at ||
	    strlen(value + at) >= sizeof(p->wire) || !keep_learn(p->kept))
		return say(error, -EINVAL, "not \"HEAP KEPT WIRE\"");
	strcpy(p->wire, value + at);
	return 0;
}

static int say_version(struct tto_error *error, int err)
{
	return say(error, err, err == -EPROTO ? "not a stack of this version" :
						strerror(-err));
}

static int enter(bool was_given, struct tto_error *error)
{
	int err = -EAGAIN;

	if (stack_lock()) {
		err = process_enter(was_given);
		stack_unlock();
	}
	return err ? say(error, err, strerror(-err)) : 0;
}

/* The heap is mapped. */
static int join_mapped(const char *wire, bool was_given, struct tto_error *error)
{
	struct stack *found = *heap_root();
	int err;

	if (!found || found->version != STACK_VERSION)
		return say_version(error, -EPROTO);
	err = attach(found->embed, wire, error);
	if (err)
		return err;
	stack = found;
	err = enter(was_given, error);
	if (err) {
		embed_detach(stack->embed);
		stack = NULL;
	}
	return err;
}

static int join(const struct place *p, bool was_given, struct tto_error *error)
{
	int err = heap_join(p->heap);

	if (err)
		return say_version(error, err);
	err = join_mapped(p->wire, was_given, error);
	if (err)
		heap_leave();
	return err;
}

int tto_join(struct tto_error *error)
{
	struct place p;
	int err;

	if (join_is_due)
		join_now();
	if (stack)
		return -EEXIST;
	err = read_place(&p, error);
	return err ? err : join(&p, true, error);
}

/* For later: a program may change its environment. */
static struct place later;
static tto_join_failed_fn *tell;

/* ---- Join when it is needed ------------------------------------------------------------ */

int tto_join_later(tto_join_failed_fn *failed, struct tto_error *error)
{
	bool was_given;
	int err;

	if (stack)
		return -EEXIST;
	err = read_place(&later, error);
	if (err)
		return err;
	err = process_was_given(later.heap, &was_given);
	if (err)
		return say_version(error, err);
	if (was_given)
		return join(&later, true, error);
	tell = failed;
	join_is_due = true;
	return 0;
}

/* The heap, and what wires, libraries and threads' stacks may have. */
unsigned long tto_address_space(void)
{
	return stack || join_is_due ? HEAP_BYTES + OTHER_BYTES : 0;
}

void join_now(void)
{
	struct tto_error error = { "" };
	int err;

	if (is_joining)
		return;
	is_joining = true;
	pthread_mutex_lock(&joining);
	if (join_is_due) {
		err = join(&later, false, &error);
		__atomic_store_n(&join_is_due, false, __ATOMIC_RELEASE);
		if (err && tell)
			tell(err, &error);
	}
	pthread_mutex_unlock(&joining);
	is_joining = false;
}

bool join_pause(void)
{
	if (!join_is_due || is_joining)
		return false;
	pthread_mutex_lock(&joining);
	return true;
}

void join_resume(void)
{
	pthread_mutex_unlock(&joining);
}

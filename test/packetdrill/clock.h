/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - Virtual time, and calls that wait in it
 *
 * DOC: Theory of operation
 * Time stands still while anything runs. The tool moves it: by usleep(), by a
 * microsecond with each gettimeofday() since it waits in a loop of these, and by
 * netdev_receive(), which goes from deadline to deadline until there is a
 * datagram. So a script of a minute takes milliseconds, and runs the same each
 * time.
 *
 * The tool makes calls that are to block in a second thread, and takes them to
 * be blocked when that thread sleeps in the kernel. clock_sleep() sleeps on a
 * condition variable; who moves time looks after each step at what the sleepers
 * wait for, wakes those that can go on, and waits until they have: the tool reads
 * the clock straight after a call that blocked, and that is the sign.
 *
 * When the main thread itself has to wait, it moves the time.
 *
 * Everything happens under one lock, which is here, too.
 */
#ifndef TEST_PACKETDRILL_CLOCK_H
#define TEST_PACKETDRILL_CLOCK_H

#include <pthread.h>
#include <stdbool.h>

#include "base/bytes.h"

typedef bool clock_ready_fn(void *ctx);

struct sleeper;

/* Whose deadlines there are. */
struct clock_user {
	ns_t (*deadline)(void *ctx);	/* the next, or NS_NEVER                */
	void (*run)(void *ctx);		/* what is due now                      */
	void *ctx;
};

struct clock {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct clock_user user;
	struct sleeper *sleepers;
	ns_t now;
	unsigned n_unsettled;	/* woken, and not yet back in the tool          */
	unsigned n_same;	/* steps that did not move time                 */
};

void clock_init(struct clock *c, const struct clock_user *user);
void clock_lock(struct clock *c);
void clock_unlock(struct clock *c);

/* What gettimeofday() says [ns]. */
ns_t clock_read(struct clock *c);

/**
 * clock_step() - Go to the next deadline, run what is due
 * @limit:	But not beyond this time
 *
 * Return: false if there is none until then; time has not moved.
 */
bool clock_step(struct clock *c, ns_t limit);

/* Go to @to, stopping at each deadline. */
void clock_advance(struct clock *c, ns_t to);

/* Something has happened: let sleepers go on that can. */
void clock_settle(struct clock *c);

/**
 * clock_sleep() - Wait until @ready(@ctx), or @until
 *
 * Return: 0; -EAGAIN: @until has come; -EDEADLK: nothing will ever happen.
 */
int clock_sleep(struct clock *c, clock_ready_fn *ready, void *ctx, ns_t until);

#endif

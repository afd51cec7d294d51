// SPDX-License-Identifier: BSD-2-Clause
/* clock.c - Virtual time, and calls that wait in it */
#include "packetdrill/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/message.h"

#define SECOND 1000000000ULL
#define START (1000 * SECOND)
#define READ_STEP 1000		/* [ns] that reading the clock takes            */
#define SAME_MAX 100000		/* steps at one time: something is broken       */
#define SETTLE_SECONDS 2	/* of real time, and it never takes so long     */

struct sleeper {
	struct sleeper *next;
	clock_ready_fn *ready;
	void *ctx;
	ns_t until;
	bool woken;
};

void clock_init(struct clock *c, const struct clock_user *user)
{
	*c = (struct clock){ .user = *user, .now = START };
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
}

void clock_lock(struct clock *c)
{
	pthread_mutex_lock(&c->lock);
}

void clock_unlock(struct clock *c)
{
	pthread_mutex_unlock(&c->lock);
}

static bool is_main_thread(void)
{
	return gettid() == getpid();
}

/* Return: whether this thread was woken, and others wait for it. */
static bool note_settled(struct clock *c)
{
	if (!c->n_unsettled || is_main_thread())
		return false;
	c->n_unsettled--;
	pthread_cond_broadcast(&c->changed);
	return true;
}

ns_t clock_read(struct clock *c)
{
	if (!note_settled(c))
		clock_advance(c, c->now + READ_STEP);
	return c->now;
}

/* ---- Who moves time -------------------------------------------------------------- */

static ns_t next_deadline(const struct clock *c)
{
	ns_t next = c->user.deadline(c->user.ctx);

	for (const struct sleeper *s = c->sleepers; s; s = s->next)
		next = s->until < next ? s->until : next;
	return next;
}

static void check_progress(struct clock *c, bool moves)
{
	c->n_same = moves ? 0 : c->n_same + 1;
	if (c->n_same < SAME_MAX)
		return;
	message("a timer is due again and again, and nothing happens");
	abort();
}

bool clock_step(struct clock *c, ns_t limit)
{
	ns_t next = next_deadline(c);

	if (next == NS_NEVER || next > limit)
		return false;
	check_progress(c, next > c->now);
	if (next > c->now)
		c->now = next;
	c->user.run(c->user.ctx);
	clock_settle(c);
	return true;
}

void clock_advance(struct clock *c, ns_t to)
{
	while (clock_step(c, to))
		;
	if (to > c->now)
		c->now = to;
}

static bool can_go_on(const struct clock *c, const struct sleeper *s)
{
	return s->ready(s->ctx) || s->until <= c->now;
}

static bool wake(struct clock *c)
{
	unsigned n_before = c->n_unsettled;

	for (struct sleeper *s = c->sleepers; s; s = s->next) {
		if (!s->woken && can_go_on(c, s)) {
			s->woken = true;
			c->n_unsettled++;
		}
	}
	return c->n_unsettled != n_before;
}

/* What one does when it goes on may be what another waits for. */
void clock_settle(struct clock *c)
{
	struct timespec limit;

	while (wake(c)) {
		clock_gettime(CLOCK_REALTIME, &limit);
		limit.tv_sec += SETTLE_SECONDS;
		pthread_cond_broadcast(&c->changed);
		while (c->n_unsettled) {
			if (pthread_cond_timedwait(&c->changed, &c->lock, &limit))
				c->n_unsettled = 0;
		}
	}
}

/* ---- Who waits --------------------------------------------------------------------- */

static int move_time(struct clock *c, clock_ready_fn *ready, void *ctx,
		     ns_t until)
{
	while (!ready(ctx)) {
		if (clock_step(c, until))
			continue;
		if (until == NS_NEVER)
			return -EDEADLK;
		clock_advance(c, until);
		return ready(ctx) ? 0 : -EAGAIN;
	}
	return 0;
}

static void remove_sleeper(struct clock *c, struct sleeper *s)
{
	struct sleeper **at = &c->sleepers;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

int clock_sleep(struct clock *c, clock_ready_fn *ready, void *ctx, ns_t until)
{
	struct sleeper s = {
		.next = c->sleepers, .ready = ready, .ctx = ctx, .until = until,
	};

	if (ready(ctx))
		return 0;
	if (until <= c->now)
		return -EAGAIN;
	if (is_main_thread())
		return move_time(c, ready, ctx, until);
	note_settled(c);
	c->sleepers = &s;
	while (!s.woken)
		pthread_cond_wait(&c->changed, &c->lock);
	remove_sleeper(c, &s);
	return ready(ctx) ? 0 : -EAGAIN;
}

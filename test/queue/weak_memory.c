// SPDX-License-Identifier: BSD-2-Clause
/* weak_memory.c - Memory as two threads may see it, one step at a time */
#include "queue/weak_memory.h"

#include <string.h>

#include "base/compiler.h"

static bool is_buffered(const struct memory_state *m)
{
	return m->machine != MACHINE_VIEWS;
}

void memory_begin(struct memory_state *m, enum memory_machine machine)
{
	memset(m, 0, sizeof(*m));
	m->machine = (uint8_t)machine;
	for (uint32_t n = 0; n < MEMORY_LOCATIONS; n++)
		m->n[n] = 1;
}

/* ---- Buffers ----------------------------------------------------------------- */

static uint8_t buffered_value(const struct memory_state *m, uint32_t thread,
			      uint32_t location)
{
	for (uint32_t n = m->n_buffered[thread]; n > 0; n--) {
		if (m->buffer[thread][n - 1].location == location)
			return m->buffer[thread][n - 1].value;
	}
	return m->value[location];
}

static bool buffer_store(struct memory_state *m, uint32_t thread,
			 uint32_t location, uint8_t value, bool releases)
{
	uint32_t n = m->n_buffered[thread];

	if (n == MEMORY_BUFFER)
		return false;
	m->buffer[thread][n] = (struct memory_store){
		(uint8_t)location, value, releases,
	};
	m->n_buffered[thread]++;
	return true;
}

/* TSO: the oldest of all; PSO: the oldest to its location, if it need not wait. */
static bool may_drain(const struct memory_state *m, uint32_t thread, uint32_t n)
{
	if (m->machine == MACHINE_TSO || m->buffer[thread][n].releases)
		return n == 0;
	for (uint32_t k = 0; k < n; k++) {
		if (m->buffer[thread][k].location ==
		    m->buffer[thread][n].location)
			return false;
	}
	return true;
}

bool memory_drain(struct memory_state *m, uint32_t thread, uint32_t choice)
{
	struct memory_store *b = m->buffer[thread];
	uint32_t last = m->n_buffered[thread];

	for (uint32_t n = 0; n < last; n++) {
		if (!may_drain(m, thread, n) || choice--)
			continue;
		m->value[b[n].location] = b[n].value;
		memmove(b + n, b + n + 1, (last - n - 1) * sizeof(*b));
		memset(b + last - 1, 0, sizeof(*b));
		m->n_buffered[thread]--;
		return true;
	}
	return false;
}

bool memory_is_drained(const struct memory_state *m)
{
	return m->n_buffered[0] == 0 && m->n_buffered[1] == 0;
}

/* ---- Views ------------------------------------------------------------------- */

static void join(struct memory_view *to, const struct memory_view *from)
{
	for (uint32_t n = 0; n < MEMORY_LOCATIONS; n++) {
		if (to->at[n] < from->at[n])
			to->at[n] = from->at[n];
	}
}

static void move_view(struct memory_view *v, uint32_t location, uint32_t at)
{
	v->at[location] += v->at[location] >= at;
}

/* Makes a place in a history: everything that points behind it moves along. */
static void make_place(struct memory_state *m, uint32_t location, uint32_t at)
{
	struct memory_message *h = m->history[location];

	for (uint32_t l = 0; l < MEMORY_LOCATIONS; l++) {
		for (uint32_t n = 0; n < m->n[l]; n++)
			move_view(&m->history[l][n].view, location, at);
	}
	for (uint32_t t = 0; t < MEMORY_THREADS; t++) {
		move_view(&m->thread[t].now, location, at);
		move_view(&m->thread[t].acquired, location, at);
		move_view(&m->thread[t].released, location, at);
	}
	move_view(&m->fenced, location, at);
	move_view(&m->event, location, at);
	memmove(h + at + 1, h + at, (m->n[location] - at) * sizeof(*h));
	memset(h + at, 0, sizeof(*h));
	m->n[location]++;
}

static void read_message(struct memory_state *m, uint32_t thread,
			 uint32_t location, uint32_t at, bool acquires)
{
	struct memory_thread *t = &m->thread[thread];
	const struct memory_message *g = &m->history[location][at];

	t->now.at[location] = (uint8_t)at;
	if (t->acquired.at[location] < at)
		t->acquired.at[location] = (uint8_t)at;
	join(&t->acquired, &g->view);
	if (acquires)
		join(&t->now, &g->view);
}

static void write_message(struct memory_state *m, uint32_t thread,
			  uint32_t location, uint32_t at, uint8_t value,
			  bool releases)
{
	struct memory_thread *t = &m->thread[thread];
	struct memory_message *g = &m->history[location][at];

	make_place(m, location, at);
	t->now.at[location] = (uint8_t)at;
	if (t->acquired.at[location] < at)
		t->acquired.at[location] = (uint8_t)at;
	g->value = value;
	g->view = releases ? t->now : t->released;
	if (g->view.at[location] < at)
		g->view.at[location] = (uint8_t)at;
}

/* ---- What threads do --------------------------------------------------------- */

bool memory_load(struct memory_state *m, uint32_t thread, uint32_t location,
		 enum memory_order_of order, uint32_t choice, uint8_t *value)
{
	uint32_t at = m->thread[thread].now.at[location] + choice;

	if (is_buffered(m)) {
		*value = buffered_value(m, thread, location);
		return choice == 0;
	}
	if (at >= m->n[location])
		return false;
	read_message(m, thread, location, at, order == ACQUIRE);
	*value = m->history[location][at].value;
	return true;
}

bool memory_write(struct memory_state *m, uint32_t thread, uint32_t location,
		  enum memory_order_of order, uint32_t choice, uint8_t value)
{
	uint32_t at = m->thread[thread].now.at[location] + 1U;

	if (is_buffered(m))
		return choice == 0 && buffer_store(m, thread, location, value,
						   order == RELEASE);
	for (; at <= m->n[location]; at++) {
		if (at < m->n[location] && m->history[location][at].glued)
			continue;
		if (choice--)
			continue;
		if (m->n[location] == MEMORY_HISTORY)
			return false;
		write_message(m, thread, location, at, value, order == RELEASE);
		return true;
	}
	return false;
}

bool memory_exchange(struct memory_state *m, uint32_t thread,
		     uint32_t location, uint32_t choice, uint8_t *value)
{
	uint32_t at = m->thread[thread].now.at[location];

	if (is_buffered(m)) {
		*value = m->value[location];
		m->value[location] = 0;
		return choice == 0 && m->n_buffered[thread] == 0;
	}
	for (; at < m->n[location]; at++) {
		if (at + 1 < m->n[location] &&
		    m->history[location][at + 1].glued)
			continue;
		if (choice--)
			continue;
		if (m->n[location] == MEMORY_HISTORY)
			return false;
		read_message(m, thread, location, at, true);
		*value = m->history[location][at].value;
		write_message(m, thread, location, at + 1, 0, true);
		m->history[location][at + 1].glued = true;
		return true;
	}
	return false;
}

bool memory_fence(struct memory_state *m, uint32_t thread, uint32_t choice)
{
	struct memory_thread *t = &m->thread[thread];

	if (is_buffered(m))
		return choice == 0 && m->n_buffered[thread] == 0;
	join(&t->now, &t->acquired);
	join(&t->now, &m->fenced);
	m->fenced = t->acquired = t->released = t->now;
	return choice == 0;
}

void memory_signal(struct memory_state *m, uint32_t thread)
{
	join(&m->event, &m->thread[thread].now);
}

void memory_wait(struct memory_state *m, uint32_t thread)
{
	join(&m->thread[thread].now, &m->event);
	join(&m->thread[thread].acquired, &m->event);
}

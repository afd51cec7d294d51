/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * weak_memory.h - Memory as two threads may see it, one step at a time
 *
 * For explicit-state checking. All that a step may do is numbered: a caller asks for
 * choice 0, 1, 2 ... until there is none. States are compared as bytes.
 *
 * Two machines:
 *   buffers  x86: stores wait in a buffer, first in first out, which only their own
 *            thread sees; or, weaker, in order for each location only (SPARC PSO),
 *            but for those that release.
 *   views    C11 without its out-of-thin-air: each location has the history of all
 *            values it ever had, a load may find any that is not older than what
 *            the thread knows of, a store may come to lie before others that nobody
 *            has to have seen. What a thread knows travels with release and acquire,
 *            and through fences.
 *
 * Source: ISO C11 §5.1.2.4, §7.17.3; Sewell et al., "x86-TSO"; Kang et al., "A
 * promising semantics for relaxed-memory concurrency" (views, without promises).
 */
#ifndef TEST_QUEUE_WEAK_MEMORY_H
#define TEST_QUEUE_WEAK_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_THREADS 2
#define MEMORY_LOCATIONS 3
#define MEMORY_HISTORY 16
#define MEMORY_BUFFER 4

enum memory_machine { MACHINE_TSO, MACHINE_PSO, MACHINE_VIEWS, N_MACHINES };
enum memory_order_of { RELAXED, ACQUIRE, RELEASE, ACQ_REL };

/* Which entry of each history is known; none before it can be read. */
struct memory_view {
	uint8_t at[MEMORY_LOCATIONS];
};

struct memory_message {
	uint8_t value;
	uint8_t glued;		/* nothing may come between it and the one before */
	struct memory_view view;	/* who acquires it knows that           */
};

struct memory_thread {
	struct memory_view now, acquired, released;
};

struct memory_store {
	uint8_t location, value;
	uint8_t releases;	/* not before what was stored before            */
};

struct memory_state {
	uint8_t machine;	/* enum memory_machine                          */
	/* buffers */
	uint8_t value[MEMORY_LOCATIONS];
	uint8_t n_buffered[MEMORY_THREADS];
	struct memory_store buffer[MEMORY_THREADS][MEMORY_BUFFER];
	/* views */
	uint8_t n[MEMORY_LOCATIONS];
	struct memory_message history[MEMORY_LOCATIONS][MEMORY_HISTORY];
	struct memory_thread thread[MEMORY_THREADS];
	struct memory_view fenced, event;
};

/** memory_begin() - All locations 0 and known to all */
void memory_begin(struct memory_state *m, enum memory_machine machine);

/* Each returns false when there is no such choice; @m is garbage then. */
bool memory_load(struct memory_state *m, uint32_t thread, uint32_t location,
		 enum memory_order_of order, uint32_t choice, uint8_t *value);
bool memory_write(struct memory_state *m, uint32_t thread, uint32_t location,
		  enum memory_order_of order, uint32_t choice, uint8_t value);
bool memory_exchange(struct memory_state *m, uint32_t thread,
		     uint32_t location, uint32_t choice, uint8_t *value);
bool memory_fence(struct memory_state *m, uint32_t thread, uint32_t choice);

/** memory_drain() - A buffered store reaches memory, without the thread's doing */
bool memory_drain(struct memory_state *m, uint32_t thread, uint32_t choice);
/** memory_is_drained() - Nothing waits in a buffer */
bool memory_is_drained(const struct memory_state *m);

/* What a thread knows goes with an event of the kernel, and with who gets it. */
void memory_signal(struct memory_state *m, uint32_t thread);
void memory_wait(struct memory_state *m, uint32_t thread);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/* stack.c - Make a stack, its lock, and its turns */
#include "socket/stack.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/heap.h"
#include "socket/connection.h"
#include "socket/listen.h"
#include "socket/work/take.h"

#define TURN_FRAMES 512		/* of the wire, at most                         */
#define TURN_NS 50000u		/* who finds something turns so often           */
#define SHORT_TURN_BYTES 24000	/* of frames, about                             */
#define LOOPS 64
#define DUE_MAX 64		/* timers in a turn, before the wire is looked at */
#define SPINS 200		/* before a lock that is held is slept for      */
#define NONE UINT32_MAX

struct stack *stack;
static __thread bool is_inside;
static __thread int errno_outside;	/* before a call turned to the kernel   */

/* ---- Make ---------------------------------------------------------------------- */

static void *table(size_t bytes)
{
	return heap_zeroed(1, bytes);
}

static int make_tables(struct stack *s)
{
	uint32_t capacity = STACK_SOCKETS + STACK_REQUESTS + STACK_TIME_WAITS;
	uint8_t random[16 + 16 + 32 + 16];
	void *cells, *lookup, *waits, *ports;

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return -EIO;
	cells = heap_alloc(cells_bytes(STACK_CELLS));
	lookup = table(lookup_bytes(capacity));
	waits = table(time_wait_bytes(STACK_TIME_WAITS));
	ports = table(ports_bytes(4));
	s->nodes = table((STACK_SOCKETS + STACK_REQUESTS) * sizeof(*s->nodes));
	s->sockets = table(STACK_SOCKETS * sizeof(struct socket *));
	s->free_sockets = table(STACK_SOCKETS * sizeof(uint32_t));
	s->requests = table(STACK_REQUESTS * sizeof(*s->requests));
	if (!cells || !lookup || !waits || !ports || !s->nodes || !s->sockets ||
	    !s->free_sockets || !s->requests)
		return -ENOMEM;
	s->cells = cells_init(cells, STACK_CELLS, STACK_CELLS / 8);
	s->lookup = lookup_init(lookup, capacity, random);
	s->time_wait = time_wait_init(waits, STACK_TIME_WAITS, s->config.time_wait,
				      s->config.timestamp_tick);
	s->ports = ports_init(ports, 4, PORTS_FIRST, PORTS_LAST, random + 16);
	syn_cookie_init(&s->cookies, random + 32, s->now);
	memcpy(s->secret.key, random + 64, sizeof(s->secret.key));
	return 0;
}

static void make_lists(struct stack *s)
{
	timer_wheel_init(&s->wheel, s->now, TIMER_WHEEL_SHIFT_MIN);
	for (uint32_t n = 0; n < STACK_SOCKETS + STACK_REQUESTS; n++)
		timer_node_init(&s->nodes[n]);
	for (uint32_t n = 0; n < STACK_REQUESTS; n++)
		s->requests[n].next_free = n + 1 < STACK_REQUESTS ? n + 1 : NONE;
	for (uint32_t n = 0; n < STACK_SOCKETS; n++)
		s->free_sockets[n] = STACK_SOCKETS - 1 - n;
	s->n_free_sockets = STACK_SOCKETS;
	s->output_last = &s->output_first;
}

static int make_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t a;
	int err = pthread_mutexattr_init(&a);

	if (err)
		return -err;
	err = pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	if (!err)
		err = pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	if (!err)
		err = pthread_mutex_init(lock, &a);
	pthread_mutexattr_destroy(&a);
	return -err;
}

int stack_make(const char *where, struct wire_error *error)
{
	struct stack *s = heap_zeroed(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->version = STACK_VERSION;
	s->now = stack_clock();
	tcp_config_default(&s->config);
	s->config.frame_max = UINT16_MAX - 160;
	err = make_lock(&s->lock);
	if (!err)
		err = make_tables(s);
	if (!err)
		err = embed_open(&s->embed, where, error);
	if (err)
		return err;
	make_lists(s);
	*heap_root() = s;
	stack = s;
	return 0;
}

/* ---- Lock --------------------------------------------------------------------------- */

/*
 * Who died holding it left something half done, and nobody can tell what; or the device
 * is gone. The machine is not asked again about any connection: their peers are told when
 * they send next. Cells that they had are lost.
 */
static void reset_all(int error)
{
	stack->output_first = NULL;
	stack->output_last = &stack->output_first;
	for (uint32_t n = 0; n < STACK_SOCKETS; n++) {
		struct socket *s = stack->sockets[n];

		if (!s || !connection_lives(s))
			continue;
		lookup_remove(stack->lookup, &s->tuple);
		embed_release(stack->embed, &s->tuple);
		timer_wheel_cancel(&stack->wheel, stack->nodes, s->idx);
		s->error = error;
		s->flags &= ~(uint32_t)(SOCKET_OUTPUT | SOCKET_CONNECTING);
		s->flags |= SOCKET_OVER;
		notify(s, 0);
		if (!s->refs && !s->listener)
			socket_free(s);
	}
}

bool stack_lock(void)
{
	int err = EBUSY;

	if (is_inside)
		return false;
	is_inside = true;	/* first: a signal may come before the lock is had */
	for (int n = 0; n < SPINS && err == EBUSY; n++) {
		err = pthread_mutex_trylock(&stack->lock);
		if (err == EBUSY)
			spin_pause();
	}
	if (err == EBUSY)
		err = pthread_mutex_lock(&stack->lock);
	if (unlikely(err == EOWNERDEAD)) {
		(void)pthread_mutex_consistent(&stack->lock);
		stack->n_broken++;
		works_repair();
		reset_all(ECONNRESET);
	}
	errno_outside = errno;
	return true;
}

/* From us to us: there and back again, as often as something is said. Return: frames. */
static int run_looped(void);

/* Nobody else is told of what was sent to ourselves: it arrives before the lock is free. */
void stack_unlock(void)
{
	if (embed_has_looped(stack->embed)) {
		stack->now = stack_clock();
		run_looped();
		embed_flush(stack->embed);
	}
	pthread_mutex_unlock(&stack->lock);
	errno = errno_outside;
	is_inside = false;
}

void stack_forked(void)
{
	is_inside = false;
}

ns_t stack_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * TCP_SECOND + (ns_t)t.tv_nsec;
}

/* ---- What connections are made of ----------------------------------------------------- */

struct tcp_endpoint stack_endpoint(const struct tcp_tuple *t)
{
	struct isn isn = isn_choose(&stack->secret, t, stack->now);

	return (struct tcp_endpoint){
		.iss = isn.iss,
		.timestamp_offset = isn.timestamp_offset,
		.mtu = embed_mtu(stack->embed),
		.v6 = t->v6,
	};
}

void stack_port_is_free(const struct tcp_tuple *t)
{
	if (t->local_port)
		embed_release(stack->embed, t);
	if (t->local_port >= PORTS_FIRST && t->local_port <= PORTS_LAST)
		ports_release(stack->ports, t);
}

void stack_send(const struct tcp_tuple *t, const struct embed_path *path,
		const struct tcp_segment *out)
{
	const struct embed_unit unit = { .tuple = t, .path = path, .segment = out,
					 .mss = UINT16_MAX, .ttl = 64 };

	embed_send(stack->embed, &unit);
}

void stack_answer(const struct embed_datagram *d, const struct tcp_segment *out)
{
	struct embed_path path = { .mtu = embed_mtu(stack->embed) };

	memcpy(path.mac, d->from, sizeof(path.mac));
	stack_send(&d->tuple, &path, out);
}

/* ---- Turns ------------------------------------------------------------------------------ */

static void arrive_in_time_wait(uint32_t number, const struct embed_datagram *d)
{
	struct tcp_segment answer;

	if (d->is_icmp)
		return;
	switch (time_wait_arrive(stack->time_wait, number, &d->segment, stack->now,
				 &answer)) {
	case TIME_WAIT_ANSWER:
		stack_answer(d, &answer);
		break;
	case TIME_WAIT_REOPEN:
		time_wait_remove(stack->time_wait, stack->lookup, number);
		stack_port_is_free(&d->tuple);
		listen_reopen(d, answer.seq);
		break;
	case TIME_WAIT_DROP:
		break;
	}
}

static void arrive(const struct embed_datagram *d)
{
	uint32_t value = lookup_find(stack->lookup, &d->tuple);

	if (value == LOOKUP_NONE)
		listen_arrive(d);
	else if (value & TIME_WAIT_FLAG)
		arrive_in_time_wait(value & ~TIME_WAIT_FLAG, d);
	else if (value & STACK_REQUEST)
		listen_arrive_for(value & ~STACK_REQUEST, d);
	else if (d->is_icmp)
		connection_icmp(stack->sockets[value], d);
	else
		connection_arrive(stack->sockets[value], d);
}

static void run_timers(void)
{
	struct tcp_tuple gone[16];
	uint32_t due[DUE_MAX], n;

	if (timer_wheel_next(&stack->wheel) <= stack->now) {
		n = timer_wheel_advance(&stack->wheel, stack->nodes, stack->now, due,
					DUE_MAX);
		for (uint32_t k = 0; k < n; k++) {
			/* One that was due before may have ended it. */
			if (due[k] >= STACK_SOCKETS)
				listen_timer(due[k] - STACK_SOCKETS);
			else if (connection_lives(stack->sockets[due[k]]))
				connection_timer(stack->sockets[due[k]]);
		}
	}
	if (time_wait_next(stack->time_wait) <= stack->now) {
		n = time_wait_expire(stack->time_wait, stack->lookup, stack->now, gone,
				     ARRAY_SIZE(gone));
		while (n--)
			stack_port_is_free(&gone[n]);
	}
}

/* Once each of those that were there: who is not done goes to the end. */
static void run_output(void)
{
	struct socket *s = stack->output_first, *next;

	stack->output_first = NULL;
	stack->output_last = &stack->output_first;
	for (; s; s = next) {
		next = s->next_output;
		s->flags &= ~(uint32_t)SOCKET_OUTPUT;
		if (connection_lives(s) && !connection_output(s))
			connection_queue(s);
		else if (s->kind == SOCKET_FREE)
			socket_free(s);
	}
}

static int receive_batch(size_t want)
{
	int got = embed_receive(stack->embed, stack->now, want, arrive);

	if (unlikely(got == -ENETDOWN) && !stack->is_down) {
		stack->is_down = true;
		reset_all(ENETDOWN);
	}
	return got > 0 ? got : 0;
}

static int run_looped(void)
{
	int n = 0;

	for (int k = 0; embed_has_looped(stack->embed) && k < LOOPS; k++) {
		n += receive_batch(EMBED_ALL);
		run_output();
	}
	return n;
}

static int receive_frames(const struct cursor *r)
{
	/* What is left in the wire nobody else is told of. */
	bool is_alone = r && !stack->n_asleep;
	size_t want = is_alone ? cursor_left(r) : EMBED_ALL;
	int got, n = 0;

	do {
		got = receive_batch(want);
		n += got;
		if (is_alone)
			want = cursor_left(r);
	} while (got > 0 && embed_has_more() && want && n < TURN_FRAMES);
	return n;
}

/* Who sleeps is rung for what comes now, and told of what was left. */
static int arm_for_sleepers(void)
{
	int n = 0;

	if ((!stack->n_asleep && !stack->caretaker_sleeps) || embed_arm(stack->embed))
		return 0;
	n = receive_frames(NULL);
	if (!embed_arm(stack->embed))
		sleepers_wake_one();
	return n;
}

static int run(struct socket *s, struct cursor *receiver, bool is_brief)
{
	int n;

	stack->now = stack->turned = stack_clock();
	if (s)
		s->receiver = receiver;
	n = is_brief ? receive_batch(SHORT_TURN_BYTES) : receive_frames(receiver);
	n += arm_for_sleepers();
	run_timers();
	run_output();
	n += run_looped();
	if (s)
		s->receiver = NULL;
	embed_flush(stack->embed);
	stack->n_turns++;
	return n;
}

int stack_run(void)
{
	return run(NULL, NULL, false);
}

int stack_run_for(struct socket *s, struct cursor *receiver)
{
	return run(s, receiver, false);
}

void stack_run_now_and_then(void)
{
	stack->now = stack_clock();
	if (stack->now - stack->turned >= TURN_NS)
		run(NULL, NULL, true);
}

/* Of somebody who does not wait for a neighbour's answer, which is a frame. */
static bool has_output(void)
{
	const struct socket *s = stack->output_first;

	while (s && s->flags & SOCKET_ASKS)
		s = s->next_output;
	return s;
}

ns_t stack_deadline(void)
{
	ns_t next = timer_wheel_next(&stack->wheel);
	ns_t t = time_wait_next(stack->time_wait);

	if (embed_has_looped(stack->embed))
		return stack->now;
	if (has_output() && embed_ready(stack->embed))
		return stack->now;
	next = t < next ? t : next;
	t = embed_deadline(stack->embed);
	return t < next ? t : next;
}

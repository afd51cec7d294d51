// SPDX-License-Identifier: BSD-2-Clause
/*
 * caretaker.c - Who looks after a stack when none of its program's processes does
 *
 * DOC: Theory of operation
 * Whoever calls does the stack's work. As long as somebody does, this process keeps off:
 * it looks every BUSY_NS whether there were turns since it looked last, and the wire's
 * frames do not wake it. When there were none it makes one, and sleeps on the wire as
 * those that call would.
 *
 * When the program has ended, it ends as soon as no connection is left. What takes longer
 * (LINGER_NS), and processes that the program has left behind, are looked after by a child,
 * so that whoever waits for the program need not wait for that.
 *
 * Signals are those of the program: each that was sent to us is passed on, but not those
 * of a terminal, which the program has got itself. They come by a descriptor; but those
 * that stop us may do so while we sleep, never while we have the lock.
 *
 * Source: ARCHITECTURE D6.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <tto/tto.h>
#include <unistd.h>

#include "socket/kernel.h"
#include "socket/process.h"
#include "socket/stack.h"
#include "tool/run/run.h"

#define MS 1000000ULL
#define SOON_NS MS		/* what could not be done now is tried again    */
#define BUSY_NS (10 * MS)
#define IDLE_NS (100 * MS)	/* a process that was killed is noticed         */
#define LINGER_NS (1000 * MS)
#define FINISH_NS (60000 * MS)

struct caretaker {
	pid_t program;
	int status;		/* of the program, when @ended                  */
	ns_t ended;		/* NS_NEVER: not yet                            */
	int signals;		/* signalfd                                     */
	int lifeline;		/* at its end when no process is left           */
	bool is_background;
	bool must_end;
	uint64_t turns;		/* as of the last look                          */
	bool is_busy;		/* others make turns                            */
	bool has_processes;
	unsigned n_connections;
	ns_t until;		/* next look, whatever comes                    */
};

/* ---- Signals -------------------------------------------------------------------- */

static const int stopping[] = { SIGTSTP, SIGTTIN, SIGTTOU };
static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS };
static sigset_t passed, asleep;

int caretaker_block_signals(sigset_t *before)
{
	sigset_t blocked;

	sigfillset(&blocked);
	for (unsigned n = 0; n < ARRAY_SIZE(own); n++)
		sigdelset(&blocked, own[n]);
	asleep = passed = blocked;
	for (unsigned n = 0; n < ARRAY_SIZE(stopping); n++) {
		sigdelset(&passed, stopping[n]);
		sigdelset(&asleep, stopping[n]);
	}
	/* Whoever started us may have it ignored: then there is nothing to wait for. */
	signal(SIGCHLD, SIG_DFL);
	return sigprocmask(SIG_BLOCK, &blocked, before) ? -errno : 0;
}

static void reap_children(struct caretaker *c)
{
	int status;
	pid_t child;

	while ((child = waitpid(-1, &status, WNOHANG)) > 0) {
		if (child != c->program)
			continue;
		c->status = status;
		c->ended = stack_clock();
	}
}

static void take_signals(struct caretaker *c)
{
	struct signalfd_siginfo s;

	while (read(c->signals, &s, sizeof(s)) == sizeof(s)) {
		int number = (int)s.ssi_signo;

		if (number == SIGCHLD)
			reap_children(c);
		else if (c->ended != NS_NEVER)
			c->must_end |= number == SIGINT || number == SIGTERM;
		else if (s.ssi_code <= 0 && (pid_t)s.ssi_pid != c->program)
			kill(c->program, number);
	}
}

/* ---- The stack's work --------------------------------------------------------------- */

static unsigned count_connections(void)
{
	unsigned n_left = 0;

	/* Numbers are given again: those in use need not be the first. */
	for (uint32_t n = 0; n < STACK_SOCKETS; n++) {
		const struct socket *s = stack->sockets[n];

		n_left += s && s->kind == SOCKET_CONNECTION && !(s->flags & SOCKET_OVER);
	}
	return n_left;
}

/* Those that have not joined the stack, and may yet do so, count as well. */
static bool is_at_end(int lifeline)
{
	static const struct timespec none;
	struct pollfd p = { .fd = lifeline };

	return kernel_ppoll(&p, 1, &none, NULL) > 0 && p.revents & POLLHUP;
}

static void look(struct caretaker *c)
{
	ns_t now, due;

	if (!stack_lock())
		return;
	c->is_busy = stack->n_turns != c->turns;
	now = stack_clock();
	/* What comes is better in the caches of those who want it. */
	if (!c->is_busy)
		stack_run();
	process_reap();
	c->has_processes = process_count() || !is_at_end(c->lifeline);
	c->n_connections = c->ended == NS_NEVER ? 0 : count_connections();
	due = stack_deadline();
	c->turns = stack->n_turns;
	stack->caretaker_sleeps = !c->is_busy;
	if (!c->is_busy && !embed_arm(stack->embed))
		due = now;
	stack_unlock();
	c->until = now + (c->is_busy ? BUSY_NS : IDLE_NS);
	if (!c->is_busy && due < c->until)
		c->until = due > now + SOON_NS ? due : now + SOON_NS;
}

static void wait_for_something(struct caretaker *c)
{
	ns_t now = stack_clock(), more = c->until > now ? c->until - now : 0;
	struct timespec timeout = { (time_t)(more / (1000 * MS)),
				    (long)(more % (1000 * MS)) };
	struct pollfd fds[] = {
		{ .fd = c->signals, .events = POLLIN },
		{ .fd = c->is_busy ? -1 : embed_fd(stack->embed), .events = POLLIN },
	};

	if (kernel_ppoll(fds, ARRAY_SIZE(fds), &timeout, &asleep) < 0)
		return;
	if (fds[0].revents)
		take_signals(c);
}

/* ---- The end ---------------------------------------------------------------------------- */

static bool is_over(const struct caretaker *c)
{
	if (c->ended == NS_NEVER)
		return false;
	if (c->must_end || (!c->has_processes && !c->n_connections))
		return true;
	return !c->has_processes && stack_clock() > c->ended + FINISH_NS;
}

/* Return: whether this is the process that goes on. */
static bool go_on_in_background(struct caretaker *c)
{
	int null;
	pid_t child;

	tto_fork_begin();
	child = fork();
	if (child) {
		tto_fork_parent(child);
		return child < 0;
	}
	tto_fork_child();
	/* Whoever reads what the program writes is not to wait for us. */
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; null >= 0 && fd <= 2; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	return true;
}

static bool has_to_wait(const struct caretaker *c)
{
	return c->ended != NS_NEVER && !c->is_background && getpid() != 1 &&
	       (c->has_processes || stack_clock() > c->ended + LINGER_NS);
}

int caretaker_run(pid_t program, int lifeline)
{
	struct caretaker c = { .program = program, .lifeline = lifeline,
			       .ended = NS_NEVER };

	/* Those whose parents end become ours, so that nothing is left of them. */
	prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
	c.signals = signalfd(-1, &passed, SFD_NONBLOCK | SFD_CLOEXEC);
	reap_children(&c);
	for (look(&c); !is_over(&c); look(&c)) {
		if (has_to_wait(&c)) {
			c.is_background = true;
			if (!go_on_in_background(&c))
				return c.status;
		}
		wait_for_something(&c);
	}
	if (c.is_background)
		_exit(0);
	return c.status;
}

// SPDX-License-Identifier: BSD-2-Clause
/* agent.c - Open everything, and the loop */
#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/kernel/kernel.h"
#include "agent/stats.h"
#include "base/message.h"

#define SECOND 1000000000ull
#define MS 1000000ull
#define SPIN_NS 20000		/* config: [wire] spin                          */
#define FLOWS 16384
#define PASSES 32		/* of a busy device between two looks at the socket */
#define EVENTS 32
#define NAP_MS 1		/* when the wire cannot be waited for           */

static ns_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * SECOND + (ns_t)t.tv_nsec;
}

/* ---- Open and close ------------------------------------------------------------------- */

int agent_watch(struct agent *a, int fd, struct source *s)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = s };

	return epoll_ctl(a->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int open_wire(const char *spec, struct wire **wire)
{
	struct wire_error error;
	int err = wire_open(wire, spec, &error);

	if (err)
		message("%s", error.text);
	return err;
}

/* Addresses are those of @interface, which the kernel keeps. */
static int share(struct agent *a, const char *interface, struct host_options *options)
{
	int err;

	a->kernel = calloc(1, sizeof(*a->kernel));
	if (!a->kernel)
		return -ENOMEM;
	err = kernel_open(a->kernel, interface, !options->kernel);
	if (!err)
		kernel_fill(a->kernel, options);
	return err;
}

static int open_kernel(struct agent *a, const struct wire *wire,
		       struct host_options *options)
{
	const char *kernel = a->config->kernel;
	int err;

	if (!kernel)
		return 0;
	if (!strcmp(kernel, CONFIG_SHARED))
		return share(a, wire->name, options);
	err = open_wire(kernel, &options->kernel);
	return err ? err : share(a, options->kernel->name, options);
}

static int open_host(struct agent *a)
{
	struct host_options options = a->config->host;
	struct wire *wire;
	int err = open_wire(a->config->wire, &wire);

	options.device.flows = FLOWS;
	if (err)
		return err;
	err = open_kernel(a, wire, &options);
	if (!err) {
		err = host_open(&a->host, wire, &options);
		if (err)
			message_errno(err, "%s", a->config->wire);
	}
	if (!err)
		return 0;
	(void)!wire_close(options.kernel);
	(void)!wire_close(wire);
	return err;
}

static void take_signal(struct agent *a, struct source *s)
{
	struct signalfd_siginfo info;

	(void)s;
	if (read(a->signals, &info, sizeof(info)) == sizeof(info))
		a->stopping = true;
}

/* The host's descriptor only ends a sleep: host_disarm() and host_run() do the rest. */
static void wake_up(struct agent *a, struct source *s)
{
	(void)a;
	(void)s;
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Clients have many; the limit that one starts with is for programs that select(2). */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int watch_all(struct agent *a)
{
	int err;

	a->accepts.ready = session_accept;
	a->stops.ready = take_signal;
	a->wakes.ready = wake_up;
	a->signals = open_signals();
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (a->signals < 0 || a->epoll < 0)
		return -errno;
	a->spare = fcntl(a->signals, F_DUPFD_CLOEXEC, 0);
	if (a->spare < 0)
		return -errno;
	err = agent_watch(a, a->socket, &a->accepts);
	if (!err)
		err = agent_watch(a, a->signals, &a->stops);
	if (!err && host_fd(a->host) >= 0)
		err = agent_watch(a, host_fd(a->host), &a->wakes);
	if (!err && a->kernel)
		err = kernel_watch(a->kernel, a);
	return err;
}

int agent_open(struct agent *a, const struct config *config)
{
	int err;

	*a = (struct agent){
		.config = config, .epoll = -1, .socket = -1, .signals = -1,
		.spare = -1,
	};
	raise_limit();
	/* First, so that a second daemon does not touch the wire of the first. */
	a->socket = socket_listen(config);
	if (a->socket < 0)
		return a->socket;
	err = open_host(a);
	if (err)
		return err;
	err = watch_all(a);
	if (err)
		message_errno(err, "epoll");
	return err ? err : stats_open(&a->stats, config, config->host.clients,
				      FLOWS);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

void agent_close(struct agent *a)
{
	while (a->sessions)
		session_close(a, a->sessions);
	if (a->socket >= 0)
		unlink(a->config->socket);
	stats_close(a->stats);
	close_fd(a->socket);
	close_fd(a->signals);
	close_fd(a->spare);
	close_fd(a->epoll);
	host_close(a->host);
	if (a->kernel)
		kernel_close(a->kernel);
	free(a->kernel);
}

/* ---- Loop --------------------------------------------------------------------------------- */

/* Return: whether there was something. */
static bool serve(struct agent *a, int timeout_ms)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(a->epoll, events, EVENTS, timeout_ms);

	for (int idx = 0; idx < n; idx++) {
		struct source *s = events[idx].data.ptr;

		s->ready(a, s);
	}
	return n > 0;
}

/* epoll counts milliseconds: a deadline is met late rather than in a busy loop. */
static int timeout_until(ns_t due, ns_t now)
{
	if (due == NS_NEVER)
		return -1;
	if (due <= now)
		return 0;
	due = (due - now + MS - 1) / MS;
	return due > 60000 ? 60000 : (int)due;
}

static bool sleep_until(struct agent *a, ns_t due)
{
	bool woken;

	if (host_fd(a->host) < 0)
		return serve(a, NAP_MS);
	if (!host_arm(a->host))
		return serve(a, 0);
	woken = serve(a, timeout_until(due, clock_now()));
	host_disarm(a->host);
	return woken;
}

/* Passes of the device, until it has nothing to do or others have waited enough. */
static int run_device(struct agent *a, ns_t *now)
{
	int total = 0, n = 1;

	for (uint32_t pass = 0; pass < PASSES && n > 0; pass++) {
		*now = clock_now();
		n = host_run(a->host, *now);
		if (n > 0)
			total += n;
	}
	return n < 0 ? n : total;
}

int agent_run(struct agent *a)
{
	ns_t spin = a->config->host.spin_ns ? a->config->host.spin_ns : SPIN_NS;
	ns_t now, busy = clock_now(), due, sweep;
	bool active = false;
	int n;

	while (!a->stopping) {
		n = run_device(a, &now);
		if (n < 0) {
			message_errno(n, "%s", a->config->wire);
			return n;
		}
		if (n > 0)
			busy = now;
		due = host_deadline(a->host, now);
		sweep = stats_step(a->stats, a, active || n > 0, now);
		if (now - busy < spin)
			active = serve(a, 0);
		else
			active = sleep_until(a, due < sweep ? due : sweep);
	}
	return 0;
}

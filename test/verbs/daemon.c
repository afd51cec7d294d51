// SPDX-License-Identifier: BSD-2-Clause
/* daemon.c - A process with a device, for those who attach to it by a socket */
#include "daemon.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"
#include "mirror.h"

#define SESSIONS 8
#define PASSES 64		/* of the device, between two looks at sockets  */

struct session {
	int fd;			/* -1: free                                     */
	struct host_client *client;
};

struct serving {
	const struct daemon_options *options;
	struct host *host;
	int listener;
	struct session session[SESSIONS];
};

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

/* ---- Requests ---------------------------------------------------------------------------- */

static void answer(int fd, const struct control_reply *reply, int *fds)
{
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(CONTROL_FDS_MAX * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)reply, sizeof(*reply) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t bytes = reply->n_fds * sizeof(int);

	if (bytes) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(bytes);
		memcpy(CMSG_DATA(&control.head), fds, bytes);
	}
	(void)!sendmsg(fd, &message, MSG_NOSIGNAL);
	for (uint32_t n = 0; n < reply->n_fds; n++)
		close(fds[n]);
}

static void serve_session(struct session *s)
{
	struct control_request request;
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];

	if (recv(s->fd, &request, sizeof(request), 0) != sizeof(request)) {
		host_client_close(s->client);
		close(s->fd);
		s->fd = -1;
		return;
	}
	host_request(s->client, &request, &reply, fds);
	answer(s->fd, &reply, fds);
}

static void accept_session(struct serving *s)
{
	int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
	struct host_policy policy;

	host_policy_all(&policy);
	for (int n = 0; n < SESSIONS && fd >= 0; n++) {
		if (s->session[n].fd >= 0)
			continue;
		if (host_client_open(s->host, &policy, &s->session[n].client))
			break;
		s->session[n].fd = fd;
		return;
	}
	close(fd);
}

/* Sockets, and what else wakes; for @timeout at most. */
static void look(struct serving *s, int wakes, const struct timespec *timeout)
{
	struct pollfd fds[SESSIONS + 2];

	fds[0] = (struct pollfd){ .fd = s->listener, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = wakes, .events = POLLIN };
	for (int n = 0; n < SESSIONS; n++)
		fds[2 + n] = (struct pollfd){ .fd = s->session[n].fd,
					      .events = POLLIN };
	if (ppoll(fds, SESSIONS + 2, timeout, NULL) <= 0)
		return;
	if (fds[0].revents)
		accept_session(s);
	for (int n = 0; n < SESSIONS; n++) {
		if (fds[2 + n].revents)
			serve_session(&s->session[n]);
	}
}

static void serve(struct serving *s)
{
	const struct timespec at_once = { 0, 0 };
	ns_t worked = now();

	for (uint32_t pass = 1;; pass++) {
		ns_t at = now();

		if (host_run(s->host, at) > 0) {
			worked = at;
		} else if (at - worked >= s->options->spin_ns) {
			if (!host_arm(s->host))
				continue;
			look(s, host_fd(s->host), NULL);
			host_disarm(s->host);
			worked = now();
		}
		if (pass % PASSES == 0)
			look(s, -1, &at_once);
	}
}

/* ---- The process --------------------------------------------------------------------------- */

static void stay_on(int core)
{
	cpu_set_t one;

	if (core < 0)
		return;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	(void)!sched_setaffinity(0, sizeof(one), &one);
}

static int start_listening(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(fd, SESSIONS))
		return -errno;
	return fd;
}

static void be_daemon(int listener, const struct daemon_options *options)
{
	struct serving s = { .options = options, .listener = listener };
	struct wire *wire;

	/* Whoever started it may be gone without a word. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	stay_on(options->core);
	for (int n = 0; n < SESSIONS; n++)
		s.session[n].fd = -1;
	if (mirror_create(&wire, options->mirror) || host_open(&s.host, wire, NULL))
		_exit(1);
	serve(&s);
}

int daemon_start(struct daemon_process *d, const struct daemon_options *options)
{
	char path[128];
	int listener;

	snprintf(d->folder, sizeof(d->folder), "/tmp/tto-daemon-XXXXXX");
	if (!mkdtemp(d->folder))
		return -errno;
	snprintf(path, sizeof(path), "%s/socket", d->folder);
	snprintf(d->where, sizeof(d->where), "daemon:%.110s", path);
	listener = start_listening(path);
	if (listener < 0)
		return listener;
	d->pid = fork();
	if (d->pid == 0)
		be_daemon(listener, options);
	close(listener);
	return d->pid < 0 ? -errno : 0;
}

void daemon_stop(struct daemon_process *d)
{
	char path[128];

	if (d->pid > 0) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
	}
	d->pid = 0;
	snprintf(path, sizeof(path), "%s/socket", d->folder);
	unlink(path);
	rmdir(d->folder);
}

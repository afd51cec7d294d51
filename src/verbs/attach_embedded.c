// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach_embedded.c - A device in this process, with a wire of its own
 *
 * Every handle is a client of the same host, which ends with the last of them. Nothing
 * works on its own: a pass of the host is made whenever somebody polls. To sleep there is
 * one descriptor, with the wire and a timer for what becomes due; the timer also is the
 * doorbell, for who posts between arming and sleeping.
 * Source: ARCHITECTURE D11.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "host/host.h"
#include "verbs/attach.h"

struct hosting {
	struct host *host;
	uint32_t clients;
	int epoll, timer;
	ns_t due;		/* when a pass is needed whatever comes         */
	bool is_armed;
};

struct embedded {
	struct attachment attachment;
	struct hosting *hosting;
	struct host_client *client;
};

static struct embedded *embedded_of(struct attachment *a)
{
	return (struct embedded *)a;
}

static struct hosting *hosting_of(struct attachment *a)
{
	return embedded_of(a)->hosting;
}

static ns_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

static int request(struct attachment *a, const struct control_request *request,
		   struct control_reply *reply, int *fds)
{
	host_request(embedded_of(a)->client, request, reply, fds);
	return reply->status;
}

static int tell(struct attachment *a, const struct control_request *request)
{
	struct control_reply reply;
	int fds[CONTROL_FDS_MAX];

	host_request(embedded_of(a)->client, request, &reply, fds);
	return 0;
}

static int run(struct attachment *a)
{
	struct hosting *h = hosting_of(a);
	ns_t at = now();
	int n = host_run(h->host, at);

	if (unlikely(n < 0))
		return n == -ENODATA ? -EPIPE : n;
	if (n || unlikely(at >= h->due))
		h->due = host_deadline(h->host, at);
	return n > 0;
}

/* At @due, or at once when that is 1; never: 0. */
static void set_timer(struct hosting *h, ns_t due)
{
	const struct itimerspec t = { .it_value = {
		.tv_sec = (time_t)(due / 1000000000),
		.tv_nsec = (long)(due % 1000000000),
	} };

	/* It cannot fail with a descriptor and a time that are right. */
	(void)!timerfd_settime(h->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static int arm(struct attachment *a)
{
	struct hosting *h = hosting_of(a);

	if (host_fd(h->host) < 0 || !host_arm(h->host))
		return 1;
	h->is_armed = true;
	h->due = host_deadline(h->host, now());
	set_timer(h, h->due == NS_NEVER ? 0 : h->due ? h->due : 1);
	return 0;
}

static void disarm(struct attachment *a)
{
	struct hosting *h = hosting_of(a);

	if (h->is_armed)
		host_disarm(h->host);
	h->is_armed = false;
}

static void ring(struct attachment *a)
{
	set_timer(hosting_of(a), 1);
}

static int fd(const struct attachment *a)
{
	return ((const struct embedded *)a)->hosting->epoll;
}

/* ---- Open and close ------------------------------------------------------------------- */

static void close_hosting(struct hosting *h)
{
	host_close(h->host);
	if (h->epoll >= 0)
		close(h->epoll);
	if (h->timer >= 0)
		close(h->timer);
	free(h);
}

static void close_embedded(struct attachment *a)
{
	struct embedded *e = embedded_of(a);

	if (e->client)
		host_client_close(e->client);
	if (!--e->hosting->clients)
		close_hosting(e->hosting);
	free(e);
}

static int again(struct attachment *a, struct attachment **out,
		 struct tto_error *error);

static const struct attachment_ops embedded_ops = {
	.request = request,
	.tell = tell,
	.run = run,
	.arm = arm,
	.disarm = disarm,
	.fd = fd,
	.ring = ring,
	.again = again,
	.close = close_embedded,
};

/* A client of @h, which ends on failure if there is no other. */
static int join(struct attachment **out, struct hosting *h, struct tto_error *error)
{
	struct control_request hello = { .operation = CONTROL_HELLO,
					 .handle = CONTROL_NONE };
	struct embedded *e = calloc(1, sizeof(*e));
	struct host_policy policy;
	int status;

	if (!e) {
		if (!h->clients)
			close_hosting(h);
		return attach_say(error, -ENOMEM, "no memory");
	}
	e->attachment.ops = &embedded_ops;
	e->hosting = h;
	h->clients++;
	host_policy_all(&policy);
	policy.in_process = true;
	status = host_client_open(h->host, &policy, &e->client);
	if (!status)
		status = attach_request(&e->attachment, &hello, &e->attachment.hello,
					NULL);
	if (status < 0) {
		close_embedded(&e->attachment);
		return attach_say(error, status, "a domain: %s", strerror(-status));
	}
	*out = &e->attachment;
	return 0;
}

static int again(struct attachment *a, struct attachment **out,
		 struct tto_error *error)
{
	return join(out, hosting_of(a), error);
}

/* What is slept on. A wire without a descriptor is never slept on. */
static int open_events(struct hosting *h)
{
	struct epoll_event event = { .events = EPOLLIN };

	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (h->epoll < 0 || h->timer < 0 ||
	    epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->timer, &event) ||
	    (host_fd(h->host) >= 0 &&
	     epoll_ctl(h->epoll, EPOLL_CTL_ADD, host_fd(h->host), &event)))
		return -errno;
	return 0;
}

/* Of the wire's and the host's specification. */
static int open_host(struct host **out, const char *where, struct wire_error *error)
{
	struct host_options options = { .n_addresses = 0 };
	struct wire *wire;
	char *spec;
	int status = host_options_parse(&options, where, &spec, error);

	if (status)
		return status;
	status = wire_open(&wire, spec, error);
	free(spec);
	if (status)
		return status;
	status = host_open(out, wire, &options);
	if (status) {
		(void)!wire_close(wire);
		attach_say((struct tto_error *)error, status, "%s: %s", where,
			   strerror(-status));
	}
	return status;
}

_Static_assert(sizeof(struct tto_error) == sizeof(struct wire_error), "one line");

int attach_embedded(struct attachment **out, const char *where, ns_t timeout_ns,
		    struct tto_error *error)
{
	struct hosting *h = calloc(1, sizeof(*h));
	struct wire_error why = { "" };
	int status;

	if (!h)
		return attach_say(error, -ENOMEM, "%s: no memory", where);
	h->epoll = h->timer = -1;
	status = open_host(&h->host, where, &why);
	if (status) {
		free(h);
		return attach_say(error, status, "%s", why.text);
	}
	status = open_events(h);
	if (status) {
		close_hosting(h);
		return attach_say(error, status, "%s: %s", where, strerror(-status));
	}
	return join(out, h, error);
}

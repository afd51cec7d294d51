// SPDX-License-Identifier: BSD-2-Clause
/*
 * connect.c - Connections, each for a byte there and a byte back
 *
 * Who accepts closes first, after its byte, as a server of HTTP/1.0 does: TIME-WAIT is
 * there, and who connects may use its ports again.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "e2e/traffic.h"

#define FLIGHT_MAX 256
#define EVENTS 64

/* ---- Who accepts ---------------------------------------------------------------------- */

static void accept_all(int set, int listening)
{
	struct epoll_event event = { .events = EPOLLIN };

	for (;;) {
		event.data.fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
		if (event.data.fd < 0)
			return;
		if (epoll_ctl(set, EPOLL_CTL_ADD, event.data.fd, &event))
			traffic_die("epoll_ctl");
	}
}

static void serve(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n == 1)
		(void)!send(fd, &byte, 1, MSG_NOSIGNAL);
	close(fd);
}

int traffic_accept(const struct traffic *t)
{
	int listening = traffic_listen(t), set = epoll_create1(0), n;
	struct epoll_event events[EVENTS] = { { .events = EPOLLIN } };

	events[0].data.fd = listening;
	if (set < 0 || epoll_ctl(set, EPOLL_CTL_ADD, listening, &events[0]))
		traffic_die("epoll");
	while ((n = epoll_wait(set, events, EVENTS, -1)) >= 0 || errno == EINTR) {
		for (int k = 0; k < n; k++) {
			if (events[k].data.fd == listening)
				accept_all(set, listening);
			else
				serve(events[k].data.fd);
		}
	}
	traffic_die("epoll_wait");
}

/* ---- Who connects ---------------------------------------------------------------------- */

struct flight {
	ns_t began;
	bool is_open;		/* and has sent its byte                           */
	bool is_answered;
};

static void start(const struct traffic *t, struct pollfd *p, struct flight *f)
{
	*f = (struct flight){ .began = traffic_now() };
	*p = (struct pollfd){ traffic_start_connect(t), POLLOUT, 0 };
}

static void ask(struct pollfd *p, struct flight *f)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &error, &length) || error ||
	    send(p->fd, "?", 1, MSG_NOSIGNAL) != 1) {
		errno = error ? error : errno;
		traffic_die("connect");
	}
	f->is_open = true;
	p->events = POLLIN;
}

/* Return: is it over? */
static bool answered(struct pollfd *p, struct flight *f)
{
	char byte;
	ssize_t n;

	while ((n = recv(p->fd, &byte, 1, 0)) == 1)
		f->is_answered = true;
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0 || !f->is_answered)
		traffic_die("no answer");
	close(p->fd);
	return true;
}

/* Return: connections that were closed before @until. */
static uint64_t connect_until(const struct traffic *t, struct pollfd *p, struct flight *f,
			      ns_t until)
{
	uint64_t done = 0;

	while (traffic_now() < until) {
		if (poll(p, t->flight, TRAFFIC_SILENCE_S * 1000) <= 0)
			traffic_die("poll");
		for (unsigned n = 0; n < t->flight; n++) {
			if (!p[n].revents)
				continue;
			if (!f[n].is_open) {
				ask(&p[n], &f[n]);
			} else if (answered(&p[n], &f[n])) {
				done++;
				start(t, &p[n], &f[n]);
			}
		}
	}
	return done;
}

int traffic_connect(const struct traffic *t)
{
	static struct pollfd polls[FLIGHT_MAX];
	static struct flight flights[FLIGHT_MAX];
	ns_t began, ended;
	uint64_t done;

	if (t->flight > FLIGHT_MAX)
		return fprintf(stderr, "traffic: --flight: at most %d\n", FLIGHT_MAX), 1;
	close(traffic_open(t));
	for (unsigned n = 0; n < t->flight; n++)
		start(t, &polls[n], &flights[n]);
	connect_until(t, polls, flights, traffic_after(traffic_now(), t->warm));
	traffic_say("begin");
	began = traffic_now();
	done = connect_until(t, polls, flights, traffic_after(began, t->seconds));
	ended = traffic_now();
	traffic_say("end");
	printf("{\"count\": %llu, \"seconds\": %.9f, \"congestion\": \"%s\"}\n",
	       (unsigned long long)done, (double)(ended - began) / 1e9,
	       traffic_congestion(polls[0].fd));
	traffic_linger();
	return 0;
}

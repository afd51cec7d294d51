// SPDX-License-Identifier: BSD-2-Clause
/* traffic.c - One end of a connection: arguments, and sockets as all verbs have them */
#include "e2e/traffic.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/compiler.h"

#define RETRY_US 2000
#define LINGER_US 500000
#define CONGESTION "cubic"

void traffic_die(const char *what)
{
	fprintf(stderr, "traffic: %s: %s\n", what, strerror(errno));
	exit(1);
}

void traffic_say(const char *line)
{
	puts(line);
	fflush(stdout);
}

void traffic_linger(void)
{
	fflush(stdout);
	usleep(LINGER_US);
}

/* ---- Sockets ---------------------------------------------------------------------------- */

/* Found once; the program has one address. */
static const struct addrinfo *where(const struct traffic *t)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					       .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	static struct addrinfo *found;
	int err = found ? 0 : getaddrinfo(t->address, t->port, &hints, &found);

	if (!err)
		return found;
	fprintf(stderr, "traffic: %s %s: %s\n", t->address, t->port, gai_strerror(err));
	exit(1);
}

static int make_socket(const struct addrinfo *a, int flags)
{
	int fd = socket(a->ai_family, SOCK_STREAM | flags, 0), one = 1;

	if (fd < 0)
		traffic_die("socket");
	/* What came of it is reported. */
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, CONGESTION, strlen(CONGESTION));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* A peer that says nothing any more ends the program, not the patience of its starter. */
static int limit(int fd)
{
	const struct timeval silence = { TRAFFIC_SILENCE_S, 0 };
	int one = 1;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof(silence));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof(silence));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

int traffic_listen(const struct traffic *t)
{
	const struct addrinfo *a = where(t);
	int fd = make_socket(a, SOCK_NONBLOCK), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 1024))
		traffic_die("listen");
	return fd;
}

int traffic_accept_one(const struct traffic *t)
{
	const struct addrinfo *a = where(t);
	int listening = make_socket(a, 0), one = 1, fd;

	setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	limit(listening);
	if (bind(listening, a->ai_addr, a->ai_addrlen) || listen(listening, 1))
		traffic_die("listen");
	fd = accept(listening, NULL, NULL);
	if (fd < 0)
		traffic_die("accept");
	close(listening);
	return limit(fd);
}

int traffic_open(const struct traffic *t)
{
	const struct addrinfo *a = where(t);
	ns_t until = traffic_now() + TRAFFIC_PATIENCE_NS;

	for (;;) {
		int fd = limit(make_socket(a, 0));

		if (!connect(fd, a->ai_addr, a->ai_addrlen))
			return fd;
		if (traffic_now() > until)
			traffic_die("connect");
		close(fd);
		usleep(RETRY_US);
	}
}

int traffic_start_connect(const struct traffic *t)
{
	const struct addrinfo *a = where(t);
	int fd = make_socket(a, SOCK_NONBLOCK);

	if (connect(fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
		traffic_die("connect");
	return fd;
}

static void rest(const struct traffic *t)
{
	if (t->yield)
		sched_yield();
}

size_t traffic_read(const struct traffic *t, int fd, void *buffer, size_t room)
{
	ssize_t n;

	while ((n = recv(fd, buffer, room, t->spin ? MSG_DONTWAIT : 0)) < 0) {
		if (errno == EAGAIN && t->spin)
			rest(t);
		else if (errno == EAGAIN)
			traffic_die("silence");
		else if (errno != EINTR)
			return 0;
	}
	return (size_t)n;
}

bool traffic_write(const struct traffic *t, int fd, const void *data, size_t bytes)
{
	const uint8_t *at = data;

	while (bytes) {
		ssize_t n = send(fd, at, bytes, MSG_NOSIGNAL | (t->spin ? MSG_DONTWAIT : 0));

		if (n >= 0) {
			at += n;
			bytes -= (size_t)n;
		} else if (errno == EAGAIN && t->spin) {
			rest(t);
		} else if (errno == EAGAIN) {
			traffic_die("silence");
		} else if (errno != EINTR) {
			return false;
		}
	}
	return true;
}

const char *traffic_congestion(int fd)
{
	static char name[16];
	socklen_t length = sizeof(name) - 1;

	if (getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length))
		return "";
	return name;
}

int traffic_wait(const struct traffic *t)
{
	close(traffic_open(t));
	return 0;
}

/* ---- Arguments ---------------------------------------------------------------------------- */

static const struct verb {
	const char *name;
	int (*run)(const struct traffic *t);
	size_t bytes;		/* if nothing else is said                         */
} verbs[] = {
	{ "receive", traffic_receive, 1u << 17 },
	{ "send", traffic_send, 1u << 17 },
	{ "answer", traffic_answer, 64 },
	{ "ask", traffic_ask, 64 },
	{ "accept", traffic_accept, 1 },
	{ "connect", traffic_connect, 1 },
	{ "wait", traffic_wait, 0 },
	{ "probe", traffic_probe, 0 },
	{ "machine", traffic_machine, 0 },
};

static const char help[] =
	"Usage: traffic receive|answer|accept [OPTIONS] ADDRESS PORT\n"
	"       traffic send|ask|connect|wait [OPTIONS] ADDRESS PORT\n"
	"       traffic probe|machine CORE CORE\n\n"
	"  --seconds S   to measure; default 1\n"
	"  --warm S      before those; default 0.2\n"
	"  --bytes N     of a write, or of a message; default 131072, or 64\n"
	"  --flight N    connections at once; default 1\n"
	"  --spin        look again and again instead of sleeping\n"
	"  --yield       and let others have the core after each look\n";

static const struct option options[] = {
	{ "seconds", required_argument, NULL, 's' },
	{ "warm", required_argument, NULL, 'w' },
	{ "bytes", required_argument, NULL, 'b' },
	{ "flight", required_argument, NULL, 'f' },
	{ "spin", no_argument, NULL, 'S' },
	{ "yield", no_argument, NULL, 'y' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static void show_help(bool wanted)
{
	fputs(help, wanted ? stdout : stderr);
	exit(wanted ? 0 : 2);
}

static double number(const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (end != text && !*end && value >= least && value <= most)
		return value;
	fprintf(stderr, "traffic: %s: not a number from %g to %g\n", text, least, most);
	exit(2);
}

static void take_option(struct traffic *t, int option)
{
	switch (option) {
	case 's':
		t->seconds = number(optarg, 0.001, 3600);
		break;
	case 'w':
		t->warm = number(optarg, 0, 60);
		break;
	case 'b':
		t->bytes = (size_t)number(optarg, 4, 1 << 24);
		break;
	case 'f':
		t->flight = (unsigned)number(optarg, 1, 256);
		break;
	case 'S':
		t->spin = true;
		break;
	case 'y':
		t->yield = true;
		break;
	default:
		show_help(option == 'h');
	}
}

static const struct verb *find_verb(const char *name)
{
	for (size_t n = 0; n < ARRAY_SIZE(verbs); n++) {
		if (name && !strcmp(verbs[n].name, name))
			return &verbs[n];
	}
	show_help(name && !strcmp(name, "--help"));
	return NULL;
}

int main(int argc, char **argv)
{
	const struct verb *verb = find_verb(argv[1]);
	struct traffic t = { .seconds = 1, .warm = 0.2, .flight = 1, .bytes = verb->bytes };
	int option;

	while ((option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1)
		take_option(&t, option);
	argv += 1 + optind;
	if (argc - 1 - optind != 2)
		show_help(false);
	t.address = argv[0];
	t.port = argv[1];
	if (verb->run == traffic_probe || verb->run == traffic_machine) {
		t.cores[0] = (int)number(argv[0], 0, CPU_SETSIZE - 1);
		t.cores[1] = (int)number(argv[1], 0, CPU_SETSIZE - 1);
	}
	return verb->run(&t);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * traffic.h - One end of a connection to measure, by nothing but POSIX sockets
 *
 * DOC: Theory of operation
 * The same program is an end over the kernel's TCP and, behind tto run, over ours. Who
 * measures says "begin" and "end" on standard output, each on a line and at once, so that
 * whoever started both ends can look at the clocks of all processes meanwhile; then
 * follows a line of JSON. The other end lives until the connection is gone.
 *
 *	receive <- send		a stream; the receiver measures
 *	answer <-> ask		a message there and back; who asks measures
 *	accept <-> connect	connections, each with a byte there and back
 *
 * The left ones listen. The right ones try again while nobody does, for PATIENCE.
 */
#ifndef E2E_TRAFFIC_H
#define E2E_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/bytes.h"

#define TRAFFIC_PATIENCE_NS 10000000000u	/* until somebody listens          */
#define TRAFFIC_SILENCE_S 20		/* without progress: it is over            */

struct traffic {
	const char *address, *port;
	double seconds;		/* that are measured                               */
	double warm;		/* before those                                    */
	size_t bytes;		/* of a write, of a message                        */
	unsigned flight;	/* connections at once                             */
	bool spin;		/* never sleep in a call                           */
	bool yield;		/* and let others have the core after each         */
	int cores[2];		/* of probe and machine                            */
};

/* Each is a verb. Return: exit status. */
int traffic_receive(const struct traffic *t);
int traffic_send(const struct traffic *t);
int traffic_answer(const struct traffic *t);
int traffic_ask(const struct traffic *t);
int traffic_accept(const struct traffic *t);
int traffic_connect(const struct traffic *t);
int traffic_wait(const struct traffic *t);
int traffic_probe(const struct traffic *t);
int traffic_machine(const struct traffic *t);

/* ---- Sockets: traffic.c ------------------------------------------------------------- */

/** traffic_listen() - Return: a listening socket; exits with a line if there is none */
int traffic_listen(const struct traffic *t);

/** traffic_accept_one() - Return: the first connection, TCP_NODELAY; exits if none comes */
int traffic_accept_one(const struct traffic *t);

/** traffic_open() - Return: a connection, TCP_NODELAY; exits when nobody listens */
int traffic_open(const struct traffic *t);

/** traffic_start_connect() - Return: a socket that is connecting, non-blocking */
int traffic_start_connect(const struct traffic *t);

/**
 * traffic_read() - recv(2), or one look after the other if it is not to sleep
 *
 * Return: bytes, 1 or more; 0 when the peer has ended, in whatever way.
 */
size_t traffic_read(const struct traffic *t, int fd, void *buffer, size_t room);

/** traffic_write() - All of it. Return: false when the peer has ended */
bool traffic_write(const struct traffic *t, int fd, const void *data, size_t bytes);

/** traffic_die() - Exits with a line and what errno says */
void traffic_die(const char *what) __attribute__((noreturn));

/** traffic_say() - A line, at once */
void traffic_say(const char *line);

/** traffic_linger() - Stay after the last line, for those who look what it has cost */
void traffic_linger(void);

/** traffic_congestion() - Return: the name of the algorithm; static */
const char *traffic_congestion(int fd);

static inline ns_t traffic_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000u + (ns_t)t.tv_nsec;
}

static inline ns_t traffic_after(ns_t from, double seconds)
{
	return from + (ns_t)(seconds * 1e9);
}

#endif

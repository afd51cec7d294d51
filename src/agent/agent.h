/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agent.h - The daemon: sessions of clients, and the loop that runs the device
 *
 * DOC: Theory of operation
 * One thread. What clients ask arrives by a socket, one message of a session in a turn,
 * so that who asks much waits for itself; between two turns the device makes its passes.
 * When neither has anything to do the loop spins for a while, then sleeps on one epoll
 * descriptor: socket, sessions, signals, and the host's own (wire and doorbells).
 *
 * A session is a client of the host. When its socket is closed, by whom or by whatever,
 * everything of it is released (SPEC AG-7); there is nothing that a client has to say
 * good-bye to.
 *
 * What a client sends is hostile: a message has one size, brings no descriptors, and is
 * judged by host_request(). Who does not read its answers is thrown out: the kernel
 * counts descriptors that nobody has taken against the daemon, for all clients. When
 * there are no descriptors left, who comes is turned away, and the daemon sleeps.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/config.h"

struct agent;
struct stats;
struct kernel;

/* Something that the loop waits for; first member of what it belongs to. */
struct source {
	void (*ready)(struct agent *a, struct source *s);
};

struct session {
	struct source source;
	int fd;
	struct peer peer;
	struct host_client *client;	/* NULL: was not let in                 */
	int refusal;		/* why, to be told when it asks             */
	struct session *next;
};

struct agent {
	const struct config *config;
	struct host *host;
	int epoll;
	int socket;		/* that listens                                 */
	int signals;		/* signalfd                                     */
	int spare;		/* to be closed when there is no other left     */
	struct source accepts, stops, wakes;
	struct session *sessions;
	uint32_t n_unwanted;	/* sessions that were not let in                */
	uint64_t admitted, refused;	/* clients, since the start             */
	struct stats *stats;
	struct kernel *kernel;	/* NULL: not shared                             */
	bool stopping;
};

/**
 * agent_open() - Everything that needs privileges
 * @a:		Overwritten; end it with agent_close(), also after an error
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int agent_open(struct agent *a, const struct config *config);
void agent_close(struct agent *a);

/**
 * agent_run() - Until a signal says to stop, or the wire is broken
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int agent_run(struct agent *a);

/** agent_watch() - Have @s->ready called when @fd is readable. Return: 0 or -errno */
MUST_CHECK int agent_watch(struct agent *a, int fd, struct source *s);

/* In session.c. */

/** session_accept() - A client wants to come in */
void session_accept(struct agent *a, struct source *s);

/** session_close() - It is gone, or has to go */
void session_close(struct agent *a, struct session *s);

/* In socket.c. */

/**
 * socket_listen() - The socket of the daemon, by its path
 *
 * What another daemon left behind is replaced, not one that still listens.
 *
 * Return: descriptor, or -errno after one line about it on stderr.
 */
MUST_CHECK int socket_listen(const struct config *config);

/** socket_peer() - Who is at the other end. Return: 0 or -errno */
MUST_CHECK int socket_peer(int fd, struct peer *peer);

/* In notify.c. */

/** notify() - Tell the service manager, if there is one: "READY=1", "STOPPING=1" */
void notify(const char *state);

/* In isolate.c. */

/**
 * isolate() - Give up what is not needed any more
 * @shares_kernel: Ports are held in the kernel's TCP, and its tables are changed
 *
 * Becomes config->uid, keeps the capabilities that the running daemon needs, which are
 * none unless @shares_kernel, and installs the filter.
 *
 * Return: 0, or -errno after one line about it on stderr.
 */
MUST_CHECK int isolate(const struct config *config, bool shares_kernel);

/* In filter.c. */

/** filter_install() - Forbid system calls. Return: 0 or -errno */
MUST_CHECK int filter_install(void);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h - A TCB of src/tcp with the bytes that it talks about
 *
 * What an owner of src/tcp has to do, in the plainest way: each call does one
 * thing to the machine and then takes from it all that it has to give.
 */
#ifndef TEST_PACKETDRILL_CONNECTION_H
#define TEST_PACKETDRILL_CONNECTION_H

#include "packetdrill/byte_queue.h"
#include "packetdrill/datagram.h"
#include "tcp/listen.h"
#include "tcp/report.h"
#include "tcp/tcb.h"

struct host;

/* Options of one connection that were set before there was one. */
struct settings {
	struct tcp_config config;
	uint64_t option[TCP_N_OPTIONS];
	uint32_t has;		/* bits 1 << enum tcp_option                    */
	uint16_t mss_clamp;	/* 0: none                                      */
	struct datagram_options ip;
};

struct connection {
	struct tcp_tcb tcb;
	struct host *host;
	struct connection *next;
	struct address local, remote;
	struct settings settings;
	struct byte_queue sent;	/* not acknowledged yet, or not sent            */
	struct byte_queue received;	/* not read yet                         */
	uint64_t *record;	/* ends of records in the send stream: MSG_EOR  */
	size_t n_records;
	unsigned n_reads, n_writes;	/* readiness to read, to write: edges   */
	int error;		/* errno; told once                             */
	int icmp_error;		/* the last one: reason for an end              */
	bool established;	/* it was                                       */
	bool peer_closed;
	bool shut;		/* for writing                                  */
	bool closed;		/* the machine is done with it                  */
	bool orphan;		/* nobody has it any more                       */
};

/* A connection in CLOSED, and known to @h; close with connection_drop(). */
struct connection *connection_new(struct host *h, const struct settings *settings,
				  const struct address *local,
				  const struct address *remote);

void connection_open(struct connection *c);

/* From a SYN that was answered, and the segment @ack that completes it. */
void connection_accept(struct connection *c, const struct tcp_request *r,
		       const struct tcp_endpoint *endpoint,
		       const struct datagram *ack);

void connection_arrive(struct connection *c, const struct datagram *d);
void connection_icmp(struct connection *c, const struct datagram *d);
void connection_timer(struct connection *c);

enum tcp_state connection_state(const struct connection *c);
void connection_report(struct connection *c, struct tcp_report *r);

/* Bytes that may be written now. */
size_t connection_space(const struct connection *c);

enum connection_write_how {
	WRITE_MORE = 1,		/* more follows at once                         */
	WRITE_RECORD = 2,	/* no segment has bytes of both sides of its end */
	WRITE_URGENT = 4,
};

int connection_write(struct connection *c, const void *bytes, uint32_t n,
		     unsigned how);

/* @n bytes of what was received are read. */
void connection_read(struct connection *c, uint32_t n);
void connection_shutdown(struct connection *c);

/* Nobody wants it any more; with @abort by RST. @c is gone, now or later. */
void connection_drop(struct connection *c, bool abort);

int connection_set_option(struct connection *c, enum tcp_option option,
			  uint64_t value);

void connection_free(struct connection *c);

#endif

// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream_main.c - Two clients of two daemons, and one that disturbs them
 *
 *	agent-client send SOCKET LOCAL REMOTE	until standard input ends
 *	agent-client receive SOCKET LOCAL REMOTE
 *	agent-client errors SOCKET LOCAL REMOTE
 *	agent-client hold SOCKET LOCAL PORT FLAGS TIMES	until standard input ends
 *	agent-client hostile SOCKET LOCAL REMOTE SEED
 *	agent-client murder SOCKET LOCAL REMOTE SEED TIMES DAEMON-PID UID STATS
 *
 * A byte stream with cumulative acknowledgements and go-back-N, which is as much of TCP
 * as it takes to see whether every byte comes, once, in order, and unchanged.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "client.h"

#define PORT 5001		/* or what $AGENT_PORT says                     */
#define UNIT 32768u
#define WINDOW (16 * UNIT)	/* bytes on their way                           */
#define MSS 1448
#define TIMEOUT_MS 50
#define FIN 0x01
#define ACK 0x10
#define NO_END (UINT64_MAX / 2)
#define LINGER 10		/* timeouts, after the end                      */

/* Byte @at of the stream. */
static uint8_t byte_of(uint64_t at)
{
	return (uint8_t)((at * 0x9e3779b97f4a7c15ull) >> 56);
}

static void open_flow(struct client *c, struct client_flow *f, char **argv,
		      uint32_t flags)
{
	const char *text = getenv("AGENT_PORT");
	uint16_t port = text ? (uint16_t)atoi(text) : PORT;
	int err = client_connect(c, argv[2]);

	if (err)
		client_fail(argv[2], err);
	client_set_up(c);
	c->flow_flags = flags;
	err = client_add_flow(c, argv[3], port, argv[4], port, f);
	if (err)
		client_fail("flow", err);
}

/* ---- Sender --------------------------------------------------------------------------------- */

struct sender {
	struct client c;
	struct client_flow f;
	uint64_t una, nxt, end;	/* of the stream; end: NO_END until known    */
	uint32_t busy;		/* requests that have not completed             */
};

/* Each unit has its place, by its number, as long as it is in the window. */
static void post_unit(struct sender *s)
{
	uint8_t *payload = s->c.payload + s->nxt % CLIENT_SEND_BYTES;
	uint32_t bytes = UNIT - (uint32_t)(s->nxt % UNIT);
	struct client_segment seg = {
		.seq = (uint32_t)s->nxt, .ack = 1, .flags = ACK,
		.payload = payload, .mss = MSS,
	};

	if (bytes > s->end - s->nxt)
		bytes = (uint32_t)(s->end - s->nxt);
	seg.bytes = bytes;
	for (uint32_t n = 0; n < bytes; n++)
		payload[n] = byte_of(s->nxt + n);
	if (!client_post(&s->c, &s->f, &seg))
		return;
	s->busy++;
	s->nxt += bytes;
}

static void post_fin(struct sender *s)
{
	struct client_segment seg = {
		.seq = (uint32_t)s->end, .ack = 1, .flags = ACK | FIN, .mss = MSS,
	};

	if (client_post(&s->c, &s->f, &seg)) {
		s->busy++;
		s->nxt = s->end + 1;
	}
}

static void take_completion(struct sender *s, const struct completion *c)
{
	if (c->kind == COMPLETION_SEND) {
		s->busy--;
		if (c->status != COMPLETION_OK)
			client_fail("send", EIO);
		return;
	}
	if (c->kind == COMPLETION_GENERAL)
		client_repost(&s->c, c->wr_id);
	/* Not what is beyond: it was sent. */
	if (c->ack - (uint32_t)s->una <= (uint32_t)(s->nxt - s->una))
		s->una += c->ack - (uint32_t)s->una;
}

static void send_on(struct sender *s)
{
	uint64_t whole = s->end < NO_END ? s->end : s->una + WINDOW;

	while (s->nxt < whole && s->nxt - s->una < WINDOW && s->busy < 32) {
		uint64_t before = s->nxt;

		post_unit(s);
		if (s->nxt == before)
			return;
	}
	if (s->nxt == s->end && s->busy < 32)
		post_fin(s);
}

static void run_sender(char **argv)
{
	static struct sender s = { .end = NO_END };
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct completion c;
	char byte;

	open_flow(&s.c, &s.f, argv, 0);
	while (s.una != s.end + 1) {
		if (s.end == NO_END && poll(&in, 1, 0) == 1 &&
		    read(STDIN_FILENO, &byte, 1) <= 0)
			s.end = s.nxt;
		send_on(&s);
		if (client_poll(&s.c, &c, TIMEOUT_MS))
			take_completion(&s, &c);
		else
			s.nxt = s.una;
	}
	printf("sent %llu\n", (unsigned long long)s.end);
}

/* ---- Receiver ---------------------------------------------------------------------------------- */

struct receiver {
	struct client c;
	struct client_flow f;
	uint64_t nxt;
	bool ended;
};

static void acknowledge(struct receiver *r)
{
	struct client_segment seg = {
		.seq = 1, .ack = (uint32_t)r->nxt + r->ended, .flags = ACK,
		.mss = MSS,
	};

	(void)client_post(&r->c, &r->f, &seg);
}

static void check(const struct receiver *r, const uint8_t *bytes, uint32_t n)
{
	for (uint32_t at = 0; at < n; at++) {
		if (bytes[at] == byte_of(r->nxt + at))
			continue;
		fprintf(stderr, "client: byte %llu is wrong\n",
			(unsigned long long)(r->nxt + at));
		exit(1);
	}
}

static void take_data(struct receiver *r, const struct completion *c)
{
	uint32_t old = (uint32_t)r->nxt - c->seq;
	const uint8_t *bytes = r->c.buffers + c->wr_id * CLIENT_BUFFER_BYTES +
			       c->offset;

	if (c->kind == COMPLETION_GENERAL && c->status == COMPLETION_OK &&
	    old < c->bytes) {
		check(r, bytes + old, c->bytes - old);
		r->nxt += c->bytes - old;
	}
	if (c->tcp_flags & FIN && c->seq + c->bytes == (uint32_t)r->nxt)
		r->ended = true;
	acknowledge(r);
}

static void run_receiver(char **argv)
{
	static struct receiver r;
	struct completion c;
	int quiet = 0;

	open_flow(&r.c, &r.f, argv, 0);
	printf("ready\n");
	fflush(stdout);
	while (quiet < LINGER) {
		if (!client_poll(&r.c, &c, TIMEOUT_MS)) {
			quiet += r.ended;
			continue;
		}
		quiet = 0;
		if (c.kind != COMPLETION_SEND)
			take_data(&r, &c);
		if (c.kind == COMPLETION_GENERAL)
			client_repost(&r.c, c.wr_id);
	}
	printf("received %llu\n", (unsigned long long)r.nxt);
}

/* ---- Errors ------------------------------------------------------------------------------------- */

static void print_error(const struct client *c, const struct completion *got)
{
	const uint8_t *frame = c->buffers + got->wr_id * CLIENT_BUFFER_BYTES;
	const uint8_t *icmp = frame + CLIENT_LINK + 20;

	if (got->kind != COMPLETION_GENERAL || !(got->flags & COMPLETION_RAW) ||
	    frame[CLIENT_LINK + 9] != 1)
		client_fail("not an error", EPROTO);
	printf("type %u code %u mtu %u\n", icmp[0], icmp[1], load_be16(icmp + 6));
}

/* Sends a segment that fills the interface's MTU, and prints what is said of it. */
static void run_errors(char **argv)
{
	struct client_segment s = { .seq = 1000, .flags = ACK, .bytes = MSS };
	struct client c;
	struct completion got;
	struct client_flow f;

	open_flow(&c, &f, argv, CONTROL_FLOW_ERRORS);
	s.payload = c.payload;
	s.mss = MSS;
	if (!client_post(&c, &f, &s))
		client_fail("post", ENOBUFS);
	while (client_poll(&c, &got, 5000)) {
		if (got.kind != COMPLETION_SEND) {
			print_error(&c, &got);
			return;
		}
	}
	printf("nothing\n");
}

/* ---- Ports -------------------------------------------------------------------------------------- */

/* Prints what was held, one a line, or why not; then "ready". */
static void run_holder(char **argv)
{
	struct client c;
	int err = client_connect(&c, argv[2]);
	char end;

	if (err)
		client_fail(argv[2], err);
	for (int n = atoi(argv[6]); n > 0; n--) {
		struct control_request ask = client_ask(CONTROL_HOLD_PORT);
		struct control_reply reply;

		inet_pton(AF_INET, argv[3], ask.hold.tuple.local);
		ask.hold.tuple.local_port = (uint16_t)atoi(argv[4]);
		ask.hold.flags = (uint32_t)atoi(argv[5]);
		err = client_do(&c, &ask, &reply, NULL);
		if (err)
			printf("refused: %s\n", strerror(-err));
		else
			printf("holds %u\n", reply.flow.port);
	}
	printf("ready\n");
	fflush(stdout);
	(void)!read(STDIN_FILENO, &end, 1);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "send"))
		run_sender(argv);
	else if (argc == 5 && !strcmp(argv[1], "receive"))
		run_receiver(argv);
	else if (argc == 5 && !strcmp(argv[1], "errors"))
		run_errors(argv);
	else if (argc == 7 && !strcmp(argv[1], "hold"))
		run_holder(argv);
	else if (argc == 6 && !strcmp(argv[1], "hostile"))
		hostile_run(argv[2], argv[3], argv[4], (uint32_t)atoi(argv[5]));
	else if (argc == 10 && !strcmp(argv[1], "murder"))
		murder_run(argv);
	else
		client_fail("send|receive|errors SOCKET LOCAL REMOTE, "
			    "hold SOCKET LOCAL PORT FLAGS TIMES, hostile ... SEED, "
			    "murder ... SEED TIMES DAEMON-PID UID STATS", EINVAL);
	return 0;
}

// SPDX-License-Identifier: BSD-2-Clause
/* hostile.c - A client that does everything that must not help */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"

#define VICTIM_PORT 5001	/* of the honest client                         */
#define OWN_PORT 40000

static uint64_t rng_state;

static uint32_t chance(uint32_t below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return (uint32_t)(rng_state >> 32) % below;
}

static void fill(void *at, size_t bytes)
{
	for (size_t n = 0; n < bytes; n++)
		((uint8_t *)at)[n] = (uint8_t)chance(256);
}

/* What is another's has to be refused. */
static void take_what_is_others(struct client *c, const char *local,
				const char *remote)
{
	struct client_flow f;
	int err = client_add_flow(c, local, VICTIM_PORT, remote,
				  (uint16_t)(chance(2) ? VICTIM_PORT : 1 + chance(65535)),
				  &f);

	if (err != -EADDRINUSE && err != -EACCES && err != -EDQUOT)
		client_fail("another's port was given away", EPERM);
}

/* As many as there are; another's never, however it is asked for. */
static void hold_ports(struct client *c, const struct client_flow *own)
{
	struct control_reply reply;
	struct control_request ask;
	int err;

	for (uint32_t n = chance(50); n > 0; n--) {
		uint32_t what = chance(4);

		ask = client_ask(CONTROL_HOLD_PORT);
		ask.hold.tuple = own->tuple;
		memset(ask.hold.tuple.remote, 0, sizeof(ask.hold.tuple.remote));
		ask.hold.tuple.remote_port = 0;
		if (chance(4) == 0)
			memset(ask.hold.tuple.local, 0, sizeof(ask.hold.tuple.local));
		ask.hold.tuple.local_port = what == 0 ? VICTIM_PORT :
					    what == 1 ? (uint16_t)chance(65536) : 0;
		ask.hold.flags = chance(2);
		err = client_do(c, &ask, &reply, NULL);
		if (!err && what == 0)
			client_fail("another's port was given away", EPERM);
		if (!err && chance(2)) {
			ask = client_ask(CONTROL_RELEASE_PORT);
			ask.handle = chance(4) ? reply.handle : chance(1 << 21);
			(void)client_do(c, &ask, &reply, NULL);
		}
	}
}

/* Frames with another's tuple, and with a flow id of which there may be one. */
static void forge(struct client *c, const struct client_flow *own)
{
	struct client_flow f = *own;
	struct client_segment s = {
		.seq = chance(UINT32_MAX), .ack = chance(UINT32_MAX),
		.flags = 0x10 | chance(2) * 4, .payload = c->payload,
		.bytes = chance(5000), .mss = 1448,
	};

	if (chance(2))
		f.id = chance(64);
	if (chance(2))
		f.tuple.local_port = VICTIM_PORT;
	if (chance(2))
		f.tuple.remote_port = VICTIM_PORT;
	if (chance(4) == 0)
		fill(f.link, sizeof(f.link));
	(void)client_post(c, &f, &s);
}

/* Payload that is not there, or another's. */
static void send_others_memory(struct client *c, const struct client_flow *own)
{
	static const uint16_t commands[] = { DESCRIPTOR_VIRTUAL, DESCRIPTOR_REGION };
	struct client_segment s = {
		.flags = 0x10, .bytes = 1 + chance(100000), .mss = 1448,
		.command = commands[chance(2)],
		.payload = (uint8_t *)(uintptr_t)(chance(2) ? chance(UINT32_MAX) :
						  (uint64_t)chance(1 << 20) << 20),
	};

	/* The root tables and regions of other clients are somewhere there. */
	s.base = chance(2) ? c->pdbr ^ (uint64_t)chance(1 << 16) << 12 :
			     chance(64) | (uint64_t)chance(4) << 32;
	(void)client_post(c, own, &s);
}

static void flood(struct client *c, const struct client_flow *own)
{
	struct client_segment s = {
		.flags = 0x10, .payload = c->payload, .bytes = 60000, .mss = 1448,
	};

	for (int n = 0; n < 64 && client_post(c, own, &s); n++)
		s.seq += s.bytes;
}

/* Blocks and buffers that say anything. */
static void post_garbage(struct client *c)
{
	struct ring_end *e = chance(2) ? &c->sq : &c->grq;
	uint32_t n = chance(8);

	for (uint32_t at = 0; at < n; at++)
		fill(ring_slot(e, at), e->entry_bytes);
	if (e == &c->sq && n) {
		struct send_head *h = ring_slot(e, 0);

		h->blocks = (uint8_t)n;
		h->descriptors = (uint8_t)chance(6);
		h->inline_bytes = (uint16_t)chance(200);
	}
	e->own += n;
	atomic_store(&e->ring->tail, e->own);
}

static void spoil_indices(struct client *c)
{
	struct ring_end *ends[] = { &c->sq, &c->grq, &c->cq };
	struct ring *r = ends[chance(3)]->ring;

	atomic_store(chance(2) ? &r->tail : &r->head, chance(UINT32_MAX));
	if (chance(4) == 0)
		fill(r, 256);
}

static void send_garbage(struct client *c)
{
	struct control_request ask = client_ask(1 + chance(CONTROL_N_OPERATIONS));
	size_t bytes = chance(8) ? sizeof(ask) : chance(300);
	uint8_t room[300];

	fill(ask.bytes, chance(sizeof(ask.bytes)));
	ask.handle = chance(40) | chance(2) << 20;
	memcpy(room, &ask, sizeof(ask));
	(void)!send(c->socket, room, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Many things at once, of everything. */
static void grab(struct client *c)
{
	struct control_reply reply;
	struct control_request ask;

	for (uint32_t n = chance(20); n > 0; n--) {
		ask = client_ask(CONTROL_ALLOCATE);
		ask.allocate.bytes = 4096ull << chance(12);
		if (client_do(c, &ask, &reply, NULL))
			continue;
		ask = client_ask(CONTROL_REGISTER);
		ask.handle = reply.handle;
		ask.region.address = (uint64_t)chance(1 << 20) << 20;
		ask.region.bytes = 4096;
		ask.region.rights = 3;
		(void)client_do(c, &ask, &reply, NULL);
	}
}

void hostile_run(const char *path, const char *local, const char *remote,
		 uint32_t seed)
{
	struct client_flow own;
	struct client c;

	rng_state = seed * 0x9e3779b97f4a7c15ull + 1;
	for (;;) {
		if (client_connect(&c, path) == 0)
			break;
		usleep(1000);
	}
	client_set_up(&c);
	take_what_is_others(&c, local, remote);
	while (client_add_flow(&c, local, (uint16_t)(OWN_PORT + chance(1000)), remote,
			       OWN_PORT, &own))
		;
	for (bool answers = true;;) {
		switch (chance(answers ? 42 : 30)) {
		case 0: spoil_indices(&c); break;
		case 1: send_garbage(&c); answers = false; break;
		case 2 ... 12: forge(&c, &own); break;
		case 13 ... 17: post_garbage(&c); break;
		case 18 ... 22: send_others_memory(&c, &own); break;
		case 30: take_what_is_others(&c, local, remote); break;
		case 31: grab(&c); break;
		case 32 ... 33: hold_ports(&c, &own); break;
		default: flood(&c, &own); break;
		}
	}
}

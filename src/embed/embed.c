// SPDX-License-Identifier: BSD-2-Clause
/* embed.c - Open and attach either device; which addresses are ours */
#include "embed/embed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/heap.h"
#include "embed/frames.h"
#include "embed/queues/queues.h"
#include "embed/state.h"

#define DAEMON "daemon:"
#define FLOWS 4096

struct attached *embed_attached;

/* ---- Open --------------------------------------------------------------------- */

static int say(struct wire_error *error, int err, const char *where)
{
	if (err && !error->text[0])
		snprintf(error->text, sizeof(error->text), "%.120s: %s", where,
			 strerror(-err));
	return err;
}

static bool is_daemon(const char *where)
{
	return !strncmp(where, DAEMON, strlen(DAEMON));
}

int embed_open(struct embed **out, const char *where, struct wire_error *error)
{
	struct embed *e = heap_zeroed(1, sizeof(*e));
	int err;

	*out = NULL;
	if (!e)
		return -ENOMEM;
	err = is_daemon(where) ? queues_open(e, where + strlen(DAEMON), error) :
				 frames_open(e, where, error);
	if (err)
		embed_free(e);
	else
		*out = e;
	return say(error, err, where);
}

int embed_make_attached(struct embed *e, const struct device_ops *ops, struct wire *wire)
{
	struct tto_coalescer_options o = {
		.size = sizeof(o), .policy = TTO_POLICY_HOST,
		.output = TTO_OUTPUT_GATHER, .flows = FLOWS,
	};
	struct attached *a = calloc(1, sizeof(*a));
	int err;

	if (!a || getrandom(o.seed, sizeof(o.seed), 0) != sizeof(o.seed)) {
		free(a);
		return -ENOMEM;
	}
	err = tto_coalescer_open(&a->coalescer, &o, embed_deliver, a);
	if (err) {
		free(a);
		return err;
	}
	a->ops = ops;
	a->wire = wire;
	a->sums = checksum_select(NULL);
	a->embed = e;
	embed_attached = a;
	return 0;
}

int embed_attach(struct embed *e, const char *spec, struct wire_error *error)
{
	return say(error, e->queues ? queues_attach(e) : frames_attach(e, spec, error),
		   spec);
}

int embed_share(struct embed *e, char *spec, size_t size)
{
	return embed_attached->ops->share(e, spec, size);
}

void embed_detach(struct embed *e)
{
	struct attached *a = embed_attached;

	if (!a)
		return;
	a->ops->detach(e);
	tto_coalescer_close(a->coalescer);
	free(a);
	embed_attached = NULL;
}

void embed_free(struct embed *e)
{
	neighbours_close(e->neighbours);
	heap_free(e->kept);
	heap_free(e->kept_frames);
	queues_free(e->queues);
	mirror_free(&e->mirror);
	heap_free(e);
}

uint16_t embed_mtu(const struct embed *e)
{
	return e->mtu;
}

int embed_fd(const struct embed *e)
{
	return embed_attached->ops->fd(e);
}

bool embed_arm(struct embed *e)
{
	return embed_attached->ops->arm(e);
}

ns_t embed_deadline(const struct embed *e)
{
	return embed_attached->ops->deadline(e);
}

const struct embed_stats *embed_stats(const struct embed *e)
{
	return &e->stats;
}

struct mirror *embed_mirror(struct embed *e)
{
	return &e->mirror;
}

/* ---- Addresses ------------------------------------------------------------------------ */

bool embed_is_own(const struct embed *e, const uint8_t address[16], bool v6)
{
	for (uint32_t n = 0; n < e->n_addresses; n++) {
		if (e->addresses[n].v6 == v6 &&
		    !memcmp(e->addresses[n].address, address, 16))
			return true;
	}
	return false;
}

bool embed_is_on_link(const struct host_address *a, const uint8_t remote[16])
{
	uint32_t whole = a->prefix_bits / 8, bits = a->prefix_bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	return !memcmp(a->address, remote, whole) &&
	       (!bits || ((a->address[whole] ^ remote[whole]) & mask) == 0);
}

uint32_t embed_choose_own(const struct embed *e, const struct tcp_tuple *t)
{
	static const uint8_t any[16];
	bool is_given = memcmp(t->local, any, sizeof(any)) != 0;
	uint32_t found = e->n_addresses;

	for (uint32_t n = 0; n < e->n_addresses; n++) {
		const struct host_address *a = &e->addresses[n];

		if ((bool)a->v6 != (bool)t->v6 ||
		    (is_given && memcmp(a->address, t->local, 16)))
			continue;
		if (embed_is_on_link(a, t->remote))
			return n;
		if (a->has_gateway && found == e->n_addresses)
			found = n;
	}
	return found;
}

/* ---- What the device's owner has to know -------------------------------------------------- */

int embed_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		struct embed_path *path)
{
	uint32_t own = embed_is_own(e, tuple->remote, tuple->v6) ?
		       embed_choose_own(e, tuple) : e->n_addresses;

	if (own == e->n_addresses)
		return embed_attached->ops->route(e, tuple, now, path);
	memcpy(tuple->local, e->addresses[own].address, 16);
	*path = (struct embed_path){ .mtu = e->mtu, .until = now + EMBED_PATH_NS };
	memcpy(path->mac, e->mac, 6);
	return 0;
}

bool embed_holds_ports(const struct embed *e)
{
	return embed_attached->ops->claim != NULL;
}

bool embed_is_loopback(const uint8_t address[16], bool v6)
{
	static const uint8_t one[16] = { [15] = 1 };

	return v6 ? !memcmp(address, one, sizeof(one)) : address[0] == 127;
}

/* What stays in here is nobody else's business. */
static bool is_inside(const struct embed *e, const struct tcp_tuple *t)
{
	return embed_is_own(e, t->remote, t->v6) || embed_is_loopback(t->local, t->v6);
}

int embed_claim(struct embed *e, const struct tcp_tuple *tuple, enum embed_claim why)
{
	const struct device_ops *ops = embed_attached->ops;

	return ops->claim && !is_inside(e, tuple) ? ops->claim(e, tuple, why) : 0;
}

int embed_hold(struct embed *e, struct tcp_tuple *local, bool reuse, uint32_t *hold)
{
	return embed_attached->ops->hold(e, local, reuse, hold);
}

void embed_unhold(struct embed *e, uint32_t hold)
{
	embed_attached->ops->unhold(e, hold);
}

void embed_linger(struct embed *e, const struct tcp_tuple *tuple)
{
	const struct device_ops *ops = embed_attached->ops;

	if (ops->linger)
		ops->linger(e, tuple);
}

void embed_release(struct embed *e, const struct tcp_tuple *tuple)
{
	const struct device_ops *ops = embed_attached->ops;

	if (ops->release)
		ops->release(e, tuple);
}

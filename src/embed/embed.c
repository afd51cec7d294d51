// SPDX-License-Identifier: BSD-2-Clause
/* embed.c - Open and attach a device in this process; where things are */
#include "embed/embed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/heap.h"
#include "embed/state.h"

#define LINK_BYTES 18		/* a wire's max_frame has room for a VLAN tag   */
#define PATH_NS 1000000000ULL	/* before it is looked for again                */
#define FLOWS 4096

struct attached *embed_attached;

/* ---- Open --------------------------------------------------------------------- */

static int say(struct wire_error *error, int err, const char *where)
{
	if (!error->text[0])
		snprintf(error->text, sizeof(error->text), "%.120s: %s", where,
			 strerror(-err));
	return err;
}

static uint16_t mtu_of(const struct wire *w, const struct host_options *o)
{
	uint32_t mtu = w->caps.max_frame > LINK_BYTES ?
		       w->caps.max_frame - LINK_BYTES : 1500;

	if (o->mtu && o->mtu < mtu)
		mtu = o->mtu;
	return mtu > UINT16_MAX ? UINT16_MAX : (uint16_t)mtu;
}

static int choose_mac(struct embed *e, const uint8_t wanted[6])
{
	static const uint8_t none[6];

	memcpy(e->mac, wanted, sizeof(e->mac));
	if (memcmp(wanted, none, sizeof(none)))
		return 0;
	if (getrandom(e->mac, sizeof(e->mac), 0) != sizeof(e->mac))
		return -EIO;
	e->mac[0] = (uint8_t)((e->mac[0] & 0xfc) | 2);
	return 0;
}

static int make(struct embed **out, struct wire *w, const struct host_options *o)
{
	struct embed *e = heap_zeroed(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	*out = e;
	e->n_addresses = o->n_addresses;
	memcpy(e->addresses, o->addresses, sizeof(e->addresses));
	e->mtu = mtu_of(w, o);
	e->neighbours_next = NS_NEVER;
	e->kept = heap_alloc(EMBED_KEPT_BYTES);
	e->kept_frames = heap_alloc(EMBED_KEPT_FRAMES * sizeof(*e->kept_frames));
	err = choose_mac(e, o->mac);
	if (!err && e->kept && e->kept_frames)
		e->neighbours = neighbours_open(w, e->mac, e->addresses,
						e->n_addresses);
	return e->neighbours ? embed_attach(e, w) : err ? err : -ENOMEM;
}

int embed_open(struct embed **out, const char *where, struct wire_error *error)
{
	struct host_options options = { .n_addresses = 0 };
	struct wire *wire;
	char *spec;
	int err = host_options_parse(&options, where, &spec, error);

	*out = NULL;
	if (err)
		return err;
	err = wire_open(&wire, spec, error);
	free(spec);
	if (err)
		return err;
	if (!options.n_addresses || (wire->caps.linktype &&
				     wire->caps.linktype != LINKTYPE_ETHERNET))
		err = -EINVAL;
	else
		err = make(out, wire, &options);
	if (!err)
		return 0;
	if (*out)
		embed_free(*out);
	if (!embed_attached)
		(void)!wire_close(wire);
	return say(error, err, where);
}

int embed_attach(struct embed *e, struct wire *wire)
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
	a->wire = wire;
	a->sums = checksum_select(NULL);
	wire->is_armed_by_hand = true;
	a->embed = e;
	embed_attached = a;
	return 0;
}

int embed_share(struct embed *e, char *spec, size_t size)
{
	return wire_share(embed_attached->wire, spec, size);
}

void embed_detach(struct embed *e)
{
	struct attached *a = embed_attached;

	if (!a)
		return;
	tto_coalescer_close(a->coalescer);
	(void)!wire_close(a->wire);
	free(a);
	embed_attached = NULL;
}

void embed_free(struct embed *e)
{
	neighbours_close(e->neighbours);
	heap_free(e->kept);
	heap_free(e->kept_frames);
	mirror_free(&e->mirror);
	heap_free(e);
}

uint16_t embed_mtu(const struct embed *e)
{
	return e->mtu;
}

bool embed_waits(const struct embed *e)
{
	return e->neighbours_next != NS_NEVER;
}

int embed_fd(const struct embed *e)
{
	return wire_fd(embed_attached->wire);
}

bool embed_arm(struct embed *e)
{
	struct wire *w = embed_attached->wire;

	return !w->ops->arm || w->ops->arm(w);
}

ns_t embed_deadline(const struct embed *e)
{
	ns_t next = wire_deadline(embed_attached->wire);

	return e->neighbours_next < next ? e->neighbours_next : next;
}

const struct embed_stats *embed_stats(const struct embed *e)
{
	return &e->stats;
}

struct mirror *embed_mirror(struct embed *e)
{
	return &e->mirror;
}

/* ---- Neighbours ------------------------------------------------------------------------- */

static int send_mirrored(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct attached *a = embed_attached;

	mirror_frames(&a->embed->mirror, MIRROR_WIRE_TX, frames, n);
	return wire_send(a->wire, frames, n);
}

struct wire *embed_wire_of_neighbours(struct embed *e)
{
	static const struct wire_ops ops = { .kind = "mirror", .send = send_mirrored };
	struct attached *a = embed_attached;

	if (!mirror_is_wanted(&e->mirror))
		return a->wire;
	a->mirrored.ops = &ops;
	return &a->mirrored;
}

/* ---- Routes -------------------------------------------------------------------------- */

bool embed_is_own(const struct embed *e, const uint8_t address[16], bool v6)
{
	for (uint32_t n = 0; n < e->n_addresses; n++) {
		if (e->addresses[n].v6 == v6 &&
		    !memcmp(e->addresses[n].address, address, 16))
			return true;
	}
	return false;
}

static bool is_on_link(const struct host_address *a, const uint8_t remote[16])
{
	uint32_t whole = a->prefix_bits / 8, bits = a->prefix_bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> bits);

	return !memcmp(a->address, remote, whole) &&
	       (!bits || ((a->address[whole] ^ remote[whole]) & mask) == 0);
}

/* Of ours, the one to be used towards @t's remote; of @t if it has one. */
static uint32_t choose_own(const struct embed *e, const struct tcp_tuple *t)
{
	static const uint8_t any[16];
	bool is_given = memcmp(t->local, any, sizeof(any)) != 0;
	uint32_t found = e->n_addresses;

	for (uint32_t n = 0; n < e->n_addresses; n++) {
		const struct host_address *a = &e->addresses[n];

		if ((bool)a->v6 != (bool)t->v6 ||
		    (is_given && memcmp(a->address, t->local, 16)))
			continue;
		if (is_on_link(a, t->remote))
			return n;
		if (a->has_gateway && found == e->n_addresses)
			found = n;
	}
	return found;
}

int embed_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		struct embed_path *path)
{
	uint32_t own = choose_own(e, tuple);
	const struct host_address *a = &e->addresses[own];
	int err;

	if (own == e->n_addresses)
		return -ENETUNREACH;
	memcpy(tuple->local, a->address, 16);
	path->mtu = e->mtu;
	path->until = now + PATH_NS;
	if (embed_is_own(e, tuple->remote, tuple->v6)) {
		memcpy(path->mac, e->mac, 6);
		return 0;
	}
	neighbours_attach(e->neighbours, embed_wire_of_neighbours(e));
	err = neighbours_find(e->neighbours,
			      is_on_link(a, tuple->remote) ? tuple->remote : a->gateway,
			      own, NEIGHBOURS_ALONE, now, path->mac);
	/* Who is asked already is not to be looked at before his time. */
	if (e->neighbours_next == NS_NEVER)
		e->neighbours_next = now;
	return err;
}

bool embed_routes_changed(struct embed *e)
{
	return neighbours_changed(e->neighbours);
}

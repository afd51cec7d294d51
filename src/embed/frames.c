// SPDX-License-Identifier: BSD-2-Clause
/* frames.c - The device that is in this process: its wire, and neighbours on it */
#include "embed/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/heap.h"
#include "embed/state.h"

#define LINK_BYTES 18		/* a wire's max_frame has room for a VLAN tag   */

/* ---- Open --------------------------------------------------------------------- */

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

static int attach(struct embed *e, struct wire *w)
{
	int err = embed_make_attached(e, &frames_device, w);

	if (!err)
		w->is_armed_by_hand = true;
	return err;
}

static int make(struct embed *e, struct wire *w, const struct host_options *o)
{
	int err;

	if (!o->n_addresses ||
	    (w->caps.linktype && w->caps.linktype != LINKTYPE_ETHERNET))
		return -EINVAL;
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
	return e->neighbours ? attach(e, w) : err ? err : -ENOMEM;
}

int frames_open(struct embed *e, const char *where, struct wire_error *error)
{
	struct host_options options = { .n_addresses = 0 };
	struct wire *wire;
	char *spec;
	int err = host_options_parse(&options, where, &spec, error);

	if (err)
		return err;
	err = wire_open(&wire, spec, error);
	free(spec);
	if (err)
		return err;
	err = make(e, wire, &options);
	if (err)
		(void)!wire_close(wire);
	return err;
}

int frames_attach(struct embed *e, const char *spec, struct wire_error *error)
{
	struct wire *wire;
	int err = wire_open(&wire, spec, error);

	if (err)
		return err;
	err = attach(e, wire);
	if (err)
		(void)!wire_close(wire);
	return err;
}

static int frames_share(struct embed *e, char *spec, size_t size)
{
	return wire_share(embed_attached->wire, spec, size);
}

static void frames_detach(struct embed *e)
{
	(void)!wire_close(embed_attached->wire);
}

/* ---- Sleep ------------------------------------------------------------------------------ */

static int frames_fd(const struct embed *e)
{
	return wire_fd(embed_attached->wire);
}

static bool frames_arm(struct embed *e)
{
	struct wire *w = embed_attached->wire;

	return !w->ops->arm || w->ops->arm(w);
}

static ns_t frames_deadline(const struct embed *e)
{
	ns_t next = wire_deadline(embed_attached->wire);

	return e->neighbours_next < next ? e->neighbours_next : next;
}

/* ---- Neighbours ------------------------------------------------------------------------- */

static int send_mirrored(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct attached *a = embed_attached;

	mirror_frames(&a->embed->mirror, MIRROR_WIRE_TX, frames, n);
	return wire_send(a->wire, frames, n);
}

struct wire *frames_wire_of_neighbours(struct embed *e)
{
	static const struct wire_ops ops = { .kind = "mirror", .send = send_mirrored };
	struct attached *a = embed_attached;

	if (!mirror_is_wanted(&e->mirror))
		return a->wire;
	a->mirrored.ops = &ops;
	return &a->mirrored;
}

static int frames_route(struct embed *e, struct tcp_tuple *tuple, ns_t now,
			struct embed_path *path)
{
	uint32_t own = embed_choose_own(e, tuple);
	const struct host_address *a = &e->addresses[own];
	int err;

	if (own == e->n_addresses)
		return -ENETUNREACH;
	memcpy(tuple->local, a->address, 16);
	path->mtu = e->mtu;
	path->until = now + EMBED_PATH_NS;
	neighbours_attach(e->neighbours, frames_wire_of_neighbours(e));
	err = neighbours_find(e->neighbours, embed_is_on_link(a, tuple->remote) ?
					     tuple->remote : a->gateway,
			      own, NEIGHBOURS_ALONE, now, path->mac);
	/* Who is asked already is not to be looked at before his time. */
	if (e->neighbours_next == NS_NEVER)
		e->neighbours_next = now;
	return err;
}

const struct device_ops frames_device = {
	.receive = frames_receive,
	.ready = frames_ready,
	.send = frames_send,
	.flush = frames_flush,
	.route = frames_route,
	.fd = frames_fd,
	.arm = frames_arm,
	.deadline = frames_deadline,
	.share = frames_share,
	.detach = frames_detach,
};

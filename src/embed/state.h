/* SPDX-License-Identifier: BSD-2-Clause */
/* state.h - What the files of src/embed share */
#ifndef EMBED_STATE_H
#define EMBED_STATE_H

#include "embed/embed.h"
#include "embed/mirror.h"
#include "host/host.h"
#include "host/neighbour.h"
#include "packet/checksum.h"

#define ETHERNET_BYTES 14
#define EMBED_PATH_NS 1000000000ULL	/* before it is looked for again        */
#define EMBED_BATCH 32		/* frames that stay in the first cache meanwhile */
#define EMBED_SLOTS 64		/* frames collected before they are sent        */
#define EMBED_ELEMENTS 4	/* of a frame                                   */
#define EMBED_KEPT_BYTES (256U << 10)
#define EMBED_KEPT_FRAMES 2048

/* What the wire did not take. */
struct kept_frame {
	uint32_t len;
	struct wire_offload offload;
};

#define EMBED_LOOP 64		/* units from us to us that wait                */
#define EMBED_LOOP_SPARE 32	/* of these, for what has to be sent at once    */
#define EMBED_LOOP_BYTES (66U << 10)

/* A unit from us to us. */
struct looped {
	uint8_t *bytes;		/* EMBED_LOOP_BYTES, when first used            */
	uint32_t len, payload;
	uint16_t mss;
};

struct queues;

struct embed {
	struct queues *queues;	/* NULL: frames over a wire of our own          */
	struct host_address addresses[HOST_ADDRESSES_MAX];
	uint32_t n_addresses;
	uint8_t mac[6];
	uint16_t mtu;
	uint16_t ip_id;
	struct neighbours *neighbours;
	ns_t neighbours_next;

	uint8_t *kept;		/* frames one behind the other                  */
	struct kept_frame *kept_frames;
	uint32_t kept_at, kept_end;	/* bytes                                */
	uint32_t kept_first, kept_n;	/* frames                               */
	ns_t now;		/* of the last turn                             */
	ns_t full_since;	/* the wire has no room for a unit; 0: it has   */
	uint32_t room;		/* frames that the wire had when it was asked,
				 * less what was sent since                     */
	uint32_t most_room;	/* the most that it was seen to have            */
	struct looped loop[EMBED_LOOP];
	uint32_t loop_first, loop_end;	/* counted on and on                    */
	struct embed_stats stats;
	struct mirror mirror;
};

/*
 * One of two: frames over a wire of ours, or queues that the daemon has the other end of.
 * What they do is as embed.h has it.
 */
struct device_ops {
	int (*receive)(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive);
	bool (*ready)(struct embed *e);
	/* @unit: the header of @u, and its payload. */
	void (*send)(struct embed *e, const struct embed_unit *u, struct tto_unit *unit);
	void (*flush)(struct embed *e);
	int (*route)(struct embed *e, struct tcp_tuple *tuple, ns_t now,
		     struct embed_path *path);
	int (*fd)(const struct embed *e);
	bool (*arm)(struct embed *e);
	ns_t (*deadline)(const struct embed *e);
	int (*share)(struct embed *e, char *spec, size_t size);
	void (*detach)(struct embed *e);
	/* NULL: nobody has to be asked. */
	int (*claim)(struct embed *e, const struct tcp_tuple *tuple, enum embed_claim why);
	void (*linger)(struct embed *e, const struct tcp_tuple *tuple);
	void (*release)(struct embed *e, const struct tcp_tuple *tuple);
	int (*hold)(struct embed *e, struct tcp_tuple *local, bool reuse, uint32_t *hold);
	void (*unhold)(struct embed *e, uint32_t hold);
};

extern const struct device_ops frames_device, queues_device;

/* Of this process. */
struct attached {
	const struct device_ops *ops;
	struct wire *wire;	/* NULL: queues                                 */
	struct tto_coalescer *coalescer;
	const struct checksum_ops *sums;
	embed_arrive_fn *arrive;
	bool has_more;		/* the wire gave all that it was asked for      */
	bool is_looped;		/* what is handed up now is from us             */
	struct embed *embed;
	struct wire mirrored;	/* @wire, for who sends past embed_flush()      */
	struct wire_frame received[EMBED_BATCH];
	struct tto_frame frames[EMBED_BATCH];

	/* Frames that are collected. */
	uint32_t n_out;
	struct wire_frame out[EMBED_SLOTS];
	struct iovec out_iov[EMBED_SLOTS][EMBED_ELEMENTS];
	uint8_t headers[EMBED_SLOTS][128];
};

extern struct attached *embed_attached;

/* embed.c: this process's part. Return: 0 or -ENOMEM. */
MUST_CHECK int embed_make_attached(struct embed *e, const struct device_ops *ops,
				   struct wire *wire);
/* Of our addresses, the one to be used towards @t's remote; of @t if it has one. None:
 * e->n_addresses. */
uint32_t embed_choose_own(const struct embed *e, const struct tcp_tuple *t);
bool embed_is_on_link(const struct host_address *a, const uint8_t remote[16]);

/* frames.c: neighbours send past embed_flush(). */
struct wire *frames_wire_of_neighbours(struct embed *e);

/* receive.c, send.c: of frames.c */
int frames_receive(struct embed *e, ns_t now, size_t want, embed_arrive_fn *arrive);
bool frames_ready(struct embed *e);
void frames_send(struct embed *e, const struct embed_unit *u, struct tto_unit *unit);
void frames_flush(struct embed *e);

/* receive.c: @d of an ICMP error in a frame. Return: false: it is none. */
bool embed_read_icmp(const uint8_t *frame, uint32_t len, struct embed_datagram *d);

/* loop.c */
bool embed_loop_is_full(const struct embed *e);
void embed_loop(struct embed *e, struct tto_unit *unit);
uint32_t embed_take_looped(struct embed *e, struct tto_frame *frames, uint32_t max);

/* receive.c: to who is above, if it is ours; what the coalescer hands up. */
void embed_hand_over(struct attached *a, const struct embed_datagram *d);
void embed_deliver(void *ctx, const struct tto_packet *p);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * device.h - What stands behind the handles of verbs.h
 *
 *   device -- attachment     how requests get to the device's owner
 *     |  `--- cache          memory that it may reach
 *     |
 *    cq <--- grq             each with a ring that the device has the other end of
 *     ^----- qp (sq, rq) <--- flow
 *
 * A handle knows how many others refer to it, and does not close before they have.
 */
#ifndef VERBS_DEVICE_H
#define VERBS_DEVICE_H

#include <tto/verbs.h>

#include "verbs/work_queue.h"
#include "verbs/sent.h"
#include "verbs/stream.h"

/* By the index in a request's number. */
struct work_queue_place {
	struct work_queue *queue;
	uint16_t generation;
};

/* Memory that was given to the program, or is the library's for sends and GRQs. */
struct allocation {
	struct registered_range range;	/* first member                         */
	struct shared object;
	struct allocation *next;
};

/* Links of what the handle has to end with it. */
struct link {
	struct link *next, *previous;
};

struct tto_device {
	struct attachment *attachment;
	struct tto_device_options options;	/* without a 0                  */
	struct registration_cache cache;
	struct allocation *allocations;
	struct buffers *buffers;	/* in place; NULL: none yet             */
	struct work_queue_place *queues;
	uint32_t n_queues;
	struct tto_flow **flows;	/* by id: open addressing               */
	uint32_t flows_mask, n_flows;
	struct link cqs, grqs, qps, ports;	/* heads                        */
	struct tto_grq *starved;	/* with something spent                 */
	struct tto_device_stats stats;
};

struct tto_cq {
	struct link link;	/* first member, as in those below              */
	struct tto_device *device;
	int (*run)(struct attachment *a);	/* a device in this process, or NULL */
	struct tto_qp *active;	/* whose streams may have something finished    */
	uint32_t idle_polls;
	uint32_t flags;		/* enum tto_cq_flags                            */
	struct work_queue queue;
	uint32_t users;		/* queues and flows that complete to it         */
	int event;		/* eventfd, -1: the device is in this process   */
	int fd;			/* what the program polls; -1: not asked for yet */
	bool was_armed;
	struct tto_completion *kept;	/* by tto_wait(), a ring                */
	uint32_t kept_first, n_kept;
};

struct tto_grq {
	struct link link;
	struct tto_device *device;
	struct tto_cq *cq;
	struct work_queue queue;
	struct slots slots;
	struct allocation *buffers;	/* NULL: the program's                  */
	struct slot *spent;	/* that had no room to be posted again          */
	struct tto_grq *next_starved;
	uint32_t low_limit;	/* TTO_LOW was asked for; 0: not                */
	uint32_t users;
};

struct tto_qp {
	struct link link;
	struct tto_device *device;
	struct tto_cq *cq;
	struct work_queue sq, rq;
	struct slots slots;	/* of the RQ                                    */
	struct sent sent;
	struct allocation *pool;	/* of sent; NULL: not needed yet        */
	struct stream stream;	/* unless the CQ is raw                         */
	struct tto_qp *next_active;
	bool is_active, has_stream;
	uint32_t users;
};

struct tto_port {
	struct link link;
	struct tto_device *device;
	uint32_t handle;
	uint16_t number;
};

struct tto_flow {
	struct tto_qp *qp;
	struct tto_grq *grq;
	uint32_t handle;
	uint32_t id;		/* as completions name it                       */
	uint16_t release;	/* enum control_operation that ends it          */
	uint16_t port;		/* local                                        */
	bool in_stream;		/* its bytes in order go to qp->stream          */
	struct tto_path path;
};

/**
 * options_take() - What the program gave of options, 0 for the rest
 * @to:		@bytes, and at least that its first member, size
 * @given:	The same struct, perhaps of an older version; or NULL
 *
 * Return: 0; -EINVAL.
 */
MUST_CHECK int options_take(void *to, size_t bytes, const void *given);

static inline void link_add(struct link *head, struct link *l)
{
	l->previous = head;
	l->next = head->next;
	if (l->next)
		l->next->previous = l;
	head->next = l;
}

static inline void link_remove(struct link *l)
{
	l->previous->next = l->next;
	if (l->next)
		l->next->previous = l->previous;
}

/* ---- device.c ---------------------------------------------------------------------- */

/**
 * device_make() - A handle for an attachment
 * @a:		The handle's, also on failure
 * @options:	Without a 0
 *
 * Return: 0; -ENOMEM.
 */
MUST_CHECK int device_make(struct tto_device **out, struct attachment *a,
			   const struct tto_device_options *options);

/** device_options() - The program's options, with defaults. Return: 0; -EINVAL. */
MUST_CHECK int device_options(struct tto_device_options *o,
			      const struct tto_device_options *given);

/* ---- memory.c ---------------------------------------------------------------------- */

/**
 * memory_take() - Memory of the device, known to the cache
 * @fd:		As of shared_allocate(), or NULL
 *
 * Return: 0; -errno.
 */
MUST_CHECK int memory_take(struct tto_device *device, size_t bytes,
			   struct allocation **out, int *fd);
/** memory_give() - Return: 0; -EBUSY when it is held; -errno. NULL is allowed. */
int memory_give(struct tto_device *device, struct allocation *a);
/** memory_forget() - All of it, of an attachment that is closed */
void memory_forget(struct tto_device *device);

extern const struct registration_ops memory_registration_ops;

/**
 * memory_place() - Hold memory for the device, and name it
 * @region:	The program's name for it, or NULL
 * @need:	enum tto_rights
 * @range:	Set to what is held now; registration_put() it
 *
 * Return: 0; -EFAULT: not memory of the device; -EINVAL: not in @region; -errno.
 */
MUST_CHECK int memory_place(struct tto_device *device, const void *address,
			    size_t bytes, const struct tto_region *region,
			    uint32_t need, struct place *place,
			    struct registered_range **range);

/* ---- Each ends with its device, whose attachment is closed ------------------------- */

void cq_forget(struct tto_cq *cq);
void grq_forget(struct tto_grq *grq);
void qp_forget(struct tto_qp *qp);
void flow_forget_all(struct tto_device *device);	/* and ports            */

/* ---- flow.c ------------------------------------------------------------------------ */

/** flow_find() - The flow with this id, or NULL */
struct tto_flow *flow_find(const struct tto_device *device, uint32_t id);

/* ---- receive.c --------------------------------------------------------------------- */

/** receive_spent() - A GRQ buffer is empty: receive_publish() will post it again */
void receive_spent(void *qp, struct slot *slot);
/** receive_publish() - Post what was spent, as far as there is room */
void receive_publish(struct tto_grq *grq);
/** receive_feed() - The same for all GRQs of the device that had no room */
void receive_feed(struct tto_device *device);
/** receive_resubmit() - What waits and may be with the device goes there */
void receive_resubmit(struct tto_qp *qp);
/** receive_ask_back() - What stream_stuck() names. Return: whether that is done */
bool receive_ask_back(struct tto_qp *qp);

/**
 * device_gone() - Nothing is posted any more, and nothing comes but what has come
 *
 * Return: -EPIPE; 0: something has come.
 */
int device_gone(struct tto_cq *cq);

/* ---- cq.c -------------------------------------------------------------------------- */

/** cq_activate() - @qp's stream may have something finished */
static inline void cq_activate(struct tto_cq *cq, struct tto_qp *qp)
{
	if (qp->is_active)
		return;
	qp->is_active = true;
	qp->next_active = cq->active;
	cq->active = qp;
}

/** cq_deactivate() - @qp is going to be closed */
void cq_deactivate(struct tto_cq *cq, struct tto_qp *qp);

/** cq_take() - tto_poll() without what tto_wait() has kept */
MUST_CHECK int cq_take(struct tto_cq *cq, struct tto_completion *c, uint32_t n);

/** cq_has() - Whether cq_take() would find something, without running a device */
bool cq_has(struct tto_cq *cq);

/**
 * cq_settle() - All that came was read: what is still with the device is asked back
 *
 * Of streams whose bytes are here and whose receive is not (stream.h).
 */
void cq_settle(struct tto_cq *cq);

#endif

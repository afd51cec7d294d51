/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verbs.h - Queues of a TCP offload device: register, post, poll, arm
 *
 * For programs that want the device itself: a TCP of their own, a generator, a
 * sink, a proxy. The device is in a daemon, or in this process with a wire of its
 * own; the program is the same.
 *
 * Errors:  every function returns 0 or a count, else -errno; errno itself says
 *          nothing. A completion's status is 0 or -errno as well. Where one function
 *          has said -EPIPE, the daemon is gone, for good: close the handle.
 * Threads: none inside. A device handle and all that was made of it belong to one
 *          thread at a time; another thread opens a handle of its own.
 * Waiting: tto_post_*(), tto_poll() and tto_arm() never wait. The others may wait
 *          for the daemon's answer, tto_sleep() and tto_wait() for what they say.
 * Fork:    the handle stays the parent's. The child neither uses nor closes it;
 *          memory of the device is shared with it, not copied.
 * Options: 0 in a field means the default, so { .size = sizeof(o) } is complete,
 *          and NULL means all defaults.
 *
 * open -> memory, CQ, GRQ, QP -> flow, listen or address -> post, poll, arm -> close
 */
#ifndef TTO_VERBS_H
#define TTO_VERBS_H

#include <tto/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tto_device;
struct tto_cq;
struct tto_grq;
struct tto_qp;
struct tto_flow;
struct tto_port;

/** tto_verbs_version() - "MAJOR.MINOR.PATCH" of the library that runs. */
TTO_API const char *tto_verbs_version(void);

/* ---- Device -------------------------------------------------------------------- */

/* Why something could not be opened: "what: why", one line. */
struct tto_error {
	char text[256];
};

struct tto_device_options {
	uint32_t size;		/* sizeof(struct tto_device_options)              */
	/* A send takes one of three ways, by the bytes of its payload:
	 * short: in the SQ itself; medium: copied to memory that is registered;
	 * long: fetched by the device from where it is, if that is its memory.   */
	uint32_t inline_max;	/* short up to this, 1 .. 900; default 512        */
	uint32_t copy_max;	/* medium up to this; default 4096                */
	uint32_t copy_bytes;	/* of a QP, for medium sends on their way: a power
				 * of two; default 512 KiB                        */
	uint32_t place_min;	/* receives smaller than this are copied from GRQ
				 * buffers, not placed; default 4096              */
	uint32_t cache_regions;	/* registrations kept; default 256                */
	uint64_t cache_bytes;	/* of memory registered by these; default 1 GiB   */
	uint64_t register_after; /* bytes that are copied from an allocation before
				 * it is registered for the long way; default 0   */
	uint64_t spin_ns;	/* tto_sleep() and tto_wait() poll so long before
				 * they sleep; default 20 us, 1: not at all       */
	uint64_t timeout_ns;	/* for an answer of the daemon; default 5 s       */
	/* Memory of the program's own, see tto_memory_watch():               */
	uint64_t in_place_bytes; /* at a time; default 64 MiB                     */
	uint32_t in_place_buffers; /* at a time, at most 4096; default 64         */
	uint32_t in_place_min;	/* smaller pieces are copied; default 24576       */
	uint32_t in_place_uses;	/* so often a buffer is copied before its pages
				 * become the device's; default 8 .. 32, by size  */
	uint32_t reserved;	/* 0                                              */
};

/**
 * tto_open() - Open a device
 * @out:	Set on success; release with tto_close()
 * @where:	"daemon:SOCKET": the device of a daemon. Else a wire as in tto(1),
 *		"tap:NAME", "pair:NAME" ...: a device in this process, with that
 *		wire as its own; ";address=A/P" and more may follow, see
 *		tto_open(3). NULL: $TTO_DEVICE, else daemon:/run/tto/ttod.sock
 * @options:	Copied; may be NULL
 * @error:	Filled in on failure; may be NULL
 *
 * A handle is a protection domain: what the device may reach for one handle it
 * cannot reach for another.
 *
 * Return: 0; -EINVAL; -ENOENT, -ECONNREFUSED: no daemon; -EACCES: not allowed;
 * -EPROTO: not the daemon's language; -ENOMEM; what opening the wire gave.
 */
TTO_API int tto_open(struct tto_device **out, const char *where,
		     const struct tto_device_options *options,
		     struct tto_error *error);

/**
 * tto_open_domain() - Another handle, a domain of its own, of the same device
 * @of:		Stays; a device in this process ends with its last handle, and all
 *		its handles belong to one thread
 *
 * Return: as tto_open().
 */
TTO_API int tto_open_domain(struct tto_device **out, struct tto_device *of,
			    struct tto_error *error);

/** tto_close() - Release the handle and everything made of it. NULL is allowed. */
TTO_API void tto_close(struct tto_device *device);

struct tto_limits {
	uint64_t memory;	/* bytes that may be allocated                    */
	uint32_t queues, regions, flows;
	uint32_t max_frame;	/* of the wire, link header included              */
	uint8_t link;		/* enum tto_link                                  */
	uint8_t embedded;	/* not 0: the device is in this process           */
	uint8_t mac[6];
};

TTO_API int tto_device_limits(const struct tto_device *device,
			      struct tto_limits *limits);

/* ---- Memory -------------------------------------------------------------------- */

/**
 * tto_memory_allocate() - Memory that the device can be allowed to reach
 * @bytes:	Rounded up to pages
 * @address:	Set on success: zeros, aligned to 4096
 *
 * Return: 0; -EINVAL; -ENOMEM; -ENOSPC: more than the client may have.
 */
TTO_API int tto_memory_allocate(struct tto_device *device, size_t bytes,
				void **address);

/**
 * tto_memory_free() - Give memory back, and forget its registrations
 * @address:	From tto_memory_allocate()
 *
 * Return: 0; -ENOENT; -EBUSY while a region of it is held or a send from it is on
 * its way: nothing has changed then.
 */
TTO_API int tto_memory_free(struct tto_device *device, void *address);

enum tto_rights {
	TTO_READ = 1,		/* the device may send from it                    */
	TTO_WRITE = 2,		/* and receive into it                            */
};

/*
 * Memory of the program's own (its heap) is copied when it is sent; the pages of a
 * buffer that is sent again and again become memory of the device, where they are, if
 * the program links libtto-inplace (or calls these itself). Then no such send is done
 * with its buffer before it completes, unless TTO_SEND_COPY or TTO_SEND_LEND says so.
 * From any thread.
 */
/** tto_memory_watch() - From now on each change is told to tto_memory_changes() */
TTO_API void tto_memory_watch(void);
/** tto_memory_changes() - Memory is going to be freed, unmapped, moved, protected ... */
TTO_API void tto_memory_changes(const void *address, size_t bytes);
/** tto_memory_in_place() - Buffers in place now; 0: changes need not be told */
TTO_API unsigned tto_memory_in_place(void);

/* Registered memory (MR). Read only; tto_region_release() ends it. */
struct tto_region {
	uint64_t stag;		/* names the region in descriptors                */
	uint64_t pdbr;		/* names the domain, for virtual addresses        */
	void *address;
	size_t bytes;
	uint32_t rights;
};

/**
 * tto_region_register() - Let the device reach memory
 * @address:	In memory of tto_memory_allocate()
 * @rights:	enum tto_rights
 * @region:	Set on success; may be larger than what was asked for
 *
 * Registrations are cached: what is registered already, or was not long ago, costs
 * no request. Each call has its tto_region_release().
 *
 * Return: 0; -EFAULT: not memory of the device; -EINVAL; -ENOSPC.
 */
TTO_API int tto_region_register(struct tto_device *device, const void *address,
				size_t bytes, uint32_t rights,
				const struct tto_region **region);
TTO_API int tto_region_release(struct tto_device *device,
			       const struct tto_region *region);

/* ---- Queues -------------------------------------------------------------------- */

enum tto_cq_flags {
	TTO_CQ_RAW = 1,		/* completions as the device writes them: every GRQ
				 * buffer is handed up, nothing is copied; for a
				 * TCP of the program's own                       */
};

/**
 * tto_cq_open() - A completion queue
 * @entries:	A power of two, 2 .. 1 Mi; room for one completion of every request
 *		that can be posted to it at once, and for packets without payload
 * @flags:	enum tto_cq_flags
 */
TTO_API int tto_cq_open(struct tto_device *device, uint32_t entries, uint32_t flags,
			struct tto_cq **out);
/** tto_cq_close() - Return: 0; -EBUSY while queues or flows complete to it. */
TTO_API int tto_cq_close(struct tto_cq *cq);

struct tto_grq_options {
	uint32_t size;		/* sizeof(struct tto_grq_options)                 */
	uint32_t entries;	/* a power of two; default 256                    */
	uint32_t buffers;	/* not 0: so many are allocated, registered and
				 * posted at once; at most @entries               */
	uint32_t buffer_bytes;	/* of each; default 65536                         */
};

/** tto_grq_open() - Receive buffers for many flows; @cq for LOW and errors */
TTO_API int tto_grq_open(struct tto_device *device, struct tto_cq *cq,
			 const struct tto_grq_options *options,
			 struct tto_grq **out);
/** tto_grq_close() - Return: 0; -EBUSY while a flow uses it. */
TTO_API int tto_grq_close(struct tto_grq *grq);

/**
 * tto_grq_ask_low() - Ask for one TTO_LOW when fewer than @limit buffers are left
 *
 * Return: 0; -EINVAL: @limit is 0 or more than its entries.
 */
TTO_API int tto_grq_ask_low(struct tto_grq *grq, uint32_t limit);

struct tto_qp_options {
	uint32_t size;		/* sizeof(struct tto_qp_options)                  */
	uint32_t send_blocks;	/* SQ, a power of two; a request takes 1 .. 16 blocks
				 * of 64 bytes; default 1024                      */
	uint32_t receives;	/* RQ, a power of two; default 64                 */
	uint8_t no_receive;	/* not 0: no RQ, everything goes to the GRQ       */
	uint8_t unowned;	/* not 0: may send frames of no flow, if allowed  */
};

/** tto_qp_open() - A send and a receive queue; both complete to @cq */
TTO_API int tto_qp_open(struct tto_device *device, struct tto_cq *cq,
			const struct tto_qp_options *options, struct tto_qp **out);
/** tto_qp_close() - Posted requests do not complete. -EBUSY while a flow uses it. */
TTO_API int tto_qp_close(struct tto_qp *qp);

/* ---- Ports --------------------------------------------------------------------- */

/* Addresses in network order (IPv4: the first 4 bytes), ports in host order. */
struct tto_tuple {
	uint8_t local[16], remote[16];
	uint16_t local_port, remote_port;
	uint32_t v6;		/* 1: IPv6                                        */
};

enum tto_port_flags {
	TTO_PORT_REUSE = 1,	/* as SO_REUSEADDR, see tto_port_hold(3)          */
};

/**
 * tto_port_hold() - Have a local port before it is known what for: a bind()
 * @tuple:	Local address, zeros: any; port, 0: one that nobody has; v6
 * @flags:	enum tto_port_flags
 * @out:	Set on success; release with tto_port_release(), or with the device
 *
 * Nothing comes for it before a flow or a listen of this handle has it too, and these
 * keep it when the hold is released.
 *
 * Return: 0; -EADDRINUSE; -EADDRNOTAVAIL: not an address of the device; -EACCES: neither
 * flows nor listens are allowed there; -EINVAL; -ENOSPC; -ENOMEM; -EPIPE.
 */
TTO_API int tto_port_hold(struct tto_device *device, const struct tto_tuple *tuple,
			  uint32_t flags, struct tto_port **out);
/** tto_port_number() - The port, also one that was chosen */
TTO_API uint16_t tto_port_number(const struct tto_port *port);
TTO_API int tto_port_release(struct tto_port *port);

/* ---- Flows --------------------------------------------------------------------- */

struct tto_flow_options {
	uint32_t size;		/* sizeof(struct tto_flow_options)                */
	uint32_t next_seq;	/* where the bytes in order begin; see knows_next */
	uint8_t knows_next;	/* 0: where the first segment that comes begins   */
	uint8_t errors;		/* not 0: ICMP errors that quote what it has sent
				 * come to @grq, as TTO_GENERAL with TTO_FRAME    */
};

/**
 * tto_flow_open() - Have a connection's segments come to @qp, and send for it
 * @grq:	For what finds no receive in @qp; NULL: such packets are dropped
 * @tuple:	Copied; both sides; a local port of 0: one that nobody has is chosen
 *
 * Unless the CQ is raw, a QP with an RQ has one flow.
 *
 * Return: 0; -EEXIST; -EADDRINUSE; -EACCES; -ENOSPC; -EBUSY; -EHOSTUNREACH, -EAGAIN:
 * how to reach the other side is not known, or not yet.
 */
TTO_API int tto_flow_open(struct tto_qp *qp, struct tto_grq *grq,
			  const struct tto_tuple *tuple,
			  const struct tto_flow_options *options,
			  struct tto_flow **out);
/** tto_flow_listen() - What comes for a local port and is of no flow, to @grq */
TTO_API int tto_flow_listen(struct tto_qp *qp, struct tto_grq *grq,
			    const struct tto_tuple *tuple, struct tto_flow **out);
/** tto_flow_own() - All else that comes for a local address, as whole frames */
TTO_API int tto_flow_own(struct tto_qp *qp, struct tto_grq *grq,
			 const struct tto_tuple *tuple, struct tto_flow **out);
TTO_API int tto_flow_close(struct tto_flow *flow);
/** tto_flow_port() - The local port, also one that was chosen */
TTO_API uint16_t tto_flow_port(const struct tto_flow *flow);

/* How frames reach the other side. */
struct tto_path {
	uint8_t link[22];	/* what they begin with                           */
	uint8_t link_bytes;
	uint8_t reserved;
	uint8_t source[16];	/* local address; of tto_route() only             */
	uint32_t mtu;		/* IP bytes                                       */
};

TTO_API int tto_flow_path(const struct tto_flow *flow, struct tto_path *path);
/** tto_route() - @tuple: remote, and v6. Return: 0; -EAGAIN: ask again soon. */
TTO_API int tto_route(struct tto_device *device, const struct tto_tuple *tuple,
		      struct tto_path *path);

/* ---- Post ---------------------------------------------------------------------- */

/* A piece of payload. */
struct tto_element {
	const void *address;
	uint32_t bytes;
	uint32_t reserved;	/* 0                                              */
	const struct tto_region *region;	/* it lies in; NULL: the library finds
						 * out, or copies             */
};

enum tto_send_flags {
	TTO_SEND_SIGNALED = 1,	/* complete success, too; errors always do        */
	TTO_SEND_INLINE = 2,	/* the short way, whatever the options say        */
	TTO_SEND_COPY = 4,	/* the medium way                                 */
	TTO_SEND_IN_PLACE = 8,	/* the long way                                   */
	TTO_SEND_UDP = 16,	/* TTO_CUT_FRAGMENT: complete the UDP header      */
	TTO_SEND_LEND = 32,	/* the payload is the caller's again at once: what
				 * is in place is copied when somebody writes to it */
};

/*
 * A send request (WR): one pseudo frame, as struct tto_unit. @header is copied when
 * it is posted; so is the payload, unless the way is long, and then it is the
 * caller's again when the request completes, or when tto_wait() says so (SPEC TX-9).
 */
struct tto_send {
	uint64_t wr_id;		/* comes back in the completion                   */
	struct tto_flow *flow;	/* NULL: of no flow                               */
	const void *header;	/* link, IP, TCP or UDP; may go on in @elements   */
	const struct tto_element *elements;
	uint16_t header_bytes;
	uint16_t n_elements;	/* at most 16                                     */
	uint16_t mss;
	uint8_t cut;		/* enum tto_cut                                   */
	uint8_t unit_flags;	/* enum tto_unit_flags                            */
	uint32_t flags;		/* enum tto_send_flags                            */
	uint32_t fragment_id;	/* TTO_CUT_FRAGMENT over IPv6: Identification     */
};

/**
 * tto_post_send() - Post requests, in order, until one cannot be
 * @taken:	Set to how many were taken; may be NULL
 *
 * The device takes nothing of a request that it finds wrong, and completes it with
 * an error.
 *
 * Return: 0: all; else why the first that was not taken was not: -EAGAIN: no room,
 * poll and post the rest again; -EINVAL; -EMSGSIZE; -EFAULT: TTO_SEND_IN_PLACE and
 * not in memory of the device; -EPIPE: the device is gone.
 */
TTO_API int tto_post_send(struct tto_qp *qp, const struct tto_send *sends,
			  uint32_t n, uint32_t *taken);

/* A receive request: one buffer, the device's until it completes. */
struct tto_receive {
	uint64_t wr_id;
	void *address;		/* GRQ: in memory of the device; RQ: any          */
	uint32_t bytes;
	uint32_t reserved;	/* 0                                              */
	const struct tto_region *region;	/* as in struct tto_element           */
};

/** tto_post_receive() - Buffers for @qp's flow; as tto_post_send() */
TTO_API int tto_post_receive(struct tto_qp *qp, const struct tto_receive *receives,
			     uint32_t n, uint32_t *taken);
/** tto_post_general() - Buffers for all flows of @grq; as tto_post_send() */
TTO_API int tto_post_general(struct tto_grq *grq,
			     const struct tto_receive *receives, uint32_t n,
			     uint32_t *taken);

/**
 * tto_revoke() - Take back receives that are posted
 * @wr_id:	All with this number
 *
 * When it returns, nothing is written to them any more. They complete with
 * -ECANCELED, in their turn; those that had completed before, as they did.
 *
 * Return: how many; one that the device had just handed back is not counted, and
 * completes either way.
 */
TTO_API int tto_revoke(struct tto_qp *qp, uint64_t wr_id);
TTO_API int tto_revoke_general(struct tto_grq *grq, uint64_t wr_id);

/* ---- Completions --------------------------------------------------------------- */

enum tto_kind {
	TTO_SEND = 1,		/* a send is done, its memory is free             */
	TTO_RECEIVE,		/* a receive of a QP, with 1 byte or more, or the
				 * end of the stream (TTO_END), or an error       */
	TTO_GENERAL,		/* a GRQ buffer: give it back with tto_return()   */
	TTO_HEADER,		/* a packet without payload: ACK, FIN, RST ...; it
				 * may have a GRQ buffer for its headers          */
	TTO_LOW,		/* @bytes buffers are left in the GRQ             */
};

enum tto_completion_flags {
	TTO_IN_ORDER = 0x01,	/* begins where the bytes in order ended          */
	TTO_TIMESTAMP = 0x02,	/* tsval and tsecr are set                        */
	TTO_V6 = 0x04,
	TTO_MORE = 0x08,	/* the aggregate goes on in the next completion   */
	TTO_FIRST = 0x10,	/* first piece of an aggregate                    */
	TTO_FRAME = 0x20,	/* @data is a whole frame, link header first      */
	TTO_COPIED = 0x40,	/* receive: not placed there by the device; header
				 * fields are of the last packet copied from      */
	TTO_END = 0x80,		/* receive: no byte comes after these             */
};

struct tto_completion {
	uint64_t wr_id;
	struct tto_qp *qp;	/* of a send or a receive, else NULL              */
	struct tto_grq *grq;	/* of @buffer or LOW, else NULL                   */
	struct tto_flow *flow;	/* NULL: none, or closed meanwhile                */
	uint8_t *data;		/* payload received                               */
	uint32_t bytes;		/* at @data; of a send: payload taken             */
	int32_t status;		/* 0 or -errno                                    */
	uint8_t kind;		/* enum tto_kind                                  */
	uint8_t flags;		/* enum tto_completion_flags                      */
	uint8_t cause;		/* enum tto_cause: why the aggregate ended        */
	uint8_t tos, ttl;
	uint8_t reserved;
	uint16_t header_bytes;	/* not 0: the headers, in front of @data          */
	uint32_t seq;		/* of the first byte                              */
	uint32_t ack;		/* of the youngest segment                        */
	uint32_t tsval, tsecr;	/* of the oldest                                  */
	uint16_t window;	/* of the youngest, not scaled                    */
	uint16_t tcp_flags;	/* all that were set: FIN 1, SYN 2, RST 4, PSH 8,
				 * ACK 16, URG 32, ECE 64, CWR 128                */
	uint16_t segments;	/* that went into the aggregate                   */
	uint16_t acks;		/* and ACKs without payload                       */
	uint16_t mss;		/* payload of one segment                         */
	uint16_t urgent;
	uint32_t buffer_bytes;	/* of the whole buffer                            */
	void *buffer;		/* of the GRQ, now the program's: tto_return() it */
	uint64_t fault_address;	/* status -EFAULT: what was not reachable         */
};

/**
 * tto_poll() - Take completions
 * @c:		Room for @n
 *
 * A device in this process works in here, and only in here. Unless the CQ is raw,
 * what was placed in order in GRQ buffers is copied, in order, to the receives of
 * the flow's QP, and the buffers are posted again: n receives give n completions,
 * however the bytes were cut on their way.
 *
 * Return: how many; 0: none now; -EPIPE: the device is gone.
 */
TTO_API int tto_poll(struct tto_cq *cq, struct tto_completion *c, uint32_t n);

/**
 * tto_return() - Post the GRQ buffer of a completion again, all of it
 *
 * To be called once for each completion with a buffer, unless the program keeps it.
 *
 * Return: 0, also when there is no buffer; else as tto_post_general().
 */
TTO_API int tto_return(const struct tto_completion *c);

/**
 * tto_arm() - Ask to be woken once, before sleeping on tto_cq_fd()
 *
 * Arm, poll again, then sleep: what came before the arming wakes nobody.
 *
 * Return: 0: armed; 1: not armed, there is something to poll.
 */
TTO_API int tto_arm(struct tto_cq *cq);

/**
 * tto_cq_fd() - What to poll(2) for reading when armed
 *
 * Return: a descriptor, which stays the CQ's; -errno.
 */
TTO_API int tto_cq_fd(struct tto_cq *cq);

/**
 * tto_sleep() - Until there is something to poll
 * @timeout_ns:	At most; negative: for ever
 *
 * Polls for spin_ns, then arms and sleeps.
 *
 * Return: 1: poll, though what came may complete nothing; 0: time is up; -EINTR: a
 * signal; -EPIPE.
 */
TTO_API int tto_sleep(struct tto_cq *cq, int64_t timeout_ns);

/**
 * tto_wait() - Until the memory of a send is free (SPEC TX-9 c)
 * @wr_id:	Of sends that were posted to @qp
 *
 * Other completions are kept for tto_poll().
 *
 * Return: 0: free, or never posted; -ETIMEDOUT; -ENOBUFS: too many are kept, poll;
 * -EINTR; -EPIPE.
 */
TTO_API int tto_wait(struct tto_qp *qp, uint64_t wr_id, int64_t timeout_ns);

/* Counters since open. */
struct tto_device_stats {
	uint64_t sends_short, sends_medium, sends_long;
	uint64_t bytes_short, bytes_medium, bytes_long;
	uint64_t receives_placed, receives_copied;
	uint64_t receives_asked_back;	/* of the device: bytes for them were here */
	uint64_t cache_hits, cache_misses, cache_evictions;
	uint64_t regions, region_bytes;		/* registered now                 */
	uint64_t buffers_entered, buffers_left;	/* of the program's own memory    */
	uint64_t buffers_lent;
	uint64_t buffers, buffer_bytes;		/* in place now                   */
	uint64_t doorbells;	/* the device slept and was woken                 */
	uint64_t wakeups;	/* tto_sleep() or tto_wait() slept and woke       */
};

TTO_API int tto_device_stats(const struct tto_device *device,
			     struct tto_device_stats *stats);

#ifdef __cplusplus
}
#endif
#endif

// SPDX-License-Identifier: BSD-2-Clause
/*
 * memif.c - Another process on this machine, by memory that both share
 *
 * DOC: Theory of operation
 * No kernel between the two: a frame is copied into the shared memory by one and
 * out of it by the other. For VPP, DPDK, and for another tto:
 *
 *	memif:PATH[,role=server|client][,id=N][,ring=N][,buffer=N][,queues=N]
 *		[,mtu=N][,secret=S][,poll][,unsealed]
 *
 * The server listens at PATH and takes one client at a time; the client makes the
 * memory, and connects again when the server is gone: after 1/8 s, and then after twice
 * as long each time that it fails, up to 4 s. While there is
 * nobody, what is sent is dropped and counted, as on a cable without a far end. A
 * peer that does not fetch its frames for STALL_NS is treated the same way until
 * it does.
 *
 * Frames go out on the first ring, which keeps their order; they are received from
 * all rings. Neither unfinished checksums nor units can be said in this protocol,
 * so each frame is finished and cut. What is larger than a buffer takes several.
 *
 * Awake, we mask interrupts: no system call in either direction. When a call finds
 * nothing, they are unmasked, and the descriptor that is polled tells what comes
 * afterwards: frames, a peer, the end of one. Who arms by hand has them unmasked when
 * he is about to sleep, not before. Option "poll": they stay masked, and there is no
 * descriptor.
 *
 *	protocol.h  the layouts		ring.h     slots and frames
 *	channel.h   messages		region.h   shared memory, guard.h
 *	session.h   a connection	doorbell.h waking the peer
 *	share.c     for several processes
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/kernel.h"
#include "wire/kinds.h"
#include "wire/memif/channel.h"
#include "wire/memif/state.h"
#include "wire/spec.h"

#define RETRY_NS 125000000ull	/* after the first failure; twice as long ...   */
#define RETRY_DOUBLINGS 5	/* ... so often                                 */
#define STALL_NS 20000000ull
#define PATIENCE 16		/* empty calls from one look around to the next */
#define AWAKE_PATIENCE 256	/* the same, of who spins                       */
#define BUSY_CALLS 1024		/* the same, of calls that found frames         */
#define ETHERNET_BYTES 18	/* with a VLAN tag                              */

static ns_t clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (ns_t)t.tv_sec * 1000000000 + (ns_t)t.tv_nsec;
}

/* ---- Connections ------------------------------------------------------------------ */

/* The connection that is up, and that this process has. */
static ALWAYS_INLINE struct session *up_of(struct memif_wire *w)
{
	if (unlikely(w->generation != w->memif->generation))
		memif_catch_up(w);
	return likely(w->generation == w->memif->generation) ? w->memif->up : NULL;
}

static void fail(struct memif *m, ns_t now)
{
	unsigned n = m->n_failed < RETRY_DOUBLINGS ? m->n_failed++ : RETRY_DOUBLINGS;

	m->retry = now + (RETRY_NS << n);
}

static void end_session(struct memif_wire *w, struct session *s, const char *why)
{
	struct memif *m = w->memif;

	if (s->state == SESSION_NONE)
		return;
	snprintf(m->why, sizeof(m->why), "%s", why);
	if (m->is_shared)
		memif_end_shared(w, s, m->why);
	else
		memif_session_close(s, m->why);
	m->counters.ended++;
	if (s == m->up)
		m->up = NULL;
	m->full_since = 0;
	fail(m, clock_now());
}

static void begin_session(struct memif_wire *w, int fd, ns_t now)
{
	struct memif *m = w->memif;
	unsigned n = 0, oldest = 0;

	for (; n < SESSIONS && m->sessions[n].state != SESSION_NONE; n++) {
		if (m->due[n] < m->due[oldest])
			oldest = n;
	}
	if (n == SESSIONS) {
		n = oldest;
		end_session(w, &m->sessions[n], "too many connections");
	}
	m->due[n] = now + MEETING_NS;
	/* Who is not up is nobody else's: others could only wake, and do nothing. */
	if (memif_session_open(&m->sessions[n], &m->options.session, fd,
			       m->is_shared ? -1 : m->epoll)) {
		char why[WHY_BYTES];

		memcpy(why, m->sessions[n].why, sizeof(why));
		end_session(w, &m->sessions[n], why);
	}
}

static void turn_away(int fd)
{
	struct memif_message m = { .type = MEMIF_DISCONNECT,
				   .disconnect.reason = "already connected" };

	if (channel_send(fd, &m, -1))
		m.type = 0;
	kernel_call(SYS_close, fd);
}

/* One that is begun and not up. */
static struct session *find_met(struct memif *m)
{
	for (unsigned n = 0; n < SESSIONS; n++) {
		if (&m->sessions[n] != m->up && m->sessions[n].state != SESSION_NONE)
			return &m->sessions[n];
	}
	return NULL;
}

static void accept_clients(struct memif_wire *w, ns_t now)
{
	for (unsigned n = 0; n < SESSIONS; n++) {
		int fd;

		/* The next waits for its turn. */
		if (w->memif->is_shared && find_met(w->memif))
			return;
		fd = (int)kernel_call(SYS_accept4, w->memif->listener, NULL, NULL,
				      SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (w->memif->up)
			turn_away(fd);
		else
			begin_session(w, fd, now);
	}
}

static void set_interrupts(struct memif_wire *w, bool on)
{
	struct session *s = up_of(w);

	for (unsigned n = 0; s && n < s->n_rx; n++)
		ring_interrupts(&s->rx[n], on);
	w->memif->armed = on;
}

static int go_up(struct memif_wire *w, struct session *s)
{
	struct memif *m = w->memif;
	int err = m->is_shared ? memif_publish(w, s) : 0;

	if (err)
		return err;
	m->up = s;
	m->n_empty = 0;
	set_interrupts(w, !m->options.poll);
	m->counters.connected++;
	m->why[0] = '\0';
	for (unsigned n = 0; n < SESSIONS; n++) {
		if (&m->sessions[n] != s)
			end_session(w, &m->sessions[n], "already connected");
	}
	m->n_failed = 0;
	return 0;
}

static void advance(struct memif_wire *w, unsigned n, ns_t now)
{
	struct session *s = &w->memif->sessions[n];
	char why[WHY_BYTES];

	if (s->state == SESSION_NONE)
		return;
	if (memif_session_advance(s) ||
	    (s->state == SESSION_UP && s != w->memif->up && go_up(w, s))) {
		memcpy(why, s->why, sizeof(why));
		end_session(w, s, why);
	} else if (s->state != SESSION_UP && now >= w->memif->due[n]) {
		end_session(w, s, "too slow to connect");
	}
}

static void try_to_connect(struct memif_wire *w, ns_t now)
{
	struct memif *m = w->memif;
	int fd;

	for (unsigned n = 0; n < SESSIONS; n++) {
		if (m->sessions[n].state != SESSION_NONE)
			return;
	}
	if (now < m->retry)
		return;
	fail(m, now);
	fd = channel_connect(m->options.path);
	if (fd >= 0)
		begin_session(w, fd, now);
	else
		snprintf(m->why, sizeof(m->why), "no server: %s", strerror(-fd));
}

/* The next time at which something is due by itself. */
static ns_t next_due(const struct memif *m)
{
	ns_t due = NS_NEVER;
	bool idle = true;

	if (m->meets)
		return m->meets == (pid_t)kernel_call(SYS_getpid) ? m->look :
								     m->meets_until;
	for (unsigned n = 0; n < SESSIONS; n++) {
		const struct session *s = &m->sessions[n];

		idle = idle && s->state == SESSION_NONE;
		if (s->state != SESSION_NONE && s != m->up && m->due[n] < due)
			due = m->due[n];
	}
	return idle && !m->options.session.is_server ? m->retry : due;
}

static bool any_but_bells(const struct epoll_event *events, int n)
{
	while (n > 0 && events[n - 1].data.u32 == SESSION_BELL)
		n--;
	return n > 0;
}

static void note_met(struct memif_wire *w, ns_t now)
{
	struct session *s = find_met(w->memif);
	char why[WHY_BYTES];

	if (!memif_note_met(w, s, now))
		return;
	memcpy(why, s->why, sizeof(why));
	end_session(w, s, why);
	(void)!memif_note_met(w, NULL, now);
}

/* Edges of doorbells are taken back by this as well. */
static void look_around(struct memif_wire *w)
{
	struct epoll_event events[SESSIONS + QUEUES_MAX];
	struct memif *m = w->memif;
	ns_t now;
	int n;

	if (kernel_is_confined)	/* the others do                                */
		return;
	n = (int)kernel_call(SYS_epoll_pwait, m->epoll, events, ARRAY_SIZE(events), 0,
			     NULL, 8);
	if (m->up && !any_but_bells(events, n))
		return;
	if (n > 0)
		m->n_empty = 0;
	now = clock_now();
	/* The one that is up first: it may be gone, and be the next, too. */
	if (up_of(w))
		advance(w, (unsigned)(m->up - m->sessions), now);
	if (m->is_shared && !memif_may_meet(w, now))
		return;
	for (unsigned s = 0; s < SESSIONS; s++) {
		if (&m->sessions[s] != m->up)
			advance(w, s, now);
	}
	if (m->options.session.is_server)
		accept_clients(w, now);
	else
		try_to_connect(w, now);
	if (m->is_shared)
		note_met(w, now);
}

/* ---- Receive -------------------------------------------------------------------------- */

static unsigned take_frames(struct memif_wire *w, struct wire_frame *frames, unsigned n)
{
	struct inbox in = {
		.frames = frames, .iov = w->received, .room = n,
		.bytes = w->arena, .n_bytes = ARENA_BYTES, .sums = w->sums,
	};
	struct session *s = up_of(w);
	struct memif *m = w->memif;
	int err = 0;

	if (!s)
		return 0;
	for (unsigned k = 0; k < s->n_rx && in.n < n && !err; k++)
		err = ring_receive(&s->rx[(m->first_rx + k) % s->n_rx], &in);
	m->first_rx++;
	w->wire.stats.rx_dropped += in.n_dropped;
	if (err)
		end_session(w, s, "a ring that is against the rules");
	else if (m->options.session.unsealed && memif_session_is_gone(s))
		end_session(w, s, "memory was taken away");
	return in.n;
}

static bool is_quiet(struct memif_wire *w)
{
	struct session *s = up_of(w);

	for (unsigned n = 0; s && n < s->n_rx; n++) {
		if (!ring_is_quiet(&s->rx[n], s->peer_has_fence))
			return false;
	}
	return true;
}

/*
 * Nothing was found. First the masks, then the edges of what was rung before,
 * then the last look: what comes after it is rung for, and remembered.
 */
static unsigned take_rest(struct memif_wire *w, struct wire_frame *frames, unsigned n)
{
	struct memif *m = w->memif;
	bool first = !m->options.poll && !m->armed;

	if (w->wire.is_armed_by_hand && m->up) {
		if (++m->n_empty % AWAKE_PATIENCE == 0)
			look_around(w);
		return 0;
	}
	if (!first && !m->meets && m->n_empty++ % PATIENCE)
		return 0;
	if (first)
		set_interrupts(w, true);
	look_around(w);
	return m->up && !is_quiet(w) ? take_frames(w, frames, n) : 0;
}

static int memif_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct memif *m = memif_self(w)->memif;
	unsigned got;

	if (n > BATCH)
		n = BATCH;
	got = take_frames(memif_self(w), frames, n);
	if (!got && n)
		got = take_rest(memif_self(w), frames, n);
	if (!got)
		return 0;
	m->n_empty = 0;
	if (m->armed)
		set_interrupts(memif_self(w), false);
	if (++m->n_busy % BUSY_CALLS == 0)
		look_around(memif_self(w));
	w->stats.rx_frames += got;
	for (unsigned f = 0; f < got; f++)
		w->stats.rx_bytes += frames[f].len;
	return (int)got;
}

/* ---- Send ------------------------------------------------------------------------------- */

static bool is_sendable(const struct wire *w, const struct wire_frame *f)
{
	return f->len && f->len <= w->caps.max_frame &&
	       !(f->offload.flags & WIRE_NEEDS_CSUM) && !f->offload.gso_type;
}

/* Frames from the first on that can be sent, or cannot. */
static unsigned run_of(const struct wire *w, const struct wire_frame *frames,
		       unsigned n, bool sendable)
{
	unsigned k = 0;

	while (k < n && is_sendable(w, &frames[k]) == sendable)
		k++;
	return k;
}

static void count_sent(struct wire *w, const struct wire_frame *frames,
		       unsigned n)
{
	w->stats.tx_frames += n;
	for (unsigned f = 0; f < n; f++)
		w->stats.tx_bytes += frames[f].len;
}

/* No room. Return: whether the peer has not fetched anything for too long. */
static bool is_stalled(struct memif *m)
{
	ns_t now = clock_now();

	if (!m->full_since)
		m->full_since = now;
	return now - m->full_since > STALL_NS;
}

/* Return: how many are done with, sent or dropped; 0: no room. */
static unsigned send_some(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct memif *m = memif_self(w)->memif;
	struct session *s = up_of(memif_self(w));
	unsigned bad = run_of(w, frames, n, false), good;
	int sent;

	if (!s || !s->n_tx)
		bad = n;
	w->stats.tx_dropped += bad;
	if (bad)
		return bad;
	good = run_of(w, frames, n, true);
	sent = ring_send(&s->tx[0], frames, good);
	if (sent > 0) {
		m->full_since = 0;
		count_sent(w, frames, (unsigned)sent);
		return (unsigned)sent;
	}
	if (sent == -EPROTO)
		end_session(memif_self(w), s, "a ring that is against the rules");
	if (sent == 0 && !is_stalled(m))
		return 0;
	w->stats.tx_dropped += sent == -EMSGSIZE ? 1 : n;
	return sent == -EMSGSIZE ? 1 : n;
}

static void ring_bell(struct memif_wire *w)
{
	const struct session *s = up_of(w);

	if (s && ring_has_listener(&s->tx[0]))
		doorbell_ring(&w->doorbell, s->tx[0].event);
}

static int memif_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	uint64_t before = w->stats.tx_frames;
	unsigned taken = 0, done;

	do {
		done = taken < n ? send_some(w, frames + taken, n - taken) : 0;
		taken += done;
	} while (done);
	if (w->stats.tx_frames != before)
		ring_bell(memif_self(w));
	return (int)taken;
}

static unsigned memif_lend(struct wire *w, struct wire_place *places, unsigned n)
{
	struct session *s = up_of(memif_self(w));
	int got = s && s->n_tx ? ring_lend(&s->tx[0], places, n) : 0;

	if (got < 0)
		end_session(memif_self(w), s, "a ring that is against the rules");
	return got > 0 ? (unsigned)got : 0;
}

static void memif_send_lent(struct wire *w, const struct wire_place *places, unsigned n)
{
	struct session *s = up_of(memif_self(w));

	if (!n || !s)
		return;
	ring_send_lent(&s->tx[0], places, n);
	memif_self(w)->memif->full_since = 0;
	w->stats.tx_frames += n;
	for (unsigned k = 0; k < n; k++)
		w->stats.tx_bytes += places[k].len;
	ring_bell(memif_self(w));
}

/* ---- Sleep ------------------------------------------------------------------------------ */

static int memif_fd(const struct wire *w)
{
	const struct memif *m = memif_self(w)->memif;

	/* Who is confined cannot take edges back: it would be awake all the time. */
	return m->options.poll || kernel_is_confined ? -1 : m->epoll;
}

static bool memif_arm(struct wire *w)
{
	struct memif *m = memif_self(w)->memif;

	if (m->options.poll)
		return true;
	if (!m->armed)
		set_interrupts(memif_self(w), true);
	look_around(memif_self(w));
	return is_quiet(memif_self(w));
}

static ns_t memif_deadline(const struct wire *w)
{
	return next_due(memif_self(w)->memif);
}

/* ---- Open and close ----------------------------------------------------------------------- */

void memif_remove_socket(const struct memif *m)
{
	struct stat s;

	if (!lstat(m->options.path, &s) && s.st_dev == m->device &&
	    s.st_ino == m->inode)
		unlink(m->options.path);
}

static void close_state(struct memif *m)
{
	for (unsigned n = 0; n < SESSIONS; n++)
		memif_session_close(&m->sessions[n], "closed");
	if (m->listener >= 0) {
		memif_remove_socket(m);
		close(m->listener);
	}
	if (m->epoll >= 0)
		close(m->epoll);
	heap_free(m);
}

/* What is shared stays for the others; the peer sees it end with the last of them. */
static int memif_close(struct wire *w)
{
	struct memif_wire *own = memif_self(w);

	if (!own->memif->is_shared) {
		close_state(own->memif);
		doorbell_close(&own->doorbell);
	} else if (own->has_shared && own->memif->listener >= 0) {
		memif_remove_socket(own->memif);
	}
	free(own->arena);
	free(own);
	return 0;
}

static const struct wire_ops memif_ops = {
	.kind = "memif",
	.recv = memif_recv,
	.send = memif_send,
	.lend = memif_lend,
	.send_lent = memif_send_lent,
	.fd = memif_fd,
	.arm = memif_arm,
	.deadline = memif_deadline,
	.share = memif_share,
	.close = memif_close,
};

static int start_listening(struct memif *m)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct stat s;

	m->listener = channel_listen(m->options.path);
	if (m->listener < 0)
		return m->listener;
	if (!lstat(m->options.path, &s)) {
		m->device = s.st_dev;
		m->inode = s.st_ino;
	}
	return epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->listener, &e) ? -errno : 0;
}

static int start(struct memif_wire *w)
{
	struct memif *m = w->memif;

	m->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (m->epoll < 0)
		return -errno;
	if (m->options.session.is_server)
		return start_listening(m);
	try_to_connect(w, clock_now());
	return 0;
}

static const char *explain(int err)
{
	switch (err) {
	case -EADDRINUSE:
		return "another process listens there";
	case -EEXIST:
		return "the file is there, and no socket";
	default:
		return strerror(-err);
	}
}

int memif_make(struct memif_wire **out, struct memif *m)
{
	struct memif_wire *w = calloc(1, sizeof(*w));
	uint8_t *arena = aligned_alloc(CACHE_LINE, ARENA_BYTES);

	if (!w || !arena) {
		free(w);
		free(arena);
		return -ENOMEM;
	}
	w->memif = m;
	w->arena = arena;
	w->sums = checksum_select(NULL);
	doorbell_init(&w->doorbell);
	w->wire.ops = &memif_ops;
	w->wire.caps = (struct wire_caps){
		.live = true,
		.linktype = LINKTYPE_ETHERNET,
		.max_frame = m->options.mtu + ETHERNET_BYTES,
	};
	memcpy(w->wire.name, m->options.session.name, MEMIF_NAME_BYTES);
	*out = w;
	return 0;
}

static int open_new(struct wire **out, const char *args, struct wire_error *error)
{
	struct memif *m = heap_zeroed(1, sizeof(*m));
	struct memif_wire *w = NULL;
	int err;

	if (!m)
		return spec_error(error, -ENOMEM, "memif", "no memory");
	m->epoll = m->listener = m->doorbell_file = -1;
	err = memif_options_parse(&m->options, args, error);
	if (!err && memif_make(&w, m))
		err = spec_error(error, -ENOMEM, "memif", "no memory");
	if (err) {
		heap_free(m);
		return err;
	}
	err = start(w);
	if (err) {
		spec_error(error, err, m->options.path, "%s", explain(err));
		memif_close(&w->wire);
		return err;
	}
	*out = &w->wire;
	return 0;
}

int memif_open(struct wire **out, const char *args, struct wire_error *error)
{
	static const char shared[] = "shared=";
	int err;

	if (strncmp(args, shared, sizeof(shared) - 1))
		return open_new(out, args, error);
	err = memif_adopt(out, args + sizeof(shared) - 1);
	if (err)
		spec_error(error, err, "memif", "%s", strerror(-err));
	return err;
}

const struct memif_counters *memif_counters(const struct wire *w)
{
	struct memif *m = memif_self(w)->memif;

	m->counters.doorbells = memif_self(w)->doorbell.n_rung;
	m->counters.is_up = m->up != NULL;
	m->counters.why = m->why;
	m->counters.peer = m->up ? m->up->peer : "";
	return &m->counters;
}

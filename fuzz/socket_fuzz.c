// SPDX-License-Identifier: BSD-2-Clause
/*
 * socket_fuzz.c - Any calls, any frames: streams are right, and nothing is left behind
 *
 * Input: operations of one byte and what belongs to them: calls of tto.h and work.h for a
 * few descriptors, none of which waits; frames from the other end of the wire, as bytes, or
 * made for one of the connections and nearly right; time that goes by. Between two of our
 * own sockets every byte is checked. At the end all is closed and time runs until nothing
 * is due: then there are as many allocations, cells and ports as in the beginning, nobody
 * sleeps, and the lock is free.
 *
 * Time is this program's, and so is what is random, so that an input does the same again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <time.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/heap.h"
#include "nic/frames.h"
#include "socket/connection.h"
#include "socket/descriptor.h"
#include "socket/process.h"
#include "wire/wire.h"

#define WHERE "pair:fuzz;address=10.0.0.2/24;mac=02:00:00:00:00:02;loopback"
#define OWN 2			/* low bytes of the addresses                   */
#define PEER 1
#define SLOTS 10u
#define PIECES 64u
#define POSTS 16u
#define ROOM 5000u
#define OPERATIONS 300
#define DRAIN_TURNS 20000
#define WARM 64u		/* units from us to us that there is room for   */

#define CHECK(x) \
	do { \
		if (!(x)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #x); \
			__builtin_trap(); \
		} \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);
ssize_t __wrap_getrandom(void *to, size_t bytes, unsigned int flags);

/* How bytes of a socket are received: who mixes them cannot tell their order. */
enum { ANYHOW, BY_CALLS, BY_OPERATIONS, BY_CALLBACKS };

/* Of a socket, by its number. */
struct stream {
	uint32_t generation;
	uint64_t sent, got;
	uint8_t how;
	bool is_sending;	/* an operation has bytes of it                 */
};

struct post {
	bool is_used, is_send;
	uint32_t idx, generation;
	uint64_t place;
	uint8_t bytes[ROOM];
};

static struct run {
	const uint8_t *at, *end;
	int fds[SLOTS];		/* -1: none                                     */
	int set;		/* an epoll set                                 */
	struct tto_work *work;
	struct post posts[POSTS];
	struct tto_piece pieces[PIECES];
	uint32_t n_pieces;
	bool is_urgent;		/* MSG_OOB: bytes that may be left out          */
} run;

static struct stream streams[STACK_SOCKETS];
static struct wire *peer;
static uint64_t allocations;	/* in the beginning                             */
static uint32_t cells;
static bool is_alone;		/* in a namespace of its own                    */
static uint64_t now_ns = 1000000000000u, random_state = 1;

/* ---- Time and chance --------------------------------------------------------------- */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	now_ns += 1000;
	*ts = (struct timespec){ (time_t)(now_ns / 1000000000u),
				 (long)(now_ns % 1000000000u) };
	return 0;
}

ssize_t __wrap_getrandom(void *to, size_t bytes, unsigned int flags)
{
	for (size_t n = 0; n < bytes; n++) {
		random_state = random_state * 6364136223846793005u + 1442695040888963407u;
		((uint8_t *)to)[n] = (uint8_t)(random_state >> 56);
	}
	return (ssize_t)bytes;
}

static uint32_t take(uint32_t bytes)
{
	uint32_t v = 0;

	for (; bytes > 0; bytes--)
		v = v << 8 | (run.at < run.end ? *run.at++ : 0);
	return v;
}

/* ---- Streams --------------------------------------------------------------------------- */

static uint8_t byte_at(uint64_t place)
{
	return (uint8_t)((uint32_t)place * 2654435761u >> 21);
}

static void fill(uint8_t *bytes, size_t n, uint64_t place)
{
	for (size_t k = 0; k < n; k++)
		bytes[k] = byte_at(place + k);
}

static struct stream *stream_of(int fd)
{
	const struct socket *s = descriptor_socket(fd);

	return s ? &streams[s->idx] : NULL;
}

/* Are both ends ours? What others send is anything. */
static bool is_between_us(const struct socket *s)
{
	return embed_is_own(stack->embed, s->tuple.remote, s->tuple.v6);
}

static void begin_stream(int fd)
{
	struct stream *t = stream_of(fd);

	if (t)
		*t = (struct stream){ .generation = t->generation + 1 };
}

/* @n bytes were received. */
static void judge(const struct socket *s, const uint8_t *bytes, size_t n)
{
	struct stream *t = &streams[s->idx];

	for (size_t k = 0; k < n && is_between_us(s) && !run.is_urgent; k++)
		CHECK(bytes[k] == byte_at(t->got + k));
	t->got += n;
}

static bool receives(struct stream *t, uint8_t how)
{
	if (t->how == ANYHOW)
		t->how = how;
	return t->how == how;
}

/* ---- Calls ------------------------------------------------------------------------------- */

static uint32_t slot(void)
{
	return take(1) % SLOTS;
}

/* Into a slot; who was there is closed. */
static void put(int fd)
{
	uint32_t n = slot();

	if (fd < 0)
		return;
	if (run.fds[n] >= 0)
		CHECK(!tto_close_fd(run.fds[n]));
	run.fds[n] = fd;
}

static void open_socket(void)
{
	int fd = tto_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	put(fd);
	begin_stream(fd);
}

static struct sockaddr_in address(void)
{
	static const char *const texts[] = { "10.0.0.2", "10.0.0.2", "127.0.0.1",
					     "10.0.0.1" };
	struct sockaddr_in a = { .sin_family = AF_INET };
	uint8_t how = (uint8_t)take(1);

	a.sin_addr.s_addr = inet_addr(texts[how & 3]);
	a.sin_port = htons((uint16_t)(5000 + (how >> 2) % 4));
	return a;
}

static void bind_socket(void)
{
	struct sockaddr_in a = address();

	(void)tto_bind(run.fds[slot()], (struct sockaddr *)&a, sizeof(a));
}

/* The kernel may be asked as well, in a namespace where there is nothing else. */
static bool is_harmless(const struct socket *s)
{
	return s && (is_alone || s->flags & SOCKET_OURS);
}

static void listen_socket(void)
{
	int fd = run.fds[slot()], backlog = (int)take(1) % 8;

	if (is_harmless(descriptor_socket(fd)))
		(void)tto_listen(fd, backlog);
}

static void connect_socket(void)
{
	int fd = run.fds[slot()];
	const struct socket *s = descriptor_socket(fd);
	struct sockaddr_in a = address();

	if (s && s->kind != SOCKET_LISTENER &&
	    (is_harmless(s) || a.sin_addr.s_addr == inet_addr("10.0.0.1")))
		(void)tto_connect(fd, (struct sockaddr *)&a, sizeof(a));
}

static void accept_socket(void)
{
	int fd = run.fds[slot()];
	const struct socket *s = descriptor_socket(fd);

	if (!s || s->kind != SOCKET_LISTENER) {
		(void)slot();
		return;
	}
	fd = tto_accept4(fd, NULL, NULL, SOCK_NONBLOCK);
	put(fd);
	begin_stream(fd);
}

static void send_bytes(void)
{
	static uint8_t bytes[1 << 16];
	static const int flags[] = { 0, MSG_MORE, MSG_ZEROCOPY, MSG_OOB };
	int fd = run.fds[slot()];
	struct stream *t = stream_of(fd);
	size_t n = take(2), first = take(1);
	uint8_t how = (uint8_t)take(1);
	struct iovec iov[2];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t sent;

	if (!t || t->is_sending)
		return;
	first = n ? first % n : 0;
	fill(bytes, n, t->sent);
	iov[0] = (struct iovec){ bytes, first };
	iov[1] = (struct iovec){ bytes + first, n - first };
	run.is_urgent |= how % 4 == 3;
	sent = tto_sendmsg(fd, &m, MSG_NOSIGNAL | flags[how % 4]);
	CHECK(sent <= (ssize_t)n);
	t->sent += sent > 0 ? (uint64_t)sent : 0;
}

static void receive_bytes(void)
{
	static uint8_t bytes[1 << 16];
	static const int flags[] = { 0, MSG_PEEK, MSG_WAITALL, MSG_ERRQUEUE, 0, MSG_OOB };
	int fd = run.fds[slot()], flag = flags[take(1) % 6];
	const struct socket *s = descriptor_socket(fd);
	struct iovec iov = { bytes, take(2) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	uint64_t got;
	ssize_t n;

	if (!s || !receives(&streams[s->idx], BY_CALLS))
		return;
	got = streams[s->idx].got;
	n = tto_recvmsg(fd, &m, flag | MSG_DONTWAIT);
	CHECK(n <= (ssize_t)iov.iov_len);
	if (n > 0)
		judge(s, bytes, (size_t)n);
	if (flag == MSG_PEEK)
		streams[s->idx].got = got;
}

static void close_socket(void)
{
	uint32_t n = slot();

	if (run.fds[n] >= 0)
		CHECK(!tto_close_fd(run.fds[n]));
	run.fds[n] = -1;
}

static void change_socket(void)
{
	int fd = run.fds[slot()], number = 0;
	uint8_t how = (uint8_t)take(1);

	switch (how % 5) {
	case 0:
		(void)tto_shutdown(fd, how / 5 % 4);
		break;
	case 1:
		put(tto_dup(fd));
		break;
	case 2:
		(void)tto_ioctl(fd, how & 0x80 ? SIOCINQ : SIOCOUTQ, &number);
		CHECK(number >= 0);
		break;
	case 3:
		(void)tto_fcntl(fd, F_GETFL, 0);
		break;
	default:
		put(tto_fcntl(fd, F_DUPFD_CLOEXEC, 20));
	}
}

static void option(void)
{
	static const int options[][2] = {
		{ IPPROTO_TCP, TCP_NODELAY }, { IPPROTO_TCP, TCP_CORK },
		{ IPPROTO_TCP, TCP_QUICKACK }, { SOL_SOCKET, SO_KEEPALIVE },
		{ IPPROTO_TCP, TCP_KEEPIDLE }, { IPPROTO_TCP, TCP_KEEPINTVL },
		{ IPPROTO_TCP, TCP_KEEPCNT }, { IPPROTO_TCP, TCP_USER_TIMEOUT },
		{ IPPROTO_TCP, TCP_LINGER2 }, { IPPROTO_TCP, TCP_NOTSENT_LOWAT },
		{ IPPROTO_TCP, TCP_WINDOW_CLAMP }, { SOL_SOCKET, SO_SNDBUF },
		{ SOL_SOCKET, SO_RCVBUF }, { SOL_SOCKET, SO_RCVLOWAT },
		{ SOL_SOCKET, SO_ZEROCOPY }, { IPPROTO_TCP, TCP_MAXSEG },
		{ IPPROTO_TCP, TCP_CONGESTION }, { IPPROTO_TCP, TCP_INFO },
		{ SOL_SOCKET, SO_ERROR }, { IPPROTO_IP, IP_TOS }, { IPPROTO_IP, IP_TTL },
		{ SOL_SOCKET, SO_LINGER },
	};
	const int *o = options[take(1) % ARRAY_SIZE(options)];
	int fd = run.fds[slot()], value[2] = { (int)take(2), 0 };
	uint8_t back[256];
	socklen_t bytes = take(1);

	if (o[1] == SO_LINGER && o[0] == SOL_SOCKET) {
		value[0] = 1;	/* at once: nothing waits here                  */
		(void)tto_setsockopt(fd, o[0], o[1], value, sizeof(value));
		return;
	}
	if (bytes & 0x80)
		(void)tto_setsockopt(fd, o[0], o[1], value, bytes % 9);
	else
		(void)tto_getsockopt(fd, o[0], o[1], back, &bytes);
	CHECK(bytes <= sizeof(back));
}

static void look(void)
{
	struct epoll_event events[4], event = { .events = take(1), .data.fd = 0 };
	struct timespec none = { 0, 0 };
	struct pollfd fds[SLOTS];
	uint8_t how = (uint8_t)take(1);
	int fd = run.fds[slot()], n;

	event.events |= how & 0x40 ? EPOLLET : 0;
	event.events |= how & 0x80 ? EPOLLONESHOT : 0;
	switch (how & 3) {
	case 0:
		for (unsigned k = 0; k < SLOTS; k++)
			fds[k] = (struct pollfd){ run.fds[k], POLLIN | POLLOUT, 0 };
		CHECK(tto_ppoll(fds, SLOTS, &none, NULL) <= (int)SLOTS);
		break;
	case 1:
		if (run.set < 0)
			run.set = tto_epoll_create1(0);
		(void)tto_epoll_ctl(run.set, 1 + (how >> 2) % 3, fd, &event);
		break;
	case 2:
		if (run.set >= 0)
			CHECK(tto_epoll_wait(run.set, events, 4, &none, NULL) <= 4);
		break;
	default:
		if (how & 0x80 && run.set >= 0) {
			CHECK(!tto_close_fd(run.set));
			run.set = -1;
		}
		n = tto_close_range(1 << 20, 1 << 21, 0);
		CHECK(n == 0 || n == -1);
	}
}

/* ---- Work queues -------------------------------------------------------------------------- */

static void delivered(void *context, const struct tto_delivery *d)
{
	const struct socket *s = descriptor_socket(d->fd);

	CHECK(s);
	for (uint32_t k = 0; k < d->n_pieces; k++) {
		judge(s, d->pieces[k].data, d->pieces[k].bytes);
		if (run.n_pieces < PIECES)
			run.pieces[run.n_pieces++] = d->pieces[k];
		else
			CHECK(!tto_work_return(run.work, &d->pieces[k], 1));
	}
	if (d->bytes % 7 == 6)	/* now and then a callback closes something     */
		close_socket();
}

static void post(void)
{
	uint8_t how = (uint8_t)take(1);
	int fd = run.fds[slot()];
	struct stream *t = stream_of(fd);
	struct post *p = run.posts;
	struct iovec iov = { .iov_len = take(2) % ROOM };
	struct tto_operation o = { .iov = &iov, .n_iov = 1, .fd = fd,
				   .kind = how & 1 ? TTO_SEND : TTO_RECEIVE };

	while (p < run.posts + POSTS && p->is_used)
		p++;
	if (!t || p == run.posts + POSTS ||
	    (how & 1 ? t->is_sending : !receives(t, BY_OPERATIONS)))
		return;
	o.wr_id = (uint64_t)(p - run.posts);
	o.flags = how & 2 ? how & 1 ? MSG_MORE : MSG_WAITALL : 0;
	iov.iov_base = p->bytes;
	*p = (struct post){ .is_send = how & 1, .generation = t->generation,
			    .idx = (uint32_t)(t - streams), .place = t->sent };
	if (how & 1)
		fill(p->bytes, iov.iov_len, t->sent);
	p->is_used = !tto_work_post(run.work, &o, 1, NULL);
	t->is_sending |= p->is_used && how & 1;
}

static void take_result(const struct tto_result *r)
{
	struct post *p = &run.posts[r->wr_id];
	struct stream *t = &streams[p->idx];

	CHECK(r->wr_id < POSTS && p->is_used && r->bytes <= ROOM);
	p->is_used = false;
	if (t->generation != p->generation)
		return;
	if (p->is_send) {
		t->sent = p->place + r->bytes;
		t->is_sending = false;
	} else {
		judge(stack->sockets[p->idx], p->bytes, r->bytes);
	}
}

static void poll_work(void)
{
	struct tto_result results[4];
	int n = tto_work_poll(run.work, results, 4);

	CHECK(n >= 0 && n <= 4);
	for (int k = 0; k < n; k++)
		take_result(&results[k]);
}

static void work(void)
{
	uint8_t how = (uint8_t)take(1);
	int fd = run.fds[slot()];
	struct stream *t = stream_of(fd);

	switch (how % 6) {
	case 0:
		poll_work();
		break;
	case 1:
		CHECK(tto_work_revoke(run.work, fd, how / 6 % POSTS) >= 0);
		break;
	case 2:
		CHECK(tto_work_serve(run.work, 0) >= 0);
		break;
	case 3:
		if (t && receives(t, BY_CALLBACKS))
			(void)tto_work_deliver(run.work, fd, delivered, NULL);
		break;
	case 4:
		CHECK(tto_work_arm(run.work) >= 0);
		break;
	default:
		if (!run.n_pieces)
			break;
		run.n_pieces--;
		CHECK(!tto_work_return(run.work, &run.pieces[run.n_pieces], 1));
	}
}

/* ---- The wire -------------------------------------------------------------------------------- */

static void inject(uint8_t *frame, uint32_t bytes)
{
	struct iovec iov = { frame, bytes };
	const struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = bytes,
				      .full_len = bytes, .linktype = 1 };

	(void)wire_send(peer, &f, 1);
}

static void take_frames(void)
{
	struct wire_frame frames[64];

	while (wire_recv(peer, frames, 64) > 0)
		;
}

static void inject_bytes(void)
{
	static uint8_t frame[256];
	uint32_t n = take(1);

	for (uint32_t k = 0; k < n; k++)
		frame[k] = (uint8_t)take(1);
	inject(frame, n);
}

/* For a connection: what it expects, but for what the input says. */
static void inject_segment(void)
{
	static uint8_t frame[FRAME_MAX_BYTES];
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, OWN, 2, 0, 0, 0, 0, PEER };
	const struct socket *s = descriptor_socket(run.fds[slot()]);
	struct frame_spec spec = frame_defaults();
	uint16_t how = (uint16_t)take(2);
	uint32_t bytes;

	spec.source = how & 1 ? PEER : (uint16_t)(s ? s->tuple.remote[3] : PEER);
	spec.destination = OWN;
	spec.source_port = 5000 + (how >> 1 & 3);
	spec.destination_port = 5000 + (how >> 3 & 3);
	spec.flags = (uint16_t)(how >> 8);
	spec.window = (uint16_t)take(2);
	spec.payload_len = how & 0x20 ? take(2) % 1400 : 0;
	if (s && s->kind == SOCKET_CONNECTION && !(how & 0x80)) {
		spec.source_port = s->tuple.remote_port;
		spec.destination_port = s->tuple.local_port;
		spec.seq = s->tcb.rcv_nxt.n + (how & 0x40 ? take(2) - 100 : 0);
		spec.ack = s->tcb.out.nxt.n - (how & 0x40 ? take(1) % 4 : 0);
	}
	if (spec.flags & F_SYN)
		frame_options(&spec, "\2\4\5\264\1\3\3\7\4\2", 10);
	bytes = frame_build(&spec, frame);
	memcpy(frame, macs, sizeof(macs));
	inject(frame, bytes);
}

/* What the neighbour says when it is asked. */
static void inject_reply(void)
{
	uint8_t frame[60] = { 2, 0, 0, 0, 0, OWN, 2, 0, 0, 0, 0, PEER, 8, 6, 0, 1, 8, 0, 6, 4,
			      0, 2, 2, 0, 0, 0, 0, PEER, 10, 0, 0, PEER,
			      2, 0, 0, 0, 0, OWN, 10, 0, 0, OWN };

	inject(frame, sizeof(frame));
}

static void pass_time(void)
{
	uint8_t how = (uint8_t)take(1);

	now_ns += (uint64_t)(how & 0x7f) << (how & 0x80 ? 28 : 18);
	if (how & 1)
		take_frames();
	CHECK(stack_lock());
	(void)stack_run();
	stack_unlock();
}

/* ---- A run ---------------------------------------------------------------------------------- */

static void (*const operations[])(void) = {
	open_socket, open_socket, bind_socket, bind_socket, listen_socket, connect_socket,
	connect_socket, accept_socket, accept_socket, send_bytes, send_bytes, receive_bytes,
	receive_bytes, close_socket, change_socket, option, look, post, post, work, work,
	inject_bytes, inject_segment, inject_segment, inject_segment, inject_reply,
	pass_time, pass_time,
};

/* Of those that live: a socket's place stays for the next one. */
static uint64_t count_allocations(void)
{
	uint64_t n = heap_count();

	for (uint32_t k = 0; k < STACK_SOCKETS; k++)
		n -= stack->sockets[k] != NULL;
	return n;
}

/* Until nothing is due: connections have timed out, ports are free again. */
static void drain(void)
{
	ns_t due;

	CHECK(stack_lock());
	for (int n = 0; stack->n_sockets || time_wait_count(stack->time_wait) ||
			stack->n_requests; n++) {
		CHECK(n < DRAIN_TURNS);
		take_frames();
		(void)stack_run();
		due = stack_deadline();
		if (due != NS_NEVER && due > now_ns)
			now_ns = due;
		else
			now_ns += 1000000;
	}
	stack_unlock();
}

static void nothing_is_left(void)
{
	CHECK(stack_lock());
	CHECK(count_allocations() == allocations);
	CHECK(stack->cells->n_free == cells);
	CHECK(lookup_count(stack->lookup) == 0);
	CHECK(!stack->works && !stack->sets && !stack->output_first && !stack->n_asleep);
	for (unsigned n = 0; n < STACK_SLEEPERS; n++)
		CHECK(!stack->sleepers[n].process && !stack->sleepers[n].is_asleep);
	for (uint32_t n = 0; n < process_self->end_fds; n++)
		CHECK(!descriptor_socket((int)n) && !descriptor_set((int)n));
	stack_unlock();
}

static void play(const uint8_t *data, size_t size)
{
	const struct tto_work_options options = { .size = sizeof(options),
						  .entries = POSTS };

	memset(&run, 0, sizeof(run));
	memset(run.fds, 0xff, sizeof(run.fds));
	run.set = -1;
	run.at = data;
	run.end = data + size;
	CHECK(!tto_work_open(&run.work, &options));
	for (uint32_t n = 0; n < OPERATIONS && run.at < run.end; n++)
		operations[take(1) % ARRAY_SIZE(operations)]();
	for (uint32_t n = 0; n < SLOTS; n++)
		if (run.fds[n] >= 0)
			CHECK(!tto_close_fd(run.fds[n]));
	if (run.set >= 0)
		CHECK(!tto_close_fd(run.set));
	tto_work_close(run.work);
	drain();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	/* Connections from us to us, for what is allocated once. */
	static const uint8_t first[] = { 0, 0, 2, 0, 0, 4, 0, 5, 0, 1, 2, 4, 1, 5, 1, 0,
					 26, 5, 26, 5 };
	struct wire_error why = { "" };
	struct tto_error error;

	/* What is bound and connected by mistake is so in an empty namespace. */
	is_alone = !unshare(CLONE_NEWNET) || !unshare(CLONE_NEWUSER | CLONE_NEWNET);
	CHECK(!wire_open(&peer, "pair:fuzz", &why));
	CHECK(!tto_start(WHERE, &error));
	for (unsigned n = 0; n < WARM; n++)
		play(first, sizeof(first));
	allocations = count_allocations();
	cells = stack->cells->n_free;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	play(data, size);
	nothing_is_left();
	return 0;
}

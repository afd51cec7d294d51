// SPDX-License-Identifier: BSD-2-Clause
/*
 * info_test.c - TCP_INFO: after the same traffic it says what the kernel's says
 *
 * The same exchange by a socket of ours and by one of the kernel's, each with the other as
 * its peer. A field is the same in both, or it depends on time and on how segments were
 * joined: then it is in a range in which the kernel's is as well.
 */
#include "stack/scene.h"

#include <linux/tcp.h>
#include <netinet/in.h>

#define OUT 200000u		/* bytes that are sent                          */
#define IN 100000u		/* and received                                 */
#define MSS 1448u

enum { ESTABLISHED = 1, FIN_WAIT_2 = 5, CLOSED = 7, CLOSE_WAIT = 8, LISTEN = 10 };

/* ---- Both ends ---------------------------------------------------------------------- */

struct end {
	bool is_ours;
	int fd;
	int peer;		/* of the other stack                           */
};

static struct tcp_info ask(const struct end *e)
{
	struct tcp_info info;
	socklen_t bytes = sizeof(info);

	memset(&info, 0xa5, sizeof(info));
	if (e->is_ours)
		assert_int_equal(tto_getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes),
				 0);
	else
		assert_int_equal(getsockopt(e->fd, IPPROTO_TCP, TCP_INFO, &info, &bytes), 0);
	assert_int_equal(bytes, sizeof(info));
	return info;
}

static struct end open_end(bool is_ours)
{
	struct end e = { .is_ours = is_ours };

	if (is_ours)
		e.fd = scene_connect(&e.peer);
	else
		e.peer = scene_accept(&e.fd);
	return e;
}

static void close_end(struct end *e)
{
	assert_int_equal(tto_close_fd(e->is_ours ? e->fd : e->peer), 0);
	close(e->is_ours ? e->peer : e->fd);
}

/* Let our stack work for a moment. */
static void rest(int64_t ms)
{
	struct tto_work *work;

	assert_int_equal(tto_work_open(&work, NULL), 0);
	assert_int_equal(tto_work_sleep(work, ms * 1000000), 0);
	tto_work_close(work);
}

/* @from to @to, one of which is ours. */
static void move(int from, bool from_ours, int to, uint32_t bytes)
{
	static uint8_t buffer[10000], back[10000];

	for (uint32_t done = 0; done < bytes; done += sizeof(buffer)) {
		struct iovec iov = { from_ours ? buffer : back, sizeof(buffer) };
		struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

		scene_fill(buffer, sizeof(buffer), done);
		if (from_ours) {
			assert_int_equal(tto_sendmsg(from, &m, 0), sizeof(buffer));
			/* The last bytes wait for an ACK that we have to take. */
			while (recv(to, back, sizeof(back), MSG_PEEK | MSG_DONTWAIT) <
			       (ssize_t)sizeof(back))
				rest(1);
			assert_int_equal(recv(to, back, sizeof(back), 0), sizeof(back));
		} else {
			assert_int_equal(send(from, buffer, sizeof(buffer), 0),
					 sizeof(buffer));
			assert_int_equal(tto_recvmsg(to, &m, MSG_WAITALL), sizeof(back));
		}
		scene_check(back, sizeof(back), done);
	}
}

static void exchange(const struct end *e)
{
	move(e->fd, e->is_ours, e->peer, OUT);
	move(e->peer, !e->is_ours, e->fd, IN);
	rest(300);
}

/* ---- Fields --------------------------------------------------------------------------- */

struct field {
	const char *name;
	size_t at, bytes;
	bool is_same;
	uint64_t least, most;
};

#define FIELD(f) #f, offsetof(struct tcp_info, tcpi_##f), \
		 sizeof(((struct tcp_info *)NULL)->tcpi_##f)
#define SAME(f) { FIELD(f), true, 0, UINT64_MAX }
#define RANGE(f, least, most) { FIELD(f), false, least, most }

static const struct field after_exchange[] = {
	SAME(state), SAME(ca_state), SAME(retransmits), SAME(probes), SAME(backoff),
	SAME(options), SAME(snd_mss), SAME(unacked), SAME(sacked), SAME(lost),
	SAME(retrans), SAME(fackets), SAME(pmtu), SAME(snd_ssthresh), SAME(advmss),
	SAME(last_ack_sent), SAME(total_retrans), SAME(bytes_received),
	SAME(notsent_bytes), SAME(bytes_sent), SAME(bytes_retrans), SAME(dsack_dups),
	SAME(reord_seen), SAME(rcv_ooopack), SAME(delivered_ce),
	RANGE(rto, 200000, 300000), RANGE(ato, 1000, 200000),
	RANGE(rcv_mss, 1000, 65535), RANGE(last_data_sent, 290, 5000),
	RANGE(last_data_recv, 290, 5000), RANGE(last_ack_recv, 290, 5000),
	RANGE(rtt, 1, 50000), RANGE(rttvar, 1, 50000), RANGE(min_rtt, 1, 50000),
	RANGE(snd_cwnd, 10, 1000), RANGE(reordering, 0, 300),
	RANGE(rcv_rtt, 0, 1000000), RANGE(rcv_space, 10000, 16 << 20),
	RANGE(rcv_ssthresh, 10000, 16 << 20), RANGE(snd_wnd, 30000, 16 << 20),
	RANGE(segs_out, OUT / 65536, 500), RANGE(segs_in, IN / 65536, 500),
	RANGE(data_segs_out, OUT / MSS / 2, OUT / MSS + 60),
	RANGE(data_segs_in, IN / 65536, IN / MSS + 60),
	RANGE(delivered, OUT / MSS / 2, OUT / MSS + 60),
	RANGE(rwnd_limited, 0, 1000000), RANGE(sndbuf_limited, 0, 1000000),
	RANGE(busy_time, 0, 1000000),
};

static uint64_t value_of(const struct tcp_info *i, const struct field *f)
{
	uint64_t value = 0;

	memcpy(&value, (const uint8_t *)i + f->at, f->bytes);
	return value;
}

/* Return: how many are wrong. */
static unsigned compare(const struct field *f, size_t n, const struct tcp_info *ours,
			const struct tcp_info *kernels)
{
	unsigned wrong = 0;

	for (; n > 0; n--, f++) {
		uint64_t a = value_of(ours, f), b = value_of(kernels, f);

		if (f->is_same ? a == b : a >= f->least && a <= f->most && b >= f->least &&
					  b <= f->most)
			continue;
		print_message("  tcpi_%s: ours %llu, the kernel's %llu, %s %llu to %llu\n",
			      f->name, (unsigned long long)a, (unsigned long long)b,
			      f->is_same ? "the same," : "in", (unsigned long long)f->least,
			      (unsigned long long)f->most);
		wrong++;
	}
	return wrong;
}

#define N(list) (sizeof(list) / sizeof((list)[0]))

/* Return: how many fields are wrong. */
static unsigned differences_after_an_exchange(void)
{
	struct end ours = open_end(true), kernels = open_end(false);
	struct tcp_info a, b;
	unsigned wrong;

	exchange(&ours);
	a = ask(&ours);
	exchange(&kernels);
	b = ask(&kernels);
	assert_int_equal(a.tcpi_state, ESTABLISHED);
	assert_int_equal(a.tcpi_options & TCPI_OPT_TIMESTAMPS, TCPI_OPT_TIMESTAMPS);
	assert_in_range(a.tcpi_snd_wscale, 1, 14);
	assert_in_range(a.tcpi_rcv_wscale, 1, 14);
	/* Who has called counts his SYN in Linux. */
	assert_int_equal(a.tcpi_bytes_acked + 1, b.tcpi_bytes_acked);
	/* What one calls its own the other calls the peer's. */
	assert_int_equal(a.tcpi_snd_wscale, b.tcpi_rcv_wscale);
	wrong = compare(after_exchange, N(after_exchange), &a, &b);
	close_end(&ours);
	close_end(&kernels);
	return wrong;
}

/* On a busy machine either may have sent something again. */
static void lib_2_tcp_info_after_an_exchange(void **state)
{
	unsigned tries = 1;

	while (differences_after_an_exchange())
		assert_true(++tries <= 5);
}

/* ---- States ---------------------------------------------------------------------------------- */

static const struct field states[] = { SAME(state), SAME(unacked), SAME(options) };

static void shut(const struct end *e, bool own, int how)
{
	if (e->is_ours == own)
		assert_int_equal(tto_shutdown(own ? e->fd : e->peer, how), 0);
	else
		assert_int_equal(shutdown(own ? e->fd : e->peer, how), 0);
	rest(50);
}

static void same_states(const struct end *ours, const struct end *kernels, int state)
{
	struct tcp_info a = ask(ours), b = ask(kernels);

	assert_int_equal(a.tcpi_state, state);
	assert_int_equal(compare(states, N(states), &a, &b), 0);
}

static void lib_2_tcp_info_has_the_kernels_states(void **state)
{
	struct end ours = open_end(true), kernels = open_end(false);

	shut(&ours, false, SHUT_WR);
	shut(&kernels, false, SHUT_WR);
	same_states(&ours, &kernels, CLOSE_WAIT);
	shut(&ours, true, SHUT_WR);
	shut(&kernels, true, SHUT_WR);
	same_states(&ours, &kernels, CLOSED);
	close_end(&ours);
	close_end(&kernels);

	ours = open_end(true);
	kernels = open_end(false);
	shut(&ours, true, SHUT_WR);
	shut(&kernels, true, SHUT_WR);
	same_states(&ours, &kernels, FIN_WAIT_2);
	shut(&ours, false, SHUT_WR);
	shut(&kernels, false, SHUT_WR);
	same_states(&ours, &kernels, CLOSED);
	close_end(&ours);
	close_end(&kernels);
}

static const struct field unsent[] = { SAME(state), SAME(bytes_received) };

/* The peer does not read: the window closes, and what waits is counted. */
static void lib_2_tcp_info_tells_what_waits(void **state)
{
	static uint8_t much[1 << 20];
	struct iovec iov = { much, sizeof(much) };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct end ours = open_end(true), kernels = open_end(false);
	uint64_t taken[2] = { 0, 0 };
	struct tcp_info a, b;

	for (int idle = 0; idle < 15; idle++) {
		ssize_t n = tto_sendmsg(ours.fd, &m, MSG_DONTWAIT);
		ssize_t k = send(kernels.fd, much, sizeof(much), MSG_DONTWAIT);

		taken[0] += n > 0 ? (uint64_t)n : 0;
		taken[1] += k > 0 ? (uint64_t)k : 0;
		if (n > 0 || k > 0)
			idle = 0;
		rest(20);
	}
	a = ask(&ours);
	b = ask(&kernels);
	assert_in_range(a.tcpi_notsent_bytes, 1, taken[0]);
	assert_in_range(b.tcpi_notsent_bytes, 1, taken[1]);
	assert_int_equal(a.tcpi_bytes_acked + a.tcpi_notsent_bytes + a.tcpi_unacked,
			 taken[0]);
	assert_int_equal(b.tcpi_bytes_acked - 1 + b.tcpi_notsent_bytes + b.tcpi_unacked,
			 taken[1]);
	assert_in_range(a.tcpi_unacked, 0, 1);	/* a probe of the window        */
	assert_int_equal(compare(unsent, N(unsent), &a, &b), 0);
	close_end(&ours);
	close_end(&kernels);
}

static void lib_2_tcp_info_of_a_listener_is_its_queue(void **state)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct end ours = { .is_ours = true }, kernels = { .is_ours = false };
	int callers[4];
	struct tcp_info a, b;
	socklen_t bytes = sizeof(to);
	static const struct field queue[] = { SAME(state), SAME(unacked), SAME(sacked) };

	ours.fd = tto_socket(AF_INET, SOCK_STREAM, 0);
	kernels.fd = socket(AF_INET, SOCK_STREAM, 0);
	to.sin_addr.s_addr = inet_addr(SCENE_OURS);
	assert_int_equal(tto_bind(ours.fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(tto_listen(ours.fd, 7), 0);
	assert_int_equal(tto_getsockname(ours.fd, (struct sockaddr *)&to, &bytes), 0);
	for (int n = 0; n < 2; n++) {
		callers[n] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(callers[n], (struct sockaddr *)&to, sizeof(to));
	}
	to.sin_addr.s_addr = inet_addr(SCENE_KERNEL);
	assert_int_equal(bind(kernels.fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(kernels.fd, 7), 0);
	for (int n = 2; n < 4; n++) {
		callers[n] = tto_socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(tto_connect(callers[n], (struct sockaddr *)&to, sizeof(to)),
				 0);
	}
	rest(50);
	a = ask(&ours);
	b = ask(&kernels);
	assert_int_equal(a.tcpi_state, LISTEN);
	assert_int_equal(a.tcpi_unacked, 2);
	assert_int_equal(a.tcpi_sacked, 7);
	assert_int_equal(compare(queue, N(queue), &a, &b), 0);
	for (int n = 0; n < 4; n++)
		(void)tto_close_fd(callers[n]);
	(void)tto_close_fd(ours.fd);
	close(kernels.fd);
}

static void lib_2_tcp_info_is_cut_to_what_is_asked_for(void **state)
{
	struct end ours = open_end(true), kernels = open_end(false);
	static const socklen_t lengths[] = { 0, 1, 4, 8, 104, 200, 232 };

	for (size_t n = 0; n < N(lengths); n++) {
		uint8_t a[300], b[300];
		socklen_t la = lengths[n], lb = lengths[n];

		memset(a, 0xa5, sizeof(a));
		memset(b, 0xa5, sizeof(b));
		assert_int_equal(tto_getsockopt(ours.fd, IPPROTO_TCP, TCP_INFO, a, &la), 0);
		assert_int_equal(getsockopt(kernels.fd, IPPROTO_TCP, TCP_INFO, b, &lb), 0);
		assert_int_equal(la, lb);
		for (size_t k = la; k < sizeof(a); k++)
			assert_int_equal(a[k], 0xa5);
	}
	close_end(&ours);
	close_end(&kernels);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_2_tcp_info_after_an_exchange),
		cmocka_unit_test(lib_2_tcp_info_has_the_kernels_states),
		cmocka_unit_test(lib_2_tcp_info_tells_what_waits),
		cmocka_unit_test(lib_2_tcp_info_of_a_listener_is_its_queue),
		cmocka_unit_test(lib_2_tcp_info_is_cut_to_what_is_asked_for),
	};

	alarm(100);
	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

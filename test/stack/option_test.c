// SPDX-License-Identifier: BSD-2-Clause
/*
 * option_test.c - Socket options: each answers as the kernel's does
 *
 * The same calls for a socket of ours and for one of the kernel's in the same state, one
 * row for each option. Where answers differ on purpose the row says why, and fails when
 * they do not differ any more.
 */
#include "stack/scene.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/time.h>

enum { NEW, CONNECTED, ACCEPTED, LISTENER, BEFORE };

static const char *const states[] = { "new", "connected", "accepted", "listening" };

#define NUMBERS 12
#define BIT(state) (1u << (state))
#define LIVES (BIT(CONNECTED) | BIT(ACCEPTED))

struct row {
	const char *name;
	int level, option;
	int values[NUMBERS];
	unsigned n_values;
	unsigned differ_first;	/* in these states the default is another one   */
	unsigned differ;	/* ... and what is set, too                     */
	const char *why;
};

#define ROW(l, o, ...) NAMED(#o, l, o, 0, 0, NULL, __VA_ARGS__)
#define BUT(l, o, ...) NAMED(#o, l, o, __VA_ARGS__)
#define NAMED(n, l, o, first, others, because, ...) { \
	.name = n, .level = l, .option = o, .values = { __VA_ARGS__ }, \
	.n_values = sizeof((int[]){ __VA_ARGS__ }) / sizeof(int), \
	.differ_first = first, .differ = others, .why = because }

static const struct row rows[] = {
	ROW(IPPROTO_TCP, TCP_NODELAY, 1, 0, 2, -1),
	ROW(IPPROTO_TCP, TCP_CORK, 1, 0, 2, -1),
	BUT(IPPROTO_TCP, TCP_QUICKACK, 0, BIT(BEFORE), "not a setting: it changes", 0),
	ROW(SOL_SOCKET, SO_KEEPALIVE, 1, 0, 2, -1),
	ROW(IPPROTO_TCP, TCP_KEEPIDLE, 100, 0, -1, 32767, 32768, 1),
	ROW(IPPROTO_TCP, TCP_KEEPINTVL, 100, 0, -1, 32767, 32768, 1),
	ROW(IPPROTO_TCP, TCP_KEEPCNT, 5, 0, -1, 127, 128, 1),
	ROW(IPPROTO_TCP, TCP_USER_TIMEOUT, 5000, -1, 0, 2147483647),
	ROW(IPPROTO_TCP, TCP_LINGER2, 5, 0, -1, 100000, 60),
	ROW(IPPROTO_TCP, TCP_NOTSENT_LOWAT, 1000, 0, -1, 16384),
	BUT(IPPROTO_TCP, TCP_WINDOW_CLAMP, LIVES, 0, "as the buffer is",
	    50000, 1, 100000),
	BUT(SOL_SOCKET, SO_SNDBUF, LIVES, 0, "as it was tuned",
	    50000, 0, 1, -1, 5000, 2147483647, 100000),
	ROW(SOL_SOCKET, SO_RCVBUF, 50000, 0, 1, -1, 5000, 2147483647, 100000),
	ROW(SOL_SOCKET, SO_RCVLOWAT, 100, 0, -1, 2147483647, 1),
	ROW(SOL_SOCKET, SO_SNDLOWAT, 100),
	ROW(SOL_SOCKET, SO_ZEROCOPY, 1, 2, -1, 0),
	ROW(SOL_SOCKET, SO_ERROR, 1),
	ROW(SOL_SOCKET, SO_ACCEPTCONN, 1),
	ROW(SOL_SOCKET, SO_TYPE, 1),
	ROW(SOL_SOCKET, SO_DOMAIN, 1),
	ROW(SOL_SOCKET, SO_PROTOCOL, 1),
	ROW(SOL_SOCKET, SO_REUSEADDR, 1, 0, 5),
	ROW(SOL_SOCKET, SO_REUSEPORT, 1, 0, 5),
	ROW(SOL_SOCKET, SO_BROADCAST, 1, 0),
	ROW(SOL_SOCKET, SO_OOBINLINE, 1, 0, 5),
	ROW(SOL_SOCKET, SO_DONTROUTE, 1, 0),
	ROW(SOL_SOCKET, SO_PRIORITY, 1, 6, 0),
	ROW(SOL_SOCKET, SO_TIMESTAMP, 1, 0),
	ROW(SOL_SOCKET, SO_PEEK_OFF, 0, 5, -1),
	ROW(SOL_SOCKET, 12345, 1),
	ROW(IPPROTO_TCP, TCP_MAXSEG, 1000, 0, 1, 87, 88, 40000, -1),
	ROW(IPPROTO_TCP, TCP_SYNCNT, 3, 0, 127, 128, -1),
	BUT(IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, BIT(BEFORE), "nothing to accept then", 5, 0, -1),
	ROW(IPPROTO_TCP, TCP_FASTOPEN, 5, -1),
	ROW(IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 0),
	ROW(IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, 1, 0, 2),
	BUT(IPPROTO_TCP, TCP_TIMESTAMP, LIVES, LIVES, "a clock of its own", 100),
	ROW(IPPROTO_TCP, TCP_INQ, 1, 0, 2),
	ROW(IPPROTO_TCP, TCP_SAVE_SYN, 1, 0, 3),
	ROW(IPPROTO_TCP, 12345, 1),
	ROW(IPPROTO_IP, IP_TOS, 0x10, 0xff, 0, 0x1ff, -1, 0x48),
	ROW(IPPROTO_IP, IP_TTL, 10, 0, 256, -1, 255, 1),
	ROW(IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_WANT, 77),
	ROW(IPPROTO_IP, IP_RECVERR, 1, 0),
	ROW(IPPROTO_IP, IP_FREEBIND, 1, 0),
	ROW(IPPROTO_IP, 12345, 1),
	ROW(IPPROTO_IPV6, IPV6_V6ONLY, 1),
	ROW(12345, 1, 1),
};

/* ---- Calls ------------------------------------------------------------------------------ */

struct end {
	const char *name;
	int fd;
	int (*set)(int fd, int level, int option, const void *value, socklen_t bytes);
	int (*get)(int fd, int level, int option, void *value, socklen_t *bytes);
};

struct answer {
	int result, error;
	socklen_t bytes;
	uint8_t value[64];
};

static struct answer get(const struct end *e, const struct row *r, socklen_t bytes)
{
	struct answer a = { .bytes = bytes };

	memset(a.value, 0xa5, sizeof(a.value));
	a.result = e->get(e->fd, r->level, r->option, a.value, &a.bytes);
	a.error = a.result ? errno : 0;
	return a;
}

static struct answer set(const struct end *e, const struct row *r, const void *value,
			 socklen_t bytes)
{
	struct answer a = { .result = 0 };

	a.result = e->set(e->fd, r->level, r->option, value, bytes);
	a.error = a.result ? errno : 0;
	return a;
}

static bool is_same(const struct answer *a, const struct answer *b)
{
	return a->result == b->result && a->error == b->error && a->bytes == b->bytes &&
	       !memcmp(a->value, b->value, sizeof(a->value));
}

static void say(const char *name, const struct answer *a)
{
	int number;

	memcpy(&number, a->value, sizeof(number));
	print_message("    %-6s result %d%s%s, %d bytes, number %d\n", name, a->result,
		      a->error ? " " : "", a->error ? strerrorname_np(a->error) : "",
		      (int)a->bytes, number);
}

struct pair {
	struct end ours, kernels;
	const char *state;
	unsigned n_differ;
};

/* Return: whether they are the same. */
static bool compare(struct pair *p, const struct row *r, const char *what, int detail,
		    struct answer a, struct answer b, bool may_differ)
{
	if (is_same(&a, &b))
		return true;
	p->n_differ++;
	if (may_differ)
		return false;
	print_message("  %s, %s: %s %d\n", r->name, p->state, what, detail);
	say("ours", &a);
	say("kernel", &b);
	return false;
}

/* ---- A row -------------------------------------------------------------------------------- */

/* Return: how many answers differ that should not. */
static unsigned run_row(struct pair *p, const struct row *r, bool first, bool others)
{
	static const socklen_t lengths[] = { 4, 0, 1, 2, 3, 5, 8, 64, UINT32_MAX };
	int big[2] = { r->values[0], 0 };
	unsigned bad = 0;

	p->n_differ = 0;
	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
		bad += !compare(p, r, "default, length", (int)lengths[n],
				get(&p->ours, r, lengths[n]), get(&p->kernels, r, lengths[n]),
				first) && !first;
	for (unsigned n = 0; n < r->n_values; n++) {
		const int *v = &r->values[n];

		bad += !compare(p, r, "set", *v, set(&p->ours, r, v, 4),
				set(&p->kernels, r, v, 4), others) && !others;
		bad += !compare(p, r, "then", *v, get(&p->ours, r, 4),
				get(&p->kernels, r, 4), others) && !others;
	}
	for (socklen_t n = 0; n < 8; n++) {
		bad += !compare(p, r, "set, length", (int)n, set(&p->ours, r, big, n),
				set(&p->kernels, r, big, n), others) && !others;
		bad += !compare(p, r, "then, length", (int)n, get(&p->ours, r, 4),
				get(&p->kernels, r, 4), others) && !others;
	}
	return bad;
}

/* ---- States --------------------------------------------------------------------------------- */

static int new_kernels(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	return fd;
}

static void listen_on(struct pair *p)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_addr.s_addr = inet_addr(SCENE_OURS);
	assert_int_equal(tto_bind(p->ours.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(tto_listen(p->ours.fd, 5), 0);
	a.sin_addr.s_addr = inet_addr(SCENE_KERNEL);
	assert_int_equal(bind(p->kernels.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->kernels.fd, 5), 0);
}

/* Both in the same state. @others: to be closed afterwards, -1. */
static struct pair make(int state, int others[2])
{
	struct pair p = {
		{ "ours", -1, tto_setsockopt, tto_getsockopt },
		{ "kernel", -1, setsockopt, getsockopt }, states[state], 0,
	};

	others[0] = others[1] = -1;
	switch (state) {
	case CONNECTED:
		p.ours.fd = scene_connect(&others[1]);
		others[0] = scene_accept(&p.kernels.fd);
		break;
	case ACCEPTED:
		p.ours.fd = scene_accept(&others[1]);
		others[0] = scene_connect(&p.kernels.fd);
		break;
	default:
		p.ours.fd = tto_socket(AF_INET, SOCK_STREAM, 0);
		p.kernels.fd = new_kernels();
	}
	if (state == LISTENER)
		listen_on(&p);
	return p;
}

static void unmake(struct pair *p, const int others[2])
{
	assert_int_equal(tto_close_fd(p->ours.fd), 0);
	close(p->kernels.fd);
	if (others[0] >= 0)
		assert_int_equal(tto_close_fd(others[0]), 0);
	if (others[1] >= 0)
		close(others[1]);
}

static void in_state(int state)
{
	unsigned bad = 0, others;
	int more[2];

	for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++) {
		struct pair p = make(state, more);

		others = r->differ & BIT(state);
		bad += run_row(&p, r, (r->differ_first & BIT(state)) || others, others);
		if ((others || r->differ_first & BIT(state)) && !p.n_differ) {
			print_message("  %s, %s: does not differ any more\n", r->name,
				      p.state);
			bad++;
		}
		unmake(&p, more);
	}
	assert_int_equal(bad, 0);
}

/* ---- What was asked for before ----------------------------------------------------------- */

/* Set when new; asked for when it is connected. */
static unsigned keeps(const struct row *r)
{
	struct pair p = { { "ours", tto_socket(AF_INET, SOCK_STREAM, 0), tto_setsockopt,
			    tto_getsockopt },
			  { "kernel", new_kernels(), setsockopt, getsockopt },
			  "set before connecting", 0 };
	unsigned bad = 0;
	int others[2] = { -1, -1 };

	(void)set(&p.ours, r, &r->values[0], 4);
	(void)set(&p.kernels, r, &r->values[0], 4);
	scene_call(p.ours.fd, &others[1]);
	others[0] = scene_answer(p.kernels.fd);
	bad += !compare(&p, r, "connected, set", r->values[0], get(&p.ours, r, 4),
			get(&p.kernels, r, 4), r->differ & BIT(CONNECTED)) &&
	       !(r->differ & BIT(CONNECTED));
	unmake(&p, others);
	return bad;
}

/* Set for the listener; asked of who is accepted. */
static unsigned inherits(const struct row *r)
{
	struct pair p = make(LISTENER, (int[2]){ 0 }), accepted = p;
	unsigned bad = 0;
	int others[2];

	accepted.state = "set before accepting";
	(void)set(&p.ours, r, &r->values[0], 4);
	(void)set(&p.kernels, r, &r->values[0], 4);
	accepted.ours.fd = scene_take(p.ours.fd, &others[1]);
	accepted.kernels.fd = scene_take_by_kernel(p.kernels.fd, &others[0]);
	bad += !compare(&accepted, r, "accepted, set", r->values[0],
			get(&accepted.ours, r, 4), get(&accepted.kernels, r, 4),
			r->differ & BIT(ACCEPTED)) && !(r->differ & BIT(ACCEPTED));
	unmake(&accepted, others);
	unmake(&p, (int[2]){ -1, -1 });
	return bad;
}

static void lib_2_options_that_were_set_before(void **state)
{
	unsigned bad = 0;

	for (const struct row *r = rows; r < rows + sizeof(rows) / sizeof(rows[0]); r++)
		if (!(r->differ & BIT(BEFORE)))
			bad += keeps(r) + inherits(r);
	assert_int_equal(bad, 0);
}

static void lib_2_options_of_new_sockets(void **state)
{
	in_state(NEW);
}

static void lib_2_options_of_connected_sockets(void **state)
{
	in_state(CONNECTED);
}

static void lib_2_options_of_accepted_sockets(void **state)
{
	in_state(ACCEPTED);
}

static void lib_2_options_of_listening_sockets(void **state)
{
	in_state(LISTENER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_2_options_of_new_sockets),
		cmocka_unit_test(lib_2_options_of_connected_sockets),
		cmocka_unit_test(lib_2_options_of_accepted_sockets),
		cmocka_unit_test(lib_2_options_of_listening_sockets),
		cmocka_unit_test(lib_2_options_that_were_set_before),
	};

	alarm(100);
	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

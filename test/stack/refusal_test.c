// SPDX-License-Identifier: BSD-2-Clause
/*
 * refusal_test.c - What calls say that have nothing to do, or ask for what cannot be
 *
 * The same calls to the kernel's sockets and to ours: results and errno are the same.
 * Source: SPEC LIB-5.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#include "base/compiler.h"
#include "stack/loopback_scene.h"

#define NOBODY_LISTENS 9
#define SOON_MS 2000

/* libc's, or ours. */
struct calls {
	int (*socket)(int domain, int type, int protocol);
	int (*bind)(int fd, const struct sockaddr *a, socklen_t n);
	int (*listen)(int fd, int backlog);
	int (*connect)(int fd, const struct sockaddr *a, socklen_t n);
	int (*accept)(int fd, struct sockaddr *a, socklen_t *n, int flags);
	int (*getsockname)(int fd, struct sockaddr *a, socklen_t *n);
	int (*getpeername)(int fd, struct sockaddr *a, socklen_t *n);
	int (*getsockopt)(int fd, int level, int option, void *value, socklen_t *n);
	ssize_t (*recvmsg)(int fd, struct msghdr *m, int flags);
	ssize_t (*sendmsg)(int fd, const struct msghdr *m, int flags);
	int (*shutdown)(int fd, int how);
	int (*ppoll)(struct pollfd *p, nfds_t n, const struct timespec *t,
		     const sigset_t *mask);
	int (*close)(int fd);
};

/* Not by their names: each has its own types of arguments. */
static int kernel_bind(int fd, const struct sockaddr *a, socklen_t n)
{
	return bind(fd, a, n);
}

static int kernel_connect(int fd, const struct sockaddr *a, socklen_t n)
{
	return connect(fd, a, n);
}

static int kernel_accept(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
	return accept4(fd, a, n, flags);
}

static int kernel_name(int fd, struct sockaddr *a, socklen_t *n)
{
	return getsockname(fd, a, n);
}

static int kernel_peer(int fd, struct sockaddr *a, socklen_t *n)
{
	return getpeername(fd, a, n);
}

static int kernel_poll(struct pollfd *p, nfds_t n, const struct timespec *t,
		       const sigset_t *mask)
{
	return ppoll(p, n, t, mask);
}

static const struct calls kernel = {
	socket, kernel_bind, listen, kernel_connect, kernel_accept, kernel_name,
	kernel_peer, getsockopt, recvmsg, sendmsg, shutdown, kernel_poll, close,
}, ours = {
	tto_socket, tto_bind, tto_listen, tto_connect, tto_accept4, tto_getsockname,
	tto_getpeername, tto_getsockopt, tto_recvmsg, tto_sendmsg, tto_shutdown, tto_ppoll,
	tto_close_fd,
};

/* ---- What was said -------------------------------------------------------------------- */

static struct said {
	const char *call;
	long result;
	int error;
} said[2][64];
static unsigned n_said[2];
static int side;		/* of said[]                                    */

static void note(const char *call, long result)
{
	assert_in_range(n_said[side], 0, ARRAY_SIZE(said[0]) - 1);
	said[side][n_said[side]++] = (struct said){ call, result,
						    result < 0 ? errno : 0 };
}

#define SAY(call) do { errno = 0; note(#call, (long)(call)); } while (0)

static ssize_t take(const struct calls *c, int fd, void *to, size_t n, int flags)
{
	struct iovec iov = { to, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return c->recvmsg(fd, &m, flags);
}

static ssize_t give(const struct calls *c, int fd, const void *from, size_t n, int flags)
{
	struct iovec iov = { (void *)(uintptr_t)from, n };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	return c->sendmsg(fd, &m, flags | MSG_NOSIGNAL);
}

static void until(const struct calls *c, int fd, short events)
{
	static const struct timespec soon = { SOON_MS / 1000, 0 };
	struct pollfd p = { fd, events, 0 };

	assert_int_equal(c->ppoll(&p, 1, &soon, NULL), 1);
}

/* ---- What is asked --------------------------------------------------------------------- */

static struct sockaddr_in address_of(const struct calls *c, int fd)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);

	assert_int_equal(c->getsockname(fd, (struct sockaddr *)&a, &n), 0);
	return a;
}

/* What is no address for it decides nothing: it connects later, where it would have. */
static void ask_new(const struct calls *c, int fd)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(1),
				    .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr any = { .sa_family = AF_UNSPEC };

	SAY(c->connect(fd, (struct sockaddr *)&six, 4));
	SAY(c->connect(fd, NULL, sizeof(six)));
	SAY(c->connect(fd, (struct sockaddr *)&six, sizeof(six)));
	SAY(c->connect(fd, &any, sizeof(any)));
}

static void ask_listener(const struct calls *c, int fd)
{
	char byte;

	SAY(take(c, fd, &byte, 1, MSG_DONTWAIT));
	SAY(give(c, fd, "x", 1, 0));
	SAY(c->shutdown(fd, SHUT_WR));	/* it listens as before                 */
}

static void ask_connected(const struct calls *c, int fd, int peer)
{
	struct sockaddr_in a = address_of(c, fd);
	struct sockaddr *to = (struct sockaddr *)&a;
	struct msghdr none = { 0 }, many = { .msg_iov = (void *)1, .msg_iovlen = 1 };
	socklen_t less_than_none = (socklen_t)-1, n = sizeof(a);
	char bytes[8];

	SAY(take(c, fd, bytes, 0, MSG_DONTWAIT));
	SAY(c->recvmsg(fd, &none, MSG_DONTWAIT));
	SAY(give(c, fd, "", 0, 0));
	assert_int_equal(give(c, peer, "hey", 3, 0), 3);
	until(c, fd, POLLIN);
	SAY(take(c, fd, bytes, 0, 0));
	SAY(take(c, fd, NULL, 3, 0));
	SAY(c->recvmsg(fd, &many, 0));
	SAY(take(c, fd, bytes, sizeof(bytes), 0));
	SAY(give(c, fd, NULL, 5, 0));
	SAY(give(c, fd, (void *)-1, 5, 0));
	many.msg_iovlen = 1025;
	SAY(c->sendmsg(fd, &many, MSG_NOSIGNAL));
	SAY(c->connect(fd, to, sizeof(a)));
	SAY(c->bind(fd, to, sizeof(a)));
	SAY(c->listen(fd, 5));
	SAY(c->getsockname(fd, to, &less_than_none));
	SAY(c->getpeername(fd, NULL, &n));
	SAY(c->getpeername(fd, to, NULL));
	SAY(c->getsockopt(fd, SOL_SOCKET, SO_ERROR, NULL, &n));
}

static void ask_ended(const struct calls *c, int fd, int peer)
{
	char byte;

	SAY(c->shutdown(peer, SHUT_WR));
	until(c, fd, POLLIN);
	SAY(take(c, fd, &byte, 0, 0));
	SAY(take(c, fd, &byte, 1, 0));
	SAY(c->shutdown(fd, SHUT_WR));
	until(c, peer, POLLHUP);
	SAY(give(c, fd, "", 0, 0));
	SAY(c->shutdown(fd, SHUT_RDWR));
}

static void ask_refused(const struct calls *c)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(NOBODY_LISTENS),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = c->socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char byte;

	(void)!c->connect(fd, (struct sockaddr *)&to, sizeof(to));
	until(c, fd, POLLOUT);
	SAY(take(c, fd, &byte, 0, 0));	/* as LuaSocket finds out               */
	SAY(take(c, fd, &byte, 1, 0));
	SAY(give(c, fd, "x", 1, 0));
	c->close(fd);
}

static void ask_all(const struct calls *c)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int listener = c->socket(AF_INET, SOCK_STREAM, 0), ends[2];

	assert_int_equal(c->bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(c->listen(listener, 5), 0);
	ask_listener(c, listener);
	a = address_of(c, listener);
	ends[0] = c->socket(AF_INET, SOCK_STREAM, 0);
	ask_new(c, ends[0]);
	assert_int_equal(c->connect(ends[0], (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(tto_owns(ends[0]), c == &ours);
	ends[1] = c->accept(listener, NULL, NULL, 0);
	assert_true(ends[1] >= 0);
	assert_int_equal(tto_owns(ends[1]), c == &ours);
	ask_connected(c, ends[0], ends[1]);
	ask_ended(c, ends[0], ends[1]);
	c->close(ends[0]);
	c->close(ends[1]);
	c->close(listener);
	ask_refused(c);
}

static void lib_5_refusals_are_the_kernels(void **state)
{
	ask_all(&kernel);
	side = 1;
	ask_all(&ours);
	assert_int_equal(n_said[0], n_said[1]);
	for (unsigned n = 0; n < n_said[0]; n++) {
		const struct said *a = &said[0][n], *b = &said[1][n];

		if (a->result != b->result || a->error != b->error)
			print_message("%s: kernel %ld, errno %d; ours %ld, errno %d\n",
				      a->call, a->result, a->error, b->result, b->error);
	}
	for (unsigned n = 0; n < n_said[0]; n++) {
		assert_int_equal(said[0][n].result, said[1][n].result);
		assert_int_equal(said[0][n].error, said[1][n].error);
	}
}

/* Of a socket for which none was chosen, whatever the kernel's default is. */
static void lib_5_congestion_control_is_what_runs(void **state)
{
	char name[16] = "";
	socklen_t n = sizeof(name);
	int ends[2];

	scene_pair(ends);
	assert_int_equal(tto_getsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, name, &n), 0);
	assert_string_equal(name, "cubic");
	assert_int_equal(n, sizeof(name));
	assert_int_equal(tto_setsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	n = 4;
	assert_int_equal(tto_getsockopt(ends[1], IPPROTO_TCP, TCP_CONGESTION, name, &n), 0);
	assert_memory_equal(name, "reno", 4);
	assert_int_equal(n, 4);
	tto_close_fd(ends[0]);
	tto_close_fd(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lib_5_refusals_are_the_kernels),
		cmocka_unit_test(lib_5_congestion_control_is_what_runs),
	};

	if (scene_start())
		return SCENE_SKIP;
	return cmocka_run_group_tests(tests, NULL, NULL);
}

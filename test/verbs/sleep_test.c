// SPDX-License-Identifier: BSD-2-Clause
/*
 * sleep_test.c - A device in another process: who sleeps is woken, who is awake is not
 *
 * The daemon's wire is a mirror, so what a flow sends is what it receives.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "control/message.h"
#include "daemon.h"
#include "scene.h"

#define MILLISECOND 1000000ll
#define PATIENCE (5000 * MILLISECOND)

struct scene {
	struct daemon_process daemon;
	struct side side;
};

static void open_scene(struct scene *s, uint64_t spin_ns, uint64_t daemon_spin_ns)
{
	const struct daemon_options options = { .spin_ns = daemon_spin_ns, .core = -1 };
	const struct scene_options o = { .device = { .spin_ns = spin_ns } };

	assert_int_equal(daemon_start(&s->daemon, &options), 0);
	scene_open_side(&s->side, 0, s->daemon.where, &o);
}

static void close_scene(struct scene *s)
{
	tto_close(s->side.device);
	daemon_stop(&s->daemon);
}

static struct tto_device_stats stats_of(const struct side *s)
{
	struct tto_device_stats stats;

	assert_int_equal(tto_device_stats(s->device, &stats), 0);
	return stats;
}

static void wait_a_little(void)
{
	const struct timespec t = { 0, 20 * MILLISECOND };

	nanosleep(&t, NULL);
}

static bool is_readable(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout_ms) == 1;
}

static void post(struct side *s, uint8_t *buffer, uint32_t bytes, uint64_t wr_id)
{
	const struct tto_receive r = { .wr_id = wr_id, .address = buffer,
				       .bytes = bytes };

	assert_int_equal(tto_post_receive(s->qp, &r, 1, NULL), 0);
}

/* The next completion, however long it takes; it is the only one. */
static void expect(struct side *s, uint8_t kind, struct tto_completion *c)
{
	int n;

	/* Bytes for which no receive is posted are nothing to hand up. */
	do {
		assert_int_equal(tto_sleep(s->cq, PATIENCE), 1);
		n = tto_poll(s->cq, c, 1);
	} while (n == 0);
	assert_int_equal(n, 1);
	assert_int_equal(c->kind, kind);
	assert_int_equal(c->status, 0);
}

static void bytes_go_there_and_back(void **state)
{
	struct tto_completion c;
	struct tto_limits limits;
	struct scene s;
	void *memory;
	uint8_t *from, *to;

	open_scene(&s, 0, 20000);
	assert_int_equal(tto_device_limits(s.side.device, &limits), 0);
	assert_int_equal(limits.embedded, 0);
	assert_int_equal(tto_memory_allocate(s.side.device, 1 << 20, &memory), 0);
	from = memory;
	to = from + (1 << 19);
	for (uint32_t n = 0; n < 20; n++) {
		uint32_t bytes = 1 + n * 3000, position = s.side.sent;

		post(&s.side, to, 65536, n);
		scene_fill(from, position, bytes);
		assert_int_equal(scene_send(&s.side, from, bytes, TTO_SEND_SIGNALED, n),
				 0);
		expect(&s.side, TTO_SEND, &c);
		assert_int_equal(c.wr_id, n);
		expect(&s.side, TTO_RECEIVE, &c);
		assert_int_equal(c.wr_id, n);
		assert_int_equal(c.bytes, bytes);
		scene_check(to, position, bytes);
	}
	close_scene(&s);
}

/* SPEC AG-6: armed once, woken once; what came before wakes nobody. */
static void ag_6_arm_poll_again_then_sleep(void **state)
{
	struct tto_completion c;
	uint8_t byte = 7, to[100];
	struct scene s;
	int fd;

	open_scene(&s, 1, 20000);
	fd = tto_cq_fd(s.side.cq);
	assert_true(fd >= 0);
	for (int n = 0; n < 10; n++) {
		assert_int_equal(tto_arm(s.side.cq), 0);
		assert_false(is_readable(fd, 0));
		assert_int_equal(scene_send(&s.side, &byte, 1, 0, 0), 0);
		/* Came: readable. Nobody armed again: the next wakes nobody. */
		assert_true(is_readable(fd, 5000));
		assert_int_equal(tto_arm(s.side.cq), 1);
		post(&s.side, to, sizeof(to), 1);
		expect(&s.side, TTO_RECEIVE, &c);
		assert_int_equal(tto_arm(s.side.cq), 0);
		assert_false(is_readable(fd, 0));
		assert_int_equal(tto_poll(s.side.cq, &c, 1), 0);
	}
	close_scene(&s);
}

static void who_does_not_arm_is_not_woken(void **state)
{
	struct tto_completion c;
	uint8_t byte = 7, to[100];
	struct scene s;

	open_scene(&s, 1, 20000);
	post(&s.side, to, sizeof(to), 1);
	assert_int_equal(scene_send(&s.side, &byte, 1, 0, 0), 0);
	wait_a_little();
	assert_false(is_readable(tto_cq_fd(s.side.cq), 0));
	assert_int_equal(tto_poll(s.side.cq, &c, 1), 1);
	close_scene(&s);
}

/* ARCHITECTURE D11: no doorbell for a device that is awake. */
static void tx_7_a_sleeping_device_is_woken(void **state)
{
	struct tto_completion c;
	uint8_t byte = 7;
	struct scene s;

	open_scene(&s, 0, 1);
	for (uint64_t n = 1; n <= 5; n++) {
		wait_a_little();
		assert_int_equal(scene_send(&s.side, &byte, 1, TTO_SEND_SIGNALED, n), 0);
		assert_int_equal(stats_of(&s.side).doorbells, n);
		expect(&s.side, TTO_SEND, &c);
	}
	close_scene(&s);
	open_scene(&s, 0, UINT64_MAX);
	for (uint64_t n = 1; n <= 5; n++) {
		wait_a_little();
		assert_int_equal(scene_send(&s.side, &byte, 1, TTO_SEND_SIGNALED, n), 0);
		expect(&s.side, TTO_SEND, &c);
	}
	assert_int_equal(stats_of(&s.side).doorbells, 0);
	close_scene(&s);
}

static void time_is_up(void **state)
{
	struct scene s;

	open_scene(&s, 0, 20000);
	assert_int_equal(tto_sleep(s.side.cq, 0), 0);
	assert_int_equal(tto_sleep(s.side.cq, 10 * MILLISECOND), 0);
	assert_true(stats_of(&s.side).wakeups >= 1);
	close_scene(&s);
}

/* The daemon is killed: everything says so, nothing waits for ever. */
static void the_daemon_dies(void **state)
{
	struct tto_completion c;
	struct tto_flow *flow;
	struct scene s;
	void *memory;
	int status = 0;

	open_scene(&s, 1, 20000);
	assert_int_equal(tto_arm(s.side.cq), 0);
	daemon_stop(&s.daemon);
	assert_true(is_readable(tto_cq_fd(s.side.cq), 5000));
	assert_int_equal(tto_sleep(s.side.cq, PATIENCE), -EPIPE);
	for (int n = 0; n < 1000000 && !status; n++)
		status = tto_poll(s.side.cq, &c, 1);
	assert_int_equal(status, -EPIPE);
	assert_int_equal(tto_memory_allocate(s.side.device, 4096, &memory), -EPIPE);
	assert_int_equal(tto_flow_listen(s.side.qp, s.side.grq, &s.side.tuple, &flow),
			 -EPIPE);
	assert_int_equal(tto_flow_close(s.side.flow), 0);
	assert_int_equal(tto_qp_close(s.side.qp), 0);
	tto_close(s.side.device);
}

static void *own_memory(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);

	assert_true(at != MAP_FAILED);
	memset(at, 1, bytes);
	return at;
}

/* It is posted on, as long as that is possible; then it is told, and stays so. */
static void posts_after_its_death(struct side *s, const void *payload)
{
	struct tto_completion c[16];
	int status = 0, polled = 0;

	for (int n = 0; n < 3000000 && status != -EPIPE; n++) {
		status = scene_send(s, payload, 64, 0, 1);
		polled = status == -EAGAIN ? tto_poll(s->cq, c, 16) : polled;
	}
	assert_int_equal(status, -EPIPE);
	assert_int_equal(polled, -EPIPE);
	for (int n = 0; n < 10; n++)
		assert_int_equal(tto_poll(s->cq, c, 16), -EPIPE);
	assert_int_equal(tto_sleep(s->cq, -1), -EPIPE);
}

/* What was the device's memory is the program's as long as it likes. */
static void memory_after_its_death(uint8_t *memory, uint8_t *own, size_t bytes)
{
	memset(memory, 2, bytes);
	for (size_t n = 0; n < bytes; n++)
		assert_int_equal(own[n], 1);
	memset(own, 3, bytes);
	tto_memory_changes(own, bytes);
	assert_int_equal(tto_memory_in_place(), 0);
	for (size_t n = 0; n < bytes; n++)
		assert_int_equal(own[n], 3);
}

static void a_program_outlives_the_daemon(void **state)
{
	const size_t bytes = 65536;
	struct tto_completion c;
	struct scene s;
	void *memory, *own = own_memory(bytes);

	(void)state;
	tto_memory_watch();
	/* It spins for ever, and sees it all the same. */
	open_scene(&s, UINT64_MAX, 20000);
	assert_int_equal(tto_memory_allocate(s.side.device, bytes, &memory), 0);
	assert_int_equal(scene_send(&s.side, own, 32768,
				    TTO_SEND_IN_PLACE | TTO_SEND_SIGNALED, 9), 0);
	expect(&s.side, TTO_SEND, &c);
	assert_int_equal(tto_memory_in_place(), 1);
	daemon_stop(&s.daemon);
	assert_int_equal(scene_send(&s.side, own, 32768, TTO_SEND_IN_PLACE, 10), 0);
	posts_after_its_death(&s.side, own);
	assert_int_equal(tto_wait(s.side.qp, 10, -1), -EPIPE);
	memory_after_its_death(memory, own, bytes);
	tto_close(s.side.device);
	munmap(own, bytes);
}

/* Killed while the program sleeps, in the library or on the descriptor. */
static void it_dies_while_somebody_sleeps(void **state)
{
	struct tto_completion c;
	struct scene s;

	(void)state;
	for (int by_fd = 0; by_fd < 2; by_fd++) {
		int status = 0;
		pid_t child;

		open_scene(&s, 1, 20000);
		child = fork();
		if (child == 0) {
			wait_a_little();
			kill(s.daemon.pid, SIGKILL);
			_exit(0);
		}
		if (!by_fd)
			status = tto_sleep(s.side.cq, -1);
		/* As a program's loop does it: nothing is polled for long. */
		for (int n = 0; n < 8 && !status; n++) {
			assert_int_equal(tto_arm(s.side.cq), 0);
			status = tto_poll(s.side.cq, &c, 1);
			if (!status)
				assert_true(is_readable(tto_cq_fd(s.side.cq), 5000));
			if (!status)
				status = tto_poll(s.side.cq, &c, 1);
		}
		assert_int_equal(status, -EPIPE);
		waitpid(child, NULL, 0);
		tto_close(s.side.device);
		daemon_stop(&s.daemon);
	}
}

static void two_handles_of_a_daemon(void **state)
{
	struct tto_device *other;
	struct scene s;
	void *memory;

	open_scene(&s, 0, 20000);
	assert_int_equal(tto_open_domain(&other, s.side.device, NULL), 0);
	assert_int_equal(tto_memory_allocate(other, 100000, &memory), 0);
	memset(memory, 1, 100000);
	tto_close(other);
	close_scene(&s);
}

/* ---- Those who are no daemon ------------------------------------------------------------------ */

static int open_at(const char *where)
{
	struct tto_error error = { "" };
	struct tto_device *d;
	int status = tto_open(&d, where, NULL, &error);

	if (status) {
		assert_true(strlen(error.text) > 0);
		assert_null(strchr(error.text, '\n'));
	} else {
		tto_close(d);
	}
	return status;
}

static void places_without_a_daemon(void **state)
{
	const struct tto_device_options wrong = { .size = sizeof(wrong) + 1 };
	const struct tto_device_options odd = { .size = sizeof(odd), .copy_bytes = 70000 };
	struct tto_device *d;
	char path[200];

	memset(path, 'x', sizeof(path) - 1);
	path[199] = '\0';
	memcpy(path, "daemon:", 7);
	assert_int_equal(open_at("daemon:/nowhere/at/all"), -ENOENT);
	assert_int_equal(open_at("daemon:"), -EINVAL);
	assert_int_equal(open_at(path), -EINVAL);
	assert_int_equal(open_at("nothing"), -EINVAL);
	assert_int_equal(open_at("pair:x;address=nothing"), -EINVAL);
	assert_int_equal(tto_open(&d, "pair:y", &wrong, NULL), -EINVAL);
	assert_int_equal(tto_open(&d, "pair:y", &odd, NULL), -EINVAL);
}

/* A server that answers HELLO with @bytes of @reply. */
static int open_with_answer(const struct control_reply *reply, size_t bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;
	char where[128];
	pid_t child;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/tto-rogue-%d",
		 (int)getpid());
	snprintf(where, sizeof(where), "daemon:%s", address.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (child == 0) {
		struct control_request request;
		int fd = accept(listener, NULL, NULL);

		(void)!recv(fd, &request, sizeof(request), 0);
		(void)!send(fd, reply, bytes, MSG_NOSIGNAL);
		(void)!recv(fd, &request, sizeof(request), 0);
		_exit(0);
	}
	status = open_at(where);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(address.sun_path);
	close(listener);
	return status;
}

static void answers_that_are_none(void **state)
{
	const struct control_reply good = { .magic = CONTROL_MAGIC,
					    .version = CONTROL_VERSION,
					    .operation = CONTROL_HELLO, .number = 1 };
	struct control_reply r = good;

	/* 0 */ assert_int_equal(open_with_answer(&r, 0), -EPIPE);
	/* 1 */ assert_int_equal(open_with_answer(&r, sizeof(r) - 1), -EPROTO);
	/* 2 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EPROTO);
	r.n_fds = 2;
	/* 3 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EPROTO);
	r = good;
	r.version++;
	/* 4 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EPROTO);
	r = good;
	r.number++;
	/* 5 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EPROTO);
	r = good;
	r.status = -EACCES;
	/* 6 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EACCES);
	/* Not let in: said before it was asked. */
	r.number = 0;
	/* 7 */ assert_int_equal(open_with_answer(&r, sizeof(r)), -EACCES);
}

/* ---- A daemon that speaks the language and lies ------------------------------------------------ */

enum lie { NO_LIE, PIPE_FOR_DOORBELL, SHORT_MEMORY, UNSEALED_MEMORY, SILENCE };

static int memory_of(enum lie lie)
{
	int fd = memfd_create("rogue", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (ftruncate(fd, lie == SHORT_MEMORY ? 4096 : 1 << 20))
		_exit(1);
	if (lie != UNSEALED_MEMORY && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK))
		_exit(1);
	return fd;
}

static int doorbell_of(enum lie lie)
{
	int fds[2];

	if (lie != PIPE_FOR_DOORBELL)
		return eventfd(0, EFD_CLOEXEC);
	return pipe2(fds, O_CLOEXEC) ? -1 : fds[1];
}

static void serve_lies(int fd, enum lie lie)
{
	struct control_request request;

	while (recv(fd, &request, sizeof(request), 0) == sizeof(request)) {
		struct control_reply reply = {
			.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
			.operation = request.operation, .number = request.number,
			.n_fds = 1,
		};
		union {
			struct cmsghdr head;
			uint8_t bytes[CMSG_SPACE(sizeof(int))];
		} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
					.cmsg_level = SOL_SOCKET,
					.cmsg_type = SCM_RIGHTS } };
		struct iovec iov = { &reply, sizeof(reply) };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1,
					  .msg_control = &control,
					  .msg_controllen = sizeof(control) };
		int given = request.operation == CONTROL_HELLO ? doorbell_of(lie) :
			    memory_of(lie);

		memcpy(CMSG_DATA(&control.head), &given, sizeof(given));
		if (lie != SILENCE || request.operation == CONTROL_HELLO)
			(void)!sendmsg(fd, &message, MSG_NOSIGNAL);
		close(given);
	}
	_exit(0);
}

/* Opens a handle there and asks for memory. Return: the first error. */
static int believe(enum lie lie)
{
	const struct tto_device_options o = { .size = sizeof(o),
					      .timeout_ns = 200 * MILLISECOND };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), status;
	struct tto_device *d;
	char where[128];
	void *memory;
	pid_t child;

	snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/tto-liar-%d",
		 (int)getpid());
	snprintf(where, sizeof(where), "daemon:%s", address.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve_lies(accept(listener, NULL, NULL), lie);
	}
	status = tto_open(&d, where, &o, NULL);
	if (!status) {
		status = tto_memory_allocate(d, 1 << 20, &memory);
		if (!status)
			memset(memory, 1, 1 << 20);
		else if (lie == SILENCE)
			assert_int_equal(tto_memory_allocate(d, 1, &memory), -EPIPE);
		tto_close(d);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	unlink(address.sun_path);
	close(listener);
	return status;
}

static void what_could_kill_is_not_taken(void **state)
{
	(void)state;
	assert_int_equal(believe(NO_LIE), 0);
	assert_int_equal(believe(PIPE_FOR_DOORBELL), -EPROTO);
	assert_int_equal(believe(SHORT_MEMORY), -EPROTO);
	assert_int_equal(believe(UNSEALED_MEMORY), -EPROTO);
}

static void on_alarm(int number)
{
	(void)number;
}

/* Signals come more often than the timeout. */
static void silence_has_an_end(void **state)
{
	const struct itimerval every = { { 0, 20000 }, { 0, 20000 } },
			       none = { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = on_alarm }, before;

	(void)state;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &every, NULL);
	assert_int_equal(believe(SILENCE), -ETIMEDOUT);
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &before, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_there_and_back),
		cmocka_unit_test(ag_6_arm_poll_again_then_sleep),
		cmocka_unit_test(who_does_not_arm_is_not_woken),
		cmocka_unit_test(tx_7_a_sleeping_device_is_woken),
		cmocka_unit_test(time_is_up),
		cmocka_unit_test(the_daemon_dies),
		cmocka_unit_test(a_program_outlives_the_daemon),
		cmocka_unit_test(it_dies_while_somebody_sleeps),
		cmocka_unit_test(two_handles_of_a_daemon),
		cmocka_unit_test(places_without_a_daemon),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(what_could_kill_is_not_taken),
		cmocka_unit_test(silence_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

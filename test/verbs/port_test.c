// SPDX-License-Identifier: BSD-2-Clause
/* port_test.c - Ports that are held by programs of a daemon (SPEC AG-1, AG-7) */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon.h"
#include "scene.h"

static struct daemon_process the_daemon;

static int start(void **state)
{
	static const struct daemon_options options = { .spin_ns = 1, .core = -1 };

	(void)state;
	return daemon_start(&the_daemon, &options);
}

static int stop(void **state)
{
	(void)state;
	daemon_stop(&the_daemon);
	return 0;
}

static struct tto_device *open_device(void)
{
	struct tto_device *d;

	assert_int_equal(tto_open(&d, the_daemon.where, NULL, NULL), 0);
	return d;
}

static const struct scene_options without_flow = {
	.cq_flags = TTO_CQ_RAW, .no_receive = 1, .no_flow = 1,
};

static struct tto_tuple local_side(uint16_t port)
{
	return (struct tto_tuple){ .local = { 10, 0, 0, 1 }, .local_port = port };
}

static void a_hold_is_used_and_outlived(void **state)
{
	struct tto_tuple t = local_side(0);
	struct tto_flow *listening, *flow;
	struct tto_device *other;
	struct tto_port *port, *none;
	struct side s;

	(void)state;
	scene_open_side(&s, 0, the_daemon.where, &without_flow);
	other = open_device();
	assert_int_equal(tto_port_hold(s.device, &t, 2, &port), -EINVAL);
	assert_int_equal(tto_port_hold(s.device, &t, 0, &port), 0);
	t.local_port = tto_port_number(port);
	assert_true(t.local_port >= 32768);
	assert_int_equal(tto_port_hold(other, &t, 0, &none), -EADDRINUSE);
	assert_int_equal(tto_flow_listen(s.qp, s.grq, &t, &listening), 0);
	assert_int_equal(tto_flow_port(listening), t.local_port);
	assert_int_equal(tto_port_release(port), 0);
	assert_int_equal(tto_port_hold(other, &t, 0, &none), -EADDRINUSE);
	assert_int_equal(tto_flow_close(listening), 0);
	assert_int_equal(tto_port_hold(other, &t, 0, &port), 0);
	t.remote[0] = 10;
	t.remote_port = 80;
	assert_int_equal(tto_flow_open(s.qp, s.grq, &t, NULL, &flow), -EADDRINUSE);
	t.local_port = 0;
	assert_int_equal(tto_flow_open(s.qp, s.grq, &t, NULL, &flow), 0);
	assert_true(tto_flow_port(flow) >= 32768);
	assert_int_not_equal(tto_flow_port(flow), tto_port_number(port));
	tto_close(other);
	tto_close(s.device);
}

/* Whatever ends a program, its ports are free then; those it shares stay the others'. */
static void ag_7_a_killed_program_leaves_no_port(void **state)
{
	struct tto_tuple t = local_side(8080);
	struct tto_device *d = open_device();
	struct tto_port *port;
	int ready[2], tries = 0, status;
	pid_t child;
	char byte;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		if (tto_port_hold(open_device(), &t, 0, &port) ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(tto_port_hold(d, &t, TTO_PORT_REUSE, &port), -EADDRINUSE);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	do {
		usleep(1000);
		status = tto_port_hold(d, &t, TTO_PORT_REUSE, &port);
	} while (status == -EADDRINUSE && ++tries < 2000);
	assert_int_equal(status, 0);
	tto_close(d);
	close(ready[0]);
	close(ready[1]);
}

static void a_server_begins_again_while_the_old_one_waits(void **state)
{
	struct tto_tuple at = local_side(8080), flow_at = at;
	struct tto_port *port;
	struct tto_flow *flow;
	struct side old, young;

	(void)state;
	flow_at.remote[0] = 10;
	flow_at.remote_port = 1234;
	scene_open_side(&old, 0, the_daemon.where, &without_flow);
	scene_open_side(&young, 0, the_daemon.where, &without_flow);
	assert_int_equal(tto_port_hold(old.device, &at, TTO_PORT_REUSE, &port), 0);
	assert_int_equal(tto_flow_open(old.qp, old.grq, &flow_at, NULL, &flow), 0);
	assert_int_equal(tto_port_release(port), 0);

	assert_int_equal(tto_flow_listen(young.qp, young.grq, &at, &flow), -EADDRINUSE);
	assert_int_equal(tto_port_hold(young.device, &at, 0, &port), -EADDRINUSE);
	assert_int_equal(tto_port_hold(young.device, &at, TTO_PORT_REUSE, &port), 0);
	assert_int_equal(tto_flow_listen(young.qp, young.grq, &at, &flow), 0);
	assert_int_equal(tto_flow_open(young.qp, young.grq, &flow_at, NULL, &flow),
			 -EEXIST);
	tto_close(young.device);
	tto_close(old.device);
}

static void in_this_process_it_is_the_same(void **state)
{
	struct tto_tuple t = local_side(0);
	struct tto_device *d;
	struct tto_port *a, *b;

	(void)state;
	assert_int_equal(tto_open(&d, "pair:port_test", NULL, NULL), 0);
	assert_int_equal(tto_port_hold(d, &t, 0, &a), 0);
	assert_int_equal(tto_port_hold(d, &t, 0, &b), 0);
	assert_int_not_equal(tto_port_number(a), tto_port_number(b));
	t.local_port = tto_port_number(a);
	assert_int_equal(tto_port_release(b), 0);
	assert_int_equal(tto_port_hold(d, &t, 0, &b), -EADDRINUSE);
	tto_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_hold_is_used_and_outlived, start, stop),
		cmocka_unit_test_setup_teardown(ag_7_a_killed_program_leaves_no_port,
						start, stop),
		cmocka_unit_test_setup_teardown(
			a_server_begins_again_while_the_old_one_waits, start, stop),
		cmocka_unit_test(in_this_process_it_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

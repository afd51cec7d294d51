// SPDX-License-Identifier: BSD-2-Clause
/*
 * config_test.c - What ttod.conf says, what is wrong with it, and who may do what
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "agent/config.h"
#include "agent/value.h"

static char path[] = "/tmp/ttod-conf-XXXXXX";
static struct config config;
static char said[1024];		/* on standard error                            */

static int make_file(void **state)
{
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	close(fd);
	return 0;
}

static int remove_file(void **state)
{
	config_close(&config);
	return unlink(path);
}

/* What reading @text says. Return: as config_read(). */
static int read_config(const char *text)
{
	FILE *file = fopen(path, "w"), *messages = tmpfile();
	int kept = dup(STDERR_FILENO), err;
	size_t len;

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	config_close(&config);
	fflush(stderr);
	dup2(fileno(messages), STDERR_FILENO);
	err = config_read(path, &config);
	fflush(stderr);
	dup2(kept, STDERR_FILENO);
	close(kept);
	rewind(messages);
	len = fread(said, 1, sizeof(said) - 1, messages);
	said[len] = '\0';
	fclose(messages);
	return err;
}

#define WIRE "[wire]\nwire = pair:a\n"

static void the_least_that_is_enough(void **state)
{
	assert_int_equal(read_config(WIRE), 0);
	assert_string_equal(config.wire, "pair:a");
	assert_string_equal(config.socket, CONFIG_SOCKET);
	assert_int_equal(config.mode, 0660);
	assert_int_equal(config.uid, UINT32_MAX);
	assert_int_equal(config.n_grants, 0);
	assert_string_equal(said, "");
}

static void all_that_can_be_said(void **state)
{
	const struct grant *g;

	assert_int_equal(read_config(
		"# a comment\n\n[daemon]\nsocket = /a/b\nstats = /a/c\n"
		"  mode=0600  \ngroup = 7\nuser = nobody\nclients = 9\n"
		"low-ports = 512\nephemeral-ports = 40000-40999\n"
		"[wire]\nwire = tap:x,up\nspin = 100\n"
		"address = 10.0.0.2/24\ngateway = 10.0.0.1\n"
		"address = fd00::2/64\nmac = 02:00:00:00:00:01\nmtu = 9000\n"
		"[limits]\nmemory = 2G\nclients = 3\n"
		"[user root]\nflow = any\nlisten = 80, 10.0.0.2:1000-2000,"
		" [fd00::2]:443\naddress = 10.0.0.0/8\nraw = yes\nqueues = 5\n"
		"[group 0]\n[everyone]\n"), 0);
	assert_string_equal(said, "");
	assert_string_equal(config.socket, "/a/b");
	assert_string_equal(config.stats, "/a/c");
	assert_int_equal(config.mode, 0600);
	assert_int_equal(config.socket_gid, 7);
	assert_int_equal(config.uid, 65534);
	assert_int_equal(config.host.clients, 9);
	assert_int_equal(config.host.first_port, 40000);
	assert_int_equal(config.host.last_port, 40999);
	assert_int_equal(config.host.spin_ns, 100000);
	assert_int_equal(config.host.n_addresses, 2);
	assert_int_equal(config.host.addresses[1].prefix_bits, 64);
	assert_int_equal(config.host.mtu, 9000);
	assert_int_equal(config.limits.memory, 2ull << 30);
	assert_int_equal(config.clients, 3);
	assert_int_equal(config.n_grants, 3);
	g = &config.grants[0];
	assert_int_equal(g->kind, GRANT_USER);
	assert_true(g->raw);
	assert_int_equal(g->limits.queues, 5);
	assert_int_equal(g->n_rules, 2 + 2 + 1 + 1 + 1);
	assert_int_equal(g->rule[0].first_port, 512);
	assert_int_equal(g->rule[0].rights, HOST_FLOW);
	assert_int_equal(g->rule[2].rights, HOST_LISTEN | HOST_LOW_PORTS);
	assert_int_equal(g->rule[4].prefix_bits, 32);
	assert_int_equal(g->rule[4].last_port, 2000);
	assert_int_equal(g->rule[5].v6, 1);
	assert_int_equal(g->rule[5].prefix_bits, 128);
	assert_int_equal(g->rule[6].rights, HOST_ADDRESS);
	assert_int_equal(g->rule[6].prefix_bits, 8);
}

/* One line, with file, line, what and why. */
static void whatever_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;	/* 0: of the whole                      */
		const char *what;
	} cases[] = {
		{ "", 0, "[wire] names no wire" },
		{ "wire = pair:a\n", 1, "wire: before the first section" },
		{ "[wires]\n", 1, "wires: no such section" },
		{ "[wire]\nnonsense\n", 2, "nonsense: neither" },
		{ "[wire\n", 1, "[wire: neither" },
		{ WIRE "wire = pair:b\n", 3, "wire: said twice" },
		{ WIRE "color = red\n", 3, "color: unknown in this section" },
		{ WIRE "wire=\n", 3, "wire: said twice" },
		{ "[wire]\nwire =\n", 2, "wire: empty" },
		{ "[wire]\nwire = tap:x;mtu=1\n", 2, "wire: addresses stand" },
		{ "[wire]\nwire = eth0\n", 2, "wire: not a wire" },
		{ "[wire]\nwire = nothing:x\n", 2, "wire: not a wire" },
		{ "[wire]\nwire = afpacketx:x\n", 2, "wire: not a wire" },
		{ WIRE "kernel = yes\n", 3, "kernel: not a wire" },
		{ WIRE "address = 10.0.0.2\n", 3, "address: 10.0.0.2: not an address" },
		{ WIRE "address = 10.0.0.2/33\n", 3, "address: 10.0.0.2" },
		{ WIRE "gateway = 10.0.0.1\n", 3, "gateway: 10.0.0.1" },
		{ WIRE "mac = 01:00:00:00:00:00\n", 3, "mac: " },
		{ WIRE "kernel = shared\naddress = 10.0.0.2/24\n", 0,
		  "[wire] kernel: then the addresses are the kernel's" },
		{ WIRE "mtu = 67\n", 3, "mtu: 67" },
		{ WIRE "mtu = 1500;mac=02:00:00:00:00:00\n", 3, "mtu: not a value" },
		{ WIRE "spin = -1\n", 3, "spin: not microseconds" },
		{ "[daemon]\nsocket = relative\n", 2, "socket: not an absolute path" },
		{ "[daemon]\nmode = 0888\n", 2, "mode: not a mode" },
		{ "[daemon]\nmode = 01777\n", 2, "mode: not a mode" },
		{ "[daemon]\nuser = no-such-user\n", 2, "user: no such user" },
		{ "[daemon]\ngroup = no-such-group\n", 2, "group: no such group" },
		{ "[daemon]\nclients = 0\n", 2, "clients: not a number" },
		{ "[limits]\nmemory = 1T\n", 2, "memory: not a number of bytes" },
		{ "[limits]\nmemory = 0\n", 2, "memory: not a number of bytes" },
		{ "[limits]\nmemory = 4294967296\n", 2, "memory: not a number of bytes" },
		{ "[limits]\nqueues = many\n", 2, "queues: not a number" },
		{ "[user no-such-user]\n", 1, "user: no such user" },
		{ "[user]\n", 1, "user: no such section" },
		{ "[everyone else]\n", 1, "everyone: no such section" },
		{ "[everyone]\n[everyone]\n", 2, "everyone: the section comes twice" },
		{ "[user root]\n[user 0]\n", 2, "user: the section comes twice" },
		{ "[everyone]\nflow = 0\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\nflow = 65536\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\nflow = 9-8\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\nflow = 80,\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\nflow = fd00::1:80\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\nflow = 10.0.0.1/33:80\n", 2, "flow: not [ADDRESS" },
		{ "[everyone]\naddress = 10.0.0.1:80\n", 2, "address: not an address" },
		{ "[everyone]\nraw = maybe\n", 2, "raw: yes or no" },
		{ "[daemon]\nephemeral-ports = 9-8\n", 2, "ephemeral-ports: not two" },
		{ "[daemon]\nephemeral-ports = 0-8\n", 2, "ephemeral-ports: not two" },
		{ "[daemon]\nephemeral-ports = 8\n", 2, "ephemeral-ports: not two" },
		{ "[everyone]\n[daemon]\nlow-ports = 1\n", 3, "low-ports: stands behind" },
	};
	char expected[256];

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		assert_true(read_config(cases[n].text) < 0);
		if (cases[n].line)
			snprintf(expected, sizeof(expected), "tto: %s:%u: %s", path,
				 cases[n].line, cases[n].what);
		else
			snprintf(expected, sizeof(expected), "tto: %s: %s", path,
				 cases[n].what);
		if (strncmp(said, expected, strlen(expected)))
			fail_msg("\"%s\" is not \"%s...\"", said, expected);
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	}
}

static void long_lines_are_refused_and_never_cut(void **state)
{
	char text[6000] = WIRE "# ";

	memset(text + strlen(text), 'x', 5000);
	strcat(text, "\n");
	assert_true(read_config(text) < 0);
	assert_non_null(strstr(said, ":3: "));
	assert_non_null(strstr(said, "too long"));
}

/* ---- Who may do what -------------------------------------------------------------------------- */

static bool may(const struct host_policy *p, enum host_right right, uint16_t port)
{
	for (uint32_t n = 0; n < p->n_rules; n++) {
		if (p->rule[n].rights & right && !p->rule[n].v6 &&
		    port >= p->rule[n].first_port && port <= p->rule[n].last_port &&
		    (port >= p->low_ports || p->rule[n].rights & HOST_LOW_PORTS))
			return true;
	}
	return false;
}

static void what_sections_say_adds_up(void **state)
{
	struct peer peer = { .uid = 1000, .gid = 100, .n_groups = 1, .groups = { 50 } };
	struct host_policy p;
	uint32_t clients;

	assert_int_equal(read_config(
		"[daemon]\nlow-ports = 1024\n"
		WIRE "[limits]\nmemory = 1M\nqueues = 1\nclients = 11\n"
		"[everyone]\nflow = 5000\nmemory = 2M\n"
		"[group 50]\nlisten = 6000\nmemory = 3M\nclients = 7\n"
		"[user 1000]\nlisten = 80\nmemory = 4M\nraw = yes\n"
		"[user 1001]\nlisten = any\n"), 0);
	assert_true(config_policy(&config, &peer, &p, &clients));
	assert_true(may(&p, HOST_FLOW, 5000));
	assert_true(may(&p, HOST_LISTEN, 6000));
	assert_true(may(&p, HOST_LISTEN, 80));
	assert_false(may(&p, HOST_LISTEN, 81));
	assert_false(may(&p, HOST_FLOW, 6000));
	assert_true(p.raw);
	assert_int_equal(p.user, 1000);
	assert_int_equal(p.limits.memory, 4 << 20);
	assert_int_equal(p.limits.queues, 1);
	assert_int_equal(clients, 7);

	peer = (struct peer){ .uid = 1001, .gid = 50 };
	assert_true(config_policy(&config, &peer, &p, &clients));
	assert_true(may(&p, HOST_LISTEN, 1024));
	assert_false(may(&p, HOST_LISTEN, 1023));
	assert_false(p.raw);
	assert_int_equal(p.limits.memory, 3 << 20);

	peer = (struct peer){ .uid = 1002, .gid = 1 };
	assert_true(config_policy(&config, &peer, &p, &clients));
	assert_false(may(&p, HOST_LISTEN, 6000));
	assert_int_equal(p.limits.memory, 2 << 20);
	assert_int_equal(clients, 11);
}

static void of_whom_nothing_is_said(void **state)
{
	struct peer peer = { .uid = 1000, .gid = 100 }, root = { 0 };
	struct host_policy p;
	uint32_t clients;

	assert_int_equal(read_config(WIRE "[user 1]\nflow = any\n"), 0);
	assert_false(config_policy(&config, &peer, &p, &clients));
	/* Root may do everything, until a section says otherwise. */
	assert_true(config_policy(&config, &root, &p, &clients));
	assert_true(may(&p, HOST_LISTEN, 1));
	assert_int_equal(p.user, 0);
	assert_true(p.raw);
	assert_int_equal(read_config(WIRE "[user root]\nflow = 2000\n"), 0);
	assert_true(config_policy(&config, &root, &p, &clients));
	assert_false(may(&p, HOST_LISTEN, 1));
	assert_true(may(&p, HOST_FLOW, 2000));
	assert_false(p.raw);
}

static void numbers_and_bytes(void **state)
{
	uint64_t bytes;
	uint32_t n;

	assert_true(value_number("4294967295", 0, UINT32_MAX, &n));
	assert_false(value_number("4294967296", 0, UINT32_MAX, &n));
	assert_false(value_number("99999999999999999999", 0, UINT32_MAX, &n));
	assert_false(value_number("", 0, 1, &n));
	assert_false(value_number("+1", 0, 1, &n));
	assert_false(value_number("1 ", 0, 1, &n));
	assert_true(value_bytes("3K", &bytes));
	assert_int_equal(bytes, 3072);
	assert_true(value_bytes("4G", &bytes));
	assert_int_equal(bytes, 4ull << 30);
	assert_false(value_bytes("K", &bytes));
	assert_false(value_bytes("1KB", &bytes));
	assert_false(value_bytes("00000000001", &bytes));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_that_is_enough),
		cmocka_unit_test(all_that_can_be_said),
		cmocka_unit_test(whatever_is_wrong_is_named),
		cmocka_unit_test(long_lines_are_refused_and_never_cut),
		cmocka_unit_test(what_sections_say_adds_up),
		cmocka_unit_test(of_whom_nothing_is_said),
		cmocka_unit_test(numbers_and_bytes),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * ss.c - tto ss: the sockets of programs that tto run has started
 *
 * What is looked at goes on meanwhile, and is not stopped for it: the stack is mapped to
 * be read, and nothing in it is followed but pointers into it. A line may be wrong that
 * was changed while it was read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/json.h"
#include "base/message.h"
#include "socket/stack.h"
#include "tcp/tcp.h"
#include "tool/options.h"
#include "tool/ss/find.h"
#include "tool/tool.h"

#define NAME_BYTES 64		/* "[ADDRESS]:PORT"                             */
#define MS 1e6

static const char *const states[] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECV", "ESTAB", "CLOSE-WAIT",
	"FIN-WAIT-1", "CLOSING", "LAST-ACK", "FIN-WAIT-2", "TIME-WAIT",
};
_Static_assert(ARRAY_SIZE(states) == TCPS_N, "one for each state");

/* A socket, copied. */
struct view {
	const char *state;
	uint32_t receive_queue, send_queue;
	char local[NAME_BYTES], remote[NAME_BYTES];
	bool is_listener;
	uint64_t straight;
	struct tcp_report report;
};

static bool is_inside(const void *p, size_t bytes)
{
	uintptr_t at = (uintptr_t)p - HEAP_ADDRESS;

	return at < HEAP_BYTES && bytes <= HEAP_BYTES - at;
}

static void name(char text[NAME_BYTES], const uint8_t address[16], uint16_t port, bool v6)
{
	char ip[INET6_ADDRSTRLEN];

	inet_ntop(v6 ? AF_INET6 : AF_INET, address, ip, sizeof(ip));
	if (port)
		snprintf(text, NAME_BYTES, v6 ? "[%s]:%u" : "%s:%u", ip, port);
	else
		snprintf(text, NAME_BYTES, v6 ? "[%s]:*" : "%s:*", ip);
}

static bool take(const struct stack *from, uint32_t n, struct view *v)
{
	const struct socket *s = from->sockets[n];
	struct tcp_env env = { from->now, &from->config, from->cells };
	struct socket copy;

	if (!is_inside(s, sizeof(*s)))
		return false;
	memcpy(&copy, s, sizeof(copy));
	v->is_listener = copy.kind == SOCKET_LISTENER;
	if (!v->is_listener &&
	    (copy.kind != SOCKET_CONNECTION || copy.flags & SOCKET_OVER))
		return false;
	name(v->local, copy.tuple.local, copy.tuple.local_port, copy.tuple.v6);
	name(v->remote, copy.tuple.remote, copy.tuple.remote_port, copy.tuple.v6);
	v->straight = copy.bytes_straight;
	if (v->is_listener) {
		v->state = states[TCPS_LISTEN];
		v->receive_queue = copy.n_accept;
		v->send_queue = copy.backlog;
		return true;
	}
	tcp_report(&copy.tcb, &env, &v->report);
	v->state = v->report.state < TCPS_N ? states[v->report.state] : "?";
	v->receive_queue = v->report.not_read;
	v->send_queue = v->report.not_acked + v->report.not_sent;
	return true;
}

static double per(uint64_t a, uint64_t b)
{
	return b ? (double)a / (double)b : 0;
}

/* ---- As text --------------------------------------------------------------------- */

static void print_details(const struct view *v)
{
	const struct tcp_report *r = &v->report;

	printf("\t %s%s%s wscale:%u,%u rto:%.0f rtt:%.3f/%.3f mss:%" PRIu32
	       " pmtu:%" PRIu32 " rcvmss:%" PRIu32 " cwnd:%" PRIu32,
	       r->congestion == CONGESTION_CUBIC ? "cubic" : "reno",
	       r->timestamps ? " ts" : "", r->sack ? " sack" : "", r->send_shift,
	       r->receive_shift, (double)r->rto / MS, (double)r->rtt / MS,
	       (double)r->rtt_var / MS, r->send_mss, r->path_mtu, r->receive_mss,
	       r->send_mss ? r->cwnd / r->send_mss : 0);
	printf(" bytes_sent:%" PRIu64 " bytes_acked:%" PRIu64 " bytes_received:%" PRIu64
	       " segs_out:%" PRIu64 " segs_in:%" PRIu64, r->bytes_sent, r->bytes_acked,
	       r->bytes_received, r->frames_sent, r->frames_received);
	printf(" frames_per_unit:%.1f,%.1f straight:%" PRIu64,
	       per(r->frames_sent, r->units_sent),
	       per(r->frames_received, r->units_received), v->straight);
	if (r->again_total)
		printf(" retrans:%" PRIu32, r->again_total);
	if (r->in_flight)
		printf(" unacked:%" PRIu32, r->in_flight);
	putchar('\n');
}

static void print_text(const struct stack *from, const struct found_stack *found)
{
	struct view v;

	printf("stack of process %d%s\n", (int)found->pid,
	       from->n_broken ? ", was reset: a process died changing it" : "");
	printf("%-11s%7s %7s %24s %24s\n", "State", "Recv-Q", "Send-Q", "Local", "Peer");
	for (uint32_t n = 0; n < from->n_sockets && n < STACK_SOCKETS; n++) {
		if (!take(from, n, &v))
			continue;
		printf("%-11s%7" PRIu32 " %7" PRIu32 " %24s %24s\n", v.state,
		       v.receive_queue, v.send_queue, v.local, v.remote);
		if (!v.is_listener)
			print_details(&v);
	}
}

/* ---- As JSON ----------------------------------------------------------------------- */

static void json_details(struct json *j, const struct view *v)
{
	const struct tcp_report *r = &v->report;

	json_string(j, "congestion",
		    r->congestion == CONGESTION_CUBIC ? "cubic" : "reno");
	json_u64(j, "rtt_ns", r->rtt);
	json_u64(j, "rtt_var_ns", r->rtt_var);
	json_u64(j, "rto_ns", r->rto);
	json_u64(j, "mss", r->send_mss);
	json_u64(j, "receive_mss", r->receive_mss);
	json_u64(j, "path_mtu", r->path_mtu);
	json_u64(j, "cwnd_bytes", r->cwnd);
	json_u64(j, "in_flight_bytes", r->in_flight);
	json_u64(j, "bytes_sent", r->bytes_sent);
	json_u64(j, "bytes_acked", r->bytes_acked);
	json_u64(j, "bytes_received", r->bytes_received);
	json_u64(j, "bytes_straight", v->straight);
	json_u64(j, "frames_sent", r->frames_sent);
	json_u64(j, "units_sent", r->units_sent);
	json_u64(j, "frames_received", r->frames_received);
	json_u64(j, "units_received", r->units_received);
	json_u64(j, "retransmissions", r->again_total);
}

static void json_stack(struct json *j, const struct stack *from,
		       const struct found_stack *found)
{
	struct view v;

	json_object_begin(j, NULL);
	json_u64(j, "pid", (uint64_t)found->pid);
	json_bool(j, "was_reset", from->n_broken > 0);
	json_array_begin(j, "sockets");
	for (uint32_t n = 0; n < from->n_sockets && n < STACK_SOCKETS; n++) {
		if (!take(from, n, &v))
			continue;
		json_object_begin(j, NULL);
		json_string(j, "state", v.state);
		json_string(j, "local", v.local);
		json_string(j, "remote", v.remote);
		json_u64(j, "receive_queue", v.receive_queue);
		json_u64(j, "send_queue", v.send_queue);
		if (!v.is_listener)
			json_details(j, &v);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

/* ---- The verb ------------------------------------------------------------------------- */

/* Return: 0 or -errno, after one line on stderr. */
static int show(const struct found_stack *found, struct json *j)
{
	int err = heap_view(found->heap);
	const struct stack *from = err ? NULL : *heap_root();

	if (!err && (!is_inside(from, sizeof(*from)) || from->version != STACK_VERSION ||
		     !is_inside(from->sockets, STACK_SOCKETS * sizeof(*from->sockets))))
		err = -EPROTO;
	if (err == -EPROTO)
		message("ss: process %d: not a stack of this version", (int)found->pid);
	else if (err)
		message_errno(err, "ss: process %d", (int)found->pid);
	else if (j)
		json_stack(j, from, found);
	else
		print_text(from, found);
	heap_leave();
	return err;
}

static int show_all(pid_t pid, bool json)
{
	struct found_stack found[FIND_STACKS_MAX];
	int n = find_stacks(found, pid), status = TOOL_OK;
	struct json j;

	if (n < 0) {
		message_errno(n, "ss: process %d", (int)pid);
		return TOOL_REFUSED;
	}
	if (json) {
		json_begin(&j, stdout);
		json_array_begin(&j, NULL);
	}
	for (int k = 0; k < n; k++) {
		if (show(&found[k], json ? &j : NULL))
			status = TOOL_REFUSED;
		close(found[k].heap);
	}
	if (json) {
		json_array_end(&j);
		json_end(&j);
	}
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	uint32_t pid = 0;
	bool json = false;
	int option;

	while ((option = tool_getopt(argc, argv, ":j", longs)) != -1) {
		if (option != 'j')
			return TOOL_USAGE;
		json = true;
	}
	if (argc - optind > 1)
		return message("ss: %s: one process only", argv[optind + 1]), TOOL_USAGE;
	if (optind < argc && options_u32("ss", argv[optind], 1, INT32_MAX, &pid))
		return TOOL_USAGE;
	return show_all((pid_t)pid, json);
}

const struct tool_verb tool_ss = {
	.name = "ss",
	.summary = "sockets of programs under tto run",
	.usage =
"Usage: tto ss [--json] [PID]\n"
"\n"
"The sockets of the stacks that this user's processes have, or of process PID's:\n"
"state, queues in bytes (of a listener: connections that wait, and how many may),\n"
"addresses, and of a connection what ss -ti has, with\n"
"\n"
"  frames_per_unit  frames of the wire in a unit that TCP sent, and received\n"
"  straight         bytes that went from frames into a waiting reader's memory\n"
"\n"
"  -j, --json       an array of stacks\n"
"  -h, --help       this text\n",
	.run = run,
};

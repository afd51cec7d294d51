// SPDX-License-Identifier: BSD-2-Clause
/* ss.c - tto ss: the sockets of programs that tto run has started */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/json.h"
#include "base/message.h"
#include "tcp/tcp.h"
#include "tool/options.h"
#include "tool/stack/look.h"
#include "tool/tool.h"

#define MS 1e6

/* What is shown of a socket. */
struct view {
	const char *state;
	uint32_t receive_queue, send_queue;
	char local[LOOK_NAME_BYTES], remote[LOOK_NAME_BYTES];
	bool is_listener;
	uint64_t straight;
	struct tcp_report report;
};

static bool take(const struct look *l, uint32_t n, struct view *v)
{
	struct socket s;

	if (!look_at_socket(l, n, &s))
		return false;
	v->is_listener = s.kind == SOCKET_LISTENER;
	if (!v->is_listener &&
	    (s.kind != SOCKET_CONNECTION || s.flags & SOCKET_OVER))
		return false;
	look_name(v->local, s.tuple.local, s.tuple.local_port, s.tuple.v6);
	look_name(v->remote, s.tuple.remote, s.tuple.remote_port, s.tuple.v6);
	v->straight = s.bytes_straight;
	if (v->is_listener) {
		v->state = look_state(TCPS_LISTEN);
		v->receive_queue = s.n_accept;
		v->send_queue = s.backlog;
		return true;
	}
	look_at_report(l, &s, &v->report);
	v->state = look_state(v->report.state);
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
	printf(" snd_wnd:%" PRIu32 " rcv_wnd:%" PRIu32, r->send_window,
	       r->receive_window);
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

static void print_text(const struct look *l, const struct found_stack *found)
{
	struct view v;

	printf("stack of process %d: %" PRIu64 " connections opened, %" PRIu64
	       " accepted%s\n", (int)found->pid, l->stack->n_opened, l->stack->n_accepted,
	       l->stack->n_broken ? "; was reset: a process died changing it" : "");
	printf("%-11s%7s %7s %24s %24s\n", "State", "Recv-Q", "Send-Q", "Local", "Peer");
	for (uint32_t n = 0; n < STACK_SOCKETS; n++) {
		if (!take(l, n, &v))
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
	json_u64(j, "send_window", r->send_window);
	json_u64(j, "receive_window", r->receive_window);
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

static void json_stack(struct json *j, const struct look *l,
		       const struct found_stack *found)
{
	struct view v;

	json_object_begin(j, NULL);
	json_u64(j, "pid", (uint64_t)found->pid);
	json_bool(j, "was_reset", l->stack->n_broken > 0);
	json_u64(j, "opened", l->stack->n_opened);
	json_u64(j, "accepted", l->stack->n_accepted);
	json_array_begin(j, "sockets");
	for (uint32_t n = 0; n < STACK_SOCKETS; n++) {
		if (!take(l, n, &v))
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
	struct look l;
	int err = look_open(&l, found, "ss");

	if (err)
		return err;
	if (j)
		json_stack(j, &l, found);
	else
		print_text(&l, found);
	look_close(&l);
	return 0;
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

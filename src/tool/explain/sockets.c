// SPDX-License-Identifier: BSD-2-Clause
/* sockets.c - The Internet sockets of programs over a stack, and whose they are */
#include "tool/explain/sockets.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/message.h"
#include "tool/explain/whose.h"

/* ---- As text ---------------------------------------------------------------------- */

static void print_process(const struct whose_process *p, bool used[SOCKET_N_CAUSES])
{
	struct whose_socket s;
	bool any = false;

	for (int n = 0; n < p->n_fds; n++) {
		if (!whose_socket(p, n, &s))
			continue;
		if (!any)
			printf("process %d (%s)\n%6s %-7s %-7s %-11s %24s %24s  %s\n",
			       (int)p->facts.pid, p->facts.name, "fd", "whose", "proto",
			       "state", "local", "peer", "why");
		any = true;
		printf("%6d %-7s %-7s %-11s %24s %24s", s.fd, whose_name(s.whose),
		       s.protocol, s.state, s.local, s.remote);
		printf(s.cause >= 0 ? "  %s\n" : "\n", cause_name(s.cause));
		if (s.cause >= 0)
			used[s.cause] = true;
	}
	if (!any && p->cause >= 0)
		printf("process %d (%s) cannot join: %s\n", (int)p->facts.pid,
		       p->facts.name, cause_name(p->cause));
	if (p->cause >= 0)
		used[p->cause] = true;
	if (p->has_ring)
		printf("%6s its io_uring reaches the kernel's sockets only\n", "");
}

static void print_causes(const bool used[SOCKET_N_CAUSES])
{
	bool first = true;

	for (int n = 0; n < SOCKET_N_CAUSES; n++) {
		if (!used[n])
			continue;
		printf("%s%s: %s\n", first ? "\n" : "", cause_name(n), cause_text(n));
		first = false;
	}
}

/* ---- As JSON ------------------------------------------------------------------------ */

static void json_cause(struct json *j, int cause)
{
	if (cause < 0)
		return;
	json_string(j, "cause", cause_name(cause));
	json_string(j, "explanation", cause_text(cause));
}

static void json_process(struct json *j, const struct whose_process *p)
{
	struct whose_socket s;

	json_object_begin(j, NULL);
	json_u64(j, "pid", (uint64_t)p->facts.pid);
	json_string(j, "name", p->facts.name);
	json_bool(j, "joined", p->facts.has_heap);
	json_cause(j, p->cause);
	json_bool(j, "uses_io_uring", p->has_ring);
	json_array_begin(j, "sockets");
	for (int n = 0; n < p->n_fds; n++) {
		if (!whose_socket(p, n, &s))
			continue;
		json_object_begin(j, NULL);
		json_u64(j, "fd", (uint64_t)s.fd);
		json_string(j, "whose", whose_name(s.whose));
		json_string(j, "protocol", s.protocol);
		json_string(j, "state", s.state);
		json_string(j, "local", s.local);
		json_string(j, "remote", s.remote);
		json_cause(j, s.cause);
		json_object_end(j);
	}
	json_array_end(j);
	json_object_end(j);
}

/* ---- Both ----------------------------------------------------------------------------- */

static void explain_processes(const struct look *l, const pid_t *pids, int n,
			      struct json *j)
{
	bool used[SOCKET_N_CAUSES] = { false };
	struct whose_process p;

	for (int k = 0; k < n; k++) {
		/* One that has ended meanwhile has no sockets. */
		if (!whose_open(&p, l, pids[k])) {
			if (j)
				json_process(j, &p);
			else
				print_process(&p, used);
		}
		whose_close(&p);
	}
	if (!j)
		print_causes(used);
}

int sockets_explain(const struct found_stack *found, struct json *j)
{
	struct look l;
	pid_t *pids;
	int n, err = look_open(&l, found, "explain");

	if (err)
		return err;
	n = find_processes(found, &pids);
	if (n < 0)
		message_errno(n, "explain: process %d", (int)found->pid);
	if (j) {
		json_object_begin(j, NULL);
		json_u64(j, "pid", (uint64_t)found->pid);
		json_bool(j, "was_reset", l.stack->n_broken > 0);
		json_array_begin(j, "processes");
	} else {
		printf("stack of process %d%s\n", (int)found->pid, l.stack->n_broken ?
		       ", was reset: a process died changing it" : "");
	}
	explain_processes(&l, pids, n, j);
	if (j) {
		json_array_end(j);
		json_object_end(j);
	}
	free(pids);
	look_close(&l);
	return n < 0 ? n : 0;
}

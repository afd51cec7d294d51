// SPDX-License-Identifier: BSD-2-Clause
/*
 * capture.c - tto capture: what passes the device of a program, live, as pcapng
 *
 * Each point of the path is an interface of the file; its statistics say at the end how
 * many frames passed and how many of them were lost because this process was too slow.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/capture/filter.h"
#include "tool/capture/session.h"
#include "tool/device_comment.h"
#include "tool/options.h"
#include "tool/tool.h"
#include "wire/capture.h"

#define MS 1000000u
#define SHORTEST_NS MS		/* to sleep when nothing is there               */
#define LONGEST_NS (8 * MS)
#define STILL_NS (1000 * (ns_t)MS)	/* without a turn: is it still there?   */
#define ALL_POINTS ((1u << MIRROR_N_POINTS) - 1)
#define WIRE_POINTS (1u << MIRROR_WIRE_RX | 1u << MIRROR_WIRE_TX)

static const struct {
	const char *name, *text;
	bool received;
} points[] = {
#define X(id, name, received, text) { name, text, received },
	MIRROR_POINTS(X)
#undef X
};

struct capture_arguments {
	const char *path;
	uint32_t pid, points, snap, seconds, port;
	uint64_t count;		/* UINT64_MAX: no end                           */
	struct filter filter;
};

struct run {
	const struct capture_arguments *a;
	struct found_stack found;
	struct session session;
	struct capture_writer *writer;
	uint32_t interface[MIRROR_N_POINTS];
	uint64_t n_written;
	ns_t begin;		/* since 1970                                   */
	ns_t until;		/* monotonic                                    */
	ns_t moved;		/* monotonic: the last turn that was seen       */
	uint64_t turns;
};

static volatile sig_atomic_t must_end;

/* ---- Arguments ---------------------------------------------------------------------- */

enum {
	OPT_POINT = 256,
	OPT_COUNT,
	OPT_SECONDS,
	OPT_SNAP,
	OPT_ADDRESS,
	OPT_PORT,
};

/* "wire-rx,wire-tx", or "wire" for both, or "all". */
static int take_points(char *text, uint32_t *to)
{
	char *next = NULL, *name;

	for (name = strtok_r(text, ",", &next); name; name = strtok_r(NULL, ",", &next)) {
		uint32_t found = strcmp(name, "all") ? 0 : ALL_POINTS;

		for (unsigned n = 0; n < MIRROR_N_POINTS; n++) {
			size_t stem = strcspn(points[n].name, "-");

			if (!strcmp(points[n].name, name) ||
			    (strlen(name) == stem && !strncmp(points[n].name, name, stem)))
				found |= 1u << n;
		}
		if (!found) {
			message("--point %s: there is no such point; see tto capture --help",
				name);
			return -EINVAL;
		}
		*to |= found;
	}
	return *to ? 0 : (message("--point: none is named; see tto capture --help"),
			  -EINVAL);
}

static int take_option(int option, struct capture_arguments *a)
{
	switch (option) {
	case 'w':
		a->path = optarg;
		return 0;
	case 'p':
		return options_u32("--pid", optarg, 1, INT32_MAX, &a->pid);
	case OPT_POINT:
		return take_points(optarg, &a->points);
	case OPT_COUNT:
		return options_u64("--count", optarg, 1, UINT64_MAX - 1, &a->count);
	case OPT_SECONDS:
		return options_u32("--seconds", optarg, 1, 1000000000, &a->seconds);
	case OPT_SNAP:
		return options_u32("--snaplen", optarg, 1, CAPTURE_PACKET_MAX, &a->snap);
	case OPT_ADDRESS:
		return filter_address(&a->filter, optarg);
	case OPT_PORT:
		return options_u32("--port", optarg, 1, UINT16_MAX, &a->port);
	default:
		return -EINVAL;
	}
}

static int parse(int argc, char **argv, struct capture_arguments *a)
{
	static const struct option longs[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "point", required_argument, NULL, OPT_POINT },
		{ "write", required_argument, NULL, 'w' },
		{ "count", required_argument, NULL, OPT_COUNT },
		{ "seconds", required_argument, NULL, OPT_SECONDS },
		{ "snaplen", required_argument, NULL, OPT_SNAP },
		{ "address", required_argument, NULL, OPT_ADDRESS },
		{ "port", required_argument, NULL, OPT_PORT },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = tool_getopt(argc, argv, ":p:w:", longs)) != -1) {
		if (take_option(option, a))
			return -EINVAL;
	}
	if (optind < argc)
		return message("capture: %s: unknown argument; see tto capture --help",
			       argv[optind]), -EINVAL;
	a->filter.port = (uint16_t)a->port;
	if (!a->points)
		a->points = WIRE_POINTS;
	return 0;
}

/* ---- The stack ------------------------------------------------------------------------- */

static int choose(const struct capture_arguments *a, struct found_stack *out)
{
	struct found_stack found[FIND_STACKS_MAX];
	int n = find_stacks(found, (pid_t)a->pid);

	if (n == 1) {
		*out = found[0];
		return 0;
	}
	for (int k = 0; k < n; k++)
		close(found[k].heap);
	if (n == -ENOENT || n == -ESRCH)
		message("capture: process %u: there is no such process", a->pid);
	else if (n < 0)
		message_errno(n, "capture: process %u", a->pid);
	else if (n > 1)
		message("capture: %d programs are under tto run: --pid, of processes %d, %d%s",
			n, (int)found[0].pid, (int)found[1].pid, n > 2 ? " ..." : "");
	else if (a->pid)
		message("capture: process %u: not under tto run", a->pid);
	else
		message("capture: no program of this user is under tto run");
	return n < 0 ? n : -ENOENT;
}

static int open_session(struct run *r)
{
	int err = session_open(&r->session, &r->found, r->a->points, r->a->snap);

	if (err == -EBUSY)
		message("capture: process %d: somebody captures there already",
			(int)r->found.pid);
	else if (err == -EPROTO)
		message("capture: process %d: not a stack of this version",
			(int)r->found.pid);
	else if (err)
		message_errno(err, "capture: process %d", (int)r->found.pid);
	return err;
}

static ns_t clock_now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (ns_t)t.tv_sec * 1000 * MS + (ns_t)t.tv_nsec;
}

/* Stacks turn every 100 ms at least, as long as their caretaker lives. */
static bool is_over(struct run *r)
{
	uint64_t turns = session_turns(&r->session);
	ns_t now = clock_now(CLOCK_MONOTONIC);
	pid_t *pids;
	int n;

	if (turns != r->turns || now < r->moved + STILL_NS) {
		r->moved = turns != r->turns ? now : r->moved;
		r->turns = turns;
		return false;
	}
	n = find_processes(&r->found, &pids);
	free(pids);
	r->moved = now;
	return n == 0;
}

/* ---- Frames --------------------------------------------------------------------------------- */

static const char *comment_on(const struct mirror_record *m, char text[DEVICE_COMMENT_MAX])
{
	bool csum = m->flags & MIRROR_CSUM;

	if (m->point == MIRROR_HOST_RX) {
		const struct tto_packet p = {
			.n_frames = m->n_frames, .gso_size = m->gso_size,
			.gso_flags = m->gso_flags, .cause = m->cause,
			.changed = m->flags & MIRROR_CHANGED,
		};

		device_comment_write(text, DEVICE_COMMENT_MAX, &p);
		return text;
	}
	if (m->gso_size)
		snprintf(text, DEVICE_COMMENT_MAX, "tto: a unit, to be cut at %u%s",
			 m->gso_size, csum ? "; checksums are filled in then" : "");
	else if (csum)
		snprintf(text, DEVICE_COMMENT_MAX, "tto: the checksum is not filled in yet");
	return m->gso_size || csum ? text : NULL;
}

static int write_frame(struct run *r, const struct mirror_record *m, const uint8_t *frame)
{
	char text[DEVICE_COMMENT_MAX];
	struct capture_packet p = {
		.data = frame, .len = m->len < r->a->snap ? m->len : r->a->snap,
		.full_len = m->full_len, .time = m->time,
		.direction = points[m->point].received ? CAPTURE_IN : CAPTURE_OUT,
		.interface = r->interface[m->point], .comment = comment_on(m, text),
	};

	if (!(r->a->points & 1u << m->point) ||
	    !filter_passes(&r->a->filter, frame, p.len))
		return 0;
	r->n_written++;
	return capture_write(r->writer, &p);
}

/* All that is there. Return: how many records; -errno. */
static int write_frames(struct run *r)
{
	struct mirror_record m;
	const uint8_t *frame;
	int n = 0, err = 0, got;

	while (!err && r->n_written < r->a->count &&
	       (got = session_next(&r->session, &m, &frame)) != 0) {
		if (got < 0)
			return got;
		err = write_frame(r, &m, frame);
		session_done(&r->session, &m);
		n++;
	}
	return err ? err : n;
}

static bool goes_on(struct run *r)
{
	return !must_end && r->n_written < r->a->count &&
	       clock_now(CLOCK_MONOTONIC) < r->until && !is_over(r);
}

static int follow(struct run *r)
{
	struct timespec pause = { .tv_nsec = SHORTEST_NS };
	int got;

	do {
		got = write_frames(r);
		if (got > 0) {
			pause.tv_nsec = SHORTEST_NS;
			continue;
		}
		if (!got)
			got = capture_flush(r->writer);
		if (!got)
			nanosleep(&pause, NULL);
		if (pause.tv_nsec < LONGEST_NS)
			pause.tv_nsec *= 2;
	} while (got >= 0 && goes_on(r));
	return got < 0 ? got : 0;
}

/* ---- The file ------------------------------------------------------------------------------- */

static int add_interfaces(struct run *r)
{
	int err = 0;

	for (unsigned n = 0; n < MIRROR_N_POINTS && !err; n++) {
		if (r->a->points & 1u << n)
			err = capture_add_interface(r->writer, LINKTYPE_ETHERNET,
						    points[n].name, &r->interface[n]);
	}
	return err;
}

static int write_statistics(struct run *r)
{
	const struct mirror *m = r->session.mirror;
	uint64_t lost = 0;
	int err = 0;

	for (unsigned n = 0; n < MIRROR_N_POINTS && !err; n++) {
		/* Before it began they are those of another session. */
		const struct capture_statistics s = {
			.begin = r->begin, .end = clock_now(CLOCK_REALTIME),
			.received = r->session.ring ? m->taken[n] : 0,
			.dropped = r->session.ring ? m->lost[n] : 0,
		};

		if (!(r->a->points & 1u << n))
			continue;
		lost += s.dropped;
		err = capture_write_statistics(r->writer, r->interface[n], &s);
	}
	if (lost)
		message("capture: %" PRIu64 " frames were lost: they came faster than they "
			"were written", lost);
	return err;
}

static void end_now(int number)
{
	must_end = 1;
}

/* So that the file is completed. A pipe that nobody reads any more is an error. */
static void catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction end = { .sa_handler = end_now };

	for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++)
		sigaction(numbers[n], &end, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int capture(struct run *r)
{
	int err;

	r->begin = clock_now(CLOCK_REALTIME);
	r->moved = clock_now(CLOCK_MONOTONIC);
	r->until = r->a->seconds ? r->moved + r->a->seconds * 1000 * (ns_t)MS : NS_NEVER;
	err = add_interfaces(r);
	if (!err)
		err = follow(r);
	if (!err)
		err = write_statistics(r);
	session_close(&r->session);
	if (err == -EPROTO)
		message("capture: process %d: what it gives cannot be", (int)r->found.pid);
	return err;
}

static int run(int argc, char **argv)
{
	struct capture_arguments a = { .path = "-", .snap = CAPTURE_PACKET_MAX,
				       .count = UINT64_MAX };
	struct run r = { .a = &a };
	struct wire_error error;
	int err;

	if (parse(argc, argv, &a))
		return TOOL_USAGE;
	if (choose(&a, &r.found))
		return TOOL_REFUSED;
	err = capture_create(&r.writer, a.path, &error);
	if (err) {
		message("%s", error.text);
		return TOOL_REFUSED;
	}
	catch_signals();
	if (open_session(&r)) {
		capture_abort(r.writer);
		return TOOL_REFUSED;
	}
	err = capture(&r);
	/* What was written is there even if it ended badly. */
	if (tool_finish_output(r.writer))
		return TOOL_REFUSED;
	return err ? TOOL_REFUSED : TOOL_OK;
}

const struct tool_verb tool_capture = {
	.name = "capture",
	.summary = "what passes the device of a program, live, as pcapng",
	.usage =
"Usage: tto capture [--pid PID] [--point POINT,...] [-w FILE] [OPTIONS]\n"
"\n"
"Of a program under tto run, until it ends, SIGINT, or what is said here. Points,\n"
"each an interface of the file; \"wire\" (the default) and \"host\" two, \"all\" four:\n"
"\n"
"  wire-rx               frames as the wire gave them\n"
"  host-rx               what TCP was given: aggregates, with why each ended\n"
"  host-tx               units as TCP gave them to the device\n"
"  wire-tx               frames as the wire was given them\n"
"\n"
"  -p, --pid PID         a process of it; needed if there are several programs\n"
"  -w, --write FILE      default -: standard output\n"
"      --count N         so many frames, then end\n"
"      --seconds S       so long, then end\n"
"      --snaplen BYTES   of each frame at most\n"
"      --address A       frames from or to this address only\n"
"      --port P          from or to this port only\n"
"  -h, --help            this text\n",
	.run = run,
};

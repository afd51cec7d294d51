// SPDX-License-Identifier: BSD-2-Clause
/*
 * interop.c - tto-interop: one connection with another TCP, in real time
 *
 * Sends a file, writes what it receives to another, closes in good order, and
 * says in JSON what became of it. Whoever started it compares the files.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/message.h"
#include "interop/station.h"
#include "tcp/congestion/congestion.h"

#define N_CELLS 131072		/* of 64 bytes: all that fits into the buffers  */
#define WHEEL_SHIFT 16		/* 65 us                                        */

struct options {
	const char *wire, *send, *receive;
	const char *address, *peer;
	uint16_t port, mtu;
	bool connects, frames;
	enum aggregation aggregation;
	uint64_t seconds, time_wait_ms, seed, ral;
	uint8_t mac[6];
};

/* What is sent, and where to what is received goes. */
static const uint8_t *content;
static uint64_t content_bytes;
static FILE *output;

static void usage(FILE *to)
{
	fputs("usage: tto-interop --address A --peer B --port N [--connect]\n"
	      "               [--send FILE] [--receive FILE] [--frames] [--mac M]\n"
	      "               [--aggregate not|host|lossless] [--ral BYTES]\n"
	      "               [--mtu N] [--seconds N] [--time-wait MS] [--seed N]\n"
	      "               WIRE\n"
	      "\n"
	      "One connection, with whoever has the address B, from the address A\n"
	      "that no interface has. Without --connect it listens. --frames: the\n"
	      "wire gets no units, whether it takes them or not. Prints \"open\" when\n"
	      "the wire is there, \"ready\" when B has answered, then a JSON object.\n",
	      to);
}

/* ---- Arguments -------------------------------------------------------------- */

static int take_number(const char *name, const char *text, uint64_t max,
		       uint64_t *to)
{
	char *end;

	errno = 0;
	*to = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || *to > max)
		return message("--%s %s: not a number up to %llu", name, text,
			       (unsigned long long)max), -EINVAL;
	return 0;
}

static int take_aggregation(const char *text, enum aggregation *to)
{
	static const char *const names[] = { "not", "host", "lossless" };

	_Static_assert(ARRAY_SIZE(names) == AGGREGATE_N, "one name for each");
	for (unsigned n = 0; n < AGGREGATE_N; n++) {
		if (!strcmp(names[n], text)) {
			*to = n;
			return 0;
		}
	}
	return message("--aggregate %s: not, host or lossless", text), -EINVAL;
}

static int take_mac(const char *text, uint8_t *to)
{
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &to[0], &to[1],
		   &to[2], &to[3], &to[4], &to[5], &end) == 6 && !text[end])
		return 0;
	return message("--mac %s: not like 02:00:00:00:00:01", text), -EINVAL;
}

static const struct option longs[] = {
	{ "address", required_argument, NULL, 'a' },
	{ "peer", required_argument, NULL, 'b' },
	{ "mac", required_argument, NULL, 'M' },
	{ "port", required_argument, NULL, 'p' },
	{ "connect", no_argument, NULL, 'c' },
	{ "send", required_argument, NULL, 's' },
	{ "receive", required_argument, NULL, 'r' },
	{ "frames", no_argument, NULL, 'f' },
	{ "aggregate", required_argument, NULL, 'g' },
	{ "ral", required_argument, NULL, 'l' },
	{ "mtu", required_argument, NULL, 'm' },
	{ "seconds", required_argument, NULL, 't' },
	{ "time-wait", required_argument, NULL, 'w' },
	{ "seed", required_argument, NULL, 'e' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int take_numbers(int option, struct options *o)
{
	uint64_t value = 0;
	int err = 0;

	switch (option) {
	case 'p':
		err = take_number("port", optarg, UINT16_MAX, &value);
		o->port = (uint16_t)value;
		return err;
	case 'm':
		err = take_number("mtu", optarg, 9000, &value);
		o->mtu = (uint16_t)value;
		return err;
	case 'l':
		return take_number("ral", optarg, 524288, &o->ral);
	case 't':
		return take_number("seconds", optarg, 86400, &o->seconds);
	case 'w':
		return take_number("time-wait", optarg, 120000, &o->time_wait_ms);
	case 'e':
		return take_number("seed", optarg, UINT64_MAX, &o->seed);
	default:
		usage(stderr);
		return -EINVAL;
	}
}

static int take_option(int option, struct options *o)
{
	switch (option) {
	case 'a':
		o->address = optarg;
		return 0;
	case 'b':
		o->peer = optarg;
		return 0;
	case 's':
		o->send = optarg;
		return 0;
	case 'r':
		o->receive = optarg;
		return 0;
	case 'c':
		o->connects = true;
		return 0;
	case 'f':
		o->frames = true;
		return 0;
	case 'g':
		return take_aggregation(optarg, &o->aggregation);
	case 'M':
		return take_mac(optarg, o->mac);
	case 'h':
		usage(stdout);
		exit(0);
	default:
		return take_numbers(option, o);
	}
}

static int parse(int argc, char **argv, struct options *o)
{
	int option;

	while ((option = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (take_option(option, o))
			return -EINVAL;
	}
	if (optind + 1 != argc || !o->address || !o->peer || !o->port) {
		usage(stderr);
		return -EINVAL;
	}
	o->wire = argv[optind];
	return 0;
}

/* ---- Files ------------------------------------------------------------------ */

static int open_input(const char *path)
{
	struct stat st;
	int fd, err = 0;
	void *p;

	if (!path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st)) {
		err = -errno;
	} else if (st.st_size > 0) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			err = -errno;
		content = p;
		content_bytes = (uint64_t)st.st_size;
	}
	if (fd >= 0)
		close(fd);
	if (err)
		message_errno(err, "%s", path);
	return err;
}

static int open_output(const char *path)
{
	if (!path)
		return 0;
	output = fopen(path, "we");
	if (!output)
		return message_errno(errno, "%s", path), -EIO;
	setvbuf(output, NULL, _IOFBF, 1 << 20);
	return 0;
}

static const uint8_t *payload(const struct connection *c, uint64_t at,
			      uint32_t len)
{
	static const uint8_t nothing[1];

	if (len && (at > content_bytes || len > content_bytes - at))
		verdict_fail(c->host->verdict, "sends what is not there");
	return len ? content + at : nothing;
}

static void receive(struct connection *c, uint64_t at, const uint8_t *bytes,
		    uint32_t len)
{
	if (at != c->out.received)
		verdict_fail(c->host->verdict, "received byte %llu when byte %llu was next",
			     (unsigned long long)at,
			     (unsigned long long)c->out.received);
	if (output && fwrite(bytes, 1, len, output) != len)
		verdict_fail(c->host->verdict, "the file cannot be written");
}

/* ---- The result ------------------------------------------------------------- */

static void print_outcome(struct json *j, const struct outcome *o)
{
	const struct tcp_report *r = &o->report;
	ns_t time = o->eof_at > o->established_at ?
		    o->eof_at - o->established_at : 0;

	json_u64(j, "sent", o->written);
	json_u64(j, "acked", o->acked);
	json_u64(j, "received", o->received);
	json_bool(j, "peer_closed", o->eof);
	json_u64(j, "end", o->end);
	json_u64(j, "resets", o->n_resets);
	json_double(j, "seconds", (double)time * 1e-9);
	json_double(j, "rtt_ms", (double)r->rtt * 1e-6);
	json_double(j, "rtt_min_ms", (double)r->rtt_min * 1e-6);
	json_u64(j, "bytes_again", r->bytes_again);
	json_u64(j, "again", r->again_total);
	json_u64(j, "timeouts", r->timeouts);
	json_u64(j, "spurious", r->spurious);
	json_u64(j, "cwnd", r->cwnd);
	json_u64(j, "ssthresh", r->ssthresh);
	json_u64(j, "receive_buffer", r->receive_buffer);
	json_u64(j, "units_sent", r->units_sent);
	json_u64(j, "frames_sent", r->frames_sent);
	json_u64(j, "units_received", r->units_received);
	json_u64(j, "frames_received", r->frames_received);
	json_u64(j, "out_of_order", r->out_of_order);
}

/* Return: whether all went well. */
static bool print_result(const struct station *s, int err)
{
	const struct host *h = s->host;
	const struct outcome *o = h && h->n_outcomes ? h->outcomes : NULL;
	bool ok = !err && o && o->end == TCP_END_CLOSED && o->eof &&
		  o->acked == content_bytes;
	struct json j;

	json_begin(&j, stdout);
	json_object_begin(&j, NULL);
	json_bool(&j, "ok", ok);
	json_string(&j, "why", s->verdict.failed ? s->verdict.text :
		    err ? strerror(-err) : NULL);
	if (o)
		print_outcome(&j, o);
	if (h) {
		json_u64(&j, "joined", h->device.n_joined);
		json_u64(&j, "bad", h->device.n_bad);
	}
	if (s->outlet)
		json_u64(&j, "dropped_full", outlet_stats(s->outlet)->dropped_full);
	json_u64(&j, "not_understood", s->n_not_understood);
	json_object_end(&j);
	return !json_end(&j) && ok;
}

/* ---- Run -------------------------------------------------------------------- */

static struct side side_of(const struct options *o)
{
	struct side side = {
		.mtu = o->mtu,
		.n_cells = N_CELLS,
		.n_requests = 16,
		.time_wait_entries = true,
		.clock_start = station_now(),
		.clock_tick = 1,
		.ral = (uint32_t)o->ral,
		.hold = 200000,
		.wheel_shift = WHEEL_SHIFT,
	};

	tcp_config_default(&side.config);
	side.config.time_wait = o->time_wait_ms * MS;
	side.program.total = content_bytes;
	side.program.after_eof = content_bytes == 0;
	return side;
}

static int take_address(const char *text, struct tcp_tuple *t, uint8_t *to)
{
	t->v6 = strchr(text, ':') != NULL;
	if (inet_pton(t->v6 ? AF_INET6 : AF_INET, text, to) == 1)
		return 0;
	return message("%s: not an address", text), -EINVAL;
}

static int make_setup(const struct options *o, const struct side *side,
		      struct host_setup *setup)
{
	*setup = (struct host_setup){
		.side = side, .seed = o->seed, .aggregation = o->aggregation,
		.listens = !o->connects, .n_connections = 1, .n_parallel = 1,
	};
	if (o->connects)
		setup->tuple.remote_port = o->port;
	else
		setup->tuple.local_port = o->port;
	return take_address(o->peer, &setup->tuple, setup->tuple.remote) ||
	       take_address(o->address, &setup->tuple, setup->tuple.local) ?
	       -EINVAL : 0;
}

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static int run_station(struct station *s, const struct options *o,
		       struct host_setup *setup)
{
	static struct host_ops ops = { .payload = payload, .receive = receive };
	int err;

	say("open");
	s->neighbour.tuple = setup->tuple;
	memcpy(s->neighbour.mac, o->mac, 6);
	s->limit = station_now() + o->seconds * TCP_SECOND;
	if (o->frames)
		s->wire->caps.tso4 = s->wire->caps.tso6 = false;
	err = station_open(s, setup, &ops);
	if (err)
		return err;
	say("ready");
	err = station_run(s);
	if (output && fclose(output) && !err)
		err = -EIO;
	return err;
}

static int run(const struct options *o)
{
	struct wire_error error = { "" };
	struct side side = side_of(o);
	struct host_setup setup;
	struct station *s;
	bool ok;
	int err;

	if (make_setup(o, &side, &setup))
		return 1;
	s = calloc(1, sizeof(*s));
	if (!s)
		return message("out of memory"), 2;
	if (wire_open(&s->wire, o->wire, &error)) {
		message("%s", error.text);
		free(s);
		return 2;
	}
	err = run_station(s, o, &setup);
	ok = print_result(s, err);
	station_close(s);
	err = wire_close(s->wire);
	free(s);
	return ok && !err ? 0 : 2;
}

int main(int argc, char **argv)
{
	struct options o = {
		.mtu = 1500, .seconds = 60, .time_wait_ms = 1000, .ral = 65535,
		.aggregation = AGGREGATE_HOST,
		.mac = { 2, 9, 0, 0, 0, 0xfe },
	};

	if (getrandom(&o.seed, sizeof(o.seed), 0) < 0)
		return message_errno(errno, "getrandom"), 2;
	if (parse(argc, argv, &o))
		return 1;
	/* Deadlines are fractions of a millisecond; so must sleep be. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	if (open_input(o.send) || open_output(o.receive))
		return 2;
	return run(&o);
}

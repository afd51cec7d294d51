// SPDX-License-Identifier: BSD-2-Clause
/* bridge.c - tto bridge: arguments, signals, what is opened and closed */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/message.h"
#include "tool/bridge/bridge.h"
#include "tool/linktype.h"
#include "tool/options.h"
#include "tool/tool.h"

#define US 1000ULL
#define SECOND 1000000000ULL
#define RAL_MAX 65535		/* a longer one could not say how long it is    */
#define RAL_MIN 576
#define LINK_BYTES 18		/* Ethernet with a VLAN tag                     */

struct arguments {
	const char *wire, *host;
	struct tto_coalescer_options options;
	uint32_t stats_s;	/* 0: none                                      */
	bool no_aggregate, busy, json;
};

/* ---- Stop ------------------------------------------------------------------ */

static volatile sig_atomic_t stop;
static int stop_fd = -1;	/* wakes ppoll(), however late the signal comes */

static void on_signal(int number)
{
	const uint64_t one = 1;
	int saved = errno;

	stop = number;
	if (write(stop_fd, &one, sizeof(one)) < 0)
		stop = number;
	errno = saved;
}

static int catch_signals(void)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };

	stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (stop_fd < 0)
		return -errno;
	for (unsigned n = 0; n < ARRAY_SIZE(numbers); n++)
		sigaction(numbers[n], &action, NULL);
	return 0;
}

/* ---- Open ------------------------------------------------------------------ */

static int open_coalescer(struct bridge *b, const struct arguments *a)
{
	struct tto_coalescer_options o = a->options;
	const struct wire_caps *host = &b->host->caps;
	uint32_t frame_max = host->max_frame;
	int err;

	o.output = TTO_OUTPUT_CONTIGUOUS;
	o.link = (uint8_t)linktype_to_link(b->wire->caps.linktype);
	o.partial_csum = host->csum;
	/* No units: what is joined must be a frame that it takes. */
	if (!(host->tso4 && host->tso6) && frame_max < o.ral + LINK_BYTES)
		o.ral = frame_max < RAL_MIN + LINK_BYTES ? RAL_MIN :
							    frame_max - LINK_BYTES;
	err = tto_coalescer_open(&b->coalescer, &o, bridge_deliver, b);
	if (err)
		message_errno(err, "bridge");
	return err;
}

static int check_links(const struct bridge *b)
{
	if (b->wire->caps.linktype == b->host->caps.linktype &&
	    linktype_to_link(b->wire->caps.linktype) >= 0)
		return 0;
	message("bridge: %s and %s have different link layers, or one that is not known",
		b->wire->name, b->host->name);
	return -ENOTSUP;
}

static int open_wire(struct wire **out, const char *spec)
{
	struct wire_error error = { "" };
	int err = wire_open(out, spec, &error);

	if (err)
		message("%s", error.text);
	return err;
}

static int open_bridge(struct bridge *b, const struct arguments *a)
{
	int err;

	b->busy = a->busy;
	b->json = a->json;
	b->progress = !a->stats_s && isatty(STDERR_FILENO);
	b->report_every = a->stats_s ? a->stats_s * SECOND :
			  b->progress ? SECOND : 0;
	b->linear = malloc(BRIDGE_LINEAR_BYTES);
	err = b->linear ? catch_signals() : -ENOMEM;
	if (err)
		return message_errno(err, "bridge"), err;
	b->stop_fd = stop_fd;
	/* HOST last: when its device is there, frames are already received. */
	err = open_wire(&b->wire, a->wire);
	if (!err)
		err = open_wire(&b->host, a->host);
	if (!err)
		err = check_links(b);
	if (!err && !a->no_aggregate)
		err = open_coalescer(b, a);
	if (err)
		return err;
	err = outlet_open(&b->to_wire, b->wire,
			  OUTLET_PATIENCE_MS);
	if (!err)
		err = outlet_open(&b->to_host, b->host,
				  OUTLET_PATIENCE_MS);
	if (err)
		message_errno(err, "bridge");
	return err;
}

static int close_wire(struct wire *w)
{
	char name[sizeof(w->name)] = "";
	int err;

	if (w)
		memcpy(name, w->name, sizeof(name));
	err = wire_close(w);
	if (err)
		message_errno(err, "%s", name);
	return err;
}

static int close_bridge(struct bridge *b)
{
	int err, host_err;

	tto_coalescer_close(b->coalescer);
	outlet_close(b->to_wire);
	outlet_close(b->to_host);
	err = close_wire(b->wire);
	host_err = close_wire(b->host);
	free(b->linear);
	if (stop_fd >= 0)
		close(stop_fd);
	free(b);
	return err ? err : host_err;
}

/* ---- Arguments ------------------------------------------------------------- */

enum {
	OPT_POLICY = 256,
	OPT_NO_AGGREGATE,
	OPT_RAL,
	OPT_TIMEOUT,
	OPT_ACK_TIMEOUT,
	OPT_FLOWS,
	OPT_STATS,
	OPT_BUSY,
};

static int take_policy(const char *text, uint8_t *policy)
{
	if (!strcmp(text, "host"))
		*policy = TTO_POLICY_HOST;
	else if (!strcmp(text, "lossless"))
		*policy = TTO_POLICY_LOSSLESS;
	else
		return message("--policy %s: host or lossless", text), -EINVAL;
	return 0;
}

static int take_us(const char *name, uint64_t *ns)
{
	uint64_t us;
	int err = options_u64(name, optarg, 1, UINT32_MAX, &us);

	if (!err)
		*ns = us * US;
	return err;
}

static int take_option(int option, struct arguments *a)
{
	struct tto_coalescer_options *o = &a->options;

	switch (option) {
	case 'j':
		a->json = true;
		return 0;
	case OPT_NO_AGGREGATE:
		a->no_aggregate = true;
		return 0;
	case OPT_BUSY:
		a->busy = true;
		return 0;
	case OPT_POLICY:
		return take_policy(optarg, &o->policy);
	case OPT_RAL:
		return options_u32("--ral", optarg, RAL_MIN, RAL_MAX, &o->ral);
	case OPT_FLOWS:
		return options_u32("--flows", optarg, 1, 1 << 20, &o->flows);
	case OPT_TIMEOUT:
		return take_us("--timeout-us", &o->timeout_aggregation_ns);
	case OPT_ACK_TIMEOUT:
		return take_us("--ack-timeout-us",
			       &o->timeout_ack_aggregation_ns);
	case OPT_STATS:
		return options_u32("--stats", optarg, 1, 86400, &a->stats_s);
	default:
		return -EINVAL;
	}
}

static int take_wires(int argc, char **argv, struct arguments *a)
{
	if (argc - optind < 2)
		return message("bridge: two wires are needed; see tto bridge --help"),
		       -EINVAL;
	if (argc - optind > 2)
		return message("bridge: %s: two wires only", argv[optind + 2]),
		       -EINVAL;
	a->wire = argv[optind];
	a->host = argv[optind + 1];
	return 0;
}

static int parse_arguments(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
		{ "policy", required_argument, NULL, OPT_POLICY },
		{ "no-aggregate", no_argument, NULL, OPT_NO_AGGREGATE },
		{ "ral", required_argument, NULL, OPT_RAL },
		{ "timeout-us", required_argument, NULL, OPT_TIMEOUT },
		{ "ack-timeout-us", required_argument, NULL, OPT_ACK_TIMEOUT },
		{ "flows", required_argument, NULL, OPT_FLOWS },
		{ "stats", required_argument, NULL, OPT_STATS },
		{ "busy", no_argument, NULL, OPT_BUSY },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	a->options = (struct tto_coalescer_options){
		.size = sizeof(a->options),
		.ral = RAL_MAX,
	};
	if (getrandom(a->options.seed, sizeof(a->options.seed), 0) < 0)
		return message_errno(errno, "bridge: getrandom"), -EINVAL;
	while ((option = tool_getopt(argc, argv, ":j", longs)) != -1) {
		if (take_option(option, a))
			return -EINVAL;
	}
	return take_wires(argc, argv, a);
}

static int run_opened(struct bridge *b, const struct arguments *a)
{
	struct bridge_view v;
	int err = bridge_run(b, &stop);

	if (b->progress)
		fputs("\r\033[K", stderr);
	if (err == -ENETDOWN)
		message("%s %s: the interface is gone", b->failed->ops->kind,
			b->failed->name);
	else if (err)
		message_errno(err, "%s %s", b->failed->ops->kind,
			      b->failed->name);
	v = bridge_view(b);
	bridge_report_summary(&v, a->json, stdout);
	return err;
}

static int run(int argc, char **argv)
{
	struct arguments a = { 0 };
	struct bridge *b;
	int err, close_err;

	if (parse_arguments(argc, argv, &a))
		return TOOL_USAGE;
	b = calloc(1, sizeof(*b));
	if (!b)
		return message("out of memory"), TOOL_REFUSED;
	/* Deadlines are fractions of a millisecond; so must sleep be. */
	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
	err = open_bridge(b, &a);
	if (!err)
		err = run_opened(b, &a);
	close_err = close_bridge(b);
	return err || close_err ? TOOL_REFUSED : TOOL_OK;
}

const struct tool_verb tool_bridge = {
	.name = "bridge",
	.summary = "run the device between two wires, live",
	.usage =
"Usage: tto bridge WIRE HOST [OPTIONS]\n"
"\n"
"What arrives on WIRE reaches HOST with its TCP segments coalesced; what HOST\n"
"sends in units of up to 64 KiB is cut for WIRE. All else passes as it is. Runs\n"
"until it is interrupted, then prints a summary and leaves nothing behind.\n"
"\n"
"Wires: afpacket:IF[,plain][,gso][,exclusive|,shared]\n"
"       tap:NAME[,address=A/P][,mac=M][,mtu=N][,up][,tso=off][,plain]\n"
"       memif:SOCKET[,role=server|client][,id=N]..., see tto-memif(7)\n"
"       pcap:FILE and others, see tto(1)\n"
"\n"
"      --policy POLICY   lossless (default): only what can be cut again into\n"
"                        the very same frames; host: newest ACK, oldest\n"
"                        timestamp, least TTL, ACKs joined\n"
"      --no-aggregate    coalesce nothing\n"
"      --ral BYTES       receive aggregation length, 576..65535 (65535)\n"
"      --timeout-us N    timeout_aggregation (200)\n"
"      --ack-timeout-us N  timeout_ack_aggregation (100)\n"
"      --flows N         places in the flow table (16384)\n"
"      --busy            never sleep: less latency, a core of its own\n"
"      --stats SECONDS   a line of rates every so often, on standard output\n"
"  -j, --json            summary and rates as JSON\n"
"  -h, --help            this text\n",
	.run = run,
};

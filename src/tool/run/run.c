// SPDX-License-Identifier: BSD-2-Clause
/* run.c - tto run: arguments, and what follows what */
#include "tool/run/run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/keep.h"
#include "base/message.h"
#include "socket/join.h"
#include "tool/options.h"
#include "tool/tool.h"

enum {
	OPT_WIRE = 256,
	OPT_ADDRESS,
	OPT_GATEWAY,
	OPT_STRICT,
	OPT_LOOPBACK,
	OPT_SPIN,
	OPT_NETNS,
	OPT_DAEMON,
};

static int add_text(const char **texts, unsigned *n, const char *option)
{
	if (*n == RUN_ADDRESSES_MAX) {
		message("run: %s: more than %d", option, RUN_ADDRESSES_MAX);
		return -EINVAL;
	}
	texts[(*n)++] = optarg;
	return 0;
}

static int take_option(int option, struct run_arguments *a)
{
	switch (option) {
	case OPT_WIRE:
		a->wire = optarg;
		return 0;
	case OPT_ADDRESS:
		return add_text(a->addresses, &a->n_addresses, "--address");
	case OPT_GATEWAY:
		return add_text(a->gateways, &a->n_gateways, "--gateway");
	case OPT_STRICT:
		a->strict = true;
		return 0;
	case OPT_LOOPBACK:
		a->loopback = true;
		return 0;
	case OPT_SPIN:
		a->has_spin = true;
		return options_u32("--spin", optarg, 0, 1000000, &a->spin_us);
	case OPT_NETNS:
		a->netns = true;
		return 0;
	case OPT_DAEMON:
		a->daemon = optarg ? optarg : RUN_DAEMON_SOCKET;
		return 0;
	case 'q':
		a->quiet = true;
		return 0;
	default:
		return -EINVAL;
	}
}

static int parse_arguments(int argc, char **argv, struct run_arguments *a)
{
	static const struct option longs[] = {
		{ "wire", required_argument, NULL, OPT_WIRE },
		{ "address", required_argument, NULL, OPT_ADDRESS },
		{ "gateway", required_argument, NULL, OPT_GATEWAY },
		{ "strict", no_argument, NULL, OPT_STRICT },
		{ "loopback", no_argument, NULL, OPT_LOOPBACK },
		{ "spin", required_argument, NULL, OPT_SPIN },
		{ "netns", no_argument, NULL, OPT_NETNS },
		{ "daemon", optional_argument, NULL, OPT_DAEMON },
		{ "quiet", no_argument, NULL, 'q' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = tool_getopt(argc, argv, "+:q", longs)) != -1) {
		if (take_option(option, a))
			return -EINVAL;
	}
	if (optind == argc || strcmp(argv[optind - 1], "--"))
		return message("run: -- and a program are needed; see tto run --help"),
		       -EINVAL;
	if (a->daemon && (a->wire || a->n_addresses || a->n_gateways || a->netns))
		return message("run: --daemon goes with neither --wire, --address, "
			       "--gateway nor --netns"), -EINVAL;
	if (a->wire && !a->n_addresses)
		return message("run: --wire needs an --address"), -EINVAL;
	a->program = argv + optind;
	return 0;
}

/* As the program ended, so do we: who started us sees no difference. */
static int end_as(int status)
{
	const struct rlimit no_core = { 0 };
	int number = WTERMSIG(status);
	sigset_t set;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
	return 128 + number;
}

/* The program's processes have the end that is written to: it is over with the last. */
static int make_lifeline(int ends[2])
{
	int kept;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	kept = keep_descriptor(ends[1]);
	if (kept < 0)
		return kept;
	ends[1] = kept;
	return 0;
}

static int run(int argc, char **argv)
{
	struct run_arguments a = { 0 };
	char share[JOIN_SHARE_BYTES];
	int lifeline[2], err;
	sigset_t before;
	pid_t program;

	if (parse_arguments(argc, argv, &a) ||
	    (a.netns && link_enter_namespace()) || link_start(&a))
		return RUN_FAILED;
	err = make_lifeline(lifeline);
	if (!err)
		err = join_share(share, sizeof(share));
	if (!err)
		err = caretaker_block_signals(&before);
	if (err)
		return message_errno(err, "run"), RUN_FAILED;
	outsider_tell(a.program[0]);
	program = program_start(&a, share, &before);
	close(lifeline[1]);
	return program < 0 ? RUN_FAILED : end_as(caretaker_run(program, lifeline[0]));
}

const struct tool_verb tool_run = {
	.name = "run",
	.summary = "run a program over a TCP of its own",
	.usage =
"Usage: tto run [OPTIONS] -- PROGRAM [ARGUMENTS]\n"
"\n"
"The program's Internet stream sockets go over a stack in its own processes, with\n"
"an address of its own on a wire; all else stays the kernel's. Without --wire that\n"
"is a new TAP device: what is at its other end is this machine's kernel. It goes\n"
"when the program has ended, and its connections with it.\n"
"\n"
"      --wire WIRE       see tto(1): tap:NAME..., memif:SOCKET...\n"
"      --address A/P     of the stack, on that wire; up to 8\n"
"      --gateway G       what is not on the wire's own network is behind this\n"
"      --loopback        the loopback addresses are the stack's, too\n"
"      --strict          where the stack cannot, fail: no socket of the kernel's\n"
"      --spin US         look for frames so long before going to sleep\n"
"      --netns           first into a network namespace of its own; needs no root\n"
"      --daemon[=SOCKET] over the device that ttod(8) has, with the host's own\n"
"                        addresses; needs no root\n"
"  -q, --quiet           do not say what the address is\n"
"  -h, --help            this text\n"
"\n"
"Exit status: that of the program; 125 nothing was started, 126 the program cannot\n"
"be executed, 127 it is not there.\n",
	.run = run,
};

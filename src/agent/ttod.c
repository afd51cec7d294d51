// SPDX-License-Identifier: BSD-2-Clause
/* ttod.c - The daemon: arguments, and the order of things */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <tto/engine.h>

#include "agent/agent.h"
#include "base/message.h"

enum {				/* exit status                                  */
	EXIT_DONE = 0,
	EXIT_USAGE = 1,		/* wrong arguments                              */
	EXIT_REFUSED = 2,	/* by the system, or the configuration is wrong */
};

static void print_help(void)
{
	printf("Usage: ttod [OPTIONS]\n"
	       "\n"
	       "Host a TCP offload device for other programs.\n"
	       "\n"
	       "  -c, --config FILE  default " CONFIG_PATH "\n"
	       "      --check FILE   say whether a configuration is right, and end\n"
	       "  -V, --version\n"
	       "  -h, --help\n"
	       "\n"
	       "Exit status: 0 done; 1 wrong arguments; 2 refused by the system, or a wrong\n"
	       "configuration. See ttod(8) and ttod.conf(5).\n");
}

static int check_config(const char *path)
{
	struct config config;
	int err = config_read(path, &config);

	config_close(&config);
	if (err)
		return EXIT_REFUSED;
	printf("%s: fine\n", path);
	return EXIT_DONE;
}

static int serve(const struct config *config)
{
	struct agent agent;
	int err = agent_open(&agent, config);

	if (!err)
		err = isolate(config, agent.kernel);
	if (!err) {
		notify("READY=1");
		err = agent_run(&agent);
		notify("STOPPING=1");
	}
	agent_close(&agent);
	return err ? EXIT_REFUSED : EXIT_DONE;
}

static int run(const char *path)
{
	struct config config;
	int err = config_read(path, &config);
	int status = err ? EXIT_REFUSED : serve(&config);

	config_close(&config);
	return status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' },
		{ 0 },
	};
	const char *path = CONFIG_PATH;
	int option;

	message_program = "ttod";
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":c:hV", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'k':
			return check_config(optarg);
		case 'h':
			print_help();
			return EXIT_DONE;
		case 'V':
			printf("ttod %s\n", tto_version());
			return EXIT_DONE;
		default:
			message(option == ':' ? "%s: needs a value; see ttod --help" :
				"%s: unknown option; see ttod --help",
				argv[optind - 1]);
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		message("%s: unknown argument; see ttod --help", argv[optind]);
		return EXIT_USAGE;
	}
	return run(path);
}

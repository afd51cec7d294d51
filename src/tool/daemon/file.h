/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * file.h - The daemon's statistics file, for the verbs that read it
 *
 * What is read is judged: whoever wrote the file could have written anything, and may
 * still do so. The head is copied before it is judged; a file that is cut short while it
 * is read ends the program with one line.
 */
#ifndef TOOL_DAEMON_FILE_H
#define TOOL_DAEMON_FILE_H

#include "control/stats.h"

#define STATS_FILE "/run/tto/ttod.stats"
#define ADDRESS_TEXT 64		/* "[address]:port"                             */

struct stats_file {
	struct stats_head head;	/* as it was when the file was opened           */
	const uint8_t *memory;
	uint64_t bytes;
	bool alone;		/* its writer is gone                           */
};

/* Options that these verbs have in common. */
struct daemon_options {
	const char *path;
	bool json;
};

/**
 * daemon_options() - Read them
 *
 * Return: 0, or TOOL_USAGE after one line on stderr. What follows begins at optind.
 */
int daemon_options(int argc, char **argv, struct daemon_options *o);

/**
 * stats_file_open() - Map it
 * @verb:	For the message
 *
 * Return: 0, or -errno after one line on stderr.
 */
int stats_file_open(struct stats_file *f, const char *verb, const char *path);
void stats_file_close(struct stats_file *f);

/**
 * stats_file_client() - Copy record @n
 *
 * Return: false when it is not in use.
 */
bool stats_file_client(const struct stats_file *f, uint32_t n,
		       struct stats_client *out);
bool stats_file_flow(const struct stats_file *f, uint32_t n, struct stats_flow *out);

/* "10.0.0.1:80", "[fd00::1]:80", "any:80"; a port of 0 is left out. */
void address_text(char out[ADDRESS_TEXT], const uint8_t address[16], uint16_t port,
		  bool v6);

#endif

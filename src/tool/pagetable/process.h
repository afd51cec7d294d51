/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h - A live process: its mappings, and the files that tell of its pages
 *
 * All files are opened through one handle of /proc/PID, so that they are of one
 * process even when its number is given to another. Functions that fail leave
 * "what: why" in process.error.
 * Source: proc_pid_maps(5), proc_pid_smaps(5), proc_pid_pagemap(5).
 */
#ifndef TOOL_PAGETABLE_PROCESS_H
#define TOOL_PAGETABLE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"

#define PROCESS_PID_MAX (1u << 22)	/* Linux has none above                 */

/* What of the process lies between two addresses. */
struct mapping {
	uint64_t start, end;
	char rights[5];		/* "rwxp": as in /proc/PID/maps                 */
	bool shared;
	bool has_file;		/* of a file, or of what the kernel calls one   */
	uint8_t shift;		/* log2 of the bytes of a page, by its file
				 * system; 0 before process_look_at_sizes()     */
	char name[192];		/* cut off when longer; may be empty            */
};

struct process {
	uint32_t pid;
	int dir;		/* /proc/PID                                    */
	char name[32];
	struct mapping *mappings;	/* in ascending order                   */
	uint32_t n_mappings, max_mappings;

	int pagemap, kpageflags, kpagecount;	/* the latter may be -1         */
	bool sees_frames;	/* the kernel tells us frame numbers            */
	bool can_scan;		/* PAGEMAP_SCAN is there                        */
	uint64_t unscanned;	/* bytes of the range that were read without    */
	uint64_t next_symbol;	/* what stands for a frame when it does not     */
	uint64_t symbol_page;	/* 1 + the last large page that got numbers     */

	char error[320];
};

/**
 * process_open() - Open what tells of a process's memory
 * @p:		Overwritten; process_close() whatever the result
 * @pid:	1 to PROCESS_PID_MAX
 *
 * Return: 0 or -errno.
 */
MUST_CHECK int process_open(struct process *p, uint32_t pid);

/** process_close() - Close the files of @p, and release the mappings */
void process_close(struct process *p);

/**
 * process_find() - Where the mappings of one name lie
 * @p:		Open
 * @name:	As in /proc/PID/maps, e.g. "[heap]"
 * @start:	Set on success: start of the first
 * @end:	Set on success: end of the last
 *
 * Return: 0; -ENOENT without one; -errno.
 */
MUST_CHECK int process_find(struct process *p, const char *name,
			    uint64_t *start, uint64_t *end);

/**
 * process_read_mappings() - Take the mappings of a range
 * @p:		process.mappings is replaced
 * @start:	First address
 * @end:	Behind the last
 *
 * Return: 0; -ENOENT when nothing is mapped there; -errno.
 */
MUST_CHECK int process_read_mappings(struct process *p, uint64_t start,
				     uint64_t end);

/**
 * process_look_at_sizes() - Fill in mapping.shift of all mappings that were taken
 * @p:		What cannot be found out is 4 KiB
 *
 * Slow for a large process: the kernel counts all pages up to the last mapping.
 */
void process_look_at_sizes(struct process *p);

/**
 * process_has_ended() - Whether the memory that was opened is gone
 * @p:		Open
 *
 * Return: true also when it runs another program now.
 */
bool process_has_ended(const struct process *p);

/**
 * process_fail() - Set process.error to "what: text of errno"
 * @p:		Process
 * @err:	-errno
 * @what:	E.g. a file
 *
 * Return: @err.
 */
int process_fail(struct process *p, int err, const char *what);

#endif

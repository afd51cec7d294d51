/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * keep.h - Descriptors that a program's processes keep, under numbers that do not change
 *
 * What is inherited by all processes of a program, and named in memory that they share,
 * gets a number at the upper end of what select(2) can have: the kernel gives out low
 * numbers first, so that programs see those that they would see without us.
 */
#ifndef BASE_KEEP_H
#define BASE_KEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"

#define KEEP_MAX 160		/* so many, of the last 1024                    */

/**
 * keep_descriptor() - Give a descriptor such a number
 * @fd:		Closed on success
 *
 * It stays open when a program is executed.
 *
 * Return: the number; -EMFILE: the limit of descriptors is too low; another -errno.
 */
MUST_CHECK int keep_descriptor(int fd);

/** keep_has() - Is it one that is kept? */
bool keep_has(int fd);

/** keep_end() - The highest of them, and one more; 0: none */
int keep_end(void);

/**
 * keep_list() - Which they are, for other processes: "864-930,940-940"
 *
 * Return: 0; -ENAMETOOLONG.
 */
MUST_CHECK int keep_list(char *text, size_t size);

/** keep_learn() - They are this process's, too. Return: false: no such list */
MUST_CHECK bool keep_learn(const char *text);

#endif

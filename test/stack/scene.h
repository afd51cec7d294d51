/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scene.h - The whole stack in this process, over a TAP device, and the kernel's TCP
 *
 * In network and user namespaces of its own, which end with the process.
 */
#ifndef STACK_SCENE_H
#define STACK_SCENE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <tto/tto.h>
#include <unistd.h>

#define SCENE_SKIP 77
#define SCENE_KERNEL "10.79.0.1"
#define SCENE_OURS "10.79.0.2"

/* Return: 0; SCENE_SKIP: it cannot be here, and was said why. */
int scene_start(void);

/* Our socket and the kernel's, connected: we called. */
int scene_connect(int *kernel);

/* The same with a socket that is there. */
void scene_call(int fd, int *kernel);

/* The kernel called. Return: ours. */
int scene_accept(int *kernel);
int scene_answer(int kernel);

/* The kernel called one of ours that listens. Return: what we accepted. */
int scene_take(int ours, int *kernel);

/* We called one of the kernel's that listens. Return: what it accepted. */
int scene_take_by_kernel(int kernels, int *fd);

/* The kernel's address, for a port of its listener plus @offset. */
struct sockaddr_in scene_address(int offset);

/* The byte at a place of every stream. */
static inline uint8_t scene_byte(uint64_t place)
{
	return (uint8_t)((uint32_t)place * 2654435761u >> 21);
}

void scene_fill(uint8_t *bytes, size_t n, uint64_t place);

/* Fails where they are others. */
void scene_check(const uint8_t *bytes, size_t n, uint64_t place);

/* By the kernel, all of it. */
void scene_kernel_sends(int kernel, size_t n, uint64_t place);
void scene_kernel_receives(int kernel, size_t n, uint64_t place);

#endif

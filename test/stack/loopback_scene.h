/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loopback_scene.h - A stack in this process, with loopback of its own
 *
 * In network and user namespaces of its own, which end with it.
 */
#ifndef TEST_STACK_LOOPBACK_SCENE_H
#define TEST_STACK_LOOPBACK_SCENE_H

#include <stdint.h>
#include <sys/types.h>

#define SCENE_SKIP 77

/** scene_start() - Return: 0; SCENE_SKIP, after saying why */
int scene_start(void);

/** scene_listen() - On 127.0.0.1, any port. Return: ours */
int scene_listen(int backlog);

/** scene_port() - That a socket of ours is bound to */
uint16_t scene_port(int fd);

/** scene_connect() - To 127.0.0.1. Return: ours */
int scene_connect(uint16_t port);

/** scene_pair() - Two ends of a connection, both ours */
void scene_pair(int ends[2]);

ssize_t scene_send(int fd, const void *bytes, size_t n, int flags);
ssize_t scene_receive(int fd, void *bytes, size_t n, int flags);

/** scene_fork() - As fork(2), and the child has the stack, too */
pid_t scene_fork(void);

/** scene_sockets() - How many are in the stack, when those that are closing have had time */
uint32_t scene_sockets(void);

#endif

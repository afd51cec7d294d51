/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confine.h - What is left to a process that has taken rights from itself
 *
 * A server may let its part that talks to strangers make a few system calls only
 * (seccomp(2)), and open no descriptors (RLIMIT_NOFILE). Sockets of ours work there as long
 * as that allows what they would need of the kernel, or close to it: read, write and writev,
 * ppoll or pselect6, futex, getrandom, rt_sigprocmask and clock_gettime.
 */
#ifndef SOCKET_CONFINE_H
#define SOCKET_CONFINE_H

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "base/compiler.h"

/**
 * confine_ppoll() - As ppoll(2), also for more descriptors than RLIMIT_NOFILE allows
 *
 * Return: as that, but -errno; errno stays what it is.
 */
MUST_CHECK int confine_ppoll(struct pollfd *list, nfds_t n, const struct timespec *timeout,
			     const sigset_t *mask);

#endif

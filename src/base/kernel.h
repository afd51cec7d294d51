/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel.h - System calls, past everyone who wraps libc
 *
 * In a program under `tto run` the names of many calls are not libc's, and syscall(2) is
 * not, either. What the stack does for itself goes to the kernel.
 */
#ifndef BASE_KERNEL_H
#define BASE_KERNEL_H

#include <stdbool.h>
#include <sys/syscall.h>

/*
 * This process has forbidden itself most system calls (seccomp(2)): who can do without one
 * does. read, write and writev, ppoll or pselect6, futex, getrandom and the clock are left.
 */
extern bool kernel_is_confined;

/**
 * kernel_enter() - As syscall(2)
 * @number:	SYS_...
 *
 * Return: what the call gives; -1 and errno.
 */
long kernel_enter(long number, long a, long b, long c, long d, long e, long f);

/* The same with fewer arguments, of any type. */
#define kernel_call(...) KERNEL_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define KERNEL_PADDED(number, a, b, c, d, e, f, ...) \
	kernel_enter(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), \
		     (long)(f))

#endif

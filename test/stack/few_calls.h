/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * few_calls.h - A process that may do little: system calls but for a few end it
 *
 * Source: seccomp(2).
 */
#ifndef TEST_STACK_FEW_CALLS_H
#define TEST_STACK_FEW_CALLS_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/compiler.h"

/* What base/kernel.h promises to do with, and what a test needs to end. */
static const uint32_t few_calls[] = {
	SYS_read, SYS_write, SYS_writev, SYS_ppoll, SYS_pselect6, SYS_futex, SYS_getrandom,
	SYS_rt_sigprocmask, SYS_clock_gettime, SYS_exit_group, SYS_rt_sigreturn,
};

/* Sanitizers make calls of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAKES_MORE_CALLS true
#else
#define MAKES_MORE_CALLS false
#endif

/** allow_few_calls() - For ever. Return: false: the kernel has no filters */
static inline bool allow_few_calls(void)
{
	struct sock_filter filter[2 * ARRAY_SIZE(few_calls) + 2];
	struct sock_fprog program = { .filter = filter };
	unsigned n = 0;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		offsetof(struct seccomp_data, nr));
	for (unsigned k = 0; k < ARRAY_SIZE(few_calls); k++) {
		filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							   few_calls[k], 0, 1);
		filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
							   SECCOMP_RET_ALLOW);
	}
	filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						   SECCOMP_RET_KILL_PROCESS);
	program.len = (unsigned short)n;
	return !prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#endif

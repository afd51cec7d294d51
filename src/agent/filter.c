// SPDX-License-Identifier: BSD-2-Clause
/*
 * filter.c - Forbid all system calls but those that the running daemon makes
 *
 * Whoever took it over could not open a file, start a program, or look at another
 * process. Without libseccomp nothing is forbidden.
 */
#include "agent/agent.h"

#if HAVE_SECCOMP

#include <errno.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/compiler.h"

static const int allowed[] = {
	/* The loop */
	SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
	SCMP_SYS(ppoll), SCMP_SYS(poll), SCMP_SYS(clock_gettime), SCMP_SYS(read),
	SCMP_SYS(write), SCMP_SYS(close), SCMP_SYS(restart_syscall),
	/* Wires */
	SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(recvmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(sendmsg), SCMP_SYS(sendmmsg), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(ioctl),
	/* Clients */
	SCMP_SYS(accept4), SCMP_SYS(accept), SCMP_SYS(eventfd2), SCMP_SYS(fcntl),
	SCMP_SYS(memfd_create), SCMP_SYS(ftruncate), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	SCMP_SYS(brk),
	/* Ports that are held, routes */
	SCMP_SYS(bind), SCMP_SYS(connect), SCMP_SYS(getsockname),
	/* The end */
	SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(exit_group), SCMP_SYS(exit),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill), SCMP_SYS(futex),
	SCMP_SYS(getrandom),
};

/* But not to make code. */
static const int protecting[] = { SCMP_SYS(mmap), SCMP_SYS(mprotect) };
static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };

static int add_rules(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t n = 0; !err && n < ARRAY_SIZE(allowed); n++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[n], 0);
	for (size_t n = 0; !err && n < ARRAY_SIZE(families); n++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				       SCMP_A0(SCMP_CMP_EQ,
					       (scmp_datum_t)families[n], 0));
	for (size_t n = 0; !err && n < ARRAY_SIZE(protecting); n++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, protecting[n], 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	return err;
}

int filter_install(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err;

	if (!filter)
		return -ENOMEM;
	err = add_rules(filter);
	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

#else

int filter_install(void)
{
	return 0;
}

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tto.h - Sockets over a TCP offload device
 *
 * The calls of sockets(7), with a stack of TCP in this process. Each tto_NAME() does what
 * NAME(2) does, for a descriptor of tto_socket() or tto_accept4() as for any other: a
 * descriptor that is not ours goes to the kernel. So a program may call these for all of
 * its descriptors, and `tto run` makes it do so without being changed. tto_close() is
 * another one's name (verbs.h): close(2) is tto_close_fd(). Operations that complete later
 * and callbacks are in work.h.
 *
 * Errors:  as those of the calls they are named for: -1 and errno. tto_start() and
 *          tto_join() return -errno.
 * Descriptors: real ones, of the kernel. An Internet stream socket begins as a socket of
 *          the kernel's; what its connection goes over is decided by tto_connect() and by
 *          who connects to it. What is not for the device stays the kernel's: loopback,
 *          its own addresses, UDP, Unix sockets.
 * Threads: any number. Processes: those that were forked share the stack, and those that
 *          join it; a connection is over when the last one has closed it.
 * Signals: a call interrupted by a handler returns EINTR, or goes on with SA_RESTART, as
 *          those of the kernel. A handler must not call these functions while it
 *          interrupts one of them; then it gets EAGAIN.
 */
#ifndef TTO_TTO_H
#define TTO_TTO_H

#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>

#include <tto/verbs.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- The stack ------------------------------------------------------------------ */

/**
 * tto_start() - Make a stack in this process
 * @where:	"WIRE;address=A/P[;address=...][;gateway=G][;mac=M][;mtu=N][;loopback]":
 *		a wire as in tto(1), and what is ours on it
 * @error:	Filled in on failure; may be NULL
 *
 * What is forked later has it, too.
 *
 * Return: 0; -EEXIST: there is one; -EINVAL; what opening the wire gave; -ENOMEM.
 */
TTO_API int tto_start(const char *where, struct tto_error *error);

/**
 * tto_join() - Use the stack that another process has made for this one
 *
 * As the environment names it (TTO_STACK, set by `tto run`), whose descriptors this
 * process has inherited. Sockets that it was given when it was executed are found again.
 *
 * Return: 0; -ENOENT: none is named; -EEXIST; -EPROTO: of another version; -errno.
 */
TTO_API int tto_join(struct tto_error *error);

/* Why a process could not join, when it came to it. */
typedef void tto_join_failed_fn(int err, const struct tto_error *error);

/**
 * tto_join_later() - The same, when the first socket is made
 * @failed:	Called when that goes wrong then; what is made is the kernel's. May be NULL
 *
 * At once, if this process was given sockets when it was executed.
 *
 * Return: as tto_join().
 */
TTO_API int tto_join_later(tto_join_failed_fn *failed, struct tto_error *error);

/** tto_owns() - Is this descriptor a socket or epoll set that we have something of? */
TTO_API bool tto_owns(int fd);

/** tto_keeps() - Is this one of the stack's own, which programs do not see? */
TTO_API bool tto_keeps(int fd);

/**
 * tto_address_space() - Bytes of addresses that the stack takes in this process, at most
 *
 * Most have no memory behind them, but RLIMIT_AS counts them. 0: there is no stack.
 */
TTO_API unsigned long tto_address_space(void);

/* ---- Calls ------------------------------------------------------------------------ */

TTO_API int tto_socket(int domain, int type, int protocol);
TTO_API int tto_bind(int fd, const struct sockaddr *address, socklen_t bytes);
TTO_API int tto_listen(int fd, int backlog);
TTO_API int tto_accept4(int fd, struct sockaddr *address, socklen_t *bytes, int flags);
TTO_API int tto_connect(int fd, const struct sockaddr *address, socklen_t bytes);
TTO_API int tto_getsockname(int fd, struct sockaddr *address, socklen_t *bytes);
TTO_API int tto_getpeername(int fd, struct sockaddr *address, socklen_t *bytes);
TTO_API int tto_getsockopt(int fd, int level, int option, void *value, socklen_t *bytes);
TTO_API int tto_setsockopt(int fd, int level, int option, const void *value,
			   socklen_t bytes);
TTO_API int tto_shutdown(int fd, int how);
TTO_API int tto_close_fd(int fd);
TTO_API int tto_close_range(unsigned int first, unsigned int last, int flags);

TTO_API ssize_t tto_recvmsg(int fd, struct msghdr *message, int flags);
TTO_API ssize_t tto_sendmsg(int fd, const struct msghdr *message, int flags);
TTO_API ssize_t tto_sendfile(int to, int from, off_t *place, size_t bytes);

/* @argument: what follows in the call of fcntl(2) or ioctl(2). */
TTO_API int tto_fcntl(int fd, int command, unsigned long argument);
TTO_API int tto_ioctl(int fd, unsigned long request, void *argument);
TTO_API int tto_dup(int fd);
TTO_API int tto_dup3(int fd, int to, int flags);	/* flags -1: as dup2()  */

/* Timeouts NULL: for ever. The signal mask holds while waiting; NULL: no change. */
TTO_API int tto_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		     const sigset_t *mask);
TTO_API int tto_select(int n, fd_set *in, fd_set *out, fd_set *exceptions,
		       const struct timespec *timeout, const sigset_t *mask);
TTO_API int tto_epoll_create1(int flags);
TTO_API int tto_epoll_ctl(int set, int operation, int fd, struct epoll_event *event);
TTO_API int tto_epoll_wait(int set, struct epoll_event *events, int n,
			   const struct timespec *timeout, const sigset_t *mask);

/* ---- Processes: for who wraps the calls that make and replace them -------------------- */

/*
 * tto_fork_begin() before fork(2), tto_fork_parent() and tto_fork_child() behind it in
 * both; the first with what fork(2) returned. tto_exec_begin() before execve(2), and
 * tto_exec_failed() when that returns.
 */
TTO_API void tto_fork_begin(void);
TTO_API void tto_fork_parent(pid_t child);
TTO_API void tto_fork_child(void);
TTO_API void tto_exec_begin(void);
TTO_API void tto_exec_failed(void);

/*
 * Around what starts a program without fork(2): posix_spawn(3), system(3), popen(3). The
 * latter has what the former gave, and the child: 0: not known, -1: there is none.
 */
TTO_API unsigned long tto_spawn_begin(void);
TTO_API void tto_spawn_end(unsigned long spawn, pid_t child);

/*
 * Around sendmsg(2) and recvmsg(2) of a descriptor that is not ours, by which sockets of
 * ours may pass to other processes (SCM_RIGHTS); tto_sendmsg() and tto_recvmsg() do it
 * themselves. tto_pass_begin() before a message is sent, tto_pass_failed() when it was not;
 * tto_pass_end() behind one that was received, with the flags of the call.
 */
TTO_API void tto_pass_begin(const struct msghdr *message);
TTO_API void tto_pass_failed(const struct msghdr *message);
TTO_API void tto_pass_end(const struct msghdr *message, int flags);

/*
 * Behind what forbids most system calls to this process, prctl(2) with PR_SET_SECCOMP or
 * seccomp(2): what it need not do itself, about processes that have ended, is left to others.
 */
TTO_API void tto_confine(void);

/* Before _exit(2): closes what this process has. */
TTO_API void tto_exit(void);

#ifdef __cplusplus
}
#endif

#include <tto/work.h>

#endif

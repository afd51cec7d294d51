/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cause.h - Why a socket of a program is the kernel's
 *
 * What the stack decides it remembers where it decides, in the table of descriptors. The
 * others are found out by who asks (src/tool/explain).
 */
#ifndef SOCKET_CAUSE_H
#define SOCKET_CAUSE_H

/* X(IDENTIFIER, "name", "sentence"); the name is what tools print. */
#define SOCKET_CAUSES(X) \
X(LOOPBACK, "loopback", "a loopback address, which is the stack's with --loopback only") \
X(UNREACHABLE, "unreachable", "no network and no gateway of the wire leads to the address") \
X(NO_NEIGHBOUR, "no-neighbour", "nobody on the wire answers for the address, or for its gateway") \
X(OWN, "own", "an address of the stack's own, at which none of its programs listens") \
X(OTHER_ADDRESS, "other-address", "listens at an address that is not the stack's") \
X(BY_KERNEL, "by-kernel", "accepted: the peer came to an address of the kernel's") \
X(OPTION, "option", "an option was set that the kernel alone can keep, such as SO_BINDTODEVICE or TCP_MD5SIG") \
X(REFUSED, "refused", "ttod does not allow it, or no more: see ttod.conf(5)") \
X(DOWN, "down", "the device is gone, such as ttod") \
X(FULL, "full", "the stack had no room for another socket") \
X(UDP, "udp", "datagrams are the kernel's") \
X(RAW, "raw", "raw and ping sockets are the kernel's") \
X(PROTOCOL, "protocol", "a stream, but not of TCP") \
X(BEFORE, "before", "was there before the program joined the stack, or was made past libc or by a signal handler") \
X(IO_URING, "io-uring", "the process uses io_uring, which makes sockets past libc") \
X(STATIC, "static", "the program is linked statically: nothing can be put in front of its calls") \
X(PRIVILEGED, "privileged", "the program has more rights than its user: the dynamic linker takes no library for it") \
X(ENVIRONMENT, "environment", "started without LD_PRELOAD or TTO_STACK in its environment") \
X(NOT_JOINED, "not-joined", "the process has not joined the stack: the socket is older or was made past libc (as Go does), or joining failed, which it has said on standard error")

enum socket_cause {
#define X(id, name, text) SOCKET_CAUSE_##id,
	SOCKET_CAUSES(X)
#undef X
	SOCKET_N_CAUSES
};

#endif

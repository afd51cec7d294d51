// SPDX-License-Identifier: BSD-2-Clause
/* channel.c - Messages of memif and the descriptors that come with them */
#include "wire/memif/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/kernel.h"

#define FDS_MAX 4	/* are received, to be closed; the kernel closes the rest */
#define BACKLOG 8

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int channel_send(int fd, const struct memif_message *m, int with_fd)
{
	union control control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)m, sizeof(*m) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (with_fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(int));
		control.header = (struct cmsghdr){
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(int)),
		};
		memcpy(CMSG_DATA(&control.header), &with_fd, sizeof(int));
	}
	if (kernel_call(SYS_sendmsg, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
}

/* Keeps the first. Return: how many there were. */
static unsigned take_descriptors(struct msghdr *message, int *first)
{
	unsigned n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
	     c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len;
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, (const char *)c + at, sizeof(fd));
			if (n++ == 0)
				*first = fd;
			else
				kernel_call(SYS_close, fd);
		}
	}
	return n;
}

int channel_receive(int fd, struct memif_message *m, int *with_fd)
{
	union control control;
	struct iovec iov = { m, sizeof(*m) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t got = kernel_call(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*with_fd = -1;
	if (got < 0)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (take_descriptors(&message, with_fd) <= 1 &&
	    !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    got == sizeof(*m))
		return 0;
	if (*with_fd >= 0)
		kernel_call(SYS_close, *with_fd);
	*with_fd = -1;
	return got ? -EPROTO : -EPIPE;
}

/* ---- Where they meet ------------------------------------------------------------ */

static int name_socket(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

static int open_socket(void)
{
	int fd = (int)kernel_call(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
				  SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

int channel_connect(const char *path)
{
	struct sockaddr_un address;
	int err = name_socket(&address, path), fd;

	if (err)
		return err;
	fd = open_socket();
	if (fd < 0)
		return fd;
	if (!kernel_call(SYS_connect, fd, &address, sizeof(address)))
		return fd;
	err = -errno;
	kernel_call(SYS_close, fd);
	return err;
}

/* What a process left behind that did not end by itself. */
static int remove_stale(const char *path)
{
	struct stat s;
	int fd;

	if (lstat(path, &s))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(s.st_mode))
		return -EEXIST;
	fd = channel_connect(path);
	if (fd >= 0)
		kernel_call(SYS_close, fd);
	if (fd != -ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(path) ? -errno : 0;
}

int channel_listen(const char *path)
{
	struct sockaddr_un address;
	int err = name_socket(&address, path), fd;

	if (!err)
		err = remove_stale(path);
	if (err)
		return err;
	fd = open_socket();
	if (fd < 0)
		return fd;
	if (!bind(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    !listen(fd, BACKLOG))
		return fd;
	err = -errno;
	kernel_call(SYS_close, fd);
	return err;
}

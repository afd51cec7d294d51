// SPDX-License-Identifier: BSD-2-Clause
/* socket.c - The daemon's socket, and who is at the other end */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/message.h"

#define BACKLOG 64

/* Nobody listens there any more: the name may go. */
static bool is_left_behind(const struct sockaddr_un *address)
{
	struct stat st;
	bool alone;
	int fd;

	if (lstat(address->sun_path, &st) || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	alone = connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		errno == ECONNREFUSED;
	close(fd);
	return alone;
}

static int bind_path(int fd, const struct sockaddr_un *address)
{
	const struct sockaddr *a = (const void *)address;
	mode_t before = umask(0177);
	int err = bind(fd, a, sizeof(*address)) ? -errno : 0;

	if (err == -EADDRINUSE && is_left_behind(address)) {
		unlink(address->sun_path);
		err = bind(fd, a, sizeof(*address)) ? -errno : 0;
	}
	umask(before);
	return err;
}

static int set_up(int fd, const struct config *c, const struct sockaddr_un *address)
{
	int err = bind_path(fd, address);

	if (err)
		return err;
	if ((c->socket_gid != UINT32_MAX &&
	     chown(c->socket, (uid_t)-1, c->socket_gid)) ||
	    chmod(c->socket, c->mode) || listen(fd, BACKLOG))
		return -errno;
	return 0;
}

int socket_listen(const struct config *config)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(config->socket) >= sizeof(address.sun_path)) {
		message_errno(ENAMETOOLONG, "%s", config->socket);
		return -ENAMETOOLONG;
	}
	strcpy(address.sun_path, config->socket);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	err = fd < 0 ? -errno : set_up(fd, config, &address);
	if (!err)
		return fd;
	if (err == -ENOENT)
		message("%s: its folder is not there", config->socket);
	else if (err == -EADDRINUSE)
		message_errno(err, "%s: another ttod", config->socket);
	else
		message_errno(err, "%s", config->socket);
	if (fd >= 0)
		close(fd);
	return err;
}

int socket_peer(int fd, struct peer *peer)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
		return -errno;
	*peer = (struct peer){
		.pid = (uint32_t)cred.pid, .uid = cred.uid, .gid = cred.gid,
	};
	len = sizeof(peer->groups);
	/* Who is in more groups than there is room for has none of them. */
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer->groups, &len))
		peer->n_groups = len / (uint32_t)sizeof(peer->groups[0]);
	return 0;
}

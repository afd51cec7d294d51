// SPDX-License-Identifier: BSD-2-Clause
/* error_queue.c - What recvmsg(MSG_ERRQUEUE) tells of sends with MSG_ZEROCOPY */
#include "socket/ready/error_queue.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>

#include "socket/stack.h"

void error_queue_add(struct socket *s)
{
	s->zerocopy_next++;
	notify(s, POLLERR);
}

/* As put_cmsg() of Linux: as much as there is room for, and MSG_CTRUNC. */
static void put_control(struct msghdr *m, int level, int type, const void *data,
			size_t bytes)
{
	struct cmsghdr head = { CMSG_LEN(bytes), level, type };
	size_t room = m->msg_control ? m->msg_controllen : 0;

	m->msg_controllen = 0;
	if (room < head.cmsg_len)
		m->msg_flags |= MSG_CTRUNC;
	if (room < sizeof(head))
		return;
	if (room < head.cmsg_len)
		head.cmsg_len = room;
	memcpy(m->msg_control, &head, sizeof(head));
	memcpy((uint8_t *)m->msg_control + CMSG_LEN(0), data,
	       head.cmsg_len - CMSG_LEN(0));
	m->msg_controllen = room < CMSG_SPACE(bytes) ? room : CMSG_SPACE(bytes);
}

int error_queue_take(struct socket *s, struct msghdr *m)
{
	struct {
		struct sock_extended_err error;
		struct sockaddr_in6 offender;	/* nobody                       */
	} told = {
		.error = {
			.ee_origin = SO_EE_ORIGIN_ZEROCOPY,
			.ee_code = SO_EE_CODE_ZEROCOPY_COPIED,
			.ee_info = s->zerocopy_told,
			.ee_data = s->zerocopy_next - 1,
		},
	};
	size_t bytes = sizeof(told.error) + sizeof(struct sockaddr_in);

	if (!error_queue_has(s))
		return -EAGAIN;
	s->zerocopy_told = s->zerocopy_next;
	m->msg_flags = MSG_ERRQUEUE;
	m->msg_namelen = 0;
	if (s->flags & SOCKET_V6)
		put_control(m, SOL_IPV6, IPV6_RECVERR, &told, sizeof(told));
	else
		put_control(m, SOL_IP, IP_RECVERR, &told, bytes);
	return 0;
}

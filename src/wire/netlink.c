// SPDX-License-Identifier: BSD-2-Clause
/* netlink.c - Compose netlink requests and wait for their answer */
#include "wire/netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int netlink_open(int protocol)
{
	const struct timeval patience = { .tv_sec = 1 };
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int err;

	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			sizeof(patience)) &&
	    !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Room for @len bytes and their padding, all zero; NULL when there is none. */
static void *append(struct netlink_request *r, size_t len)
{
	struct nlmsghdr *message = (void *)(r->bytes + r->message);
	uint8_t *at = r->bytes + r->len;
	size_t padded = NLMSG_ALIGN(len);

	if (r->error || len > NETLINK_BYTES || padded > NETLINK_BYTES - r->len) {
		r->error = -EMSGSIZE;
		return NULL;
	}
	memset(at, 0, padded);
	r->len += (uint32_t)padded;
	message->nlmsg_len = r->len - r->message;
	return at;
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags,
		   const void *head, size_t head_len)
{
	struct nlmsghdr *message;
	void *at;

	if (r->len + sizeof(*message) > NETLINK_BYTES) {
		r->error = -EMSGSIZE;
		return;
	}
	r->message = r->len;
	message = append(r, sizeof(*message));
	if (!message)
		return;
	message->nlmsg_type = type;
	message->nlmsg_flags = flags | NLM_F_REQUEST;
	message->nlmsg_seq = ++r->sequence;
	at = append(r, head_len);
	if (at)
		memcpy(at, head, head_len);
}

void netlink_put(struct netlink_request *r, uint16_t type, const void *data,
		 size_t len)
{
	struct nlattr *attribute = append(r, sizeof(*attribute) + len);

	if (!attribute)
		return;
	attribute->nla_type = type;
	attribute->nla_len = (uint16_t)(sizeof(*attribute) + len);
	if (len)
		memcpy(attribute + 1, data, len);
}

void netlink_put_text(struct netlink_request *r, uint16_t type,
		      const char *text)
{
	netlink_put(r, type, text, strlen(text) + 1);
}

uint32_t netlink_nest(struct netlink_request *r, uint16_t type)
{
	uint32_t nest = r->len;

	netlink_put(r, type | NLA_F_NESTED, NULL, 0);
	return nest;
}

void netlink_nest_end(struct netlink_request *r, uint32_t nest)
{
	struct nlattr *attribute = (void *)(r->bytes + nest);

	if (!r->error)
		attribute->nla_len = (uint16_t)(r->len - nest);
}

/* Return: 1 when @message is not the end of the matter, else as netlink_send() */
static int judge(struct nlmsghdr *message, void *answer, size_t size)
{
	const struct nlmsgerr *verdict = NLMSG_DATA(message);

	if (message->nlmsg_type == NLMSG_ERROR) {
		if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*verdict)))
			return -EBADMSG;
		return verdict->error;
	}
	if (!answer)
		return 1;
	if (message->nlmsg_len > size)
		return -EMSGSIZE;
	memcpy(answer, message, message->nlmsg_len);
	return (int)message->nlmsg_len;
}

int netlink_send(int fd, const struct netlink_request *r, void *answer,
		 size_t size)
{
	_Alignas(8) uint8_t buffer[8192];

	if (r->error)
		return r->error;
	if (send(fd, r->bytes, r->len, 0) < 0)
		return -errno;
	for (int patience = 16; patience; patience--) {
		struct nlmsghdr *message = (void *)buffer;
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
		int verdict;

		if (got < 0)
			return -errno;
		if (!NLMSG_OK(message, (size_t)got))
			return -EBADMSG;
		verdict = judge(message, answer, size);
		if (verdict <= 0 || answer)
			return verdict;
	}
	return -EPROTO;
}

// SPDX-License-Identifier: BSD-2-Clause
/*
 * socket_fetch.c - Fetch a page with three receives at a time
 *
 *	socket-fetch WHERE ADDRESS PORT PATH
 *
 * Over a TAP, from a server of the kernel's on the other side:
 *	socket-fetch 'tap:t0,address=10.1.0.1/24,up;address=10.1.0.2/24' 10.1.0.1 80 /
 *
 * Each receive completes with what there is, in the order in which they were posted,
 * however the bytes were cut on their way.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

#define RECEIVES 3

static uint8_t buffers[RECEIVES][65536];

static int check(const char *what, int status)
{
	if (status < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-status));
		exit(1);
	}
	return status;
}

static void post_receive(struct tto_work *work, int fd, uint64_t n)
{
	struct iovec iov = { buffers[n], sizeof(buffers[n]) };
	struct tto_operation receive = { .wr_id = n, .iov = &iov, .n_iov = 1, .fd = fd,
					 .kind = TTO_RECEIVE };

	check("post", tto_work_post(work, &receive, 1, NULL));
}

/* The path has to be there until the send completes, which is before the end. */
static void post_request(struct tto_work *work, int fd, char *path)
{
	static char get[] = "GET ", rest[] = " HTTP/1.0\r\n\r\n";
	struct iovec iov[] = { { get, strlen(get) }, { path, strlen(path) },
			       { rest, strlen(rest) } };
	struct tto_operation send = { .iov = iov, .n_iov = 3, .fd = fd, .kind = TTO_SEND };

	check("post", tto_work_post(work, &send, 1, NULL));
}

/* Return: whether there is more to come. */
static int take(struct tto_work *work, const struct tto_result *r)
{
	check(r->kind == TTO_SEND ? "send" : "receive", r->status);
	if (r->kind == TTO_SEND)
		return 1;
	fwrite(buffers[r->wr_id], 1, r->bytes, stdout);
	if (r->flags & TTO_END)
		return 0;
	post_receive(work, r->fd, r->wr_id);
	return 1;
}

static int call(const char *address, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = tto_socket(AF_INET, SOCK_STREAM, 0);

	a.sin_port = htons((uint16_t)atoi(port));
	if (inet_pton(AF_INET, address, &a.sin_addr) != 1 ||
	    tto_connect(fd, (struct sockaddr *)&a, sizeof(a))) {
		perror(address);
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct tto_work *work;
	struct tto_error error;
	struct tto_result r;
	int fd, status, more = 1;

	if (argc != 5) {
		fprintf(stderr, "usage: %s WHERE ADDRESS PORT PATH\n", argv[0]);
		return 1;
	}
	status = tto_start(argv[1], &error);
	if (status && status != -EEXIST) {	/* that of tto run will do      */
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	check("work queue", tto_work_open(&work, NULL));
	fd = call(argv[2], argv[3]);
	post_request(work, fd, argv[4]);
	for (uint64_t n = 0; n < RECEIVES; n++)
		post_receive(work, fd, n);
	while (more) {
		check("sleep", tto_work_sleep(work, -1));
		while (more && tto_work_poll(work, &r, 1) == 1)
			more = take(work, &r);
	}
	tto_close_fd(fd);
	tto_work_close(work);
	return 0;
}

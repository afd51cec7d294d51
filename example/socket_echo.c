// SPDX-License-Identifier: BSD-2-Clause
/*
 * socket_echo.c - Send back what comes, from the buffers it came in
 *
 *	socket-echo WHERE PORT
 *
 * Over a TAP, for the kernel's programs on the other side:
 *	socket-echo 'tap:t0,address=10.1.0.1/24,up;address=10.1.0.2/24' 7
 *	nc 10.1.0.2 7
 *
 * What is received is handed up (tto_work_deliver), posted to be sent as it is, and given
 * back when that has completed. Who does not read what it is sent gets no more read: the
 * buffers stay with the sends that wait, and the window closes.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tto/tto.h>

static struct tto_work *work;

/* Every function of a work queue returns 0 or a count, else -errno. */
static int check(const char *what, int status)
{
	if (status < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-status));
		exit(1);
	}
	return status;
}

struct connection {
	int fd;
	unsigned sends;		/* on their way                                 */
	int ended;		/* nothing more comes                           */
};

struct echo {
	struct connection *connection;
	struct tto_piece piece;
};

static void *allocate(size_t bytes)
{
	void *p = calloc(1, bytes);

	if (!p)
		abort();
	return p;
}

static void close_if_done(struct connection *c)
{
	if (!c->ended || c->sends)
		return;
	tto_close_fd(c->fd);
	free(c);
}

/* Called by tto_work_serve(). */
static void received(void *context, const struct tto_delivery *d)
{
	struct connection *c = context;

	for (uint32_t n = 0; n < d->n_pieces; n++) {
		struct echo *echo = allocate(sizeof(*echo));
		struct iovec iov = { d->pieces[n].data, d->pieces[n].bytes };
		struct tto_operation send = { .wr_id = (uintptr_t)echo, .iov = &iov,
					      .n_iov = 1, .fd = d->fd, .kind = TTO_SEND };

		*echo = (struct echo){ c, d->pieces[n] };
		c->sends++;
		check("send", tto_work_post(work, &send, 1, NULL));
	}
	c->ended = (d->flags & TTO_END) != 0;
	close_if_done(c);
}

/* Also with an error: then the next delivery is the last. */
static void sent(const struct tto_result *r)
{
	struct echo *echo = (struct echo *)(uintptr_t)r->wr_id;

	check("return", tto_work_return(work, &echo->piece, 1));
	echo->connection->sends--;
	close_if_done(echo->connection);
	free(echo);
}

static void greet(int fd)
{
	struct connection *c = allocate(sizeof(*c));

	c->fd = fd;
	check("deliver", tto_work_deliver(work, fd, received, c));
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = tto_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	if (tto_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    tto_bind(fd, (struct sockaddr *)&a, sizeof(a)) || tto_listen(fd, 64)) {
		perror("listen");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	const struct tto_work_options many = { .size = sizeof(many), .entries = 1 << 16 };
	struct tto_result results[64];
	struct tto_error error;
	struct pollfd fds[2];
	int status, n;

	if (argc != 3) {
		fprintf(stderr, "usage: %s WHERE PORT\n", argv[0]);
		return 1;
	}
	status = tto_start(argv[1], &error);
	if (status && status != -EEXIST) {	/* that of tto run will do      */
		fprintf(stderr, "%s\n", error.text);
		return 1;
	}
	check("work queue", tto_work_open(&work, &many));
	fds[0] = (struct pollfd){ listen_at((uint16_t)atoi(argv[2])), POLLIN, 0 };
	fds[1] = (struct pollfd){ tto_work_fd(work), POLLIN, 0 };
	for (;;) {
		if (!check("arm", tto_work_arm(work)))
			tto_ppoll(fds, 2, NULL, NULL);
		while ((n = tto_accept4(fds[0].fd, NULL, NULL, 0)) >= 0)
			greet(n);
		check("serve", tto_work_serve(work, 0));
		n = check("poll", tto_work_poll(work, results, 64));
		for (int k = 0; k < n; k++)
			sent(&results[k]);
	}
}

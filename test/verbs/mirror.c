// SPDX-License-Identifier: BSD-2-Clause
/* mirror.c - A wire whose other end sends back what it gets */
#include "mirror.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define FRAMES 64u
#define FRAME_BYTES (68u << 10)

struct kept {
	struct iovec iov;
	struct wire_offload offload;
	uint8_t bytes[FRAME_BYTES];
};

struct mirror {
	struct wire wire;
	unsigned flags;		/* enum mirror_flag                             */
	int fd;			/* never readable: who sleeps is not woken by it */
	uint32_t head, tail, n_lent;
	struct kept kept[FRAMES];
};

static void exchange(uint8_t *a, uint8_t *b, uint32_t bytes)
{
	while (bytes--) {
		uint8_t byte = *a;

		*a++ = *b;
		*b++ = byte;
	}
}

static void turn_round(uint8_t *frame)
{
	exchange(frame, frame + 6, 6);
	exchange(frame + 26, frame + 30, 4);
	exchange(frame + 34, frame + 36, 2);
}

static int mirror_send(struct wire *w, const struct wire_frame *frames, unsigned n)
{
	struct mirror *m = (struct mirror *)w;
	unsigned taken = 0;

	for (; taken < n; taken++) {
		struct kept *k = &m->kept[m->tail % FRAMES];

		w->stats.tx_frames++;
		w->stats.tx_bytes += frames[taken].len;
		if (m->flags & MIRROR_SINK || frames[taken].len > FRAME_BYTES)
			continue;
		if (m->tail - m->head == FRAMES)
			break;
		k->iov = (struct iovec){ k->bytes, frames[taken].len };
		k->offload = frames[taken].offload;
		wire_frame_copy(&frames[taken], k->bytes);
		if (frames[taken].len >= 54)
			turn_round(k->bytes);
		m->tail++;
	}
	return (int)taken;
}

static int mirror_recv(struct wire *w, struct wire_frame *frames, unsigned n)
{
	struct mirror *m = (struct mirror *)w;
	unsigned got = 0;

	m->head += m->n_lent;
	for (; got < n && m->head + got != m->tail; got++) {
		struct kept *k = &m->kept[(m->head + got) % FRAMES];

		frames[got] = (struct wire_frame){
			.iov = &k->iov, .n_iov = 1,
			.len = (uint32_t)k->iov.iov_len,
			.full_len = (uint32_t)k->iov.iov_len,
			.linktype = 1, .offload = k->offload,
		};
	}
	m->n_lent = got;
	return (int)got;
}

static int mirror_fd(const struct wire *w)
{
	return ((const struct mirror *)w)->fd;
}

static int mirror_close(struct wire *w)
{
	struct mirror *m = (struct mirror *)w;

	close(m->fd);
	free(m);
	return 0;
}

static const struct wire_ops mirror_ops = {
	.kind = "mirror",
	.recv = mirror_recv,
	.send = mirror_send,
	.fd = mirror_fd,
	.close = mirror_close,
};

int mirror_create(struct wire **out, unsigned flags)
{
	struct mirror *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->flags = flags;
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0) {
		free(m);
		return -errno;
	}
	m->wire.ops = &mirror_ops;
	m->wire.caps = (struct wire_caps){ .live = true, .linktype = 1,
					   .max_frame = 1514 };
	if (!(flags & MIRROR_WHOLE))
		m->wire.caps.offload = m->wire.caps.csum = m->wire.caps.tso4 = true;
	*out = &m->wire;
	return 0;
}

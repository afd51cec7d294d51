// SPDX-License-Identifier: BSD-2-Clause
/* options.c - What stands behind "memif:" in a wire's specification */
#include "wire/memif/options.h"

#include <errno.h>
#include <stdio.h>

#include "wire/spec.h"

#define MTU 1500
#define MTU_MIN 68
#define MTU_MAX 65535
#define ETHERNET_BYTES 18	/* with a VLAN tag                              */
#define BUFFER 2048
#define BUFFER_MIN 64
#define BUFFER_MAX 65536
#define BUFFER_DEFAULT_MAX 65472	/* whole lines in DPDK's 16 bits of length */
#define RING 1024
#define WORD_BYTES 64

/* What was said, to be judged when all was read. */
struct said {
	bool ring_size, buffer, mtu;
	uint64_t ring, buffer_bytes, queues, id, mtu_bytes;
};

static int take_role(struct memif_options *o, const char *value)
{
	if (!strcmp(value, "server") || !strcmp(value, "master"))
		o->session.is_server = true;
	else if (!strcmp(value, "client") || !strcmp(value, "slave"))
		o->session.is_server = false;
	else
		return -EINVAL;
	return 0;
}

static int take_secret(struct memif_options *o, const char *value)
{
	size_t len = strlen(value);

	if (len == 0 || len > MEMIF_SECRET_BYTES)
		return -EINVAL;
	memcpy(o->session.secret, value, len + 1);
	return 0;
}

static int take_number(struct said *s, const char *key, const char *value)
{
	if (!strcmp(key, "id"))
		return spec_number(value, UINT32_MAX, &s->id);
	if (!strcmp(key, "ring")) {
		s->ring_size = true;
		return spec_number(value, 1u << MEMIF_LOG2_RING_MAX, &s->ring);
	}
	if (!strcmp(key, "queues"))
		return spec_number(value, QUEUES_MAX, &s->queues);
	if (!strcmp(key, "buffer")) {
		s->buffer = true;
		return spec_number(value, BUFFER_MAX, &s->buffer_bytes);
	}
	if (strcmp(key, "mtu"))
		return -EINVAL;
	s->mtu = true;
	return spec_number(value, MTU_MAX, &s->mtu_bytes);
}

static int take_option(struct memif_options *o, struct said *s, char *word)
{
	char *value = strchr(word, '=');

	if (!value) {
		if (!strcmp(word, "poll"))
			o->poll = true;
		else if (!strcmp(word, "unsealed"))
			o->session.unsealed = true;
		else
			return -EINVAL;
		return 0;
	}
	*value++ = '\0';
	if (!strcmp(word, "role"))
		return take_role(o, value);
	if (!strcmp(word, "secret"))
		return take_secret(o, value);
	return take_number(s, word, value);
}

static uint64_t bytes_shared(const struct said *s)
{
	return s->ring * (s->buffer_bytes + sizeof(struct memif_descriptor)) * 2 *
	       s->queues;
}

/*
 * A frame in one buffer, where memory allows. It is less work, and DPDK's driver
 * (seen in 22.11) counts wrong when the last free slot is inside a frame: it
 * writes on into slots that it was not given.
 */
static void fit_buffer(struct said *s)
{
	struct said fits = *s;

	fits.buffer_bytes = (s->mtu_bytes + ETHERNET_BYTES + CACHE_LINE - 1) &
			    ~(CACHE_LINE - 1ul);
	if (fits.buffer_bytes > BUFFER_DEFAULT_MAX)
		fits.buffer_bytes = BUFFER_DEFAULT_MAX;
	if (fits.buffer_bytes > BUFFER && bytes_shared(&fits) <= REGION_BYTES_MAX / 2)
		*s = fits;
}

/* Return: what is wrong with it all together, or NULL. */
static const char *judge(struct memif_options *o, struct said *s)
{
	struct session_options *session = &o->session;

	if (s->ring < 2 || s->ring & (s->ring - 1))
		return "ring: a power of two, 2 to 16384";
	if (!s->queues)
		return "queues: 1 to 16";
	if (s->buffer && session->is_server)
		return "buffer: the client makes the buffers";
	if (session->unsealed && !session->is_server)
		return "unsealed: the client makes the memory";
	if (s->buffer_bytes < BUFFER_MIN)
		return "buffer: 64 to 65536";
	if (s->mtu && s->mtu_bytes < MTU_MIN)
		return "mtu: 68 to 65535";
	session->id = (uint32_t)s->id;
	session->n_queues = (uint8_t)s->queues;
	session->log2_ring = (uint8_t)__builtin_ctzll(s->ring);
	if (session->is_server && !s->ring_size)
		session->log2_ring = MEMIF_LOG2_RING_MAX;
	if (s->mtu && !s->buffer)
		fit_buffer(s);
	s->buffer_bytes = (s->buffer_bytes + CACHE_LINE - 1) & ~(CACHE_LINE - 1ul);
	session->buffer_bytes = (uint32_t)s->buffer_bytes;
	/* A buffer that was made larger is meant for larger frames. */
	o->mtu = (uint32_t)s->mtu_bytes;
	if (!s->mtu && session->buffer_bytes > BUFFER)
		o->mtu = session->buffer_bytes - ETHERNET_BYTES;
	if (o->mtu > MTU_MAX)
		o->mtu = MTU_MAX;
	if (!session->is_server && bytes_shared(s) > REGION_BYTES_MAX / 2)
		return "more than 512 MiB of buffers";
	return NULL;
}

static void name_interface(struct memif_options *o)
{
	const char *base = strrchr(o->path, '/');

	snprintf(o->session.name, sizeof(o->session.name), "%.20s/%u",
		 base ? base + 1 : o->path, o->session.id);
}

int memif_options_parse(struct memif_options *o, const char *args,
			struct wire_error *error)
{
	struct said s = { .ring = RING, .buffer_bytes = BUFFER, .queues = 1,
			  .mtu_bytes = MTU };
	char word[WORD_BYTES], shown[WORD_BYTES];
	const char *wrong;

	*o = (struct memif_options){ .poll = false };
	if (spec_word(o->path, sizeof(o->path), &args, ",") || !*o->path)
		return spec_error(error, -EINVAL, "memif",
				  "a path of a socket, of 1 to 107 bytes, is needed");
	while (*args++ == ',') {
		if (spec_word(word, sizeof(word), &args, ","))
			return spec_error(error, -EINVAL, o->path,
					  "an option that is too long");
		strcpy(shown, word);
		if (take_option(o, &s, word))
			return spec_error(error, -EINVAL, o->path,
					  "bad option \"%.40s\": role=server|client, id=N, ring=N, buffer=N, queues=N, mtu=N, secret=S, poll, unsealed",
					  shown);
	}
	wrong = judge(o, &s);
	if (wrong)
		return spec_error(error, -EINVAL, o->path, "%s", wrong);
	name_interface(o);
	return 0;
}

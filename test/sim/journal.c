// SPDX-License-Identifier: BSD-2-Clause
/* journal.c - What went into the hosts of a run, and what came out */
#include "sim/journal.h"

#include <errno.h>
#include <stdlib.h>

#define MAGIC "tto-sim 1\n"
#define HEAD 16
#define RECORD_MAX (1u << 20)

void journal_begin(FILE *f)
{
	fputs(MAGIC, f);
}

int journal_check(FILE *f)
{
	char magic[sizeof(MAGIC)] = "";

	return fread(magic, 1, sizeof(MAGIC) - 1, f) == sizeof(MAGIC) - 1 &&
	       strcmp(magic, MAGIC) == 0 ? 0 : -EBADMSG;
}

void journal_write(FILE *f, const struct journal_record *r)
{
	uint8_t head[HEAD] = { r->kind, r->host };

	store_be32(head + 4, r->len);
	store_be32(head + 8, (uint32_t)(r->time >> 32));
	store_be32(head + 12, (uint32_t)r->time);
	fwrite(head, 1, HEAD, f);
	if (r->len)
		fwrite(r->bytes, 1, r->len, f);
}

int journal_read(FILE *f, struct journal_record *r)
{
	uint8_t head[HEAD];
	size_t got = fread(head, 1, HEAD, f);

	if (got == 0 && feof(f))
		return 0;
	*r = (struct journal_record){
		.kind = head[0], .host = head[1],
		.len = load_be32(head + 4),
		.time = (ns_t)load_be32(head + 8) << 32 | load_be32(head + 12),
	};
	if (got != HEAD || r->host > 1 || r->len > RECORD_MAX)
		return -EBADMSG;
	r->bytes = malloc(r->len + 1);
	if (!r->bytes)
		return -ENOMEM;
	r->bytes[r->len] = '\0';
	if (fread(r->bytes, 1, r->len, f) == r->len)
		return 1;
	free(r->bytes);
	return -EBADMSG;
}

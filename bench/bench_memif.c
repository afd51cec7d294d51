// SPDX-License-Identifier: BSD-2-Clause
/* bench_memif.c - Frames a second between two processes by memif, ours and DPDK's */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memif_ends.h"

#define LOG2_RING 10
#define ROWS 12

static const char *const notes[] = {
	"Work, of ours: the sender writes a number into each of 32 frames of its own (in its cache)",
	"  and copies them into the shared ring with wire_send(); the receiver copies them out with",
	"  wire_recv(), which checks every index and descriptor, and reads the number. Each byte is",
	"  written to and read from the shared memory once. Both poll; bursts of 32, 1024 slots of 2048.",
	"Work, of the peer: the same with DPDK's net_memif (--no-huge) at both ends: mbufs are allocated,",
	"  given the number, sent with rte_eth_tx_burst(), received and freed. Also one copy each side.",
	"  mixed: ours sends to DPDK's, or receives from it.",
	"Two processes, each alone on a core; time is the wall's, of windows in which both had their",
	"  core for 97 % of the time. line round trip: a cache line that the two cores hand to each other,",
	"  measured next to the row of that name.",
};

struct row {
	struct couple couple, line;
	struct end end[2];
	char folder[32];
	char name[BENCH_NAME], line_name[BENCH_NAME];
};

struct plan {
	struct bench bench;
	int core[2];
	struct row row[ROWS];
	uint32_t n_rows;
};

/* The sender's is another than that of the benchmark, which receives. */
static bool find_cores(struct plan *p, const cpu_set_t *allowed)
{
	p->core[RECEIVES] = p->bench.core;
	for (int core = 0; core < CPU_SETSIZE; core++) {
		if (core == p->bench.core || !CPU_ISSET(core, allowed))
			continue;
		p->core[SENDS] = core;
		return true;
	}
	return false;
}

static void add_case(struct plan *p, struct couple *c, const char *name,
		     couple_fn *const side[2], struct row *r)
{
	struct bench_case *bench_case = bench_add(&p->bench, "%s", name);
	void *state[2] = { &r->end[0], &r->end[1] };

	if (!bench_case)
		return;
	c->bench = &p->bench;
	c->name = name;
	if (!couple_start(c, side, state, p->core,
			  r->end[SENDS].is_server ? SENDS : RECEIVES))
		bench_fail(&p->bench, "%s: did not start", name);
	bench_case->run = couple_run;
	bench_case->close = couple_stop;
	bench_case->state = c;
	if (c == &r->couple) {
		bench_case->item_bytes = 1000;	/* items a ns are 1000 M a s    */
		bench_case->unit = "Mframes/s";
	} else {
		bench_case->unit = "ns";
	}
}

struct kind {
	const char *name;
	couple_fn *sends, *receives;
	bool peer;
};

static void add_row(struct plan *p, const struct kind *k, uint32_t bytes,
		    bool to_server)
{
	static couple_fn *const line[2] = { line_sends, line_receives };
	couple_fn *const side[2] = { k->sends, k->receives };
	const char *to = to_server ? "server" : "client";
	struct row *r = &p->row[p->n_rows++];

	strcpy(r->folder, "/tmp/tto-bench-XXXXXX");
	if (!mkdtemp(r->folder))
		exit(1);
	snprintf(r->name, sizeof(r->name), "%s %u to %s", k->name, bytes, to);
	snprintf(r->line_name, sizeof(r->line_name),
		 "line round trip, %s %u to %s", k->name, bytes, to);
	for (int n = 0; n < 2; n++)
		r->end[n] = (struct end){
			.folder = r->folder, .bytes = bytes,
			.log2_ring = LOG2_RING, .core = p->core[n],
			.is_server = (n == RECEIVES) == to_server,
		};
	add_case(p, &r->couple, r->name, side, r);
	add_case(p, &r->line, r->line_name, line, r);
}

/* With what EAL leaves there. */
static void remove_folder(const char *folder)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command))
		fprintf(stderr, "bench-memif: %s stays behind\n", folder);
}

/* One row after the other: all share the two cores, and the socket. */
static void measure(struct plan *p, uint32_t bytes)
{
	static const struct kind kinds[] = {
		{ "memif", memif_sends, memif_receives, false },
		{ "peer net_memif", peer_sends, peer_receives, true },
		{ "mixed sender ours", memif_sends, peer_receives, true },
		{ "mixed receiver ours", peer_sends, memif_receives, true },
	};

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		if (kinds[k].peer && peer_memif_missing())
			continue;
		for (int to_server = 0; to_server < 2; to_server++)
			add_row(p, &kinds[k], bytes, to_server);
	}
	bench_measure(&p->bench);
	for (; p->n_rows > 0; p->n_rows--)
		remove_folder(p->row[p->n_rows - 1].folder);
}

int main(int argc, char **argv)
{
	static struct plan p;
	cpu_set_t allowed;

	/* Before it is bound to one core. */
	CPU_ZERO(&allowed);
	if (sched_getaffinity(0, sizeof(allowed), &allowed))
		return 1;
	bench_open(&p.bench, argc, argv);
	p.bench.item_unit = "ns";
	p.bench.ratio_name = "";
	for (size_t n = 0; n < ARRAY_SIZE(notes); n++)
		bench_note(&p.bench, notes[n]);
	if (!find_cores(&p, &allowed)) {
		puts("bench-memif: two cores are needed");
		return 0;
	}
	measure(&p, 1500);
	measure(&p, 64);
	return bench_report(&p.bench);
}

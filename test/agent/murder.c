// SPDX-License-Identifier: BSD-2-Clause
/*
 * murder.c - Kill hostile clients at random moments, and look at what the daemon keeps
 *
 * What it has is asked of the system after each death: its descriptors, mappings, and
 * the memory objects among these. What it believes to have is in its statistics; they
 * are swept now and then, so that they are asked every so often, and after the last.
 * All of it has to be what it was before the client came.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "control/stats.h"

#define LIFE_MAX_US 12000
#define LONG_LIFE_US 450000	/* long enough to get into the statistics       */
#define PATIENCE_MS 5000	/* for the daemon to notice a death             */

#define SWEEPS_MS 3000		/* for two sweeps of the statistics             */
#define ASK_EVERY 32

struct holdings {
	unsigned int descriptors, mappings, objects;
};

/* Sums over all clients. */
struct account {
	uint64_t clients, flow_records;
	uint64_t objects, queues, regions, flows, ports, memory, registered;
};

static const struct stats_head *stats;

static struct holdings look(int pid)
{
	struct holdings h = { 0 };
	char path[64], line[512];
	FILE *maps;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (!dir || !maps)
		client_fail("the daemon is gone", errno);
	while (readdir(dir))
		h.descriptors++;
	while (fgets(line, sizeof(line), maps)) {
		h.mappings++;
		h.objects += strstr(line, "memfd:tto") != NULL;
	}
	closedir(dir);
	fclose(maps);
	return h;
}

static bool comes_back(int pid, const struct holdings *before)
{
	struct holdings now;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		now = look(pid);
		if (!memcmp(&now, before, sizeof(now)))
			return true;
		usleep(1000);
	}
	fprintf(stderr, "client: the daemon keeps %u descriptors (%u), %u mappings (%u), "
		"%u objects (%u)\n", now.descriptors, before->descriptors, now.mappings,
		before->mappings, now.objects, before->objects);
	return false;
}

/* ---- What the daemon says ------------------------------------------------ */

static void map_stats(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		client_fail(path, errno);
	stats = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (stats == MAP_FAILED)
		client_fail(path, errno);
	close(fd);
}

/* A sweep that begins now and has ended: when the one behind it begins. */
static void await_sweep(void)
{
	uint64_t seen = __atomic_load_n(&stats->updated, __ATOMIC_RELAXED);

	for (int ms = 0, sweeps = 0; sweeps < 2; ms++) {
		uint64_t now = __atomic_load_n(&stats->updated, __ATOMIC_RELAXED);

		if (ms == SWEEPS_MS)
			client_fail("the statistics are not swept", ETIMEDOUT);
		sweeps += now != seen;
		seen = now;
		usleep(1000);
	}
}

static void add_client(struct account *a, const struct stats_client *c)
{
	a->clients += c->used;
	a->objects += c->objects;
	a->queues += c->queues;
	a->regions += c->regions;
	a->flows += c->flows;
	a->ports += c->ports;
	a->memory += c->memory;
	a->registered += c->registered;
}

static struct account ask_account(void)
{
	const uint8_t *file = (const uint8_t *)stats;
	struct account a = { 0 };
	struct stats_client c;
	struct stats_flow f;

	await_sweep();
	for (uint32_t n = 0; n < stats->n_clients; n++) {
		if (!stats_read(&c, file + stats->clients_at + n * sizeof(c), sizeof(c)))
			client_fail("statistics of a client", EBUSY);
		add_client(&a, &c);
	}
	for (uint32_t n = 0; n < stats->n_flows; n++) {
		if (!stats_read(&f, file + stats->flows_at + n * sizeof(f), sizeof(f)))
			client_fail("statistics of a flow", EBUSY);
		a.flow_records += f.used;
	}
	return a;
}

static bool has_forgotten(const struct account *before)
{
	struct account now = ask_account();

	if (!memcmp(&now, before, sizeof(now)))
		return true;
	fprintf(stderr, "client: the daemon still counts: %llu clients (%llu), "
		"%llu flows (%llu) in %llu records (%llu), %llu queues (%llu), "
		"%llu bytes (%llu)\n",
		(unsigned long long)now.clients, (unsigned long long)before->clients,
		(unsigned long long)now.flows, (unsigned long long)before->flows,
		(unsigned long long)now.flow_records,
		(unsigned long long)before->flow_records,
		(unsigned long long)now.queues, (unsigned long long)before->queues,
		(unsigned long long)now.memory, (unsigned long long)before->memory);
	return false;
}

/* ---- Births and deaths --------------------------------------------------- */

static pid_t bear(char **argv, uint32_t seed, uint32_t uid)
{
	pid_t child = fork();

	if (child < 0)
		client_fail("fork", errno);
	if (child)
		return child;
	if (setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
		client_fail("setresuid", errno);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	hostile_run(argv[2], argv[3], argv[4], seed);
}

void murder_run(char **argv)
{
	uint32_t seed = (uint32_t)atoi(argv[5]), times = (uint32_t)atoi(argv[6]);
	int daemon = atoi(argv[7]), status;
	uint32_t uid = (uint32_t)atoi(argv[8]);
	struct holdings before;
	struct account counted;

	map_stats(argv[9]);
	counted = ask_account();
	before = look(daemon);
	srand(seed);
	for (uint32_t n = 0; n < times; n++) {
		pid_t child = bear(argv, seed + n, uid);
		bool asked = n % ASK_EVERY == 0 || n + 1 == times;

		usleep((unsigned int)rand() % (asked ? LONG_LIFE_US : LIFE_MAX_US));
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		if (!WIFSIGNALED(status)) {
			fprintf(stderr, "client: seed %u ended by itself\n", seed + n);
			exit(1);
		}
		if (!comes_back(daemon, &before) ||
		    (asked && !has_forgotten(&counted))) {
			fprintf(stderr, "client: after seed %u\n", seed + n);
			exit(1);
		}
	}
	printf("killed %u\n", times);
}

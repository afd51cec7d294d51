// SPDX-License-Identifier: BSD-2-Clause
/*
 * murder.c - Kill hostile clients at random moments, and look at what the daemon keeps
 *
 * What it has is asked of the system: its descriptors, and the memory objects in its
 * address space. Both have to be what they were before the client came.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define LIFE_MAX_US 12000
#define PATIENCE_MS 5000	/* for the daemon to notice a death             */

struct holdings {
	unsigned int descriptors, objects;
};

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
	while (fgets(line, sizeof(line), maps))
		h.objects += strstr(line, "memfd:tto") != NULL;
	closedir(dir);
	fclose(maps);
	return h;
}

static bool comes_back(int pid, const struct holdings *before)
{
	struct holdings now;

	for (int ms = 0; ms < PATIENCE_MS; ms++) {
		now = look(pid);
		if (now.descriptors == before->descriptors &&
		    now.objects == before->objects)
			return true;
		usleep(1000);
	}
	fprintf(stderr, "client: the daemon keeps %u descriptors (%u), %u objects (%u)\n",
		now.descriptors, before->descriptors, now.objects, before->objects);
	return false;
}

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
	struct holdings before = look(daemon);

	srand(seed);
	for (uint32_t n = 0; n < times; n++) {
		pid_t child = bear(argv, seed + n, uid);

		usleep((unsigned int)rand() % LIFE_MAX_US);
		kill(child, SIGKILL);
		waitpid(child, &status, 0);
		if (!WIFSIGNALED(status)) {
			fprintf(stderr, "client: seed %u ended by itself\n", seed + n);
			exit(1);
		}
		if (!comes_back(daemon, &before)) {
			fprintf(stderr, "client: after seed %u\n", seed + n);
			exit(1);
		}
	}
	printf("killed %u\n", times);
}

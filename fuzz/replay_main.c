// SPDX-License-Identifier: BSD-2-Clause
/*
 * replay_main.c - Give the files of a corpus to a fuzz target, without libFuzzer
 *
 *	replay [FILE|DIRECTORY]...
 *
 * So the corpora are tests under any compiler. Each input is also given cut
 * short at every eighth byte or so and, always, the empty input.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)
#define CUTS 8

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

static unsigned files;

/* In memory of exactly that size, so that a sanitizer sees a byte too far. */
static void give(const uint8_t *data, size_t size)
{
	uint8_t *exact = malloc(size ? size : 1);

	if (!exact)
		abort();
	memcpy(exact, data, size);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static bool replay_file(const char *path)
{
	static uint8_t input[INPUT_MAX];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
		return false;
	}
	size = fread(input, 1, sizeof(input), file);
	fclose(file);
	give(input, size);
	for (unsigned cut = 1; cut < CUTS; cut++)
		give(input, size * cut / CUTS);
	files++;
	return true;
}

static bool replay_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	bool fine = n >= 0;

	if (n < 0)
		fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
	for (int idx = 0; idx < n; idx++) {
		char name[4096];

		snprintf(name, sizeof(name), "%s/%s", path,
			 entries[idx]->d_name);
		if (entries[idx]->d_name[0] != '.')
			fine = replay_file(name) && fine;
		free(entries[idx]);
	}
	if (n >= 0)
		free(entries);
	return fine;
}

int main(int argc, char **argv)
{
	bool fine = true;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	give((const uint8_t *)"", 0);
	for (int n = 1; n < argc; n++) {
		struct stat st;

		if (!stat(argv[n], &st) && S_ISDIR(st.st_mode))
			fine = replay_directory(argv[n]) && fine;
		else
			fine = replay_file(argv[n]) && fine;
	}
	printf("%u files\n", files);
	return fine ? 0 : 1;
}

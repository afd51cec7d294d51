// SPDX-License-Identifier: BSD-2-Clause
/*
 * sim.c - tto-sim: many runs of two hosts, each by a seed
 *
 * Each seed is run twice, with frames as they come and aggregated: both must end,
 * keep all invariants, and deliver the same. Some are recorded, and replayed from
 * the journal. What fails is told in one line, with the command that repeats it,
 * and written to a capture.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "sim/journal.h"
#include "sim/profiles.h"
#include "sim/stream.h"
#include "sim/world.h"

#define FAILURES_MAX 20
#define REPLAY_EACH 53		/* seeds: no multiple of the profiles           */

static const char *const aggregation_names[] = { "not", "host", "lossless" };

_Static_assert(ARRAY_SIZE(aggregation_names) == AGGREGATE_N, "one name for each");

struct options {
	const struct profile *profile;	/* NULL: in turn                        */
	uint64_t first, seeds;
	int aggregation;	/* -1: not, and one of the others               */
	const char *trace, *journal, *replay;
	const char *captures;	/* folder for those of failures                 */
	bool verbose, cases;
};

static const char *program = "tto-sim";

struct tally {
	uint64_t n_runs, n_failed, n_frames, n_joined, n_bytes;
	double seconds;		/* virtual                                      */
};

static struct tally *tallies;

static void usage(FILE *to)
{
	fputs("usage: tto-sim [--first N] [--seeds N] [--profile NAME]\n"
	      "               [--aggregate not|host|lossless] [--captures FOLDER]\n"
	      "               [--verbose] [--cases]\n"
	      "       tto-sim --seed N [--profile NAME] [--aggregate HOW]\n"
	      "               [--trace FILE.pcapng] [--journal FILE]\n"
	      "       tto-sim --replay JOURNAL\n"
	      "       tto-sim --list\n", to);
}

static const struct profile *profile_of(const struct options *o, uint64_t seed)
{
	const struct profile *p = &profiles[seed % n_profiles];

	if (o->profile)
		return o->profile;
	if (p->heavy && seed / n_profiles % 8)
		return profile_find("mix");
	return p;
}

/* ---- One seed ------------------------------------------------------------------------ */

static void report(const struct options *o, struct run *r, const char *how)
{
	const struct scenario *s = r->scenario;
	struct run again = { .scenario = s, .aggregation = r->aggregation };
	char trace[512];

	snprintf(trace, sizeof(trace), "%s/sim-%s-%llu-%s.pcapng", o->captures,
		 s->profile, (unsigned long long)s->seed, how);
	if (!o->trace) {
		again.trace = trace;
		world_run(&again);
	}
	printf("sim: %s %llu, at %.6f s: %s: %s --profile %s --seed %llu "
	       "--aggregate %s --trace %s\n", s->profile,
	       (unsigned long long)s->seed, (double)r->verdict.time / 1e9,
	       r->verdict.text, program, s->profile,
	       (unsigned long long)s->seed, how, o->trace ? o->trace : trace);
	fflush(stdout);
}

static FILE *open_journal(const struct options *o, const struct run *r)
{
	bool asked = o->journal != NULL;
	FILE *f;

	if (!asked && (r->scenario->seed % REPLAY_EACH ||
		       r->aggregation == AGGREGATE_NOT))
		return NULL;
	f = asked ? fopen(o->journal, "wb+") : tmpfile();
	if (!f) {
		perror(asked ? o->journal : "a temporary file");
		exit(2);
	}
	journal_begin(f);
	return f;
}

static bool replay_file(FILE *f, struct run *r);

/* The journal gives the very same frames, without a network. */
static void check_journal(struct run *r)
{
	struct run again;

	rewind(r->journal);
	if (!r->verdict.failed && !replay_file(r->journal, &again))
		verdict_fail(&r->verdict, "replayed: %.200s", again.verdict.text);
	fclose(r->journal);
}

static bool run_one(const struct options *o, const struct scenario *s,
		    enum aggregation aggregation, struct run *r)
{
	struct tally *t = &tallies[profile_find(s->profile) - profiles];

	*r = (struct run){ .scenario = s, .aggregation = aggregation,
			   .trace = o->trace };
	r->journal = open_journal(o, r);
	world_run(r);
	if (r->journal)
		check_journal(r);
	t->n_runs++;
	t->n_frames += r->n_frames;
	t->n_joined += r->n_joined;
	t->n_bytes += r->received[0] + r->received[1];
	t->seconds += (double)r->duration / 1e9;
	if (!r->verdict.failed)
		return true;
	t->n_failed++;
	report(o, r, aggregation_names[aggregation]);
	return false;
}

static bool run_seed(const struct options *o, uint64_t seed)
{
	struct scenario s;
	struct run plain, joined;
	enum aggregation how = seed & 1 ? AGGREGATE_HOST : AGGREGATE_LOSSLESS;

	profile_scenario(profile_of(o, seed), seed, &s);
	if (o->aggregation >= 0)
		return run_one(o, &s, (enum aggregation)o->aggregation, &plain);
	if (!run_one(o, &s, AGGREGATE_NOT, &plain) ||
	    !run_one(o, &s, how, &joined))
		return false;
	if (s.expect == EXPECT_ALL &&
	    (plain.received[0] != joined.received[0] ||
	     plain.received[1] != joined.received[1])) {
		verdict_fail(&joined.verdict, "aggregated is not the same");
		report(o, &joined, aggregation_names[how]);
		return false;
	}
	return true;
}

/* ---- Many ------------------------------------------------------------------------------ */

static void show(void)
{
	printf("%-16s %8s %8s %12s %10s %12s %14s\n", "profile", "runs", "failed",
	       "frames", "aggregates", "bytes", "virtual s");
	for (unsigned n = 0; n < n_profiles; n++) {
		const struct tally *t = &tallies[n];

		if (t->n_runs)
			printf("%-16s %8llu %8llu %12llu %10llu %12llu %14.1f\n",
			       profiles[n].name, (unsigned long long)t->n_runs,
			       (unsigned long long)t->n_failed,
			       (unsigned long long)t->n_frames,
			       (unsigned long long)t->n_joined,
			       (unsigned long long)t->n_bytes, t->seconds);
	}
}

/* As script/summary counts them. */
static void show_cases(void)
{
	for (unsigned n = 0; n < n_profiles; n++)
		if (tallies[n].n_runs)
			printf("%s sim_%s\n", tallies[n].n_failed ? "not ok" : "ok",
			       profiles[n].name);
}

static int run_seeds(const struct options *o)
{
	uint64_t failed = 0, seed;

	for (seed = o->first; seed - o->first < o->seeds &&
	     failed < FAILURES_MAX; seed++)
		failed += !run_seed(o, seed);
	if (o->verbose)
		show();
	if (o->cases)
		show_cases();
	printf("%llu seeds passed, %llu failed\n",
	       (unsigned long long)(seed - o->first - failed),
	       (unsigned long long)failed);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- Replay ------------------------------------------------------------------------------ */

static int read_scenario(FILE *f, struct scenario *s, struct run *r)
{
	struct journal_record record;
	unsigned long long seed;
	char name[32];
	int how;

	if (journal_read(f, &record) != 1)
		return -EBADMSG;
	if (record.kind != JOURNAL_SCENARIO ||
	    sscanf((char *)record.bytes, "%31s %llu %d", name, &seed, &how) != 3 ||
	    how < 0 || how >= AGGREGATE_N || !profile_find(name)) {
		free(record.bytes);
		return -EBADMSG;
	}
	free(record.bytes);
	profile_scenario(profile_find(name), seed, s);
	*r = (struct run){ .scenario = s, .aggregation = (enum aggregation)how };
	return 0;
}

static bool replay_file(FILE *f, struct run *r)
{
	struct scenario s;

	if (journal_check(f) || read_scenario(f, &s, r)) {
		*r = (struct run){ 0 };
		verdict_fail(&r->verdict, "not a journal");
		return false;
	}
	world_replay(r, f);
	r->scenario = NULL;
	return !r->verdict.failed;
}

static int replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct run r;
	bool good;

	if (!f) {
		perror(path);
		return EXIT_FAILURE;
	}
	good = replay_file(f, &r);
	fclose(f);
	if (good)
		printf("%s: %llu frames, the same\n", path,
		       (unsigned long long)r.n_frames);
	else
		printf("%s: %s\n", path, r.verdict.text);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- Arguments ----------------------------------------------------------------------------- */

static const struct option long_options[] = {
	{ "first", required_argument, NULL, 'f' },
	{ "seeds", required_argument, NULL, 'n' },
	{ "seed", required_argument, NULL, 's' },
	{ "profile", required_argument, NULL, 'p' },
	{ "aggregate", required_argument, NULL, 'a' },
	{ "trace", required_argument, NULL, 't' },
	{ "journal", required_argument, NULL, 'j' },
	{ "replay", required_argument, NULL, 'r' },
	{ "captures", required_argument, NULL, 'c' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "cases", no_argument, NULL, 'k' },
	{ "list", no_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void list(void)
{
	for (unsigned n = 0; n < n_profiles; n++)
		printf("%-16s %s\n", profiles[n].name, profiles[n].sentence);
	exit(EXIT_SUCCESS);
}

static int aggregation_of(const char *name)
{
	for (int n = 0; n < AGGREGATE_N; n++)
		if (strcmp(name, aggregation_names[n]) == 0)
			return n;
	fprintf(stderr, "tto-sim: --aggregate %s: not, host or lossless\n", name);
	exit(2);
}

static const struct profile *profile_named(const char *name)
{
	const struct profile *p = profile_find(name);

	if (p)
		return p;
	fprintf(stderr, "tto-sim: --profile %s: there is none; see --list\n", name);
	exit(2);
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t n = strtoull(text, &end, 10);

	if (*text >= '0' && *text <= '9' && *end == '\0')
		return n;
	fprintf(stderr, "tto-sim: %s: not a number\n", text);
	exit(2);
}

static void take_option(struct options *o, int option)
{
	switch (option) {
	case 'f': o->first = number(optarg); break;
	case 'n': o->seeds = number(optarg); break;
	case 's': o->first = number(optarg); o->seeds = 1; break;
	case 'p': o->profile = profile_named(optarg); break;
	case 'a': o->aggregation = aggregation_of(optarg); break;
	case 't': o->trace = optarg; break;
	case 'j': o->journal = optarg; break;
	case 'r': o->replay = optarg; break;
	case 'c': o->captures = optarg; break;
	case 'v': o->verbose = true; break;
	case 'k': o->cases = true; break;
	case 'l': list(); break;
	case 'h': usage(stdout); exit(EXIT_SUCCESS);
	default: usage(stderr); exit(2);
	}
}

int main(int argc, char **argv)
{
	struct options o = { .first = 1, .seeds = 1000, .aggregation = -1,
			     .captures = "." };
	int option, status;

	if (argc)
		program = argv[0];
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(&o, option);
	stream_init();
	tallies = calloc(n_profiles, sizeof(*tallies));
	if (!tallies)
		return EXIT_FAILURE;
	status = o.replay ? replay(o.replay) : run_seeds(&o);
	free(tallies);
	return status;
}

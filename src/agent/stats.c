// SPDX-License-Identifier: BSD-2-Clause
/* stats.c - Keep the statistics file up to date */
#include "agent/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/message.h"
#include "control/stats.h"
#include "host/view.h"

#define SECOND 1000000000ull
#define INTERVAL_NS (200 * 1000000ull)
#define STEP 64			/* flows                                        */

_Static_assert(TTO_N_CAUSES <= STATS_CAUSES, "there is room");
_Static_assert(DEVICE_N_DROPS <= STATS_DROPS, "there is room");

struct stats {
	struct stats_head *head;
	struct stats_client *clients;
	struct stats_flow *flows;
	uint32_t n_clients, n_flows;
	uint64_t bytes;
	uint32_t sweep;		/* number of the current one                    */
	uint32_t *swept;	/* by flow record: the last that saw it         */
	bool running, wanted;
	ns_t next;		/* sweep begins                                 */
	uint32_t client, cursor;	/* how far it has come                  */
	uint32_t clearing;
	char *path;
};

/* ---- The file ------------------------------------------------------------------------------ */

static int lay_out(struct stats *s, const struct config *c)
{
	struct stats_head *h = s->head;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*h = (struct stats_head){
		.magic = STATS_MAGIC, .version = STATS_VERSION,
		.bytes = s->bytes, .pid = (uint32_t)getpid(),
		.n_clients = s->n_clients, .n_flows = s->n_flows,
		.n_totals = STATS_N_TOTALS, .clients_at = sizeof(*h),
		.flows_at = sizeof(*h) + s->n_clients * sizeof(*s->clients),
		.started = (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec,
	};
	strncpy(h->wire, c->wire, sizeof(h->wire) - 1);
	s->clients = (void *)((uint8_t *)h + h->clients_at);
	s->flows = (void *)((uint8_t *)h + h->flows_at);
	s->swept = calloc(s->n_flows, sizeof(*s->swept));
	return s->swept ? 0 : -ENOMEM;
}

static int set_up(struct stats *s, int fd, const struct config *c)
{
	void *memory;

	/* Kept open, and so locked, as long as the daemon lives. */
	if (flock(fd, LOCK_EX | LOCK_NB) ||
	    (c->socket_gid != UINT32_MAX && fchown(fd, (uid_t)-1, c->socket_gid)) ||
	    fchmod(fd, 0640) || ftruncate(fd, (off_t)s->bytes))
		return -errno;
	memory = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	s->head = memory;
	return lay_out(s, c);
}

static int open_file(struct stats *s, const struct config *c)
{
	int fd, err;

	/* A new one: nobody has it open for writing, whoever made the old one. */
	if (unlink(s->path) && errno != ENOENT)
		return -errno;
	fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	err = set_up(s, fd, c);
	if (err)
		close(fd);
	return err;
}

int stats_open(struct stats **out, const struct config *config, uint32_t clients,
	       uint32_t flows)
{
	struct stats *s = calloc(1, sizeof(*s));
	int err = -ENOMEM;

	if (s) {
		s->n_clients = clients;
		s->n_flows = flows;
		s->bytes = sizeof(*s->head) + clients * sizeof(*s->clients) +
			   flows * sizeof(*s->flows);
		s->path = strdup(config->stats);
		err = s->path ? open_file(s, config) : -ENOMEM;
	}
	if (!err) {
		*out = s;
		return 0;
	}
	message_errno(err, "%s", config->stats);
	if (s)
		free(s->path);
	free(s);
	return err;
}

void stats_close(struct stats *s)
{
	if (!s)
		return;
	munmap(s->head, s->bytes);
	unlink(s->path);
	free(s->swept);
	free(s->path);
	free(s);
}

/* ---- Sweeps ---------------------------------------------------------------------------------- */

static void write_totals(struct stats *s, const struct agent *a, ns_t now)
{
	struct host_counters c;
	uint64_t *t = s->head->total;

	host_counters(a->host, &c);
	t[STATS_RECEIVED_FRAMES] = c.wire.rx_frames;
	t[STATS_RECEIVED_BYTES] = c.wire.rx_bytes;
	t[STATS_RECEIVED_LOST] = c.wire.rx_dropped;
	t[STATS_SENT_FRAMES] = c.wire.tx_frames;
	t[STATS_SENT_BYTES] = c.wire.tx_bytes;
	t[STATS_SENT_LOST] = c.wire.tx_dropped;
	t[STATS_UNCLAIMED] = c.unclaimed;
	t[STATS_ANSWERED] = c.answered;
	t[STATS_REQUESTS] = c.requests;
	t[STATS_REFUSED] = c.refused;
	t[STATS_CLIENTS] = a->admitted;
	t[STATS_TURNED_AWAY] = a->refused;
	t[STATS_WAKES] = c.wakes;
	t[STATS_SLEEPS] = c.sleeps;
	t[STATS_WALKS] = c.walks;
	t[STATS_FAULTS] = c.faults;
	memcpy(s->head->drops, c.queues.drops, sizeof(c.queues.drops));
	s->head->updated = now;
}

static void write_client(struct stats_client *to, const struct session *session)
{
	struct device_queue_counters c;
	struct host_limits l;
	struct host_usage u;
	struct stats_client r = { .used = 1 };

	host_client_usage(session->client, &u);
	host_client_limits(session->client, &l);
	host_client_counters(session->client, &c);
	r.pid = session->peer.pid;
	r.uid = session->peer.uid;
	r.gid = session->peer.gid;
	r.objects = u.objects;
	r.queues = u.queues;
	r.regions = u.regions;
	r.flows = u.flows;
	r.ports = u.ports;
	r.memory = u.memory;
	r.registered = u.registered;
	r.memory_limit = l.memory;
	r.registered_limit = l.registered;
	r.objects_limit = l.objects;
	r.queues_limit = l.queues;
	r.regions_limit = l.regions;
	r.flows_limit = l.flows;
	r.requests = c.requests;
	r.completions = c.completions;
	r.bytes = c.bytes;
	memcpy(r.drops, c.drops, sizeof(c.drops));
	stats_write(to, &r, sizeof(r));
}

static void write_flow(struct stats *s, const struct session *session,
		       const struct host_flow_view *v)
{
	const struct device_flow_counters *c = &v->counters;
	uint32_t at = device_index(v->id);
	struct stats_flow r = {
		.used = 1, .id = v->id, .operation = v->operation,
		.client = host_client_index(session->client),
		.pid = session->peer.pid, .tuple = v->tuple,
		.packets = c->packets, .segments = c->segments, .acks = c->acks,
		.bytes = c->bytes, .placed_rq = c->placed_rq,
		.placed_grq = c->placed_grq, .out_of_order = c->out_of_order,
		.sent = c->sent,
	};

	if (at >= s->n_flows)
		return;
	memcpy(r.drops, c->drops, sizeof(c->drops));
	memcpy(r.causes, c->causes, sizeof(c->causes));
	stats_write(&s->flows[at], &r, sizeof(r));
	s->swept[at] = s->sweep;
}

static const struct session *session_at(const struct agent *a, uint32_t idx)
{
	for (const struct session *s = a->sessions; s; s = s->next) {
		if (s->client && host_client_index(s->client) == idx)
			return s;
	}
	return NULL;
}

/* Some flows of the client that it is at. */
static void step_client(struct stats *s, const struct agent *a)
{
	const struct session *session = session_at(a, s->client);
	struct stats_client none = { 0 };
	struct host_flow_view view;

	if (session && s->cursor == 0)
		write_client(&s->clients[s->client], session);
	else if (!session && s->clients[s->client].used)
		stats_write(&s->clients[s->client], &none, sizeof(none));
	for (uint32_t left = STEP; session && left > 0; left--) {
		if (!host_client_flow(session->client, &s->cursor, &view)) {
			session = NULL;
			break;
		}
		write_flow(s, session, &view);
	}
	if (session)
		return;
	s->client++;
	s->cursor = 0;
}

/* Flows that the sweep did not meet are gone. */
static void step_clear(struct stats *s)
{
	struct stats_flow none = { 0 };
	uint32_t end = s->clearing + 16 * STEP;

	for (; s->clearing < s->n_flows && s->clearing < end; s->clearing++) {
		uint32_t *swept = &s->swept[s->clearing];

		if (!*swept || *swept == s->sweep)
			continue;
		stats_write(&s->flows[s->clearing], &none, sizeof(none));
		*swept = 0;
	}
	if (s->clearing == s->n_flows)
		s->running = false;
}

static void begin(struct stats *s, const struct agent *a, ns_t now)
{
	s->running = true;
	s->wanted = false;
	s->next = now + INTERVAL_NS;
	s->client = s->cursor = s->clearing = 0;
	/* 0 stands for a record that is not in use. */
	if (++s->sweep == 0)
		s->sweep = 1;
	write_totals(s, a, now);
}

ns_t stats_step(struct stats *s, const struct agent *a, bool active, ns_t now)
{
	s->wanted |= active;
	if (!s->running && s->wanted && now >= s->next)
		begin(s, a, now);
	if (!s->running)
		return s->wanted ? s->next : NS_NEVER;
	if (s->client < s->n_clients)
		step_client(s, a);
	else
		step_clear(s);
	return now;
}

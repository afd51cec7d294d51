// SPDX-License-Identifier: BSD-2-Clause
/*
 * memif_hostile_test.c - A peer that writes anything, anywhere, at any time
 *
 * From a seed: messages that are bent, cut, repeated and mixed, with descriptors
 * that do not belong there; and when the connection is up nevertheless, rings and
 * descriptors full of garbage, while frames are sent and received. Nothing of it
 * may crash (the sanitizers look), wait, or give out a frame that cannot be; no
 * descriptor may be lost; and an honest peer has to be served afterwards.
 *
 *	MEMIF_SEED=N MEMIF_SEEDS=1	repeats one
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "memif_ends.h"
#include "memif_peer.h"
#include "wire/memif/ring.h"

#define SEEDS 100
#define BATCH 16u
#define PATIENCE_MS 1000	/* for a call; others use the machine, too      */

static uint64_t seed;
static uint64_t frames_seen, times_up;

static uint32_t next_random(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return (uint32_t)(seed >> 33);
}

static uint32_t random_below(uint32_t n)
{
	return next_random() % n;
}

static bool one_in(uint32_t n)
{
	return random_below(n) == 0;
}

/* Numbers at which programs err. */
static uint32_t odd_number(void)
{
	static const uint32_t numbers[] = {
		0, 1, 2, 15, 16, 17, 255, 2047, 2048, 2049, 4095, 4096, 65535,
		65536, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff,
		PEER_REGION, PEER_REGION - 1, PEER_REGION - 2048,
	};

	return one_in(3) ? next_random() :
	       numbers[random_below(ARRAY_SIZE(numbers))];
}

static int count_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ---- Our side ------------------------------------------------------------------ */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t read_all(const struct wire_frame *f)
{
	const uint8_t *data = f->iov[0].iov_base;
	uint32_t sum = 0;

	assert_int_equal(f->n_iov, 1);
	assert_int_equal(f->iov[0].iov_len, f->len);
	assert_in_range(f->len, 1, RING_FRAME_MAX);
	for (uint32_t at = 0; at < f->len; at++)
		sum += data[at];
	return sum;
}

static void use(struct wire *w)
{
	static uint8_t data[9018];
	struct wire_frame f[BATCH];
	struct iovec iov[BATCH];
	uint64_t begin = now_ms();
	uint32_t n = 1 + random_below(BATCH), sum = 0;
	int got = wire_recv(w, f, n);

	assert_in_range(got, 0, n);
	for (int k = 0; k < got; k++)
		sum += read_all(&f[k]);
	frames_seen += (uint64_t)got;
	for (uint32_t k = 0; k < n; k++) {
		iov[k] = (struct iovec){ data, one_in(8) ? 9018 : 60 + sum % 1400 };
		f[k] = (struct wire_frame){ .iov = &iov[k], .n_iov = 1,
					    .len = (uint32_t)iov[k].iov_len };
	}
	assert_in_range(wire_send(w, f, n), 0, n);
	assert_true(now_ms() - begin < PATIENCE_MS);
}

/* ---- The peer's messages ------------------------------------------------------------ */

static void bend(struct memif_message *m)
{
	uint8_t *bytes = (uint8_t *)m;
	uint32_t at = one_in(2) ? random_below(16) : random_below(sizeof(*m));
	uint32_t v = odd_number(), n = 1 + random_below(4);

	if (at + n <= sizeof(*m))
		memcpy(bytes + at, &v, n);
}

static int odd_descriptor(const struct peer *p)
{
	switch (random_below(6)) {
	case 0: return p->memory;
	case 1: return p->event[random_below(2)];
	case 2: return p->socket;
	case 3: return STDERR_FILENO;
	default: return -1;
	}
}

static void send_odd(struct peer *p, const struct memif_message *m, int fd)
{
	int fds[8];
	size_t n = 0, bytes = sizeof(*m);

	if (fd >= 0)
		fds[n++] = fd;
	if (one_in(30))
		bytes = random_below(sizeof(*m));
	while (one_in(20) && n < ARRAY_SIZE(fds)) {
		fds[n] = odd_descriptor(p);
		n += fds[n] >= 0;
	}
	peer_send_raw(p, m, bytes, fds, n);
}

static void send_step(struct peer *p, int step, uint32_t how_odd)
{
	struct memif_message m = peer_message(p, step);
	int fd = peer_fd(p, step);

	if (one_in(how_odd))
		bend(&m);
	if (one_in(how_odd))
		fd = odd_descriptor(p);
	send_odd(p, &m, fd);
	if (one_in(how_odd))
		send_odd(p, &m, fd);
}

/* ---- The peer's writing in what is shared ---------------------------------------------- */

static void scribble_descriptor(struct memif_ring *r, uint32_t slots)
{
	struct memif_descriptor *d = &r->descriptors[random_below(slots)];

	switch (random_below(6)) {
	case 0: d->flags = (uint16_t)(one_in(2) ? 1 : next_random()); break;
	case 1: d->region = (uint16_t)odd_number(); break;
	case 2: d->length = odd_number(); break;
	case 3: d->offset = odd_number(); break;
	case 4: d->flags = 0; break;
	default: d->length = random_below(3000); break;
	}
}

static void scribble_index(struct memif_ring *r, bool much)
{
	uint16_t *at = one_in(2) ? &r->head : &r->tail;
	uint16_t v = (uint16_t)(much ? odd_number() : *at + random_below(6));

	__atomic_store_n(at, v, __ATOMIC_RELEASE);
}

static void scribble(uint8_t *base, size_t bytes, uint32_t ring_bytes,
		     uint32_t slots)
{
	struct memif_ring *r = (void *)(base + random_below(2) * ring_bytes);
	uint32_t v = odd_number();

	switch (random_below(40)) {
	case 0: scribble_index(r, true); break;
	case 1: r->flags = (uint16_t)odd_number(); break;
	case 2: memcpy(base + random_below((uint32_t)bytes - 4), &v, 4); break;
	case 3: case 4: case 5: case 6: case 7: case 8: case 9:
		scribble_descriptor(r, slots); break;
	default: scribble_index(r, false); break;
	}
}

/* ---- Runs ------------------------------------------------------------------------------------ */

static void attack_server(struct ends *e)
{
	uint32_t how_odd = 2 + random_below(30);
	struct peer p;

	peer_init(&p);
	peer_connect(&p, e->path);
	peer_share(&p, one_in(8) ? 0 : MFD_ALLOW_SEALING);
	for (int step = 0; step < PEER_STEPS; step++) {
		send_step(&p, one_in(how_odd) ? (int)random_below(PEER_STEPS) : step,
			  how_odd);
		for (int n = 0; n < 8; n++)
			use(e->wire[SERVER]);
	}
	times_up += ends_is_up(e, SERVER);
	for (int n = 0; n < 2000; n++) {
		scribble(p.base, p.bytes, PEER_RING_BYTES, PEER_SLOTS);
		if (one_in(3))
			use(e->wire[SERVER]);
		if (one_in(800))
			send_step(&p, (int)random_below(PEER_STEPS), 3);
	}
	peer_close(&p);
	for (int n = 0; n < 40; n++)
		use(e->wire[SERVER]);
}

/* Answers a client as a server should, more or less. */
static void answer(struct peer *p, uint32_t how_odd)
{
	struct memif_message m;
	int fd, type = peer_receive(p, &m, &fd);

	if (type == MEMIF_ADD_REGION && fd >= 0 && !p->base) {
		p->bytes = m.add_region.bytes;
		p->base = mmap(NULL, p->bytes, PROT_READ | PROT_WRITE,
			       MAP_SHARED, fd, 0);
		assert_true(p->base != MAP_FAILED);
	}
	if (fd >= 0)
		close(fd);
	if (type <= 0)
		return;
	m = (struct memif_message){ .type = type == MEMIF_CONNECT ?
				    MEMIF_CONNECTED : MEMIF_ACK };
	if (one_in(how_odd))
		bend(&m);
	send_odd(p, &m, -1);
}

static void attack_client(struct ends *e, struct peer *p, uint32_t slots)
{
	struct memif_message hello = { .type = MEMIF_HELLO, .hello = {
		.min_version = MEMIF_VERSION, .max_version = MEMIF_VERSION,
		.max_region = 255, .max_to_client = 255, .max_to_server = 255,
		.max_log2_ring = 14 } };
	uint32_t how_odd = 2 + random_below(40);

	p->socket = accept4(p->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(p->socket >= 0);
	if (one_in(how_odd))
		bend(&hello);
	send_odd(p, &hello, -1);
	for (int n = 0; n < 12; n++) {
		use(e->wire[CLIENT]);
		answer(p, how_odd);
	}
	times_up += ends_is_up(e, CLIENT);
	for (int n = 0; n < 2000 && p->base; n++) {
		scribble(p->base, p->bytes,
			 MEMIF_DESCRIPTORS_AT + 16 * slots, slots);
		if (one_in(3))
			use(e->wire[CLIENT]);
	}
	peer_hang_up(p);
	for (int n = 0; n < 40; n++)
		use(e->wire[CLIENT]);
}

/* What was there before is of no consequence. */
static void be_served(struct ends *e)
{
	uint8_t data[1000];
	struct iovec iov = { data, sizeof(data) };
	struct wire_frame f = { .iov = &iov, .n_iov = 1, .len = 1000 };
	int got = 0;

	ends_connect(e);
	for (int from = 0; from < 2; from++) {
		memset(data, 17 + from, sizeof(data));
		assert_int_equal(wire_send(e->wire[from], &f, 1), 1);
		for (int n = 0; n < 100; n++) {
			struct wire_frame back[1];

			got = wire_recv(e->wire[1 - from], back, 1);
			if (!got)
				continue;
			assert_int_equal(read_all(back), 1000 * (17 + from));
			break;
		}
		assert_int_equal(got, 1);
	}
}

static void run_server(uint64_t run_seed)
{
	struct ends e;

	seed = run_seed;
	ends_open_folder(&e);
	ends_open_one(&e, SERVER, one_in(2) ? "mtu=9000" : "mtu=9000,poll");
	for (uint32_t n = 1 + random_below(3); n > 0; n--)
		attack_server(&e);
	ends_open_one(&e, CLIENT, "");
	be_served(&e);
	ends_close(&e);
}

static void run_client(uint64_t run_seed)
{
	struct ends e;
	struct peer p;
	char options[64];
	uint32_t log2;

	seed = run_seed;
	/* Room for the frame of be_served() at least. */
	log2 = 1 + random_below(6);
	snprintf(options, sizeof(options), "mtu=9000,ring=%u,buffer=%u%s",
		 1u << log2, 512u << random_below(3), one_in(2) ? ",poll" : "");
	peer_init(&p);
	ends_open_folder(&e);
	peer_listen(&p, e.path);
	ends_open_one(&e, CLIENT, options);
	attack_client(&e, &p, 1u << log2);
	/* A new one: the old would take its second to try again. */
	peer_close(&p);
	assert_int_equal(wire_close(e.wire[CLIENT]), 0);
	assert_int_equal(unlink(e.path), 0);
	ends_open_one(&e, SERVER, "");
	ends_open_one(&e, CLIENT, options);
	be_served(&e);
	ends_close(&e);
}

static void run_all(void (*run)(uint64_t run_seed))
{
	const char *first = getenv("MEMIF_SEED"), *n = getenv("MEMIF_SEEDS");
	uint64_t from = first ? strtoull(first, NULL, 0) : 1;
	uint64_t n_seeds = n ? strtoull(n, NULL, 0) : SEEDS;
	int before = count_descriptors();

	frames_seen = times_up = 0;
	for (uint64_t s = from; s < from + n_seeds; s++) {
		/* In case it ends here. */
		print_message("seed %llu\n", (unsigned long long)s);
		fflush(stdout);
		run(s);
		assert_int_equal(count_descriptors(), before);
	}
	print_message("%llu times up, %llu frames\n", (unsigned long long)times_up,
		      (unsigned long long)frames_seen);
	/* It would show nothing if it never came so far. */
	assert_true(n_seeds < SEEDS || (times_up > SEEDS / 4 && frames_seen > SEEDS));
}

static void a_server_outlives_any_client(void **state)
{
	run_all(run_server);
}

static void a_client_outlives_any_server(void **state)
{
	run_all(run_client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_server_outlives_any_client),
		cmocka_unit_test(a_client_outlives_any_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

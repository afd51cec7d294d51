// SPDX-License-Identifier: BSD-2-Clause
/* queues_test.c - The device that the daemon has: queues and requests of a stack */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/heap.h"
#include "embed/embed.h"
#include "embed/owner.h"
#include "embed/queues/queues.h"
#include "packet/headers.h"

#define SECOND 1000000000ULL
#define NONE UINT32_MAX

static struct owner owner;
static struct embed *embed;
static ns_t now;

/* ---- What has arrived ------------------------------------------------------------------- */

static struct {
	uint32_t n;
	struct embed_datagram d;
	uint32_t bytes;
	uint8_t payload[1 << 17];
} got;

static void arrive(const struct embed_datagram *d)
{
	got.n++;
	got.d = *d;
	got.bytes = 0;
	for (const struct tto_segment *s = d->payload; s; s = s->next) {
		memcpy(got.payload + got.bytes, s->payload, s->len);
		got.bytes += s->len;
	}
	assert_true(d->is_icmp || got.bytes == d->segment.len);
}

static int receive(void)
{
	got.n = 0;
	now += SECOND;	/* it looks around as well                              */
	return embed_receive(embed, now, EMBED_ALL, arrive);
}

/* ---- The scene ------------------------------------------------------------------------------ */

static int set_up(void **state)
{
	struct wire_error error = { "" };
	int heap;

	owner_start(&owner);
	assert_int_equal(heap_create(&heap), 0);
	now = SECOND;
	if (embed_open(&embed, owner.where, &error))
		fail_msg("%s", error.text);
	close(heap);
	return 0;
}

static int tear_down(void **state)
{
	embed_detach(embed);
	embed_free(embed);
	heap_leave();
	owner_stop(&owner);
	return 0;
}

/* From 10.0.0.1:@local to 10.0.0.2:@remote. */
static struct tcp_tuple tuple(uint16_t local, uint16_t remote)
{
	struct tcp_tuple t = { .local = { 10, 0, 0, 1 }, .local_port = local };

	if (remote)
		memcpy(t.remote, (const uint8_t[]){ 10, 0, 0, 2 }, 4);
	t.remote_port = remote;
	return t;
}

/* The daemon's id of what was added last. */
static uint32_t last_id(void)
{
	(void)owner_count(&owner, CONTROL_ROUTE);
	return owner.n_handles + 1000;
}

static uint32_t open_flow(uint16_t port)
{
	struct tcp_tuple t = tuple(port, 80);

	assert_int_equal(embed_claim(embed, &t, EMBED_CONNECT), 0);
	return last_id();
}

static uint32_t open_listen(uint16_t port)
{
	struct tcp_tuple t = tuple(port, 0);

	assert_int_equal(embed_claim(embed, &t, EMBED_LISTEN), 0);
	return last_id();
}

/* ---- Receive -------------------------------------------------------------------------------- */

/* Payload of @bytes, which follow @seq, in the next buffer. */
static struct completion piece(uint32_t flow, uint32_t s, uint32_t bytes, uint8_t flags)
{
	struct completion c = { .flow = flow, .bytes = bytes, .seq = s, .ack = 7,
				.window = 99, .tcp_flags = TCP_ACK, .segments = 3,
				.kind = COMPLETION_GENERAL, .flags = flags };
	uint8_t *at;

	c.wr_id = owner_buffer(&owner, &at);
	for (uint32_t n = 0; n < bytes; n++)
		at[n] = (uint8_t)(s + n);
	return c;
}

static void assert_bytes(uint32_t from, uint32_t n)
{
	assert_int_equal(got.bytes, n);
	for (uint32_t k = 0; k < n; k++)
		assert_int_equal(got.payload[k], (uint8_t)(from + k));
}

static void rq_3_pieces_of_an_aggregate_are_one_segment(void **state)
{
	uint32_t flow = open_flow(1000);
	struct completion c[3] = {
		piece(flow, 500, 16384, COMPLETION_FIRST | COMPLETION_MORE |
					COMPLETION_TIMESTAMP),
		piece(flow, 500 + 16384, 16384, COMPLETION_MORE),
		piece(flow, 500 + 32768, 100, 0),
	};
	struct tcp_tuple t = tuple(1000, 80);

	c[0].tsval = 11;
	c[0].tsecr = 12;
	c[0].tos = 3;
	c[2].tcp_flags = TCP_ACK | TCP_FIN;
	owner_complete(&owner, c, 2);
	assert_int_equal(receive(), 0);		/* the last is not there yet    */
	owner_complete(&owner, c + 2, 1);
	assert_int_equal(receive(), 1);
	assert_int_equal(got.n, 1);
	assert_true(tcp_tuple_equal(&got.d.tuple, &t));
	assert_bytes(500, 32868);
	assert_int_equal(got.d.segment.seq.n, 500);
	assert_int_equal(got.d.segment.ack.n, 7);
	assert_int_equal(got.d.segment.window, 99);
	assert_int_equal(got.d.segment.flags, TCP_ACK | TCP_FIN);
	assert_int_equal(got.d.segment.has, TCP_HAS_TIMESTAMP);
	assert_int_equal(got.d.segment.tsval, 11);
	assert_int_equal(got.d.segment.tsecr, 12);
	assert_int_equal(got.d.segment.ecn, TCP_ECN_CE);
	assert_int_equal(got.d.segment.n_frames, 3);
}

static void rq_3_buffers_go_back(void **state)
{
	uint32_t flow = open_flow(1000);

	assert_int_equal(ring_ready(&owner.grq, QUEUES_BUFFERS), QUEUES_BUFFERS);
	for (int n = 0; n < 3 * QUEUES_BUFFERS; n++) {
		struct completion c = piece(flow, (uint32_t)n, 10, COMPLETION_FIRST);

		owner_complete(&owner, &c, 1);
		assert_int_equal(receive(), 1);
		assert_bytes((uint32_t)n, 10);
	}
	assert_int_equal(ring_ready(&owner.grq, QUEUES_BUFFERS), QUEUES_BUFFERS);
}

/* A frame's header in front of its payload, as a listen gets it. */
static struct completion with_header(uint32_t flow, const struct tcp_tuple *from,
				     const struct tcp_segment *s)
{
	struct completion c = { .flow = flow, .segments = 1, .kind = COMPLETION_HEADER,
				.tcp_flags = s->flags, .flags = COMPLETION_FIRST };
	struct tcp_tuple t = { .v6 = from->v6, .local_port = from->remote_port,
			       .remote_port = from->local_port };
	struct tcp_segment out = *s;
	uint8_t *at, *header;

	memcpy(t.local, from->remote, sizeof(t.local));
	memcpy(t.remote, from->local, sizeof(t.remote));
	out.source_port = t.local_port;
	out.destination_port = t.remote_port;
	c.wr_id = owner_buffer(&owner, &at);
	header = at;
	memset(header, 2, 6);
	memset(header + 6, 9, 6);
	store_be16(header + 12, from->v6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	header += 14 + tcp_tuple_write_ip(&t, 0, 64, 1, header + 14);
	header += tcp_segment_emit(&out, header);
	c.header_bytes = (uint16_t)(header - at);
	c.offset = c.header_bytes;
	return c;
}

static void rx_6_a_header_says_what_a_completion_cannot(void **state)
{
	struct tcp_segment syn = { .flags = TCP_SYN, .seq = seq(77), .n_frames = 1,
				   .has = TCP_HAS_MSS | TCP_HAS_WSCALE, .mss = 1400,
				   .wscale = 7 };
	uint32_t id = open_listen(80);

	for (uint32_t v6 = 0; v6 < 2; v6++) {
		struct tcp_tuple from = tuple(80, 5555);
		struct completion c;

		from.v6 = v6;
		c = with_header(id, &from, &syn);
		owner_complete(&owner, &c, 1);
		assert_int_equal(receive(), 1);
		/* An address of IPv6 is not ours. */
		assert_int_equal(got.n, v6 ? 0 : 1);
		if (v6)
			continue;
		assert_true(tcp_tuple_equal(&got.d.tuple, &from));
		assert_int_equal(got.d.segment.seq.n, 77);
		assert_int_equal(got.d.segment.mss, 1400);
		assert_int_equal(got.d.segment.wscale, 7);
		assert_int_equal(got.d.from[0], 9);
	}
}

/* Numbers that the device cannot have meant are not followed, and nothing is kept. */
static void what_cannot_be_is_not_read(void **state)
{
	uint32_t flow = open_flow(1000);
	struct completion good = piece(flow, 1, 10, COMPLETION_FIRST), bad[8];

	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++)
		bad[n] = good;
	bad[0].wr_id = QUEUES_BUFFERS;
	bad[1].wr_id = UINT64_MAX;
	bad[2].offset = QUEUES_BUFFER_BYTES + 1;
	bad[3].offset = QUEUES_BUFFER_BYTES - 9;
	bad[4].bytes = UINT32_MAX;
	bad[5].header_bytes = 1;
	bad[6].kind = COMPLETION_REVOKED;
	bad[7].flow = flow + 1;
	for (unsigned n = 0; n < ARRAY_SIZE(bad); n++) {
		owner_complete(&owner, &bad[n], 1);
		assert_int_equal(receive(), 1);
		assert_int_equal(got.n, 0);
	}
	good.header_bytes = good.offset = 40;	/* of a frame that is none      */
	owner_complete(&owner, &good, 1);
	assert_int_equal(receive(), 1);
	assert_int_equal(got.n, 0);
	assert_true(ring_ready(&owner.grq, QUEUES_BUFFERS) <= QUEUES_BUFFERS);
	assert_false(owner.grq.broken);
}

/* An aggregate that does not end is handed up as far as it may go. */
static void pieces_without_an_end_do_not_stop_it(void **state)
{
	uint32_t flow = open_flow(1000), n;

	for (n = 0; n < 200; n++) {
		struct completion c = piece(flow, n, 1, COMPLETION_MORE);

		owner_complete(&owner, &c, 1);
	}
	assert_true(receive() > 0);
	assert_true(got.n > 0);
}

/* ---- Send --------------------------------------------------------------------------------------- */

/* The next request of the SQ. Return: its blocks. */
static uint32_t take_send(struct send_head *head, uint8_t *bytes, uint32_t *n)
{
	_Alignas(64) uint8_t request[SEND_BLOCKS_MAX * SEND_BLOCK_BYTES];
	const struct descriptor *d = (const void *)(request + sizeof(*head));
	const uint8_t *at;

	assert_true(ring_ready(&owner.sq, 1) >= 1);
	memcpy(head, ring_entry(&owner.sq, 0), sizeof(*head));
	assert_true(head->blocks && ring_ready(&owner.sq, head->blocks) >= head->blocks);
	for (uint32_t k = 0; k < head->blocks; k++)
		memcpy(request + k * SEND_BLOCK_BYTES, ring_entry(&owner.sq, k),
		       SEND_BLOCK_BYTES);
	at = (const uint8_t *)(d + head->descriptors);
	memcpy(bytes, at, head->inline_bytes);
	*n = head->inline_bytes;
	for (uint32_t k = 0; k < head->descriptors; k++) {
		memcpy(bytes + *n, (const void *)(uintptr_t)d[k].address, d[k].length);
		*n += d[k].length;
	}
	return head->blocks;
}

static uint8_t source[1 << 16], sent[1 << 17];

static void send_bytes(const struct tcp_tuple *t, uint32_t at, uint32_t n)
{
	struct tcp_segment s = { .flags = TCP_ACK, .seq = seq(at), .len = n, .n_frames = 1 };
	struct iovec iov[2] = { { source + at, n / 3 }, { source + at + n / 3, n - n / 3 } };
	struct embed_path path = { .mac = { 5 }, .mtu = 1500 };
	const struct embed_unit u = { .tuple = t, .path = &path, .segment = &s, .ttl = 64,
				      .payload = iov, .n_payload = 2, .mss = 1460 };

	embed_send(embed, &u);
	embed_flush(embed);
}

static void assert_sent(uint32_t flow, uint32_t at, uint32_t n)
{
	struct send_head head;
	uint32_t bytes, blocks = take_send(&head, sent, &bytes);

	assert_int_equal(head.flow, flow);
	assert_int_equal(head.mss, 1460);
	assert_int_equal(bytes, 14 + 20 + 20 + n);
	assert_int_equal(sent[0], 5);
	assert_memory_equal(sent + 54, source + at, n);
	ring_release(&owner.sq, blocks);
}

/* Both rings go round many times, with up to a few units on their way. */
static void tx_1_bytes_are_those_that_were_sent(void **state)
{
	struct tcp_tuple t = tuple(1000, 80);
	uint32_t flow = open_flow(1000), first = 0, end = 0;
	struct { uint32_t at, n; } on_way[16];

	srandom(3);
	for (uint32_t k = 0; k < sizeof(source); k++)
		source[k] = (uint8_t)random();
	for (uint32_t k = 0; k < 4000; k++) {
		uint32_t n = random() % 3 ? (uint32_t)random() % 2000 :
			     (uint32_t)random() % 60000;
		uint32_t at = (uint32_t)random() % ((uint32_t)sizeof(source) - n);

		assert_true(embed_ready(embed));
		send_bytes(&t, at, n);
		on_way[end % 16].at = at;
		on_way[end++ % 16].n = n;
		while (end - first == 16 || (first != end && random() % 2)) {
			assert_sent(flow, on_way[first % 16].at, on_way[first % 16].n);
			first++;
		}
	}
	assert_int_equal(embed_stats(embed)->dropped, 0);
}

static void tx_7_full_is_not_ready_and_tells_when_it_is(void **state)
{
	struct tcp_tuple t = tuple(1000, 80);
	struct send_head head;
	bool is_signaled = false;
	uint32_t n = 0, bytes;

	open_flow(1000);
	for (; embed_ready(embed) && n < 10000; n++)
		send_bytes(&t, 0, 60000);
	assert_in_range(n, 20, 100);
	for (; !embed_ready(embed) && n; n--) {
		uint32_t blocks = take_send(&head, sent, &bytes);

		is_signaled |= head.flags & SEND_SIGNALED;
		ring_release(&owner.sq, blocks);
	}
	for (; ring_ready(&owner.sq, 1); ring_release(&owner.sq, head.blocks)) {
		take_send(&head, sent, &bytes);
		is_signaled |= head.flags & SEND_SIGNALED;
	}
	assert_true(is_signaled);
	assert_true(embed_ready(embed));
}

static void tx_8_nobodys_segment_is_not_sent(void **state)
{
	struct tcp_tuple t = tuple(1000, 80);

	send_bytes(&t, 0, 10);
	assert_int_equal(ring_ready(&owner.sq, 1), 0);
	assert_int_equal(embed_stats(embed)->dropped, 1);
}

/* ---- Sleep -------------------------------------------------------------------------------------- */

static bool is_readable(void)
{
	struct pollfd p = { .fd = embed_fd(embed), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void ag_6_who_arms_is_woken_once(void **state)
{
	uint32_t flow = open_flow(1000);

	for (int n = 0; n < 100; n++) {
		struct completion c = piece(flow, 1, 1, COMPLETION_FIRST);

		assert_true(embed_arm(embed));
		assert_true(embed_arm(embed));	/* somebody else as well        */
		assert_false(is_readable());
		owner_complete(&owner, &c, 1);
		assert_true(is_readable());
		if (n % 3 == 0)
			assert_false(embed_arm(embed));
		assert_int_equal(receive(), 1);
		assert_true(embed_arm(embed));
		assert_false(is_readable());
	}
}

/* ---- Requests ------------------------------------------------------------------------------------- */

static void ag_1_a_refusal_is_the_callers(void **state)
{
	struct tcp_tuple t = tuple(1000, 80), local = tuple(0, 0);
	uint32_t hold;

	owner_refuse(&owner, CONTROL_ADD_FLOW, -EACCES);
	assert_int_equal(embed_claim(embed, &t, EMBED_CONNECT), -EACCES);
	owner_refuse(&owner, CONTROL_ADD_FLOW, 0);
	assert_int_equal(embed_claim(embed, &t, EMBED_CONNECT), 0);
	owner_refuse(&owner, CONTROL_HOLD_PORT, -EADDRINUSE);
	assert_int_equal(embed_hold(embed, &local, false, &hold), -EADDRINUSE);
	owner_refuse(&owner, CONTROL_HOLD_PORT, 0);
	assert_int_equal(embed_hold(embed, &local, true, &hold), 0);
	assert_int_equal(local.local_port, 40000);
	assert_int_equal(owner_last(&owner, CONTROL_HOLD_PORT).hold.flags,
			 CONTROL_HOLD_REUSE);
	embed_unhold(embed, hold);
	assert_int_equal(owner_last(&owner, CONTROL_RELEASE_PORT).handle, hold);
}

/* The answer to somebody who has died: what it opened is closed, and nothing confused. */
static void an_answer_that_nobody_waits_for_is_undone(void **state)
{
	const struct control_reply orphan = {
		.magic = CONTROL_MAGIC, .version = CONTROL_VERSION,
		.operation = CONTROL_ADD_FLOW, .number = 123456, .handle = 4711,
	};

	owner_say(&owner, &orphan);
	open_flow(1000);
	assert_int_equal(owner_last(&owner, CONTROL_REMOVE_FLOW).handle, 4711);
}

/* Somebody took the first of two answers, and has died with it. */
static void an_answer_that_is_lost_does_not_stop_the_next(void **state)
{
	struct tcp_tuple a = tuple(80, 5001), b = tuple(80, 5002);
	uint32_t listener = open_listen(80), id;

	owner_mute(&owner, true, 0);
	assert_int_equal(embed_claim(embed, &a, EMBED_ACCEPTED), 0);
	assert_int_equal(embed_claim(embed, &b, EMBED_ACCEPTED), 0);
	id = last_id();
	owner_mute(&owner, false, 1);
	receive();
	send_bytes(&a, 0, 1);
	assert_sent(listener, 0, 1);
	send_bytes(&b, 0, 1);
	assert_sent(id, 0, 1);
	for (int n = 0; n < 100; n++) {
		embed_release(embed, &b);
		assert_int_equal(embed_claim(embed, &b, EMBED_ACCEPTED), 0);
	}
	receive();
}

static void ag_3_accepted_goes_by_its_listen_until_there_is_an_answer(void **state)
{
	struct tcp_tuple t = tuple(80, 5001);
	uint32_t listener = open_listen(80), id;

	owner_mute(&owner, true, 0);
	assert_int_equal(embed_claim(embed, &t, EMBED_ACCEPTED), 0);
	id = last_id();
	send_bytes(&t, 0, 1);
	assert_sent(listener, 0, 1);
	owner_mute(&owner, false, 0);
	receive();
	send_bytes(&t, 0, 1);
	assert_sent(id, 0, 1);
	embed_linger(embed, &t);
	assert_int_equal(owner_last(&owner, CONTROL_REMOVE_FLOW).handle, id - 1000);
	send_bytes(&t, 0, 1);
	assert_sent(listener, 0, 1);
}

/* In TIME-WAIT before the daemon has said that it is open. */
static void ag_3_an_answer_that_comes_too_late_opens_nothing(void **state)
{
	struct tcp_tuple t = tuple(80, 5001);
	uint32_t listener = open_listen(80), id;

	owner_mute(&owner, true, 0);
	assert_int_equal(embed_claim(embed, &t, EMBED_ACCEPTED), 0);
	id = last_id();
	embed_linger(embed, &t);
	owner_mute(&owner, false, 0);
	receive();
	assert_int_equal(owner_last(&owner, CONTROL_REMOVE_FLOW).handle, id - 1000);
	send_bytes(&t, 0, 1);
	assert_sent(listener, 0, 1);
}

static void ag_3_a_listen_stays_for_who_goes_by_it(void **state)
{
	struct tcp_tuple listener = tuple(80, 0), t = tuple(80, 5001);
	uint32_t id = open_listen(80);

	owner_refuse(&owner, CONTROL_ADD_FLOW, -EDQUOT);
	assert_int_equal(embed_claim(embed, &t, EMBED_ACCEPTED), 0);
	(void)owner_count(&owner, CONTROL_ADD_FLOW);
	receive();
	embed_release(embed, &listener);
	assert_int_equal(owner_count(&owner, CONTROL_REMOVE_LISTEN), 0);
	send_bytes(&t, 0, 1);
	assert_sent(id, 0, 1);
	embed_release(embed, &t);
	assert_int_equal(owner_count(&owner, CONTROL_REMOVE_LISTEN), 1);
	assert_int_equal(owner_last(&owner, CONTROL_REMOVE_LISTEN).handle, id - 1000);
}

/* Closed before the daemon has said that it is open; and the tuple is somebody's again. */
static void ag_3_what_is_over_before_its_answer_is_closed(void **state)
{
	struct tcp_tuple t = tuple(80, 5001);
	uint32_t listener = open_listen(80), first, second;

	owner_mute(&owner, true, 0);
	assert_int_equal(embed_claim(embed, &t, EMBED_ACCEPTED), 0);
	first = last_id();
	embed_release(embed, &t);
	assert_int_equal(embed_claim(embed, &t, EMBED_ACCEPTED), 0);
	second = last_id();
	assert_int_equal(owner_count(&owner, CONTROL_REMOVE_FLOW), 0);
	owner_mute(&owner, false, 0);
	receive();
	assert_int_equal(owner_count(&owner, CONTROL_REMOVE_FLOW), 1);
	assert_int_equal(owner_last(&owner, CONTROL_REMOVE_FLOW).handle, first - 1000);
	send_bytes(&t, 0, 1);
	assert_sent(second, 0, 1);
	assert_int_not_equal(listener, second);
}

static void any_address_is_each_of_the_hosts(void **state)
{
	struct tcp_tuple any = { .local_port = 80 }, t = tuple(80, 5001);
	uint32_t id;

	assert_int_equal(embed_claim(embed, &any, EMBED_LISTEN), 0);
	id = last_id();
	assert_int_equal(owner_count(&owner, CONTROL_ADD_LISTEN), 1);
	assert_int_equal(owner_last(&owner, CONTROL_ADD_LISTEN).flow.tuple.local[3], 1);
	send_bytes(&t, 0, 1);
	assert_sent(id, 0, 1);
	embed_release(embed, &any);
	assert_int_equal(owner_count(&owner, CONTROL_REMOVE_LISTEN), 1);
}

static void a_way_is_asked_for_once_until_it_is_known(void **state)
{
	struct tcp_tuple t = { .remote = { 10, 0, 0, 2 } };
	struct embed_path path;
	uint64_t one = 1;

	owner_refuse(&owner, CONTROL_ROUTE, -EAGAIN);
	for (int n = 0; n < 3; n++) {
		t.local[0] = 0;
		memset(t.local, 0, sizeof(t.local));
		assert_int_equal(embed_route(embed, &t, now, &path), -EAGAIN);
		assert_int_equal(t.local[3], 1);
	}
	assert_int_equal(owner_count(&owner, CONTROL_ROUTE), 1);
	owner_refuse(&owner, CONTROL_ROUTE, 0);
	assert_int_equal(write(owner.changes, &one, sizeof(one)), sizeof(one));
	assert_true(is_readable());
	assert_int_equal(embed_receive(embed, now, EMBED_ALL, arrive), 0);
	memset(t.local, 0, sizeof(t.local));
	for (int n = 0; n < 3; n++)
		assert_int_equal(embed_route(embed, &t, now, &path), 0);
	assert_int_equal(path.mac[0], 4);
	assert_int_equal(path.mtu, 1500);
	assert_in_range(owner_count(&owner, CONTROL_ROUTE), 2, 3);
}

/* The way is not known when the connection begins; its port is held meanwhile. */
static void a_flow_waits_for_its_way(void **state)
{
	struct tcp_tuple t = tuple(1000, 80);

	owner_refuse(&owner, CONTROL_ADD_FLOW, -EAGAIN);
	assert_int_equal(embed_claim(embed, &t, EMBED_CONNECT), 0);
	assert_int_equal(owner_last(&owner, CONTROL_HOLD_PORT).hold.tuple.local_port, 1000);
	owner_refuse(&owner, CONTROL_ADD_FLOW, 0);
	send_bytes(&t, 0, 1);
	assert_int_equal(owner_count(&owner, CONTROL_RELEASE_PORT), 1);
	assert_true(ring_ready(&owner.sq, 1) >= 1);
}

static void ag_7_without_a_daemon_all_is_down(void **state)
{
	struct tcp_tuple t = tuple(1000, 80), to = { .remote = { 10, 0, 0, 9 } };
	struct embed_path path;

	open_flow(1000);
	shutdown(owner.session, SHUT_RDWR);
	assert_true(is_readable());
	assert_int_equal(receive(), -ENETDOWN);
	assert_int_equal(receive(), -ENETDOWN);
	assert_false(is_readable());
	assert_true(embed_ready(embed));
	send_bytes(&t, 0, 10);
	assert_int_equal(embed_route(embed, &to, now, &path), -ENETDOWN);
	t.local_port = 1001;
	assert_int_equal(embed_claim(embed, &t, EMBED_CONNECT), -ENETDOWN);
	embed_release(embed, &t);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rq_3_pieces_of_an_aggregate_are_one_segment),
		TEST(rq_3_buffers_go_back),
		TEST(rx_6_a_header_says_what_a_completion_cannot),
		TEST(what_cannot_be_is_not_read),
		TEST(pieces_without_an_end_do_not_stop_it),
		TEST(tx_1_bytes_are_those_that_were_sent),
		TEST(tx_7_full_is_not_ready_and_tells_when_it_is),
		TEST(tx_8_nobodys_segment_is_not_sent),
		TEST(ag_6_who_arms_is_woken_once),
		TEST(ag_1_a_refusal_is_the_callers),
		TEST(an_answer_that_nobody_waits_for_is_undone),
		TEST(an_answer_that_is_lost_does_not_stop_the_next),
		TEST(ag_3_accepted_goes_by_its_listen_until_there_is_an_answer),
		TEST(ag_3_an_answer_that_comes_too_late_opens_nothing),
		TEST(ag_3_a_listen_stays_for_who_goes_by_it),
		TEST(ag_3_what_is_over_before_its_answer_is_closed),
		TEST(any_address_is_each_of_the_hosts),
		TEST(a_way_is_asked_for_once_until_it_is_known),
		TEST(a_flow_waits_for_its_way),
		TEST(ag_7_without_a_daemon_all_is_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

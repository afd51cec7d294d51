// SPDX-License-Identifier: BSD-2-Clause
/*
 * neighbour_test.c - ARP, neighbour discovery and pings, as the RFCs print them
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/compiler.h"
#include "packet/checksum.h"
#include "packet/echo.h"
#include "packet/headers.h"
#include "packet/neighbour.h"

#define ETH 14
#define ND_BYTES (ETH + 40 + 32)

static const uint8_t mac_a[6] = { 2, 0, 0, 0, 0, 0xaa };
static const uint8_t mac_b[6] = { 2, 0, 0, 0, 0, 0xbb };
static const uint8_t nobody[16];

static struct neighbour_message message_of(bool v6, bool asks)
{
	struct neighbour_message m = {
		.v6 = v6, .asks = asks, .knows_mac = true, .overrides = true,
		.solicited = !asks,
	};

	memcpy(m.mac, mac_a, sizeof(m.mac));
	memcpy(m.sender, v6 ? "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" : "\12\0\0\1",
	       v6 ? 16 : 4);
	memcpy(m.target, v6 ? "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\x12\x34\x56" :
	       "\12\0\0\2", v6 ? 16 : 4);
	if (!asks)
		memcpy(m.target, m.sender, sizeof(m.target));
	return m;
}

/* Sum over the pseudo header and the message, done byte by byte. */
static uint16_t sum_of(const uint8_t *ip, uint32_t bytes)
{
	uint32_t sum = bytes + 58;

	for (int n = 8; n < 40; n += 2)
		sum += load_be16(ip + n);
	for (uint32_t n = 0; n < bytes; n++)
		sum += (uint32_t)ip[40 + n] << (n & 1 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void rfc_826_request_byte_by_byte(void **state)
{
	static const uint8_t expected[42] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 0xaa, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 0xaa, 10, 0, 0, 1,
		0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
	};
	struct neighbour_message m = message_of(false, true);
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	assert_int_equal(neighbour_emit(&m, NULL, nobody, frame), 42);
	assert_memory_equal(frame, expected, sizeof(expected));
}

static void rfc_4861_solicitation_goes_to_the_solicited_node(void **state)
{
	struct neighbour_message m = message_of(true, true);
	uint8_t frame[NEIGHBOUR_FRAME_MAX];

	assert_int_equal(neighbour_emit(&m, NULL, nobody, frame), ND_BYTES);
	assert_memory_equal(frame, "\x33\x33\xff\x12\x34\x56", 6);
	assert_memory_equal(frame + ETH + 24,
			    "\xff\2\0\0\0\0\0\0\0\0\0\1\xff\x12\x34\x56", 16);
	assert_int_equal(frame[ETH + 7], 255);
	assert_int_equal(frame[ETH + 40], 135);
	assert_memory_equal(frame + ETH + 40 + 24, "\1\1", 2);
	assert_int_equal(sum_of(frame + ETH, 32), 0xffff);
}

static void what_is_made_is_read(void **state)
{
	for (int n = 0; n < 4; n++) {
		struct neighbour_message m = message_of(n & 1, n & 2), read;
		uint8_t frame[NEIGHBOUR_FRAME_MAX], to[16] = { 0xfd, [15] = 9 };
		uint32_t len = neighbour_emit(&m, n & 2 ? NULL : mac_b, to, frame);

		assert_true(neighbour_parse(frame, len, &read));
		assert_int_equal(read.v6, m.v6);
		assert_int_equal(read.asks, m.asks);
		assert_int_equal(read.solicited, m.solicited);
		assert_true(read.knows_mac);
		assert_true(read.overrides);
		assert_memory_equal(read.mac, mac_a, 6);
		assert_memory_equal(read.sender, m.sender, 16);
		assert_memory_equal(read.target, m.target, 16);
		for (uint32_t cut = 0; cut < len; cut++)
			assert_false(neighbour_parse(frame, cut, &read));
	}
}

/* RFC 4861 §7.1.1, §7.1.2: what must be silently discarded. */
static void rfc_4861_invalid_messages_are_ignored(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t value;
	} cases[] = {
		{ ETH + 7, 254 },		/* hop limit */
		{ ETH + 6, 6 },			/* not ICMPv6 */
		{ ETH + 41, 1 },		/* code */
		{ ETH + 42, 0x77 },		/* checksum */
		{ ETH + 48, 0xff },		/* target is multicast */
		{ ETH + 65, 0 },		/* option without length */
		{ ETH + 65, 2 },		/* option longer than the packet */
		{ ETH + 5, 16 },		/* too short */
		{ ETH + 4, 1 },			/* longer than the frame */
		{ 13, 0xde },			/* another type */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct neighbour_message m = message_of(true, true), read;
		uint8_t frame[NEIGHBOUR_FRAME_MAX];
		uint32_t len = neighbour_emit(&m, NULL, nobody, frame);
		uint8_t *ip = frame + ETH;
		bool sums = cases[n].at != ETH + 42;

		frame[cases[n].at] = cases[n].value;
		store_be16(ip + 42, sums ? 0 : 0x7777);
		if (sums)
			store_be16(ip + 42, (uint16_t)~sum_of(ip, 32));
		assert_false(neighbour_parse(frame, len, &read));
	}
}

static void arp_of_other_kinds_is_ignored(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t value;
	} cases[] = {
		{ 15, 6 }, { 17, 1 }, { 18, 8 }, { 19, 16 }, { 21, 3 }, { 21, 0 },
		{ 22, 3 },			/* the sender is a group */
	};

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		struct neighbour_message m = message_of(false, true), read;
		uint8_t frame[NEIGHBOUR_FRAME_MAX];
		uint32_t len = neighbour_emit(&m, NULL, nobody, frame);

		assert_true(neighbour_parse(frame, len, &read));
		frame[cases[n].at] = cases[n].value;
		assert_false(neighbour_parse(frame, len, &read));
	}
}

/* ---- Pings ---------------------------------------------------------------------------------- */

static uint32_t make_ping(uint8_t *frame, bool v6, uint32_t payload)
{
	uint8_t *ip = frame + ETH;
	uint32_t head = v6 ? 40 : 20, icmp = 8 + payload;

	memset(frame, 0, ETH + head + icmp + 1);
	memcpy(frame, mac_a, 6);
	memcpy(frame + 6, mac_b, 6);
	store_be16(frame + 12, v6 ? 0x86dd : 0x0800);
	for (uint32_t n = 0; n < payload; n++)
		ip[head + 8 + n] = (uint8_t)(n * 7);
	ip[head] = v6 ? 128 : 8;
	store_be32(ip + head + 4, 0x12340001);
	if (v6) {
		ip[0] = 0x60;
		store_be16(ip + 4, (uint16_t)icmp);
		ip[6] = 58;
		ip[7] = 60;
		memcpy(ip + 8, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
		memcpy(ip + 24, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
		store_be16(ip + head + 2, (uint16_t)~sum_of(ip, icmp));
		return ETH + head + icmp;
	}
	ip[0] = 0x45;
	store_be16(ip + 2, (uint16_t)(head + icmp));
	ip[8] = 60;
	ip[9] = 1;
	memcpy(ip + 12, "\12\0\0\1\12\0\0\2", 8);
	store16(ip + 10, (uint16_t)~checksum_fold(checksum_header(ip, head)));
	store16(ip + head + 2,
		(uint16_t)~checksum_fold(checksum_header(ip + head, icmp)));
	return ETH + head + icmp;
}

static void a_ping_is_turned_round(void **state)
{
	for (uint32_t payload = 0; payload < 100; payload++) {
		for (int v6 = 0; v6 < 2; v6++) {
			uint8_t frame[256], before[256];
			uint32_t len = make_ping(frame, v6, payload);
			uint32_t head = v6 ? 40 : 20;
			struct echo_request r;

			memcpy(before, frame, sizeof(frame));
			assert_true(echo_parse(frame, len, &r));
			assert_int_equal(r.v6, v6);
			assert_memory_equal(r.destination, v6 ? before + ETH + 24 :
					    before + ETH + 16, v6 ? 16 : 4);
			echo_answer(frame);
			assert_memory_equal(frame, mac_b, 6);
			assert_memory_equal(frame + 6, mac_a, 6);
			assert_int_equal(frame[ETH + head], v6 ? 129 : 0);
			assert_memory_equal(frame + ETH + head + 4,
					    before + ETH + head + 4, payload + 4);
			/* As a request again, it is right: so is its checksum. */
			frame[ETH + head] = v6 ? 128 : 8;
			assert_false(echo_parse(frame, len, &r));
			frame[ETH + head] = v6 ? 129 : 0;
			echo_answer(frame);
			assert_memory_equal(frame, before, 12);
			assert_memory_equal(frame + ETH + (v6 ? 8 : 12),
					    before + ETH + (v6 ? 8 : 12), v6 ? 32 : 8);
		}
	}
}

static void pings_that_are_not_answered(void **state)
{
	static const struct {
		uint32_t at;
		uint8_t flip;
	} cases[] = {
		{ 14, 0x03 },			/* IP options */
		{ 14 + 6, 0x20 },		/* more fragments */
		{ 14 + 7, 0x01 },		/* a later fragment */
		{ 14 + 9, 0x10 },		/* not ICMP */
		{ 14 + 10, 0x01 },		/* checksum */
		{ 14 + 3, 0x01 },		/* length */
		{ 14 + 20, 0x08 },		/* a reply */
		{ 14 + 21, 0x01 },		/* code */
		{ 14 + 22, 0x01 },		/* checksum of ICMP */
		{ 14 + 30, 0x01 },		/* payload */
	};
	uint8_t frame[256];
	struct echo_request r;
	uint32_t len = make_ping(frame, false, 20);

	for (size_t n = 0; n < ARRAY_SIZE(cases); n++) {
		frame[cases[n].at] ^= cases[n].flip;
		assert_false(echo_parse(frame, len, &r));
		frame[cases[n].at] ^= cases[n].flip;
	}
	assert_true(echo_parse(frame, len, &r));
	for (uint32_t cut = 0; cut < len; cut++)
		assert_false(echo_parse(frame, cut, &r));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc_826_request_byte_by_byte),
		cmocka_unit_test(rfc_4861_solicitation_goes_to_the_solicited_node),
		cmocka_unit_test(what_is_made_is_read),
		cmocka_unit_test(rfc_4861_invalid_messages_are_ignored),
		cmocka_unit_test(arp_of_other_kinds_is_ignored),
		cmocka_unit_test(a_ping_is_turned_round),
		cmocka_unit_test(pings_that_are_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

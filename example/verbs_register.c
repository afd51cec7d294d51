// SPDX-License-Identifier: BSD-2-Clause
/*
 * verbs_register.c - Register memory, send from it in place, wait until it is free
 *
 *	verbs-register
 *
 * Two handles in this process, joined by a pair. The bytes are written once by the
 * program and once by the receiving device; nobody copies them in between.
 */
#include "verbs_end.h"

#define BYTES 60000u
#define HEADER 54		/* Ethernet, IPv4, TCP                          */

int main(void)
{
	static const struct tto_tuple there = { { 10, 1, 0, 1 }, { 10, 1, 0, 2 }, 1, 2, 0 };
	static const struct tto_tuple back = { { 10, 1, 0, 2 }, { 10, 1, 0, 1 }, 2, 1, 0 };
	const uint8_t header[HEADER] = { [12] = 8, 0, 0x45, [20] = 0x40, 0, 64, 6,
		0, 0, 10, 1, 0, 1, 10, 1, 0, 2, 0, 1, 0, 2, [46] = 0x50, 0x18 };
	struct tto_element payload = { .bytes = BYTES };
	struct tto_send send = { .wr_id = 7, .header = header, .header_bytes = HEADER,
				 .elements = &payload, .n_elements = 1, .mss = 1448,
				 .flags = TTO_SEND_IN_PLACE };
	struct tto_receive receive = { .wr_id = 1, .bytes = BYTES };
	const struct tto_region *region;
	struct tto_completion c;
	struct end a, b;

	open_end(&a, "pair:register", 0, BYTES);
	open_end(&b, "pair:register", 0, BYTES);
	check("flow", tto_flow_open(a.qp, a.grq, &there, NULL, &a.flow));
	check("flow", tto_flow_open(b.qp, b.grq, &back, NULL, &b.flow));
	receive.address = b.memory;
	check("receive", tto_post_receive(b.qp, &receive, 1, NULL));

	memset(a.memory, 'x', BYTES);
	check("region", tto_region_register(a.device, a.memory, BYTES, TTO_READ, &region));
	payload.address = a.memory;
	payload.region = region;
	send.flow = a.flow;
	check("send", tto_post_send(a.qp, &send, 1, NULL));
	check("wait", tto_wait(a.qp, 7, 1000000000));
	/* From here on the buffer is ours again, whatever becomes of the frames. */
	memset(a.memory, 'y', BYTES);
	check("release", tto_region_release(a.device, region));

	while (check("poll", tto_poll(b.cq, &c, 1)) == 0)
		continue;
	printf("%u bytes of '%c' in place, of %u segments\n", c.bytes,
	       *(char *)b.memory, c.segments);
	tto_close(a.device);
	tto_close(b.device);
	return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * network.h - What lies between the two hosts
 *
 * DOC: Theory of operation
 * A frame first passes a wire on which things go wrong (wire/fault over
 * wire/pair), then a link with a bandwidth, a queue that drops at its end or marks
 * CE, a largest packet, and a delay. A packet that is too big is dropped and, if
 * the scenario says so, answered by ICMP. Links keep the order; the wire may not.
 *
 * The frames that come out belong to whoever takes them.
 */
#ifndef SIM_NETWORK_H
#define SIM_NETWORK_H

#include "sim/scenario.h"

struct flying {
	ns_t at;
	uint8_t *bytes;		/* malloc()ed                                   */
	uint32_t len;
};

struct lane {			/* a queue, ring of a power of two              */
	struct flying *ring;
	uint32_t size, head, n;
	ns_t free_at;		/* when the link has sent what waits            */
	ns_t last_at;
	uint16_t mtu;
	bool is_cut;
};

struct network {
	const struct scenario *scenario;
	struct wire *end[2];
	struct lane lane[2];	/* lane[k]: from host k                         */
	uint64_t n_too_big, n_dropped, n_marked, n_icmp;
};

void network_open(struct network *n, const struct scenario *s);
void network_close(struct network *n);

/* Host @from sends; @bytes stay the caller's. */
void network_send(struct network *n, unsigned from, const uint8_t *bytes,
		  uint32_t len, ns_t now);

/* When network_run() has something to do; NS_NEVER. */
ns_t network_next(const struct network *n);
/* When network_take() has something for host @to; NS_NEVER. */
ns_t network_arrival(const struct network *n, unsigned to);
void network_run(struct network *n, ns_t now);

/* A frame that has come to host @to; false: none. The caller frees it. */
bool network_take(struct network *n, unsigned to, ns_t now,
		  struct flying *frame);

#endif

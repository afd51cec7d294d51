// SPDX-License-Identifier: BSD-2-Clause
/* traffic.c - What applications do */
#include "endpoint/chance.h"
#include "sim/profiles.h"

void traffic_both(struct scenario *s, uint64_t there, uint64_t back)
{
	s->side[0].program.total = s->side[1].program.expect = there;
	s->side[1].program.total = s->side[0].program.expect = back;
}

void traffic_bulk(struct scenario *s, uint64_t bytes)
{
	traffic_both(s, bytes, 0);
}

void traffic_turns(struct scenario *s, uint32_t request, uint32_t response,
		   uint32_t n)
{
	struct program *client = &s->side[0].program;
	struct program *server = &s->side[1].program;

	traffic_both(s, (uint64_t)n * request, (uint64_t)n * response);
	client->turn = server->their_turn = request;
	client->their_turn = server->turn = response;
	client->close_whole = true;
}

void traffic_habits(struct scenario *s, struct chance *c)
{
	for (unsigned k = 0; k < 2; k++) {
		struct program *p = &s->side[k].program;

		p->no_delay = chance_one_in(c, 2);
		p->no_quick_ack = chance_one_in(c, 4);
		p->more = chance_one_in(c, 4);
		if (chance_one_in(c, 3))
			p->write_max = (uint32_t)chance_scale(c, 100, 100000);
		if (chance_one_in(c, 3))
			p->read_max = (uint32_t)chance_scale(c, 1000, 100000);
		if (p->read_max && chance_one_in(c, 2))
			p->read_gap = chance_below(c, 2 * MS);
		if (p->total <= 10000 && p->write_max && !p->turn &&
		    chance_one_in(c, 2))
			p->write_gap = chance_below(c, 20 * MS);
	}
}

void traffic_any(struct scenario *s, struct chance *c, uint64_t bytes)
{
	uint32_t n;

	switch (chance_below(c, 4)) {
	case 0:
		traffic_bulk(s, bytes);
		break;
	case 1:
		traffic_both(s, bytes / 2, bytes / 2 + 1);
		break;
	case 2:
		n = (uint32_t)chance_range(c, 1, 20);
		traffic_turns(s, 1 + (uint32_t)chance_below(c, 2000),
			      1 + (uint32_t)(bytes / n), n);
		break;
	default:
		s->n_connections = (uint32_t)chance_range(c, 2, 12);
		s->n_parallel = (uint32_t)chance_range(c, 1, 4);
		traffic_turns(s, 1 + (uint32_t)chance_below(c, 2000),
			      1 + (uint32_t)(bytes / s->n_connections), 1);
	}
	traffic_habits(s, c);
}

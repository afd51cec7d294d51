// SPDX-License-Identifier: BSD-2-Clause
/* report.c - What a bridge did: a line while it runs, a summary after */
#include "tool/bridge/report.h"

#include <inttypes.h>

#include "base/json.h"

#define NS_PER_S 1e9

/* One direction, as both forms print it. */
struct lane {
	const char *name;
	uint64_t frames_in, bytes_in;
	uint64_t packets_out, bytes_out;
	uint64_t lost;		/* before they could be received                */
	uint64_t dropped;	/* by us, or refused by the other side          */
	const struct outlet_stats *outlet;
};

static struct lane lane_of(const char *name, const struct wire_stats *in,
			   const struct wire_stats *out,
			   const struct outlet_stats *outlet)
{
	return (struct lane){
		.name = name,
		.frames_in = in->rx_frames,
		.bytes_in = in->rx_bytes,
		.packets_out = out->tx_frames,
		.bytes_out = out->tx_bytes,
		.lost = in->rx_dropped,
		.dropped = out->tx_dropped + outlet->dropped_full +
			   outlet->dropped_bad,
		.outlet = outlet,
	};
}

static double ratio(double a, double b)
{
	return b > 0 ? a / b : 0;
}

/* ---- While it runs --------------------------------------------------------- */

struct rates {
	double gbit_to_host, gbit_to_wire;
	double frames_to_host, frames_to_wire;	/* a second, on WIRE            */
	double frames_per_packet;
	uint64_t lost;
};

static struct rates rates_since(const struct bridge_view *v,
				struct bridge_mark *mark)
{
	const struct wire_stats *w = &v->wire->stats, *h = &v->host->stats;
	double seconds = (double)(v->elapsed - mark->elapsed) / NS_PER_S;
	double in = (double)(w->rx_frames - mark->wire.rx_frames);
	double out = (double)(w->tx_frames - mark->wire.tx_frames);
	struct rates r = {
		.gbit_to_host = ratio((double)(w->rx_bytes - mark->wire.rx_bytes) *
				      8e-9, seconds),
		.gbit_to_wire = ratio((double)(w->tx_bytes - mark->wire.tx_bytes) *
				      8e-9, seconds),
		.frames_to_host = ratio(in, seconds),
		.frames_to_wire = ratio(out, seconds),
		.frames_per_packet = ratio(in, (double)(h->tx_frames -
							mark->host.tx_frames)),
		.lost = w->rx_dropped + h->rx_dropped + w->tx_dropped +
			h->tx_dropped + v->to_host->dropped_full +
			v->to_wire->dropped_full + v->to_host->dropped_bad +
			v->to_wire->dropped_bad + v->unknown,
	};

	*mark = (struct bridge_mark){ *w, *h, v->elapsed };
	return r;
}

static void print_rates(const struct rates *r, FILE *out)
{
	fprintf(out, "to host %6.2f Gbit/s %7.0f frames/s %5.1f frames/packet | ",
		r->gbit_to_host, r->frames_to_host, r->frames_per_packet);
	fprintf(out, "to wire %6.2f Gbit/s %7.0f frames/s | lost %" PRIu64,
		r->gbit_to_wire, r->frames_to_wire, r->lost);
}

void bridge_report_progress(const struct bridge_view *v,
			    struct bridge_mark *mark, FILE *out)
{
	struct rates r = rates_since(v, mark);

	fputs("\r", out);
	print_rates(&r, out);
	fputs("\033[K", out);		/* to the end of the line */
	fflush(out);
}

void bridge_report_interval(const struct bridge_view *v,
			    struct bridge_mark *mark, bool json, FILE *out)
{
	struct rates r = rates_since(v, mark);
	struct json j;

	if (!json) {
		fprintf(out, "%8.1f s  ", (double)v->elapsed / NS_PER_S);
		print_rates(&r, out);
		fputs("\n", out);
		fflush(out);
		return;
	}
	json_begin(&j, out);
	json_object_begin(&j, NULL);
	json_double(&j, "seconds", (double)v->elapsed / NS_PER_S);
	json_double(&j, "gbit_per_s_to_host", r.gbit_to_host);
	json_double(&j, "frames_per_s_to_host", r.frames_to_host);
	json_double(&j, "frames_per_packet_to_host", r.frames_per_packet);
	json_double(&j, "gbit_per_s_to_wire", r.gbit_to_wire);
	json_double(&j, "frames_per_s_to_wire", r.frames_to_wire);
	json_u64(&j, "lost", r.lost);
	json_object_end(&j);
	json_end(&j);
}

/* ---- Summary --------------------------------------------------------------- */

static void print_row(FILE *out, const char *name, uint64_t to_host,
		      uint64_t to_wire)
{
	fprintf(out, "%-20s %16" PRIu64 " %16" PRIu64 "\n", name, to_host,
		to_wire);
}

static void print_lanes(const struct lane *h, const struct lane *w, FILE *out)
{
	print_row(out, "frames in", h->frames_in, w->frames_in);
	print_row(out, "bytes in", h->bytes_in, w->bytes_in);
	print_row(out, "packets out", h->packets_out, w->packets_out);
	print_row(out, "bytes out", h->bytes_out, w->bytes_out);
	fprintf(out, "%-20s %16.2f %16.2f\n", "in/out",
		ratio((double)h->frames_in, (double)h->packets_out),
		ratio((double)w->frames_in, (double)w->packets_out));
	print_row(out, "units cut", h->outlet->units_cut, w->outlet->units_cut);
	print_row(out, "into frames", h->outlet->frames_cut,
		  w->outlet->frames_cut);
	print_row(out, "checksums finished", h->outlet->checksums_finished,
		  w->outlet->checksums_finished);
	print_row(out, "lost before", h->lost, w->lost);
	print_row(out, "dropped", h->dropped, w->dropped);
}

static void print_causes(const struct tto_coalescer_stats *s, FILE *out)
{
	fprintf(out, "\n%-18s %12s %14s  why\n", "cause", "ended", "passed");
	for (unsigned cause = 0; cause < TTO_N_CAUSES; cause++) {
		if (!s->ended[cause] && !s->passed[cause])
			continue;
		fprintf(out, "%-18s %12" PRIu64 " %14" PRIu64 "  %s\n",
			tto_cause_name(cause), s->ended[cause],
			s->passed[cause], tto_cause_text(cause));
	}
}

static void print_table(const struct bridge_view *v, FILE *out)
{
	struct lane h = lane_of("to_host", &v->wire->stats, &v->host->stats,
				v->to_host);
	struct lane w = lane_of("to_wire", &v->host->stats, &v->wire->stats,
				v->to_wire);
	struct tto_coalescer_stats s;

	fprintf(out, "%s %s <-> %s %s, %.1f s\n\n", v->wire->ops->kind,
		v->wire->name, v->host->ops->kind, v->host->name,
		(double)v->elapsed / NS_PER_S);
	fprintf(out, "%-20s %16s %16s\n", "", "to host", "to wire");
	print_lanes(&h, &w, out);
	if (v->unknown)
		print_row(out, "other link type", v->unknown, 0);
	if (!v->coalescer)
		return;
	tto_coalescer_stats(v->coalescer, &s);
	fprintf(out, "%-20s %16" PRIu64 "\n", "aggregates", s.aggregates);
	fprintf(out, "%-20s %16.1f\n", "frames/aggregate",
		ratio((double)s.frames_joined, (double)s.aggregates));
	fprintf(out, "%-20s %16" PRIu64 "\n", "flows", s.flows_created);
	print_causes(&s, out);
}

static void json_lane(struct json *j, const struct lane *l)
{
	json_object_begin(j, l->name);
	json_u64(j, "frames_in", l->frames_in);
	json_u64(j, "bytes_in", l->bytes_in);
	json_u64(j, "packets_out", l->packets_out);
	json_u64(j, "bytes_out", l->bytes_out);
	json_double(j, "in_per_out", ratio((double)l->frames_in,
					   (double)l->packets_out));
	json_u64(j, "units_cut", l->outlet->units_cut);
	json_u64(j, "frames_cut", l->outlet->frames_cut);
	json_u64(j, "checksums_finished", l->outlet->checksums_finished);
	json_u64(j, "lost_before", l->lost);
	json_u64(j, "dropped", l->dropped);
	json_object_end(j);
}

static void json_coalescer(struct json *j, const struct tto_coalescer *c)
{
	struct tto_coalescer_stats s;

	tto_coalescer_stats(c, &s);
	json_u64(j, "aggregates", s.aggregates);
	json_u64(j, "frames_joined", s.frames_joined);
	json_double(j, "mean_frames_per_aggregate",
		    ratio((double)s.frames_joined, (double)s.aggregates));
	json_u64(j, "flows_created", s.flows_created);
	json_array_begin(j, "causes");
	for (unsigned cause = 0; cause < TTO_N_CAUSES; cause++) {
		if (!s.ended[cause] && !s.passed[cause])
			continue;
		json_object_begin(j, NULL);
		json_string(j, "cause", tto_cause_name(cause));
		json_u64(j, "ended", s.ended[cause]);
		json_u64(j, "passed", s.passed[cause]);
		json_string(j, "text", tto_cause_text(cause));
		json_object_end(j);
	}
	json_array_end(j);
}

static void print_json(const struct bridge_view *v, FILE *out)
{
	struct lane h = lane_of("to_host", &v->wire->stats, &v->host->stats,
				v->to_host);
	struct lane w = lane_of("to_wire", &v->host->stats, &v->wire->stats,
				v->to_wire);
	struct json j;

	json_begin(&j, out);
	json_object_begin(&j, NULL);
	json_string(&j, "wire", v->wire->name);
	json_string(&j, "host", v->host->name);
	json_double(&j, "seconds", (double)v->elapsed / NS_PER_S);
	json_bool(&j, "aggregate", v->coalescer);
	json_lane(&j, &h);
	json_lane(&j, &w);
	json_u64(&j, "other_link_type", v->unknown);
	if (v->coalescer)
		json_coalescer(&j, v->coalescer);
	json_object_end(&j);
	json_end(&j);
}

void bridge_report_summary(const struct bridge_view *v, bool json, FILE *out)
{
	if (json)
		print_json(v, out);
	else
		print_table(v, out);
}

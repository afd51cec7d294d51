// SPDX-License-Identifier: BSD-2-Clause
/*
 * coalesce_rules_test.c - What may follow what in an aggregate
 *
 * A table: some ordinary segments of a flow are held, then one comes that is
 * changed in one way. Each row is run for both policies, both outputs, and with
 * one and with two segments held before; under the oracle, which checks bytes.
 * Covers SPEC RX-3, RX-5, RX-7, RX-9, RX-13, RX-15, RX-16, RX-17 and, of the
 * edge cases of receive coalescing, gro cases 1 and 3 to 13.
 */
#include "nic/scene.h"

enum outcome {
	JOINS,			/* and is held with the rest                    */
	CLOSES,			/* joins, and the aggregate is handed up        */
	RESTARTS,		/* ends the aggregate, is held as the next      */
	PASSES,			/* ends the aggregate, is handed up at once     */
	ENDS,			/* RESTARTS or PASSES                           */
	AT_ONCE,		/* CLOSES or PASSES                             */
	APART,			/* is of another flow: held beside              */
	PARTED,			/* RESTARTS or APART                            */
	UNSAID,			/* anything that the oracle allows              */
};

struct row {
	const char *name;
	void (*base)(struct frame_spec *s);	/* done to all segments         */
	void (*change)(struct frame_spec *s);	/* done to the one that comes   */
	enum outcome lossless, host;
	causes_t causes;
	int version;		/* of IP; 0: both                               */
};

/* ---- All segments --------------------------------------------------------- */

#define FOR(name) static void name(struct frame_spec *s)

FOR(plain) { (void)s; }
FOR(with_timestamp) { frame_timestamp(s, 5000, 6000); }
FOR(without_df) { s->fragment = 0; }
FOR(tagged) { frame_tag(s, 0x8100, 0x2005); }
FOR(stacked) { frame_tag(s, 0x88a8, 0x2005); frame_tag(s, 0x8100, 7); }
FOR(odd) { s->payload_len = 999; s->seq = 0; }
FOR(unfinished) { s->csum = TTO_CSUM_PARTIAL; }
FOR(verified) { s->csum = TTO_CSUM_VERIFIED; }
FOR(exotic_option) { frame_options(s, "\xfd\x04\x12\x34", 4); }
FOR(late_timestamp)
{
	frame_options(s, "\x08\x0a\0\0\x13\x88\0\0\x17\x70", 10);
}
FOR(id_about_to_wrap) { s->id = 65534; s->fragment = 0; }
FOR(constant_id) { s->id = 0; }
FOR(at_seq_wrap) { s->seq = 0xfffffe00; }

/* ---- The one that comes: TCP ---------------------------------------------- */

FOR(nothing) { (void)s; }
FOR(gap) { s->seq += 1; }
FOR(far_gap) { s->seq += 1000000; }
FOR(repeated) { s->seq -= 1000; s->id--; }
FOR(overlapping) { s->seq -= 1; }
FOR(long_ago) { s->seq -= 100000; }
FOR(syn) { s->flags |= F_SYN; }
FOR(rst) { s->flags |= F_RST; }
FOR(urg) { s->flags |= F_URG; s->urgent = 1; }
FOR(ece) { s->flags |= F_ECE; }
FOR(cwr) { s->flags |= F_CWR; }
FOR(ae) { s->flags |= F_AE; }
FOR(no_ack) { s->flags = 0; }
FOR(reserved) { s->flags |= 0x800; }
FOR(psh) { s->flags |= F_PSH; }
FOR(fin) { s->flags |= F_FIN; }
FOR(psh_fin) { s->flags |= F_PSH | F_FIN; }
FOR(fin_without_payload) { s->flags |= F_FIN; s->payload_len = 0; }
FOR(rst_without_payload) { s->flags |= F_RST; s->payload_len = 0; }
FOR(shorter) { s->payload_len = 10; }
FOR(one_byte) { s->payload_len = 1; }
FOR(larger) { s->payload_len = 1001; }
FOR(ack_ahead) { s->ack += 100; }
FOR(ack_back) { s->ack -= 100; }
FOR(window) { s->window += 1; }
FOR(urgent_pointer) { s->urgent = 9; }
FOR(other_port) { s->source_port++; }
FOR(other_host) { s->source++; }
FOR(sack) { frame_sack(s, 1, 2); }
FOR(option_added) { frame_options(s, "\xfd\x04\x12\x34", 4); }
FOR(option_changed) { frame_options(s, "\xfd\x04\x12\x35", 4); }
FOR(options_gone) { s->options_len = 0; }
FOR(md5) { frame_options(s, "\x13\x12" "0123456789abcdef", 18); }
FOR(tcp_ao) { frame_options(s, "\x1d\x10" "0123456789abcd", 16); }
FOR(mptcp) { frame_options(s, "\x1e\x08" "\x20\x01" "abcd", 8); }
FOR(option_too_long) { frame_options(s, "\xfd\x05\x12\x34", 4); }
FOR(option_of_length_0) { frame_options(s, "\xfd\x00\x12\x34", 4); }
FOR(option_of_length_1) { frame_options(s, "\xfd\x01\x12\x34", 4); }
FOR(option_cut) { frame_options(s, "\x01\x01\x01\xfd", 4); }
FOR(timestamp_later) { frame_timestamp(s, 5001, 6000); }
FOR(echo_later) { frame_timestamp(s, 5000, 6001); }
FOR(timestamp_back) { frame_timestamp(s, 4999, 6000); }
FOR(timestamp_far_back) { frame_timestamp(s, 5000 + 0x80000001, 6000); }

/* ---- ACKs without data ---------------------------------------------------- */

FOR(pure_ack) { s->payload_len = 0; s->ack += 100; }
FOR(duplicate_ack) { s->payload_len = 0; }
FOR(old_ack) { s->payload_len = 0; s->ack -= 50; }
FOR(window_update) { s->payload_len = 0; s->window += 7; }
FOR(keepalive) { s->payload_len = 0; s->seq -= 1; }
FOR(keepalive_with_byte) { s->payload_len = 1; s->seq -= 1; }
FOR(pure_ack_sack) { pure_ack(s); sack(s); }

/* ---- IP, link, checksum --------------------------------------------------- */

FOR(tos) { s->tos = 0x20; }
FOR(ce) { s->tos = 0x03; }
FOR(ttl_less) { s->ttl = 60; }
FOR(ttl_more) { s->ttl = 65; }
FOR(df_off) { s->fragment &= (uint16_t)~F_DF; }
FOR(ip_reserved) { s->fragment |= F_IP_RESERVED; }
FOR(id_jump) { s->id += 5; }
FOR(id_same) { s->id--; }
FOR(flow_label) { s->flow_label = 77; }
FOR(first_fragment) { s->fragment = F_MF; }
FOR(ip_options)
{
	if (s->v6) {
		memcpy(s->ip_extra, "\x06\x00\x01\x04\0\0\0\0", 8);
		s->next_header = 60;
		s->ip_extra_len = 8;
	} else {
		memcpy(s->ip_extra, "\x94\x04\0\0", 4);
		s->ip_extra_len = 4;
	}
}
FOR(fragment_header)
{
	memcpy(s->ip_extra, "\x06\x00\x00\x01\0\0\0\x09", 8);
	s->next_header = 44;
	s->ip_extra_len = 8;
}
FOR(trailer) { s->trailer = 6; }
FOR(other_mac) { s->mac = 9; }
FOR(other_priority) { s->tci[0] ^= 0x4000; }
FOR(other_vlan) { s->tci[0] ^= 1; }
FOR(other_inner_priority) { s->tci[1] ^= 0x8000; }
FOR(other_inner_vlan) { s->tci[1] ^= 1; }
FOR(other_tpid) { s->tpid[0] = 0x88a8; }
FOR(untagged) { s->n_tags = 0; }
FOR(wrong_tcp_sum) { s->tcp_sum = SUM_WRONG; }
FOR(wrong_ip_sum) { s->ip_sum = SUM_WRONG; }
FOR(tcp_sum_all_ones) { s->tcp_sum = SUM_ALL_ONES; }
FOR(ip_sum_all_ones) { s->ip_sum = SUM_ALL_ONES; }
FOR(becomes_verified) { s->csum = TTO_CSUM_VERIFIED; }
FOR(becomes_unfinished) { s->csum = TTO_CSUM_PARTIAL; }
FOR(becomes_finished) { s->csum = TTO_CSUM_UNKNOWN; }
FOR(already_aggregate) { s->gso_size = 500; }

#define C CAUSE
static const struct row rows[] = {
/* Order */
{ "rx_3_next_in_order_joins", plain, nothing, JOINS, JOINS, 0, 0 },
{ "rx_3_with_timestamp", with_timestamp, nothing, JOINS, JOINS, 0, 0 },
{ "rx_3_gro_case_10_across_sequence_wrap", at_seq_wrap, nothing, JOINS, JOINS, 0, 0 },
{ "rx_3_gro_case_12_odd_lengths", odd, nothing, JOINS, JOINS, 0, 0 },
{ "rx_7_gro_case_10_gap", plain, gap, RESTARTS, RESTARTS, C(GAP), 0 },
{ "rx_7_gro_case_10_far_gap", plain, far_gap, RESTARTS, RESTARTS, C(GAP), 0 },
{ "rx_7_gro_case_10_repeated", plain, repeated, PASSES, PASSES, C(OLD), 0 },
{ "rx_7_gro_case_10_overlapping", plain, overlapping, PASSES, PASSES, C(OLD), 0 },
{ "rx_7_gro_case_10_long_ago", plain, long_ago, PASSES, PASSES, C(OLD), 0 },
{ "rx_1_other_port_is_another_flow", plain, other_port, APART, APART, 0, 0 },
{ "rx_1_other_host_is_another_flow", plain, other_host, APART, APART, 0, 0 },
/* Flags */
{ "rx_7_gro_case_17_syn", plain, syn, PASSES, PASSES, C(SYN), 0 },
{ "rx_7_gro_case_17_rst", plain, rst, PASSES, PASSES, C(RST), 0 },
{ "rx_7_gro_case_17_rst_without_payload", plain, rst_without_payload, PASSES, PASSES, C(RST), 0 },
{ "rx_7_gro_case_06_urg", plain, urg, PASSES, PASSES, C(URG), 0 },
{ "rx_7_gro_case_06_ece", plain, ece, PASSES, PASSES, C(ECN), 0 },
{ "rx_7_gro_case_06_cwr", plain, cwr, PASSES, PASSES, C(ECN), 0 },
{ "rx_7_gro_case_06_accurate_ecn", plain, ae, PASSES, PASSES, C(ECN), 0 },
{ "rx_7_no_ack", plain, no_ack, PASSES, PASSES, C(NO_ACK), 0 },
{ "rx_7_reserved_flag", plain, reserved, PASSES, PASSES, C(NO_ACK), 0 },
{ "rx_7_gro_case_06_psh_closes", plain, psh, CLOSES, CLOSES, C(PUSH), 0 },
{ "rx_7_gro_case_06_fin_closes", plain, fin, CLOSES, CLOSES, C(FIN), 0 },
{ "rx_7_gro_case_06_psh_fin_closes", plain, psh_fin, CLOSES, CLOSES, C(PUSH) | C(FIN), 0 },
{ "rx_7_fin_without_payload", plain, fin_without_payload, PASSES, AT_ONCE, C(FIN) | C(PURE_ACK), 0 },
/* Sizes */
{ "rx_17_gro_case_11_shorter_is_last", plain, shorter, CLOSES, JOINS, C(SHORT), 0 },
{ "rx_17_gro_case_11_one_byte_is_last", plain, one_byte, CLOSES, JOINS, C(SHORT), 0 },
{ "rx_17_gro_case_11_larger", plain, larger, RESTARTS, JOINS, C(LARGER), 0 },
/* ACK and window */
{ "rx_17_gro_case_07_ack_ahead", plain, ack_ahead, RESTARTS, JOINS, C(ACK), 0 },
{ "rx_17_gro_case_07_ack_back", plain, ack_back, RESTARTS, ENDS, C(ACK), 0 },
{ "rx_17_gro_case_07_window", plain, window, RESTARTS, JOINS, C(WINDOW), 0 },
{ "rx_17_urgent_pointer", plain, urgent_pointer, RESTARTS, UNSAID, C(WINDOW), 0 },
/* Options */
{ "rx_7_gro_case_08_sack", plain, sack, PASSES, PASSES, C(SACK), 0 },
{ "rx_7_sack_behind_timestamp", with_timestamp, sack, PASSES, PASSES, C(SACK), 0 },
{ "rx_7_option_added", plain, option_added, RESTARTS, RESTARTS, C(OPTIONS), 0 },
{ "rx_7_option_changed", exotic_option, option_changed, RESTARTS, RESTARTS, C(OPTIONS), 0 },
{ "rx_7_options_gone", with_timestamp, options_gone, RESTARTS, RESTARTS, C(OPTIONS), 0 },
{ "rx_7_gro_case_09_other_layout", late_timestamp, timestamp_later, RESTARTS, RESTARTS, C(OPTIONS), 0 },
{ "rx_7_gro_case_09_unknown_option_equal", exotic_option, nothing, JOINS, JOINS, 0, 0 },
{ "rx_7_gro_case_09_timestamp_elsewhere", late_timestamp, nothing, JOINS, JOINS, 0, 0 },
{ "rx_7_gro_case_09_md5", plain, md5, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_tcp_ao", plain, tcp_ao, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_mptcp", plain, mptcp, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_option_too_long", plain, option_too_long, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_option_of_length_0", plain, option_of_length_0, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_option_of_length_1", plain, option_of_length_1, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_7_gro_case_09_option_cut", plain, option_cut, PASSES, PASSES, C(OPTION_KIND), 0 },
{ "rx_17_gro_case_09_timestamp_later", with_timestamp, timestamp_later, RESTARTS, JOINS, C(TIMESTAMP), 0 },
{ "rx_17_gro_case_09_echo_later", with_timestamp, echo_later, RESTARTS, JOINS, C(TIMESTAMP), 0 },
{ "rx_17_gro_case_09_timestamp_back", with_timestamp, timestamp_back, RESTARTS, ENDS, C(TIMESTAMP), 0 },
{ "rx_17_gro_case_09_timestamp_far_back", with_timestamp, timestamp_far_back, RESTARTS, ENDS, C(TIMESTAMP), 0 },
/* ACKs without data */
{ "rx_9_gro_case_08_pure_ack", plain, pure_ack, PASSES, JOINS, C(PURE_ACK), 0 },
{ "rx_9_gro_case_08_duplicate_ack", plain, duplicate_ack, PASSES, PASSES, C(DUP_ACK), 0 },
{ "rx_9_old_ack", plain, old_ack, PASSES, PASSES, C(DUP_ACK) | C(PURE_ACK) | C(ACK), 0 },
{ "rx_9_gro_case_07_window_update", plain, window_update, PASSES, PASSES, C(WINDOW_UPDATE), 0 },
{ "rx_9_gro_case_10_keepalive", plain, keepalive, PASSES, PASSES, C(PROBE), 0 },
{ "rx_9_gro_case_10_keepalive_with_byte", plain, keepalive_with_byte, PASSES, PASSES, C(PROBE), 0 },
{ "rx_9_gro_case_08_pure_ack_with_sack", plain, pure_ack_sack, PASSES, PASSES, C(SACK), 0 },
/* IP */
{ "rx_5_gro_case_04_tos", plain, tos, RESTARTS, RESTARTS, C(TOS), 0 },
{ "rx_7_gro_case_04_ce_mark", plain, ce, RESTARTS, RESTARTS, C(TOS), 0 },
{ "rx_17_gro_case_04_ttl_less", plain, ttl_less, RESTARTS, JOINS, C(TTL), 0 },
{ "rx_17_gro_case_04_ttl_more", plain, ttl_more, RESTARTS, JOINS, C(TTL), 0 },
{ "rx_7_gro_case_04_df_off", plain, df_off, RESTARTS, RESTARTS, C(IP_FLAGS), 4 },
{ "rx_7_gro_case_04_ip_reserved_flag", plain, ip_reserved, RESTARTS, RESTARTS, C(IP_FLAGS), 4 },
{ "rx_17_gro_case_05_id_jump", plain, id_jump, RESTARTS, JOINS, C(IP_ID), 4 },
{ "rx_17_gro_case_05_id_jump_without_df", without_df, id_jump, RESTARTS, JOINS, C(IP_ID), 4 },
{ "rx_17_gro_case_05_id_same_without_df", without_df, id_same, RESTARTS, JOINS, C(IP_ID), 4 },
{ "rx_17_gro_case_05_id_wraps", id_about_to_wrap, nothing, JOINS, JOINS, 0, 4 },
{ "rx_5_gro_case_04_flow_label", plain, flow_label, RESTARTS, RESTARTS, C(FLOW_LABEL), 6 },
{ "rx_7_gro_case_03_first_fragment", plain, first_fragment, PASSES, PASSES, C(FRAGMENT), 4 },
{ "rx_7_gro_case_03_fragment_header", plain, fragment_header, PASSES, PASSES, C(FRAGMENT), 6 },
{ "rx_7_gro_case_03_ip_options", plain, ip_options, PASSES, PASSES, C(IP_OPTIONS), 0 },
{ "rx_17_gro_case_02_trailer", plain, trailer, PASSES, JOINS, C(TRAILER), 0 },
/* Link */
{ "rx_16_gro_case_13_other_mac", plain, other_mac, RESTARTS, RESTARTS, C(LINK_HEADER), 0 },
{ "rx_16_gro_case_13_tagged", tagged, nothing, JOINS, JOINS, 0, 0 },
{ "rx_16_gro_case_13_stacked", stacked, nothing, JOINS, JOINS, 0, 0 },
{ "rx_16_gro_case_13_priority", tagged, other_priority, RESTARTS, RESTARTS, C(LINK_HEADER), 0 },
{ "rx_16_gro_case_13_inner_priority", stacked, other_inner_priority, RESTARTS, RESTARTS, C(LINK_HEADER), 0 },
{ "rx_1_gro_case_13_vlan", tagged, other_vlan, APART, APART, 0, 0 },
{ "rx_1_gro_case_13_inner_vlan", stacked, other_inner_vlan, APART, APART, 0, 0 },
{ "rx_1_gro_case_13_untagged", tagged, untagged, APART, APART, 0, 0 },
{ "rx_16_gro_case_13_other_tpid", tagged, other_tpid, PARTED, PARTED, C(LINK_HEADER), 0 },
/* Checksums */
{ "rx_15_gro_case_01_wrong_tcp_checksum", plain, wrong_tcp_sum, PASSES, PASSES, C(CHECKSUM), 0 },
{ "rx_15_gro_case_01_wrong_ip_checksum", plain, wrong_ip_sum, PASSES, PASSES, C(CHECKSUM), 4 },
{ "rx_17_tcp_checksum_all_ones", plain, tcp_sum_all_ones, PASSES, JOINS, C(CHECKSUM_FORM), 0 },
{ "rx_17_ip_checksum_all_ones", plain, ip_sum_all_ones, PASSES, JOINS, C(CHECKSUM_FORM), 4 },
{ "rx_3_verified_by_the_wire", verified, nothing, JOINS, JOINS, 0, 0 },
{ "rx_3_becomes_verified", plain, becomes_verified, JOINS, JOINS, 0, 0 },
{ "rx_7_becomes_unfinished", plain, becomes_unfinished, RESTARTS, RESTARTS, C(CHECKSUM_FORM), 0 },
{ "rx_7_becomes_finished", unfinished, becomes_finished, RESTARTS, RESTARTS, C(CHECKSUM_FORM), 0 },
{ "rx_3_unfinished_checksums_join", unfinished, nothing, JOINS, JOINS, 0, 0 },
{ "rx_15_wrong_unfinished_checksum", unfinished, wrong_tcp_sum, PASSES, PASSES, C(CHECKSUM) | C(CHECKSUM_FORM), 0 },
{ "kt_1_already_an_aggregate", plain, already_aggregate, PASSES, PASSES, C(GSO), 0 },
};

/* ---- Running a row -------------------------------------------------------- */

static enum outcome seen(struct watch *w, uint32_t before)
{
	uint64_t held = watch_stats(w).held;

	if (!w->n_packets)
		return watch_stats(w).flows == 2 ? APART : JOINS;
	if (w->n_packets == 1 && w->packets[0].n_frames == before + 1)
		return CLOSES;
	if (w->n_packets == 1 && w->packets[0].n_frames == before && held == 1)
		return RESTARTS;
	if (w->n_packets == 2 && w->packets[0].n_frames == before && !held)
		return PASSES;
	fail_msg("%u packets, the first of %u frames, %u held", w->n_packets,
		 w->packets[0].n_frames, (unsigned)held);
	return JOINS;
}

static bool as_expected(enum outcome expected, enum outcome got)
{
	if (expected == ENDS)
		return got == RESTARTS || got == PASSES;
	if (expected == AT_ONCE)
		return got == CLOSES || got == PASSES;
	if (expected == PARTED)
		return got == RESTARTS || got == APART;
	if (expected == UNSAID)
		return true;
	return got == expected;
}

static void run_once(const struct row *row, struct tto_coalescer_options *o,
		     bool v6, uint32_t before)
{
	static const char *const names[] = {
		"joins", "closes", "restarts", "passes",
		"ends", "at once", "apart", "parted", "anything",
	};
	enum outcome expected = o->policy ? row->host : row->lossless, got;
	struct frame_spec s = frame_defaults();
	struct watch w;

	scene_open(&w, o);
	s.v6 = v6;
	row->base(&s);
	for (uint32_t i = 0; i < before; i++) {
		scene_push(&w, &s, 1000 + i);
		scene_advance(&s);
	}
	scene_packets(&w, 0);
	row->change(&s);
	scene_push(&w, &s, 2000);
	got = seen(&w, before);
	if (!as_expected(expected, got))
		fail_msg("%s, v%c, output %u, %u before: %s, not %s (cause %s)",
			 o->policy ? "host" : "lossless", v6 ? '6' : '4',
			 o->output, before, names[got], names[expected],
			 w.n_packets ? tto_cause_name(w.packets[0].cause) : "-");
	for (uint32_t i = 0; i < w.n_packets; i++)
		scene_packet(&w, i, w.packets[i].n_frames, row->causes);
	watch_flush(&w, 3000);
	if (got == JOINS)
		scene_packet(&w, 0, before + 1, CAUSE(FLUSH));
	scene_close(&w);
}

static void run_row(void **state)
{
	const struct row *row = *state;

	for (unsigned i = 0; i < 16; i++) {
		struct tto_coalescer_options o = scene_options(i & 1);
		bool v6 = i & 2;

		o.output = i >> 2 & 1;
		o.flows = 64;
		o.buffers = 4;
		if (row->version && (row->version == 6) != v6)
			continue;
		run_once(row, &o, v6, 1 + (i >> 3));
	}
}

/* The ID may stay the same throughout, with DF: as new Linux kernels send. */
static void rx_17_gro_case_05_constant_id_with_df(void **state)
{
	struct tto_coalescer_options o = scene_options(TTO_POLICY_LOSSLESS);
	struct frame_spec s = frame_defaults();
	struct watch w;

	(void)state;
	scene_open(&w, &o);
	constant_id(&s);
	for (int i = 0; i < 3; i++) {
		scene_push(&w, &s, 1000);
		s.seq += s.payload_len;
	}
	scene_packets(&w, 0);
	s.id = 1;	/* neither stays nor counted up before */
	scene_push(&w, &s, 1000);
	scene_packet(&w, 0, 3, CAUSE(IP_ID));
	assert_int_equal(w.packets[0].gso_flags, TTO_GSO_FIXED_ID);
	s.seq += s.payload_len;
	s.id = 2;
	scene_push(&w, &s, 1000);
	s.seq += s.payload_len;	/* counted up, now stays */
	scene_push(&w, &s, 1000);
	scene_packet(&w, 1, 2, CAUSE(IP_ID));
	assert_int_equal(w.packets[1].gso_flags, 0);
	scene_close(&w);
}

/* What is passed does not stop what comes after it from being joined. */
static void rx_7_aggregation_goes_on_after_a_pass(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults(), odd_one;
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		odd_one = s;
		ece(&odd_one);
		scene_push(&w, &odd_one, 1000);
		scene_packets(&w, 2);
		for (int i = 0; i < 3; i++) {
			scene_advance(&s);
			scene_push(&w, &s, 1000);
		}
		scene_packets(&w, 2);
		watch_flush(&w, 1000);
		scene_packet(&w, 2, 3, CAUSE(FLUSH));
		assert_int_equal(watch_stats(&w).flows_created, 1);
		scene_close(&w);
	}
}

/* A hole, then what filled it, then on: the stream goes on aggregating. */
static void rx_7_recovers_from_loss(void **state)
{
	(void)state;
	for (uint8_t policy = 0; policy < 2; policy++) {
		struct tto_coalescer_options o = scene_options(policy);
		struct frame_spec s = frame_defaults(), lost;
		struct watch w;

		scene_open(&w, &o);
		scene_push(&w, &s, 1000);
		scene_advance(&s);
		lost = s;
		scene_advance(&s);
		scene_push(&w, &s, 1000);
		scene_packet(&w, 0, 1, CAUSE(GAP));
		lost.id = 900;
		scene_push(&w, &lost, 1000);
		scene_packet(&w, 1, 1, CAUSE(OLD));
		scene_packet(&w, 2, 1, CAUSE(OLD));
		for (int i = 0; i < 3; i++) {
			scene_advance(&s);
			scene_push(&w, &s, 1000);
		}
		watch_flush(&w, 1000);
		scene_packet(&w, 3, 3, CAUSE(FLUSH));
		scene_close(&w);
	}
}

int main(void)
{
	struct CMUnitTest tests[ARRAY_SIZE(rows) + 3];
	const struct CMUnitTest more[] = {
		cmocka_unit_test(rx_17_gro_case_05_constant_id_with_df),
		cmocka_unit_test(rx_7_aggregation_goes_on_after_a_pass),
		cmocka_unit_test(rx_7_recovers_from_loss),
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		void *row = (void *)(uintptr_t)&rows[i];

		tests[i] = (struct CMUnitTest){ rows[i].name, run_row, NULL,
						NULL, row };
	}
	memcpy(tests + ARRAY_SIZE(rows), more, sizeof(more));
	return cmocka_run_group_tests_name("coalesce rules", tests, NULL, NULL);
}

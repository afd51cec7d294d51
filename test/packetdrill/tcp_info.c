// SPDX-License-Identifier: BSD-2-Clause
/* tcp_info.c - TCP_INFO of Linux, out of a tcp_report */
#include <linux/tcp.h>
#include <string.h>

#include "packetdrill/socket.h"

/* What Linux calls the states; its order is another. */
static const uint8_t linux_state[TCPS_N] = {
	[TCPS_ESTABLISHED] = 1, [TCPS_SYN_SENT] = 2,
	[TCPS_SYN_RECEIVED] = 3, [TCPS_FIN_WAIT_1] = 4,
	[TCPS_FIN_WAIT_2] = 5, [TCPS_TIME_WAIT] = 6,
	[TCPS_CLOSED] = 7, [TCPS_CLOSE_WAIT] = 8,
	[TCPS_LAST_ACK] = 9, [TCPS_LISTEN] = 10, [TCPS_CLOSING] = 11,
};

static const uint8_t linux_phase[] = {
	[TCP_PHASE_OPEN] = 0, [TCP_PHASE_DISORDER] = 1,
	[TCP_PHASE_REDUCED] = 2, [TCP_PHASE_RECOVERY] = 3,
	[TCP_PHASE_LOSS] = 4,
};

static uint32_t to_us(ns_t t)
{
	return t == NS_NEVER ? 0 : (uint32_t)(t / 1000);
}

static uint32_t to_ms(ns_t t)
{
	return t == NS_NEVER ? 0 : (uint32_t)(t / TCP_MS);
}

/* Linux counts in segments where we count in bytes. */
static uint32_t segments(const struct tcp_report *r, uint32_t bytes)
{
	uint32_t mss = r->send_mss ? r->send_mss : 1;

	return bytes == UINT32_MAX ? 0x7fffffff : (bytes + mss - 1) / mss;
}

static void fill_state(struct tcp_info *i, const struct tcp_report *r)
{
	i->tcpi_state = linux_state[r->state];
	i->tcpi_ca_state = linux_phase[r->phase];
	i->tcpi_retransmits = r->retransmits;
	i->tcpi_probes = r->probes;
	i->tcpi_backoff = r->backoff;
	i->tcpi_options = (uint8_t)((r->timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				    (r->sack ? TCPI_OPT_SACK : 0) |
				    (r->window_scaling ? TCPI_OPT_WSCALE : 0) |
				    (r->ecn ? TCPI_OPT_ECN : 0) |
				    (r->ecn_seen ? TCPI_OPT_ECN_SEEN : 0));
	i->tcpi_snd_wscale = r->send_shift & 15;
	i->tcpi_rcv_wscale = r->receive_shift & 15;
}

static void fill_times(struct tcp_info *i, const struct tcp_report *r)
{
	i->tcpi_rto = to_us(r->rto);
	i->tcpi_ato = to_us(r->delayed_ack);
	i->tcpi_rtt = to_us(r->rtt);
	i->tcpi_rttvar = to_us(r->rtt_var);
	i->tcpi_min_rtt = to_us(r->rtt_min);
	i->tcpi_rcv_rtt = to_us(r->rtt_receive);
	i->tcpi_last_data_sent = to_ms(r->last_sent);
	i->tcpi_last_data_recv = to_ms(r->last_received);
	i->tcpi_last_ack_recv = to_ms(r->last_ack_received);
}

static void fill_amounts(struct tcp_info *i, const struct tcp_report *r)
{
	i->tcpi_snd_mss = r->send_mss;
	i->tcpi_rcv_mss = r->receive_mss;
	i->tcpi_pmtu = r->path_mtu;
	i->tcpi_snd_cwnd = segments(r, r->cwnd);
	i->tcpi_snd_ssthresh = segments(r, r->ssthresh);
	i->tcpi_unacked = segments(r, r->not_acked - r->not_sent);
	i->tcpi_sacked = segments(r, r->sacked);
	/* Linux counts what is lost until it is acknowledged. */
	i->tcpi_lost = segments(r, r->lost + r->retransmitting);
	i->tcpi_retrans = segments(r, r->retransmitting);
	i->tcpi_reordering = r->reordering;
	i->tcpi_rcv_space = r->receive_buffer;
	i->tcpi_notsent_bytes = r->not_sent;
}

static void fill_totals(struct tcp_info *i, const struct tcp_report *r)
{
	i->tcpi_total_retrans = r->again_total;
	i->tcpi_bytes_acked = r->bytes_acked;
	i->tcpi_bytes_received = r->bytes_received;
	i->tcpi_segs_out = (uint32_t)r->frames_sent;
	i->tcpi_segs_in = (uint32_t)r->frames_received;
	i->tcpi_bytes_sent = r->bytes_sent;
	i->tcpi_bytes_retrans = r->bytes_again;
	i->tcpi_dsack_dups = r->dsacks;
	i->tcpi_rcv_ooopack = r->out_of_order;
	i->tcpi_snd_wnd = r->send_window;
}

void socket_tcp_info(struct socket *s, struct tcp_info *info)
{
	struct tcp_report r;

	memset(info, 0, sizeof(*info));
	info->tcpi_state = linux_state[s->listener ? TCPS_LISTEN : TCPS_CLOSED];
	if (!s->connection)
		return;
	connection_report(s->connection, &r);
	fill_state(info, &r);
	fill_times(info, &r);
	fill_amounts(info, &r);
	fill_totals(info, &r);
	info->tcpi_advmss = s->connection->tcb.our_mss;
}

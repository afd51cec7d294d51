// SPDX-License-Identifier: BSD-2-Clause
/*
 * option.c - Socket options, and what a connection tells of itself
 *
 * The kernel's socket behind a descriptor gets every option first: it judges values and
 * remembers them, so that what our TCP has no use for is as it would be without us. Here
 * is only what our TCP has to know. Two are set by servers with every response, and of
 * these any value is good: the kernel is not asked.
 */
#include "socket/option.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>

#include "socket/connection.h"
#include "tcp/congestion/congestion.h"

#define CONGESTION_NAME_BYTES 16	/* as Linux has it                      */
#define US 1000ULL
#define MS (1000 * US)
#define SECONDS (1000 * MS)

/* ---- Numbers that a TCB takes ------------------------------------------------------ */

static const struct tcp_number {
	int level, option;
	uint8_t tcp;		/* enum tcp_option                              */
	uint64_t unit;		/* of the value; 0: yes or no                   */
} numbers[SOCKET_N_NUMBERS] = {
	{ IPPROTO_TCP, TCP_NODELAY, TCP_OPTION_NO_DELAY, 0 },
	{ IPPROTO_TCP, TCP_CORK, TCP_OPTION_CORK, 0 },
	{ IPPROTO_TCP, TCP_QUICKACK, TCP_OPTION_QUICK_ACK, 0 },
	{ SOL_SOCKET, SO_KEEPALIVE, TCP_OPTION_KEEPALIVE, 0 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, TCP_OPTION_KEEPALIVE_IDLE, SECONDS },
	{ IPPROTO_TCP, TCP_KEEPINTVL, TCP_OPTION_KEEPALIVE_INTERVAL, SECONDS },
	{ IPPROTO_TCP, TCP_KEEPCNT, TCP_OPTION_KEEPALIVE_COUNT, 1 },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_OPTION_USER_TIMEOUT, MS },
	{ IPPROTO_TCP, TCP_LINGER2, TCP_OPTION_FIN_WAIT, SECONDS },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, TCP_OPTION_NOT_SENT_LOWAT, 1 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, TCP_OPTION_WINDOW_CLAMP, 1 },
	{ SOL_SOCKET, SO_SNDBUF, TCP_OPTION_SEND_BUFFER, 2 },
	{ SOL_SOCKET, SO_RCVBUF, TCP_OPTION_RECEIVE_BUFFER, 1 },
};

static void apply(struct socket *s, uint32_t n)
{
	struct tcp_env env = stack_env();
	uint64_t value = (uint32_t)s->numbers[n].value;

	if (numbers[n].unit)
		value *= numbers[n].unit;
	else
		value = value != 0;
	/* The kernel has found the value good; what our TCP cannot have it ignores. */
	(void)tcp_set_option(&s->tcb, &env, (enum tcp_option)numbers[n].tcp, value);
}

void socket_apply_options(struct socket *s)
{
	for (uint32_t n = 0; n < SOCKET_N_NUMBERS; n++)
		if (s->numbers[n].is_set)
			apply(s, n);
	if (s->congestion_set) {
		struct tcp_env env = stack_env();

		(void)tcp_set_option(&s->tcb, &env, TCP_OPTION_CONGESTION,
				     s->congestion);
	}
}

void socket_inherit(struct socket *s, const struct socket *listener)
{
	memcpy(s->numbers, listener->numbers, sizeof(s->numbers));
	memcpy(s->others, listener->others, sizeof(s->others));
	s->n_others = listener->n_others;
	s->congestion = listener->congestion;
	s->congestion_set = listener->congestion_set;
	s->linger_set = listener->linger_set;
	s->linger = listener->linger;
	s->low_water = listener->low_water;
	s->receive_timeout = listener->receive_timeout;
	s->send_timeout = listener->send_timeout;
	s->mss_clamp = listener->mss_clamp;
	s->tos = listener->tos;
	s->ttl = listener->ttl;
	s->flags |= listener->flags & (SOCKET_V6 | SOCKET_ZEROCOPY | SOCKET_OOB_INLINE);
}

static int find_number(int level, int option)
{
	for (int n = 0; n < SOCKET_N_NUMBERS; n++)
		if (numbers[n].level == level && numbers[n].option == option)
			return n;
	return -1;
}

/* The kernel doubles them, for what it needs itself. */
static bool is_doubled(int n)
{
	return numbers[n].level == SOL_SOCKET &&
	       (numbers[n].option == SO_SNDBUF || numbers[n].option == SO_RCVBUF);
}

static int set_number(struct socket *s, int n, int value)
{
	s->numbers[n].value = is_doubled(n) ? value / 2 : value;
	s->numbers[n].is_set = true;
	if (!connection_lives(s))
		return 0;
	apply(s, (uint32_t)n);
	connection_touch(s);
	return 0;
}

/* ---- Others -------------------------------------------------------------------------- */

static uint64_t duration(const struct timeval *t)
{
	return (uint64_t)t->tv_sec * SECONDS + (uint64_t)t->tv_usec * US;
}

static int set_of_socket(struct socket *s, int option, const void *value,
			 socklen_t bytes)
{
	const struct linger *linger = value;

	switch (option) {
	case SO_LINGER:
		if (bytes < sizeof(*linger))
			return -EINVAL;
		s->linger_set = linger->l_onoff != 0;
		s->linger = linger->l_linger < 0 || linger->l_linger > UINT16_MAX ?
			    UINT16_MAX : (uint16_t)linger->l_linger;
		return 0;
	/* The kernel remembers these as well, for who is accepted. */
	case SO_OOBINLINE:
		s->flags = *(const int *)value ? s->flags | SOCKET_OOB_INLINE :
						 s->flags & ~(uint32_t)SOCKET_OOB_INLINE;
		return -ENOPROTOOPT;
	case SO_REUSEPORT:
		s->reuses_port = *(const int *)value != 0;
		return -ENOPROTOOPT;
	case SO_RCVTIMEO:
	case SO_SNDTIMEO:
		if (bytes < sizeof(struct timeval))
			return -EINVAL;
		*(option == SO_RCVTIMEO ? &s->receive_timeout : &s->send_timeout) =
			duration(value);
		return 0;
	case SO_RCVLOWAT:
		s->low_water = *(const int *)value > 0 ?
			       (uint32_t)*(const int *)value : 1;
		return 0;
	case SO_ZEROCOPY:
		s->flags = *(const int *)value ? s->flags | SOCKET_ZEROCOPY :
						 s->flags & ~(uint32_t)SOCKET_ZEROCOPY;
		return 0;
	default:
		return -ENOPROTOOPT;
	}
}

static int set_congestion(struct socket *s, const char *name, socklen_t bytes)
{
	struct tcp_env env = stack_env();

	/* What we have not is as the default: the kernel may know many. */
	s->congestion = bytes >= 4 && !strncmp(name, "reno", 4) ? CONGESTION_RENO :
							       CONGESTION_CUBIC;
	s->congestion_set = true;
	if (connection_lives(s))
		(void)tcp_set_option(&s->tcb, &env, TCP_OPTION_CONGESTION,
				     s->congestion);
	return 0;
}

static struct socket_other *find_other(struct socket *s, int level, int option)
{
	for (unsigned n = 0; n < s->n_others; n++)
		if (s->others[n].level == level && s->others[n].option == option)
			return &s->others[n];
	return NULL;
}

void option_remember(struct socket *s, int level, int option, int value, bool is_one)
{
	struct socket_other *other = find_other(s, level, option);

	/* Linux does not pass these on to who is accepted. */
	if ((level == SOL_SOCKET && option == SO_PRIORITY) ||
	    (level == IPPROTO_TCP && option == TCP_FASTOPEN))
		return;
	if (!other && is_one && s->n_others < SOCKET_N_OTHERS)
		other = &s->others[s->n_others++];
	if (other)
		*other = (struct socket_other){ level, option, value };
}

bool option_refuses(const struct socket *s, int level, int option)
{
	if (level != IPPROTO_TCP)
		return false;
	return (option == TCP_FASTOPEN && s->kind == SOCKET_CONNECTION) ||
	       (option == TCP_FASTOPEN_CONNECT && s->kind != SOCKET_NEW);
}

bool option_is_switch(const struct socket *s, int level, int option)
{
	return s->kind == SOCKET_CONNECTION && level == IPPROTO_TCP &&
	       (option == TCP_CORK || option == TCP_NODELAY);
}

bool option_is_number(int level, int option)
{
	switch (level) {
	case SOL_SOCKET:
		return find_number(level, option) >= 0 || option == SO_RCVLOWAT;
	case IPPROTO_IP:
		return option == IP_TOS || option == IP_TTL;
	case IPPROTO_IPV6:
		return option == IPV6_TCLASS || option == IPV6_UNICAST_HOPS;
	default:
		return find_number(level, option) >= 0;
	}
}

int option_set(struct socket *s, int level, int option, const void *value,
	       socklen_t bytes)
{
	int n = find_number(level, option), number;

	if (level == IPPROTO_TCP && option == TCP_CONGESTION)
		return set_congestion(s, value, bytes);
	if (bytes < sizeof(number))
		return -ENOPROTOOPT;
	memcpy(&number, value, sizeof(number));
	if (n >= 0)
		return set_number(s, n, number);
	if (level == SOL_SOCKET)
		return set_of_socket(s, option, value, bytes);
	if (level == IPPROTO_TCP && option == TCP_MAXSEG)
		s->mss_clamp = (uint16_t)number;
	else if (level == IPPROTO_IP && option == IP_TOS)
		s->tos = (uint8_t)number;
	else if (level == IPPROTO_IPV6 && option == IPV6_TCLASS)
		s->tos = number < 0 ? 0 : (uint8_t)number;
	else if ((level == IPPROTO_IP && option == IP_TTL) ||
		 (level == IPPROTO_IPV6 && option == IPV6_UNICAST_HOPS))
		s->ttl = number < 1 ? 64 : (uint8_t)number;
	else if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY)
		s->flags = number ? s->flags | SOCKET_V6_ONLY :
				    s->flags & ~(uint32_t)SOCKET_V6_ONLY;
	else
		return -ENOPROTOOPT;
	return 0;
}

/* ---- What only the kernel has --------------------------------------------------------- */

/* Linux's numbers, which libc's headers need not have. */
enum {
	KERNEL_TCP_MD5SIG_EXT = 32,
	KERNEL_TCP_AO_ADD_KEY = 38,
	KERNEL_SO_BINDTOIFINDEX = 62,
};

bool option_is_kernels(int level, int option, const void *value, socklen_t bytes)
{
	static const struct {
		int level, option;
	} options[] = {
		{ SOL_SOCKET, SO_BINDTODEVICE },
		{ SOL_SOCKET, KERNEL_SO_BINDTOIFINDEX },
		{ IPPROTO_IP, IP_TRANSPARENT },
		{ IPPROTO_IPV6, IPV6_TRANSPARENT },
		{ IPPROTO_TCP, TCP_REPAIR },
		{ IPPROTO_TCP, TCP_MD5SIG },
		{ IPPROTO_TCP, KERNEL_TCP_MD5SIG_EXT },
		{ IPPROTO_TCP, KERNEL_TCP_AO_ADD_KEY },
	};
	uint32_t first = 0;

	/* No name, number 0, or off. */
	memcpy(&first, value, bytes < sizeof(first) ? bytes : sizeof(first));
	for (size_t n = 0; n < ARRAY_SIZE(options) && first; n++) {
		if (options[n].level == level && options[n].option == option)
			return true;
	}
	return false;
}

/* ---- TCP_INFO ------------------------------------------------------------------------- */

/* enum tcp_state in the numbers of Linux, net/tcp_states.h. */
static uint8_t state_of(uint8_t state)
{
	static const uint8_t states[TCPS_N] = {
		[TCPS_CLOSED] = 7, [TCPS_LISTEN] = 10, [TCPS_SYN_SENT] = 2,
		[TCPS_SYN_RECEIVED] = 3, [TCPS_ESTABLISHED] = 1,
		[TCPS_CLOSE_WAIT] = 8, [TCPS_FIN_WAIT_1] = 4, [TCPS_CLOSING] = 11,
		[TCPS_LAST_ACK] = 9, [TCPS_FIN_WAIT_2] = 5, [TCPS_TIME_WAIT] = 6,
	};

	return state < TCPS_N ? states[state] : 7;
}

static uint32_t segments_of(uint32_t bytes, uint32_t mss)
{
	return mss ? (bytes + mss - 1) / mss : 0;
}

static void fill_info(const struct tcp_report *r, bool is_over, struct tcp_info *i)
{
	uint32_t mss = r->send_mss;

	*i = (struct tcp_info){
		.tcpi_state = is_over ? 7 : state_of(r->state),
		.tcpi_ca_state = r->phase, .tcpi_retransmits = r->retransmits,
		.tcpi_probes = r->probes, .tcpi_backoff = r->backoff,
		.tcpi_options = (uint8_t)((r->timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
					  (r->sack ? TCPI_OPT_SACK : 0) |
					  (r->window_scaling ? TCPI_OPT_WSCALE : 0) |
					  (r->ecn ? TCPI_OPT_ECN : 0)),
		.tcpi_snd_wscale = r->send_shift & 15,
		.tcpi_rcv_wscale = r->receive_shift & 15,
		.tcpi_rto = (uint32_t)(r->rto / US),
		.tcpi_ato = (uint32_t)(r->delayed_ack / US),
		.tcpi_snd_mss = mss, .tcpi_rcv_mss = r->receive_mss,
		.tcpi_unacked = segments_of(r->in_flight, mss),
		.tcpi_sacked = segments_of(r->sacked, mss),
		.tcpi_lost = segments_of(r->lost, mss),
		.tcpi_retrans = segments_of(r->retransmitting, mss),
		.tcpi_last_data_sent = (uint32_t)(r->last_sent / MS),
		.tcpi_last_data_recv = (uint32_t)(r->last_received / MS),
		.tcpi_last_ack_recv = (uint32_t)(r->last_ack_received / MS),
		.tcpi_pmtu = r->path_mtu, .tcpi_rtt = (uint32_t)(r->rtt / US),
		.tcpi_rttvar = (uint32_t)(r->rtt_var / US),
		.tcpi_snd_ssthresh = r->ssthresh == UINT32_MAX ? 0x7fffffff :
				     segments_of(r->ssthresh, mss),
		.tcpi_snd_cwnd = segments_of(r->cwnd, mss), .tcpi_advmss = mss,
		.tcpi_reordering = r->reordering,
		.tcpi_rcv_rtt = (uint32_t)(r->rtt_receive / US),
		.tcpi_rcv_space = r->receive_buffer,
		.tcpi_rcv_ssthresh = r->receive_window,
		.tcpi_total_retrans = r->again_total,
		.tcpi_bytes_acked = r->bytes_acked,
		.tcpi_bytes_received = r->bytes_received,
		.tcpi_segs_out = (uint32_t)r->frames_sent,
		.tcpi_segs_in = (uint32_t)r->frames_received,
		.tcpi_data_segs_out = (uint32_t)r->data_frames_sent,
		.tcpi_data_segs_in = (uint32_t)r->data_frames_received,
		.tcpi_delivered = mss ? (uint32_t)((r->bytes_acked + mss - 1) / mss) : 0,
		.tcpi_rcv_ooopack = r->out_of_order,
		.tcpi_notsent_bytes = r->not_sent,
		.tcpi_min_rtt = (uint32_t)(r->rtt_min / US),
		.tcpi_bytes_sent = r->bytes_sent, .tcpi_bytes_retrans = r->bytes_again,
		.tcpi_dsack_dups = r->dsacks, .tcpi_snd_wnd = r->send_window,
	};
}

static int get_info(struct socket *s, void *value, socklen_t *bytes)
{
	struct tcp_env env = stack_env();
	struct tcp_info info = { .tcpi_state = 10 };
	struct tcp_report r = s->report;

	if (connection_lives(s))
		tcp_report(&s->tcb, &env, &r);
	if (s->kind == SOCKET_CONNECTION)
		fill_info(&r, s->flags & SOCKET_OVER, &info);
	else	/* a listener's queue, as Linux has it                          */
		info.tcpi_unacked = s->n_accept;
	if (s->kind == SOCKET_LISTENER)
		info.tcpi_sacked = s->backlog;
	if (*bytes > sizeof(info))
		*bytes = sizeof(info);
	memcpy(value, &info, *bytes);
	return 0;
}

static int give_number(int number, void *value, socklen_t *bytes)
{
	if (*bytes > sizeof(number))
		*bytes = sizeof(number);
	memcpy(value, &number, *bytes);
	return 0;
}

/* Of the level of IP a short value is one byte. */
static int give_number_of(int level, int number, void *value, socklen_t *bytes)
{
	uint8_t small = (uint8_t)number;

	if (level != IPPROTO_IP || !*bytes || *bytes >= sizeof(number) || number != small)
		return give_number(number, value, bytes);
	*bytes = 1;
	memcpy(value, &small, 1);
	return 0;
}

/* The one that runs, whatever the kernel's default is. */
static int get_congestion(const struct socket *s, void *value, socklen_t *bytes)
{
	static const char names[CONGESTION_N_KINDS][CONGESTION_NAME_BYTES] = {
		[CONGESTION_RENO] = "reno", [CONGESTION_CUBIC] = "cubic",
	};
	uint8_t kind = s->congestion_set ? s->congestion : stack->config.congestion;

	if (*bytes > CONGESTION_NAME_BYTES)
		*bytes = CONGESTION_NAME_BYTES;
	memcpy(value, names[kind], *bytes);
	return 0;
}

static int get_of_tcp(struct socket *s, int option, void *value, socklen_t *bytes)
{
	switch (option) {
	case TCP_INFO:
		return get_info(s, value, bytes);
	case TCP_CONGESTION:
		return get_congestion(s, value, bytes);
	case TCP_MAXSEG:
		if (!connection_lives(s))
			return -ENOPROTOOPT;
		return give_number(s->tcb.mss, value, bytes);
	default:
		return -ENOPROTOOPT;
	}
}

/* What nobody has set: as it has become. */
static int get_default(struct socket *s, int level, int option, void *value,
		       socklen_t *bytes)
{
	struct tcp_env env = stack_env();
	struct tcp_report r;

	if (!connection_lives(s))
		return -ENOPROTOOPT;
	tcp_report(&s->tcb, &env, &r);
	if (level == SOL_SOCKET && option == SO_SNDBUF)
		return give_number((int)r.send_buffer, value, bytes);
	if ((level == SOL_SOCKET && option == SO_RCVBUF) ||
	    (level == IPPROTO_TCP && option == TCP_WINDOW_CLAMP))
		return give_number((int)r.receive_buffer, value, bytes);
	return -ENOPROTOOPT;
}

int option_get(struct socket *s, int level, int option, void *value,
	       socklen_t *bytes)
{
	const struct socket_other *other = find_other(s, level, option);
	int n = find_number(level, option), error = s->error;

	if ((int)*bytes < 0)
		return -ENOPROTOOPT;
	if (other)
		return give_number_of(level, other->value, value, bytes);
	if (level == IPPROTO_IP && !(s->flags & SOCKET_V6) &&
	    (option == IP_TOS || option == IP_TTL))
		return give_number_of(level, option == IP_TOS ? s->tos : s->ttl, value,
				      bytes);
	if (level == SOL_SOCKET && option == SO_RCVLOWAT)
		return give_number((int)s->low_water, value, bytes);
	if (level == SOL_SOCKET && option == SO_ERROR) {
		s->error = 0;
		return give_number(error, value, bytes);
	}
	if (level == SOL_SOCKET && option == SO_ACCEPTCONN)
		return give_number(s->kind == SOCKET_LISTENER, value, bytes);
	if (level == SOL_SOCKET && option == SO_ZEROCOPY)
		return give_number((s->flags & SOCKET_ZEROCOPY) != 0, value, bytes);
	if (level == IPPROTO_TCP && (option == TCP_INFO || option == TCP_MAXSEG ||
				     option == TCP_CONGESTION))
		return get_of_tcp(s, option, value, bytes);
	/* One that was inherited, of which the kernel's socket does not know. */
	if (n >= 0 && s->numbers[n].is_set)
		return give_number(is_doubled(n) ? s->numbers[n].value * 2 :
						   s->numbers[n].value, value, bytes);
	return n >= 0 ? get_default(s, level, option, value, bytes) : -ENOPROTOOPT;
}

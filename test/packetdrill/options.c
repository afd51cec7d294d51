// SPDX-License-Identifier: BSD-2-Clause
/*
 * options.c - getsockopt() and setsockopt()
 *
 * One table says it all for options that are numbers: who sets it, who tells it.
 * What has another shape comes below it.
 */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/time.h>

#include "packetdrill/socket.h"
#include "tcp/congestion/congestion.h"

#define SECONDS_MAX 32767
#define MSS_LEAST 88		/* [bytes] Linux takes no less                  */
#define MSS_MOST 32767
#define SEND_BUFFER_LEAST 4608	/* [bytes] likewise                             */
#define RECEIVE_BUFFER_LEAST 2304

struct option {
	int level, name;
	int (*set)(struct socket *s, int arg, int value);	/* NULL: EINVAL */
	int (*get)(struct socket *s, int arg);
	int arg;		/* which one of several that are alike          */
};

/* ---- Options of the machine ---------------------------------------------------------- */

static int set_machine(struct socket *s, enum tcp_option option, uint64_t value)
{
	if (s->connection) {
		int err = connection_set_option(s->connection, option, value);

		if (err)
			return err;
	}
	s->settings.option[option] = value;
	s->settings.has |= 1U << option;
	return 0;
}

static uint64_t get_machine(const struct socket *s, enum tcp_option option,
			    uint64_t otherwise)
{
	return s->settings.has >> option & 1 ? s->settings.option[option] :
					       otherwise;
}

static int set_switch(struct socket *s, int arg, int value)
{
	return set_machine(s, (enum tcp_option)arg, value != 0);
}

static int get_switch(struct socket *s, int arg)
{
	return (int)get_machine(s, (enum tcp_option)arg,
				arg == TCP_OPTION_QUICK_ACK);
}

static int set_seconds(struct socket *s, int arg, int value)
{
	if (value < 1 || value > SECONDS_MAX)
		return -EINVAL;
	return set_machine(s, (enum tcp_option)arg,
			   (uint64_t)value * TCP_SECOND);
}

static int get_seconds(struct socket *s, int arg)
{
	const struct tcp_config *c = &s->settings.config;
	ns_t usual = arg == TCP_OPTION_KEEPALIVE_IDLE ? c->keepalive_idle :
		     arg == TCP_OPTION_KEEPALIVE_INTERVAL ?
			     c->keepalive_interval : c->fin_wait;

	return (int)(get_machine(s, (enum tcp_option)arg, usual) / TCP_SECOND);
}

static int set_keepalive_count(struct socket *s, int arg, int value)
{
	if (value < 1 || value > 127)
		return -EINVAL;
	return set_machine(s, TCP_OPTION_KEEPALIVE_COUNT, (uint64_t)value);
}

static int get_keepalive_count(struct socket *s, int arg)
{
	return (int)get_machine(s, TCP_OPTION_KEEPALIVE_COUNT,
				s->settings.config.keepalive_count);
}

static int set_user_timeout(struct socket *s, int arg, int value)
{
	if (value < 0)
		return -EINVAL;
	return set_machine(s, TCP_OPTION_USER_TIMEOUT,
			   (uint64_t)value * TCP_MS);
}

static int get_user_timeout(struct socket *s, int arg)
{
	return (int)(get_machine(s, TCP_OPTION_USER_TIMEOUT, 0) / TCP_MS);
}

static int set_number(struct socket *s, int arg, int value)
{
	return set_machine(s, (enum tcp_option)arg, (uint32_t)value);
}

static int get_number(struct socket *s, int arg)
{
	return (int)get_machine(s, (enum tcp_option)arg,
				arg == TCP_OPTION_NOT_SENT_LOWAT ? UINT32_MAX : 0);
}

static int set_mss(struct socket *s, int arg, int value)
{
	if (value && (value < MSS_LEAST || value > MSS_MOST))
		return -EINVAL;
	s->settings.mss_clamp = (uint16_t)value;
	return s->connection ? set_machine(s, TCP_OPTION_MSS_CLAMP,
					   (uint64_t)value) : 0;
}

static int get_mss(struct socket *s, int arg)
{
	struct tcp_report r;

	if (s->connection && !s->connection->closed) {
		connection_report(s->connection, &r);
		return (int)r.send_mss;
	}
	return s->settings.mss_clamp ? s->settings.mss_clamp : 536;
}

static int set_syn_count(struct socket *s, int arg, int value)
{
	if (value < 1 || value > 127)
		return -EINVAL;
	s->settings.config.syn_retries = (uint8_t)value;
	return 0;
}

static int get_syn_count(struct socket *s, int arg)
{
	return s->settings.config.syn_retries;
}

/* Linux doubles what it is told, and tells that: half is for overhead. */
static int set_send_buffer(struct socket *s, int arg, int value)
{
	uint32_t bytes = 2 * (uint32_t)value;

	s->send_buffer = bytes < SEND_BUFFER_LEAST ? SEND_BUFFER_LEAST : bytes;
	return set_machine(s, TCP_OPTION_SEND_BUFFER, s->send_buffer);
}

static int get_send_buffer(struct socket *s, int arg)
{
	return (int)(s->send_buffer ? s->send_buffer :
				      s->settings.config.send_buffer);
}

static int set_receive_buffer(struct socket *s, int arg, int value)
{
	struct tcp_config *c = &s->settings.config;
	uint32_t bytes = 2 * (uint32_t)value;

	if (bytes < RECEIVE_BUFFER_LEAST)
		bytes = RECEIVE_BUFFER_LEAST;
	s->receive_buffer = bytes;
	c->receive_buffer = c->receive_buffer_max = bytes / 2;
	return set_machine(s, TCP_OPTION_RECEIVE_BUFFER, bytes / 2);
}

static int get_receive_buffer(struct socket *s, int arg)
{
	return (int)(s->receive_buffer ? s->receive_buffer :
					 s->settings.config.receive_buffer);
}

/* ---- Options of the socket ------------------------------------------------------------ */

static int set_plain(struct socket *s, int arg, int value)
{
	s->plain[arg] = value;
	return 0;
}

static int get_plain(struct socket *s, int arg)
{
	return s->plain[arg];
}

static int get_error(struct socket *s, int arg)
{
	return socket_take_error(s);
}

static int get_type(struct socket *s, int arg)
{
	return SOCK_STREAM;
}

static int get_listens(struct socket *s, int arg)
{
	return s->listener != NULL;
}

static int set_receive_lowat(struct socket *s, int arg, int value)
{
	s->receive_lowat = value > 0 ? (uint32_t)value : 1;
	return 0;
}

static int get_receive_lowat(struct socket *s, int arg)
{
	return (int)s->receive_lowat;
}

static uint8_t *ip_byte(struct datagram_options *ip, int arg)
{
	return arg == IP_TTL ? &ip->ttl : &ip->tos;
}

static int set_ip(struct socket *s, int arg, int value)
{
	if (value < (arg == IP_TTL) || value > 255)
		return -EINVAL;
	*ip_byte(&s->settings.ip, arg) = (uint8_t)value;
	if (s->connection)
		*ip_byte(&s->connection->settings.ip, arg) = (uint8_t)value;
	return 0;
}

static int get_ip(struct socket *s, int arg)
{
	return *ip_byte(&s->settings.ip, arg);
}

/* Segments are never fragmented here, whatever is asked for. */
static int set_mtu_discover(struct socket *s, int arg, int value)
{
	return value >= 0 && value <= IP_PMTUDISC_OMIT ? 0 : -EINVAL;
}

static int get_mtu_discover(struct socket *s, int arg)
{
	return IP_PMTUDISC_WANT;
}

static const struct option options[] = {
	{ IPPROTO_TCP, TCP_NODELAY, set_switch, get_switch, TCP_OPTION_NO_DELAY },
	{ IPPROTO_TCP, TCP_CORK, set_switch, get_switch, TCP_OPTION_CORK },
	{ IPPROTO_TCP, TCP_QUICKACK, set_switch, get_switch, TCP_OPTION_QUICK_ACK },
	{ IPPROTO_TCP, TCP_KEEPIDLE, set_seconds, get_seconds, TCP_OPTION_KEEPALIVE_IDLE },
	{ IPPROTO_TCP, TCP_KEEPINTVL, set_seconds, get_seconds, TCP_OPTION_KEEPALIVE_INTERVAL },
	{ IPPROTO_TCP, TCP_KEEPCNT, set_keepalive_count, get_keepalive_count, 0 },
	{ IPPROTO_TCP, TCP_LINGER2, set_seconds, get_seconds, TCP_OPTION_FIN_WAIT },
	{ IPPROTO_TCP, TCP_USER_TIMEOUT, set_user_timeout, get_user_timeout, 0 },
	{ IPPROTO_TCP, TCP_MAXSEG, set_mss, get_mss, 0 },
	{ IPPROTO_TCP, TCP_SYNCNT, set_syn_count, get_syn_count, 0 },
	{ IPPROTO_TCP, TCP_WINDOW_CLAMP, set_number, get_number, TCP_OPTION_WINDOW_CLAMP },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, set_number, get_number, TCP_OPTION_NOT_SENT_LOWAT },
	{ IPPROTO_TCP, TCP_INQ, set_plain, get_plain, PLAIN_INQ },
	{ SOL_SOCKET, SO_KEEPALIVE, set_switch, get_switch, TCP_OPTION_KEEPALIVE },
	{ SOL_SOCKET, SO_SNDBUF, set_send_buffer, get_send_buffer, 0 },
	{ SOL_SOCKET, SO_RCVBUF, set_receive_buffer, get_receive_buffer, 0 },
	{ SOL_SOCKET, SO_RCVLOWAT, set_receive_lowat, get_receive_lowat, 0 },
	{ SOL_SOCKET, SO_ERROR, NULL, get_error, 0 },
	{ SOL_SOCKET, SO_TYPE, NULL, get_type, 0 },
	{ SOL_SOCKET, SO_ACCEPTCONN, NULL, get_listens, 0 },
	{ SOL_SOCKET, SO_REUSEADDR, set_plain, get_plain, PLAIN_REUSEADDR },
	{ SOL_SOCKET, SO_REUSEPORT, set_plain, get_plain, PLAIN_REUSEPORT },
	{ SOL_SOCKET, SO_PRIORITY, set_plain, get_plain, PLAIN_PRIORITY },
	{ SOL_SOCKET, SO_MARK, set_plain, get_plain, PLAIN_MARK },
	{ IPPROTO_IP, IP_TOS, set_ip, get_ip, IP_TOS },
	{ IPPROTO_IP, IP_TTL, set_ip, get_ip, IP_TTL },
	{ IPPROTO_IP, IP_FREEBIND, set_plain, get_plain, PLAIN_FREEBIND },
	{ IPPROTO_IP, IP_MTU_DISCOVER, set_mtu_discover, get_mtu_discover, 0 },
	{ IPPROTO_IPV6, IPV6_TCLASS, set_ip, get_ip, IP_TOS },
	{ IPPROTO_IPV6, IPV6_UNICAST_HOPS, set_ip, get_ip, IP_TTL },
	{ IPPROTO_IPV6, IPV6_V6ONLY, set_plain, get_plain, PLAIN_V6ONLY },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, set_mtu_discover, get_mtu_discover, 0 },
};

static const struct option *find(int level, int name)
{
	for (size_t n = 0; n < ARRAY_SIZE(options); n++) {
		if (options[n].level == level && options[n].name == name)
			return &options[n];
	}
	return NULL;
}

/* ---- Options that are no numbers --------------------------------------------------------- */

static const char *const congestion_names[] = {
	[CONGESTION_RENO] = "reno",
	[CONGESTION_CUBIC] = "cubic",
};

_Static_assert(ARRAY_SIZE(congestion_names) == CONGESTION_N_KINDS, "each");

static int set_congestion(struct socket *s, const char *name, socklen_t len)
{
	for (unsigned kind = 0; kind < CONGESTION_N_KINDS; kind++) {
		const char *known = congestion_names[kind];

		if (len < strlen(known) || strncmp(name, known, len))
			continue;
		s->settings.config.congestion = (uint8_t)kind;
		return set_machine(s, TCP_OPTION_CONGESTION, kind);
	}
	return -ENOENT;
}

static int give(void *to, socklen_t *room, const void *from, socklen_t len)
{
	if (*room > len)
		*room = len;
	memcpy(to, from, *room);
	return 0;
}

static int get_congestion(struct socket *s, void *value, socklen_t *len)
{
	char name[16] = { 0 };

	strcpy(name, congestion_names[s->settings.config.congestion]);
	return give(value, len, name, sizeof(name));
}

/* Zeros behind it: the tool may know a later and longer structure. */
static int get_tcp_info(struct socket *s, void *value, socklen_t *len)
{
	union {
		struct tcp_info info;
		uint8_t bytes[512];
	} u = { .bytes = { 0 } };

	socket_tcp_info(s, &u.info);
	return give(value, len, &u, sizeof(u));
}

/* Of what the algorithms have to say nothing is told. */
static int get_congestion_info(void *value, socklen_t *len)
{
	const union tcp_cc_info info = { .vegas = { 0 } };

	return give(value, len, &info, sizeof(info));
}

static int get_memory_info(struct socket *s, void *value, socklen_t *len)
{
	uint32_t info[SK_MEMINFO_VARS] = {
		[SK_MEMINFO_SNDBUF] = (uint32_t)get_send_buffer(s, 0),
		[SK_MEMINFO_RCVBUF] = (uint32_t)get_receive_buffer(s, 0),
	};

	if (s->connection) {
		info[SK_MEMINFO_RMEM_ALLOC] = (uint32_t)s->connection->received.len;
		info[SK_MEMINFO_WMEM_QUEUED] = (uint32_t)s->connection->sent.len;
	}
	return give(value, len, info, sizeof(info));
}

static int set_linger(struct socket *s, const void *value, socklen_t len)
{
	struct linger linger;

	if (len < sizeof(linger))
		return -EINVAL;
	memcpy(&linger, value, sizeof(linger));
	s->linger = linger.l_onoff;
	s->linger_seconds = linger.l_linger;
	return 0;
}

static int get_linger(struct socket *s, void *value, socklen_t *len)
{
	struct linger linger = { s->linger, s->linger_seconds };

	return give(value, len, &linger, sizeof(linger));
}

static ns_t *timeout_of(struct socket *s, int name)
{
	return name == SO_RCVTIMEO ? &s->receive_timeout : &s->send_timeout;
}

static int set_timeout(struct socket *s, int name, const void *value,
		       socklen_t len)
{
	struct timeval tv;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if (tv.tv_sec < 0 || tv.tv_usec < 0 || tv.tv_usec >= 1000000)
		return -EDOM;
	*timeout_of(s, name) = (ns_t)tv.tv_sec * TCP_SECOND +
			       (ns_t)tv.tv_usec * 1000;
	return 0;
}

static int get_timeout(struct socket *s, int name, void *value, socklen_t *len)
{
	ns_t timeout = *timeout_of(s, name);
	struct timeval tv = {
		.tv_sec = (time_t)(timeout / TCP_SECOND),
		.tv_usec = (suseconds_t)(timeout % TCP_SECOND / 1000),
	};

	return give(value, len, &tv, sizeof(tv));
}

/* ---- The calls ------------------------------------------------------------------------------ */

/* IP takes a single byte, too. */
static int read_number(int *n, int level, const void *value, socklen_t len)
{
	if (len >= sizeof(*n)) {
		memcpy(n, value, sizeof(*n));
		return 0;
	}
	if (level == IPPROTO_IP && len == 1) {
		*n = *(const uint8_t *)value;
		return 0;
	}
	return -EINVAL;
}

static int set_table(struct socket *s, const struct option *o,
		     const void *value, socklen_t len)
{
	int n, err;

	if (!o)
		return -ENOPROTOOPT;
	if (!o->set)
		return -EINVAL;
	err = read_number(&n, o->level, value, len);
	return err ? err : o->set(s, o->arg, n);
}

int socket_set_option(struct socket *s, int level, int name, const void *value,
		      socklen_t len)
{
	if (!value)
		return -EFAULT;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return set_congestion(s, value, len);
	if (level == SOL_SOCKET && name == SO_LINGER)
		return set_linger(s, value, len);
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return set_timeout(s, name, value, len);
	return set_table(s, find(level, name), value, len);
}

int socket_get_option(struct socket *s, int level, int name, void *value,
		      socklen_t *len)
{
	const struct option *o;
	int n;

	if (!value || !len)
		return -EFAULT;
	if (level == IPPROTO_TCP && name == TCP_CONGESTION)
		return get_congestion(s, value, len);
	if (level == IPPROTO_TCP && name == TCP_INFO)
		return get_tcp_info(s, value, len);
	if (level == IPPROTO_TCP && name == TCP_CC_INFO)
		return get_congestion_info(value, len);
	if (level == SOL_SOCKET && name == SO_MEMINFO)
		return get_memory_info(s, value, len);
	if (level == SOL_SOCKET && name == SO_LINGER)
		return get_linger(s, value, len);
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return get_timeout(s, name, value, len);
	o = find(level, name);
	if (!o)
		return -ENOPROTOOPT;
	n = o->get(s, o->arg);
	return give(value, len, &n, sizeof(n));
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.h - What can be chosen about TCP, for all connections and for one
 */
#ifndef TCP_CONFIG_H
#define TCP_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "packet/seq.h"

#define TCP_MS 1000000ULL	/* [ns]                                         */
#define TCP_SECOND 1000000000ULL	/* [ns]                                 */

/* Whether to use ECN, RFC 3168. */
enum tcp_ecn_use {
	TCP_ECN_OFF,
	TCP_ECN_ACCEPT,		/* if the peer asks for it                      */
	TCP_ECN_ASK,		/* ask for it when opening actively, too        */
};

/*
 * For all connections of an owner. tcp_config_default() says what is usual;
 * everything may be changed while connections exist, but counts only for what
 * happens then.
 */
struct tcp_config {
	/* Buffers [bytes]. Each begins at the first and grows, as it turns out
	 * to be needed, up to the second.                                      */
	uint32_t receive_buffer, receive_buffer_max;
	uint32_t send_buffer, send_buffer_max;
	uint32_t reassembly_pieces_max;	/* out of order, per connection         */

	/* Retransmission. */
	ns_t rto_initial;	/* RFC 6298 §2: 1 s                             */
	ns_t rto_min;		/* on top of the smoothed RTT                   */
	ns_t rto_max;
	uint8_t syn_retries;	/* RFC 9293 §3.8.3, MUST-23: 3 min. at least    */
	uint8_t syn_ack_retries;
	uint8_t retries;	/* R2: give up after so many, MUST-20           */
	uint8_t retries_soft;	/* R1: tell the owner after so many             */
	uint8_t orphan_retries;	/* R2 when nobody has the connection any more   */

	/* Acknowledgments, RFC 9293 §3.8.6.3. */
	ns_t delayed_ack;	/* MUST-40: below 500 ms                        */
	uint8_t quick_acks;	/* this many at the start are not delayed       */
	uint8_t ack_segments;	/* one ACK at least for so many full segments,
				 * across arrivals; 2, SHLD-19                  */
	uint16_t stretch;	/* one ACK covers at most so many full segments
				 * of an aggregate; 0: all of it. See ack.c     */

	/* The end. */
	ns_t time_wait;		/* 2 MSL                                        */
	ns_t fin_wait;		/* in FIN-WAIT-2 when nobody reads any more     */

	/* Keepalive, RFC 9293 §3.8.4; on per connection by option. */
	ns_t keepalive_idle;	/* MUST-28: 2 h at least by default             */
	ns_t keepalive_interval;
	uint8_t keepalive_count;

	/* What is used of the extensions. */
	bool timestamps;	/* RFC 7323                                     */
	/*
	 * Drop what has no timestamp although it was agreed upon, but RST: RFC 7323
	 * §3.2 says that it should be dropped. Off by default. Old duplicates,
	 * which PAWS is about, have one; what has none comes from stacks and
	 * middleboxes that leave it out of some segments, and there a connection
	 * would hang. Others take them as well.
	 */
	bool timestamps_required;
	bool window_scaling;
	bool sack;		/* RFC 2018                                     */
	uint8_t ecn;		/* enum tcp_ecn_use                             */
	uint8_t congestion;	/* enum congestion_kind                         */
	bool tail_loss_probe;	/* RFC 8985 §7                                  */
	bool frto;		/* RFC 5682                                     */
	bool slow_start_after_idle;	/* RFC 5681 §4.1                        */
	bool path_mtu_probing;	/* RFC 4821                                     */
	uint8_t initial_segments;	/* RFC 6928: 10                         */

	ns_t timestamp_tick;	/* of TSval: 1 ms, RFC 7323 §5.4                */
	ns_t challenge_interval;	/* RFC 5961 §7: of challenge ACKs       */
	uint16_t challenge_limit;	/* in each second, per connection       */
	uint32_t frame_max;	/* payload of one pseudo frame [bytes]          */
};

/**
 * tcp_config_default() - Fill @c with what a general purpose host uses
 *
 * These are also the values of the public packetdrill scripts, except for the
 * buffers, where they want 540,000 and 15,728,640 bytes for receiving.
 */
void tcp_config_default(struct tcp_config *c);

/* What is known when a connection is made, besides @config. */
struct tcp_endpoint {
	seq_t iss;		/* RFC 9293 §3.4.1, from isn.h                  */
	uint32_t timestamp_offset;	/* RFC 7323 §5.4, from isn.h            */
	uint16_t mtu;		/* of the interface [bytes of IP], at least 68  */
	uint16_t path_mtu;	/* if known from before, else 0                 */
	uint16_t mss_clamp;	/* never more than this, either way; 0: none    */
	bool v6;
};

/* Options of one connection, for tcp_set_option(). */
enum tcp_option {
	TCP_OPTION_NO_DELAY,	/* 0 or 1: no Nagle algorithm, MUST-17          */
	TCP_OPTION_CORK,	/* 0 or 1: full segments only, 200 ms at most   */
	TCP_OPTION_QUICK_ACK,	/* 1: ACK at once for a while; 0: delay         */
	TCP_OPTION_KEEPALIVE,	/* 0 or 1, MUST-24, MUST-25: off by default     */
	TCP_OPTION_KEEPALIVE_IDLE,	/* [ns]                                 */
	TCP_OPTION_KEEPALIVE_INTERVAL,	/* [ns]                                 */
	TCP_OPTION_KEEPALIVE_COUNT,	/* 1..127                               */
	TCP_OPTION_USER_TIMEOUT,	/* [ns], 0: by retries. RFC 9293 §3.9.1 */
	TCP_OPTION_FIN_WAIT,	/* [ns] in FIN-WAIT-2 after tcp_close()         */
	TCP_OPTION_MSS_CLAMP,	/* [bytes] of what is sent, 0: none             */
	TCP_OPTION_WINDOW_CLAMP,	/* [bytes], 0: none                     */
	TCP_OPTION_SEND_BUFFER,	/* [bytes] for good: no tuning any more         */
	TCP_OPTION_RECEIVE_BUFFER,	/* likewise                             */
	TCP_OPTION_NOT_SENT_LOWAT,	/* [bytes] writable only below that     */
	TCP_OPTION_CONGESTION,	/* enum congestion_kind                         */
	TCP_N_OPTIONS
};

#endif

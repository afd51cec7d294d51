/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * headers.h - The headers as they lie on the wire
 *
 * Overlaid on bytes only after their length was checked, and only inside
 * packet/ and where nic/ writes a header. All members have alignment 1.
 */
#ifndef PACKET_HEADERS_H
#define PACKET_HEADERS_H

#include <stddef.h>

#include "base/bytes.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_ARP = 0x0806,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,	/* IEEE 802.1Q, customer tag            */
	ETHERTYPE_QINQ = 0x88a8,	/* IEEE 802.1ad, service tag            */
	ETHERTYPE_QINQ_OLD = 0x9100,	/* service tag before the standard      */
};

enum {
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ICMP = 1,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_AUTHENTICATION = 51,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_DESTINATION = 60,
};

struct eth_header {
	uint8_t destination[6];
	uint8_t source[6];
	be16_t type;
};

struct vlan_tag {		/* follows the TPID that announced it           */
	be16_t tci;		/* PCP 3 bits, DEI 1, VID 12                    */
	be16_t type;
};

/* RFC 791 §3.1 */
struct ipv4_header {
	uint8_t version_ihl;
	uint8_t tos;
	be16_t total_length;
	be16_t id;
	be16_t fragment;	/* reserved, DF, MF, 13 bits of offset / 8      */
	uint8_t ttl;
	uint8_t protocol;
	be16_t checksum;
	uint8_t source[4];
	uint8_t destination[4];
};

#define IPV4_DF 0x4000
#define IPV4_MF 0x2000
#define IPV4_OFFSET 0x1fff

/* RFC 8200 §3 */
struct ipv6_header {
	be32_t version_class_label;	/* 4 bits, 8 bits, 20 bits              */
	be16_t payload_length;
	uint8_t next_header;
	uint8_t hop_limit;
	uint8_t source[16];
	uint8_t destination[16];
};

/* RFC 8200 §4.5 */
struct ipv6_fragment {
	uint8_t next_header;
	uint8_t reserved;
	be16_t offset_more;	/* 13 bits of offset / 8, 2 reserved, M         */
	be32_t id;
};

/* RFC 9293 §3.1 */
struct tcp_header {
	be16_t source_port;
	be16_t destination_port;
	be32_t seq;
	be32_t ack;
	uint8_t offset_reserved;	/* header length / 4 in the high 4 bits;
					 * lowest bit: AE, once NS              */
	uint8_t flags;
	be16_t window;
	be16_t checksum;
	be16_t urgent;
};

/* As in flags; TCP_AE is bit 8 of the 12 bits that seg->flags holds. */
enum {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_PSH = 0x08,
	TCP_ACK = 0x10,
	TCP_URG = 0x20,
	TCP_ECE = 0x40,
	TCP_CWR = 0x80,
	TCP_AE = 0x100,
	TCP_RESERVED = 0xe00,
};

enum {
	TCPOPT_END = 0,
	TCPOPT_NOP = 1,
	TCPOPT_SACK = 5,
	TCPOPT_TIMESTAMP = 8,
	TCPOPT_MD5 = 19,
	TCPOPT_AO = 29,
	TCPOPT_MPTCP = 30,
};

/* The one layout that stacks send: NOP NOP TIMESTAMP 10, RFC 7323 appendix A. */
#define TCPOPT_TIMESTAMP_ALIGNED 0x0101080aU
#define TCPOPT_TIMESTAMP_BYTES 12

/* RFC 768 */
struct udp_header {
	be16_t source_port;
	be16_t destination_port;
	be16_t length;
	be16_t checksum;
};

_Static_assert(sizeof(struct eth_header) == 14, "IEEE 802.3");
_Static_assert(sizeof(struct vlan_tag) == 4, "IEEE 802.1Q");
_Static_assert(sizeof(struct ipv4_header) == 20, "RFC 791 §3.1");
_Static_assert(offsetof(struct ipv4_header, checksum) == 10, "RFC 791 §3.1");
_Static_assert(offsetof(struct ipv4_header, source) == 12, "RFC 791 §3.1");
_Static_assert(sizeof(struct ipv6_header) == 40, "RFC 8200 §3");
_Static_assert(offsetof(struct ipv6_header, source) == 8, "RFC 8200 §3");
_Static_assert(sizeof(struct ipv6_fragment) == 8, "RFC 8200 §4.5");
_Static_assert(sizeof(struct tcp_header) == 20, "RFC 9293 §3.1");
_Static_assert(offsetof(struct tcp_header, checksum) == 16, "RFC 9293 §3.1");
_Static_assert(sizeof(struct udp_header) == 8, "RFC 768");

#define IP_MAX_BYTES 65535	/* what the length fields can say              */

#endif

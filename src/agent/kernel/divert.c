// SPDX-License-Identifier: BSD-2-Clause
/*
 * divert.c - Keep from the kernel's TCP what comes for ports of clients
 *
 * Two sets of address and port, and a chain at the interface's ingress hook, behind the
 * packet sockets, that drops TCP to what is in them. The table belongs to the netlink
 * socket that made it, as in wire/exclusive.c.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/kernel/kernel.h"
#include "packet/headers.h"
#include "wire/netlink.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 2	/* Linux 5.12 */
#endif

#define CHAIN "ingress"
#define EARLIEST (-1000)
#define KEY_BYTES_MAX 20	/* address, port, two bytes of padding          */

struct divert {
	int fd;
	char table[32];
};

/* What differs between the two versions of IP. */
static const struct family {
	const char *set;
	uint32_t set_id;
	uint16_t ethertype;
	uint32_t protocol_at, destination_at;	/* in the IP header             */
	uint32_t address_bytes;
} families[] = {
	{ "tcp4", 1, ETHERTYPE_IPV4, 9, 16, 4 },
	{ "tcp6", 2, ETHERTYPE_IPV6, 6, 24, 16 },
};

static uint32_t key_bytes(const struct family *f)
{
	return f->address_bytes + 4;
}

/* ---- Requests ---------------------------------------------------------------------------------- */

static void begin(struct netlink_request *r, int type, uint16_t flags)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_NETDEV };

	netlink_begin(r, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
		      &head, sizeof(head));
}

static void put_boundary(struct netlink_request *r, uint16_t type)
{
	struct nfgenmsg head = { .nfgen_family = AF_UNSPEC };

	store_be16(&head.res_id, NFNL_SUBSYS_NFTABLES);
	netlink_begin(r, type, 0, &head, sizeof(head));
}

static void put_u32(struct netlink_request *r, uint16_t type, uint32_t value)
{
	be32_t v = to_be32(value);

	netlink_put(r, type, &v, sizeof(v));
}

static int send_batch(const struct divert *d, struct netlink_request *r)
{
	uint8_t late[512];

	/* What an earlier batch that failed has left behind. */
	while (recv(d->fd, late, sizeof(late), MSG_DONTWAIT) >= 0)
		;
	put_boundary(r, NFNL_MSG_BATCH_END);
	return netlink_send(d->fd, r, NULL, 0);
}

/* ---- The chain ------------------------------------------------------------------------------------ */

/* An expression: its name, then its attributes, until end_expression(). */
struct expression {
	uint32_t element, data;
};

static struct expression begin_expression(struct netlink_request *r, const char *name)
{
	struct expression e = { .element = netlink_nest(r, NFTA_LIST_ELEM) };

	netlink_put_text(r, NFTA_EXPR_NAME, name);
	e.data = netlink_nest(r, NFTA_EXPR_DATA);
	return e;
}

static void end_expression(struct netlink_request *r, struct expression e)
{
	netlink_nest_end(r, e.data);
	netlink_nest_end(r, e.element);
}

static void put_compare(struct netlink_request *r, const void *value, uint32_t bytes)
{
	struct expression e = begin_expression(r, "cmp");
	uint32_t data;

	put_u32(r, NFTA_CMP_SREG, NFT_REG_1);
	put_u32(r, NFTA_CMP_OP, NFT_CMP_EQ);
	data = netlink_nest(r, NFTA_CMP_DATA);
	netlink_put(r, NFTA_DATA_VALUE, value, bytes);
	netlink_nest_end(r, data);
	end_expression(r, e);
}

static void put_load(struct netlink_request *r, uint32_t base, uint32_t at,
		     uint32_t bytes, uint32_t reg)
{
	struct expression e = begin_expression(r, "payload");

	put_u32(r, NFTA_PAYLOAD_DREG, reg);
	put_u32(r, NFTA_PAYLOAD_BASE, base);
	put_u32(r, NFTA_PAYLOAD_OFFSET, at);
	put_u32(r, NFTA_PAYLOAD_LEN, bytes);
	end_expression(r, e);
}

static void put_is_tcp(struct netlink_request *r, const struct family *f)
{
	struct expression e = begin_expression(r, "meta");
	be16_t ethertype = to_be16(f->ethertype);
	uint8_t protocol = PROTOCOL_TCP;

	put_u32(r, NFTA_META_KEY, NFT_META_PROTOCOL);
	put_u32(r, NFTA_META_DREG, NFT_REG_1);
	end_expression(r, e);
	put_compare(r, &ethertype, sizeof(ethertype));
	put_load(r, NFT_PAYLOAD_NETWORK_HEADER, f->protocol_at, 1, NFT_REG_1);
	put_compare(r, &protocol, sizeof(protocol));
}

static void put_lookup(struct netlink_request *r, const struct family *f)
{
	struct expression e;

	put_load(r, NFT_PAYLOAD_NETWORK_HEADER, f->destination_at, f->address_bytes,
		 NFT_REG32_00);
	put_load(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2,
		 NFT_REG32_00 + f->address_bytes / 4);
	e = begin_expression(r, "lookup");
	netlink_put_text(r, NFTA_LOOKUP_SET, f->set);
	put_u32(r, NFTA_LOOKUP_SREG, NFT_REG32_00);
	put_u32(r, NFTA_LOOKUP_SET_ID, f->set_id);
	end_expression(r, e);
}

static void put_drop(struct netlink_request *r)
{
	struct expression e = begin_expression(r, "immediate");
	uint32_t data, verdict;

	put_u32(r, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(r, NFTA_IMMEDIATE_DATA);
	verdict = netlink_nest(r, NFTA_DATA_VERDICT);
	put_u32(r, NFTA_VERDICT_CODE, NF_DROP);
	netlink_nest_end(r, verdict);
	netlink_nest_end(r, data);
	end_expression(r, e);
}

static int make_chain(const struct divert *d, const char *interface)
{
	struct netlink_request r = { 0 };
	uint32_t hook;

	put_boundary(&r, NFNL_MSG_BATCH_BEGIN);
	begin(&r, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	netlink_put_text(&r, NFTA_TABLE_NAME, d->table);
	put_u32(&r, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
	begin(&r, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	netlink_put_text(&r, NFTA_CHAIN_TABLE, d->table);
	netlink_put_text(&r, NFTA_CHAIN_NAME, CHAIN);
	hook = netlink_nest(&r, NFTA_CHAIN_HOOK);
	put_u32(&r, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
	put_u32(&r, NFTA_HOOK_PRIORITY, (uint32_t)EARLIEST);
	netlink_put_text(&r, NFTA_HOOK_DEV, interface);
	netlink_nest_end(&r, hook);
	put_u32(&r, NFTA_CHAIN_POLICY, NF_ACCEPT);
	netlink_put_text(&r, NFTA_CHAIN_TYPE, "filter");
	return send_batch(d, &r);
}

static int make_rule(const struct divert *d, const struct family *f)
{
	struct netlink_request r = { 0 };
	uint32_t expressions;

	put_boundary(&r, NFNL_MSG_BATCH_BEGIN);
	begin(&r, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	netlink_put_text(&r, NFTA_SET_TABLE, d->table);
	netlink_put_text(&r, NFTA_SET_NAME, f->set);
	put_u32(&r, NFTA_SET_KEY_LEN, key_bytes(f));
	put_u32(&r, NFTA_SET_ID, f->set_id);
	begin(&r, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);
	netlink_put_text(&r, NFTA_RULE_TABLE, d->table);
	netlink_put_text(&r, NFTA_RULE_CHAIN, CHAIN);
	expressions = netlink_nest(&r, NFTA_RULE_EXPRESSIONS);
	put_is_tcp(&r, f);
	put_lookup(&r, f);
	put_drop(&r);
	netlink_nest_end(&r, expressions);
	return send_batch(d, &r);
}

/* ---- Open, close, change ---------------------------------------------------------------------------- */

int divert_open(struct divert **out, const char *interface)
{
	struct divert *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	d->fd = netlink_open(NETLINK_NETFILTER);
	err = d->fd < 0 ? d->fd : 0;
	snprintf(d->table, sizeof(d->table), "ttod-%d", (int)getpid());
	if (!err)
		err = make_chain(d, interface);
	for (size_t n = 0; !err && n < ARRAY_SIZE(families); n++)
		err = make_rule(d, &families[n]);
	if (err)
		divert_close(d);
	else
		*out = d;
	return err;
}

void divert_close(struct divert *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

int divert_port(struct divert *d, const struct host_port *port, bool add)
{
	const struct family *f = &families[port->v6 ? 1 : 0];
	uint8_t bytes[KEY_BYTES_MAX] = { 0 };
	struct netlink_request r = { 0 };
	uint32_t elements, element, key;
	int err;

	memcpy(bytes, port->address, f->address_bytes);
	store_be16(bytes + f->address_bytes, port->port);
	put_boundary(&r, NFNL_MSG_BATCH_BEGIN);
	begin(&r, add ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
	      add ? NLM_F_CREATE | NLM_F_ACK : NLM_F_ACK);
	netlink_put_text(&r, NFTA_SET_ELEM_LIST_TABLE, d->table);
	netlink_put_text(&r, NFTA_SET_ELEM_LIST_SET, f->set);
	elements = netlink_nest(&r, NFTA_SET_ELEM_LIST_ELEMENTS);
	element = netlink_nest(&r, NFTA_LIST_ELEM);
	key = netlink_nest(&r, NFTA_SET_ELEM_KEY);
	netlink_put(&r, NFTA_DATA_VALUE, bytes, key_bytes(f));
	netlink_nest_end(&r, key);
	netlink_nest_end(&r, element);
	netlink_nest_end(&r, elements);
	err = send_batch(d, &r);
	return err == (add ? -EEXIST : -ENOENT) ? 0 : err;
}

// SPDX-License-Identifier: BSD-2-Clause
/* exclusive.c - Keep the kernel's own stack away from what an interface receives */
#include "wire/exclusive.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "wire/netlink.h"

#ifndef NFT_TABLE_F_OWNER
#define NFT_TABLE_F_OWNER 2	/* Linux 5.12 */
#endif

#define CHAIN "ingress"
#define EARLIEST (-1000)	/* before other chains on the same hook */

static void begin(struct netlink_request *r, int type, uint16_t flags)
{
	struct nfgenmsg head = { .nfgen_family = NFPROTO_NETDEV };

	netlink_begin(r, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags,
		      &head, sizeof(head));
}

/* Changes to nftables come in batches, done wholly or not at all. */
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

static void put_table(struct netlink_request *r, const char *table)
{
	begin(r, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	netlink_put_text(r, NFTA_TABLE_NAME, table);
	put_u32(r, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
}

static void put_chain(struct netlink_request *r, const char *table,
		      const char *interface)
{
	uint32_t hook;

	begin(r, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);
	netlink_put_text(r, NFTA_CHAIN_TABLE, table);
	netlink_put_text(r, NFTA_CHAIN_NAME, CHAIN);
	hook = netlink_nest(r, NFTA_CHAIN_HOOK);
	put_u32(r, NFTA_HOOK_HOOKNUM, NF_NETDEV_INGRESS);
	put_u32(r, NFTA_HOOK_PRIORITY, (uint32_t)EARLIEST);
	netlink_put_text(r, NFTA_HOOK_DEV, interface);
	netlink_nest_end(r, hook);
	put_u32(r, NFTA_CHAIN_POLICY, NF_DROP);
	netlink_put_text(r, NFTA_CHAIN_TYPE, "filter");
}

int exclusive_take(const char *interface)
{
	struct netlink_request r = { 0 };
	char table[64];
	int fd = netlink_open(NETLINK_NETFILTER), err;

	if (fd < 0)
		return fd;
	snprintf(table, sizeof(table), "tto-%d-%d", (int)getpid(), fd);
	put_boundary(&r, NFNL_MSG_BATCH_BEGIN);
	put_table(&r, table);
	put_chain(&r, table, interface);
	put_boundary(&r, NFNL_MSG_BATCH_END);
	err = netlink_send(fd, &r, NULL, 0);
	if (!err)
		return fd;
	close(fd);
	return err;
}

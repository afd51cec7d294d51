// SPDX-License-Identifier: BSD-2-Clause
/*
 * isolate.c - Give up what is not needed any more
 *
 * Capabilities by system calls, so that no build is without. The filter of system calls
 * is in filter.c, which needs libseccomp.
 */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/message.h"

#define BIT(n) (1u << (n))	/* all that are needed are in the first word    */

_Static_assert(CAP_NET_ADMIN < 32 && CAP_NET_BIND_SERVICE < 32, "in the first word");

static int become(const struct config *c)
{
	if (c->uid == UINT32_MAX)
		return 0;
	/* What stays is chosen behind. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) || setgroups(0, NULL) ||
	    setresgid(c->gid, c->gid, c->gid) || setresuid(c->uid, c->uid, c->uid))
		return -errno;
	return 0;
}

/* Of what there is, @keep stays; nothing of it passes to a program that is executed. */
static int limit_capabilities(uint32_t keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	/* Without CAP_SETPCAP there is not much in it that could be had. */
	for (unsigned long n = 0; n <= CAP_LAST_CAP; n++)
		(void)!prctl(PR_CAPBSET_DROP, n, 0, 0, 0);
	(void)!prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (syscall(SYS_capget, &head, data))
		return -errno;
	for (uint32_t n = 0; n < _LINUX_CAPABILITY_U32S_3; n++) {
		data[n].permitted &= n ? 0 : keep;
		data[n].effective = data[n].permitted;
		data[n].inheritable = 0;
	}
	return syscall(SYS_capset, &head, data) ? -errno : 0;
}

int isolate(const struct config *config, bool shares_kernel)
{
	uint32_t keep = shares_kernel ?
			BIT(CAP_NET_ADMIN) | BIT(CAP_NET_BIND_SERVICE) : 0;
	int err = become(config);

	if (!err)
		err = limit_capabilities(keep);
	if (!err && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		err = -errno;
	if (!err)
		err = filter_install();
	if (err)
		message_errno(err, "giving up privileges");
	return err;
}

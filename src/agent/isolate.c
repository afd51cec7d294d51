// SPDX-License-Identifier: BSD-2-Clause
/* isolate.c - Give up what is not needed any more */
#include <errno.h>
#include <grp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/agent.h"
#include "base/message.h"

static int become(const struct config *c)
{
	if (c->uid == UINT32_MAX)
		return 0;
	if (setgroups(0, NULL) || setresgid(c->gid, c->gid, c->gid) ||
	    setresuid(c->uid, c->uid, c->uid))
		return -errno;
	return 0;
}

int isolate(const struct config *config)
{
	int err = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	if (!err)
		err = become(config);
	if (err)
		message_errno(err, "giving up privileges");
	return err;
}

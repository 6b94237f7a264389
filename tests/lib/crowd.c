/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/crowd.h"

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>

#include "nsctl/netlink/rtnl.h"
#include "tests/lib/testns.h"

/* @index: 0: the kernel's choice, one more than that of the last */
static void add_bridge(struct nl_batch *batch, const char *name, int index)
{
	struct nlmsghdr *message = nl_begin(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	struct ifinfomsg *link = nl_put_header(message, sizeof(*link));
	struct nlattr *info;

	link->ifi_index = index;
	nl_put_text(message, IFLA_IFNAME, name);
	info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, "bridge");
	nl_nest_end(message, info);
}

static void add_token(struct nl_batch *batch, bool first)
{
	add_bridge(batch, first ? "first" : "last", first ? CROWD_TOKEN_FIRST : CROWD_TOKEN_LAST);
}

static bool carry_out(struct nl *nl, struct nl_batch *batch)
{
	bool done = nl_send(nl, batch, NULL, NULL, NULL) == 0 && batch->failed == batch->count;

	nl_batch_clear(batch);
	return done;
}

static void add_all(struct crowd *crowd, struct nl_batch *batch)
{
	char a[24], b[24]; /* with room for any number, as the compiler wants */

	add_token(batch, true); /* keeps the place free */
	add_token(batch, false);
	for (int i = 0; i < CROWD_LINKS; i += 2) {
		snprintf(a, sizeof(a), "crowd%d", i);
		snprintf(b, sizeof(b), "crowd%d", i + 1);
		rtnl_veth_add(batch, &(struct rtnl_new){.name = a, .ns_fd = -1},
		              &(struct rtnl_new){.name = b, .ns_fd = -1});
		if (nl_batch_full(batch))
			assert_true(carry_out(crowd->nl, batch));
	}
	if (nl_batch_full(batch))
		assert_true(carry_out(crowd->nl, batch));
	rtnl_link_delete(batch, "first");
	assert_true(carry_out(crowd->nl, batch));
}

void crowd_init(struct crowd *crowd)
{
	struct err err = ERR_INIT;
	struct nl_batch batch;

	*crowd = (struct crowd){.ns_fd = testns_bare()};
	assert_success(nl_open(crowd->ns_fd, NETLINK_ROUTE, "crowd", &crowd->nl, &err), &err);
	assert_success(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, &err), &err);
	add_all(crowd, &batch);
	nl_batch_fini(&batch);
}

void crowd_fini(struct crowd *crowd)
{
	nl_close(crowd->nl);
	crowd->nl = NULL;
}

bool crowd_move_token(struct crowd *crowd)
{
	struct nl_batch batch;
	bool moved;

	if (nl_batch_init(&batch, NL_BATCH_SIZE, 2, NULL) < 0)
		return false;
	add_token(&batch, !crowd->token_is_first);
	rtnl_link_delete(&batch, crowd->token_is_first ? "first" : "last");
	moved = carry_out(crowd->nl, &batch);
	crowd->token_is_first ^= moved;
	nl_batch_fini(&batch);
	return moved;
}

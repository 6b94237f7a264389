/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testlink.h"

#include "nsctl/netlink/rtnl.h"
#include "tests/lib/testns.h"

/* A change in the making. */
struct change {
	struct nl *nl;
	struct nl_batch batch;
};

static struct change begin(int ns_fd)
{
	struct change change;
	struct err err = ERR_INIT;

	assert_success(nl_open(ns_fd, NETLINK_ROUTE, "of the test", &change.nl, &err), &err);
	assert_success(nl_batch_init(&change.batch, NL_MESSAGE_MAX, 1, &err), &err);
	return change;
}

static void finish(struct change *change, const char *what)
{
	struct err err = ERR_INIT;
	int rc = nl_send(change->nl, &change->batch, NULL, NULL, &err);

	if (rc == 0 && change->batch.failed == 0)
		rc = nl_explain(change->nl, &change->batch, 0, what, &err);
	nl_close(change->nl);
	nl_batch_fini(&change->batch);
	assert_success(rc, &err);
}

void testlink_set_up(int ns_fd, const char *name, bool up)
{
	struct change change = begin(ns_fd);

	rtnl_link_set_up(&change.batch, name, up);
	finish(&change, name);
}

void testlink_delete(int ns_fd, const char *name)
{
	struct change change = begin(ns_fd);

	rtnl_link_delete(&change.batch, name);
	finish(&change, name);
}

void testlink_join(int ns_a, const char *a, int ns_b, const char *b)
{
	struct change change = begin(ns_a);

	rtnl_veth_add(&change.batch, &(struct rtnl_new){.name = a, .ns_fd = ns_a},
	              &(struct rtnl_new){.name = b, .ns_fd = ns_b});
	finish(&change, a);
}

int testlink_index(int ns_fd, const char *name)
{
	struct err err = ERR_INIT;
	struct nl *nl;
	int index;

	assert_success(nl_open(ns_fd, NETLINK_ROUTE, "of the test", &nl, &err), &err);
	index = rtnl_link_index(nl, name, &err);
	nl_close(nl);
	return index;
}

static uint32_t index_of(int ns_fd, const char *name)
{
	int index = testlink_index(ns_fd, name);

	if (index < 0)
		fail_msg("there is no link %s", name);
	return (uint32_t)index;
}

static struct prefix parse(const char *text)
{
	struct prefix prefix = {0};
	struct err err = ERR_INIT;

	assert_success(prefix_parse(text, &prefix, &err), &err);
	return prefix;
}

void testlink_add_address(int ns_fd, const char *link, const char *address)
{
	const struct prefix prefix = parse(address);
	uint32_t index = index_of(ns_fd, link);
	struct change change = begin(ns_fd);

	rtnl_address_add(&change.batch, index, &prefix);
	finish(&change, address);
}

void testlink_add_route(int ns_fd, const char *to, const char *via, const char *link)
{
	struct rtnl_route route = {.to = parse(to)};
	struct change change;

	if (via)
		route.via = parse(via);
	if (link)
		route.link = index_of(ns_fd, link);
	change = begin(ns_fd);
	rtnl_route_add(&change.batch, &route);
	finish(&change, to);
}

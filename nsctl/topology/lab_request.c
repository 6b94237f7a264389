/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/topology/lab_private.h"
#include "nsctl/netlink/rtnl.h"

/* ---- where it goes, and what it has to know ---- */

uint32_t lab_step_netns(const struct step *step)
{
	/* A link appears where it is wanted, but is asked for where its parent is, whose index is of that
	 * namespace. */
	return step->kind == STEP_LINK_ADD && *step->made.parent ? step->made.parent_netns : step->netns;
}

const char *lab_step_refers(const struct step *step)
{
	switch (step->kind) {
	case STEP_ADDRESS_ADD:
	case STEP_ADDRESS_DELETE:
	case STEP_ROUTE_ADD:
	case STEP_ROUTE_DELETE:
		return step->link;
	case STEP_LINK_BRIDGE:
		return step->bridge.after;
	case STEP_LINK_ADD:
		return step->made.parent;
	default:
		return "";
	}
}

/* ---- requests ---- */

/* fd_of - of the namespace that a new link appears in; -1: that which is asked */
static int fd_of(const struct lab *lab, const struct step *step, uint32_t netns)
{
	return netns == lab_step_netns(step) ? -1 : lab->netns[netns].fd;
}

/*
 * born_with - the numbers that a new link begins with
 *
 * A bridge keeps its MTU when a port joins only if it was changed to it: br_mtu_auto_adjust() of Linux passes
 * over those that br_change_mtu() was called for, which is for a change only. So it is born with the odd or
 * even MTU beside its own (the bounds, 68 and 65535, leave room for that), and finish_added() of lab_run.c
 * changes it.
 */
static void born_with(const struct step_link *made, uint32_t ret[LINK_NUMBER_COUNT])
{
	memcpy(ret, made->numbers, sizeof(made->numbers));
	if (made->kind == LINK_BRIDGE && ret[LINK_MTU])
		ret[LINK_MTU] ^= 1;
}

static struct rtnl_new near_end(const struct lab *lab, const struct step *step, const uint32_t *numbers)
{
	return (struct rtnl_new){.name = step->link,
	                         .ns_fd = fd_of(lab, step, step->netns),
	                         .group = lab->group,
	                         .mac = step->made.mac,
	                         .numbers = numbers};
}

static struct rtnl_new far_end(const struct lab *lab, const struct step *step)
{
	return (struct rtnl_new){.name = step->made.peer,
	                         .ns_fd = fd_of(lab, step, step->made.peer_netns),
	                         .group = lab->group,
	                         .mac = step->made.peer_mac,
	                         .numbers = step->made.peer_numbers};
}

static void add_link(const struct lab *lab, const struct step *step, uint32_t parent, struct nl_batch *batch)
{
	const struct step_link *made = &step->made;
	const struct rtnl_made how = {
	        .kind = made->kind, .parent = parent, .mode = made->mode, .vxlan = &made->vxlan};
	uint32_t numbers[LINK_NUMBER_COUNT];
	const struct rtnl_new near = near_end(lab, step, numbers), far = far_end(lab, step);

	born_with(made, numbers);
	if (made->kind == LINK_VETH)
		rtnl_veth_add(batch, &near, &far);
	else
		rtnl_link_add(batch, &near, &how);
}

void lab_step_request(const struct lab *lab, const struct step *step, uint32_t index, struct nl_batch *batch)
{
	const struct rtnl_route route = {.to = step->route.to, .via = step->route.via, .link = index};

	switch (step->kind) {
	case STEP_LINK_ADD:
		return add_link(lab, step, index, batch);
	case STEP_LINK_DELETE:
		return rtnl_link_delete(batch, step->link);
	case STEP_LINK_UP:
	case STEP_LINK_DOWN:
		return rtnl_link_set_up(batch, step->link, step->kind == STEP_LINK_UP);
	case STEP_LINK_NUMBER:
		return rtnl_link_set_number(batch, step->link, step->number.number, step->number.after);
	case STEP_LINK_MAC:
		return rtnl_link_set_mac(batch, step->link, &step->mac.after);
	case STEP_LINK_BRIDGE:
		return rtnl_link_set_bridge(batch, step->link, index);
	case STEP_ADDRESS_ADD:
		return rtnl_address_add(batch, index, &step->address);
	case STEP_ADDRESS_DELETE:
		return rtnl_address_delete(batch, index, &step->address);
	case STEP_ROUTE_ADD:
		return rtnl_route_add(batch, &route);
	case STEP_ROUTE_DELETE:
		return rtnl_route_delete(batch, &route);
	default:
		CHECK(!"a request of rtnetlink");
	}
}

/* ---- refusals ---- */

enum { WHAT_MAX = 160 };

static void describe_link(const struct step *step, char *buf, size_t size)
{
	const char *before = step->bridge.before, *after = step->bridge.after;

	if (step->kind == STEP_LINK_ADD)
		snprintf(buf, size, "add %s link %s", link_kind_name(step->made.kind), step->link);
	else if (step->kind == STEP_LINK_DELETE)
		snprintf(buf, size, "delete link %s", step->link);
	else if (step->kind == STEP_LINK_NUMBER)
		snprintf(buf, size, "set %s of link %s to %u", link_numbers[step->number.number].name,
		         step->link, step->number.after);
	else if (step->kind == STEP_LINK_MAC)
		snprintf(buf, size, "set the MAC address of link %s", step->link);
	else if (step->kind == STEP_LINK_BRIDGE)
		snprintf(buf, size, "%s bridge %s: link %s", *after ? "add to" : "remove from",
		         *after ? after : before, step->link);
	else
		snprintf(buf, size, "set link %s %s", step->link, step->kind == STEP_LINK_UP ? "up" : "down");
}

static void describe_address(const struct step *step, char *buf, size_t size)
{
	bool add = step->kind == STEP_ADDRESS_ADD;
	char text[PREFIX_TEXT_MAX];

	snprintf(buf, size, "%s address %s %s link %s", add ? "add" : "delete",
	         prefix_format(&step->address, text, sizeof(text)), add ? "to" : "of", step->link);
}

static void describe_route(const struct step *step, char *buf, size_t size)
{
	const struct topology_route *route = &step->route;
	char to[PREFIX_TEXT_MAX], via[PREFIX_TEXT_MAX] = "";

	if (route->via.family != AF_UNSPEC)
		prefix_format_address(&route->via, via, sizeof(via));
	snprintf(buf, size, "%s route %s%s%s%s%s", step->kind == STEP_ROUTE_ADD ? "add" : "delete",
	         prefix_format(&route->to, to, sizeof(to)), *via ? " via " : "", via,
	         *step->link ? " by link " : "", step->link);
}

static void describe(const struct step *step, char *buf, size_t size)
{
	switch (step->kind) {
	case STEP_ADDRESS_ADD:
	case STEP_ADDRESS_DELETE:
		return describe_address(step, buf, size);
	case STEP_ROUTE_ADD:
	case STEP_ROUTE_DELETE:
		return describe_route(step, buf, size);
	default:
		return describe_link(step, buf, size);
	}
}

/* The kernel's own words for it, rtnl_newlink(). */
static bool lacks_kind(const struct step *step, const struct nl_batch *batch, uint32_t index)
{
	return step->kind == STEP_LINK_ADD && batch->codes[index] == EOPNOTSUPP &&
	       !strcmp(batch->explanation, "Unknown device type");
}

int lab_step_fails(const struct lab *lab, const struct step *step, const struct nl_batch *batch,
                   uint32_t request, struct err *err)
{
	const struct nl *nl = lab->netns[lab_step_netns(step)].nl;
	char what[WHAT_MAX];

	describe(step, what, sizeof(what));
	if (lacks_kind(step, batch, request))
		return err_set(err, EOPNOTSUPP,
		               "namespace %s: %s: this kernel has no such links: its module `%s` is missing",
		               lab->names[step->netns], what, link_kind_name(step->made.kind));
	return nl_explain(nl, batch, request, what, err);
}

bool lab_step_is_moot(const struct step *step, int code)
{
	switch (step->kind) {
	case STEP_NETNS_DELETE:
		return code == ENOENT;
	case STEP_LINK_DELETE:
		return code == ENODEV;
	case STEP_ADDRESS_DELETE:
		return code == EADDRNOTAVAIL || code == ENODEV;
	case STEP_ROUTE_DELETE:
		return code == ESRCH || code == ENODEV;
	default:
		return false;
	}
}

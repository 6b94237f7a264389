/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/rtnl.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/topology/topology.h"

static void put_prefix(struct nlmsghdr *message, uint16_t type, const struct prefix *prefix)
{
	nl_put(message, type, &prefix->address, prefix_address_size(prefix->family));
}

/* ---- links that are made ---- */

static void put_new(struct nlmsghdr *message, const struct rtnl_new *link)
{
	nl_put_text(message, IFLA_IFNAME, link->name);
	if (link->ns_fd >= 0)
		nl_put_u32(message, IFLA_NET_NS_FD, (uint32_t)link->ns_fd);
	if (link->group)
		nl_put_u32(message, IFLA_GROUP, link->group);
	if (link->mac.given)
		nl_put(message, IFLA_ADDRESS, link->mac.bytes, sizeof(link->mac.bytes));
	for (int i = 0; link->numbers && i < LINK_NUMBER_COUNT; i++) {
		if (link->numbers[i])
			nl_put_u32(message, link_numbers[i].attribute, link->numbers[i]);
	}
}

static struct nlmsghdr *begin_new(struct nl_batch *batch, const struct rtnl_new *link)
{
	struct nlmsghdr *message = nl_begin(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	nl_put_header(message, sizeof(struct ifinfomsg));
	put_new(message, link);
	return message;
}

/* The second end is a link message of its own, inside the first one's. */
static void put_veth(struct nlmsghdr *message, const struct rtnl_new *end)
{
	struct nlattr *peer = nl_nest(message, VETH_INFO_PEER);

	nl_put_header(message, sizeof(struct ifinfomsg));
	put_new(message, end);
	nl_nest_end(message, peer);
}

static void put_vxlan_address(struct nlmsghdr *message, uint16_t type4, uint16_t type6,
                              const struct prefix *address)
{
	if (address->family != AF_UNSPEC)
		put_prefix(message, address->family == AF_INET6 ? type6 : type4, address);
}

static void put_vxlan(struct nlmsghdr *message, const struct rtnl_made *made)
{
	enum { PORT = 4789 }; /* RFC 7348; the kernel's own default is the older 8472 */
	const struct link_vxlan *vxlan = made->vxlan;

	nl_put_u32(message, IFLA_VXLAN_ID, vxlan->vni);
	nl_put_be16(message, IFLA_VXLAN_PORT, vxlan->port ? vxlan->port : PORT);
	put_vxlan_address(message, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6, &vxlan->local);
	put_vxlan_address(message, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6,
	                  &vxlan->remote); /* of one host, too */
	if (made->parent)
		nl_put_u32(message, IFLA_VXLAN_LINK, made->parent);
}

static void put_macvlan(struct nlmsghdr *message, const struct rtnl_made *made)
{
	nl_put_u32(message, IFLA_MACVLAN_MODE, made->mode);
}

static void put_ipvlan(struct nlmsghdr *message, const struct rtnl_made *made)
{
	nl_put_u16(message, IFLA_IPVLAN_MODE, (uint16_t)made->mode);
}

/* IFLA_INFO_DATA of each kind. */
static void (*const put_data[LINK_KIND_COUNT])(struct nlmsghdr *message, const struct rtnl_made *made) = {
        [LINK_MACVLAN] = put_macvlan,
        [LINK_IPVLAN] = put_ipvlan,
        [LINK_VXLAN] = put_vxlan,
};

void rtnl_veth_add(struct nl_batch *batch, const struct rtnl_new *a, const struct rtnl_new *b)
{
	struct nlmsghdr *message = begin_new(batch, a);
	struct nlattr *info = nl_nest(message, IFLA_LINKINFO);
	struct nlattr *data;

	nl_put_text(message, IFLA_INFO_KIND, link_kind_name(LINK_VETH));
	data = nl_nest(message, IFLA_INFO_DATA);
	put_veth(message, b);
	nl_nest_end(message, data);
	nl_nest_end(message, info);
}

void rtnl_link_add(struct nl_batch *batch, const struct rtnl_new *link, const struct rtnl_made *made)
{
	struct nlmsghdr *message = begin_new(batch, link);
	struct nlattr *info, *data;

	if (made->parent && made->kind != LINK_VXLAN) /* a vxlan has its own attribute for it */
		nl_put_u32(message, IFLA_LINK, made->parent);
	info = nl_nest(message, IFLA_LINKINFO);
	nl_put_text(message, IFLA_INFO_KIND, link_kind_name(made->kind));
	if (put_data[made->kind]) {
		data = nl_nest(message, IFLA_INFO_DATA);
		put_data[made->kind](message, made);
		nl_nest_end(message, data);
	}
	nl_nest_end(message, info);
}

/* ---- links that are there ---- */

/* begin_link - a request about link @name; NULL: about none by name */
static struct nlmsghdr *begin_link(struct nl_batch *batch, uint16_t type, const char *name)
{
	struct nlmsghdr *message = nl_begin(batch, type, 0);

	nl_put_header(message, sizeof(struct ifinfomsg));
	if (name)
		nl_put_text(message, IFLA_IFNAME, name);
	return message;
}

void rtnl_link_delete(struct nl_batch *batch, const char *name)
{
	begin_link(batch, RTM_DELLINK, name);
}

void rtnl_link_set_up(struct nl_batch *batch, const char *name, bool up)
{
	struct nlmsghdr *message = begin_link(batch, RTM_NEWLINK, name);
	struct ifinfomsg *link = mnl_nlmsg_get_payload(message);

	link->ifi_flags = up ? IFF_UP : 0;
	link->ifi_change = IFF_UP;
}

void rtnl_link_set_alias(struct nl_batch *batch, const char *name, const char *alias, uint32_t group)
{
	struct nlmsghdr *message = begin_link(batch, RTM_NEWLINK, name);

	nl_put_text(message, IFLA_IFALIAS, alias);
	nl_put_u32(message, IFLA_GROUP, group);
}

void rtnl_link_set_number(struct nl_batch *batch, const char *name, enum link_number number, uint32_t value)
{
	nl_put_u32(begin_link(batch, RTM_NEWLINK, name), link_numbers[number].attribute, value);
}

void rtnl_link_set_mac(struct nl_batch *batch, const char *name, const struct link_mac *mac)
{
	nl_put(begin_link(batch, RTM_NEWLINK, name), IFLA_ADDRESS, mac->bytes, sizeof(mac->bytes));
}

void rtnl_link_set_bridge(struct nl_batch *batch, const char *name, uint32_t bridge)
{
	nl_put_u32(begin_link(batch, RTM_NEWLINK, name), IFLA_MASTER, bridge);
}

void rtnl_link_set_group(struct nl_batch *batch, const char *name, uint32_t group)
{
	nl_put_u32(begin_link(batch, RTM_NEWLINK, name), IFLA_GROUP, group);
}

void rtnl_group_delete(struct nl_batch *batch, uint32_t group)
{
	nl_put_u32(begin_link(batch, RTM_DELLINK, NULL), IFLA_GROUP, group);
}

/* ---- questions ---- */

/* ask - send the one request in @batch */
static int ask(struct nl *nl, struct nl_batch *batch, nl_message_fn *on_message, void *ctx, const char *what,
               struct err *err)
{
	int rc = nl_send(nl, batch, on_message, ctx, err);

	if (rc == 0 && batch->failed < batch->count)
		rc = nl_explain(nl, batch, batch->failed, what, err);
	return rc;
}

/* A batch for one question, without a heap's worth of room. */
#define SMALL_BATCH(name)                                                                                    \
	unsigned char name##_bytes[NL_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));                  \
	int name##_codes[1];                                                                                 \
	struct nl_batch name = {.bytes = name##_bytes,                                                       \
	                        .capacity = sizeof(name##_bytes),                                            \
	                        .codes = name##_codes,                                                       \
	                        .count_max = 1}

static int take_index(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct ifinfomsg *link = nl_get_header(message, sizeof(*link));

	(void)err;
	if (link && message->nlmsg_type == RTM_NEWLINK)
		*(int *)ctx = link->ifi_index;
	return 0;
}

int rtnl_link_index(struct nl *nl, const char *name, struct err *err)
{
	char what[sizeof("find link ") + IFNAMSIZ];
	struct nlmsghdr *message;
	int rc, index = -ENODEV;

	SMALL_BATCH(batch);
	message = begin_link(&batch, RTM_GETLINK, name);
	nl_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	snprintf(what, sizeof(what), "find link %.*s", IFNAMSIZ - 1, name);
	rc = ask(nl, &batch, take_index, &index, what, err);
	return rc < 0 ? rc : index;
}

static int take_numbers(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *attrs[LINK_NUMBER_ATTRIBUTES];
	uint32_t *numbers = ctx;

	(void)err;
	nl_parse(message, sizeof(struct ifinfomsg), attrs, ARRAY_COUNT(attrs));
	for (size_t i = 0; message->nlmsg_type == RTM_NEWLINK && i < LINK_NUMBER_COUNT; i++)
		numbers[i] = nl_get_u32(attrs[link_numbers[i].attribute]);
	return 0;
}

int rtnl_link_numbers(struct nl *nl, const char *name, uint32_t ret[LINK_NUMBER_COUNT], struct err *err)
{
	char what[64];

	SMALL_BATCH(batch);
	nl_put_u32(begin_link(&batch, RTM_GETLINK, name), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	snprintf(what, sizeof(what), "look at link %.*s", IFNAMSIZ - 1, name);
	return ask(nl, &batch, take_numbers, ret, what, err);
}

static int take_nsid(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct nlattr *attrs[NETNSA_MAX + 1];

	(void)err;
	nl_parse(message, sizeof(struct rtgenmsg), attrs, ARRAY_COUNT(attrs));
	if (message->nlmsg_type == RTM_NEWNSID && attrs[NETNSA_NSID])
		*(int32_t *)ctx = (int32_t)nl_get_u32(attrs[NETNSA_NSID]);
	return 0;
}

int rtnl_nsid(struct nl *nl, int ns_fd, int32_t *ret, struct err *err)
{
	int32_t nsid = RTNL_NO_NSID;
	struct nlmsghdr *message;
	int rc;

	SMALL_BATCH(batch);
	message = nl_begin(&batch, RTM_GETNSID, 0);
	nl_put_header(message, sizeof(struct rtgenmsg));
	nl_put_u32(message, NETNSA_FD, (uint32_t)ns_fd);
	rc = ask(nl, &batch, take_nsid, &nsid, "find the number of a namespace", err);
	if (rc == 0)
		*ret = nsid;
	return rc;
}

/* ---- addresses and routes ---- */

static struct nlmsghdr *begin_address(struct nl_batch *batch, uint16_t type, uint16_t flags, uint32_t link,
                                      const struct prefix *address)
{
	struct nlmsghdr *message = nl_begin(batch, type, flags);
	struct ifaddrmsg *header = nl_put_header(message, sizeof(*header));

	header->ifa_family = (uint8_t)address->family;
	header->ifa_prefixlen = address->length;
	header->ifa_index = link;
	put_prefix(message, IFA_LOCAL, address);
	put_prefix(message, IFA_ADDRESS, address);
	return message;
}

void rtnl_address_add(struct nl_batch *batch, uint32_t link, const struct prefix *address)
{
	struct nlmsghdr *message = begin_address(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, link,
	                                         address);

	nl_put_u8(message, IFA_PROTO, TOPOLOGY_PROTOCOL);
	if (address->family == AF_INET6)
		nl_put_u32(message, IFA_FLAGS, IFA_F_NODAD);
}

void rtnl_address_delete(struct nl_batch *batch, uint32_t link, const struct prefix *address)
{
	begin_address(batch, RTM_DELADDR, 0, link, address);
}

/* A next hop that is a neighbour of the link's own network is as far as the link, for IPv4; rtnetlink(7). */
static uint8_t route_scope(const struct rtnl_route *route)
{
	return route->via.family == AF_UNSPEC && route->to.family == AF_INET ? RT_SCOPE_LINK
	                                                                     : RT_SCOPE_UNIVERSE;
}

static struct rtmsg *put_route(struct nlmsghdr *message, const struct rtnl_route *route)
{
	struct rtmsg *header = nl_put_header(message, sizeof(*header));

	header->rtm_family = (uint8_t)route->to.family;
	header->rtm_dst_len = route->to.length;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_protocol = TOPOLOGY_PROTOCOL;
	header->rtm_type = RTN_UNICAST;
	if (route->to.length > 0)
		put_prefix(message, RTA_DST, &route->to);
	if (route->via.family != AF_UNSPEC)
		put_prefix(message, RTA_GATEWAY, &route->via);
	if (route->link)
		nl_put_u32(message, RTA_OIF, route->link);
	return header;
}

void rtnl_route_add(struct nl_batch *batch, const struct rtnl_route *route)
{
	struct nlmsghdr *message = nl_begin(batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);

	put_route(message, route)->rtm_scope = route_scope(route);
}

void rtnl_route_delete(struct nl_batch *batch, const struct rtnl_route *route)
{
	put_route(nl_begin(batch, RTM_DELROUTE, 0), route)->rtm_scope =
	        RT_SCOPE_NOWHERE; /* whatever it has */
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/netlink/netstate.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

enum {
	KIND_ATTRIBUTES = 32, /* above all that is read of a macvlan, ipvlan or vxlan */
};

/* ---- values ---- */

static bool is_ip(uint8_t family)
{
	return family == AF_INET || family == AF_INET6;
}

/* take_text - cut to what @ret holds */
static void take_text(const struct nlattr *attr, char *ret, size_t size)
{
	size_t length = strnlen(nl_get_text(attr), size - 1);

	memcpy(ret, nl_get_text(attr), length);
	ret[length] = '\0';
}

static struct prefix make_prefix(const void *address, uint8_t family, uint8_t length)
{
	struct prefix prefix = {.family = family, .length = length};

	memcpy(&prefix.address, address, prefix_address_size(family));
	return prefix;
}

/* take_prefix - family AF_UNSPEC when there is no such attribute, or it does not fit the family */
static struct prefix take_prefix(const struct nlattr *attr, uint8_t family, uint8_t length)
{
	const void *address = nl_get_data(attr, prefix_address_size(family));

	if (!address || length > prefix_full_length(family))
		return (struct prefix){0};
	return make_prefix(address, family, length);
}

static struct prefix take_address(const struct nlattr *attr, uint8_t family)
{
	return take_prefix(attr, family, prefix_full_length(family));
}

/* ---- links ---- */

static void take_statistics(struct netstate_link *link, const struct nlattr *attr)
{
	struct rtnl_link_stats64 all;

	nl_copy(attr, &all, offsetof(struct rtnl_link_stats64, multicast)); /* younger kernels tell more */
	link->rx_bytes = all.rx_bytes;
	link->rx_packets = all.rx_packets;
	link->rx_dropped = all.rx_dropped;
	link->tx_bytes = all.tx_bytes;
	link->tx_packets = all.tx_packets;
	link->tx_dropped = all.tx_dropped;
}

static void take_mac(struct link_mac *mac, const struct nlattr *attr)
{
	const void *bytes = nl_get_data(attr, sizeof(mac->bytes));

	mac->given = bytes;
	if (bytes)
		memcpy(mac->bytes, bytes, sizeof(mac->bytes));
}

/* either - a vxlan's addresses have an attribute for each family */
static struct prefix either(const struct nlattr *in4, const struct nlattr *in6)
{
	return in4 ? take_address(in4, AF_INET) : take_address(in6, AF_INET6);
}

/* take_vxlan - the link that it is on is among its own data, not in IFLA_LINK */
static void take_vxlan(struct netstate_link *link, const struct nlattr *const *data)
{
	link->below = nl_get_u32(data[IFLA_VXLAN_LINK]);
	link->vxlan.vni = nl_get_u32(data[IFLA_VXLAN_ID]);
	link->vxlan.port = nl_get_be16(data[IFLA_VXLAN_PORT]);
	link->vxlan.local = either(data[IFLA_VXLAN_LOCAL], data[IFLA_VXLAN_LOCAL6]);
	link->vxlan.remote = either(data[IFLA_VXLAN_GROUP], data[IFLA_VXLAN_GROUP6]);
}

static void take_kind(struct netstate_link *link, const struct nlattr *attr)
{
	const struct nlattr *info[IFLA_INFO_MAX + 1], *data[KIND_ATTRIBUTES];

	nl_parse_nested(attr, info, ARRAY_COUNT(info));
	nl_parse_nested(info[IFLA_INFO_DATA], data, ARRAY_COUNT(data));
	take_text(info[IFLA_INFO_KIND], link->kind_name, sizeof(link->kind_name));
	link->kind = link->flags & IFF_LOOPBACK ? LINK_LOOPBACK : link_kind_find(link->kind_name);
	if (link->kind == LINK_MACVLAN)
		link->mode = nl_get_u32(data[IFLA_MACVLAN_MODE]);
	else if (link->kind == LINK_IPVLAN)
		link->mode = nl_get_u16(data[IFLA_IPVLAN_MODE]);
	else if (link->kind == LINK_VXLAN)
		take_vxlan(link, data);
}

static void fill_link(struct netstate_link *link, const struct ifinfomsg *header,
                      const struct nlattr *const *attrs)
{
	link->index = (uint32_t)header->ifi_index;
	link->flags = header->ifi_flags;
	take_text(attrs[IFLA_IFNAME], link->name, sizeof(link->name));
	take_text(attrs[IFLA_IFALIAS], link->alias, sizeof(link->alias));
	link->below = nl_get_u32(attrs[IFLA_LINK]);
	take_kind(link, attrs[IFLA_LINKINFO]);
	take_mac(&link->mac, attrs[IFLA_ADDRESS]);
	take_statistics(link, attrs[IFLA_STATS64]);
	link->operstate = nl_get_u8(attrs[IFLA_OPERSTATE]);
	link->group = nl_get_u32(attrs[IFLA_GROUP]);
	link->master = nl_get_u32(attrs[IFLA_MASTER]);
	link->below_nsid = attrs[IFLA_LINK_NETNSID] ? (int32_t)nl_get_u32(attrs[IFLA_LINK_NETNSID])
	                                            : NETSTATE_NO_NSID;
	for (size_t i = 0; i < LINK_NUMBER_COUNT; i++)
		link->numbers[i] = nl_get_u32(attrs[link_numbers[i].attribute]);
	link->tso_max_size = nl_get_u32(attrs[IFLA_TSO_MAX_SIZE]);
}

/* insert_link - kept in order, which the kernel's own has been since Linux 6.9 */
static struct netstate_link *insert_link(struct netstate *state, uint32_t index)
{
	struct netstate_link *link = vec_push(&state->links);
	size_t after = 0;

	if (!link)
		return NULL;
	while (link > state->links.items && link[-1].index > index)
		link--, after++;
	memmove(link + 1, link, after * sizeof(*link));
	memset(link, 0, sizeof(*link));
	return link;
}

static int take_link(struct netstate *state, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[LINK_NUMBER_ATTRIBUTES];
	struct netstate_link *link;

	if (!header || header->ifi_family != AF_UNSPEC || header->ifi_index <= 0)
		return 0;
	nl_parse(message, sizeof(*header), attrs, ARRAY_COUNT(attrs));
	if (!*nl_get_text(attrs[IFLA_IFNAME]))
		return 0;
	link = insert_link(state, (uint32_t)header->ifi_index);
	if (!link)
		return -ENOMEM;
	fill_link(link, header, attrs);
	return 0;
}

/* ---- addresses ---- */

static int take_address_of_link(struct netstate *state, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[IFA_PROTO + 1];
	struct netstate_address *address;
	struct prefix local, other;

	if (!header || !is_ip(header->ifa_family))
		return 0;
	nl_parse(message, sizeof(*header), attrs, ARRAY_COUNT(attrs));
	/* IFA_ADDRESS is the other end's of a point-to-point address, and the same otherwise:
	 * linux/if_addr.h. */
	other = take_prefix(attrs[IFA_ADDRESS], header->ifa_family, header->ifa_prefixlen);
	local = take_prefix(attrs[IFA_LOCAL], header->ifa_family, header->ifa_prefixlen);
	if (!local.family)
		local = other;
	if (!local.family)
		return 0;
	address = vec_push(&state->addresses);
	if (!address)
		return -ENOMEM;
	address->link = header->ifa_index;
	address->prefix = local;
	if (!prefix_equal(&local, &other))
		address->peer = other;
	address->scope = header->ifa_scope;
	address->protocol = nl_get_u8(attrs[IFA_PROTO]);
	address->flags = attrs[IFA_FLAGS] ? nl_get_u32(attrs[IFA_FLAGS]) : header->ifa_flags;
	return 0;
}

/* ---- routes ---- */

/* take_via - the next hop: RTA_GATEWAY, or RTA_VIA when its family is not that of the route (Linux 5.2: an
 * IPv6 one) */
static struct prefix take_via(const struct nlattr *const *attrs, uint8_t family)
{
	enum { VIA6_SIZE = sizeof(struct rtvia) + sizeof(struct in6_addr) };
	const struct rtvia *via = nl_get_data(attrs[RTA_VIA], VIA6_SIZE);

	if (via && via->rtvia_family == AF_INET6)
		return make_prefix(via->rtvia_addr, AF_INET6, prefix_full_length(AF_INET6));
	return take_address(attrs[RTA_GATEWAY], family);
}

static void take_nexthop(struct netstate_route *route, const struct rtnexthop *hop)
{
	const struct nlattr *attrs[RTA_MAX + 1];
	uint32_t i = route->nexthop_count++;

	if (i >= NETSTATE_NEXTHOPS_MAX)
		return;
	nl_parse_bytes(hop + 1, hop->rtnh_len - sizeof(*hop), attrs, ARRAY_COUNT(attrs));
	route->nexthops[i].via = take_via(attrs, (uint8_t)route->to.family);
	route->nexthops[i].link = (uint32_t)hop->rtnh_ifindex;
	route->nexthops[i].weight = hop->rtnh_hops + 1U;
}

static void take_nexthops(struct netstate_route *route, const struct nlattr *attr)
{
	const unsigned char *at = attr ? mnl_attr_get_payload(attr) : NULL;
	size_t left = attr ? mnl_attr_get_payload_len(attr) : 0;

	while (left >= sizeof(struct rtnexthop)) {
		const struct rtnexthop *hop = (const void *)at;
		size_t size = MNL_ALIGN(hop->rtnh_len);

		if (hop->rtnh_len < sizeof(*hop) || hop->rtnh_len > left)
			return;
		take_nexthop(route, hop);
		at += size;
		left -= size < left ? size : left;
	}
}

static void fill_route(struct netstate_route *route, const struct rtmsg *header,
                       const struct nlattr *const *attrs)
{
	uint8_t family = header->rtm_family;

	route->from = take_prefix(attrs[RTA_SRC], family, header->rtm_src_len);
	route->source = take_address(attrs[RTA_PREFSRC], family);
	route->via = take_via(attrs, family);
	route->link = nl_get_u32(attrs[RTA_OIF]);
	route->table = attrs[RTA_TABLE] ? nl_get_u32(attrs[RTA_TABLE]) : header->rtm_table;
	route->metric = nl_get_u32(attrs[RTA_PRIORITY]);
	route->type = header->rtm_type;
	route->protocol = header->rtm_protocol;
	route->scope = header->rtm_scope;
	take_nexthops(route, attrs[RTA_MULTIPATH]);
}

static int take_route(struct netstate *state, const struct nlmsghdr *message)
{
	const struct rtmsg *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[RTA_MAX + 1];
	struct netstate_route *route;
	struct prefix to;

	if (!header || !is_ip(header->rtm_family))
		return 0;
	nl_parse(message, sizeof(*header), attrs, ARRAY_COUNT(attrs));
	to = (struct prefix){.family = header->rtm_family};
	if (header->rtm_dst_len > 0)
		to = take_prefix(attrs[RTA_DST], header->rtm_family, header->rtm_dst_len);
	if (!to.family)
		return 0;
	route = vec_push(&state->routes);
	if (!route)
		return -ENOMEM;
	route->to = to;
	fill_route(route, header, attrs);
	return 0;
}

/* ---- rules ---- */

static void fill_rule(struct netstate_rule *rule, const struct fib_rule_hdr *header,
                      const struct nlattr *const *attrs)
{
	rule->family = header->family;
	rule->priority = nl_get_u32(attrs[FRA_PRIORITY]);
	rule->table = attrs[FRA_TABLE] ? nl_get_u32(attrs[FRA_TABLE]) : header->table;
	rule->mark = nl_get_u32(attrs[FRA_FWMARK]);
	rule->mark_mask = nl_get_u32(attrs[FRA_FWMASK]);
	rule->from = take_prefix(attrs[FRA_SRC], header->family, header->src_len);
	rule->to = take_prefix(attrs[FRA_DST], header->family, header->dst_len);
	take_text(attrs[FRA_IIFNAME], rule->in, sizeof(rule->in));
	take_text(attrs[FRA_OIFNAME], rule->out, sizeof(rule->out));
	rule->action = header->action;
	rule->inverted = header->flags & FIB_RULE_INVERT;
}

static int take_rule(struct netstate *state, const struct nlmsghdr *message)
{
	const struct fib_rule_hdr *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[FRA_MAX + 1];
	struct netstate_rule *rule;

	if (!header || !is_ip(header->family))
		return 0;
	nl_parse(message, sizeof(*header), attrs, ARRAY_COUNT(attrs));
	rule = vec_push(&state->rules);
	if (!rule)
		return -ENOMEM;
	fill_rule(rule, header, attrs);
	return 0;
}

/* ---- all of it ---- */

int netstate_take(struct netstate *state, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
		return take_link(state, message);
	case RTM_NEWADDR:
		return take_address_of_link(state, message);
	case RTM_NEWROUTE:
		return take_route(state, message);
	case RTM_NEWRULE:
		return take_rule(state, message);
	default:
		return 0;
	}
}

/* What is asked of the kernel, each a dump. The header of each begins with the family. */
static const struct question {
	unsigned parts; /* any of these wants it */
	uint16_t type;
	uint8_t family;
	size_t header_size;
	const char *what;
} questions[] = {
        {NETSTATE_LINKS, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), "list links"},
        {NETSTATE_ADDRESSES, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), "list addresses"},
        {NETSTATE_ROUTES | NETSTATE_ALL_ROUTES, RTM_GETROUTE, AF_INET, sizeof(struct rtmsg),
         "list IPv4 routes"},
        {NETSTATE_ROUTES | NETSTATE_ALL_ROUTES, RTM_GETROUTE, AF_INET6, sizeof(struct rtmsg),
         "list IPv6 routes"},
        {NETSTATE_RULES, RTM_GETRULE, AF_UNSPEC, sizeof(struct fib_rule_hdr), "list rules"},
};

struct reader {
	struct netstate *state;
	const struct question *question;
	struct {
		size_t links, addresses, routes, rules;
	} before; /* how many there were before this question */
};

static int on_message(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct reader *reader = ctx;
	const uint8_t *family = nl_get_header(message, sizeof(*family));

	/* A kernel without IPv6 answers for all the families it has. */
	if (!family || (reader->question->family != AF_UNSPEC && *family != reader->question->family))
		return 0;
	return netstate_take(reader->state, message) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void on_restart(void *ctx)
{
	const struct reader *reader = ctx;

	reader->state->links.count = reader->before.links;
	reader->state->addresses.count = reader->before.addresses;
	reader->state->routes.count = reader->before.routes;
	reader->state->rules.count = reader->before.rules;
}

static void build_question(struct nl_batch *batch, const struct question *question, bool main_table_only)
{
	struct nlmsghdr *message;
	uint8_t *family;

	nl_batch_clear(batch);
	message = nl_begin_quiet(batch, question->type, NLM_F_DUMP);
	family = nl_put_header(message, question->header_size);
	*family = question->family;
	if (question->type == RTM_GETROUTE && main_table_only)
		nl_put_u32(message, RTA_TABLE, RT_TABLE_MAIN);
}

static int ask(struct nl *nl, struct nl_batch *batch, const struct question *question, struct netstate *state,
               struct err *err)
{
	struct reader reader = {.state = state,
	                        .question = question,
	                        .before = {state->links.count, state->addresses.count, state->routes.count,
	                                   state->rules.count}};
	int rc = nl_dump(nl, batch, on_message, on_restart, &reader, question->what, err);

	/* The main table comes into being with its first route: until then the kernel knows of none. */
	return rc == -ENOENT && question->type == RTM_GETROUTE ? 0 : rc;
}

static void forget(struct netstate *state)
{
	state->links.count = state->addresses.count = state->routes.count = state->rules.count = 0;
}

int netstate_read(struct nl *nl, unsigned parts, struct netstate *state, struct err *err)
{
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, err);

	forget(state);
	for (size_t i = 0; rc == 0 && i < ARRAY_COUNT(questions); i++) {
		if (!(parts & questions[i].parts))
			continue;
		build_question(&batch, &questions[i], !(parts & NETSTATE_ALL_ROUTES));
		rc = ask(nl, &batch, &questions[i], state, err);
	}
	nl_batch_fini(&batch);
	return rc;
}

void netstate_fini(struct netstate *state)
{
	vec_clear(&state->links);
	vec_clear(&state->addresses);
	vec_clear(&state->routes);
	vec_clear(&state->rules);
}

static int compare_index(const void *key, const void *element)
{
	uint32_t index = *(const uint32_t *)key, other = ((const struct netstate_link *)element)->index;

	return (index > other) - (index < other);
}

const struct netstate_link *netstate_link_by_index(const struct netstate *state, uint32_t index)
{
	if (state->links.count == 0)
		return NULL;
	return bsearch(&index, state->links.items, state->links.count, sizeof(*state->links.items),
	               compare_index);
}

const struct netstate_link *netstate_link_by_name(const struct netstate *state, const char *name)
{
	vec_each (link, &state->links) {
		if (strcmp(link->name, name) == 0)
			return link;
	}
	return NULL;
}

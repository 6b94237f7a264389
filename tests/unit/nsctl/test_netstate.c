/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as the kernel would send them, well and ill formed. */
#include "nsctl/netlink/netstate.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static struct nl_batch batch; /* one message is built here at a time */
static struct netstate state;

static int set_up(void **unused)
{
	(void)unused;
	return nl_batch_init(&batch, NL_MESSAGE_MAX, 1, NULL);
}

static int tear_down(void **unused)
{
	(void)unused;
	netstate_fini(&state);
	nl_batch_fini(&batch);
	return 0;
}

static struct nlmsghdr *begin(uint16_t type, const void *header, size_t size)
{
	struct nlmsghdr *message;

	nl_batch_clear(&batch);
	message = nl_begin(&batch, type, 0);
	memcpy(nl_put_header(message, size), header, size);
	return message;
}

/* take_cut - from memory that ends with the @size bytes that are left of it */
static void take_cut(const struct nlmsghdr *message, uint32_t size)
{
	struct nlmsghdr *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, message, size);
	copy->nlmsg_len = size;
	assert_int_equal(netstate_take(&state, copy), 0);
	free(copy);
}

static void take(const struct nlmsghdr *message)
{
	take_cut(message, message->nlmsg_len);
}

static void put_prefix(struct nlmsghdr *message, uint16_t type, const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix, NULL), 0);
	nl_put(message, type, &prefix.address, prefix_address_size(prefix.family));
}

static void assert_prefix(const struct prefix *prefix, const char *expected)
{
	char text[PREFIX_TEXT_MAX];

	assert_string_equal(prefix_format(prefix, text, sizeof(text)), expected);
}

/* ---- links ---- */

static struct nlmsghdr *begin_link(int index, const char *name)
{
	const struct ifinfomsg header = {.ifi_index = index, .ifi_flags = IFF_UP};
	struct nlmsghdr *message = begin(RTM_NEWLINK, &header, sizeof(header));

	nl_put_text(message, IFLA_IFNAME, name);
	return message;
}

/* of_kind - the link's kind, and what it is made of, to be ended with end_kind() */
static struct nlattr *of_kind(struct nlmsghdr *message, const char *kind, struct nlattr **ret_data)
{
	struct nlattr *info = nl_nest(message, IFLA_LINKINFO);

	nl_put_text(message, IFLA_INFO_KIND, kind);
	*ret_data = nl_nest(message, IFLA_INFO_DATA);
	return info;
}

static void end_kind(struct nlmsghdr *message, struct nlattr *info, struct nlattr *data)
{
	nl_nest_end(message, data);
	nl_nest_end(message, info);
}

static struct nlmsghdr *begin_vxlan(void)
{
	static const unsigned char mac[] = {2, 0, 0, 0, 0, 9};
	struct rtnl_link_stats64 statistics = {.rx_bytes = 1, .tx_packets = 2, .tx_dropped = 3};
	struct nlmsghdr *message = begin_link(7, "vx0");
	struct nlattr *info, *data;

	nl_put_text(message, IFLA_IFALIAS, "nsctl-lab");
	nl_put_u32(message, IFLA_MTU, 1450);
	nl_put_u32(message, 64, 65536); /* IFLA_GRO_IPV4_MAX_SIZE of Linux 6.3 */
	nl_put_u32(message, IFLA_MASTER, 3);
	nl_put_u8(message, IFLA_OPERSTATE, IF_OPER_UP);
	nl_put(message, IFLA_ADDRESS, mac, sizeof(mac));
	nl_put(message, IFLA_STATS64, &statistics, sizeof(statistics));
	info = of_kind(message, "vxlan", &data);
	nl_put_u32(message, IFLA_VXLAN_ID, 42);
	nl_put_be16(message, IFLA_VXLAN_PORT, 4789);
	put_prefix(message, IFLA_VXLAN_LOCAL, "10.0.0.1");
	put_prefix(message, IFLA_VXLAN_GROUP6, "fd00::2");
	end_kind(message, info, data);
	return message;
}

static void link_is_taken_with_all_that_is_told(void **unused)
{
	const struct netstate_link *link;

	(void)unused;
	take(begin_vxlan());
	link = netstate_link_by_index(&state, 7);
	assert_non_null(link);
	assert_string_equal(link->name, "vx0");
	assert_string_equal(link->alias, "nsctl-lab");
	assert_int_equal(link->kind, LINK_VXLAN);
	assert_int_equal(link->flags, IFF_UP);
	assert_int_equal(link->operstate, IF_OPER_UP);
	assert_int_equal(link->master, 3);
	assert_int_equal(link->below, 0);
	assert_int_equal(link->below_nsid, NETSTATE_NO_NSID);
	assert_int_equal(link->numbers[LINK_MTU], 1450);
	assert_int_equal(link->numbers[LINK_GRO_IPV4_MAX_SIZE], 65536);
	assert_true(link->mac.given);
	assert_int_equal(link->mac.bytes[5], 9);
	assert_int_equal(link->rx_bytes, 1);
	assert_int_equal(link->tx_packets, 2);
	assert_int_equal(link->tx_dropped, 3);
	assert_int_equal(link->vxlan.vni, 42);
	assert_int_equal(link->vxlan.port, 4789);
	assert_prefix(&link->vxlan.local, "10.0.0.1/32");
	assert_prefix(&link->vxlan.remote, "fd00::2/128");
}

static void loopback_is_known_by_its_flag(void **unused)
{
	const struct ifinfomsg header = {.ifi_index = 1, .ifi_flags = IFF_LOOPBACK};
	struct nlmsghdr *message = begin(RTM_NEWLINK, &header, sizeof(header));

	(void)unused;
	nl_put_text(message, IFLA_IFNAME, "lo");
	take(message);
	assert_int_equal(state.links.items[0].kind, LINK_LOOPBACK);
	assert_string_equal(state.links.items[0].kind_name, "");
}

static void mode_is_read_in_the_width_of_its_kind(void **unused)
{
	struct nlattr *info, *data;
	struct nlmsghdr *message = begin_link(1, "mv0");

	(void)unused;
	info = of_kind(message, "macvlan", &data);
	nl_put_u32(message, IFLA_MACVLAN_MODE, MACVLAN_MODE_SOURCE);
	end_kind(message, info, data);
	take(message);
	message = begin_link(2, "iv0");
	info = of_kind(message, "ipvlan", &data);
	nl_put_u16(message, IFLA_IPVLAN_MODE, IPVLAN_MODE_L3S);
	end_kind(message, info, data);
	take(message);
	assert_int_equal(state.links.items[0].mode, MACVLAN_MODE_SOURCE);
	assert_int_equal(state.links.items[1].mode, IPVLAN_MODE_L3S);
}

static void peer_elsewhere_comes_with_its_namespace(void **unused)
{
	struct nlmsghdr *message = begin_link(2, "veth0");

	(void)unused;
	nl_put_u32(message, IFLA_LINK, 5);
	nl_put_u32(message, IFLA_LINK_NETNSID, 0);
	take(message);
	assert_int_equal(state.links.items[0].below, 5);
	assert_int_equal(state.links.items[0].below_nsid, 0);
}

static void links_are_kept_in_the_order_of_their_index(void **unused)
{
	static const int indices[] = {5, 2, 9, 1, 7};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(indices); i++) {
		char name[] = {'v', (char)('0' + indices[i]), '\0'};

		take(begin_link(indices[i], name));
	}
	for (size_t i = 1; i < state.links.count; i++)
		assert_true(state.links.items[i - 1].index < state.links.items[i].index);
	assert_string_equal(netstate_link_by_index(&state, 9)->name, "v9");
	assert_int_equal(netstate_link_by_name(&state, "v2")->index, 2);
	assert_null(netstate_link_by_index(&state, 3));
	assert_null(netstate_link_by_name(&state, "v3"));
}

static void nothing_is_found_among_no_links(void **unused)
{
	(void)unused;
	assert_null(netstate_link_by_index(&state, 1));
	assert_null(netstate_link_by_name(&state, "lo"));
}

static void long_texts_are_cut(void **unused)
{
	char alias[3 * NETSTATE_ALIAS_MAX] = "";
	struct nlattr *info, *data;
	struct nlmsghdr *message = begin_link(1, "eth0");

	(void)unused;
	memset(alias, 'a', sizeof(alias) - 1);
	nl_put_text(message, IFLA_IFALIAS, alias);
	info = of_kind(message, "a_kind_of_many_letters", &data);
	end_kind(message, info, data);
	take(message);
	assert_int_equal(strlen(state.links.items[0].alias), NETSTATE_ALIAS_MAX - 1);
	assert_int_equal(strlen(state.links.items[0].kind_name), NETSTATE_KIND_MAX - 1);
	assert_int_equal(state.links.items[0].kind, LINK_OTHER);
}

static void link_that_cannot_be_is_passed_over(void **unused)
{
	const struct ifinfomsg of_bridge = {.ifi_family = AF_BRIDGE, .ifi_index = 4};
	struct nlmsghdr *message = begin(RTM_NEWLINK, &of_bridge, sizeof(of_bridge));

	(void)unused;
	nl_put_text(message, IFLA_IFNAME, "br0"); /* a port, told by the bridge */
	take(message);
	take(begin_link(0, "zero"));
	take(begin_link(-1, "negative"));
	take(begin_link(1, ""));
	assert_int_equal(state.links.count, 0);
}

static void values_of_the_wrong_size_are_as_if_not_there(void **unused)
{
	static const unsigned char bytes[32] = {1, 1, 1, 1, 1, 1, 1, 1};
	struct nlmsghdr *message = begin_link(1, "ib0");

	(void)unused;
	nl_put(message, IFLA_ADDRESS, bytes, 20); /* as long as that of InfiniBand */
	nl_put(message, IFLA_MTU, bytes, 3);
	nl_put(message, IFLA_STATS64, bytes, 32);
	nl_put(message, IFLA_LINKINFO, bytes, 7);
	take(message);
	assert_false(state.links.items[0].mac.given);
	assert_int_equal(state.links.items[0].numbers[LINK_MTU], 0);
	assert_int_equal(state.links.items[0].rx_packets, 0);
	assert_string_equal(state.links.items[0].kind_name, "");
}

/* ---- addresses ---- */

static struct nlmsghdr *begin_address(uint8_t family, uint8_t length)
{
	const struct ifaddrmsg header = {
	        .ifa_family = family, .ifa_prefixlen = length, .ifa_index = 3, .ifa_flags = 0x80};

	return begin(RTM_NEWADDR, &header, sizeof(header));
}

static void address_is_taken_with_all_that_is_told(void **unused)
{
	struct nlmsghdr *message = begin_address(AF_INET, 24);
	const struct netstate_address *address;

	(void)unused;
	put_prefix(message, IFA_ADDRESS, "10.0.0.1");
	put_prefix(message, IFA_LOCAL, "10.0.0.1");
	nl_put_u32(message, IFA_FLAGS, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
	nl_put_u8(message, IFA_PROTO, 110);
	take(message);
	address = state.addresses.items;
	assert_int_equal(address->link, 3);
	assert_prefix(&address->prefix, "10.0.0.1/24");
	assert_int_equal(address->peer.family, AF_UNSPEC);
	assert_int_equal(address->protocol, 110);
	assert_int_equal(address->flags, IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE);
}

static void address_of_ipv6_stands_alone(void **unused)
{
	struct nlmsghdr *message = begin_address(AF_INET6, 64);

	(void)unused;
	put_prefix(message, IFA_ADDRESS, "fd00::1");
	take(message);
	assert_prefix(&state.addresses.items[0].prefix, "fd00::1/64");
	assert_int_equal(state.addresses.items[0].peer.family, AF_UNSPEC);
	assert_int_equal(state.addresses.items[0].flags, 0x80); /* of the header, as there is no attribute */
}

static void peer_of_a_point_to_point_address_is_not_taken_for_it(void **unused)
{
	struct nlmsghdr *message = begin_address(AF_INET, 32);

	(void)unused;
	put_prefix(message, IFA_ADDRESS, "10.0.0.2");
	put_prefix(message, IFA_LOCAL, "10.0.0.1");
	take(message);
	assert_prefix(&state.addresses.items[0].prefix, "10.0.0.1/32");
	assert_prefix(&state.addresses.items[0].peer, "10.0.0.2/32");
}

static void address_that_cannot_be_is_passed_over(void **unused)
{
	struct nlmsghdr *message = begin_address(AF_INET, 33);

	(void)unused;
	put_prefix(message, IFA_ADDRESS, "10.0.0.1");
	take(message);
	message = begin_address(AF_INET6, 64);
	put_prefix(message, IFA_ADDRESS, "10.0.0.1");
	take(message);
	message = begin_address(AF_PACKET, 24);
	put_prefix(message, IFA_ADDRESS, "10.0.0.1");
	take(message);
	take(begin_address(AF_INET, 24));
	assert_int_equal(state.addresses.count, 0);
}

/* ---- routes ---- */

static struct nlmsghdr *begin_route(uint8_t family, uint8_t length)
{
	const struct rtmsg header = {.rtm_family = family,
	                             .rtm_dst_len = length,
	                             .rtm_table = RT_TABLE_MAIN,
	                             .rtm_protocol = RTPROT_STATIC,
	                             .rtm_scope = RT_SCOPE_LINK,
	                             .rtm_type = RTN_UNICAST};

	return begin(RTM_NEWROUTE, &header, sizeof(header));
}

static void route_is_taken_with_all_that_is_told(void **unused)
{
	struct nlmsghdr *message = begin_route(AF_INET, 16);
	const struct netstate_route *route;

	(void)unused;
	put_prefix(message, RTA_DST, "10.9.0.0");
	put_prefix(message, RTA_GATEWAY, "10.0.0.9");
	put_prefix(message, RTA_PREFSRC, "10.0.0.1");
	nl_put_u32(message, RTA_OIF, 4);
	nl_put_u32(message, RTA_PRIORITY, 100);
	nl_put_u32(message, RTA_TABLE, 1000);
	take(message);
	route = state.routes.items;
	assert_prefix(&route->to, "10.9.0.0/16");
	assert_prefix(&route->via, "10.0.0.9/32");
	assert_prefix(&route->source, "10.0.0.1/32");
	assert_int_equal(route->from.family, AF_UNSPEC);
	assert_int_equal(route->link, 4);
	assert_int_equal(route->metric, 100);
	assert_int_equal(route->table, 1000);
	assert_int_equal(route->protocol, RTPROT_STATIC);
	assert_int_equal(route->scope, RT_SCOPE_LINK);
	assert_int_equal(route->type, RTN_UNICAST);
	assert_int_equal(route->nexthop_count, 0);
}

static void default_route_goes_to_everything(void **unused)
{
	(void)unused;
	take(begin_route(AF_INET, 0));
	take(begin_route(AF_INET6, 0));
	assert_prefix(&state.routes.items[0].to, "0.0.0.0/0");
	assert_prefix(&state.routes.items[1].to, "::/0");
	assert_int_equal(state.routes.items[0].table, RT_TABLE_MAIN);
}

static void next_hop_may_be_of_the_other_family(void **unused)
{
	struct nlmsghdr *message = begin_route(AF_INET, 0);
	struct {
		sa_family_t family;
		unsigned char address[16];
	} via = {.family = AF_INET6, .address = {0xfe, 0x80, [15] = 1}};

	(void)unused;
	nl_put(message, RTA_VIA, &via, sizeof(via));
	take(message);
	assert_prefix(&state.routes.items[0].via, "fe80::1/128");
}

/* put_next_hop - @length: what it says of itself; 0: the truth */
static void put_next_hop(struct nlmsghdr *message, int link, const char *via, uint16_t length)
{
	struct rtnexthop *hop = mnl_nlmsg_get_payload_tail(message);

	memset(hop, 0, sizeof(*hop));
	hop->rtnh_ifindex = link;
	hop->rtnh_hops = (uint8_t)link;
	message->nlmsg_len += sizeof(*hop);
	put_prefix(message, RTA_GATEWAY, via);
	hop->rtnh_len = (uint16_t)((char *)mnl_nlmsg_get_payload_tail(message) - (char *)hop);
	if (length)
		hop->rtnh_len = length;
}

static struct nlmsghdr *begin_multipath(int hop_count)
{
	struct nlmsghdr *message = begin_route(AF_INET, 0);
	struct nlattr *nest = nl_nest(message, RTA_MULTIPATH);

	for (int i = 1; i <= hop_count; i++)
		put_next_hop(message, i, "10.0.0.9", 0);
	nl_nest_end(message, nest);
	return message;
}

static void next_hops_are_taken_with_their_weights(void **unused)
{
	const struct netstate_route *route;

	(void)unused;
	take(begin_multipath(2));
	route = state.routes.items;
	assert_int_equal(route->nexthop_count, 2);
	assert_int_equal(route->nexthops[1].link, 2);
	assert_int_equal(route->nexthops[1].weight, 3);
	assert_prefix(&route->nexthops[1].via, "10.0.0.9/32");
}

static void next_hops_beyond_the_room_are_counted(void **unused)
{
	(void)unused;
	take(begin_multipath(NETSTATE_NEXTHOPS_MAX + 3));
	assert_int_equal(state.routes.items[0].nexthop_count, NETSTATE_NEXTHOPS_MAX + 3);
	assert_int_equal(state.routes.items[0].nexthops[NETSTATE_NEXTHOPS_MAX - 1].link,
	                 NETSTATE_NEXTHOPS_MAX);
}

static void next_hop_of_a_wrong_length_ends_them(void **unused)
{
	static const uint16_t lengths[] = {1, sizeof(struct rtnexthop) - 1, 64, UINT16_MAX};

	(void)unused;
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		struct nlmsghdr *message = begin_route(AF_INET, 0);
		struct nlattr *nest = nl_nest(message, RTA_MULTIPATH);

		put_next_hop(message, 1, "10.0.0.9", 0);
		put_next_hop(message, 2, "10.0.0.9", lengths[i]);
		nl_nest_end(message, nest);
		take(message);
		assert_int_equal(state.routes.items[i].nexthop_count, 1);
	}
}

static void route_that_cannot_be_is_passed_over(void **unused)
{
	struct nlmsghdr *message = begin_route(AF_INET, 33);

	(void)unused;
	put_prefix(message, RTA_DST, "10.0.0.0");
	take(message);
	message = begin_route(AF_INET, 16);
	put_prefix(message, RTA_DST, "fd00::");
	take(message);
	take(begin_route(AF_INET, 16));
	take(begin_route(AF_MPLS, 20));
	assert_int_equal(state.routes.count, 0);
}

/* ---- rules ---- */

static struct nlmsghdr *begin_rule(uint8_t family)
{
	const struct fib_rule_hdr header = {.family = family,
	                                    .src_len = 8,
	                                    .table = RT_TABLE_LOCAL,
	                                    .action = FR_ACT_TO_TBL,
	                                    .flags = FIB_RULE_INVERT};
	struct nlmsghdr *message = begin(RTM_NEWRULE, &header, sizeof(header));

	nl_put_u32(message, FRA_PRIORITY, 100);
	nl_put_u32(message, FRA_TABLE, 1000);
	nl_put_u32(message, FRA_FWMARK, 0x10);
	nl_put_u32(message, FRA_FWMASK, 0xff);
	nl_put_text(message, FRA_IIFNAME, "eth0");
	put_prefix(message, FRA_SRC, "10.0.0.0");
	return message;
}

static void rule_is_taken_with_all_that_is_told(void **unused)
{
	const struct netstate_rule *rule;

	(void)unused;
	take(begin_rule(AF_INET));
	rule = state.rules.items;
	assert_int_equal(rule->family, AF_INET);
	assert_int_equal(rule->priority, 100);
	assert_int_equal(rule->table, 1000);
	assert_int_equal(rule->mark, 0x10);
	assert_int_equal(rule->mark_mask, 0xff);
	assert_prefix(&rule->from, "10.0.0.0/8");
	assert_int_equal(rule->to.family, AF_UNSPEC);
	assert_string_equal(rule->in, "eth0");
	assert_string_equal(rule->out, "");
	assert_int_equal(rule->action, FR_ACT_TO_TBL);
	assert_true(rule->inverted);
}

static void rule_of_another_family_is_passed_over(void **unused)
{
	(void)unused;
	take(begin_rule(128)); /* RTNL_FAMILY_IPMR */
	assert_int_equal(state.rules.count, 0);
}

/* ---- all of them ---- */

static void message_of_another_type_is_passed_over(void **unused)
{
	struct nlmsghdr *message = begin_link(1, "lo");

	(void)unused;
	message->nlmsg_type = RTM_DELLINK;
	take(message);
	message->nlmsg_type = NLMSG_NOOP;
	take(message);
	assert_int_equal(state.links.count, 0);
}

static void take_all_cuts(const struct nlmsghdr *message)
{
	for (uint32_t size = sizeof(*message); size <= message->nlmsg_len; size++)
		take_cut(message, size);
}

/* Run under the address sanitizer, this is what shows a read beyond the end. */
static void message_cut_anywhere_does_no_harm(void **unused)
{
	(void)unused;
	take_all_cuts(begin_vxlan());
	take_all_cuts(begin_multipath(2));
	take_all_cuts(begin_rule(AF_INET));
}

static void lists_are_empty_after_their_end(void **unused)
{
	(void)unused;
	take(begin_link(1, "lo"));
	netstate_fini(&state);
	assert_int_equal(state.links.count, 0);
	netstate_fini(&state);
}

#define claim(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        claim(link_is_taken_with_all_that_is_told),
	        claim(loopback_is_known_by_its_flag),
	        claim(mode_is_read_in_the_width_of_its_kind),
	        claim(peer_elsewhere_comes_with_its_namespace),
	        claim(links_are_kept_in_the_order_of_their_index),
	        claim(nothing_is_found_among_no_links),
	        claim(long_texts_are_cut),
	        claim(link_that_cannot_be_is_passed_over),
	        claim(values_of_the_wrong_size_are_as_if_not_there),
	        claim(address_is_taken_with_all_that_is_told),
	        claim(address_of_ipv6_stands_alone),
	        claim(peer_of_a_point_to_point_address_is_not_taken_for_it),
	        claim(address_that_cannot_be_is_passed_over),
	        claim(route_is_taken_with_all_that_is_told),
	        claim(default_route_goes_to_everything),
	        claim(next_hop_may_be_of_the_other_family),
	        claim(next_hops_are_taken_with_their_weights),
	        claim(next_hops_beyond_the_room_are_counted),
	        claim(next_hop_of_a_wrong_length_ends_them),
	        claim(route_that_cannot_be_is_passed_over),
	        claim(rule_is_taken_with_all_that_is_told),
	        claim(rule_of_another_family_is_passed_over),
	        claim(message_of_another_type_is_passed_over),
	        claim(message_cut_anywhere_does_no_harm),
	        claim(lists_are_empty_after_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

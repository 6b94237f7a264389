/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/netlink/rtnl.h"
#include "nsctl/topology/topology.h"
#include "tests/lib/testlink.h"

/* What a test sends by, and what it found. */
static struct nl *nl;
static struct nl_batch batch;
static struct netstate state;

/* work_in - have a socket in namespace @ns_fd, and an empty batch */
static int work_in(int ns_fd)
{
	struct err err = ERR_INIT;

	assert_success(nl_open(ns_fd, NETLINK_ROUTE, "box", &nl, &err), &err);
	assert_success(nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, &err), &err);
	return ns_fd;
}

static int box(void)
{
	return work_in(testns_new());
}

static int tidy_up(void **unused)
{
	nl_close(nl);
	nl_batch_fini(&batch);
	netstate_fini(&state);
	nl = NULL;
	memset(&batch, 0, sizeof(batch));
	memset(&state, 0, sizeof(state));
	return testns_teardown(unused);
}

/* send_all - as the kernel sees it: 0, or the -errno of the first that failed */
static int send_all(struct err *err)
{
	int rc = nl_send(nl, &batch, NULL, NULL, err);

	if (rc == 0 && batch.failed < batch.count)
		rc = nl_explain(nl, &batch, batch.failed, "a request", err);
	nl_batch_clear(&batch);
	return rc;
}

static void send_well(void)
{
	struct err err = ERR_INIT;

	assert_success(send_all(&err), &err);
}

static void look(struct nl *where)
{
	struct err err = ERR_INIT;

	assert_success(
	        netstate_read(where, NETSTATE_LINKS | NETSTATE_ADDRESSES | NETSTATE_ROUTES, &state, &err),
	        &err);
}

static void look_in(int ns_fd)
{
	struct err err = ERR_INIT;
	struct nl *other;
	int rc;

	assert_success(nl_open(ns_fd, NETLINK_ROUTE, "other", &other, &err), &err);
	rc = netstate_read(other, NETSTATE_LINKS, &state, &err);
	nl_close(other);
	assert_success(rc, &err);
}

static const struct netstate_link *seen(const char *name)
{
	const struct netstate_link *link = netstate_link_by_name(&state, name);

	if (!link)
		fail_msg("there is no link %s", name);
	return link;
}

static struct prefix prefix(const char *text)
{
	struct prefix result = {0};
	struct err err = ERR_INIT;

	assert_success(prefix_parse(text, &result, &err), &err);
	return result;
}

static struct rtnl_new new_link(const char *name)
{
	return (struct rtnl_new){.name = name, .ns_fd = -1};
}

static void add_pair(const char *a, const char *b)
{
	const struct rtnl_new end_a = new_link(a), end_b = new_link(b);

	rtnl_veth_add(&batch, &end_a, &end_b);
}

static void add(const char *name, struct rtnl_made made)
{
	const struct rtnl_new link = new_link(name);

	rtnl_link_add(&batch, &link, &made);
}

static uint32_t index_of(const char *name)
{
	struct err err = ERR_INIT;
	int index = rtnl_link_index(nl, name, &err);

	assert_success(index, &err);
	return (uint32_t)index;
}

/* ---- links that are made ---- */

static void veth_pair_carries_both_address_families(void **unused)
{
	static const char *const addresses[] = {"10.0.0.2:80", "[fd00::2]:80"};
	int a = testns_new(), b = testns_new();

	(void)unused;
	testns_join(a, b);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		int listener = testns_listen(b, addresses[i]);
		int client = testns_connect(a, addresses[i]);

		testns_assert_connected(client, testns_accept(listener));
	}
}

static void veth_ends_appear_in_the_namespaces_given(void **unused)
{
	int builder = box(), a = testns_new(), b = testns_new();
	const struct rtnl_new left = {.name = "left", .ns_fd = a}, right = {.name = "right", .ns_fd = b};

	(void)unused;
	rtnl_veth_add(&batch, &left, &right);
	send_well();
	assert_true(testlink_index(a, "left") > 0);
	assert_true(testlink_index(b, "right") > 0);
	assert_int_equal(testlink_index(builder, "left"), -ENODEV);
	assert_int_equal(testlink_index(builder, "right"), -ENODEV);
}

static void both_veth_ends_are_made_as_asked(void **unused)
{
	static const uint32_t numbers[LINK_NUMBER_COUNT] = {[LINK_MTU] = 9000, [LINK_GSO_MAX_SIZE] = 32768},
	                      far_numbers[LINK_NUMBER_COUNT] = {[LINK_MTU] = 1400};
	struct rtnl_new near = new_link("near"), far = new_link("far");

	(void)unused;
	box();
	link_mac_parse("02:00:00:00:00:01", &near.mac);
	link_mac_parse("02:00:00:00:00:02", &far.mac);
	near.numbers = numbers;
	far.numbers = far_numbers;
	near.group = far.group = 77;
	rtnl_veth_add(&batch, &near, &far);
	send_well();
	look(nl);
	assert_true(link_mac_equal(&seen("near")->mac, &near.mac));
	assert_true(link_mac_equal(&seen("far")->mac, &far.mac));
	assert_int_equal(seen("near")->numbers[LINK_MTU], 9000);
	assert_int_equal(seen("near")->numbers[LINK_GSO_MAX_SIZE], 32768);
	assert_int_equal(seen("far")->numbers[LINK_MTU], 1400);
	assert_int_equal(seen("near")->group, 77);
	assert_int_equal(seen("far")->group, 77);
}

/* A kind that this kernel lacks is passed over. Returns whether it was made. */
static bool make_kind(const char *name, struct rtnl_made made)
{
	struct err err = ERR_INIT;
	int rc;

	add(name, made);
	rc = send_all(&err);
	if (rc != -EOPNOTSUPP)
		assert_success(rc, &err);
	return rc == 0;
}

static void each_kind_is_made_as_asked(void **unused)
{
	const struct link_vxlan vxlan = {
	        .vni = 42, .local = prefix("10.0.0.1"), .remote = prefix("10.0.0.2")};
	uint32_t parent;

	(void)unused;
	box();
	add_pair("below", "far");
	send_well();
	parent = index_of("below");
	assert_true(make_kind("br0", (struct rtnl_made){.kind = LINK_BRIDGE}));
	look(nl);
	assert_int_equal(seen("br0")->kind, LINK_BRIDGE);
	if (make_kind("mv0", (struct rtnl_made){.kind = LINK_MACVLAN,
	                                        .parent = parent,
	                                        .mode = (uint32_t)link_mode_find(LINK_MACVLAN, "private")})) {
		look(nl);
		assert_int_equal(seen("mv0")->kind, LINK_MACVLAN);
		assert_int_equal(seen("mv0")->below, parent);
		assert_string_equal(link_mode_name(LINK_MACVLAN, seen("mv0")->mode), "private");
	}
	if (make_kind("vx0", (struct rtnl_made){.kind = LINK_VXLAN, .parent = parent, .vxlan = &vxlan})) {
		look(nl);
		assert_int_equal(seen("vx0")->vxlan.vni, 42);
		assert_int_equal(seen("vx0")->vxlan.port, 4789);
		assert_true(prefix_equal(&seen("vx0")->vxlan.local, &vxlan.local));
		assert_true(prefix_equal(&seen("vx0")->vxlan.remote, &vxlan.remote));
		assert_int_equal(seen("vx0")->below, parent);
	}
}

static void macvlan_appears_in_another_namespace_than_its_parent(void **unused)
{
	int other = testns_new();
	struct rtnl_new link = {.name = "mv0", .ns_fd = other, .group = 78};
	struct err err = ERR_INIT;

	(void)unused;
	box();
	add_pair("below", "far");
	send_well();
	rtnl_link_add(&batch, &link,
	              &(struct rtnl_made){.kind = LINK_MACVLAN,
	                                  .parent = index_of("below"),
	                                  .mode = (uint32_t)link_mode_find(LINK_MACVLAN, "bridge")});
	if (send_all(&err) == -EOPNOTSUPP)
		skip();
	look_in(other);
	assert_int_equal(seen("mv0")->kind, LINK_MACVLAN);
	assert_int_equal(seen("mv0")->group, 78);
	assert_int_equal(testlink_index(other, "below"), -ENODEV);
}

static void link_made_twice_is_refused(void **unused)
{
	struct err err = ERR_INIT;

	(void)unused;
	box();
	add_pair("left", "right");
	add_pair("left", "right");
	assert_refusal(send_all(&err), EEXIST, &err, "namespace box: a request: File exists");
}

/* ---- links that are there ---- */

static void loopback_works_once_it_is_up(void **unused)
{
	int inside = work_in(testns_bare());

	(void)unused;
	testns_listen(inside, "127.0.0.1:80");
	assert_int_equal(testns_try_connect(inside, "127.0.0.1:80"), -ENETUNREACH);
	rtnl_link_set_up(&batch, "lo", true);
	send_well();
	testns_connect(inside, "127.0.0.1:80");
}

static void link_is_changed_as_asked(void **unused)
{
	struct link_mac mac;

	(void)unused;
	box();
	link_mac_parse("02:00:00:00:00:09", &mac);
	add_pair("left", "right");
	add("br0", (struct rtnl_made){.kind = LINK_BRIDGE});
	send_well();
	rtnl_link_set_alias(&batch, "left", "nsctl-x", 5);
	rtnl_link_set_number(&batch, "left", LINK_MTU, 1280);
	rtnl_link_set_mac(&batch, "left", &mac);
	rtnl_link_set_bridge(&batch, "left", index_of("br0"));
	send_well();
	look(nl);
	assert_string_equal(seen("left")->alias, "nsctl-x");
	assert_int_equal(seen("left")->group, 5);
	assert_int_equal(seen("left")->numbers[LINK_MTU], 1280);
	assert_true(link_mac_equal(&seen("left")->mac, &mac));
	assert_int_equal(seen("left")->master, seen("br0")->index);
	rtnl_link_set_bridge(&batch, "left", 0);
	send_well();
	look(nl);
	assert_int_equal(seen("left")->master, 0);
}

static void deleting_one_end_removes_both(void **unused)
{
	int here = box();
	struct err err = ERR_INIT;

	(void)unused;
	add_pair("left", "right");
	rtnl_link_delete(&batch, "left");
	send_well();
	assert_int_equal(testlink_index(here, "right"), -ENODEV);
	rtnl_link_delete(&batch, "left");
	assert_refusal(send_all(&err), ENODEV, &err, "namespace box: a request: No such device");
}

static void group_is_deleted_and_nothing_else(void **unused)
{
	int here = box();

	(void)unused;
	add_pair("a", "a-far");
	add_pair("b", "b-far");
	add_pair("c", "c-far");
	rtnl_link_set_group(&batch, "a", 1234567);
	rtnl_link_set_group(&batch, "b", 1234567);
	rtnl_link_set_group(&batch, "c", 1234568);
	rtnl_group_delete(&batch, 1234567);
	send_well();
	assert_int_equal(testlink_index(here, "a"), -ENODEV);
	assert_int_equal(testlink_index(here, "b-far"), -ENODEV);
	assert_true(testlink_index(here, "c") > 0);
}

static void missing_link_is_named(void **unused)
{
	struct err err = ERR_INIT;

	(void)unused;
	box();
	assert_refusal(rtnl_link_index(nl, "none0", &err), ENODEV, &err, "namespace box: find link none0");
	assert_true(index_of("lo") > 0); /* the socket works on after a refusal */
}

static void namespace_is_known_by_its_number_once_a_link_leads_there(void **unused)
{
	int other = testns_new();
	const struct rtnl_new near = new_link("near"), far = {.name = "far", .ns_fd = other};
	struct err err = ERR_INIT;
	int32_t nsid = 7;

	(void)unused;
	box();
	assert_success(rtnl_nsid(nl, other, &nsid, &err), &err);
	assert_int_equal(nsid, RTNL_NO_NSID);
	rtnl_veth_add(&batch, &near, &far);
	send_well();
	look(nl);
	assert_success(rtnl_nsid(nl, other, &nsid, &err), &err);
	assert_int_equal(nsid, seen("near")->below_nsid);
}

/* ---- addresses and routes ---- */

static const struct netstate_address *seen_address(const struct prefix *address)
{
	vec_each (found, &state.addresses) {
		if (prefix_equal(&found->prefix, address))
			return found;
	}
	return NULL;
}

static void address_bears_the_mark_and_is_deleted(void **unused)
{
	const struct prefix address = prefix("10.9.8.7/24");

	(void)unused;
	box();
	add_pair("left", "right");
	send_well();
	rtnl_address_add(&batch, index_of("left"), &address);
	send_well();
	look(nl);
	assert_non_null(seen_address(&address));
	assert_int_equal(seen_address(&address)->protocol, TOPOLOGY_PROTOCOL);
	rtnl_address_delete(&batch, index_of("left"), &address);
	send_well();
	look(nl);
	assert_null(seen_address(&address));
}

static void address_added_twice_is_refused(void **unused)
{
	const struct prefix address = prefix("10.9.8.7/32");
	struct err err = ERR_INIT;

	(void)unused;
	box();
	rtnl_address_add(&batch, 1, &address);
	rtnl_address_add(&batch, 1, &address);
	assert_int_equal(send_all(&err), -EEXIST);
}

static void ipv6_address_is_usable_at_once(void **unused)
{
	int a = testns_new(), b = testns_new();

	(void)unused;
	testns_join(a, b);
	/* A tentative address could not be bound to. */
	testns_listen(a, "[fd00::1]:80");
}

static void refusal_carries_the_words_of_the_kernel(void **unused)
{
	const struct rtnl_route route = {.to = prefix("10.1.0.0/16"), .via = prefix("192.0.2.1")};
	struct err err = ERR_INIT;

	(void)unused;
	box();
	rtnl_route_add(&batch, &route);
	assert_refusal(send_all(&err), ENETUNREACH, &err,
	               "namespace box: a request: Network is unreachable (Nexthop has invalid gateway)");
}

/* A namespace's own view of /proc/sys/net is that of the thread that opens it. */
static void forward_in(int ns_fd)
{
	int home, fd;

	assert_int_equal(netns_enter(ns_fd, &home, NULL), 0);
	fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	netns_leave(home);
	testns_keep_fd(fd);
	assert_int_equal(write(fd, "1", 1), 1);
}

static void furnish(int ns_fd, const char *link, const char *address)
{
	testlink_add_address(ns_fd, link, address);
	testlink_set_up(ns_fd, link, true);
}

static void routes_lead_through_a_third_namespace(void **unused)
{
	int a = testns_new(), router = testns_new(), b = testns_new();
	int listener, client;

	(void)unused;
	testlink_join(router, "to-a", a, "eth0");
	testlink_join(router, "to-b", b, "eth0");
	furnish(router, "to-a", "10.10.10.1/24");
	furnish(a, "eth0", "10.10.10.2/24");
	furnish(router, "to-b", "10.10.20.1/24");
	furnish(b, "eth0", "10.10.20.2/24");
	forward_in(router);
	assert_int_equal(testns_try_connect(a, "10.10.20.2:80"), -ENETUNREACH);
	testlink_add_route(a, "0.0.0.0/0", "10.10.10.1", NULL);
	testlink_add_route(b, "10.10.10.0/24", "10.10.20.1", "eth0");
	listener = testns_listen(b, "10.10.20.2:80");
	client = testns_connect(a, "10.10.20.2:80");
	testns_assert_connected(client, testns_accept(listener));
}

static void route_by_a_link_alone_reaches_its_neighbours(void **unused)
{
	static const char *const networks[] = {"10.7.0.0/16", "fd07::/64"};
	int here = box();

	(void)unused;
	testlink_set_up(here, "lo", true);
	for (size_t i = 0; i < ARRAY_COUNT(networks); i++) {
		const struct rtnl_route route = {.to = prefix(networks[i]), .link = 1};
		bool found = false;

		rtnl_route_add(&batch, &route);
		send_well();
		look(nl);
		vec_each (known, &state.routes)
			found |= prefix_equal(&known->to, &route.to) &&
			         known->protocol == TOPOLOGY_PROTOCOL && known->link == 1;
		assert_true(found);
		rtnl_route_delete(&batch, &route);
		send_well();
	}
}

static void route_of_somebody_else_is_not_deleted(void **unused)
{
	const struct rtnl_route route = {.to = prefix("10.7.0.0/16"), .link = 1};
	struct err err = ERR_INIT;
	int here = box();

	(void)unused;
	assert_int_equal(testns_run(here, TESTNS_ARGV("ip", "route", "add", "10.7.0.0/16", "dev", "lo")), 0);
	rtnl_route_delete(&batch, &route);
	assert_int_equal(send_all(&err), -ESRCH);
}

#define rtnl_test(function) cmocka_unit_test_teardown(function, tidy_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        rtnl_test(veth_pair_carries_both_address_families),
	        rtnl_test(veth_ends_appear_in_the_namespaces_given),
	        rtnl_test(both_veth_ends_are_made_as_asked),
	        rtnl_test(each_kind_is_made_as_asked),
	        rtnl_test(macvlan_appears_in_another_namespace_than_its_parent),
	        rtnl_test(link_made_twice_is_refused),
	        rtnl_test(loopback_works_once_it_is_up),
	        rtnl_test(link_is_changed_as_asked),
	        rtnl_test(deleting_one_end_removes_both),
	        rtnl_test(group_is_deleted_and_nothing_else),
	        rtnl_test(missing_link_is_named),
	        rtnl_test(namespace_is_known_by_its_number_once_a_link_leads_there),
	        rtnl_test(address_bears_the_mark_and_is_deleted),
	        rtnl_test(address_added_twice_is_refused),
	        rtnl_test(ipv6_address_is_usable_at_once),
	        rtnl_test(refusal_carries_the_words_of_the_kernel),
	        rtnl_test(routes_lead_through_a_third_namespace),
	        rtnl_test(route_by_a_link_alone_reaches_its_neighbours),
	        rtnl_test(route_of_somebody_else_is_not_deleted),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}

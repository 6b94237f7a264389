/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/testns.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "nsctl/rtnl.h"

enum { HANDLES_MAX = 8 };

static struct rtnl *handles[HANDLES_MAX];
static size_t handle_count;

static struct rtnl *open_in(int ns_fd)
{
	struct err err = ERR_INIT;

	CHECK(handle_count < HANDLES_MAX);
	assert_success(rtnl_open(ns_fd, "box", &handles[handle_count], &err), &err);
	return handles[handle_count++];
}

static int close_handles(void **state)
{
	while (handle_count > 0)
		rtnl_close(handles[--handle_count]);
	return testns_teardown(state);
}

static struct rtnl_prefix prefix(const char *text)
{
	struct rtnl_prefix result = {0};
	struct err err = ERR_INIT;

	assert_success(rtnl_prefix_parse(text, &result, &err), &err);
	return result;
}

static int add_address(struct rtnl *rtnl, const char *link, const char *address, struct err *err)
{
	const struct rtnl_prefix parsed = prefix(address);

	return rtnl_address_add(rtnl, link, &parsed, err);
}

static int add_route(struct rtnl *rtnl, const char *to, const char *via, const char *link, struct err *err)
{
	const struct rtnl_route route = {.to = prefix(to), .via = prefix(via), .link = link};

	return rtnl_route_add(rtnl, &route, err);
}

static void add_pair(struct rtnl *rtnl, int ns_a, const char *a, int ns_b, const char *b)
{
	const struct rtnl_veth_end end_a = {.name = a, .ns_fd = ns_a}, end_b = {.name = b, .ns_fd = ns_b};
	struct err err = ERR_INIT;

	assert_success(rtnl_veth_add(rtnl, &end_a, &end_b, &err), &err);
}

/* A link of @ns_fd with an address, up. */
static void furnish(int ns_fd, const char *link, const char *address)
{
	struct rtnl *rtnl = open_in(ns_fd);
	struct err err = ERR_INIT;

	assert_success(add_address(rtnl, link, address, &err), &err);
	assert_success(rtnl_link_set_up(rtnl, link, true, &err), &err);
}

/* ---- prefixes ---- */

static void prefix_is_read_and_written_alike(void **state)
{
	static const char *const texts[] = {"10.0.0.1/24", "0.0.0.0/0", "fd00::1/64",
	                                    "::/0",        "::1/128",   "10.0.0.1/32"};
	char text[RTNL_PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		const struct rtnl_prefix parsed = prefix(texts[i]);

		assert_string_equal(rtnl_prefix_format(&parsed, text, sizeof(text)), texts[i]);
	}
}

static void address_alone_is_a_prefix_of_full_length(void **state)
{
	(void)state;
	assert_int_equal(prefix("10.0.0.1").length, 32);
	assert_int_equal(prefix("fd00::1").length, 128);
}

static void malformed_prefix_is_refused(void **state)
{
	static const char *const texts[] = {"",
	                                    "/24",
	                                    "10.0.0.1/",
	                                    "10.0.0.1/33",
	                                    "fd00::/129",
	                                    "10.0.0/24",
	                                    "10.0.0.1/-1",
	                                    "10.0.0.1/+8",
	                                    "10.0.0.1/8x",
	                                    "example/8",
	                                    "::1/99999999999999999999"};

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct rtnl_prefix untouched = {.length = 77};
		struct err err = ERR_INIT;

		assert_refusal(rtnl_prefix_parse(texts[i], &untouched, &err), EINVAL, &err,
		               "is not ADDRESS/LENGTH");
		assert_int_equal(untouched.length, 77);
	}
}

/* ---- links ---- */

static bool is_up(int ns_fd, const char *link)
{
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-c", "ip -o link show dev \"$1\" | grep -q '[<,]UP[,>]'",
	                                     "sh", link)) == 0;
}

static void loopback_works_once_it_is_up(void **state)
{
	int inside = testns_bare();
	struct rtnl *rtnl = open_in(inside);

	(void)state;
	testns_listen(inside, "127.0.0.1:80");
	assert_int_equal(testns_try_connect(inside, "127.0.0.1:80"), -ENETUNREACH);
	assert_int_equal(rtnl_link_set_up(rtnl, "lo", true, NULL), 0);
	testns_connect(inside, "127.0.0.1:80");
	assert_true(is_up(inside, "lo"));
	assert_int_equal(rtnl_link_set_up(rtnl, "lo", false, NULL), 0);
	assert_false(is_up(inside, "lo"));
}

static void veth_pair_carries_both_address_families(void **state)
{
	static const char *const addresses[] = {"10.0.0.2:80", "[fd00::2]:80"};
	int a = testns_new(), b = testns_new();

	(void)state;
	testns_join(a, b);
	for (size_t i = 0; i < ARRAY_COUNT(addresses); i++) {
		int listener = testns_listen(b, addresses[i]);
		int client = testns_connect(a, addresses[i]);

		testns_assert_connected(client, testns_accept(listener));
	}
}

static void veth_ends_appear_in_the_namespaces_given(void **state)
{
	int a = testns_new(), b = testns_new(), builder = testns_new();
	struct rtnl *rtnl_a = open_in(a), *rtnl_b = open_in(b), *rtnl = open_in(builder);

	(void)state;
	add_pair(rtnl, a, "left", b, "right");
	add_pair(rtnl, -1, "here", a, "there");
	assert_true(rtnl_link_index(rtnl_a, "left", NULL) > 0);
	assert_true(rtnl_link_index(rtnl_b, "right", NULL) > 0);
	assert_true(rtnl_link_index(rtnl, "here", NULL) > 0);
	assert_true(rtnl_link_index(rtnl_a, "there", NULL) > 0);
	assert_int_equal(rtnl_link_index(rtnl, "left", NULL), -ENODEV);
	assert_int_equal(rtnl_link_index(rtnl, "right", NULL), -ENODEV);
}

static void deleting_one_end_removes_both(void **state)
{
	int a = testns_new(), b = testns_new();
	struct rtnl *rtnl_a = open_in(a), *rtnl_b = open_in(b);
	struct err err = ERR_INIT;

	(void)state;
	add_pair(rtnl_a, a, "left", b, "right");
	assert_success(rtnl_link_delete(rtnl_a, "left", &err), &err);
	assert_int_equal(rtnl_link_index(rtnl_b, "right", NULL), -ENODEV);
	assert_refusal(rtnl_link_delete(rtnl_a, "left", &err), ENODEV, &err,
	               "namespace box: delete link left");
}

static void link_made_twice_is_refused(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());
	const struct rtnl_veth_end a = {.name = "left", .ns_fd = -1}, b = {.name = "right", .ns_fd = -1};
	struct err err = ERR_INIT;

	(void)state;
	assert_success(rtnl_veth_add(rtnl, &a, &b, &err), &err);
	assert_refusal(rtnl_veth_add(rtnl, &a, &b, &err), EEXIST, &err,
	               "namespace box: add veth pair left, right: File exists");
}

static void missing_link_is_named(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(rtnl_link_set_up(rtnl, "none0", true, &err), ENODEV, &err,
	               "namespace box: set link none0 up");
	assert_refusal(add_address(rtnl, "none0", "10.0.0.1/8", &err), ENODEV, &err, "find link none0");
	assert_refusal(add_route(rtnl, "0.0.0.0/0", "10.0.0.1", "none0", &err), ENODEV, &err,
	               "find link none0");
}

static void text_that_cannot_name_a_link_is_refused(void **state)
{
	static const char *const names[] = {"", "sixteen-letters!", "veth%d", "a/b"};
	struct rtnl *rtnl = open_in(testns_new());

	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		const struct rtnl_veth_end bad = {.name = names[i], .ns_fd = -1},
		                           good = {.name = "good", .ns_fd = -1};

		assert_int_equal(rtnl_link_index(rtnl, names[i], NULL), -EINVAL);
		assert_int_equal(rtnl_link_set_up(rtnl, names[i], true, NULL), -EINVAL);
		assert_int_equal(rtnl_link_delete(rtnl, names[i], NULL), -EINVAL);
		assert_int_equal(rtnl_veth_add(rtnl, &bad, &good, NULL), -EINVAL);
		assert_int_equal(rtnl_veth_add(rtnl, &good, &bad, NULL), -EINVAL);
	}
	assert_int_equal(rtnl_link_index(rtnl, "good", NULL), -ENODEV);
}

/* ---- addresses and routes ---- */

static void address_added_twice_is_refused(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());
	struct err err = ERR_INIT;

	(void)state;
	assert_success(add_address(rtnl, "lo", "10.9.8.7/32", &err), &err);
	assert_refusal(add_address(rtnl, "lo", "10.9.8.7/32", &err), EEXIST, &err,
	               "add address 10.9.8.7/32 to link lo");
}

static void ipv6_address_is_usable_at_once(void **state)
{
	int a = testns_new(), b = testns_new();

	(void)state;
	testns_join(a, b);
	/* A tentative address could not be bound to. */
	testns_listen(a, "[fd00::1]:80");
}

static void refusal_carries_the_words_of_the_kernel(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(add_route(rtnl, "10.1.0.0/16", "192.0.2.1", NULL, &err), ENETUNREACH, &err,
	               "namespace box: add route 10.1.0.0/16 via 192.0.2.1: Network is unreachable "
	               "(Nexthop has invalid gateway)");
}

static void handle_works_on_after_a_refusal(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());

	(void)state;
	assert_int_equal(rtnl_link_delete(rtnl, "none0", NULL), -ENODEV);
	assert_true(rtnl_link_index(rtnl, "lo", NULL) > 0);
}

static void route_between_families_is_refused(void **state)
{
	struct rtnl *rtnl = open_in(testns_new());
	struct err err = ERR_INIT;

	(void)state;
	assert_refusal(add_route(rtnl, "10.0.0.0/8", "fd00::1", NULL, &err), EINVAL, &err,
	               "one is IPv4, the other IPv6");
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

static void routes_lead_through_a_third_namespace(void **state)
{
	int a = testns_new(), router = testns_new(), b = testns_new();
	struct rtnl *rtnl = open_in(router);
	struct err err = ERR_INIT;
	int listener, client;

	(void)state;
	add_pair(rtnl, -1, "to-a", a, "eth0");
	add_pair(rtnl, -1, "to-b", b, "eth0");
	furnish(router, "to-a", "10.10.10.1/24");
	furnish(a, "eth0", "10.10.10.2/24");
	furnish(router, "to-b", "10.10.20.1/24");
	furnish(b, "eth0", "10.10.20.2/24");
	forward_in(router);
	assert_int_equal(testns_try_connect(a, "10.10.20.2:80"), -ENETUNREACH);
	assert_success(add_route(open_in(a), "0.0.0.0/0", "10.10.10.1", NULL, &err), &err);
	assert_success(add_route(open_in(b), "10.10.10.0/24", "10.10.20.1", "eth0", &err), &err);
	listener = testns_listen(b, "10.10.20.2:80");
	client = testns_connect(a, "10.10.20.2:80");
	testns_assert_connected(client, testns_accept(listener));
}

#define rtnl_test(function) cmocka_unit_test_teardown(function, close_handles)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        rtnl_test(prefix_is_read_and_written_alike),
	        rtnl_test(address_alone_is_a_prefix_of_full_length),
	        rtnl_test(malformed_prefix_is_refused),
	        rtnl_test(loopback_works_once_it_is_up),
	        rtnl_test(veth_pair_carries_both_address_families),
	        rtnl_test(veth_ends_appear_in_the_namespaces_given),
	        rtnl_test(deleting_one_end_removes_both),
	        rtnl_test(link_made_twice_is_refused),
	        rtnl_test(missing_link_is_named),
	        rtnl_test(text_that_cannot_name_a_link_is_refused),
	        rtnl_test(address_added_twice_is_refused),
	        rtnl_test(ipv6_address_is_usable_at_once),
	        rtnl_test(refusal_carries_the_words_of_the_kernel),
	        rtnl_test(handle_works_on_after_a_refusal),
	        rtnl_test(route_between_families_is_refused),
	        rtnl_test(routes_lead_through_a_third_namespace),
	};

	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}

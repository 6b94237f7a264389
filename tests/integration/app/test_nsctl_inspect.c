/* SPDX-License-Identifier: Apache-2.0 */
/* What nsctl shows of namespaces: `inspect` and `namespaces`. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsctl/netns.h"
#include "tests/integration/app/nsctlproc.h"
#include "tests/lib/relayproc.h"
#include "tests/lib/testlink.h"

static uint64_t inode_of(int ns_fd)
{
	struct netns_id id = {0};

	assert_int_equal(netns_identify(ns_fd, &id, NULL), 0);
	return id.ino;
}

static const char *number(uint64_t value)
{
	static char text[4][24];
	static size_t turn;
	char *place = text[turn++ % 4];

	snprintf(place, sizeof(text[0]), "%llu", (unsigned long long)value);
	return place;
}

static void shell(int ns_fd, const char *command)
{
	if (testns_run(ns_fd, TESTNS_ARGV("sh", "-ec", command)) != 0)
		fail_msg("this failed: %s", command);
}

static int udp_socket(int ns_fd)
{
	int home = -1, fd;

	assert_int_equal(netns_enter(ns_fd, &home, NULL), 0);
	fd = testns_keep_fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	netns_leave(home);
	return fd;
}

/* ---- inspect ---- */

static void a_fresh_namespace_has_a_loopback_that_is_down_and_nothing_else(void **state)
{
	int bare = testns_bare();
	const char *text = nsctlproc_succeed(bare, TESTNS_ARGV("inspect"));

	(void)state;
	assert_says(text, "Namespace host: inode ");
	assert_says(text, "Routes\n  none\n");
	assert_says(text, "Addresses\n  none\n");
	assert_says(text, "Listening sockets\n  none\n");
	assert_says(text, "Connections\n  none\n");
	assert_says(text, "Firewall and address translation (nf_tables)\n  none\n");
	nsctlproc_succeed(bare, TESTNS_ARGV("inspect", "-j"));
	assert_string_equal(nsctlproc_json("/inode"), number(inode_of(bare)));
	assert_int_equal(nsctlproc_json_count("/links"), 1);
	assert_string_equal(nsctlproc_json("/links/0/name"), "lo");
	assert_string_equal(nsctlproc_json("/links/0/state"), "down");
	assert_int_equal(nsctlproc_json_count("/routes"), 0);
	assert_int_equal(nsctlproc_json_count("/errors"), 0);
}

static void links_addresses_routes_and_rules_are_shown(void **state)
{
	int a = testns_new(), b = testns_new();
	const char *veth;

	(void)state;
	testns_join(a, b);
	testlink_add_route(a, "10.9.0.0/16", "10.0.0.2", NULL);
	shell(a, "ip link add br0 type bridge; ip link set veth0 master br0; ip link set veth0 alias mine;"
	         "ip rule add from 10.0.0.0/24 fwmark 7 lookup 100; ip route add blackhole 10.8.0.0/16 table "
	         "100");
	nsctlproc_succeed(a, TESTNS_ARGV("inspect", "--json"));
	veth = nsctlproc_json_find("/links", "name", "veth0");
	assert_string_equal(nsctlproc_json_at(veth, "/kind"), "veth");
	assert_string_equal(nsctlproc_json_at(veth, "/bridge"), "br0");
	assert_string_equal(nsctlproc_json_at(veth, "/alias"), "mine");
	assert_string_equal(nsctlproc_json_at(veth, "/state"), "up");
	assert_string_equal(nsctlproc_json_at(veth, "/mtu"), "1500");
	nsctlproc_json_at(veth, "/other_end_nsid");
	assert_non_null(nsctlproc_json_find("/addresses", "address", "10.0.0.1/24"));
	assert_non_null(nsctlproc_json_find("/addresses", "address", "fd00::1/64"));
	assert_string_equal(nsctlproc_json_at(nsctlproc_json_find("/routes", "to", "10.9.0.0/16"), "/via"),
	                    "10.0.0.2");
	assert_string_equal(nsctlproc_json_at(nsctlproc_json_find("/routes", "to", "10.8.0.0/16"), "/table"),
	                    "100");
	assert_string_equal(nsctlproc_json_at(nsctlproc_json_find("/routes", "to", "10.8.0.0/16"), "/type"),
	                    "blackhole");
	assert_string_equal(nsctlproc_json_at(nsctlproc_json_find("/rules", "from", "10.0.0.0/24"), "/mark"),
	                    "7");
	assert_says(nsctlproc_succeed(a, TESTNS_ARGV("inspect")), "0x7/0xffffffff  lookup 100");
}

static void the_firewall_is_shown_in_the_words_of_nft(void **state)
{
	int ns = testns_new();

	(void)state;
	shell(ns, "nft add table inet guard; nft 'add chain inet guard in { type filter hook input priority "
	          "0; }';"
	          "nft add rule inet guard in tcp dport 22 drop");
	assert_says(nsctlproc_succeed(ns, TESTNS_ARGV("inspect")), "tcp dport 22 drop");
	nsctlproc_succeed(ns, TESTNS_ARGV("inspect", "-j"));
	assert_says(nsctlproc_json("/nf_tables"), "table inet guard");
}

static void sockets_are_shown_with_the_processes_that_hold_them(void **state)
{
	int ns = testns_new();
	int listener = testns_listen(ns, "127.0.0.1:8080");
	int six = testns_listen(ns, "[::1]:8081");
	int client = testns_connect(ns, "127.0.0.1:8080");
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(53)};
	const char *found;

	(void)state;
	(void)six;
	assert_int_equal(bind(udp_socket(ns), (struct sockaddr *)&any, sizeof(any)), 0);
	testns_write(client, "waits", 5);
	nsctlproc_succeed(ns, TESTNS_ARGV("inspect", "-j"));
	found = nsctlproc_json_find("/listening", "local", "127.0.0.1:8080");
	assert_string_equal(nsctlproc_json_at(found, "/state"), "LISTEN");
	assert_string_equal(nsctlproc_json_at(found, "/receive_queue"), "1");
	assert_string_equal(nsctlproc_json_at(found, "/processes/0/pid"), number((uint64_t)getpid()));
	assert_string_equal(nsctlproc_json_at(found, "/uid"), "0");
	assert_non_null(nsctlproc_json_find("/listening", "local", "[::1]:8081"));
	found = nsctlproc_json_find("/listening", "local", "0.0.0.0:53");
	assert_string_equal(nsctlproc_json_at(found, "/protocol"), "udp");
	found = nsctlproc_json_find("/connections", "remote", "127.0.0.1:8080");
	assert_string_equal(nsctlproc_json_at(found, "/state"), "ESTAB");
	found = nsctlproc_json_find("/connections", "local", "127.0.0.1:8080");
	assert_string_equal(nsctlproc_json_at(found, "/receive_queue"), "5");
	assert_int_equal(nsctlproc_json_count("/connections"), 2);
	assert_says(nsctlproc_succeed(ns, TESTNS_ARGV("inspect")), "1 of ");
	testns_close(listener);
}

static void a_namespace_is_inspected_by_name_path_and_process(void **state)
{
	int host = testns_new(), web = testns_new_named("web"), other = testns_new();
	char ref[64];

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("inspect", "web", "-j"));
	assert_string_equal(nsctlproc_json("/inode"), number(inode_of(web)));
	assert_string_equal(nsctlproc_json("/namespace"), "web");
	nsctlproc_succeed(host, TESTNS_ARGV("inspect", "path:/run/netns/web", "-j"));
	assert_string_equal(nsctlproc_json("/inode"), number(inode_of(web)));
	snprintf(ref, sizeof(ref), "pid:%d", (int)testns_spawn(other, TESTNS_ARGV("sleep", "infinity")));
	nsctlproc_succeed(host, TESTNS_ARGV("inspect", ref, "-j"));
	assert_string_equal(nsctlproc_json("/inode"), number(inode_of(other)));
	netns_delete("web", NULL);
}

static void what_is_not_there_is_an_error_of_status_1(void **state)
{
	int host = testns_new();
	const struct nsctlproc_result *result = nsctlproc_run(host, TESTNS_ARGV("inspect", "nosuch"));

	(void)state;
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "nsctl: namespace nosuch: /run/netns/nosuch does not exist");
	assert_string_equal(result->output, "");
	assert_int_equal(nsctlproc_run(host, TESTNS_ARGV("inspect", "a", "b"))->status, 2);
	assert_int_equal(nsctlproc_run(host, TESTNS_ARGV("inspct"))->status, 2);
}

static void output_that_is_lost_is_a_failure(void **state)
{
	int host = testns_new();
	const char *const *argv = nsctlproc_argv(TESTNS_ARGV("help"));

	(void)state;
	assert_int_equal(
	        testns_run(host, TESTNS_ARGV("sh", "-c", "exec \"$0\" help >/dev/full 2>/dev/null", argv[0])),
	        1);
}

/* ---- namespaces ---- */

static const char *find_namespace(int ns_fd)
{
	return nsctlproc_json_find("/", "inode", number(inode_of(ns_fd)));
}

static void a_namespace_is_found_by_what_keeps_it_alive(void **state)
{
	int host = testns_new(), named = testns_new_named("kept"), held = testns_new(),
	    lived_in = testns_bare();
	pid_t pid = testns_spawn(lived_in, TESTNS_ARGV("sleep", "infinity"));
	uint64_t cookie;

	(void)state;
	testns_close(lived_in); /* but for the process, nobody keeps it */
	nsctlproc_succeed(host, TESTNS_ARGV("namespaces", "-j"));
	assert_string_equal(nsctlproc_json_at("/0", "/inode"), number(inode_of(host)));
	assert_string_equal(nsctlproc_json_at("/0", "/host"), "true");
	assert_string_equal(nsctlproc_json_at(find_namespace(named), "/names/0"), "kept");
	assert_string_equal(nsctlproc_json_at(find_namespace(held), "/kept_open_by/0/pid"),
	                    number((uint64_t)getpid()));
	assert_int_equal(netns_cookie(held, &cookie, NULL), 0);
	assert_string_equal(nsctlproc_json_at(find_namespace(held), "/cookie"), number(cookie));
	lived_in = testns_keep_fd(netns_open(&(struct netns_ref){.kind = NETNS_PID, .pid = pid}, NULL));
	assert_string_equal(nsctlproc_json_at(find_namespace(lived_in), "/processes/0/pid"),
	                    number((uint64_t)pid));
	assert_string_equal(nsctlproc_json_at(find_namespace(lived_in), "/processes/0/name"), "sleep");
	netns_delete("kept", NULL);
}

static void mounts_elsewhere_and_links_are_names_too(void **state)
{
	int host = testns_new(), named = testns_new_named("real"), mounted = testns_new();
	char source[64];

	(void)state;
	assert_int_equal(symlink("/run/netns/real", "/run/netns/alias"), 0);
	assert_int_equal(close(creat("/run/a place", 0600)), 0);
	snprintf(source, sizeof(source), "/proc/self/fd/%d", mounted);
	assert_int_equal(mount(source, "/run/a place", "none", MS_BIND, NULL), 0);
	nsctlproc_succeed(host, TESTNS_ARGV("namespaces", "-j"));
	assert_string_equal(nsctlproc_json_at(find_namespace(named), "/names/0"), "alias");
	assert_string_equal(nsctlproc_json_at(find_namespace(named), "/names/1"), "real");
	assert_string_equal(nsctlproc_json_at(find_namespace(mounted), "/names/0"), "/run/a place");
	umount2("/run/a place", MNT_DETACH);
	unlink("/run/a place");
	unlink("/run/netns/alias");
	netns_delete("real", NULL);
}

static void what_a_relay_has_in_a_namespace_is_shown(void **state)
{
	int host = testns_new(), web = testns_new(), api = testns_new();
	int server = testns_listen(api, "127.0.0.1:80"), client;

	(void)state;
	relayproc_start(TESTNS_ARGV("--listen", relayproc_endpoint(web, "127.0.0.1:8080"), "--to",
	                            relayproc_endpoint(api, "127.0.0.1:80"), "--threads", "1"));
	client = testns_connect(web, "127.0.0.1:8080");
	testns_assert_connected(client, testns_accept(server));
	nsctlproc_succeed(host, TESTNS_ARGV("namespaces", "-j"));
	assert_string_equal(nsctlproc_json_at(find_namespace(web), "/nsrelay/listeners/0"), "127.0.0.1:8080");
	assert_true(nsctlproc_json_count("/") >= 3);
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("namespaces")), "127.0.0.1:8080");
}

static void the_namespaces_of_a_process_are_shown_with_who_shares_them(void **state)
{
	int host = testns_new();
	pid_t pid = testns_spawn(host, TESTNS_ARGV("sleep", "infinity"));
	const char *net, *uts;

	(void)state;
	nsctlproc_succeed(host, TESTNS_ARGV("namespaces", number((uint64_t)pid), "-j"));
	net = nsctlproc_json_find("/", "namespace", "net");
	assert_string_equal(nsctlproc_json_at(net, "/inode"), number(inode_of(host)));
	assert_string_equal(nsctlproc_json_at(net, "/processes/0/pid"), number((uint64_t)pid));
	nsctlproc_json_at(net, "/user_namespace");
	uts = nsctlproc_json_find("/", "namespace", "uts");
	assert_non_null(nsctlproc_json_find("/", "namespace", "pid_for_children"));
	assert_non_null(nsctlproc_json_find("/", "namespace", "time_for_children"));
	nsctlproc_json_at(uts, "/processes/1/pid"); /* this program shares it */
	assert_says(nsctlproc_succeed(host, TESTNS_ARGV("namespaces", number((uint64_t)pid))), "sleep ");
}

static void a_process_that_is_not_there_is_an_error(void **state)
{
	int host = testns_new();
	const struct nsctlproc_result *result = nsctlproc_run(host, TESTNS_ARGV("namespaces", "2147483647"));

	(void)state;
	assert_int_equal(result->status, 1);
	assert_says(result->errors, "there is no process 2147483647");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        testns_test(a_fresh_namespace_has_a_loopback_that_is_down_and_nothing_else),
	        testns_test(links_addresses_routes_and_rules_are_shown),
	        testns_test(the_firewall_is_shown_in_the_words_of_nft),
	        testns_test(sockets_are_shown_with_the_processes_that_hold_them),
	        testns_test(a_namespace_is_inspected_by_name_path_and_process),
	        testns_test(what_is_not_there_is_an_error_of_status_1),
	        testns_test(output_that_is_lost_is_a_failure),
	        testns_test(a_namespace_is_found_by_what_keeps_it_alive),
	        testns_test(mounts_elsewhere_and_links_are_names_too),
	        relayproc_test(what_a_relay_has_in_a_namespace_is_shown),
	        testns_test(the_namespaces_of_a_process_are_shown_with_who_shares_them),
	        testns_test(a_process_that_is_not_there_is_an_error),
	};
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}

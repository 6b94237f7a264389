/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topologies that are applied, changed, damaged, interrupted and deleted. The namespace that they call "host"
 * is a fresh one, which the test enters; /run is the test's own. What the kernel really has is looked at with
 * ip(8), which knows nothing of nsctl.
 */
#include "nsctl/topology/lab.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"
#include "tests/lib/sketch.h"
#include "tests/lib/testns.h"

static const char ledger_dir[] = "/run/nsctl-test";

/* The running test's own. */
static struct {
	struct topology topology;
	int home; /* where the test program came from; -1: it is there */
} rig = {.home = -1};

/* ---- the surroundings ---- */

/* run_shell - exit status */
static int run_shell(const char *command)
{
	return testns_run(-1, TESTNS_ARGV("sh", "-e", "-c", command));
}

static void shell(const char *command)
{
	if (run_shell(command) != 0)
		fail_msg("this failed: %s", command);
}

/* inside - a descriptor of a namespace by name; "host": where the test is */
static int inside(const char *name)
{
	const struct netns_ref self = {.kind = NETNS_SELF};
	struct err err = ERR_INIT;

	if (strcmp(name, "host"))
		return testns_open_named(name);
	int fd = netns_open(&self, &err);
	assert_success(fd, &err);
	return testns_keep_fd(fd);
}

/* expect_way - from a namespace to an address of another one */
static void expect_way(const char *from, const char *to, const char *address)
{
	int a = inside(from), b = inside(to);
	int listener = testns_listen(b, address);
	int client = testns_connect(a, address);
	int server = testns_accept(listener);

	testns_assert_connected(client, server);
	testns_close(client);
	testns_close(server);
	testns_close(listener);
	testns_close(a);
	testns_close(b);
}

/* enter_host - be in a fresh namespace, which the topology calls "host" */
static void enter_host(void)
{
	struct err err = ERR_INIT;

	testns_require_root();
	testns_hide_run();
	assert_success(netns_enter(testns_new(), &rig.home, &err), &err);
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat, (void)type, (void)ftw;
	umount2(path, MNT_DETACH);
	(void)!remove(path);
	return 0;
}

static int tidy_up(void **unused)
{
	topology_fini(&rig.topology);
	rig.topology = (struct topology){0};
	netns_leave(rig.home);
	rig.home = -1;
	if (access("/run/nsctl-test-mark", F_OK) == 0) { /* the test's own /run, and not the machine's */
		nftw(NETNS_RUN_DIR, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
		nftw(ledger_dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	}
	return testns_teardown(unused);
}

/* ---- the topology ---- */

static struct topology_netns *netns_called(const char *name)
{
	return &rig.topology.netns.items[topology_find_netns(&rig.topology, name)];
}

static struct topology_link *link_called(const char *name)
{
	return &rig.topology.links.items[sketch_find_link(&rig.topology, name)];
}

static void set_sysctl(const char *netns, enum sysctl key, const char *value)
{
	snprintf(netns_called(netns)->sysctls[key], SYSCTL_VALUE_MAX, "%s", value);
}

/* Two namespaces, one at a bridge, one at a routed link; a bit of everything. */
static void draft_lab(void)
{
	struct topology *topology = &rig.topology;

	snprintf(topology->name, sizeof(topology->name), "lab");
	sketch_netns(topology, "host");
	sketch_netns(topology, "ns1");
	sketch_netns(topology, "ns2");
	sketch_link(topology, "host/br0", LINK_BRIDGE, "10.0.1.1/24");
	sketch_veth(topology, "host/v1", NULL, "ns1/eth0", "10.0.1.2/24");
	sketch_veth(topology, "host/v2", "10.0.2.1/24", "ns2/eth0", "10.0.2.2/24");
	sketch_address(topology, "ns2/eth0", "fd02::2/64");
	link_called("host/v1")->bridge = sketch_find_link(topology, "host/br0");
	link_called("host/v2")->numbers[LINK_MTU] = 1400;
	sketch_route(topology, "ns1", "0.0.0.0/0", "10.0.1.1");
	sketch_route(topology, "ns2", "0.0.0.0/0", "10.0.2.1");
	set_sysctl("host", SYSCTL_IP_FORWARD, "1");
}

static void lab(void)
{
	enter_host();
	fclose(fopen("/run/nsctl-test-mark", "w"));
	shell("echo 0 > /proc/sys/net/ipv4/ip_forward");
	draft_lab();
}

static void draft_nothing(void)
{
	topology_fini(&rig.topology);
	rig.topology = (struct topology){.name = "lab"};
}

/* ---- what is tested ---- */

static struct lab *open_lab(void)
{
	struct err err = ERR_INIT;
	struct lab *opened;

	assert_success(lab_open(&rig.topology, ledger_dir, &opened, &err), &err);
	return opened;
}

static size_t count_planned(void)
{
	struct lab *opened = open_lab();
	size_t count = lab_plan(opened)->all.count;

	lab_close(opened);
	return count;
}

static int try_apply(struct lab *opened, struct err *err)
{
	int rc = lab_apply(opened, NULL, NULL, err);

	lab_close(opened);
	return rc;
}

/* apply - how many steps it took */
static size_t apply(void)
{
	struct lab *opened = open_lab();
	size_t count = lab_plan(opened)->all.count;
	struct err err = ERR_INIT;

	assert_success(try_apply(opened, &err), &err);
	return count;
}

static void expect_whole(void)
{
	assert_int_equal(count_planned(), 0);
	expect_way("ns1", "ns2", "10.0.2.2:80");
}

/* expect_nothing - but the host's loopback; links of namespaces that are gone may take a while to follow */
static void expect_nothing(void)
{
	shell("test -z \"$(ls /run/netns)\"");
	shell("test $(ip -o link | wc -l) = 1");
	shell("test -z \"$(ip route)\"");
	shell("test $(cat /proc/sys/net/ipv4/ip_forward) = 0");
	shell("test -z \"$(ls /run/nsctl-test)\"");
}

/* ---- applying ---- */

static void topology_is_made_and_a_second_plan_is_empty(void **unused)
{
	(void)unused;
	lab();
	assert_true(apply() > 0);
	expect_whole();
	shell("test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
	shell("ip -o link show v2 | grep -q 'mtu 1400'");
	shell("ip -o link show v1 | grep -q 'master br0'");
	shell("ip netns list | grep -q ns2");
	assert_int_equal(apply(), 0);
}

static void every_link_bears_the_mark_and_is_in_no_group(void **unused)
{
	(void)unused;
	lab();
	apply();
	shell("for l in br0 v1 v2; do ip link show $l | grep -q 'alias nsctl-lab'; done");
	shell("for n in ns1 ns2; do for l in lo eth0; do ip -n $n link show $l | grep -q 'alias nsctl-lab'; "
	      "done; done");
	shell("test $(ip -o link show group default | wc -l) = 4");
	shell("test $(ip -n ns1 -o link show group default | wc -l) = 2");
}

static void changed_file_changes_what_differs(void **unused)
{
	(void)unused;
	lab();
	apply();
	shell("ip -o link show v1 | cut -d: -f1 > /run/v1-index");
	sketch_netns(&rig.topology, "ns3");
	sketch_veth(&rig.topology, "host/v3", "10.0.3.1/24", "ns3/eth0", "10.0.3.2/24");
	link_called("host/v2")->numbers[LINK_MTU] = 1300;
	assert_in_range(apply(), 1, 12);
	expect_whole();
	expect_way("ns3", "host", "10.0.3.1:80");
	shell("ip -o link show v2 | grep -q 'mtu 1300'");
	shell("test $(ip -o link show v1 | cut -d: -f1) = $(cat /run/v1-index)");
}

static void drift_is_found_and_mended(void **unused)
{
	static const char *const drifts[] = {
	        "ip link del v1",
	        "ip link del br0",
	        "ip -n ns2 link del eth0",
	        "ip -n ns1 addr del 10.0.1.2/24 dev eth0",
	        "ip -n ns2 addr del fd02::2/64 dev eth0",
	        "ip -n ns2 route del default",
	        "ip link set v1 nomaster",
	        "ip link set v2 down",
	        "ip link set v2 mtu 1500",
	        "ip -n ns1 link set lo down",
	        "ip netns del ns2; while ip link show v2 > /dev/null 2>&1; do sleep 0.1; done",
	        "echo 0 > /proc/sys/net/ipv4/ip_forward",
	};

	(void)unused;
	lab();
	apply();
	for (size_t i = 0; i < ARRAY_COUNT(drifts); i++) {
		shell(drifts[i]);
		if (apply() == 0)
			fail_msg("not found: %s", drifts[i]);
		expect_whole();
	}
}

static void macvlan_on_a_link_of_another_namespace_is_kept(void **unused)
{
	struct topology_link *link;
	struct err err = ERR_INIT;
	uint32_t made;
	int rc;

	(void)unused;
	lab();
	made = sketch_link(&rig.topology, "ns1/mv0", LINK_MACVLAN, "10.0.2.3/24");
	link = &rig.topology.links.items[made];
	link->parent = sketch_find_link(&rig.topology, "host/v2");
	link->mode = (uint32_t)link_mode_find(LINK_MACVLAN, "bridge");
	rc = try_apply(open_lab(), &err);
	if (rc == -EOPNOTSUPP)
		skip();
	assert_success(rc, &err);
	assert_int_equal(count_planned(), 0);
	shell("ip -n ns1 link show mv0 | grep -q 'alias nsctl-lab'");
	draft_nothing();
	apply();
	expect_nothing();
}

static void thousands_of_links_are_counted_right(void **unused)
{
	enum { COUNT = 300 };
	char host[32], name[32], inside[32];

	(void)unused;
	enter_host();
	fclose(fopen("/run/nsctl-test-mark", "w"));
	draft_nothing();
	sketch_netns(&rig.topology, "host");
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		snprintf(host, sizeof(host), "host/v%d", i);
		snprintf(inside, sizeof(inside), "n%d/eth0", i);
		sketch_netns(&rig.topology, name);
		sketch_veth(&rig.topology, host, NULL, inside, "10.0.0.2/24");
	}
	apply();
	assert_int_equal(count_planned(), 0);
	shell("test $(ip -o link | wc -l) = 301");
	draft_nothing();
	apply();
	expect_nothing();
}

/* ---- deleting ---- */

static void deleting_removes_what_was_made_and_nothing_else(void **unused)
{
	(void)unused;
	lab();
	shell("ip link add hand0 type bridge; ip addr add 10.9.0.1/24 dev hand0; ip link set hand0 up");
	shell("ip route add 10.8.0.0/16 dev hand0; ip netns add beside; ip link add v9 type veth peer name "
	      "v9 netns beside");
	shell("ip -o -4 addr > /run/before; ip route >> /run/before; ip netns >> /run/before");
	apply();
	shell("ip link set hand0 group 5");
	draft_nothing();
	apply();
	shell("ip -o -4 addr > /run/after; ip route >> /run/after; ip netns >> /run/after; diff /run/before "
	      "/run/after");
	shell("test $(cat /proc/sys/net/ipv4/ip_forward) = 0");
	assert_int_equal(apply(), 0);
}

static void furnishings_of_somebody_elses_things_are_removed(void **unused)
{
	struct topology *topology = &rig.topology;

	(void)unused;
	enter_host();
	fclose(fopen("/run/nsctl-test-mark", "w"));
	shell("ip netns add theirs; ip link add eth9 type bridge; ip link set eth9 addrgenmode none up");
	shell("ip -o -4 addr > /run/before; ip route >> /run/before; ip -n theirs -o -4 addr >> /run/before");
	draft_nothing();
	sketch_netns(topology, "host");
	sketch_netns(topology, "theirs");
	netns_called("theirs")->tenure = NETNS_EXISTING;
	sketch_link(topology, "host/eth9", LINK_OTHER, "10.4.0.1/24");
	link_called("host/eth9")->existing = true;
	sketch_veth(topology, "host/v1", "10.5.0.1/24", "theirs/v1", "10.5.0.2/24");
	sketch_route(topology, "host", "10.6.0.0/16", "10.4.0.9");
	apply();
	assert_int_equal(count_planned(), 0);
	expect_way("theirs", "host", "10.5.0.1:80");
	shell("ip route | grep -q 10.6.0.0/16");
	draft_nothing();
	apply();
	shell("ip -o -4 addr > /run/after; ip route >> /run/after; ip -n theirs -o -4 addr >> /run/after");
	shell("diff /run/before /run/after");
}

/* ---- failing ---- */

/* expect_refusal - of the lab as drafted, once @spoil was done behind the plan's back */
static void expect_refusal(const char *spoil, int code, const char *what)
{
	struct lab *opened = open_lab();
	struct err err = ERR_INIT;

	shell(spoil);
	assert_refusal(try_apply(opened, &err), code, &err, what);
	assert_refusal(-err.code, code, &err, "; what was done before is undone");
}

static void name_conflict_undoes_everything_and_spares_the_other(void **unused)
{
	(void)unused;
	lab();
	expect_refusal("ip link add v2 type bridge", EEXIST, "namespace host: add veth link v2: File exists");
	shell("ip -o link show v2 type bridge | grep -q v2");
	shell("! ip link show v2 | grep -q alias; ip link show v2 | grep -q 'group default'");
	shell("ip link del v2");
	expect_nothing();
}

static void failure_of_a_route_undoes_everything_and_carries_the_kernels_words(void **unused)
{
	(void)unused;
	lab();
	sketch_route(&rig.topology, "ns2", "10.77.0.0/16", "192.0.2.1");
	expect_refusal("true", ENETUNREACH,
	               "namespace ns2: add route 10.77.0.0/16 via 192.0.2.1: Network is unreachable (Nexthop "
	               "has invalid "
	               "gateway)");
	expect_nothing();
}

static void failure_of_a_change_restores_what_was_there(void **unused)
{
	(void)unused;
	lab();
	apply();
	shell("ip -o -4 addr > /run/before; ip route >> /run/before; ip -n ns1 route >> /run/before; ip netns "
	      ">> /run/before");
	sketch_netns(&rig.topology, "ns3");
	sketch_veth(&rig.topology, "host/v3", "10.0.3.1/24", "ns3/eth0", "10.0.3.2/24");
	link_called("host/v2")->numbers[LINK_MTU] = 1300;
	sketch_route(&rig.topology, "ns3", "10.77.0.0/16", "192.0.2.1");
	expect_refusal("true", ENETUNREACH, "add route 10.77.0.0/16");
	shell("ip -o -4 addr > /run/after; ip route >> /run/after; ip -n ns1 route >> /run/after; ip netns >> "
	      "/run/after");
	shell("diff /run/before /run/after; ip -o link show v2 | grep -q 'mtu 1400'");
}

/* What of links, addresses and routes stays the same when a link is made again: not its index. */
static const char snapshot[] = "{ for n in '' '-n ns1' '-n ns2'; do ip $n -br -4 addr | sed 's/@[^ ]*//' | "
                               "sort; ip $n route | sort; done; } > ";

static void take_snapshot(const char *path)
{
	char command[512];

	snprintf(command, sizeof(command), "%s %s", snapshot, path);
	shell(command);
}

static void draft_two_more_links(void)
{
	sketch_veth(&rig.topology, "host/v3", "10.0.3.1/24", "ns1/eth3", "10.0.3.2/24");
	sketch_veth(&rig.topology, "host/v4", "10.0.4.1/24", "ns1/eth4", "10.0.4.2/24");
	sketch_route(&rig.topology, "ns1", "10.44.0.0/16", "10.0.4.1");
}

static void links_that_were_deleted_come_back_with_all_that_was_on_them(void **unused)
{
	(void)unused;
	lab();
	draft_two_more_links();
	apply();
	expect_way("ns1", "host", "10.0.4.1:80");
	take_snapshot("/run/before");
	draft_nothing();
	draft_lab();
	sketch_route(&rig.topology, "ns2", "10.77.0.0/16", "192.0.2.1");
	expect_refusal("true", ENETUNREACH, "add route 10.77.0.0/16");
	take_snapshot("/run/after");
	shell("diff /run/before /run/after");
	expect_way("ns1", "host", "10.0.4.1:80");
}

static void kind_that_the_kernel_lacks_is_named(void **unused)
{
	struct topology_link *link;
	struct err err = ERR_INIT;
	uint32_t made;

	(void)unused;
	lab();
	if (run_shell("ip link add p0 type veth peer name p1; ip link add link p0 name i0 type ipvlan 2> "
	              "/dev/null") == 0)
		skip();
	shell("ip link del p0");
	made = sketch_link(&rig.topology, "host/iv0", LINK_IPVLAN, NULL);
	link = &rig.topology.links.items[made];
	link->parent = sketch_find_link(&rig.topology, "host/v2");
	assert_refusal(try_apply(open_lab(), &err), EOPNOTSUPP, &err,
	               "namespace host: add ipvlan link iv0: this kernel has no such links: its module "
	               "`ipvlan` is missing");
	expect_nothing();
}

static void existing_namespace_that_is_missing_is_named(void **unused)
{
	struct err err = ERR_INIT;
	struct lab *opened;

	(void)unused;
	lab();
	netns_called("ns2")->tenure = NETNS_EXISTING;
	assert_refusal(lab_open(&rig.topology, ledger_dir, &opened, &err), ENOENT, &err, "ns2");
}

static void two_names_of_one_namespace_are_refused(void **unused)
{
	struct topology *topology = &rig.topology;
	struct err err = ERR_INIT;
	struct lab *opened;
	uint32_t other;

	(void)unused;
	enter_host();
	fclose(fopen("/run/nsctl-test-mark", "w"));
	shell("ip netns add theirs");
	draft_nothing();
	other = sketch_netns(topology, "theirs");
	topology->netns.items[other].tenure = NETNS_EXISTING;
	other = sketch_netns(topology, "again");
	topology->netns.items[other].tenure = NETNS_EXISTING;
	topology->netns.items[other].ref =
	        (struct netns_ref){.kind = NETNS_PATH, .text = "/run/netns/theirs"};
	assert_refusal(lab_open(topology, ledger_dir, &opened, &err), EINVAL, &err,
	               "theirs and again are one and the same namespace");
}

/* What was made in it under the old name belongs to the new one: it stays, and goes with the topology. */
static void namespace_that_was_renamed_in_the_file_keeps_what_it_has(void **unused)
{
	struct topology *topology = &rig.topology;
	struct netns_ref ref = {.kind = NETNS_PATH, .text = "/run/netns/theirs"};

	(void)unused;
	enter_host();
	fclose(fopen("/run/nsctl-test-mark", "w"));
	shell("ip netns add theirs");
	draft_nothing();
	sketch_netns(topology, "theirs");
	netns_called("theirs")->tenure = NETNS_EXISTING;
	sketch_link(topology, "theirs/br0", LINK_BRIDGE, "10.0.1.1/24");
	set_sysctl("theirs", SYSCTL_IP_FORWARD, "1");
	apply();
	draft_nothing();
	sketch_netns(topology, "renamed");
	netns_called("renamed")->tenure = NETNS_EXISTING;
	netns_called("renamed")->ref = ref;
	sketch_link(topology, "renamed/br0", LINK_BRIDGE, "10.0.1.1/24");
	set_sysctl("renamed", SYSCTL_IP_FORWARD, "1");
	assert_int_equal(apply(), 0);
	shell("ip -n theirs addr show br0 | grep -q 10.0.1.1/24");
	draft_nothing();
	apply();
	shell("test $(ip -n theirs -o link | wc -l) = 1");
	shell("test $(ip netns exec theirs cat /proc/sys/net/ipv4/ip_forward) = 0");
	shell("ip netns delete theirs; test -z \"$(ls /run/nsctl-test)\"");
}

static void second_nsctl_at_once_is_refused(void **unused)
{
	struct err err = ERR_INIT;
	struct lab *first, *second;

	(void)unused;
	lab();
	first = open_lab();
	assert_int_equal(lab_open(&rig.topology, ledger_dir, &second, &err), -EBUSY);
	lab_close(first);
	apply();
}

/* ---- being killed ---- */

static void kill_at(void *ctx, size_t done, size_t total)
{
	(void)total;
	if (done == *(size_t *)ctx)
		raise(SIGKILL);
}

/* apply_until - in a child, which is killed after so many steps; false: there are not that many */
static bool apply_until(size_t steps)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct lab *opened;

		if (lab_open(&rig.topology, ledger_dir, &opened, NULL) < 0)
			_exit(1);
		_exit(lab_apply(opened, kill_at, &steps, NULL) < 0 ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

static void applying_survives_a_kill_after_each_step(void **unused)
{
	(void)unused;
	lab();
	for (size_t steps = 1; apply_until(steps); steps++) {
		apply();
		expect_whole();
		draft_nothing();
		apply();
		expect_nothing();
		draft_lab();
	}
}

static void deleting_survives_a_kill_after_each_step(void **unused)
{
	bool killed = true;

	(void)unused;
	lab();
	for (size_t steps = 1; killed; steps++) {
		apply();
		draft_nothing();
		killed = apply_until(steps);
		apply();
		expect_nothing();
		draft_lab();
	}
}

/* System calls that change something, or come just before one that does. */
static const char *const deadly[] = {"sendto",   "unshare", "mount", "umount2", "unlink", "unlinkat",
                                     "renameat", "rename",  "write", "openat",  "fsync"};

/*
 * run_killed - apply, or delete, in a program that is killed instead of its @nth system call @name
 * Returns false when there are not that many.
 */
static bool run_killed(const char *role, const char *name, int nth)
{
	char inject[128], self[PATH_MAX] = "";

	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	snprintf(inject, sizeof(inject), "inject=%s:signal=KILL:when=%d", name, nth);
	/* The leak check traces the program itself, and fails where another one does. */
	return testns_run(-1, TESTNS_ARGV("env", "ASAN_OPTIONS=detect_leaks=0", "strace", "-f", "-o", "/dev/null", "-e",
	                                  inject, self, role)) != 0;
}

static bool has_strace(void)
{
	return run_shell("strace -o /dev/null true 2> /dev/null") == 0;
}

/* kill_everywhere - from a drafted lab: how often it was killed */
static int kill_everywhere(const char *role,
                           void (*then)(const char *role, const char *name, int nth, bool *killed))
{
	int kills = 0;

	for (size_t i = 0; i < ARRAY_COUNT(deadly); i++) {
		bool killed = true;

		for (int nth = 1; killed; nth++) {
			then(role, deadly[i], nth, &killed);
			draft_nothing();
			apply();
			expect_nothing();
			draft_lab();
			kills += killed;
		}
	}
	return kills;
}

static void kill_applying(const char *role, const char *name, int nth, bool *killed)
{
	*killed = run_killed(role, name, nth);
	apply();
	assert_int_equal(count_planned(), 0);
	shell("test $(ip -o link show group default | wc -l) = 4"); /* no link is in the group of unfinished
	                                                               ones */
}

static void kill_deleting(const char *role, const char *name, int nth, bool *killed)
{
	apply();
	*killed = run_killed(role, name, nth);
}

/* Less, and it was not the kills that ended the program. */
enum { KILLS_MIN = 50 };

static void applying_survives_a_kill_at_each_system_call(void **unused)
{
	(void)unused;
	lab();
	if (!has_strace())
		skip();
	assert_in_range(kill_everywhere("apply", kill_applying), KILLS_MIN, 1000);
}

static void deleting_survives_a_kill_at_each_system_call(void **unused)
{
	(void)unused;
	lab();
	if (!has_strace())
		skip();
	assert_in_range(kill_everywhere("delete", kill_deleting), KILLS_MIN, 1000);
}

static void name_without_a_namespace_is_taken_over_and_removed(void **unused)
{
	(void)unused;
	lab();
	shell("mkdir -p /run/netns; : > /run/netns/ns1");
	apply();
	expect_whole();
	shell("umount /run/netns/ns1");
	draft_nothing();
	apply();
	expect_nothing();
}

/* act - be the program that the tests kill */
static int act(const char *role)
{
	struct err err = ERR_INIT;
	struct lab *opened;

	if (!strcmp(role, "apply"))
		draft_lab();
	else
		draft_nothing();
	if (lab_open(&rig.topology, ledger_dir, &opened, &err) < 0)
		return 1;
	return try_apply(opened, &err) < 0;
}

#define lab_test(function) cmocka_unit_test_teardown(function, tidy_up)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	        lab_test(topology_is_made_and_a_second_plan_is_empty),
	        lab_test(every_link_bears_the_mark_and_is_in_no_group),
	        lab_test(changed_file_changes_what_differs),
	        lab_test(drift_is_found_and_mended),
	        lab_test(macvlan_on_a_link_of_another_namespace_is_kept),
	        lab_test(thousands_of_links_are_counted_right),
	        lab_test(deleting_removes_what_was_made_and_nothing_else),
	        lab_test(furnishings_of_somebody_elses_things_are_removed),
	        lab_test(name_conflict_undoes_everything_and_spares_the_other),
	        lab_test(failure_of_a_route_undoes_everything_and_carries_the_kernels_words),
	        lab_test(failure_of_a_change_restores_what_was_there),
	        lab_test(links_that_were_deleted_come_back_with_all_that_was_on_them),
	        lab_test(kind_that_the_kernel_lacks_is_named),
	        lab_test(existing_namespace_that_is_missing_is_named),
	        lab_test(two_names_of_one_namespace_are_refused),
	        lab_test(namespace_that_was_renamed_in_the_file_keeps_what_it_has),
	        lab_test(second_nsctl_at_once_is_refused),
	        lab_test(applying_survives_a_kill_after_each_step),
	        lab_test(deleting_survives_a_kill_after_each_step),
	        lab_test(applying_survives_a_kill_at_each_system_call),
	        lab_test(deleting_survives_a_kill_at_each_system_call),
	        lab_test(name_without_a_namespace_is_taken_over_and_removed),
	};

	if (argc == 2)
		return act(argv[1]);
	return testns_result(cmocka_run_group_tests(tests, NULL, NULL));
}

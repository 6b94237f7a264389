/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/nsbench/place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/check.h"
#include "bench/nsbench/shapes.h"
#include "nsctl/topology/lab.h"
#include "nsctl/netns.h"
#include "nsctl/netlink/nl.h"
#include "nsctl/netlink/rtnl.h"

/* ---- inside a namespace ---- */

static int open_netns(const char *name, struct err *err)
{
	struct netns_ref ref = {.kind = NETNS_NAME};
	snprintf(ref.text, sizeof(ref.text), "%s", name);
	return netns_open(&ref, err);
}

/* visit - enter the namespace of that name, until netns_leave(*@ret_home) */
static int visit(const char *name, int *ret_home, struct err *err)
{
	int fd = open_netns(name, err);
	if (fd < 0)
		return fd;
	int rc = netns_enter(fd, ret_home, err);
	close(fd);
	return rc;
}

int place_enter(const char *netns, struct err *err)
{
	int fd = open_netns(netns, err);
	if (fd < 0)
		return fd;
	int rc = setns(fd, CLONE_NEWNET) < 0 ? err_set_errno(err, "cannot enter namespace %s", netns) : 0;
	close(fd);
	return rc;
}

/* write_setting - below /proc/sys, of the namespace the thread is in */
static int write_setting(const char *path, const char *value, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set_errno(err, "cannot open %s", path);
	ssize_t size = write(fd, value, strlen(value));
	int rc = size < 0 ? err_set_errno(err, "cannot write %s to %s", value, path) : 0;
	close(fd);
	return rc;
}

/*
 * tune_tcp - what no topology file has a word for
 * Short connections leave their ports in TIME_WAIT: enough ports, and taken over after a second (ip-sysctl).
 */
static int tune_tcp(const char *netns, struct err *err)
{
	int home, rc = visit(netns, &home, err);
	if (rc < 0)
		return rc;
	rc = write_setting("/proc/sys/net/ipv4/tcp_tw_reuse", "1", err);
	if (rc == 0)
		rc = write_setting("/proc/sys/net/ipv4/ip_local_port_range", "10000 65535", err);
	netns_leave(home);
	return rc;
}

/* ---- making and removing ---- */

static int apply(const struct topology *topology, const char *ledger_dir, struct err *err)
{
	struct lab *lab;
	int rc = lab_open(topology, ledger_dir, &lab, err);
	if (rc < 0)
		return rc;
	rc = lab_apply(lab, NULL, NULL, err);
	lab_close(lab);
	return rc;
}

static int tune(const struct topology *topology, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < topology->netns.count; i++)
		rc = tune_tcp(topology->netns.items[i].name, err);
	return rc;
}

static int make(const struct place_order *order, const struct topology *topology, struct err *err)
{
	int rc = apply(topology, order->ledger_dir, err);
	if (rc < 0)
		return rc;
	rc = tune(topology, err);
	if (rc < 0)
		(void)place_remove(order->name, order->ledger_dir, NULL);
	return rc;
}

int place_make(const struct place_order *order, struct place *ret, struct err *err)
{
	struct topology topology = {0};
	struct place place;
	int rc = shape_draw(order, &topology, &place, err);
	if (rc == 0)
		rc = make(order, &topology, err);
	topology_fini(&topology);
	if (rc == 0)
		*ret = place;
	return rc;
}

int place_remove(const char *name, const char *ledger_dir, struct err *err)
{
	struct topology nothing = {0};
	snprintf(nothing.name, sizeof(nothing.name), "%s", name);
	return apply(&nothing, ledger_dir, err);
}

/* ---- looking ---- */

/* has_listener - is there such a line in /proc/net/tcp? proc(5): its second column ends in the port, its
 * fourth is the state */
static int has_listener(FILE *table, uint16_t port)
{
	enum { TCP_LISTEN_STATE = 0x0a }; /* TCP_LISTEN of net/tcp_states.h */
	char line[512];
	unsigned local_port, state;
	while (fgets(line, sizeof(line), table))
		if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x", &local_port, &state) == 2 &&
		    local_port == port && state == TCP_LISTEN_STATE)
			return 1;
	return 0;
}

int place_listens(const char *netns, uint16_t port)
{
	static const char *const tables[] = {"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"};
	int home, rc = visit(netns, &home, NULL);
	for (size_t i = 0; rc == 0 && i < ARRAY_COUNT(tables); i++) {
		FILE *table = fopen(tables[i], "re");
		if (!table)
			continue; /* no IPv6 here */
		rc = has_listener(table, port);
		fclose(table);
	}
	if (rc >= 0)
		netns_leave(home);
	return rc;
}

/* has_feature - the old ioctl for one offload; false also when it cannot be asked for. ethtool(8) */
static bool has_feature(int fd, struct ifreq *request, uint32_t command)
{
	struct ethtool_value value = {.cmd = command};
	request->ifr_data = (char *)&value;
	return ioctl(fd, SIOCETHTOOL, request) == 0 && value.data != 0;
}

/* append - print to the end of the text in @ret */
static void __attribute__((format(printf, 3, 4))) append(char *ret, size_t size, const char *format, ...)
{
	size_t length = strlen(ret);
	va_list args;
	va_start(args, format);
	vsnprintf(ret + length, size - length, format, args);
	va_end(args);
}

static void describe_features(int fd, const char *link, char *ret, size_t size)
{
	static const struct {
		const char *name;
		uint32_t command;
	} features[] = {{"tso", ETHTOOL_GTSO},
	                {"gso", ETHTOOL_GGSO},
	                {"gro", ETHTOOL_GGRO},
	                {"tx checksum", ETHTOOL_GTXCSUM}};
	struct ifreq request = {0};
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", link);
	for (size_t i = 0; i < ARRAY_COUNT(features); i++)
		append(ret, size, "%s%s %s", i ? ", " : "", features[i].name,
		       has_feature(fd, &request, features[i].command) ? "on" : "off");
}

/* describe_numbers - those that this kernel knows; BIG TCP is a gso_max_size above 65536 */
static void describe_numbers(struct nl *nl, const char *link, char *ret, size_t size)
{
	uint32_t numbers[LINK_NUMBER_COUNT] = {0};
	if (rtnl_link_numbers(nl, link, numbers, NULL) < 0)
		return;
	for (size_t i = 0; i < LINK_NUMBER_COUNT; i++)
		if (numbers[i])
			append(ret, size, ", %s %u", link_numbers[i].name, numbers[i]);
}

int place_link_features(const char *netns, const char *link, char *ret, size_t size)
{
	struct nl *nl = NULL;
	int home, rc = visit(netns, &home, NULL);
	if (rc < 0)
		return rc;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = fd < 0 ? -errno : nl_open(-1, NETLINK_ROUTE, netns, &nl, NULL);
	netns_leave(home);
	*ret = '\0';
	if (rc == 0) {
		describe_features(fd, link, ret, size);
		describe_numbers(nl, link, ret, size);
	}
	nl_close(nl);
	if (fd >= 0)
		close(fd);
	return rc;
}

int place_congestion(const char **ret, struct err *err)
{
	static const char *const names[] = {"cubic", "reno"};
	int rc = -ENOENT, fd = netns_create_anonymous(err);
	if (fd < 0)
		return fd;
	for (size_t i = 0; rc < 0 && i < ARRAY_COUNT(names); i++) {
		rc = sysctl_write(fd, "a new namespace", SYSCTL_TCP_CONGESTION_CONTROL, names[i], err);
		if (rc == 0)
			*ret = names[i];
	}
	close(fd);
	return rc;
}

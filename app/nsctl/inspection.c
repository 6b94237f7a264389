/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/inspection.h"

#include <errno.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <unistd.h>

#include "nsctl/nft/nft.h"

/* ---- reading ---- */

static int identify(int fd, struct inspection *inspection, struct err *err)
{
	struct netns_id id;
	int r = netns_identify(fd, &id, err);
	if (r < 0)
		return r;
	inspection->inode = id.ino;
	if (netns_cookie(fd, &inspection->cookie, NULL) < 0)
		inspection->cookie = 0;
	return 0;
}

static int read_state(int fd, struct inspection *inspection, struct err *err)
{
	struct nl *nl;
	int r = nl_open(fd, NETLINK_ROUTE, inspection->name, &nl, err);
	if (r < 0)
		return r;
	r = netstate_read(nl, NETSTATE_LINKS | NETSTATE_ADDRESSES | NETSTATE_ALL_ROUTES | NETSTATE_RULES,
	                  &inspection->state, err);
	nl_close(nl);
	return r;
}

static void read_ruleset(int fd, struct inspection *inspection)
{
	struct err *err = &inspection->ruleset_err;
	struct nft_ruleset ruleset = {0};
	struct nl *nl;
	if (nl_open(fd, NETLINK_NETFILTER, inspection->name, &nl, err) < 0)
		return;
	if (nft_read(nl, NULL, &ruleset, err) == 0) {
		inspection->ruleset = nft_text(&ruleset, 0);
		if (!inspection->ruleset)
			err_set(err, ENOMEM, "out of memory");
		nft_fini(&ruleset);
	}
	nl_close(nl);
}

static void read_firewall(int fd, struct inspection *inspection)
{
	read_ruleset(fd, inspection);
	inspection->has_legacy_iptables = nft_legacy_present(fd, &inspection->legacy_err) == 1;
}

static void read_sysctls(int fd, struct inspection *inspection)
{
	for (int i = 0; i < SYSCTL_COUNT; i++)
		if (sysctl_read(fd, inspection->name, (enum sysctl)i, inspection->sysctls[i],
		                SYSCTL_VALUE_MAX, NULL) < 0)
			inspection->sysctls[i][0] = '\0';
}

static void read_sockets(int fd, struct inspection *inspection)
{
	struct err *err = &inspection->sockets_err;
	struct nl *nl;
	if (nl_open(fd, NETLINK_SOCK_DIAG, inspection->name, &nl, err) < 0)
		return;
	if (sockdiag_read(nl, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED, &inspection->sockets, err) == 0)
		holders_read(&inspection->holders, err);
	nl_close(nl);
}

static int read_all(int fd, struct inspection *inspection, struct err *err)
{
	int r = identify(fd, inspection, err);
	if (r == 0)
		r = read_state(fd, inspection, err);
	if (r < 0)
		return r;
	read_firewall(fd, inspection);
	read_sysctls(fd, inspection);
	read_sockets(fd, inspection);
	return 0;
}

int inspection_read(const struct netns_ref *ref, struct inspection *ret, struct err *err)
{
	struct inspection inspection = {0};
	int fd = netns_open(ref, err);
	if (fd < 0)
		return fd;
	netns_ref_format(ref, inspection.name, sizeof(inspection.name));
	int r = read_all(fd, &inspection, err);
	close(fd);
	if (r < 0)
		inspection_fini(&inspection);
	else
		*ret = inspection;
	return r;
}

void inspection_fini(struct inspection *inspection)
{
	netstate_fini(&inspection->state);
	free(inspection->ruleset);
	vec_clear(&inspection->sockets.all);
	vec_clear(&inspection->holders.all);
}

/* ---- what both ways of showing have in common ---- */

const char *inspection_link_name(const struct inspection *inspection, uint32_t index, char *buf, size_t size)
{
	const struct netstate_link *link = netstate_link_by_index(&inspection->state, index);
	if (link)
		return link->name;
	snprintf(buf, size, "#%u", index);
	return buf;
}

/* The carrier is told at once; operstate follows it by up to a second,
 * Documentation/networking/operstates.rst of Linux. */
const char *inspection_link_state(const struct netstate_link *link)
{
	if (!(link->flags & IFF_UP))
		return "down";
	if (link->operstate == IF_OPER_DORMANT || link->operstate == IF_OPER_TESTING)
		return link->operstate == IF_OPER_DORMANT ? "dormant" : "testing";
	if (link->flags & IFF_LOWER_UP)
		return "up";
	return link->operstate == IF_OPER_LOWERLAYERDOWN ? "lower link down" : "no carrier";
}

const char *inspection_link_kind(const struct netstate_link *link)
{
	if (link->kind != LINK_OTHER)
		return link_kind_name(link->kind);
	return *link->kind_name ? link->kind_name : "device";
}

static bool comes_in(int pass, uint32_t table)
{
	bool is_main = table == RT_TABLE_MAIN, is_local = table == RT_TABLE_LOCAL;
	return pass == 0 ? is_main : pass == 2 ? is_local : !is_main && !is_local;
}

void inspection_each_route(const struct inspection *inspection,
                           void (*tell)(void *ctx, const struct netstate_route *route), void *ctx)
{
	for (int pass = 0; pass < 3; pass++)
		vec_each (route, &inspection->state.routes)
			if (comes_in(pass, route->table))
				tell(ctx, route);
}

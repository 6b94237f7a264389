/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/topology_live.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nsctl/netns.h"

/* ---- reading ---- */

static int read_state(int fd, const char *name, struct netstate *state, struct err *err)
{
	struct nl *nl;
	int r = nl_open(fd, NETLINK_ROUTE, name, &nl, err);
	if (r < 0)
		return r;
	r = netstate_read(nl, NETSTATE_LINKS | NETSTATE_ADDRESSES | NETSTATE_ROUTES, state, err);
	nl_close(nl);
	return r;
}

static void read_sysctls(int fd, const struct topology_netns *wanted, struct live_netns *live)
{
	for (int i = 0; i < SYSCTL_COUNT; i++)
		if (*wanted->sysctls[i])
			sysctl_read(fd, wanted->name, (enum sysctl)i, live->sysctls[i], SYSCTL_VALUE_MAX,
			            NULL);
}

static int compare_nat(struct nl *nl, const struct topology *topology, const struct nat *wanted,
                       enum live_nat *ret, struct err *err)
{
	char mark[TOPOLOGY_MARK_MAX], *seen;
	topology_mark(topology, mark, sizeof(mark));
	int r = nat_read(nl, mark, &seen, err);
	if (r < 0)
		return r;
	char *text = nat_text(mark, wanted);
	if (text)
		*ret = !*seen ? LIVE_MISSING : strcmp(text, seen) == 0 ? LIVE_THERE : LIVE_DIFFERS;
	else
		r = err_set(err, ENOMEM, "out of memory");
	free(text);
	free(seen);
	return r;
}

static int read_nat(int fd, const struct topology *topology, const struct topology_netns *wanted,
                    struct live_netns *live, struct err *err)
{
	struct nl *nl;
	if (nat_empty(&wanted->nat))
		return 0;
	int r = nl_open(fd, NETLINK_NETFILTER, wanted->name, &nl, err);
	if (r < 0)
		return r;
	r = compare_nat(nl, topology, &wanted->nat, &live->nat, err);
	nl_close(nl);
	return r;
}

static int look_at(const struct topology *topology, const struct topology_netns *wanted,
                   struct live_netns *live, struct err *err)
{
	int fd = netns_open(&wanted->ref, err);
	/* EINVAL: a name that a kill has left without its namespace. */
	if (fd == -ENOENT || fd == -ESRCH || fd == -EINVAL)
		return 0;
	if (fd < 0)
		return fd;
	live->exists = true;
	int r = read_state(fd, wanted->name, &live->state, err);
	if (r == 0)
		read_sysctls(fd, wanted, live);
	if (r == 0)
		r = read_nat(fd, topology, wanted, live, err);
	close(fd);
	return r;
}

int topology_live_read(const struct topology *topology, struct topology_live *ret, struct err *err)
{
	struct topology_live live = {.topology = topology};
	int r = 0;
	live.netns = calloc(topology->netns.count + 1, sizeof(*live.netns));
	if (!live.netns)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; r == 0 && i < topology->netns.count; i++)
		r = look_at(topology, &topology->netns.items[i], &live.netns[i], err);
	if (r < 0)
		topology_live_fini(&live);
	else
		*ret = live;
	return r;
}

void topology_live_fini(struct topology_live *live)
{
	for (size_t i = 0; live->netns && i < live->topology->netns.count; i++)
		netstate_fini(&live->netns[i].state);
	free(live->netns);
	live->netns = NULL;
}

/* ---- finding ---- */

const struct netstate_link *topology_live_link(const struct topology_live *live,
                                               const struct topology_link *link)
{
	return netstate_link_by_name(&live->netns[link->netns].state, link->name);
}

bool topology_live_has_address(const struct topology_live *live, const struct topology_link *link,
                               const struct prefix *address)
{
	const struct netstate_link *found = topology_live_link(live, link);
	vec_each (seen, &live->netns[link->netns].state.addresses)
		if (found && seen->link == found->index && prefix_equal(&seen->prefix, address))
			return true;
	return false;
}

static bool is_by_link(const struct netstate *state, const struct netstate_route *seen, const char *link)
{
	const struct netstate_link *found = netstate_link_by_index(state, seen->link);
	return !*link || (found && strcmp(found->name, link) == 0);
}

bool topology_live_has_route(const struct topology_live *live, uint32_t netns,
                             const struct topology_route *route)
{
	const struct netstate *state = &live->netns[netns].state;
	vec_each (seen, &state->routes)
		if (prefix_equal(&seen->to, &route->to) && prefix_equal(&seen->via, &route->via) &&
		    is_by_link(state, seen, route->link))
			return true;
	return false;
}

/* ---- numbers ---- */

static void tell_numbers(const struct topology_live *live, uint32_t netns, const char *link,
                         const uint32_t *wanted, live_number_fn *each, void *ctx)
{
	const struct netstate_link *found = netstate_link_by_name(&live->netns[netns].state, link);
	for (enum link_number i = 0; i < LINK_NUMBER_COUNT; i++) {
		struct live_number number = {.netns = live->topology->netns.items[netns].name,
		                             .link = link,
		                             .number = i,
		                             .wanted = link_number_wanted(wanted, i),
		                             .is = found ? found->numbers[i] : 0};
		bool is_passed_over = found && !number.is && !wanted[i]; /* this kernel does not know it */
		if (number.wanted && !is_passed_over)
			each(ctx, &number);
	}
}

void topology_live_numbers(const struct topology_live *live, live_number_fn *each, void *ctx)
{
	const struct topology *topology = live->topology;
	for (uint32_t i = 0; i < topology->netns.count; i++)
		tell_numbers(live, i, "lo", topology->netns.items[i].loopback_numbers, each, ctx);
	vec_each (link, &topology->links)
		tell_numbers(live, link->netns, link->name, link->numbers, each, ctx);
}

void topology_live_write_number(struct json *json, const struct live_number *number)
{
	json_begin_object(json, NULL);
	json_text(json, "namespace", number->netns);
	json_text(json, "link", number->link);
	json_text(json, "number", link_numbers[number->number].name);
	json_number(json, "wanted", number->wanted);
	if (number->is)
		json_number(json, "is", number->is);
	else
		json_put_null(json, "is");
	json_bool(json, "ok", number->is == number->wanted);
	json_end(json);
}

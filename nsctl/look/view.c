/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/view.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nsctl/netns.h"

int view_init(struct view *view, const struct topology *topology, struct err *err)
{
	size_t count = topology->netns.count;

	*view = (struct view){.topology = topology, .netns = calloc(count, sizeof(*view->netns))};
	if (!view->netns && count > 0)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < count; i++)
		view->netns[i].fd = -1;
	return 0;
}

static void close_netns(struct view_netns *netns)
{
	netstate_fini(&netns->state);
	nl_close(netns->nl);
	if (netns->fd >= 0)
		close(netns->fd);
}

void view_fini(struct view *view)
{
	for (size_t i = 0; view->netns && i < view->topology->netns.count; i++)
		close_netns(&view->netns[i]);
	free(view->netns);
	view->netns = NULL;
}

const char *view_name(const struct view *view, uint32_t netns)
{
	return view->topology->netns.items[netns].name;
}

int view_fd(struct view *view, uint32_t netns, struct err *err)
{
	const struct topology_netns *wanted = &view->topology->netns.items[netns];
	struct view_netns *own = &view->netns[netns];

	if (own->fd < 0)
		own->fd = netns_open(&wanted->ref, err);
	if (own->fd >= 0)
		return own->fd;
	if (own->fd == -ENOENT && wanted->tenure == NETNS_MADE)
		return err_set(err, ENOENT, "namespace %s is not there; `nsctl topology apply` makes it",
		               wanted->name);
	return own->fd;
}

static int open_nl(struct view *view, uint32_t netns, struct nl **ret, struct err *err)
{
	struct view_netns *own = &view->netns[netns];
	int fd = view_fd(view, netns, err);
	int rc = fd < 0 ? fd : 0;

	if (rc == 0 && !own->nl)
		rc = nl_open(fd, NETLINK_ROUTE, view_name(view, netns), &own->nl, err);
	if (rc == 0)
		*ret = own->nl;
	return rc;
}

int view_state(struct view *view, uint32_t netns, const struct netstate **ret, struct err *err)
{
	struct view_netns *own = &view->netns[netns];
	struct nl *nl = NULL;
	int rc = open_nl(view, netns, &nl, err);

	if (rc == 0 && !own->is_read)
		rc = netstate_read(nl, NETSTATE_LINKS | NETSTATE_ADDRESSES, &own->state, err);
	if (rc < 0)
		return rc;
	own->is_read = true;
	*ret = &own->state;
	return 0;
}

/* ---- the way of a packet ---- */

static void put_address(struct nlmsghdr *message, uint16_t type, const struct prefix *address)
{
	if (address->family != AF_UNSPEC)
		nl_put(message, type, &address->address, prefix_address_size(address->family));
}

static void put_packet(struct nl_batch *batch, const struct view_packet *packet)
{
	struct nlmsghdr *message = nl_begin(batch, RTM_GETROUTE, 0);
	struct rtmsg *header = nl_put_header(message, sizeof(*header));

	header->rtm_family = (unsigned char)packet->to.family;
	header->rtm_dst_len = prefix_full_length(packet->to.family);
	if (packet->from.family != AF_UNSPEC)
		header->rtm_src_len = prefix_full_length(packet->from.family);
	put_address(message, RTA_DST, &packet->to);
	put_address(message, RTA_SRC, &packet->from);
	if (packet->in)
		nl_put_u32(message, RTA_IIF, packet->in);
}

static struct prefix get_address(sa_family_t family, const struct nlattr *attr)
{
	size_t size = family == AF_INET || family == AF_INET6 ? prefix_address_size(family) : 0;
	const void *bytes = size ? nl_get_data(attr, size) : NULL;
	struct prefix address = {.family = AF_UNSPEC};

	if (!bytes)
		return address;
	address.family = family;
	address.length = prefix_full_length(family);
	memcpy(&address.address, bytes, size);
	return address;
}

/* get_via - the next hop of an IPv4 route may be an IPv6 address, which is told with its family (RTA_VIA,
 * Linux 5.2) */
static struct prefix get_via(sa_family_t family, const struct nlattr *const attrs[])
{
	const struct rtvia *via = nl_get_data(attrs[RTA_VIA], sizeof(*via) + sizeof(struct in6_addr));
	struct prefix address = {.family = AF_INET6, .length = 128};

	if (!via || via->rtvia_family != AF_INET6)
		return get_address(family, attrs[RTA_GATEWAY]);
	memcpy(&address.address, via->rtvia_addr, sizeof(struct in6_addr));
	return address;
}

static int take_route(void *ctx, const struct nlmsghdr *message, struct err *err)
{
	const struct rtmsg *header = nl_get_header(message, sizeof(*header));
	const struct nlattr *attrs[RTA_MAX + 1];
	struct view_route *route = ctx;

	(void)err;
	if (message->nlmsg_type != RTM_NEWROUTE || !header)
		return 0;
	nl_parse(message, sizeof(*header), attrs, RTA_MAX + 1);
	*route = (struct view_route){
	        .type = header->rtm_type,
	        .link = nl_get_u32(attrs[RTA_OIF]),
	        .via = get_via(header->rtm_family, attrs),
	        .source = get_address(header->rtm_family, attrs[RTA_PREFSRC]),
	};
	return 0;
}

static int ask(struct nl *nl, struct nl_batch *batch, struct view_route *ret, struct err *err)
{
	int rc = nl_send(nl, batch, take_route, ret, err);

	return rc == 0 && batch->failed < batch->count ? nl_explain(nl, batch, 0, "look up a route", err)
	                                               : rc;
}

int view_route(struct view *view, uint32_t netns, const struct view_packet *packet, struct view_route *ret,
               struct err *err)
{
	struct view_route route = {.type = RTN_UNSPEC};
	struct nl_batch batch;
	struct nl *nl = NULL;
	int rc = open_nl(view, netns, &nl, err);

	if (rc == 0)
		rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, err);
	if (rc < 0)
		return rc;
	put_packet(&batch, packet);
	rc = ask(nl, &batch, &route, err);
	nl_batch_fini(&batch);
	if (rc == 0)
		*ret = route;
	return rc;
}

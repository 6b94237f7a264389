/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a function fills a `struct request`, names what it is about to do, and hands it to
 * transact(), which sends it, waits for the kernel's acknowledgement and turns a refusal into an error. The
 * kernel carries out a request inside sendmsg(2), so that the answer waits by then and nothing here ever
 * sleeps on the network.
 */
#include "nsctl/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/endpoint.h"
#include "nsctl/netns.h"

enum {
	REQUEST_SIZE = 1024, /* a veth pair, the largest, is under 200 bytes; checked at every put */
	ANSWER_SIZE = 32768, /* what iproute2 uses as well; MNL_SOCKET_BUFFER_SIZE is not a constant */
	WHAT_MAX = 256,
};

struct rtnl {
	struct mnl_socket *socket;
	unsigned int sequence;
	char where[NETNS_TEXT_MAX];
};

struct request {
	union {
		struct nlmsghdr header;
		char bytes[REQUEST_SIZE];
	};
	char what[WHAT_MAX]; /* operation and object, for errors */
};

struct answer {
	int code;       /* positive errno, 0: done */
	int link_index; /* of the last link the kernel told of */
	char text[128]; /* the kernel's explanation, "" when it gave none */
};

/* ---- handle ---- */

static int enable(struct mnl_socket *socket, int option)
{
	int on = 1;

	return mnl_socket_setsockopt(socket, option, &on, sizeof(on));
}

static int set_up_socket(struct mnl_socket *socket)
{
	/* CAP_ACK: an answer does not repeat the request, so that the explanation follows its header at once.
	 */
	if (enable(socket, NETLINK_EXT_ACK) < 0 || enable(socket, NETLINK_CAP_ACK) < 0)
		return -1;
	return mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID);
}

static int open_socket(struct mnl_socket **ret, struct err *err)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int rc;

	if (!socket)
		return err_set_errno(err, "open a netlink socket");
	if (set_up_socket(socket) < 0) {
		rc = err_set_errno(err, "set up a netlink socket");
		mnl_socket_close(socket);
		return rc;
	}
	*ret = socket;
	return 0;
}

static int open_socket_in(int ns_fd, struct mnl_socket **ret, struct err *err)
{
	int home = -1;
	int rc = ns_fd < 0 ? 0 : netns_enter(ns_fd, &home, err);

	if (rc < 0)
		return rc;
	rc = open_socket(ret, err);
	netns_leave(home);
	return rc;
}

int rtnl_open(int ns_fd, const char *where, struct rtnl **ret, struct err *err)
{
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int rc;

	if (!rtnl)
		return err_set(err, ENOMEM, "namespace %s: out of memory", where);
	rc = open_socket_in(ns_fd, &rtnl->socket, err);
	if (rc < 0) {
		err_prefix(err, "namespace %s", where);
		free(rtnl);
		return rc;
	}
	snprintf(rtnl->where, sizeof(rtnl->where), "%s", where);
	*ret = rtnl;
	return 0;
}

void rtnl_close(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	mnl_socket_close(rtnl->socket);
	free(rtnl);
}

/* ---- one request and its answer ---- */

/* Returns the zeroed header of @size bytes that follows the netlink header. */
static void *request_begin(struct request *request, uint16_t type, uint16_t flags, size_t size)
{
	mnl_nlmsg_put_header(request->bytes);
	request->header.nlmsg_type = type;
	request->header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return mnl_nlmsg_put_extra_header(&request->header, size);
}

__attribute__((format(printf, 2, 3))) static void request_describe(struct request *request, const char *fmt,
                                                                   ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(request->what, sizeof(request->what), fmt, args);
	va_end(args);
}

static void put(struct request *request, uint16_t type, const void *data, size_t size)
{
	CHECK(mnl_attr_put_check(&request->header, REQUEST_SIZE, type, size, data));
}

static void put_u32(struct request *request, uint16_t type, uint32_t value)
{
	put(request, type, &value, sizeof(value));
}

static void put_text(struct request *request, uint16_t type, const char *text)
{
	put(request, type, text, strlen(text) + 1);
}

static struct nlattr *nest_begin(struct request *request, uint16_t type)
{
	struct nlattr *nest = mnl_attr_nest_start_check(&request->header, REQUEST_SIZE, type);

	CHECK(nest);
	return nest;
}

static void nest_end(struct request *request, struct nlattr *nest)
{
	mnl_attr_nest_end(&request->header, nest);
}

static int on_data(const struct nlmsghdr *header, void *data)
{
	struct answer *answer = data;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(header);

	if (header->nlmsg_type == RTM_NEWLINK)
		answer->link_index = link->ifi_index;
	return MNL_CB_OK;
}

static void keep_explanation(const struct nlmsghdr *header, struct answer *answer)
{
	const struct nlattr *attr;

	if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	mnl_attr_for_each(attr, header, sizeof(struct nlmsgerr))
	{
		if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
		    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
			snprintf(answer->text, sizeof(answer->text), "%s", mnl_attr_get_str(attr));
	}
}

static int on_acknowledgement(const struct nlmsghdr *header, void *data)
{
	const struct nlmsgerr *status = mnl_nlmsg_get_payload(header);
	struct answer *answer = data;

	answer->code = -status->error;
	keep_explanation(header, answer);
	return MNL_CB_STOP;
}

static int receive_answer(struct rtnl *rtnl, struct answer *answer)
{
	mnl_cb_t on_control[NLMSG_MIN_TYPE] = {[NLMSG_ERROR] = on_acknowledgement};
	unsigned int port = mnl_socket_get_portid(rtnl->socket);
	char buf[ANSWER_SIZE];
	ssize_t size;
	int rc;

	do {
		size = mnl_socket_recvfrom(rtnl->socket, buf, sizeof(buf));
		if (size < 0)
			return -1;
		rc = mnl_cb_run2(buf, size, rtnl->sequence, port, on_data, answer, on_control,
		                 ARRAY_COUNT(on_control));
	} while (rc > MNL_CB_STOP);
	return rc;
}

static int explain(const struct rtnl *rtnl, const struct request *request, const struct answer *answer,
                   struct err *err)
{
	return err_set(err, answer->code, "namespace %s: %s: %s%s%s%s", rtnl->where, request->what,
	               strerror(answer->code), *answer->text ? " (" : "", answer->text,
	               *answer->text ? ")" : "");
}

static int transact(struct rtnl *rtnl, struct request *request, struct answer *answer, struct err *err)
{
	struct nlmsghdr *header = &request->header;

	header->nlmsg_seq = ++rtnl->sequence;
	if (mnl_socket_sendto(rtnl->socket, header, header->nlmsg_len) < 0 ||
	    receive_answer(rtnl, answer) < 0)
		answer->code = errno;
	return answer->code ? explain(rtnl, request, answer, err) : 0;
}

static int carry_out(struct rtnl *rtnl, struct request *request, struct err *err)
{
	struct answer answer = {0};

	return transact(rtnl, request, &answer, err);
}

/* ---- links ---- */

/* The kernel would take no name, or one with a %d, as a wish to choose one. */
static int check_link_name(const struct rtnl *rtnl, const char *name, struct err *err)
{
	size_t length = strlen(name);

	if (length > 0 && length < IFNAMSIZ && !strpbrk(name, "/%"))
		return 0;
	return err_set(err, EINVAL,
	               "namespace %s: `%s` cannot name a link (1 to %d characters, no '/', no '%%')",
	               rtnl->where, name, IFNAMSIZ - 1);
}

int rtnl_link_index(struct rtnl *rtnl, const char *name, struct err *err)
{
	struct request request;
	struct answer answer = {0};
	int rc = check_link_name(rtnl, name, err);

	if (rc < 0)
		return rc;
	request_begin(&request, RTM_GETLINK, 0, sizeof(struct ifinfomsg));
	request_describe(&request, "find link %s", name);
	put_text(&request, IFLA_IFNAME, name);
	rc = transact(rtnl, &request, &answer, err);
	return rc < 0 ? rc : answer.link_index;
}

int rtnl_link_set_up(struct rtnl *rtnl, const char *name, bool is_up, struct err *err)
{
	struct request request;
	struct ifinfomsg *link;
	int rc = check_link_name(rtnl, name, err);

	if (rc < 0)
		return rc;
	link = request_begin(&request, RTM_NEWLINK, 0, sizeof(*link));
	link->ifi_flags = is_up ? IFF_UP : 0;
	link->ifi_change = IFF_UP;
	request_describe(&request, "set link %s %s", name, is_up ? "up" : "down");
	put_text(&request, IFLA_IFNAME, name);
	return carry_out(rtnl, &request, err);
}

int rtnl_link_delete(struct rtnl *rtnl, const char *name, struct err *err)
{
	struct request request;
	int rc = check_link_name(rtnl, name, err);

	if (rc < 0)
		return rc;
	request_begin(&request, RTM_DELLINK, 0, sizeof(struct ifinfomsg));
	request_describe(&request, "delete link %s", name);
	put_text(&request, IFLA_IFNAME, name);
	return carry_out(rtnl, &request, err);
}

static void put_veth_end(struct request *request, const struct rtnl_veth_end *end)
{
	put_text(request, IFLA_IFNAME, end->name);
	if (end->ns_fd >= 0)
		put_u32(request, IFLA_NET_NS_FD, (uint32_t)end->ns_fd);
}

/* The second end is a link message of its own, inside the first one's. */
static void put_veth_peer(struct request *request, const struct rtnl_veth_end *end)
{
	struct nlattr *peer = nest_begin(request, VETH_INFO_PEER);

	mnl_nlmsg_put_extra_header(&request->header, sizeof(struct ifinfomsg));
	put_veth_end(request, end);
	nest_end(request, peer);
}

static void put_veth_info(struct request *request, const struct rtnl_veth_end *end)
{
	struct nlattr *info = nest_begin(request, IFLA_LINKINFO);
	struct nlattr *data;

	put_text(request, IFLA_INFO_KIND, "veth");
	data = nest_begin(request, IFLA_INFO_DATA);
	put_veth_peer(request, end);
	nest_end(request, data);
	nest_end(request, info);
}

int rtnl_veth_add(struct rtnl *rtnl, const struct rtnl_veth_end *a, const struct rtnl_veth_end *b,
                  struct err *err)
{
	struct request request;
	int rc = check_link_name(rtnl, a->name, err);

	if (rc == 0)
		rc = check_link_name(rtnl, b->name, err);
	if (rc < 0)
		return rc;
	request_begin(&request, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
	request_describe(&request, "add veth pair %s, %s", a->name, b->name);
	put_veth_end(&request, a);
	put_veth_info(&request, b);
	return carry_out(rtnl, &request, err);
}

/* ---- addresses and routes ---- */

static size_t address_size(const struct rtnl_prefix *prefix)
{
	return prefix->family == AF_INET6 ? sizeof(struct in6_addr) : sizeof(struct in_addr);
}

static uint8_t full_length(sa_family_t family)
{
	return family == AF_INET6 ? 128 : 32;
}

static void put_address(struct request *request, uint16_t type, const struct rtnl_prefix *prefix)
{
	put(request, type, &prefix->address, address_size(prefix));
}

/* Decimal, at most @max; -1 for anything else. */
static int parse_length(const char *text, int max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	return text[0] < '0' || text[0] > '9' || *end || value > (unsigned long)max ? -1 : (int)value;
}

static int parse_prefix(char *text, struct rtnl_prefix *ret)
{
	struct rtnl_prefix prefix = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	char *slash = strchr(text, '/');
	int length = full_length(prefix.family);

	if (slash) {
		*slash = '\0';
		length = parse_length(slash + 1, length);
	}
	if (length < 0 || inet_pton(prefix.family, text, &prefix.address) != 1)
		return -EINVAL;
	prefix.length = (uint8_t)length;
	*ret = prefix;
	return 0;
}

int rtnl_prefix_parse(const char *text, struct rtnl_prefix *ret, struct err *err)
{
	char copy[RTNL_PREFIX_TEXT_MAX];
	size_t length = strlen(text);

	if (length < sizeof(copy) && parse_prefix(memcpy(copy, text, length + 1), ret) == 0)
		return 0;
	return err_set(err, EINVAL, "`%s` is not ADDRESS/LENGTH, as in 10.0.0.1/24 or fd00::1/64", text);
}

const char *rtnl_prefix_format(const struct rtnl_prefix *prefix, char *buf, size_t size)
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(prefix->family, &prefix->address, address, sizeof(address));
	snprintf(buf, size, "%s/%d", address, prefix->length);
	return buf;
}

int rtnl_address_add(struct rtnl *rtnl, const char *link, const struct rtnl_prefix *address, struct err *err)
{
	char text[RTNL_PREFIX_TEXT_MAX];
	struct request request;
	struct ifaddrmsg *message;
	int index = rtnl_link_index(rtnl, link, err);

	if (index < 0)
		return index;
	message = request_begin(&request, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*message));
	message->ifa_family = (uint8_t)address->family;
	message->ifa_prefixlen = address->length;
	message->ifa_index = (uint32_t)index;
	request_describe(&request, "add address %s to link %s",
	                 rtnl_prefix_format(address, text, sizeof(text)), link);
	put_address(&request, IFA_LOCAL, address);
	put_address(&request, IFA_ADDRESS, address);
	if (address->family == AF_INET6)
		put_u32(&request, IFA_FLAGS, IFA_F_NODAD);
	return carry_out(rtnl, &request, err);
}

/* 0: no link was named. */
static int route_link_index(struct rtnl *rtnl, const struct rtnl_route *route, struct err *err)
{
	return route->link ? rtnl_link_index(rtnl, route->link, err) : 0;
}

static void describe_route(struct request *request, const struct rtnl_route *route)
{
	char to[RTNL_PREFIX_TEXT_MAX], via[INET6_ADDRSTRLEN];

	inet_ntop(route->via.family, &route->via.address, via, sizeof(via));
	request_describe(request, "add route %s via %s", rtnl_prefix_format(&route->to, to, sizeof(to)), via);
}

static void build_route(struct request *request, const struct rtnl_route *route, int link_index)
{
	struct rtmsg *message = request_begin(request, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL,
	                                      sizeof(*message));

	message->rtm_family = (uint8_t)route->to.family;
	message->rtm_dst_len = route->to.length;
	message->rtm_table = RT_TABLE_MAIN;
	message->rtm_protocol = RTPROT_STATIC;
	message->rtm_scope = RT_SCOPE_UNIVERSE;
	message->rtm_type = RTN_UNICAST;
	describe_route(request, route);
	if (route->to.length > 0)
		put_address(request, RTA_DST, &route->to);
	put_address(request, RTA_GATEWAY, &route->via);
	if (link_index > 0)
		put_u32(request, RTA_OIF, (uint32_t)link_index);
}

int rtnl_route_add(struct rtnl *rtnl, const struct rtnl_route *route, struct err *err)
{
	struct request request;
	int index = route_link_index(rtnl, route, err);

	if (index < 0)
		return index;
	build_route(&request, route, index);
	if (route->to.family == route->via.family)
		return carry_out(rtnl, &request, err);
	return err_set(err, EINVAL, "namespace %s: %s: one is IPv4, the other IPv6", rtnl->where,
	               request.what);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/intercept/intercept_private.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "base/check.h"

/* By which ip(8) tells that rules and routes are ours (`proto 179`); RTPROT_... below 192 are nobody's so far. */
enum { INTERCEPT_PROTOCOL = 179, LOOPBACK_INDEX = 1 };

static void put_rule(struct nl_batch *batch, uint16_t type, uint16_t flags, sa_family_t family,
		     const struct intercept *intercept)
{
	struct nlmsghdr *message = nl_begin(batch, type, flags);
	struct fib_rule_hdr *header = nl_put_header(message, sizeof(*header));

	header->family = (uint8_t)family;
	header->action = FR_ACT_TO_TBL;
	nl_put_u32(message, FRA_TABLE, intercept->route_table);
	nl_put_u32(message, FRA_PRIORITY, intercept->rule_priority);
	nl_put_u32(message, FRA_FWMARK, intercept->answer_mark);
	nl_put_u32(message, FRA_FWMASK, intercept->mask);
	nl_put_u8(message, FRA_PROTOCOL, INTERCEPT_PROTOCOL);
}

static void put_route(struct nl_batch *batch, uint16_t type, uint16_t flags, sa_family_t family,
		      const struct intercept *intercept)
{
	struct nlmsghdr *message = nl_begin(batch, type, flags);
	struct rtmsg *header = nl_put_header(message, sizeof(*header));

	header->rtm_family = (uint8_t)family;
	header->rtm_protocol = INTERCEPT_PROTOCOL;
	header->rtm_type = RTN_LOCAL;
	header->rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
	nl_put_u32(message, RTA_TABLE, intercept->route_table);
	nl_put_u32(message, RTA_OIF, LOOPBACK_INDEX);
}

/*
 * carry_out - the rule and the route of both families, in this order: IPv4, IPv6; what is @known to happen is no failure
 * A namespace without IPv6 (EAFNOSUPPORT), or that has it switched off (EACCES of its routes), goes without.
 */
static int carry_out(struct nl *route, struct nl_batch *batch, const int known[2], const char *what, struct err *err)
{
	int rc = nl_send(route, batch, NULL, NULL, err), changed = 0;

	for (uint32_t i = 0; rc == 0 && i < batch->count; i++) {
		int code = batch->codes[i];
		bool without_ip6 = i >= 2 && (code == EAFNOSUPPORT || code == EACCES);
		if (code == 0)
			changed = 1;
		else if (code != known[0] && code != known[1] && !without_ip6)
			rc = nl_explain(route, batch, i, what, err);
	}
	return rc < 0 ? rc : changed;
}

int intercept_routes_add(struct nl *route, const struct intercept *intercept, struct err *err)
{
	static const sa_family_t families[] = {AF_INET, AF_INET6};
	static const int known[2] = {EEXIST, EEXIST};
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		put_rule(&batch, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, families[i], intercept);
		put_route(&batch, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, families[i], intercept);
	}
	rc = carry_out(route, &batch, known, "make the rule and route of intercepted connections", err);
	nl_batch_fini(&batch);
	return rc;
}

int intercept_routes_remove(struct nl *route, const struct intercept *intercept, struct err *err)
{
	static const sa_family_t families[] = {AF_INET, AF_INET6};
	static const int known[2] = {ENOENT, ESRCH};
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_BATCH_SIZE, NL_BATCH_COUNT, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < ARRAY_COUNT(families); i++) {
		put_rule(&batch, RTM_DELRULE, 0, families[i], intercept);
		put_route(&batch, RTM_DELROUTE, 0, families[i], intercept);
	}
	rc = carry_out(route, &batch, known, "remove the rule and route of intercepted connections", err);
	nl_batch_fini(&batch);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/try_intercept.h"

#include <linux/netlink.h>
#include <unistd.h>

#include "nsctl/intercept/intercept.h"
#include "nsctl/netlink/rtnl.h"
#include "nsctl/netns.h"

static int set_loopback_up(struct nl *route, struct err *err)
{
	struct nl_batch batch;
	int rc = nl_batch_init(&batch, NL_MESSAGE_MAX, 1, err);
	if (rc < 0)
		return rc;
	rtnl_link_set_up(&batch, "lo", true);
	rc = nl_send(route, &batch, NULL, NULL, err);
	if (rc == 0 && batch.failed < batch.count)
		rc = nl_explain(route, &batch, batch.failed, "loopback", err);
	nl_batch_fini(&batch);
	return rc;
}

static int apply(int ns_fd, const struct intercept *intercept, struct err *err)
{
	struct nl *nft = NULL, *route = NULL;
	int rc = nl_open(ns_fd, NETLINK_NETFILTER, "made to try it", &nft, err);
	if (rc == 0)
		rc = nl_open(ns_fd, NETLINK_ROUTE, "made to try it", &route, err);
	if (rc == 0)
		rc = set_loopback_up(route, err);
	if (rc == 0)
		rc = intercept_apply(nft, route, intercept, err);
	nl_close(nft);
	nl_close(route);
	return rc < 0 ? rc : 0;
}

int try_intercept(bool tproxy, struct err *err)
{
	const struct intercept intercept = {
	        .table = "nsrelay",
	        .tproxy = tproxy,
	        .owned = true,
	        .mark = 1,
	        .answer_mark = 2,
	        .mask = 3,
	        .route_table = 1,
	        .rule_priority = 1,
	        .outbound.port = 1,
	        .inbound.port = 2,
	};
	int ns_fd = netns_create_anonymous(err);
	if (ns_fd < 0)
		return ns_fd;
	int rc = apply(ns_fd, &intercept, err);
	close(ns_fd);
	return rc;
}

int try_accepting_marks(struct err *err)
{
	int ns_fd = netns_create_anonymous(err);
	if (ns_fd < 0)
		return ns_fd;
	int rc = intercept_accept_marks(ns_fd, true, err);
	close(ns_fd);
	return rc < 0 ? rc : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/graph/graph.h"

#include <errno.h>
#include <unistd.h>

#include "nsctl/netns.h"

static int read_links(struct seen_netns *seen, int fd, struct err *err)
{
	struct nl *nl = NULL;
	int rc = nl_open(fd, NETLINK_ROUTE, seen->name, &nl, err);

	if (rc == 0)
		rc = netstate_read(nl, NETSTATE_LINKS | NETSTATE_ADDRESSES, &seen->state, err);
	nl_close(nl);
	return rc;
}

static int look_at(struct seen_netns *seen, struct err *err)
{
	int fd = netns_open(&seen->ref, err);
	int rc;

	if (fd == -ENOENT || fd == -ESRCH)
		return 0; /* it does not exist, which is what was to be seen */
	if (fd < 0)
		return fd;
	seen->exists = true;
	rc = read_links(seen, fd, err);
	close(fd);
	return rc;
}

int graph_look(const struct topology *topology, struct seen *ret, struct err *err)
{
	struct seen seen = {0};
	int rc = 0;

	for (uint32_t i = 0; i < topology->netns.count && rc == 0; i++) {
		const struct topology_netns *wanted = &topology->netns.items[i];
		struct seen_netns *netns = vec_push(&seen.netns);

		if (!netns) {
			rc = err_set(err, ENOMEM, "out of memory");
			break;
		}
		netns->name = wanted->name;
		netns->wanted = i;
		netns->ledger = TOPOLOGY_NONE;
		netns->ref = wanted->ref;
		netns->tenure = wanted->tenure;
		rc = look_at(netns, err);
	}
	if (rc < 0)
		seen_fini(&seen);
	else
		*ret = seen;
	return rc;
}

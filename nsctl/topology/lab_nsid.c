/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: a link whose other end is in another namespace tells that namespace by a number of its
 * own namespace's (IFLA_LINK_NETNSID). Which one that is, the kernel tells only the other way round, for a
 * namespace that is handed in. Asking each namespace about each other one would take millions of questions
 * where there are thousands of namespaces; so those come first that the topology says are linked, and others
 * only while a number is still unknown.
 */
#include <errno.h>
#include <stdlib.h>

#include "nsctl/topology/lab_private.h"
#include "nsctl/netlink/rtnl.h"

static bool is_known(const struct seen_netns *seen, int32_t nsid)
{
	vec_each (known, &seen->nsids) {
		if (known->nsid == nsid)
			return true;
	}
	return nsid == NETSTATE_NO_NSID;
}

/* match - ask in @netns for the number of @other */
static int match(struct lab *lab, uint32_t netns, uint32_t other, struct err *err)
{
	struct seen_netns *seen = &lab->seen.netns.items[netns];
	int32_t nsid = RTNL_NO_NSID;
	struct seen_nsid *known;
	struct nl *nl;
	int rc = lab_nl(lab, netns, &nl, err);

	if (rc == 0)
		rc = rtnl_nsid(nl, lab->netns[other].fd, &nsid, err);
	if (rc < 0 || is_known(seen, nsid))
		return rc;
	known = vec_push(&seen->nsids);
	if (!known)
		return err_set(err, ENOMEM, "out of memory");
	*known = (struct seen_nsid){.nsid = nsid, .netns = other};
	return 0;
}

/* match_both - a link leads both ways */
static int match_both(struct lab *lab, uint32_t a, uint32_t b, struct err *err)
{
	int rc = match(lab, a, b, err);

	return rc < 0 ? rc : match(lab, b, a, err);
}

static bool both_there(const struct lab *lab, uint32_t a, uint32_t b)
{
	return a != b && lab->seen.netns.items[a].exists && lab->seen.netns.items[b].exists;
}

/* below_of - the link of the topology that link @index is on, or makes a pair with; each pair only once */
static uint32_t below_of(const struct topology *wanted, uint32_t index)
{
	const struct topology_link *link = &wanted->links.items[index];

	if (link->kind != LINK_VETH)
		return link->parent;
	return link->peer > index ? link->peer : TOPOLOGY_NONE;
}

/* match_linked - the namespaces of links that belong together by the topology */
static int match_linked(struct lab *lab, struct err *err)
{
	const struct topology *wanted = lab->wanted;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < wanted->links.count; i++) {
		uint32_t below = below_of(wanted, i), netns = wanted->links.items[i].netns;

		if (below != TOPOLOGY_NONE && both_there(lab, netns, wanted->links.items[below].netns))
			rc = match_both(lab, netns, wanted->links.items[below].netns, err);
	}
	return rc;
}

static bool is_complete(const struct seen_netns *seen)
{
	vec_each (link, &seen->state.links) {
		if (!is_known(seen, link->below_nsid))
			return false;
	}
	return true;
}

/* matters - a namespace that is going to be deleted takes its links along, wherever they lead */
static bool matters(const struct seen_netns *seen)
{
	return seen->exists && (seen->wanted != TOPOLOGY_NONE || seen->tenure == NETNS_EXISTING);
}

static int match_others(struct lab *lab, uint32_t netns, struct err *err)
{
	const struct seen_netns *seen = &lab->seen.netns.items[netns];
	int rc = 0;

	if (!matters(seen) || is_complete(seen))
		return 0;
	for (uint32_t other = 0; rc == 0 && other < lab->seen.netns.count; other++) {
		if (both_there(lab, netns, other))
			rc = match_both(lab, netns, other, err);
	}
	return rc;
}

int lab_match_nsids(struct lab *lab, struct err *err)
{
	int rc = match_linked(lab, err);

	for (uint32_t i = 0; rc == 0 && i < lab->seen.netns.count; i++)
		rc = match_others(lab, i, err);
	return rc;
}

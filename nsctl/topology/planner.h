/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From what is to be and what is, the steps between: a pure function. Deleting a topology is planning for an
 * empty one.
 *
 * A number that was taken out of the file is set back, if the ledger knows that the topology has set it and
 * nobody has changed it since: of an own link to what the kernel would choose, of somebody else's to what it
 * was before.
 *
 * A thing is the topology's own, and so may be changed or removed, when it bears its mark: a link by its
 * alias, a namespace by the alias of its loopback, the NAT table by its name, a route by TOPOLOGY_PROTOCOL on
 * an own link or in the ledger, an address that is in the ledger or that somebody, not the kernel or DHCP,
 * gave to an own link. A thing that is wanted and there but not its own is a conflict, unless it is already
 * as it should be (an address, a route, a sysctl).
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_PLANNER_H
#define NSRELAY_NSCTL_TOPOLOGY_PLANNER_H

#include "nsctl/topology/ledger.h"
#include "nsctl/netlink/netstate.h"
#include "nsctl/topology/step.h"
#include "nsctl/topology/topology.h"

/* By which number (IFLA_LINK_NETNSID) the kernel calls another of the namespaces seen. */
struct seen_nsid {
	int32_t nsid;
	uint32_t netns; /* index into struct seen */
};

/* One namespace as it was found. */
struct seen_netns {
	const char *name; /* as file or ledger call it; borrowed */
	uint32_t wanted;  /* index into topology.netns; TOPOLOGY_NONE: only the ledger knows it */
	uint32_t ledger;  /* index into ledger.netns; TOPOLOGY_NONE */
	struct netns_ref ref;
	enum netns_tenure tenure;
	uint64_t cookie; /* of an existing one that is there, see netns_cookie(); for the ledger */
	bool exists;
	bool own; /* its loopback bears the topology's mark */
	struct netstate state;
	VEC(struct seen_nsid)
	nsids; /* those that are known. Without them links are told apart by their indices alone */
	char sysctls[SYSCTL_COUNT][SYSCTL_VALUE_MAX]; /* "": not asked for, or not there */
	char *nat; /* text of the topology's own table, see nsctl/nft/nat.h; "" when there is none; allocated */
};

/* Namespaces of the topology come first and in its order, so that their indices are the topology's. */
struct seen {
	VEC(struct seen_netns) netns;
	bool lacks[LINK_NUMBER_COUNT]; /* numbers of links that this kernel does not know, and would pass over */
};
void seen_fini(struct seen *seen);

struct plan_steps {
	VEC(struct step) all; /* in the order in which they are to be done */
};

/*
 * planner_plan - the steps from @seen to @wanted
 * @ret: on success the caller's, who clears it with vec_clear(); its steps borrow from @wanted and @seen
 *
 * What is in the way goes first; then comes what is new, then goes what is no longer wanted, and then come
 * routes, sysctls, NAT. Deleting namespaces comes last, for it cannot be undone.
 * Errors: EEXIST (a conflict: what, where, and what to do), ENODEV (an existing link, or that of a route, is
 * not there), ENOENT (an existing namespace is not there), EOPNOTSUPP (the kernel does not know a number of a
 * link), ENOMEM.
 */
int planner_plan(const struct topology *wanted, const struct seen *seen, const struct ledger *ledger,
                 struct plan_steps *ret, struct err *err);

/*
 * planner_ledger - what must be in the ledger before the steps are done: old facts, and all that the steps
 * will take in hand planner_ledger_after - what is left of it to be remembered once they are done
 * @ret: on success the caller's. Errors: ENOMEM.
 */
int planner_ledger(const struct topology *wanted, const struct seen *seen, const struct ledger *old,
                   const struct plan_steps *steps, struct ledger *ret, struct err *err);
int planner_ledger_after(const struct topology *wanted, const struct seen *seen, const struct ledger *old,
                         const struct plan_steps *steps, struct ledger *ret, struct err *err);

#endif

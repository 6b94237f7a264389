/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces in memory, which take the planner's steps and refuse or drop by the way what a kernel would:
 * what is on a link that goes, routes and IPv6 addresses of one that is taken down, secondary addresses, a
 * next hop that nothing reaches.
 */
#ifndef NSRELAY_TESTS_WORLD_H
#define NSRELAY_TESTS_WORLD_H

#include "nsctl/topology/planner.h"

struct world_netns {
	char name[TOPOLOGY_NETNS_NAME_MAX];
	bool exists, own;
	uint32_t last_index; /* indices are given out in order, so that those of different namespaces are
	                        often the same */
	uint64_t cookie;
	struct netstate state;
	char sysctls[SYSCTL_COUNT][SYSCTL_VALUE_MAX];
	char *nat;
};

struct world {
	char mark[TOPOLOGY_MARK_MAX];
	VEC(struct world_netns) netns;
	uint32_t last_mac;
	bool by_hand; /* what is done now is somebody else's: no mark, no protocol */
	bool undoing;
	bool lacks[LINK_NUMBER_COUNT]; /* numbers that this kernel does not know */
	bool hide_nsids; /* world_see() does not tell which namespace is which */
};

void world_init(struct world *world, const char *topology);
void world_fini(struct world *world);
void world_copy(struct world *ret, const struct world *world);

/* world_add_netns - one that exists, with a loopback that is up. Returns its index. */
uint32_t world_add_netns(struct world *world, const char *name);

/* world_see - what lab_open() would see. Names are borrowed from @wanted and @ledger. */
void world_see(const struct world *world, const struct topology *wanted, const struct ledger *ledger,
               struct seen *ret);

/*
 * world_do - carry out one step that refers to @seen
 * @undoing: what is to be removed may be gone already. Returns 0 or the kernel's -errno.
 */
int world_do(struct world *world, const struct seen *seen, const struct step *step, bool undoing,
             struct err *err);

/* world_text - all that can be told apart about it, but no indices; allocated */
char *world_text(const struct world *world);

/* world_link - by name; world_link_indexed - by the kernel's index; world_link_below - what @link of @netns
 * is on. NULL: none */
struct netstate_link *world_link(const struct world *world, const char *netns, const char *name);
struct netstate_link *world_link_indexed(struct world_netns *netns, uint32_t index);
struct netstate_link *world_link_below(const struct world *world, struct world_netns *netns,
                                       const struct netstate_link *link);

#endif

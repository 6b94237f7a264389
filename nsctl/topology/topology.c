/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/topology.h"

#include <errno.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const unreachable_names[] = {
        [UNREACHABLE_ANY] = "any",
        [UNREACHABLE_NO_ROUTE] = "no_route",
        [UNREACHABLE_FORWARDING] = "forwarding_off",
        [UNREACHABLE_LINK_DOWN] = "link_down",
        [UNREACHABLE_REFUSED] = "refused",
        [UNREACHABLE_NO_ANSWER] = "no_answer",
};
static_assert(sizeof(unreachable_names) / sizeof(unreachable_names[0]) == UNREACHABLE_COUNT,
              "each reason has its word");

const char *unreachable_name(enum unreachable reason)
{
	return unreachable_names[reason];
}

void topology_fini(struct topology *topology)
{
	vec_each (netns, &topology->netns) {
		vec_clear(&netns->routes);
		nat_fini(&netns->nat);
	}
	vec_each (link, &topology->links)
		vec_clear(&link->addresses);
	vec_clear(&topology->netns);
	vec_clear(&topology->links);
	vec_clear(&topology->expects);
}

int topology_know_neighbours(struct topology *topology)
{
	vec_each (link, &topology->links) {
		struct nat *nat = &topology->netns.items[link->netns].nat;

		vec_each (address, &link->addresses) {
			struct prefix *network = vec_push(&nat->neighbourhoods);

			if (!network)
				return -ENOMEM;
			*network = prefix_network(address);
		}
	}
	return 0;
}

uint32_t topology_find_netns(const struct topology *topology, const char *name)
{
	for (uint32_t i = 0; i < topology->netns.count; i++)
		if (strcmp(topology->netns.items[i].name, name) == 0)
			return i;
	return TOPOLOGY_NONE;
}

uint32_t topology_find_link(const struct topology *topology, uint32_t netns, const char *name)
{
	for (uint32_t i = 0; i < topology->links.count; i++) {
		const struct topology_link *link = &topology->links.items[i];
		if (link->netns == netns && strcmp(link->name, name) == 0)
			return i;
	}
	return TOPOLOGY_NONE;
}

const char *topology_mark(const struct topology *topology, char *buf, size_t size)
{
	snprintf(buf, size, "nsctl-%s", topology->name);
	return buf;
}

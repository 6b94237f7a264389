/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nsctl/fixture.h"

#include <stdlib.h>
#include <string.h>

int fixture_set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	assert_non_null(f);
	stage_init(&f->stage);
	topology_begin(&f->first);
	topology_begin(&f->second);
	topology_begin(&f->none);
	*state = f;
	return 0;
}

int fixture_tear_down(void **state)
{
	struct fixture *f = *state;
	topology_fini(&f->first);
	topology_fini(&f->second);
	stage_fini(&f->stage);
	free(f);
	return 0;
}

struct netstate_link *link_at(struct fixture *f, const char *netns, const char *name)
{
	struct netstate_link *link = world_link(&f->stage.world, netns, name);
	assert_non_null(link);
	return link;
}

void assert_has(struct fixture *f, const char *fact)
{
	char *text = world_text(&f->stage.world);
	assert_contains(text, fact);
	free(text);
}

void put_pair(struct topology *topology)
{
	uint32_t host = put_netns(topology, "host", NETNS_EXISTING);
	uint32_t a = put_netns(topology, "a", NETNS_MADE);
	uint32_t link = put_veth(topology, host, "v_a", a, "eth0");
	put_address(topology, link, "10.0.0.1/24");
	put_address(topology, link + 1, "10.0.0.2/24");
	put_route(topology, a, "0.0.0.0/0", "10.0.0.1", "");
}

void put_furnished(struct topology *topology, const char *address)
{
	uint32_t link = put_existing(topology, put_netns(topology, "host", NETNS_EXISTING), "eth0");
	if (address)
		put_address(topology, link, address);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* No text may crash the reader; what it accepts is complete and agrees with itself, what it refuses is
 * reported. */
#include "app/nsctl/topology_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a buffer of 2 KiB after some syntax errors; goes when a later one does not. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static bool is_index(uint32_t index, size_t count)
{
	return index == TOPOLOGY_NONE || index < count;
}

static void check_link(const struct topology *topology, uint32_t index)
{
	const struct topology_link *link = &topology->links.items[index];
	size_t count = topology->links.count;
	CHECK(link->netns < topology->netns.count && (link_name_ok(link->name)));
	CHECK(is_index(link->peer, count) && is_index(link->parent, count) && is_index(link->bridge, count));
	CHECK(topology_find_link(topology, link->netns, link->name) == index);
	CHECK(link->existing == (link->kind == LINK_OTHER));
	CHECK((link->kind == LINK_VETH) == (link->peer != TOPOLOGY_NONE));
	CHECK(link->kind != LINK_VETH || topology->links.items[link->peer].peer == index);
	CHECK((link->kind != LINK_MACVLAN && link->kind != LINK_IPVLAN) || link->parent != TOPOLOGY_NONE);
	CHECK((link->kind == LINK_VXLAN) == (link->vxlan.vni != 0));
	CHECK(link->bridge == TOPOLOGY_NONE || topology->links.items[link->bridge].kind == LINK_BRIDGE);
	CHECK(link->bridge == TOPOLOGY_NONE || topology->links.items[link->bridge].netns == link->netns);
	vec_each (address, &link->addresses)
		CHECK(address->family != AF_UNSPEC && address->length > 0);
}

static void check_netns(const struct topology *topology, uint32_t index)
{
	const struct topology_netns *netns = &topology->netns.items[index];
	CHECK(netns->name[0] && topology_find_netns(topology, netns->name) == index);
	CHECK(netns->tenure == NETNS_EXISTING || netns->ref.kind == NETNS_NAME);
	vec_each (route, &netns->routes)
		CHECK(route->to.family != AF_UNSPEC && (route->via.family != AF_UNSPEC || route->link[0]));
	vec_each (publish, &netns->nat.publishes)
		CHECK(publish->port && publish->to_port && publish->to.family != AF_UNSPEC);
	vec_each (masquerade, &netns->nat.masquerades)
		CHECK(masquerade->from.family != AF_UNSPEC);
}

static void check_accepted(const struct topology *topology)
{
	CHECK(topology->name[0]);
	for (uint32_t i = 0; i < topology->netns.count; i++)
		check_netns(topology, i);
	for (uint32_t i = 0; i < topology->links.count; i++)
		check_link(topology, i);
	vec_each (expect, &topology->expects) {
		CHECK(expect->from < topology->netns.count &&
		      is_index(expect->server_netns, topology->netns.count));
		CHECK(expect->to.family != AF_UNSPEC && expect->line > 0);
		CHECK((expect->server_netns == TOPOLOGY_NONE) == (expect->server_port == 0));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topology topology;
	char *text = NULL;
	size_t text_size = 0;
	char *input = malloc(size ? size : 1); /* as long as the text, so that a read beyond it is seen */
	FILE *report = open_memstream(&text, &text_size);
	if (!input || !report)
		abort();
	memcpy(input, data, size);
	int r = topology_text_load(input, size, "fuzz", &topology, report);
	fclose(report);
	if (r == 0) {
		check_accepted(&topology);
		topology_fini(&topology);
	} else {
		CHECK(strstr(text, "error: "));
	}
	CHECK((r == 0) == (text_size == 0));
	free(text);
	free(input);
	return 0;
}

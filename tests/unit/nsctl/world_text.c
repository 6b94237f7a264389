/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "tests/unit/nsctl/world.h"

struct lines {
	VEC(char *) all;
};

static void __attribute__((format(printf, 2, 3))) line(struct lines *lines, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	CHECK(vasprintf((char **)vec_push(&lines->all), fmt, args) >= 0);
	va_end(args);
}

static const char *prefix_text(const struct prefix *prefix, char *buf)
{
	return prefix->family == AF_UNSPEC ? "-" : prefix_format(prefix, buf, PREFIX_TEXT_MAX);
}

static const char *name_of(const struct netstate_link *link)
{
	return link ? link->name : "-";
}

static void link_line(struct lines *lines, const struct world *world, struct world_netns *netns,
                      const struct netstate_link *link)
{
	static const struct link_mac none; /* an ipvlan's is that of what it is on */
	char mac[LINK_MAC_TEXT_MAX];
	const struct netstate_link *below = world_link_below(world, netns, link);
	line(lines,
	     "%s/%s %s `%s` %s mac %s below %s mode %u vni %u port %u master %s numbers %u %u %u %u %u",
	     netns->name, link->name, link_kind_name(link->kind), link->alias,
	     link->flags & IFF_UP ? "up" : "down",
	     link_mac_format(link->kind == LINK_IPVLAN ? &none : &link->mac, mac, sizeof(mac)),
	     name_of(below), link->mode, link->vxlan.vni, link->vxlan.port,
	     name_of(world_link_indexed(netns, link->master)), link->numbers[0], link->numbers[1],
	     link->numbers[2], link->numbers[3], link->numbers[4]);
}

static void netns_lines(struct lines *lines, const struct world *world, struct world_netns *netns)
{
	char a[PREFIX_TEXT_MAX], b[PREFIX_TEXT_MAX];
	line(lines, "%s own %d nat `%s`", netns->name, netns->own, netns->nat);
	for (enum sysctl key = 0; key < SYSCTL_COUNT; key++)
		line(lines, "%s %s %s", netns->name, sysctls[key].name, netns->sysctls[key]);
	vec_each (link, &netns->state.links)
		link_line(lines, world, netns, link);
	vec_each (address, &netns->state.addresses)
		line(lines, "%s/%s address %s", netns->name,
		     name_of(world_link_indexed(netns, address->link)), prefix_text(&address->prefix, a));
	vec_each (route, &netns->state.routes)
		line(lines, "%s/%s route %s via %s protocol %u", netns->name,
		     name_of(world_link_indexed(netns, route->link)), prefix_text(&route->to, a),
		     prefix_text(&route->via, b), route->protocol);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

char *world_text(const struct world *world)
{
	struct lines lines = {0};
	char *text;
	size_t size;
	vec_each (netns, &world->netns) {
		if (netns->exists)
			netns_lines(&lines, world, netns);
	}
	qsort(lines.all.items, lines.all.count, sizeof(*lines.all.items), compare_lines);
	FILE *file = open_memstream(&text, &size);
	vec_each (each, &lines.all) {
		fprintf(file, "%s\n", *each);
		free(*each);
	}
	fclose(file);
	vec_clear(&lines.all);
	return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/topology_draft.h"

#include <stdio.h>
#include <string.h>

#include "app/text/suggest.h"

void topology_draft_init(struct topology_draft *draft, const char *name, const char *text, size_t size)
{
	*draft = (struct topology_draft){0};
	report_init(&draft->reader.report, name, text, size);
}

void topology_draft_fini(struct topology_draft *draft)
{
	topology_fini(&draft->topology);
	name_index_fini(&draft->netns_by_name);
	name_index_fini(&draft->netns_by_ref);
	name_index_fini(&draft->link_by_name);
	vec_clear(&draft->links);
	vec_clear(&draft->routes.all);
	vec_clear(&draft->masquerades.all);
	vec_clear(&draft->publishes.all);
	vec_clear(&draft->addresses.all);
	vec_clear(&draft->vxlans.all);
}

struct span draft_place(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *value = yaml_get(node, key);
	return value ? value->at : node->at;
}

void draft_note(struct topology_draft *draft, struct draft_parts *parts, const struct yaml_node *node,
                size_t owner, size_t index)
{
	struct draft_part *part = vec_push(&parts->all);
	if (schema_is_there(&draft->reader, part))
		*part = (struct draft_part){node, (uint32_t)owner, (uint32_t)index};
}

uint32_t draft_add_netns(struct topology_draft *draft, const char *name, enum netns_tenure tenure)
{
	uint32_t index = (uint32_t)draft->topology.netns.count;
	struct topology_netns *netns = vec_push(&draft->topology.netns);
	if (!schema_is_there(&draft->reader, netns))
		return TOPOLOGY_NONE;
	netns->tenure = tenure;
	snprintf(netns->name, sizeof(netns->name), "%s", name);
	draft->reader.out_of_memory |= !name_index_add(&draft->netns_by_name, name, index);
	return index;
}

uint32_t draft_add_link(struct topology_draft *draft, uint32_t netns, const char *name,
                        const struct draft_link *known)
{
	char text[DRAFT_LINK_TEXT_MAX];
	uint32_t index = (uint32_t)draft->topology.links.count;
	struct topology_link *link = vec_push(&draft->topology.links);
	struct draft_link *place = vec_push(&draft->links);
	if (!schema_is_there(&draft->reader, link) || !schema_is_there(&draft->reader, place))
		return TOPOLOGY_NONE;
	*place = *known;
	link->netns = netns;
	snprintf(link->name, sizeof(link->name), "%s", name);
	link->peer = link->parent = link->bridge = TOPOLOGY_NONE;
	link->up = true;
	draft_link_text(draft, index, text);
	draft->reader.out_of_memory |= !name_index_add(&draft->link_by_name, text, index);
	return index;
}

/* full - no more mistakes are shown, so that looking for something to suggest is of no use */
static bool full(const struct topology_draft *draft)
{
	return draft->reader.report.count >= REPORT_ENTRIES_MAX;
}

static void refuse_netns(struct topology_draft *draft, const char *name, struct span at)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	suggest_add(&suggest, "host");
	for (size_t i = 0; i < draft->topology.netns.count && !full(draft); i++)
		if (strcmp(draft_netns_name(draft, (uint32_t)i), "host") != 0)
			suggest_add(&suggest, draft_netns_name(draft, (uint32_t)i));
	draft_complain(draft, at, "there is no namespace '%.64s' in the file; %s", name,
	               suggest_text(&suggest));
}

uint32_t draft_find_netns(struct topology_draft *draft, const char *name, struct span at)
{
	uint32_t index = name_index_find(&draft->netns_by_name, name);
	if (index == NAME_INDEX_NONE && strcmp(name, "host") == 0)
		return draft_add_netns(draft, name, NETNS_EXISTING);
	if (index == NAME_INDEX_NONE)
		refuse_netns(draft, name, at);
	return index;
}

uint32_t draft_link_named(const struct topology_draft *draft, uint32_t netns, const char *name)
{
	char text[DRAFT_LINK_TEXT_MAX + 1]; /* a name that is cut here is longer than any that is there */
	snprintf(text, sizeof(text), "%s/%s", draft_netns_name(draft, netns), name);
	return name_index_find(&draft->link_by_name, text);
}

/* check_link_name - the kernel also refuses what has another meaning in /proc/sys/net/ipv4/conf */
static bool check_link_name(struct topology_draft *draft, const char *name, struct span at)
{
	if (strlen(name) >= IFNAMSIZ)
		draft_complain(draft, at,
		               "the name of the link '%.64s' is too long; expected at most %d characters",
		               name, IFNAMSIZ - 1);
	else if (!link_name_ok(name) || strcmp(name, "all") == 0 || strcmp(name, "default") == 0)
		draft_complain(draft, at,
		               "'%.64s' cannot be the name of a link; expected 1 to %d characters without "
		               "blank, '/', ':' and '%%', and not '.', '..', 'all' or 'default'",
		               name, IFNAMSIZ - 1);
	else
		return true;
	return false;
}

bool draft_split_link(struct topology_draft *draft, const struct yaml_node *node, uint32_t *ret_netns,
                      char ret_name[static IFNAMSIZ])
{
	char netns_name[TOPOLOGY_NETNS_NAME_MAX + 1]; /* what is cut here is longer than any that is there */
	if (!schema_check_kind(&draft->reader, node, YAML_SCALAR, "a link NS/LINK"))
		return false;
	const char *slash = strchr(node->text, '/');
	if (!slash) {
		draft_complain(draft, node->at, "'%.64s' does not say in which namespace; expected NS/LINK",
		               node->text);
		return false;
	}
	snprintf(netns_name, sizeof(netns_name), "%.*s", (int)(slash - node->text), node->text);
	*ret_netns = draft_find_netns(draft, netns_name, node->at);
	if (*ret_netns == TOPOLOGY_NONE || !check_link_name(draft, slash + 1, node->at))
		return false;
	snprintf(ret_name, IFNAMSIZ, "%s", slash + 1);
	return true;
}

static void refuse_link(struct topology_draft *draft, const struct yaml_node *node, uint32_t netns,
                        const char *name)
{
	const char *in = draft_netns_name(draft, netns);
	struct suggest suggest;
	suggest_init(&suggest, name);
	vec_each (link, &draft->topology.links)
		if (link->netns == netns && !full(draft))
			suggest_add(&suggest, link->name);
	if (suggest.best)
		draft_complain(draft, node->at, "there is no link '%s/%.64s' in the file; %s", in, name,
		               suggest_text(&suggest));
	else
		draft_complain(draft, node->at,
		               "there is no link '%s/%.64s' in the file; expected an entry under 'links:'%s",
		               in, name,
		               draft->topology.netns.items[netns].tenure == NETNS_EXISTING
		                       ? ", { existing: true } for one that is there already"
		                       : "");
}

uint32_t draft_find_own_link(struct topology_draft *draft, const struct yaml_node *node, uint32_t netns)
{
	if (!schema_check_kind(&draft->reader, node, YAML_SCALAR, "the name of a link"))
		return TOPOLOGY_NONE;
	uint32_t link = draft_link_named(draft, netns, node->text);
	if (link == TOPOLOGY_NONE)
		refuse_link(draft, node, netns, node->text);
	return link;
}

uint32_t draft_find_link(struct topology_draft *draft, const struct yaml_node *node)
{
	char name[IFNAMSIZ];
	uint32_t netns;
	if (!draft_split_link(draft, node, &netns, name))
		return TOPOLOGY_NONE;
	uint32_t link = draft_link_named(draft, netns, name);
	if (link == TOPOLOGY_NONE)
		refuse_link(draft, node, netns, name);
	return link;
}

const char *draft_link_text(const struct topology_draft *draft, uint32_t index, char *buf)
{
	const struct topology_link *link = &draft->topology.links.items[index];
	snprintf(buf, DRAFT_LINK_TEXT_MAX, "%s/%s", draft_netns_name(draft, link->netns), link->name);
	return buf;
}

const char *draft_link_what(const struct topology_link *link)
{
	static const char *const whats[LINK_KIND_COUNT] = {
	        [LINK_OTHER] = "an existing link",
	        [LINK_LOOPBACK] = "the loopback",
	        [LINK_VETH] = "a veth",
	        [LINK_BRIDGE] = "a bridge",
	        [LINK_MACVLAN] = "a macvlan",
	        [LINK_IPVLAN] = "an ipvlan",
	        [LINK_VXLAN] = "a vxlan",
	};
	return whats[draft_is_loopback(link) ? LINK_LOOPBACK : link->kind];
}

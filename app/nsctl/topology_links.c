/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `links:` of a topology file. All names are noted first, those of veth ends without an entry too, so that
 * links can refer to each other in any order.
 */
#include <stdio.h>
#include <string.h>

#include "app/text/suggest.h"
#include "app/nsctl/topology_draft.h"
#include "app/nsctl/topology_value.h"

/* VXLAN_N_VID - 1 of the kernel's include/net/vxlan.h; 24 bits, RFC 7348, section 5. 0 is nobody's
 * network. */
enum { VNI_MAX = (1 << 24) - 1 };

/* The modes of a macvlan are bits, that of an ipvlan is a number: linux/if_link.h. */
enum { MODE_NUMBER_MAX = 16 };

static const struct value_type bool_type = {.kind = VALUE_BOOL};
static const struct value_type vni_type = {VALUE_COUNT, .min = 1, .max = VNI_MAX};

/* The key that says what a link is. */
static const struct {
	const char *key;
	enum link_kind kind;
} kind_keys[] = {
        {"existing", LINK_OTHER},  {"veth", LINK_VETH},     {"bridge", LINK_BRIDGE},
        {"macvlan", LINK_MACVLAN}, {"ipvlan", LINK_IPVLAN}, {"vxlan", LINK_VXLAN},
};

#define KIND(kind) (1U << (kind))
enum {
	ON_OTHERS = KIND(LINK_MACVLAN) | KIND(LINK_IPVLAN),
	WITH_MAC = KIND(LINK_VETH) | KIND(LINK_BRIDGE) | KIND(LINK_MACVLAN) | KIND(LINK_VXLAN),
	MADE = WITH_MAC | KIND(LINK_IPVLAN), /* an ipvlan has its parent's mac */
	ALL = MADE | KIND(LINK_OTHER),       /* somebody else's too */
};

/* Which kinds of links a key is for; those not listed are for all. */
static const struct {
	const char *key;
	unsigned kinds; /* KIND() */
} belongings[] = {
        {"mode", ON_OTHERS},
        {"over", KIND(LINK_VXLAN)},
        {"local", KIND(LINK_VXLAN)},
        {"remote", KIND(LINK_VXLAN)},
        {"port", KIND(LINK_VXLAN)},
        {"mac", WITH_MAC},
        {"up", MADE},
        {"mtu", ALL},
        {"gso_max_size", ALL},
        {"gro_max_size", ALL},
        {"gso_ipv4_max_size", ALL},
        {"gro_ipv4_max_size", ALL},
};

static uint32_t index_of(const struct topology_draft *draft, const struct topology_link *link)
{
	return (uint32_t)(link - draft->topology.links.items);
}

static struct topology_link *link_at(struct topology_draft *draft, uint32_t index)
{
	return &draft->topology.links.items[index];
}

static bool is_false(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && strcmp(node->text, "false") == 0;
}

/* ---- what a link is ---- */

static void read_existing(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	bool existing;
	(void)target; /* known since its name was noted */
	schema_read_value(reader, node, &bool_type, &existing);
}

/* read_veth - its other end was noted together with all names */
static void read_veth(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	(void)reader;
	(void)node;
	(void)target;
}

/* check_port - can @port be a port of @bridge? */
static bool check_port(struct topology_draft *draft, const struct yaml_node *node,
                       const struct topology_link *bridge, const struct topology_link *port)
{
	if (draft_is_loopback(port) || port->kind == LINK_BRIDGE || port->kind == LINK_IPVLAN)
		draft_complain(draft, node->at, "'%s' is %s; expected a link that can be a port of a bridge",
		               port->name, port == bridge ? "the bridge itself" : draft_link_what(port));
	else if (port->bridge != TOPOLOGY_NONE)
		draft_complain(draft, node->at,
		               "'%s' is a port of '%s' already; expected it in one list of ports", port->name,
		               link_at(draft, port->bridge)->name);
	else
		return true;
	return false;
}

static void read_port(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	const struct topology_link *bridge = target;
	uint32_t index = draft_find_own_link(draft, node, bridge->netns);
	if (index == TOPOLOGY_NONE)
		return;
	struct topology_link *port = link_at(draft, index);
	if (check_port(draft, node, bridge, port))
		port->bridge = index_of(draft, bridge);
}

static void read_bridge(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (!schema_check_kind(reader, node, YAML_SEQUENCE, "a list of ports"))
		return;
	for (const struct yaml_node *item = node->first; item; item = item->next)
		read_port(reader, item, target);
}

/* read_parent - the link that a macvlan or ipvlan is on */
static void read_parent(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_link *link = target;
	uint32_t parent = draft_find_link(draft, node);
	if (parent == TOPOLOGY_NONE)
		return;
	const struct topology_link *on = link_at(draft, parent);
	if (on == link || draft_is_loopback(on) || on->kind == link->kind)
		draft_complain(draft, node->at, "%s cannot be on %s; expected another kind of link",
		               draft_link_what(link), on == link ? "itself" : draft_link_what(on));
	else
		link->parent = parent;
}

static void read_vxlan(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_link *link = target;
	if (schema_read_value(reader, node, &vni_type, &link->vxlan.vni))
		draft_note(draft, &draft->vxlans, node, index_of(draft, link), 0);
}

/* ---- its properties ---- */

static void refuse_mode(struct schema_reader *reader, const struct yaml_node *node, enum link_kind kind)
{
	struct suggest suggest;
	suggest_init(&suggest, node->text);
	for (uint32_t mode = 0; mode <= MODE_NUMBER_MAX; mode++)
		if (link_mode_name(kind, mode))
			suggest_add(&suggest, link_mode_name(kind, mode));
	report_add(&reader->report, node->at, "'%.64s' is no mode of %s %s; %s", node->text,
	           kind == LINK_IPVLAN ? "an" : "a", link_kind_name(kind), suggest_text(&suggest));
}

static void read_mode(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	if (!(KIND(link->kind) & ON_OTHERS)) /* told by check_belongings() */
		return;
	if (!schema_check_kind(reader, node, YAML_SCALAR, "the name of a mode"))
		return;
	int mode = link_mode_find(link->kind, node->text);
	if (mode < 0)
		refuse_mode(reader, node, link->kind);
	else
		link->mode = (uint32_t)mode;
}

static void read_over(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_link *link = target;
	uint32_t parent = draft_find_link(draft, node);
	if (parent == index_of(draft, link))
		draft_complain(draft, node->at, "a vxlan cannot be over itself; expected another link");
	else
		link->parent = parent;
}

static void read_local(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	topology_value_address(reader, node, &link->vxlan.local);
}

static void read_remote(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	topology_value_group(reader, node, &link->vxlan.remote);
}

static void read_vxlan_port(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	uint32_t port;
	if (schema_read_value(reader, node, &topology_value_port, &port))
		link->vxlan.port = (uint16_t)port;
}

static void read_address(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	struct topology_link *link = target;
	struct prefix prefix;
	if (!topology_value_interface(reader, node, &prefix))
		return;
	struct prefix *added = vec_push(&link->addresses);
	if (!schema_is_there(reader, added))
		return;
	*added = prefix;
	draft_note(draft, &draft->addresses, node, index_of(draft, link), link->addresses.count - 1);
}

static void read_addresses(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	if (schema_check_kind(reader, node, YAML_SEQUENCE, "a list of ADDRESS/LENGTH"))
		schema_read_items(reader, node, read_address, target);
}

static void read_number(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	if (!draft_is_loopback(link)) /* told by check_belongings() */
		topology_value_number(reader, node, link->kind, link->numbers);
}

static void read_mac(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	if (schema_check_kind(reader, node, YAML_SCALAR, "a MAC address") &&
	    !link_mac_parse(node->text, &link->mac))
		report_add(
		        &reader->report, node->at,
		        "'%.64s' is not the MAC address of a link; expected one such as 02:00:00:00:00:01, "
		        "the first byte even (odd is multicast)",
		        node->text);
}

static void read_up(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_link *link = target;
	schema_read_value(reader, node, &bool_type, &link->up);
}

static const struct schema_field link_fields[] = {
        {"existing", read_existing, NULL, "true|false", "somebody else's link, which is only furnished", NULL},
        {"veth", read_veth, NULL, "NAMESPACE/LINK", "a veth; this is its other end, which needs no entry of its own", NULL},
        {"bridge", read_bridge, NULL, "list of LINK", "a bridge; these are its ports, of the same namespace", NULL},
        {"macvlan", read_parent, NULL, "NAMESPACE/LINK", "a macvlan on this link", NULL},
        {"ipvlan", read_parent, NULL, "NAMESPACE/LINK", "an ipvlan on this link", NULL},
        {"vxlan", read_vxlan, NULL, "VNI", "a VXLAN tunnel of this number", NULL},
        {"mode", read_mode, NULL, "WORD",
         "of a macvlan: bridge, private, vepa, passthru or source; of an ipvlan: l2, l3 or l3s", NULL},
        {"over", read_over, NULL, "NAMESPACE/LINK", "of a vxlan: the link below it", NULL},
        {"local", read_local, NULL, "ADDRESS", "of a vxlan: its own end", NULL},
        {"remote", read_remote, NULL, "ADDRESS", "of a vxlan: the other end", NULL},
        {"port", read_vxlan_port, NULL, "PORT", "of a vxlan: UDP port; 4789 by default", NULL},
        {"addresses", read_addresses, NULL, "list of ADDRESS/LENGTH", "those it has", NULL},
        {"up", read_up, NULL, "true|false", "by default it is", NULL},
        {"mac", read_mac, NULL, "MAC", "its address, such as 02:00:00:00:00:01", NULL},
        {"mtu", read_number, NULL, "N", "bytes of a packet", NULL},
        {"gso_max_size", read_number, NULL, "N", "bytes that are sent at once; above 65536 it is BIG TCP (Linux 5.19)", NULL},
        {"gro_max_size", read_number, NULL, "N", "bytes that are put together on arrival (Linux 5.17)", NULL},
        {"gso_ipv4_max_size", read_number, NULL, "N", "gso_max_size of IPv4 alone (Linux 6.3)", NULL},
        {"gro_ipv4_max_size", read_number, NULL, "N", "gro_max_size of IPv4 alone (Linux 6.3)", NULL},
};
const struct schema topology_link_schema = SCHEMA("a link", link_fields, NULL);

/* ---- all links ---- */

/* check_belongings - refuse what links of another kind have */
static void check_belongings(struct topology_draft *draft, const struct yaml_node *node,
                             const struct topology_link *link)
{
	for (size_t i = 0; i < ARRAY_COUNT(belongings); i++) {
		const struct yaml_node *value = yaml_get(node, belongings[i].key);
		if (!value)
			continue;
		if (belongings[i].kinds == ALL && draft_is_loopback(link))
			draft_complain(draft, value->key->at,
			               "'%s' of the loopback is a setting of its namespace; expected "
			               "loopback: { %s: N } there",
			               belongings[i].key, belongings[i].key);
		else if (!(belongings[i].kinds & KIND(link->kind)))
			draft_complain(draft, value->key->at, "%s has no '%s' to choose; expected none",
			               draft_link_what(link), belongings[i].key);
	}
}

static bool says_kind(const struct yaml_node *node, size_t i)
{
	const struct yaml_node *value = yaml_get(node, kind_keys[i].key);
	return value && !(kind_keys[i].kind == LINK_OTHER && is_false(value));
}

/* find_kind - what the keys of @node say that it is; ARRAY_COUNT(kind_keys): nothing */
static size_t find_kind(struct topology_draft *draft, const struct yaml_node *node)
{
	size_t found = ARRAY_COUNT(kind_keys);
	for (size_t i = 0; i < ARRAY_COUNT(kind_keys); i++) {
		if (!says_kind(node, i))
			continue;
		if (found < ARRAY_COUNT(kind_keys)) {
			draft_complain(draft, yaml_get(node, kind_keys[i].key)->key->at,
			               "the link has '%s' already; expected one of the two",
			               kind_keys[found].key);
			break;
		}
		found = i;
	}
	return found;
}

/* check_existing - can somebody else's link be there before the topology is? */
static void check_existing(struct topology_draft *draft, const struct yaml_node *node,
                           const struct topology_link *link)
{
	const struct topology_netns *netns = &draft->topology.netns.items[link->netns];
	if (!draft_is_loopback(link) && netns->tenure == NETNS_MADE)
		draft_complain(draft, draft_place(node, "existing"),
		               "nothing exists in '%s', which this topology makes; expected a kind of link",
		               netns->name);
}

/* default_mode - those in which the links of one parent reach each other and the world, without more ado */
static uint32_t default_mode(enum link_kind kind)
{
	if (kind == LINK_MACVLAN)
		return (uint32_t)link_mode_find(kind, "bridge");
	return kind == LINK_IPVLAN ? (uint32_t)link_mode_find(kind, "l2") : 0;
}

/* note_link - note a link's name, and what it is */
static void note_link(struct topology_draft *draft, const struct yaml_node *node)
{
	char name[IFNAMSIZ];
	uint32_t netns;
	if (!draft_split_link(draft, node->key, &netns, name))
		return;
	bool loopback = strcmp(name, "lo") == 0;
	size_t kind = find_kind(draft, node);
	bool kindless = kind == ARRAY_COUNT(kind_keys) && !loopback;
	uint32_t index = draft_add_link(draft, netns, name,
	                                &(struct draft_link){node->key->at, node, kindless});
	if (index == TOPOLOGY_NONE)
		return;
	struct topology_link *link = link_at(draft, index);
	if (loopback && kind < ARRAY_COUNT(kind_keys))
		draft_complain(draft, yaml_get(node, kind_keys[kind].key)->key->at,
		               "'lo' comes with its namespace; expected nothing but addresses");
	else if (kind < ARRAY_COUNT(kind_keys))
		link->kind = kind_keys[kind].kind;
	link->existing = link->kind == LINK_OTHER && !kindless;
	link->up = !link->existing;
	link->mode = default_mode(link->kind);
}

/* note_end - note the other end of veth @index, which need not have an entry */
static void note_end(struct topology_draft *draft, uint32_t index)
{
	const struct yaml_node *node = yaml_get(draft->links.items[index].node, "veth");
	char name[IFNAMSIZ];
	uint32_t netns;
	if (!draft_split_link(draft, node, &netns, name))
		return;
	uint32_t end = draft_link_named(draft, netns, name);
	if (strcmp(name, "lo") == 0)
		draft_complain(draft, node->at, "'lo' comes with its namespace; expected another name");
	else if (end == index)
		draft_complain(draft, node->at,
		               "this is the link itself; expected the name of its other end");
	else if (end == TOPOLOGY_NONE)
		end = draft_add_link(draft, netns, name, &(struct draft_link){node->at, NULL, true});
	link_at(draft, index)->peer = end;
}

/* claim_end - make sure that the other end of veth @index is its own */
static void claim_end(struct topology_draft *draft, uint32_t index)
{
	char text[DRAFT_LINK_TEXT_MAX], other_text[DRAFT_LINK_TEXT_MAX];
	struct span at = draft_place(draft->links.items[index].node, "veth");
	uint32_t end = link_at(draft, index)->peer;
	struct topology_link *peer = link_at(draft, end);
	if (draft->links.items[end].kindless) {
		draft->links.items[end].kindless = false;
		peer->kind = LINK_VETH;
		peer->peer = index;
	} else if (peer->kind != LINK_VETH) {
		draft_complain(draft, at, "'%s' is %s; expected the other end of a veth",
		               draft_link_text(draft, end, text), draft_link_what(peer));
	} else if (peer->peer != TOPOLOGY_NONE && peer->peer != index) {
		draft_complain(draft, at, "'%s' is the other end of '%s'; expected a link that is not",
		               draft_link_text(draft, end, text),
		               draft_link_text(draft, peer->peer, other_text));
	}
}

static void refuse_kindless(struct topology_draft *draft, uint32_t index)
{
	char text[DRAFT_LINK_TEXT_MAX];
	draft_complain(
	        draft, draft->links.items[index].at,
	        "nothing says what '%s' is; expected veth, bridge, macvlan, ipvlan, vxlan or existing, "
	        "or another link with veth: %s",
	        draft_link_text(draft, index, text), text);
}

/* match_ends - the other ends of veths become veths too; what is then of no kind stays so */
static void match_ends(struct topology_draft *draft)
{
	uint32_t count = (uint32_t)draft->links.count; /* without those that are added */
	for (uint32_t i = 0; i < count; i++)
		if (link_at(draft, i)->kind == LINK_VETH)
			note_end(draft, i);
	for (uint32_t i = 0; i < count; i++)
		if (yaml_get(draft->links.items[i].node, "veth") && link_at(draft, i)->peer != TOPOLOGY_NONE)
			claim_end(draft, i);
	for (uint32_t i = 0; i < count; i++)
		if (draft->links.items[i].kindless)
			refuse_kindless(draft, i);
}

static void read_link(struct topology_draft *draft, uint32_t index)
{
	const struct yaml_node *node = draft->links.items[index].node;
	struct topology_link *link = link_at(draft, index);
	schema_read_mapping(&draft->reader, node, &topology_link_schema, link);
	if (!draft->links.items[index].kindless)
		check_belongings(draft, node, link);
	if (link->existing)
		check_existing(draft, node, link);
}

void topology_read_links(struct schema_reader *reader, const struct yaml_node *node, void *target)
{
	struct topology_draft *draft = topology_draft_of(reader);
	(void)target;
	if (node->kind == YAML_NULL ||
	    !schema_check_kind(reader, node, YAML_MAPPING, "a mapping of NS/LINK: {}"))
		return;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		note_link(draft, child);
	match_ends(draft);
	for (uint32_t i = 0; i < draft->links.count; i++)
		if (draft->links.items[i].node)
			read_link(draft, i);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A topology while its file is read: the parts so far and where each of them stands, so that what is only
 * found out later can still be complained about in its place. Shared by the readers of the file's sections
 * and the check at the end.
 */
#ifndef NSRELAY_APP_NSCTL_TOPOLOGY_DRAFT_H
#define NSRELAY_APP_NSCTL_TOPOLOGY_DRAFT_H

#include <string.h>

#include "app/text/name_index.h"
#include "app/text/schema.h"
#include "nsctl/topology/topology.h"

/* A member of some list in the topology, e.g. number @index of the routes of namespace @owner. */
struct draft_part {
	const struct yaml_node *node;
	uint32_t owner; /* index of a namespace or link */
	uint32_t index;
};

struct draft_parts {
	VEC(struct draft_part) all;
};

/* What is known of a link beside struct topology_link, by the same index. */
struct draft_link {
	struct span at;
	const struct yaml_node *node; /* its entry; NULL: only the other end of a veth has one */
	bool kindless; /* its entry does not say what it is: some veth's other end, it is hoped */
};

struct topology_draft {
	struct schema_reader reader; /* first: see topology_draft_of() */
	struct topology topology;
	struct name_index netns_by_name; /* "ns1" */
	struct name_index netns_by_ref;  /* "path:/run/netns/ns1", "pid:42" */
	struct name_index link_by_name;  /* "ns1/eth0" */
	VEC(struct draft_link) links;
	struct draft_parts routes, masquerades, publishes; /* owner: a namespace */
	struct draft_parts addresses, vxlans;              /* owner: a link */
};

enum { DRAFT_LINK_TEXT_MAX = TOPOLOGY_NETNS_NAME_MAX + IFNAMSIZ };

void topology_draft_init(struct topology_draft *draft, const char *name, const char *text, size_t size);
void topology_draft_fini(struct topology_draft *draft);

/* topology_draft_of - the draft that @reader belongs to */
static inline struct topology_draft *topology_draft_of(struct schema_reader *reader)
{
	return (struct topology_draft *)reader;
}

/* draft_complain - report a mistake: "what is wrong; what was expected" */
#define draft_complain(draft, at, ...) report_add(&(draft)->reader.report, (at), __VA_ARGS__)

/* draft_place - where the value of @key in the mapping @node stands; without such a key, the mapping
 * itself */
struct span draft_place(const struct yaml_node *node, const char *key);

/* draft_note - remember that the next member of some list comes from @node */
void draft_note(struct topology_draft *draft, struct draft_parts *parts, const struct yaml_node *node,
                size_t owner, size_t index);

/* draft_add_netns - the index of a new namespace; TOPOLOGY_NONE: no memory, which is noted */
uint32_t draft_add_netns(struct topology_draft *draft, const char *name, enum netns_tenure tenure);

/* draft_add_link - as draft_add_netns(), a link that is up */
uint32_t draft_add_link(struct topology_draft *draft, uint32_t netns, const char *name,
                        const struct draft_link *known);

/*
 * draft_find_netns - the namespace called @name; what is not there is reported at @at
 * `host` is there without being declared.
 */
uint32_t draft_find_netns(struct topology_draft *draft, const char *name, struct span at);

/* draft_link_named - the link @name of @netns, or TOPOLOGY_NONE */
uint32_t draft_link_named(const struct topology_draft *draft, uint32_t netns, const char *name);

/*
 * draft_split_link - read `NS/LINK`; what is wrong is reported
 * True: the namespace is there and the name could be a link's, whether or not there is one.
 */
bool draft_split_link(struct topology_draft *draft, const struct yaml_node *node, uint32_t *ret_netns,
                      char ret_name[static IFNAMSIZ]);

/* draft_find_link - the link that @node refers to as `NS/LINK`; TOPOLOGY_NONE: none, which is reported */
uint32_t draft_find_link(struct topology_draft *draft, const struct yaml_node *node);

/* draft_find_own_link - the link of @netns that @node refers to by its name alone; as draft_find_link() */
uint32_t draft_find_own_link(struct topology_draft *draft, const struct yaml_node *node, uint32_t netns);

/* draft_link_text - "ns1/eth0". Returns @buf, of DRAFT_LINK_TEXT_MAX bytes. */
const char *draft_link_text(const struct topology_draft *draft, uint32_t index, char *buf);

/* draft_link_what - "a veth", "an ipvlan", "an existing link", "the loopback" */
const char *draft_link_what(const struct topology_link *link);

static inline const char *draft_netns_name(const struct topology_draft *draft, uint32_t netns)
{
	return draft->topology.netns.items[netns].name;
}

static inline const char *draft_family_name(const struct prefix *prefix)
{
	return prefix->family == AF_INET6 ? "IPv6" : "IPv4";
}

/* draft_is_loopback - is it `lo`, which comes with its namespace? */
static inline bool draft_is_loopback(const struct topology_link *link)
{
	return link->existing && strcmp(link->name, "lo") == 0;
}

/* The sections of the file, each in a file of its own, and what their entries may say. */
schema_fn topology_read_namespaces, topology_read_links, topology_read_expects;
extern const struct schema topology_netns_schema, topology_link_schema, topology_expect_schema;

#endif

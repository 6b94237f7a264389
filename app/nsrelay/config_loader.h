/* SPDX-License-Identifier: Apache-2.0 */
/* What the files share that read a configuration: app/nsrelay/config_file.c and those it hands parts of it to. */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_LOADER_H
#define NSRELAY_APP_NSRELAY_CONFIG_LOADER_H

#include "app/nsrelay/config_check.h"
#include "app/text/schema.h"
#include "base/vec.h"

/* A name of `namespaces:` and what it stands for. */
struct declaration {
	const char *name;
	struct netns_ref ref;
};

/* Where a part of the configuration comes from. */
struct origin {
	const struct yaml_node *node;
	size_t pool, position; /* of a backend: a fragment adds some in the midst of those that there are */
};

struct loader {
	struct schema_reader reader;
	struct config config;
	struct config_relay defaults;
	struct declaration *declarations;
	size_t declaration_count;
	size_t declared_pool_count; /* those after it belong to one relay each */
	bool is_fragment;

	/* Of what there was before a fragment. */
	size_t base_counts[CONFIG_PART_BACKEND];
	size_t base_pool_count;

	/* In the order in which things were added, so that a complaint finds its place. */
	VEC(struct origin) origins[CONFIG_PART_BACKEND + 1];
};

static inline struct loader *loader_of(struct schema_reader *reader)
{
	return (struct loader *)reader; /* its first member */
}

/* loader_remember - the next @part of the configuration comes from @node; loader_remember_backend - the last one of @pool */
void loader_remember(struct loader *loader, enum config_part part, const struct yaml_node *node);
void loader_remember_backend(struct loader *loader, const struct config_pool *pool, const struct yaml_node *node);

/* loader_resolve - put what was declared under a name in the name's place */
void loader_resolve(const struct loader *loader, struct netns_ref *ref);

#endif

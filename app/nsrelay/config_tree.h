/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as the tree of a file that would make it: what config_file.c does, the other way round, along the
 * same tables of settings. Text (config_text.h) and comparison (config_diff.h) are made from it.
 *
 * What is only left over from an earlier configuration (relay/succession.h) is no part of it. Every pool has its name and stands under `pools:`, also one whose endpoints a relay had in `to:`; what
 * `namespaces:` and `defaults:` had stands wherever it was meant.
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_TREE_H
#define NSRELAY_APP_NSRELAY_CONFIG_TREE_H

#include <stdbool.h>

#include "app/text/yaml.h"
#include "relay/config.h"

struct config_tree {
	struct yaml yaml; /* its root is a mapping */
	bool all;         /* what has its default as well */
	bool out_of_memory;
};

/*
 * config_tree_init - all of @config: daemon-wide settings, pools, relays
 * To be given to config_tree_fini(), also on failure. Errors: ENOMEM.
 */
int config_tree_init(struct config_tree *tree, const struct config *config, bool all);
void config_tree_fini(struct config_tree *tree);

/*
 * The same in parts, in the order of a file. Each makes a tree of its own, to be given to config_tree_fini():
 * config_tree_init_daemon - the root has the daemon-wide settings
 * config_tree_init_pool   - `pools: { NAME: ... }` with @pool alone
 * config_tree_init_relay  - `relays: [ ... ]` with @relay alone; the names of pools are those of @config
 */
int config_tree_init_daemon(struct config_tree *tree, const struct config *config, bool all);
int config_tree_init_pool(struct config_tree *tree, const struct config_pool *pool, bool all);
int config_tree_init_relay(struct config_tree *tree, const struct config *config, const struct config_relay *relay,
			   bool all);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_text.h"

#include "app/nsrelay/config_tree.h"
#include "app/text/yaml_print.h"

int config_text(const struct config *config, bool all, FILE *out)
{
	struct config_tree tree;
	int r = config_tree_init(&tree, config, all);
	if (r == 0)
		yaml_print(tree.yaml.root, out);
	config_tree_fini(&tree);
	return r;
}

/* compare_and_free - @ra, @rb: how making them went */
static bool compare_and_free(struct config_tree *a, int ra, struct config_tree *b, int rb)
{
	bool equal = ra == 0 && rb == 0 && yaml_equal(a->yaml.root, b->yaml.root);
	config_tree_fini(a);
	config_tree_fini(b);
	return equal;
}

bool config_equal(const struct config *a, const struct config *b)
{
	struct config_tree x, y;
	int rx = config_tree_init(&x, a, false), ry = config_tree_init(&y, b, false);
	return compare_and_free(&x, rx, &y, ry);
}

bool config_pool_equal(const struct config_pool *a, const struct config_pool *b)
{
	struct config_tree x, y;
	int rx = config_tree_init_pool(&x, a, false), ry = config_tree_init_pool(&y, b, false);
	return compare_and_free(&x, rx, &y, ry);
}

bool config_relay_equal(const struct config *a, const struct config_relay *relay_a, const struct config *b,
			const struct config_relay *relay_b)
{
	struct config_tree x, y;
	int rx = config_tree_init_relay(&x, a, relay_a, false), ry = config_tree_init_relay(&y, b, relay_b, false);
	return compare_and_free(&x, rx, &y, ry);
}

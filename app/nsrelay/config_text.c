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

/* print_part - the list of one thing; its key stands in front of the first */
static void print_part(const struct config_tree *tree, bool first, FILE *out)
{
	const struct yaml_node *root = tree->yaml.root;
	if (!root->first->first)
		return; /* left over */
	if (first)
		yaml_print(root, out);
	else
		yaml_print_children(root->first, YAML_INDENT, out);
}

int config_text_daemon(const struct config *config, bool all, FILE *out)
{
	struct config_tree tree;
	int r = config_tree_init_daemon(&tree, config, all);
	if (r == 0)
		yaml_print_children(tree.yaml.root, 0, out);
	config_tree_fini(&tree);
	return r;
}

int config_text_pool(const struct config_pool *pool, bool first, bool all, FILE *out)
{
	struct config_tree tree;
	int r = config_tree_init_pool(&tree, pool, all);
	if (r == 0)
		print_part(&tree, first, out);
	config_tree_fini(&tree);
	return r;
}

int config_text_relay(const struct config *config, const struct config_relay *relay, bool first, bool all, FILE *out)
{
	struct config_tree tree;
	int r = config_tree_init_relay(&tree, config, relay, all);
	if (r == 0)
		print_part(&tree, first, out);
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

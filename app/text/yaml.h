/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A YAML text as a tree whose nodes know their place in it. The only file that knows libfyaml is yaml.c.
 *
 * Of YAML 1.2 this takes what a configuration needs: one document of mappings with scalar keys, sequences and
 * scalars. An anchor, an alias (with which a few lines can stand for gigabytes), a tag, a second document and
 * a key given twice are mistakes. What a scalar means is for the reader to say; only a plain `null`, `~` or
 * nothing is told apart.
 */
#ifndef NSRELAY_APP_TEXT_YAML_H
#define NSRELAY_APP_TEXT_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "app/text/report.h"

/* What a text may hold; above the largest configuration with every default in it, and a tree that still fits anywhere. */
enum { YAML_NODES_MAX = 1 << 20, YAML_DEPTH_MAX = 32 };

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_SEQUENCE, YAML_MAPPING };

struct yaml_node {
	enum yaml_kind kind;
	struct span at;
	struct yaml_node *key;          /* a mapping's child: its key, a scalar; else NULL */
	struct yaml_node *next;         /* the next child of the same parent */
	struct yaml_node *first, *last; /* children of a sequence or mapping, in the text's order */
	struct yaml_node *parent;
	size_t child_count;
	struct yaml_node *older; /* of all nodes, in the order they were made */
	char text[];             /* YAML_SCALAR */
};

struct yaml {
	struct yaml_node *root; /* NULL: the text has no content */
	struct yaml_node *newest;
	size_t node_count;
};

/*
 * yaml_init - read the text that @report is about
 * Errors: -EINVAL with the mistakes in @report, or -ENOMEM. On failure there is nothing to free.
 */
int yaml_init(struct yaml *yaml, struct report *report);
void yaml_fini(struct yaml *yaml);

/*
 * yaml_add - a further node under @parent, or the root (NULL) of a zeroed @yaml; for trees that come from no text
 * @key:  of a mapping's child; else NULL
 * @text: of a scalar; else NULL
 * The limits above are those of texts. NULL: memory is out, and what there is can still be given to yaml_fini().
 */
struct yaml_node *yaml_add(struct yaml *yaml, struct yaml_node *parent, const char *key, enum yaml_kind kind,
                           const char *text);

/* yaml_get - the value of @key in a mapping, or NULL; also when @node is NULL or no mapping */
const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key);

/* yaml_equal - do the two say the same, in the same order? */
bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b);

/* yaml_kind_name - "a mapping", "a list", "text" or "nothing" */
const char *yaml_kind_name(enum yaml_kind kind);

#endif

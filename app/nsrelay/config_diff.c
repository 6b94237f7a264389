/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_tree.h"
#include "app/nsrelay/setting.h"
#include "base/check.h"

/* Longest texts of a place: a pool's name and a backend's address; a route's name below two keys. */
enum { THING_MAX = CONFIG_NAME_MAX + ENDPOINT_TEXT_MAX + 32, KEY_MAX = SNI_NAME_MAX + 64 };

/* Where in the two trees a comparison is. */
struct place {
	char thing[THING_MAX];   /* "pool api, backend web/127.0.0.1:80"; "": the daemon */
	char key[KEY_MAX];       /* "timeouts.idle"; "": the thing as a whole */
	const char *things;      /* what the children are: "relay"; NULL: settings, or items of a list */
	const struct setting_map *fixed; /* the daemon's settings from here on; NULL: the place is elsewhere */
	bool needs_restart;
};

struct comparison {
	struct config_diff *diff;
	bool out_of_memory;
};

/* ---- changes ---- */

/* copy - NULL is not copied, and no lack of memory */
static char *copy(struct comparison *comparison, const char *text)
{
	char *result = text ? strdup(text) : NULL;
	comparison->out_of_memory |= text && !result;
	return result;
}

/* value_of - of a scalar */
static const char *value_of(const struct yaml_node *node)
{
	return node && node->kind == YAML_SCALAR ? node->text : NULL;
}

static void add_change(struct comparison *comparison, const struct place *place, enum config_change_kind kind,
		       const struct yaml_node *was, const struct yaml_node *is)
{
	char what[THING_MAX + KEY_MAX + 2];
	struct config_change *change = vec_push(&comparison->diff->changes);
	snprintf(what, sizeof(what), "%s%s%s", place->thing, *place->thing && *place->key ? ": " : "", place->key);
	if (!change) {
		comparison->out_of_memory = true;
		return;
	}
	*change = (struct config_change){
		.kind = kind,
		.what = copy(comparison, what),
		.was = copy(comparison, value_of(was)),
		.is = copy(comparison, value_of(is)),
		.needs_restart = place->needs_restart,
	};
}

/* ---- places ---- */

/* things_of - what the children of what @key has are called; NULL: they have no name of their own */
static const char *things_of(const char *key)
{
	static const char *const names[][2] = {{"relays", "relay"}, {"pools", "pool"}, {"backends", "backend"}};
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcmp(key, names[i][0]) == 0)
			return names[i][1];
	return NULL;
}

/* name_of - by which a child is known among the others */
static const char *name_of(const struct yaml_node *node)
{
	if (node->key)
		return node->key->text;
	if (node->kind == YAML_SCALAR)
		return node->text;
	const struct yaml_node *name = yaml_get(node, "name");
	if (!name)
		name = yaml_get(node, "address");
	return name ? name->text : "";
}

static void append(char *text, size_t size, const char *between, const char *kind, const char *name)
{
	size_t length = strlen(text);
	snprintf(text + length, size - length, "%s%s%s", length ? between : "", kind, name);
}

/* append_number - of an item that has no name, from 1 on */
static void append_number(struct place *place, size_t rank)
{
	char number[32];
	snprintf(number, sizeof(number), "%zu", rank + 1);
	append(place->key, sizeof(place->key), ".", "", number);
}

/* place_of - where the child @node is, the @rank-th from 0 on */
static struct place place_of(const struct place *parent, const struct yaml_node *node, size_t rank)
{
	struct place place = *parent;
	const struct setting *setting = NULL;
	place.things = NULL;
	if (parent->things) {
		append(place.thing, sizeof(place.thing), ", ", parent->things, " ");
		append(place.thing, sizeof(place.thing), "", "", name_of(node));
	} else if (node->key) {
		place.things = things_of(node->key->text);
		setting = parent->fixed ? setting_find(parent->fixed, node->key->text) : NULL;
	}
	place.fixed = setting ? setting->map : NULL;
	place.needs_restart = setting && setting->needs_restart;
	if (node->key && !parent->things && !place.things)
		append(place.key, sizeof(place.key), ".", "", node->key->text);
	else if (!*name_of(node))
		append_number(&place, rank);
	return place;
}

/* ---- comparison ---- */

/* A child, and the how manieth it is. */
struct ranked {
	const struct yaml_node *node; /* NULL: behind the last one */
	size_t rank;
};

static int by_name(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	int names = strcmp(name_of(x->node), name_of(y->node));
	return names ? names : (x->rank > y->rank) - (x->rank < y->rank);
}

/* in_order - the children of @parent by name; those of one name as they stand. NULL: no memory */
static struct ranked *in_order(const struct yaml_node *parent)
{
	struct ranked *children = calloc(parent->child_count + 1, sizeof(*children));
	size_t count = 0;
	if (!children)
		return NULL;
	for (const struct yaml_node *node = parent->first; node; node = node->next, count++)
		children[count] = (struct ranked){node, count};
	qsort(children, count, sizeof(*children), by_name);
	return children;
}

static void compare_children(struct comparison *comparison, const struct place *place, const struct yaml_node *was,
			     const struct yaml_node *is);

/* compare - the same thing, the @rank-th, in both trees, or in one */
static void compare(struct comparison *comparison, const struct place *parent, size_t rank, const struct yaml_node *was,
		    const struct yaml_node *is)
{
	const struct place place = place_of(parent, was ? was : is, rank);
	if (!was)
		add_change(comparison, &place, CONFIG_ADDED, NULL, is);
	else if (!is)
		add_change(comparison, &place, CONFIG_REMOVED, was, NULL);
	else if (was->kind != YAML_SCALAR)
		compare_children(comparison, &place, was, is);
	else if (strcmp(was->text, is->text) != 0)
		add_change(comparison, &place, CONFIG_CHANGED, was, is);
}

/* order - which of the two comes first; NULL comes last */
static int order(const struct yaml_node *was, const struct yaml_node *is)
{
	return !was ? 1 : !is ? -1 : strcmp(name_of(was), name_of(is));
}

static void compare_children(struct comparison *comparison, const struct place *place, const struct yaml_node *was,
			     const struct yaml_node *is)
{
	struct ranked *olds = in_order(was), *news = in_order(is);
	comparison->out_of_memory |= !olds || !news;
	for (size_t i = 0, j = 0; olds && news && (olds[i].node || news[j].node);) {
		int first = order(olds[i].node, news[j].node);
		compare(comparison, place, first <= 0 ? olds[i].rank : news[j].rank, first <= 0 ? olds[i].node : NULL,
			first >= 0 ? news[j].node : NULL);
		i += first <= 0;
		j += first >= 0;
	}
	free(olds);
	free(news);
}

int config_diff_init(struct config_diff *diff, const struct config *was, const struct config *is)
{
	struct comparison comparison = {.diff = diff};
	struct config_tree old, new;
	*diff = (struct config_diff){0};
	int r_old = config_tree_init(&old, was, true), r_new = config_tree_init(&new, is, true);
	if (r_old == 0 && r_new == 0) {
		const struct place root = {.fixed = &setting_daemon};
		compare_children(&comparison, &root, old.yaml.root, new.yaml.root);
	}
	config_tree_fini(&old);
	config_tree_fini(&new);
	return r_old < 0 || r_new < 0 || comparison.out_of_memory ? -ENOMEM : 0;
}

void config_diff_fini(struct config_diff *diff)
{
	for (size_t i = 0; i < diff->changes.count; i++) {
		free(diff->changes.items[i].what);
		free(diff->changes.items[i].was);
		free(diff->changes.items[i].is);
	}
	vec_clear(&diff->changes);
}

/* ---- what stays ---- */

static void keep(const struct setting *setting, const char *key, const struct config *was, struct config *next,
		 void (*tell)(const char *what))
{
	char before[VALUE_TEXT_MAX], after[VALUE_TEXT_MAX];
	value_format(&setting->type, (const char *)was + setting->offset, before, sizeof(before));
	value_format(&setting->type, (char *)next + setting->offset, after, sizeof(after));
	if (strcmp(before, after) == 0)
		return;
	int r = value_parse(&setting->type, before, (char *)next + setting->offset, NULL);
	CHECK(r == 0); /* it was formatted */
	tell(key);
}

static void keep_settings(const struct setting_map *map, const char *key, const struct config *was, struct config *next,
			  void (*tell)(const char *what))
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		char whole[KEY_MAX];
		snprintf(whole, sizeof(whole), "%s%s%s", key, *key ? "." : "", setting->key);
		if (setting->map)
			keep_settings(setting->map, whole, was, next, tell);
		else if (setting->needs_restart)
			keep(setting, whole, was, next, tell);
	}
}

void config_keep_fixed(const struct config *was, struct config *next, void (*tell)(const char *what))
{
	keep_settings(&setting_daemon, "", was, next, tell);
}

/* ---- printing ---- */

static const char *or_none(const char *value)
{
	return *value ? value : "none";
}

static void print_change(const struct config_change *change, FILE *out)
{
	const char *value = change->kind == CONFIG_REMOVED ? change->was : change->is;
	fprintf(out, "%s: ", change->what);
	if (change->kind == CONFIG_CHANGED)
		fprintf(out, "%s -> %s", or_none(change->was), or_none(change->is));
	else
		fprintf(out, "%s%s%s", change->kind == CONFIG_ADDED ? "added" : "removed", value ? " " : "",
			value ? value : "");
	fprintf(out, "%s\n", change->needs_restart ? " (needs a restart)" : "");
}

void config_diff_print(const struct config_diff *diff, FILE *out)
{
	for (size_t i = 0; i < diff->changes.count; i++)
		print_change(&diff->changes.items[i], out);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/utf8.h"

/* The tree under construction, from the parser's events. */
struct builder {
	struct yaml *yaml;
	struct report *report;
	struct yaml_node *parent; /* the open sequence or mapping; NULL at the top */
	struct yaml_node *key;    /* waits for its value */
	size_t depth;
	size_t document_count;
};

static struct span span_of(struct fy_token *token)
{
	const struct fy_mark *start = token ? fy_token_start_mark(token) : NULL;
	const struct fy_mark *end = token ? fy_token_end_mark(token) : NULL;
	if (!start)
		return (struct span){0};
	return (struct span){start->input_pos, end && end->input_pos > start->input_pos
						       ? end->input_pos - start->input_pos
						       : 1};
}

/* span_of_scalar - the marks of a quoted scalar leave the quotes out */
static struct span span_of_scalar(struct fy_token *token)
{
	struct span at = span_of(token);
	enum fy_scalar_style style = token ? fy_token_scalar_style(token) : FYSS_ANY;
	if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && at.offset > 0)
		at = (struct span){at.offset - 1, at.length + 2};
	return at;
}

/* nearest - where to point at for a node without a character of its own: `key:` or `-` and nothing behind */
static struct span nearest(const struct builder *builder)
{
	if (builder->key)
		return builder->key->at;
	if (builder->parent && builder->parent->last)
		return builder->parent->last->at;
	return builder->parent ? builder->parent->at : (struct span){0};
}

static int refuse(struct builder *builder, struct span at, const char *why)
{
	report_add(builder->report, at, "%s", why);
	return -EINVAL;
}

static struct yaml_node *new_node(struct yaml *yaml, struct yaml_node *parent, enum yaml_kind kind,
				  struct span at, const char *text, size_t length)
{
	struct yaml_node *node = calloc(1, sizeof(*node) + length + 1);
	if (!node)
		return NULL;
	node->kind = kind;
	node->at = at;
	node->parent = parent;
	node->older = yaml->newest;
	memcpy(node->text, text, length);
	yaml->newest = node;
	yaml->node_count++;
	return node;
}

/* append - @node becomes the last child of its parent */
static void append(struct yaml_node *node)
{
	struct yaml_node *parent = node->parent;
	if (parent->last)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->child_count++;
}

/* place - put @node where it belongs: at the top, among the open node's children, or aside as a key */
static int place(struct builder *builder, struct yaml_node *node)
{
	struct yaml_node *parent = builder->parent;
	if (!parent) {
		builder->yaml->root = node;
		return 0;
	}
	if (parent->kind == YAML_MAPPING && !builder->key) {
		builder->key = node;
		return node->kind == YAML_SCALAR
			       ? 0
			       : refuse(builder, node->at, "a key is no text; expected KEY: VALUE");
	}
	node->key = builder->key;
	builder->key = NULL;
	append(node);
	return 0;
}

static int add(struct builder *builder, enum yaml_kind kind, struct span at, const char *text, size_t length)
{
	if (builder->yaml->node_count == YAML_NODES_MAX)
		return refuse(builder, at, "the file holds too much; expected a configuration");
	struct yaml_node *node = new_node(builder->yaml, builder->parent, kind, at, text, length);
	return node ? place(builder, node) : -ENOMEM;
}

/* span_of_anchor - the marks of an anchor or alias leave its & or * out */
static struct span span_of_anchor(struct fy_token *token)
{
	struct span at = span_of(token);
	return at.offset > 0 ? (struct span){at.offset - 1, at.length + 1} : at;
}

static int refuse_decorated(struct builder *builder, struct fy_token *anchor, struct fy_token *tag)
{
	if (anchor)
		return refuse(builder, span_of_anchor(anchor),
			      "anchors are not supported; expected a value");
	if (tag)
		return refuse(builder, span_of(tag), "tags are not supported; expected a plain value");
	return 0;
}

static int open_node(struct builder *builder, enum yaml_kind kind, struct span at)
{
	if (builder->depth == YAML_DEPTH_MAX)
		return refuse(builder, at, "the file is nested too deeply; expected a configuration");
	int r = add(builder, kind, at, "", 0);
	if (r < 0)
		return r;
	builder->parent = builder->yaml->newest;
	builder->depth++;
	return 0;
}

static int close_node(struct builder *builder)
{
	builder->parent = builder->parent->parent;
	builder->depth--;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct yaml_node *x = (*(struct yaml_node *const *)a)->key,
			       *y = (*(struct yaml_node *const *)b)->key;
	int order = strcmp(x->text, y->text);
	return order ? order : (x->at.offset > y->at.offset) - (x->at.offset < y->at.offset);
}

/* check_keys - report each key of the open mapping that was given before */
static int check_keys(struct builder *builder)
{
	const struct yaml_node *mapping = builder->parent;
	struct yaml_node **nodes = calloc(mapping->child_count + 1, sizeof(struct yaml_node *));
	if (!nodes)
		return -ENOMEM;
	size_t count = 0;
	for (struct yaml_node *node = mapping->first; node; node = node->next)
		nodes[count++] = node;
	qsort(nodes, count, sizeof(struct yaml_node *), by_key);
	for (size_t i = 1; i < count; i++)
		if (strcmp(nodes[i - 1]->key->text, nodes[i]->key->text) == 0)
			report_add(builder->report, nodes[i]->key->at,
				   "the key '%.64s' is given twice; expected once, and line %zu has it",
				   nodes[i]->key->text,
				   report_line(builder->report, nodes[i - 1]->key->at.offset));
	free(nodes);
	return 0;
}

static int on_document_start(struct builder *builder, struct fy_event *event)
{
	if (builder->document_count++ == 0)
		return 0;
	return refuse(builder, span_of(event->document_start.document_start),
		      "a second document begins; expected one in a file");
}

static bool is_null(struct fy_token *token, const char *text, size_t length)
{
	static const char *const words[] = {"", "~", "null", "Null", "NULL"}; /* YAML 1.2, 10.3.2 */
	if (token && fy_token_scalar_style(token) != FYSS_PLAIN)
		return false;
	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		if (strlen(words[i]) == length && memcmp(words[i], text, length) == 0)
			return true;
	return false;
}

static int on_scalar(struct builder *builder, struct fy_event *event)
{
	struct fy_token *token = event->scalar.value;
	int r = refuse_decorated(builder, event->scalar.anchor, event->scalar.tag);
	if (r < 0)
		return r;
	size_t length = 0;
	const char *text = token ? fy_token_get_text(token, &length) : "";
	if (!text)
		return -ENOMEM;
	struct span at = token && fy_token_start_mark(token) ? span_of_scalar(token) : nearest(builder);
	if (memchr(text, '\0', length))
		return refuse(builder, at, "the text holds a NUL character; expected none");
	return add(builder, is_null(token, text, length) ? YAML_NULL : YAML_SCALAR, at, text, length);
}

static int on_sequence_start(struct builder *builder, struct fy_event *event)
{
	int r = refuse_decorated(builder, event->sequence_start.anchor, event->sequence_start.tag);
	return r < 0 ? r : open_node(builder, YAML_SEQUENCE, span_of(event->sequence_start.sequence_start));
}

static int on_sequence_end(struct builder *builder, struct fy_event *event)
{
	(void)event;
	return close_node(builder);
}

static int on_mapping_start(struct builder *builder, struct fy_event *event)
{
	int r = refuse_decorated(builder, event->mapping_start.anchor, event->mapping_start.tag);
	return r < 0 ? r : open_node(builder, YAML_MAPPING, span_of(event->mapping_start.mapping_start));
}

static int on_mapping_end(struct builder *builder, struct fy_event *event)
{
	(void)event;
	int r = check_keys(builder);
	return r < 0 ? r : close_node(builder);
}

static int on_alias(struct builder *builder, struct fy_event *event)
{
	return refuse(builder, span_of_anchor(event->alias.anchor),
		      "aliases are not supported; expected a value");
}

static int on_event(struct builder *builder, struct fy_event *event)
{
	static int (*const handlers[])(struct builder *, struct fy_event *) = {
		[FYET_DOCUMENT_START] = on_document_start,
		[FYET_SCALAR] = on_scalar,
		[FYET_SEQUENCE_START] = on_sequence_start,
		[FYET_SEQUENCE_END] = on_sequence_end,
		[FYET_MAPPING_START] = on_mapping_start,
		[FYET_MAPPING_END] = on_mapping_end,
		[FYET_ALIAS] = on_alias,
	};
	if (event->type >= (int)ARRAY_COUNT(handlers) || !handlers[event->type])
		return 0;
	return handlers[event->type](builder, event);
}

static int build(struct builder *builder, struct fy_parser *parser)
{
	struct fy_event *event;
	int r = 0;
	while (r == 0 && (event = fy_parser_parse(parser))) {
		r = on_event(builder, event);
		fy_parser_event_free(parser, event);
	}
	return r;
}

/* before_blank_end - what is missing at the end is missed behind the last character that is seen */
static struct span before_blank_end(const struct report *report, struct span at)
{
	if (at.offset < report->size)
		return at;
	at.offset = report->size;
	while (at.offset > 0 && strchr(" \t\r\n", report->text[at.offset - 1]))
		at.offset--;
	return at;
}

/* report_syntax - pass on what the parser found */
static void report_syntax(struct report *report, struct fy_diag *diag)
{
	void *previous = NULL;
	struct fy_diag_error *error;
	while ((error = fy_diag_errors_iterate(diag, &previous)))
		report_add(report, before_blank_end(report, span_of(error->fyt)), "%s; expected valid YAML",
			   error->msg);
}

static int parse(struct yaml *yaml, struct report *report, struct fy_diag *diag)
{
	struct builder builder = {.yaml = yaml, .report = report};
	struct fy_parse_cfg cfg = {.diag = diag};
	struct fy_parser *parser = fy_parser_create(&cfg);
	int r = -ENOMEM;
	if (parser && fy_parser_set_string(parser, report->text, report->size) == 0)
		r = build(&builder, parser);
	if (r == 0 && fy_parser_get_stream_error(parser)) {
		report_syntax(report, diag);
		r = report->count ? -EINVAL : -ENOMEM;
	}
	fy_parser_destroy(parser);
	return r < 0 ? r : report->count ? -EINVAL : 0;
}

/* check_characters - refuse what YAML 1.2, 5.1 calls not printable, before the parser sees it */
static int check_characters(struct report *report)
{
	size_t length;
	for (size_t offset = 0; offset < report->size; offset += length) {
		uint32_t c = 0;
		length = utf8_decode(report->text + offset, report->size - offset, &c);
		bool control = utf8_is_control(c) && c != '\t' && c != '\n' && c != '\r';
		if (length > 0 && !control)
			continue;
		report_add(report, (struct span){offset, 1}, "%s; expected UTF-8 text",
			   length ? "a control character stands here" : "this byte is not UTF-8");
		return -EINVAL;
	}
	return 0;
}

/*
 * check_tabs - refuse a tab between the ':' of a key and another indicator, before the parser sees it
 *
 * YAML 1.2, 6.1 has no tabs in indentation. libfyaml 0.7.12 finds that, but after an explicit key ("? a:\t>")
 * it then recycles a simple key twice in fy_fetch_value() and follows the freed one in fy_parser_destroy(). To
 * be left to it once no supported version does.
 */
static int check_tabs(struct report *report)
{
	bool after_colon = false;
	size_t tab = 0; /* where, once one is seen after the colon */
	for (size_t offset = 0; offset < report->size; offset++) {
		char c = report->text[offset];
		if (after_colon && tab && strchr("?:|>-", c)) {
			report_add(report, (struct span){tab, 1}, "a tab stands before '%c'; expected spaces",
				   c);
			return -EINVAL;
		}
		if (c == ':') {
			after_colon = true;
			tab = 0;
		} else if (c == '\t') {
			tab = offset;
		} else if (c != ' ') {
			after_colon = false;
		}
	}
	return 0;
}

int yaml_init(struct yaml *yaml, struct report *report)
{
	struct fy_diag_cfg cfg;
	*yaml = (struct yaml){0};
	int r = check_characters(report);
	if (r == 0)
		r = check_tabs(report);
	if (r < 0)
		return r;
	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL; /* it prints nothing: errors are collected */
	struct fy_diag *diag = fy_diag_create(&cfg);
	if (!diag)
		return -ENOMEM;
	fy_diag_set_collect_errors(diag, true);
	r = parse(yaml, report, diag);
	fy_diag_destroy(diag);
	if (r < 0)
		yaml_fini(yaml);
	return r;
}

void yaml_fini(struct yaml *yaml)
{
	while (yaml->newest) {
		struct yaml_node *older = yaml->newest->older;
		free(yaml->newest);
		yaml->newest = older;
	}
	*yaml = (struct yaml){0};
}

struct yaml_node *yaml_add(struct yaml *yaml, struct yaml_node *parent, const char *key, enum yaml_kind kind,
                           const char *text)
{
	struct yaml_node *name = NULL;
	if (key) {
		name = new_node(yaml, parent, YAML_SCALAR, (struct span){0}, key, strlen(key));
		if (!name)
			return NULL;
	}
	struct yaml_node *node = new_node(yaml, parent, kind, (struct span){0}, text ? text : "", text ? strlen(text) : 0);
	if (!node)
		return NULL;
	node->key = name;
	if (parent)
		append(node);
	else
		yaml->root = node;
	return node;
}

const struct yaml_node *yaml_get(const struct yaml_node *node, const char *key)
{
	if (!node || node->kind != YAML_MAPPING)
		return NULL;
	for (const struct yaml_node *child = node->first; child; child = child->next)
		if (strcmp(child->key->text, key) == 0)
			return child;
	return NULL;
}

static bool key_equal(const struct yaml_node *a, const struct yaml_node *b)
{
	return !a->key == !b->key && (!a->key || strcmp(a->key->text, b->key->text) == 0);
}

bool yaml_equal(const struct yaml_node *a, const struct yaml_node *b)
{
	if (a->kind != b->kind || a->child_count != b->child_count || !key_equal(a, b) || strcmp(a->text, b->text) != 0)
		return false;
	for (a = a->first, b = b->first; a; a = a->next, b = b->next)
		if (!yaml_equal(a, b))
			return false;
	return true;
}

const char *yaml_kind_name(enum yaml_kind kind)
{
	static const char *const names[] = {
		[YAML_NULL] = "nothing",
		[YAML_SCALAR] = "text",
		[YAML_SEQUENCE] = "a list",
		[YAML_MAPPING] = "a mapping",
	};
	return names[kind];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* read_yaml - read @text, which is right */
static void read_yaml(struct yaml *yaml, struct report *report, const char *text)
{
	report_init(report, "f", text, strlen(text));
	int r = yaml_init(yaml, report);
	if (r < 0)
		fail_msg("%d: %s", r, report->count ? report->entries[0].err.text : "?");
}

static void assert_at(const struct yaml_node *node, const char *text, const char *what)
{
	assert_non_null(node);
	assert_int_equal(node->at.length, strlen(what));
	assert_memory_equal(text + node->at.offset, what, strlen(what));
}

static void nodes_know_their_place(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	const char *text = "# comment\n"
			   "a: plain\n"
			   "b: \"quo\\u0074ed\"\n"
			   "c: 'single'\n"
			   "d:\n  - x\n  - [ y, z ]\n"
			   "\xc3\xa9: { k: v }\n";
	read_yaml(&yaml, &report, text);
	const struct yaml_node *list = yaml_get(yaml.root, "d");
	assert_int_equal(yaml.root->kind, YAML_MAPPING);
	assert_int_equal(yaml.root->child_count, 5);
	assert_at(yaml_get(yaml.root, "a"), text, "plain");
	assert_at(yaml_get(yaml.root, "b"), text, "\"quo\\u0074ed\"");
	assert_string_equal(yaml_get(yaml.root, "b")->text, "quoted");
	assert_at(yaml_get(yaml.root, "c"), text, "'single'");
	assert_at(yaml_get(yaml.root, "c")->key, text, "c");
	assert_int_equal(list->kind, YAML_SEQUENCE);
	assert_at(list->first, text, "x");
	assert_at(list->first->next, text, "[");
	assert_at(list->last->last, text, "z");
	assert_at(yaml_get(yaml_get(yaml.root, "\xc3\xa9"), "k"), text, "v");
	yaml_fini(&yaml);
}

static void nothing_is_told_from_text(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	read_yaml(&yaml, &report, "a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: nulls\n");
	static const enum yaml_kind kinds[] = {YAML_NULL,   YAML_NULL,   YAML_NULL,
					       YAML_SCALAR, YAML_SCALAR, YAML_SCALAR};
	const struct yaml_node *node = yaml.root->first;
	for (size_t i = 0; i < ARRAY_COUNT(kinds); i++, node = node->next)
		assert_int_equal(node->kind, kinds[i]);
	assert_int_equal(yaml.root->first->at.offset, 0); /* points at its key */
	yaml_fini(&yaml);
}

static void text_without_content_has_no_root(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	read_yaml(&yaml, &report, "");
	assert_null(yaml.root);
	yaml_fini(&yaml);
	read_yaml(&yaml, &report, "# only a comment\n");
	assert_null(yaml.root);
	yaml_fini(&yaml);
}

static void missing_keys_are_not_found(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	read_yaml(&yaml, &report, "a: [ b ]\n");
	assert_null(yaml_get(yaml.root, "b"));
	assert_null(yaml_get(yaml_get(yaml.root, "a"), "b"));
	assert_null(yaml_get(NULL, "b"));
	yaml_fini(&yaml);
}

static void byte_order_mark_and_crlf_are_taken(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	const char *text = "\xef\xbb\xbf"
			   "a: b\r\nc: d\r\n";
	read_yaml(&yaml, &report, text);
	assert_at(yaml_get(yaml.root, "c"), text, "d");
	yaml_fini(&yaml);
}

/* refused - @text, of @size bytes, is refused at @line and @column */
static void refused(const char *text, size_t size, size_t line, size_t column, const char *why)
{
	struct yaml yaml;
	struct report report;
	char *out = NULL, place[64];
	size_t out_size;
	report_init(&report, "f", text, size);
	assert_int_equal(yaml_init(&yaml, &report), -EINVAL);
	FILE *stream = open_memstream(&out, &out_size);
	assert_non_null(stream);
	report_print(&report, stream);
	fclose(stream);
	snprintf(place, sizeof(place), "f:%zu:%zu: error: ", line, column);
	assert_contains(out, place);
	assert_contains(out, why);
	assert_contains(out, "; expected ");
	free(out);
}

static void what_is_no_yaml_is_refused_at_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t line, column;
		const char *why;
	} cases[] = {
		{"a: [b\n", 1, 6, "flow sequence without a closing bracket"},
		{"a: {b: c\n", 1, 9, "missing comma in flow mapping"},
		{"a: \"b\n", 1, 5, "without closing quote"},
		{"a:\n  b: c\n d: e\n", 3, 2, "invalid indentation"},
		{"a: b: c\n", 1, 5, "nested block mapping"},
		{"a: b\n\tc: d\n", 1, 4, "invalid multiline plain key"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		refused(cases[i].text, strlen(cases[i].text), cases[i].line, cases[i].column, cases[i].why);
}

static void what_no_configuration_needs_is_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t line, column;
		const char *why;
	} cases[] = {
		{"a: b\nc: d\na: e\n", 3, 1, "the key 'a' is given twice; expected once, and line 1 has it"},
		{"x: { a: 1, 'a': 2 }\n", 1, 12, "given twice"},
		{"a: &x b\n", 1, 4, "anchors are not supported"},
		{"a: *x\n", 1, 4, "aliases are not supported"},
		{"a: !!int 5\n", 1, 4, "tags are not supported"},
		{"a: b\n---\nc: d\n", 2, 1, "a second document begins"},
		{"a: \"\\0\"\n", 1, 4, "NUL character"},
		{"[a]: b\n", 1, 1, "a key is no text"},
		{"a: \t- b\n", 1, 4, "a tab stands before '-'; expected spaces"},
		{"a: \x01\n", 1, 4, "a control character stands here; expected UTF-8 text"},
		{"a: \xff\n", 1, 4, "this byte is not UTF-8"},
	};
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		refused(cases[i].text, strlen(cases[i].text), cases[i].line, cases[i].column, cases[i].why);
	refused("a: \0b\n", 6, 1, 4, "a control character");
	refused("\xff\xfe"
		"a\0:\0",
		6, 1, 1, "not UTF-8"); /* UTF-16 */
}

static void a_text_that_crashes_the_parser_does_not_reach_it(void **state)
{
	(void)state;
	/* libfyaml 0.7.12: a simple key freed twice, and an endless loop in fy_scan_directive(). */
	refused("? a:\t>", 6, 1, 5, "a tab stands before '>'");
	refused("- ? a:  \t |+2b\n", 14, 1, 9, "a tab stands before '|'");
	refused("\xef\xbb\xbf? a:\t:", 9, 1, 6, "a tab stands before ':'");
	refused("%\"\xa6", 3, 1, 3, "this byte is not UTF-8");
}

static void tabs_and_text_of_several_lines_are_taken(void **state)
{
	(void)state;
	struct yaml yaml;
	struct report report;
	read_yaml(&yaml, &report, "a:\tb\t# c\nd: |\n  e\n  f\n? g\n: \"h:\ti\"\n");
	assert_string_equal(yaml_get(yaml.root, "a")->text, "b");
	assert_string_equal(yaml_get(yaml.root, "d")->text, "e\nf\n");
	assert_string_equal(yaml_get(yaml.root, "g")->text, "h:\ti");
	yaml_fini(&yaml);
}

static void depth_and_size_are_bounded(void **state)
{
	(void)state;
	char deep[2 * YAML_DEPTH_MAX + 3];
	memset(deep, '[', YAML_DEPTH_MAX + 1);
	memset(deep + YAML_DEPTH_MAX + 1, ']', YAML_DEPTH_MAX + 1);
	refused(deep, 2 * YAML_DEPTH_MAX + 2, 1, YAML_DEPTH_MAX + 1, "nested too deeply");

	size_t size = 1 + 2 * YAML_NODES_MAX; /* the list, and as many items as nodes are allowed in all */
	char *many = malloc(size);
	assert_non_null(many);
	many[0] = '[';
	for (size_t i = 1; i < size; i += 2)
		memcpy(many + i, "1,", 2);
	refused(many, size, 1, 2 * YAML_NODES_MAX, "holds too much");
	free(many);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nodes_know_their_place),
		cmocka_unit_test(nothing_is_told_from_text),
		cmocka_unit_test(text_without_content_has_no_root),
		cmocka_unit_test(missing_keys_are_not_found),
		cmocka_unit_test(byte_order_mark_and_crlf_are_taken),
		cmocka_unit_test(what_is_no_yaml_is_refused_at_its_place),
		cmocka_unit_test(what_no_configuration_needs_is_refused),
		cmocka_unit_test(a_text_that_crashes_the_parser_does_not_reach_it),
		cmocka_unit_test(tabs_and_text_of_several_lines_are_taken),
		cmocka_unit_test(depth_and_size_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

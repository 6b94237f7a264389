/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/yaml_print.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *print(const struct yaml_node *root)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	yaml_print(root, out);
	fclose(out);
	return text;
}

static void read_text(const char *text, struct yaml *ret)
{
	struct report report;
	report_init(&report, "f", text, strlen(text));
	if (yaml_init(ret, &report) < 0) {
		report_print(&report, stderr);
		fail_msg("'%s' is not read", text);
	}
}

/* Each is a key, a value and an item of a list. */
static void any_text_is_read_back(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",     "a",      "null", "NULL",  "~",          "true",  "-",      "--- a",     "a: b",   "a:",
		"a #b", "# b",    "'",    "\"",    "it's",       "\\",    "[a]",    "{a}",       "&a",     "*a",
		"!a",   "%a",     "@a",   "`a",    "? a",        "- a",   " a ",    "a\nb",      "\n",     "\t",
		"\x01", "\x7f",   "::/0", "\u00e4", "\xc2\x85",    "\u2028", "\ufeff", "\U0001f600", "a, b", "x/[::1]:80",
		"...",  "=", "<<", "\\x41", "a\rb", "|", ">",
	};
	for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
		struct yaml yaml = {0}, again;
		struct yaml_node *root = yaml_add(&yaml, NULL, NULL, YAML_MAPPING, NULL);
		struct yaml_node *map = yaml_add(&yaml, root, "map", YAML_MAPPING, NULL);
		yaml_add(&yaml, map, texts[i], YAML_SCALAR, texts[i]);
		struct yaml_node *list = yaml_add(&yaml, root, "list", YAML_SEQUENCE, NULL);
		yaml_add(&yaml, list, NULL, YAML_SCALAR, texts[i]);
		struct yaml_node *item = yaml_add(&yaml, list, NULL, YAML_MAPPING, NULL);
		yaml_add(&yaml, item, texts[i], YAML_SCALAR, texts[i]);
		yaml_add(&yaml, item, "b", YAML_MAPPING, NULL);
		char *text = print(root);
		read_text(text, &again);
		if (!yaml_equal(root, again.root))
			fail_msg("comes back otherwise:\n%s", text);
		free(text);
		yaml_fini(&yaml);
		yaml_fini(&again);
	}
}

static void blocks_look_as_a_person_writes_them(void **state)
{
	(void)state;
	static const char text[] = "a:\n"
				   "  b: 1\n"
				   "  c: {}\n"
				   "d:\n"
				   "  - e\n"
				   "  - f: g\n"
				   "    h:\n"
				   "      - i\n"
				   "  - 'it''s'\n"
				   "  - \"\\U0000000A\"\n"
				   "j: []\n"
				   "k: null\n";
	struct yaml yaml;
	read_text(text, &yaml);
	char *printed = print(yaml.root);
	assert_string_equal(printed, text);
	free(printed);
	yaml_fini(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_text_is_read_back),
		cmocka_unit_test(blocks_look_as_a_person_writes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

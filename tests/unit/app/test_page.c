/* SPDX-License-Identifier: Apache-2.0 */
/* Manual pages: what the tables say is in them, and those who read pages find no fault with them. */
#include "app/manual/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char folder[] = "/tmp/nsrelay-page-XXXXXX";

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[sizeof(folder) + 16];
	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command); /* NOLINT(cert-env33-c): the path is our own */
}

/* print - @template with its directives replaced; NULL: refused, and @err says why. The caller's to free() */
static char *print(FILE *template, struct err *err)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(template);
	assert_non_null(out);
	int r = page_print(template, out, err);
	fclose(out);
	fclose(template);
	if (r == 0)
		return text;
	free(text);
	return NULL;
}

static char *print_text(const char *template, struct err *err)
{
	return print(fmemopen((char *)template, strlen(template), "r"), err);
}

static char *print_page(const char *name)
{
	struct err err = ERR_INIT;
	char path[256];
	snprintf(path, sizeof(path), "%s/%s.scd", PAGES, name);
	char *text = print(fopen(path, "re"), &err);
	if (!text)
		fail_msg("%s: %s", path, err.text);
	return text;
}

static void pages_have_verbs_options_and_keys(void **state)
{
	static const struct {
		const char *page, *part;
	} parts[] = {
	        {"nsrelay.1", "\n## run [OPTION...] (-c FILE"},
	        {"nsrelay.1", "\n*\\-c*, *\\-\\-config* FILE\n\tread the configuration"},
	        {"nsrelay.1", "*\\-\\-idle\\-timeout* DURATION\n\tno byte in either direction"},
	        {"nsctl.1", "\n## topology plan [OPTION...] FILE\n"},
	        {"nsctl.1", "*\\-\\-exit\\-code*\n"},
	        {"nsctl.1", "\n## counters [OPTION...]\n"},
	        {"nsrelay.yaml.5", "\n## Keys of a relay\n"},
	        {"nsrelay.yaml.5",
	         "\n*listen*: ENDPOINT, or a list\n\twhere it accepts connections. Must be there"},
	        {"nsrelay.yaml.5", "\n*timeouts\\.connect*: DURATION\n"},
	        {"nsrelay.yaml.5", "Takes a whole number from 1 to 1000; by default 3.\n"},
	        {"nsrelay.yaml.5", "\n*limits\\.namespace\\.rate*: N/s\n"},
	        {"nstopology.yaml.5", "\n## Keys of a link\n"},
	        {"nstopology.yaml.5", "\n*gso\\_max\\_size*: N\n"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		char *text = print_page(parts[i].page);
		assert_contains(text, parts[i].part);
		free(text);
	}
}

static void a_directive_that_asks_for_nothing_is_refused(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	assert_null(print_text("%verbs nothing\n", &err));
	assert_string_equal(err.text, "%verbs nothing: there is no such program");
	assert_null(print_text("%keys nothing\n", &err));
	assert_null(print_text("%nonsense\n", &err));
	char *text = print_text("as it *is*\n", &err);
	assert_string_equal(text, "as it *is*\n");
	free(text);
}

static void settings_without_known_defaults_are_refused(void **state)
{
	static const struct setting settings[] = {{.key = "x", .help = "y", .type = {.kind = VALUE_BOOL}}};
	static const struct setting_map map = {settings, 1};
	static const struct schema schema = {.what = "a thing", .settings = &map};
	struct err err = ERR_INIT;
	char text[256];
	FILE *out = fmemopen(text, sizeof(text), "w");
	(void)state;
	assert_int_equal(page_print_keys(&schema, out, &err), -EINVAL);
	assert_contains(err.text, "defaults of a thing");
	fclose(out);
}

/* run - @command in the folder; what it writes to standard error is shown */
static bool run(const char *command)
{
	char text[256];
	snprintf(text, sizeof(text), "cd %s && %s", folder, command);
	return system(text) == 0; /* NOLINT(cert-env33-c): words of ours */
}

static bool there_is(const char *tool)
{
	char text[64];
	snprintf(text, sizeof(text), "command -v %s >/dev/null", tool);
	if (run(text))
		return true;
	print_message("[  SKIPPED ] there is no %s\n", tool);
	return false;
}

static void write_file(const char *name, const char *text)
{
	char path[sizeof(folder) + 64];
	snprintf(path, sizeof(path), "%s/%s.scd", folder, name);
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* check_page - scdoc takes it, and man(1) and mandoc(1) take what scdoc makes of it */
static void check_page(const char *name)
{
	char command[128], *text = print_page(name);
	write_file(name, text);
	free(text);
	snprintf(command, sizeof(command), "scdoc <%s.scd >%s", name, name);
	assert_true(run(command));
	snprintf(command, sizeof(command), "man -l --warnings %s 2>&1 >/dev/null | { ! grep . ; }", name);
	assert_true(!there_is("man") || run(command));
	snprintf(command, sizeof(command), "mandoc -T lint -W error %s", name);
	assert_true(!there_is("mandoc") || run(command));
}

static void pages_are_without_fault(void **state)
{
	static const char *const pages[] = {"nsrelay.1", "nsctl.1", "nsrelay.yaml.5", "nstopology.yaml.5", "nsrelay-cni.8"};
	(void)state;
	if (!there_is("scdoc"))
		skip();
	for (size_t i = 0; i < ARRAY_COUNT(pages); i++)
		check_page(pages[i]);
}

static void nothing_of_a_table_is_taken_for_markup(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	(void)state;
	page_put(out, "a_b *c* \\ #d");
	fclose(out);
	assert_string_equal(text, "a\\_b \\*c\\* \\\\ \\#d");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(pages_have_verbs_options_and_keys),
	        cmocka_unit_test(a_directive_that_asks_for_nothing_is_refused),
	        cmocka_unit_test(settings_without_known_defaults_are_refused),
	        cmocka_unit_test(nothing_of_a_table_is_taken_for_markup),
	        cmocka_unit_test(pages_are_without_fault),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of io.nsrelay.Control: what varlink allows, and what docs/CONTROL.md says. */
#include "app/nsrelay/control_interface.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/app/document.h"
#include "tests/unit/unit.h"

/* describe - the interface; the caller's to free() */
static char *describe(void)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	varlink_describe(&control_interface, out);
	fclose(out);
	return text;
}

/* indented - as Markdown has a text that is to stay as it is; the caller's to free() */
static char *indented(const char *text)
{
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);
	for (const char *line = text; *line;) {
		size_t length = strcspn(line, "\n");
		fprintf(out, "%s%.*s\n", length ? "    " : "", (int)length, line);
		line += length + (line[length] == '\n');
	}
	fclose(out);
	return ret;
}

static void documentation_has_the_description(void **state)
{
	char *plain = describe(), *text = indented(plain);
	(void)state;
	document_check(DOCUMENT, "## The interface\n\n", text);
	free(plain);
	free(text);
}

/* [A-Za-z]([_]?[A-Za-z0-9])*, https://varlink.org/Interface-Definition */
static void check_field_name(const char *name)
{
	assert_true(isalpha((unsigned char)name[0]));
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !(*c == '_' && isalnum((unsigned char)c[1])))
			fail_msg("'%s' is no name of a field", name);
}

static void check_fields(const struct varlink_fields *fields)
{
	for (size_t i = 0; i < fields->count; i++) {
		const struct varlink_field *field = &fields->all[i];
		bool listed = field->kind != VARLINK_OBJECT;
		check_field_name(field->name);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(field->name, fields->all[j].name);
		for (size_t j = 0; j < control_interface.type_count; j++)
			listed |= control_interface.types[j] == field->type;
		if (!listed)
			fail_msg("the type of %s is not listed", field->name);
	}
}

static void check_name(const char *name, const char *help)
{
	assert_true(isupper((unsigned char)name[0]));
	assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"),
	                 strlen(name));
	assert_non_null(help);
}

static void names_are_what_varlink_allows(void **state)
{
	(void)state;
	for (size_t i = 0; i < control_interface.type_count; i++) {
		check_name(control_interface.types[i]->name, control_interface.types[i]->help);
		check_fields(&control_interface.types[i]->fields);
	}
	for (size_t i = 0; i < control_interface.method_count; i++) {
		const struct varlink_method *method = control_interface.methods[i];
		check_name(method->name, method->help);
		check_fields(&method->takes);
		check_fields(&method->returns);
		assert_non_null(method->fn);
	}
	for (size_t i = 0; i < control_interface.error_count; i++) {
		check_name(control_interface.errors[i].name, control_interface.errors[i].help);
		check_fields(&control_interface.errors[i].fields);
	}
}

static void methods_take_plain_values_only(void **state)
{
	(void)state;
	for (size_t i = 0; i < control_interface.method_count; i++) {
		const struct varlink_fields *takes = &control_interface.methods[i]->takes;
		for (size_t j = 0; j < takes->count; j++)
			assert_true(takes->all[j].kind != VARLINK_OBJECT && !takes->all[j].array);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(documentation_has_the_description),
	        cmocka_unit_test(names_are_what_varlink_allows),
	        cmocka_unit_test(methods_take_plain_values_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

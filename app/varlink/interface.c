/* SPDX-License-Identifier: Apache-2.0 */
#include "app/varlink/interface.h"

#include <string.h>

/* ---- the description ---- */

static void print_help(const char *help, const char *indent, FILE *out)
{
	while (help && *help) {
		size_t length = strcspn(help, "\n");
		fprintf(out, "%s# %.*s\n", indent, (int)length, help);
		help += length + (help[length] == '\n');
	}
}

static const char *type_name(const struct varlink_field *field)
{
	static const char *const names[] = {
	        [VARLINK_BOOL] = "bool", [VARLINK_INT] = "int", [VARLINK_STRING] = "string"};
	return field->kind == VARLINK_OBJECT ? field->type->name : names[field->kind];
}

static void print_fields(const struct varlink_fields *fields, FILE *out)
{
	if (fields->count == 0) {
		fputs("()", out);
		return;
	}
	fputs("(\n", out);
	for (size_t i = 0; i < fields->count; i++) {
		const struct varlink_field *field = &fields->all[i];
		print_help(field->help, "  ", out);
		fprintf(out, "  %s: %s%s%s%s\n", field->name, field->optional ? "?" : "",
		        field->array ? "[]" : "", type_name(field), i + 1 < fields->count ? "," : "");
	}
	fputs(")", out);
}

static void print_named(const char *what, const char *name, const char *help,
                        const struct varlink_fields *fields, FILE *out)
{
	putc('\n', out);
	print_help(help, "", out);
	fprintf(out, "%s %s ", what, name);
	print_fields(fields, out);
}

static void print_method(const struct varlink_method *method, FILE *out)
{
	print_named("method", method->name, method->help, &method->takes, out);
	fputs(" -> ", out);
	print_fields(&method->returns, out);
	putc('\n', out);
}

void varlink_describe(const struct varlink_interface *interface, FILE *out)
{
	print_help(interface->help, "", out);
	fprintf(out, "interface %s\n", interface->name);
	for (size_t i = 0; i < interface->type_count; i++) {
		const struct varlink_type *type = interface->types[i];
		print_named("type", type->name, type->help, &type->fields, out);
		putc('\n', out);
	}
	for (size_t i = 0; i < interface->method_count; i++)
		print_method(interface->methods[i], out);
	for (size_t i = 0; i < interface->error_count; i++) {
		const struct varlink_error *error = &interface->errors[i];
		print_named("error", error->name, error->help, &error->fields, out);
		putc('\n', out);
	}
}

/* ---- arguments ---- */

const struct varlink_method *varlink_find_method(const struct varlink_interface *interface, const char *name)
{
	for (size_t i = 0; i < interface->method_count; i++)
		if (strcmp(interface->methods[i]->name, name) == 0)
			return interface->methods[i];
	return NULL;
}

static bool is_of_kind(const json_t *value, enum varlink_kind kind)
{
	switch (kind) {
	case VARLINK_BOOL:
		return json_is_boolean(value);
	case VARLINK_INT:
		return json_is_integer(value);
	case VARLINK_STRING:
		return json_is_string(value);
	case VARLINK_OBJECT:
		break;
	}
	return false; /* no method takes one */
}

static bool is_known(const struct varlink_fields *fields, const char *name)
{
	for (size_t i = 0; i < fields->count; i++)
		if (strcmp(fields->all[i].name, name) == 0)
			return true;
	return false;
}

const char *varlink_check_arguments(const struct varlink_method *method, json_t *arguments)
{
	const char *name;
	json_t *value;
	for (size_t i = 0; i < method->takes.count; i++) {
		const struct varlink_field *field = &method->takes.all[i];
		value = json_object_get(arguments, field->name);
		bool absent = !value || json_is_null(value);
		if (absent ? !field->optional : !is_of_kind(value, field->kind))
			return field->name;
	}
	json_object_foreach(arguments, name, value) if (!is_known(&method->takes, name)) return name;
	return NULL;
}

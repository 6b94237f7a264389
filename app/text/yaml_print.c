/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/yaml_print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* is_plain - in any YAML's eyes, of these characters in this place */
static bool is_plain(const char *text)
{
	size_t length = strlen(text);
	return length > 0 && strchr(LETTERS DIGITS "/", text[0]) && text[length - 1] != ':' &&
	       strspn(text, LETTERS DIGITS "/_.:%-[]") == length && strcasecmp(text, "null") != 0;
}

static bool is_printable_ascii(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static void print_single_quoted(const char *text, FILE *out)
{
	putc('\'', out);
	for (; *text; text++)
		fputs(*text == '\'' ? "''" : (const char[]){*text, '\0'}, out);
	putc('\'', out);
}

static void print_character(uint32_t c, FILE *out)
{
	if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (char)c);
	else if (c >= ' ' && c <= '~')
		putc((int)c, out);
	else
		fprintf(out, "\\U%08" PRIX32, c);
}

static void print_double_quoted(const char *text, FILE *out)
{
	size_t length;
	putc('"', out);
	for (; *text; text += length) {
		uint32_t c;
		length = utf8_decode(text, strlen(text), &c);
		if (length > 0) {
			print_character(c, out);
		} else {
			putc(*text, out);
			length = 1;
		}
	}
	putc('"', out);
}

static void print_scalar(const char *text, FILE *out)
{
	if (is_plain(text))
		fputs(text, out);
	else if (is_printable_ascii(text) && !strstr(text, "''")) /* libfyaml 0.7 loses a character after each such pair */
		print_single_quoted(text, out);
	else
		print_double_quoted(text, out);
}

static void print_children(const struct yaml_node *node, int indent, bool goes_on, FILE *out);

/* print_value - what stands behind `key:`, or behind the `-` of a list */
static void print_value(const struct yaml_node *node, int indent, FILE *out)
{
	static const char *const nothing[] = {
		[YAML_NULL] = "null",
		[YAML_SEQUENCE] = "[]",
		[YAML_MAPPING] = "{}",
	};
	const bool of_list = !node->key;
	if (node->first && !of_list)
		putc('\n', out);
	else
		putc(' ', out);
	if (node->first) {
		print_children(node, indent + YAML_INDENT, of_list, out);
		return;
	}
	if (node->kind == YAML_SCALAR)
		print_scalar(node->text, out);
	else
		fputs(nothing[node->kind], out);
	putc('\n', out);
}

/* print_children - @goes_on: the first one stands on the line that has begun */
static void print_children(const struct yaml_node *node, int indent, bool goes_on, FILE *out)
{
	for (const struct yaml_node *child = node->first; child; child = child->next) {
		fprintf(out, "%*s", goes_on && child == node->first ? 0 : indent, "");
		if (child->key) {
			print_scalar(child->key->text, out);
			putc(':', out);
		} else {
			putc('-', out);
		}
		print_value(child, indent, out);
	}
}

void yaml_print_children(const struct yaml_node *node, int indent, FILE *out)
{
	print_children(node, indent, false, out);
}

void yaml_print(const struct yaml_node *root, FILE *out)
{
	if (root->first)
		print_children(root, 0, false, out);
	else
		fputs(root->kind == YAML_SEQUENCE ? "[]\n" : "{}\n", out);
}

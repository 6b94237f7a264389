/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/sni.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* is_name - labels of letters, with one dot between each two */
static bool is_name(const char *name)
{
	for (const char *c = name; *c; c++) {
		bool ends = c[1] == '.' || c[1] == '\0';
		if (*c == '.' ? ends : !is_letter(*c))
			return false;
	}
	return *name && *name != '.';
}

int sni_parse(const char *text, char ret[SNI_NAME_MAX + 1], struct err *err)
{
	const char *expected = "expected a name as example.com, or *.example.com for all below it";
	bool wildcard = text[0] == '*' && text[1] == '.';
	const char *name = wildcard ? text + 2 : text;
	char lowered[SNI_NAME_MAX + 1] = "";
	size_t size = strlen(name);
	if (size >= SNI_NAME_MAX)
		return err_set(err, EINVAL, "'%.64s' is too long; %s", text, expected);
	for (size_t i = 0; i < size; i++)
		lowered[i] = lower(name[i]);
	if (!is_name(lowered))
		return err_set(err, EINVAL, "'%.64s' is not the name of a server; %s", text, expected);
	ret[0] = '.';
	memcpy(ret + wildcard, lowered, size + 1);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct sni_name *)a)->name, ((const struct sni_name *)b)->name);
}

void sni_sort(struct sni_name *names, size_t count)
{
	qsort(names, count, sizeof(*names), compare);
}

uint32_t sni_find(const struct sni_name *names, size_t count, const char *name)
{
	/* The name, then what is left of it from each dot on: no name begins with one, and every wildcard does. */
	const char *rest = *name == '.' || *name == '\0' ? NULL : name;
	while (rest) {
		const struct sni_name wanted = {.name = rest};
		const struct sni_name *found = count ? bsearch(&wanted, names, count, sizeof(*names), compare) : NULL;
		if (found)
			return found->route;
		rest = strchr(rest + 1, '.');
	}
	return SNI_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/sni.h"

#include <stdlib.h>
#include <string.h>

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
	const char *rest = *name == '.' ? NULL : name;
	while (rest) {
		const struct sni_name wanted = {.name = rest};
		const struct sni_name *found = count ? bsearch(&wanted, names, count, sizeof(*names), compare) : NULL;
		if (found)
			return found->route;
		rest = strchr(rest + 1, '.');
	}
	return SNI_NONE;
}

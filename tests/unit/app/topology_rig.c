/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/topology_rig.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *printed;

int rig_teardown(void **state)
{
	(void)state;
	free(printed);
	printed = NULL;
	return 0;
}

const char *rig_printed(void)
{
	return printed;
}

int rig_load(const char *text, struct topology *ret)
{
	size_t size;
	free(printed);
	FILE *report = open_memstream(&printed, &size);
	assert_non_null(report);
	int r = topology_text_load(text, strlen(text), "f", ret, report);
	fclose(report);
	return r;
}

struct topology rig_accept(const char *text)
{
	struct topology topology;
	if (rig_load(text, &topology) < 0)
		fail_msg("%s", printed);
	assert_string_equal(printed, "");
	return topology;
}

void rig_refuse(const struct mistake *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct topology topology = {.name = "untouched"};
		if (rig_load(cases[i].text, &topology) != -EINVAL)
			fail_msg("not refused: %s", cases[i].text);
		assert_string_equal(topology.name, "untouched");
		mistake_assert_reported(printed, &cases[i]);
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/config_rig.h"

#include <errno.h>
#include <stdio.h>
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

static FILE *open_report(void)
{
	static size_t size; /* written as the stream is closed */
	free(printed);
	FILE *report = open_memstream(&printed, &size);
	assert_non_null(report);
	return report;
}

int rig_load(const char *text, struct config *ret)
{
	FILE *report = open_report();
	int r = config_text_load(text, strlen(text), "f", ret, report);
	fclose(report);
	return r;
}

int rig_load_file(const char *path)
{
	struct config config;
	FILE *report = open_report();
	int r = config_file_load(path, &config, report);
	fclose(report);
	if (r == 0)
		config_fini(&config);
	return r;
}

struct config rig_accept(const char *text)
{
	struct config config;
	if (rig_load(text, &config) < 0)
		fail_msg("%s", printed);
	assert_string_equal(printed, "");
	return config;
}

void rig_refuse(const struct mistake *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct config config = {.drain_ms = 77};
		assert_int_equal(rig_load(cases[i].text, &config), -EINVAL);
		assert_int_equal(config.drain_ms, 77);
		mistake_assert_reported(printed, &cases[i]);
	}
}

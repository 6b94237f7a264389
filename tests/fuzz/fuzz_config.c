/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No text may crash the reader; what it accepts is complete and comes back when it is written and read again, what it
 * refuses is reported with a place.
 */
#include "app/nsrelay/config_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/nsrelay/config_text.h"
#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml 0.7.12 forgets a buffer of 2 KiB after some syntax errors; goes when a later one does not. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static void check_accepted(const struct config *config)
{
	CHECK(config->relay_count > 0);
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		CHECK(relay->name[0] && relay->listener_count > 0);
		CHECK(relay->pool < config->pool_count);
		CHECK(config->pools[relay->pool].backend_count > 0);
	}
}

static void check_comes_back(const struct config *config, bool all)
{
	struct config again;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	CHECK(out && config_text(config, all, out) == 0);
	fclose(out);
	CHECK(config_text_load(text, size, "again", &again, stderr) == 0);
	CHECK(config_equal(config, &again));
	config_fini(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	char *text = NULL;
	size_t text_size = 0;
	char *input = malloc(size ? size : 1); /* as long as the text, so that a read beyond it is seen */
	FILE *report = open_memstream(&text, &text_size);
	if (!input || !report)
		abort();
	memcpy(input, data, size);
	int r = config_text_load(input, size, "fuzz", &config, report);
	fclose(report);
	if (r == 0) {
		check_accepted(&config);
		check_comes_back(&config, false);
		check_comes_back(&config, true);
		config_fini(&config);
	} else {
		CHECK(strstr(text, "error: "));
	}
	CHECK((r == 0) == (text_size == 0));
	free(text);
	free(input);
	return 0;
}

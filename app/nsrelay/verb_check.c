/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/verb_check.h"

static size_t count_listeners(const struct config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < config->relay_count; i++)
		count += config->relays[i].listener_count;
	return count;
}

static size_t count_backends(const struct config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < config->pool_count; i++)
		count += config->pools[i].backend_count;
	return count;
}

static void print_count(const char *before, size_t count, const char *what, FILE *out)
{
	fprintf(out, "%s%zu %s%s", before, count, what, count == 1 ? "" : "s");
}

int verb_check(struct options *options, FILE *out, FILE *report)
{
	if (options_load(options, report) < 0)
		return EXIT_USAGE;
	const struct config *config = &options->config;
	fprintf(out, "%s: ok", options->config_path ? options->config_path : "options");
	print_count(" (", config->relay_count, "relay", out);
	print_count(", ", count_listeners(config), "listener", out);
	print_count(", ", config->pool_count, "pool", out);
	print_count(", ", count_backends(config), "backend", out);
	fprintf(out, ")\n");
	return 0;
}

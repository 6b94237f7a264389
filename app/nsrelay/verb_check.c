/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/verb_check.h"

#include <stdlib.h>

#include "app/nsctl/live.h"
#include "app/nsrelay/config_diff.h"
#include "app/nsrelay/config_fetch.h"
#include "app/nsrelay/config_file.h"

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

/* control_path - where the daemon that @options are about is to be asked */
static const char *control_path(const struct options *options)
{
	if (options->control_path[0])
		return options->control_path;
	return options->config.control_path[0] ? options->config.control_path : LIVE_CONTROL_PATH;
}

/* load_running - what the daemon works by; 0, or the exit status */
static int load_running(const char *path, struct config *ret, FILE *report)
{
	struct err err = ERR_INIT;
	char *text;
	size_t size;
	if (config_fetch(path, CONFIG_FETCH_AS_READ, &text, &size, &err) < 0) {
		fprintf(report, "nsrelay: %s\n", err.text);
		return EXIT_FAILURE;
	}
	int r = config_text_load(text, size, "the running daemon's configuration", ret, report);
	free(text);
	return r < 0 ? EXIT_FAILURE : 0;
}

static int load_other(const struct options *options, struct config *ret, FILE *report)
{
	if (!options->against_path)
		return load_running(control_path(options), ret, report);
	return config_file_load(options->against_path, ret, report) < 0 ? EXIT_USAGE : 0;
}

/* print_diff - 0, or the exit status */
static int print_diff(const struct options *options, FILE *out, FILE *report)
{
	struct config other;
	struct config_diff diff;
	int status = load_other(options, &other, report);
	if (status)
		return status;
	if (config_diff_init(&diff, &other, &options->config) < 0) {
		fprintf(report, "nsrelay: out of memory\n");
		status = EXIT_FAILURE;
	} else if (diff.changes.count == 0) {
		fprintf(out, "nothing would change\n");
	} else {
		config_diff_print(&diff, out);
	}
	config_diff_fini(&diff);
	config_fini(&other);
	return status;
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
	return options->diff ? print_diff(options, out, report) : 0;
}

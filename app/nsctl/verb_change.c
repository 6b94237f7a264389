/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_change.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/nsctl/live.h"
#include "app/text/table.h"
#include "app/text/text_file.h"
#include "app/varlink/client.h"
#include "base/file.h"

/* ---- the fragment ---- */

/* seal_text - a file with @text that nobody can change any more: the daemon believes no other */
static int seal_text(const char *text, size_t size, struct err *err)
{
	int fd = memfd_create("fragment", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_set_errno(err, "a file of memory");
	if (file_write_all(fd, text, size) == 0 &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	int r = err_set_errno(err, "a file of memory");
	close(fd);
	return r;
}

/* open_fragment - what is in the file at @path, or in standard input for "-" */
static int open_fragment(const char *path, struct err *err)
{
	char *text, *report = NULL;
	size_t size, report_size;
	FILE *out = open_memstream(&report, &report_size);
	if (!out)
		return err_set(err, ENOMEM, "out of memory");
	int r = text_file_read(strcmp(path, "-") == 0 ? "/dev/stdin" : path, "a configuration", &text, &size, out);
	fclose(out);
	if (r < 0) {
		r = err_set(err, -r, "%.*s", (int)strcspn(report, "\n"), report);
	} else {
		r = seal_text(text, size, err);
		free(text);
	}
	free(report);
	return r;
}

/* ---- the call ---- */

/* What a verb asks for, and says when it is done. */
static const struct change {
	const char *method, *done;
} changes[NSCTL_VERB_COUNT] = {
        [NSCTL_RELOAD] = {LIVE_INTERFACE "Reload", "reloaded"},
        [NSCTL_ADD] = {LIVE_INTERFACE "Add", "added"},
        [NSCTL_REMOVE] = {LIVE_INTERFACE "Remove", "removed"},
        [NSCTL_WEIGHT] = {LIVE_INTERFACE "SetWeight", "weight"},
};

/* parameters - NULL when a name is no UTF-8, or memory is out */
static json_t *parameters(const struct nsctl_options *options)
{
	switch (options->verb) {
	case NSCTL_REMOVE:
		return json_pack("{s:s, s:s}", "kind", options->which, "name", options->name);
	case NSCTL_WEIGHT:
		return json_pack("{s:s, s:i}", "backend", options->which, "weight", (int)options->weight);
	default:
		return json_object();
	}
}

/* ---- what comes of it ---- */

/* print_lines - each as a terminal may see it */
static void print_lines(const char *text, FILE *out)
{
	char *lines = strdup(text), *rest = lines;
	for (char *line; lines && (line = strsep(&rest, "\n"));) {
		char *visible = *line ? table_visible(line) : NULL;
		if (visible)
			fprintf(out, "%s\n", visible);
		free(visible);
	}
	free(lines);
}

/*
 * tell_refusal - what is wrong with a file takes several lines, with the places: those are printed, and one that sums up is
 * left to the error
 */
static int tell_refusal(const struct varlink_client *client, int error, struct err *err)
{
	const char *reason = json_string_value(json_object_get(client->refusal, "reason"));
	if (error != -EREMOTEIO || !reason || !strchr(reason, '\n'))
		return error;
	print_lines(reason, stderr);
	return err_set(err, EREMOTEIO, "the daemon refuses that; everything is as it was");
}

static void print_done(const struct nsctl_options *options, FILE *out)
{
	const char *done = changes[options->verb].done;
	if (options->json)
		fputs("{}\n", out);
	else if (options->verb == NSCTL_REMOVE)
		fprintf(out, "%s %s: %s\n", options->which, options->name, done);
	else if (options->verb == NSCTL_WEIGHT)
		fprintf(out, "%s: %s %" PRIu32 "\n", options->which, done, options->weight);
	else
		fprintf(out, "%s\n", done);
}

static int ask(const struct nsctl_options *options, int fd, struct err *err)
{
	struct varlink_client client;
	json_t *reply, *given = parameters(options);
	if (!given)
		return err_set(err, EINVAL, "a name is no UTF-8, or memory is out");
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0) {
		json_decref(given);
		return r;
	}
	r = varlink_ask(&client, changes[options->verb].method, given, fd, &reply, err);
	if (r < 0)
		r = tell_refusal(&client, r, err);
	else
		json_decref(reply);
	varlink_disconnect(&client);
	return r;
}

static int add_fragment(const struct nsctl_options *options, struct err *err)
{
	int fd = open_fragment(options->file, err);
	if (fd < 0)
		return fd;
	int r = ask(options, fd, err);
	close(fd);
	return r;
}

int verb_change(const struct nsctl_options *options, FILE *out, struct err *err)
{
	int r = options->verb == NSCTL_ADD ? add_fragment(options, err) : ask(options, -1, err);
	if (r == 0)
		print_done(options, out);
	return r;
}

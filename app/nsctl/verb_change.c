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

static int add_fragment(const struct nsctl_options *options, json_t **ret, struct err *err)
{
	int fd = open_fragment(options->file, err);
	if (fd < 0)
		return fd;
	int r = varlink_call(options->control_path, LIVE_INTERFACE "Add", NULL, fd, ret, err);
	close(fd);
	return r;
}

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

static const char *method(const struct nsctl_options *options)
{
	switch (options->verb) {
	case NSCTL_REMOVE:
		return LIVE_INTERFACE "Remove";
	case NSCTL_WEIGHT:
		return LIVE_INTERFACE "SetWeight";
	default:
		return LIVE_INTERFACE "Reload";
	}
}

static int ask(const struct nsctl_options *options, json_t **ret, struct err *err)
{
	if (options->verb == NSCTL_ADD)
		return add_fragment(options, ret, err);
	json_t *given = parameters(options);
	if (!given)
		return err_set(err, EINVAL, "a name is no UTF-8, or memory is out");
	return varlink_call(options->control_path, method(options), given, -1, ret, err);
}

static void print(const struct nsctl_options *options, FILE *out)
{
	if (options->json)
		fputs("{}\n", out);
	else if (options->verb == NSCTL_ADD)
		fputs("added\n", out);
	else if (options->verb == NSCTL_REMOVE)
		fprintf(out, "%s %s: removed\n", options->which, options->name);
	else if (options->verb == NSCTL_WEIGHT)
		fprintf(out, "%s: weight %" PRIu32 "\n", options->which, options->weight);
	else
		fputs("reloaded\n", out);
}

int verb_change(const struct nsctl_options *options, FILE *out, struct err *err)
{
	json_t *reply;
	int r = ask(options, &reply, err);
	if (r < 0)
		return r;
	json_decref(reply);
	print(options, out);
	return 0;
}

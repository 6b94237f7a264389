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

static int send_fragment(struct varlink_client *client, const char *path, struct err *err)
{
	int fd = open_fragment(path, err);
	if (fd < 0)
		return fd;
	int r = varlink_send_file(client, LIVE_INTERFACE "Add", NULL, fd, err);
	close(fd);
	return r;
}

/* send_parameters - which are NULL when a name is no UTF-8, or memory is out */
static int send_parameters(struct varlink_client *client, const char *method, json_t *parameters, struct err *err)
{
	if (!parameters)
		return err_set(err, EINVAL, "a name is no UTF-8, or memory is out");
	return varlink_send(client, method, parameters, false, err);
}

static int send_question(struct varlink_client *client, const struct nsctl_options *options, struct err *err)
{
	if (options->verb == NSCTL_ADD)
		return send_fragment(client, options->file, err);
	if (options->verb == NSCTL_REMOVE)
		return send_parameters(client, LIVE_INTERFACE "Remove",
		                       json_pack("{s:s, s:s}", "kind", options->which, "name", options->name), err);
	if (options->verb == NSCTL_WEIGHT)
		return send_parameters(
		        client, LIVE_INTERFACE "SetWeight",
		        json_pack("{s:s, s:i}", "backend", options->which, "weight", (int)options->weight), err);
	return varlink_send(client, LIVE_INTERFACE "Reload", NULL, false, err);
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
	struct varlink_client client;
	json_t *reply = NULL;
	bool continues;
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	r = send_question(&client, options, err);
	if (r == 0)
		r = varlink_receive(&client, &reply, &continues, err);
	varlink_disconnect(&client);
	json_decref(reply);
	if (r == 0)
		print(options, out);
	return r;
}

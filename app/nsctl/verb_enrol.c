/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_enrol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "app/nsctl/live.h"
#include "app/varlink/client.h"
#include "nsctl/netns.h"

/* open_it - the namespace, or the process with whose end it is to be withdrawn */
static int open_it(const struct netns_ref *netns, struct err *err)
{
	if (netns->kind != NETNS_PID)
		return netns_open(netns, err);
	int fd = pidfd_open(netns->pid, 0);
	if (fd < 0 && errno == ESRCH)
		return err_set(err, ESRCH, "there is no process %d", (int)netns->pid);
	return fd < 0 ? err_set_errno(err, "pidfd_open %d", (int)netns->pid) : fd;
}

/* parameters - @uid: unless another one was given; NULL: a text is no UTF-8, or memory is out */
static json_t *parameters(const struct nsctl_options *options, const char *uid)
{
	json_t *all = json_pack("{s:s, s:s*, s:s*}", "uid", options->uid ? options->uid : uid, "name", options->name, "policy",
	                        options->policy);
	if (all && options->has_deadline)
		json_object_set_new(all, "deadline_ms", json_integer((json_int_t)options->deadline_ms));
	return all;
}

/* ask - @given is taken */
static int ask(struct varlink_client *client, const char *method, json_t *given, int fd, json_t **ret, struct err *err)
{
	return given ? varlink_ask(client, method, given, fd, ret, err)
	             : err_set(err, EINVAL, "a name is no UTF-8, or memory is out");
}

static void print(const struct nsctl_options *options, const char *uid, const json_t *reply, FILE *out)
{
	const char *state = json_string_value(json_object_get(reply, "state"));
	if (options->json) {
		json_dumpf(reply, out, JSON_COMPACT);
		putc('\n', out);
	} else {
		fprintf(out, "%s: %s\n", uid, state ? state : "withdrawn");
	}
}

/* enrol - status 1 when it is not served by the deadline */
static int enrol(struct varlink_client *client, const struct nsctl_options *options, FILE *out, struct err *err)
{
	char text[NETNS_TEXT_MAX + sizeof("path:")];
	json_t *reply = NULL;
	const char *uid = options->uid ? options->uid : netns_ref_format(&options->netns, text, sizeof(text));
	int fd = open_it(&options->netns, err);
	if (fd < 0)
		return fd;
	int r = ask(client, LIVE_INTERFACE "Enrol", parameters(options, uid), fd, &reply, err);
	close(fd);
	if (r < 0)
		return r;
	const char *state = json_string_value(json_object_get(reply, "state"));
	print(options, uid, reply, out);
	r = state && strcmp(state, "served") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	json_decref(reply);
	return r;
}

static int withdraw(struct varlink_client *client, const struct nsctl_options *options, FILE *out, struct err *err)
{
	json_t *reply = NULL;
	int r = ask(client, LIVE_INTERFACE "Withdraw", json_pack("{s:s}", "uid", options->which), -1, &reply, err);
	if (r < 0)
		return r;
	print(options, options->which, reply, out);
	json_decref(reply);
	return 0;
}

int verb_enrol(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct varlink_client client;
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	varlink_wait(&client); /* the daemon knows the deadline */
	r = options->verb == NSCTL_ENROL ? enrol(&client, options, out, err) : withdraw(&client, options, out, err);
	varlink_disconnect(&client);
	return r;
}

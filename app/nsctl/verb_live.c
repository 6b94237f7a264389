/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_live.h"

#include <errno.h>
#include <stdlib.h>

#include "app/nsctl/live.h"
#include "app/varlink/client.h"

/* What a verb asks for. */
static const struct question {
	const char *method;
	const char *list; /* the member of the reply of which more come; NULL: there is one reply */
	int (*print)(const json_t *reply, FILE *out);
} questions[NSCTL_VERB_COUNT] = {
        [NSCTL_STATUS] = {LIVE_INTERFACE "GetStatus", NULL, live_print_status},
        [NSCTL_COUNTERS] = {LIVE_INTERFACE "GetCounters", NULL, live_print_counters},
        [NSCTL_RELAYS] = {LIVE_INTERFACE "ListRelays", "relays", live_print_relays},
        [NSCTL_BACKENDS] = {LIVE_INTERFACE "ListBackends", "backends", live_print_backends},
        [NSCTL_CONNECTIONS] = {LIVE_INTERFACE "ListConnections", "connections", live_print_connections},
};

static int out_of_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* ---- the question ---- */

/* add_how - how connections are to be told. What is sorted is sorted whole, and cut then. */
static bool add_how(json_t *parameters, const struct nsctl_options *options)
{
	bool details = options->details || options->json || live_order_wants_details(options->order);
	return json_object_set_new(parameters, "details", json_boolean(details)) == 0 &&
	       (options->limit == 0 || options->order >= 0 ||
	        json_object_set_new(parameters, "limit", json_integer(options->limit)) == 0);
}

/* parameters - those the verb was given; NULL: no memory, or a text that is no UTF-8 */
static json_t *parameters(const struct nsctl_options *options)
{
	json_t *all = json_object();
	bool well = all && nsctl_filter_parameters(&options->filter, all);
	if (well && options->pool)
		well = json_object_set_new(all, "pool", json_string(options->pool)) == 0;
	if (well && options->verb == NSCTL_CONNECTIONS)
		well = add_how(all, options);
	if (well)
		return all;
	json_decref(all);
	return NULL;
}

/* ---- the answer ---- */

/* receive_list - all replies as one */
static int receive_list(struct varlink_client *client, const char *name, json_t **ret, struct err *err)
{
	json_t *all = NULL, *reply = NULL;
	bool continues = true;
	int r = 0;
	while (r == 0 && continues) {
		r = varlink_receive(client, &reply, &continues, err);
		if (r < 0)
			break;
		if (!all)
			all = reply;
		else if (json_array_extend(json_object_get(all, name), json_object_get(reply, name)) < 0)
			r = err_set(err, EPROTO, "a reply without %s, or no memory for it", name);
		if (all != reply)
			json_decref(reply);
	}
	if (r < 0)
		json_decref(all);
	else
		*ret = all;
	return r;
}

static int ask(struct varlink_client *client, const struct nsctl_options *options, json_t **ret,
               struct err *err)
{
	const struct question *question = &questions[options->verb];
	json_t *given = parameters(options);
	bool continues;
	if (!given)
		return err_set(err, EINVAL, "an option's value is no UTF-8, or memory is out");
	int r = varlink_send(client, question->method, given, question->list != NULL, err);
	if (r < 0)
		return r;
	return question->list ? receive_list(client, question->list, ret, err)
	                      : varlink_receive(client, ret, &continues, err);
}

static void arrange(const struct nsctl_options *options, json_t *reply)
{
	json_t *list = json_object_get(reply, "connections");
	if (!list || options->order < 0)
		return;
	live_sort(list, options->order);
	while (options->limit && json_array_size(list) > options->limit)
		json_array_remove(list, json_array_size(list) - 1);
}

static int write_json(const json_t *reply, FILE *out, struct err *err)
{
	int r = json_dumpf(reply, out, JSON_COMPACT);
	putc('\n', out);
	return r < 0 ? err_set_errno(err, "write the answer") : 0;
}

int verb_live(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct varlink_client client;
	json_t *reply = NULL;
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	r = ask(&client, options, &reply, err);
	varlink_disconnect(&client);
	if (r < 0)
		return r;
	arrange(options, reply);
	if (options->json)
		r = write_json(reply, out, err);
	else
		r = questions[options->verb].print(reply, out) < 0 ? out_of_memory(err) : 0;
	json_decref(reply);
	return r;
}

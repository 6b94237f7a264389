/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_live.h"

#include <errno.h>
#include <stdlib.h>

#include "app/nsctl/live.h"
#include "app/varlink/client.h"

/* What a verb asks for. */
static const struct question {
	const char *method;
	const char *name;             /* of the member of the reply that is a list; NULL: there is none */
	const struct live_list *list; /* NULL: live_print_status() */
} questions[NSCTL_VERB_COUNT] = {
        [NSCTL_STATUS] = {LIVE_INTERFACE "GetStatus", NULL, NULL},
        [NSCTL_COUNTERS] = {LIVE_INTERFACE "GetCounters", "counters", &live_counters},
        [NSCTL_RELAYS] = {LIVE_INTERFACE "ListRelays", "relays", &live_relays},
        [NSCTL_BACKENDS] = {LIVE_INTERFACE "ListBackends", "backends", &live_backends},
        [NSCTL_ENROLLED] = {LIVE_INTERFACE "Enrolled", "enrolments", &live_enrolments},
        [NSCTL_CONNECTIONS] = {LIVE_INTERFACE "ListConnections", "connections", &live_connections},
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
	if (well && options->prefix)
		well = json_object_set_new(all, "prefix", json_string(options->prefix)) == 0;
	if (well && options->verb == NSCTL_CONNECTIONS)
		well = add_how(all, options);
	if (well)
		return all;
	json_decref(all);
	return NULL;
}

/* ---- the answer ---- */

static int print_status(void *ctx, const json_t *reply, struct err *err)
{
	(void)err;
	return live_print_status(reply, ctx);
}

static int add_rows(void *ctx, const json_t *reply, struct err *err)
{
	return live_table_add(ctx, reply) < 0 ? out_of_memory(err) : 0;
}

/* tell_text - @given is taken, as below */
static int tell_text(struct varlink_client *client, const struct nsctl_options *options, json_t *given, FILE *out,
                     struct err *err)
{
	const struct question *question = &questions[options->verb];
	struct live_table table;
	if (!question->list)
		return varlink_each(client, question->method, given, print_status, out, err);
	live_table_init(&table, question->list, options->order);
	int r = varlink_each(client, question->method, given, add_rows, &table, err);
	if (r == 0 && live_table_print(&table, options->limit, out) < 0)
		r = out_of_memory(err);
	live_table_fini(&table);
	return r;
}

/* ---- as JSON: all replies as one, and nothing of it when one is missing ---- */

struct whole {
	const char *name; /* of the list */
	json_t *reply;    /* the first, which takes in the others */
};

static int add_whole(void *ctx, const json_t *reply, struct err *err)
{
	struct whole *whole = ctx;
	if (!whole->reply)
		whole->reply = json_deep_copy(reply);
	else if (json_array_extend(json_object_get(whole->reply, whole->name),
	                           json_object_get(reply, whole->name)) < 0)
		return err_set(err, EPROTO, "a reply without %s, or no memory for it", whole->name);
	return whole->reply ? 0 : out_of_memory(err);
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

static int tell_json(struct varlink_client *client, const struct nsctl_options *options, json_t *given, FILE *out,
                     struct err *err)
{
	const struct question *question = &questions[options->verb];
	struct whole whole = {.name = question->name};
	int r = varlink_each(client, question->method, given, add_whole, &whole, err);
	if (r == 0) {
		arrange(options, whole.reply);
		if (json_dumpf(whole.reply, out, JSON_COMPACT) < 0)
			r = err_set_errno(err, "write the answer");
		putc('\n', out);
	}
	json_decref(whole.reply);
	return r;
}

int verb_live(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct varlink_client client;
	json_t *given = parameters(options);
	if (!given)
		return err_set(err, EINVAL, "an option's value is no UTF-8, or memory is out");
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0) {
		json_decref(given);
		return r;
	}
	r = options->json ? tell_json(&client, options, given, out, err)
	                  : tell_text(&client, options, given, out, err);
	varlink_disconnect(&client);
	return r;
}

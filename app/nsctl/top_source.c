/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/top_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app/nsctl/live.h"

static const char *text_of(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

typedef void take_fn(struct top_model *model, const json_t *item);

/* Where the elements of a list go. */
struct taker {
	const char *name; /* of the list */
	take_fn *take;
	struct top_model *model;
};

static int take_all(void *ctx, const json_t *reply, struct err *err)
{
	const struct taker *taker = ctx;
	const json_t *all = json_object_get(reply, taker->name);
	(void)err;
	for (size_t i = 0; i < json_array_size(all); i++)
		taker->take(taker->model, json_array_get(all, i));
	return 0;
}

/* ask_list - each element of the list @name that @method tells */
static int ask_list(struct varlink_client *client, const char *method, const char *name, take_fn *take,
                    struct top_model *model, struct err *err)
{
	struct taker taker = {name, take, model};
	return varlink_each(client, method, NULL, take_all, &taker, err);
}

static void take_relay(struct top_model *model, const json_t *relay)
{
	top_model_name(model, TOP_RELAYS, text_of(relay, "name"), "");
}

static void take_backend(struct top_model *model, const json_t *backend)
{
	const json_t *reasons = json_object_get(backend, "reasons");
	const char *address = text_of(backend, "address");
	bool is_unix = strncmp(address, "unix:", strlen("unix:")) == 0;
	char name[TOP_NAME_MAX], note[TOP_NOTE_MAX] = "";
	snprintf(name, sizeof(name), "%s/%s%s%s", text_of(backend, "pool"),
	         is_unix ? "" : text_of(backend, "netns"), is_unix ? "" : "/", address);
	for (size_t i = 0; i < json_array_size(reasons); i++) {
		const char *reason = json_string_value(json_array_get(reasons, i));
		size_t length = strlen(note);
		snprintf(note + length, sizeof(note) - length, "%s%s", length ? "," : "",
		         reason ? reason : "");
	}
	top_model_name(model, TOP_BACKENDS, name, note);
}

static void take_connection(struct top_model *model, const json_t *connection)
{
	const json_t *client = json_object_get(connection, "client"),
	             *server = json_object_get(connection, "server");
	struct top_connection taken = {
	        .id = number_of(connection, "id"),
	        .relay = text_of(connection, "relay"),
	        .pool = text_of(connection, "pool"),
	        .listener = text_of(connection, "listener"),
	        .backend = text_of(connection, "backend"),
	        .client = text_of(client, "remote"),
	        .state = text_of(connection, "state"),
	        .bytes = {number_of(client, "bytes"), number_of(server, "bytes")},
	};
	top_model_add(model, &taken);
}

static void take_status(struct top_summary *summary, const json_t *status, uint64_t ms)
{
	uint64_t before = summary->accepted, accepted = number_of(status, "accepted");
	snprintf(summary->version, sizeof(summary->version), "%s", text_of(status, "version"));
	summary->uptime_ms = number_of(status, "uptime_ms");
	summary->connections = number_of(status, "connections");
	summary->max_connections = number_of(status, "max_connections");
	summary->accepted = accepted;
	summary->accepted_rate = ms > 0 && accepted > before ? (accepted - before) * 1000 / ms : 0;
}

int top_source_sample(struct varlink_client *client, struct top_model *model, struct top_summary *summary,
                      struct err *err)
{
	json_t *status;
	uint64_t before_ms = model->now.at_ms;
	top_model_begin(model, now_ms());
	int r = varlink_ask(client, LIVE_INTERFACE "GetStatus", NULL, -1, &status, err);
	if (r < 0)
		return r;
	take_status(summary, status, before_ms ? model->now.at_ms - before_ms : 0);
	json_decref(status);
	r = ask_list(client, LIVE_INTERFACE "ListRelays", "relays", take_relay, model, err);
	if (r == 0)
		r = ask_list(client, LIVE_INTERFACE "ListBackends", "backends", take_backend, model, err);
	if (r == 0)
		r = ask_list(client, LIVE_INTERFACE "ListConnections", "connections", take_connection, model,
		             err);
	top_model_end(model);
	return r == 0 && model->is_short ? err_set(err, ENOMEM, "out of memory") : r;
}

static int do_once(struct varlink_client *client, const char *method, json_t *parameters, struct err *err)
{
	json_t *reply = NULL;
	if (!parameters)
		return err_set(err, ENOMEM, "out of memory");
	int r = varlink_ask(client, method, parameters, -1, &reply, err);
	if (r == 0)
		json_decref(reply);
	return r;
}

int top_source_kill(struct varlink_client *client, uint64_t id, struct err *err)
{
	return do_once(client, LIVE_INTERFACE "KillConnections", json_pack("{s:I}", "id", (json_int_t)id),
	               err);
}

int top_source_set_state(struct varlink_client *client, const char *name, const char *state, struct err *err)
{
	return do_once(client, LIVE_INTERFACE "SetBackendState",
	               json_pack("{s:s, s:s, s:b}", "backend", name, "state", state, "all_pools", true), err);
}

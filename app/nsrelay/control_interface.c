/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/control_interface.h"

#include <string.h>
#include <unistd.h>

#include "app/nsrelay/control.h"
#include "app/nsrelay/control_change.h"
#include "app/nsrelay/setting.h"
#include "base/log.h"

/* Elements of one reply of a list, so that the longest names and addresses stay within
 * LIMIT_CONTROL_REPLY. */
enum { RELAYS_A_REPLY = 16, LISTENERS_SHOWN = 16 };

static struct control *control_of(const struct varlink_service *service)
{
	return service->ctx;
}

static const struct config *config_of(const struct varlink_service *service)
{
	return control_of(service)->inspect->plan->config;
}

enum varlink_outcome control_not_found(struct varlink_call *call, const char *what, const char *name,
                                       const char *advice)
{
	char text[128];
	snprintf(text, sizeof(text), "%s '%.64s'", what, name);
	return varlink_fail(call, CONTROL_INTERFACE ".NotFound", "what", text, "advice", advice);
}

/* ---- GetStatus ---- */

static const struct varlink_field status_fields[] = {
        {.name = "version", .kind = VARLINK_STRING},
        {.name = "pid", .kind = VARLINK_INT, .help = "of the supervisor, which signals go to"},
        {.name = "relay_pid",
         .kind = VARLINK_INT,
         .help = "of the relay process, which is started again if it dies"},
        {.name = "uptime_ms", .kind = VARLINK_INT, .help = "of the relay process"},
        {.name = "threads", .kind = VARLINK_INT},
        {.name = "relays", .kind = VARLINK_INT},
        {.name = "listeners", .kind = VARLINK_INT},
        {.name = "connections", .kind = VARLINK_INT, .help = "relayed now"},
        {.name = "max_connections", .kind = VARLINK_INT},
        {.name = "accepted", .kind = VARLINK_INT, .help = "since the relay process was started"},
        {.name = "memory_fixed_bytes",
         .kind = VARLINK_INT,
         .help = "own memory at the most, whatever the load ..."},
        {.name = "memory_per_connection_bytes",
         .kind = VARLINK_INT,
         .help = "... and for each connection on top"},
};

static enum varlink_outcome get_status(const struct varlink_service *service, struct varlink_call *call,
                                       struct json *out)
{
	const struct control *control = control_of(service);
	const struct inspect *inspect = control->inspect;
	(void)call;
	json_text(out, "version", NSRELAY_VERSION);
	json_number(out, "pid", (uint64_t)control->supervisor_pid);
	json_number(out, "relay_pid", (uint64_t)getpid());
	json_number(out, "uptime_ms", sys_now_ns() / 1000000 - control->started_ms);
	json_number(out, "threads", inspect->limits->threads);
	json_number(out, "relays", inspect->plan->config->relay_count);
	json_number(out, "listeners", inspect->plan->listener_count);
	json_number(out, "connections", inspect_connections(inspect));
	json_number(out, "max_connections", inspect->limits->connections);
	json_number(out, "accepted", inspect_counter(inspect, COUNTER_ACCEPTED));
	json_number(out, "memory_fixed_bytes", inspect->limits->memory_fixed);
	json_number(out, "memory_per_connection_bytes", inspect->limits->memory_per_connection);
	return VARLINK_LAST;
}

static const struct varlink_method get_status_method = {
        .name = "GetStatus",
        .help = "The daemon as a whole.",
        .returns = VARLINK_FIELDS(status_fields),
        .fn = get_status,
};

/* ---- GetCounters ---- */

static const struct varlink_field counter_fields[] = {
        {.name = "name", .kind = VARLINK_STRING},
        {.name = "value", .kind = VARLINK_INT, .help = "since the relay process was started"},
        {.name = "help", .kind = VARLINK_STRING, .help = "what is counted"},
        {.name = "advice", .kind = VARLINK_STRING, .optional = true, .help = "what to do when it moves"},
};
static const struct varlink_type counter_type = {"Counter", "A number that only grows.",
                                                 VARLINK_FIELDS(counter_fields)};

static const struct varlink_field counters_fields[] = {
        {.name = "counters", .kind = VARLINK_OBJECT, .array = true, .type = &counter_type},
};

static enum varlink_outcome get_counters(const struct varlink_service *service, struct varlink_call *call,
                                         struct json *out)
{
	(void)call;
	json_begin_array(out, "counters");
	for (unsigned i = 0; i < COUNTER_COUNT; i++) {
		json_begin_object(out, NULL);
		json_text(out, "name", counter_name(i));
		json_number(out, "value", inspect_counter(control_of(service)->inspect, i));
		json_text(out, "help", counter_help(i));
		if (*counter_advice(i))
			json_text(out, "advice", counter_advice(i));
		json_end(out);
	}
	json_end(out);
	return VARLINK_LAST;
}

static const struct varlink_method get_counters_method = {
        .name = "GetCounters",
        .help = "Every counter, of all threads together.",
        .returns = VARLINK_FIELDS(counters_fields),
        .fn = get_counters,
};

/* ---- ListRelays ---- */

static const struct varlink_field relay_fields[] = {
        {.name = "name", .kind = VARLINK_STRING},
        {.name = "pool", .kind = VARLINK_STRING},
        {.name = "listeners", .kind = VARLINK_STRING, .array = true, .help = "the first 16 of them"},
        {.name = "listener_count", .kind = VARLINK_INT},
        {.name = "backend_count", .kind = VARLINK_INT},
};
static const struct varlink_type relay_type = {
        "Relay", "Listeners, and the pool that their connections go to.", VARLINK_FIELDS(relay_fields)};
static const struct varlink_field relays_fields[] = {
        {.name = "relays", .kind = VARLINK_OBJECT, .array = true, .type = &relay_type},
};

static void write_relay(const struct config *config, const struct config_relay *relay, struct json *out)
{
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(out, NULL);
	json_text(out, "name", relay->name);
	json_text(out, "pool", config->pools[relay->pool].name);
	json_begin_array(out, "listeners");
	for (size_t i = 0; i < relay->listener_count && i < LISTENERS_SHOWN; i++)
		json_text(out, NULL, endpoint_format(&relay->listeners[i], text, sizeof(text)));
	json_end(out);
	json_number(out, "listener_count", relay->listener_count);
	json_number(out, "backend_count", config->pools[relay->pool].backend_count);
	json_end(out);
}

static enum varlink_outcome list_relays(const struct varlink_service *service, struct varlink_call *call,
                                        struct json *out)
{
	const struct config *config = config_of(service);
	size_t end = (size_t)call->place[0] + RELAYS_A_REPLY;
	json_begin_array(out, "relays");
	for (; call->place[0] < config->relay_count && call->place[0] < end; call->place[0]++)
		write_relay(config, &config->relays[call->place[0]], out);
	json_end(out);
	return call->place[0] < config->relay_count ? VARLINK_CONTINUES : VARLINK_LAST;
}

static const struct varlink_method list_relays_method = {
        .name = "ListRelays",
        .help = "The relays, in the configuration's order. Call it with 'more'.",
        .returns = VARLINK_FIELDS(relays_fields),
        .streams = true,
        .fn = list_relays,
};

/* ---- SetLogLevel ---- */

static const struct varlink_field level_field[] = {
        {.name = "level", .kind = VARLINK_STRING, .help = "error, warning, info, debug"},
};

static enum varlink_outcome set_log_level(const struct varlink_service *service, struct varlink_call *call,
                                          struct json *out)
{
	int level = log_find_level(varlink_text(call, "level"));
	(void)service;
	(void)out;
	if (level < 0)
		return varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", "level", NULL, NULL);
	log_set_level((enum log_level)level);
	return VARLINK_LAST;
}

static const struct varlink_method set_log_level_method = {
        .name = "SetLogLevel",
        .help = "What the relay process logs from now on, as long as it lives: this level, and what is more important.",
        .takes = VARLINK_FIELDS(level_field),
        .fn = set_log_level,
};

/* ---- all ---- */

static const struct varlink_type *const types[] = {&counter_type, &relay_type, &control_backend_type,
                                                   &control_side_type, &control_connection_type, &control_event_type,
                                                   &control_enrolment_type};

static const struct varlink_method *const methods[] = {
        &get_status_method,    &get_counters_method, &control_method_get_configuration,
        &list_relays_method,   &control_method_list_backends,
        &control_method_list_connections, &control_method_kill_connections,
        &control_method_set_backend_state, &control_method_watch_events, &set_log_level_method,
        &control_method_reload, &control_method_add, &control_method_remove, &control_method_set_weight,
        &control_method_enrol, &control_method_keep, &control_method_snapshot_sent, &control_method_withdraw,
        &control_method_enrolled,
};

static const struct varlink_field not_found_fields[] = {
        {.name = "what", .kind = VARLINK_STRING},
        {.name = "advice", .kind = VARLINK_STRING},
};
static const struct varlink_field refused_fields[] = {
        {.name = "reason", .kind = VARLINK_STRING, .help = "all that is wrong, each with its place; several lines"}};
static const struct varlink_field reason_fields[] = {{.name = "reason", .kind = VARLINK_STRING}};
static const struct varlink_field advice_fields[] = {{.name = "advice", .kind = VARLINK_STRING}};

static const struct varlink_error errors[] = {
        {"NotFound", "There is nothing of that name.", VARLINK_FIELDS(not_found_fields)},
        {"Ambiguous", "There are several of that name.", VARLINK_FIELDS(advice_fields)},
        {"Refused", "Nothing has changed.", VARLINK_FIELDS(refused_fields)},
        {"NamespaceRefused", "What came is no namespace that can be enrolled, or not so.", VARLINK_FIELDS(reason_fields)},
        {"EnrolmentFailed", "It was tried several times, and is not enrolled.", VARLINK_FIELDS(reason_fields)},
        {"Busy", "16 clients are watching, or too many changes are under way, or the relay's threads cannot answer now.",
         VARLINK_FIELDS(advice_fields)},
};

const struct varlink_interface control_interface = {
        .name = CONTROL_INTERFACE,
        .help = "A running nsrelay.",
        .types = types,
        .type_count = ARRAY_COUNT(types),
        .methods = methods,
        .method_count = ARRAY_COUNT(methods),
        .errors = errors,
        .error_count = ARRAY_COUNT(errors),
};

/* SPDX-License-Identifier: Apache-2.0 */
/* ListBackends, and SetBackendState: what an operator lets a backend have. */
#include <stdio.h>
#include <string.h>

#include "app/nsrelay/control.h"
#include "app/nsrelay/control_interface.h"
#include "app/text/suggest.h"
#include "relay/balance/standing.h"
#include "relay/operator.h"
#include "relay/session_filter.h"

/* Elements of a reply, so that the longest names and addresses stay within LIMIT_CONTROL_REPLY. */
enum { BACKENDS_A_REPLY = 64 };

static const struct inspect *inspect_of(const struct varlink_service *service)
{
	const struct control *control = service->ctx;
	return control->inspect;
}

/* ---- ListBackends ---- */

static const struct varlink_field pool_field[] = {
        {.name = "pool", .kind = VARLINK_STRING, .optional = true, .help = "of this pool only"},
};
static const struct varlink_field backend_fields[] = {
        {.name = "pool", .kind = VARLINK_STRING},
        {.name = "address", .kind = VARLINK_STRING},
        {.name = "netns", .kind = VARLINK_STRING, .help = "\"host\" for the daemon's own"},
        {.name = "weight", .kind = VARLINK_INT},
        {.name = "backup", .kind = VARLINK_BOOL, .help = "only for connections that all others have failed"},
        {.name = "reasons",
         .kind = VARLINK_STRING,
         .array = true,
         .help = "why it gets no new connections: down, ejected, drain, maintenance; none: it may"},
        {.name = "connections",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "to it now, of all relays; where the pool's policy counts them"},
};
const struct varlink_type control_backend_type = {"Backend", "Where connections go.",
                                                  VARLINK_FIELDS(backend_fields)};
static const struct varlink_field backends_fields[] = {
        {.name = "backends", .kind = VARLINK_OBJECT, .array = true, .type = &control_backend_type},
};

static void write_reasons(unsigned reasons, struct json *out)
{
	static const struct {
		enum standing_reason reason;
		const char *name;
	} names[] = {
	        {STANDING_DOWN, "down"},
	        {STANDING_EJECTED, "ejected"},
	        {STANDING_DRAIN, "drain"},
	        {STANDING_MAINTENANCE, "maintenance"},
	};
	json_begin_array(out, "reasons");
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (reasons & names[i].reason)
			json_text(out, NULL, names[i].name);
	json_end(out);
}

static void write_backend(const struct inspect *inspect, size_t pool, uint32_t index, struct json *out)
{
	const struct config_pool *config = &inspect->plan->config->pools[pool];
	const struct config_backend *backend = &config->backends[index];
	int64_t connections = inspect_backend_connections(inspect, pool, index);
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(out, NULL);
	json_text(out, "pool", config->name);
	json_text(out, "address", endpoint_format_address(&backend->endpoint.addr.any, text, sizeof(text)));
	json_text(out, "netns", netns_ref_format(&backend->endpoint.netns, text, sizeof(text)));
	json_number(out, "weight", backend->weight);
	json_bool(out, "backup", backend->backup);
	write_reasons(inspect_backend_reasons(inspect, pool, index), out);
	if (connections >= 0)
		json_number(out, "connections", (uint64_t)connections);
	json_end(out);
}

/* find_pool - its index; the number of pools when there is none of that name */
static size_t find_pool(const struct config *config, const char *name)
{
	size_t i = 0;
	while (i < config->pool_count && strcmp(config->pools[i].name, name) != 0)
		i++;
	return i;
}

static enum varlink_outcome refuse_pool(const struct config *config, struct varlink_call *call,
                                        const char *name)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	for (size_t i = 0; i < config->pool_count; i++)
		suggest_add(&suggest, config->pools[i].name);
	return control_not_found(call, "pool", name, suggest_text(&suggest));
}

/* list_backends - place[0]: the pool, place[1]: the backend in it */
static enum varlink_outcome list_backends(const struct varlink_service *service, struct varlink_call *call,
                                          struct json *out)
{
	const struct config *config = inspect_of(service)->plan->config;
	const char *name = varlink_text(call, "pool");
	size_t only = name ? find_pool(config, name) : 0, last = name ? only + 1 : config->pool_count;
	if (name && only == config->pool_count)
		return refuse_pool(config, call, name);
	if (call->place[0] < only)
		call->place[0] = only;
	json_begin_array(out, "backends");
	for (unsigned count = 0; call->place[0] < last && count < BACKENDS_A_REPLY;) {
		if (call->place[1] == config->pools[call->place[0]].backend_count) {
			call->place[0]++;
			call->place[1] = 0;
			continue;
		}
		write_backend(inspect_of(service), call->place[0], (uint32_t)call->place[1]++, out);
		count++;
	}
	json_end(out);
	return call->place[0] < last ? VARLINK_CONTINUES : VARLINK_LAST;
}

const struct varlink_method control_method_list_backends = {
        .name = "ListBackends",
        .help = "The backends of all pools, or of one. Call it with 'more'.",
        .takes = VARLINK_FIELDS(pool_field),
        .returns = VARLINK_FIELDS(backends_fields),
        .streams = true,
        .fn = list_backends,
};

/* ---- SetBackendState ---- */

static const struct varlink_field set_fields[] = {
        {.name = "backend",
         .kind = VARLINK_STRING,
         .help = "ADDRESS:PORT, or NETNS/ADDRESS:PORT as in the configuration; POOL/ may stand in front"},
        {.name = "state",
         .kind = VARLINK_STRING,
         .help = "ready; drain: it gets no new clients, but those that stick to it; maintenance: nobody"},
        {.name = "all_pools",
         .kind = VARLINK_BOOL,
         .optional = true,
         .help = "in all pools that have it, if these are several"},
};
static const struct varlink_field pools_fields[] = {
        {.name = "pools", .kind = VARLINK_STRING, .array = true, .help = "in which it was set"},
};

/* is_meant - by @text, which may begin with the pool's name */
static bool is_meant(const char *text, const struct config_pool *pool, uint32_t backend)
{
	size_t length = strlen(pool->name);
	struct session_filter filter = {0};
	const struct endpoint *endpoint = &pool->backends[backend].endpoint;
	if (session_filter_set_backend(&filter, text, NULL) == 0 &&
	    session_filter_fits_backend(&filter, endpoint))
		return true;
	return strncmp(text, pool->name, length) == 0 && text[length] == '/' &&
	       session_filter_set_backend(&filter, text + length + 1, NULL) == 0 &&
	       session_filter_fits_backend(&filter, endpoint);
}

/* find_meant - the first backend of @pool that is meant from @from on; their number when there is none */
static uint32_t find_meant(const struct config_pool *pool, const char *text, uint32_t from)
{
	while (from < pool->backend_count && !is_meant(text, pool, from))
		from++;
	return from;
}

/* count_pools - of those that have such a backend, with the names of the first two */
static size_t count_pools(const struct config *config, const char *text, const char *names[2])
{
	size_t count = 0;
	for (size_t i = 0; i < config->pool_count; i++) {
		if (find_meant(&config->pools[i], text, 0) == config->pools[i].backend_count)
			continue;
		if (count < 2)
			names[count] = config->pools[i].name;
		count++;
	}
	return count;
}

static enum varlink_outcome refuse_backend(const struct config *config, struct varlink_call *call,
                                           const char *text)
{
	char texts[BACKENDS_A_REPLY][ENDPOINT_TEXT_MAX];
	struct suggest suggest;
	size_t count = 0;
	suggest_init(&suggest, text);
	for (size_t i = 0; i < config->pool_count; i++) {
		for (size_t j = 0; j < config->pools[i].backend_count && count < BACKENDS_A_REPLY; j++)
			suggest_add(&suggest, endpoint_format(&config->pools[i].backends[j].endpoint,
			                                      texts[count++], ENDPOINT_TEXT_MAX));
	}
	return control_not_found(call, "backend", text, suggest_text(&suggest));
}

static enum varlink_outcome refuse_ambiguous(struct varlink_call *call, const char *text,
                                             const char *const names[2])
{
	char advice[192];
	snprintf(advice, sizeof(advice), "it is in pool %.32s and pool %.32s: say POOL/%.64s, or all_pools",
	         names[0], names[1], text);
	return varlink_fail(call, CONTROL_INTERFACE ".Ambiguous", "advice", advice, NULL, NULL);
}

/* set_in_pool - true when @pool has it */
static bool set_in_pool(const struct inspect *inspect, size_t pool, const char *text, enum config_state state)
{
	const struct config_pool *config = &inspect->plan->config->pools[pool];
	bool any = false;
	for (uint32_t i = 0; (i = find_meant(config, text, i)) < config->backend_count; i++) {
		operator_set_state(inspect, pool, i, state);
		any = true;
	}
	return any;
}

static enum varlink_outcome set_backend_state(const struct varlink_service *service,
                                              struct varlink_call *call, struct json *out)
{
	const struct inspect *inspect = inspect_of(service);
	const struct config *config = inspect->plan->config;
	const char *text = varlink_text(call, "backend"), *names[2];
	int state = operator_find_state(varlink_text(call, "state"));
	size_t count = count_pools(config, text, names);
	if (state < 0)
		return varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", "state", NULL,
		                    NULL);
	if (count == 0)
		return refuse_backend(config, call, text);
	if (count > 1 && !varlink_flag(call, "all_pools"))
		return refuse_ambiguous(call, text, names);
	json_begin_array(out, "pools");
	for (size_t i = 0; i < config->pool_count; i++)
		if (set_in_pool(inspect, i, text, (enum config_state)state))
			json_text(out, NULL, config->pools[i].name);
	json_end(out);
	return VARLINK_LAST;
}

const struct varlink_method control_method_set_backend_state = {
        .name = "SetBackendState",
        .help = "Let a backend have new connections or not, at once, until it is said otherwise. Those that "
                "it has "
                "go on.",
        .takes = VARLINK_FIELDS(set_fields),
        .returns = VARLINK_FIELDS(pools_fields),
        .fn = set_backend_state,
};

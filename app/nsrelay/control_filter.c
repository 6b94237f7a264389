/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/control_filter.h"

#include <string.h>

#include "app/nsrelay/control_interface.h"
#include "app/text/suggest.h"
#include "relay/state_names.h"

static const struct varlink_field fields[] = {CONTROL_FILTER_FIELDS};

/* ---- what has one of a set of names ---- */

/* name_at - the @index-th name of the set, NULL behind the last one */
typedef const char *name_fn(const struct config *config, size_t index);

static const char *relay_name(const struct config *config, size_t index)
{
	return index < config->relay_count ? config->relays[index].name : NULL;
}

static const char *pool_name(const struct config *config, size_t index)
{
	return index < config->pool_count ? config->pools[index].name : NULL;
}

static const char *state_name(const struct config *config, size_t index)
{
	(void)config;
	return index < SESSION_STATE_COUNT ? session_state_name((enum session_state)index) : NULL;
}

static const char *lane_name(const struct config *config, size_t index)
{
	(void)config;
	return index < FLOW_STATE_COUNT ? flow_state_name((enum flow_state)index) : NULL;
}

/* read_name - the place in its set of what argument @what says, or -1 without one; false when there is no
 * such name */
static bool read_name(const struct config *config, struct varlink_call *call, const char *what,
                      name_fn *name_at, int64_t *ret)
{
	const char *given = varlink_text(call, what), *name;
	struct suggest suggest;
	*ret = -1;
	if (!given)
		return true;
	suggest_init(&suggest, given);
	for (size_t i = 0; (name = name_at(config, i)); i++) {
		suggest_add(&suggest, name);
		if (strcmp(name, given) == 0) {
			*ret = (int64_t)i;
			return true;
		}
	}
	control_not_found(call, what, given, suggest_text(&suggest));
	return false;
}

static bool read_names(const struct config *config, struct varlink_call *call, struct session_filter *filter)
{
	int64_t relay, pool, state, lane;
	if (!read_name(config, call, "relay", relay_name, &relay) ||
	    !read_name(config, call, "pool", pool_name, &pool) ||
	    !read_name(config, call, "state", state_name, &state) ||
	    !read_name(config, call, "lane", lane_name, &lane))
		return false;
	if (relay >= 0)
		memcpy(filter->relay, config->relays[relay].name, sizeof(filter->relay));
	if (pool >= 0)
		memcpy(filter->pool, config->pools[pool].name, sizeof(filter->pool));
	filter->states = state >= 0 ? 1U << state : 0;
	filter->lanes = lane >= 0 ? 1U << lane : 0;
	return true;
}

/* ---- what is a place in the network, or a number ---- */

/* read_places, read_numbers - NULL, or the argument that is wrong */

static const char *read_places(const struct varlink_call *call, struct session_filter *filter)
{
	const char *client = varlink_text(call, "client"), *backend = varlink_text(call, "backend"),
	           *netns = varlink_text(call, "netns");
	if (client && cidr_parse(client, &filter->client, NULL) < 0)
		return "client";
	if (backend && session_filter_set_backend(filter, backend, NULL) < 0)
		return "backend";
	if (netns && netns_ref_parse(netns, &filter->netns, NULL) < 0)
		return "netns";
	filter->has_client = client != NULL;
	filter->has_netns = netns != NULL;
	return NULL;
}

static const char *read_numbers(const struct varlink_call *call, struct inspect_slice *slice)
{
	const struct {
		const char *name;
		uint64_t *number;
	} all[] = {
	        {"id", &slice->id},
	        {"age_over_ms", &slice->filter.age_over_ms},
	        {"idle_over_ms", &slice->filter.idle_over_ms},
	        {"bytes_over", &slice->filter.bytes_over},
	};
	for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
		int64_t number = varlink_number(call, all[i].name, 0);
		if (number < 0)
			return all[i].name;
		*all[i].number = (uint64_t)number;
	}
	slice->is_one = varlink_number(call, "id", -1) >= 0;
	return NULL;
}

bool control_filter_read(const struct config *config, struct varlink_call *call, struct inspect_slice *slice)
{
	slice->filter = (struct session_filter){0};
	const char *wrong = read_places(call, &slice->filter);
	if (!wrong)
		wrong = read_numbers(call, slice);
	if (wrong)
		varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", wrong, NULL, NULL);
	return !wrong && read_names(config, call, &slice->filter);
}

bool control_filter_is_empty(const struct varlink_call *call)
{
	for (size_t i = 0; i < ARRAY_COUNT(fields); i++) {
		const json_t *value = json_object_get(call->arguments, fields[i].name);
		if (value && !json_is_null(value))
			return false;
	}
	return true;
}

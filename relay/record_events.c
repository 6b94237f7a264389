/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/record_events.h"

#include <stdio.h>
#include <string.h>

#include "relay/record_log.h"

static void set_relay(struct event *event, const struct plan *plan, uint32_t relay)
{
	memcpy(event->relay, plan->config->relays[relay].name, sizeof(event->relay));
}

/* limit_event - false when the connection was not refused for a limit */
static bool limit_event(const struct plan *plan, const struct record *record, struct event *ret)
{
	if (!cause_is_limit(record->cause))
		return false;
	ret->kind = EVENT_LIMIT_HIT;
	ret->count = 1;
	set_relay(ret, plan, plan->listeners[record->listener].relay);
	snprintf(ret->reason, sizeof(ret->reason), "%s", cause_name(record->cause));
	return true;
}

static void backend_event(const struct plan *plan, const struct record *record, struct event *ret)
{
	static const uint8_t kinds[] = {
	        [RECORD_BACKEND_DOWN] = EVENT_BACKEND_DOWN,
	        [RECORD_BACKEND_UP] = EVENT_BACKEND_UP,
	        [RECORD_BACKEND_EJECTED] = EVENT_BACKEND_EJECTED,
	        [RECORD_BACKEND_RETURNED] = EVENT_BACKEND_RETURNED,
	};
	const struct config_pool *pool = &plan->config->pools[plan->routes[record->route].pool];
	ret->kind = kinds[record->kind];
	memcpy(ret->pool, pool->name, sizeof(ret->pool));
	endpoint_format(&pool->backends[record->backend].endpoint, ret->endpoint, sizeof(ret->endpoint));
	if (record->kind == RECORD_BACKEND_DOWN)
		snprintf(ret->reason, sizeof(ret->reason), "%s", record_failure_text(record));
}

bool record_event(const struct plan *plan, const struct record *record, struct event *ret,
                  bool *ret_in_series)
{
	memset(ret, 0, sizeof(*ret));
	*ret_in_series = true;
	switch (record->kind) {
	case RECORD_CLOSED:
		return limit_event(plan, record, ret);
	case RECORD_NOTHING:
		return false;
	case RECORD_ACCEPT_PAUSED:
		ret->kind = EVENT_ACCEPT_PAUSED;
		ret->count = 1;
		return true;
	case RECORD_MIRROR_FAILED:
		ret->kind = EVENT_MIRROR_FAILED;
		ret->count = 1;
		set_relay(ret, plan, plan->routes[record->route].relay);
		return true;
	default:
		*ret_in_series = false;
		backend_event(plan, record, ret);
		return true;
	}
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/operator.h"

#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "io/sys.h"
#include "relay/balance/standing.h"
#include "relay/events.h"
#include "relay/inspect.h"
#include "relay/queue.h"
#include "relay/worker.h"

/* What a state is called, told as, and the reason that it is; 0: none. */
static const struct {
	const char *name, *message;
	enum event_kind event;
	unsigned reason;
} states[] = {
        [CONFIG_STATE_READY] = {"ready", "backend ready", EVENT_BACKEND_READY, 0},
        [CONFIG_STATE_DRAIN] = {"drain", "backend drains", EVENT_BACKEND_DRAIN, STANDING_DRAIN},
        [CONFIG_STATE_MAINTENANCE] = {"maintenance", "backend in maintenance", EVENT_BACKEND_MAINTENANCE,
                                      STANDING_MAINTENANCE},
};

int operator_find_state(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(states); i++)
		if (strcmp(states[i].name, name) == 0)
			return (int)i;
	return -1;
}

static void tell(struct events *events, const struct config_pool *pool, uint32_t backend,
                 enum config_state state)
{
	struct event event = {.kind = (uint8_t)states[state].event};
	struct log_record log;
	memcpy(event.pool, pool->name, sizeof(event.pool));
	endpoint_format(&pool->backends[backend].endpoint, event.endpoint, sizeof(event.endpoint));
	events_add(events, &event);
	if (!log_event_begin(&log, LOG_LEVEL_INFO, states[state].message))
		return;
	log_record_add_text(&log, "pool", pool->name);
	log_record_add_text(&log, "backend", event.endpoint);
	log_record_end(&log);
}

void operator_set_state(const struct inspect *inspect, size_t pool, uint32_t backend, enum config_state state)
{
	static const enum standing_reason reasons[] = {STANDING_DRAIN, STANDING_MAINTENANCE};
	struct standing *standing = inspect->shared->balance.pools[pool].standing;
	/* First what is to be, then what is not to be any more: in between it is not usable. */
	if (states[state].reason)
		standing_set(standing, backend, (enum standing_reason)states[state].reason);
	for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
		if (reasons[i] != states[state].reason &&
		    standing_clear(standing, backend, reasons[i], sys_now_ns() / 1000000))
			queue_room_beside(inspect->shared, inspect->limits->threads, (uint32_t)pool);
	}
	tell(inspect->events, &inspect->plan->config->pools[pool], backend, state);
}

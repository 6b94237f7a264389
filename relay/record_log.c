/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/record_log.h"

#include <string.h>

#include "base/log.h"

static void add_endpoint(struct log_record *log, const char *key, const char *netns_key,
			 const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	log_record_add_text(log, key, endpoint_format_address(&endpoint->addr.any, text, sizeof(text)));
	log_record_add_text(log, netns_key, netns_ref_format(&endpoint->netns, text, sizeof(text)));
}

/* add_backend - or where the client wanted to go, in its listener's namespace */
static void add_backend(struct log_record *log, const struct plan *plan, const struct record *record)
{
	const struct config_pool *pool = &plan->config->pools[plan->routes[record->route].pool];
	struct endpoint backend = pool->backends[record->backend].endpoint;
	struct sockaddr_storage original;
	if (config_is_original(&backend) && peer_get(&record->original, &original) > 0) {
		memcpy(&backend.addr, &original, sizeof(backend.addr.in6));
		backend.netns = plan->listeners[record->listener].endpoint->netns;
	}
	add_endpoint(log, "backend", "backend_netns", &backend);
}

static void log_closed(const struct plan *plan, const struct record *record)
{
	const struct plan_listener *listener = &plan->listeners[record->listener];
	const struct config_relay *relay = &plan->config->relays[listener->relay];
	char text[ENDPOINT_TEXT_MAX];
	struct log_record log;
	if (!log_record_begin(&log, LOG_LEVEL_INFO, "closed"))
		return; /* under load most are: formatting them all cost more than writing the rest */
	log_record_add_text(&log, "relay", relay->name);
	log_record_add_text(&log, "client", peer_format(&record->peer, text, sizeof(text)));
	if (record->via.family != AF_UNSPEC)
		log_record_add_text(&log, "via", peer_format(&record->via, text, sizeof(text)));
	if (record->original.family != AF_UNSPEC)
		log_record_add_text(&log, "destination", peer_format(&record->original, text, sizeof(text)));
	add_endpoint(&log, "listener", "listener_netns", listener->endpoint);
	if (config_way_count(relay) > 1)
		log_record_add_text(&log, "pool", plan->config->pools[plan->routes[record->route].pool].name);
	if (record->backend != RECORD_NO_BACKEND)
		add_backend(&log, plan, record);
	uint64_t spliced = record->spliced[SIDE_CLIENT] + record->spliced[SIDE_SERVER];
	uint64_t bytes = record->bytes[SIDE_CLIENT] + record->bytes[SIDE_SERVER];
	log_record_add_u64(&log, "bytes_up", record->bytes[SIDE_CLIENT]);
	log_record_add_u64(&log, "bytes_down", record->bytes[SIDE_SERVER]);
	log_record_add_u64(&log, "spliced", spliced);
	log_record_add_u64(&log, "copied", bytes - spliced);
	if (record->mirror.wanted) {
		log_record_add_u64(&log, "mirrored", record->mirror.mirrored);
		log_record_add_u64(&log, "mirror_skipped", record->mirror.skipped);
	}
	log_record_add_double(&log, "duration_ms", (double)record->duration_us / 1000);
	log_record_add_double(&log, "connect_ms", (double)record->connect_us / 1000);
	log_record_add_text(&log, "cause", cause_name(record->cause));
	log_record_end(&log);
}

const char *record_failure_text(const struct record *record)
{
	static const char *const texts[] = {
		[CHECK_SUCCEEDED] = NULL,
		[CHECK_TIMED_OUT] = "no answer in time",
		[CHECK_MISANSWERED] = "another answer than expected",
		[CHECK_CUT_SHORT] = "closed before the answer",
		[CHECK_NOT_MADE] = "no socket in time",
	};
	return record->failure == CHECK_FAILED_BY_ERRNO ? strerror(-record->error) : texts[record->failure];
}

/* log_backend - a turn in what a backend is held for */
static void log_backend(const struct plan *plan, const struct record *record)
{
	static const struct {
		enum log_level level;
		const char *message;
	} turns[] = {
		[RECORD_BACKEND_DOWN] = {LOG_LEVEL_WARNING, "backend down"},
		[RECORD_BACKEND_UP] = {LOG_LEVEL_INFO, "backend up"},
		[RECORD_BACKEND_EJECTED] = {LOG_LEVEL_WARNING, "backend ejected"},
		[RECORD_BACKEND_RETURNED] = {LOG_LEVEL_INFO, "backend returned"},
	};
	const struct config_pool *pool = &plan->config->pools[plan->routes[record->route].pool];
	struct log_record log;
	if (!log_event_begin(&log, turns[record->kind].level, turns[record->kind].message))
		return;
	log_record_add_text(&log, "pool", pool->name);
	add_endpoint(&log, "backend", "backend_netns", &pool->backends[record->backend].endpoint);
	if (record->kind == RECORD_BACKEND_DOWN)
		log_record_add_text(&log, "reason", record_failure_text(record));
	if (record->kind == RECORD_BACKEND_EJECTED)
		log_record_add_u64(&log, "time_ms", record->duration_us / 1000);
	log_record_end(&log);
}

void record_log(const struct plan *plan, const struct record *record)
{
	switch (record->kind) {
	case RECORD_CLOSED:
		log_closed(plan, record);
		break;
	case RECORD_NOTHING:
	case RECORD_ACCEPT_PAUSED:
	case RECORD_MIRROR_FAILED:
		break; /* counted, and events */
	default:
		log_backend(plan, record);
	}
}

void counters_log(const struct counters *threads, uint32_t count)
{
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_INFO, "counters");
	for (unsigned counter = 0; counter < COUNTER_COUNT; counter++) {
		uint64_t sum = 0;
		for (uint32_t i = 0; i < count; i++)
			sum += counter_read(&threads[i], counter);
		log_record_add_u64(&log, counter_name(counter), sum);
	}
	log_record_end(&log);
}

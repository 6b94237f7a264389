/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/bandwidth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "relay/succession.h"
#include "relay/worker.h"

enum {
	/* How much of a limit's time the receive buffers of a thread may be worth. */
	BUFFERS_MS = 50,
	NS_PER_MS = 1000000,
};

/* A limit that a flow is under. */
struct limit {
	struct shaper *shaper;
	uint64_t rate;
};

enum { LIMITS_MAX = 3 };

static uint64_t rate_of(const struct config_bandwidth *bandwidth, enum side source)
{
	return source == SIDE_CLIENT ? bandwidth->up : bandwidth->down;
}

static void add_limit(struct limit *limits, size_t *count, struct shaper *shaper, uint64_t rate)
{
	if (rate)
		limits[(*count)++] = (struct limit){shaper, rate};
}

/* limits_of - the limits that the flow from @source is under; how many */
static size_t limits_of(const struct worker *worker, const struct session *session, enum side source,
			struct limit ret[static LIMITS_MAX])
{
	const struct config_limits *config = &worker_relay(worker, session)->limits;
	const struct bandwidth *bandwidth = &worker->shared->bandwidth;
	uint32_t relay = worker->plan->listeners[session->listener].relay;
	uint32_t netns = bandwidth->netns_of[session->listener];
	size_t count = 0;
	add_limit(ret, &count, &bandwidth->relays[relay].shapers[source], rate_of(&config->relay.bandwidth, source));
	add_limit(ret, &count, &bandwidth->netns[netns].shapers[source], rate_of(&config->netns.bandwidth, source));
	if (session->source != SOURCES_NONE) {
		const struct sources *sources = &worker->shared->admission.relays[relay].sources;
		add_limit(ret, &count, sources_shaper(sources, session->source, source),
			  rate_of(&config->source.bandwidth, source));
	}
	return count;
}

/* lowest_rate - 0: there is none */
static uint64_t lowest_rate(const struct config_limits *config, enum side source)
{
	const struct config_limit *limits[] = {&config->relay, &config->netns, &config->source};
	uint64_t lowest = 0;
	for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
		uint64_t rate = rate_of(&limits[i]->bandwidth, source);
		if (rate != 0 && (lowest == 0 || rate < lowest))
			lowest = rate;
	}
	return lowest;
}

/* charge - when everything is paid for */
static uint64_t charge(const struct worker *worker, const struct session *session, enum side source, int64_t bytes)
{
	struct limit limits[LIMITS_MAX];
	size_t count = limits_of(worker, session, source, limits);
	uint64_t paid_at = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t at = shaper_charge(limits[i].shaper, limits[i].rate, bytes, worker->now_ns);
		paid_at = at > paid_at ? at : paid_at;
	}
	return paid_at;
}

/* wait_until - the flow is not read from before @at_ns */
static void wait_until(struct worker *worker, struct session *session, enum side source, uint64_t at_ns)
{
	struct flow *flow = &session->flows[source];
	if (at_ns <= worker->now_ns)
		return;
	if (flow->resume_ms == 0)
		counter_add(worker->counters, COUNTER_THROTTLED, 1);
	flow->resume_ms = (at_ns + NS_PER_MS - 1) / NS_PER_MS;
	if (session->state == SESSION_OPEN)
		session_arm_timer(worker, session);
}

bool bandwidth_admit(struct worker *worker, struct session *session, enum side source)
{
	struct flow *flow = &session->flows[source];
	if (!(flow->limits & BANDWIDTH_ADMITTED)) {
		uint64_t turn_ns = charge(worker, session, source, 0);
		charge(worker, session, source, SHAPER_QUANTUM_MIN);
		flow->limits |= BANDWIDTH_ADMITTED;
		wait_until(worker, session, source, turn_ns);
	}
	return flow->resume_ms == 0;
}

void bandwidth_charge(struct worker *worker, struct session *session, enum side source, size_t bytes)
{
	struct flow *flow = &session->flows[source];
	int64_t owed = (int64_t)bytes;
	if (flow->limits & BANDWIDTH_ADMITTED)
		owed -= SHAPER_QUANTUM_MIN;
	flow->limits &= (uint8_t)~BANDWIDTH_ADMITTED;
	if (bytes >= SHAPER_QUANTUM_MIN) {
		owed += SHAPER_QUANTUM_MIN;
		flow->limits |= BANDWIDTH_ADMITTED;
	}
	uint64_t paid_at = charge(worker, session, source, owed);
	if (bytes > 0)
		wait_until(worker, session, source, paid_at);
}

void bandwidth_leave(struct worker *worker, struct session *session, enum side source)
{
	if (session->flows[source].limits & BANDWIDTH_ADMITTED)
		bandwidth_charge(worker, session, source, 0);
}

size_t bandwidth_quantum(const struct worker *worker, const struct session *session, enum side source)
{
	return shaper_quantum(lowest_rate(&worker_relay(worker, session)->limits, source));
}

/* ---- start ---- */

/* kind_of - BANDWIDTH_* of a flow under @config */
static uint8_t kind_of(const struct config_limits *config, enum side source)
{
	uint64_t rate = lowest_rate(config, source);
	uint64_t slow = (uint64_t)LIMIT_BUFFER_COUNT * LIMIT_BUFFER_SIZE * 1000 / BUFFERS_MS;
	if (rate == 0)
		return 0;
	return rate < slow ? BANDWIDTH_LIMITED | BANDWIDTH_SLOW : BANDWIDTH_LIMITED;
}

static void set_listener(struct bandwidth *bandwidth, const struct plan *plan, uint32_t listener)
{
	const struct config_limits *config = &plan->config->relays[plan->listeners[listener].relay].limits;
	bandwidth->netns_of[listener] = plan->listeners[listener].alike;
	for (int i = 0; i < SIDE_COUNT; i++)
		bandwidth->kinds[listener][i] = kind_of(config, (enum side)i);
}

static struct bandwidth_pair *new_pairs(size_t count)
{
	struct bandwidth_pair *pairs = aligned_alloc(_Alignof(struct bandwidth_pair), (count + 1) * sizeof(*pairs));
	if (pairs)
		memset(pairs, 0, (count + 1) * sizeof(*pairs));
	return pairs;
}

int bandwidth_init(struct bandwidth *bandwidth, const struct plan *plan)
{
	*bandwidth = (struct bandwidth){
		.relays = new_pairs(plan->config->relay_count),
		.netns = new_pairs(plan->listener_count),
		.netns_of = calloc(plan->listener_count + 1, sizeof(*bandwidth->netns_of)),
		.kinds = calloc(plan->listener_count + 1, sizeof(*bandwidth->kinds)),
	};
	if (!bandwidth->relays || !bandwidth->netns || !bandwidth->netns_of || !bandwidth->kinds) {
		bandwidth_fini(bandwidth);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < plan->listener_count; i++)
		set_listener(bandwidth, plan, i);
	return 0;
}

static void carry_debt(struct bandwidth_pair *heir, const struct bandwidth_pair *old)
{
	for (int i = 0; i < SIDE_COUNT; i++)
		heir->shapers[i].paid_at_ns = old->shapers[i].paid_at_ns;
}

void bandwidth_inherit(struct bandwidth *heir, const struct bandwidth *old, const struct succession *map,
		       uint32_t relay_count, uint32_t listener_count)
{
	for (uint32_t i = 0; i < relay_count; i++) {
		if (map->relays[i] != SUCCESSION_NONE)
			carry_debt(&heir->relays[map->relays[i]], &old->relays[i]);
	}
	for (uint32_t i = 0; i < listener_count; i++) {
		uint32_t listener = map->listeners[i];
		if (listener != SUCCESSION_NONE && old->netns_of[i] == i)
			carry_debt(&heir->netns[heir->netns_of[listener]], &old->netns[i]);
	}
}

void bandwidth_go_on(const struct bandwidth *bandwidth, struct session *session)
{
	for (int i = 0; i < SIDE_COUNT; i++) {
		struct flow *flow = &session->flows[i];
		uint8_t kind = bandwidth->kinds[session->listener][i];
		/* A deposit stays with the limit it was left with, which gets it back when the flow falls quiet. */
		flow->limits = kind ? kind | (flow->limits & BANDWIDTH_ADMITTED) : 0;
	}
}

void bandwidth_fini(struct bandwidth *bandwidth)
{
	free(bandwidth->relays);
	free(bandwidth->netns);
	free(bandwidth->netns_of);
	free(bandwidth->kinds);
	*bandwidth = (struct bandwidth){0};
}

size_t bandwidth_memory(size_t relay_count, size_t listener_count)
{
	return (relay_count + listener_count + 2) * sizeof(struct bandwidth_pair) +
	       (listener_count + 1) * (sizeof(uint32_t) + SIDE_COUNT * sizeof(uint8_t));
}

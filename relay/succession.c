/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/succession.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- usage ---- */

int usage_init(struct usage *usage, const struct plan *plan)
{
	const struct config *config = plan->config;
	*usage = (struct usage){
	        .listeners = calloc(plan->listener_count + 1, sizeof(bool)),
	        .routes = calloc(plan->route_count + 1, sizeof(bool)),
	        .backends = calloc(config->pool_count + 1, sizeof(bool *)),
	        .pool_count = config->pool_count,
	};
	bool whole = usage->listeners && usage->routes && usage->backends;
	for (size_t i = 0; whole && i < config->pool_count; i++)
		whole = (usage->backends[i] = calloc(config->pools[i].backend_count + 1, sizeof(bool)));
	if (whole)
		return 0;
	usage_fini(usage);
	return -ENOMEM;
}

void usage_fini(struct usage *usage)
{
	for (size_t i = 0; usage->backends && i < usage->pool_count; i++)
		free(usage->backends[i]);
	free(usage->listeners);
	free(usage->routes);
	free(usage->backends);
	*usage = (struct usage){0};
}

/* ---- who is who ---- */

typedef bool same_fn(const void *ctx, uint32_t candidate);

/* Where a search among @count candidates begins: behind the last that was found, as most are in the order that
 * they had. */
struct order {
	uint32_t count, next;
};

static uint32_t find(struct order *order, same_fn *same, const void *ctx)
{
	for (uint32_t i = 0; i < order->count; i++) {
		uint32_t candidate = (order->next + i) % order->count;
		if (same(ctx, candidate)) {
			order->next = candidate + 1;
			return candidate;
		}
	}
	return SUCCESSION_NONE;
}

struct wanted {
	const void *old;
	const void *among;
	uint32_t relay, pool; /* new ones */
	const bool *fresh;
};

static bool same_relay(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	const struct config_relay *old = wanted->old, *relays = wanted->among;
	return strcmp(old->name, relays[candidate].name) == 0;
}

static bool same_pool(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	const struct config_pool *old = wanted->old, *pools = wanted->among;
	return strcmp(old->name, pools[candidate].name) == 0;
}

static bool same_backend(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	const struct config_backend *old = wanted->old, *backends = wanted->among;
	return endpoint_equal(&old->endpoint, &backends[candidate].endpoint);
}

static bool same_listener(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	const struct plan_listener *old = wanted->old,
	                           *it = (const struct plan_listener *)wanted->among + candidate;
	return it->relay == wanted->relay && !wanted->fresh[candidate] &&
	       endpoint_equal(old->endpoint, it->endpoint);
}

static bool same_route(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	const struct plan_route *it = (const struct plan_route *)wanted->among + candidate;
	return it->relay == wanted->relay && it->pool == wanted->pool;
}

static bool same_target(const void *ctx, uint32_t candidate)
{
	const struct wanted *wanted = ctx;
	return plan_same_target(wanted->old, (const struct plan_target *)wanted->among + candidate);
}

/* ---- leftovers of the configuration ---- */

/* keep_relay - its connections are here, and nobody comes any more: of its lists nothing is asked again */
static int keep_relay(struct config *config, const struct config_relay *old, uint64_t until_ms)
{
	struct config_relay *kept = config_add_relay(config);
	if (!kept)
		return -ENOMEM;
	*kept = *old;
	kept->listeners = NULL;
	kept->listener_count = 0;
	kept->accept.from = (struct config_cidrs){0};
	kept->accept.from_unix = false;
	kept->destinations = (struct config_destinations){0};
	kept->sni = (struct config_sni){.unmatched = old->sni.unmatched};
	kept->access = (struct config_access){0};
	kept->scope = (struct config_scope){0};
	kept->mirror.to = (struct endpoint){0};
	kept->mirror.from = (struct config_cidrs){0};
	if (!kept->leftover_until_ms)
		kept->leftover_until_ms = until_ms;
	return 0;
}

/* keep_pool - as it was, for who is on the way to it; checks and memories of clients end */
static int keep_pool(struct config *config, const struct config_pool *old)
{
	struct config_pool *kept = config_add_pool(config);
	struct config_backend *backends = calloc(old->backend_count + 1, sizeof(*backends));
	if (!kept || !backends) {
		free(backends);
		return -ENOMEM;
	}
	*kept = *old;
	memcpy(backends, old->backends, old->backend_count * sizeof(*backends));
	kept->backends = backends;
	kept->health.interval_ms = 0;
	kept->ejection.failures = kept->ejection.resets = 0;
	kept->sticky.by = CONFIG_STICKY_OFF;
	kept->leftover = true;
	return 0;
}

static int keep_backend(struct config_pool *pool, const struct config_backend *old)
{
	if (config_pool_add_backend(pool, &old->endpoint) < 0)
		return -ENOMEM;
	struct config_backend *kept = &pool->backends[pool->backend_count - 1];
	kept->weight = old->weight;
	kept->backup = true; /* it has no share of the choices */
	kept->state = CONFIG_STATE_MAINTENANCE;
	kept->leftover = true;
	return 0;
}

/* What is worked on. */
struct work {
	struct succession *map;
	const struct plan *before;
	const struct usage *usage;
	struct config *config;
	const bool *fresh;
	uint64_t now_ms;
	struct plan *plan;
};

/* relay_in_use - has a relay that was left over before still connections? */
static bool relay_in_use(const struct work *work, uint32_t relay)
{
	for (uint32_t i = 0; i < work->before->listener_count; i++)
		if (work->before->listeners[i].relay == relay && work->usage->listeners[i])
			return true;
	return false;
}

/* pool_in_use - does a relay that is kept name it, or has it still connections? */
static bool pool_in_use(const struct work *work, uint32_t pool)
{
	const struct plan *before = work->before;
	for (uint32_t i = 0; i < before->config->relay_count; i++)
		if (before->config->relays[i].pool == pool && work->map->relays[i] != SUCCESSION_NONE)
			return true;
	for (uint32_t i = 0; i < before->route_count; i++)
		if (before->routes[i].pool == pool && work->usage->routes[i])
			return true;
	return false;
}

static int map_relays(struct work *work)
{
	const struct config *before = work->before->config;
	struct order order = {.count = (uint32_t)work->config->relay_count};
	for (uint32_t i = 0; i < before->relay_count; i++) {
		const struct config_relay *old = &before->relays[i];
		struct wanted wanted = {.old = old, .among = work->config->relays};
		uint32_t found = find(&order, same_relay, &wanted);
		if (found == SUCCESSION_NONE && (!old->leftover_until_ms || relay_in_use(work, i))) {
			if (keep_relay(work->config, old, work->now_ms + work->config->drain_ms) < 0)
				return -ENOMEM;
			found = (uint32_t)work->config->relay_count - 1;
		}
		work->map->relays[i] = found;
	}
	return 0;
}

static int map_backends(struct work *work, uint32_t old_index, uint32_t new_index)
{
	const struct config_pool *old = &work->before->config->pools[old_index];
	struct config_pool *pool = &work->config->pools[new_index];
	struct order order = {.count = (uint32_t)pool->backend_count};
	uint32_t *map = work->map->backends[old_index];
	for (uint32_t i = 0; i < old->backend_count; i++) {
		struct wanted wanted = {.old = &old->backends[i], .among = pool->backends};
		map[i] = find(&order, same_backend, &wanted);
		if (map[i] != SUCCESSION_NONE ||
		    (old->backends[i].leftover && !work->usage->backends[old_index][i]))
			continue;
		if (keep_backend(pool, &old->backends[i]) < 0)
			return -ENOMEM;
		map[i] = (uint32_t)pool->backend_count - 1;
	}
	return 0;
}

static int map_pools(struct work *work)
{
	const struct config *before = work->before->config;
	struct order order = {.count = (uint32_t)work->config->pool_count};
	for (uint32_t i = 0; i < before->pool_count; i++) {
		const struct config_pool *old = &before->pools[i];
		struct wanted wanted = {.old = old, .among = work->config->pools};
		uint32_t found = find(&order, same_pool, &wanted);
		if (found == SUCCESSION_NONE && (!old->leftover || pool_in_use(work, i))) {
			if (keep_pool(work->config, old) < 0)
				return -ENOMEM;
			found = (uint32_t)work->config->pool_count - 1;
		}
		work->map->pools[i] = found;
		if (found != SUCCESSION_NONE && map_backends(work, i, found) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* name_pools - a relay that was kept as it is names a pool by its old index */
static void name_pools(const struct work *work)
{
	const struct config *before = work->before->config;
	for (uint32_t i = 0; i < before->relay_count; i++) {
		uint32_t relay = work->map->relays[i];
		if (relay != SUCCESSION_NONE && work->config->relays[relay].leftover_until_ms)
			work->config->relays[relay].pool = work->map->pools[before->relays[i].pool];
	}
}

/* ---- leftovers of the plan ---- */

/* until - when the connections by a listener that is left over end; 0: when those of its relay do */
static uint64_t until(const struct work *work, const struct plan_listener *old)
{
	if (old->endpoint->netns.kind != NETNS_ENROLLED || old->until_ms)
		return old->until_ms;
	return work->now_ms + work->config->enrolled_drain_ms + 1;
}

static int map_listeners(struct work *work)
{
	const struct plan *before = work->before;
	struct order order = {.count = work->plan->listener_count};
	for (uint32_t i = 0; i < before->listener_count; i++) {
		const struct plan_listener *old = &before->listeners[i];
		uint32_t relay = work->map->relays[old->relay];
		struct wanted wanted = {
		        .old = old, .among = work->plan->listeners, .relay = relay, .fresh = work->fresh};
		uint32_t found = find(&order, same_listener, &wanted);
		if (found == SUCCESSION_NONE && relay != SUCCESSION_NONE &&
		    (!old->leftover || work->usage->listeners[i])) {
			if (plan_keep_listener(work->plan, relay, old->endpoint, until(work, old)) < 0)
				return -ENOMEM;
			found = work->plan->listener_count - 1;
		}
		work->map->listeners[i] = found;
	}
	return 0;
}

static int map_routes(struct work *work)
{
	const struct plan *before = work->before;
	struct order order = {.count = work->plan->route_count};
	for (uint32_t i = 0; i < before->route_count; i++) {
		const struct plan_route *old = &before->routes[i];
		uint32_t relay = work->map->relays[old->relay], pool = work->map->pools[old->pool];
		struct wanted wanted = {.among = work->plan->routes, .relay = relay, .pool = pool};
		uint32_t found = find(&order, same_route, &wanted);
		if (found == SUCCESSION_NONE && relay != SUCCESSION_NONE && pool != SUCCESSION_NONE &&
		    (!old->leftover || work->usage->routes[i])) {
			if (plan_keep_route(work->plan, relay, pool) < 0)
				return -ENOMEM;
			found = work->plan->route_count - 1;
		}
		work->map->routes[i] = found;
	}
	return 0;
}

static void map_targets(struct work *work)
{
	const struct plan *before = work->before;
	struct order order = {.count = work->plan->target_count};
	for (uint32_t i = 0; i < before->target_count; i++) {
		struct wanted wanted = {.old = &before->targets[i], .among = work->plan->targets};
		uint32_t found = find(&order, same_target, &wanted);
		if (found != SUCCESSION_NONE)
			work->plan->targets[found].number = before->targets[i].number;
		work->map->targets[i] = found;
	}
}

/* ---- all ---- */

static uint32_t *new_map(size_t count)
{
	uint32_t *map = malloc((count + 1) * sizeof(*map));
	return map ? memset(map, 0xff, (count + 1) * sizeof(*map)) : NULL; /* SUCCESSION_NONE */
}

static int allocate(struct succession *map, const struct plan *before)
{
	const struct config *config = before->config;
	*map = (struct succession){
	        .relays = new_map(config->relay_count),
	        .pools = new_map(config->pool_count),
	        .backends = calloc(config->pool_count + 1, sizeof(*map->backends)),
	        .listeners = new_map(before->listener_count),
	        .routes = new_map(before->route_count),
	        .targets = new_map(before->target_count),
	        .pool_count = config->pool_count,
	};
	bool whole = map->relays && map->pools && map->backends && map->listeners && map->routes &&
	             map->targets;
	for (size_t i = 0; whole && i < config->pool_count; i++)
		whole = (map->backends[i] = new_map(config->pools[i].backend_count));
	return whole ? 0 : -ENOMEM;
}

static int map_plan(struct work *work)
{
	int rc = plan_init(work->plan, work->config);
	if (rc < 0)
		return rc;
	if (map_listeners(work) < 0 || map_routes(work) < 0) {
		plan_fini(work->plan);
		return -ENOMEM;
	}
	map_targets(work);
	return 0;
}

int succession_init(struct succession *ret, const struct plan *before, const struct usage *usage,
                    struct config *config, const bool *fresh, uint64_t now_ms, struct plan *plan)
{
	struct work work = {ret, before, usage, config, fresh, now_ms, plan};
	int rc = allocate(ret, before);
	if (rc == 0)
		rc = map_relays(&work);
	if (rc == 0)
		rc = map_pools(&work);
	if (rc == 0) {
		name_pools(&work);
		rc = map_plan(&work);
	}
	if (rc < 0)
		succession_fini(ret);
	return rc;
}

void succession_fini(struct succession *succession)
{
	for (size_t i = 0; succession->backends && i < succession->pool_count; i++)
		free(succession->backends[i]);
	free(succession->relays);
	free(succession->pools);
	free(succession->backends);
	free(succession->listeners);
	free(succession->routes);
	free(succession->targets);
	*succession = (struct succession){0};
}

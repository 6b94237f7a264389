/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool same_tcp(const struct config_tcp *a, const struct config_tcp *b)
{
	return a->nodelay == b->nodelay && a->keepalive_idle_s == b->keepalive_idle_s &&
	       a->keepalive_interval_s == b->keepalive_interval_s && a->keepalive_count == b->keepalive_count &&
	       a->user_timeout_ms == b->user_timeout_ms && strcmp(a->congestion, b->congestion) == 0;
}

bool plan_same_target(const struct plan_target *a, const struct plan_target *b)
{
	if (a->family != b->family || a->mirrors != b->mirrors || a->transparent != b->transparent ||
	    a->mark != b->mark)
		return false;
	if (a->family == AF_UNIX)
		return endpoint_equal(a->endpoint, b->endpoint);
	return netns_ref_equal(&a->endpoint->netns, &b->endpoint->netns) && same_tcp(a->tcp, b->tcp);
}

/* find_target - the number of @wanted, added when it is new */
static uint32_t find_target(struct plan *plan, struct plan_target wanted)
{
	const struct hash_index *index = &plan->targets_by_place;
	uint32_t hash = netns_ref_hash(&wanted.endpoint->netns);
	for (uint32_t i = hash_index_first(index, hash); i != HASH_INDEX_END; i = hash_index_next(index, i)) {
		if (plan_same_target(&plan->targets[i], &wanted))
			return i;
	}
	wanted.number = plan->target_count;
	plan->targets[plan->target_count] = wanted;
	hash_index_add(&plan->targets_by_place, hash, plan->target_count);
	return plan->target_count++;
}

static int add_route(struct plan *plan, size_t relay_index, size_t pool_index)
{
	const struct config_pool *pool = &plan->config->pools[pool_index];
	uint32_t *targets = calloc(pool->backend_count + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	plan->routes[plan->route_count++] = (struct plan_route){
		.relay = (uint32_t)relay_index, .pool = (uint32_t)pool_index, .targets = targets};
	return 0;
}

static uint32_t find_target_of(struct plan *plan, const struct config_relay *relay, const struct endpoint *endpoint,
			       sa_family_t family)
{
	return find_target(plan, (struct plan_target){
					 .endpoint = endpoint,
					 .family = family,
					 .transparent = relay->source == CONFIG_SOURCE_CLIENT && family != AF_UNIX,
					 .mark = relay->intercept || relay->source == CONFIG_SOURCE_CLIENT ? relay->mark : 0,
					 .tcp = &relay->tcp,
				 });
}

static uint32_t map_backend(struct plan *plan, const struct config_relay *relay, const struct endpoint *backend)
{
	return config_is_original(backend) ? (uint32_t)PLAN_NO_TARGET
					   : find_target_of(plan, relay, backend, backend->addr.family);
}

/* map_targets - of a route's backends: of those that are leftovers, or of the others */
static void map_targets(struct plan *plan, const struct plan_route *route, bool leftovers)
{
	const struct config_relay *relay = &plan->config->relays[route->relay];
	const struct config_pool *pool = &plan->config->pools[route->pool];
	bool all_left = relay->leftover_until_ms || route->leftover;
	for (size_t i = 0; i < pool->backend_count; i++) {
		const struct config_backend *backend = &pool->backends[i];
		if ((all_left || backend->leftover) == leftovers)
			route->targets[i] = map_backend(plan, relay, &backend->endpoint);
	}
}

/* map_originals - of a listener whose relay knows where its clients wanted to go */
static void map_originals(struct plan *plan, struct plan_listener *listener)
{
	const struct config_relay *relay = &plan->config->relays[listener->relay];
	for (int i = 0; i < 2; i++)
		listener->originals[i] = relay->intercept ? find_target_of(plan, relay, listener->endpoint, i ? AF_INET6 : AF_INET)
							  : (uint32_t)PLAN_NO_TARGET;
}

uint32_t plan_target_of(const struct plan *plan, uint32_t listener, uint32_t route, uint32_t backend, sa_family_t family)
{
	uint32_t target = plan->routes[route].targets[backend];
	return target != PLAN_NO_TARGET ? target : plan->listeners[listener].originals[family == AF_INET6];
}

/* find_route - from @relay to @pool: its own, or one from @first on that another name or destination of it has; -ENOMEM */
static int64_t find_route(struct plan *plan, size_t relay, size_t pool, uint32_t first)
{
	if (plan->config->relays[relay].pool == pool)
		return (int64_t)relay;
	for (uint32_t i = first; i < plan->route_count; i++) {
		if (plan->routes[i].pool == pool)
			return i;
	}
	return add_route(plan, relay, pool) < 0 ? -ENOMEM : (int64_t)plan->route_count - 1;
}

static int map_names(struct plan *plan, size_t relay, uint32_t first, uint32_t *count)
{
	const struct config_sni *sni = &plan->config->relays[relay].sni;
	plan->relay_names[relay] = (struct plan_names){*count, (uint32_t)sni->count};
	for (size_t i = 0; i < sni->count; i++) {
		int64_t route = find_route(plan, relay, sni->routes[i].pool, first);
		if (route < 0)
			return -ENOMEM;
		plan->names[(*count)++] = (struct sni_name){sni->routes[i].name, (uint32_t)route};
	}
	sni_sort(plan->names + plan->relay_names[relay].first, sni->count);
	return 0;
}

static int map_destinations(struct plan *plan, size_t relay, uint32_t first)
{
	const struct config_destinations *destinations = &plan->config->relays[relay].destinations;
	struct plan_destinations *mapped = &plan->destinations[relay];
	if (destination_table_init(&mapped->table, destinations) < 0)
		return -ENOMEM;
	mapped->routes = calloc(destinations->count + 1, sizeof(*mapped->routes));
	if (!mapped->routes)
		return -ENOMEM;
	for (size_t i = 0; i < destinations->count; i++) {
		const struct config_destination *destination = &destinations->items[i];
		int64_t route = destination->refuse ? PLAN_REFUSED : find_route(plan, relay, destination->pool, first);
		if (route < 0)
			return -ENOMEM;
		mapped->routes[i] = (uint32_t)route;
	}
	return 0;
}

uint32_t plan_find_destination(const struct plan *plan, uint32_t relay, const struct session_peer *original)
{
	const struct plan_destinations *destinations = &plan->destinations[relay];
	uint32_t entry = destination_find(&destinations->table, original);
	return entry == DESTINATION_NONE ? (uint32_t)PLAN_NO_ROUTE : destinations->routes[entry];
}

uint32_t plan_find_name(const struct plan *plan, uint32_t relay, const char *name)
{
	const struct plan_names *names = &plan->relay_names[relay];
	return sni_find(plan->names + names->first, names->count, name);
}

uint32_t plan_first_route(const struct plan *plan, uint32_t pool)
{
	for (uint32_t i = 0; i < plan->route_count; i++) {
		if (plan->routes[i].pool == pool)
			return i;
	}
	return PLAN_NO_ROUTE;
}

static void map_mirror(struct plan *plan, size_t relay_index)
{
	const struct config_relay *relay = &plan->config->relays[relay_index];
	plan->mirror_targets[relay_index] = PLAN_NO_TARGET;
	if (config_relay_mirrors(relay))
		plan->mirror_targets[relay_index] =
			find_target(plan, (struct plan_target){.endpoint = &relay->mirror.to,
							       .family = relay->mirror.to.addr.family,
							       .tcp = &relay->tcp,
							       .mirrors = true});
}

/* ---- listeners ---- */

static bool is_under(const struct config_enrolled *enrolled, const struct endpoint *listener)
{
	return strcmp(enrolled->policy, listener->netns.text) == 0;
}

/* count_enrolled - the namespaces that @listener of the configuration is in */
static size_t count_enrolled(const struct config *config, const struct endpoint *listener)
{
	size_t count = 0;
	for (size_t i = 0; i < config->enrolled_count; i++)
		count += is_under(&config->enrolled[i], listener);
	return count;
}

/* count_listeners - of a relay in all namespaces, and how many of them are in enrolled ones */
static size_t count_listeners(const struct config *config, const struct config_relay *relay, size_t *enrolled)
{
	size_t count = 0;
	for (size_t i = 0; i < relay->listener_count; i++) {
		bool everywhere = config_is_everywhere(&relay->listeners[i]);
		size_t places = everywhere ? count_enrolled(config, &relay->listeners[i]) : 1;
		*enrolled += everywhere ? places : 0;
		count += places;
	}
	return count;
}

size_t plan_count_listeners(const struct config *config)
{
	size_t count = 0, enrolled = 0;
	for (size_t i = 0; i < config->relay_count; i++)
		count += count_listeners(config, &config->relays[i], &enrolled);
	return count;
}

/* place_listener - find out which is the first one like it, and have it found by others */
static void place_listener(struct plan *plan, uint32_t index)
{
	struct plan_listener *listener = &plan->listeners[index];
	const struct hash_index *places = &plan->listeners_by_place;
	uint32_t hash = netns_ref_hash(&listener->endpoint->netns) + listener->relay;
	listener->alike = index;
	for (uint32_t i = hash_index_first(places, hash); i != HASH_INDEX_END; i = hash_index_next(places, i)) {
		const struct plan_listener *other = &plan->listeners[i];
		if (other->relay == listener->relay && netns_ref_equal(&other->endpoint->netns, &listener->endpoint->netns))
			listener->alike = other->alike;
	}
	hash_index_add(&plan->listeners_by_place, hash, index);
}

static void add_listener(struct plan *plan, size_t relay, const struct endpoint *endpoint)
{
	plan->listeners[plan->listener_count] = (struct plan_listener){.relay = (uint32_t)relay, .endpoint = endpoint};
	place_listener(plan, plan->listener_count++);
}

/* add_everywhere - @listener in each namespace of its policy; *@place: the next free one of plan.enrolled */
static void add_everywhere(struct plan *plan, size_t relay, const struct endpoint *listener, struct endpoint **place)
{
	const struct config *config = plan->config;
	for (size_t i = 0; i < config->enrolled_count; i++) {
		if (!is_under(&config->enrolled[i], listener))
			continue;
		struct endpoint *endpoint = (*place)++;
		*endpoint = *listener;
		memcpy(endpoint->netns.text, config->enrolled[i].uid, sizeof(endpoint->netns.text));
		endpoint->netns.serial = config->enrolled[i].serial;
		add_listener(plan, relay, endpoint);
	}
}

static void add_listeners(struct plan *plan, size_t relay_index, struct endpoint **place)
{
	const struct config_relay *relay = &plan->config->relays[relay_index];
	for (size_t i = 0; i < relay->listener_count; i++) {
		if (config_is_everywhere(&relay->listeners[i]))
			add_everywhere(plan, relay_index, &relay->listeners[i], place);
		else
			add_listener(plan, relay_index, &relay->listeners[i]);
	}
}

/* ---- all ---- */

static int allocate(struct plan *plan)
{
	const struct config *config = plan->config;
	size_t listeners = 0, enrolled = 0, targets = 0, names = 0, routes = 0;
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		size_t count = count_listeners(config, relay, &enrolled);
		listeners += count;
		targets += 2 * count; /* where their clients wanted to go, by IPv4 and IPv6 */
		targets += 1;         /* a mirror */
		names += relay->sni.count;
		routes += config_way_count(relay);
		for (size_t j = 0; j < config_way_count(relay); j++)
			targets += config->pools[config_way(relay, j)].backend_count;
	}
	plan->listeners = calloc(listeners + 1, sizeof(*plan->listeners));
	plan->enrolled = calloc(enrolled + 1, sizeof(*plan->enrolled));
	plan->targets = calloc(targets + 1, sizeof(*plan->targets));
	plan->routes = calloc(routes + 1, sizeof(*plan->routes));
	plan->names = calloc(names + 1, sizeof(*plan->names));
	plan->relay_names = calloc(config->relay_count + 1, sizeof(*plan->relay_names));
	plan->destinations = calloc(config->relay_count + 1, sizeof(*plan->destinations));
	plan->mirror_targets = calloc(config->relay_count + 1, sizeof(*plan->mirror_targets));
	return hash_index_init(&plan->listeners_by_place, (uint32_t)listeners + 1) == 0 &&
			       hash_index_init(&plan->targets_by_place, (uint32_t)targets + 1) == 0 && plan->listeners &&
			       plan->enrolled && plan->targets && plan->routes && plan->names && plan->relay_names &&
			       plan->destinations && plan->mirror_targets
		       ? 0
		       : -ENOMEM;
}

int plan_init(struct plan *plan, const struct config *config)
{
	*plan = (struct plan){.config = config};
	if (allocate(plan) < 0)
		goto fail;
	struct endpoint *place = plan->enrolled;
	for (size_t i = 0; i < config->relay_count; i++) {
		add_listeners(plan, i, &place);
		if (add_route(plan, i, config->relays[i].pool) < 0)
			goto fail;
	}
	uint32_t names = 0;
	for (size_t i = 0; i < config->relay_count; i++) {
		uint32_t first = plan->route_count;
		if (map_names(plan, i, first, &names) < 0 || map_destinations(plan, i, first) < 0)
			goto fail;
	}
	/* Leftovers last: all other targets have the same index with and without them. */
	for (uint32_t i = 0; i < plan->route_count; i++)
		map_targets(plan, &plan->routes[i], false);
	for (uint32_t i = 0; i < plan->listener_count; i++)
		map_originals(plan, &plan->listeners[i]);
	for (size_t i = 0; i < config->relay_count; i++)
		map_mirror(plan, i);
	plan->own_target_count = plan->target_count;
	for (uint32_t i = 0; i < plan->route_count; i++)
		map_targets(plan, &plan->routes[i], true);
	return 0;
fail:
	plan_fini(plan);
	return -ENOMEM;
}

/* ---- leftovers ---- */

/* grow - @array, of @count items of @size, with room for @more; NULL, and it is as it was */
static void *grow(void *array, size_t count, size_t more, size_t size)
{
	return realloc(array, (count + more) * size);
}

int plan_keep_listener(struct plan *plan, uint32_t relay, const struct endpoint *endpoint, uint64_t until_ms)
{
	struct endpoint **kept = grow(plan->kept, plan->kept_count, 1, sizeof(struct endpoint *));
	if (!kept)
		return -ENOMEM;
	plan->kept = kept;
	struct plan_listener *listeners = grow(plan->listeners, plan->listener_count, 1, sizeof(*listeners));
	if (!listeners)
		return -ENOMEM;
	plan->listeners = listeners;
	struct plan_target *targets = grow(plan->targets, plan->target_count, 2 + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	plan->targets = targets;
	if (hash_index_reserve(&plan->listeners_by_place, plan->listener_count + 1) < 0 ||
	    hash_index_reserve(&plan->targets_by_place, plan->target_count + 2 + 1) < 0)
		return -ENOMEM;
	struct endpoint *copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *endpoint;
	kept[plan->kept_count++] = copy;
	struct plan_listener *listener = &listeners[plan->listener_count];
	*listener = (struct plan_listener){.relay = relay, .endpoint = copy, .leftover = true, .until_ms = until_ms};
	place_listener(plan, plan->listener_count++);
	map_originals(plan, listener);
	return 0;
}

int plan_keep_route(struct plan *plan, uint32_t relay, uint32_t pool)
{
	size_t backends = plan->config->pools[pool].backend_count;
	struct plan_route *routes = grow(plan->routes, plan->route_count, 1, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	plan->routes = routes;
	struct plan_target *targets = grow(plan->targets, plan->target_count, backends + 1, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	plan->targets = targets;
	if (hash_index_reserve(&plan->targets_by_place, plan->target_count + (uint32_t)backends + 1) < 0)
		return -ENOMEM;
	if (add_route(plan, relay, pool) < 0)
		return -ENOMEM;
	plan->routes[plan->route_count - 1].leftover = true;
	map_targets(plan, &plan->routes[plan->route_count - 1], true);
	return 0;
}

static void fini_destinations(struct plan *plan)
{
	for (size_t i = 0; plan->destinations && i < plan->config->relay_count; i++) {
		destination_table_fini(&plan->destinations[i].table);
		free(plan->destinations[i].routes);
	}
	free(plan->destinations);
}

void plan_fini(struct plan *plan)
{
	if (!plan)
		return;
	for (uint32_t i = 0; i < plan->kept_count; i++)
		free(plan->kept[i]);
	free(plan->kept);
	for (uint32_t i = 0; i < plan->route_count; i++)
		free(plan->routes[i].targets);
	free(plan->routes);
	free(plan->names);
	free(plan->relay_names);
	fini_destinations(plan);
	free(plan->mirror_targets);
	free(plan->listeners);
	free(plan->enrolled);
	free(plan->targets);
	hash_index_fini(&plan->listeners_by_place);
	hash_index_fini(&plan->targets_by_place);
	*plan = (struct plan){0};
}

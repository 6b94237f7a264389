/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void config_init(struct config *config)
{
	*config = (struct config){
		.drain_ms = 30000,
		.log_level = CONFIG_LOG_INFO,
		.log_format = CONFIG_LOG_LOGFMT,
		.log_rate = 1000,
		.metrics.series_max = 100000,
	};
}

void config_relay_init(struct config_relay *relay)
{
	*relay = (struct config_relay){
		.timeouts = {
			.connect_ms = 5000,
			.idle_ms = 3600 * 1000,
			/* Under the 60 s after which conntrack forgets a half-closed connection
			 * (nf_conntrack_tcp_timeout_close_wait). */
			.half_close_ms = 50000,
		},
		.tcp = {
			.nodelay = true,
			.keepalive_idle_s = 60,
			.keepalive_interval_s = 10,
			.keepalive_count = 3,
			.user_timeout_ms = 90000,
			/* bbr paces, and that halves the throughput of veth and loopback. */
			.congestion = "cubic",
			.backlog = 4096,
		},
		.mark = 0x4e1,
		.answer_mark = 0x4e2,
		.mark_mask = 0xfff,
		.accept = {.others = CONFIG_OTHERS_PLAIN, .timeout_ms = 5000},
		.sni = {.unmatched = CONFIG_UNMATCHED_DEFAULT, .timeout_ms = 5000},
		.lane = CONFIG_LANE_AUTO,
		.proxy_send = CONFIG_PROXY_OFF,
		.mirror = {.fraction = CONFIG_FRACTION_ALL},
		.limits = {
			.ipv6_prefix = 64, /* what one network is given; the rest its hosts choose at will */
			.sources = 16384,
			.queue_length = 1024,
			.queue_timeout_ms = 5000,
		},
	};
}

void config_backend_init(struct config_backend *backend)
{
	*backend = (struct config_backend){.weight = 1};
}

void config_health_init(struct config_health *health)
{
	*health = (struct config_health){
		.interval_ms = 2000,
		.fast_interval_ms = 500,
		.timeout_ms = 1000,
		.jitter = CONFIG_FRACTION_ALL / 10,
		.rise = 2,
		.fall = 3,
	};
}

void config_ejection_init(struct config_ejection *ejection)
{
	*ejection = (struct config_ejection){
		.failures = 5,
		.resets = 5,
		.time_ms = 10000,
		.time_max_ms = 300000,
		.share_max = CONFIG_FRACTION_ALL / 2,
	};
}

void config_pool_init(struct config_pool *pool)
{
	*pool = (struct config_pool){
		.balance = CONFIG_BALANCE_ROUND_ROBIN,
		.retries = CONFIG_RETRIES_MAX, /* each backend once */
		.queue = {.length = 128, .timeout_ms = 5000},
		.sticky = {.by = CONFIG_STICKY_OFF, .timeout_ms = 30 * 60 * 1000, .size = 65536},
	};
}

/* grow - room for one more element of @size bytes in an array of @count that doubles at powers of two */
static void *grow(void *array, size_t count, size_t size)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return array;
	return reallocarray(array, count ? count * 2 : 1, size);
}

struct config_pool *config_add_pool(struct config *config)
{
	struct config_pool *pools = grow(config->pools, config->pool_count, sizeof(*pools));
	if (!pools)
		return NULL;
	config->pools = pools;
	struct config_pool *pool = &pools[config->pool_count++];
	config_pool_init(pool);
	return pool;
}

struct config_relay *config_add_relay(struct config *config)
{
	struct config_relay *relays = grow(config->relays, config->relay_count, sizeof(*relays));
	if (!relays)
		return NULL;
	config->relays = relays;
	struct config_relay *relay = &relays[config->relay_count++];
	config_relay_init(relay);
	return relay;
}

int config_pool_add_backend(struct config_pool *pool, const struct endpoint *backend)
{
	struct config_backend *backends = grow(pool->backends, pool->backend_count, sizeof(*backends));
	if (!backends)
		return -ENOMEM;
	pool->backends = backends;
	struct config_backend *added = &backends[pool->backend_count++];
	config_backend_init(added);
	added->endpoint = *backend;
	return 0;
}

int config_relay_add_listener(struct config_relay *relay, const struct endpoint *listener)
{
	struct endpoint *listeners = grow(relay->listeners, relay->listener_count, sizeof(*listeners));
	if (!listeners)
		return -ENOMEM;
	relay->listeners = listeners;
	listeners[relay->listener_count++] = *listener;
	return 0;
}

int config_relay_add_sni(struct config_relay *relay, const struct config_sni_route *route)
{
	struct config_sni *sni = &relay->sni;
	struct config_sni_route *routes = grow(sni->routes, sni->count, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	sni->routes = routes;
	routes[sni->count++] = *route;
	return 0;
}

struct config_destination *config_relay_add_destination(struct config_relay *relay)
{
	struct config_destinations *destinations = &relay->destinations;
	struct config_destination *items = grow(destinations->items, destinations->count, sizeof(*items));
	if (!items)
		return NULL;
	destinations->items = items;
	struct config_destination *added = &items[destinations->count++];
	*added = (struct config_destination){0};
	return added;
}

size_t config_way_count(const struct config_relay *relay)
{
	return 1 + relay->destinations.count + relay->sni.count;
}

size_t config_way(const struct config_relay *relay, size_t index)
{
	const struct config_destinations *destinations = &relay->destinations;
	if (index > destinations->count)
		return relay->sni.routes[index - 1 - destinations->count].pool;
	bool own = index == 0 || destinations->items[index - 1].refuse;
	return own ? relay->pool : destinations->items[index - 1].pool;
}

int config_cidrs_add(struct config_cidrs *cidrs, const struct cidr *cidr)
{
	struct cidr *items = grow(cidrs->items, cidrs->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	cidrs->items = items;
	items[cidrs->count++] = *cidr;
	return 0;
}

int config_ports_add(struct config_ports *ports, const struct config_port_range *range)
{
	struct config_port_range *items = grow(ports->items, ports->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	ports->items = items;
	items[ports->count++] = *range;
	return 0;
}

int config_namespaces_add(struct config_namespaces *namespaces, const struct netns_ref *netns)
{
	struct netns_ref *items = grow(namespaces->items, namespaces->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	namespaces->items = items;
	items[namespaces->count++] = *netns;
	return 0;
}

int config_add_enrolled(struct config *config, const struct config_enrolled *enrolled)
{
	struct config_enrolled *items = grow(config->enrolled, config->enrolled_count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	config->enrolled = items;
	items[config->enrolled_count++] = *enrolled;
	return 0;
}

int config_add_watch(struct config *config, const struct config_watch *watch)
{
	struct config_watch *items = grow(config->watch, config->watch_count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	config->watch = items;
	items[config->watch_count++] = *watch;
	return 0;
}

bool config_has_policy(const struct config *config, const char *policy)
{
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		for (size_t j = 0; j < relay->listener_count; j++)
			if (config_is_everywhere(&relay->listeners[j]) && strcmp(relay->listeners[j].netns.text, policy) == 0)
				return true;
	}
	return false;
}

bool config_leads_to_original(const struct config_pool *pool)
{
	for (size_t i = 0; i < pool->backend_count; i++)
		if (config_is_original(&pool->backends[i].endpoint))
			return true;
	return false;
}

bool config_intercepts(const struct config *config)
{
	for (size_t i = 0; i < config->relay_count; i++)
		if (config->relays[i].intercept)
			return true;
	return false;
}

uint32_t config_mirror_sockets(const struct config *config)
{
	uint32_t most = 0;
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		uint32_t sockets = relay->mirror.direction == CONFIG_MIRROR_BOTH ? 2 : 1;
		if (config_relay_mirrors(relay) && sockets > most)
			most = sockets;
	}
	return most;
}

static int copy_cidrs(const struct config_cidrs *cidrs, struct config_cidrs *ret)
{
	int r = 0;
	*ret = (struct config_cidrs){0};
	for (size_t i = 0; r == 0 && i < cidrs->count; i++)
		r = config_cidrs_add(ret, &cidrs->items[i]);
	return r;
}

static int copy_ports(const struct config_ports *ports, struct config_ports *ret)
{
	int r = 0;
	*ret = (struct config_ports){0};
	for (size_t i = 0; r == 0 && i < ports->count; i++)
		r = config_ports_add(ret, &ports->items[i]);
	return r;
}

static bool copy_scope(const struct config_scope *scope, struct config_scope *ret)
{
	return copy_cidrs(&scope->only, &ret->only) == 0 && copy_cidrs(&scope->except, &ret->except) == 0 &&
	       copy_ports(&scope->only_ports, &ret->only_ports) == 0 &&
	       copy_ports(&scope->except_ports, &ret->except_ports) == 0;
}

static int copy_destinations(const struct config_relay *relay, struct config_relay *copy)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < relay->destinations.count; i++) {
		const struct config_destination *destination = &relay->destinations.items[i];
		struct config_destination *added = config_relay_add_destination(copy);
		if (!added)
			return -ENOMEM;
		added->refuse = destination->refuse;
		added->pool = destination->pool;
		r = copy_cidrs(&destination->networks, &added->networks);
		if (r == 0)
			r = copy_ports(&destination->ports, &added->ports);
	}
	return r;
}

static int copy_namespaces(const struct config_namespaces *namespaces, struct config_namespaces *ret)
{
	int r = 0;
	*ret = (struct config_namespaces){0};
	for (size_t i = 0; r == 0 && i < namespaces->count; i++)
		r = config_namespaces_add(ret, &namespaces->items[i]);
	return r;
}

/* disown - forget what is the original's */
static void disown(struct config_relay *copy)
{
	copy->listeners = NULL;
	copy->listener_count = 0;
	copy->destinations = (struct config_destinations){0};
	copy->sni.routes = NULL;
	copy->sni.count = 0;
	copy->mirror.from = copy->accept.from = (struct config_cidrs){0};
	copy->access = (struct config_access){0};
	copy->scope = (struct config_scope){0};
}

static int copy_relay(const struct config_relay *relay, struct config_relay *copy)
{
	int r = 0;
	*copy = *relay;
	disown(copy);
	for (size_t i = 0; r == 0 && i < relay->listener_count; i++)
		r = config_relay_add_listener(copy, &relay->listeners[i]);
	for (size_t i = 0; r == 0 && i < relay->sni.count; i++)
		r = config_relay_add_sni(copy, &relay->sni.routes[i]);
	if (r == 0)
		r = copy_destinations(relay, copy);
	bool whole = r == 0 && copy_scope(&relay->scope, &copy->scope) && copy_cidrs(&relay->mirror.from, &copy->mirror.from) == 0 &&
	             copy_cidrs(&relay->accept.from, &copy->accept.from) == 0 &&
	             copy_cidrs(&relay->access.allow, &copy->access.allow) == 0 &&
	             copy_cidrs(&relay->access.deny, &copy->access.deny) == 0 &&
	             copy_namespaces(&relay->access.allow_namespaces, &copy->access.allow_namespaces) == 0 &&
	             copy_namespaces(&relay->access.deny_namespaces, &copy->access.deny_namespaces) == 0;
	return whole ? 0 : -ENOMEM;
}

static int copy_pool(const struct config_pool *pool, struct config_pool *copy)
{
	*copy = *pool;
	copy->backends = NULL;
	copy->backend_count = 0;
	for (size_t i = 0; i < pool->backend_count; i++) {
		if (config_pool_add_backend(copy, &pool->backends[i].endpoint) < 0)
			return -ENOMEM;
		copy->backends[i] = pool->backends[i];
	}
	return 0;
}

int config_copy(const struct config *config, struct config *ret)
{
	struct config copy = *config;
	int r = 0;
	copy.relays = NULL;
	copy.pools = NULL;
	copy.enrolled = NULL;
	copy.watch = NULL;
	copy.relay_count = copy.pool_count = copy.enrolled_count = copy.watch_count = 0;
	for (size_t i = 0; r == 0 && i < config->watch_count; i++)
		r = config_add_watch(&copy, &config->watch[i]);
	for (size_t i = 0; r == 0 && i < config->enrolled_count; i++)
		r = config_add_enrolled(&copy, &config->enrolled[i]);
	for (size_t i = 0; r == 0 && i < config->pool_count; i++) {
		struct config_pool *pool = config_add_pool(&copy);
		r = pool ? copy_pool(&config->pools[i], pool) : -ENOMEM;
	}
	for (size_t i = 0; r == 0 && i < config->relay_count; i++) {
		struct config_relay *relay = config_add_relay(&copy);
		r = relay ? copy_relay(&config->relays[i], relay) : -ENOMEM;
	}
	if (r < 0)
		config_fini(&copy);
	else
		*ret = copy;
	return r;
}

static void destinations_fini(struct config_destinations *destinations)
{
	for (size_t i = 0; i < destinations->count; i++) {
		free(destinations->items[i].networks.items);
		free(destinations->items[i].ports.items);
	}
	free(destinations->items);
}

static void relay_fini(struct config_relay *relay)
{
	destinations_fini(&relay->destinations);
	free(relay->listeners);
	free(relay->sni.routes);
	free(relay->mirror.from.items);
	free(relay->accept.from.items);
	free(relay->access.allow.items);
	free(relay->access.deny.items);
	free(relay->access.allow_namespaces.items);
	free(relay->access.deny_namespaces.items);
	free(relay->scope.only.items);
	free(relay->scope.except.items);
	free(relay->scope.only_ports.items);
	free(relay->scope.except_ports.items);
}

/* close_gap - in an array of @count elements of @size bytes, where the one at @index has gone */
static void close_gap(void *array, size_t count, size_t index, size_t size)
{
	char *gap = (char *)array + index * size;
	memmove(gap, gap + size, (count - index - 1) * size);
}

void config_drop_relay(struct config *config, size_t index)
{
	relay_fini(&config->relays[index]);
	close_gap(config->relays, config->relay_count--, index, sizeof(*config->relays));
}

void config_drop_pool(struct config *config, size_t index)
{
	free(config->pools[index].backends);
	close_gap(config->pools, config->pool_count--, index, sizeof(*config->pools));
	for (size_t i = 0; i < config->relay_count; i++) {
		struct config_relay *relay = &config->relays[i];
		relay->pool -= relay->pool > index;
		for (size_t j = 0; j < relay->destinations.count; j++)
			relay->destinations.items[j].pool -= relay->destinations.items[j].pool > index;
		for (size_t j = 0; j < relay->sni.count; j++)
			relay->sni.routes[j].pool -= relay->sni.routes[j].pool > index;
	}
}

void config_pool_drop_backend(struct config_pool *pool, size_t index)
{
	close_gap(pool->backends, pool->backend_count--, index, sizeof(*pool->backends));
}

void config_relay_drop_listener(struct config_relay *relay, size_t index)
{
	close_gap(relay->listeners, relay->listener_count--, index, sizeof(*relay->listeners));
}

void config_fini(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->relay_count; i++)
		relay_fini(&config->relays[i]);
	for (size_t i = 0; i < config->pool_count; i++)
		free(config->pools[i].backends);
	free(config->relays);
	free(config->pools);
	free(config->enrolled);
	free(config->watch);
	config->relays = NULL;
	config->pools = NULL;
	config->enrolled = NULL;
	config->watch = NULL;
	config->relay_count = config->pool_count = config->enrolled_count = config->watch_count = 0;
}

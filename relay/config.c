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

int config_cidrs_add(struct config_cidrs *cidrs, const struct cidr *cidr)
{
	struct cidr *items = grow(cidrs->items, cidrs->count, sizeof(*items));
	if (!items)
		return -ENOMEM;
	cidrs->items = items;
	items[cidrs->count++] = *cidr;
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

static void relay_fini(struct config_relay *relay)
{
	free(relay->listeners);
	free(relay->sni.routes);
	free(relay->mirror.from.items);
	free(relay->accept.from.items);
	free(relay->access.allow.items);
	free(relay->access.deny.items);
	free(relay->access.allow_namespaces.items);
	free(relay->access.deny_namespaces.items);
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
	config->relays = NULL;
	config->pools = NULL;
	config->relay_count = config->pool_count = 0;
}

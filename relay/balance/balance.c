/* SPDX-License-Identifier: Apache-2.0 */
/* What the choices work on, built once from the configuration. */
#include "relay/balance/balance.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "relay/balance/hash.h"
#include "relay/balance/maglev.h"
#include "relay/succession.h"

/* A price of 24 bits times a chance of 39 leaves one bit for a backup; rank() in choice.c. */
static const uint32_t PRICE_OF_WEIGHT_1 = (1 << 24) - 1;

static bool is_limited(const struct config_pool *config)
{
	for (size_t i = 0; i < config->backend_count; i++)
		if (config->backends[i].max_connections)
			return true;
	return false;
}

static bool counts_connections(const struct config_pool *config)
{
	return config->balance == CONFIG_BALANCE_LEAST_CONNECTIONS || config->balance == CONFIG_BALANCE_TWO_CHOICES ||
	       is_limited(config);
}

static bool has_queue(const struct config_pool *config)
{
	return is_limited(config) && config->queue.length > 0;
}

static uint32_t greatest_common_divisor(uint32_t a, uint32_t b)
{
	while (b != 0) {
		uint32_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

/* divisor_of - of all weights; 0 when there is none */
static uint32_t divisor_of(const struct config_pool *config)
{
	uint32_t divisor = 0;
	for (size_t i = 0; i < config->backend_count; i++)
		if (!config->backends[i].backup)
			divisor = greatest_common_divisor(divisor, config->backends[i].weight);
	return divisor;
}

/* shares_of - how many positions backend @index has */
static uint32_t shares_of(const struct config_pool *config, size_t index, uint32_t divisor)
{
	if (config->backends[index].backup)
		return 0;
	CHECK(divisor > 0); /* no weight is 0 */
	return config->backends[index].weight / divisor;
}

static void set_backends(struct balance_pool *pool, const struct config_pool *config)
{
	uint32_t divisor = divisor_of(config), end = 0;
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *backend = &config->backends[i];
		end += shares_of(config, i, divisor);
		pool->backends[i] = (struct balance_backend){
			.end = end,
			.price = PRICE_OF_WEIGHT_1 / backend->weight,
			.most = backend->max_connections ? backend->max_connections : UINT32_MAX,
			.backup = backend->backup,
		};
	}
	pool->positions = end;
}

/* find_stride - one backend a turn when all have the same share, else near the golden section */
static uint32_t find_stride(uint32_t positions, bool even)
{
	uint32_t stride = even ? 1 : (uint32_t)((double)positions * 0.6180339887498949) + 1;
	while (greatest_common_divisor(stride, positions) != 1)
		stride++;
	return stride % positions; /* of a single position: 0 */
}

static bool is_even(const struct config_pool *config)
{
	uint32_t divisor = divisor_of(config);
	for (size_t i = 0; i < config->backend_count; i++)
		if (shares_of(config, i, divisor) > 1)
			return false;
	return true;
}

static uint64_t hash_endpoint(const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	endpoint_format(endpoint, text, sizeof(text));
	return hash_bytes(text, strlen(text));
}

static int build_table(struct balance_pool *pool, const struct config_pool *config)
{
	struct maglev_backend *backends = calloc(pool->count, sizeof(*backends));
	pool->table = calloc(MAGLEV_SIZE, sizeof(*pool->table));
	int rc = -ENOMEM;
	if (backends && pool->table) {
		for (size_t i = 0; i < pool->count; i++) {
			const struct config_backend *backend = &config->backends[i];
			backends[i].hash = hash_endpoint(&backend->endpoint);
			backends[i].weight = backend->backup ? 0 : backend->weight;
		}
		rc = maglev_fill(pool->table, backends, pool->count);
	}
	free(backends);
	return rc;
}

/* set_standing - as the operator wants it; checks and connections will say more */
static void set_standing(struct balance_pool *pool, const struct config_pool *config)
{
	for (uint32_t i = 0; i < pool->count; i++) {
		if (config->backends[i].state == CONFIG_STATE_DRAIN)
			standing_set(pool->standing, i, STANDING_DRAIN);
		else if (config->backends[i].state == CONFIG_STATE_MAINTENANCE)
			standing_set(pool->standing, i, STANDING_MAINTENANCE);
	}
}

/* build_limits - what it takes that backends have a most of connections */
static int build_limits(struct balance_pool *pool, const struct config_pool *config)
{
	pool->limited = is_limited(config);
	if (pool->limited)
		standing_hinder(pool->standing);
	if (counts_connections(config)) {
		pool->active = calloc(pool->count, sizeof(*pool->active));
		if (!pool->active)
			return -ENOMEM;
	}
	if (has_queue(config)) {
		pool->waiting = waiting_new(config->queue.length);
		if (!pool->waiting)
			return -ENOMEM;
	}
	return 0;
}

static int build_pool(struct balance_pool *pool, const struct config_pool *config)
{
	pool->policy = config->balance;
	pool->count = (uint32_t)config->backend_count;
	pool->backends = calloc(pool->count + 1, sizeof(*pool->backends));
	pool->standing = standing_new(pool->count, config->slow_start_ms);
	if (!pool->backends || !pool->standing)
		return -ENOMEM;
	set_backends(pool, config);
	set_standing(pool, config);
	if (config->sticky.by != CONFIG_STICKY_OFF) {
		pool->sticky = sticky_new(config->sticky.size, config->sticky.timeout_ms);
		if (!pool->sticky)
			return -ENOMEM;
	}
	if (pool->positions == 0) /* nothing to choose from */
		return 0;
	pool->stride = find_stride(pool->positions, is_even(config));
	if (build_limits(pool, config) < 0)
		return -ENOMEM;
	return pool->policy == CONFIG_BALANCE_SOURCE_HASH ? build_table(pool, config) : 0;
}

int balance_init(struct balance *balance, const struct config *config)
{
	*balance = (struct balance){.pools = calloc(config->pool_count + 1, sizeof(*balance->pools))};
	if (!balance->pools)
		return -ENOMEM;
	for (; balance->pool_count < config->pool_count; balance->pool_count++) {
		struct balance_pool *pool = &balance->pools[balance->pool_count];
		if (build_pool(pool, &config->pools[balance->pool_count]) < 0) {
			balance->pool_count++;
			balance_fini(balance);
			return -ENOMEM;
		}
	}
	return 0;
}

void balance_fini(struct balance *balance)
{
	if (!balance)
		return;
	for (size_t i = 0; i < balance->pool_count; i++) {
		free(balance->pools[i].backends);
		free(balance->pools[i].standing);
		free(balance->pools[i].active);
		free(balance->pools[i].waiting);
		free(balance->pools[i].sticky);
		free(balance->pools[i].table);
	}
	free(balance->pools);
	*balance = (struct balance){0};
}

/* ---- one configuration after the other ---- */

/* carried_reasons - an operator's word goes on until the file says something else; a verdict, while somebody asks for one */
static unsigned carried_reasons(const struct config_pool *after, const struct config_backend *was,
				const struct config_backend *is)
{
	unsigned reasons = 0;
	if (was->state == is->state)
		reasons |= STANDING_DRAIN | STANDING_MAINTENANCE;
	if (after->health.interval_ms && !is->leftover)
		reasons |= STANDING_DOWN;
	if ((after->ejection.failures || after->ejection.resets) && !after->leftover)
		reasons |= STANDING_EJECTED;
	return reasons;
}

static void inherit_pool(struct balance_pool *heir, const struct balance_pool *old, const struct config_pool *before,
			 const struct config_pool *after, const uint32_t *backends)
{
	for (uint32_t i = 0; i < old->count; i++) {
		if (backends[i] == SUCCESSION_NONE)
			continue;
		unsigned reasons = carried_reasons(after, &before->backends[i], &after->backends[backends[i]]);
		standing_inherit(heir->standing, backends[i], old->standing, i, reasons);
	}
	_Static_assert((uint32_t)SUCCESSION_NONE == (uint32_t)STICKY_NONE, "one map for both");
	if (heir->sticky && old->sticky)
		sticky_inherit(heir->sticky, old->sticky, backends);
}

void balance_inherit(struct balance *heir, const struct balance *old, const struct config *before,
		     const struct config *after, const struct succession *map)
{
	for (size_t i = 0; i < old->pool_count; i++) {
		uint32_t pool = map->pools[i];
		if (pool != SUCCESSION_NONE)
			inherit_pool(&heir->pools[pool], &old->pools[i], &before->pools[i], &after->pools[pool],
				     map->backends[i]);
	}
}

bool balance_count(const struct balance_pool *pool, uint32_t backend)
{
	if (pool->active)
		atomic_fetch_add_explicit(&pool->active[backend], 1, memory_order_relaxed);
	return pool->active;
}

static size_t pool_memory(const struct config_pool *config)
{
	size_t size = sizeof(struct balance_pool) + config->backend_count * sizeof(struct balance_backend);
	size += standing_memory(config->backend_count);
	if (config->sticky.by != CONFIG_STICKY_OFF)
		size += sticky_memory(config->sticky.size);
	if (has_queue(config))
		size += sizeof(struct waiting);
	if (counts_connections(config))
		size += config->backend_count * sizeof(_Atomic uint32_t);
	if (config->balance == CONFIG_BALANCE_SOURCE_HASH)
		size += MAGLEV_SIZE * sizeof(uint16_t);
	return size;
}

size_t balance_memory(const struct config *config)
{
	size_t size = 0;
	for (size_t i = 0; i < config->pool_count; i++)
		size += pool_memory(&config->pools[i]);
	return size;
}

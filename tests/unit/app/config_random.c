/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/app/config_random.h"

#include <stdio.h>
#include <string.h>

#include "app/nsrelay/setting.h"
#include "tests/unit/unit.h"

static uint32_t state;

/* below - a number from 0 to @count - 1 */
static uint32_t below(uint32_t count)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)(state >> 4) * count) >> 28);
}

static uint32_t between(uint32_t min, uint32_t max)
{
	uint32_t span = max - min + 1;
	/* Often at the low end; of all that there are, no last one. */
	return min + below(span == 0 ? UINT32_MAX : below(2) || span <= 4 ? span : 4);
}

static void random_text(char *ret, uint32_t length, const char *const *characters, uint32_t count)
{
	*ret = '\0';
	while (strlen(ret) < length) {
		const char *c = characters[below(count)];
		if (strlen(ret) + strlen(c) > length)
			return;
		strcat(ret, c);
	}
}

static void random_name(const struct value_type *type, char *ret)
{
	static const char *const characters[] = {"a", "N", "0", "7", "-", "_", ".", "e"};
	if (below(8) == 0 && type->max >= 4)
		strcpy(ret, "null");
	else
		random_text(ret, between(type->min, type->max), characters, ARRAY_COUNT(characters));
}

/* random_path - whatever a name of a file may hold, in UTF-8 */
static void random_path(char *ret, uint32_t max)
{
	static const char *const characters[] = {"a", "/", " ", "'", "\"", "\\", ":", "#", "\n", "\t", "\x01",
	                                         "\x7f", "-", "{", "&", "*", "%", "\u00e4", "\xc2\x85", "\u2028",
	                                         "\ufeff", "\U0001f600"};
	*ret = '\0';
	if (max == 0 || below(4) == 0)
		return;
	strcpy(ret, "/");
	random_text(ret + 1, below(max), characters, ARRAY_COUNT(characters));
}

static void random_octets(struct octets *ret)
{
	*ret = (struct octets){.size = (uint16_t)below(OCTETS_MAX + 1)};
	for (size_t i = 0; i < ret->size; i++)
		ret->data[i] = (uint8_t)below(256);
}

void config_random_value(const struct value_type *type, void *ret)
{
	uint32_t number, count = 0;
	uint64_t bandwidth;
	switch (type->kind) {
	case VALUE_BOOL:
		*(bool *)ret = below(2);
		return;
	case VALUE_BANDWIDTH:
		bandwidth = below(2) ? 0 : between(type->min, 1 << 20) * 1024ull + below(3);
		memcpy(ret, &bandwidth, sizeof(bandwidth));
		return;
	case VALUE_NAME:
		random_name(type, ret);
		return;
	case VALUE_PATH:
		random_path(ret, type->max);
		return;
	case VALUE_ADDRESS:
		snprintf(ret, type->max + 1, below(2) ? "127.0.0.1:%u" : "[::1]:%u", 1 + below(65535));
		return;
	case VALUE_OCTETS:
		random_octets(ret);
		return;
	case VALUE_CHOICE:
		while (type->choices[count])
			count++;
		number = below(count);
		break;
	case VALUE_COUNT:
	case VALUE_MS:
	case VALUE_SECONDS:
	case VALUE_RATE:
	case VALUE_PERCENT:
	default:
		number = between(type->min, type->max);
		break;
	}
	memcpy(ret, &number, sizeof(number));
}

/* random_settings - about half of them keep their default */
static void random_settings(const struct setting_map *map, void *owner)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (setting->map)
			random_settings(setting->map, owner);
		else if (below(2))
			config_random_value(&setting->type, (char *)owner + setting->offset);
	}
}

static struct endpoint parse_endpoint(const char *text)
{
	struct endpoint endpoint;
	struct err err = ERR_INIT;
	if (endpoint_parse(text, &endpoint, &err) < 0)
		fail_msg("%s", err.text);
	return endpoint;
}

/* random_endpoint - each with a port of its own, so that none overlaps another */
static struct endpoint random_endpoint(uint32_t *port)
{
	static const char *const formats[] = {"web/127.0.0.1:%u",        "host/0.0.0.0:%u",
	                                      "pid:42/[::1]:%u",         "path:/run/a b'c/10.0.0.1:%u",
	                                      "null/10.0.0.1:%u",        "path:/run/\"\u00fc\x02/[fd00::1]:%u",
	                                      "unix:/run/s: %u # x.sock"};
	char text[ENDPOINT_TEXT_MAX];
	_Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wformat-nonliteral\"")
	snprintf(text, sizeof(text), formats[below(ARRAY_COUNT(formats))], (*port)++);
	_Pragma("GCC diagnostic pop")
	return parse_endpoint(text);
}

static void random_cidrs(struct config_cidrs *cidrs)
{
	static const char *const texts[] = {"10.0.0.0/8", "::/0", "192.0.2.1", "fd00::/64", "0.0.0.0/0"};
	for (uint32_t i = below(3); i > 0; i--) {
		struct cidr cidr;
		assert_int_equal(cidr_parse(texts[below(ARRAY_COUNT(texts))], &cidr, NULL), 0);
		assert_int_equal(config_cidrs_add(cidrs, &cidr), 0);
	}
}

/* lead_to_original - it stands alone, and is not checked */
static void lead_to_original(struct config_pool *pool)
{
	pool->backend_count = 1;
	pool->backends[0].endpoint = (struct endpoint){0};
	pool->health = (struct config_health){0};
	pool->ejection = (struct config_ejection){0};
}

static void random_pool(struct config *config, uint32_t *port)
{
	struct config_pool *pool = config_add_pool(config);
	assert_non_null(pool);
	snprintf(pool->name, sizeof(pool->name), "%s%zu", below(2) ? "pool" : "-.", config->pool_count);
	if (config->pool_count == 1)
		strcpy(pool->name, "null");
	random_settings(&setting_pool, pool);
	if (below(2)) {
		config_health_init(&pool->health);
		random_settings(&setting_health, pool);
	}
	if (below(2)) {
		config_ejection_init(&pool->ejection);
		random_settings(&setting_ejection, pool);
	}
	for (uint32_t i = below(4) + 1; i > 0; i--) {
		struct endpoint endpoint = random_endpoint(port);
		assert_int_equal(config_pool_add_backend(pool, &endpoint), 0);
		struct config_backend *backend = &pool->backends[pool->backend_count - 1];
		random_settings(&setting_backend, backend);
		backend->backup &= pool->backend_count > 1 && pool->retries > 4; /* one that is tried */
	}
	pool->backends[0].backup = false;
	if (config->pool_count > 1 && below(4) == 0)
		lead_to_original(pool);
}

static void random_routes(struct config *config, struct config_relay *relay)
{
	static const char *const names[] = {"example.com", "*.example.com", "a.b.c"};
	if (below(2))
		return;
	random_settings(&setting_sni, relay);
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct config_sni_route route = {.pool = below((uint32_t)config->pool_count)};
		assert_int_equal(sni_parse(names[i], route.name, NULL), 0);
		assert_int_equal(config_relay_add_sni(relay, &route), 0);
	}
}

static void random_ports(struct config_ports *ports)
{
	for (uint32_t i = below(3); i > 0; i--) {
		uint16_t first = (uint16_t)between(1, 65000);
		struct config_port_range range = {first, (uint16_t)(first + below(2) * below(500))};
		assert_int_equal(config_ports_add(ports, &range), 0);
	}
}

static void random_destinations(const struct config *config, struct config_relay *relay)
{
	const struct config_port_range smtp = {25, 25};
	for (uint32_t i = relay->intercept ? below(4) : 0; i > 0; i--) {
		struct config_destination *destination = config_relay_add_destination(relay);
		assert_non_null(destination);
		random_cidrs(&destination->networks);
		random_ports(&destination->ports);
		if (destination->networks.count + destination->ports.count == 0)
			assert_int_equal(config_ports_add(&destination->ports, &smtp), 0);
		random_settings(&setting_destination, destination);
		destination->pool = destination->refuse ? 0 : below((uint32_t)config->pool_count);
	}
}

static void random_mirror(struct config_relay *relay, uint32_t *port)
{
	if (below(2))
		return;
	relay->mirror.to = random_endpoint(port);
	random_settings(&setting_mirror, &relay->mirror);
	random_cidrs(&relay->mirror.from);
}

/* repair_limits - a burst wants a rate */
static void repair_limits(struct config_limit *limit)
{
	if (limit->burst && !limit->rate)
		limit->rate = 1;
}

static bool listens_on_unix(const struct config_relay *relay)
{
	for (size_t i = 0; i < relay->listener_count; i++)
		if (relay->listeners[i].addr.family == AF_UNIX)
			return true;
	return false;
}

/* repair_pool - a relay that intercepts nothing leads to endpoints: the first pool has some */
static void repair_pool(const struct config *config, size_t *pool)
{
	if (config_leads_to_original(&config->pools[*pool]))
		*pool = 0;
}

/* repair_interception - unix sockets are not intercepted */
static void repair_interception(const struct config *config, struct config_relay *relay)
{
	if (listens_on_unix(relay))
		relay->intercept = CONFIG_INTERCEPT_OFF;
	random_cidrs(&relay->scope.only);
	random_cidrs(&relay->scope.except);
	random_ports(&relay->scope.only_ports);
	random_ports(&relay->scope.except_ports);
	relay->steer = CONFIG_STEER_NONE; /* which asks more of its listeners than can be left to chance */
	if (relay->intercept)
		return;
	repair_pool(config, &relay->pool);
	for (size_t i = 0; i < relay->sni.count; i++)
		repair_pool(config, &relay->sni.routes[i].pool);
}

static void random_relay(struct config *config, uint32_t *port)
{
	struct config_relay *relay = config_add_relay(config);
	assert_non_null(relay);
	snprintf(relay->name, sizeof(relay->name), "%s%zu", below(2) ? "r" : "-", config->relay_count);
	relay->pool = below((uint32_t)config->pool_count);
	random_settings(&setting_relay, relay);
	repair_limits(&relay->limits.relay);
	repair_limits(&relay->limits.netns);
	repair_limits(&relay->limits.source);
	for (uint32_t i = below(3) + 1; i > 0; i--) {
		struct endpoint endpoint = random_endpoint(port);
		assert_int_equal(config_relay_add_listener(relay, &endpoint), 0);
	}
	random_cidrs(&relay->accept.from);
	relay->accept.from_unix = below(2);
	if (!config_relay_accepts_proxy(relay))
		relay->accept.others = CONFIG_OTHERS_PLAIN;
	random_routes(config, relay);
	repair_interception(config, relay);
	random_destinations(config, relay);
	random_mirror(relay, port);
	random_cidrs(&relay->access.allow);
	random_cidrs(&relay->access.deny);
	if (below(2))
		assert_int_equal(config_namespaces_add(&relay->access.allow_namespaces, &relay->listeners[0].netns), 0);
	if (below(2))
		assert_int_equal(config_namespaces_add(&relay->access.deny_namespaces, &relay->listeners[0].netns), 0);
}

struct config config_random(uint32_t seed)
{
	struct config config;
	uint32_t port = 1000;
	state = seed * 2654435761u + 1;
	config_init(&config);
	random_settings(&setting_daemon, &config);
	for (uint32_t i = below(4) + 1; i > 0; i--)
		random_pool(&config, &port);
	for (uint32_t i = below(3) + 1; i > 0; i--)
		random_relay(&config, &port);
	return config;
}

/* ---- comparison ---- */

static void assert_same_value(const struct setting *setting, const char *a, const char *b)
{
	const struct octets *x = (const void *)a, *y = (const void *)b;
	switch (setting->type.kind) {
	case VALUE_BOOL:
		assert_int_equal(*a, *b);
		return;
	case VALUE_BANDWIDTH:
		assert_memory_equal(a, b, sizeof(uint64_t));
		return;
	case VALUE_NAME:
	case VALUE_PATH:
	case VALUE_ADDRESS:
		assert_string_equal(a, b);
		return;
	case VALUE_OCTETS:
		assert_int_equal(x->size, y->size);
		assert_memory_equal(x->data, y->data, x->size);
		return;
	case VALUE_CHOICE:
	case VALUE_COUNT:
	case VALUE_MS:
	case VALUE_SECONDS:
	case VALUE_RATE:
	case VALUE_PERCENT:
	default:
		assert_memory_equal(a, b, sizeof(uint32_t));
		return;
	}
}

static void assert_same_settings(const struct setting_map *map, const void *a, const void *b)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct setting *setting = &map->settings[i];
		if (setting->map)
			assert_same_settings(setting->map, a, b);
		else
			assert_same_value(setting, (const char *)a + setting->offset, (const char *)b + setting->offset);
	}
}

static void assert_same_ports(const struct config_ports *a, const struct config_ports *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->items[i].first, b->items[i].first);
		assert_int_equal(a->items[i].last, b->items[i].last);
	}
}

static void assert_same_cidrs(const struct config_cidrs *a, const struct config_cidrs *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_int_equal(a->items[i].prefix, b->items[i].prefix);
		assert_int_equal(a->items[i].first.version, b->items[i].first.version);
		assert_memory_equal(a->items[i].first.bytes, b->items[i].first.bytes, sizeof(a->items[i].first.bytes));
	}
}

static void assert_same_namespaces(const struct config_namespaces *a, const struct config_namespaces *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++)
		assert_true(netns_ref_equal(&a->items[i], &b->items[i]));
}

static void assert_same_pool(const struct config_pool *a, const struct config_pool *b)
{
	assert_string_equal(a->name, b->name);
	assert_same_settings(&setting_pool, a, b);
	assert_same_settings(&setting_health, a, b);
	assert_same_settings(&setting_ejection, a, b);
	assert_int_equal(a->backend_count, b->backend_count);
	for (size_t i = 0; i < a->backend_count; i++) {
		assert_true(endpoint_equal(&a->backends[i].endpoint, &b->backends[i].endpoint));
		assert_same_settings(&setting_backend, &a->backends[i], &b->backends[i]);
	}
}

static void assert_same_sni(const struct config_relay *a, const struct config_relay *b)
{
	assert_int_equal(a->sni.count, b->sni.count);
	assert_same_settings(&setting_sni, a, b);
	for (size_t i = 0; i < a->sni.count; i++) {
		assert_string_equal(a->sni.routes[i].name, b->sni.routes[i].name);
		assert_int_equal(a->sni.routes[i].pool, b->sni.routes[i].pool);
	}
}

static void assert_same_destinations(const struct config_destinations *a, const struct config_destinations *b)
{
	assert_int_equal(a->count, b->count);
	for (size_t i = 0; i < a->count; i++) {
		assert_same_cidrs(&a->items[i].networks, &b->items[i].networks);
		assert_same_ports(&a->items[i].ports, &b->items[i].ports);
		assert_same_settings(&setting_destination, &a->items[i], &b->items[i]);
		assert_int_equal(a->items[i].pool, b->items[i].pool);
	}
}

static void assert_same_mirror(const struct config_relay *a, const struct config_relay *b)
{
	assert_int_equal(config_relay_mirrors(a), config_relay_mirrors(b));
	if (config_relay_mirrors(a))
		assert_true(endpoint_equal(&a->mirror.to, &b->mirror.to));
	assert_same_settings(&setting_mirror, &a->mirror, &b->mirror);
	assert_same_cidrs(&a->mirror.from, &b->mirror.from);
}

static void assert_same_relay(const struct config_relay *a, const struct config_relay *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->pool, b->pool);
	assert_same_settings(&setting_relay, a, b);
	assert_int_equal(a->listener_count, b->listener_count);
	for (size_t i = 0; i < a->listener_count; i++)
		assert_true(endpoint_equal(&a->listeners[i], &b->listeners[i]));
	assert_int_equal(a->accept.from_unix, b->accept.from_unix);
	assert_same_cidrs(&a->scope.only, &b->scope.only);
	assert_same_cidrs(&a->scope.except, &b->scope.except);
	assert_same_ports(&a->scope.only_ports, &b->scope.only_ports);
	assert_same_ports(&a->scope.except_ports, &b->scope.except_ports);
	assert_same_cidrs(&a->accept.from, &b->accept.from);
	assert_same_destinations(&a->destinations, &b->destinations);
	assert_same_sni(a, b);
	assert_same_mirror(a, b);
	assert_same_cidrs(&a->access.allow, &b->access.allow);
	assert_same_cidrs(&a->access.deny, &b->access.deny);
	assert_same_namespaces(&a->access.allow_namespaces, &b->access.allow_namespaces);
	assert_same_namespaces(&a->access.deny_namespaces, &b->access.deny_namespaces);
}

void config_assert_same(const struct config *a, const struct config *b)
{
	assert_same_settings(&setting_daemon, a, b);
	assert_int_equal(a->pool_count, b->pool_count);
	assert_int_equal(a->relay_count, b->relay_count);
	for (size_t i = 0; i < a->pool_count; i++)
		assert_same_pool(&a->pools[i], &b->pools[i]);
	for (size_t i = 0; i < a->relay_count; i++)
		assert_same_relay(&a->relays[i], &b->relays[i]);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/config_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "app/nsrelay/setting.h"

struct checker {
	const struct config *config;
	config_complaint_fn *complain;
	void *context;
};

static void __attribute__((format(printf, 4, 5)))
complain(const struct checker *checker, enum config_part part, size_t index, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX];
	va_list args;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	checker->complain(checker->context, part, index, text);
}

/* within - complain about the first part beyond @max */
static bool within(const struct checker *checker, enum config_part part, size_t count, size_t max,
		   const char *what)
{
	if (count > max)
		complain(checker, part, max, "there are %zu %s; expected at most %zu", count, what, max);
	return count <= max;
}

static bool check_limits(const struct checker *checker)
{
	const struct config *config = checker->config;
	size_t listener_count = 0, backend_count = 0;
	for (size_t i = 0; i < config->relay_count; i++)
		listener_count += config->relays[i].listener_count;
	for (size_t i = 0; i < config->pool_count; i++)
		backend_count += config->pools[i].backend_count;
	return within(checker, CONFIG_PART_RELAY, config->relay_count, CONFIG_RELAYS_MAX, "relays") &&
	       within(checker, CONFIG_PART_LISTENER, listener_count, CONFIG_LISTENERS_MAX, "listeners") &&
	       within(checker, CONFIG_PART_BACKEND, backend_count, CONFIG_BACKENDS_MAX, "backends");
}

static void check_names(const struct checker *checker)
{
	const struct config_relay *relays = checker->config->relays;
	for (size_t i = 0; i < checker->config->relay_count; i++) {
		for (size_t j = 0; j < i && relays[i].name[0]; j++) {
			if (strcmp(relays[i].name, relays[j].name) != 0)
				continue;
			complain(checker, CONFIG_PART_RELAY, i,
				 "there is a relay '%s' already; expected another name", relays[i].name);
			break;
		}
	}
}

/* overlap - would the kernel have to choose between the two? */
static bool overlap(const struct endpoint *a, const struct endpoint *b)
{
	return endpoint_equal(a, b) || endpoint_would_reach(a, b) || endpoint_would_reach(b, a);
}

/* find_overlap - a listener that overlaps @listener and comes before it; ret_relay: whose it is */
static const struct endpoint *find_overlap(const struct config *config, const struct endpoint *listener,
					   const struct config_relay **ret_relay)
{
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		for (size_t j = 0; j < relay->listener_count; j++) {
			if (&relay->listeners[j] == listener)
				return NULL;
			*ret_relay = relay;
			if (overlap(&relay->listeners[j], listener))
				return &relay->listeners[j];
		}
	}
	return NULL;
}

static void check_listener(const struct checker *checker, const struct endpoint *listener, size_t index)
{
	char text[ENDPOINT_TEXT_MAX], other_text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay;
	const struct endpoint *other = find_overlap(checker->config, listener, &relay);
	if (!other)
		return;
	endpoint_format(listener, text, sizeof(text));
	endpoint_format(other, other_text, sizeof(other_text));
	if (endpoint_equal(listener, other))
		complain(checker, CONFIG_PART_LISTENER, index,
			 "%s is listened on twice, relay '%s' has it already; expected one listener", text,
			 relay->name);
	else
		complain(checker, CONFIG_PART_LISTENER, index,
			 "%s overlaps %s of relay '%s'; expected another address or port", text, other_text,
			 relay->name);
}

static void check_listeners(const struct checker *checker)
{
	size_t index = 0;
	for (size_t i = 0; i < checker->config->relay_count; i++)
		for (size_t j = 0; j < checker->config->relays[i].listener_count; j++)
			check_listener(checker, &checker->config->relays[i].listeners[j], index++);
}

/* ---- '@POLICY/...' ---- */

/* first_backend - the index, over all pools, of the first backend of the pool at @pool */
static size_t first_backend(const struct config *config, size_t pool)
{
	size_t index = 0;
	for (size_t i = 0; i < pool; i++)
		index += config->pools[i].backend_count;
	return index;
}

static bool is_name(const char *policy)
{
	char name[CONFIG_NAME_MAX];
	return value_parse(&setting_name_type, policy, name, NULL) == 0;
}

/* check_policies - what a listener is in everywhere has the name of one */
static void check_policies(const struct checker *checker)
{
	size_t index = 0;
	for (size_t i = 0; i < checker->config->relay_count; i++) {
		const struct config_relay *relay = &checker->config->relays[i];
		for (size_t j = 0; j < relay->listener_count; j++, index++)
			if (config_is_everywhere(&relay->listeners[j]) && !is_name(relay->listeners[j].netns.text))
				complain(checker, CONFIG_PART_LISTENER, index,
					 "'%s' is no policy's name; expected one of letters, digits, '.', '_' and '-'",
					 relay->listeners[j].netns.text);
	}
}

/* check_watched - a policy that no listener names is a slip */
static void check_watched(const struct checker *checker)
{
	for (size_t i = 0; i < checker->config->watch_count; i++)
		if (!config_has_policy(checker->config, checker->config->watch[i].policy)) {
			complain(checker, CONFIG_PART_RELAY, 0,
				 "names are watched for the policy '%s', which no relay listens for; expected a listener "
				 "@%s/ADDRESS:PORT",
				 checker->config->watch[i].policy, checker->config->watch[i].policy);
			return;
		}
}

/* check_backend_place - what is everywhere is no place to connect to */
static void check_backend_place(const struct checker *checker, size_t pool_index, size_t index)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct endpoint *backend = &checker->config->pools[pool_index].backends[index].endpoint;
	if (backend->netns.kind == NETNS_ENROLLED)
		complain(checker, CONFIG_PART_BACKEND, first_backend(checker->config, pool_index) + index,
			 "backend %s is in every namespace of a policy; expected one namespace, or '" ENDPOINT_ORIGINAL "'",
			 endpoint_format(backend, text, sizeof(text)));
}

static void check_listed_place(const struct checker *checker, size_t index, const struct config_namespaces *listed)
{
	for (size_t i = 0; i < listed->count; i++)
		if (listed->items[i].kind == NETNS_ENROLLED)
			complain(checker, CONFIG_PART_RELAY, index,
				 "the relay '%s' allows or denies '@%s', which is every namespace of a policy; expected one "
				 "namespace",
				 checker->config->relays[index].name, listed->items[i].text);
}

/* check_places - where only one namespace can be meant */
static void check_places(const struct checker *checker)
{
	const struct config *config = checker->config;
	for (size_t i = 0; i < config->pool_count; i++)
		for (size_t j = 0; j < config->pools[i].backend_count; j++)
			check_backend_place(checker, i, j);
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_relay *relay = &config->relays[i];
		check_listed_place(checker, i, &relay->access.allow_namespaces);
		check_listed_place(checker, i, &relay->access.deny_namespaces);
		if (relay->mirror.to.netns.kind == NETNS_ENROLLED)
			complain(checker, CONFIG_PART_RELAY, i,
				 "the mirror of the relay '%s' is in every namespace of a policy; expected one namespace",
				 relay->name);
	}
}

/* ---- loops ---- */

static const struct endpoint *find_reached(const struct config_relay *relay, const struct endpoint *backend)
{
	for (size_t i = 0; i < relay->listener_count; i++)
		if (endpoint_would_reach(backend, &relay->listeners[i]))
			return &relay->listeners[i];
	return NULL;
}

/* check_loop - connections that would come back to the relay that makes them */
static void check_loop(const struct checker *checker, const struct config_relay *relay, size_t pool_index)
{
	char text[ENDPOINT_TEXT_MAX], listener_text[ENDPOINT_TEXT_MAX];
	const struct config *config = checker->config;
	if (pool_index >= config->pool_count) /* it has none: told elsewhere */
		return;
	const struct config_pool *pool = &config->pools[pool_index];
	for (size_t i = 0; i < pool->backend_count; i++) {
		const struct endpoint *listener = find_reached(relay, &pool->backends[i].endpoint);
		if (!listener)
			continue;
		complain(checker, CONFIG_PART_BACKEND, first_backend(config, pool_index) + i,
			 "backend %s is reached by listener %s of the relay '%s' itself; expected another "
			 "endpoint",
			 endpoint_format(&pool->backends[i].endpoint, text, sizeof(text)),
			 endpoint_format(listener, listener_text, sizeof(listener_text)), relay->name);
	}
}

/* check_server_names - two routes for one name */
static void check_server_names(const struct checker *checker, size_t index)
{
	const struct config_relay *relay = &checker->config->relays[index];
	for (size_t i = 0; i < relay->sni.count; i++) {
		const char *name = relay->sni.routes[i].name;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(name, relay->sni.routes[j].name) == 0)
				complain(checker, CONFIG_PART_RELAY, index,
					 "the relay '%s' has two routes for %s%s; expected one", relay->name,
					 *name == '.' ? "*" : "", name);
		}
	}
}

/* check_mirror - a copy that is relayed, and copied, and relayed */
static void check_mirror(const struct checker *checker, size_t index)
{
	char text[ENDPOINT_TEXT_MAX], listener_text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay = &checker->config->relays[index];
	const struct endpoint *listener = config_relay_mirrors(relay) ? find_reached(relay, &relay->mirror.to) : NULL;
	if (listener)
		complain(checker, CONFIG_PART_RELAY, index,
			 "the mirror of the relay '%s', %s, is reached by its listener %s; expected another endpoint",
			 relay->name, endpoint_format(&relay->mirror.to, text, sizeof(text)),
			 endpoint_format(listener, listener_text, sizeof(listener_text)));
}

static bool listens_in(const struct config_relay *relay, const struct netns_ref *netns)
{
	for (size_t i = 0; i < relay->listener_count; i++)
		if (netns_ref_equal(&relay->listeners[i].netns, netns))
			return true;
	return false;
}

/* check_listed - a list that names a namespace in which nobody listens is a slip, and the rule would not hold */
static void check_listed(const struct checker *checker, size_t index, const struct config_namespaces *listed)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay = &checker->config->relays[index];
	for (size_t i = 0; i < listed->count; i++)
		if (!listens_in(relay, &listed->items[i]))
			complain(checker, CONFIG_PART_RELAY, index,
				 "the relay '%s' allows or denies the namespace '%s', where none of its listeners is; expected "
				 "that of one",
				 relay->name, netns_ref_format(&listed->items[i], text, sizeof(text)));
}

static void check_burst(const struct checker *checker, size_t index, const struct config_limit *limit, const char *what)
{
	if (limit->burst && !limit->rate)
		complain(checker, CONFIG_PART_RELAY, index,
			 "the relay '%s' limits the burst of its %s to %u, but not their rate; expected a rate as well",
			 checker->config->relays[index].name, what, limit->burst);
}

static void check_admission(const struct checker *checker, size_t index)
{
	const struct config_relay *relay = &checker->config->relays[index];
	check_listed(checker, index, &relay->access.allow_namespaces);
	check_listed(checker, index, &relay->access.deny_namespaces);
	check_burst(checker, index, &relay->limits.relay, "connections");
	check_burst(checker, index, &relay->limits.netns, "namespaces");
	check_burst(checker, index, &relay->limits.source, "sources");
}

/* check_proxy - a relay that refuses all who send no header, and lets nobody send one */
static void check_proxy(const struct checker *checker, size_t index)
{
	const struct config_relay *relay = &checker->config->relays[index];
	if (relay->accept.others == CONFIG_OTHERS_REFUSE && !config_relay_accepts_proxy(relay))
		complain(checker, CONFIG_PART_RELAY, index,
			 "the relay '%s' refuses all clients that are not in accept_from, which is empty; expected accept_from: [ "
			 "ADDRESS/PREFIX ]",
			 relay->name);
}

static size_t count_primaries(const struct config_pool *pool)
{
	size_t count = 0;
	for (size_t i = 0; i < pool->backend_count; i++)
		count += !pool->backends[i].backup;
	return count;
}

/* check_backups - a pool of backups alone has no first choice; one whose tries end before is a slip */
static void check_backups(const struct checker *checker, size_t index)
{
	const struct config_pool *pool = &checker->config->pools[index];
	size_t primaries = count_primaries(pool), first = first_backend(checker->config, index);
	if (primaries == pool->backend_count)
		return;
	for (size_t i = 0; primaries > 0 && i < pool->backend_count && !pool->backends[i].backup; i++)
		first++; /* to the first backup */
	if (primaries == 0)
		complain(checker, CONFIG_PART_BACKEND, first,
			 "every backend of the pool '%s' is a backup; expected one that is not", pool->name);
	else if (pool->retries < primaries)
		complain(checker, CONFIG_PART_BACKEND, first,
			 "this backup is never tried, as connections to the pool '%s' try %u of the %zu others; "
			 "expected retries of at least %zu",
			 pool->name, pool->retries + 1, primaries, primaries);
}

/* check_original - a backend `original`, of a relay whose clients have no other destination than its listener */
static void check_original(const struct checker *checker, const struct config_relay *relay, size_t pool_index)
{
	const struct config *config = checker->config;
	if (pool_index >= config->pool_count || relay->intercept)
		return;
	const struct config_pool *pool = &config->pools[pool_index];
	for (size_t i = 0; i < pool->backend_count; i++)
		if (config_is_original(&pool->backends[i].endpoint))
			complain(checker, CONFIG_PART_BACKEND, first_backend(config, pool_index) + i,
				 "the relay '%s' leads to '" ENDPOINT_ORIGINAL "', and intercepts nothing; expected an endpoint, or "
				 "intercept: { mode: redirect } or { mode: tproxy }",
				 relay->name);
}

static bool is_first_way(const struct config_relay *relay, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (config_way(relay, i) == config_way(relay, index))
			return false;
	return true;
}

/* check_ways - each pool that a relay leads to, once */
static void check_ways(const struct checker *checker, const struct config_relay *relay)
{
	for (size_t i = 0; i < config_way_count(relay); i++) {
		if (!is_first_way(relay, i))
			continue;
		check_loop(checker, relay, config_way(relay, i));
		check_original(checker, relay, config_way(relay, i));
	}
}

/* check_destinations - who is not intercepted has none but the listener */
static void check_destinations(const struct checker *checker, size_t index)
{
	const struct config_relay *relay = &checker->config->relays[index];
	const struct config_destinations *destinations = &relay->destinations;
	size_t networks = 0, ports = 0;
	if (destinations->count == 0)
		return;
	if (!relay->intercept)
		complain(checker, CONFIG_PART_RELAY, index,
			 "the relay '%s' has destinations, and intercepts nothing; expected intercept: { mode: redirect } or "
			 "{ mode: tproxy }",
			 relay->name);
	for (size_t i = 0; i < destinations->count; i++) {
		networks += destinations->items[i].networks.count;
		ports += destinations->items[i].ports.count;
	}
	if (destinations->count > CONFIG_DESTINATIONS_MAX || networks > CONFIG_DESTINATION_NETWORKS_MAX ||
	    ports > CONFIG_DESTINATION_PORTS_MAX)
		complain(checker, CONFIG_PART_RELAY, index,
			 "the relay '%s' has %zu destinations with %zu networks and %zu ports; expected at most %d, %d and %d",
			 relay->name, destinations->count, networks, ports, CONFIG_DESTINATIONS_MAX,
			 CONFIG_DESTINATION_NETWORKS_MAX, CONFIG_DESTINATION_PORTS_MAX);
}

/* check_alone - what is somewhere else for each connection can be no choice among others, and cannot be checked */
static void check_alone(const struct checker *checker, size_t index)
{
	const struct config_pool *pool = &checker->config->pools[index];
	if (!config_leads_to_original(pool))
		return;
	if (pool->backend_count > 1)
		complain(checker, CONFIG_PART_BACKEND, first_backend(checker->config, index),
			 "the pool '%s' has '" ENDPOINT_ORIGINAL "' beside other backends; expected it alone", pool->name);
	else if (pool->health.interval_ms || pool->ejection.failures || pool->ejection.resets)
		complain(checker, CONFIG_PART_BACKEND, first_backend(checker->config, index),
			 "the pool '%s' leads to '" ENDPOINT_ORIGINAL "', which is somewhere else for each connection; expected "
			 "neither health nor ejection",
			 pool->name);
}

/* check_intercepted - TCP alone is intercepted */
static void check_intercepted(const struct checker *checker, size_t index)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay = &checker->config->relays[index];
	for (size_t i = 0; relay->intercept && i < relay->listener_count; i++)
		if (relay->listeners[i].addr.family == AF_UNIX)
			complain(checker, CONFIG_PART_RELAY, index,
				 "the relay '%s' intercepts, and listens on %s; expected TCP listeners alone", relay->name,
				 endpoint_format(&relay->listeners[i], text, sizeof(text)));
}

/* ---- steering ---- */

static bool is_wildcard(const struct endpoint *listener)
{
	if (listener->addr.family == AF_INET)
		return listener->addr.in4.sin_addr.s_addr == INADDR_ANY;
	return listener->addr.family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&listener->addr.in6.sin6_addr);
}

/* steer_fault - what is wrong with the settings alone; NULL: nothing */
static const char *steer_fault(const struct config_relay *relay)
{
	if (!relay->intercept)
		return "intercepts nothing; expected intercept: { mode: redirect } or { mode: tproxy }";
	if (relay->steer == CONFIG_STEER_OUTBOUND && relay->intercept == CONFIG_INTERCEPT_TPROXY)
		return "has mode: tproxy; expected redirect for outbound connections, as what a namespace sends is never diverted";
	if (relay->mark == 0 || relay->answer_mark == 0 || relay->mark == relay->answer_mark)
		return "has no two marks; expected mark and answer_mark, both above 0 and not the same";
	if (relay->steer == CONFIG_STEER_INBOUND && relay->scope.only.count + relay->scope.except.count)
		return "steers inbound ones, which all have one destination; expected no networks in only and except";
	if ((relay->mark | relay->answer_mark) & ~relay->mark_mask)
		return "has marks with bits that are not in mark_mask; expected a mask that has all of them";
	return NULL;
}

/* contradiction - do two listeners in one namespace contradict each other? */
static const char *contradiction(const struct config_relay *a, const struct endpoint *listener, const struct config_relay *b,
				 const struct endpoint *other)
{
	bool same_marks = a->mark == b->mark && a->answer_mark == b->answer_mark && a->mark_mask == b->mark_mask;
	if (!b->steer || !netns_ref_equal(&listener->netns, &other->netns))
		return NULL;
	if (a->steer == b->steer && listener->addr.in4.sin_port != other->addr.in4.sin_port)
		return "another port; expected one port for each direction";
	if (!same_marks)
		return "other marks; expected the same";
	return a->when_gone != b->when_gone ? "another when_gone; expected the same" : NULL;
}

static void check_steered(const struct checker *checker, size_t index, const struct endpoint *listener)
{
	char text[ENDPOINT_TEXT_MAX], other[ENDPOINT_TEXT_MAX];
	const struct config *config = checker->config;
	const struct config_relay *relay = &config->relays[index];
	for (size_t i = 0; i <= index; i++) {
		for (size_t j = 0; j < config->relays[i].listener_count; j++) {
			const struct endpoint *there = &config->relays[i].listeners[j];
			const char *what = there < listener || i < index
						   ? contradiction(relay, listener, &config->relays[i], there)
						   : NULL;
			if (!what)
				continue;
			complain(checker, CONFIG_PART_RELAY, index, "the namespace of %s is steered to %s of the relay '%s' with %s",
				 endpoint_format(listener, text, sizeof(text)), endpoint_format(there, other, sizeof(other)),
				 config->relays[i].name, what);
			return;
		}
	}
}

static void check_steering(const struct checker *checker, size_t index)
{
	char text[ENDPOINT_TEXT_MAX];
	const struct config_relay *relay = &checker->config->relays[index];
	const char *fault = relay->steer ? steer_fault(relay) : NULL;
	if (fault)
		complain(checker, CONFIG_PART_RELAY, index, "the relay '%s' steers connections, and %s", relay->name, fault);
	for (size_t i = 0; relay->steer && i < relay->listener_count; i++) {
		if (!is_wildcard(&relay->listeners[i]))
			complain(checker, CONFIG_PART_RELAY, index,
				 "the relay '%s' steers connections to %s, which has one address alone; expected NETNS/[::]:PORT or "
				 "NETNS/0.0.0.0:PORT",
				 relay->name, endpoint_format(&relay->listeners[i], text, sizeof(text)));
		else
			check_steered(checker, index, &relay->listeners[i]);
	}
}

void config_check(const struct config *config, config_complaint_fn *complaint, void *context)
{
	const struct checker checker = {config, complaint, context};
	if (!check_limits(&checker))
		return;
	check_names(&checker);
	check_listeners(&checker);
	check_policies(&checker);
	check_places(&checker);
	check_watched(&checker);
	for (size_t i = 0; i < config->relay_count; i++) {
		check_ways(&checker, &config->relays[i]);
		check_mirror(&checker, i);
		check_admission(&checker, i);
		check_proxy(&checker, i);
		check_server_names(&checker, i);
		check_destinations(&checker, i);
		check_intercepted(&checker, i);
		check_steering(&checker, i);
	}
	for (size_t i = 0; i < config->pool_count; i++) {
		check_backups(&checker, i);
		check_alone(&checker, i);
	}
}

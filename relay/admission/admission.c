/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/admission/admission.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/succession.h"
#include "relay/worker.h"

/* admission_listener.rules */
enum {
	RULE_FORBIDDEN = 1 << 0, /* its namespace may not be used */
	RULE_LISTS = 1 << 1,     /* there are lists of addresses */
	RULE_LIMITS = 1 << 2,
};

/* One source may have so much of the queue. */
enum { SOURCE_SHARE = 8 };

static const struct admission_listener *listener_of(const struct worker *worker,
                                                    const struct session *session)
{
	return &worker->shared->admission.listeners[session->listener];
}

static struct admission_relay *relay_of(const struct worker *worker, const struct session *session)
{
	return &worker->shared->admission.relays[worker->plan->listeners[session->listener].relay];
}

bool admission_wants_peer(const struct worker *worker, const struct session *session)
{
	uint8_t rules = listener_of(worker, session)->rules;
	return (rules & RULE_LISTS) || ((rules & RULE_LIMITS) && relay_of(worker, session)->sources.capacity);
}

/* ---- rules ---- */

/* forbidden - by a rule; @address is NULL for clients that have none, which are in no list */
static bool forbidden(const struct admission_relay *relay, uint8_t rules, const struct cidr_address *address)
{
	if (rules & RULE_FORBIDDEN)
		return true;
	if (!(rules & RULE_LISTS))
		return false;
	if (address && cidr_set_has(&relay->deny, address))
		return true;
	return relay->allow.count && !(address && cidr_set_has(&relay->allow, address));
}

/* ---- limits ---- */

/* A limit, and what is counted for it. */
struct level {
	struct meter *meter; /* NULL: it does not concern this connection */
	const struct config_limit *limit;
};

static void level_set(struct level *level, struct meter *meter, const struct config_limit *limit)
{
	level->meter = config_limit_is_set(limit) ? meter : NULL;
	level->limit = limit;
}

static void find_levels(const struct worker *worker, const struct session *session,
                        struct level ret[ADMISSION_LEVELS])
{
	const struct admission *admission = &worker->shared->admission;
	const struct plan_listener *listener = &worker->plan->listeners[session->listener];
	const struct config_limits *limits = &worker->plan->config->relays[listener->relay].limits;
	struct admission_relay *relay = &admission->relays[listener->relay];
	bool known = session->source != SOURCES_NONE;
	level_set(&ret[ADMISSION_RELAY], &relay->meter, &limits->relay);
	level_set(&ret[ADMISSION_NETNS], &admission->listeners[listener_of(worker, session)->netns].meter,
	          &limits->netns);
	level_set(&ret[ADMISSION_SOURCE], known ? sources_meter(&relay->sources, session->source) : NULL,
	          &limits->source);
}

static void undo_below(const struct level levels[ADMISSION_LEVELS], unsigned end)
{
	for (unsigned i = 0; i < end; i++) {
		if (levels[i].meter)
			meter_undo(levels[i].meter, levels[i].limit);
	}
}

/*
 * take_all - a place under every limit, or under none
 * Returns the level that has none, and why in *@ret_verdict; ADMISSION_LEVELS when all have. @behind: only
 * where nobody waits.
 */
static unsigned take_all(const struct worker *worker, const struct session *session, bool behind,
                         enum meter_verdict *ret_verdict)
{
	struct level levels[ADMISSION_LEVELS];
	find_levels(worker, session, levels);
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		struct meter *meter = levels[i].meter;
		if (!meter)
			continue;
		bool others = behind && atomic_load_explicit(&meter->waiting, memory_order_relaxed);
		enum meter_verdict verdict = others ? METER_FULL : meter_take(meter, levels[i].limit, worker->now_ns);
		if (verdict == METER_TAKEN)
			continue;
		undo_below(levels, i);
		*ret_verdict = verdict;
		return i;
	}
	return ADMISSION_LEVELS;
}

static void give_all(const struct worker *worker, const struct session *session)
{
	struct level levels[ADMISSION_LEVELS];
	find_levels(worker, session, levels);
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		if (levels[i].meter)
			meter_give(levels[i].meter, levels[i].limit);
	}
}

/* ---- waiting ---- */

static struct meter *meter_of(const struct worker *worker, const struct session *session, unsigned level)
{
	struct level levels[ADMISSION_LEVELS];
	find_levels(worker, session, levels);
	return levels[level].meter;
}

/* count_up - unless there are @most already */
static bool count_up(_Atomic uint32_t *counted, uint32_t most)
{
	uint32_t count = atomic_load_explicit(counted, memory_order_relaxed);
	do {
		if (count >= most)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(counted, &count, count + 1, memory_order_relaxed,
	                                                memory_order_relaxed));
	return true;
}

static void count_down(_Atomic uint32_t *counted)
{
	atomic_fetch_sub_explicit(counted, 1, memory_order_relaxed);
}

/* most_waiting - how many connections may wait for one limit of that level */
static uint32_t most_waiting(const struct config_limits *limits, unsigned level)
{
	uint32_t share = limits->queue_length / SOURCE_SHARE;
	if (level != ADMISSION_SOURCE)
		return limits->queue_length;
	return share ? share : 1;
}

/* begin_to_wait - for @level; false when nobody waits, or too many do */
static bool begin_to_wait(const struct worker *worker, struct session *session, unsigned level)
{
	const struct config_limits *limits = &worker_relay(worker, session)->limits;
	struct admission_relay *relay = relay_of(worker, session);
	if (limits->over != CONFIG_OVER_QUEUE || !count_up(&relay->waiting, limits->queue_length))
		return false;
	if (!count_up(&meter_of(worker, session, level)->waiting, most_waiting(limits, level))) {
		count_down(&relay->waiting);
		return false;
	}
	session->admission = (uint8_t)(ADMISSION_WAITS + level);
	return true;
}

static struct meter *waited_for(const struct worker *worker, const struct session *session)
{
	return meter_of(worker, session, session->admission - ADMISSION_WAITS);
}

/* ---- questions ---- */

static void release_source(const struct worker *worker, struct session *session)
{
	if (session->source != SOURCES_NONE)
		sources_release(&relay_of(worker, session)->sources, session->source);
	session->source = SOURCES_NONE;
}

static enum cause cause_of(unsigned level, enum meter_verdict verdict)
{
	static const enum cause full[ADMISSION_LEVELS] = {
	        [ADMISSION_RELAY] = CAUSE_RELAY_LIMIT,
	        [ADMISSION_NETNS] = CAUSE_NAMESPACE_LIMIT,
	        [ADMISSION_SOURCE] = CAUSE_SOURCE_LIMIT,
	};
	return verdict == METER_FAST ? CAUSE_RATE_LIMIT : full[level];
}

/* ask_limits - the rules allow it, and its source is known */
static enum admission_answer ask_limits(const struct worker *worker, struct session *session,
                                        enum cause *ret_cause)
{
	enum meter_verdict verdict;
	unsigned level = take_all(worker, session, true, &verdict);
	if (level == ADMISSION_LEVELS) {
		session->admission = ADMISSION_ENTERED;
		return ADMISSION_YES;
	}
	if (begin_to_wait(worker, session, level))
		return ADMISSION_LATER;
	*ret_cause = cause_of(level, verdict);
	release_source(worker, session);
	return ADMISSION_NO;
}

/* hold_source - false when the table has no entry for another address */
static bool hold_source(const struct worker *worker, struct session *session, struct cidr_address address)
{
	const struct config_limits *limits = &worker_relay(worker, session)->limits;
	if (address.version == 6)
		cidr_address_mask(&address, limits->ipv6_prefix);
	session->source = sources_hold(&relay_of(worker, session)->sources, &address);
	return session->source != SOURCES_NONE;
}

enum admission_answer admission_ask(const struct worker *worker, struct session *session,
                                    enum cause *ret_cause)
{
	const struct admission_relay *relay = relay_of(worker, session);
	struct cidr_address address;
	uint8_t rules = listener_of(worker, session)->rules;
	if (rules == 0)
		return ADMISSION_YES;
	bool known = cidr_address_set(&address, session->peer.family, session->peer.address);
	if (session->peer.family == AF_UNSPEC && admission_wants_peer(worker, session)) {
		*ret_cause = CAUSE_CLIENT_RESET; /* it was gone before its address could be asked for */
		return ADMISSION_NO;
	}
	if (forbidden(relay, rules, known ? &address : NULL)) {
		*ret_cause = CAUSE_POLICY;
		return ADMISSION_NO;
	}
	if (!(rules & RULE_LIMITS))
		return ADMISSION_YES;
	if (relay->sources.capacity && known && !hold_source(worker, session, address)) {
		*ret_cause = CAUSE_SOURCE_LIMIT;
		return ADMISSION_NO;
	}
	return ask_limits(worker, session, ret_cause);
}

bool admission_ask_again(const struct worker *worker, struct session *session)
{
	enum meter_verdict verdict;
	struct meter *before = waited_for(worker, session);
	unsigned level = take_all(worker, session, false, &verdict);
	count_down(&before->waiting);
	if (level == ADMISSION_LEVELS) {
		count_down(&relay_of(worker, session)->waiting);
		session->admission = ADMISSION_ENTERED;
		return true;
	}
	session->admission = (uint8_t)(ADMISSION_WAITS + level);
	count_up(&waited_for(worker, session)->waiting, UINT32_MAX);
	return false;
}

void admission_leave(const struct worker *worker, struct session *session)
{
	if (session->admission >= ADMISSION_WAITS) {
		count_down(&waited_for(worker, session)->waiting);
		count_down(&relay_of(worker, session)->waiting);
	}
	if (session->admission == ADMISSION_ENTERED)
		give_all(worker, session);
	session->admission = ADMISSION_NOTHING;
	release_source(worker, session);
}

/* ---- start and end ---- */

static bool lists_have(const struct config_namespaces *list, const struct netns_ref *netns)
{
	for (size_t i = 0; i < list->count; i++) {
		if (netns_ref_equal(&list->items[i], netns))
			return true;
	}
	return false;
}

static uint8_t rules_of(const struct config_relay *relay, const struct netns_ref *netns)
{
	const struct config_access *access = &relay->access;
	const struct config_limits *limits = &relay->limits;
	uint8_t rules = 0;
	if (lists_have(&access->deny_namespaces, netns) ||
	    (access->allow_namespaces.count && !lists_have(&access->allow_namespaces, netns)))
		rules |= RULE_FORBIDDEN;
	if (access->allow.count || access->deny.count)
		rules |= RULE_LISTS;
	if (config_limit_is_set(&limits->relay) || config_limit_is_set(&limits->netns) ||
	    config_knows_sources(limits))
		rules |= RULE_LIMITS;
	return rules;
}

static int init_relay(struct admission_relay *relay, const struct config_relay *config, uint32_t seed)
{
	const struct config_access *access = &config->access;
	int rc = cidr_set_init(&relay->allow, access->allow.items, access->allow.count);
	if (rc == 0)
		rc = cidr_set_init(&relay->deny, access->deny.items, access->deny.count);
	if (rc == 0 && config_knows_sources(&config->limits))
		rc = sources_init(&relay->sources, config->limits.sources, seed);
	return rc;
}

/* new_array - zeroed, and aligned as meters are */
static void *new_array(size_t count, size_t size)
{
	void *array = aligned_alloc(_Alignof(struct admission_relay), (count + 1) * size);
	return array ? memset(array, 0, (count + 1) * size) : NULL;
}

int admission_init(struct admission *admission, const struct plan *plan, uint32_t seed)
{
	const struct config *config = plan->config;
	*admission = (struct admission){
	        .relays = new_array(config->relay_count, sizeof(*admission->relays)),
	        .listeners = new_array(plan->listener_count, sizeof(*admission->listeners)),
	        .relay_count = config->relay_count,
	};
	int rc = admission->relays && admission->listeners ? 0 : -ENOMEM;
	for (size_t i = 0; rc == 0 && i < config->relay_count; i++)
		rc = init_relay(&admission->relays[i], &config->relays[i], seed);
	for (uint32_t i = 0; rc == 0 && i < plan->listener_count; i++) {
		const struct plan_listener *listener = &plan->listeners[i];
		admission->listeners[i].netns = plan->listeners[i].alike;
		admission->listeners[i].rules = rules_of(&config->relays[listener->relay],
		                                         &listener->endpoint->netns);
	}
	if (rc < 0)
		admission_fini(admission);
	return rc;
}

/* ---- one configuration after the other ---- */

/* carry_rate - what was taken of a rate stays taken */
static void carry_rate(struct meter *heir, const struct meter *old)
{
	heir->full_at_ns = old->full_at_ns;
}

static bool same_sources(const struct config_limits *a, const struct config_limits *b)
{
	return config_knows_sources(a) && config_knows_sources(b) && a->sources == b->sources &&
	       a->ipv6_prefix == b->ipv6_prefix;
}

void admission_inherit(struct admission *heir, struct admission *old, const struct plan *before,
                       const struct plan *after, const struct succession *map)
{
	for (size_t i = 0; i < old->relay_count; i++) {
		uint32_t relay = map->relays[i];
		if (relay == SUCCESSION_NONE)
			continue;
		carry_rate(&heir->relays[relay].meter, &old->relays[i].meter);
		if (!same_sources(&before->config->relays[i].limits, &after->config->relays[relay].limits))
			continue;
		struct sources sources = heir->relays[relay].sources;
		heir->relays[relay].sources = old->relays[i].sources;
		old->relays[i].sources = sources;
	}
	for (uint32_t i = 0; i < before->listener_count; i++) {
		uint32_t listener = map->listeners[i];
		if (listener != SUCCESSION_NONE && old->listeners[i].netns == i)
			carry_rate(&heir->listeners[heir->listeners[listener].netns].meter, &old->listeners[i].meter);
	}
}

void admission_count(const struct worker *worker, struct session *session)
{
	struct level levels[ADMISSION_LEVELS];
	struct cidr_address address;
	if (!(listener_of(worker, session)->rules & RULE_LIMITS))
		return;
	if (relay_of(worker, session)->sources.capacity &&
	    cidr_address_set(&address, session->peer.family, session->peer.address))
		hold_source(worker, session, address); /* or none: it is in all the same */
	find_levels(worker, session, levels);
	for (unsigned i = 0; i < ADMISSION_LEVELS; i++) {
		if (levels[i].meter)
			meter_add(levels[i].meter, levels[i].limit);
	}
	session->admission = ADMISSION_ENTERED;
}

void admission_fini(struct admission *admission)
{
	for (size_t i = 0; admission->relays && i < admission->relay_count; i++) {
		cidr_set_fini(&admission->relays[i].allow);
		cidr_set_fini(&admission->relays[i].deny);
		sources_fini(&admission->relays[i].sources);
	}
	free(admission->relays);
	free(admission->listeners);
	*admission = (struct admission){0};
}

size_t admission_memory(const struct plan *plan)
{
	size_t memory = (plan->config->relay_count + 1) * sizeof(struct admission_relay) +
	                (plan->listener_count + 1) * sizeof(struct admission_listener);
	for (size_t i = 0; i < plan->config->relay_count; i++) {
		const struct config_relay *relay = &plan->config->relays[i];
		memory += (relay->access.allow.count + relay->access.deny.count + 2) *
		          sizeof(struct cidr_range);
		if (config_knows_sources(&relay->limits))
			memory += sources_memory(relay->limits.sources);
	}
	return memory;
}

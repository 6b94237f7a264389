/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/steering.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"
#include "nsctl/intercept/intercept.h"

enum {
	LOOK_MS = 1000,
	LOOKS = 16, /* namespaces in one look; each takes some 0.3 ms */
	/* Beyond the drain: resets that end it have to be translated still, or those who were steered do not know them. */
	GRACE_MS = 250,
	ROUTE_TABLE = 1249,
	RULE_PRIORITY = 1249,
};

/* A namespace with rules of ours. */
struct steered {
	struct list link;
	struct space *space; /* held */
	struct nl *nft;      /* an owned table's owner; NULL: none is open */
	struct intercept wanted;
	struct intercept next; /* what the configuration has, while it is read */
	bool wants_marks;      /* servers are to find the way of their answers by marks: it was tried */
	bool accepts_marks;    /* by us: it did not before */
	uint64_t remove_ms; /* it is withdrawn, and goes then; 0: it is not */
};

void steering_init(struct steering *steering)
{
	*steering = (struct steering){0};
	list_init(&steering->all);
}

/* ---- what is wanted ---- */

static struct prefix prefix_of(const struct cidr *cidr)
{
	struct prefix prefix = {.family = cidr->first.version == 4 ? AF_INET : AF_INET6, .length = cidr->prefix};
	memcpy(&prefix.address, cidr->first.bytes, prefix_address_size(prefix.family));
	return prefix;
}

static struct intercept_ports ports_of(const struct config_port_range *range)
{
	return (struct intercept_ports){range->first, range->last};
}

/* Append what @of makes of each item of @list to @vec; -ENOMEM. */
#define TAKE_ALL(vec, list, of)                                                                              \
	for (size_t i = 0; i < (list)->count; i++) {                                                         \
		__typeof__((vec)->items) item = vec_push(vec);                                               \
		if (!item)                                                                                   \
			return -ENOMEM;                                                                      \
		*item = of(&(list)->items[i]);                                                               \
	}

static int take_scope(struct intercept_direction *direction, const struct config_scope *scope)
{
	TAKE_ALL(&direction->only, &scope->only, prefix_of)
	TAKE_ALL(&direction->except, &scope->except, prefix_of)
	TAKE_ALL(&direction->only_ports, &scope->only_ports, ports_of)
	TAKE_ALL(&direction->except_ports, &scope->except_ports, ports_of)
	return 0;
}

/* steer_to - the listener at @endpoint; one of IPv4 gets nothing of IPv6 */
static int steer_to(struct intercept_direction *direction, const struct endpoint *endpoint, const struct config_scope *scope)
{
	direction->port = ntohs(endpoint->addr.in4.sin_port);
	if (endpoint->addr.family == AF_INET) {
		struct prefix *all = vec_push(&direction->except);
		if (!all)
			return -ENOMEM;
		*all = (struct prefix){.family = AF_INET6};
	}
	return take_scope(direction, scope);
}

/* A namespace that a relay has rules in: for a listener, or, without one, for what its servers answer. */
struct place {
	const struct config_relay *relay;
	struct space *space;
	const struct endpoint *listener; /* NULL: for the answers */
};

/* take_place - for @wanted too; -ENOMEM */
static int take_place(struct intercept *wanted, const struct place *place)
{
	const struct config_relay *relay = place->relay;
	wanted->owned = relay->when_gone == CONFIG_GONE_PASS;
	wanted->mark = relay->mark;
	wanted->answer_mark = relay->answer_mark;
	wanted->mask = relay->mark_mask;
	/* What is steered outbound is answered elsewhere. */
	wanted->answers |= !place->listener || (relay->source == CONFIG_SOURCE_CLIENT && relay->steer == CONFIG_STEER_INBOUND);
	if (!place->listener)
		return 0;
	if (relay->steer == CONFIG_STEER_OUTBOUND)
		return steer_to(&wanted->outbound, place->listener, &relay->scope);
	wanted->tproxy = relay->intercept == CONFIG_INTERCEPT_TPROXY;
	return steer_to(&wanted->inbound, place->listener, &relay->scope);
}

typedef int look_fn(void *ctx, const struct place *place);

/* each_backend - the namespaces of servers that are to see their clients' addresses. Not the program's own, and not where somebody
 * else has made rules. */
static int each_backend(const struct setup *setup, const struct plan_route *route, look_fn *look, void *ctx)
{
	const struct config_relay *relay = &setup->config.relays[route->relay];
	const struct config_pool *pool = &setup->config.pools[route->pool];
	int rc = 0;
	if (relay->source != CONFIG_SOURCE_CLIENT || (relay->intercept && !relay->steer))
		return 0;
	for (size_t i = 0; rc >= 0 && i < pool->backend_count; i++) {
		uint32_t target = route->targets[i];
		struct space *space = target == PLAN_NO_TARGET
		                              ? NULL
		                              : setup->opened.targets->rows[setup->opened.numbers[target]].space;
		if (space && space->ref.kind != NETNS_SELF)
			rc = look(ctx, &(struct place){relay, space, NULL});
	}
	return rc;
}

/* each_place - @look for all of @setup, until it returns -errno, which is the result */
static int each_place(const struct setup *setup, look_fn *look, void *ctx)
{
	int rc = 0;
	for (uint32_t i = 0; rc >= 0 && i < setup->plan.listener_count; i++) {
		const struct plan_listener *listener = &setup->plan.listeners[i];
		const struct config_relay *relay = &setup->config.relays[listener->relay];
		if (relay->steer)
			rc = look(ctx, &(struct place){relay, setup->opened.listeners[i].space, listener->endpoint});
	}
	for (uint32_t i = 0; rc >= 0 && i < setup->plan.route_count; i++)
		rc = each_backend(setup, &setup->plan.routes[i], look, ctx);
	return rc;
}

/* Nobody is steered. */
static const struct intercept nothing = {
	.table = "nsrelay", .route_table = ROUTE_TABLE, .rule_priority = RULE_PRIORITY};

/* What is wanted for one namespace. */
struct want {
	const struct space *space;
	struct intercept *wanted;
};

static int take_wanted(void *ctx, const struct place *place)
{
	const struct want *want = ctx;
	return place->space == want->space ? take_place(want->wanted, place) : 0;
}

/* want - what @setup has for the namespace @space; to be given to intercept_fini(), also on failure */
static int want(const struct setup *setup, const struct space *space, struct intercept *ret)
{
	*ret = nothing;
	return each_place(setup, take_wanted, &(struct want){space, ret});
}

static bool steers(const struct intercept *intercept)
{
	return intercept->outbound.port || intercept->inbound.port || intercept->answers;
}

/* ---- one namespace ---- */

static const char *name_of(const struct space *space, char buf[static ENDPOINT_TEXT_MAX])
{
	return netns_ref_format(&space->ref, buf, ENDPOINT_TEXT_MAX);
}

static void log_failure(const struct space *space, const struct err *err)
{
	char name[ENDPOINT_TEXT_MAX];
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, "connections are not steered as they should be");
	log_record_add_text(&log, "netns", name_of(space, name));
	log_record_add_text(&log, "error", err->text);
	log_record_end(&log);
}

/* accept_marks - servers are to find the way of their answers by marks; where that cannot be set, they need a route to their clients */
static void accept_marks(struct steered *steered)
{
	struct err err = ERR_INIT;
	if (steered->wanted.answers == steered->wants_marks)
		return;
	steered->wants_marks = steered->wanted.answers;
	if (steered->wants_marks)
		steered->accepts_marks = intercept_accept_marks(steered->space->fd, true, &err) == 0;
	else if (steered->accepts_marks)
		steered->accepts_marks = intercept_accept_marks(steered->space->fd, false, &err) < 0;
	if (err.code)
		log_failure(steered->space, &err);
}

/* in_namespace - call @change with both sockets */
static int in_namespace(struct steered *steered,
			int (*change)(struct nl *nft, struct nl *route, const struct intercept *intercept, struct err *err),
			struct err *err)
{
	char name[ENDPOINT_TEXT_MAX];
	struct nl *route = NULL;
	name_of(steered->space, name);
	int rc = steered->nft ? 0 : nl_open(steered->space->fd, NETLINK_NETFILTER, name, &steered->nft, err);
	if (rc == 0)
		rc = nl_open(steered->space->fd, NETLINK_ROUTE, name, &route, err);
	if (rc < 0)
		return rc;
	accept_marks(steered);
	rc = change(steered->nft, route, &steered->wanted, err);
	nl_close(route);
	if (!steered->wanted.owned) {
		nl_close(steered->nft);
		steered->nft = NULL;
	} else {
		nl_rest(steered->nft);
	}
	return rc;
}

/* drop - close all that is ours of it; an owned table goes with that */
static void drop(struct steered *steered)
{
	if (steered->nft)
		nl_close(steered->nft);
	intercept_fini(&steered->wanted);
	steered->space->steered = NULL;
	space_release(steered->space);
	free(steered);
}

static void forget(struct steered *steered)
{
	list_remove(&steered->link);
	drop(steered);
}

static void remove_rules(struct steered *steered)
{
	struct err err = ERR_INIT;
	if (in_namespace(steered, intercept_remove, &err) < 0)
		log_failure(steered->space, &err);
}

static void take_away(struct steered *steered)
{
	remove_rules(steered);
	forget(steered);
}

/* begin - @wanted is taken, also on failure */
static int begin(struct steering *steering, struct space *space, struct intercept *wanted, struct err *err)
{
	struct steered *steered = calloc(1, sizeof(*steered));
	if (!steered) {
		intercept_fini(wanted);
		return err_set(err, ENOMEM, "steer connections: out of memory");
	}
	*steered = (struct steered){.space = space, .wanted = *wanted};
	space->steered = steered;
	space_hold(space);
	list_append(&steering->all, &steered->link);
	int rc = in_namespace(steered, intercept_apply, err);
	if (rc < 0) {
		steered->wanted.answers = false;
		accept_marks(steered);
		if (rc != -EBUSY) /* then they are another one's */
			in_namespace(steered, intercept_remove, NULL);
		forget(steered);
	}
	return rc;
}

/* become - from what it was to @wanted, which is taken */
static void become(struct steered *steered, struct intercept *wanted)
{
	struct err err = ERR_INIT;
	if (!steered->remove_ms && intercept_equal(&steered->wanted, wanted)) {
		intercept_fini(wanted);
		return;
	}
	if (wanted->owned != steered->wanted.owned) /* an owner's table cannot become nobody's, nor the other way */
		in_namespace(steered, intercept_remove, NULL);
	intercept_fini(&steered->wanted);
	steered->wanted = *wanted;
	steered->remove_ms = 0;
	if (in_namespace(steered, intercept_apply, &err) < 0)
		log_failure(steered->space, &err);
}

/* withdraw - nobody is steered any more, and who was goes on until @remove_ms */
static void withdraw(struct steered *steered, uint64_t remove_ms)
{
	struct err err = ERR_INIT;
	if (steered->remove_ms)
		return;
	steered->wanted.outbound.port = steered->wanted.inbound.port = 0;
	steered->wanted.answers = false;
	steered->remove_ms = remove_ms;
	if (in_namespace(steered, intercept_apply, &err) < 0)
		log_failure(steered->space, &err);
}

/* plan_look - within LOOK_MS, or when rules are to go */
static void plan_look(struct steering *steering, uint64_t now_ms)
{
	uint64_t at_ms = now_ms + LOOK_MS;
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next) {
		const struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (steered->remove_ms && steered->remove_ms < at_ms)
			at_ms = steered->remove_ms;
	}
	steering->look_ms = list_empty(&steering->all) ? 0 : at_ms;
}

/* drain_ms - how long connections that were steered may go on */
static uint32_t drain_ms(const struct setup *setup, const struct space *space)
{
	return space->ref.kind == NETNS_ENROLLED ? setup->config.enrolled_drain_ms : setup->config.drain_ms;
}

/* ---- all of a configuration ---- */

/* Rules that are made before anything is changed for good. */
struct preparing {
	struct steering *steering;
	const struct setup *setup;
	struct err *err;
	uint32_t made;
};

/* prepare - the namespace of a place, unless it has rules by now */
static int prepare(void *ctx, const struct place *place)
{
	struct preparing *preparing = ctx;
	struct intercept wanted;
	if (place->space->steered)
		return 0;
	if (want(preparing->setup, place->space, &wanted) < 0) {
		intercept_fini(&wanted);
		return err_set(preparing->err, ENOMEM, "steer connections: out of memory");
	}
	int rc = begin(preparing->steering, place->space, &wanted, preparing->err);
	preparing->made += rc >= 0;
	return rc < 0 ? err_prefix(preparing->err, "relay '%s'", place->relay->name) : 0;
}

int steering_prepare(struct steering *steering, const struct setup *setup, struct err *err)
{
	struct preparing preparing = {steering, setup, err, 0};
	int rc = each_place(setup, prepare, &preparing);
	/* What was made so far stands last. */
	for (struct list *link = steering->all.prev, *prev; rc < 0 && preparing.made-- > 0; link = prev) {
		prev = link->prev;
		take_away(LIST_ENTRY(link, struct steered, link));
	}
	return rc;
}

static int take_next(void *ctx, const struct place *place)
{
	(void)ctx;
	return place->space->steered ? take_place(&place->space->steered->next, place) : 0;
}

/* read_next - what @setup has for all namespaces, into .next; false: no memory */
static bool read_next(struct steering *steering, const struct setup *setup)
{
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next)
		LIST_ENTRY(link, struct steered, link)->next = nothing;
	return each_place(setup, take_next, NULL) == 0;
}

void steering_commit(struct steering *steering, const struct setup *setup, uint64_t now_ms)
{
	bool whole = read_next(steering, setup); /* else all stays as it is */
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next) {
		struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (whole && steers(&steered->next)) {
			become(steered, &steered->next);
			continue;
		}
		if (whole)
			withdraw(steered, now_ms + drain_ms(setup, steered->space) + GRACE_MS);
		intercept_fini(&steered->next);
	}
	plan_look(steering, now_ms);
}

/* ---- as time goes by ---- */

static void look_at(struct steered *steered)
{
	char name[ENDPOINT_TEXT_MAX];
	struct err err = ERR_INIT;
	struct log_record log;
	int rc = in_namespace(steered, intercept_apply, &err);
	if (rc < 0)
		log_failure(steered->space, &err);
	if (rc <= 0)
		return;
	log_record_begin(&log, LOG_LEVEL_WARNING, "rules that somebody had changed are as they were");
	log_record_add_text(&log, "netns", name_of(steered->space, name));
	log_record_end(&log);
}

/* find_due - one whose rules are not needed any more; NULL: all are */
static struct steered *find_due(const struct steering *steering, uint64_t now_ms)
{
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next) {
		struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (steered->remove_ms && now_ms >= steered->remove_ms)
			return steered;
	}
	return NULL;
}

static void look_at_some(struct steering *steering)
{
	struct list looked, *link;
	list_init(&looked);
	for (int i = 0; i < LOOKS && (link = list_shift(&steering->all)); i++) {
		look_at(LIST_ENTRY(link, struct steered, link));
		list_append(&looked, link);
	}
	list_move_all(&steering->all, &looked);
}

uint64_t steering_act(struct steering *steering, uint64_t now_ms)
{
	if (steering->look_ms == 0 || now_ms < steering->look_ms)
		return steering->look_ms;
	struct steered *due = find_due(steering, now_ms);
	if (due) {
		take_away(due);
		return steering->look_ms = now_ms + 1; /* there may be more */
	}
	look_at_some(steering);
	plan_look(steering, now_ms);
	return steering->look_ms;
}

void steering_stop(struct steering *steering)
{
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next) {
		struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (steered->wanted.owned)
			withdraw(steered, UINT64_MAX);
	}
	steering->look_ms = 0;
}

void steering_close(struct steering *steering)
{
	for (struct list *link = steering->all.next; link != &steering->all; link = link->next) {
		struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (steered->nft)
			nl_close(steered->nft);
		steered->nft = NULL;
	}
}

void steering_end(struct steering *steering)
{
	for (struct list *link = steering->all.next, *next; link != &steering->all; link = next) {
		next = link->next;
		struct steered *steered = LIST_ENTRY(link, struct steered, link);
		if (steered->wanted.owned || steered->remove_ms)
			remove_rules(steered);
		drop(steered);
	}
	list_init(&steering->all);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: before the steps are done the ledger says all that may be the topology's by the time
 * they are, so that a kill leaves nothing behind that is not known; a fact too many does no harm, for a thing
 * must also be there to be taken back. Afterwards those facts remain that are still wanted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/topology/planner_private.h"

/* A ledger in the making. */
struct draft {
	struct picture picture;
	struct ledger ledger;
	VEC(uint32_t) netns; /* by the index of a namespace seen, that in the ledger; PICTURE_NONE */
	const struct ledger_sysctl *
	        *sysctls; /* by namespace in the ledger and key, the first fact that was known */
	VEC(struct ledger_number) numbers; /* that were known, sorted; those of one number agree on what was before */
};

static void draft_fini(struct draft *draft)
{
	picture_fini(&draft->picture);
	ledger_fini(&draft->ledger);
	vec_clear(&draft->netns);
	free(draft->sysctls);
	vec_clear(&draft->numbers);
}

/* push - one more element, which is a copy of *@value; -ENOMEM when there is no room */
#define PUSH(vec, value)                                                                                     \
	({                                                                                                   \
		__typeof__((vec)->items) pushed_ = vec_push(vec);                                            \
		if (pushed_)                                                                                 \
			*pushed_ = (value);                                                                  \
		pushed_ ? 0 : -ENOMEM;                                                                       \
	})

/* ---- finding facts ---- */

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_sysctls(const void *a, const void *b)
{
	const struct ledger_sysctl *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	if (!order)
		order = ORDER(x->key, y->key);
	return order;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct ledger_address *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	if (!order)
		order = strcmp(x->link, y->link);
	return order ? order : picture_compare_prefix(&x->prefix, &y->prefix);
}

static int compare_routes(const void *a, const void *b)
{
	const struct ledger_route *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	if (!order)
		order = picture_compare_prefix(&x->route.to, &y->route.to);
	if (!order)
		order = picture_compare_prefix(&x->route.via, &y->route.via);
	return order ? order : strcmp(x->route.link, y->route.link);
}

static int compare_ports(const void *a, const void *b)
{
	const struct ledger_port *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	return order ? order : strcmp(x->link, y->link);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct ledger_number *x = a, *y = b;
	int order = ORDER(x->netns, y->netns);
	if (!order)
		order = strcmp(x->link, y->link);
	return order ? order : ORDER(x->number, y->number);
}

/* qsort(3) wants an array, also of nothing */
#define SORT(vec, compare)                                                                                   \
	((vec)->count ? qsort((vec)->items, (vec)->count, sizeof(*(vec)->items), (compare)) : (void)0)

#define FIND(key, vec, compare)                                                                              \
	((vec)->count ? bsearch((key), (vec)->items, (vec)->count, sizeof(*(vec)->items), (compare)) : NULL)

/* ---- namespaces ---- */

/* describe_netns - @known: what the ledger said so far, or NULL. What was once made stays so until all steps
 * are done. */
static struct ledger_netns describe_netns(const struct seen_netns *seen, const struct ledger_netns *known)
{
	struct ledger_netns netns = {.ref = seen->ref, .tenure = seen->tenure, .cookie = seen->cookie};
	strcpy(netns.name, seen->name);
	if (known && known->tenure == NETNS_MADE)
		netns.tenure = NETNS_MADE;
	return netns;
}

static int draft_netns(struct draft *draft, const struct seen_netns *seen)
{
	uint32_t known = seen->ledger;
	if (known != TOPOLOGY_NONE) {
		struct ledger_netns *netns = &draft->ledger.netns.items[known];
		*netns = describe_netns(seen, netns);
		return PUSH(&draft->netns, known);
	}
	if (PUSH(&draft->netns, (uint32_t)draft->ledger.netns.count) < 0)
		return -ENOMEM;
	return PUSH(&draft->ledger.netns, describe_netns(seen, NULL));
}

/* ---- facts ---- */

static int copy_facts(struct ledger *ledger, const struct ledger *old)
{
	bool copied = vec_append(&ledger->netns, &old->netns) && vec_append(&ledger->sysctls, &old->sysctls) &&
		      vec_append(&ledger->addresses, &old->addresses) && vec_append(&ledger->routes, &old->routes) &&
		      vec_append(&ledger->ports, &old->ports) &&
		      vec_append(&ledger->numbers, &old->numbers);
	return copied ? 0 : -ENOMEM;
}

/* note_sysctls - the first fact of each setting, which knows what it was before the topology */
static int note_sysctls(struct draft *draft, const struct ledger *old)
{
	draft->sysctls = calloc(draft->ledger.netns.count * SYSCTL_COUNT + 1, sizeof(struct ledger_sysctl *));
	if (!draft->sysctls)
		return -ENOMEM;
	vec_each (fact, &old->sysctls) {
		const struct ledger_sysctl **first = &draft->sysctls[fact->netns * SYSCTL_COUNT + fact->key];
		if (!*first)
			*first = fact;
	}
	return 0;
}

static int note_numbers(struct draft *draft, const struct ledger *old)
{
	if (!vec_append(&draft->numbers, &old->numbers))
		return -ENOMEM;
	SORT(&draft->numbers, compare_numbers);
	return 0;
}

static int draft_sysctl(struct draft *draft, uint32_t netns, const struct step *step)
{
	struct ledger_sysctl fact = {.netns = netns, .key = step->sysctl.key};
	const struct ledger_sysctl *first = draft->sysctls[netns * SYSCTL_COUNT + fact.key];
	strcpy(fact.before, first ? first->before : step->sysctl.before);
	strcpy(fact.after, step->sysctl.after);
	return PUSH(&draft->ledger.sysctls, fact);
}

/* is_marked - can it be told from the link itself that what is on it is the topology's? */
static bool is_marked(const struct picture *picture, uint32_t netns, const char *link)
{
	uint32_t at = picture_find_link(picture, netns, link);
	return at != PICTURE_NONE && picture_is_made(&picture->links.items[at]);
}

static int draft_address(struct draft *draft, uint32_t netns, const struct step *step)
{
	struct ledger_address fact = {.netns = netns, .prefix = step->address};
	strcpy(fact.link, step->link);
	return PUSH(&draft->ledger.addresses, fact);
}

static int draft_port(struct draft *draft, uint32_t netns, const struct step *step)
{
	struct ledger_port fact = {.netns = netns};
	strcpy(fact.link, step->link);
	return PUSH(&draft->ledger.ports, fact);
}

/* before_number - what a number of somebody else's link was, before the topology; @fact has its place */
static uint32_t before_number(const struct draft *draft, const struct picture_link *link,
                              const struct ledger_number *fact)
{
	const struct ledger_number *known = FIND(fact, &draft->numbers, compare_numbers);
	if (picture_is_ours(&draft->picture, link))
		return 0;
	return known ? known->before : link->seen ? link->seen->numbers[fact->number] : 0;
}

static int draft_number(struct draft *draft, uint32_t netns, const char *name, enum link_number number,
                        uint32_t after)
{
	uint32_t at = picture_find_link(&draft->picture, netns, name);
	struct ledger_number fact = {
	        .netns = draft->netns.items[netns], .number = number, .after = after};
	if (at == PICTURE_NONE || !after)
		return 0;
	strcpy(fact.link, name);
	fact.before = before_number(draft, &draft->picture.links.items[at], &fact);
	return PUSH(&draft->ledger.numbers, fact);
}

/* draft_made - the numbers that a link and its other end are born with */
static int draft_made(struct draft *draft, const struct step *step)
{
	const struct step_link *made = &step->made;
	int rc = 0;
	for (enum link_number i = 0; rc == 0 && i < LINK_NUMBER_COUNT; i++) {
		rc = draft_number(draft, step->netns, step->link, i, made->numbers[i]);
		if (rc == 0 && made->kind == LINK_VETH)
			rc = draft_number(draft, made->peer_netns, made->peer, i, made->peer_numbers[i]);
	}
	return rc;
}

static int draft_step(struct draft *draft, const struct step *step)
{
	uint32_t netns = draft->netns.items[step->netns];
	if (step->kind == STEP_SYSCTL)
		return draft_sysctl(draft, netns, step);
	if (step->kind == STEP_LINK_NUMBER)
		return draft_number(draft, step->netns, step->link, step->number.number, step->number.after);
	if (step->kind == STEP_LINK_ADD)
		return draft_made(draft, step);
	if (step->link[0] && is_marked(&draft->picture, step->netns, step->link))
		return 0;
	if (step->kind == STEP_ADDRESS_ADD)
		return draft_address(draft, netns, step);
	if (step->kind == STEP_ROUTE_ADD)
		return PUSH(&draft->ledger.routes, ((struct ledger_route){netns, step->route}));
	if (step->kind == STEP_LINK_BRIDGE && step->bridge.after[0])
		return draft_port(draft, netns, step);
	return 0;
}

static int draft_all(struct draft *draft, const struct ledger *old, const struct plan_steps *steps)
{
	int rc = copy_facts(&draft->ledger, old);
	vec_each (seen, &draft->picture.seen->netns) {
		if (rc == 0)
			rc = draft_netns(draft, seen);
	}
	if (rc == 0)
		rc = note_sysctls(draft, old);
	if (rc == 0)
		rc = note_numbers(draft, old);
	vec_each (step, &steps->all) {
		if (rc == 0)
			rc = draft_step(draft, step);
	}
	return rc;
}

static int draft_init(struct draft *draft, const struct topology *wanted, const struct seen *seen,
                      const struct ledger *old, const struct plan_steps *steps, struct err *err)
{
	*draft = (struct draft){0};
	strcpy(draft->ledger.name, wanted->name);
	int rc = picture_init(&draft->picture, wanted, seen, old, err);
	if (rc < 0)
		return rc;
	rc = draft_all(draft, old, steps);
	return rc < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

int planner_ledger(const struct topology *wanted, const struct seen *seen, const struct ledger *old,
                   const struct plan_steps *steps, struct ledger *ret, struct err *err)
{
	struct draft draft;
	int rc = draft_init(&draft, wanted, seen, old, steps, err);
	if (rc == 0) {
		*ret = draft.ledger;
		draft.ledger = (struct ledger){0};
	}
	draft_fini(&draft);
	return rc;
}

/* ---- afterwards ---- */

/* The functions below keep a fact for what is wanted, if @known, whose facts are sorted, has one. @netns: of
 * the topology. */

static int keep_sysctls(struct ledger *kept, const struct draft *draft, uint32_t netns)
{
	const struct topology_netns *wanted = &draft->picture.wanted->netns.items[netns];
	for (enum sysctl key = 0; key < SYSCTL_COUNT; key++) {
		struct ledger_sysctl fact = {.netns = draft->netns.items[netns], .key = key};
		const struct ledger_sysctl *known = FIND(&fact, &draft->ledger.sysctls, compare_sysctls);
		if (!wanted->sysctls[key][0] || !known)
			continue;
		fact.netns = netns;
		strcpy(fact.before, known->before);
		strcpy(fact.after, wanted->sysctls[key]);
		if (PUSH(&kept->sysctls, fact) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* is_known_route - was it, or is it about to be, made by the topology, be it that the file has called its
 * link otherwise? */
static bool is_known_route(const struct draft *draft, const struct picture_wanted_route *wanted)
{
	const struct ledger_route fact = {draft->netns.items[wanted->netns], *wanted->route};
	return (wanted->seen != PICTURE_NONE && draft->picture.routes.items[wanted->seen].own) ||
	       FIND(&fact, &draft->ledger.routes, compare_routes);
}

static int keep_route(struct ledger *kept, const struct draft *draft,
                      const struct picture_wanted_route *wanted)
{
	if (wanted->route->link[0] && is_marked(&draft->picture, wanted->netns, wanted->route->link))
		return 0;
	if (!is_known_route(draft, wanted))
		return 0;
	return PUSH(&kept->routes, ((struct ledger_route){wanted->netns, *wanted->route}));
}

static int keep_addresses(struct ledger *kept, const struct draft *draft, const struct topology_link *link)
{
	struct ledger_address fact = {0};
	strcpy(fact.link, link->name);
	vec_each (prefix, &link->addresses) {
		fact.netns = draft->netns.items[link->netns];
		fact.prefix = *prefix;
		if (!FIND(&fact, &draft->ledger.addresses, compare_addresses))
			continue;
		fact.netns = link->netns;
		if (PUSH(&kept->addresses, fact) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int keep_port(struct ledger *kept, const struct draft *draft, const struct topology_link *link)
{
	struct ledger_port fact = {.netns = draft->netns.items[link->netns]};
	strcpy(fact.link, link->name);
	if (link->bridge == TOPOLOGY_NONE || !FIND(&fact, &draft->ledger.ports, compare_ports))
		return 0;
	fact.netns = link->netns;
	return PUSH(&kept->ports, fact);
}

/* keep_numbers - of an own link each; of somebody else's those that the topology has changed */
static int keep_numbers(struct ledger *kept, const struct draft *draft, const struct picture_link *link)
{
	const uint32_t *wanted = picture_numbers(&draft->picture, link);
	struct ledger_number fact = {0};
	strcpy(fact.link, link->name);
	for (enum link_number i = 0; wanted && i < LINK_NUMBER_COUNT; i++) {
		fact.netns = draft->netns.items[link->netns];
		fact.number = i;
		fact.after = draft->picture.seen->lacks[i] ? 0 : link_number_wanted(wanted, i);
		const struct ledger_number *known = FIND(&fact, &draft->ledger.numbers, compare_numbers);
		if (!fact.after || (!known && !picture_is_ours(&draft->picture, link)))
			continue;
		fact.netns = link->netns;
		fact.before = picture_is_ours(&draft->picture, link) ? 0 : known->before;
		if (PUSH(&kept->numbers, fact) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int keep_netns(struct ledger *kept, const struct draft *draft, uint32_t netns)
{
	int rc = PUSH(&kept->netns, describe_netns(&draft->picture.seen->netns.items[netns], NULL));
	return rc < 0 ? rc : keep_sysctls(kept, draft, netns);
}

/* keep_wanted - namespaces get the indices that they have in the topology */
static int keep_wanted(struct ledger *kept, const struct draft *draft)
{
	int rc = 0;
	for (uint32_t i = 0; rc == 0 && i < draft->picture.wanted->netns.count; i++)
		rc = keep_netns(kept, draft, i);
	vec_each (link, &draft->picture.wanted->links) {
		if (rc == 0 && link->existing)
			rc = keep_addresses(kept, draft, link);
		if (rc == 0 && link->existing)
			rc = keep_port(kept, draft, link);
	}
	vec_each (link, &draft->picture.links) {
		if (rc == 0)
			rc = keep_numbers(kept, draft, link);
	}
	vec_each (route, &draft->picture.wanted_routes) {
		if (rc == 0)
			rc = keep_route(kept, draft, route);
	}
	return rc;
}

/* sort_facts - so that FIND() can look among them */
static void sort_facts(struct ledger *ledger)
{
	SORT(&ledger->sysctls, compare_sysctls);
	SORT(&ledger->addresses, compare_addresses);
	SORT(&ledger->routes, compare_routes);
	SORT(&ledger->ports, compare_ports);
	SORT(&ledger->numbers, compare_numbers);
}

int planner_ledger_after(const struct topology *wanted, const struct seen *seen, const struct ledger *old,
                         const struct plan_steps *steps, struct ledger *ret, struct err *err)
{
	struct draft draft;
	struct ledger kept = {0};
	strcpy(kept.name, wanted->name);
	int rc = draft_init(&draft, wanted, seen, old, steps, err);
	if (rc == 0) {
		sort_facts(&draft.ledger);
		rc = keep_wanted(&kept, &draft) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
	}
	draft_fini(&draft);
	if (rc < 0)
		ledger_fini(&kept);
	else
		*ret = kept;
	return rc;
}

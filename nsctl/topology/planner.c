/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: wanted and seen are put side by side (picture.c); what stands in the way of the plan
 * is refused; what has to go is marked; then the steps are written down in the order of planner_plan().
 * Nothing is looked for by walking a list, so that the work grows with the number of things, not with its
 * square.
 *
 * What is no longer wanted goes only once what is wanted is there, but before the routes: the kernel chooses
 * the link of a route's next hop when the route is added, and an address that is about to go would mislead
 * it.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "nsctl/topology/planner_private.h"

void seen_fini(struct seen *seen)
{
	vec_each (netns, &seen->netns) {
		netstate_fini(&netns->state);
		vec_clear(&netns->nsids);
		free(netns->nat);
	}
	vec_clear(&seen->netns);
}

struct step *planner_step(struct planner *planner, enum step_kind kind, uint32_t netns, const char *link)
{
	struct step *step = vec_push(&planner->steps.all);
	if (!step) {
		planner->out_of_memory = true;
		step = &planner->spare;
		memset(step, 0, sizeof(*step));
	}
	CHECK(strlen(link) < sizeof(step->link));
	step->kind = kind;
	step->netns = netns;
	strcpy(step->link, link);
	return step;
}

struct step *planner_link_step(struct planner *planner, enum step_kind kind, const struct picture_link *link)
{
	return planner_step(planner, kind, link->netns, link->name);
}

/* ---- conflicts ---- */

static const char *netns_name(const struct picture *picture, uint32_t netns)
{
	return picture->seen->netns.items[netns].name;
}

static int check_netns(const struct picture *picture, const struct seen_netns *netns, struct err *err)
{
	if (netns->wanted == TOPOLOGY_NONE)
		return 0;
	if (netns->tenure == NETNS_EXISTING && !netns->exists)
		return err_set(err, ENOENT, "namespace %s is not there, and the file says it exists",
		               netns->name);
	if (netns->tenure == NETNS_MADE && netns->exists && !netns->own)
		return err_set(
		        err, EEXIST,
		        "namespace %s exists and was not made by nsctl topology %s; remove or rename it, or "
		        "write `existing: true`",
		        netns->name, picture->wanted->name);
	return 0;
}

/* check_bridge - a port of somebody else's bridge is left to him */
static int check_bridge(const struct picture *picture, const struct picture_link *link, struct err *err)
{
	if (!link->wanted->existing || link->wanted->bridge == TOPOLOGY_NONE || link->bridge == PICTURE_NONE)
		return 0;
	const struct picture_link *bridge = &picture->links.items[link->bridge];
	if (bridge->own || link->bridge == picture->of_wanted.items[link->wanted->bridge])
		return 0;
	return err_set(err, EEXIST,
	               "%s/%s is a port of %s, which was not made by nsctl topology %s; release it first",
	               netns_name(picture, link->netns), link->name, bridge->name, picture->wanted->name);
}

static int check_numbers(const struct picture *picture, const struct picture_link *link, struct err *err)
{
	const uint32_t *numbers = picture_numbers(picture, link);
	for (enum link_number i = 0; numbers && i < LINK_NUMBER_COUNT; i++) {
		if (numbers[i] && picture->seen->lacks[i])
			return err_set(err, EOPNOTSUPP, "%s/%s: this kernel does not know %s; Linux %s does",
			               netns_name(picture, link->netns), link->name, link_numbers[i].name,
			               link_numbers[i].since);
	}
	return 0;
}

static int check_link(const struct picture *picture, const struct picture_link *link, struct err *err)
{
	if (!link->wanted)
		return 0;
	if (link->wanted->existing && !link->present)
		return err_set(err, ENODEV, "%s/%s is not there, and the file says it exists",
		               netns_name(picture, link->netns), link->name);
	if (!link->wanted->existing && link->present && !link->own)
		return err_set(
		        err, EEXIST,
		        "%s/%s exists and was not made by nsctl topology %s; remove or rename it, or write "
		        "`existing: true`",
		        netns_name(picture, link->netns), link->name, picture->wanted->name);
	return check_bridge(picture, link, err);
}

/* METRIC6 - of an IPv6 route that names none: IP6_RT_PRIO_USER, include/net/ip6_route.h. With IPv4 it is
 * 0. */
enum { METRIC6 = 1024 };

/* is_in_the_way - would the kernel refuse a route of the same destination, for this one? */
static bool is_in_the_way(const struct picture *picture, const struct picture_route *route)
{
	return !route->own && !route->removed && route->protocol != RTPROT_KERNEL &&
	       picture->links.items[route->link].removal == REMOVAL_NONE &&
	       route->metric == (route->to.family == AF_INET6 ? METRIC6 : 0U);
}

static int check_route(const struct picture *picture, const struct picture_wanted_route *wanted,
                       struct err *err)
{
	const struct prefix *to = &wanted->route->to;
	size_t i = wanted->seen == PICTURE_NONE ? picture_first_route(picture, wanted->netns, to)
	                                        : picture->routes.count;
	for (; i < picture->routes.count; i++) {
		const struct picture_route *route = &picture->routes.items[i];
		if (route->netns != wanted->netns || picture_compare_prefix(&route->to, to) != 0)
			break;
		if (!is_in_the_way(picture, route))
			continue;
		char text[PREFIX_TEXT_MAX];
		return err_set(
		        err, EEXIST,
		        "%s: there is a route to %s already, by %s, that was not made by nsctl topology %s; "
		        "remove it, or leave the route out",
		        netns_name(picture, wanted->netns),
		        to->length ? prefix_format(to, text, sizeof(text)) : "default",
		        picture->links.items[route->link].name, picture->wanted->name);
	}
	return 0;
}

static int check_things(const struct picture *picture, struct err *err)
{
	int rc = 0;
	vec_each (netns, &picture->seen->netns) {
		if (rc == 0)
			rc = check_netns(picture, netns, err);
	}
	vec_each (link, &picture->links) {
		if (rc == 0)
			rc = check_link(picture, link, err);
		if (rc == 0)
			rc = check_numbers(picture, link, err);
	}
	return rc;
}

/* check_routes - once it is known what goes */
static int check_routes(const struct picture *picture, struct err *err)
{
	int rc = 0;
	vec_each (wanted, &picture->wanted_routes) {
		if (rc == 0)
			rc = check_route(picture, wanted, err);
	}
	return rc;
}

/* ---- namespaces ---- */

static void add_namespaces(struct planner *planner)
{
	const struct seen *seen = planner->picture.seen;
	for (uint32_t i = 0; i < seen->netns.count; i++) {
		const struct seen_netns *netns = &seen->netns.items[i];
		if (netns->wanted != TOPOLOGY_NONE && netns->tenure == NETNS_MADE && !netns->exists)
			planner_step(planner, STEP_NETNS_ADD, i, "");
	}
}

static void delete_namespaces(struct planner *planner)
{
	for (uint32_t i = 0; i < planner->picture.seen->netns.count; i++) {
		if (picture_goes(&planner->picture, i))
			planner_step(planner, STEP_NETNS_DELETE, i, "");
	}
}

/* ---- settings ---- */

static void set_sysctl(struct planner *planner, uint32_t netns, enum sysctl key, const char *value)
{
	struct step *step = planner_step(planner, STEP_SYSCTL, netns, "");
	step->sysctl.key = key;
	strcpy(step->sysctl.before, planner->picture.seen->netns.items[netns].sysctls[key]);
	strcpy(step->sysctl.after, value);
}

static const char *wanted_sysctl(const struct picture *picture, uint32_t netns, enum sysctl key)
{
	uint32_t wanted = picture->seen->netns.items[netns].wanted;
	return wanted == TOPOLOGY_NONE ? "" : picture->wanted->netns.items[wanted].sysctls[key];
}

static void set_sysctls(struct planner *planner)
{
	const struct seen *seen = planner->picture.seen;
	for (uint32_t i = 0; i < seen->netns.count; i++) {
		for (enum sysctl key = 0; key < SYSCTL_COUNT; key++) {
			const char *value = wanted_sysctl(&planner->picture, i, key);
			if (value[0] && strcmp(value, seen->netns.items[i].sysctls[key]) != 0)
				set_sysctl(planner, i, key, value);
		}
	}
}

/* gives_back - is it to be set back to what it was before, for nobody has changed it since? */
static bool gives_back(const struct picture *picture, uint32_t netns, const struct ledger_sysctl *fact)
{
	const char *now = picture->seen->netns.items[netns].sysctls[fact->key];
	return !wanted_sysctl(picture, netns, fact->key)[0] && !picture_goes(picture, netns) &&
	       fact->before[0] && now[0] && strcmp(now, fact->after) == 0 && strcmp(now, fact->before) != 0;
}

/* restore_sysctls - those that are no longer wanted; a kill may have left several facts of one setting */
static void restore_sysctls(struct planner *planner)
{
	const struct picture *picture = &planner->picture;
	bool(*done)[SYSCTL_COUNT] = calloc(picture->seen->netns.count + 1, sizeof(*done));
	planner->out_of_memory |= !done;
	vec_each (fact, &picture->ledger->sysctls) {
		uint32_t netns = picture->of_ledger.items[fact->netns];
		if (!done || netns == PICTURE_NONE || done[netns][fact->key] ||
		    !gives_back(picture, netns, fact))
			continue;
		done[netns][fact->key] = true;
		set_sysctl(planner, netns, fact->key, fact->before);
	}
	free(done);
}

static void set_nat(struct planner *planner, uint32_t netns, const char *mark)
{
	const struct seen_netns *seen = &planner->picture.seen->netns.items[netns];
	const struct nat *wanted = seen->wanted == TOPOLOGY_NONE
	                                   ? NULL
	                                   : &planner->picture.wanted->netns.items[seen->wanted].nat;
	if (wanted && nat_empty(wanted))
		wanted = NULL;
	const char *now = seen->nat && seen->nat[0] ? seen->nat : NULL;
	if (!wanted && !now)
		return;
	char *text = wanted ? nat_text(mark, wanted) : NULL;
	if (wanted && !text)
		planner->out_of_memory = true;
	if (!text || !now || strcmp(text, now) != 0) {
		struct step *step = planner_step(planner, STEP_NAT, netns, "");
		step->nat.before = now;
		step->nat.after = wanted;
	}
	free(text);
}

/* set_nats - the table has the mark for its name */
static void set_nats(struct planner *planner)
{
	char mark[TOPOLOGY_MARK_MAX];
	topology_mark(planner->picture.wanted, mark, sizeof(mark));
	for (uint32_t i = 0; i < planner->picture.seen->netns.count; i++) {
		if (!picture_goes(&planner->picture, i))
			set_nat(planner, i, mark);
	}
}

/* ---- the plan ---- */

static void write_steps(struct planner *planner)
{
	add_namespaces(planner);
	planner_remove_routes(planner);
	planner_remove(planner, REMOVAL_EARLY);
	planner_add_links(planner);
	planner_change_links(planner);
	planner_add_addresses(planner);
	planner_raise_links(planner);
	planner_remove(planner, REMOVAL_LATE);
	planner_add_routes(planner);
	set_sysctls(planner);
	restore_sysctls(planner);
	set_nats(planner); /* where there was a table, it cannot be undone */
	delete_namespaces(planner);
}

static int plan(struct planner *planner, struct err *err)
{
	int rc = check_things(&planner->picture, err);
	if (rc < 0)
		return rc;
	planner_decide_removals(planner);
	rc = check_routes(&planner->picture, err);
	if (rc < 0)
		return rc;
	write_steps(planner);
	return planner->out_of_memory ? err_set(err, ENOMEM, "out of memory") : 0;
}

int planner_plan(const struct topology *wanted, const struct seen *seen, const struct ledger *ledger,
                 struct plan_steps *ret, struct err *err)
{
	struct planner planner = {0};
	int rc = picture_init(&planner.picture, wanted, seen, ledger, err);
	if (rc == 0)
		rc = plan(&planner, err);
	picture_fini(&planner.picture);
	if (rc < 0)
		vec_clear(&planner.steps.all);
	else
		*ret = planner.steps;
	return rc;
}

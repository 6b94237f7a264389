/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/nsctl/stage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

#define TOPOLOGY_NAME "lab"

/* ---- topologies ---- */

void topology_begin(struct topology *topology)
{
	*topology = (struct topology){.name = TOPOLOGY_NAME};
}

uint32_t put_netns(struct topology *topology, const char *name, enum netns_tenure tenure)
{
	struct topology_netns *netns = vec_push(&topology->netns);
	strcpy(netns->name, name);
	strcpy(netns->ref.text, name);
	netns->ref.kind = NETNS_NAME;
	netns->tenure = tenure;
	netns->loopback_up = true;
	return (uint32_t)topology->netns.count - 1;
}

uint32_t put_link(struct topology *topology, uint32_t netns, const char *name, enum link_kind kind)
{
	struct topology_link *link = vec_push(&topology->links);
	strcpy(link->name, name);
	link->netns = netns;
	link->kind = kind;
	link->peer = link->parent = link->bridge = TOPOLOGY_NONE;
	link->up = true;
	return (uint32_t)topology->links.count - 1;
}

uint32_t put_upper(struct topology *topology, uint32_t netns, const char *name, enum link_kind kind,
                   uint32_t parent)
{
	uint32_t link = put_link(topology, netns, name, kind);
	topology->links.items[link].parent = parent;
	return link;
}

uint32_t put_existing(struct topology *topology, uint32_t netns, const char *name)
{
	uint32_t link = put_link(topology, netns, name, LINK_OTHER);
	topology->links.items[link].existing = true;
	return link;
}

uint32_t put_veth(struct topology *topology, uint32_t a, const char *name_a, uint32_t b, const char *name_b)
{
	uint32_t first = put_link(topology, a, name_a, LINK_VETH);
	uint32_t second = put_link(topology, b, name_b, LINK_VETH);
	topology->links.items[first].peer = second;
	topology->links.items[second].peer = first;
	return first;
}

struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	struct err err = ERR_INIT;
	if (prefix_parse(text, &prefix, &err) < 0)
		fail_msg("%s", err.text);
	return prefix;
}

void put_address(struct topology *topology, uint32_t link, const char *address)
{
	*(struct prefix *)vec_push(&topology->links.items[link].addresses) = prefix_of(address);
}

void put_route(struct topology *topology, uint32_t netns, const char *to, const char *via, const char *link)
{
	struct topology_route *route = vec_push(&topology->netns.items[netns].routes);
	route->to = prefix_of(to);
	if (via[0])
		route->via = prefix_of(via);
	strcpy(route->link, link);
}

void put_masquerade(struct topology *topology, uint32_t netns, const char *from)
{
	struct nat_masquerade *masquerade = vec_push(&topology->netns.items[netns].nat.masquerades);
	masquerade->from = prefix_of(from);
}

/* ---- the stage ---- */

/* fail_at - cmocka's own message is cut */
static void __attribute__((format(printf, 2, 3))) fail_at(const struct stage *stage, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	va_start(args, fmt);
	/* clang-tidy 14 forgets va_start() where it inlines a variadic function */
	vsnprintf(text, sizeof(text), fmt, args); /* NOLINT(clang-analyzer-valist.Uninitialized) */
	va_end(args);
	fprintf(stderr, "%s: %s", stage->hint, text);
	fail_msg("%s, see above", stage->hint);
}

void stage_hand(struct stage *stage, const char *netns, struct step step)
{
	struct seen_netns only = {.name = netns};
	struct seen seen = {.netns = {.items = &only, .count = 1}};
	struct err err = ERR_INIT;
	stage->world.by_hand = true;
	step.netns = 0;
	int rc = world_do(&stage->world, &seen, &step, true, &err);
	if (rc < 0 && rc != -EEXIST)
		fail_msg("by hand: %s", err.text);
	stage->world.by_hand = false;
	stage->meddled = true;
}

static void furnish(struct stage *stage, const char *netns)
{
	stage->world.by_hand = true;
	world_add_netns(&stage->world, netns);
	stage_hand(stage, netns, (struct step){.kind = STEP_LINK_UP, .link = "lo"});
	stage_hand(stage, netns,
	           (struct step){.kind = STEP_LINK_ADD, .link = "eth0", .made.kind = LINK_OTHER});
	stage_hand(stage, netns, (struct step){.kind = STEP_LINK_UP, .link = "eth0"});
	stage_hand(stage, netns,
	           (struct step){
	                   .kind = STEP_ADDRESS_ADD, .link = "eth0", .address = prefix_of("192.0.2.2/24")});
	stage_hand(stage, netns,
	           (struct step){.kind = STEP_ROUTE_ADD,
	                         .route = {.to = prefix_of("0.0.0.0/0"), .via = prefix_of("192.0.2.1")}});
}

void stage_init(struct stage *stage)
{
	*stage = (struct stage){0};
	world_init(&stage->world, TOPOLOGY_NAME);
	strcpy(stage->ledger.name, TOPOLOGY_NAME);
	furnish(stage, "host");
	furnish(stage, "ex");
	stage->meddled = false;
}

void stage_fini(struct stage *stage)
{
	world_fini(&stage->world);
	ledger_fini(&stage->ledger);
}

static void copy_ledger(struct ledger *ret, const struct ledger *ledger)
{
	struct err err = ERR_INIT;
	char *text = ledger_format(ledger);
	assert_non_null(text);
	if (ledger_parse(text, strlen(text), ret, &err) < 0)
		fail_msg("%s in:\n%s", err.text, text);
	free(text);
}

void stage_copy(struct stage *ret, const struct stage *stage)
{
	*ret = *stage;
	world_copy(&ret->world, &stage->world);
	copy_ledger(&ret->ledger, &stage->ledger);
}

/* A plan and what it is about. */
struct act {
	struct seen seen;
	struct plan_steps steps;
};

static void act_fini(struct act *act)
{
	vec_clear(&act->steps.all);
	seen_fini(&act->seen);
}

static const char *plan_text(const struct act *act)
{
	static char text[1 << 16];
	const char *names[64];
	size_t length = 0;
	for (size_t i = 0; i < act->seen.netns.count && i < ARRAY_COUNT(names); i++)
		names[i] = act->seen.netns.items[i].name;
	text[0] = '\0';
	vec_each (step, &act->steps.all) {
		char line[STEP_TEXT_MAX];
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%s\n",
		                           step_describe(step, names, line, sizeof(line)));
		assert_true(length < sizeof(text));
	}
	return text;
}

static int act_init(struct act *act, const struct stage *stage, const struct topology *wanted,
                    struct err *err)
{
	*act = (struct act){0};
	world_see(&stage->world, wanted, &stage->ledger, &act->seen);
	return planner_plan(wanted, &act->seen, &stage->ledger, &act->steps, err);
}

static void act_begin(struct act *act, const struct stage *stage, const struct topology *wanted)
{
	struct err err = ERR_INIT;
	if (act_init(act, stage, wanted, &err) < 0)
		fail_at(stage, "%s", err.text);
}

const char *stage_plan(const struct stage *stage, const struct topology *wanted)
{
	struct act act;
	act_begin(&act, stage, wanted);
	const char *text = plan_text(&act);
	act_fini(&act);
	return text;
}

const char *stage_refuses(const struct stage *stage, const struct topology *wanted, int code)
{
	static struct err err;
	struct act act;
	err = (struct err)ERR_INIT;
	assert_int_equal(act_init(&act, stage, wanted, &err), -code);
	assert_int_equal(err.code, code);
	assert_int_equal(act.steps.all.count, 0);
	act_fini(&act);
	return err.text;
}

static void do_steps(struct stage *stage, const struct act *act, size_t count)
{
	for (size_t i = 0; i < count && i < act->steps.all.count; i++) {
		struct err err = ERR_INIT;
		if (world_do(&stage->world, &act->seen, &act->steps.all.items[i], false, &err) < 0)
			fail_at(stage, "step %zu of the plan: %s\n%s\n%s", i + 1, err.text, plan_text(act),
			        world_text(&stage->world));
	}
}

static void write_ledger(struct stage *stage, const struct topology *wanted, const struct act *act,
                         bool after)
{
	struct ledger written;
	struct err err = ERR_INIT;
	int rc = (after ? planner_ledger_after : planner_ledger)(wanted, &act->seen, &stage->ledger,
	                                                         &act->steps, &written, &err);
	if (rc < 0)
		fail_at(stage, "%s", err.text);
	ledger_fini(&stage->ledger);
	copy_ledger(&stage->ledger, &written);
	ledger_fini(&written);
}

size_t stage_apply(struct stage *stage, const struct topology *wanted)
{
	struct act act;
	act_begin(&act, stage, wanted);
	size_t count = act.steps.all.count;
	char *done = strdup(plan_text(&act));
	do_steps(stage, &act, count);
	write_ledger(stage, wanted, &act, true);
	act_fini(&act);
	const char *left = stage_plan(stage, wanted);
	if (left[0])
		fail_at(stage, "applied, but there is more to do:\n%s\nafter:\n%s\n%s", left, done,
		        world_text(&stage->world));
	free(done);
	return count;
}

void stage_apply_until(struct stage *stage, const struct topology *wanted, size_t count)
{
	struct act act;
	act_begin(&act, stage, wanted);
	do_steps(stage, &act, count);
	write_ledger(stage, wanted, &act, false);
	act_fini(&act);
}

/* is_in_new_netns - it goes with the namespace that the plan has made */
static bool is_in_new_netns(const struct act *act, const struct step *step)
{
	return !act->seen.netns.items[step->netns].exists;
}

static bool undo_steps(struct stage *stage, const struct act *act, size_t count)
{
	while (count-- > 0) {
		const struct step *step = &act->steps.all.items[count];
		struct step undo;
		struct err err = ERR_INIT;
		if (!step_undo(step, &undo)) {
			if (is_in_new_netns(act, step))
				continue;
			return false;
		}
		int rc = world_do(&stage->world, &act->seen, &undo, true, &err);
		if (rc == -ENETUNREACH && stage->meddled)
			return false; /* the route was there without the address by which it was made */
		if (rc < 0)
			fail_at(stage, "undoing step %zu: %s\n%s", count + 1, err.text, plan_text(act));
	}
	return true;
}

static void assert_same(const struct stage *before, const struct stage *after, const struct act *act,
                        size_t count)
{
	char *expected = world_text(&before->world), *got = world_text(&after->world);
	if (strcmp(expected, got) != 0)
		fail_at(before, "after undoing %zu steps of:\n%s\nthere is:\n%s\ninstead of:\n%s", count,
		        plan_text(act), got, expected);
	free(expected);
	free(got);
}

bool stage_undo(const struct stage *stage, const struct topology *wanted, size_t count)
{
	struct stage other;
	struct act act;
	stage_copy(&other, stage);
	act_begin(&act, stage, wanted);
	if (count > act.steps.all.count)
		count = act.steps.all.count;
	do_steps(&other, &act, count);
	bool undone = undo_steps(&other, &act, count);
	if (undone)
		assert_same(stage, &other, &act, count);
	act_fini(&act);
	stage_fini(&other);
	return undone;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must hold for any topologies, and any world: once applied, nothing is left to do; steps that are taken
 * back leave no trace; an nsctl that was killed is made up for by the next; and what remains of a topology
 * that is deleted is nothing. NSRELAY_SEED in the environment repeats one run, whose number failures show.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/nsctl/stage.h"
#include "tests/unit/unit.h"

#ifdef NSRELAY_SANITIZED
enum { RUNS = 300 };
#else
enum { RUNS = 3000 };
#endif

static uint64_t random_state;

/* below - a number below @count (splitmix64, https://prng.di.unimi.it/splitmix64.c) */
static uint32_t below(uint32_t count)
{
	uint64_t z = (random_state += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ (z >> 31)) % count);
}

static bool chance(uint32_t percent)
{
	return below(100) < percent;
}

/* ---- topologies ---- */

enum { LINK_TRIES = 10, NAME_COUNT = 5 };

static uint32_t a_netns(const struct topology *topology)
{
	return below((uint32_t)topology->netns.count);
}

static const char *a_free_name(const struct topology *topology, uint32_t netns)
{
	static const char *const names[NAME_COUNT] = {"l0", "l1", "l2", "l3", "l4"};
	const char *name = names[below(NAME_COUNT)];
	return topology_find_link(topology, netns, name) == TOPOLOGY_NONE ? name : NULL;
}

static void random_namespaces(struct topology *topology)
{
	static const char *const made[] = {"a", "b", "c"};
	if (chance(80))
		put_netns(topology, "host", NETNS_EXISTING);
	if (chance(50))
		put_netns(topology, "ex", NETNS_EXISTING);
	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		if (chance(30))
			continue;
		uint32_t netns = put_netns(topology, made[i], NETNS_MADE);
		topology->netns.items[netns].loopback_up = chance(90);
	}
	if (topology->netns.count == 0)
		put_netns(topology, "a", NETNS_MADE);
}

static bool is_upper(enum link_kind kind)
{
	return kind == LINK_MACVLAN || kind == LINK_IPVLAN || kind == LINK_VXLAN;
}

/* is_busy - can no link of @kind be put on @parent? See check_busy() in world.c. */
static bool is_busy(const struct topology *topology, uint32_t parent, enum link_kind kind)
{
	if (topology->links.items[parent].bridge != TOPOLOGY_NONE)
		return true;
	vec_each (link, &topology->links) {
		if (link->parent == parent && (link->kind == LINK_MACVLAN || link->kind == LINK_IPVLAN) &&
		    link->kind != kind)
			return true;
	}
	return false;
}

static void random_veth(struct topology *topology, uint32_t netns, const char *name)
{
	uint32_t other = a_netns(topology);
	const char *peer = a_free_name(topology, other);
	if (peer && (other != netns || strcmp(peer, name) != 0))
		put_veth(topology, netns, name, other, peer);
}

static void random_upper(struct topology *topology, uint32_t netns, const char *name, enum link_kind kind)
{
	if (topology->links.count == 0)
		return;
	uint32_t parent = below((uint32_t)topology->links.count);
	const struct topology_link *at = &topology->links.items[parent];
	bool same_kind = at->kind == kind;
	if (same_kind && kind == LINK_VXLAN)
		return;
	uint32_t root = same_kind ? at->parent : parent;
	if ((is_upper(at->kind) && !same_kind) || is_busy(topology, root, kind))
		return;
	uint32_t link = put_upper(topology, netns, name, kind, parent);
	topology->links.items[link].mode = kind == LINK_MACVLAN ? 4 : 0;
	if (chance(20))
		topology->links.items[link].mode = kind == LINK_MACVLAN ? 1 : 2;
}

static void random_vxlan(struct topology *topology, uint32_t netns, const char *name)
{
	uint32_t vni = 1 + below(3);
	vec_each (link, &topology->links) {
		if (link->kind == LINK_VXLAN && link->netns == netns && link->vxlan.vni == vni)
			return;
	}
	uint32_t link = put_link(topology, netns, name, LINK_VXLAN);
	topology->links.items[link].vxlan.vni = vni;
	if (chance(50))
		topology->links.items[link].vxlan.port = 4789;
	if (chance(50))
		topology->links.items[link].vxlan.local = prefix_of("10.0.0.1");
}

static void random_link(struct topology *topology)
{
	uint32_t netns = a_netns(topology);
	const char *name = a_free_name(topology, netns);
	if (!name)
		return;
	switch (below(6)) {
	case 0:
		put_link(topology, netns, name, LINK_BRIDGE);
		break;
	case 1:
		return random_upper(topology, netns, name, LINK_MACVLAN);
	case 2:
		return random_upper(topology, netns, name, LINK_IPVLAN);
	case 3:
		return random_vxlan(topology, netns, name);
	default:
		return random_veth(topology, netns, name);
	}
}

static void random_existing(struct topology *topology)
{
	for (uint32_t i = 0; i < topology->netns.count; i++) {
		if (topology->netns.items[i].tenure == NETNS_EXISTING && chance(50))
			put_existing(topology, i, "eth0");
	}
}

/* has_upper - does a macvlan or ipvlan keep it busy? */
static bool has_upper(const struct topology *topology, uint32_t parent)
{
	return is_busy(topology, parent, LINK_BRIDGE);
}

static void random_ports(struct topology *topology)
{
	for (uint32_t i = 0; i < topology->links.count; i++) {
		uint32_t bridge = below((uint32_t)topology->links.count);
		const struct topology_link *at = &topology->links.items[bridge];
		struct topology_link *link = &topology->links.items[i];
		if (at->kind == LINK_BRIDGE && at->netns == link->netns && link->kind != LINK_BRIDGE &&
		    !has_upper(topology, i) && chance(60))
			link->bridge = bridge;
	}
}

static void random_values(struct topology *topology)
{
	static const uint32_t sizes[] = {60000, 65536, 100000};
	vec_each (link, &topology->links) {
		if (link->existing)
			continue;
		link->up = chance(85);
		if (chance(20) && !is_upper(link->kind))
			link->numbers[LINK_MTU] = chance(50) ? 1400 : 9000;
		for (enum link_number i = LINK_GSO_MAX_SIZE; i < LINK_NUMBER_COUNT; i++) {
			if (chance(10))
				link->numbers[i] = sizes[below(ARRAY_COUNT(sizes))];
		}
		if (chance(15) && link->kind != LINK_IPVLAN)
			link->mac = (struct link_mac){true, {2, 0, 0, 0, 1, (uint8_t)below(4)}};
	}
}

/* random_furnishing - numbers of what is not made by the topology, and of loopbacks */
static void random_furnishing(struct topology *topology)
{
	static const uint32_t sizes[] = {60000, 65536, 100000};
	vec_each (link, &topology->links) {
		if (link->existing && chance(30))
			link->numbers[LINK_GSO_MAX_SIZE] = sizes[below(ARRAY_COUNT(sizes))];
		if (link->existing && chance(20))
			link->numbers[LINK_MTU] = chance(50) ? 1400 : 9000;
	}
	vec_each (netns, &topology->netns) {
		for (enum link_number i = LINK_GSO_MAX_SIZE; i < LINK_NUMBER_COUNT; i++) {
			if (chance(15))
				netns->loopback_numbers[i] = sizes[below(ARRAY_COUNT(sizes))];
		}
		if (chance(15))
			netns->loopback_numbers[LINK_MTU] = 9000;
	}
}

static void random_addresses(struct topology *topology, uint32_t index)
{
	struct topology_link *link = &topology->links.items[index];
	char text[PREFIX_TEXT_MAX];
	for (uint32_t i = 0, count = below(4); i < count; i++) {
		/* Networks are those of one link, that of the same index in most topologies; addresses in
		 * them differ. */
		snprintf(text, sizeof(text), "10.%u.%u.%u/24", index, below(2), 10 + i * 10 + below(10));
		put_address(topology, index, text);
	}
	if (chance(40) && link->numbers[LINK_MTU] != 1000) {
		snprintf(text, sizeof(text), "fd00:%u::%u/%u", index, 1 + below(3), chance(50) ? 64 : 48);
		put_address(topology, index, text);
		if (!link->existing && !link->numbers[LINK_MTU])
			link->numbers[LINK_MTU] = 1500; /* for it may be 1000 from before */
	} else if (chance(10) && !link->existing) {
		link->numbers[LINK_MTU] = 1000;
	}
}

static void random_gateway(struct topology *topology, const struct topology_link *link, uint32_t number)
{
	char to[PREFIX_TEXT_MAX], via[PREFIX_TEXT_MAX];
	vec_each (address, &link->addresses) {
		struct prefix gateway = *address;
		bool is4 = address->family == AF_INET;
		if (!chance(40))
			continue;
		((uint8_t *)&gateway.address)[is4 ? 3 : 15] = 254;
		snprintf(to, sizeof(to), is4 ? "10.%u.0.0/16" : "fd01:%u::/32", 100 + number * 3 + below(2));
		prefix_format_address(&gateway, via, sizeof(via));
		put_route(topology, link->netns, to, via, chance(50) ? link->name : "");
		return;
	}
}

static void random_routes(struct topology *topology)
{
	for (uint32_t i = 0; i < topology->links.count; i++) {
		const struct topology_link *link = &topology->links.items[i];
		char to[PREFIX_TEXT_MAX];
		if (!link->up && !link->existing)
			continue;
		random_gateway(topology, link, i);
		snprintf(to, sizeof(to), chance(50) ? "10.2%02u.0.0/16" : "fe%02u::/32", i);
		if (chance(20) && link->numbers[LINK_MTU] != 1000)
			put_route(topology, link->netns, to, "", link->name);
	}
}

static void random_settings(struct topology *topology)
{
	vec_each (netns, &topology->netns) {
		if (chance(30))
			strcpy(netns->sysctls[SYSCTL_IP_FORWARD], "1");
		if (chance(20))
			snprintf(netns->sysctls[SYSCTL_RP_FILTER], SYSCTL_VALUE_MAX, "%u", below(3));
	}
	for (uint32_t i = 0; i < topology->netns.count; i++) {
		if (chance(20))
			put_masquerade(topology, i, chance(50) ? "10.0.0.0/24" : "10.0.1.0/24");
	}
}

static void random_topology(struct topology *topology)
{
	topology_begin(topology);
	random_namespaces(topology);
	random_existing(topology);
	for (uint32_t i = 0; i < LINK_TRIES; i++)
		random_link(topology);
	random_ports(topology);
	random_values(topology);
	random_furnishing(topology);
	for (uint32_t i = 0; i < topology->links.count; i++)
		random_addresses(topology, i);
	random_routes(topology);
	random_settings(topology);
}

/* ---- somebody's hand ---- */

static void meddle_with_link(struct stage *stage, const char *netns, const struct netstate_link *link)
{
	struct step step = {0};
	strcpy(step.link, link->name);
	switch (below(5)) {
	case 0:
		step.kind = link->flags & IFF_UP ? STEP_LINK_DOWN : STEP_LINK_UP;
		break;
	case 1:
		step.kind = STEP_LINK_DELETE;
		break;
	case 2:
		step.kind = STEP_ADDRESS_ADD;
		step.address = prefix_of(chance(50) ? "10.99.0.1/24" : "10.0.0.3/24");
		break;
	case 3:
		step.kind = STEP_LINK_NUMBER;
		step.number.number = LINK_MTU;
		step.number.before = link->numbers[LINK_MTU];
		step.number.after = 1300 + below(100);
		break;
	default:
		if (link->kind == LINK_IPVLAN)
			return; /* it has that of what it is on */
		step.kind = STEP_LINK_MAC;
		step.mac.before = step.mac.after = link->mac;
		step.mac.after.bytes[1] = 77;
	}
	stage_hand(stage, netns, step);
}

static void meddle_with_addresses(struct stage *stage, const struct world_netns *netns)
{
	if (netns->state.addresses.count == 0)
		return;
	const struct netstate_address *address =
	        &netns->state.addresses.items[below((uint32_t)netns->state.addresses.count)];
	vec_each (link, &netns->state.links) {
		struct step step = {.kind = STEP_ADDRESS_DELETE, .address = address->prefix};
		if (link->index != address->link || strcmp(link->alias, stage->world.mark) != 0)
			continue;
		strcpy(step.link, link->name);
		stage_hand(stage, netns->name, step);
		return;
	}
}

/* meddle - with what is the topology's */
static void meddle(struct stage *stage)
{
	const struct world_netns *netns =
	        &stage->world.netns.items[below((uint32_t)stage->world.netns.count)];
	if (!netns->exists)
		return;
	if (chance(30))
		return meddle_with_addresses(stage, netns);
	const struct netstate_link *link =
	        &netns->state.links.items[below((uint32_t)netns->state.links.count)];
	if (link->kind != LINK_LOOPBACK && strcmp(link->alias, stage->world.mark) == 0)
		meddle_with_link(stage, netns->name, link);
}

/* ---- what must hold ---- */

static void one_run(uint64_t seed)
{
	struct stage stage;
	struct topology none, first, second;
	random_state = seed;
	stage_init(&stage);
	snprintf(stage.hint, sizeof(stage.hint), "NSRELAY_SEED=%llu", (unsigned long long)seed);
	stage.world.hide_nsids = false;
	char *empty = world_text(&stage.world);
	topology_begin(&none);
	random_topology(&first);
	random_topology(&second);

	stage_undo(&stage, &first, below(60));
	stage_apply(&stage, &first);
	for (uint32_t i = below(4); i > 0; i--)
		meddle(&stage);
	stage_undo(&stage, &first, below(30));
	if (chance(50))
		stage_apply(&stage, &first);
	if (chance(50))
		stage_apply_until(&stage, &second, below(40));
	stage_undo(&stage, &second, below(60));
	if (chance(50))
		stage_apply(&stage, &second);
	if (chance(50))
		stage_apply_until(&stage, chance(50) ? &none : &first, below(40));
	stage_undo(&stage, &none, below(60));
	stage_apply(&stage, &none);

	char *left = world_text(&stage.world);
	if (strcmp(left, empty) != 0)
		fail_msg("%s: left is\n%s\ninstead of\n%s", stage.hint, left, empty);
	free(left);
	free(empty);
	topology_fini(&first);
	topology_fini(&second);
	stage_fini(&stage);
}

static void any_topology_is_applied_changed_undone_and_deleted(void **state)
{
	(void)state;
	const char *seed = getenv("NSRELAY_SEED");
	if (seed)
		return one_run(strtoull(seed, NULL, 10));
	for (uint64_t i = 1; i <= RUNS; i++)
		one_run(i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(any_topology_is_applied_changed_undone_and_deleted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

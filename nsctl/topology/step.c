/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/step.h"

#include <string.h>

#include "base/check.h"
#include "base/text.h"

/* ---- undoing ---- */

/* What takes a kind of step back: the opposite one, or for a change of value the same one the other way
 * round. */
static const enum step_kind opposites[STEP_KIND_COUNT] = {
        [STEP_NETNS_ADD] = STEP_NETNS_DELETE,
        [STEP_NETNS_DELETE] = STEP_NETNS_ADD,
        [STEP_LINK_ADD] = STEP_LINK_DELETE,
        [STEP_LINK_DELETE] = STEP_LINK_ADD,
        [STEP_LINK_UP] = STEP_LINK_DOWN,
        [STEP_LINK_DOWN] = STEP_LINK_UP,
        [STEP_LINK_NUMBER] = STEP_LINK_NUMBER,
        [STEP_LINK_MAC] = STEP_LINK_MAC,
        [STEP_LINK_BRIDGE] = STEP_LINK_BRIDGE,
        [STEP_ADDRESS_ADD] = STEP_ADDRESS_DELETE,
        [STEP_ADDRESS_DELETE] = STEP_ADDRESS_ADD,
        [STEP_ROUTE_ADD] = STEP_ROUTE_DELETE,
        [STEP_ROUTE_DELETE] = STEP_ROUTE_ADD,
        [STEP_SYSCTL] = STEP_SYSCTL,
        [STEP_NAT] = STEP_NAT,
};

#define SWAP(a, b)                                                                                           \
	do {                                                                                                 \
		__typeof__(a) swap_ = (a);                                                                   \
		(a) = (b);                                                                                   \
		(b) = swap_;                                                                                 \
	} while (0)

static void swap_text(char *a, char *b, size_t size)
{
	for (size_t i = 0; i < size; i++)
		SWAP(a[i], b[i]);
}

/* can_remake - is all known that it takes to make a deleted link again? */
static bool can_remake(const struct step_link *made)
{
	if (made->kind == LINK_OTHER || made->kind == LINK_LOOPBACK)
		return false;
	if (made->kind == LINK_VETH)
		return made->peer[0];
	return made->parent[0] || (made->kind != LINK_MACVLAN && made->kind != LINK_IPVLAN);
}

static bool can_undo(const struct step *step)
{
	switch (step->kind) {
	case STEP_NETNS_DELETE:
		return false;
	case STEP_LINK_DELETE:
		return can_remake(&step->made);
	case STEP_SYSCTL:
		return step->sysctl.before[0];
	case STEP_NAT:
		return !step->nat.before; /* a text, out of which no table can be made */
	default:
		return true;
	}
}

bool step_undo(const struct step *step, struct step *ret)
{
	if (!can_undo(step))
		return false;
	struct step undo = *step;
	undo.kind = opposites[step->kind];
	if (step->kind == STEP_LINK_NUMBER)
		SWAP(undo.number.before, undo.number.after);
	else if (step->kind == STEP_LINK_MAC)
		SWAP(undo.mac.before, undo.mac.after);
	else if (step->kind == STEP_LINK_BRIDGE)
		swap_text(undo.bridge.before, undo.bridge.after, sizeof(undo.bridge.before));
	else if (step->kind == STEP_SYSCTL)
		swap_text(undo.sysctl.before, undo.sysctl.after, sizeof(undo.sysctl.before));
	else if (step->kind == STEP_NAT)
		undo.nat.after = NULL;
	*ret = undo;
	return true;
}

/* ---- describing ---- */

static void text_add_address(struct text *text, const char *what, const struct prefix *address)
{
	char buf[PREFIX_TEXT_MAX];
	if (address->family != AF_UNSPEC)
		text_add(text, "%s %s", what, prefix_format_address(address, buf, sizeof(buf)));
}

static void describe_vxlan(struct text *text, const struct link_vxlan *vxlan)
{
	text_add(text, " %u", vxlan->vni);
	text_add_address(text, ", local", &vxlan->local);
	text_add_address(text, ", remote", &vxlan->remote);
	if (vxlan->port)
		text_add(text, ", port %u", vxlan->port);
}

static void describe_link(struct text *text, const struct step *step, const char *const names[])
{
	const struct step_link *made = &step->made;
	text_add(text, "%s", link_kind_name(made->kind));
	const char *mode = link_mode_name(made->kind, made->mode);
	if (mode)
		text_add(text, ", mode %s", mode);
	if (made->kind == LINK_VXLAN)
		describe_vxlan(text, &made->vxlan);
	if (made->kind == LINK_VETH && made->peer[0])
		text_add(text, ", peer %s/%s", names[made->peer_netns], made->peer);
	if (made->parent[0])
		text_add(text, ", on %s/%s", names[made->parent_netns], made->parent);
}

static void describe_route(struct text *text, const struct topology_route *route)
{
	char buf[PREFIX_TEXT_MAX];
	text_add(text, "route %s",
	         route->to.length ? prefix_format(&route->to, buf, sizeof(buf)) : "default");
	text_add_address(text, " via", &route->via);
	if (route->link[0])
		text_add(text, " link %s", route->link);
}

static void describe_change(struct text *text, const char *what, const char *before, const char *after)
{
	if (before[0])
		text_add(text, "%s %s -> %s", what, before, after[0] ? after : "none");
	else
		text_add(text, "%s %s", what, after);
}

static void describe_mac(struct text *text, const struct step *step)
{
	char before[LINK_MAC_TEXT_MAX] = "", after[LINK_MAC_TEXT_MAX];
	if (step->mac.before.given)
		link_mac_format(&step->mac.before, before, sizeof(before));
	describe_change(text, "mac", before, link_mac_format(&step->mac.after, after, sizeof(after)));
}

static void describe_nat(struct text *text, const struct nat *nat)
{
	text_add(text, "address translation");
	if (nat)
		text_add(text, ", %zu masquerades, %zu published ports", nat->masquerades.count,
		         nat->publishes.count);
}

/* mark - what the step does to the thing: adds, removes, changes it */
static char mark(const struct step *step)
{
	switch (step->kind) {
	case STEP_NETNS_ADD:
	case STEP_LINK_ADD:
	case STEP_ADDRESS_ADD:
	case STEP_ROUTE_ADD:
		return '+';
	case STEP_NETNS_DELETE:
	case STEP_LINK_DELETE:
	case STEP_ADDRESS_DELETE:
	case STEP_ROUTE_DELETE:
		return '-';
	case STEP_NAT:
		if (!step->nat.after)
			return '-';
		if (!step->nat.before)
			return '+';
		return '~';
	default:
		return '~';
	}
}

static void describe(struct text *text, const struct step *step, const char *const names[])
{
	char buf[PREFIX_TEXT_MAX];
	switch (step->kind) {
	case STEP_NETNS_ADD:
	case STEP_NETNS_DELETE:
		return text_add(text, "namespace");
	case STEP_LINK_ADD:
	case STEP_LINK_DELETE:
		return describe_link(text, step, names);
	case STEP_LINK_UP:
		return text_add(text, "up");
	case STEP_LINK_DOWN:
		return text_add(text, "down");
	case STEP_LINK_NUMBER:
		return text_add(text, "%s %u -> %u", link_numbers[step->number.number].name,
		                step->number.before, step->number.after);
	case STEP_LINK_MAC:
		return describe_mac(text, step);
	case STEP_LINK_BRIDGE:
		return describe_change(text, "bridge", step->bridge.before, step->bridge.after);
	case STEP_ADDRESS_ADD:
	case STEP_ADDRESS_DELETE:
		return text_add(text, "address %s", prefix_format(&step->address, buf, sizeof(buf)));
	case STEP_ROUTE_ADD:
	case STEP_ROUTE_DELETE:
		return describe_route(text, &step->route);
	case STEP_SYSCTL:
		return describe_change(text, sysctls[step->sysctl.key].name, step->sysctl.before,
		                       step->sysctl.after);
	case STEP_NAT:
		return describe_nat(text, step->nat.after);
	case STEP_KIND_COUNT:
		break;
	}
	CHECK(!"kind of step");
}

/* names_link - does the line begin with NAMESPACE/LINK? A route says itself by which link it goes. */
static bool names_link(const struct step *step)
{
	return step->link[0] && step->kind != STEP_ROUTE_ADD && step->kind != STEP_ROUTE_DELETE;
}

const char *step_describe(const struct step *step, const char *const names[], char *buf, size_t size)
{
	CHECK(size > 0);
	struct text text = {0};
	text_add(&text, "%s", names[step->netns]);
	if (names_link(step))
		text_add(&text, "/%s", step->link);
	text_add(&text, ": ");
	describe(&text, step, names);
	snprintf(buf, size, "%c %s%s", mark(step), text_get(&text), text.failed ? " ..." : "");
	text_fini(&text);
	return buf;
}

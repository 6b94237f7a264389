/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/lab_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nsctl/netlink/rtnl.h"
#include "nsctl/netns.h"

/* ---- which namespaces count ---- */

/*
 * find_in_ledger - index, or TOPOLOGY_NONE
 * @hint: where to begin; the ledger mostly has the order of the file
 */
static uint32_t find_in_ledger(const struct ledger *ledger, const struct topology_netns *netns, uint32_t hint)
{
	uint32_t count = (uint32_t)ledger->netns.count;

	for (uint32_t i = 0; i < count; i++) {
		uint32_t index = (hint + i) % count;
		const struct ledger_netns *known = &ledger->netns.items[index];

		if (!strcmp(known->name, netns->name) && netns_ref_equal(&known->ref, &netns->ref))
			return index;
	}
	return TOPOLOGY_NONE;
}

static int add_seen(struct lab *lab, const struct seen_netns *seen)
{
	struct seen_netns *place = vec_push(&lab->seen.netns);

	if (!place)
		return -ENOMEM;
	*place = *seen;
	return 0;
}

static int add_wanted(struct lab *lab, uint32_t index, uint32_t in_ledger)
{
	const struct topology_netns *netns = &lab->wanted->netns.items[index];

	return add_seen(lab, &(struct seen_netns){.name = netns->name,
	                                          .ref = netns->ref,
	                                          .tenure = netns->tenure,
	                                          .wanted = index,
	                                          .ledger = in_ledger});
}

static int add_remembered(struct lab *lab, uint32_t index)
{
	const struct ledger_netns *netns = &lab->ledger.netns.items[index];

	return add_seen(lab, &(struct seen_netns){.name = netns->name,
	                                          .ref = netns->ref,
	                                          .tenure = netns->tenure,
	                                          .wanted = TOPOLOGY_NONE,
	                                          .ledger = index});
}

static int list_wanted(struct lab *lab, bool *remembered)
{
	uint32_t hint = 0;

	for (uint32_t i = 0; i < lab->wanted->netns.count; i++) {
		uint32_t found = find_in_ledger(&lab->ledger, &lab->wanted->netns.items[i], hint);

		if (add_wanted(lab, i, found) < 0)
			return -ENOMEM;
		if (found == TOPOLOGY_NONE)
			continue;
		remembered[found] = true;
		hint = found + 1;
	}
	return 0;
}

/* list_namespaces - those of the topology in its order, then those that only the ledger knows */
static int list_namespaces(struct lab *lab)
{
	size_t count = lab->ledger.netns.count;
	bool *remembered = calloc(count + 1, sizeof(*remembered));
	int rc = remembered ? list_wanted(lab, remembered) : -ENOMEM;

	for (uint32_t i = 0; rc == 0 && i < count; i++) {
		if (!remembered[i])
			rc = add_remembered(lab, i);
	}
	free(remembered);
	return rc;
}

/* make_places - what goes along with each of them */
static int make_places(struct lab *lab)
{
	size_t count = lab->seen.netns.count;

	lab->netns = calloc(count + 1, sizeof(*lab->netns));
	lab->names = calloc(count + 1, sizeof(*lab->names));
	if (!lab->netns || !lab->names)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		lab->netns[i].fd = -1;
		lab->names[i] = lab->seen.netns.items[i].name;
	}
	return 0;
}

/* ---- opening them ---- */

/* open_made - a namespace of the topology's own may be missing */
static int open_made(struct seen_netns *seen, struct lab_netns *place, struct err *err)
{
	int fd;

	place->leftover = netns_is_leftover(seen->ref.text);
	if (place->leftover)
		return 0;
	fd = netns_open(&seen->ref, err);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	place->fd = fd;
	seen->exists = true;
	return 0;
}

/* open_existing - one that the file wants must be there; what else the ledger knew may have ended */
static int open_existing(struct seen_netns *seen, struct lab_netns *place, struct err *err)
{
	int fd = netns_open(&seen->ref, err);

	if (fd < 0)
		return seen->wanted == TOPOLOGY_NONE && fd != -EMFILE && fd != -EACCES ? 0 : fd;
	place->fd = fd;
	seen->exists = true;
	if (netns_cookie(fd, &seen->cookie, NULL) < 0)
		seen->cookie = 0; /* before Linux 5.14: a reference is taken at its word */
	return 0;
}

/* check_identity - what the ledger says is of another namespace when the reference leads elsewhere by now */
static void check_identity(struct lab *lab, uint32_t index)
{
	struct seen_netns *seen = &lab->seen.netns.items[index];
	uint64_t known = seen->ledger == TOPOLOGY_NONE ? 0 : lab->ledger.netns.items[seen->ledger].cookie;

	if (seen->tenure != NETNS_EXISTING || !known || !seen->cookie || known == seen->cookie)
		return;
	seen->ledger = TOPOLOGY_NONE;
	if (seen->wanted != TOPOLOGY_NONE)
		return;
	seen->exists = false;
	lab_close_netns(lab, index);
}

static int open_namespace(struct lab *lab, uint32_t index, struct err *err)
{
	struct seen_netns *seen = &lab->seen.netns.items[index];
	struct lab_netns *place = &lab->netns[index];
	int rc = seen->tenure == NETNS_MADE ? open_made(seen, place, err) : open_existing(seen, place, err);

	if (rc == 0 && seen->exists)
		check_identity(lab, index);
	return rc;
}

/* ---- reading them ---- */

static const struct topology_netns *wanted_of(const struct lab *lab, const struct seen_netns *seen)
{
	return seen->wanted == TOPOLOGY_NONE ? NULL : &lab->wanted->netns.items[seen->wanted];
}

/* goes - is it one of the topology's own that will be deleted, whatever is in it? */
static bool goes(const struct seen_netns *seen)
{
	return seen->tenure == NETNS_MADE && seen->wanted == TOPOLOGY_NONE;
}

static bool is_own(const struct lab *lab, const struct seen_netns *seen)
{
	const struct netstate_link *loopback = netstate_link_by_name(&seen->state, "lo");

	return seen->tenure == NETNS_MADE && loopback && !strcmp(loopback->alias, lab->mark);
}

static int read_links(struct lab *lab, uint32_t index, struct err *err)
{
	struct seen_netns *seen = &lab->seen.netns.items[index];
	struct nl *nl;
	int rc = lab_nl(lab, index, &nl, err);

	if (rc == 0)
		rc = netstate_read(nl, NETSTATE_LINKS | NETSTATE_ADDRESSES | NETSTATE_ROUTES, &seen->state,
		                   err);
	seen->own = rc == 0 && is_own(lab, seen);
	return rc;
}

/* counts - is sysctl @key wanted there, or was it changed before? */
static bool counts(const struct lab *lab, const struct seen_netns *seen, enum sysctl key)
{
	const struct topology_netns *wanted = wanted_of(lab, seen);

	if (wanted && *wanted->sysctls[key])
		return true;
	if (seen->ledger == TOPOLOGY_NONE || goes(seen))
		return false;
	vec_each (known, &lab->ledger.sysctls) {
		if (known->netns == seen->ledger && known->key == key)
			return true;
	}
	return false;
}

/* read_sysctls - one that this kernel has not is left empty; that of writing it is the better error */
static int read_sysctls(struct lab *lab, uint32_t index, struct err *err)
{
	struct seen_netns *seen = &lab->seen.netns.items[index];
	int rc = 0;

	for (int key = 0; rc == 0 && key < SYSCTL_COUNT; key++) {
		if (!counts(lab, seen, (enum sysctl)key))
			continue;
		rc = sysctl_read(lab->netns[index].fd, seen->name, (enum sysctl)key, seen->sysctls[key],
		                 SYSCTL_VALUE_MAX, err);
		if (rc == -ENOENT)
			rc = 0;
	}
	return rc;
}

/* may_have_nat - is a table of the topology's own wanted there, or could there be one from before? */
static bool may_have_nat(const struct lab *lab, const struct seen_netns *seen)
{
	const struct topology_netns *wanted = wanted_of(lab, seen);

	if (goes(seen))
		return false;
	return seen->own || seen->ledger != TOPOLOGY_NONE || (wanted && !nat_empty(&wanted->nat));
}

static int read_nat(struct lab *lab, uint32_t index, struct err *err)
{
	struct seen_netns *seen = &lab->seen.netns.items[index];
	struct nl *nl;
	int rc;

	if (!may_have_nat(lab, seen))
		return (seen->nat = strdup("")) ? 0 : -ENOMEM;
	rc = nl_open(lab->netns[index].fd, NETLINK_NETFILTER, seen->name, &nl, err);
	if (rc == -EPROTONOSUPPORT) /* no nf_tables in this kernel, so there is no table either */
		return (seen->nat = strdup("")) ? 0 : -ENOMEM;
	if (rc < 0)
		return rc;
	rc = nat_read(nl, lab->mark, &seen->nat, err);
	nl_close(nl);
	return rc;
}

static int look(struct lab *lab, uint32_t index, struct err *err)
{
	int rc;

	if (!lab->seen.netns.items[index].exists)
		return 0;
	rc = read_links(lab, index, err);
	if (rc == 0)
		rc = read_sysctls(lab, index, err);
	if (rc == 0)
		rc = read_nat(lab, index, err);
	return rc;
}

/* adopt - a link that was just made is told by its group, see lab_private.h */
static void adopt(struct lab *lab)
{
	vec_each (seen, &lab->seen.netns) {
		vec_each (link, &seen->state.links) {
			if (link->group == lab->group && !*link->alias)
				snprintf(link->alias, sizeof(link->alias), "%s", lab->mark);
		}
	}
}

/* know_numbers - find out which numbers of links this kernel has */
static int know_numbers(struct lab *lab, struct err *err)
{
	uint32_t numbers[LINK_NUMBER_COUNT] = {0};
	struct nl *nl;
	int rc = nl_open(-1, NETLINK_ROUTE, "host", &nl, err);

	if (rc < 0)
		return rc;
	rc = rtnl_link_numbers(nl, "lo", numbers, err); /* which every namespace has */
	nl_close(nl);
	for (size_t i = 0; rc == 0 && i < LINK_NUMBER_COUNT; i++)
		lab->seen.lacks[i] = !numbers[i];
	return rc;
}

int lab_scan(struct lab *lab, struct err *err)
{
	int rc = list_namespaces(lab);

	if (rc == 0)
		rc = make_places(lab);
	if (rc < 0)
		return err_set(err, ENOMEM, "out of memory");
	for (uint32_t i = 0; rc == 0 && i < lab->seen.netns.count; i++)
		rc = open_namespace(lab, i, err);
	if (rc == 0)
		rc = lab_check_identities(lab, err);
	for (uint32_t i = 0; rc == 0 && i < lab->seen.netns.count; i++)
		rc = look(lab, i, err);
	if (rc == 0)
		rc = lab_match_nsids(lab, err);
	if (rc == 0)
		rc = know_numbers(lab, err);
	if (rc == 0)
		adopt(lab);
	return rc;
}

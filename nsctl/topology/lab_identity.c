/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One namespace under two names. Two in the file would each take the other's things for nobody's: that is refused. One in the
 * file and one that only the ledger knows are an entry that was renamed: what is remembered of it goes with the new name.
 */
#include <errno.h>
#include <stdlib.h>

#include "nsctl/topology/lab_private.h"
#include "nsctl/netns.h"

struct identity {
	struct netns_id id;
	uint32_t netns;
};

/* compare - by identity, and those of the file, which come first in the list of namespaces, before others */
static int compare(const void *left, const void *right)
{
	const struct identity *a = left, *b = right;

	if (a->id.dev != b->id.dev)
		return a->id.dev < b->id.dev ? -1 : 1;
	if (a->id.ino != b->id.ino)
		return a->id.ino < b->id.ino ? -1 : 1;
	return a->netns < b->netns ? -1 : 1;
}

/* unite - the later of two names of one namespace is one too many */
static int unite(struct lab *lab, uint32_t first, uint32_t second, struct err *err)
{
	struct seen_netns *kept = &lab->seen.netns.items[first], *other = &lab->seen.netns.items[second];

	if (other->wanted != TOPOLOGY_NONE)
		return err_set(err, EINVAL, "%s and %s are one and the same namespace: expected one name for it",
			       kept->name, other->name);
	if (kept->ledger == TOPOLOGY_NONE)
		kept->ledger = other->ledger;
	other->ledger = TOPOLOGY_NONE;
	other->exists = false;
	lab_close_netns(lab, second);
	return 0;
}

static int identify_all(const struct lab *lab, struct identity *ret, size_t *ret_count, struct err *err)
{
	for (uint32_t i = 0; i < lab->seen.netns.count; i++) {
		if (!lab->seen.netns.items[i].exists)
			continue;
		int rc = netns_identify(lab->netns[i].fd, &ret[*ret_count].id, err);
		if (rc < 0)
			return rc;
		ret[(*ret_count)++].netns = i;
	}
	return 0;
}

int lab_check_identities(struct lab *lab, struct err *err)
{
	struct identity *all = calloc(lab->seen.netns.count + 1, sizeof(*all));
	size_t count = 0;
	int rc;

	if (!all)
		return err_set(err, ENOMEM, "out of memory");
	rc = identify_all(lab, all, &count, err);
	if (rc == 0)
		qsort(all, count, sizeof(*all), compare);
	for (size_t i = 1, first = 0; rc == 0 && i < count; i++) {
		if (netns_id_equal(&all[i].id, &all[first].id))
			rc = unite(lab, all[first].netns, all[i].netns, err);
		else
			first = i;
	}
	free(all);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: whenever a link is taken down or deleted the kernel waits until nobody uses it any
 * more, for some 15 ms each (Linux 6.18, two processors), which for a thousand links is half a minute. It
 * waits only once for a group of links of one namespace that are deleted by one request. So all deletions of
 * a row become deletions of groups: a veth pair is deleted by that end whose namespace loses more links; and
 * what else the row removes from a link that it deletes, the plan says so only for the sake of undoing it:
 * that is left to the deletion.
 *
 * When all that follows is namespaces to be deleted, the veth pairs that lead into them are deleted last of
 * all: the kernel takes namespaces apart in the background, and most of the pairs are gone along with them by
 * then.
 *
 * A link that is on top of another one is deleted before that one, as the plan has it. A veth pair is on top
 * of nothing: pairs go behind all others, whatever their order was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nsctl/topology/lab_private.h"
#include "nsctl/netlink/rtnl.h"

/* A link that goes. */
struct victim {
	uint32_t netns;
	const char *name;
	size_t step; /* that deletes it */
	bool veth;
	bool last; /* behind the namespaces */
};

/* A row of removals. */
struct lab_row {
	struct lab_run *run;
	size_t first, count;
	struct victim *victims; /* by namespace and name; two for a veth pair */
	size_t victim_count;
	struct victim *targets; /* what is deleted: of a veth pair one; in order */
	size_t target_count;
	size_t next;    /* index of the target that is to be deleted next */
	size_t *losses; /* by namespace: how many victims it has */
	bool *ends;     /* by namespace: it is deleted after this row, with nothing else between */
};

static bool is_removal(const struct step *step)
{
	switch (step->kind) {
	case STEP_ROUTE_DELETE:
	case STEP_ADDRESS_DELETE:
	case STEP_LINK_DOWN:
	case STEP_LINK_DELETE:
		return true;
	case STEP_LINK_BRIDGE:
		return !*step->bridge.after;
	default:
		return false;
	}
}

size_t lab_count_removals(const struct lab_run *run, size_t first)
{
	size_t count = 0;

	while (first + count < run->count && is_removal(&run->steps[first + count]))
		count++;
	return count;
}

/* ---- victims ---- */

static int compare_victims(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;

	if (x->netns != y->netns)
		return x->netns < y->netns ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void add_victim(struct lab_row *row, const struct victim *victim)
{
	row->victims[row->victim_count++] = *victim;
	row->losses[victim->netns]++;
}

static bool is_pair(const struct step *step)
{
	return step->made.kind == LINK_VETH && *step->made.peer;
}

static struct victim near_end(const struct lab_row *row, size_t index)
{
	const struct step *step = &row->run->steps[index];

	return (struct victim){
	        .netns = step->netns, .name = step->link, .step = index, .veth = is_pair(step)};
}

static struct victim far_end(const struct lab_row *row, size_t index)
{
	const struct step *step = &row->run->steps[index];

	return (struct victim){
	        .netns = step->made.peer_netns, .name = step->made.peer, .step = index, .veth = true};
}

static void list_victims(struct lab_row *row)
{
	for (size_t i = row->first; i < row->first + row->count; i++) {
		const struct victim near = near_end(row, i), far = far_end(row, i);

		if (row->run->steps[i].kind != STEP_LINK_DELETE)
			continue;
		add_victim(row, &near);
		if (near.veth)
			add_victim(row, &far);
	}
	qsort(row->victims, row->victim_count, sizeof(*row->victims), compare_victims);
}

/* find_deletion - the victim that step @index is about; NULL: its link stays, or this is the deletion
 * itself */
static const struct victim *find_deletion(const struct lab_row *row, size_t index)
{
	const struct step *step = &row->run->steps[index];
	const struct victim key = {.netns = step->netns, .name = step->link};

	if (step->kind == STEP_LINK_DELETE)
		return NULL;
	return bsearch(&key, row->victims, row->victim_count, sizeof(key), compare_victims);
}

/* ---- targets ---- */

#define ORDER(a, b) (((a) > (b)) - ((a) < (b)))

/* compare_targets - pairs behind the others, and by namespace; those by the order of the plan */
static int compare_targets(const void *a, const void *b)
{
	const struct victim *x = a, *y = b;
	int order = ORDER(x->last, y->last);

	if (!order)
		order = ORDER(x->veth, y->veth);
	if (!order && x->veth)
		order = ORDER(x->netns, y->netns);
	return order ? order : ORDER(x->step, y->step);
}

static struct victim choose_end(const struct lab_row *row, size_t index)
{
	struct victim near = near_end(row, index), far = far_end(row, index);

	if (!near.veth)
		return near;
	near.last = row->ends[far.netns];
	far.last = row->ends[near.netns];
	if (near.last != far.last)
		return near.last ? near : far;
	return row->losses[far.netns] > row->losses[near.netns] ? far : near;
}

static void list_targets(struct lab_row *row)
{
	for (size_t i = row->first; i < row->first + row->count; i++) {
		if (row->run->steps[i].kind == STEP_LINK_DELETE)
			row->targets[row->target_count++] = choose_end(row, i);
	}
	qsort(row->targets, row->target_count, sizeof(*row->targets), compare_targets);
}

/* list_ends - none, when a step follows that could be in want of the links' being gone */
static void list_ends(struct lab_row *row)
{
	const struct lab_run *run = row->run;
	size_t i = row->first + row->count;

	while (i < run->count && (run->steps[i].kind == STEP_SYSCTL || run->steps[i].kind == STEP_NAT))
		i++;
	for (size_t k = i; k < run->count; k++) {
		if (run->steps[k].kind != STEP_NETNS_DELETE)
			return;
	}
	for (; i < run->count; i++)
		row->ends[run->steps[i].netns] = true;
}

static int row_fill(struct lab_row *row)
{
	size_t netns_count = row->run->lab->seen.netns.count;

	row->victims = calloc(2 * row->count, sizeof(*row->victims));
	row->targets = calloc(row->count, sizeof(*row->targets));
	row->losses = calloc(netns_count, sizeof(*row->losses));
	row->ends = calloc(netns_count, sizeof(*row->ends));
	if (!row->victims || !row->targets || !row->losses || !row->ends)
		return -ENOMEM;
	list_victims(row);
	list_ends(row);
	list_targets(row);
	return 0;
}

static struct lab_row *row_new(struct lab_run *run, size_t first, size_t count, struct err *err)
{
	struct lab_row *row = calloc(1, sizeof(*row));

	if (row)
		*row = (struct lab_row){.run = run, .first = first, .count = count};
	if (row && row_fill(row) == 0)
		return row;
	lab_row_free(row);
	err_set(err, ENOMEM, "out of memory");
	return NULL;
}

void lab_row_free(struct lab_row *row)
{
	if (!row)
		return;
	free(row->victims);
	free(row->targets);
	free(row->losses);
	free(row->ends);
	free(row);
}

/* ---- a group ---- */

/* group_links - put the links into the group; the run's @done is set for those that are in it */
static int group_links(struct lab_gathering *gathering, const struct victim *links, size_t count,
                       struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		int rc = lab_aim(gathering, links[i].netns, err);

		if (rc < 0)
			return rc;
		gathering->steps[gathering->batch.count] = links[i].step;
		rtnl_link_set_group(&gathering->batch, links[i].name, gathering->run->lab->group);
	}
	return lab_flush(gathering, err);
}

/* delete_group - @done stays set when they are gone */
static int delete_group(struct lab_gathering *gathering, const struct victim *links, size_t count,
                        struct err *err)
{
	struct lab_run *run = gathering->run;
	bool first_done = run->done[links[0].step];
	size_t failed = run->failed;
	int rc;

	gathering->steps[0] = links[0].step;
	rtnl_group_delete(&gathering->batch, run->lab->group);
	rc = lab_flush(gathering, err);
	run->done[links[0].step] = first_done;
	for (size_t i = 0; (rc < 0 || run->failed > failed) && i < count; i++)
		run->done[links[i].step] = false;
	return rc;
}

/* count_group - how many targets from the next one on are of one namespace, and of one time? */
static size_t count_group(const struct lab_row *row)
{
	const struct victim *first = &row->targets[row->next];
	size_t i = row->next;

	while (i < row->target_count && row->targets[i].netns == first->netns &&
	       row->targets[i].last == first->last)
		i++;
	return i - row->next;
}

/* delete_targets - those whose time it is */
static int delete_targets(struct lab_row *row, struct lab_gathering *gathering, bool last, struct err *err)
{
	int rc = 0;

	while (rc == 0 && row->next < row->target_count && row->targets[row->next].last <= last) {
		const struct victim *links = &row->targets[row->next];
		size_t count = count_group(row);

		row->next += count;
		rc = group_links(gathering, links, count, err);
		if (rc == 0)
			rc = delete_group(gathering, links, count, err);
	}
	gathering->run->lab->found.name[0] = '\0';
	return rc;
}

/* ---- the row ---- */

/* spare_links - what is removed from links that stay */
static int spare_links(const struct lab_row *row, struct lab_gathering *gathering, struct err *err)
{
	int rc = 0;

	for (size_t i = row->first; rc == 0 && i < row->first + row->count; i++) {
		if (row->run->steps[i].kind != STEP_LINK_DELETE && !find_deletion(row, i))
			rc = lab_gather(gathering, i, err);
	}
	return rc < 0 ? rc : lab_flush(gathering, err);
}

/* conclude_others - what was left to a deletion was done by it */
static void conclude_others(const struct lab_row *row)
{
	for (size_t i = row->first; i < row->first + row->count; i++) {
		const struct victim *victim = find_deletion(row, i);

		if (victim)
			row->run->done[i] = row->run->done[victim->step];
	}
}

int lab_remove(struct lab_gathering *gathering, size_t first, size_t count, struct err *err)
{
	struct lab_row *row = row_new(gathering->run, first, count, err);
	int rc;

	if (!row)
		return -ENOMEM;
	rc = spare_links(row, gathering, err);
	if (rc == 0)
		rc = delete_targets(row, gathering, false, err);
	conclude_others(row);
	if (row->next == row->target_count)
		lab_row_free(row);
	else
		gathering->last = row; /* no other one follows */
	return rc;
}

int lab_remove_last(struct lab_gathering *gathering, struct err *err)
{
	struct lab_row *row = gathering->last;
	int rc = row ? delete_targets(row, gathering, true, err) : 0;

	if (row)
		conclude_others(row);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/lab.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nsctl/topology/lab_private.h"
#include "nsctl/netns.h"
#include "nsctl/netlink/rtnl.h"

/* ---- namespaces ---- */

int lab_nl(struct lab *lab, uint32_t netns, struct nl **ret, struct err *err)
{
	struct lab_netns *place = &lab->netns[netns];
	int rc = place->nl ? 0 : nl_open(place->fd, NETLINK_ROUTE, lab->names[netns], &place->nl, err);

	if (rc == 0)
		*ret = place->nl;
	return rc;
}

void lab_close_netns(struct lab *lab, uint32_t netns)
{
	struct lab_netns *place = &lab->netns[netns];

	nl_close(place->nl);
	if (place->fd >= 0)
		close(place->fd);
	place->nl = NULL;
	place->fd = -1;
}

/* send_single - the request that is in lab->single, about link @name; @verb: for a refusal */
static int send_single(struct lab *lab, uint32_t netns, const char *verb, const char *name, struct err *err)
{
	struct nl_batch *batch = &lab->single;
	char what[64];
	struct nl *nl = NULL;
	int rc = lab_nl(lab, netns, &nl, err);

	if (rc == 0)
		rc = nl_send(nl, batch, NULL, NULL, err);
	if (rc < 0 || batch->failed == batch->count)
		return rc;
	snprintf(what, sizeof(what), "%s link %s", verb, name);
	return nl_explain(nl, batch, 0, what, err);
}

int lab_mark_link(struct lab *lab, uint32_t netns, const char *name, struct err *err)
{
	nl_batch_clear(&lab->single);
	rtnl_link_set_alias(&lab->single, name, lab->mark, 0);
	return send_single(lab, netns, "mark", name, err);
}

int lab_set_mtu(struct lab *lab, uint32_t netns, const char *name, uint32_t mtu, struct err *err)
{
	nl_batch_clear(&lab->single);
	rtnl_link_set_number(&lab->single, name, LINK_MTU, mtu);
	return send_single(lab, netns, "set mtu of", name, err);
}

/* ---- opening ---- */

static int open_ledger(struct lab *lab, struct err *err)
{
	lab->lock = ledger_lock(lab->ledger_dir, lab->wanted->name, err);
	if (lab->lock < 0)
		return lab->lock;
	return ledger_read(lab->ledger_dir, lab->wanted->name, &lab->ledger, err);
}

static int look_and_plan(struct lab *lab, struct err *err)
{
	int rc = open_ledger(lab, err);

	if (rc == 0)
		rc = lab_scan(lab, err);
	if (rc == 0)
		rc = planner_plan(lab->wanted, &lab->seen, &lab->ledger, &lab->plan, err);
	return rc;
}

/*
 * choose_group - a number that is the same in each run of a topology, and nobody else's: people choose small
 * ones
 *
 * The hash is FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
 */
static uint32_t choose_group(const char *mark)
{
	uint32_t hash = 2166136261;

	for (; *mark; mark++)
		hash = (hash ^ (unsigned char)*mark) * 16777619;
	return hash | 0x40000000;
}

static int init(struct lab *lab, const struct topology *wanted, const char *ledger_dir, struct err *err)
{
	lab->wanted = wanted;
	lab->lock = -1;
	topology_mark(wanted, lab->mark, sizeof(lab->mark));
	lab->group = choose_group(lab->mark);
	lab->ledger_dir = strdup(ledger_dir);
	if (!lab->ledger_dir)
		return err_set(err, ENOMEM, "out of memory");
	return nl_batch_init(&lab->single, NL_MESSAGE_MAX, 1, err);
}

int lab_open(const struct topology *wanted, const char *ledger_dir, struct lab **ret, struct err *err)
{
	struct lab *lab = calloc(1, sizeof(*lab));
	int rc;

	if (!lab)
		return err_set(err, ENOMEM, "out of memory");
	rc = init(lab, wanted, ledger_dir, err);
	if (rc == 0)
		rc = look_and_plan(lab, err);
	if (rc < 0)
		lab_close(lab);
	else
		*ret = lab;
	return rc;
}

void lab_close(struct lab *lab)
{
	if (!lab)
		return;
	for (uint32_t i = 0; lab->netns && i < lab->seen.netns.count; i++)
		lab_close_netns(lab, i);
	vec_clear(&lab->plan.all);
	seen_fini(&lab->seen);
	ledger_fini(&lab->ledger);
	free(lab->netns);
	free(lab->names);
	free(lab->ledger_dir);
	nl_batch_fini(&lab->single);
	if (lab->lock >= 0)
		close(lab->lock); /* the last: another nsctl may begin */
	free(lab);
}

const struct seen *lab_seen(const struct lab *lab)
{
	return &lab->seen;
}

const struct plan_steps *lab_plan(const struct lab *lab)
{
	return &lab->plan;
}

const char *const *lab_names(const struct lab *lab)
{
	return lab->names;
}

/* ---- before and after ---- */

typedef int ledger_fn(const struct topology *wanted, const struct seen *seen, const struct ledger *old,
                      const struct plan_steps *steps, struct ledger *ret, struct err *err);

/* write_ledger - what @compute makes of the old ledger and the plan */
static int write_ledger(const struct lab *lab, ledger_fn *compute, struct err *err)
{
	struct ledger ledger = {0};
	int rc = compute(lab->wanted, &lab->seen, &lab->ledger, &lab->plan, &ledger, err);

	if (rc < 0)
		return rc;
	rc = ledger_write(lab->ledger_dir, &ledger, err);
	ledger_fini(&ledger);
	return rc;
}

/* sweep - remove the names without a namespace that a kill left behind */
static int sweep(struct lab *lab, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < lab->seen.netns.count; i++) {
		if (lab->netns[i].leftover)
			rc = netns_delete(lab->seen.netns.items[i].ref.text, err);
	}
	return rc;
}

/* finish - take the links out of the group in which a kill has left them */
static int finish(struct lab *lab, struct err *err)
{
	int rc = 0;

	for (uint32_t i = 0; i < lab->seen.netns.count; i++) {
		vec_each (link, &lab->seen.netns.items[i].state.links) {
			if (rc == 0 && link->group == lab->group && !strcmp(link->alias, lab->mark))
				rc = lab_mark_link(lab, i, link->name, err);
		}
	}
	return rc;
}

static bool makes_namespaces(const struct lab *lab)
{
	vec_each (step, &lab->plan.all) {
		if (step->kind == STEP_NETNS_ADD)
			return true;
	}
	return false;
}

static int prepare(struct lab *lab, struct err *err)
{
	int rc = write_ledger(lab, planner_ledger, err);

	if (rc == 0)
		rc = sweep(lab, err);
	if (rc == 0)
		rc = finish(lab, err);
	if (rc == 0 && makes_namespaces(lab))
		rc = netns_prepare(err);
	return rc;
}

/* ---- undoing ---- */

/* goes_anyway - all but what leads out of it goes with a namespace that this run has made, and now removes */
static bool goes_anyway(const struct lab *lab, const struct step *step)
{
	return !lab->seen.netns.items[step->netns].exists && step->kind != STEP_NETNS_ADD &&
	       step->kind != STEP_LINK_ADD;
}

/*
 * list_undo - what takes back the steps that were done, last one first
 * @ret_lasting: how many there are that nothing takes back
 */
static int list_undo(const struct lab_run *run, struct plan_steps *ret, size_t *ret_lasting)
{
	for (size_t i = run->count; i-- > 0;) {
		const struct step *step = &run->steps[i];
		struct step undo, *added;

		if (!run->done[i] || goes_anyway(run->lab, step))
			continue;
		if (!step_undo(step, &undo)) {
			(*ret_lasting)++;
			continue;
		}
		added = vec_push(&ret->all);
		if (!added)
			return -ENOMEM;
		*added = undo;
	}
	return 0;
}

/* run_undo - carry out as much as possible; how many steps failed, and why the first of them did */
static size_t run_undo(struct lab *lab, const struct plan_steps *steps, struct err *err)
{
	struct lab_run run = {
	        .lab = lab, .steps = steps->all.items, .count = steps->all.count, .insist = true};
	int rc;

	run.done = calloc(run.count + 1, sizeof(*run.done));
	if (!run.done) {
		err_set(err, ENOMEM, "out of memory");
		return run.count;
	}
	rc = lab_run(&run, err);
	free(run.done);
	return run.failed + (rc < 0);
}

/* append - more about the error */
__attribute__((format(printf, 2, 3))) static void append(struct err *err, const char *fmt, ...)
{
	size_t length = err ? strlen(err->text) : 0;
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(err->text + length, sizeof(err->text) - length, fmt, args);
	va_end(args);
}

/* undo - take back what a run did before it failed, and append to its error what became of that */
static void undo(const struct lab_run *failed, struct err *err)
{
	struct plan_steps steps = {0};
	struct err why = ERR_INIT;
	size_t lasting = 0, refused;

	if (list_undo(failed, &steps, &lasting) < 0)
		err_set(&why, ENOMEM, "out of memory");
	refused = run_undo(failed->lab, &steps, &why);
	vec_clear(&steps.all);
	if (why.code != 0)
		append(err, "; not all that was done before could be undone (%zu): %s", refused + lasting,
		       why.text);
	else if (lasting > 0)
		append(err, "; %zu deletions cannot be undone", lasting);
	else
		append(err, "; what was done before is undone");
	if (why.code == 0)
		(void)ledger_write(failed->lab->ledger_dir, &failed->lab->ledger, NULL);
}

/* ---- applying ---- */

static int run_plan(struct lab *lab, lab_progress_fn *progress, void *ctx, struct err *err)
{
	struct lab_run run = {.lab = lab,
	                      .steps = lab->plan.all.items,
	                      .count = lab->plan.all.count,
	                      .done = calloc(lab->plan.all.count + 1, sizeof(bool)),
	                      .progress = progress,
	                      .progress_ctx = ctx};
	int rc = run.done ? lab_run(&run, err) : err_set(err, ENOMEM, "out of memory");

	if (rc < 0 && run.done)
		undo(&run, err);
	free(run.done);
	return rc;
}

int lab_apply(struct lab *lab, lab_progress_fn *progress, void *ctx, struct err *err)
{
	int rc = prepare(lab, err);

	if (rc == 0)
		rc = run_plan(lab, progress, ctx, err);
	if (rc == 0)
		rc = write_ledger(lab, planner_ledger_after, err);
	return rc;
}

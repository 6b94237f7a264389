/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation: steps that are requests of rtnetlink are gathered, as long as they go to one
 * namespace, and sent together; any other step, and a question whose answer they could change, sends what was
 * gathered first. So everything happens in the plan's order. The kernel goes on after a request that it
 * refuses: which steps were carried out is told by the answers, not by where the row ended.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "nsctl/topology/lab_private.h"
#include "nsctl/netns.h"
#include "nsctl/netlink/rtnl.h"

/* fail - count a failure; the error of the whole run is the first one. -errno when it ends the run */
static int fail(struct lab_run *run, const struct err *failure, struct err *err)
{
	if (run->failed++ == 0)
		err_set(err, failure->code, "%s", failure->text);
	return run->insist ? 0 : -failure->code;
}

/* ---- sending ---- */

/* finish_added - give the new links of a step their mark, and a bridge its MTU, see lab_request.c */
static int finish_added(struct lab *lab, const struct step *step, struct err *err)
{
	uint32_t mtu = step->made.numbers[LINK_MTU];
	int rc = lab_mark_link(lab, step->netns, step->link, err);

	if (rc == 0 && step->made.kind == LINK_VETH)
		rc = lab_mark_link(lab, step->made.peer_netns, step->made.peer, err);
	if (rc == 0 && step->made.kind == LINK_BRIDGE && mtu)
		rc = lab_set_mtu(lab, step->netns, step->link, mtu, err);
	return rc;
}

/* conclude - what became of one request */
static int conclude(struct lab_gathering *gathering, uint32_t request, struct err *err)
{
	struct lab_run *run = gathering->run;
	size_t index = gathering->steps[request];
	const struct step *step = &run->steps[index];
	int code = gathering->batch.codes[request];
	struct err failure = ERR_INIT;
	int rc = 0;

	run->done[index] = code == 0;
	if (code == 0 && step->kind == STEP_LINK_ADD)
		rc = finish_added(run->lab, step, &failure);
	else if (code != 0 && !lab_step_is_moot(step, code))
		rc = lab_step_fails(run->lab, step, &gathering->batch, request, &failure);
	return rc < 0 ? fail(run, &failure, err) : 0;
}

/* conclude_all - the error is that of the first request that failed, but each is concluded */
static int conclude_all(struct lab_gathering *gathering, struct err *err)
{
	int first = 0;

	for (uint32_t i = 0; i < gathering->batch.count; i++) {
		int rc = conclude(gathering, i, err);

		first = first < 0 ? first : rc;
	}
	return first;
}

static int send_gathered(struct lab_gathering *gathering, struct err *err)
{
	struct nl *nl;
	int rc = lab_nl(gathering->run->lab, gathering->netns, &nl, err);

	if (rc == 0)
		rc = nl_send(nl, &gathering->batch, NULL, NULL, err);
	return rc < 0 ? rc : conclude_all(gathering, err);
}

int lab_flush(struct lab_gathering *gathering, struct err *err)
{
	int rc = gathering->batch.count > 0 ? send_gathered(gathering, err) : 0;

	nl_batch_clear(&gathering->batch);
	return rc;
}

/* ---- gathering ---- */

int lab_aim(struct lab_gathering *gathering, uint32_t netns, struct err *err)
{
	int rc = 0;

	if (gathering->netns != netns || nl_batch_full(&gathering->batch))
		rc = lab_flush(gathering, err);
	gathering->netns = netns;
	return rc;
}

/* forget_found - links come and go with such a step, and their indices with them */
static void forget_found(struct lab *lab, const struct step *step)
{
	if (step->kind == STEP_LINK_ADD || step->kind == STEP_LINK_DELETE || step->kind == STEP_NETNS_DELETE)
		lab->found.name[0] = '\0';
}

static int ask_index(struct lab *lab, uint32_t netns, const char *name, struct err *err)
{
	struct nl *nl;
	int rc = lab_nl(lab, netns, &nl, err);

	if (rc == 0)
		rc = rtnl_link_index(nl, name, err);
	if (rc < 0)
		return rc;
	lab->found.netns = netns;
	lab->found.index = (uint32_t)rc;
	snprintf(lab->found.name, sizeof(lab->found.name), "%s", name);
	return 0;
}

/*
 * find_index - of the link that the step refers to, into lab->found; requests that are still gathered may
 * bring it about Returns 1; 0 when the step is not to be done for want of it; -errno.
 */
static int find_index(struct lab_gathering *gathering, const struct step *step, struct err *err)
{
	struct lab_run *run = gathering->run;
	struct lab *lab = run->lab;
	const char *name = lab_step_refers(step);
	struct err failure = ERR_INIT;
	int rc;

	if (lab->found.netns == gathering->netns && !strcmp(lab->found.name, name))
		return 1;
	rc = lab_flush(gathering, err);
	if (rc < 0)
		return rc;
	rc = ask_index(lab, gathering->netns, name, &failure);
	if (rc == 0)
		return 1;
	return lab_step_is_moot(step, -rc) ? 0 : fail(run, &failure, err);
}

int lab_gather(struct lab_gathering *gathering, size_t index, struct err *err)
{
	struct lab *lab = gathering->run->lab;
	const struct step *step = &gathering->run->steps[index];
	bool refers = *lab_step_refers(step);
	int rc = lab_aim(gathering, lab_step_netns(step), err);

	if (rc == 0 && refers) {
		rc = find_index(gathering, step, err);
		if (rc == 0)
			return 0; /* without its link there is nothing to do */
	}
	if (rc < 0)
		return rc;
	gathering->steps[gathering->batch.count] = index;
	lab_step_request(lab, step, refers ? lab->found.index : 0, &gathering->batch);
	forget_found(lab, step);
	return 0;
}

/* ---- steps that are no requests of rtnetlink ---- */

/* add_netns - it has its mark before it has a name: nobody finds one that is not marked */
static int add_netns(struct lab *lab, const struct step *step, struct err *err)
{
	struct lab_netns *place = &lab->netns[step->netns];
	int rc = place->fd = netns_create_anonymous(err);

	if (rc >= 0)
		rc = lab_mark_link(lab, step->netns, "lo", err);
	if (rc == 0)
		rc = netns_pin(place->fd, lab->seen.netns.items[step->netns].ref.text, err);
	if (rc < 0)
		lab_close_netns(lab, step->netns);
	return rc;
}

static int delete_netns(struct lab *lab, const struct step *step, struct err *err)
{
	lab_close_netns(lab, step->netns);
	return netns_delete(lab->seen.netns.items[step->netns].ref.text, err);
}

static int set_sysctl(struct lab *lab, const struct step *step, struct err *err)
{
	return sysctl_write(lab->netns[step->netns].fd, lab->names[step->netns], step->sysctl.key,
	                    step->sysctl.after, err);
}

static int set_nat(struct lab *lab, const struct step *step, struct err *err)
{
	struct nl *nl;
	int rc = nl_open(lab->netns[step->netns].fd, NETLINK_NETFILTER, lab->names[step->netns], &nl, err);

	if (rc < 0)
		return rc;
	rc = nat_apply(nl, lab->mark, step->nat.after, err);
	nl_close(nl);
	return rc;
}

typedef int work_fn(struct lab *lab, const struct step *step, struct err *err);

/* NULL: a request of rtnetlink. */
static work_fn *const works[STEP_KIND_COUNT] = {
        [STEP_NETNS_ADD] = add_netns,
        [STEP_NETNS_DELETE] = delete_netns,
        [STEP_SYSCTL] = set_sysctl,
        [STEP_NAT] = set_nat,
};

static int work(struct lab_gathering *gathering, size_t index, struct err *err)
{
	struct lab_run *run = gathering->run;
	const struct step *step = &run->steps[index];
	struct err failure = ERR_INIT;
	int rc = lab_flush(gathering, err);

	if (rc < 0)
		return rc;
	rc = works[step->kind](run->lab, step, &failure);
	forget_found(run->lab, step);
	run->done[index] = rc >= 0;
	return rc >= 0 || lab_step_is_moot(step, -rc) ? 0 : fail(run, &failure, err);
}

/* ---- the row ---- */

static int run_together(struct lab_gathering *gathering, struct err *err)
{
	struct lab_run *run = gathering->run;
	size_t count = 1;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->count; i += count) {
		size_t removals = lab_count_removals(run, i);

		count = removals ? removals : 1;
		if (removals)
			rc = lab_remove(gathering, i, removals, err);
		else if (works[run->steps[i].kind])
			rc = work(gathering, i, err);
		else
			rc = lab_gather(gathering, i, err);
	}
	if (rc == 0)
		rc = lab_flush(gathering, err);
	return rc < 0 ? rc : lab_remove_last(gathering, err);
}

static int run_one_by_one(struct lab_gathering *gathering, struct err *err)
{
	struct lab_run *run = gathering->run;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < run->count; i++) {
		rc = works[run->steps[i].kind] ? work(gathering, i, err) : lab_gather(gathering, i, err);
		if (rc == 0)
			rc = lab_flush(gathering, err);
		if (rc == 0)
			run->progress(run->progress_ctx, i + 1, run->count);
	}
	return rc;
}

int lab_run(struct lab_run *run, struct err *err)
{
	struct lab_gathering gathering = {.run = run};
	int rc = nl_batch_init(&gathering.batch, NL_BATCH_SIZE, NL_BATCH_COUNT, err);

	if (rc < 0)
		return rc;
	rc = run->progress ? run_one_by_one(&gathering, err) : run_together(&gathering, err);
	lab_row_free(gathering.last);
	nl_batch_fini(&gathering.batch);
	return rc;
}

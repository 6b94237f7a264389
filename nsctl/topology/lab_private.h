/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of a lab share: lab.c opens and applies, lab_scan.c and lab_nsid.c look, lab_request.c puts
 * steps into words of the kernel, lab_run.c and lab_remove.c carry them out.
 *
 * Theory of operation: nsctl may be killed between any two requests. What it makes must bear its mark from
 * the first moment on, or the next run would take it for somebody else's. A namespace is marked before it has
 * a name. A link cannot be made with an alias, nor can a second request in the same sendmsg(2) add it: when
 * the first one fails, because somebody else has just made a link of that name, it would mark that one. But a
 * link can be made as a member of a group. So each topology has a group number of its own, and a link bears
 * it for as long as it has no alias yet; and again while it is being deleted, because the kernel deletes a
 * whole group much faster than its links one by one. Whoever finds a link in the group knows by whom, and
 * begins by giving it its alias and taking it out of the group.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_LAB_PRIVATE_H
#define NSRELAY_NSCTL_TOPOLOGY_LAB_PRIVATE_H

#include "nsctl/topology/lab.h"

/* What is open of a namespace; it has the index of its struct seen_netns. */
struct lab_netns {
	int fd;        /* -1: it is not there */
	struct nl *nl; /* NETLINK_ROUTE; NULL until it is needed */
	bool leftover; /* a name without a namespace, by a kill */
};

struct lab {
	const struct topology *wanted; /* borrowed */
	char mark[TOPOLOGY_MARK_MAX];
	uint32_t group; /* of links that have no mark yet, or are being deleted */
	char *ledger_dir;
	int lock;
	struct ledger ledger;
	struct seen seen;
	struct lab_netns *netns;
	const char **names;
	struct plan_steps plan;
	struct nl_batch single; /* for a request that is sent alone */
	struct { /* the link whose index was asked for last: steps in a row are often about the same one */
		uint32_t netns;
		char name[IFNAMSIZ]; /* "": none */
		uint32_t index;
	} found;
};

/* ---- lab.c ---- */

/* lab_nl - the rtnetlink socket of namespace @netns, which is there */
int lab_nl(struct lab *lab, uint32_t netns, struct nl **ret, struct err *err);

/* lab_close_netns - let go of a namespace */
void lab_close_netns(struct lab *lab, uint32_t netns);

/* lab_mark_link - give it the topology's mark, and take it out of the group */
int lab_mark_link(struct lab *lab, uint32_t netns, const char *name, struct err *err);

/* lab_set_mtu - of a link that is there, aside from the steps */
int lab_set_mtu(struct lab *lab, uint32_t netns, const char *name, uint32_t mtu, struct err *err);

/* ---- lab_scan.c ---- */

/* lab_scan - list the namespaces that count, open those that are there, and read them into lab->seen */
int lab_scan(struct lab *lab, struct err *err);

/* ---- lab_identity.c ---- */

/* lab_check_identities - no open namespace twice. Errors: EINVAL (the file has two names for one), ENOMEM. */
int lab_check_identities(struct lab *lab, struct err *err);

/* ---- lab_nsid.c ---- */

/* lab_match_nsids - find out which of the namespaces seen the links' other ends are in. Errors: ENOMEM, those
 * of nl_send(). */
int lab_match_nsids(struct lab *lab, struct err *err);

/* ---- lab_request.c: steps on links, addresses and routes, each of which is one request ---- */

/* lab_step_netns - the namespace that the request goes to */
uint32_t lab_step_netns(const struct step *step);

/* lab_step_refers - the name of the link, of that namespace, whose index the request takes; "": none's */
const char *lab_step_refers(const struct step *step);

/* lab_step_request - append the request. @index: of that link; 0: none */
void lab_step_request(const struct lab *lab, const struct step *step, uint32_t index, struct nl_batch *batch);

/* lab_step_fails - state why request @request, of @step, was refused. Returns -errno. */
int lab_step_fails(const struct lab *lab, const struct step *step, const struct nl_batch *batch,
                   uint32_t request, struct err *err);

/* lab_step_is_moot - does the refusal @code (positive errno) say that what is to be deleted is gone
 * already? */
bool lab_step_is_moot(const struct step *step, int code);

/* ---- lab_run.c ---- */

/* A row of steps that is carried out. */
struct lab_run {
	struct lab *lab;
	const struct step *steps;
	size_t count;
	bool *done; /* by step: it has changed something, if only half of it; @count of them, zeroed */

	lab_progress_fn *progress; /* NULL: many steps are sent at once */
	void *progress_ctx;

	bool insist;   /* go on after a failure ... */
	size_t failed; /* ... of which there were so many; the error is the first one's */
};

/* lab_run - carry out the steps until one fails. Errors: the step's. */
int lab_run(struct lab_run *run, struct err *err);

/* What is gathered before it is sent: requests to one namespace, and for each the index of its step. */
struct lab_gathering {
	struct lab_run *run;
	uint32_t netns;
	struct nl_batch batch;
	size_t steps[NL_BATCH_COUNT];
	struct lab_row *last; /* what is left to lab_remove_last(); NULL: nothing */
};

/* lab_aim - be ready to add a request to @netns */
int lab_aim(struct lab_gathering *gathering, uint32_t netns, struct err *err);

/* lab_gather - add the request of step @index. lab_flush() - send what is gathered. Errors: those of
 * steps. */
int lab_gather(struct lab_gathering *gathering, size_t index, struct err *err);
int lab_flush(struct lab_gathering *gathering, struct err *err);

/* ---- lab_remove.c ---- */

/* lab_count_removals - how many steps in a row, from @first on, remove something of links, or links? */
size_t lab_count_removals(const struct lab_run *run, size_t first);

/* lab_remove - carry out such a row, but for what can wait until all other steps are done:
 * lab_remove_last() */
int lab_remove(struct lab_gathering *gathering, size_t first, size_t count, struct err *err);
int lab_remove_last(struct lab_gathering *gathering, struct err *err);
void lab_row_free(struct lab_row *row);

#endif

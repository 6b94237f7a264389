/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at the network that a topology is about, and changing it.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_LAB_H
#define NSRELAY_NSCTL_TOPOLOGY_LAB_H

#include "nsctl/topology/planner.h"

/* The namespaces of a topology: descriptors and netlink sockets, opened when they are needed, and what was seen. */
struct lab;

/*
 * lab_open - look at every namespace of @wanted, and at those in the ledger, and plan
 * @ledger_dir: LEDGER_DIR, or another in tests. Takes the lock: one nsctl at a time works on a topology.
 * Errors: those of planner_plan(), ledger_read(), ledger_lock(), netns_open() (for an existing namespace).
 */
int lab_open(const struct topology *wanted, const char *ledger_dir, struct lab **ret, struct err *err);
void lab_close(struct lab *lab);

const struct seen *lab_seen(const struct lab *lab);
const struct plan_steps *lab_plan(const struct lab *lab);
const char *const *lab_names(const struct lab *lab); /* of the namespaces, for step_describe() */

/* Told after each step that the kernel has carried out; for tests (who kill the process here) and progress. */
typedef void lab_progress_fn(void *ctx, size_t done, size_t total);

/*
 * lab_apply - do what the plan says, all or nothing
 * @progress: may be NULL; with one, each step is sent by itself instead of many at once
 *
 * When a step fails those before it are taken back, last one first, and @err tells: the step, the kernel's explanation, and
 * what could not be taken back, if anything.
 */
int lab_apply(struct lab *lab, lab_progress_fn *progress, void *ctx, struct err *err);

#endif

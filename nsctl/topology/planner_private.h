/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the planner share: planner.c finds conflicts and sets the order, planner_remove.c,
 * planner_add.c and planner_numbers.c make the steps on links, addresses and routes, planner_ledger.c tells
 * what has to be remembered.
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_PLANNER_PRIVATE_H
#define NSRELAY_NSCTL_TOPOLOGY_PLANNER_PRIVATE_H

#include "nsctl/topology/picture.h"

struct planner {
	struct picture picture;
	struct plan_steps steps;
	bool out_of_memory; /* since when steps go to @spare */
	struct step spare;
};

/* planner_step - one more step; good until the next call. @link: may be "" */
struct step *planner_step(struct planner *planner, enum step_kind kind, uint32_t netns, const char *link);

/* planner_link_step - of a link */
struct step *planner_link_step(struct planner *planner, enum step_kind kind, const struct picture_link *link);

/* ---- planner_remove.c ---- */

/* planner_decide_removals - mark in the picture what has to go, and when */
void planner_decide_removals(struct planner *planner);

/* planner_remove_routes - all that have to go: before anything else */
void planner_remove_routes(struct planner *planner);

/* planner_remove - addresses and links that have to go at @when; with REMOVAL_EARLY also what keeps links
 * busy */
void planner_remove(struct planner *planner, enum removal when);

/* ---- planner_numbers.c ---- */

/* How many links can be below one another: MAX_NEST_DEV of Linux, which refuses more. */
enum { DEPTH_MAX = 8 };

/* planner_decide_numbers - note in the picture which numbers links are to have; once it is known which links
 * stay */
void planner_decide_numbers(struct planner *planner);

/* planner_change_numbers - of links that are there, and of loopbacks that come with their namespaces */
void planner_change_numbers(struct planner *planner);

/* ---- planner_add.c ---- */

void planner_add_links(struct planner *planner);
void planner_change_links(struct planner *planner);
void planner_add_addresses(struct planner *planner);
void planner_raise_links(struct planner *planner);
void planner_add_routes(struct planner *planner);

/* planner_wants_up - is the link to be up, when all is done? One that the topology has no say about stays as
 * it is. */
bool planner_wants_up(const struct picture *picture, const struct picture_link *link);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A world and what nsctl remembers of it, on which topologies are planned and applied. Failures fail the
 * running test. */
#ifndef NSRELAY_TESTS_STAGE_H
#define NSRELAY_TESTS_STAGE_H

#include "tests/unit/nsctl/world.h"

struct stage {
	struct world world;
	struct ledger ledger;
	bool meddled;  /* somebody else has changed something */
	char hint[64]; /* shown with failures: the seed */
};

/* stage_init - with namespaces `host` and `ex`, which are somebody else's, and links `host/eth0` and
 * `ex/eth0` */
void stage_init(struct stage *stage);
void stage_fini(struct stage *stage);
void stage_copy(struct stage *ret, const struct stage *stage);

/* stage_plan - the steps as `nsctl topology plan` shows them, or the error's text; good until the next
 * call */
const char *stage_plan(const struct stage *stage, const struct topology *wanted);

/* stage_refuses - plan, which must fail with @code; its text */
const char *stage_refuses(const struct stage *stage, const struct topology *wanted, int code);

/* stage_apply - plan and do; then nothing must be left to do. Returns how many steps there were. */
size_t stage_apply(struct stage *stage, const struct topology *wanted);

/* stage_apply_until - as if killed after @count steps */
void stage_apply_until(struct stage *stage, const struct topology *wanted, size_t count);

/* stage_undo - do @count steps and take them back; all must be as before. Returns false when one could not be
 * undone. */
bool stage_undo(const struct stage *stage, const struct topology *wanted, size_t count);

/* stage_hand - somebody else does a step in @netns, not of a veth; what is to be added may be there
 * already */
void stage_hand(struct stage *stage, const char *netns, struct step step);

/* ---- topologies ---- */

void topology_begin(struct topology *topology);
uint32_t put_netns(struct topology *topology, const char *name, enum netns_tenure tenure);
uint32_t put_link(struct topology *topology, uint32_t netns, const char *name, enum link_kind kind);
uint32_t put_upper(struct topology *topology, uint32_t netns, const char *name, enum link_kind kind,
                   uint32_t parent);
uint32_t put_existing(struct topology *topology, uint32_t netns, const char *name);

/* put_veth - index of @name_a's; the other end's is the next */
uint32_t put_veth(struct topology *topology, uint32_t a, const char *name_a, uint32_t b, const char *name_b);
void put_address(struct topology *topology, uint32_t link, const char *address);

/* put_route - @via, @link: may be "" */
void put_route(struct topology *topology, uint32_t netns, const char *to, const char *via, const char *link);
void put_masquerade(struct topology *topology, uint32_t netns, const char *from);

struct prefix prefix_of(const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * When a running relay gets another configuration, what is in both goes on: a relay or a pool by its name, a backend by
 * its endpoint within its pool, a listener by its endpoint within its relay. A succession is the map from the old
 * indices to the new ones.
 *
 * What is only in the old one may still be in use, and nothing may refer to what is not there. So it is added to the
 * new configuration and plan as a *leftover*: a backend nobody is sent to any more, a route nobody takes any more, a
 * relay without listeners, a listener that is about to close. Whoever holds an old index thus always finds a new one,
 * and no code but this knows two configurations. A leftover that was not used at the last change is not taken over at
 * the next.
 *
 * Pure, but for the memory of the results.
 */
#ifndef NSRELAY_RELAY_SUCCESSION_H
#define NSRELAY_RELAY_SUCCESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/plan.h"

/* Of a plan: what was in use at the moment of the last change. Only leftovers are asked about. */
struct usage {
	bool *listeners; /* owned, as the rest */
	bool *routes;
	bool **backends; /* [pool][backend] */
	size_t pool_count;
};

enum { SUCCESSION_NONE = UINT32_MAX };

struct succession {
	uint32_t *relays; /* [old] -> new; SUCCESSION_NONE: there is none, and nothing refers to it; owned, as
	                     the rest */
	uint32_t *pools;
	uint32_t **backends; /* [old pool][old backend] -> new, in the new pool */
	uint32_t *listeners;
	uint32_t *routes;
	uint32_t *targets;
	size_t pool_count;
};

/* usage_init - nothing is in use; 0 or -ENOMEM. usage_fini() takes a zeroed one. */
int usage_init(struct usage *usage, const struct plan *plan);
void usage_fini(struct usage *usage);

/*
 * succession_init - what becomes of everything in @before
 * @config: the new configuration; leftovers are added to it
 * @fresh:  [listener of @config, in the order of a plan] whose socket is a new one: it succeeds nobody
 * @now_ms: CLOCK_MONOTONIC; the connections of relays that are left over end `drain` of @config later, those of
 *          namespaces that are enrolled no more by their own drain
 * @plan:   becomes the plan of @config, with its leftovers
 *
 * 0, or -ENOMEM: then @ret and @plan hold nothing, and @config may be given to config_fini() only.
 */
int succession_init(struct succession *ret, const struct plan *before, const struct usage *usage,
                    struct config *config, const bool *fresh, uint64_t now_ms, struct plan *plan);
void succession_fini(struct succession *succession);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must be opened for a configuration: the listening sockets, and the targets (kinds of upstream sockets) with the map
 * from a relay's backend to its target. Pure: computed alike by the broker, which opens, and the relay, which uses.
 */
#ifndef NSRELAY_RELAY_PLAN_H
#define NSRELAY_RELAY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "relay/config.h"

struct plan_listener {
	uint32_t relay;                  /* index into config.relays */
	const struct endpoint *endpoint; /* borrowed from the configuration */
};

struct plan_target {
	const struct endpoint *endpoint; /* its namespace and family matter; for unix sockets its path too */
	const struct config_tcp *tcp;
};

struct plan {
	const struct config *config; /* borrowed; outlives the plan */
	struct plan_listener *listeners;
	uint32_t listener_count;
	struct plan_target *targets;
	uint32_t target_count;
	uint32_t **backend_targets; /* [relay][backend of its pool] -> target */
};

/* plan_init - 0 or -ENOMEM */
int plan_init(struct plan *plan, const struct config *config);
void plan_fini(struct plan *plan);

#endif

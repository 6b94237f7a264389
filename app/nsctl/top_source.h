/* SPDX-License-Identifier: Apache-2.0 */
/* Where `nsctl top` has its samples from: a running daemon. */
#ifndef NSRELAY_APP_NSCTL_TOP_SOURCE_H
#define NSRELAY_APP_NSCTL_TOP_SOURCE_H

#include "app/nsctl/top_model.h"
#include "app/varlink/client.h"

/* The daemon as a whole. */
struct top_summary {
	char version[32];
	uint64_t uptime_ms, connections, max_connections, accepted;
	uint64_t accepted_rate; /* new connections a second, since the sample before */
};

/* top_source_sample - the next sample of @model, and @summary; errors: those of varlink_receive() */
int top_source_sample(struct varlink_client *client, struct top_model *model, struct top_summary *summary,
                      struct err *err);

/* top_source_kill - reset connection @id; top_source_set_state - of backend @name: "POOL/ENDPOINT", to
 * "drain" ... */
int top_source_kill(struct varlink_client *client, uint64_t id, struct err *err);
int top_source_set_state(struct varlink_client *client, const char *name, const char *state, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a daemon's connections a verb is about, as the command line says it. */
#ifndef NSRELAY_APP_NSCTL_NSCTL_FILTER_H
#define NSRELAY_APP_NSCTL_NSCTL_FILTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Texts are borrowed from argv. Zeroed it is about all of them. */
struct nsctl_filter {
	const char *relay, *pool, *client, *backend, *netns, *state, *lane;
	uint64_t age_over_ms, idle_over_ms, bytes_over;
};

/* nsctl_filter_is_empty - is it about all? */
bool nsctl_filter_is_empty(const struct nsctl_filter *filter);

/* nsctl_filter_parameters - add it to the parameters of a method; false when memory is out, or a text is no
 * UTF-8 */
bool nsctl_filter_parameters(const struct nsctl_filter *filter, json_t *parameters);

/* Each takes an option's value: 0, or -EINVAL, -ERANGE with what was expected. */
int nsctl_filter_set_client(struct nsctl_filter *filter, const char *text, struct err *err);
int nsctl_filter_set_backend(struct nsctl_filter *filter, const char *text, struct err *err);
int nsctl_filter_set_netns(struct nsctl_filter *filter, const char *text, struct err *err);
int nsctl_filter_set_state(struct nsctl_filter *filter, const char *text, struct err *err);
int nsctl_filter_set_lane(struct nsctl_filter *filter, const char *text, struct err *err);

/* nsctl_filter_set_bytes - "1000", "64KiB" */
int nsctl_filter_set_bytes(struct nsctl_filter *filter, const char *text, struct err *err);

#endif

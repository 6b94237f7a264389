/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold between the parts of a configuration, wherever it came from. */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_CHECK_H
#define NSRELAY_APP_NSRELAY_CONFIG_CHECK_H

#include <stddef.h>

#include "relay/config.h"

/*
 * The largest configuration that is taken. Parts are compared pair by pair, so this bounds the time a check
 * takes; a listener costs one socket for each thread anyway.
 */
enum { CONFIG_RELAYS_MAX = 4096, CONFIG_LISTENERS_MAX = 4096, CONFIG_BACKENDS_MAX = 16384 };

/* And what a relay may have of destinations, and of networks and of ports in them: at most 1.2 MiB of tables for each of the two. */
enum { CONFIG_DESTINATIONS_MAX = 1024, CONFIG_DESTINATION_NETWORKS_MAX = 4096, CONFIG_DESTINATION_PORTS_MAX = 4096 };

enum config_part { CONFIG_PART_RELAY, CONFIG_PART_LISTENER, CONFIG_PART_BACKEND };

/*
 * config_complaint_fn - told of one mistake
 * @part, @index: at which relay, listener or backend; listeners are counted over all relays, backends over
 *                all pools
 * @text:         "what is wrong; what was expected"
 */
typedef void config_complaint_fn(void *context, enum config_part part, size_t index, const char *text);

/*
 * config_check - look for two relays of one name, a listener that overlaps an earlier one, a relay whose
 * backend or mirror is its own listener, rules for a namespace
 * it does not listen in, destinations of a relay that does not know them, a burst without a rate, backups that are never tried, and more than the limits above
 */
void config_check(const struct config *config, config_complaint_fn *complain, void *context);

#endif

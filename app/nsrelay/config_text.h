/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration as a file: what config_text_load() takes and makes an equal configuration of, its parts in the same
 * order. Comments, `namespaces:` and `defaults:` are gone (config_tree.h).
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_TEXT_H
#define NSRELAY_APP_NSRELAY_CONFIG_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include "relay/config.h"

/*
 * config_text - write @config, which config_check() has nothing against, to @out
 * @all: settings that have their default as well
 *
 * Names of files that are no UTF-8, as only a command line can give them, make a text that is not read back.
 * Errors: ENOMEM; what @out met is for ferror(3) to tell.
 */
int config_text(const struct config *config, bool all, FILE *out);

/*
 * The same in parts, which make the whole one behind the other: what is daemon-wide, each pool, each relay.
 * @first: of the pools, or of the relays
 */
int config_text_daemon(const struct config *config, bool all, FILE *out);
int config_text_pool(const struct config_pool *pool, bool first, bool all, FILE *out);
int config_text_relay(const struct config *config, const struct config_relay *relay, bool first, bool all, FILE *out);

/* config_equal - do the two say the same, in the same order? Two relays, by what they say. ENOMEM: they are not. */
bool config_equal(const struct config *a, const struct config *b);
bool config_pool_equal(const struct config_pool *a, const struct config_pool *b);
bool config_relay_equal(const struct config *a, const struct config_relay *relay_a, const struct config *b,
			const struct config_relay *relay_b);

#endif

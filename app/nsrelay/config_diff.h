/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What makes one configuration another, in the words of the file: relays, pools and backends that come and go, by their
 * names and addresses, and settings, defaults included. The order in which things stand is no difference.
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_DIFF_H
#define NSRELAY_APP_NSRELAY_CONFIG_DIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/vec.h"
#include "relay/config.h"

enum config_change_kind { CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };

struct config_change {
	enum config_change_kind kind;
	char *what;        /* "relay web: timeouts.idle", "pool api, backend web/127.0.0.1:80"; owned */
	char *was, *is;    /* its value before and after; NULL: there is none, or it has several; owned */
	bool needs_restart; /* a running daemon keeps to what was */
};

struct config_diff {
	VEC(struct config_change) changes; /* in the order of names */
};

/* config_diff_init - how @is differs from @was. To be given to config_diff_fini(), also on failure. Errors: ENOMEM. */
int config_diff_init(struct config_diff *diff, const struct config *was, const struct config *is);
void config_diff_fini(struct config_diff *diff);

/*
 * config_keep_fixed - what a running daemon keeps to is in @next as it was in @was
 * @tell: told of each such setting that was another, "control.path"
 */
void config_keep_fixed(const struct config *was, struct config *next, void (*tell)(const char *what));

/* config_diff_print - a line for each change: "relay web: timeouts.idle: 1h -> 5m" */
void config_diff_print(const struct config_diff *diff, FILE *out);

#endif

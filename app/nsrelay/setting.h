/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one table of settings: for each its key in a file, its option on the command line, the field of struct
 * config it goes to, its type and range, and its explanation. The file's reader, the option parser and the
 * help all work from it. Defaults are not here: config_init() and config_relay_init() alone have them.
 */
#ifndef NSRELAY_APP_NSRELAY_SETTING_H
#define NSRELAY_APP_NSRELAY_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include "app/text/value.h"

struct setting_map;

struct setting {
	const char *key;
	const struct setting_map *map; /* a mapping of further settings; the members below are then unused */
	const char *option;            /* without "--"; NULL: only in a file */
	size_t offset;                 /* of the field in the owner's struct, in bytes */
	struct value_type type;
	const char *help;
	bool needs_restart; /* of the daemon's: a daemon that runs keeps to what it was started with */
};

/* A mapping of settings; all settings of it and of the maps within have the same owner. */
struct setting_map {
	const struct setting *settings;
	size_t count;
};

extern const struct setting_map setting_daemon, setting_enrolment; /* owner: struct config */
extern const struct setting_map setting_relay;  /* owner: struct config_relay */
extern const struct setting_map setting_pool;    /* owner: struct config_pool */
extern const struct setting_map setting_health;  /* the same owner */
extern const struct setting_map setting_ejection; /* the same owner */
extern const struct setting_map setting_backend; /* owner: struct config_backend */
extern const struct setting_map setting_destination; /* owner: struct config_destination */
extern const struct setting_map setting_sni;   /* the same owner */
extern const struct setting_map setting_proxy, setting_intercept; /* owner: struct config_relay */
extern const struct setting_map setting_mirror;  /* owner: struct config_mirror */

/* setting_find - the setting named @key in @map, or NULL */
const struct setting *setting_find(const struct setting_map *map, const char *key);

/* The names of relays and pools. */
extern const struct value_type setting_name_type;

#endif

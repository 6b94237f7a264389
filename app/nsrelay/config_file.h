/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of Operation
 *
 * A configuration file becomes a struct config in three steps: yaml.c makes a tree that knows the place of
 * each node; config_file.c has it walked (schema.h) along tables that name every legal key (those of single
 * values are in setting.c); config_check.c compares the parts with each other. Each step reports every mistake
 * it finds, with its place, and only the first (no YAML at all) ends the reading.
 *
 *	namespaces: { NAME: {} | { pid: N } | { path: /FILE } }
 *	relays:
 *	  - name: NAME
 *	    listen: ENDPOINT | [ ENDPOINT... ]
 *	    to: POOL | ENDPOINT | [ ENDPOINT... ]       endpoints make a pool with the relay's name
 *	    destinations: [ { networks, ports, to: POOL | original, refuse }... ]   the first that fits
 *	    timeouts, tcp, lane, proxy_protocol         see setting.c
 *	pools: { NAME: { backends: [ ENDPOINT | { address: ENDPOINT, weight, backup }... ], balance, retries } }
 *	defaults: { timeouts, tcp, lane, proxy_protocol }  of all relays, each may set its own
 *	threads, max_connections, drain, user, log      see setting.c
 */
#ifndef NSRELAY_APP_NSRELAY_CONFIG_FILE_H
#define NSRELAY_APP_NSRELAY_CONFIG_FILE_H

#include <stddef.h>
#include <stdio.h>

#include "app/text/schema.h"
#include "relay/config.h"

/* Every key there is, for the manual page. */
extern const struct schema config_file_schema;

/*
 * config_text_load - read a configuration from memory
 * @name:   how the report calls it
 * @report: where the mistakes are printed; NULL: nowhere
 *
 * The caller owns what is stored in @ret, to be given to config_fini(); @ret is untouched on failure.
 * Errors: EINVAL (mistakes, all of them reported), ENOMEM (reported too).
 */
int config_text_load(const char *text, size_t size, const char *name, struct config *ret, FILE *report);

/*
 * What a file may hold that is no setting: the keys of these schemas' fields. config_tree.c writes
 * each, and its test looks whether one was forgotten.
 */
enum { CONFIG_SCHEMA_COUNT = 9 };
extern const struct schema *const config_file_schemas[CONFIG_SCHEMA_COUNT];

/*
 * config_text_add - read a fragment, which adds to what there is: `namespaces`, `pools`, `defaults` and `relays` as in
 * a file, each of them optional; its relays may name any pool, and a pool that there is gets the backends that are
 * given under its name
 * @base: stays as it is
 * Otherwise as config_text_load(). What there is already under the name of something new is a mistake as well.
 */
int config_text_add(const struct config *base, const char *text, size_t size, const char *name, struct config *ret,
		    FILE *report);

/* config_file_load - as config_text_load(), from a file. Errors also: those of text_file_read() */
int config_file_load(const char *path, struct config *ret, FILE *report);

#endif

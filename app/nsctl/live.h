/* SPDX-License-Identifier: Apache-2.0 */
/* What a running nsrelay says of itself, as people read it. @reply is that of the method the verb calls. */
#ifndef NSRELAY_APP_NSCTL_LIVE_H
#define NSRELAY_APP_NSCTL_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "app/text/table.h"
#include "base/vec.h"

/* Where nsrelay.service and the examples have it. */
#define LIVE_CONTROL_PATH "/run/nsrelay/control.sock"

/* In front of the names of the daemon's methods. */
#define LIVE_INTERFACE "io.nsrelay.Control."

/* Longest text live_format_*() write, their NUL included. */
enum { LIVE_TEXT_MAX = 32 };

/* live_print_status - 0 */
int live_print_status(const json_t *reply, FILE *out);

/* What methods list. */
struct live_list;
extern const struct live_list live_counters, live_relays, live_backends, live_connections, live_enrolments;

struct live_row {
	uint64_t rank; /* by the order, the most first */
	size_t index;  /* of the table's row */
};

/* The table of a list. Replies become cells at once: as many connections as there may be take far more memory
 * as JSON. */
struct live_table {
	const struct live_list *list;
	int order; /* of live_find_order(); -1: as they come */
	struct table table;
	VEC(struct live_row) rows;
};

void live_table_init(struct live_table *table, const struct live_list *list, int order);
void live_table_fini(struct live_table *table);

/* live_table_add - what @reply has of the list; 0 or -ENOMEM */
int live_table_add(struct live_table *table, const json_t *reply);

/* live_table_print - the first @limit of them (0: all), or that there is none; 0 or -ENOMEM */
int live_table_print(struct live_table *table, size_t limit, FILE *out);

/* live_format_bytes - "447", "12.5K", "1.2G": by 1024. Returns @buf. */
const char *live_format_bytes(uint64_t bytes, char *buf, size_t size);

/* live_format_time - "0.3s", "47s", "12m05s", "3h20m", "2d04h". Returns @buf. */
const char *live_format_time(uint64_t ms, char *buf, size_t size);

/*
 * live_find_order - the index of the order called @name, or -1; live_order_name - NULL behind the last one
 * live_order_wants_details - is it by what only the sockets know?
 * live_sort - the array by that order, the most first
 */
int live_find_order(const char *name);
const char *live_order_name(size_t index);
bool live_order_wants_details(int order);
void live_sort(json_t *connections, int order);

#endif

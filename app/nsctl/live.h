/* SPDX-License-Identifier: Apache-2.0 */
/* What a running nsrelay says of itself, as people read it. @reply is that of the method the verb calls. */
#ifndef NSRELAY_APP_NSCTL_LIVE_H
#define NSRELAY_APP_NSCTL_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Where nsrelay.service and the examples have it. */
#define LIVE_CONTROL_PATH "/run/nsrelay/control.sock"

/* In front of the names of the daemon's methods. */
#define LIVE_INTERFACE "io.nsrelay.Control."

/* Longest text live_format_*() write, their NUL included. */
enum { LIVE_TEXT_MAX = 32 };

/* Each prints a table, or what there is none of; 0 or -ENOMEM. */
int live_print_status(const json_t *reply, FILE *out);
int live_print_counters(const json_t *reply, FILE *out);
int live_print_relays(const json_t *reply, FILE *out);
int live_print_backends(const json_t *reply, FILE *out);
int live_print_connections(const json_t *reply, FILE *out);

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

/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does to a running relay, by the thread that asks about it (relay/inspect.h). */
#ifndef NSRELAY_RELAY_OPERATOR_H
#define NSRELAY_RELAY_OPERATOR_H

#include <stddef.h>
#include <stdint.h>

#include "relay/config.h"

struct inspect;

/* operator_find_state - enum config_state by its name: ready, drain, maintenance; -1 */
int operator_find_state(const char *name);

/*
 * operator_set_state - let backend @backend of pool @pool have new connections or not, from now on, and log
 * it. What checks and connections hold against it (relay/balance/standing.h) is not touched.
 */
void operator_set_state(const struct inspect *inspect, size_t pool, uint32_t backend,
                        enum config_state state);

#endif

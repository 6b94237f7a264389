/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of a closed connection, and of the counters. */
#ifndef NSRELAY_RELAY_RECORD_LOG_H
#define NSRELAY_RELAY_RECORD_LOG_H

#include "relay/counters.h"
#include "relay/plan.h"
#include "relay/record.h"

/* record_log - one "closed" record at info */
void record_log(const struct plan *plan, const struct record *record);

/* counters_log - one "counters" record at info: the sums over @count threads */
void counters_log(const struct counters *threads, uint32_t count);

#endif

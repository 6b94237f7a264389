/* SPDX-License-Identifier: Apache-2.0 */
/* What the log says of a closed connection, and of the counters. */
#ifndef NSRELAY_RELAY_RECORD_LOG_H
#define NSRELAY_RELAY_RECORD_LOG_H

#include "relay/counters.h"
#include "relay/plan.h"
#include "relay/record.h"

/* record_log - a record of a closed connection, or of a backend */
void record_log(const struct plan *plan, const struct record *record);

/* record_failure_text - why a check of a backend failed */
const char *record_failure_text(const struct record *record);

/* counters_log - one "counters" record at info: the sums over @count threads */
void counters_log(const struct counters *threads, uint32_t count);

#endif

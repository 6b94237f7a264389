/* SPDX-License-Identifier: Apache-2.0 */
/* What records are as events. */
#ifndef NSRELAY_RELAY_RECORD_EVENTS_H
#define NSRELAY_RELAY_RECORD_EVENTS_H

#include "relay/events.h"
#include "relay/plan.h"
#include "relay/record.h"

/* record_event - false when @record is none; of a kind that comes in series, `ret_in_series` */
bool record_event(const struct plan *plan, const struct record *record, struct event *ret,
                  bool *ret_in_series);

#endif

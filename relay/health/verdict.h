/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a row of checks says of a backend, as pure functions: up until `fall` checks in a row have failed, then down until
 * `rise` in a row have succeeded. A backend counts as up before its first check, so that a relay serves at once.
 */
#ifndef NSRELAY_RELAY_HEALTH_VERDICT_H
#define NSRELAY_RELAY_HEALTH_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/config.h"

struct verdict {
	bool down;
	uint32_t against; /* checks in a row that said the opposite */
};

/* verdict_note - one check more; true when that turned the verdict */
bool verdict_note(struct verdict *verdict, const struct config_health *health, bool succeeded);

/* verdict_is_settled - the last check said the same as those before */
static inline bool verdict_is_settled(const struct verdict *verdict)
{
	return verdict->against == 0;
}

/*
 * verdict_pause_ms - from the end of one check to the next
 * The interval, or the fast one while checks contradict the verdict, give or take the jitter by @draw, 32 bits of chance.
 */
uint32_t verdict_pause_ms(const struct verdict *verdict, const struct config_health *health, uint32_t draw);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/health/verdict.h"

bool verdict_note(struct verdict *verdict, const struct config_health *health, bool succeeded)
{
	if (succeeded != verdict->down) {
		verdict->against = 0;
		return false;
	}
	if (++verdict->against < (verdict->down ? health->rise : health->fall))
		return false;
	verdict->down = !verdict->down;
	verdict->against = 0;
	return true;
}

uint32_t verdict_pause_ms(const struct verdict *verdict, const struct config_health *health, uint32_t draw)
{
	uint32_t interval_ms = verdict_is_settled(verdict) ? health->interval_ms : health->fast_interval_ms;
	uint64_t spread_ms = (uint64_t)interval_ms * health->jitter / CONFIG_FRACTION_ALL; /* to each side */
	uint64_t late_ms = ((2 * spread_ms + 1) * draw) >> 32;
	return (uint32_t)(interval_ms - spread_ms + late_ms);
}

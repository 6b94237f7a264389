/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance/maglev.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "relay/config.h"

enum { NO_BACKEND = UINT16_MAX };

/* How far a backend has come. */
struct claim {
	uint32_t place, step; /* the next place it would like, and how far it is to the one after */
	uint32_t credit;      /* a place is claimed for CONFIG_WEIGHT_MAX of it */
};

static void take_place(uint16_t *table, struct claim *claim, size_t index)
{
	while (table[claim->place] != NO_BACKEND)
		claim->place = (claim->place + claim->step) % MAGLEV_SIZE;
	table[claim->place] = (uint16_t)index;
}

int maglev_fill(uint16_t *table, const struct maglev_backend *backends, size_t count)
{
	CHECK(count <= NO_BACKEND);
	struct claim *claims = calloc(count, sizeof(*claims));
	if (!claims)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		claims[i].place = (uint32_t)(backends[i].hash >> 32) % MAGLEV_SIZE;
		claims[i].step = (uint32_t)backends[i].hash % (MAGLEV_SIZE - 1) + 1;
	}
	for (uint32_t i = 0; i < MAGLEV_SIZE; i++)
		table[i] = NO_BACKEND;
	/* The pace is set by the greatest weight there can be, not by the pool's: it stays when the heaviest goes. */
	for (uint32_t filled = 0; filled < MAGLEV_SIZE;) {
		for (size_t i = 0; i < count && filled < MAGLEV_SIZE; i++) {
			claims[i].credit += backends[i].weight;
			if (claims[i].credit < CONFIG_WEIGHT_MAX)
				continue;
			claims[i].credit -= CONFIG_WEIGHT_MAX;
			take_place(table, &claims[i], i);
			filled++;
		}
	}
	free(claims);
	return 0;
}

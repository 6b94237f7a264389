/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Maglev consistent hashing (Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load Balancer", NSDI 2016, 3.4):
 * each backend claims the places of a table in an order of its own, which follows from its name alone. So most places keep
 * their backend when another one comes or goes.
 */
#ifndef NSRELAY_RELAY_BALANCE_MAGLEV_H
#define NSRELAY_RELAY_BALANCE_MAGLEV_H

#include <stddef.h>
#include <stdint.h>

/*
 * Places of a table, two bytes each: the paper's smaller size, a prime, so that every step reaches every place. The same for
 * all pools: a table of another size moves nearly every client, so the size must not follow from the number of backends. With
 * so many places at most 0.9 % of the clients move that need not, up to 1,000 backends; tests/unit/relay/test_balance.c.
 */
enum { MAGLEV_SIZE = 65537 };

struct maglev_backend {
	uint64_t hash;   /* of its name */
	uint32_t weight; /* 0: it gets no place; at most CONFIG_WEIGHT_MAX */
};

/*
 * maglev_fill - write the index of its backend to each of the MAGLEV_SIZE places of @table
 * At least one of the @count backends has a weight, and @count is below 65536. Returns 0 or -ENOMEM.
 */
int maglev_fill(uint16_t *table, const struct maglev_backend *backends, size_t count);

#endif

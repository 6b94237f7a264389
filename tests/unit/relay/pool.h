/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of backends to choose from, without a relay around it, and what was chosen. One at a time. */
#ifndef NSRELAY_TESTS_UNIT_POOL_H
#define NSRELAY_TESTS_UNIT_POOL_H

#include "relay/balance/balance.h"
#include "tests/unit/unit.h"

enum { BACKENDS_MAX = 1000, CHOICES = 100000 };

extern struct config pool_config;
extern struct balance pool_balance;
extern struct balance_cursor pool_cursor;
extern uint32_t pool_counts[BACKENDS_MAX]; /* for the test to count in; pool_end() makes them 0 */

/* pool_begin, pool_add, pool_end - a pool, its backends (with a name that follows from @number), and it is built */
struct config_pool *pool_begin(enum config_balance policy);
struct config_backend *pool_add(struct config_pool *pool, unsigned number, uint32_t weight);
const struct balance_pool *pool_end(void);

/* pool_make, pool_equal - all of that at once */
const struct balance_pool *pool_make(enum config_balance policy, const uint32_t *weights, size_t count);
const struct balance_pool *pool_equal(enum config_balance policy, size_t count);

/* pool_close - a test's teardown */
int pool_close(void **state);

/* pool_choose - for a connection whose source does not matter; pool_draw_of - the draw of client number @client */
uint32_t pool_choose(const struct balance_pool *pool);
uint32_t pool_draw_of(uint32_t client);

/* pool_assert_shares - each of pool_counts[] is its weight's share of @choices, to @per_mille and @whole connections */
void pool_assert_shares(const uint32_t *weights, size_t count, uint64_t choices, double per_mille, double whole);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "relay/succession.h"
#include "relay/worker.h"

enum { CACHE_LINE = 64 };

/* ---- one row ---- */

static _Atomic uint64_t *row_of(const struct worker *worker, const struct tally_table *table, uint32_t row)
{
	return &table->cells[worker->number][(size_t)row * table->width];
}

/* add - by the thread that the cells belong to: no locked instruction */
static void add(_Atomic uint64_t *cell, uint64_t amount)
{
	atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + amount, memory_order_relaxed);
}

/* bucket_of - the first whose end, 4^bucket << @shift, is not below @value */
static unsigned bucket_of(uint64_t value, unsigned shift, unsigned count)
{
	uint64_t beyond = value > 0 ? (value - 1) >> shift : 0;
	unsigned bucket = beyond ? (unsigned)(65 - __builtin_clzll(beyond)) / 2 : 0;
	return bucket < count ? bucket : count - 1;
}

static _Atomic uint64_t *arrival_of(const struct worker *worker, uint32_t listener)
{
	const struct tally *tally = &worker->shared->tally;
	return row_of(worker, &tally->arrivals, tally->listener_rows[listener]);
}

uint32_t tally_backend_row(const struct tally *tally, uint32_t pool, uint32_t backend)
{
	uint32_t row = tally->pool_rows[pool] + backend;
	return row < tally->backends.row_count ? row : TALLY_OTHER;
}

static _Atomic uint64_t *backend_of(const struct worker *worker, const struct session *session)
{
	const struct tally *tally = &worker->shared->tally;
	uint32_t pool = worker->plan->routes[session->route].pool;
	return row_of(worker, &tally->backends, tally_backend_row(tally, pool, session->backend));
}

static bool counts(const struct worker *worker)
{
	return worker->shared->tally.arrivals.row_count > 0;
}

/* ---- a connection's life ---- */

void tally_accepted(struct worker *worker, const struct session *session)
{
	if (!counts(worker))
		return;
	_Atomic uint64_t *cells = arrival_of(worker, session->listener);
	add(&cells[TALLY_ARRIVAL_ACCEPTED], 1);
	add(&cells[TALLY_ARRIVAL_OPEN], 1);
}

void tally_turned_away(struct worker *worker, uint32_t listener, enum cause cause)
{
	if (!counts(worker))
		return;
	_Atomic uint64_t *cells = arrival_of(worker, listener);
	add(&cells[TALLY_ARRIVAL_ACCEPTED], 1);
	add(&cells[TALLY_ARRIVAL_CLOSED + cause], 1);
	add(&cells[TALLY_ARRIVAL_DURATIONS], 1);
	add(&cells[TALLY_ARRIVAL_SIZES], 1);
}

void tally_connected(struct worker *worker, const struct session *session)
{
	if (!counts(worker))
		return;
	_Atomic uint64_t *cells = backend_of(worker, session);
	add(&cells[TALLY_BACKEND_OPEN], 1);
	add(&cells[TALLY_BACKEND_CONNECT_US], session->connect_us);
	add(&cells[TALLY_BACKEND_CONNECTS + bucket_of(session->connect_us, TALLY_CONNECT_SHIFT, TALLY_CONNECT_BUCKETS)], 1);
}

void tally_failed(struct worker *worker, const struct session *session)
{
	if (counts(worker))
		add(&backend_of(worker, session)[TALLY_BACKEND_FAILURES], 1);
}

static void close_arrival(const struct worker *worker, const struct session *session, uint64_t up, uint64_t down)
{
	_Atomic uint64_t *cells = arrival_of(worker, session->listener);
	uint64_t duration_us = (worker->now_ns - session->accepted_ns) / 1000;
	add(&cells[TALLY_ARRIVAL_OPEN], UINT64_MAX);
	add(&cells[TALLY_ARRIVAL_BYTES_UP], up);
	add(&cells[TALLY_ARRIVAL_BYTES_DOWN], down);
	add(&cells[TALLY_ARRIVAL_DURATION_US], duration_us);
	add(&cells[TALLY_ARRIVAL_DURATIONS + bucket_of(duration_us, TALLY_DURATION_SHIFT, TALLY_DURATION_BUCKETS)], 1);
	add(&cells[TALLY_ARRIVAL_SIZES + bucket_of(up + down, TALLY_SIZE_SHIFT, TALLY_SIZE_BUCKETS)], 1);
	add(&cells[TALLY_ARRIVAL_CLOSED + session->cause], 1);
}

void tally_closed(struct worker *worker, const struct session *session)
{
	if (!counts(worker))
		return;
	uint64_t up = session->flows[SIDE_CLIENT].bytes, down = session->flows[SIDE_SERVER].bytes;
	close_arrival(worker, session, up, down);
	if (session->connect_us == 0)
		return;
	_Atomic uint64_t *cells = backend_of(worker, session);
	add(&cells[TALLY_BACKEND_OPEN], UINT64_MAX);
	add(&cells[TALLY_BACKEND_BYTES_UP], up);
	add(&cells[TALLY_BACKEND_BYTES_DOWN], down);
}

/* ---- reading ---- */

uint64_t tally_read(const struct tally *tally, const struct tally_table *table, uint32_t row, unsigned cell)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < tally->threads; i++)
		sum += atomic_load_explicit(&table->cells[i][(size_t)row * table->width + cell], memory_order_relaxed);
	return sum;
}

/* ---- start and end ---- */

/* rows_max - beside row 0 */
static uint32_t rows_max(const struct config *config)
{
	return config->metrics.series_max / (TALLY_SERIES_ARRIVAL + TALLY_SERIES_BACKEND);
}

static uint32_t backend_count(const struct config *config)
{
	size_t count = 0;
	for (size_t i = 0; i < config->pool_count; i++)
		count += config->pools[i].backend_count;
	return (uint32_t)count;
}

static uint32_t backend_rows(const struct config *config)
{
	uint32_t count = backend_count(config);
	return 1 + (count < rows_max(config) ? count : rows_max(config));
}

/* arrival_rows - give each listener its row, if @ret has room for them; how many rows there are */
static uint32_t arrival_rows(const struct plan *plan, struct tally *ret)
{
	uint32_t count = 1, most = 1 + rows_max(plan->config);
	for (uint32_t i = 0; i < plan->listener_count; i++) {
		uint32_t first = plan->listeners[i].alike, row = TALLY_OTHER;
		if (first == i && count < most)
			row = count++;
		if (!ret)
			continue;
		ret->arrivals.left_out += first == i && !row;
		ret->listener_rows[i] = first == i ? row : ret->listener_rows[first];
		if (row)
			ret->row_listeners[row] = i;
	}
	return count;
}

static size_t table_size(uint32_t rows, uint32_t width)
{
	size_t size = (size_t)rows * width * sizeof(uint64_t);
	return (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE; /* threads do not share a line */
}

static int table_init(struct tally_table *table, uint32_t rows, uint32_t width, uint32_t threads)
{
	table->row_count = rows;
	table->width = width;
	for (uint32_t i = 0; i < threads; i++) {
		table->cells[i] = aligned_alloc(CACHE_LINE, table_size(rows, width));
		if (!table->cells[i])
			return -ENOMEM;
		memset((void *)table->cells[i], 0, table_size(rows, width));
	}
	return 0;
}

static void table_fini(struct tally_table *table)
{
	for (uint32_t i = 0; i < LIMIT_THREADS; i++)
		free((void *)table->cells[i]);
}

static void place_pools(struct tally *tally, const struct config *config)
{
	uint32_t row = 1;
	for (size_t i = 0; i < config->pool_count; i++) {
		tally->pool_rows[i] = row;
		row += (uint32_t)config->pools[i].backend_count;
	}
}

static int init_rows(struct tally *tally, const struct plan *plan)
{
	const struct config *config = plan->config;
	tally->listener_rows = calloc(plan->listener_count + 1, sizeof(uint32_t));
	tally->row_listeners = calloc(plan->listener_count + 1, sizeof(uint32_t));
	tally->pool_rows = calloc(config->pool_count + 1, sizeof(uint32_t));
	if (!tally->listener_rows || !tally->row_listeners || !tally->pool_rows)
		return -ENOMEM;
	place_pools(tally, config);
	tally->backends.left_out = backend_count(config) + 1 - backend_rows(config);
	int rc = table_init(&tally->arrivals, arrival_rows(plan, tally), TALLY_ARRIVAL_CELLS, tally->threads);
	return rc < 0 ? rc : table_init(&tally->backends, backend_rows(config), TALLY_BACKEND_CELLS, tally->threads);
}

int tally_init(struct tally *tally, const struct plan *plan, uint32_t threads)
{
	*tally = (struct tally){.threads = threads};
	int rc = config_metrics_are_wanted(&plan->config->metrics) ? init_rows(tally, plan) : 0;
	if (rc < 0)
		tally_fini(tally);
	return rc;
}

void tally_fini(struct tally *tally)
{
	table_fini(&tally->arrivals);
	table_fini(&tally->backends);
	free(tally->listener_rows);
	free(tally->row_listeners);
	free(tally->pool_rows);
	*tally = (struct tally){0};
}

size_t tally_memory(const struct plan *plan, uint32_t threads)
{
	if (!config_metrics_are_wanted(&plan->config->metrics))
		return 0;
	size_t rows = table_size(arrival_rows(plan, NULL), TALLY_ARRIVAL_CELLS) +
		      table_size(backend_rows(plan->config), TALLY_BACKEND_CELLS);
	return threads * rows + (2 * (size_t)plan->listener_count + plan->config->pool_count + 3) * sizeof(uint32_t);
}

struct tally_rows tally_rows(const struct plan *plan)
{
	return (struct tally_rows){arrival_rows(plan, NULL), backend_rows(plan->config)};
}

/* ---- another configuration ---- */

/* carry - all counts of a row, but for how many there are now */
static void carry(struct tally_table *heir, uint32_t heir_row, const struct tally_table *old, uint32_t row, uint32_t threads)
{
	for (uint32_t i = 0; i < threads; i++) {
		_Atomic uint64_t *to = &heir->cells[i][(size_t)heir_row * heir->width];
		const _Atomic uint64_t *from = &old->cells[i][(size_t)row * old->width];
		for (uint32_t cell = 1; cell < old->width; cell++)
			add(&to[cell], atomic_load_explicit(&from[cell], memory_order_relaxed));
	}
}

/* same_relay_there - another listener of the relay that @relay has become, in the namespace of @endpoint; its row, or
 * SUCCESSION_NONE */
static uint32_t same_relay_there(const struct tally *heir, const struct plan *after, uint32_t relay,
				 const struct endpoint *endpoint)
{
	for (uint32_t row = 1; row < heir->arrivals.row_count; row++) {
		const struct plan_listener *listener = &after->listeners[heir->row_listeners[row]];
		if (listener->relay == relay && netns_ref_equal(&listener->endpoint->netns, &endpoint->netns))
			return row;
	}
	return SUCCESSION_NONE;
}

static uint32_t heir_of(const struct tally *heir, const struct plan *after, const struct succession *map,
			const struct plan *before, uint32_t listener)
{
	const struct plan_listener *old = &before->listeners[listener];
	if (map->listeners[listener] != SUCCESSION_NONE)
		return heir->listener_rows[map->listeners[listener]];
	if (map->relays[old->relay] == SUCCESSION_NONE)
		return SUCCESSION_NONE;
	return same_relay_there(heir, after, map->relays[old->relay], old->endpoint);
}

static void inherit_arrivals(struct tally *heir, const struct tally *old, const struct plan *before,
			     const struct plan *after, const struct succession *map)
{
	carry(&heir->arrivals, TALLY_OTHER, &old->arrivals, TALLY_OTHER, old->threads);
	for (uint32_t row = 1; row < old->arrivals.row_count; row++) {
		uint32_t to = heir_of(heir, after, map, before, old->row_listeners[row]);
		if (to != SUCCESSION_NONE)
			carry(&heir->arrivals, to, &old->arrivals, row, old->threads);
	}
}

static void inherit_pool(struct tally *heir, const struct tally *old, uint32_t pool, size_t backend_count,
			 const struct succession *map)
{
	for (uint32_t i = 0; i < backend_count; i++) {
		uint32_t row = tally_backend_row(old, pool, i), backend = map->backends[pool][i];
		if (row != TALLY_OTHER && backend != SUCCESSION_NONE)
			carry(&heir->backends, tally_backend_row(heir, map->pools[pool], backend), &old->backends, row,
			      old->threads);
	}
}

void tally_inherit(struct tally *heir, const struct tally *old, const struct plan *before, const struct plan *after,
		   const struct succession *map)
{
	if (!heir->arrivals.row_count || !old->arrivals.row_count)
		return;
	inherit_arrivals(heir, old, before, after, map);
	carry(&heir->backends, TALLY_OTHER, &old->backends, TALLY_OTHER, old->threads);
	for (uint32_t i = 0; i < before->config->pool_count; i++) {
		if (map->pools[i] != SUCCESSION_NONE)
			inherit_pool(heir, old, i, before->config->pools[i].backend_count, map);
	}
}

void tally_go_on(struct worker *worker, const struct session *session)
{
	if (!counts(worker))
		return;
	add(&arrival_of(worker, session->listener)[TALLY_ARRIVAL_OPEN], 1);
	if (session->connect_us)
		add(&backend_of(worker, session)[TALLY_BACKEND_OPEN], 1);
}

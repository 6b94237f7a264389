/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * What is counted for parts of the configuration, beside the totals of relay/counters.h: for each relay in each namespace
 * that it listens in (arrivals), and for each backend of each pool. A connection is counted when it comes, when its backend
 * answers and when it ends; a byte is not counted here until then, so that reading and writing cost nothing more.
 *
 * Each thread writes rows of its own with plain adds; who reads adds them up, and stops nobody. There are so many rows as
 * `metrics.series_max` has room for. What comes after these is counted in row 0, called other.
 *
 * Identity of a row: relay name and namespace; pool name and backend endpoint. From one configuration to the next a row
 * keeps its counts (tally_inherit()), or gives them to row 0 if there is no room for it any more. So no count goes back.
 */
#ifndef NSRELAY_RELAY_TALLY_H
#define NSRELAY_RELAY_TALLY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/cause.h"
#include "relay/limits.h"
#include "relay/plan.h"

struct session;
struct succession;
struct worker;

/* Buckets of a histogram, each four times as wide as the one before; the last one has no end. */
enum { TALLY_CONNECT_BUCKETS = 11, TALLY_DURATION_BUCKETS = 12, TALLY_SIZE_BUCKETS = 13 };

/* The end of the first bucket, a power of two: 64 us, 1.024 ms, 256 bytes. */
enum { TALLY_CONNECT_SHIFT = 6, TALLY_DURATION_SHIFT = 10, TALLY_SIZE_SHIFT = 8 };

/* Cells of a row of arrivals. */
enum tally_arrival {
	TALLY_ARRIVAL_OPEN, /* connections now; first in both kinds of rows */
	TALLY_ARRIVAL_ACCEPTED,
	TALLY_ARRIVAL_BYTES_UP, /* of connections that have ended, as everything below */
	TALLY_ARRIVAL_BYTES_DOWN,
	TALLY_ARRIVAL_DURATION_US,
	TALLY_ARRIVAL_DURATIONS,
	TALLY_ARRIVAL_SIZES = TALLY_ARRIVAL_DURATIONS + TALLY_DURATION_BUCKETS,
	TALLY_ARRIVAL_CLOSED = TALLY_ARRIVAL_SIZES + TALLY_SIZE_BUCKETS, /* by cause */
	TALLY_ARRIVAL_CELLS = TALLY_ARRIVAL_CLOSED + CAUSE_COUNT,
};

/* Cells of a backend's row. */
enum tally_backend {
	TALLY_BACKEND_OPEN,
	TALLY_BACKEND_FAILURES, /* to connect */
	TALLY_BACKEND_BYTES_UP, /* of connections that have ended */
	TALLY_BACKEND_BYTES_DOWN,
	TALLY_BACKEND_CONNECT_US,
	TALLY_BACKEND_CONNECTS, /* all together: connections that it has answered */
	TALLY_BACKEND_CELLS = TALLY_BACKEND_CONNECTS + TALLY_CONNECT_BUCKETS,
};

/* How many series a row may become at the most: cells, and what is told of each row beside them. */
enum { TALLY_SERIES_ARRIVAL = TALLY_ARRIVAL_CELLS + 8, TALLY_SERIES_BACKEND = TALLY_BACKEND_CELLS + 8 };

/* Row 0 of each table: what there was no row for. */
enum { TALLY_OTHER = 0 };

struct tally_table {
	uint32_t row_count; /* 0: nothing is counted */
	uint32_t width;     /* cells of a row */
	uint32_t left_out;  /* of what should have a row, how many share row 0 */
	_Atomic uint64_t *cells[LIMIT_THREADS]; /* [thread][row * width + cell]; owned */
};

/* What all threads share; zeroed: nothing is counted. */
struct tally {
	struct tally_table arrivals, backends;
	uint32_t *listener_rows;  /* [listener] -> row of arrivals; owned, as the rest */
	uint32_t *row_listeners;  /* [row of arrivals] -> the first listener of it; not of row 0 */
	uint32_t *pool_rows;      /* [pool] -> row of its first backend, if there is room */
	uint32_t threads;
};

/* tally_init - 0 or -ENOMEM; tally_memory - bytes that it takes; with @plan's metrics off it is nothing */
int tally_init(struct tally *tally, const struct plan *plan, uint32_t threads);
void tally_fini(struct tally *tally);
size_t tally_memory(const struct plan *plan, uint32_t threads);

/* How many rows there are, row 0 included; also where there are no metrics. */
struct tally_rows {
	uint32_t arrivals, backends;
};
struct tally_rows tally_rows(const struct plan *plan);

/* tally_backend_row - of a pool's backend */
uint32_t tally_backend_row(const struct tally *tally, uint32_t pool, uint32_t backend);

/* tally_read - the sum over all threads; any thread */
uint64_t tally_read(const struct tally *tally, const struct tally_table *table, uint32_t row, unsigned cell);

/*
 * tally_inherit - @heir begins with what @old has counted; no thread uses either
 * tally_go_on - count an open connection under the new configuration; how many there are is not inherited
 */
void tally_inherit(struct tally *heir, const struct tally *old, const struct plan *before, const struct plan *after,
		   const struct succession *map);
void tally_go_on(struct worker *worker, const struct session *session);

/* ---- by the session's thread ---- */

/* tally_accepted - a connection has come; tally_turned_away - and there was not even room for a session */
void tally_accepted(struct worker *worker, const struct session *session);
void tally_turned_away(struct worker *worker, uint32_t listener, enum cause cause);

/* tally_connected - its backend has answered; tally_failed - or it has not, this time */
void tally_connected(struct worker *worker, const struct session *session);
void tally_failed(struct worker *worker, const struct session *session);

/* tally_closed - it has ended */
void tally_closed(struct worker *worker, const struct session *session);

#endif

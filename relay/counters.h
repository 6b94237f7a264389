/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is counted, as documentation: one table gives name, meaning and what to do when it moves. Each thread writes its own
 * set of cells; whoever reads adds them up (relaxed: a sum may lag, it never tears).
 */
#ifndef NSRELAY_RELAY_COUNTERS_H
#define NSRELAY_RELAY_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "relay/cause.h"

#define COUNTER_TABLE(X)                                                                                               \
	X(ACCEPTED, "accepted_total", "connections accepted", "")                                                      \
	X(CONNECTED, "connected_total", "connections whose backend answered", "")                                      \
	X(CONNECT_FAILURES, "connect_failures_total", "attempts at a backend that failed or timed out",                \
	  "look at the backend: the log names it")                                                                     \
	X(CHECK_FAILURES, "check_failures_total", "checks of backends that failed", "the log tells which backends go down") \
	X(BACKENDS_DOWN, "backends_down_total", "times checks took a backend down", "look at the backend: the log names it") \
	X(BACKENDS_UP, "backends_up_total", "times checks brought a backend up again", "")                             \
	X(BACKENDS_EJECTED, "backends_ejected_total", "times a backend was ejected for what connections met",          \
	  "look at the backend: the log names it")                                                                     \
	X(BYTES_UP, "bytes_up_total", "bytes from clients to backends", "")                                            \
	X(BYTES_DOWN, "bytes_down_total", "bytes from backends to clients", "")                                        \
	X(BYTES_SPLICED, "bytes_spliced_total", "of these, bytes moved without a copy", "")                            \
	X(PUMPS, "pumps_total", "times the bulk lane moved bytes or looked for them",                                  \
	  "far below 64 KiB spliced a pump: the transfers are small, or threads wake too often")                       \
	X(LANE_CHANGES, "lane_changes_total", "flows that changed between the interactive and the bulk lane", "")      \
	X(SHORT_SENDS, "short_sends_total", "times a receiver's socket was full and reading stopped", "")              \
	X(SPILLED, "spilled_bytes_total", "bytes held in own memory for a receiver that was not ready", "")            \
	X(STARVED, "starved_total", "times the thread's receive buffers or spill memory had run out", "")              \
	X(THROTTLED, "throttled_total", "times a direction of a connection waited for its share of a bandwidth limit", \
	  "raise the limit under `limits`, if that is not what it is for")                                       \
	X(ACCEPT_PAUSES, "accept_pauses_total", "times accepting paused: descriptors, memory or the limit ran out",    \
	  "raise RLIMIT_NOFILE or max_connections")                                                                    \
	X(SOCKET_WAITS, "socket_waits_total", "connections that waited for the broker to make a socket", "")           \
	X(SOCKET_FAILURES, "socket_failures_total", "sockets the broker could not make", "the log tells why")          \
	X(MIRRORED, "mirrored_bytes_total", "bytes copied to mirrors", "")                                             \
	X(MIRROR_SKIPPED, "mirror_skipped_bytes_total", "bytes that should have been copied to mirrors and were not",  \
	  "the mirrors' receivers are slow or gone, or the machine has no time left")                                  \
	X(MIRROR_FAILURES, "mirror_failures_total", "copies that could not be connected, broke, or were given up",     \
	  "look at the mirror's receiver")                                                                             \
	X(PENDING, "pending_total", "connections that waited to be let in", "raise the limits, or ask who comes so often") \
	X(QUEUED, "queued_total", "connections that waited for room at a backend",                                     \
	  "raise max_connections of the backends, or add some")                                                        \
	X(LOG_DROPPED, "log_dropped_total", "closing records dropped because the log could not keep up",               \
	  "lower the log level or speed up who reads standard error")

enum counter {
#define X(name, text, help, advice) COUNTER_##name,
	COUNTER_TABLE(X)
#undef X
	COUNTER_CLOSED, /* first of CAUSE_COUNT cells: connections closed, by cause */
	COUNTER_COUNT = COUNTER_CLOSED + CAUSE_COUNT,
};

struct counters {
	_Alignas(64) _Atomic uint64_t cells[COUNTER_COUNT];
};

/* counter_add - by the owning thread only: a plain add, no locked instruction */
static inline void counter_add(struct counters *counters, unsigned counter, uint64_t amount)
{
	_Atomic uint64_t *cell = &counters->cells[counter];
	atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + amount, memory_order_relaxed);
}

static inline uint64_t counter_read(const struct counters *counters, unsigned counter)
{
	return atomic_load_explicit(&counters->cells[counter], memory_order_relaxed);
}

/* counter_name - "accepted_total"; for the cells by cause "closed_client_reset_total" and so on. Static memory. */
const char *counter_name(unsigned counter);

/* counter_help - what it counts; counter_advice - what to do when it moves, "" for nothing. Static memory. */
const char *counter_help(unsigned counter);
const char *counter_advice(unsigned counter);

#endif

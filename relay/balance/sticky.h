/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backend a client had last: a table of bounded size, shared by all threads without a lock. A client has one set of a
 * few places; a place is one 64-bit word with part of the client's hash, the backend and the time, so that it is always read
 * and written as a whole. A set that is full forgets who came least recently.
 *
 * Two clients of one set whose 32 bits are the same are one: with a full table that meets one client in 500 million, and all
 * that comes of it is that they share a backend.
 */
#ifndef NSRELAY_RELAY_BALANCE_STICKY_H
#define NSRELAY_RELAY_BALANCE_STICKY_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct sticky {
	uint32_t set_mask;
	uint32_t tick_ms;         /* the unit of time in a place: a thousandth of the timeout */
	uint32_t timeout_ticks;
	_Atomic uint64_t places[]; /* 0: free */
};

enum { STICKY_NONE = UINT32_MAX };

/* sticky_new - room for at least @size clients, each for @timeout_ms after its last connection; NULL: no memory. free() it. */
struct sticky *sticky_new(uint32_t size, uint32_t timeout_ms);

/* sticky_memory - bytes that sticky_new() takes */
size_t sticky_memory(uint32_t size);

/* sticky_find - the backend of @client (a hash of its address), or STICKY_NONE. @now_ms: CLOCK_MONOTONIC. Any thread. */
uint32_t sticky_find(const struct sticky *sticky, uint64_t client, uint64_t now_ms);

/* sticky_note - @client has gone to @backend, which is below 65535. Any thread. */
void sticky_note(struct sticky *sticky, uint64_t client, uint32_t backend, uint64_t now_ms);

/*
 * sticky_inherit - @heir, which is new, knows whom @old knew, where both have the same size and timeout
 * @backends: [old backend] -> new; STICKY_NONE: forget who had it. Before other threads see @heir, and when none changes @old.
 */
void sticky_inherit(struct sticky *heir, const struct sticky *old, const uint32_t *backends);

#endif

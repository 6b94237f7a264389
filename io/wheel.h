/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines by a hierarchical timer wheel: arming and disarming cost O(1) and no system call, whatever the number of
 * connections. Resolution is one millisecond; deadlines above about 12 days are rounded down and re-armed by their owner's
 * own look at the clock. One wheel belongs to one thread.
 */
#ifndef NSRELAY_IO_WHEEL_H
#define NSRELAY_IO_WHEEL_H

#include <stdint.h>

#include "base/list.h"

enum { WHEEL_SLOT_BITS = 6, WHEEL_SLOTS = 1 << WHEEL_SLOT_BITS, WHEEL_LEVELS = 5 };

struct timer {
	struct list link;
	uint64_t at_ms; /* absolute, on the wheel's clock */
};

struct wheel {
	uint64_t now_ms;                 /* everything up to here has fired */
	uint64_t next_ms;                /* where the next slot that holds anything begins; UINT64_MAX: none does */
	uint64_t occupied[WHEEL_LEVELS]; /* a bit for each slot that is not empty */
	struct list slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

/* Called by wheel_advance() for each timer due, already disarmed: it may be armed again or its owner freed. */
typedef void wheel_fire_fn(void *ctx, struct timer *timer);

void wheel_init(struct wheel *wheel, uint64_t now_ms);
void timer_init(struct timer *timer);

/* timer_arm - (re-)arm for @at_ms; a time that has passed fires at the next wheel_advance() that moves the clock */
void timer_arm(struct wheel *wheel, struct timer *timer, uint64_t at_ms);

/* timer_disarm - harmless when it is not armed */
void timer_disarm(struct wheel *wheel, struct timer *timer);

static inline int timer_armed(const struct timer *timer)
{
	return timer->link.next != &timer->link;
}

/* wheel_next_ms - when wheel_advance() has something to do next, at the earliest; UINT64_MAX when nothing is armed */
static inline uint64_t wheel_next_ms(const struct wheel *wheel)
{
	return wheel->next_ms;
}

/* wheel_advance - move the clock to @now_ms and fire what is due, in order of slots */
void wheel_advance(struct wheel *wheel, uint64_t now_ms, wheel_fire_fn *fire, void *ctx);

#endif

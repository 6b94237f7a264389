/* SPDX-License-Identifier: Apache-2.0 */
#include "io/wheel.h"

#include <stdbool.h>

/*
 * DOC: Theory of operation
 *
 * Level 0 has a slot for each of the next 64 ms, level 1 one for each of the next 64 spans of 64 ms, and so on. A timer
 * stands on the lowest level on which its slot is not also the current one. When the clock enters a span of a higher level,
 * that slot's timers are placed again, now on a lower level ("cascade"). A bit per slot tells which ones hold anything, so
 * that finding the next event is a count of trailing zeros per level and empty time is skipped.
 *
 * The moment of the next event is kept: it changes only when a timer is placed before it, or when it comes. So a turn that
 * finds nothing due costs one comparison.
 */

enum { SLOT_MASK = WHEEL_SLOTS - 1 };

static unsigned level_shift(unsigned level)
{
	return level * WHEEL_SLOT_BITS;
}

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	wheel->now_ms = now_ms;
	wheel->next_ms = UINT64_MAX;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		wheel->occupied[level] = 0;
		for (unsigned slot = 0; slot < WHEEL_SLOTS; slot++)
			list_init(&wheel->slots[level][slot]);
	}
}

void timer_init(struct timer *timer)
{
	list_init(&timer->link);
	timer->at_ms = 0;
}

/* place - put a timer that is in no slot where its deadline belongs, seen from now */
static void place(struct wheel *wheel, struct timer *timer)
{
	uint64_t now = wheel->now_ms;
	uint64_t at = timer->at_ms > now ? timer->at_ms : now + 1;
	unsigned level = 0;
	while (level < WHEEL_LEVELS - 1 && (at >> level_shift(level)) - (now >> level_shift(level)) >= WHEEL_SLOTS)
		level++;
	uint64_t span = at >> level_shift(level), current = now >> level_shift(level);
	if (span - current >= WHEEL_SLOTS) /* beyond the top level: as far as it reaches */
		span = current + SLOT_MASK;
	unsigned slot = (unsigned)(span & SLOT_MASK);
	list_append(&wheel->slots[level][slot], &timer->link);
	wheel->occupied[level] |= UINT64_C(1) << slot;
	uint64_t event = span << level_shift(level);
	if (event < wheel->next_ms)
		wheel->next_ms = event;
}

void timer_arm(struct wheel *wheel, struct timer *timer, uint64_t at_ms)
{
	timer_disarm(wheel, timer);
	timer->at_ms = at_ms;
	place(wheel, timer);
}

void timer_disarm(struct wheel *wheel, struct timer *timer)
{
	/* The occupied bit may stay behind: that costs one look at an empty slot. */
	(void)wheel;
	list_remove(&timer->link);
}

/* next_on_level - start of the first occupied span after the current one; UINT64_MAX when the level is empty */
static uint64_t next_on_level(const struct wheel *wheel, unsigned level)
{
	uint64_t occupied = wheel->occupied[level];
	if (!occupied)
		return UINT64_MAX;
	uint64_t current = wheel->now_ms >> level_shift(level);
	unsigned first = (unsigned)((current + 1) & SLOT_MASK);
	uint64_t turned = first ? occupied >> first | occupied << (WHEEL_SLOTS - first) : occupied;
	return (current + 1 + (unsigned)__builtin_ctzll(turned)) << level_shift(level);
}

static uint64_t find_next(const struct wheel *wheel)
{
	uint64_t next = UINT64_MAX;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		uint64_t at = next_on_level(wheel, level);
		if (at < next)
			next = at;
	}
	return next;
}

/* empty_slot - move what a slot holds to @out */
static void empty_slot(struct wheel *wheel, unsigned level, unsigned slot, struct list *out)
{
	list_move_all(out, &wheel->slots[level][slot]);
	wheel->occupied[level] &= ~(UINT64_C(1) << slot);
}

/* enter_tick - the clock has just become wheel->now_ms: cascade the spans it enters, and collect what is due */
static void enter_tick(struct wheel *wheel, struct list *due)
{
	struct list moved;
	list_init(&moved);
	for (unsigned level = WHEEL_LEVELS - 1; level > 0; level--) {
		if (wheel->now_ms & ((UINT64_C(1) << level_shift(level)) - 1))
			continue;
		empty_slot(wheel, level, (unsigned)(wheel->now_ms >> level_shift(level)) & SLOT_MASK, &moved);
	}
	empty_slot(wheel, 0, (unsigned)wheel->now_ms & SLOT_MASK, &moved);
	for (struct list *link; (link = list_shift(&moved));) {
		struct timer *timer = LIST_ENTRY(link, struct timer, link);
		if (timer->at_ms <= wheel->now_ms)
			list_append(due, link);
		else
			place(wheel, timer);
	}
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms, wheel_fire_fn *fire, void *ctx)
{
	struct list due;
	list_init(&due);
	while (wheel->next_ms <= now_ms) {
		wheel->now_ms = wheel->next_ms;
		enter_tick(wheel, &due);
		wheel->next_ms = find_next(wheel);
	}
	if (wheel->now_ms < now_ms)
		wheel->now_ms = now_ms;
	for (struct list *link; (link = list_shift(&due));)
		fire(ctx, LIST_ENTRY(link, struct timer, link));
}

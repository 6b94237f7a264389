/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread's connections come in, and where those stand that have to wait: oldest first, unread, each
 * with a deadline (state "pending"). They are looked at when a connection of the same thread has ended, and
 * otherwise, as places are given back by other threads and tokens come with time, by a timer that runs while
 * somebody waits.
 */
#ifndef NSRELAY_RELAY_ADMISSION_GATE_H
#define NSRELAY_RELAY_ADMISSION_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "io/wheel.h"

struct session;
struct worker;

/* Those that wait for one relay. */
struct gate_line {
	struct list pending; /* sessions, and the mark while a look has not come to the end */
	struct list mark;    /* where it goes on */
};

struct gate {
	struct gate_line *lines; /* by relay; owned */
	size_t line_count;
	uint32_t count;     /* of those that wait */
	struct timer timer; /* armed while there are any */
	bool look;          /* there may be a place */
};

/* gate_open - 0 or -ENOMEM. gate_memory - bytes that it takes */
int gate_open(struct gate *gate, size_t relay_count);
size_t gate_memory(size_t relay_count);
void gate_close(struct gate *gate);

/* gate_enter - a session whose client is known: goes on by session_admitted(), now or later, or is refused */
void gate_enter(struct worker *worker, struct session *session);

/* gate_leave - a session ends: give back what it has of its limits */
void gate_leave(struct worker *worker, struct session *session);

/* gate_clear - move all that wait to the end of @ret; they are to enter again. gate_adopt - work with the
 * lines of @heir, which gets the old ones */
void gate_clear(struct worker *worker, struct list *ret);
void gate_adopt(struct worker *worker, struct gate *heir);

/* gate_has_work - may somebody come in now? */
static inline bool gate_has_work(const struct gate *gate)
{
	return gate->look && gate->count > 0;
}

/* gate_turn - once a turn: let in who can come in by now */
void gate_turn(struct worker *worker);

/* gate_timer_fired - its timer is due */
void gate_timer_fired(struct worker *worker);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State machines as tables: a state's name and the set of states it may be left for. There is one setter; a move that the
 * table does not list is a bug of ours and aborts, and every move can be traced.
 */
#ifndef NSRELAY_BASE_SM_H
#define NSRELAY_BASE_SM_H

#include <stdint.h>

#define SM_BIT(state) (UINT32_C(1) << (state))

struct sm_state {
	const char *name;
	uint32_t next; /* SM_BIT() of each state that may follow */
};

struct sm {
	const char *name;
	const struct sm_state *states;
	uint8_t state_count;
};

/* Called for each move when set (by tests and debug logging), before the state changes. */
typedef void sm_trace_fn(const struct sm *sm, const void *object, uint8_t from, uint8_t to);
extern sm_trace_fn *sm_trace;

/* sm_move - set *@state of @object to @to; aborts when the table has no such edge */
void sm_move(const struct sm *sm, const void *object, uint8_t *state, uint8_t to);

#endif

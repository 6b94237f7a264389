/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sm.h"

#include <stdio.h>

#include "base/check.h"

sm_trace_fn *sm_trace;

static void refuse(const struct sm *sm, uint8_t from, uint8_t to)
{
	fprintf(stderr, "%s: no edge %s -> %s\n", sm->name, sm->states[from].name, sm->states[to].name);
	CHECK(!"state machine edge");
}

void sm_move(const struct sm *sm, const void *object, uint8_t *state, uint8_t to)
{
	CHECK(*state < sm->state_count && to < sm->state_count);
	if (!(sm->states[*state].next & SM_BIT(to)))
		refuse(sm, *state, to);
	if (sm_trace)
		sm_trace(sm, object, *state, to);
	*state = to;
}

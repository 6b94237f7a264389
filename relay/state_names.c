/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/state_names.h"

#include "base/check.h"

const char *session_state_name(enum session_state state)
{
	static const char *const names[] = {
	        [SESSION_WAITING] = "waiting", [SESSION_HELLO] = "hello",
	        [SESSION_PREREAD] = "preread", [SESSION_PENDING] = "pending",
	        [SESSION_QUEUED] = "queued",   [SESSION_CONNECTING] = "connecting",
	        [SESSION_OPEN] = "open",       [SESSION_RESETTING] = "resetting",
	        [SESSION_CLOSING] = "closing",
	};
	_Static_assert(ARRAY_COUNT(names) == SESSION_STATE_COUNT, "a name for each state of a session");
	return names[state];
}

const char *flow_state_name(enum flow_state state)
{
	static const char *const names[] = {
	        [FLOW_NEW] = "new",           [FLOW_PARKED] = "parked", [FLOW_RECV] = "interactive",
	        [FLOW_STOPPING] = "stopping", [FLOW_BULK] = "bulk",     [FLOW_HELD] = "held",
	        [FLOW_ENDED] = "ended",
	};
	_Static_assert(ARRAY_COUNT(names) == FLOW_STATE_COUNT, "a name for each state of a flow");
	return names[state];
}

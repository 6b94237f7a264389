/* SPDX-License-Identifier: Apache-2.0 */
/* What people call the states of sessions and flows. */
#ifndef NSRELAY_RELAY_STATE_NAMES_H
#define NSRELAY_RELAY_STATE_NAMES_H

#include "relay/session.h"

/* session_state_name - "open"; flow_state_name - its lane: "bulk" */
const char *session_state_name(enum session_state state);
const char *flow_state_name(enum flow_state state);

#endif

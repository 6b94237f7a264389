/* SPDX-License-Identifier: Apache-2.0 */
/* The two ways of moving bytes, used by flow.c alone. Both leave what the receiver did not take in flow.residue. */
#ifndef NSRELAY_RELAY_LANES_H
#define NSRELAY_RELAY_LANES_H

#include "relay/session.h"

/* What a lane has to say of a socket after it moved what it could. 0 is "all is well". */
struct lane_result {
	int source; /* -errno of a source that broke */
	int sink;   /* -errno of a receiver that broke */
};

/* lane_interactive_deliver - pass flow.arrived on: to the ring, to the socket when the stream has ended, or to the residue */
struct lane_result lane_interactive_deliver(struct worker *worker, struct session *session, enum side source);

/* lane_interactive_cut_short - a submitted send ended with @result: keep what was not sent. 0 or -errno of the receiver. */
int lane_interactive_cut_short(struct worker *worker, struct session *session, enum side source, int result);

/* lane_should_change - have enough turns in a row spoken for the other lane? */
bool lane_should_change(const struct flow *flow);

/* lane_bulk_pump - splice from source to receiver until one of them has enough, or the flow's share of the turn is used up */
struct lane_result lane_bulk_pump(struct worker *worker, struct session *session, enum side source);

#endif

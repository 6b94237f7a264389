/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * A flow is one direction of a session. Completions only record facts on it (bytes arrived, the socket is writable, the
 * stream ended) and put it on the thread's work list; flow_run(), called once a turn for each flow on that list, is the one
 * place that acts on them. It first gets rid of what it holds (residue, then arrived buffers), then decides what state the
 * flow goes to, then makes sure that the operations which that state wants are armed.
 *
 * What a state wants armed:
 *
 *	PARKED    one poll for reading
 *	RECV      multishot recv
 *	STOPPING  nothing new; waits for the recv's last completion
 *	BULK      poll for reading at edges
 *	HELD      nothing on the source
 *	any of these while `blocked`: a poll for writing on the receiver
 *
 * A source that is not read from for a while, because its stream has ended or its receiver is full, gets a poll for errors
 * by its session's timer.
 *
 * Nothing is read while there is residue, so what one flow holds in own memory is bounded by what arrives in the turn in
 * which the receiver's socket became full and the next one.
 */
#ifndef NSRELAY_RELAY_FLOW_H
#define NSRELAY_RELAY_FLOW_H

#include "relay/session.h"

/* flow_init - an empty flow of a fresh session */
void flow_init(struct flow *flow, enum side source);

/* flow_start - the session is open: first state by @expect_bytes (interactive at once, or parked) */
void flow_start(struct worker *worker, struct session *session, enum side source, bool expect_bytes);

/* flow_schedule - look at this flow at the end of the turn */
void flow_schedule(struct worker *worker, struct flow *flow);

/* flow_run - act on what was recorded */
void flow_run(struct worker *worker, struct session *session, enum side source);

/* flow_completed - record a completion of one of its operations; returns borrowed buffers' ownership to the flow */
void flow_completed(struct worker *worker, struct session *session, struct tag tag,
		    const struct completion *completion);

/* flow_park - give the receive operation up for a poll, if the flow is quiet in the interactive lane */
void flow_park(struct worker *worker, struct session *session, enum side source);

/* flow_wants_watch - is its source not being read from, so that a reset would go unseen? */
bool flow_wants_watch(const struct worker *worker, const struct flow *flow);

/* A side that was not read from for so long gets a poll that notices its reset. */
enum { FLOW_WATCH_AFTER_MS = 250 };

/* flow_watch - wait for a reset of such a source */
void flow_watch(struct worker *worker, struct session *session, enum side source);

/* flow_await - the session is not open yet, and cannot go on without its client's bytes: one poll for reading */
void flow_await(struct worker *worker, struct session *session, enum side source);

/* flow_resume - what it has read is paid for: it may be read from again */
void flow_resume(struct worker *worker, struct session *session, enum side source);

/* flow_discard - drop all it holds; nothing more is passed on */
void flow_discard(struct worker *worker, struct flow *flow);

/* flow_cancel_all - ask for the end of every armed operation; true when there was none */
bool flow_cancel_all(struct worker *worker, struct session *session, enum side source);

#endif

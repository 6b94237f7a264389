/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * Who may connect, and how much. A connection is asked about once its client is known: at accept, or when the
 * header has been read that tells who the client is. First the rules (`allow`, `deny`): deny wins, and where
 * there is an allow, whoever is not in it is refused. Then the limits, of which a connection needs a place
 * under each: that of its relay, of the namespace it came by, and of its source. It gets all of them or none.
 * Nothing has been read from it by then but such a header, and no backend was asked.
 *
 * One too many is refused, or waits (`over: queue`): accepted, unread, with no place under any limit. Who
 * comes later and needs a place under the limit that it waits for goes behind it; all others pass, so that
 * the excess of one source holds nobody else up. How many wait is bounded for a relay, and for one source at
 * an eighth of that. Each thread looks after those that it accepted (gate.h).
 *
 * Shared by all threads: meters without a lock (meter.h), and the table of sources, which has one
 * (sources.h).
 */
#ifndef NSRELAY_RELAY_ADMISSION_ADMISSION_H
#define NSRELAY_RELAY_ADMISSION_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/admission/meter.h"
#include "relay/admission/sources.h"
#include "relay/cause.h"
#include "relay/plan.h"

struct session;
struct worker;

/* What limits a connection, in the order in which it is asked. */
enum admission_level { ADMISSION_RELAY, ADMISSION_NETNS, ADMISSION_SOURCE, ADMISSION_LEVELS };

/* session.admission: what a connection has of all this */
enum {
	ADMISSION_NOTHING,
	ADMISSION_ENTERED, /* a place under each limit */
	ADMISSION_WAITS,   /* for one under the limit ADMISSION_WAITS + level */
};

struct admission_relay {
	_Alignas(64) struct meter meter;
	_Atomic uint32_t waiting; /* under whichever limit */
	struct cidr_set allow, deny;
	struct sources sources; /* capacity 0: nobody asks for them */
};

struct admission_listener {
	_Alignas(64) struct meter
	        meter;  /* of its namespace: used by the first listener of its relay there alone */
	uint32_t netns; /* which listener that is */
	uint8_t rules;  /* what there is to ask; 0: nothing, everybody may come in */
};

struct admission {
	struct admission_relay *relays;       /* by relay; owned */
	struct admission_listener *listeners; /* by listener; owned */
	size_t relay_count;
};

/* admission_init - empty, for @plan; 0 or -ENOMEM. @seed: any number. admission_memory - bytes that it
 * takes. */
int admission_init(struct admission *admission, const struct plan *plan, uint32_t seed);
void admission_fini(struct admission *admission);
size_t admission_memory(const struct plan *plan);

struct succession;

/*
 * admission_inherit - @heir, made for @after, knows the sources and the rates that @old, made for @before, knew
 * No connection may have anything of @old any more: admission_leave() first, then this, then admission_count().
 * When no other thread uses either.
 */
void admission_inherit(struct admission *heir, struct admission *old, const struct plan *before,
                       const struct plan *after, const struct succession *map);

/* admission_count - a connection that has nothing, and is in already, counts from now on, whatever the limits
 * say */
void admission_count(const struct worker *worker, struct session *session);

/* admission_wants_peer - does the answer depend on the client's address? */
bool admission_wants_peer(const struct worker *worker, const struct session *session);

enum admission_answer { ADMISSION_YES, ADMISSION_LATER, ADMISSION_NO };

/*
 * admission_ask - may a connection that has nothing come in? Its peer must be known.
 * LATER: it is counted among those that wait; ask again by admission_ask_again(). NO: *@ret_cause says why.
 */
enum admission_answer admission_ask(const struct worker *worker, struct session *session,
                                    enum cause *ret_cause);

/* admission_ask_again - is there a place by now? */
bool admission_ask_again(const struct worker *worker, struct session *session);

/* admission_leave - a connection that has something ends, or waits no more: give everything back */
void admission_leave(const struct worker *worker, struct session *session);

#endif

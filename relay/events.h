/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DOC: Theory of operation
 *
 * What happens to a running relay, for whoever watches. The last EVENTS_KEPT events are kept in a ring that new ones
 * overwrite; each reader has the number of the event that it wants next. So a reader holds nothing, and one that is too slow
 * is told how many it has missed.
 *
 * What may come by the thousand (limits that are hit) comes in series (struct event_series): the first at once, then one event
 * a second at the most, which tells how many it stands for.
 *
 * Events name things as people do, and so outlive the configuration they are about. Relay threads do not come here: they tell
 * the control thread by records (relay/record.h).
 */
#ifndef NSRELAY_RELAY_EVENTS_H
#define NSRELAY_RELAY_EVENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/config.h"

/*	name			text			what it means */
#define EVENT_TABLE(X)                                                                                                 \
	X(BACKEND_DOWN,		"backend_down",		"checks have taken a backend down")                            \
	X(BACKEND_UP,		"backend_up",		"checks have brought it up again")                             \
	X(BACKEND_EJECTED,	"backend_ejected",	"a backend is out for what connections met")                   \
	X(BACKEND_RETURNED,	"backend_returned",	"its time out is over")                                        \
	X(BACKEND_READY,	"backend_ready",	"an operator lets a backend have connections")                 \
	X(BACKEND_DRAIN,	"backend_drain",	"an operator lets it have no new clients")                     \
	X(BACKEND_MAINTENANCE,	"backend_maintenance",	"an operator lets it have no connections")                     \
	X(LISTENER_ADDED,	"listener_added",	"clients may connect there")                                   \
	X(LISTENER_REMOVED,	"listener_removed",	"they may not any more")                                       \
	X(LIMIT_HIT,		"limit_hit",		"connections are refused; the reason is the cause in their records") \
	X(ACCEPT_PAUSED,	"accept_paused",	"accepting pauses: descriptors, memory or max_connections ran out") \
	X(MIRROR_FAILED,	"mirror_failed",	"copies could not be connected, broke or were given up")       \
	X(KILLED,		"killed",		"an operator has ended connections")                           \
	X(RELOADED,		"reloaded",		"another configuration is in force")                           \
	X(RELOAD_FAILED,	"reload_failed",	"a configuration was not taken: the old one stays in force")   \
	X(DRAINING,		"draining",		"the daemon stops: it accepts no more")

enum event_kind {
#define X(name, text, help) EVENT_##name,
	EVENT_TABLE(X)
#undef X
	EVENT_COUNT,
};

enum {
	EVENTS_KEPT = 256,
	EVENT_REASON_MAX = 128,
	EVENT_SERIES = 32,       /* under way at the same time */
	EVENT_SERIES_MS = 1000,  /* between two events of one */
};

/* "" and 0: it has none. */
struct event {
	uint64_t time_ms; /* since 1970; set by events_add() */
	uint8_t kind;     /* enum event_kind */
	char relay[CONFIG_NAME_MAX], pool[CONFIG_NAME_MAX];
	char endpoint[ENDPOINT_TEXT_MAX]; /* the backend, or the listener */
	char reason[EVENT_REASON_MAX];
	uint64_t count; /* of connections, or of times */
};

struct events {
	pthread_mutex_t lock;
	uint64_t next; /* number of the next one; the first is 1 */
	uint32_t readers;
	int doorbell_fd; /* borrowed; an eventfd that is rung for readers */
	struct event kept[EVENTS_KEPT];
};

/* One thread's. */
struct event_series {
	struct {
		struct event event; /* count: what is not told yet */
		uint64_t told_ms;   /* CLOCK_MONOTONIC; 0: nothing is under way here */
	} all[EVENT_SERIES];
};

/* event_name - "backend_down"; event_help - what it means. Static memory. */
const char *event_name(enum event_kind kind);
const char *event_help(enum event_kind kind);

void events_init(struct events *events, int doorbell_fd);
void events_fini(struct events *events);

/* events_add - a copy of @event, which happens now. Any thread; NULL @events: nobody wants to know. */
void events_add(struct events *events, const struct event *event);

/* events_begin - a reader comes: the number of the event that it gets first. events_end - it goes. */
uint64_t events_begin(struct events *events);
void events_end(struct events *events);

/*
 * events_read - up to @max events from number *@number on, which is moved behind them; returns how many
 * @ret_lost: so many had been overwritten
 */
uint32_t events_read(struct events *events, uint64_t *number, struct event *ret, uint32_t max, uint64_t *ret_lost);

/* event_series_add - @event, of which its count has happened; told now or later. @now_ms: CLOCK_MONOTONIC */
void event_series_add(struct event_series *series, struct events *events, const struct event *event, uint64_t now_ms);

/* event_series_tell - what is due; ms until more will be, -1: nothing is waiting */
int event_series_tell(struct event_series *series, struct events *events, uint64_t now_ms);

#endif

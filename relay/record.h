/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log says of a closed connection, or of a backend that has gone or come back, on its way from a relay thread to
 * the thread that writes: a bounded queue with one writer and one reader, so that a blocked standard error never stops a
 * relay thread.
 */
#ifndef NSRELAY_RELAY_RECORD_H
#define NSRELAY_RELAY_RECORD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "relay/limits.h"
#include "relay/mirror/mirror.h"
#include "relay/session.h"

enum record_kind {
	RECORD_CLOSED,       /* a connection; all fields but those that are said to be of backends */
	RECORD_BACKEND_DOWN, /* route, backend and those */
	RECORD_BACKEND_UP,
	RECORD_BACKEND_EJECTED, /* duration_us: for how long */
	RECORD_BACKEND_RETURNED,
	RECORD_ACCEPT_PAUSED,   /* no more fields */
	RECORD_MIRROR_FAILED,   /* route: the relay's own */
	RECORD_NOTHING,         /* what it was of is not there any more (relay/handover.h); no fields */
};

/* Why a check of a backend failed. */
enum check_failure {
	CHECK_SUCCEEDED,
	CHECK_FAILED_BY_ERRNO, /* it could not connect, or lost the connection */
	CHECK_TIMED_OUT,
	CHECK_MISANSWERED,     /* what came is not what was expected */
	CHECK_CUT_SHORT,       /* the backend closed before it had answered */
	CHECK_NOT_MADE,        /* there was no socket for it in time */
};

struct record {
	uint8_t kind;      /* enum record_kind */
	uint8_t failure;   /* of backends: enum check_failure */
	int error;         /* of backends: -errno of CHECK_FAILED_BY_ERRNO */
	uint32_t listener; /* index into plan.listeners */
	uint32_t route;    /* index into plan.routes */
	uint32_t backend;  /* index into that route's pool; RECORD_NO_BACKEND */
	uint64_t bytes[SIDE_COUNT];
	uint64_t spliced[SIDE_COUNT];
	uint64_t duration_us;
	uint32_t connect_us;
	uint8_t cause;
	struct session_peer peer;
	struct session_peer via; /* the proxy that named it; AF_UNSPEC: none did */
	struct session_peer original; /* where it wanted to go; AF_UNSPEC: to its listener */
	struct mirror_sums mirror;
};

enum { RECORD_NO_BACKEND = UINT32_MAX };

struct record_queue {
	_Alignas(64) _Atomic uint32_t head; /* writer's */
	_Alignas(64) _Atomic uint32_t tail; /* reader's */
	_Atomic bool *reader_sleeps;        /* shared by all queues of one reader */
	int doorbell_fd;                    /* eventfd of the reader */
	struct record records[LIMIT_RECORDS];
};

/* record_push - writer; false when the queue is full */
bool record_push(struct record_queue *queue, const struct record *record);

/* record_pop - reader; false when there is none */
bool record_pop(struct record_queue *queue, struct record *ret);

#endif

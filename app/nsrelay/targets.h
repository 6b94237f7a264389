/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker's table of targets. A row's number is what the relay calls it by, and stays the same from one
 * configuration to the next. A row that no configuration has any more stays for a moment, as connections may
 * be on their way still; then its namespace is let go, and its number is free.
 */
#ifndef NSRELAY_APP_NSRELAY_TARGETS_H
#define NSRELAY_APP_NSRELAY_TARGETS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/nsrelay/spaces.h"
#include "base/err.h"
#include "nsctl/broker.h"
#include "relay/plan.h"

enum {
	/* How long after a change connections may ask for sockets of the configuration before: they have to
	 * be accepted (0.1 s), and to fail at a backend or two. */
	TARGETS_LINGER_MS = 2000,
	TARGETS_LINGER_ENROLLED_MS = 300,
};

struct target_row {
	struct space *space; /* NULL: a unix socket's, or free */
	uint32_t users;      /* configurations */
	uint64_t until_ms;   /* of a row without users: when it is free; 0: it is */
	bool mirrors;        /* as in struct plan_target: such a row is nobody else's */
};

struct targets {
	struct spaces *spaces;      /* borrowed */
	uid_t uid;                  /* owns the sockets */
	struct broker_target *made; /* what the broker reads; owned */
	struct target_row *rows;    /* the same rows; owned */
	uint32_t count;
	uint32_t last; /* the row that was found last: the next is mostly behind it */
};

/*
 * targets_hold - the number of @target's row, found or made; a new TCP one makes a socket once, so that what
 * is not permitted, or not in this kernel, is told now and not to a client. Held until targets_release().
 * Returns the number, or -errno: those of netns_open(), nssock_upstream_batch(), ENOMEM.
 */
int64_t targets_hold(struct targets *targets, const struct plan_target *target, struct err *err);
void targets_release(struct targets *targets, uint32_t number, uint64_t now_ms);

/* targets_expire - let go what has lingered for long enough. Returns when there is more to do, 0: never */
uint64_t targets_expire(struct targets *targets, uint64_t now_ms);

void targets_fini(struct targets *targets);

#endif

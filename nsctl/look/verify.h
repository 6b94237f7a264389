/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do a topology's expectations hold? Each is tried from inside its namespace, many at once, by ICMP echo or
 * by a TCP connect; and when nothing comes back, the reason is looked for.
 */
#ifndef NSRELAY_NSCTL_LOOK_VERIFY_H
#define NSRELAY_NSCTL_LOOK_VERIFY_H

#include "nsctl/topology/topology.h"

enum {
	/*
	 * An echo is sent so many times, so far apart; a connect has as long. More than an answer between
	 * namespaces takes on a busy machine, and less than the 3 s after which the kernel gives up a
	 * neighbour (mcast_solicit times retrans_time_ms, arp(7)), so that the same fault always shows as the
	 * same reason.
	 */
	VERIFY_TRIES = 3,
	VERIFY_TRY_MS = 700,
	/* Tried at once; a run takes at most VERIFY_TRIES * VERIFY_TRY_MS for each so many, and what the
	   explaining takes. */
	VERIFY_AT_ONCE = 64,
	VERIFY_TEXT_MAX = 320,
};

struct verify_result {
	bool ok;      /* it is as was expected */
	int error;    /* positive errno: it could not be tried, see @text; then not ok */
	bool reached; /* TCP with a server: the very listener that was made for it got the connection */
	enum unreachable reason;    /* !reached: what was found; never UNREACHABLE_ANY */
	char text[VERIFY_TEXT_MAX]; /* !reached: the same in words */
	uint8_t ttl;                /* of the echo's answer; 0: not told, or TCP */
	uint32_t round_trip_us;     /* of the echo, or of the handshake */
};

/* Told for each expectation, in the order of the file. */
typedef void verify_result_fn(void *ctx, const struct topology_expect *expect,
                              const struct verify_result *result);

/*
 * verify_run - try every expectation of @topology, which has been applied
 *
 * The calling thread visits the namespaces. A server that an expectation asks for listens while it runs.
 * Returns how many do not hold. Errors: ENOMEM, EMFILE.
 */
int verify_run(const struct topology *topology, verify_result_fn *on_result, void *ctx, struct err *err);

#endif

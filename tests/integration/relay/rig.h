/* SPDX-License-Identifier: Apache-2.0 */
/* One relay between two namespaces, as most tests here want it, and what they ask of a connection's end. */
#ifndef NSRELAY_TESTS_RELAY_RIG_H
#define NSRELAY_TESTS_RELAY_RIG_H

#include "tests/lib/relayproc.h"

#define RIG_FRONT "127.0.0.1:8000" /* where clients connect to */
#define RIG_BACK  "127.0.0.1:9000" /* where the server listens */

/* A way of relaying; a test gets its own through *state, NULL means the first. */
struct variant {
	const char *lane, *threads;
};

enum { RIG_VARIANTS = 4 };

const struct variant *rig_variant(void **state);

/* rig_in_every_lane - @count tests into RIG_VARIANTS * @count, each in every lane and with one thread and two
 */
void rig_in_every_lane(const struct CMUnitTest *tests, size_t count, struct CMUnitTest *ret);

struct rig {
	int front, back; /* namespaces */
	int listener;    /* the server's */
	struct relayproc *relay;
};

/* rig_open - namespaces and server; rig_run - the relay; @more: further arguments of `nsrelay run`, or
 * NULL */
void rig_open(struct rig *rig);
void rig_run(struct rig *rig, void **state, const char *const more[]);

/* rig_start - both */
void rig_start(struct rig *rig, void **state, const char *const more[]);

/* A connection, seen from its two ends. */
struct pair {
	int client, server;
};

struct pair rig_connect(const struct rig *rig);

/* ---- the end of a connection ---- */

/* rig_end - no more bytes from here; rig_reset - close with a RST */
void rig_end(int fd);
void rig_reset(int fd);

/* rig_expect_end, rig_expect_reset - wait for the stream's end, or its reset, with no byte before it */
void rig_expect_end(int fd);
void rig_expect_reset(int fd);

/* rig_expect_closed - wait for the record of a closed connection: its cause, and its bytes each way */
void rig_expect_closed(const struct rig *rig, const char *cause, uint64_t bytes_up, uint64_t bytes_down);

/* rig_expect_idle - the relay uses no processor for a while: it does not spin */
void rig_expect_idle(const struct rig *rig);

/* rig_sysctl - write @value to /proc/sys/@name inside a namespace, which ends with it */
void rig_sysctl(int ns_fd, const char *name, const char *value);

/* rig_resets - how many RSTs were sent inside a namespace so far (Tcp OutRsts of /proc/net/snmp) */
uint64_t rig_resets(int ns_fd);

/* rig_delayed_acks - how many ACKs were held back inside a namespace until the kernel's timer sent them */
uint64_t rig_delayed_acks(int ns_fd);

/* rig_unacknowledged - bytes written to @fd that the other end's kernel does not have yet */
size_t rig_unacknowledged(int fd);

#endif

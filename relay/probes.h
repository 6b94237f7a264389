/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where a tracer can look on, as bpftrace(8) and perf(1) do: user-space statically defined tracepoints, by
 * systemtap's sys/sdt.h. While nobody looks on, each is one nop; its arguments stay where they are, and a note of the
 * program tells where that is. Without that header there are none.
 *
 * A session is told by its address, which is another's once it has ended.
 */
#ifndef NSRELAY_RELAY_PROBES_H
#define NSRELAY_RELAY_PROBES_H

#include <stddef.h>

/* X(name, when, what its arguments are, in the order of PROBE()) */
#define PROBE_TABLE(X)                                                                                                 \
	X(accept, "a client's connection was taken over", "session", "the relay's name, a string", "index of the listener", \
	  "the client's descriptor")                                                                                   \
	X(connect, "its backend has answered", "session", "index of the backend in its pool", "microseconds since accept", \
	  "how many backends were tried")                                                                              \
	X(connect_failed, "a backend could not be connected to", "session", "index of the backend in its pool",        \
	  "-errno")                                                                                                    \
	X(lane, "the bytes of one direction go on in the other lane", "session", "0: from the client, 1: from the backend", \
	  "1: bulk, 0: interactive")                                                                                   \
	X(blocked, "one direction waits for its receiver, which is full", "session",                                   \
	  "0: from the client, 1: from the backend", "bytes so far")                                                   \
	X(unblocked, "the receiver has room again", "session", "0: from the client, 1: from the backend")              \
	X(close, "a connection is over", "session", "its cause, a string", "bytes from the client", "bytes from the backend")

#define PROBE_INDEX(name, ...) PROBE_##name,
enum probe { PROBE_TABLE(PROBE_INDEX) PROBE_COUNT };
#undef PROBE_INDEX

enum { PROBE_ARGUMENTS_MAX = 4 };

struct probe_info {
	const char *name;
	const char *when;
	const char *arguments[PROBE_ARGUMENTS_MAX]; /* NULL behind the last */
};

/* By enum probe. */
extern const struct probe_info probes[PROBE_COUNT];

/* PROBE(name, arguments...) - let tracers see this place; the arguments are numbers and addresses */
#if defined(NSRELAY_USDT) && !defined(__clang_analyzer__) /* which would count what is in that header as ours */
#define SDT_USE_VARIADIC
#include <sys/sdt.h>
#define PROBE(name, ...)                                                                                               \
	do {                                                                                                           \
		(void)PROBE_##name; /* it has a row */                                                                 \
		STAP_PROBEV(nsrelay, name, __VA_ARGS__);                                                               \
	} while (0)
#else
static inline void probe_ignore(int probe, ...)
{
	(void)probe;
}
#define PROBE(name, ...)                                                                                               \
	do {                                                                                                           \
		if (0)                                                                                                 \
			probe_ignore(PROBE_##name, __VA_ARGS__);                                                       \
	} while (0)
#endif

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Why a connection ended: each closed one has exactly one of these, in the log, the counters and the control API alike. */
#ifndef NSRELAY_RELAY_CAUSE_H
#define NSRELAY_RELAY_CAUSE_H

#include <stdbool.h>

/*	name			text			what it means */
#define CAUSE_TABLE(X)                                                                                                 \
	X(CLIENT_CLOSED,	"client_closed",	"the client ended its direction first; both completed")        \
	X(SERVER_CLOSED,	"server_closed",	"the backend ended its direction first; both completed")       \
	X(CLIENT_RESET,		"client_reset",		"the client reset the connection")                             \
	X(SERVER_RESET,		"server_reset",		"the backend reset the connection")                            \
	X(CLIENT_LOST,		"client_lost",		"the client stopped answering: keepalive or TCP_USER_TIMEOUT") \
	X(SERVER_LOST,		"server_lost",		"the backend stopped answering")                               \
	X(CONNECT_FAILED,	"connect_failed",	"every backend refused or was unreachable")                    \
	X(CONNECT_TIMEOUT,	"connect_timeout",	"no backend answered within the connect timeout")              \
	X(IDLE_TIMEOUT,		"idle_timeout",		"no byte in either direction for the idle timeout")            \
	X(HALF_CLOSE_TIMEOUT,	"half_close_timeout",	"one direction had ended, and the other fell silent")          \
	X(DRAINED,		"drained",		"the daemon was told to stop and the drain time was over")     \
	X(KILLED,		"killed",		"an operator ended it")                                        \
	X(POLICY,		"policy",		"a rule forbids it")                                           \
	X(RELAY_LIMIT,		"relay_limit",		"the relay had as many connections as it may")                 \
	X(NAMESPACE_LIMIT,	"namespace_limit",	"so had the listener's namespace")                             \
	X(SOURCE_LIMIT,		"source_limit",		"so had the client's address, or too many addresses were known") \
	X(RATE_LIMIT,		"rate_limit",		"new connections came faster than they may")                   \
	X(UNMATCHED,		"unmatched",		"no route is for the server's name that the client asked for") \
	X(NO_BACKEND,		"no_backend",		"no backend may be used")                                      \
	X(QUEUE_FULL,		"queue_full",		"every backend had its max_connections, and the queue was full") \
	X(QUEUE_TIMEOUT,	"queue_timeout",	"no backend or limit had room within the queue's timeout")     \
	X(BAD_HEADER,		"bad_header",		"the client had to begin with a PROXY protocol header, and did not") \
	X(HEADER_TIMEOUT,	"header_timeout",	"that header was not complete in time")                        \
	X(RESOURCE_LIMIT,	"resource_limit",	"descriptors, memory, ports or the connection limit ran out")  \
	X(NOT_INTERCEPTED,	"not_intercepted",	"it was made to the listener of a relay that intercepts, and had no other destination") \
	X(DESTINATION_REFUSED,	"destination_refused",	"its relay's destinations refuse where it was intercepted on its way to") \
	X(NAMESPACE_GONE,	"namespace_gone",	"the namespace of one side went away")

enum cause {
#define X(name, text, help) CAUSE_##name,
	CAUSE_TABLE(X)
#undef X
	CAUSE_COUNT,
};

/* cause_name - the text in logs and counters */
const char *cause_name(enum cause cause);

/* cause_is_limit - was there too much of something? */
bool cause_is_limit(enum cause cause);

#endif

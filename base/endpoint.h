/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint is written NETNS/ADDRESS:PORT everywhere: `web/127.0.0.1:8080`, `web/[::1]:8080`, `pid:4242/10.0.0.1:80`,
 * `path:/run/netns/x/0.0.0.0:80`. Nothing before the slash (`/0.0.0.0:80`), or `host/`, means the program's own namespace.
 * It is split at the last slash; no slash is an error. `unix:/run/app.sock` is a stream socket in the file system.
 * `@pods/[::]:15001` is in every namespace that is enrolled under the policy `pods`.
 */
#ifndef NSRELAY_BASE_ENDPOINT_H
#define NSRELAY_BASE_ENDPOINT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#include "base/err.h"

enum netns_kind {
	NETNS_SELF, /* the namespace the program runs in */
	NETNS_NAME, /* /run/netns/NAME */
	NETNS_PATH, /* any file that is a network namespace */
	NETNS_PID,  /* that of a process */
	NETNS_ENROLLED, /* known to the daemon alone: one that was enrolled, or all of a policy */
};

enum { NETNS_TEXT_MAX = 108 };

/* How a user refers to a network namespace. A plain value: no reference to the kernel's object is held. */
struct netns_ref {
	enum netns_kind kind;
	pid_t pid;                 /* NETNS_PID */
	uint32_t serial;           /* NETNS_ENROLLED: of the enrolment, as the uid may come to mean another namespace; 0:
	                              of none in particular */
	char text[NETNS_TEXT_MAX]; /* NETNS_NAME: the name; NETNS_PATH: the path; NETNS_ENROLLED: the uid of the
	                              enrolment, or the policy; else "" */
};

/* How an endpoint of family AF_UNSPEC is written: wherever an intercepted client wanted to go. endpoint_parse() does not
 * read it: it is for backends alone. */
#define ENDPOINT_ORIGINAL "original"

struct endpoint {
	struct netns_ref netns;
	socklen_t addr_len; /* length of the member of addr in use */
	union {
		sa_family_t family; /* AF_INET, AF_INET6 or AF_UNIX; AF_UNSPEC: ENDPOINT_ORIGINAL */
		struct sockaddr any;
		struct sockaddr_in in4;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	} addr;
};

/* Longest text endpoint_format() writes, its NUL included. */
enum { ENDPOINT_TEXT_MAX = NETNS_TEXT_MAX + 128 };

/*
 * netns_ref_parse - read `NAME`, `path:/FILE`, `pid:N`, `@UID`, `host` or the empty string
 * Errors: EINVAL with what was expected (a name holds no '/', is not "." or "..", and is at most 63 bytes long).
 */
int netns_ref_parse(const char *text, struct netns_ref *ret, struct err *err);

/* netns_ref_format - the text netns_ref_parse() reads back; "host" for the program's own. Returns @buf. */
const char *netns_ref_format(const struct netns_ref *ref, char *buf, size_t size);

bool netns_ref_equal(const struct netns_ref *a, const struct netns_ref *b);

/* netns_ref_hash - for a table of what netns_ref_equal() compares (base/hash_index.h) */
uint32_t netns_ref_hash(const struct netns_ref *ref);

/* netns_ref_fits - is @ref what was asked for by @wanted? As netns_ref_equal(), but that no user knows serials. */
bool netns_ref_fits(const struct netns_ref *wanted, const struct netns_ref *ref);

/*
 * endpoint_parse - read an endpoint
 * Errors: EINVAL with the faulty part and what was expected (missing slash, missing port, port 0 or above 65535, a host
 * name where an address is needed, IPv6 without brackets, a relative or too long unix path).
 */
int endpoint_parse(const char *text, struct endpoint *ret, struct err *err);

/* endpoint_format - the text endpoint_parse() reads back. Returns @buf. */
const char *endpoint_format(const struct endpoint *endpoint, char *buf, size_t size);

/* endpoint_format_address - ADDRESS:PORT, [ADDRESS]:PORT or unix:PATH of any socket address, without a namespace. */
const char *endpoint_format_address(const struct sockaddr *addr, char *buf, size_t size);

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);

/*
 * endpoint_would_reach - would a connection to @to be accepted by a listener on @listener?
 * True when namespace and port are the same and the listener's address is the same or a wildcard that covers it
 * ("::" covers IPv4 too), or @to is itself a wildcard. Guards against a relay that calls itself.
 */
bool endpoint_would_reach(const struct endpoint *to, const struct endpoint *listener);

#endif

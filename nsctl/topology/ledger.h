/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a topology has taken in hand beyond its own links and namespaces, which bear its mark: written to
 * /run/nsrelay/topology/NAME before it is done, so that whoever comes after a kill knows where to look and what was there
 * before. A file in which each line is one fact, replaced as a whole by rename(2).
 */
#ifndef NSRELAY_NSCTL_TOPOLOGY_LEDGER_H
#define NSRELAY_NSCTL_TOPOLOGY_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/vec.h"
#include "nsctl/topology/topology.h"

#define LEDGER_DIR "/run/nsrelay/topology"

/* A namespace in which something was, or is about to be, made. */
struct ledger_netns {
	char name[TOPOLOGY_NETNS_NAME_MAX]; /* as the file called it */
	struct netns_ref ref;
	enum netns_tenure tenure;
	uint64_t cookie; /* NETNS_EXISTING: a reference that leads to another one by now is not followed */
};

struct ledger_sysctl {
	uint32_t netns; /* index into ledger.netns */
	enum sysctl key;
	char before[SYSCTL_VALUE_MAX], after[SYSCTL_VALUE_MAX];
};

/* An address on, or a route by, a link that is not the topology's own. */
struct ledger_address {
	uint32_t netns;
	char link[IFNAMSIZ];
	struct prefix prefix;
};

struct ledger_route {
	uint32_t netns;
	struct topology_route route;
};

/* A link of somebody else's that was made a port of a bridge of the topology's. */
struct ledger_port {
	uint32_t netns;
	char link[IFNAMSIZ];
};

/*
 * A number of a link or loopback that the topology has set. @before: of somebody else's, what it was; 0: the
 * link is the topology's own, and the kernel knows what it would have chosen.
 */
struct ledger_number {
	uint32_t netns;
	char link[IFNAMSIZ];
	enum link_number number;
	uint32_t before, after;
};

struct ledger {
	char name[TOPOLOGY_NAME_MAX]; /* of the topology */
	VEC(struct ledger_netns) netns;
	VEC(struct ledger_sysctl) sysctls;
	VEC(struct ledger_address) addresses;
	VEC(struct ledger_route) routes;
	VEC(struct ledger_port) ports;
	VEC(struct ledger_number) numbers; /* none in a ledger of before there were any */
};

/*
 * ledger_read - of topology @name; an empty one when there is no file
 * Errors: EINVAL (not one of ours, or no name for a file), EFBIG, ENOMEM, those of open(2) and read(2).
 */
int ledger_read(const char *dir, const char *name, struct ledger *ret, struct err *err);

/*
 * ledger_write - the whole of it at once, and on the disk when this returns; one without namespaces removes the file
 * @dir is made when it is missing. Errors: EINVAL (no name for a file), ENOMEM, those of open(2), write(2), rename(2).
 */
int ledger_write(const char *dir, const struct ledger *ledger, struct err *err);
void ledger_fini(struct ledger *ledger);

/*
 * ledger_parse, ledger_format - of the file's text. Parsing takes any bytes. Formatting allocates; NULL: no memory.
 * Errors of parsing: EINVAL (which line, and why), ENOMEM.
 */
int ledger_parse(const char *text, size_t size, struct ledger *ret, struct err *err);
char *ledger_format(const struct ledger *ledger);

/*
 * ledger_lock - let no other nsctl work on topology @name; a descriptor whose closing ends it
 * All topologies share one lock file, of which each has a byte. Errors: EBUSY (another one is at work), EINVAL, those of open(2).
 */
int ledger_lock(const char *dir, const char *name, struct err *err);

#endif

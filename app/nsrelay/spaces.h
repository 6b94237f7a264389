/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The namespaces that the broker holds open, each once, and only while somebody uses it: a descriptor keeps a
 * namespace alive. A name may come to mean another namespace (a pod was started anew): spaces_refresh() finds
 * that out, and who asks by the name from then on gets the other one. Those that are enrolled have no name, and are there
 * from spaces_adopt() on.
 */
#ifndef NSRELAY_APP_NSRELAY_SPACES_H
#define NSRELAY_APP_NSRELAY_SPACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/endpoint.h"
#include "base/err.h"
#include "base/list.h"

struct spaces;
struct steered;

struct space {
	struct list link;
	struct spaces *spaces;
	struct steered *steered; /* its rules (app/nsrelay/steering.c); NULL: none */
	struct netns_ref ref;
	int fd;
	uint32_t users;
	bool stale; /* its name means another one by now, or none */
};

struct spaces {
	struct list all;
	struct list *last; /* the one that was found last: the next is mostly it, or the one behind it */
};

void spaces_init(struct spaces *spaces);

/* spaces_hold - the namespace that @ref means, until space_release(). Errors: those of netns_open(),
 * ENOMEM */
int spaces_hold(struct spaces *spaces, const struct netns_ref *ref, struct space **ret, struct err *err);

/*
 * spaces_adopt - the namespace @fd, which is taken, is what @ref means from now on: one that was enrolled
 * One that is held already is the same space: whoever has that keeps it. Until space_release(). Errors: ENOMEM, EBADF.
 */
int spaces_adopt(struct spaces *spaces, const struct netns_ref *ref, int fd, struct space **ret, struct err *err);

/* space_hold - one more time, by whom has been given it: until space_release(), which takes NULL */
void space_hold(struct space *space);
void space_release(struct space *space);

/* spaces_refresh - look whether names still mean what they meant */
void spaces_refresh(struct spaces *spaces);

/* spaces_close - in a process that may not use them: their descriptors; whoever holds them goes on doing
 * so */
void spaces_close(struct spaces *spaces);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "nsctl/netns.h"

void spaces_init(struct spaces *spaces)
{
	list_init(&spaces->all);
	spaces->last = &spaces->all;
}

static struct space *find(struct spaces *spaces, const struct netns_ref *ref)
{
	struct list *link = spaces->last;
	do { /* all of them, and once the head, which is none */
		struct space *space = LIST_ENTRY(link, struct space, link);
		if (link != &spaces->all && !space->stale && netns_ref_equal(&space->ref, ref)) {
			spaces->last = link;
			return space;
		}
		link = link->next;
	} while (link != spaces->last);
	return NULL;
}

/* add_space - @fd is taken; NULL: no memory */
static struct space *add_space(struct spaces *spaces, const struct netns_ref *ref, int fd)
{
	struct space *space = calloc(1, sizeof(*space));
	if (!space) {
		close(fd);
		return NULL;
	}
	*space = (struct space){.spaces = spaces, .ref = *ref, .fd = fd};
	list_append(&spaces->all, &space->link);
	return space;
}

static int open_space(struct spaces *spaces, const struct netns_ref *ref, struct space **ret, struct err *err)
{
	int fd = netns_open(ref, err);
	if (fd < 0)
		return fd;
	*ret = add_space(spaces, ref, fd);
	return *ret ? 0 : err_set(err, ENOMEM, "namespace: out of memory");
}

int spaces_hold(struct spaces *spaces, const struct netns_ref *ref, struct space **ret, struct err *err)
{
	struct space *space = find(spaces, ref);
	if (!space) {
		int rc = open_space(spaces, ref, &space, err);
		if (rc < 0)
			return rc;
	}
	CHECK(space);
	space->users++;
	*ret = space;
	return 0;
}

/* find_same - the space of an enrolment in the namespace @fd */
static struct space *find_same(const struct spaces *spaces, int fd)
{
	struct netns_id wanted, id;
	if (netns_identify(fd, &wanted, NULL) < 0)
		return NULL;
	for (struct list *link = spaces->all.next; link != &spaces->all; link = link->next) {
		struct space *space = LIST_ENTRY(link, struct space, link);
		if (space->ref.kind == NETNS_ENROLLED && netns_identify(space->fd, &id, NULL) == 0 &&
		    netns_id_equal(&id, &wanted))
			return space;
	}
	return NULL;
}

int spaces_adopt(struct spaces *spaces, const struct netns_ref *ref, int fd, struct space **ret, struct err *err)
{
	struct space *space = find_same(spaces, fd);
	if (space) {
		close(fd);
		space->ref = *ref;
	} else if (!(space = add_space(spaces, ref, fd))) {
		return err_set(err, ENOMEM, "namespace: out of memory");
	}
	space->users++;
	*ret = space;
	return 0;
}

void space_hold(struct space *space)
{
	space->users++;
}

void space_release(struct space *space)
{
	if (!space)
		return;
	CHECK(space->users > 0);
	if (--space->users > 0)
		return;
	if (space->spaces->last == &space->link)
		space->spaces->last = space->link.next;
	list_remove(&space->link);
	if (space->fd >= 0)
		close(space->fd);
	free(space);
}

/* means_the_same - does the name still mean that namespace? */
static bool means_the_same(const struct space *space)
{
	struct netns_id then, now;
	if (space->ref.kind == NETNS_ENROLLED)
		return true; /* it was never a name's */
	int fd = netns_open(&space->ref, NULL);
	if (fd < 0)
		return false;
	bool same = netns_identify(space->fd, &then, NULL) == 0 && netns_identify(fd, &now, NULL) == 0 &&
	            netns_id_equal(&then, &now);
	close(fd);
	return same;
}

void spaces_refresh(struct spaces *spaces)
{
	for (struct list *link = spaces->all.next; link != &spaces->all; link = link->next) {
		struct space *space = LIST_ENTRY(link, struct space, link);
		if (!space->stale)
			space->stale = !means_the_same(space);
	}
}

void spaces_close(struct spaces *spaces)
{
	for (struct list *link = spaces->all.next; link != &spaces->all; link = link->next) {
		struct space *space = LIST_ENTRY(link, struct space, link);
		close(space->fd);
		space->fd = -1;
	}
}

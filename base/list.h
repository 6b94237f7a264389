/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive, circular, doubly linked list. A link that is in no list points at itself. */
#ifndef NSRELAY_BASE_LIST_H
#define NSRELAY_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *prev, *next;
};

#define LIST_ENTRY(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->prev = list->next = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

static inline void list_append(struct list *list, struct list *link)
{
	link->prev = list->prev;
	link->next = list;
	list->prev->next = link;
	list->prev = link;
}

/* list_remove - take @link out of whatever list it is in; harmless when it is in none */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* list_shift - take out and return the first link, NULL when empty */
static inline struct list *list_shift(struct list *list)
{
	if (list_empty(list))
		return NULL;
	struct list *link = list->next;
	list_remove(link);
	return link;
}

/* list_move_all - move all of @from to the end of @to */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#endif

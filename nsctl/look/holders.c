/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct search {
	struct holders *holders;
	char name[PROC_NAME_MAX]; /* of the process that is looked at */
};

static int look_at_fd(void *ctx, pid_t pid, int fd, const char *target)
{
	struct search *search = ctx;
	struct holder *holder;
	uint64_t inode;

	(void)fd;
	if (!proc_inode(target, "socket", &inode))
		return 0;
	holder = vec_push(&search->holders->all);
	if (!holder)
		return -ENOMEM;
	holder->inode = inode;
	holder->pid = pid;
	if (!*search->name)
		proc_name(pid, search->name, sizeof(search->name));
	memcpy(holder->name, search->name, sizeof(holder->name));
	return 0;
}

static int look_at_process(void *ctx, pid_t pid)
{
	struct search *search = ctx;

	search->name[0] = '\0';
	return proc_each_fd(pid, look_at_fd, search);
}

static int compare_inodes(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare(const void *a, const void *b)
{
	const struct holder *left = a, *right = b;
	int by_inode = compare_inodes(left->inode, right->inode);

	return by_inode ? by_inode : (left->pid > right->pid) - (left->pid < right->pid);
}

/* sort - and leave one of a process that has several descriptors of a socket */
static void sort(struct holders *holders)
{
	struct holder *items = holders->all.items;
	size_t kept = 0;

	if (holders->all.count == 0)
		return;
	qsort(items, holders->all.count, sizeof(*items), compare);
	for (size_t i = 1; i < holders->all.count; i++) {
		if (compare(&items[kept], &items[i]) != 0)
			items[++kept] = items[i];
	}
	holders->all.count = kept + 1;
}

int holders_read(struct holders *ret, struct err *err)
{
	struct holders holders = {0};
	struct search search = {.holders = &holders};
	int rc = proc_each_process(look_at_process, &search, err);

	if (rc == -ENOMEM)
		err_set(err, ENOMEM, "out of memory");
	if (rc < 0) {
		vec_clear(&holders.all);
		return rc;
	}
	sort(&holders);
	*ret = holders;
	return 0;
}

/* lower_bound - index of the first that is not below @inode */
static size_t lower_bound(const struct holders *holders, uint64_t inode)
{
	size_t low = 0, high = holders->all.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (holders->all.items[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct holder *holders_find(const struct holders *holders, uint64_t inode, size_t *ret_count)
{
	size_t first = lower_bound(holders, inode), end = first;

	while (end < holders->all.count && holders->all.items[end].inode == inode)
		end++;
	*ret_count = end - first;
	return end > first ? &holders->all.items[first] : NULL;
}

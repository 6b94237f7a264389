/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/seek.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsctl/look/mounts.h"
#include "nsctl/look/proc.h"

struct seeking {
	struct sought *all;
	size_t count;
};

static struct sought *find(const struct seeking *seeking, uint64_t inode)
{
	for (size_t i = 0; i < seeking->count; i++)
		if (seeking->all[i].inode == inode && seeking->all[i].fd < 0)
			return &seeking->all[i];
	return NULL;
}

/* take - if @path is still that namespace */
static void take(struct sought *sought, const char *path)
{
	struct stat stat;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return;
	if (fstat(fd, &stat) == 0 && stat.st_ino == sought->inode)
		sought->fd = fd;
	else
		close(fd);
}

static int look_at_mount(void *ctx, uint64_t inode, const char *point)
{
	struct sought *sought = find(ctx, inode);

	if (sought)
		take(sought, point);
	return 0;
}

static int look_at_process(void *ctx, pid_t pid)
{
	char path[64];
	uint64_t inode;
	struct sought *sought = proc_namespace(pid, pid, "net", "net", &inode) ? find(ctx, inode) : NULL;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (sought)
		take(sought, path);
	return 0;
}

int seek_netns(struct sought *sought, size_t count, struct err *err)
{
	struct seeking seeking = {sought, count};

	mounts_each_netns(0, look_at_mount, &seeking);
	return proc_each_process(look_at_process, &seeking, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longer than any path made here: /proc/PID/task/TID/ns/time_for_children. */
enum { PROC_PATH_MAX = 96 };

/* parse_id - a whole name of decimal digits; -1 for another one */
static int parse_id(const char *name)
{
	char *end;
	long id = strtol(name, &end, 10);

	return *name >= '0' && *name <= '9' && !*end && id <= INT_MAX ? (int)id : -1;
}

/* next_id - the next entry whose name is a number; -1 at the end */
static int next_id(DIR *dir)
{
	const struct dirent *entry;

	while ((entry = readdir(dir))) {
		int id = parse_id(entry->d_name);

		if (id >= 0)
			return id;
	}
	return -1;
}

int proc_each_process(int (*look)(void *ctx, pid_t pid), void *ctx, struct err *err)
{
	DIR *dir = opendir("/proc");
	int pid, rc = 0;

	if (!dir)
		return err_set_errno(err, "open /proc");
	while (rc == 0 && (pid = next_id(dir)) >= 0)
		rc = look(ctx, pid);
	closedir(dir);
	return rc;
}

int proc_each_thread(pid_t pid, int (*look)(void *ctx, pid_t pid, pid_t tid), void *ctx)
{
	char path[PROC_PATH_MAX];
	int tid, rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && rc == 0 && (tid = next_id(dir)) >= 0)
		rc = look(ctx, pid, tid);
	if (dir)
		closedir(dir);
	return rc;
}

/* read_target - of a symbolic link; false when it is gone */
static bool read_target(int dir_fd, const char *name, char target[PROC_TARGET_MAX])
{
	ssize_t length = readlinkat(dir_fd, name, target, PROC_TARGET_MAX - 1);

	if (length < 0)
		return false;
	target[length] = '\0';
	return true;
}

int proc_each_fd(pid_t pid, int (*look)(void *ctx, pid_t pid, int fd, const char *target), void *ctx)
{
	char path[PROC_PATH_MAX], target[PROC_TARGET_MAX];
	int fd, rc = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (dir && rc == 0 && (fd = next_id(dir)) >= 0) {
		snprintf(path, sizeof(path), "%d", fd);
		if (read_target(dirfd(dir), path, target))
			rc = look(ctx, pid, fd, target);
	}
	if (dir)
		closedir(dir);
	return rc;
}

const char *proc_name(pid_t pid, char *buf, size_t size)
{
	char path[PROC_PATH_MAX];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (fd >= 0)
		close(fd);
	if (length <= 0) {
		snprintf(buf, size, "?");
		return buf;
	}
	/* Its end is a newline, which a name may hold as well. */
	buf[buf[length - 1] == '\n' ? length - 1 : length] = '\0';
	return buf;
}

bool proc_inode(const char *target, const char *kind, uint64_t *ret)
{
	size_t length = strlen(kind);
	char *end;
	uint64_t inode;

	if (strncmp(target, kind, length) != 0 || strncmp(target + length, ":[", 2) != 0)
		return false;
	errno = 0;
	inode = strtoull(target + length + 2, &end, 10);
	if (errno || end == target + length + 2 || strcmp(end, "]") != 0)
		return false;
	*ret = inode;
	return true;
}

bool proc_namespace(pid_t pid, pid_t tid, const char *entry, const char *kind, uint64_t *ret)
{
	char path[PROC_PATH_MAX], target[PROC_TARGET_MAX];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/%s", (int)pid, (int)tid, entry);
	return read_target(AT_FDCWD, path, target) && proc_inode(target, kind, ret);
}

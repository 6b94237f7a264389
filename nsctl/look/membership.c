/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/look/census.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"

/* namespaces(7): the entries of /proc/PID/ns, and how the kernel calls their kinds. */
static const struct {
	const char *entry, *kind;
} entries[] = {
        {"cgroup", "cgroup"}, {"ipc", "ipc"},
        {"mnt", "mnt"},       {"net", "net"},
        {"pid", "pid"},       {"pid_for_children", "pid"},
        {"time", "time"},     {"time_for_children", "time"},
        {"user", "user"},     {"uts", "uts"},
};

/* owner_of - see struct membership */
static uint64_t owner_of(pid_t pid, const char *entry)
{
	char path[64];
	struct stat stat = {0};
	int fd, user;

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, entry);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	user = fd < 0 ? -1 : ioctl(fd, NS_GET_USERNS);
	if (user >= 0 && fstat(user, &stat) < 0)
		stat.st_ino = 0;
	if (user >= 0)
		close(user);
	if (fd >= 0)
		close(fd);
	return stat.st_ino;
}

static int find_namespaces(pid_t pid, struct memberships *memberships)
{
	for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
		struct membership *membership;
		uint64_t inode;

		if (!proc_namespace(pid, pid, entries[i].entry, entries[i].kind, &inode))
			continue;
		membership = vec_push(&memberships->all);
		if (!membership)
			return -ENOMEM;
		membership->entry = entries[i].entry;
		membership->inode = inode;
		membership->owner = owner_of(pid, entries[i].entry);
	}
	return 0;
}

/* is_in - does @pid share it? The kind is the part of the entry's name that tells. */
static bool is_in(pid_t pid, const struct membership *membership)
{
	char kind[16];
	uint64_t inode;

	snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(membership->entry, "_"), membership->entry);
	return proc_namespace(pid, pid, kind, kind, &inode) && inode == membership->inode;
}

static int look_at_process(void *ctx, pid_t pid)
{
	struct memberships *memberships = ctx;
	char name[PROC_NAME_MAX] = "";

	vec_each (membership, &memberships->all) {
		struct census_process *process;

		if (!is_in(pid, membership))
			continue;
		process = vec_push(&membership->processes);
		if (!process)
			return -ENOMEM;
		if (!*name)
			proc_name(pid, name, sizeof(name));
		process->pid = pid;
		memcpy(process->name, name, sizeof(name));
	}
	return 0;
}

/* explain - why no namespace of @pid can be read */
static int explain(pid_t pid, struct err *err)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (access(path, F_OK) == 0 || errno == EACCES || errno == EPERM)
		return err_set(err, EACCES,
		               "process %d: its namespaces may not be looked at; CAP_SYS_PTRACE is needed",
		               (int)pid);
	return err_set(err, ESRCH, "there is no process %d", (int)pid);
}

int memberships_read(pid_t pid, struct memberships *ret, struct err *err)
{
	struct memberships memberships = {0};
	int rc = find_namespaces(pid, &memberships);

	if (rc == 0 && memberships.all.count == 0)
		rc = explain(pid, err);
	else if (rc == 0)
		rc = proc_each_process(look_at_process, &memberships, err);
	if (rc == -ENOMEM)
		err_set(err, ENOMEM, "out of memory");
	if (rc < 0)
		memberships_fini(&memberships);
	else
		*ret = memberships;
	return rc;
}

void memberships_fini(struct memberships *memberships)
{
	vec_each (membership, &memberships->all)
		vec_clear(&membership->processes);
	vec_clear(&memberships->all);
}

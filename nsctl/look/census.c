/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each thing seen that keeps a namespace alive is a fact. Facts are gathered from all over /proc, sorted by
 * namespace, and put together, so that the work is in proportion to what there is.
 */
#include "nsctl/look/census.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsctl/look/mounts.h"
#include "nsctl/netns.h"

#define RELAY_NAME "nsrelay" /* of the relay's processes */

enum fact_kind {
	FACT_MOUNT,      /* @path, as the caller sees it */
	FACT_FAR_MOUNT,  /* @path of another mount namespace, through /proc/PID/root */
	FACT_THREAD,     /* @number is the thread's id */
	FACT_DESCRIPTOR, /* @number is the descriptor's */
};

struct fact {
	uint64_t inode;
	enum fact_kind kind;
	char *path; /* of a mount; allocated */
	pid_t pid;
	int number;
	char name[PROC_NAME_MAX]; /* of the process */
};

struct numbers {
	VEC(uint64_t) all;
};

struct survey {
	VEC(struct fact) facts;
	struct numbers mount_namespaces; /* that have been looked at: inodes */
	struct numbers relay_sockets;    /* inodes */
	char name[PROC_NAME_MAX];        /* of the process that is looked at */
	uint64_t own;                    /* the namespace that the caller is in */
};

static void survey_fini(struct survey *survey)
{
	vec_each (fact, &survey->facts)
		free(fact->path);
	vec_clear(&survey->facts);
	vec_clear(&survey->mount_namespaces.all);
	vec_clear(&survey->relay_sockets.all);
}

/* add_fact - @path is taken over */
static int add_fact(struct survey *survey, struct fact fact)
{
	struct fact *place = vec_push(&survey->facts);

	if (!place) {
		free(fact.path);
		return -ENOMEM;
	}
	*place = fact;
	return 0;
}

static int add_number(struct numbers *numbers, uint64_t number)
{
	uint64_t *place = vec_push(&numbers->all);

	if (!place)
		return -ENOMEM;
	*place = number;
	return 0;
}

/* ---- processes ---- */

static int look_at_thread(void *ctx, pid_t pid, pid_t tid)
{
	struct survey *survey = ctx;
	struct fact fact = {.kind = FACT_THREAD, .pid = pid, .number = tid};

	if (!proc_namespace(pid, tid, "net", "net", &fact.inode))
		return 0;
	memcpy(fact.name, survey->name, sizeof(fact.name));
	return add_fact(survey, fact);
}

static int look_at_fd(void *ctx, pid_t pid, int fd, const char *target)
{
	struct survey *survey = ctx;
	struct fact fact = {.kind = FACT_DESCRIPTOR, .pid = pid, .number = fd};
	uint64_t socket;

	if (!strcmp(survey->name, RELAY_NAME) && proc_inode(target, "socket", &socket))
		return add_number(&survey->relay_sockets, socket);
	if (!proc_inode(target, "net", &fact.inode))
		return 0;
	memcpy(fact.name, survey->name, sizeof(fact.name));
	return add_fact(survey, fact);
}

/* ---- mounts ---- */

/* mount_path - how the caller reaches @point of the mount namespace of @pid (0: its own); allocated */
static char *mount_path(pid_t pid, const char *point)
{
	char *path;

	if (pid == 0)
		return strdup(point);
	return asprintf(&path, "/proc/%d/root%s", (int)pid, point) < 0 ? NULL : path;
}

/* Whose mounts are being read. */
struct mounts_of {
	struct survey *survey;
	pid_t pid; /* 0: the caller's own */
};

static int add_mount(void *ctx, uint64_t inode, const char *point)
{
	const struct mounts_of *of = ctx;
	struct fact fact = {.kind = of->pid ? FACT_FAR_MOUNT : FACT_MOUNT, .inode = inode};

	fact.path = mount_path(of->pid, point);
	return fact.path ? add_fact(of->survey, fact) : -ENOMEM;
}

static bool is_known(const struct survey *survey, uint64_t mount_namespace)
{
	vec_each (known, &survey->mount_namespaces.all) {
		if (*known == mount_namespace)
			return true;
	}
	return false;
}

/* look_at_mounts - of the mount namespace that @pid is in, unless somebody's before was the same */
static int look_at_mounts(struct survey *survey, pid_t pid)
{
	pid_t who = pid ? pid : getpid();
	uint64_t inode;
	int rc;

	if (!proc_namespace(who, who, "mnt", "mnt", &inode) || is_known(survey, inode))
		return 0;
	rc = add_number(&survey->mount_namespaces, inode);
	return rc < 0 ? rc : mounts_each_netns(pid, add_mount, &(struct mounts_of){survey, pid});
}

/* look_at_link - a name in /run/netns may also be a symbolic link, as some make it for containers */
static int look_at_link(struct survey *survey, const char *name)
{
	struct netns_ref ref = {.kind = NETNS_NAME};
	struct fact fact = {.kind = FACT_MOUNT};
	struct netns_id id;
	int fd;

	if (snprintf(ref.text, sizeof(ref.text), "%s", name) >= (int)sizeof(ref.text))
		return 0;
	fd = netns_open(&ref, NULL);
	if (fd < 0)
		return 0;
	netns_identify(fd, &id, NULL);
	close(fd);
	fact.inode = id.ino;
	return asprintf(&fact.path, NETNS_RUN_DIR "/%s", name) < 0 ? -ENOMEM : add_fact(survey, fact);
}

static int look_at_links(struct survey *survey)
{
	DIR *dir = opendir(NETNS_RUN_DIR);
	const struct dirent *entry;
	int rc = 0;

	while (dir && rc == 0 && (entry = readdir(dir))) {
		if (entry->d_type == DT_LNK)
			rc = look_at_link(survey, entry->d_name);
	}
	if (dir)
		closedir(dir);
	return rc;
}

/* ---- all of it ---- */

static int look_at_process(void *ctx, pid_t pid)
{
	struct survey *survey = ctx;
	int rc;

	proc_name(pid, survey->name, sizeof(survey->name));
	rc = proc_each_thread(pid, look_at_thread, survey);
	if (rc == 0)
		rc = proc_each_fd(pid, look_at_fd, survey);
	return rc < 0 ? rc : look_at_mounts(survey, pid);
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return (left > right) - (left < right);
}

/* compare - by namespace, kind, path and pid */
static int compare(const void *a, const void *b)
{
	const struct fact *left = a, *right = b;
	int order = compare_numbers(&left->inode, &right->inode);

	if (order == 0)
		order = (int)left->kind - (int)right->kind;
	if (order == 0 && left->path)
		order = strcmp(left->path, right->path);
	return order ? order : (left->pid > right->pid) - (left->pid < right->pid);
}

static void sort(struct survey *survey)
{
	if (survey->facts.count > 0)
		qsort(survey->facts.items, survey->facts.count, sizeof(struct fact), compare);
	if (survey->relay_sockets.all.count > 0)
		qsort(survey->relay_sockets.all.items, survey->relay_sockets.all.count, sizeof(uint64_t),
		      compare_numbers);
}

static int look_everywhere(struct survey *survey, struct err *err)
{
	/* The calling thread's: another of this process may be elsewhere. */
	bool is_placed = proc_namespace(getpid(), gettid(), "net", "net", &survey->own);
	int rc = is_placed ? look_at_mounts(survey, 0)
	                   : err_set(err, ENOENT, "/proc is not that of this process");

	if (rc == 0)
		rc = look_at_links(survey);
	if (rc == 0)
		rc = proc_each_process(look_at_process, survey, err);
	if (rc == 0)
		sort(survey);
	return rc;
}

/* ---- putting it together ---- */

/* add_name - facts are sorted: those of the caller's own mount namespace come first, and equal ones in a
 * row */
static int add_name(struct census_netns *netns, const struct fact *fact)
{
	const char *slash = strrchr(fact->path, '/');
	size_t folder = slash ? (size_t)(slash - fact->path) : 0;
	bool is_name = folder == strlen(NETNS_RUN_DIR) && !strncmp(fact->path, NETNS_RUN_DIR, folder);
	const char *text = is_name ? slash + 1 : fact->path;
	char **name;

	if (netns->names.count > 0 &&
	    (fact->kind == FACT_FAR_MOUNT || !strcmp(netns->names.items[netns->names.count - 1], text)))
		return 0;
	name = vec_push(&netns->names);
	if (!name)
		return -ENOMEM;
	*name = strdup(text);
	return *name ? 0 : -ENOMEM;
}

static bool lives_in(const struct census_netns *netns, pid_t pid)
{
	vec_each (process, &netns->processes) {
		if (process->pid == pid)
			return true;
	}
	return false;
}

static int add_process(struct census_netns *netns, const struct fact *fact)
{
	struct census_process *process;

	if (fact->kind == FACT_THREAD) {
		if (netns->processes.count > 0 &&
		    netns->processes.items[netns->processes.count - 1].pid == fact->pid)
			return 0;
		process = vec_push(&netns->processes);
	} else {
		if ((netns->holders.count > 0 &&
		     netns->holders.items[netns->holders.count - 1].pid == fact->pid) ||
		    lives_in(netns, fact->pid))
			return 0;
		process = vec_push(&netns->holders);
	}
	if (!process)
		return -ENOMEM;
	process->pid = fact->pid;
	memcpy(process->name, fact->name, sizeof(process->name));
	return 0;
}

static int add_to(struct census_netns *netns, const struct fact *fact)
{
	return fact->path ? add_name(netns, fact) : add_process(netns, fact);
}

/* ---- looking inside ---- */

/* open_by - the namespace by way of one fact, or -1 when that leads elsewhere by now */
static int open_by(const struct fact *fact)
{
	struct netns_ref ref = {.kind = NETNS_PATH};
	struct netns_id id = {0};
	int fd, length;

	if (fact->path)
		length = snprintf(ref.text, sizeof(ref.text), "%s", fact->path);
	else
		length = snprintf(ref.text, sizeof(ref.text),
		                  fact->kind == FACT_THREAD ? "/proc/%d/task/%d/ns/net" : "/proc/%d/fd/%d",
		                  (int)fact->pid, fact->number);
	fd = length < (int)sizeof(ref.text) ? netns_open(&ref, NULL) : -1;
	if (fd >= 0 && netns_identify(fd, &id, NULL) == 0 && id.ino == fact->inode)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int open_by_any(const struct fact *facts, size_t count)
{
	int fd = -1;

	for (size_t i = 0; fd < 0 && i < count; i++)
		fd = open_by(&facts[i]);
	return fd;
}

static bool is_of_relay(const struct survey *survey, const struct sockdiag_socket *socket)
{
	const struct numbers *own = &survey->relay_sockets;
	uint64_t inode = socket->inode;

	return own->all.count > 0 &&
	       bsearch(&inode, own->all.items, own->all.count, sizeof(inode), compare_numbers);
}

static int take_relay_sockets(const struct survey *survey, const struct sockdiag *sockets,
                              struct census_netns *netns)
{
	vec_each (socket, &sockets->all) {
		struct sockdiag_socket *listener;

		if (!is_of_relay(survey, socket))
			continue;
		if (!sockdiag_is_listening(socket)) {
			netns->relay_connections++;
			continue;
		}
		listener = vec_push(&netns->relay_listeners);
		if (!listener)
			return -ENOMEM;
		*listener = *socket;
	}
	return 0;
}

static int find_relay_sockets(const struct survey *survey, int ns_fd, struct census_netns *netns)
{
	struct sockdiag sockets = {0};
	struct nl *nl;
	int rc = 0;

	if (survey->relay_sockets.all.count == 0 || nl_open(ns_fd, NETLINK_SOCK_DIAG, "", &nl, NULL) < 0)
		return 0;
	if (sockdiag_read(nl, SOCKDIAG_LISTENING | SOCKDIAG_CONNECTED, &sockets, NULL) == 0)
		rc = take_relay_sockets(survey, &sockets, netns);
	vec_clear(&sockets.all);
	nl_close(nl);
	return rc;
}

/* ask_inside - what only a visit tells; without the privilege it stays unknown */
static int ask_inside(const struct survey *survey, const struct fact *facts, size_t count,
                      struct census_netns *netns)
{
	int fd = open_by_any(facts, count);
	int rc;

	if (fd < 0)
		return 0;
	if (netns_cookie(fd, &netns->cookie, NULL) < 0)
		netns->cookie = 0;
	rc = find_relay_sockets(survey, fd, netns);
	close(fd);
	return rc;
}

static int add_namespace(struct census *census, const struct survey *survey, const struct fact *facts,
                         size_t count)
{
	struct census_netns *netns = vec_push(&census->all);
	int rc = netns ? 0 : -ENOMEM;

	if (rc < 0)
		return rc;
	netns->inode = facts->inode;
	netns->is_own = facts->inode == survey->own;
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = add_to(netns, &facts[i]);
	return rc < 0 ? rc : ask_inside(survey, facts, count, netns);
}

/* put_own_first - which the caller's own thread has made sure to be there */
static void put_own_first(struct census *census)
{
	for (size_t i = 0; i < census->all.count; i++) {
		struct census_netns own = census->all.items[i];

		if (!own.is_own)
			continue;
		memmove(&census->all.items[1], &census->all.items[0], i * sizeof(own));
		census->all.items[0] = own;
		return;
	}
}

static int put_together(struct census *census, const struct survey *survey)
{
	const struct fact *facts = survey->facts.items;
	size_t count = survey->facts.count;
	int rc = 0;

	for (size_t i = 0, next; rc == 0 && i < count; i = next) {
		for (next = i + 1; next < count && facts[next].inode == facts[i].inode; next++)
			;
		rc = add_namespace(census, survey, &facts[i], next - i);
	}
	put_own_first(census);
	return rc;
}

int census_read(struct census *ret, struct err *err)
{
	struct census census = {0};
	struct survey survey = {0};
	int rc = look_everywhere(&survey, err);

	if (rc == 0)
		rc = put_together(&census, &survey);
	if (rc == -ENOMEM)
		err_set(err, ENOMEM, "out of memory");
	survey_fini(&survey);
	if (rc < 0)
		census_fini(&census);
	else
		*ret = census;
	return rc;
}

void census_fini(struct census *census)
{
	vec_each (netns, &census->all) {
		vec_each (name, &netns->names)
			free(*name);
		vec_clear(&netns->names);
		vec_clear(&netns->processes);
		vec_clear(&netns->holders);
		vec_clear(&netns->relay_listeners);
	}
	vec_clear(&census->all);
}

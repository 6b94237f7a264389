/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/watching.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/log.h"

#define PREFIX "netns/"

enum {
	LOOK_FIRST_MS = 20,  /* a name that is no namespace yet, then twice as long each time ... */
	LOOK_LAST_MS = 1000, /* ... until it has had time enough */
	FOLDER_MS = 1000,    /* there is no folder yet */
};

void watching_init(struct watching *watching)
{
	*watching = (struct watching){.fd = -1};
}

void watching_fini(struct watching *watching)
{
	if (watching->fd >= 0)
		close(watching->fd);
	watching->fd = -1;
}

static void log_trouble(const char *what, const char *name, const char *error)
{
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_WARNING, what);
	log_record_add_text(&log, "name", name);
	log_record_add_text(&log, "error", error);
	log_record_end(&log);
}

/* look_soon - what is asked for again and again is done once */
static void look_soon(struct watching *watching, uint64_t at_ms)
{
	if (watching->look_ms == 0 || at_ms < watching->look_ms)
		watching->look_ms = at_ms;
}

void watching_configure(struct watching *watching, const struct config *config, uint64_t now_ms)
{
	if (config->watch_count == 0 && watching->fd < 0)
		return;
	if (watching->fd < 0 && (watching->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) < 0)
		log_trouble("names of namespaces are not watched", NETNS_RUN_DIR, strerror(errno));
	watching->pause_ms = LOOK_FIRST_MS;
	look_soon(watching, now_ms);
}

void watching_heard(struct watching *watching, uint64_t now_ms)
{
	char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t size;
	while ((size = read(watching->fd, events, sizeof(events))) > 0) {
		const struct inotify_event *event;
		for (ssize_t at = 0; at < size; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const void *)(events + at);
			if (event->mask & IN_IGNORED) /* the folder itself has gone */
				watching->has_folder = false;
		}
	}
	watching->pause_ms = LOOK_FIRST_MS;
	look_soon(watching, now_ms);
}

/* find_folder - have it watched, as soon as there is one */
static void find_folder(struct watching *watching)
{
	const uint32_t mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR;
	watching->has_folder = inotify_add_watch(watching->fd, NETNS_RUN_DIR, mask) >= 0;
}

/* find_policy - that of the first pattern that fits; NULL: none does */
static const char *find_policy(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->watch_count; i++)
		if (fnmatch(config->watch[i].pattern, name, 0) == 0)
			return config->watch[i].policy;
	return NULL;
}

/* A look that is under way. */
struct look {
	const struct config *config;
	struct enrolments *enrolments;
	char snapshot[ENROLMENT_SNAPSHOT_MAX];
	bool is_last; /* what is no namespace now is told */
	bool again;   /* there was such */
};

static void enrol(struct look *look, const char *name, const char *policy)
{
	struct netns_ref ref = {.kind = NETNS_NAME};
	struct err err = ERR_INIT;
	char uid[NETNS_TEXT_MAX];
	snprintf(ref.text, sizeof(ref.text), "%.*s", (int)sizeof(ref.text) - 1, name);
	snprintf(uid, sizeof(uid), PREFIX "%.*s", (int)(sizeof(uid) - sizeof(PREFIX)), name);
	int fd = netns_open(&ref, &err);
	const struct enrolment_wish wish = {.uid = uid, .policy = policy, .name = "", .snapshot = look->snapshot};
	int rc = fd < 0 ? fd : enrolments_add(look->enrolments, &wish, fd, &err);
	if (fd >= 0)
		close(fd);
	look->again |= fd == -EINVAL; /* a file that waits for its namespace */
	/* Gone already, or somebody else's: nothing to tell. */
	if (rc < 0 && rc != -ENOENT && rc != -EEXIST && (rc != -EINVAL || look->is_last))
		log_trouble("a namespace is not enrolled", name, err.text);
}

static void look_at_all(struct look *look)
{
	DIR *folder = opendir(NETNS_RUN_DIR);
	const struct dirent *entry;
	while (folder && (entry = readdir(folder))) {
		const char *policy = entry->d_name[0] == '.' ? NULL : find_policy(look->config, entry->d_name);
		if (policy && config_has_policy(look->config, policy))
			enrol(look, entry->d_name, policy);
	}
	if (folder)
		closedir(folder);
	enrolments_sweep(look->enrolments, PREFIX, look->snapshot, 0);
}

uint64_t watching_act(struct watching *watching, const struct config *config, struct enrolments *enrolments,
                      uint64_t now_ms)
{
	if (watching->look_ms == 0 || now_ms < watching->look_ms)
		return watching->look_ms;
	struct look look = {
	        .config = config, .enrolments = enrolments, .is_last = watching->pause_ms > LOOK_LAST_MS};
	snprintf(look.snapshot, sizeof(look.snapshot), "look-%llu", (unsigned long long)++watching->looks);
	if (!watching->has_folder && watching->fd >= 0)
		find_folder(watching); /* before it is read: what comes meanwhile is heard */
	look_at_all(&look);
	watching->look_ms = watching->has_folder || config->watch_count == 0 ? 0 : now_ms + FOLDER_MS;
	if (look.again && !look.is_last) {
		look_soon(watching, now_ms + watching->pause_ms);
		watching->pause_ms *= 2;
	}
	return watching->look_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Who is enrolled, in a file: a line each, UID POLICY NAME INODE COOKIE PID, NAME being "-" when there is none. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/nsrelay/enrolment_private.h"
#include "base/log.h"
#include "nsctl/look/seek.h"

#define HEADER "nsrelay enrolments 1\n"

static void log_trouble(const struct enrolments *enrolments, const char *what, const char *error)
{
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_WARNING, what);
	log_record_add_text(&log, "file", enrolments->path);
	log_record_add_text(&log, "error", error);
	log_record_end(&log);
}

/* ---- writing ---- */

static void write_all(const struct enrolments *enrolments, FILE *out)
{
	fputs(HEADER, out);
	for (const struct list *link = enrolments->all.next; link != &enrolments->all; link = link->next) {
		const struct enrolment *enrolment = LIST_ENTRY(link, struct enrolment, link);
		fprintf(out, "%s %s %s %" PRIu64 " %" PRIu64 " %d\n", enrolment->is.uid, enrolment->is.policy,
		        enrolment->name[0] ? enrolment->name : "-", enrolment->inode, enrolment->cookie,
		        (int)enrolment->pid);
	}
}

/* write_beside - a new file, which takes the place of the old one as a whole; 0 or -errno */
static int write_beside(const struct enrolments *enrolments)
{
	char path[sizeof(enrolments->path) + sizeof(".new")];
	snprintf(path, sizeof(path), "%s.new", enrolments->path);
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	if (!out)
		return -errno;
	write_all(enrolments, out);
	bool written = !ferror(out);
	written = fclose(out) == 0 && written;
	if (!written)
		return -EIO;
	return rename(path, enrolments->path) < 0 ? -errno : 0;
}

void enrolments_note(const struct enrolments *enrolments)
{
	int rc = enrolments->path[0] ? write_beside(enrolments) : 0;
	if (rc < 0)
		log_trouble(enrolments, "who is enrolled is not noted, and not found again by another daemon", strerror(-rc));
}

/* ---- reading ---- */

struct noted {
	struct enrolment draft;
	struct sought sought;
};

struct notes {
	VEC(struct noted) all;
};

/* take - a word of @line into @ret; false: there is none, or it is too long */
static bool take_word(char **line, char *ret, size_t size)
{
	const char *word = strsep(line, " \n");
	if (!word || !*word || strlen(word) >= size)
		return false;
	memcpy(ret, word, strlen(word) + 1);
	return true;
}

static bool take_number(char **line, uint64_t *ret)
{
	char word[32], *end;
	if (!take_word(line, word, sizeof(word)))
		return false;
	*ret = strtoull(word, &end, 10);
	return *end == '\0';
}

static bool read_line(char *line, struct enrolment *ret)
{
	uint64_t pid;
	*ret = (struct enrolment){.pid_fd = -1, .is_restored = true};
	if (!take_word(&line, ret->is.uid, sizeof(ret->is.uid)) || !take_word(&line, ret->is.policy, sizeof(ret->is.policy)) ||
	    !take_word(&line, ret->name, sizeof(ret->name)) || !take_number(&line, &ret->inode) ||
	    !take_number(&line, &ret->cookie) || !take_number(&line, &pid) || pid > INT32_MAX)
		return false;
	if (strcmp(ret->name, "-") == 0)
		ret->name[0] = '\0';
	ret->pid = (pid_t)pid;
	return true;
}

static int read_notes(FILE *file, struct notes *ret)
{
	char *line = NULL;
	size_t size = 0;
	int rc = getline(&line, &size, file) < 0 || strcmp(line, HEADER) != 0 ? -EINVAL : 0;
	while (rc == 0 && getline(&line, &size, file) >= 0) {
		struct noted noted = {.sought.fd = -1}, *kept;
		if (!read_line(line, &noted.draft))
			rc = -EINVAL;
		else if (!(kept = vec_push(&ret->all)))
			rc = -ENOMEM;
		else
			*kept = noted;
	}
	free(line);
	return rc;
}

/* ---- finding ---- */

static int seek_all(struct notes *notes, struct err *err)
{
	struct sought *sought = calloc(notes->all.count + 1, sizeof(*sought));
	if (!sought)
		return err_set(err, ENOMEM, "out of memory");
	for (size_t i = 0; i < notes->all.count; i++)
		sought[i] = (struct sought){notes->all.items[i].draft.inode, -1};
	int rc = seek_netns(sought, notes->all.count, err);
	for (size_t i = 0; i < notes->all.count; i++)
		notes->all.items[i].sought = sought[i];
	free(sought);
	return rc;
}

/* is_it - and not another one with its inode */
static bool is_it(const struct noted *noted)
{
	uint64_t cookie;
	return netns_cookie(noted->sought.fd, &cookie, NULL) == 0 && cookie == noted->draft.cookie;
}

/* hold_process - the one that it ends with, if that is still in there; a pid may be another's by now */
static bool hold_process(struct noted *noted)
{
	pid_t pid;
	if (!noted->draft.pid)
		return true;
	noted->draft.pid_fd = pidfd_open(noted->draft.pid, 0);
	int fd = noted->draft.pid_fd < 0 ? -1 : netns_open_fd(noted->draft.pid_fd, &pid, NULL);
	struct netns_id id, wanted;
	bool there = fd >= 0 && netns_identify(fd, &id, NULL) == 0 && netns_identify(noted->sought.fd, &wanted, NULL) == 0 &&
	             netns_id_equal(&id, &wanted);
	if (fd >= 0)
		close(fd);
	if (!there && noted->draft.pid_fd >= 0)
		close(noted->draft.pid_fd);
	return there;
}

static void restore(struct enrolments *enrolments, struct noted *noted)
{
	struct err err = ERR_INIT;
	if (noted->sought.fd < 0)
		return; /* it has gone, as pods do */
	if (!is_it(noted) || !hold_process(noted)) {
		close(noted->sought.fd);
		return;
	}
	if (enrolments_insert(enrolments, &noted->draft, noted->sought.fd, &err) < 0)
		log_trouble(enrolments, "an enrolment is not restored", err.text);
}

void enrolments_restore(struct enrolments *enrolments)
{
	struct notes notes = {0};
	struct err err = ERR_INIT;
	FILE *file = enrolments->path[0] ? fopen(enrolments->path, "re") : NULL;
	if (!file)
		return;
	int rc = read_notes(file, &notes);
	fclose(file);
	if (rc < 0)
		log_trouble(enrolments, "who was enrolled is not to be read; expected what nsrelay has written", strerror(-rc));
	if (seek_all(&notes, &err) < 0)
		log_trouble(enrolments, "who was enrolled is not to be found", err.text);
	vec_each(noted, &notes.all)
		restore(enrolments, noted);
	vec_clear(&notes.all);
	enrolments_note(enrolments);
}

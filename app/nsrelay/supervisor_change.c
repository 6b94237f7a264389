/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration while the relay runs: the file once more, or what is served with a change made to it
 * (app/nsrelay/edit.h). It is read and checked, and what it asks for beside what
 * is there already is opened: whatever is wrong, nothing has changed so far. Then the relay gets it
 * (relay/change.h). When it says that it works by it, what is not asked for any more is closed; when it says
 * no, what was opened is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/nsrelay/config_check.h"
#include "app/nsrelay/config_diff.h"
#include "app/nsrelay/config_file.h"
#include "app/nsrelay/config_text.h"
#include "app/nsrelay/edit.h"
#include "app/nsrelay/notify.h"
#include "app/nsrelay/supervisor_private.h"
#include "base/log.h"
#include "relay/change.h"

enum {
	/* Listeners that are given up are closed by the relay within 100 ms: one that is opened anew at the
	 * same place before that would share its connections with a socket that refuses them. */
	SETTLE_MS = 150,
};

/* ---- telling ---- */

static void log_changed(const struct supervisor *s)
{
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_INFO, "reloaded");
	log_record_add_u64(&log, "relays", s->setup->config.relay_count);
	log_record_add_u64(&log, "listeners", s->setup->plan.listener_count);
	log_record_add_u64(&log, "max_connections", s->setup->limits.connections);
	log_record_add_u64(&log, "took_ms", supervisor_now() - s->change.began_ms);
	log_record_end(&log);
}

static void log_needs_restart(const char *what)
{
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_WARNING, "a change takes effect when the daemon is started again");
	log_record_add_text(&log, "setting", what);
	log_record_end(&log);
}

static void answer(const struct supervisor *s, uint64_t ticket, int error, const char *text)
{
	supervisor_answer(s, CONTROL_ANSWER, ticket, error, text, -1);
}

/* over - nothing is under way any more */
static void over(struct supervisor *s, int error, const char *text)
{
	if (s->change.begun)
		enrolments_settle(&s->enrolments, error ? text : NULL, supervisor_now(), s->change.settled_ms);
	if (!s->change.enrols)
		answer(s, s->change.ticket, error, text);
	free(s->change.text);
	s->change.text = NULL;
	s->change.next = NULL;
	s->change.ticket = 0;
	s->change.begun = false;
	if (!s->change.enrols && s->is_ready && !s->stopping)
		notify_systemd("READY=1");
}

static void refuse(struct supervisor *s, const char *why)
{
	struct err err = ERR_INIT;
	err_set(&err, EINVAL, "%s", why);
	supervisor_log_error(s->change.enrols ? "enrolment failed" : "reload refused; everything is as it was", &err);
	over(s, EINVAL, why);
}

/* ---- reading ---- */

/* take_wish - the oldest one; NULL: nobody wishes anything */
static struct change_wish *take_wish(struct supervisor *s)
{
	struct change_wish *wish = s->change.wish_count ? s->change.wishes[0] : NULL;
	if (wish)
		memmove(&s->change.wishes[0], &s->change.wishes[1], --s->change.wish_count * sizeof(struct change_wish *));
	return wish;
}

static void free_wish(struct change_wish *wish)
{
	if (wish && wish->fd >= 0)
		close(wish->fd);
	free(wish);
}

static bool is_reload(const struct change_wish *wish)
{
	return strcmp(wish->command, "reload") == 0;
}

static int read_file(struct supervisor *s, struct config *ret, FILE *report)
{
	s->change.wanted = false;
	if (s->config_path)
		return config_file_load(s->config_path, ret, report);
	fprintf(report, "the configuration did not come from a file (-c FILE)");
	return -ENOENT;
}

/* read_next - what is wrong is in *@ret_report, all of it, to be given to free(3). @wish: NULL: of nobody */
static int read_next(struct supervisor *s, const struct change_wish *wish, struct config *ret, char **ret_report)
{
	size_t size;
	FILE *report = open_memstream(ret_report, &size);
	int rc;
	if (!report)
		return -ENOMEM;
	if (s->change.enrols)
		rc = config_copy(&s->setup->config, ret);
	else if (wish && !is_reload(wish))
		rc = edit_config(&s->setup->config, wish->command, wish->fd, getuid(), ret, report);
	else
		rc = read_file(s, ret, report);
	fclose(report);
	return rc;
}

/* enrol_all - those that are to be served by @config; what @config cannot have any more of is told in @err */
static int enrol_all(struct supervisor *s, struct config *config, struct err *err)
{
	s->change.begun = true;
	int rc = enrolments_begin(&s->enrolments, config, s->change.enrols, s->change.began_ms);
	size_t listeners = plan_count_listeners(config);
	if (rc < 0)
		return err_set(err, -rc, "enrolments: out of memory");
	return listeners > CONFIG_LISTENERS_MAX
	               ? err_set(err, ENOSPC, "there would be %zu listeners; expected at most %d", listeners,
	                         CONFIG_LISTENERS_MAX)
	               : 0;
}

/* write_next - as the relay is told: also what was not read from a file */
static int write_next(struct supervisor *s, const struct config *next)
{
	FILE *out = open_memstream(&s->change.text, &s->change.text_size);
	if (!out)
		return -ENOMEM;
	int rc = config_text(next, false, out);
	return fclose(out) != 0 ? -ENOMEM : rc;
}

/* ---- sending ---- */

static int send_message(const struct supervisor *s, enum control_type type, uint64_t value, const int *fds,
                        size_t count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CHANGE_BATCH * sizeof(int))];
	} control = {0};
	struct control_message head = {.type = type, .value = value};
	struct iovec iov = {.iov_base = &head, .iov_len = sizeof(head)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control};
	control.header = (struct cmsghdr){
	        .cmsg_len = CMSG_LEN(count * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
	message.msg_controllen = CMSG_SPACE(count * sizeof(int));
	return sendmsg(s->control_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* collect_fresh - the new sockets, those of one listener after those of another, by thread; returns how
 * many */
static size_t collect_fresh(const struct opened *opened, const bool *fresh, int *ret)
{
	size_t count = 0;
	for (uint32_t i = 0; i < opened->plan->listener_count; i++) {
		for (uint32_t thread = 0; fresh[i] && thread < opened->threads; thread++)
			ret[count++] = opened->listener_fds[thread * opened->plan->listener_count + i];
	}
	return count;
}

static int send_sockets(const struct supervisor *s, const int *fds, size_t count)
{
	int rc = 0;
	for (size_t sent = 0; rc == 0 && sent < count; sent += CHANGE_BATCH) {
		size_t batch = count - sent < CHANGE_BATCH ? count - sent : CHANGE_BATCH;
		rc = send_message(s, CONTROL_SOCKETS, batch, fds + sent, batch);
	}
	return rc;
}

static int send_file(const struct supervisor *s, const struct change *change, size_t sockets)
{
	int fd = memfd_create("nsrelay configuration", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : change_write(fd, change);
	if (rc == 0)
		rc = send_message(s, CONTROL_CHANGE, sockets, &fd, 1);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int send_next(const struct supervisor *s)
{
	const struct setup *next = s->change.next;
	bool *fresh = calloc(next->plan.listener_count + 1, sizeof(*fresh));
	int *fds = calloc((size_t)next->plan.listener_count * next->opened.threads + 1, sizeof(*fds));
	int rc = -ENOMEM;
	if (fresh && fds) {
		opened_fresh(&next->opened, fresh);
		struct change change = {
		        .limits = next->limits,
		        .target_count = next->plan.target_count,
		        .listener_count = next->plan.listener_count,
		        .numbers = next->opened.numbers,
		        .enrolled = next->config.enrolled,
		        .enrolled_count = (uint32_t)next->config.enrolled_count,
		        .is_enrolment = s->change.enrols,
		        .fresh = fresh,
		        .text = s->change.text,
		        .text_size = s->change.text_size,
		};
		size_t count = collect_fresh(&next->opened, fresh, fds);
		rc = send_file(s, &change, count);
		if (rc == 0)
			rc = send_sockets(s, fds, count);
	}
	free(fresh);
	free(fds);
	return rc;
}

/* ---- from one to the other ---- */

/* commit - what is served is @next from now on */
static void commit(struct supervisor *s)
{
	struct err err = ERR_INIT;
	struct setup *old = s->setup;
	const struct config *config = &s->change.next->config;
	uint64_t now_ms = supervisor_now();
	s->setup = s->change.next;
	bool closes = false;
	/* Before listeners close: nobody is to be brought to one that is not there. */
	steering_commit(&s->steering, s->setup, now_ms);
	if (opened_replace(&s->setup->opened, &old->opened, now_ms, &closes, &err) < 0)
		supervisor_log_error("a listener has its former settings", &err);
	setup_free(old, now_ms);
	log_configure((enum log_level)config->log_level, (enum log_format)config->log_format,
	              config->log_rate);
	s->change.settled_ms = closes ? now_ms + SETTLE_MS : now_ms;
	if (!s->change.enrols) {
		log_changed(s);
		watching_configure(&s->watching, config, now_ms);
	}
	over(s, 0, "");
}

static void give_up(struct supervisor *s, const char *why)
{
	steering_commit(&s->steering, s->setup, supervisor_now());
	setup_free(s->change.next, supervisor_now());
	refuse(s, why);
}

/* hand_over - to the relay, if there is one that can be told */
static void hand_over(struct supervisor *s)
{
	if (s->control_fd < 0) {
		commit(s); /* the one that is about to be started begins with it */
		return;
	}
	int rc = send_next(s);
	if (rc < 0)
		give_up(s, strerror(-rc));
}

/* prepare - what comes next; the refusal is done on failure */
static int prepare(struct supervisor *s, const struct change_wish *wish, struct config *ret)
{
	struct err err = ERR_INIT;
	char *report = NULL;
	int rc = read_next(s, wish, ret, &report);
	if (rc < 0) {
		refuse(s, report && *report ? report : strerror(-rc));
		free(report);
		return rc;
	}
	free(report);
	config_keep_fixed(&s->setup->config, ret, log_needs_restart);
	rc = enrol_all(s, ret, &err);
	if (rc == 0 && (rc = write_next(s, ret)) < 0)
		err_set(&err, -rc, "%s", strerror(-rc));
	if (rc < 0) {
		config_fini(ret);
		refuse(s, err.text);
	}
	return rc;
}

/* begin - @enrols: for who is enrolled alone; else what @wish says, or, without one, the file once more */
static void begin(struct supervisor *s, const struct change_wish *wish, bool enrols)
{
	struct err err = ERR_INIT;
	struct config config;
	s->change.ticket = wish ? wish->ticket : 0;
	s->change.enrols = enrols;
	s->change.began_ms = supervisor_now();
	if (!s->change.enrols)
		notify_systemd("RELOADING=1");
	if (prepare(s, wish, &config) < 0)
		return;
	spaces_refresh(&s->spaces);
	s->change.next = setup_new(&config, s->setup, s->sandbox, &s->targets, &err);
	supervisor_show_targets(s);
	if (s->change.next && steering_prepare(&s->steering, s->change.next, &err) < 0) {
		setup_free(s->change.next, supervisor_now());
		s->change.next = NULL;
	}
	if (s->change.next)
		hand_over(s);
	else
		refuse(s, err.text);
}

/* ---- what others call ---- */

void change_want(struct supervisor *s)
{
	s->change.wanted |= !s->stopping;
}

void change_requested(struct supervisor *s, uint64_t ticket, const char *command, int fd)
{
	bool full = s->change.wish_count >= LIMIT_REQUESTS;
	struct change_wish *wish = s->stopping || full ? NULL : malloc(sizeof(*wish) + strlen(command) + 1);
	if (!wish) {
		if (fd >= 0)
			close(fd);
		answer(s, ticket, s->stopping ? ESHUTDOWN : EBUSY,
		       s->stopping ? "the daemon is stopping" : "too many changes are asked for; try again");
		return;
	}
	wish->ticket = ticket;
	wish->fd = fd;
	strcpy(wish->command, command);
	s->change.wishes[s->change.wish_count++] = wish;
}

/* act - at most one change; when it is over, but for the relay's part, the next may begin: now */
static uint64_t act(struct supervisor *s, uint64_t now_ms)
{
	bool asked = s->change.wanted || s->change.wish_count > 0;
	uint64_t next_ms;
	if (asked && s->change.settled_ms <= now_ms) {
		struct change_wish *wish = take_wish(s);
		begin(s, wish, false);
		free_wish(wish);
		return now_ms;
	}
	/* Which need not wait for listeners of other namespaces to close. */
	if (enrolments_due(&s->enrolments, now_ms, &next_ms)) {
		begin(s, NULL, true);
		return now_ms;
	}
	return asked && (next_ms == 0 || s->change.settled_ms < next_ms) ? s->change.settled_ms : next_ms;
}

uint64_t change_act(struct supervisor *s)
{
	if (s->change.next || s->stopping)
		return 0;
	uint64_t next_ms = act(s, supervisor_now());
	return s->change.next ? 0 : next_ms;
}

void change_answered(struct supervisor *s, int error)
{
	if (!s->change.next)
		return;
	if (error) {
		give_up(s, strerror(error));
		return;
	}
	commit(s);
	supervisor_tell(s, CONTROL_RELEASE, 0);
}

void change_finish(struct supervisor *s)
{
	if (s->change.next)
		commit(s);
}

void change_drop_wishes(struct supervisor *s)
{
	struct change_wish *wish;
	while ((wish = take_wish(s))) {
		answer(s, wish->ticket, ESHUTDOWN, "the daemon is stopping");
		free_wish(wish);
	}
}

void change_forget(struct supervisor *s)
{
	if (s->change.ticket)
		answer(s, s->change.ticket, ESHUTDOWN, "the daemon is stopping");
	change_drop_wishes(s);
	setup_free(s->change.next, 0);
	free(s->change.text);
	s->change = (struct change_state){0};
}

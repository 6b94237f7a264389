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

/* answer - whoever asked, and those who watch; lost when there is no relay, or it reads nothing */
static void answer(const struct supervisor *s, uint64_t ticket, int error, const char *text)
{
	struct control_message head = {.type = CONTROL_ANSWER, .reserved = (uint32_t)error, .value = ticket};
	size_t size = strlen(text);
	struct iovec iov[] = {
	        {&head, sizeof(head)},
	        {(void *)(uintptr_t)text, size < ANSWER_TEXT_MAX ? size : ANSWER_TEXT_MAX - 1}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	sendmsg(s->control_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* over - nothing is under way any more */
static void over(struct supervisor *s, int error, const char *text)
{
	answer(s, s->change.ticket, error, text);
	free(s->change.text);
	s->change.text = NULL;
	s->change.next = NULL;
	s->change.ticket = 0;
	if (s->is_ready && !s->stopping)
		notify_systemd("READY=1");
}

static void refuse(struct supervisor *s, const char *why)
{
	struct err err = ERR_INIT;
	err_set(&err, EINVAL, "%s", why);
	supervisor_log_error("reload refused; everything is as it was", &err);
	over(s, EINVAL, why);
}

/* ---- reading ---- */

/* drop_command - it is done, or comes to nothing */
static void drop_command(struct supervisor *s)
{
	if (s->change.has_fragment)
		close(s->change.fragment_fd);
	s->change.has_fragment = false;
	s->change.command[0] = '\0';
}

/* read_command - what is served, with the command done to it */
static int read_command(struct supervisor *s, struct config *ret, FILE *report)
{
	int fd = s->change.has_fragment ? s->change.fragment_fd : -1;
	int rc = edit_config(&s->setup->config, s->change.command, fd, getuid(), ret, report);
	drop_command(s);
	return rc;
}

static int read_file(struct supervisor *s, struct config *ret, FILE *report)
{
	s->change.wanted = false;
	if (s->config_path)
		return config_file_load(s->config_path, ret, report);
	fprintf(report, "the configuration did not come from a file (-c FILE)");
	return -ENOENT;
}

/* read_next - what is wrong is in *@ret_report, all of it, to be given to free(3) */
static int read_next(struct supervisor *s, struct config *ret, char **ret_report)
{
	size_t size;
	FILE *report = open_memstream(ret_report, &size);
	if (!report)
		return -ENOMEM;
	int rc = s->change.command[0] ? read_command(s, ret, report) : read_file(s, ret, report);
	fclose(report);
	return rc;
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
	log_changed(s);
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

static void begin(struct supervisor *s)
{
	struct err err = ERR_INIT;
	struct config config;
	char *report = NULL;
	s->change.ticket = s->change.wanted_ticket;
	s->change.wanted_ticket = 0;
	s->change.began_ms = supervisor_now();
	notify_systemd("RELOADING=1");
	int rc = read_next(s, &config, &report);
	if (rc < 0) {
		refuse(s, report && *report ? report : strerror(-rc));
		free(report);
		return;
	}
	free(report);
	config_keep_fixed(&s->setup->config, &config, log_needs_restart);
	rc = write_next(s, &config);
	if (rc < 0) {
		config_fini(&config);
		refuse(s, strerror(-rc));
		return;
	}
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
	bool busy = s->change.ticket || s->change.wanted_ticket, reload = strcmp(command, "reload") == 0;
	bool keeps = fd >= 0 && !s->stopping && !busy && !reload;
	if (fd >= 0 && !keeps)
		close(fd);
	if (s->stopping || busy) {
		answer(s, ticket, s->stopping ? ESHUTDOWN : EBUSY,
		       s->stopping ? "the daemon is stopping" : "another change is under way; try again");
		return;
	}
	s->change.wanted_ticket = ticket;
	s->change.wanted |= reload;
	s->change.has_fragment = keeps;
	s->change.fragment_fd = fd;
	snprintf(s->change.command, sizeof(s->change.command), "%s", reload ? "" : command);
}

uint64_t change_act(struct supervisor *s)
{
	bool due = s->change.wanted || s->change.command[0];
	if (!due || s->change.next)
		return 0;
	if (s->change.settled_ms > supervisor_now())
		return s->change.settled_ms;
	begin(s);
	return s->change.wanted ? supervisor_now() : 0; /* a signal, beside a command */
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

void change_forget(struct supervisor *s)
{
	const uint64_t tickets[] = {s->change.ticket, s->change.wanted_ticket};
	for (size_t i = 0; i < 2; i++) {
		if (tickets[i])
			answer(s, tickets[i], ESHUTDOWN, "the daemon is stopping");
	}
	drop_command(s);
	setup_free(s->change.next, 0);
	free(s->change.text);
	s->change = (struct change_state){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/nsrelay/notify.h"
#include "app/nsrelay/relay_child.h"
#include "app/nsrelay/streams.h"
#include "app/nsrelay/supervisor_private.h"
#include "base/check.h"
#include "base/log.h"
#include "nsctl/netns.h"
#include "nsctl/nssock.h"
#include "relay/request.h"

enum {
	/* A relay that dies is started again at once; one that keeps dying, after a growing pause, still under a second. */
	RESTART_FIRST_MS = 10,
	RESTART_MAX_MS = 500,
	/* It lived ten times as long as the pause before: it does not keep dying, this death is a first one again. */
	RESTART_FORGET_PAUSES = 10,
	/* How long the rings of a dead relay are waited for beyond the pause: 7 ms, with 1,000 listeners 19 (measured). */
	RINGS_PATIENCE_MS = 400,
	/* What the relay gets beyond the drain time, or once it has closed the control channel, before it is killed. */
	STOP_GRACE_MS = 5000,
};

/* What a relay without a sandbox is given; freed by its thread. */
struct thread_start {
	struct supervisor *supervisor;
	struct relay_child child;
	struct limits limits; /* outlive the setup */
	int channel_fds[LIMIT_THREADS];
	int listener_fds[];
};

uint64_t supervisor_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the relay process ---- */

void supervisor_log_error(const char *message, const struct err *err)
{
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, message);
	log_record_add_text(&log, "error", err->text);
	log_record_end(&log);
}

/* become_relay - in the child: keep nothing that only the broker may use */
static _Noreturn void become_relay(struct supervisor *s, struct relay_child *child)
{
	struct err err = ERR_INIT;
	for (uint32_t i = 0; i < s->setup->limits.threads; i++)
		close(s->channels[i].fd);
	close(s->control_fd);
	close(s->signal_fd);
	/* Which only the broker may use. */
	enrolments_close(&s->enrolments);
	watching_fini(&s->watching);
	steering_close(&s->steering);
	spaces_close(&s->spaces);
	sandbox_close_inherited();
	streams_forsake_input_and_output();
	int rc = relay_child_run(child, &err);
	if (rc < 0)
		supervisor_log_error("relay failed", &err);
	_exit(rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_process(struct supervisor *s, struct relay_child *child, struct err *err)
{
	child->listener_fds = s->setup->opened.listener_fds;
	child->user = &s->user;
	pid_t pid = fork();
	if (pid == 0)
		become_relay(s, child);
	if (pid < 0)
		return err_set_errno(err, "start the relay process");
	s->pid = pid;
	return 0;
}

static void *run_thread(void *arg)
{
	struct thread_start *start = arg;
	struct err err = ERR_INIT;
	start->supervisor->thread_result = relay_child_run(&start->child, &err);
	if (start->supervisor->thread_result < 0)
		supervisor_log_error("relay failed", &err);
	free(start);
	return NULL;
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
}

/* duplicate - the same files under other numbers, all or none */
static int duplicate(const int *fds, size_t count, int *ret, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		ret[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (ret[i] < 0) {
			int rc = err_set_errno(err, "duplicate listeners");
			close_fds(ret, i);
			return rc;
		}
	}
	return 0;
}

static int start_thread(struct supervisor *s, const struct relay_child *child, struct err *err)
{
	size_t count = (size_t)s->setup->plan.listener_count * s->setup->limits.threads;
	struct thread_start *start = malloc(sizeof(*start) + count * sizeof(int));
	if (!start)
		return err_set(err, ENOMEM, "start the relay: out of memory");
	start->supervisor = s;
	start->child = *child;
	start->limits = *child->limits;
	start->child.limits = &start->limits;
	memcpy(start->channel_fds, child->channel_fds, sizeof(start->channel_fds));
	start->child.channel_fds = start->channel_fds;
	start->child.listener_fds = start->listener_fds;
	/* The relay closes its listeners at the end: they are not the broker's. */
	int rc = duplicate(s->setup->opened.listener_fds, count, start->listener_fds, err);
	if (rc < 0)
		goto fail;
	if (child->serve_fd >= 0)
		start->child.serve_fd = fcntl(child->serve_fd, F_DUPFD_CLOEXEC, 3);
	for (int i = 0; i < METRICS_LISTENERS; i++) {
		if (child->metrics_fds[i] >= 0)
			start->child.metrics_fds[i] = fcntl(child->metrics_fds[i], F_DUPFD_CLOEXEC, 3);
	}
	rc = -pthread_create(&s->thread, NULL, run_thread, start);
	if (rc == 0)
		return 0;
	err_set(err, -rc, "start the relay thread: %s", strerror(-rc));
	close_fds(start->listener_fds, count);
	close_fds(&start->child.serve_fd, 1);
	close_fds(start->child.metrics_fds, METRICS_LISTENERS);
fail:
	free(start);
	return rc;
}

static void close_channels(struct supervisor *s)
{
	for (uint32_t i = 0; i < LIMIT_THREADS; i++)
		broker_channel_close(&s->channels[i]);
	if (s->control_fd >= 0)
		close(s->control_fd);
	s->control_fd = -1;
	s->unsent.type = 0;
}

/* The relay's ends of everything between it and the broker. */
struct relay_ends {
	int control_fd;
	int channel_fds[LIMIT_THREADS];
};

static void close_ends(const struct relay_ends *ends)
{
	close_fds(&ends->control_fd, 1);
	close_fds(ends->channel_fds, ARRAY_COUNT(ends->channel_fds));
}

/* open_channels - both ends; what was opened before a failure is the caller's to close */
static int open_channels(struct supervisor *s, struct relay_ends *ends, struct err *err)
{
	int pair[2];
	memset(ends, -1, sizeof(*ends));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_set_errno(err, "control channel");
	s->control_fd = pair[0];
	ends->control_fd = pair[1];
	for (uint32_t i = 0; i < s->setup->limits.threads; i++) {
		int rc = broker_channel_open(&s->channels[i], &ends->channel_fds[i], err);
		if (rc < 0)
			return rc;
		s->waits[i] = BROKER_WAITS_FOR_REQUEST;
	}
	return 0;
}

static int start_relay(struct supervisor *s, struct err *err)
{
	struct relay_ends ends;
	close_channels(s);
	change_finish(s);
	change_drop_wishes(s);
	enrolments_forget_waiters(&s->enrolments);
	s->started_ms = supervisor_now();
	s->restart_ms = s->kill_ms = 0;
	s->is_ready = false;
	int rc = open_channels(s, &ends, err);
	struct relay_child child = {
		.plan = &s->setup->plan,
		.limits = &s->setup->limits,
		.features = &s->features,
		.channel_fds = ends.channel_fds,
		.control_fd = ends.control_fd,
		.serve_fd = s->serve_fd,
		.metrics_fds = {s->metrics_fds[0], s->metrics_fds[1]},
		.supervisor_uid = geteuid(),
		.supervisor_pid = getpid(),
		.incomplete = !enrolments_are_restored(&s->enrolments),
	};
	s->is_complete = !child.incomplete;
	if (rc == 0)
		rc = s->sandbox ? start_process(s, &child, err) : start_thread(s, &child, err);
	/* A process has its own copies of the ends; a thread has these. */
	if (rc < 0 || s->sandbox)
		close_ends(&ends);
	if (rc < 0)
		close_channels(s);
	return rc;
}

static void plan_restart(struct supervisor *s)
{
	uint64_t lived_ms = supervisor_now() - s->started_ms;
	bool first = lived_ms >= (uint64_t)s->pause_ms * RESTART_FORGET_PAUSES;
	s->pause_ms = first ? RESTART_FIRST_MS : s->pause_ms * 2;
	if (s->pause_ms > RESTART_MAX_MS)
		s->pause_ms = RESTART_MAX_MS;
	s->restart_ms = supervisor_now() + s->pause_ms;
}

static void finish(struct supervisor *s, int result)
{
	s->done = true;
	s->result = result;
}

/*
 * rings_are_gone - nothing is left of the relay in the kernel
 * A ring ends some milliseconds after its process. Until then the accepts it had armed take wake-ups, and a connection
 * whose wake-up was taken waits in the queue until another one comes (9 of 60, Linux 6.18). The poll that was armed on
 * the broker channel goes with them, so the end of the channel is the end of the ring:
 * tests/assumptions/killed_ring_takes_wakeups.c.
 */
static bool rings_are_gone(const struct supervisor *s)
{
	for (uint32_t i = 0; i < s->setup->limits.threads; i++) {
		if (s->channels[i].fd >= 0)
			return false;
	}
	return true;
}

/* relay_ended - the daemon ends too, or starts it again */
static void relay_ended(struct supervisor *s, int result)
{
	s->pid = 0;
	if (s->stopping || !s->was_ready || !s->sandbox)
		finish(s, result);
	else
		plan_restart(s);
}

static void process_ended(struct supervisor *s, int status)
{
	if (s->stopping && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		relay_ended(s, 0);
		return;
	}
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, "relay process died");
	if (WIFSIGNALED(status))
		log_record_add_text(&log, "signal", strsignal(WTERMSIG(status)));
	else
		log_record_add_i64(&log, "status", WEXITSTATUS(status));
	log_record_end(&log);
	relay_ended(s, -ECHILD);
}

/* reap - children of ours that have ended: the relay, and orphans when we are a container's first process */
static void reap(struct supervisor *s)
{
	int status;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		if (pid == s->pid)
			process_ended(s, status);
	}
}

/* ---- commands and events ---- */

static void send_unsent(struct supervisor *s)
{
	bool full = send(s->control_fd, &s->unsent, sizeof(s->unsent), MSG_NOSIGNAL) < 0 && errno == EAGAIN;
	if (!full) /* sent, or there is nobody: its end will say so */
		s->unsent.type = 0;
}

/* command - tell the relay; one that finds the channel full waits, unless a later one takes its place */
void supervisor_tell(struct supervisor *s, enum control_type type, uint64_t value)
{
	if (s->control_fd < 0)
		return;
	s->unsent = (struct control_message){.type = type, .value = value};
	send_unsent(s);
}

void supervisor_answer(const struct supervisor *s, enum control_type type, uint64_t ticket, int error, const char *text, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	struct control_message head = {.type = type, .reserved = (uint32_t)error, .value = ticket};
	size_t size = strlen(text);
	struct iovec iov[] = {
	        {&head, sizeof(head)},
	        {(void *)(uintptr_t)text, size < ANSWER_TEXT_MAX ? size : ANSWER_TEXT_MAX - 1}};
	struct msghdr message = {.msg_iov = iov, .msg_iovlen = 2};
	if (fd >= 0) {
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	sendmsg(s->control_fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void log_ready(const struct supervisor *s)
{
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_INFO, s->was_ready ? "ready again" : "ready");
	log_record_add_u64(&log, "relays", s->setup->config.relay_count);
	log_record_add_u64(&log, "listeners", s->setup->plan.listener_count);
	log_record_add_u64(&log, "threads", s->setup->limits.threads);
	log_record_add_u64(&log, "max_connections", s->setup->limits.connections);
	log_record_add_u64(&log, "memory_fixed_bytes", s->setup->limits.memory_fixed);
	log_record_add_u64(&log, "memory_per_connection_bytes", s->setup->limits.memory_per_connection);
	log_record_end(&log);
}

/* kill_within - the relay has so long to end by itself, or less if that was said before */
static void kill_within(struct supervisor *s, uint64_t ms)
{
	uint64_t at = supervisor_now() + ms;
	if (!s->kill_ms || at < s->kill_ms)
		s->kill_ms = at;
}

/* stop - drain at the first request, end at once at the second */
static void stop(struct supervisor *s)
{
	if (s->stopping) {
		supervisor_tell(s, CONTROL_STOP, 0);
		kill_within(s, STOP_GRACE_MS);
		return;
	}
	s->stopping = true;
	if (s->restart_ms) /* none runs */
		finish(s, 0);
	s->restart_ms = 0;
	steering_stop(&s->steering);
	/* The relay's copies are the last ones then, and closing them refuses connections. */
	opened_close_listeners(&s->setup->opened);
	/* The next daemon may have the name; who asks already is answered to the end. */
	socket_file_remove(&s->serve_file, s->setup->config.control_path);
	change_forget(s);
	supervisor_tell(s, CONTROL_DRAIN, s->setup->config.drain_ms);
	kill_within(s, (uint64_t)s->setup->config.drain_ms + STOP_GRACE_MS);
	struct log_record log;
	log_event_begin(&log, LOG_LEVEL_INFO, "stopping");
	log_record_add_u64(&log, "drain_ms", s->setup->config.drain_ms);
	log_record_end(&log);
	notify_systemd("STOPPING=1");
}

static void take_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			reap(s);
		else if (info.ssi_signo == SIGHUP && s->config_path) /* without a file, the terminal is gone */
			change_want(s);
		else if (info.ssi_signo != SIGUSR1)
			stop(s);
		else if (!s->unsent.type)
			supervisor_tell(s, CONTROL_COUNTERS, 0);
	}
}

static void relay_is_ready(struct supervisor *s)
{
	if (!s->stopping)
		log_ready(s);
	if (!s->stopping && s->is_complete)
		notify_systemd("READY=1");
	s->is_ready = s->was_ready = true;
}

/* control_closed - a thread has ended then; a process is about to, and SIGCHLD tells when nothing of it is left */
static void control_closed(struct supervisor *s)
{
	if (!s->sandbox) {
		pthread_join(s->thread, NULL);
		relay_ended(s, s->thread_result);
		return;
	}
	close(s->control_fd);
	s->control_fd = -1;
	kill_within(s, STOP_GRACE_MS);
}

/* A message of the relay's: which may have been taken over, and say anything. */
struct heard {
	struct control_message head;
	char text[REQUEST_TEXT_MAX];
	int fd; /* that came along; -1: none */
};

/* hear - as recvmsg(2); the text is ended by a NUL */
static ssize_t hear(const struct supervisor *s, struct heard *ret)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov[] = {{&ret->head, sizeof(ret->head)}, {ret->text, sizeof(ret->text) - 1}};
	struct msghdr message = {
	        .msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(s->control_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	ret->fd = -1;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(&ret->fd, CMSG_DATA(header), sizeof(ret->fd));
	ret->text[n > (ssize_t)sizeof(ret->head) ? (size_t)n - sizeof(ret->head) : 0] = '\0';
	return n;
}

static void take_message(struct supervisor *s, const struct heard *heard)
{
	if (heard->head.type == CONTROL_REQUEST) {
		if (!enrol_requested(s, heard->head.value, heard->text, heard->fd))
			change_requested(s, heard->head.value, heard->text, heard->fd);
		return;
	}
	close_fds(&heard->fd, 1);
	if (heard->head.type == CONTROL_READY && !s->is_ready)
		relay_is_ready(s);
	else if (heard->head.type == CONTROL_CHANGED)
		change_answered(s, (int)heard->head.value);
}

static void take_event(struct supervisor *s)
{
	struct heard heard;
	if (s->unsent.type)
		send_unsent(s);
	ssize_t n = hear(s, &heard);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		control_closed(s);
	else if (n >= (ssize_t)sizeof(heard.head))
		take_message(s, &heard);
	else if (n > 0)
		close_fds(&heard.fd, 1);
}

static void serve(struct supervisor *s, uint32_t channel)
{
	struct err err = ERR_INIT;
	int rc = broker_serve(&s->broker, &s->channels[channel], &err);
	if (rc >= 0) {
		s->waits[channel] = (enum broker_wait)rc;
		return;
	}
	broker_channel_close(&s->channels[channel]);
	if (rc == -EPIPE)
		return;
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, "broker channel closed");
	log_record_add_text(&log, "error", err.text);
	log_record_end(&log);
	/* Its thread would never connect to a backend again. */
	if (s->pid)
		kill(s->pid, SIGKILL);
}

/* ---- the loop ---- */

enum { POLL_SIGNAL, POLL_CONTROL, POLL_ENROLMENTS, POLL_NAMES, POLL_CHANNELS };

static nfds_t fill_poll(const struct supervisor *s, struct pollfd *fds)
{
	fds[POLL_SIGNAL] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	fds[POLL_CONTROL] = (struct pollfd){.fd = s->control_fd, .events = POLLIN | (s->unsent.type ? POLLOUT : 0)};
	fds[POLL_NAMES] = (struct pollfd){.fd = s->watching.fd, .events = POLLIN};
	fds[POLL_ENROLMENTS] = (struct pollfd){.fd = s->enrolments.epoll_fd, .events = POLLIN};
	for (uint32_t i = 0; i < s->setup->limits.threads; i++)
		fds[POLL_CHANNELS + i] = (struct pollfd){
			.fd = s->channels[i].fd,
			.events = s->waits[i] == BROKER_WAITS_FOR_ROOM ? POLLOUT : POLLIN,
		};
	return POLL_CHANNELS + s->setup->limits.threads;
}

/* restart_at_ms - when the relay is started again, unless the end of its rings comes before; 0: it is not */
static uint64_t restart_at_ms(const struct supervisor *s)
{
	return s->restart_ms && !rings_are_gone(s) ? s->restart_ms + RINGS_PATIENCE_MS : s->restart_ms;
}

/* sooner - the earlier of two times, where 0 is never */
static uint64_t sooner(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static int poll_timeout(const struct supervisor *s)
{
	uint64_t at = sooner(s->restart_ms ? restart_at_ms(s) : s->kill_ms, s->change_ms);
	if (!at)
		return -1;
	uint64_t now = supervisor_now();
	return at > now ? (int)(at - now) : 0;
}

/* look_whether_complete - everybody from before is served, or given up: now it is ready for those who wait for that */
static void look_whether_complete(struct supervisor *s)
{
	if (s->is_complete || !s->is_ready || !enrolments_are_restored(&s->enrolments))
		return;
	s->is_complete = true;
	supervisor_tell(s, CONTROL_COMPLETE, 0);
	if (!s->stopping)
		notify_systemd("READY=1");
}

static void act_on_time(struct supervisor *s)
{
	struct err err = ERR_INIT;
	if (s->restart_ms && supervisor_now() >= restart_at_ms(s) && start_relay(s, &err) < 0) {
		supervisor_log_error("relay failed", &err);
		plan_restart(s);
	}
	if (s->kill_ms && supervisor_now() >= s->kill_ms) {
		s->kill_ms = 0;
		if (s->pid)
			kill(s->pid, SIGKILL);
	}
	look_whether_complete(s);
	uint64_t look_ms = watching_act(&s->watching, &s->setup->config, &s->enrolments, supervisor_now());
	s->change_ms = sooner(sooner(sooner(change_act(s), look_ms), enrolments_act(&s->enrolments, supervisor_now())),
			      sooner(targets_expire(&s->targets, supervisor_now()),
				     steering_act(&s->steering, supervisor_now())));
}

static int loop(struct supervisor *s)
{
	struct pollfd fds[POLL_CHANNELS + LIMIT_THREADS];
	while (!s->done) {
		nfds_t count = fill_poll(s, fds);
		if (poll(fds, count, poll_timeout(s)) < 0) {
			CHECK(errno == EINTR);
			continue;
		}
		for (uint32_t i = 0; i < s->setup->limits.threads; i++) {
			if (fds[POLL_CHANNELS + i].revents)
				serve(s, i);
		}
		if (fds[POLL_CONTROL].revents)
			take_event(s);
		if (fds[POLL_SIGNAL].revents)
			take_signal(s);
		if (fds[POLL_ENROLMENTS].revents)
			enrolments_look(&s->enrolments);
		if (fds[POLL_NAMES].revents)
			watching_heard(&s->watching, supervisor_now());
		act_on_time(s);
	}
	return s->result;
}

/* ---- start ---- */

static int open_signals(struct err *err)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGCHLD, SIG_DFL); /* who started us may have ignored it: then no child can be waited for */
	signal(SIGPIPE, SIG_IGN); /* splice(2) to a reset socket raises it */
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set_errno(err, "signals") : fd;
}

/* open_control_socket - what the relay serves, and keeps when it is started again */
static int open_control_socket(struct supervisor *s, struct err *err)
{
	const struct nssock_tcp_options options = {.backlog = LIMIT_CONTROL_CLIENTS, .owner_only = true};
	struct endpoint endpoint = {.addr.un.sun_family = AF_UNIX, .addr_len = sizeof(endpoint.addr.un)};
	const char *path = s->setup->config.control_path;
	if (!path[0])
		return 0;
	_Static_assert(sizeof(s->setup->config.control_path) == sizeof(endpoint.addr.un.sun_path), "unix(7)");
	memcpy(endpoint.addr.un.sun_path, path, sizeof(endpoint.addr.un.sun_path));
	int fd = nssock_listen(-1, &endpoint, &options, false, NSSOCK_UID_OWN, err);
	if (fd == -ENOENT)
		err_set(err, ENOENT, "%s: there is no such folder; make it (systemd: RuntimeDirectory=)", path);
	if (fd < 0)
		return err_prefix(err, "control socket");
	s->serve_fd = fd;
	socket_file_note(&s->serve_file, path);
	return 0;
}

static void close_control_socket(struct supervisor *s)
{
	if (s->serve_fd < 0)
		return;
	socket_file_remove(&s->serve_file, s->setup->config.control_path);
	close(s->serve_fd);
}

/* open_metrics_socket - one of the two */
static int open_metrics_socket(struct supervisor *s, const char *text, int *ret_fd, struct err *err)
{
	const struct nssock_tcp_options options = {.backlog = LIMIT_METRICS_CLIENTS};
	char full[CONFIG_SOCKET_PATH_MAX + sizeof("unix:")];
	struct endpoint endpoint;
	if (!text[0])
		return 0;
	snprintf(full, sizeof(full), "%s%s", text == s->setup->config.metrics.path ? "unix:" : "/", text);
	int rc = endpoint_parse(full, &endpoint, err);
	int ns_fd = rc < 0 ? rc : netns_open(&endpoint.netns, err);
	int fd = ns_fd < 0 ? ns_fd : nssock_listen(ns_fd, &endpoint, &options, false, NSSOCK_UID_OWN, err);
	if (ns_fd >= 0)
		close(ns_fd);
	if (fd < 0)
		return err_prefix(err, "metrics");
	*ret_fd = fd;
	return 0;
}

/* open_metrics - where they are asked for, as open_control_socket() */
static int open_metrics(struct supervisor *s, struct err *err)
{
	const struct config_metrics *metrics = &s->setup->config.metrics;
	if (config_metrics_are_wanted(metrics) && !metrics_are_built_in())
		return err_set(err, ENOTSUP, "metrics: this program was built without them (NSRELAY_METRICS=OFF)");
	int rc = open_metrics_socket(s, metrics->address, &s->metrics_fds[0], err);
	if (rc == 0)
		rc = open_metrics_socket(s, metrics->path, &s->metrics_fds[1], err);
	if (s->metrics_fds[1] >= 0)
		socket_file_note(&s->metrics_file, metrics->path);
	return rc;
}

static void close_metrics(struct supervisor *s)
{
	if (s->metrics_fds[1] >= 0)
		socket_file_remove(&s->metrics_file, s->setup->config.metrics.path);
	for (int i = 0; i < METRICS_LISTENERS; i++) {
		if (s->metrics_fds[i] >= 0)
			close(s->metrics_fds[i]);
	}
}

/* make_setup - the first one; @config is taken */
static int make_setup(struct supervisor *s, struct config *config, struct err *err)
{
	int rc = sandbox_find_user(config->user, &s->user, err);
	if (rc < 0) {
		config_fini(config);
		return rc;
	}
	s->targets.uid = s->user.uid;
	s->setup = setup_new(config, NULL, s->sandbox, &s->targets, err);
	return s->setup ? 0 : -err->code;
}

/* start_steering - who is steered waits in a listener's queue until the relay accepts */
static int start_steering(struct supervisor *s, struct err *err)
{
	int rc = steering_prepare(&s->steering, s->setup, err);
	if (rc == 0)
		steering_commit(&s->steering, s->setup, supervisor_now());
	return rc;
}

static void answer_enrolment(void *ctx, uint64_t ticket, int error, const char *text)
{
	supervisor_answer(ctx, CONTROL_ENROLMENT, ticket, error, text, -1);
}

/* start_enrolments - those from before are served by the first change, as soon as the relay runs: what one of them lacks is
 * no reason not to start */
static int start_enrolments(struct supervisor *s, struct err *err)
{
	char path[sizeof(s->enrolments.path)] = "";
	if (s->setup->config.control_path[0])
		snprintf(path, sizeof(path), "%s.enrolled", s->setup->config.control_path);
	int rc = enrolments_init(&s->enrolments, &s->spaces, path, answer_enrolment, s, err);
	if (rc < 0)
		return rc;
	enrolments_restore(&s->enrolments);
	watching_configure(&s->watching, &s->setup->config, supervisor_now());
	return 0;
}

static int start(struct supervisor *s, struct config *config, struct err *err)
{
	int rc = streams_open(err);
	/* Before anything is opened: who asks us to stop meanwhile is heard as soon as all is, and cleaned up after. */
	if (rc == 0)
		s->signal_fd = rc = open_signals(err);
	if (rc < 0) {
		config_fini(config);
		return rc;
	}
	if ((rc = make_setup(s, config, err)) < 0 || (rc = io_probe(&s->features, err)) < 0 ||
	    (rc = open_control_socket(s, err)) < 0 || (rc = open_metrics(s, err)) < 0)
		return rc;
	supervisor_show_targets(s);
	rc = start_enrolments(s, err);
	if (rc == 0)
		rc = start_steering(s, err);
	return rc < 0 ? rc : start_relay(s, err);
}

void supervisor_show_targets(struct supervisor *s)
{
	s->broker = (struct broker){s->targets.made, s->targets.count, s->user.uid};
}

int supervisor_run(struct config *config, const char *config_path, bool sandbox, struct err *err)
{
	struct supervisor s = {
		.config_path = config_path, .sandbox = sandbox, .signal_fd = -1, .serve_fd = -1, .metrics_fds = {-1, -1}, .control_fd = -1, .enrolments.epoll_fd = -1};
	spaces_init(&s.spaces);
	steering_init(&s.steering);
	watching_init(&s.watching);
	s.targets.spaces = &s.spaces;
	for (uint32_t i = 0; i < LIMIT_THREADS; i++)
		s.channels[i] = (struct broker_channel)BROKER_CHANNEL_INIT;
	int rc = start(&s, config, err);
	if (rc == 0) {
		rc = loop(&s);
		if (rc < 0)
			err_set(err, -rc, "the relay ended; the log above says why");
	}
	close_channels(&s);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	close_control_socket(&s);
	close_metrics(&s);
	change_forget(&s);
	steering_end(&s.steering);
	setup_free(s.setup, 0);
	targets_fini(&s.targets);
	enrolments_fini(&s.enrolments);
	watching_fini(&s.watching);
	return rc;
}

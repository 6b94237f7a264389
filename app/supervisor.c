/* SPDX-License-Identifier: Apache-2.0 */
#include "app/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/notify.h"
#include "app/opened.h"
#include "app/relay_child.h"
#include "base/check.h"
#include "base/log.h"
#include "nsctl/broker.h"
#include "relay/process.h"

enum {
	/* A relay that dies is started again at once; one that keeps dying, after a growing pause, still under a second. */
	RESTART_FIRST_MS = 10,
	RESTART_MAX_MS = 500,
	RESTART_FORGET_MS = 10000, /* it lived so long: the next death is a first one again */
	/* What the relay gets beyond the drain time before it is killed. */
	STOP_GRACE_MS = 5000,
};

struct supervisor {
	const struct config *config;
	bool sandbox;
	struct plan plan;
	struct limits limits;
	struct io_features features;
	struct sandbox_user user;
	struct opened opened;
	struct broker broker;
	struct broker_channel channels[LIMIT_THREADS];
	enum broker_wait waits[LIMIT_THREADS];
	int signal_fd;
	int control_fd;   /* -1 while no relay runs */
	pid_t pid;        /* of the relay process; 0 without one */
	pthread_t thread; /* of the relay, without a sandbox */
	int thread_result;
	bool was_ready;   /* has once been up: from then on deaths are survived */
	bool stopping;
	uint64_t started_ms, restart_ms, kill_ms; /* CLOCK_MONOTONIC; 0: not set */
	uint32_t pause_ms;
};

/* What a relay without a sandbox is given; freed by its thread. */
struct thread_start {
	struct supervisor *supervisor;
	struct relay_child child;
	int channel_fds[LIMIT_THREADS];
	int listener_fds[];
};

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- the relay process ---- */

static void log_failure(const struct err *err)
{
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, "relay failed");
	log_record_add_text(&log, "error", err->text);
	log_record_end(&log);
}

/* become_relay - in the child: keep nothing that only the broker may use */
static _Noreturn void become_relay(struct supervisor *s, struct relay_child *child)
{
	struct err err = ERR_INIT;
	for (uint32_t i = 0; i < s->limits.threads; i++)
		close(s->channels[i].fd);
	close(s->control_fd);
	close(s->signal_fd);
	opened_keep_listeners(&s->opened);
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null >= 0)
		dup2(null, STDIN_FILENO);
	if (null > STDIN_FILENO)
		close(null);
	int rc = relay_child_run(child, &err);
	if (rc < 0)
		log_failure(&err);
	_exit(rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int start_process(struct supervisor *s, struct relay_child *child, struct err *err)
{
	child->listener_fds = s->opened.listener_fds;
	child->user = &s->user;
	s->pid = fork();
	if (s->pid == 0)
		become_relay(s, child);
	int rc = s->pid < 0 ? err_set_errno(err, "start the relay process") : 0;
	s->pid = rc < 0 ? 0 : s->pid;
	close(child->control_fd);
	for (uint32_t i = 0; i < s->limits.threads; i++)
		close(child->channel_fds[i]);
	return rc;
}

static void *run_thread(void *arg)
{
	struct thread_start *start = arg;
	struct err err = ERR_INIT;
	start->supervisor->thread_result = relay_child_run(&start->child, &err);
	if (start->supervisor->thread_result < 0)
		log_failure(&err);
	free(start);
	return NULL;
}

static int start_thread(struct supervisor *s, const struct relay_child *child, struct err *err)
{
	size_t count = (size_t)s->plan.listener_count * s->limits.threads;
	struct thread_start *start = malloc(sizeof(*start) + count * sizeof(int));
	if (!start)
		return err_set(err, ENOMEM, "start the relay: out of memory");
	start->supervisor = s;
	start->child = *child;
	memcpy(start->channel_fds, child->channel_fds, sizeof(start->channel_fds));
	start->child.channel_fds = start->channel_fds;
	start->child.listener_fds = start->listener_fds;
	/* The relay closes its listeners at the end; these are the same sockets under other numbers. */
	for (size_t i = 0; i < count; i++)
		start->listener_fds[i] = fcntl(s->opened.listener_fds[i], F_DUPFD_CLOEXEC, 3);
	int rc = pthread_create(&s->thread, NULL, run_thread, start);
	if (rc)
		free(start);
	return rc ? err_set(err, rc, "start the relay thread: %s", strerror(rc)) : 0;
}

static int open_channels(struct supervisor *s, int *channel_fds, struct err *err)
{
	for (uint32_t i = 0; i < s->limits.threads; i++) {
		int rc = broker_channel_open(&s->channels[i], &channel_fds[i], err);
		if (rc < 0)
			return rc;
		s->waits[i] = BROKER_WAITS_FOR_REQUEST;
	}
	return 0;
}

static int start_relay(struct supervisor *s, struct err *err)
{
	int channel_fds[LIMIT_THREADS], control_fds[2];
	struct relay_child child = {
		.plan = &s->plan,
		.limits = &s->limits,
		.features = &s->features,
		.channel_fds = channel_fds,
	};
	int rc = open_channels(s, channel_fds, err);
	if (rc < 0)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, control_fds) < 0)
		return err_set_errno(err, "control channel");
	s->control_fd = control_fds[0];
	child.control_fd = control_fds[1];
	s->started_ms = now_ms();
	s->restart_ms = 0;
	return s->sandbox ? start_process(s, &child, err) : start_thread(s, &child, err);
}

static void close_channels(struct supervisor *s)
{
	for (uint32_t i = 0; i < s->limits.threads; i++)
		broker_channel_close(&s->channels[i]);
	if (s->control_fd >= 0)
		close(s->control_fd);
	s->control_fd = -1;
}

/* reap - the relay has closed its end of the control channel: how did it end? 0, or -errno when not well */
static int reap(struct supervisor *s)
{
	int status = 0;
	close_channels(s);
	if (!s->sandbox) {
		pthread_join(s->thread, NULL);
		return s->thread_result;
	}
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_ERROR, "relay process died");
	if (WIFSIGNALED(status))
		log_record_add_text(&log, "signal", strsignal(WTERMSIG(status)));
	else
		log_record_add_i64(&log, "status", WEXITSTATUS(status));
	log_record_end(&log);
	return -ECHILD;
}

static void plan_restart(struct supervisor *s)
{
	bool first = s->pause_ms == 0 || now_ms() - s->started_ms > RESTART_FORGET_MS;
	s->pause_ms = first ? RESTART_FIRST_MS : s->pause_ms * 2;
	if (s->pause_ms > RESTART_MAX_MS)
		s->pause_ms = RESTART_MAX_MS;
	s->restart_ms = now_ms() + s->pause_ms;
}

/* ---- commands and events ---- */

static void command(const struct supervisor *s, enum control_type type, uint64_t value)
{
	struct control_message message = {.type = type, .value = value};
	if (s->control_fd >= 0 && send(s->control_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
		return; /* it is gone, and its end of file says so */
}

static void log_ready(const struct supervisor *s)
{
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_INFO, s->was_ready ? "ready again" : "ready");
	log_record_add_u64(&log, "relays", s->config->relay_count);
	log_record_add_u64(&log, "listeners", s->plan.listener_count);
	log_record_add_u64(&log, "threads", s->limits.threads);
	log_record_add_u64(&log, "max_connections", s->limits.connections);
	log_record_add_u64(&log, "memory_fixed_bytes", s->limits.memory_fixed);
	log_record_add_u64(&log, "memory_per_connection_bytes", s->limits.memory_per_connection);
	log_record_end(&log);
}

/* stop - drain at the first request, end at once at the second */
static void stop(struct supervisor *s)
{
	if (s->stopping) {
		command(s, CONTROL_STOP, 0);
		s->kill_ms = now_ms() + STOP_GRACE_MS;
		return;
	}
	struct log_record log;
	log_record_begin(&log, LOG_LEVEL_INFO, "stopping");
	log_record_add_u64(&log, "drain_ms", s->config->drain_ms);
	log_record_end(&log);
	notify_systemd("STOPPING=1");
	s->stopping = true;
	s->restart_ms = 0;
	/* The relay's copies are the last ones then, and closing them refuses connections. */
	opened_close_listeners(&s->opened);
	command(s, CONTROL_DRAIN, s->config->drain_ms);
	s->kill_ms = now_ms() + s->config->drain_ms + STOP_GRACE_MS;
}

static void take_signal(struct supervisor *s)
{
	struct signalfd_siginfo info;
	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR1)
			command(s, CONTROL_COUNTERS, 0);
		else if (info.ssi_signo != SIGCHLD)
			stop(s);
	}
}

/* take_event - false when the relay has ended */
static bool take_event(struct supervisor *s)
{
	struct control_message message;
	ssize_t n = recv(s->control_fd, &message, sizeof(message), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	if (n == sizeof(message) && message.type == CONTROL_READY) {
		log_ready(s);
		notify_systemd("READY=1");
		s->was_ready = true;
	}
	return true;
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
}

/* ---- the loop ---- */

enum { POLL_SIGNAL, POLL_CONTROL, POLL_CHANNELS };

static nfds_t fill_poll(const struct supervisor *s, struct pollfd *fds)
{
	fds[POLL_SIGNAL] = (struct pollfd){.fd = s->signal_fd, .events = POLLIN};
	fds[POLL_CONTROL] = (struct pollfd){.fd = s->control_fd, .events = POLLIN};
	for (uint32_t i = 0; i < s->limits.threads; i++)
		fds[POLL_CHANNELS + i] = (struct pollfd){
			.fd = s->channels[i].fd,
			.events = s->waits[i] == BROKER_WAITS_FOR_ROOM ? POLLOUT : POLLIN,
		};
	return POLL_CHANNELS + s->limits.threads;
}

static int poll_timeout(const struct supervisor *s)
{
	uint64_t at = s->restart_ms ? s->restart_ms : s->kill_ms;
	if (!at)
		return -1;
	uint64_t now = now_ms();
	return at > now ? (int)(at - now) : 0;
}

/* relay_ended - false when the daemon should end too, with *@result */
static bool relay_ended(struct supervisor *s, int *result)
{
	int rc = reap(s);
	if (s->stopping || !s->was_ready || !s->sandbox) {
		*result = rc;
		return false;
	}
	plan_restart(s);
	return true;
}

static void act_on_time(struct supervisor *s)
{
	struct err err = ERR_INIT;
	if (s->restart_ms && now_ms() >= s->restart_ms && start_relay(s, &err) < 0) {
		log_failure(&err);
		close_channels(s);
		plan_restart(s);
	}
	if (s->kill_ms && now_ms() >= s->kill_ms && s->pid) {
		kill(s->pid, SIGKILL);
		s->kill_ms = 0;
	}
}

static int loop(struct supervisor *s)
{
	struct pollfd fds[POLL_CHANNELS + LIMIT_THREADS];
	int result = 0;
	for (;;) {
		nfds_t count = fill_poll(s, fds);
		if (poll(fds, count, poll_timeout(s)) < 0)
			CHECK(errno == EINTR);
		for (uint32_t i = 0; i < s->limits.threads; i++) {
			if (fds[POLL_CHANNELS + i].revents)
				serve(s, i);
		}
		if (fds[POLL_SIGNAL].revents)
			take_signal(s);
		if (fds[POLL_CONTROL].revents && !take_event(s) && !relay_ended(s, &result))
			return result;
		if (s->stopping && s->control_fd < 0)
			return 0;
		act_on_time(s);
	}
}

/* ---- start ---- */

static int open_signals(struct err *err)
{
	sigset_t signals;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN); /* splice(2) to a reset socket raises it */
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_set_errno(err, "signals") : fd;
}

static int compute_limits(struct supervisor *s, struct err *err)
{
	struct rlimit nofile = {0};
	cpu_set_t cpus;
	CPU_ZERO(&cpus);
	getrlimit(RLIMIT_NOFILE, &nofile);
	/* The soft limit is a default for programs that use select(2); the hard one is what the administrator allows. */
	nofile.rlim_cur = nofile.rlim_max;
	setrlimit(RLIMIT_NOFILE, &nofile);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	struct limits_input input = {
		.nofile = nofile.rlim_cur,
		.threads = s->config->threads,
		.processors = (uint32_t)CPU_COUNT(&cpus),
		/* Without a sandbox the broker's copies count in the same process. */
		.listeners = s->plan.listener_count * (s->sandbox ? 1 : 2),
		.max_connections = s->config->max_connections,
	};
	return limits_compute(&input, &s->limits, err);
}

static int start(struct supervisor *s, struct err *err)
{
	int rc = plan_init(&s->plan, s->config);
	if (rc < 0)
		return err_set(err, -rc, "plan: out of memory");
	if ((rc = compute_limits(s, err)) < 0 || (rc = io_probe(&s->features, err)) < 0 ||
	    (rc = sandbox_find_user(s->config->user, &s->user, err)) < 0)
		return rc;
	if ((rc = opened_init(&s->opened, &s->plan, s->limits.threads, s->user.uid, err)) < 0)
		return rc;
	s->broker = (struct broker){s->opened.targets, s->plan.target_count, s->user.uid};
	rc = open_signals(err);
	if (rc < 0)
		return rc;
	s->signal_fd = rc;
	return start_relay(s, err);
}

int supervisor_run(const struct config *config, bool sandbox, struct err *err)
{
	struct supervisor s = {.config = config, .sandbox = sandbox, .signal_fd = -1, .control_fd = -1};
	for (uint32_t i = 0; i < LIMIT_THREADS; i++)
		s.channels[i].fd = -1;
	int rc = start(&s, err);
	if (rc == 0) {
		rc = loop(&s);
		if (rc < 0)
			err_set(err, -rc, "the relay ended; the log above says why");
	}
	close_channels(&s);
	if (s.signal_fd >= 0)
		close(s.signal_fd);
	opened_fini(&s.opened);
	plan_fini(&s.plan);
	return rc;
}

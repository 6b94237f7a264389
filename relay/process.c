/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.h"
#include "base/log.h"
#include "base/thread.h"
#include "io/sys.h"
#include "relay/change.h"
#include "relay/process_private.h"
#include "relay/record_events.h"
#include "relay/record_log.h"

enum {
	/* How long the control thread lets closing records pile up before it writes them: fewer wakeups. */
	NAP_MS = 10,
};

void relay_ring(const struct relay *relay)
{
	uint64_t one = 1;
	ssize_t n = write(relay->doorbell_fd, &one, sizeof(one));
	(void)n;
}

void relay_wait(sem_t *semaphore)
{
	while (sem_wait(semaphore) < 0)
		CHECK(errno == EINTR);
}

/* ---- relay threads ---- */

static int open_worker(struct thread *thread)
{
	const struct relay_process *process = thread->relay->process;
	struct ring_config config = {
		.features = process->features,
		.sq_entries = LIMIT_SQ_ENTRIES,
		.cq_entries = LIMIT_CQ_ENTRIES,
		.buffer_count = LIMIT_BUFFER_COUNT,
		.buffer_size = LIMIT_BUFFER_SIZE,
	};
	return worker_open(&thread->worker, &config, &process->sources[thread->number],
			   process->pipe_fds[thread->number], &thread->err);
}

/*
 * yield_to_applications - a relay thread that wakes does not preempt who woke it
 * The sender goes on filling the socket meanwhile: 1.5 to 2 us less at the median of small messages on a shared processor,
 * and a p99 that a busy neighbour does not move. Best effort.
 */
static void yield_to_applications(void)
{
	struct sched_param param = {0};
	pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}

static void *run_thread(void *arg)
{
	struct thread *thread = arg;
	struct relay *relay = thread->relay;
	yield_to_applications();
	thread->result = open_worker(thread);
	sem_post(&relay->opened);
	relay_wait(&relay->sealed);
	if (!relay->abandoned) {
		worker_listen(&thread->worker);
		while (thread->result == 0 && !worker_done(&thread->worker)) {
			thread->result = worker_turn(&thread->worker);
			relay_stand(thread);
		}
	}
	worker_close(&thread->worker);
	inspect_thread_ended(&relay->inspect, thread->number);
	atomic_fetch_add(&relay->ended, 1);
	relay_ring(relay);
	return NULL;
}

/* take_listeners - give a thread its share of the listening sockets */
static int take_listeners(struct thread *thread)
{
	const struct relay_process *process = thread->relay->process;
	uint32_t count = process->plan->listener_count;
	thread->worker.listeners = calloc(count + 1, sizeof(*thread->worker.listeners));
	if (!thread->worker.listeners)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		thread->worker.listeners[i].fd = process->listener_fds[thread->number * count + i];
	return 0;
}

static int prepare_thread(struct relay *relay, uint32_t number)
{
	struct thread *thread = &relay->threads[number];
	thread->relay = relay;
	thread->number = number;
	sem_init(&thread->resumed, 0, 0);
	thread->records.reader_sleeps = &relay->sleeping;
	thread->records.doorbell_fd = relay->doorbell_fd;
	relay->shared.threads[number].mailbox = &thread->mailbox;
	thread->worker.plan = relay->process->plan;
	thread->worker.limits = relay->process->limits;
	thread->worker.shared = &relay->shared;
	thread->worker.counters = &relay->counters[number];
	thread->worker.records = &thread->records;
	thread->worker.events = &thread->records;
	thread->worker.number = number;
	thread->worker.mailbox = &thread->mailbox;
	thread->worker.mirrors.possible = relay->process->mirror_pipe_fds;
	if (relay->process->mirror_pipe_fds)
		memcpy(thread->worker.mirrors.pipe_fds, relay->process->mirror_pipe_fds[number],
		       sizeof(thread->worker.mirrors.pipe_fds));
	int rc = mailbox_open(&thread->mailbox);
	return rc < 0 ? rc : take_listeners(thread);
}

/* ---- the control thread ---- */

static uint64_t now_ms(void)
{
	return sys_now_ns() / 1000000;
}

static void note_event(struct relay *relay, const struct record *record)
{
	struct event event;
	bool in_series;
	if (!record_event(relay->plan, record, &event, &in_series))
		return;
	if (in_series)
		event_series_add(&relay->series, &relay->events, &event, now_ms());
	else
		events_add(&relay->events, &event);
}

static bool write_records(struct relay *relay)
{
	struct record record;
	bool any = false;
	for (uint32_t i = 0; i < relay->thread_count; i++) {
		while (record_pop(&relay->threads[i].records, &record)) {
			record_log(relay->plan, &record);
			note_event(relay, &record);
			any = true;
		}
	}
	relay->due_ms = event_series_tell(&relay->series, &relay->events, now_ms());
	return any;
}

static void command_all(struct relay *relay, struct message message)
{
	for (uint32_t i = 0; i < relay->thread_count; i++)
		mailbox_post(&relay->threads[i].mailbox, message);
}

static void close_fds(const int *fds, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		close(fds[i]);
}

/* note_answer - a change that came to nothing; what came of the others is told where it happens */
static void note_answer(struct relay *relay, int error, const char *text)
{
	struct event event = {.kind = EVENT_RELOAD_FAILED};
	snprintf(event.reason, sizeof(event.reason), "%.*s", EVENT_REASON_MAX - 1, text); /* its beginning */
	if (error)
		events_add(&relay->events, &event);
}

/* take_answer - with at most one descriptor */
static void take_answer(struct relay *relay, const struct control_message *control, const char *text, const int *fds,
                        uint32_t count)
{
	requests_answered(&relay->requests, control->value, (int)control->reserved, text, count > 0 ? fds[0] : -1);
	close_fds(fds + 1, count > 0 ? count - 1 : 0);
}

/* obey - takes the descriptors that came along */
static void obey(struct relay *relay, const struct control_message *control, const char *text, const int *fds,
		 uint32_t count)
{
	switch (control->type) {
	case CONTROL_CHANGE:
		incoming_begin(relay, control->value, fds, count);
		return;
	case CONTROL_SOCKETS:
		incoming_add(relay, control->value, fds, count);
		return;
	case CONTROL_ANSWER:
		note_answer(relay, (int)control->reserved, text);
		take_answer(relay, control, text, fds, count);
		return;
	case CONTROL_ENROLMENT:
		take_answer(relay, control, text, fds, count);
		return;
	case CONTROL_COMPLETE:
		atomic_store_explicit(&relay->inspect.incomplete, false, memory_order_relaxed);
		break;
	case CONTROL_RELEASE:
		command_all(relay, (struct message){.type = WORKER_RELEASE});
		break;
	case CONTROL_DRAIN:
		relay->ending = true;
		atomic_store_explicit(&relay->inspect.ending, true, memory_order_relaxed);
		command_all(relay, (struct message){WORKER_DRAIN, now_ms() + control->value});
		events_add(&relay->events, &(struct event){.kind = EVENT_DRAINING});
		break;
	case CONTROL_STOP:
		relay->ending = true;
		atomic_store_explicit(&relay->inspect.ending, true, memory_order_relaxed);
		command_all(relay, (struct message){.type = WORKER_STOP});
		break;
	case CONTROL_COUNTERS:
		counters_log(relay->counters, relay->thread_count);
		break;
	default:
		break; /* from a newer supervisor */
	}
	close_fds(fds, count);
}

/* receive - one message, with the text and the descriptors that came along; as recvmsg(2) */
static ssize_t receive(int fd, struct control_message *ret, char text[static ANSWER_TEXT_MAX], int fds[static CHANGE_BATCH], uint32_t *ret_count)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(CHANGE_BATCH * sizeof(int))];
	} control;
	struct iovec iov[] = {{ret, sizeof(*ret)}, {text, ANSWER_TEXT_MAX - 1}};
	struct msghdr message = {
		.msg_iov = iov, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof(control)};
	*ret_count = 0;
	ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *header = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		*ret_count = (uint32_t)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(header), *ret_count * sizeof(int));
	}
	text[n > (ssize_t)sizeof(*ret) ? (size_t)n - sizeof(*ret) : 0] = '\0';
	return n;
}

/* read_control - take what the supervisor says; false once it has gone */
static bool read_control(struct relay *relay)
{
	struct control_message control;
	char text[ANSWER_TEXT_MAX];
	int fds[CHANGE_BATCH];
	uint32_t count;
	for (;;) {
		ssize_t n = receive(relay->process->control_fd, &control, text, fds, &count);
		if (n == 0)
			return false;
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n >= (ssize_t)sizeof(control))
			obey(relay, &control, text, fds, count);
		else
			close_fds(fds, count);
	}
}

static void clear_doorbell(const struct relay *relay)
{
	uint64_t count;
	ssize_t n = read(relay->doorbell_fd, &count, sizeof(count));
	(void)n;
}

/* sleep_until_asked - wait for a command, a record or the end of a thread */
static void sleep_until_asked(struct relay *relay, struct pollfd fds[2])
{
	atomic_store_explicit(&relay->sleeping, true, memory_order_seq_cst);
	/* A record pushed before `sleeping` was seen rang no bell: look once more. */
	bool any = write_records(relay);
	poll(fds, 2, any ? 0 : relay->due_ms);
	atomic_store_explicit(&relay->sleeping, false, memory_order_seq_cst);
	if (fds[1].revents)
		clear_doorbell(relay);
}

static void control(struct relay *relay)
{
	struct pollfd fds[] = {
		{.fd = relay->process->control_fd, .events = POLLIN},
		{.fd = relay->doorbell_fd, .events = POLLIN},
	};
	while (atomic_load(&relay->ended) < relay->thread_count) {
		if (write_records(relay))
			poll(fds, 1, NAP_MS);
		else
			sleep_until_asked(relay, fds);
		if (fds[0].revents && !read_control(relay)) {
			obey(relay, &(struct control_message){.type = CONTROL_STOP}, "", NULL, 0);
			fds[0].fd = -1;
		}
	}
	write_records(relay);
}

void relay_tell(const struct relay *relay, enum control_type type, uint64_t value)
{
	struct control_message message = {.type = type, .value = value};
	ssize_t n = send(relay->process->control_fd, &message, sizeof(message), MSG_NOSIGNAL);
	(void)n;
}

/* ---- start and end ---- */

static int prepare_inspect(struct relay *relay, struct err *err)
{
	const struct relay_process *process = relay->process;
	int rc = inspect_init(&relay->inspect, process->plan, process->limits);
	events_init(&relay->events, relay->inspect.doorbell_fd);
	if (rc < 0)
		return err_set(err, ENOMEM, "relay: out of memory or descriptors");
	relay->inspect.shared = &relay->shared;
	relay->inspect.counters = relay->counters;
	requests_init(&relay->requests, process->control_fd, relay->inspect.doorbell_fd);
	relay->inspect.requests = &relay->requests;
	relay->inspect.events = &relay->events;
	relay->inspect.incomplete = process->incomplete;
	for (uint32_t i = 0; i < process->limits->threads; i++)
		relay->inspect.threads[i].mailbox = &relay->threads[i].mailbox;
	return 0;
}

static int prepare(struct relay *relay, struct err *err)
{
	uint32_t count = relay->process->limits->threads;
	relay->threads = calloc(count, sizeof(*relay->threads));
	size_t size = count * sizeof(*relay->counters);
	relay->counters = aligned_alloc(alignof(struct counters), size);
	relay->doorbell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!relay->threads || !relay->counters || relay->doorbell_fd < 0)
		return err_set(err, ENOMEM, "relay: out of memory or descriptors");
	memset(relay->counters, 0, size);
	if (balance_init(&relay->shared.balance, relay->process->plan->config) < 0 ||
	    bandwidth_init(&relay->shared.bandwidth, relay->process->plan) < 0 ||
	    admission_init(&relay->shared.admission, relay->process->plan, sys_random()) < 0 ||
	    preread_init(&relay->shared.preread, relay->process->plan->config) < 0 ||
	    ejection_init(&relay->shared.ejection, relay->process->plan->config) < 0 ||
	    tally_init(&relay->shared.tally, relay->process->plan, count) < 0)
		return err_set(err, ENOMEM, "relay: out of memory");
	if (usage_init(&relay->first_usage, relay->process->plan) < 0)
		return err_set(err, ENOMEM, "relay: out of memory");
	relay->plan = relay->process->plan;
	relay->usage = &relay->first_usage;
	for (uint32_t i = 0; i < count; i++)
		relay->threads[i].mailbox.doorbell_fd = -1;
	for (uint32_t i = 0; i < count; i++) {
		int rc = prepare_thread(relay, i);
		if (rc < 0)
			return err_set(err, -rc, "relay thread %u: %s", i, strerror(-rc));
	}
	return prepare_inspect(relay, err);
}

static int start_all(struct relay *relay, struct err *err)
{
	for (uint32_t i = 0; i < relay->process->limits->threads; i++) {
		struct thread *thread = &relay->threads[i];
		int rc = thread_start(&thread->id, LIMIT_THREAD_STACK, run_thread, thread);
		if (rc < 0)
			return err_set(err, -rc, "start thread %u: %s", i, strerror(-rc));
		relay->thread_count++;
	}
	return 0;
}

/* opened_all - wait until every thread has tried; the first error of any of them */
static int opened_all(struct relay *relay, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < relay->thread_count; i++)
		relay_wait(&relay->opened);
	for (uint32_t i = 0; i < relay->thread_count && rc == 0; i++) {
		rc = relay->threads[i].result;
		if (rc < 0 && err)
			*err = relay->threads[i].err;
	}
	return rc;
}

/* begin_observers - those that have begun are ended, whatever happens later */
static int begin_observers(struct relay *relay, struct err *err)
{
	const struct relay_process *process = relay->process;
	for (int rc; relay->observed < process->observer_count; relay->observed++) {
		const struct relay_observer *observer = &process->observers[relay->observed];
		if ((rc = observer->begin(observer->ctx, &relay->inspect, err)) < 0)
			return rc;
	}
	return 0;
}

static void end_observers(const struct relay *relay)
{
	for (uint32_t i = relay->observed; i > 0; i--)
		relay->process->observers[i - 1].end(relay->process->observers[i - 1].ctx);
}

/* start - threads with open rings, then sealed; what goes wrong in one of them stops all */
static int start(struct relay *relay, struct err *err)
{
	sem_init(&relay->opened, 0, 0);
	sem_init(&relay->sealed, 0, 0);
	int rc = start_all(relay, err);
	int opened = opened_all(relay, rc < 0 ? NULL : err);
	rc = rc < 0 ? rc : opened;
	if (rc == 0)
		rc = begin_observers(relay, err);
	if (rc == 0 && relay->process->seal)
		rc = relay->process->seal(err);
	relay->abandoned = rc < 0;
	for (uint32_t i = 0; i < relay->thread_count; i++)
		sem_post(&relay->sealed);
	return rc;
}

static int join_all(struct relay *relay, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < relay->thread_count; i++) {
		pthread_join(relay->threads[i].id, NULL);
		if (relay->threads[i].result < 0 && rc == 0 && !relay->abandoned)
			rc = err_set(err, -relay->threads[i].result, "relay thread %u: io_uring_enter: %s", i,
				     strerror(-relay->threads[i].result));
	}
	return rc;
}

/* close_unstarted - what was meant for threads that there are not */
static void close_unstarted(const struct relay *relay)
{
	const struct relay_process *process = relay->process;
	for (uint32_t i = relay->thread_count; i < process->limits->threads; i++) {
		uint32_t listeners = process->plan->listener_count;
		for (uint32_t j = 0; j < listeners; j++)
			close(process->listener_fds[i * listeners + j]);
		close(process->pipe_fds[i][0]);
		close(process->pipe_fds[i][1]);
		for (int end = 0; process->mirror_pipe_fds && end < 2; end++)
			close(process->mirror_pipe_fds[i][end]);
		if (relay->threads)
			free(relay->threads[i].worker.listeners);
	}
}

static void release(struct relay *relay)
{
	close_unstarted(relay);
	for (uint32_t i = 0; relay->threads && i < relay->process->limits->threads; i++)
		mailbox_close(&relay->threads[i].mailbox);
	if (relay->doorbell_fd >= 0)
		close(relay->doorbell_fd);
	balance_fini(&relay->shared.balance);
	ejection_fini(&relay->shared.ejection);
	tally_fini(&relay->shared.tally);
	inspect_fini(&relay->inspect);
	events_fini(&relay->events);
	preread_fini(&relay->shared.preread);
	bandwidth_fini(&relay->shared.bandwidth);
	admission_fini(&relay->shared.admission);
	free(relay->threads);
	free(relay->counters);
	incoming_forget(relay);
	usage_fini(&relay->first_usage);
	if (relay->generation)
		generation_fini(relay->generation);
	free(relay->generation);
	close(relay->process->control_fd);
}

int relay_process_run(const struct relay_process *process, struct err *err)
{
	struct relay relay = {.process = process, .doorbell_fd = -1, .inspect = {.doorbell_fd = -1},
			      .incoming = {.file_fd = -1}};
	int rc = prepare(&relay, err);
	if (rc == 0) {
		rc = start(&relay, err);
		if (rc == 0) {
			relay_tell(&relay, CONTROL_READY, 0);
			control(&relay);
		}
		int joined = join_all(&relay, err);
		end_observers(&relay);
		rc = rc < 0 ? rc : joined;
	}
	release(&relay);
	return rc;
}

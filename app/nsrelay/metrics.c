/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/thread.h"
#include "relay/limits.h"
#include "relay/tally.h"
#include "relay/worker.h"

enum {
	HEALTH_PATIENCE_MS = 5000,
	CLIENT_TIMEOUT_S = 10, /* without a byte in either direction */
	CONNECTION_MEMORY = 16 * 1024,
};

bool metrics_are_built_in(void)
{
	return true;
}

static uint64_t now_ms(void)
{
	return sys_now_ns() / 1000000;
}

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	if (!response)
		return MHD_NO;
	if (status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result queued = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return queued;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status, const char *text)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	if (response)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; charset=utf-8");
	return answer(connection, status, response);
}

/* ---- /metrics ---- */

/* A page that is being sent. */
struct sent_page {
	struct metrics *metrics;
	char text[];
};

static void page_sent(void *ctx)
{
	struct sent_page *page = ctx;
	page->metrics->pages--;
	free(page);
}

/* resident_bytes - proc_pid_statm(5): the second number, in pages */
static uint64_t resident_bytes(const struct metrics *metrics)
{
	char text[128];
	ssize_t n = metrics->statm_fd < 0 ? -1 : pread(metrics->statm_fd, text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	const char *second = strchr(text, ' ');
	return second ? strtoull(second, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

/* write_page - NULL when there is no memory for it; the caller's to free() */
static struct sent_page *write_page(struct metrics *metrics, size_t *ret_size)
{
	struct inspect *inspect = metrics->inspect;
	metrics->process.resident_bytes = resident_bytes(metrics);
	inspect_lock(inspect);
	const struct tally *tally = &inspect->shared->tally;
	size_t size = metrics_text_size(tally->arrivals.row_count, tally->backends.row_count);
	struct sent_page *page = malloc(sizeof(*page) + size);
	*ret_size = page ? metrics_text_write(inspect, &metrics->process, page->text, size) : 0;
	inspect_unlock(inspect);
	if (*ret_size > 0) {
		page->metrics = metrics;
		return page;
	}
	free(page);
	return NULL;
}

static enum MHD_Result answer_metrics(struct metrics *metrics, struct MHD_Connection *connection)
{
	size_t size;
	if (metrics->pages == LIMIT_METRICS_PAGES)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "others are being answered already; try again\n");
	struct sent_page *page = write_page(metrics, &size);
	if (!page)
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback_cls(size, page->text, page_sent, page);
	if (!response) {
		free(page);
		return MHD_NO;
	}
	metrics->pages++;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
	return answer(connection, MHD_HTTP_OK, response);
}

/* ---- /healthz and /readyz ---- */

/* late_thread - the first relay thread that owes a sign of life, or has ended; -1: all are well */
static int late_thread(const struct metrics *metrics)
{
	const struct inspect *inspect = metrics->inspect;
	for (uint32_t i = 0; i < inspect->limits->threads; i++) {
		const struct shared_thread *thread = &inspect->shared->threads[i];
		if (atomic_load_explicit(&inspect->threads[i].ended, memory_order_acquire) ||
		    atomic_load_explicit(&thread->echo, memory_order_acquire) != metrics->asked)
			return (int)i;
	}
	return -1;
}

static void ask_threads(struct metrics *metrics)
{
	const struct inspect *inspect = metrics->inspect;
	struct message message = {.type = WORKER_ECHO, .value = ++metrics->asked};
	metrics->asked_ms = now_ms();
	for (uint32_t i = 0; i < inspect->limits->threads; i++)
		mailbox_post(inspect->threads[i].mailbox, message); /* one whose mailbox stays full is stuck */
}

/* answer_health - a thread that was asked just now is given time until somebody asks again */
static enum MHD_Result answer_health(struct metrics *metrics, struct MHD_Connection *connection)
{
	char text[64];
	inspect_lock(metrics->inspect);
	int late = late_thread(metrics);
	bool is_stuck = late >= 0 && now_ms() - metrics->asked_ms >= HEALTH_PATIENCE_MS;
	if (late < 0)
		ask_threads(metrics);
	inspect_unlock(metrics->inspect);
	if (!is_stuck)
		return answer_text(connection, MHD_HTTP_OK, "ok\n");
	snprintf(text, sizeof(text), "relay thread %d does not answer\n", late);
	return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static enum MHD_Result answer_ready(struct metrics *metrics, struct MHD_Connection *connection)
{
	if (atomic_load_explicit(&metrics->inspect->ending, memory_order_relaxed))
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "draining: no new connections are accepted\n");
	if (atomic_load_explicit(&metrics->inspect->incomplete, memory_order_relaxed))
		return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
		                   "starting: not all namespaces that were enrolled before are served yet\n");
	return answer_text(connection, MHD_HTTP_OK, "ok\n");
}

/* ---- requests ---- */

static const struct path {
	const char *name;
	enum MHD_Result (*fn)(struct metrics *metrics, struct MHD_Connection *connection);
} paths[] = {
	{"/metrics", answer_metrics},
	{"/healthz", answer_health},
	{"/readyz", answer_ready},
};

static enum MHD_Result requested(void *ctx, struct MHD_Connection *connection, const char *url, const char *method,
				 const char *version, const char *upload, size_t *upload_size, void **state)
{
	static int seen;
	(void)version;
	(void)upload;
	if (!*state && strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
		return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
	if (!*state || *upload_size > 0) { /* its headers are here, or some of a body that nobody wants */
		*state = &seen;
		*upload_size = 0;
		return MHD_YES;
	}
	for (size_t i = 0; i < ARRAY_COUNT(paths); i++) {
		if (strcmp(url, paths[i].name) == 0)
			return paths[i].fn(ctx, connection);
	}
	return answer_text(connection, MHD_HTTP_NOT_FOUND, "there are /metrics, /healthz and /readyz\n");
}

/* ---- its thread ---- */

static bool has_room(const struct metrics *metrics)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
	return info && info->num_connections < LIMIT_METRICS_CLIENTS;
}

static int epoll_of(const struct metrics *metrics)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(metrics->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	return info ? info->epoll_fd : -1;
}

static void accept_one(const struct metrics *metrics, int listen_fd)
{
	struct sockaddr_storage addr;
	socklen_t length = sizeof(addr);
	int fd = accept4(listen_fd, (struct sockaddr *)&addr, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		MHD_add_connection(metrics->daemon, fd, (const struct sockaddr *)&addr, length); /* closes it when it fails */
}

static int patience_ms(const struct metrics *metrics)
{
	MHD_UNSIGNED_LONG_LONG timeout;
	return MHD_get_timeout(metrics->daemon, &timeout) == MHD_YES ? (int)timeout : -1;
}

static void serve(const struct metrics *metrics)
{
	struct pollfd fds[2 + METRICS_LISTENERS] = {
		{.fd = metrics->stop_fd, .events = POLLIN},
		{.fd = epoll_of(metrics), .events = POLLIN},
	};
	while (!(fds[0].revents & POLLIN)) {
		bool room = has_room(metrics);
		for (int i = 0; i < METRICS_LISTENERS; i++)
			fds[2 + i] = (struct pollfd){.fd = room ? metrics->listen_fds[i] : -1, .events = POLLIN};
		poll(fds, ARRAY_COUNT(fds), patience_ms(metrics));
		for (int i = 0; i < METRICS_LISTENERS; i++) {
			if (fds[2 + i].revents & POLLIN && has_room(metrics))
				accept_one(metrics, metrics->listen_fds[i]);
		}
		MHD_run(metrics->daemon);
	}
}

static void *run(void *arg)
{
	struct metrics *metrics = arg;
	enum { NICE = 10 };
	setpriority(PRIO_PROCESS, 0, NICE); /* of this thread alone; why: control.c */
	sem_post(&metrics->started);
	serve(metrics);
	return NULL;
}

/* ---- start and end ---- */

size_t metrics_memory(const struct plan *plan)
{
	struct tally_rows rows = tally_rows(plan);
	if (!config_metrics_are_wanted(&plan->config->metrics))
		return 0;
	return LIMIT_METRICS_STACK + (size_t)LIMIT_METRICS_CLIENTS * 2 * CONNECTION_MEMORY +
	       LIMIT_METRICS_PAGES * metrics_text_size(rows.arrivals, rows.backends);
}

static void ignore_log(void *ctx, const char *format, va_list args)
{
	(void)ctx;
	(void)format;
	(void)args;
}

static int open_daemon(struct metrics *metrics, struct err *err)
{
	metrics->daemon = MHD_start_daemon(
		MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, requested, metrics,
		MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, /* who asks nonsense could fill the log */
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIMIT_METRICS_CLIENTS, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CLIENT_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
	return metrics->daemon ? 0 : err_set(err, ENOMEM, "metrics: libmicrohttpd did not start");
}

static void close_all(struct metrics *metrics)
{
	if (metrics->daemon)
		MHD_stop_daemon(metrics->daemon);
	if (metrics->stop_fd >= 0)
		close(metrics->stop_fd);
	if (metrics->statm_fd >= 0)
		close(metrics->statm_fd);
	sem_destroy(&metrics->started);
}

int metrics_begin(void *ctx, struct inspect *inspect, struct err *err)
{
	struct metrics *metrics = ctx;
	metrics->inspect = inspect;
	metrics->process.started_s = (uint64_t)time(NULL);
	metrics->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	metrics->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	sem_init(&metrics->started, 0, 0);
	int rc = metrics->stop_fd < 0 ? err_set_errno(err, "metrics") : open_daemon(metrics, err);
	if (rc == 0) {
		rc = thread_start(&metrics->thread, LIMIT_METRICS_STACK, run, metrics);
		if (rc < 0)
			err_set(err, -rc, "metrics: start their thread: %s", strerror(-rc));
	}
	if (rc < 0)
		close_all(metrics);
	while (rc == 0 && sem_wait(&metrics->started) < 0)
		; /* EINTR */
	return rc;
}

void metrics_end(void *ctx)
{
	struct metrics *metrics = ctx;
	uint64_t one = 1;
	ssize_t n = write(metrics->stop_fd, &one, sizeof(one));
	(void)n;
	pthread_join(metrics->thread, NULL);
	close_all(metrics);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bulk throughput: one-way streams, spread over at most two threads a side. iperf3 3.12 has one thread for
 * all streams, which holds a direct path back before it does a relayed one. The receiver counts, from when
 * it has all connections to the last one's end. Either side may be the one that connects.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/load/clock.h"
#include "bench/load/net.h"
#include "bench/load/nsload.h"
#include "bench/load/pattern.h"

enum {
	STREAMS_MAX = 64,
	THREADS_MAX = 2,
	CHUNK_SIZE = 128 << 10, /* of one send or receive; iperf3 has the same (-l) */
	WAIT_MS = 10000,        /* at least for a connection, at most for any progress */
};

struct bulk_thread {
	pthread_t thread;
	unsigned stream_count, open_count;
	struct pollfd streams[STREAMS_MAX];
	uint64_t moved_sizes[STREAMS_MAX];
	uint64_t end_ns; /* of sending */
	bool verifies;
	int failure; /* -errno of the first stream that broke */
	char *chunk;
};

/* What to do with stream @index, which is ready: bytes moved, 0 at its end, or -errno (-EAGAIN: wait). */
typedef ssize_t (*move_fn)(struct bulk_thread *, unsigned index);

static ssize_t move_in(struct bulk_thread *thread, unsigned index)
{
	ssize_t size = recv(thread->streams[index].fd, thread->chunk, CHUNK_SIZE, MSG_DONTWAIT);
	if (size > 0 && thread->verifies &&
	    !pattern_matches(thread->chunk, (size_t)size, thread->moved_sizes[index]))
		return -EBADMSG;
	return size < 0 ? -errno : size;
}

/* move_out - send a chunk; when the time is over say so by a FIN and wait for the other side's */
static ssize_t move_out(struct bulk_thread *thread, unsigned index)
{
	struct pollfd *stream = &thread->streams[index];
	if (stream->events == POLLIN)
		return move_in(thread, index);
	if (clock_now_ns() >= thread->end_ns) {
		shutdown(stream->fd, SHUT_WR);
		stream->events = POLLIN;
		return -EAGAIN;
	}
	const char *payload = pattern_at(thread->verifies ? thread->moved_sizes[index] : 0);
	ssize_t size = send(stream->fd, payload, CHUNK_SIZE, MSG_DONTWAIT | MSG_NOSIGNAL);
	return size < 0 ? -errno : size;
}

static void end_stream(struct bulk_thread *thread, struct pollfd *stream, int failure)
{
	if (thread->failure == 0)
		thread->failure = failure;
	close(stream->fd);
	stream->fd = -1; /* poll(2) passes over it */
	thread->open_count--;
}

/* move_round - let each open stream move once; true when any did */
static bool move_round(struct bulk_thread *thread, move_fn move)
{
	bool moved = false;
	for (unsigned i = 0; i < thread->stream_count; i++) {
		if (thread->streams[i].fd < 0)
			continue;
		ssize_t size = move(thread, i);
		if (size > 0)
			thread->moved_sizes[i] += (uint64_t)size;
		else if (size != -EAGAIN)
			end_stream(thread, &thread->streams[i], (int)size);
		moved |= size != -EAGAIN;
	}
	return moved;
}

static void move_all(struct bulk_thread *thread, move_fn move)
{
	while (thread->open_count > 0) {
		if (move_round(thread, move))
			continue;
		if (poll(thread->streams, thread->stream_count, WAIT_MS) > 0)
			continue;
		for (unsigned i = 0; i < thread->stream_count; i++)
			if (thread->streams[i].fd >= 0)
				end_stream(thread, &thread->streams[i], -ETIMEDOUT);
	}
}

static void *receiver_main(void *thread)
{
	move_all(thread, move_in);
	return NULL;
}

static void *sender_main(void *thread)
{
	move_all(thread, move_out);
	return NULL;
}

static void add_stream(struct bulk_thread *threads, unsigned index, int fd, short events)
{
	struct bulk_thread *thread = &threads[index % THREADS_MAX];
	thread->streams[thread->stream_count++] = (struct pollfd){.fd = fd, .events = events};
	thread->open_count++;
}

static int connect_stream(const struct load_options *options, struct err *err)
{
	bool connected;
	int fd = net_connect_begin(&options->at, options->congestion, &connected);
	if (fd < 0)
		return err_set(err, -fd, "cannot connect: %s", strerror(-fd));
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	int result = connected ? 0 : poll(&writable, 1, WAIT_MS) > 0 ? net_connect_result(fd) : -ETIMEDOUT;
	if (result == 0)
		return fd;
	close(fd);
	return err_set(err, -result, "cannot connect: %s", strerror(-result));
}

static int accept_stream(int listen_fd, uint64_t patience_ms, struct err *err)
{
	struct pollfd listener = {.fd = listen_fd, .events = POLLIN};
	if (poll(&listener, 1, (int)patience_ms) == 0)
		return err_set(err, ETIMEDOUT, "no connection within %u ms", (unsigned)patience_ms);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	return fd < 0 ? err_set_errno(err, "cannot accept") : fd;
}

static int start(struct bulk_thread *threads, void *(*main)(void *), const struct load_options *options,
                 struct err *err)
{
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		threads[i].end_ns = clock_now_ns() + options->duration_ms * NS_PER_MS;
		threads[i].verifies = options->verifies;
		threads[i].chunk = calloc(1, CHUNK_SIZE);
		int code = threads[i].chunk ? pthread_create(&threads[i].thread, NULL, main, &threads[i])
		                            : ENOMEM;
		if (code) /* the thread started before ends with the process */
			return err_set(err, code, "cannot start a thread: %s", strerror(code));
	}
	return 0;
}

/* join - wait for the threads; how many bytes they have moved, and their first failure */
static int join(struct bulk_thread *threads, uint64_t *ret_bytes, struct err *err)
{
	int failure = 0;
	*ret_bytes = 0;
	for (unsigned i = 0; i < THREADS_MAX; i++) {
		pthread_join(threads[i].thread, NULL);
		free(threads[i].chunk);
		failure = failure ? failure : threads[i].failure;
		for (unsigned k = 0; k < threads[i].stream_count; k++)
			*ret_bytes += threads[i].moved_sizes[k];
	}
	return failure ? err_set(err, -failure, "a stream broke: %s", strerror(-failure)) : 0;
}

/* ---- the streams, by whichever side makes them ---- */

static int connect_streams(struct bulk_thread *threads, const struct load_options *options, short events,
                           struct err *err)
{
	for (unsigned i = 0; i < options->connections; i++) {
		int fd = connect_stream(options, err);
		if (fd < 0)
			return fd;
		add_stream(threads, i, fd, events);
	}
	return 0;
}

static int accept_streams(struct bulk_thread *threads, const struct load_options *options, short events,
                          struct err *err)
{
	uint64_t patience_ms = options->duration_ms > WAIT_MS ? options->duration_ms : WAIT_MS;
	int result = 0, listen_fd = net_listen(&options->at, options->congestion, 0, err);
	if (listen_fd < 0)
		return listen_fd;
	puts("ready");
	fflush(stdout);
	for (unsigned i = 0; result >= 0 && i < options->connections; i++) {
		result = accept_stream(listen_fd, patience_ms, err);
		if (result >= 0)
			add_stream(threads, i, result, events);
	}
	close(listen_fd); /* not before they have all come: the others would be reset */
	return result < 0 ? result : 0;
}

static int make_streams(struct bulk_thread *threads, const struct load_options *options, short events,
                        struct err *err)
{
	if (options->connections > STREAMS_MAX)
		return err_set(err, EINVAL, "at most %d streams, not %u", STREAMS_MAX, options->connections);
	return (options->listens ? accept_streams : connect_streams)(threads, options, events, err);
}

int bulk_send_run(const struct load_options *options, struct err *err)
{
	static struct bulk_thread threads[THREADS_MAX];
	uint64_t bytes;
	int result = make_streams(threads, options, POLLOUT, err);
	if (result == 0)
		result = start(threads, sender_main, options, err);
	return result < 0 ? result : join(threads, &bytes, err);
}

int bulk_recv_run(const struct load_options *options, struct err *err)
{
	static struct bulk_thread threads[THREADS_MAX];
	uint64_t bytes;
	int result = make_streams(threads, options, POLLIN, err);
	uint64_t start_ns = clock_now_ns();
	if (result == 0)
		result = start(threads, receiver_main, options, err);
	if (result < 0)
		return result;
	result = join(threads, &bytes, err);
	double seconds = clock_seconds_since(start_ns);
	printf("{\"mode\":\"bulk\",\"streams\":%u,\"seconds\":%.3f,\"bytes\":%lu,\"gbit_per_s\":%.3f}\n",
	       options->connections, seconds, (unsigned long)bytes, (double)bytes * 8 / seconds / 1e9);
	return result;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/relay_child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/config_file.h"
#include "app/nsrelay/control.h"
#include "app/nsrelay/metrics.h"
#include "nsctl/broker_client.h"
#include "relay/process.h"

_Static_assert((int)SOCKET_BATCH_MAX == (int)BROKER_BATCH_MAX, "what the relay asks for fits into one reply");

/* ---- the broker as a socket source ---- */

static int channel_fd(const void *ctx)
{
	return (int)(intptr_t)ctx;
}

static int request(void *ctx, uint32_t target, uint32_t count)
{
	return broker_client_request(channel_fd(ctx), target, count);
}

static int receive(void *ctx, struct socket_reply *ret)
{
	struct broker_reply reply;
	int rc = broker_client_receive(channel_fd(ctx), &reply, ret->fds);
	if (rc != 1)
		return rc;
	ret->target = reply.target;
	ret->asked = reply.asked;
	ret->count = reply.count;
	ret->error = reply.error;
	return 1;
}

/* ---- pipes ---- */

/* open_pipe - as large as may be: its size decides what a bulk transfer costs */
static int open_pipe(int fds[2], struct err *err)
{
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return err_set_errno(err, "pipe");
	for (int size = LIMIT_PIPE_SIZE; size >= 64 * 1024; size /= 2) {
		if (fcntl(fds[1], F_SETPIPE_SZ, size) >= 0)
			break;
	}
	return 0;
}

static void close_pipes(int (*fds)[2], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

static int open_pipes(int (*fds)[2], uint32_t count, struct err *err)
{
	for (uint32_t i = 0; i < count; i++) {
		int rc = open_pipe(fds[i], err);
		if (rc < 0) {
			close_pipes(fds, i);
			return rc;
		}
	}
	return 0;
}

/* The pipes of all threads; those for mirrors too, which another configuration may ask for, and nothing can make then. */
struct pipes {
	int flows[LIMIT_THREADS][2];
	int mirrors[LIMIT_THREADS][2];
	uint32_t count;
};

static int open_all_pipes(struct pipes *pipes, const struct limits *limits, struct err *err)
{
	pipes->count = limits->threads;
	int rc = open_pipes(pipes->flows, pipes->count, err);
	if (rc < 0)
		return rc;
	rc = open_pipes(pipes->mirrors, pipes->count, err);
	if (rc < 0)
		close_pipes(pipes->flows, pipes->count);
	return rc;
}

/* ---- the relay ---- */

static int load(const char *text, size_t size, struct config *ret)
{
	return config_text_load(text, size, "", ret, NULL);
}

/* run - takes all descriptors but the channels */
static int run(const struct relay_child *child, const struct pipes *pipes, struct err *err)
{
	struct socket_source sources[LIMIT_THREADS];
	for (uint32_t i = 0; i < child->limits->threads; i++)
		sources[i] = (struct socket_source){
			.ctx = (void *)(intptr_t)child->channel_fds[i],
			.fd = child->channel_fds[i],
			.request = request,
			.receive = receive,
		};
	struct control control = {
		.listen_fd = child->serve_fd,
		.supervisor_uid = child->supervisor_uid,
		.supervisor_pid = child->supervisor_pid,
	};
	struct metrics metrics = {.listen_fds = {child->metrics_fds[0], child->metrics_fds[1]}};
	struct relay_observer observers[2];
	uint32_t observer_count = 0;
	if (child->serve_fd >= 0)
		observers[observer_count++] =
			(struct relay_observer){.ctx = &control, .begin = control_begin, .end = control_end};
	if (child->metrics_fds[0] >= 0 || child->metrics_fds[1] >= 0)
		observers[observer_count++] =
			(struct relay_observer){.ctx = &metrics, .begin = metrics_begin, .end = metrics_end};
	struct relay_process process = {
		.plan = child->plan,
		.limits = child->limits,
		.features = child->features,
		.sources = sources,
		.listener_fds = child->listener_fds,
		.pipe_fds = pipes->flows,
		.mirror_pipe_fds = pipes->mirrors,
		.load = load,
		.incomplete = child->incomplete,
		.control_fd = child->control_fd,
		.seal = child->user ? sandbox_seal : NULL,
		.observers = observers,
		.observer_count = observer_count,
	};
	return relay_process_run(&process, err);
}

/* close_untaken - what run() would have taken */
static void close_untaken(const struct relay_child *child)
{
	size_t listeners = (size_t)child->limits->threads * child->plan->listener_count;
	for (size_t i = 0; i < listeners; i++)
		close(child->listener_fds[i]);
	close(child->control_fd);
}

int relay_child_run(const struct relay_child *child, struct err *err)
{
	struct pipes pipes;
	uint32_t threads = child->limits->threads;
	int rc = open_all_pipes(&pipes, child->limits, err);
	if (rc == 0 && child->user)
		rc = sandbox_drop(child->user, err); /* a process, which ends when it cannot */
	if (rc == 0)
		rc = run(child, &pipes, err);
	else
		close_untaken(child);
	for (uint32_t i = 0; i < threads; i++)
		close(child->channel_fds[i]);
	if (child->serve_fd >= 0)
		close(child->serve_fd);
	for (int i = 0; i < METRICS_LISTENERS; i++) {
		if (child->metrics_fds[i] >= 0)
			close(child->metrics_fds[i]);
	}
	return rc;
}

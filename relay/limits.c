/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/limits.h"

#include <errno.h>

#include "relay/counters.h"
#include "relay/events.h"
#include "relay/inspect.h"
#include "relay/mirror/mirror.h"
#include "relay/preread.h"
#include "relay/record.h"
#include "relay/session.h"
#include "relay/sockets.h"
#include "relay/spill.h"

enum {
	/* Standard streams, control channel, log, and room for what libraries open now and then. */
	PROCESS_FDS = 32,
	/* Ring, pipe (2), socket source, mailbox; for mirrors, which there may be later: pipe (2), /dev/null, what the
	 * scheduler tells of the thread. */
	THREAD_FDS = 9,
	/* Listener, two eventfds, the client that is turned away, clients. */
	CONTROL_FDS = 4 + LIMIT_CONTROL_CLIENTS,
	/* Two listeners, epoll(7), an eventfd, a file of /proc, clients. */
	METRICS_FDS = 5 + LIMIT_METRICS_CLIENTS,
	/* What the values of a message take: 40 bytes for the two of "0,". */
	CONTROL_PARSED = 20 * LIMIT_CONTROL_MESSAGE,
	/* As many as a slab can hold the spill chunks of: RLIMIT_NOFILE may be 2^30 in a container. */
	CONNECTIONS_MAX = (SLAB_CAPACITY_MAX - 2 * LIMIT_BUFFER_COUNT) / SIDE_COUNT,
};

/* connection_fds - a connection's two sockets, and those of its copies */
static uint32_t connection_fds(const struct limits_input *input)
{
	return SIDE_COUNT + input->mirror_sockets;
}

static uint64_t reserved_fds(const struct limits_input *input, uint32_t threads)
{
	uint64_t per_thread = THREAD_FDS + input->listeners + LIMIT_IDLE_SOCKETS + SOCKET_BATCH_MAX;
	uint64_t control = (input->control ? CONTROL_FDS : 0) + (input->metrics_memory ? METRICS_FDS : 0);
	return PROCESS_FDS + control + threads * per_thread + LIMIT_ACCEPT_SLACK * connection_fds(input) +
	       input->checks;
}

static size_t mirror_memory(const struct limits *limits, const struct limits_input *input)
{
	size_t chunks = LIMIT_MIRROR_CHUNKS * SPILL_CHUNK_SIZE, slack = 2 * LIMIT_ACCEPT_SLACK * sizeof(struct mirror);
	return limits->mirrors ? chunks + LIMIT_PIPE_SIZE + slack + input->mirror_memory : 0;
}

/* control_memory - of its thread: stack, connections on their way to the asker, what clients have sent and have not read */
static size_t control_memory(void)
{
	return LIMIT_CONTROL_STACK + sizeof(struct inspect_slice) + sizeof(struct events) + CONTROL_PARSED +
	       LIMIT_CONTROL_CLIENTS * (LIMIT_CONTROL_MESSAGE + LIMIT_CONTROL_REPLY) +
	       LIMIT_CONTROL_REPLY; /* the one that is being written */
}

static void sum_memory(struct limits *limits, const struct limits_input *input)
{
	size_t per_thread = 0;
	per_thread += LIMIT_SQ_ENTRIES * 64 + LIMIT_CQ_ENTRIES * 16;       /* ring, shared with the kernel */
	per_thread += LIMIT_BUFFER_COUNT * (LIMIT_BUFFER_SIZE + 16);       /* receive buffers and their ring */
	per_thread += LIMIT_BUFFER_COUNT * 32;                             /* I/O vectors and chains */
	per_thread += LIMIT_PIPE_SIZE;                                     /* bytes in the pipe, within a turn */
	per_thread += sizeof(struct record_queue) + sizeof(struct counters);
	per_thread += LIMIT_THREAD_STACK;
	per_thread += input->tables_memory;                                /* lines, cursors, pools of sockets */
	per_thread += 2 * LIMIT_BUFFER_COUNT * SPILL_CHUNK_SIZE;           /* spill: what two turns can bring */
	per_thread += mirror_memory(limits, input);
	limits->memory_fixed = limits->threads * per_thread + input->balance_memory; /* shared by all threads */
	limits->memory_fixed += input->admission_memory + input->bandwidth_memory + input->health_memory; /* of all threads together */
	limits->memory_fixed += input->destination_memory + input->preread_memory + input->tally_memory + input->metrics_memory;
	limits->memory_fixed += input->control ? control_memory() : 0;
	limits->memory_per_connection = sizeof(struct session) + 8         /* session and slab slot */
					+ SIDE_COUNT * SPILL_CHUNK_SIZE;   /* spill: a chunk for each flow */
	if (limits->mirrors)
		limits->memory_per_connection += sizeof(struct mirror) + 8;
	limits->memory_per_connection += input->hello_memory + input->original_memory;
	if (input->preread_memory)
		limits->memory_per_connection += sizeof(struct preread_told);
	limits->memory_total = limits->memory_fixed + limits->connections * limits->memory_per_connection;
}

int limits_compute(const struct limits_input *input, struct limits *ret, struct err *err)
{
	struct limits limits = {.threads = input->threads ? input->threads : input->processors,
				.nofile = input->nofile};
	if (limits.threads > LIMIT_THREADS)
		limits.threads = input->threads ? limits.threads : LIMIT_THREADS;
	if (limits.threads == 0 || limits.threads > LIMIT_THREADS)
		return err_set(err, EINVAL, "%u threads: expected 1 to %u", limits.threads, LIMIT_THREADS);
	uint64_t reserved = reserved_fds(input, limits.threads);
	if (input->nofile < reserved + connection_fds(input))
		return err_set(err, EMFILE,
			       "%u listening sockets and %u threads need %llu file descriptors before the first connection, "
			       "but only %llu may be open: raise RLIMIT_NOFILE (ulimit -n) or use fewer threads",
			       input->listeners, limits.threads, (unsigned long long)reserved,
			       (unsigned long long)input->nofile);
	uint64_t possible = (input->nofile - reserved) / connection_fds(input);
	possible = possible < CONNECTIONS_MAX ? possible : CONNECTIONS_MAX;
	if (input->max_connections > possible)
		return err_set(err, EMFILE,
			       "max_connections %u needs %llu file descriptors, but only %llu may be open: raise RLIMIT_NOFILE "
			       "(ulimit -n) or ask for at most %llu",
			       input->max_connections,
			       (unsigned long long)(reserved + (uint64_t)input->max_connections * connection_fds(input)),
			       (unsigned long long)input->nofile, (unsigned long long)possible);
	limits.connections = input->max_connections ? input->max_connections : (uint32_t)possible;
	/* A chunk for each flow, as if all connections were one thread's, and two turns of receive buffers on top. */
	limits.spill_chunks = SIDE_COUNT * limits.connections + 2 * LIMIT_BUFFER_COUNT;
	/* A copy may outlive its connection for a moment. */
	limits.mirrors = input->mirror_sockets ? limits.connections + 2 * LIMIT_ACCEPT_SLACK : 0;
	sum_memory(&limits, input);
	*ret = limits;
	return 0;
}

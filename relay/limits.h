/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every limit of the relay, computed in one place from the configuration and the machine: descriptors and own memory, each
 * with one line per owner. Printed at start, so that a user sees what the daemon may come to use.
 */
#ifndef NSRELAY_RELAY_LIMITS_H
#define NSRELAY_RELAY_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The rings of one thread. Figures: docs/FIGURES.md, "Sizes". */
enum {
	LIMIT_SQ_ENTRIES = 512,
	LIMIT_CQ_ENTRIES = 4096,
	LIMIT_BUFFER_COUNT = 256,
	LIMIT_BUFFER_SIZE = 4096,
	LIMIT_PIPE_SIZE = 1 << 20,   /* fs.pipe-max-size, the most an unprivileged process could set; pipe(7) */
	LIMIT_IDLE_SOCKETS = 128,    /* made in advance, of all targets of one thread together */
	LIMIT_RECORDS = 256,         /* closing records on their way from one thread to the log */
	LIMIT_ACCEPT_SLACK = 64,     /* connections accepted after the limit was reached, while accepts are cancelled */
	LIMIT_MIRROR_CHUNKS = 1024,  /* spill chunks of a thread for mirrors that are not connected yet */
	LIMIT_THREADS = 64,
	LIMIT_THREAD_STACK = 64 * 1024,      /* bytes; of a relay thread */
	LIMIT_CONTROL_STACK = 256 * 1024,    /* of the thread that serves the control socket */
	LIMIT_CONTROL_CLIENTS = 16,          /* of the control socket, at the same time */
	LIMIT_REQUESTS = LIMIT_CONTROL_CLIENTS, /* of the supervisor, under way: a client has one call at a time */
	LIMIT_CONTROL_MESSAGE = 64 * 1024,   /* bytes of one message of theirs */
	LIMIT_METRICS_STACK = 256 * 1024,    /* of the thread that tells metrics */
	LIMIT_METRICS_CLIENTS = 16,          /* of it, at the same time */
	LIMIT_METRICS_PAGES = 2,             /* that are being sent at the same time */
	LIMIT_CONTROL_REPLY = 128 * 1024,    /* bytes of one reply, which is kept until it has been read */
};

struct limits {
	uint32_t threads;
	uint32_t connections;        /* of all threads together */
	uint32_t spill_chunks;       /* per thread */
	uint32_t mirrors;            /* connections that are copied, per thread; 0: none ever is */
	uint64_t nofile;             /* what the descriptors were computed from */
	size_t memory_fixed;         /* bytes of own memory, whatever the load */
	size_t memory_per_connection; /* bytes of own memory, at the most on average over all connections */
	size_t memory_total;         /* with all connections in use */
};

struct limits_input {
	uint64_t nofile;      /* RLIMIT_NOFILE, soft */
	uint32_t threads;     /* 0: as many as processors */
	uint32_t processors;
	uint32_t listeners;   /* sockets a thread listens on */
	size_t balance_memory; /* bytes: balance_memory() */
	size_t tables_memory;  /* of a thread, bytes: worker_memory() */
	uint32_t mirror_sockets;  /* config_mirror_sockets() */
	size_t mirror_memory;     /* of a thread, bytes: mirrors_memory() */
	uint32_t checks;       /* backends that are checked: health_count() */
	size_t health_memory;  /* bytes: health_memory() and ejection_memory() */
	size_t admission_memory; /* bytes: admission_memory() */
	size_t bandwidth_memory; /* bytes: bandwidth_memory() */
	size_t metrics_memory; /* bytes of who tells the metrics: metrics_memory(); 0: nobody does */
	size_t tally_memory;   /* bytes: tally_memory() */
	size_t original_memory; /* bytes of each connection: original_memory() */
	size_t hello_memory;   /* bytes of each connection: hello_memory() */
	size_t destination_memory; /* bytes: destination_memory(), of all relays */
	size_t preread_memory; /* bytes: preread_memory() */
	uint32_t max_connections; /* 0: as many as descriptors permit */
	bool control;             /* there is a control socket */
};

/*
 * limits_compute - 0, or -EINVAL/-EMFILE with what is too many and which limit to raise
 */
int limits_compute(const struct limits_input *input, struct limits *ret, struct err *err);

#endif

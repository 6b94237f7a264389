/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nsload: the load generators of the benchmark suite, one program with a mode for each kind of load. Every
 * mode is bounded in time and in connections, enters network namespaces by itself (an address is an endpoint,
 * NETNS/ADDRESS:PORT) and prints its result as one line of JSON on standard output.
 */
#ifndef NSRELAY_BENCH_LOAD_NSLOAD_H
#define NSRELAY_BENCH_LOAD_NSLOAD_H

#include <stdint.h>

#include "base/endpoint.h"

struct load_options {
	struct endpoint at;     /* where to listen or to connect to, as the mode has it */
	unsigned size;          /* bytes of a request and of its response */
	unsigned connections;   /* held at a time */
	unsigned namespaces;    /* 0: one; else as many, in turn, whose names end in 0, 1, ... */
	uint64_t duration_ms;   /* of load; of waiting at most where the mode makes none */
	bool listens;           /* @at is where to listen */
	bool verifies;          /* looks at each byte that comes, see pattern.h */
	const char *congestion; /* TCP_CONGESTION of every socket made; "" leaves the namespace's own */
	char **command;         /* what listen-exec becomes, NULL-terminated */
};

enum {
	/* Fits the initial send buffer of any path (tcp_wmem[1], tcp(7)), so that a whole message goes out in
	   one send. */
	LOAD_SIZE_MAX = 16 << 10,
	LOAD_CONNECTIONS_MAX = 20000, /* descriptors of a process on the machines measured */
	LOAD_SECONDS_MAX = 3600,
};

/* load_numbered_netns - number @index of several namespaces, of which options->at.netns names the
 * beginning */
void load_numbered_netns(const struct load_options *options, unsigned index, struct netns_ref *ret);

/* load_end_after - let the process end by itself (SIGALRM), should nobody end it before */
void load_end_after(uint64_t duration_ms);

/* The modes. Each returns 0 or -errno with @err filled; what it measured is printed before. */
int pong_run(const struct load_options *options, struct err *err);
int ping_run(const struct load_options *options, struct err *err);
int short_run(const struct load_options *options, struct err *err);
int idle_run(const struct load_options *options, struct err *err);
int bulk_send_run(const struct load_options *options, struct err *err);
int bulk_recv_run(const struct load_options *options, struct err *err);
int listen_exec_run(const struct load_options *options, struct err *err);

#endif

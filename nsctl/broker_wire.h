/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What broker and relay process say to each other, over one AF_UNIX SOCK_SEQPACKET pair for each thread that
 * asks. Both ends are the same program on the same machine: host byte order, no version.
 */
#ifndef NSRELAY_NSCTL_BROKER_WIRE_H
#define NSRELAY_NSCTL_BROKER_WIRE_H

#include <stdint.h>

/* Most sockets in one reply: below SCM_MAX_FD (253, include/net/scm.h); 0.6 ms of work at 10 us a socket. */
enum { BROKER_BATCH_MAX = 64 };

/* "Send me @count sockets (1 .. BROKER_BATCH_MAX) of @target." A target is an index that both sides know. */
struct broker_request {
	uint32_t target;
	uint32_t count;
};

/* The answer to each request, in their order; @count descriptors travel with it (SCM_RIGHTS). */
struct broker_reply {
	uint32_t target;
	uint32_t asked; /* the request's count */
	uint32_t count; /* how many came */
	int32_t error; /* 0, or the positive errno that stopped the batch; sockets made before it are there */
};

#endif

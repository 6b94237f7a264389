/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection that asks and is answered: connect, then any number of times send a message and
 * receive one of the same size. Driven by epoll; the connection is registered under a pointer to its struct
 * exchange.
 *
 *      begin            writable               whole answer
 *   o--------> CONNECTING --------> WAITING ----------------> ANSWERED
 *      \___ connected at once _______^  ^________ ask again ______|
 */
#ifndef NSRELAY_BENCH_LOAD_EXCHANGE_H
#define NSRELAY_BENCH_LOAD_EXCHANGE_H

#include <stdint.h>

#include "bench/load/nsload.h"

enum exchange_state {
	EXCHANGE_CLOSED,
	EXCHANGE_CONNECTING,
	EXCHANGE_WAITING,
	EXCHANGE_ANSWERED,
};

struct exchange {
	int fd;
	enum exchange_state state;
	unsigned received_size; /* of the answer awaited */
	uint64_t offset;        /* of the message and of its answer in their streams */
	uint64_t began_ns;      /* when it was connected or, asked again, when it was sent */
};

/* exchange_begin - connect and ask as soon as that is possible; 0 or -errno, then @exchange is closed */
int exchange_begin(struct exchange *exchange, const struct load_options *options, int epoll_fd);

/* exchange_advance - handle a readiness event; 1 when the answer is complete, 0 when more must come, or
 * -errno */
int exchange_advance(struct exchange *exchange, const struct load_options *options, int epoll_fd);

/* exchange_ask - send the next message on a connection that has been answered; 0 or -errno */
int exchange_ask(struct exchange *exchange, const struct load_options *options);

/* exchange_close - close the connection in the ordinary way (FIN); harmless when it is closed already */
void exchange_close(struct exchange *exchange);

/* exchanges_new - @count closed ones on the heap; NULL when out of memory */
struct exchange *exchanges_new(unsigned count);

/* exchanges_free - close and free them; NULL is allowed */
void exchanges_free(struct exchange *exchanges, unsigned count);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle connections: opens as many as asked, proves each by one message and its answer (a connection to a
 * relay's listener alone shows nothing), says how many it holds, and holds them until standard input ends or
 * a signal ends it.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/clock.h"
#include "bench/load/exchange.h"

enum {
	EVENTS_MAX = 64,
	TURN_MS = 100,
	WINDOW = 64,        /* connections being opened at a time: far below any backlog */
	ANSWER_MS = 3000,   /* without any answer for so long, the rest of the window has failed */
	FAILURES_MAX = 128, /* after so many there is no room for more */
};

struct idle {
	const struct load_options *options;
	int epoll_fd;
	unsigned begun, held, failures;
	int failure; /* why the last of them failed, -errno */
	struct exchange *exchanges;
};

static void fail(struct idle *idle, struct exchange *exchange, int why)
{
	exchange_close(exchange);
	idle->failures++;
	idle->failure = why;
}

static unsigned under_way(const struct idle *idle)
{
	return idle->begun - idle->held - idle->failures;
}

static void fill_window(struct idle *idle)
{
	while (idle->begun < idle->options->connections && under_way(idle) < WINDOW &&
	       idle->failures < FAILURES_MAX) {
		struct exchange *exchange = &idle->exchanges[idle->begun++];
		int result = exchange_begin(exchange, idle->options, idle->epoll_fd);
		if (result < 0)
			fail(idle, exchange, result);
	}
}

static void handle(struct idle *idle, struct exchange *exchange)
{
	if (exchange->state ==
	    EXCHANGE_ANSWERED) { /* closed by the other side while others are being opened */
		idle->held--;
		fail(idle, exchange, -EPIPE);
		return;
	}
	int result = exchange_advance(exchange, idle->options, idle->epoll_fd);
	if (result == 1)
		idle->held++;
	else if (result < 0)
		fail(idle, exchange, result);
}

/* give_up - count as failed what has waited for an answer in vain */
static void give_up(struct idle *idle)
{
	for (unsigned i = 0; i < idle->begun; i++) {
		struct exchange *exchange = &idle->exchanges[i];
		if (exchange->state == EXCHANGE_CONNECTING || exchange->state == EXCHANGE_WAITING)
			fail(idle, exchange, -ETIMEDOUT);
	}
}

static int open_all(struct idle *idle, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t give_up_ns = clock_now_ns() + ANSWER_MS * NS_PER_MS;
	for (fill_window(idle); under_way(idle) > 0; fill_window(idle)) {
		unsigned held = idle->held;
		int count = epoll_wait(idle->epoll_fd, events, EVENTS_MAX, TURN_MS);
		if (count < 0)
			return err_set_errno(err, "cannot wait for events");
		for (int i = 0; i < count; i++)
			handle(idle, events[i].data.ptr);
		if (idle->held > held)
			give_up_ns = clock_now_ns() + ANSWER_MS * NS_PER_MS;
		else if (clock_now_ns() >= give_up_ns)
			give_up(idle);
	}
	return 0;
}

/* hold - wait for the end of standard input, or for --seconds at most */
static void hold(uint64_t duration_ms)
{
	struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
	char scratch[64];
	load_end_after(duration_ms);
	while (poll(&input, 1, -1) > 0 && read(STDIN_FILENO, scratch, sizeof(scratch)) > 0)
		;
}

static int run(struct idle *idle, struct err *err)
{
	idle->exchanges = exchanges_new(idle->options->connections);
	if (!idle->exchanges)
		return err_set(err, ENOMEM, "no memory for %u connections", idle->options->connections);
	int result = open_all(idle, err);
	if (result < 0)
		return result;
	printf("{\"mode\":\"idle\",\"asked\":%u,\"held\":%u,\"failures\":%u,\"last_failure\":\"%s\"}"
	       "\nready\n",
	       idle->options->connections, idle->held, idle->failures,
	       idle->failures ? strerror(-idle->failure) : "");
	fflush(stdout);
	hold(idle->options->duration_ms);
	return 0;
}

int idle_run(const struct load_options *options, struct err *err)
{
	struct idle idle = {.options = options, .epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	int result = idle.epoll_fd < 0 ? err_set_errno(err, "cannot set up epoll") : run(&idle, err);
	exchanges_free(idle.exchanges, options->connections);
	if (idle.epoll_fd >= 0)
		close(idle.epoll_fd);
	return result;
}

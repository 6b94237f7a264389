/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The closed loop: on each connection one message at a time, the next as soon as the answer is complete. Time
 * counts from when every connection has been answered once, which "started" on standard output tells.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/clock.h"
#include "bench/load/exchange.h"
#include "bench/load/histogram.h"
#include "bench/load/net.h"

enum {
	EVENTS_MAX = 256,
	TURN_MS = 100,
	START_MS = 10000, /* for the first answer on each of many connections */
};

struct ping {
	const struct load_options *options;
	int epoll_fd;
	unsigned answered; /* connections on which one answer has come, or more */
	unsigned failures; /* connections lost or never made */
	int failure;       /* why the last of them failed, -errno */
	struct exchange *exchanges;
	struct histogram latency_ns;
};

static void fail(struct ping *ping, struct exchange *exchange, int why)
{
	exchange_close(exchange);
	ping->failures++;
	ping->failure = why;
}

/* enter - the namespace of connection @index, when there are several */
static int enter(const struct load_options *options, unsigned index)
{
	struct netns_ref netns;
	if (options->namespaces == 0)
		return 0;
	load_numbered_netns(options, index % options->namespaces, &netns);
	return net_enter(&netns, NULL);
}

static void begin(struct ping *ping, unsigned index)
{
	struct exchange *exchange = &ping->exchanges[index];
	int result = enter(ping->options, index);
	if (result == 0)
		result = exchange_begin(exchange, ping->options, ping->epoll_fd);
	if (result < 0)
		fail(ping, exchange, result);
}

static void handle(struct ping *ping, struct exchange *exchange)
{
	int result = exchange_advance(exchange, ping->options, ping->epoll_fd);
	if (result == 1) {
		ping->answered += exchange->offset == ping->options->size;
		histogram_add(&ping->latency_ns, clock_now_ns() - exchange->began_ns);
		result = exchange_ask(exchange, ping->options);
	}
	if (result < 0)
		fail(ping, exchange, result);
}

static int turn(struct ping *ping, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(ping->epoll_fd, events, EVENTS_MAX, TURN_MS);
	if (count < 0)
		return err_set_errno(err, "cannot wait for events");
	for (int i = 0; i < count; i++)
		handle(ping, events[i].data.ptr);
	return 0;
}

/* start - open all connections; what is measured begins with the return */
static int start(struct ping *ping, struct err *err)
{
	unsigned count = ping->options->connections;
	uint64_t end_ns = clock_now_ns() + START_MS * NS_PER_MS;
	for (unsigned i = 0; i < count; i++)
		begin(ping, i);
	while (ping->answered < count && ping->failures == 0) {
		int result = turn(ping, err);
		if (result < 0)
			return result;
		if (clock_now_ns() >= end_ns)
			return err_set(err, ETIMEDOUT, "only %u of %u connections were answered within %d s",
			               ping->answered, count, START_MS / 1000);
	}
	ping->latency_ns = (struct histogram){0};
	puts("started");
	fflush(stdout);
	return 0;
}

static int loop(struct ping *ping, uint64_t end_ns, struct err *err)
{
	int result = 0;
	while (result == 0 && clock_now_ns() < end_ns && ping->failures < ping->options->connections)
		result = turn(ping, err);
	return result;
}

static void report(const struct ping *ping, double seconds)
{
	const struct load_options *options = ping->options;
	printf("{\"mode\":\"ping\",\"connections\":%u,\"size\":%u,\"seconds\":%.3f,\"ops\":%lu,\"ops_per_s\":"
	       "%.1f,",
	       options->connections, options->size, seconds, (unsigned long)ping->latency_ns.total,
	       (double)ping->latency_ns.total / seconds);
	histogram_print_us(stdout, &ping->latency_ns);
	printf(",\"failures\":%u}\n", ping->failures);
}

static int run(struct ping *ping, struct err *err)
{
	unsigned count = ping->options->connections;
	ping->exchanges = exchanges_new(count);
	if (!ping->exchanges)
		return err_set(err, ENOMEM, "no memory for %u connections", count);
	int result = start(ping, err);
	uint64_t start_ns = clock_now_ns();
	if (result == 0)
		result = loop(ping, start_ns + ping->options->duration_ms * NS_PER_MS, err);
	if (result < 0)
		return result;
	report(ping, clock_seconds_since(start_ns));
	if (ping->failures == 0)
		return 0;
	return err_set(err, EIO, "%u of %u connections failed, the last one: %s", ping->failures, count,
	               strerror(-ping->failure));
}

int ping_run(const struct load_options *options, struct err *err)
{
	struct ping *ping = calloc(1, sizeof(*ping));
	if (!ping)
		return err_set(err, ENOMEM, "no memory for the histogram");
	ping->options = options;
	ping->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int result = ping->epoll_fd < 0 ? err_set_errno(err, "cannot set up epoll") : run(ping, err);
	exchanges_free(ping->exchanges, options->connections);
	if (ping->epoll_fd >= 0)
		close(ping->epoll_fd);
	free(ping);
	return result;
}

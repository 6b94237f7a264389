/* SPDX-License-Identifier: Apache-2.0 */
/* The closed loop: on each connection one message at a time, the next as soon as the answer is complete. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/clock.h"
#include "bench/load/exchange.h"
#include "bench/load/histogram.h"

enum { EVENTS_MAX = 256, TURN_MS = 100 };

struct ping {
	const struct load_options *options;
	int epoll_fd;
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

static void begin(struct ping *ping, struct exchange *exchange)
{
	int result = exchange_begin(exchange, ping->options, ping->epoll_fd);
	if (result < 0)
		fail(ping, exchange, result);
}

static void handle(struct ping *ping, struct exchange *exchange)
{
	int result = exchange_advance(exchange, ping->options, ping->epoll_fd);
	if (result == 1) {
		histogram_add(&ping->latency_ns, clock_now_ns() - exchange->began_ns);
		result = exchange_ask(exchange, ping->options);
	}
	if (result < 0)
		fail(ping, exchange, result);
}

static int loop(struct ping *ping, uint64_t end_ns, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	while (clock_now_ns() < end_ns && ping->failures < ping->options->connections) {
		int count = epoll_wait(ping->epoll_fd, events, EVENTS_MAX, TURN_MS);
		if (count < 0)
			return err_set_errno(err, "cannot wait for events");
		for (int i = 0; i < count; i++)
			handle(ping, events[i].data.ptr);
	}
	return 0;
}

static void report(const struct ping *ping, double seconds)
{
	const struct histogram *latency_ns = &ping->latency_ns;
	printf("{\"mode\":\"ping\",\"connections\":%u,\"size\":%u,\"seconds\":%.3f,\"ops\":%lu,\"ops_per_s\":"
	       "%.1f,"
	       "\"p50_us\":%.2f,\"p90_us\":%.2f,\"p99_us\":%.2f,\"max_us\":%.2f,\"failures\":%u}\n",
	       ping->options->connections, ping->options->size, seconds, (unsigned long)latency_ns->total,
	       (double)latency_ns->total / seconds, (double)histogram_quantile(latency_ns, .5) / 1e3,
	       (double)histogram_quantile(latency_ns, .9) / 1e3,
	       (double)histogram_quantile(latency_ns, .99) / 1e3, (double)latency_ns->max / 1e3,
	       ping->failures);
}

static int run(struct ping *ping, struct err *err)
{
	unsigned count = ping->options->connections;
	ping->exchanges = exchanges_new(count);
	if (!ping->exchanges)
		return err_set(err, ENOMEM, "no memory for %u connections", count);
	uint64_t start_ns = clock_now_ns();
	for (unsigned i = 0; i < count; i++)
		begin(ping, &ping->exchanges[i]);
	int result = loop(ping, start_ns + ping->options->seconds * NS_PER_S, err);
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

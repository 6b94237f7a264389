/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Short connections: each client connects, asks once, is answered, closes, and begins again.
 *
 * The client closes first, by an ordinary FIN, so that TIME_WAIT stays with it (and, behind a relay, with the
 * relay's upstream socket). At 10,000 connections a second the ports would run out within seconds: the
 * namespaces must have net.ipv4.tcp_tw_reuse=1, by which a new connection takes over a port that has been in
 * TIME_WAIT for a second (ip-sysctl), and a wide net.ipv4.ip_local_port_range. A reset instead of the FIN
 * would hide what is to be measured. A port that cannot be had is a failure and is counted.
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

enum {
	EVENTS_MAX = 64,
	TURN_MS = 10,    /* also how long a client rests after a failure */
	GRACE_MS = 5000, /* for the answers still under way at the end */
	FAILURES_MAX = 10000,
};

struct short_load {
	const struct load_options *options;
	int epoll_fd;
	unsigned failures;
	int failure; /* why the last of them failed, -errno */
	bool ending;
	struct exchange *exchanges;
	struct histogram duration_ns;
};

static void fail(struct short_load *load, struct exchange *exchange, int why)
{
	exchange_close(exchange);
	load->failures++;
	load->failure = why;
}

static void begin(struct short_load *load, struct exchange *exchange)
{
	int result = exchange_begin(exchange, load->options, load->epoll_fd);
	if (result < 0)
		fail(load, exchange, result);
}

static void handle(struct short_load *load, struct exchange *exchange)
{
	int result = exchange_advance(exchange, load->options, load->epoll_fd);
	if (result < 0)
		fail(load, exchange, result);
	if (result != 1)
		return;
	exchange_close(exchange);
	histogram_add(&load->duration_ns, clock_now_ns() - exchange->began_ns);
	if (!load->ending)
		begin(load, exchange);
}

static int turn(struct short_load *load, struct err *err)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(load->epoll_fd, events, EVENTS_MAX, TURN_MS);
	if (count < 0)
		return err_set_errno(err, "cannot wait for events");
	for (int i = 0; i < count; i++)
		handle(load, events[i].data.ptr);
	return 0;
}

/* begin_closed - let the clients begin that have none under way: all at first, later those that failed */
static void begin_closed(struct short_load *load)
{
	for (unsigned i = 0; i < load->options->connections; i++)
		if (load->exchanges[i].state == EXCHANGE_CLOSED)
			begin(load, &load->exchanges[i]);
}

static unsigned count_open(const struct short_load *load)
{
	unsigned open_count = 0;
	for (unsigned i = 0; i < load->options->connections; i++)
		open_count += load->exchanges[i].state != EXCHANGE_CLOSED;
	return open_count;
}

static int loop(struct short_load *load, uint64_t end_ns, struct err *err)
{
	uint64_t begin_ns = 0;
	while (clock_now_ns() < end_ns && load->failures < FAILURES_MAX) {
		if (clock_now_ns() >= begin_ns) {
			begin_closed(load);
			begin_ns = clock_now_ns() + TURN_MS * NS_PER_MS;
		}
		int result = turn(load, err);
		if (result < 0)
			return result;
	}
	return 0;
}

/* finish - wait for what is under way; what does not come in time has failed */
static int finish(struct short_load *load, struct err *err)
{
	uint64_t end_ns = clock_now_ns() + GRACE_MS * NS_PER_MS;
	load->ending = true;
	while (count_open(load) > 0) {
		if (clock_now_ns() >= end_ns) {
			load->failures += count_open(load);
			load->failure = -ETIMEDOUT;
			return 0;
		}
		int result = turn(load, err);
		if (result < 0)
			return result;
	}
	return 0;
}

static void report(const struct short_load *load, double seconds)
{
	const struct load_options *options = load->options;
	printf("{\"mode\":\"short\",\"clients\":%u,\"size\":%u,\"seconds\":%.3f,\"connections\":%lu,"
	       "\"connections_per_s\":"
	       "%.1f,",
	       options->connections, options->size, seconds, (unsigned long)load->duration_ns.total,
	       (double)load->duration_ns.total / seconds);
	histogram_print_us(stdout, &load->duration_ns);
	printf(",\"failures\":%u}\n", load->failures);
}

static int run(struct short_load *load, struct err *err)
{
	load->exchanges = exchanges_new(load->options->connections);
	if (!load->exchanges)
		return err_set(err, ENOMEM, "no memory for %u clients", load->options->connections);
	uint64_t start_ns = clock_now_ns();
	int result = loop(load, start_ns + load->options->duration_ms * NS_PER_MS, err);
	double seconds = clock_seconds_since(start_ns);
	if (result == 0)
		result = finish(load, err);
	if (result < 0)
		return result;
	report(load, seconds);
	if (load->failures == 0)
		return 0;
	return err_set(err, EIO, "%u connections failed, the last one: %s", load->failures,
	               strerror(-load->failure));
}

int short_run(const struct load_options *options, struct err *err)
{
	struct short_load *load = calloc(1, sizeof(*load));
	if (!load)
		return err_set(err, ENOMEM, "no memory for the histogram");
	load->options = options;
	load->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int result = load->epoll_fd < 0 ? err_set_errno(err, "cannot set up epoll") : run(load, err);
	exchanges_free(load->exchanges, options->connections);
	if (load->epoll_fd >= 0)
		close(load->epoll_fd);
	free(load);
	return result;
}

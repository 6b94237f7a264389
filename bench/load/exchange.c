/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench/load/clock.h"
#include "bench/load/net.h"
#include "bench/load/pattern.h"

static int watch(struct exchange *exchange, int epoll_fd, int operation, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = exchange};
	return epoll_ctl(epoll_fd, operation, exchange->fd, &event) < 0 ? -errno : 0;
}

static int send_message(struct exchange *exchange, const struct load_options *options)
{
	exchange->received_size = 0;
	exchange->state = EXCHANGE_WAITING;
	ssize_t sent = send(exchange->fd, pattern_at(options->verifies ? exchange->offset : 0), options->size,
	                    MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	return (size_t)sent == options->size ? 0 : -ENOBUFS;
}

/* begin - exchange_begin() that leaves closing to its caller */
static int begin(struct exchange *exchange, const struct load_options *options, int epoll_fd)
{
	bool connected;
	exchange->began_ns = clock_now_ns();
	exchange->offset = 0;
	exchange->fd = net_connect_begin(&options->at, options->congestion, &connected);
	if (exchange->fd < 0)
		return exchange->fd;
	exchange->state = EXCHANGE_CONNECTING;
	if (!connected)
		return watch(exchange, epoll_fd, EPOLL_CTL_ADD, EPOLLOUT);
	int result = send_message(exchange, options);
	return result < 0 ? result : watch(exchange, epoll_fd, EPOLL_CTL_ADD, EPOLLIN);
}

int exchange_begin(struct exchange *exchange, const struct load_options *options, int epoll_fd)
{
	int result = begin(exchange, options, epoll_fd);
	if (result < 0)
		exchange_close(exchange);
	return result;
}

static int finish_connect(struct exchange *exchange, const struct load_options *options, int epoll_fd)
{
	int result = net_connect_result(exchange->fd);
	if (result == 0)
		result = send_message(exchange, options);
	return result < 0 ? result : watch(exchange, epoll_fd, EPOLL_CTL_MOD, EPOLLIN);
}

/* receive - take what has come of the answer. An end or a byte that was not asked for is an error. */
static int receive(struct exchange *exchange, const struct load_options *options)
{
	char scratch[LOAD_SIZE_MAX];
	if (exchange->state != EXCHANGE_WAITING)
		return -EPIPE;
	ssize_t size = recv(exchange->fd, scratch, options->size - exchange->received_size, 0);
	if (size < 0)
		return errno == EAGAIN ? 0 : -errno;
	if (size == 0)
		return -EPIPE;
	if (options->verifies &&
	    !pattern_matches(scratch, (size_t)size, exchange->offset + exchange->received_size))
		return -EBADMSG;
	exchange->received_size += (unsigned)size;
	if (exchange->received_size < options->size)
		return 0;
	exchange->offset += options->size;
	exchange->state = EXCHANGE_ANSWERED;
	return 1;
}

int exchange_advance(struct exchange *exchange, const struct load_options *options, int epoll_fd)
{
	if (exchange->state == EXCHANGE_CONNECTING)
		return finish_connect(exchange, options, epoll_fd);
	return receive(exchange, options);
}

int exchange_ask(struct exchange *exchange, const struct load_options *options)
{
	exchange->began_ns = clock_now_ns();
	return send_message(exchange, options);
}

void exchange_close(struct exchange *exchange)
{
	if (exchange->fd >= 0)
		close(exchange->fd);
	exchange->fd = -1;
	exchange->state = EXCHANGE_CLOSED;
}

struct exchange *exchanges_new(unsigned count)
{
	struct exchange *exchanges = calloc(count, sizeof(*exchanges));
	for (unsigned i = 0; exchanges && i < count; i++)
		exchanges[i].fd = -1;
	return exchanges;
}

void exchanges_free(struct exchange *exchanges, unsigned count)
{
	for (unsigned i = 0; exchanges && i < count; i++)
		exchange_close(&exchanges[i]);
	free(exchanges);
}

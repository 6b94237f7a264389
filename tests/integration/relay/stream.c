/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/relay/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/lib/testns.h"

enum {
	PERIOD = 1048573, /* the largest prime below 2^20 */
	PIECE_MAX = 256 * 1024,
};

/* Spread numbers that follow each other; 2^64 divided by the golden ratio (Knuth, TAOCP 3, 6.4). */
static uint64_t mix(uint64_t number)
{
	number *= UINT64_C(0x9E3779B97F4A7C15);
	return number ^ number >> 29;
}

/* content - what stream @tag carries from @position on; PERIOD bytes may be read there */
static const unsigned char *content(uint64_t tag, uint64_t position)
{
	static unsigned char bytes[2 * PERIOD];

	if (bytes[0] == 0) {
		for (size_t i = 0; i < PERIOD; i++)
			bytes[i] = bytes[i + PERIOD] = (unsigned char)(mix(i + 1) >> 32) | (i == 0);
	}
	return bytes + (mix(tag) % PERIOD + position) % PERIOD;
}

size_t stream_send_some(int fd, uint64_t tag, uint64_t position, size_t size)
{
	ssize_t n = send(fd, content(tag, position), size < PIECE_MAX ? size : PIECE_MAX,
	                 MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		fail_msg("send, stream %llu at %llu: %s", (unsigned long long)tag,
		         (unsigned long long)position, strerror(errno));
	return n > 0 ? (size_t)n : 0;
}

ssize_t stream_receive_some(int fd, uint64_t tag, uint64_t position, size_t size)
{
	static unsigned char got[PIECE_MAX];
	const unsigned char *expected = content(tag, position);
	ssize_t n = recv(fd, got, size < PIECE_MAX ? size : PIECE_MAX, MSG_DONTWAIT);

	if (n < 0)
		return -errno;
	if (memcmp(got, expected, (size_t)n) == 0)
		return n;
	for (ssize_t i = 0; i < n; i++) {
		if (got[i] != expected[i])
			fail_msg("stream %llu: a wrong byte at %llu", (unsigned long long)tag,
			         (unsigned long long)position + (unsigned long long)i);
	}
	return n;
}

void stream_send(int fd, uint64_t tag, uint64_t position, size_t size)
{
	for (size_t done = 0; done < size;) {
		testns_await(fd, POLLOUT);
		done += stream_send_some(fd, tag, position + done, size - done);
	}
}

void stream_receive(int fd, uint64_t tag, uint64_t position, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n;

		testns_await(fd, POLLIN);
		n = stream_receive_some(fd, tag, position + done, size - done);
		if (n <= 0 && n != -EAGAIN)
			fail_msg("stream %llu, %zu of %zu bytes there: %s", (unsigned long long)tag, done,
			         size, n < 0 ? strerror((int)-n) : "end");
		done += n > 0 ? (size_t)n : 0;
	}
}

/* ---- many at once ---- */

static bool is_sent(const struct stream *stream)
{
	return stream->sent == stream->size;
}

static bool is_received(const struct stream *stream)
{
	return stream->received == stream->size && (stream->ended || !stream->finish);
}

/* push - one send of the stream; pieces differ in size, so that small and large ones follow each other */
static void push(struct stream *stream)
{
	uint32_t piece_max = stream->piece ? stream->piece : PIECE_MAX;
	uint64_t piece = 1 + mix(stream->tag ^ stream->sent) % piece_max;
	uint64_t left = stream->size - stream->sent;

	stream->sent += stream_send_some(stream->from, stream->tag, stream->sent,
	                                 piece < left ? piece : left);
	if (is_sent(stream) && stream->finish && shutdown(stream->from, SHUT_WR) < 0)
		fail_msg("shutdown: %s", strerror(errno));
}

static void pull(struct stream *stream)
{
	uint64_t left = stream->size - stream->received;
	/* One byte more than there should be: an excess is seen too. */
	ssize_t n = stream_receive_some(stream->to, stream->tag, stream->received,
	                                stream->finish ? left + 1 : left);

	if (n == -EAGAIN)
		return;
	if (n < 0 || (uint64_t)n > left || (n == 0 && left > 0))
		fail_msg("stream %llu at %llu of %llu: %s", (unsigned long long)stream->tag,
		         (unsigned long long)stream->received, (unsigned long long)stream->size,
		         n < 0    ? strerror((int)-n)
		         : n == 0 ? "an early end"
		                  : "more than was sent");
	stream->received += (uint64_t)n;
	stream->ended = n == 0;
}

/* fill_poll - two entries for each stream: where it may be written and where read */
static bool fill_poll(const struct stream *streams, size_t count, struct pollfd *fds)
{
	bool wanted = false;

	for (size_t i = 0; i < count; i++) {
		const struct stream *stream = &streams[i];

		fds[2 * i] = (struct pollfd){is_sent(stream) ? -1 : stream->from, POLLOUT, 0};
		fds[2 * i + 1] = (struct pollfd){is_received(stream) ? -1 : stream->to, POLLIN, 0};
		wanted |= !is_sent(stream) || !is_received(stream);
	}
	return wanted;
}

void stream_run(struct stream *streams, size_t count)
{
	struct pollfd *fds = calloc(2 * count, sizeof(*fds));

	assert_non_null(fds);
	for (size_t i = 0; i < count; i++) {
		if (streams[i].size == 0 && streams[i].finish)
			shutdown(streams[i].from, SHUT_WR);
	}
	while (fill_poll(streams, count, fds)) {
		if (poll(fds, 2 * count, TESTNS_PATIENCE_MS) <= 0)
			fail_msg("no byte moves any more");
		for (size_t i = 0; i < count; i++) {
			if (fds[2 * i].revents)
				push(&streams[i]);
			if (fds[2 * i + 1].revents)
				pull(&streams[i]);
		}
	}
	free(fds);
}

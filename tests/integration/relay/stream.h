/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tagged bytes: what a stream carries is decided by its tag and the position alone, so that a byte which is
 * lost, changed, doubled or another stream's is seen where it arrives. The content repeats after a prime
 * number of bytes: nothing that a relay works with (buffers, pages, pipes) is a multiple of it.
 */
#ifndef NSRELAY_TESTS_RELAY_STREAM_H
#define NSRELAY_TESTS_RELAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One direction of one connection. */
struct stream {
	int from, to; /* sockets: written here, to be read there */
	uint64_t tag;
	uint64_t size;           /* bytes to carry */
	uint32_t piece;          /* the most that one send(2) is given; 0: 256 KiB */
	bool finish;             /* then end the stream at `from`, and expect its end at `to` */
	uint64_t sent, received; /* so far; may start above 0, at the same figure */
	bool ended;
};

/* stream_run - carry all @count streams at once; fails the test at the first wrong byte, or when nothing
 * moves */
void stream_run(struct stream *streams, size_t count);

/* stream_send, stream_receive - bytes @position .. @position + @size of stream @tag, waiting as long as it
 * takes */
void stream_send(int fd, uint64_t tag, uint64_t position, size_t size);
void stream_receive(int fd, uint64_t tag, uint64_t position, size_t size);

/* stream_send_some - what the socket takes now, at most @size bytes; how many these were */
size_t stream_send_some(int fd, uint64_t tag, uint64_t position, size_t size);

/* stream_receive_some - what is there now, at most @size bytes; how many these were, or -errno (0: the
 * end) */
ssize_t stream_receive_some(int fd, uint64_t tag, uint64_t position, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay splices into its shared pipe no more than the other socket's free send space, so that the pipe is
 * empty again at the end of a turn. The kernel charges a send buffer by the memory a packet occupies, not by
 * its bytes, so that the belief can be wrong. How wrong? A receiver's window and the send buffer are filled
 * and kept at their limit by a receiver that reads in dribs, for data that arrived in pieces of many sizes;
 * what stays behind in the pipe is measured.
 *
 * The worst is data in small pieces that do not lie next to each other in memory: a packet of at most 17 of
 * them (MAX_SKB_FRAGS) is charged about 1.3 KB beside its bytes. A pipe of 1 MiB has 256 slots, one for each
 * such piece, so that the worst is some 9 KB, for pieces of about 150 B. Not covered: a kernel that has run
 * into net.ipv4.tcp_mem.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"

enum {
	PIPE_SIZE = 1 << 20,
	CYCLES = 60,
	FEED_SIZE_MAX = 256 << 10, /* waiting in the receiving socket at the start of a cycle, at most */
	FEED_PIECES_MAX = 1000,
	READ_SIZE_MAX = 512 << 10, /* by the receiver, between two cycles */
	PIECE_RESIDUE_MAX = 4096,  /* for pieces of a full segment and more; none was seen */
	RESIDUE_MAX =
		16 << 10, /* the bound claimed; 4,200 B was the most seen in thousands of turns, on 6.18 */
};

struct lab {
	struct rig_tcp in;    /* far sends, near is spliced from */
	struct rig_tcp out;   /* near is spliced to, far reads in dribs */
	struct rig_tcp other; /* sent to in turns with in.far: pushes its pieces apart */
	int pipe_in;
	int pipe_out;
	size_t worst;
	unsigned turns;
	unsigned turns_with_residue;
};

static void lab_open(struct lab *ret)
{
	int fds[2];

	rig_need_netns();
	*ret = (struct lab){0};
	rig_tcp_open(&ret->in);
	rig_tcp_open(&ret->out);
	rig_tcp_open(&ret->other);
	rig_pipe(fds, PIPE_SIZE);
	ret->pipe_out = fds[0];
	ret->pipe_in = fds[1];
	rig_fill(ret->out.near);
}

static void lab_close(struct lab *lab)
{
	rig_tcp_close(&lab->in);
	rig_tcp_close(&lab->out);
	rig_tcp_close(&lab->other);
	close(lab->pipe_in);
	close(lab->pipe_out);
}

/* Seven eighths of what is free in the send buffer. */
static size_t space(int fd)
{
	uint32_t info[SK_MEMINFO_VARS];
	socklen_t size = sizeof(info);

	assert_return_code(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &size), errno);
	if (info[SK_MEMINFO_WMEM_QUEUED] >= info[SK_MEMINFO_SNDBUF])
		return 0;
	return (info[SK_MEMINFO_SNDBUF] - info[SK_MEMINFO_WMEM_QUEUED]) / 8 * 7;
}

static size_t residue(const struct lab *lab)
{
	int count = 0;

	assert_return_code(ioctl(lab->pipe_out, FIONREAD, &count), errno);
	return (size_t)count;
}

static void empty_pipe(struct lab *lab)
{
	static char sink[65536];

	while (read(lab->pipe_out, sink, sizeof(sink)) > 0)
		;
}

/* Move once what fits; false when there is nothing or no room. */
static bool pump(struct lab *lab)
{
	size_t room = space(lab->out.near), left;

	if (room == 0 || splice(lab->in.near, NULL, lab->pipe_in, NULL, room, SPLICE_F_NONBLOCK) <= 0)
		return false;
	while (residue(lab) > 0 &&
	       splice(lab->pipe_out, NULL, lab->out.near, NULL, PIPE_SIZE, SPLICE_F_NONBLOCK) > 0)
		;
	left = residue(lab);
	lab->turns++;
	lab->turns_with_residue += left > 0;
	lab->worst = left > lab->worst ? left : lab->worst;
	empty_pipe(lab);
	return true;
}

static void discard(int fd, size_t count)
{
	static char sink[65536];

	while (count > 0) {
		ssize_t got = recv(fd, sink, count < sizeof(sink) ? count : sizeof(sink), MSG_DONTWAIT);

		if (got <= 0)
			return;
		count -= (size_t)got;
	}
}

/*
 * Send pieces of @size, each followed by one on another connection of the same process when they are to be
 * @spread.
 */
static void feed(struct lab *lab, size_t size, bool spread)
{
	static const char zeros[65536];
	size_t pieces = FEED_SIZE_MAX / size < FEED_PIECES_MAX ? FEED_SIZE_MAX / size : FEED_PIECES_MAX;

	for (size_t i = 0; i < pieces; i++) {
		if (send(lab->in.far, zeros, size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			return;
		if (spread)
			send(lab->other.far, zeros, size < 64 ? size : 64, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	discard(lab->other.near, SIZE_MAX);
}

static size_t worst_residue(size_t size, bool spread)
{
	struct lab lab;
	size_t worst;

	lab_open(&lab);
	srandom(1);
	for (int i = 0; i < CYCLES; i++) {
		feed(&lab, size, spread);
		while (pump(&lab))
			;
		discard(lab.out.far, (size_t)random() % READ_SIZE_MAX);
	}
	print_message("pieces of %5zu B%s: %5u turns, %4u left something, at most %zu B\n", size,
		      spread ? ", spread" : "        ", lab.turns, lab.turns_with_residue, lab.worst);
	worst = lab.worst;
	lab_close(&lab);
	return worst;
}

static void large_pieces_leave_next_to_nothing(void **state)
{
	static const size_t sizes[] = {65536, 4096, 1448};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_in_range(worst_residue(sizes[i], false), 0, PIECE_RESIDUE_MAX);
		assert_in_range(worst_residue(sizes[i], true), 0, PIECE_RESIDUE_MAX);
	}
}

static void small_pieces_leave_little(void **state)
{
	static const size_t sizes[] = {500, 300, 200, 150, 100, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_in_range(worst_residue(sizes[i], true), 0, RESIDUE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_pieces_leave_next_to_nothing),
		cmocka_unit_test(small_pieces_leave_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

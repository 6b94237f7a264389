/* SPDX-License-Identifier: Apache-2.0 */
/* The fake kernel's clock, randomness, descriptors, pipes and signals. */
#include "tests/lib/fake_kernel.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/sys.h"
#include "tests/lib/fake_internal.h"
#include "tests/unit/unit.h"

enum { PIPE_BYTES = 1 << 20, FRAGMENT_BYTES = 32 * 1024 };

struct fake_pipe {
	uint32_t ends;
	size_t start, size;	/* bytes in data[] */
	uint32_t first, count;	/* fragments */
	uint32_t slots;
	uint32_t *fragments;	/* bytes in each, a ring of `slots` */
	unsigned char data[PIPE_BYTES];
};

struct kernel kernel;

/* ---- failure, randomness, time ---- */

void fake_fail(const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fail_msg("fake kernel: %s (NSRELAY_SEED=%" PRIu64 ", turn %" PRIu64 ")", text, kernel.options.seed,
		 kernel.turns);
	abort(); /* not reached: fail_msg() leaves the test */
}

/* splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014) */
static uint64_t next_random(void)
{
	uint64_t z = (kernel.random_state += UINT64_C(0x9E3779B97F4A7C15));
	z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

uint32_t fake_random(uint32_t below)
{
	return below < 2 ? 0 : (uint32_t)(next_random() % below);
}

bool fake_chance(uint32_t per_mille)
{
	return per_mille && fake_random(1000) < per_mille;
}

uint32_t sys_random(void)
{
	return (uint32_t)next_random();
}

uint64_t sys_now_ns(void)
{
	return kernel.now_ns;
}

uint64_t fake_now_ns(void)
{
	return kernel.now_ns;
}

void fake_set_horizon(uint64_t at_ns)
{
	kernel.horizon_ns = at_ns;
}

bool fake_asleep(void)
{
	return kernel.asleep;
}

uint64_t fake_turns(void)
{
	return kernel.turns;
}

void progress(void)
{
	kernel.idle_turns = 0;
	kernel.in_motion = true;
}

void tick(void)
{
	kernel.ticks++;
	kernel.in_motion = false;
	tcp_tick();
	ring_tick();
}

void fake_advance(uint64_t ns)
{
	do {
		kernel.in_motion = false;
		tcp_tick();
	} while (kernel.in_motion);
	kernel.now_ns += ns;
	progress();
}

struct fake_chances *fake_chances(void)
{
	return &kernel.options.chances;
}

void fake_set_fd_limit(uint32_t fd_limit)
{
	kernel.options.fd_limit = fd_limit;
}

void fake_init(const struct fake_options *options)
{
	kernel = (struct kernel){
		.options = *options,
		.random_state = options->seed,
		.now_ns = UINT64_C(1000000000000),
	};
	kernel.horizon_ns = kernel.now_ns;
	list_init(&kernel.files);
	tcp_init();
	ring_init();
}

/* ---- descriptors ---- */

uint32_t fake_open_fds(void)
{
	return kernel.open_fds;
}

uint32_t fake_closed_while_armed(void)
{
	return kernel.closed_while_armed;
}

struct file *file_open(enum file_kind kind)
{
	uint32_t limit = kernel.options.fd_limit ? kernel.options.fd_limit : FD_MAX - FD_FIRST;
	if (kernel.open_fds >= limit)
		return NULL;
	int fd = FD_FIRST;
	while (fd < FD_MAX && kernel.fds[fd])
		fd++;
	if (fd == FD_MAX)
		return NULL;
	struct file *file = calloc(1, sizeof(*file));
	assert_non_null(file);
	file->kind = kind;
	file->fd = fd;
	list_init(&file->link);
	list_append(&kernel.files, &file->link);
	kernel.fds[fd] = file;
	kernel.open_fds++;
	return file;
}

struct file *file_of(int fd)
{
	struct file *file = fd >= 0 && fd < FD_MAX ? kernel.fds[fd] : NULL;
	if (!file)
		fake_fail("descriptor %d is not open", fd);
	return file;
}

struct file *file_at(int fd, enum file_kind kind)
{
	struct file *file = file_of(fd);
	if (file->kind != kind)
		fake_fail("descriptor %d is of another kind", fd);
	return file;
}

static uint32_t signal_poll(const struct file *file)
{
	return file->readable ? POLLIN : 0;
}

uint32_t file_poll(const struct file *file)
{
	switch (file->kind) {
	case FILE_SOCKET:
		return tcp_poll(file);
	case FILE_LISTENER:
		return listener_poll(file);
	case FILE_SIGNAL:
		return signal_poll(file);
	default:
		fake_fail("a poll on a pipe, or on what is none of these");
	}
}

void file_wake(struct file *file, enum edge edge)
{
	if (file)
		file->edges[edge]++;
}

static void pipe_release(struct file *file)
{
	if (--file->pipe->ends > 0)
		return;
	free(file->pipe->fragments);
	free(file->pipe);
}

/* release - nothing refers to @file any more */
static void release(struct file *file)
{
	if (file->kind == FILE_SOCKET)
		tcp_release(file);
	else if (file->kind == FILE_LISTENER)
		listener_release(file);
	else if (file->kind == FILE_PIPE_READ || file->kind == FILE_PIPE_WRITE)
		pipe_release(file);
	list_remove(&file->link);
	free(file);
}

void file_hold(struct file *file)
{
	file->operations++;
}

void file_drop(struct file *file)
{
	if (--file->operations == 0 && file->fd < 0)
		release(file);
}

void sys_close(int fd)
{
	struct file *file = file_of(fd);
	ring_check_not_queued(fd);
	kernel.fds[fd] = NULL;
	kernel.open_fds--;
	file->fd = -1;
	progress();
	if (file->operations == 0)
		release(file);
	else
		kernel.closed_while_armed++;
}

void sys_close_reset(int fd)
{
	file_at(fd, FILE_SOCKET)->close_by_reset = true;
	sys_close(fd);
}

void fake_fini(void)
{
	ring_fini();
	while (!list_empty(&kernel.files))
		release(LIST_ENTRY(kernel.files.next, struct file, link));
	tcp_fini();
	memset(kernel.fds, 0, sizeof(kernel.fds));
}

/* ---- signals ---- */

int fake_signal_open(void)
{
	struct file *file = file_open(FILE_SIGNAL);
	return file ? file->fd : -EMFILE;
}

void fake_signal_set(int fd, bool readable)
{
	struct file *file = file_at(fd, FILE_SIGNAL);
	file->readable = readable;
	if (readable) {
		file_wake(file, EDGE_IN);
		progress();
	}
}

/* ---- pipes ---- */

void fake_pipe(int ret_fds[2])
{
	struct fake_pipe *pipe = calloc(1, sizeof(*pipe));
	assert_non_null(pipe);
	pipe->ends = 2;
	pipe->slots = kernel.options.pipe_slots ? kernel.options.pipe_slots : 256;
	pipe->fragments = calloc(pipe->slots, sizeof(*pipe->fragments));
	for (int i = 0; i < 2; i++) {
		struct file *file = file_open(i == 0 ? FILE_PIPE_READ : FILE_PIPE_WRITE);
		assert_non_null(file);
		file->pipe = pipe;
		ret_fds[i] = file->fd;
	}
}

size_t fake_pipe_bytes(int fd)
{
	return file_of(fd)->pipe->size;
}

static void pipe_add(struct fake_pipe *pipe, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size;) {
		size_t end = (pipe->start + pipe->size) % PIPE_BYTES, n = PIPE_BYTES - end;
		n = n < size - i ? n : size - i;
		memcpy(pipe->data + end, data + i, n);
		pipe->size += n;
		i += n;
	}
	pipe->fragments[(pipe->first + pipe->count++) % pipe->slots] = (uint32_t)size;
}

/* pipe_look - the contiguous bytes at the front, no more than @size */
static size_t pipe_look(const struct fake_pipe *pipe, size_t size, const unsigned char **ret_data)
{
	size_t n = PIPE_BYTES - pipe->start;
	n = n < pipe->size ? n : pipe->size;
	*ret_data = pipe->data + pipe->start;
	return n < size ? n : size;
}

static void pipe_take(struct fake_pipe *pipe, size_t size)
{
	pipe->start = (pipe->start + size) % PIPE_BYTES;
	pipe->size -= size;
	while (size > 0) {
		uint32_t *fragment = &pipe->fragments[pipe->first];
		size_t n = size < *fragment ? size : *fragment;
		*fragment -= (uint32_t)n;
		size -= n;
		if (*fragment == 0) {
			pipe->first = (pipe->first + 1) % pipe->slots;
			pipe->count--;
		}
	}
}

ssize_t sys_splice_in(int socket_fd, int pipe_fd, size_t size)
{
	struct fake_conn *conn = file_at(socket_fd, FILE_SOCKET)->conn;
	struct fake_pipe *pipe = file_at(pipe_fd, FILE_PIPE_WRITE)->pipe;
	static unsigned char fragment[FRAGMENT_BYTES];
	size_t done = 0;
	if (pipe->count == pipe->slots)
		return -EAGAIN;
	/* An error or the end is for the next call when this one has moved something. */
	while (done < size && pipe->count < pipe->slots && pipe->size < PIPE_BYTES &&
	       (done == 0 || tcp_readable(conn) > 0)) {
		size_t want = 1 + fake_random(FRAGMENT_BYTES), room = PIPE_BYTES - pipe->size;
		want = want < size - done ? want : size - done;
		ssize_t n = tcp_read(conn, fragment, want < room ? want : room, READ_SPLICE);
		if (n <= 0)
			return done ? (ssize_t)done : n;
		pipe_add(pipe, fragment, (size_t)n);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

ssize_t sys_splice_out(int pipe_fd, int socket_fd, size_t size)
{
	struct fake_conn *conn = file_at(socket_fd, FILE_SOCKET)->conn;
	struct fake_pipe *pipe = file_at(pipe_fd, FILE_PIPE_READ)->pipe;
	const unsigned char *data;
	size_t n = pipe_look(pipe, size, &data);
	if (n == 0)
		return -EAGAIN;
	if (fake_chance(kernel.options.chances.short_send) && n > pipe->fragments[pipe->first])
		n = pipe->fragments[pipe->first];
	ssize_t sent = tcp_write(conn, data, n);
	if (sent > 0)
		pipe_take(pipe, (size_t)sent);
	return sent;
}

ssize_t sys_tee(int pipe_fd, int other_pipe_fd, size_t size)
{
	struct fake_pipe *from = file_at(pipe_fd, FILE_PIPE_READ)->pipe;
	struct fake_pipe *to = file_at(other_pipe_fd, FILE_PIPE_WRITE)->pipe;
	size_t done = 0;
	for (uint32_t i = 0; i < from->count && done < size && to->count < to->slots; i++) {
		size_t n = from->fragments[(from->first + i) % from->slots], at = (from->start + done) % PIPE_BYTES;
		n = n < size - done ? n : size - done;
		size_t first = n < PIPE_BYTES - at ? n : PIPE_BYTES - at;
		pipe_add(to, from->data + at, first);
		if (first < n && to->count < to->slots) /* two fragments, where this ring wraps */
			pipe_add(to, from->data, n - first);
		else if (first < n)
			n = first;
		done += n;
	}
	return done ? (ssize_t)done : -EAGAIN;
}

int sys_open_null(void)
{
	struct file *file = file_open(FILE_SINK);
	return file ? file->fd : -EMFILE;
}

ssize_t sys_discard(int pipe_fd, int null_fd, size_t size)
{
	struct fake_pipe *pipe = file_at(pipe_fd, FILE_PIPE_READ)->pipe;
	file_at(null_fd, FILE_SINK);
	size_t n = size < pipe->size ? size : pipe->size;
	pipe_take(pipe, n);
	return n ? (ssize_t)n : -EAGAIN;
}

/* ---- what the scheduler tells ---- */

int sys_open_load(void)
{
	return sys_open_null();
}

void fake_set_load(uint32_t percent)
{
	kernel.load_ns = kernel.load_ns + (kernel.now_ns - kernel.load_since_ns) / 100 * kernel.load_percent;
	kernel.load_since_ns = kernel.now_ns;
	kernel.load_percent = percent;
}

int sys_load(int load_fd, struct sys_load *ret)
{
	file_at(load_fd, FILE_SINK);
	fake_set_load(kernel.load_percent);
	*ret = (struct sys_load){.ran_ns = kernel.load_ns};
	return 0;
}

ssize_t sys_read(int fd, void *buf, size_t size)
{
	struct fake_pipe *pipe = file_at(fd, FILE_PIPE_READ)->pipe;
	const unsigned char *data;
	size_t done = 0, n;
	while ((n = pipe_look(pipe, size - done, &data)) > 0) {
		memcpy((unsigned char *)buf + done, data, n);
		pipe_take(pipe, n);
		done += n;
	}
	return done ? (ssize_t)done : -EAGAIN;
}

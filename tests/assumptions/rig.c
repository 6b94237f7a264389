/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_return_code(ioctl(fd, SIOCSIFFLAGS, &request), errno);
	close(fd);
}

void rig_need_netns(void)
{
	static bool entered;

	if (entered)
		return;
	if (unshare(CLONE_NEWNET) < 0) {
		print_message("skipped: a network namespace of its own needs CAP_SYS_ADMIN: %s\n",
			      strerror(errno));
		skip();
	}
	entered = true;
	loopback_up();
}

void rig_netns_enter_fresh(void)
{
	assert_return_code(unshare(CLONE_NEWNET), errno);
}

static void option_set(int fd, int level, int option, int value)
{
	assert_return_code(setsockopt(fd, level, option, &value, sizeof(value)), errno);
}

/* reno is always there, allowed in every namespace, and unlike bbr never paces. */
int rig_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	assert_return_code(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), errno);
	return fd;
}

int rig_listen(struct sockaddr_in *ret)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(addr);
	int fd = rig_socket();

	assert_return_code(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), errno);
	assert_return_code(listen(fd, 16), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&addr, &size), errno);
	*ret = addr;
	return fd;
}

int rig_connect(const struct sockaddr_in *addr)
{
	int fd = rig_socket();

	if (connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0)
		assert_int_equal(errno, EINPROGRESS);
	assert_int_equal(rig_await(fd, POLLOUT) & POLLERR, 0);
	return fd;
}

void rig_tcp_open(struct rig_tcp *ret)
{
	struct sockaddr_in addr;
	int listener = rig_listen(&addr);

	ret->far = rig_connect(&addr);
	rig_await(listener, POLLIN);
	ret->near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_true(ret->near >= 0);
	close(listener);
}

void rig_tcp_close(struct rig_tcp *tcp)
{
	if (tcp->near >= 0)
		close(tcp->near);
	if (tcp->far >= 0)
		close(tcp->far);
	*tcp = (struct rig_tcp){.near = -1, .far = -1};
}

void rig_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), errno);
	close(fd);
}

short rig_await(int fd, short events)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};

	assert_int_equal(poll(&poll_fd, 1, RIG_LIMIT_S * 1000), 1);
	return poll_fd.revents;
}

/* Wait until @done(fd, value) holds: looks every millisecond, and gives up after RIG_LIMIT_S. */
static void await_condition(bool (*done)(int fd, int value), int fd, int value)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; i < RIG_LIMIT_S * 1000 && !done(fd, value); i++)
		nanosleep(&pause, NULL);
	assert_true(done(fd, value));
}

static bool outq_is(int fd, int value)
{
	int queued = -1;

	assert_return_code(ioctl(fd, SIOCOUTQ, &queued), errno);
	return queued == value;
}

static bool state_is(int fd, int value)
{
	return rig_state(fd) == value;
}

void rig_await_acked(int fd)
{
	await_condition(outq_is, fd, 0);
}

void rig_await_state(int fd, int state)
{
	await_condition(state_is, fd, state);
}

int rig_state(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	assert_return_code(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), errno);
	return info.tcpi_state;
}

void rig_send(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/*
 * The peer takes a little more when the first retransmission comes (TCP_RTO_MIN, 200 ms) and the send buffer
 * grows with every acknowledgement, so "full" is believed only when it has lasted for longer than that.
 */
size_t rig_fill(int fd)
{
	enum { LOOKS = 60 };
	static const char zeros[65536];
	const struct timespec pause = {.tv_nsec = 5000000};
	size_t total = 0;

	for (int idle_looks = 0; idle_looks < LOOKS;) {
		ssize_t sent = send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			total += (size_t)sent;
			idle_looks = 0;
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		nanosleep(&pause, NULL);
		idle_looks++;
	}
	return total;
}

void rig_drain(int fd, size_t count)
{
	static char sink[65536];

	while (count > 0) {
		rig_await(fd, POLLIN);
		ssize_t got = recv(fd, sink, count < sizeof(sink) ? count : sizeof(sink), MSG_DONTWAIT);

		assert_true(got > 0);
		count -= (size_t)got;
	}
}

size_t rig_drain_to_end(int fd)
{
	static char sink[65536];
	size_t total = 0;

	for (;;) {
		rig_await(fd, POLLIN);
		ssize_t got = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

		assert_true(got >= 0);
		if (got == 0)
			return total;
		total += (size_t)got;
	}
}

void rig_pipe(int ret[2], int size)
{
	assert_return_code(pipe2(ret, O_NONBLOCK | O_CLOEXEC), errno);
	assert_return_code(fcntl(ret[1], F_SETPIPE_SZ, size), errno);
}

void rig_ring_open(struct io_uring *ret, unsigned entries, unsigned cq_entries, unsigned flags)
{
	struct io_uring_params params = {.flags = flags | (cq_entries ? IORING_SETUP_CQSIZE : 0),
					 .cq_entries = cq_entries};
	int status = io_uring_queue_init_params(entries, ret, &params);

	if (status == -ENOSYS || status == -EPERM) {
		print_message("skipped: io_uring is not available: %s\n", strerror(-status));
		skip();
	}
	assert_int_equal(status, 0);
}

struct io_uring_sqe *rig_sqe(struct io_uring *ring, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	assert_non_null(sqe);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, user_data);
	return sqe;
}

void rig_ring_submit(struct io_uring *ring)
{
	unsigned queued = io_uring_sq_ready(ring);

	assert_int_equal(io_uring_submit(ring), queued);
}

struct rig_completion rig_ring_wait(struct io_uring *ring)
{
	struct __kernel_timespec limit = {.tv_sec = RIG_LIMIT_S};
	struct io_uring_cqe *cqe;
	struct rig_completion completion;

	assert_int_equal(io_uring_wait_cqe_timeout(ring, &cqe, &limit), 0);
	completion = (struct rig_completion){
		.user_data = cqe->user_data, .res = cqe->res, .flags = cqe->flags};
	io_uring_cqe_seen(ring, cqe);
	return completion;
}

bool rig_ring_is_quiet(struct io_uring *ring)
{
	assert_true(io_uring_get_events(ring) >= 0);
	return io_uring_cq_ready(ring) == 0;
}

struct rig_completion rig_ring_cancel(struct io_uring *ring, uint64_t user_data)
{
	static const uint64_t canceller = ~0ULL;
	struct io_uring_sqe *sqe = rig_sqe(ring, canceller);
	struct rig_completion first, second;

	io_uring_prep_cancel64(sqe, user_data, 0);
	rig_ring_submit(ring);
	first = rig_ring_wait(ring);
	second = rig_ring_wait(ring);
	assert_int_equal(first.user_data == canceller ? first.res : second.res, 0);
	return first.user_data == canceller ? second : first;
}

static void buffers_give(struct rig_buffers *buffers)
{
	int mask = io_uring_buf_ring_mask(buffers->count);

	for (unsigned i = 0; i < buffers->count; i++)
		io_uring_buf_ring_add(buffers->ring, buffers->memory + (size_t)i * buffers->size,
				      buffers->size, (unsigned short)i, mask, (int)i);
	io_uring_buf_ring_advance(buffers->ring, (int)buffers->count);
}

void rig_buffers_open(struct rig_buffers *ret, struct io_uring *ring, unsigned count, unsigned size)
{
	size_t ring_size = count * sizeof(struct io_uring_buf);
	struct io_uring_buf_reg registration = {.ring_entries = count};

	ret->count = count;
	ret->size = size;
	ret->memory = calloc(count, size);
	assert_non_null(ret->memory);
	ret->ring = mmap(NULL, ring_size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
	assert_ptr_not_equal(ret->ring, MAP_FAILED);
	registration.ring_addr = (uintptr_t)ret->ring;
	assert_int_equal(io_uring_register_buf_ring(ring, &registration, 0), 0);
	io_uring_buf_ring_init(ret->ring);
	buffers_give(ret);
}

void rig_buffers_close(struct rig_buffers *buffers, struct io_uring *ring)
{
	if (ring)
		assert_int_equal(io_uring_unregister_buf_ring(ring, 0), 0);
	munmap(buffers->ring, buffers->count * sizeof(struct io_uring_buf));
	free(buffers->memory);
}

const char *rig_buffers_of(const struct rig_buffers *buffers, struct rig_completion completion)
{
	unsigned index = completion.flags >> IORING_CQE_BUFFER_SHIFT;

	assert_true(completion.flags & IORING_CQE_F_BUFFER);
	assert_true(index < buffers->count);
	return buffers->memory + (size_t)index * buffers->size;
}

void rig_recv_multishot(struct io_uring *ring, int fd, uint64_t user_data)
{
	struct io_uring_sqe *sqe = rig_sqe(ring, user_data);

	io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
	io_uring_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
	sqe->buf_group = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "io/sys.h"

/* linux/netfilter_ipv4.h gives way to the C library's struct in_addr only when that comes first. */
#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter_ipv4.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"

uint64_t sys_now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2014), one state a thread */
uint32_t sys_random(void)
{
	static _Thread_local uint64_t state;
	if (state == 0)
		state = sys_now_ns() | 1;
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (uint32_t)((state * UINT64_C(0x2545F4914F6CDD1D)) >> 32);
}

ssize_t sys_recv(int fd, void *buf, size_t size, int flags)
{
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT | flags);
	return n < 0 ? -errno : n;
}

ssize_t sys_send(int fd, const struct iovec *iov, size_t iov_count, int flags)
{
	flags |= MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t n;
	if (iov_count == 1) {
		n = send(fd, iov->iov_base, iov->iov_len, flags);
	} else {
		struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = iov_count};
		n = sendmsg(fd, &message, flags);
	}
	return n < 0 ? -errno : n;
}

ssize_t sys_splice_in(int socket_fd, int pipe_fd, size_t size)
{
	ssize_t n = splice(socket_fd, NULL, pipe_fd, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	return n < 0 ? -errno : n;
}

ssize_t sys_splice_out(int pipe_fd, int socket_fd, size_t size)
{
	ssize_t n = splice(pipe_fd, NULL, socket_fd, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	return n < 0 ? -errno : n;
}

ssize_t sys_tee(int pipe_fd, int other_pipe_fd, size_t size)
{
	ssize_t n = tee(pipe_fd, other_pipe_fd, size, SPLICE_F_NONBLOCK);
	return n < 0 ? -errno : n;
}

int sys_open_null(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

ssize_t sys_discard(int pipe_fd, int null_fd, size_t size)
{
	return sys_splice_out(pipe_fd, null_fd, size);
}

int sys_open_load(void)
{
	int fd = open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int sys_load(int load_fd, struct sys_load *ret)
{
	char text[64];
	ssize_t n = pread(load_fd, text, sizeof(text) - 1, 0);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	unsigned long long ran, waited;
	if (sscanf(text, "%llu %llu", &ran, &waited) != 2)
		return -EPROTO;
	*ret = (struct sys_load){ran, waited};
	return 0;
}

ssize_t sys_read(int fd, void *buf, size_t size)
{
	ssize_t n = read(fd, buf, size);
	return n < 0 ? -errno : n;
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
	return connect(fd, addr, addr_len) < 0 ? -errno : 0;
}

int sys_recycle(int fd)
{
	/* The FIN counts as a byte: nothing unsent after both means that TCP has reached TIME_WAIT or CLOSED (RFC 9293). */
	if (sys_unsent(fd) != 0)
		return -EBUSY;
	struct sockaddr nothing = {.sa_family = AF_UNSPEC};
	return connect(fd, &nothing, sizeof(nothing)) < 0 ? -EBUSY : 0;
}

int sys_accept(int fd)
{
	int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return accepted < 0 ? -errno : accepted;
}

int sys_socket_error(int fd)
{
	int error = 0;
	socklen_t size = sizeof(error);
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	return -error;
}

int sys_shutdown_write(int fd)
{
	return shutdown(fd, SHUT_WR) < 0 ? -errno : 0;
}

void sys_close(int fd)
{
	/* EINTR and EIO leave the descriptor closed on Linux (close(2)); EBADF would be a bug of ours. */
	CHECK(close(fd) == 0 || errno != EBADF);
}

void sys_close_reset(int fd)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	sys_close(fd);
}

static void set_quickack(int fd, int value)
{
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &value, sizeof(value));
}

void sys_delay_ack(int fd)
{
	set_quickack(fd, 0);
}

void sys_ack_now(int fd)
{
	set_quickack(fd, 1);
}

int sys_send_space(int fd, struct sys_send_space *ret)
{
	uint32_t memory[SK_MEMINFO_VARS] = {0};
	socklen_t size = sizeof(memory);
	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) < 0)
		return -errno;
	/* TCP counts what it queues in wmem_queued; a unix socket charges what its peer has not read to wmem_alloc. */
	uint32_t used = memory[SK_MEMINFO_WMEM_QUEUED];
	if (used == 0)
		used = memory[SK_MEMINFO_WMEM_ALLOC];
	ret->limit = memory[SK_MEMINFO_SNDBUF];
	ret->free = used < ret->limit ? ret->limit - used : 0;
	return 0;
}

int sys_unsent(int fd)
{
	int bytes = 0;
	return ioctl(fd, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int sys_at_mark(int fd)
{
	int answer = 0;
	return ioctl(fd, SIOCATMARK, &answer) < 0 ? -errno : answer;
}

/* queue_size - 0 where the kernel does not say: SIOCINQ of a socket that listens is EINVAL */
static uint32_t queue_size(int fd, unsigned long request)
{
	int bytes = 0;
	return ioctl(fd, request, &bytes) < 0 ? 0 : (uint32_t)bytes;
}

int sys_tcp(int fd, struct sys_tcp *ret)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	*ret = (struct sys_tcp){
		.rtt_us = info.tcpi_rtt,
		.rtt_var_us = info.tcpi_rttvar,
		.congestion_window = info.tcpi_snd_cwnd,
		.mss = info.tcpi_snd_mss,
		.retransmits = info.tcpi_total_retrans,
		.send_queue = queue_size(fd, SIOCOUTQ),
		.receive_queue = queue_size(fd, SIOCINQ),
		.state = info.tcpi_state,
	};
	return 0;
}

int sys_peer(int fd, struct sockaddr_storage *ret)
{
	socklen_t size = sizeof(*ret);
	return getpeername(fd, (struct sockaddr *)ret, &size) < 0 ? -errno : 0;
}

int sys_local(int fd, struct sockaddr_storage *ret)
{
	socklen_t size = sizeof(*ret);
	return getsockname(fd, (struct sockaddr *)ret, &size) < 0 ? -errno : 0;
}

int sys_original(int fd, sa_family_t family, struct sockaddr_storage *ret)
{
	/* One number for both: SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST, linux/netfilter_ipv4.h and netfilter_ipv6/ip6_tables.h */
	_Static_assert(SO_ORIGINAL_DST == 80, "that of IPv6 is the same");
	socklen_t size = family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
	return getsockopt(fd, level, SO_ORIGINAL_DST, ret, &size) < 0 ? -errno : 0;
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
	return bind(fd, addr, addr_len) < 0 ? -errno : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The system calls of the data path that do not go through the ring, the clock and randomness: the other half of the seam
 * to the kernel (io/ring.h is the first). Tests link tests/lib/fake_kernel.c instead.
 *
 * Nothing here blocks. Functions return >= 0, or -errno captured at once. SIGPIPE must be ignored by the process:
 * splice(2) to a reset socket raises it. Callable from any thread.
 */
#ifndef NSRELAY_IO_SYS_H
#define NSRELAY_IO_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/* sys_now_ns - CLOCK_MONOTONIC */
uint64_t sys_now_ns(void);

/* sys_random - 32 bits, for spreading load; not for secrets */
uint32_t sys_random(void);

/* sys_recv, sys_send - recv(2) and sendmsg(2), never waiting, never SIGPIPE; @flags is 0, MSG_PEEK or MSG_MORE */
ssize_t sys_recv(int fd, void *buf, size_t size, int flags);
ssize_t sys_send(int fd, const struct iovec *iov, size_t iov_count, int flags);

/* sys_splice_in, sys_splice_out - move bytes from a socket into a pipe, and from a pipe into a socket */
ssize_t sys_splice_in(int socket_fd, int pipe_fd, size_t size);
ssize_t sys_splice_out(int pipe_fd, int socket_fd, size_t size);

/* sys_tee - let the bytes of a pipe be in another one too, which is not copying them; bytes, or -errno */
ssize_t sys_tee(int pipe_fd, int other_pipe_fd, size_t size);

/* sys_open_null, sys_discard - a file that takes everything, and to move bytes from a pipe there */
int sys_open_null(void);
ssize_t sys_discard(int pipe_fd, int null_fd, size_t size);

/* How much time a thread has had, and how much it wanted and did not get, since it began. */
struct sys_load {
	uint64_t ran_ns;
	uint64_t waited_ns; /* for a processor */
};

/*
 * sys_open_load, sys_load - the calling thread's: /proc/thread-self/schedstat, sched-stats.rst
 * May be opened before a thread is shut in, and read after. 0 (or a descriptor), or -errno where the kernel does not tell.
 */
int sys_open_load(void);
int sys_load(int load_fd, struct sys_load *ret);

/* sys_read - from a pipe */
ssize_t sys_read(int fd, void *buf, size_t size);

/* sys_connect - 0 connected, -EINPROGRESS under way (-EALREADY when asked again), else the refusal */
int sys_connect(int fd, const struct sockaddr *addr, socklen_t addr_len);

/*
 * sys_recycle - make a TCP socket whose connection is over fit for another sys_connect(), options kept
 * Both FINs must have been sent. connect(2) with AF_UNSPEC, once the peer has acknowledged ours: before that it would send
 * RST. 0, or -EBUSY when it is too early.
 */
int sys_recycle(int fd);

/* sys_accept - one waiting connection: its fd, non-blocking and close-on-exec; -EAGAIN when none waits */
int sys_accept(int fd);

/* sys_socket_error - take SO_ERROR: 0 or -errno */
int sys_socket_error(int fd);

/* sys_shutdown_write - send FIN */
int sys_shutdown_write(int fd);

/* sys_close - give the fd up; FIN when no armed operation holds the file */
void sys_close(int fd);

/* sys_close_reset - the same with RST in place of FIN (SO_LINGER with a time of 0); unsent bytes are dropped */
void sys_close_reset(int fd);

/* sys_delay_ack - let the kernel piggyback the ACK of what comes next on data (TCP_QUICKACK off); best effort */
void sys_delay_ack(int fd);

/* sys_ack_now - send the ACK that the kernel is holding back for what was received (TCP_QUICKACK on); best effort */
void sys_ack_now(int fd);

/* Send buffer of a socket, in bytes. */
struct sys_send_space {
	uint32_t limit; /* SO_SNDBUF as it stands now: the kernel tunes it */
	uint32_t free;  /* at least this much is taken before a send would block; 0 when full */
};

/* sys_send_space - SO_MEMINFO (Linux 4.12); 0 or -errno */
int sys_send_space(int fd, struct sys_send_space *ret);

/* sys_unsent - bytes that the peer has not acknowledged yet (SIOCOUTQ), or -errno */
int sys_unsent(int fd);

/* sys_at_mark - is an urgent byte next (SIOCATMARK)? splice(2) never gets past one, recv(2) does. 1, 0 or -errno */
int sys_at_mark(int fd);

/* What the kernel knows of a TCP connection. */
struct sys_tcp {
	uint32_t rtt_us, rtt_var_us; /* smoothed, RFC 6298 */
	uint32_t congestion_window;  /* segments of mss bytes */
	uint32_t mss;                /* bytes */
	uint32_t retransmits;        /* segments, since the connection began */
	uint32_t send_queue;         /* bytes that the peer has not acknowledged */
	uint32_t receive_queue;      /* bytes that have not been read */
	uint8_t state;               /* TCP_ESTABLISHED ... of netinet/tcp.h */
};

/* sys_tcp - TCP_INFO, SIOCOUTQ and SIOCINQ; 0 or -errno: -EOPNOTSUPP of a unix socket */
int sys_tcp(int fd, struct sys_tcp *ret);

/* sys_peer - address of the other end; 0 or -errno */
int sys_peer(int fd, struct sockaddr_storage *ret);

/* sys_local - address of this end; 0 or -errno */
int sys_local(int fd, struct sockaddr_storage *ret);

/*
 * sys_original - the destination that an accepted connection had before nf_tables translated it: SO_ORIGINAL_DST
 * @family: of the connection, which AF_INET6 sockets have of IPv4 too
 * 0 or -errno: -ENOENT when conntrack does not know the connection, -ENOPROTOOPT when it is not there.
 */
int sys_original(int fd, sa_family_t family, struct sockaddr_storage *ret);

/* sys_bind - 0 or -errno: -EADDRNOTAVAIL of an address that is not the namespace's, but for transparent sockets */
int sys_bind(int fd, const struct sockaddr *addr, socklen_t addr_len);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the fake kernel (fake_kernel.c, fake_tcp.c, fake_ring.c) know of each other. */
#ifndef NSRELAY_TESTS_FAKE_INTERNAL_H
#define NSRELAY_TESTS_FAKE_INTERNAL_H

#include <sys/types.h>

#include "base/list.h"
#include "tests/lib/fake_kernel.h"

enum { FD_FIRST = 3, FD_MAX = 1024 };

enum file_kind { FILE_SOCKET, FILE_LISTENER, FILE_PIPE_READ, FILE_PIPE_WRITE, FILE_SIGNAL, FILE_SINK };

/* Things that happen to a file, counted: what edge-triggered polls look at. */
enum edge { EDGE_IN, EDGE_OUT, EDGE_ERROR, EDGE_COUNT };

struct fake_listener;
struct fake_pipe;

/* An open file description: lives until no descriptor names it and no operation holds it. */
struct file {
	struct list link; /* in kernel.files */
	enum file_kind kind;
	int fd; /* -1 once closed */
	bool close_by_reset;
	uint32_t operations;
	uint32_t edges[EDGE_COUNT];
	union {
		struct fake_conn *conn;
		struct fake_listener *listener;
		struct fake_pipe *pipe;
		bool readable;
	};
};

struct kernel {
	struct fake_options options;
	uint64_t random_state;
	uint64_t now_ns, horizon_ns;
	uint64_t ticks, turns;
	uint32_t idle_turns; /* turns in a row in which nothing happened */
	bool asleep;
	bool in_motion; /* something moved in this tick, or was held back and will move */
	struct file *fds[FD_MAX];
	uint32_t open_fds;
	uint32_t closed_while_armed;
	uint32_t lost_in_queue;
	uint32_t load_percent; /* since load_since_ns; before that the thread had run for load_ns */
	uint64_t load_ns, load_since_ns;
	struct list files;
};

extern struct kernel kernel;

/* fake_kernel.c */

/* progress - something happened that a turn may be spent on */
void progress(void);

/* tick - the network moves, then armed operations run */
void tick(void);

/* file_open - a new file at the lowest free descriptor; NULL when the table is full */
struct file *file_open(enum file_kind kind);

/* file_at - the file @fd names; fails the test when there is none, or it is of another kind */
struct file *file_at(int fd, enum file_kind kind);

struct file *file_of(int fd);
uint32_t file_poll(const struct file *file);
void file_wake(struct file *file, enum edge edge);

/* file_hold, file_drop - an operation begins and ends */
void file_hold(struct file *file);
void file_drop(struct file *file);

/* fake_tcp.c: see its top */

struct stream {
	unsigned char *data; /* a ring */
	size_t capacity, start, size;
	size_t arrived;	   /* of size: at the receiver */
	uint64_t put, came, taken;
	uint64_t urgent_at; /* position of the urgent byte, counted from 1; 0: none */
	bool fin, fin_arrived;
	bool reset, reset_arrived;
};

enum socket_state { SOCKET_NEW, SOCKET_CONNECTING, SOCKET_OPEN, SOCKET_DEAD };

struct fake_conn {
	struct list link;  /* in conns */
	struct list queue; /* of a listener, or of a server's connections that were not accepted yet */
	struct stream to_relay, to_peer;
	/* the relay's end */
	struct file *file; /* NULL before accept and after close */
	enum socket_state state;
	int error;	       /* sk_err: positive errno, reported once */
	bool relay_closed;
	uint64_t reset_at;     /* the peer resets when it was given so many bytes; 0: it does not */
	bool wants_space;      /* SOCK_NOSPACE: wake whoever waits for it; set by who found the socket full */
	uint32_t last_unacked; /* what SIOCOUTQ stays at after a reset */
	enum fake_answer answer;
	uint64_t answer_tick; /* SOCKET_CONNECTING: when the answer comes */
	uint32_t server;
	uint32_t bound; /* to this IPv4 address, host order; 0: to none */
	uint64_t moved_ns;
	/* the peer's end */
	bool peer_closed, vanished, timed_out;
	uint32_t acks_asked; /* for an ACK at once */
	bool opened;	/* there was a peer */
	bool forgotten; /* by the test */
	void *tag;
};

size_t send_room(const struct stream *stream);
void stream_put(struct stream *stream, const unsigned char *data, size_t size);

/* stream_copy - @size bytes from @skip behind the front */
void stream_copy(const struct stream *stream, size_t skip, unsigned char *out, size_t size);
void stream_drop(struct stream *stream, size_t size);

/* stream_reset - the sender is gone: what is in flight is lost */
void stream_reset(struct stream *stream);

/* die - the relay's socket learns that the connection is no more */
void die(struct fake_conn *conn, int error);

void tcp_init(void);
void tcp_fini(void);
void tcp_tick(void);
uint32_t tcp_poll(const struct file *file);
uint32_t listener_poll(const struct file *file);
void tcp_release(struct file *file);
void listener_release(struct file *file);
bool tcp_connecting(const struct file *file);

enum read_how { READ_TAKE, READ_PEEK, READ_SPLICE };

/* tcp_read, tcp_write - as recv(2), splice(2) from, and send(2) would return */
ssize_t tcp_read(struct fake_conn *conn, void *buffer, size_t size, enum read_how how);
ssize_t tcp_write(struct fake_conn *conn, const void *data, size_t size);

/* tcp_want_space - a poll for writing looks at the socket: when it is full, it is to be woken (SOCK_NOSPACE) */
void tcp_want_space(struct file *file);

/* tcp_readable - bytes that can be read in one go */
size_t tcp_readable(const struct fake_conn *conn);

/* listener_accept - -EMFILE, -EAGAIN or the new descriptor */
int listener_accept(struct file *file);

/* fake_ring.c */
void ring_init(void);
void ring_fini(void);
void ring_tick(void);

/* ring_check_not_queued - @fd is being closed: does an operation that was not submitted yet name it? */
void ring_check_not_queued(int fd);

#endif

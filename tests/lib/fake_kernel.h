/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel in memory: implements io/ring.h and io/sys.h for tests, linked in place of io/ring.c and io/sys.c. It is driven
 * by one thread, its clock is virtual, and everything it chooses comes out of one seed, so that a failure can be repeated.
 *
 * A *connection* has two ends. The relay's end is a file descriptor of this kernel; the other end, the *peer*, is the
 * test's, which plays a client or a backend through the fake_peer_*() functions.
 *
 * It fails the running cmocka test when the code under test breaks a rule that a real kernel would punish silently: an
 * operation queued on a descriptor that is closed or re-used by the time it is submitted, a buffer returned twice, one tag
 * armed twice, turns without end in which nothing happens.
 */
#ifndef NSRELAY_TESTS_FAKE_KERNEL_H
#define NSRELAY_TESTS_FAKE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How often, in 1/1000, this kernel does what a kernel may do. All 0 is a kind one, for tests of one thing. */
struct fake_chances {
	uint16_t slow_network; /* a tick in which a stream does not move, or only in part */
	uint16_t delay;	       /* a completion comes some ticks later, so that those of other operations overtake it */
	uint16_t overflow;     /* a multishot operation ends as if the completion queue had overflowed */
	uint16_t spurious;     /* a poll reports what is not (any more) the case */
	uint16_t no_buffers;   /* a receive ends with ENOBUFS */
	uint16_t accept_error; /* an accept ends with EMFILE, ENFILE, ENOBUFS or ENOMEM */
	uint16_t cancelled;    /* an operation ends with ECANCELED though nobody asked for it */
	uint16_t short_send;   /* a socket takes less than it said, or nothing */
};

struct fake_options {
	uint64_t seed;
	uint32_t send_buffer;	 /* bytes, of every socket */
	uint32_t receive_buffer; /* bytes, of every socket */
	uint32_t pipe_slots;	 /* fragments a pipe holds */
	uint32_t fd_limit;	 /* descriptors that may be open at a time; 0: as many as there can be */
	struct fake_chances chances;
};

/* fake_init - a fresh kernel */
void fake_init(const struct fake_options *options);

/* fake_fini - free everything, whatever is still open */
void fake_fini(void);

/* fake_chances - may be changed at any time */
struct fake_chances *fake_chances(void);
void fake_set_fd_limit(uint32_t fd_limit);

/* fake_random - a number below @below, out of the seed; fake_chance - true @per_mille times in 1000 */
uint32_t fake_random(uint32_t below);
bool fake_chance(uint32_t per_mille);

/* fake_fail - fail the test; the message is followed by the seed */
_Noreturn void fake_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- time ---- */

uint64_t fake_now_ns(void);

/* fake_set_horizon - ring_turn() sleeps no longer than this; it then returns without a completion */
void fake_set_horizon(uint64_t at_ns);

/* fake_asleep - did the last ring_turn() reach the horizon with nothing to hand out? */
bool fake_asleep(void);

/* fake_set_load - the percentage of its time that the scheduler says the thread runs for, from now on; at first 0 */
void fake_set_load(uint32_t percent);

/* fake_advance - let time pass and the network work, without a turn */
void fake_advance(uint64_t ns);

/* ---- descriptors of the relay ---- */

uint32_t fake_open_fds(void);

/* fake_closed_while_armed - how often a descriptor was closed while an operation held its file */
uint32_t fake_closed_while_armed(void);

/* fake_turns - how many ring_turn()s there were */
uint64_t fake_turns(void);

/* fake_armed - operations in the kernel's hands */
uint32_t fake_armed(void);

int fake_listen(void);
int fake_socket(void);
void fake_pipe(int ret_fds[2]);

/* fake_pipe_bytes - in the pipe that @fd is one end of */
size_t fake_pipe_bytes(int fd);

/* fake_signal_open - a descriptor that is readable while fake_signal_set() says so */
int fake_signal_open(void);
void fake_signal_set(int fd, bool readable);

/* ---- connections and their peers ---- */

struct fake_conn;

/* fake_dial - connect to the listening socket @listener_fd; NULL when it refuses */
struct fake_conn *fake_dial(int listener_fd);

/* fake_clients_want - what sys_original() tells from now on: an IPv4 address in host order and a port; 0: that it knows none */
void fake_clients_want(uint32_t address, uint16_t port);

/* fake_clients_come_from - what sys_peer() tells from now on: an IPv4 address in host order; 0: 127.0.0.1 */
void fake_clients_come_from(uint32_t address);

enum fake_answer {
	FAKE_ACCEPTS,	     /* connect(2) returns 0 */
	FAKE_ACCEPTS_LATER,  /* EINPROGRESS, then connected */
	FAKE_REFUSES,	     /* ECONNREFUSED at once */
	FAKE_REFUSES_LATER,  /* EINPROGRESS, then ECONNREFUSED */
	FAKE_SILENT,	     /* EINPROGRESS, and ETIMEDOUT after two minutes */
	FAKE_NO_ROUTE,	     /* ENETUNREACH */
	FAKE_NO_PORT,	     /* EADDRNOTAVAIL */
	FAKE_ANSWER_COUNT,
};

/* Backends are told apart by port, from FAKE_SERVER_PORT on. */
enum { FAKE_SERVER_PORT = 9000, FAKE_SERVER_COUNT = 8 };

/* fake_server_answer - how server @index answers connects from now on; at first it accepts */
void fake_server_answer(uint32_t index, enum fake_answer answer);

/* fake_server_attempts - connect(2) calls so far */
uint32_t fake_server_attempts(uint32_t index);

/* fake_server_accept - the oldest connection not accepted yet, NULL when there is none */
struct fake_conn *fake_server_accept(uint32_t index);

/* fake_socket_to - a descriptor that comes connected to server @index, as unix sockets do */
int fake_socket_to(uint32_t index);

/* fake_conn_of_fd - the connection that the relay knows as @fd; NULL when it is none */
struct fake_conn *fake_conn_of_fd(int fd);

/* fake_conn_forget - the test does not use @conn any more; NULL is allowed */
void fake_conn_forget(struct fake_conn *conn);

/* fake_conn_tag - room for the test's own notes */
void **fake_conn_tag(struct fake_conn *conn);

/* What the peer does. Sends and reads move as much as fits and return how much that was. */
size_t fake_peer_send(struct fake_conn *conn, const void *data, size_t size);
size_t fake_peer_room(const struct fake_conn *conn);
bool fake_peer_send_urgent(struct fake_conn *conn, unsigned char byte);
size_t fake_peer_read(struct fake_conn *conn, void *buffer, size_t size);
void fake_peer_shutdown(struct fake_conn *conn);
void fake_peer_close(struct fake_conn *conn); /* a RST when it has unread bytes, else FIN; answers what comes with RST */
void fake_peer_reset(struct fake_conn *conn);
void fake_peer_reset_after(struct fake_conn *conn, size_t size); /* once the relay has given it @size bytes more */
void fake_peer_vanish(struct fake_conn *conn); /* nothing it sends arrives any more, nor does it acknowledge */
void fake_peer_time_out(struct fake_conn *conn); /* the relay's kernel gives up waiting for it: ETIMEDOUT */

/* What the peer has seen. */
uint32_t fake_peer_acks_asked(const struct fake_conn *conn); /* how often the relay had its bytes acknowledged at once */
bool fake_peer_at_end(const struct fake_conn *conn); /* all read, and the FIN is here */
bool fake_peer_was_reset(const struct fake_conn *conn);
size_t fake_peer_waiting(const struct fake_conn *conn); /* bytes it could read now */

/* What only a kernel knows. */
struct fake_facts {
	uint64_t arrived;    /* bytes of the peer that reached the relay's socket */
	uint64_t taken;	     /* of these, bytes that the relay has read */
	uint64_t given;	     /* bytes that the relay's sends were accepted for */
	uint64_t unacked;    /* of these, not at the peer's socket yet */
	bool peer_fin, peer_reset; /* sent by the peer, whether it arrived or not */
	bool reset_arrived;  /* the relay's socket knows of the reset, or of the time-out */
	bool timed_out;	     /* by fake_peer_time_out() */
	bool relay_fin, relay_reset; /* sent by the relay */
	bool relay_closed;   /* the relay has closed its descriptor */
	uint32_t bound;      /* the relay's end, by bind(2), to this IPv4 address in host order; 0: to none */
	uint64_t moved_ns;   /* when the relay last read or wrote a byte of it */
};

struct fake_facts fake_conn_facts(const struct fake_conn *conn);

/* fake_lost_in_queue - connections reset because their listener was closed before they were accepted */
uint32_t fake_lost_in_queue(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake kernel's TCP. A connection is two streams, one in each direction. A stream's bytes are first in flight (in the
 * sender's buffer, not acknowledged) and then at the receiver (acknowledged, not read); FIN and RST follow them in order.
 * A RST sent by close(2) drops what is in flight. The facts behind the finer points are proved by tests/assumptions/.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "io/sys.h"
#include "tests/lib/fake_internal.h"
#include "tests/unit/unit.h"

enum { BACKLOG = 64 };

/* tcp_syn_retries: 6 of them, ip-sysctl.rst */
static const uint64_t SYN_TIMEOUT_NS = UINT64_C(127) * 1000 * 1000 * 1000;

struct fake_listener {
	struct list queue;
	uint32_t waiting;
};

static struct server {
	enum fake_answer answer;
	struct list queue;
	uint32_t attempts;
} servers[FAKE_SERVER_COUNT];

static struct list conns;

/* ---- streams ---- */

static size_t in_flight(const struct stream *stream)
{
	return stream->size - stream->arrived;
}

size_t send_room(const struct stream *stream)
{
	size_t flying = in_flight(stream);
	return flying < kernel.options.send_buffer ? kernel.options.send_buffer - flying : 0;
}

void stream_put(struct stream *stream, const unsigned char *data, size_t size)
{
	if (!stream->data) {
		stream->capacity = kernel.options.send_buffer + kernel.options.receive_buffer + 1;
		stream->data = malloc(stream->capacity);
		assert_non_null(stream->data);
	}
	for (size_t i = 0; i < size;) {
		size_t end = (stream->start + stream->size) % stream->capacity, n = stream->capacity - end;
		n = n < size - i ? n : size - i;
		memcpy(stream->data + end, data + i, n);
		stream->size += n;
		i += n;
	}
	stream->put += size;
	if (size)
		progress();
}

void stream_copy(const struct stream *stream, size_t skip, unsigned char *out, size_t size)
{
	for (size_t i = 0; i < size;) {
		size_t at = (stream->start + skip + i) % stream->capacity, n = stream->capacity - at;
		n = n < size - i ? n : size - i;
		memcpy(out + i, stream->data + at, n);
		i += n;
	}
}

void stream_drop(struct stream *stream, size_t size)
{
	if (size == 0)
		return;
	stream->start = (stream->start + size) % stream->capacity;
	stream->size -= size;
	stream->arrived -= size;
	stream->taken += size;
	progress();
}

void stream_reset(struct stream *stream)
{
	if (stream->reset)
		return;
	stream->reset = true;
	stream->size = stream->arrived;
	progress();
}

static bool at_urgent_byte(const struct stream *stream)
{
	return stream->urgent_at && stream->arrived && stream->taken + 1 == stream->urgent_at;
}

/* before_urgent_byte - bytes that can be read in one go */
static size_t before_urgent_byte(const struct stream *stream)
{
	uint64_t left = stream->urgent_at > stream->taken ? stream->urgent_at - 1 - stream->taken : UINT64_MAX;
	return stream->arrived < left ? stream->arrived : (size_t)left;
}

/* hesitates - something could move, but does not in this tick */
static bool hesitates(void)
{
	if (!fake_chance(kernel.options.chances.slow_network))
		return false;
	kernel.in_motion = true;
	return true;
}

/* stream_move - let bytes arrive; how many */
static size_t stream_move(struct stream *stream)
{
	size_t room = kernel.options.receive_buffer - stream->arrived, n = in_flight(stream);
	n = n < room ? n : room;
	if (n == 0)
		return 0;
	if (hesitates())
		n = fake_random(2) ? 1 + fake_random((uint32_t)n) : 0;
	stream->arrived += n;
	stream->came += n;
	if (n)
		progress();
	return n;
}

/* stream_fin_arrives, stream_reset_arrives - true when it does now */
static bool stream_fin_arrives(struct stream *stream)
{
	if (!stream->fin || stream->fin_arrived || stream->reset || in_flight(stream) || hesitates())
		return false;
	progress();
	return stream->fin_arrived = true;
}

static bool stream_reset_arrives(struct stream *stream)
{
	if (!stream->reset || stream->reset_arrived || hesitates())
		return false;
	progress();
	return stream->reset_arrived = true;
}

/* ---- connections ---- */

static struct fake_conn *conn_new(void)
{
	struct fake_conn *conn = calloc(1, sizeof(*conn));
	assert_non_null(conn);
	list_init(&conn->queue);
	list_init(&conn->link);
	list_append(&conns, &conn->link);
	conn->moved_ns = kernel.now_ns;
	return conn;
}

static void conn_free(struct fake_conn *conn)
{
	if (conn->file)
		conn->file->conn = NULL;
	list_remove(&conn->link);
	list_remove(&conn->queue);
	free(conn->to_relay.data);
	free(conn->to_peer.data);
	free(conn);
}

static bool writable(const struct fake_conn *conn)
{
	/* sk_stream_is_writeable(): the free part is at least half of the used one */
	return send_room(&conn->to_peer) >= in_flight(&conn->to_peer) / 2;
}

static void wake(struct fake_conn *conn, enum edge edge)
{
	file_wake(conn->file, edge);
}

void die(struct fake_conn *conn, int error)
{
	conn->last_unacked = (uint32_t)in_flight(&conn->to_peer);
	conn->state = SOCKET_DEAD;
	conn->error = error;
	conn->to_peer.size = conn->to_peer.arrived;
	for (int edge = 0; edge < EDGE_COUNT; edge++)
		wake(conn, edge);
	progress();
}

static void tick_to_relay(struct fake_conn *conn)
{
	struct stream *stream = &conn->to_relay;
	if (stream_move(stream) > 0) {
		if (conn->relay_closed)
			stream_reset(&conn->to_peer);
		wake(conn, EDGE_IN);
	}
	if (stream_fin_arrives(stream))
		wake(conn, EDGE_IN);
	/* tcp_reset(): a reset after the FIN is EPIPE */
	if (stream_reset_arrives(stream) && conn->state == SOCKET_OPEN)
		die(conn, stream->fin_arrived && !conn->to_peer.fin ? EPIPE : ECONNRESET);
}

static void tick_to_peer(struct fake_conn *conn)
{
	struct stream *stream = &conn->to_peer;
	if (conn->state == SOCKET_DEAD)
		return;
	if (stream_move(stream) > 0) {
		if (conn->peer_closed)
			stream_reset(&conn->to_relay);
		if (conn->wants_space && writable(conn)) {
			conn->wants_space = false;
			wake(conn, EDGE_OUT);
		}
	}
	stream_fin_arrives(stream);
	if (stream_reset_arrives(stream))
		stream_reset(&conn->to_relay);
}

static void connected(struct fake_conn *conn)
{
	conn->state = SOCKET_OPEN;
	conn->opened = true;
	list_append(&servers[conn->server].queue, &conn->queue);
	progress();
}

static void tick_connecting(struct fake_conn *conn)
{
	if (conn->answer == FAKE_SILENT) {
		if (kernel.now_ns - conn->moved_ns > SYN_TIMEOUT_NS)
			die(conn, ETIMEDOUT);
		return;
	}
	kernel.in_motion = true;
	if (kernel.ticks < conn->answer_tick)
		return;
	if (conn->answer == FAKE_ACCEPTS_LATER) {
		connected(conn);
		wake(conn, EDGE_OUT);
	} else {
		die(conn, ECONNREFUSED);
	}
}

/* unused - neither the relay nor the test will ask for @conn again */
static bool unused(const struct fake_conn *conn)
{
	return conn->relay_closed && (conn->forgotten || !conn->opened) && list_empty(&conn->queue);
}

void tcp_tick(void)
{
	for (struct list *link = conns.next, *next; link != &conns; link = next) {
		struct fake_conn *conn = LIST_ENTRY(link, struct fake_conn, link);
		next = link->next;
		if (conn->state == SOCKET_CONNECTING && !conn->relay_closed)
			tick_connecting(conn);
		if (conn->state >= SOCKET_OPEN && !conn->vanished) {
			tick_to_relay(conn);
			tick_to_peer(conn);
		}
		if (unused(conn))
			conn_free(conn);
	}
}

void tcp_init(void)
{
	list_init(&conns);
	for (int i = 0; i < FAKE_SERVER_COUNT; i++) {
		servers[i] = (struct server){.answer = FAKE_ACCEPTS};
		list_init(&servers[i].queue);
	}
}

void tcp_fini(void)
{
	while (!list_empty(&conns))
		conn_free(LIST_ENTRY(conns.next, struct fake_conn, link));
}

/* meanwhile - the network does not wait for system calls: something may arrive between any two of them */
static void meanwhile(struct fake_conn *conn)
{
	if (conn->state != SOCKET_OPEN || conn->vanished || !fake_chance(kernel.options.chances.slow_network))
		return;
	tick_to_relay(conn);
	tick_to_peer(conn);
}

/* ---- the relay's sockets ---- */

uint32_t tcp_poll(const struct file *file)
{
	const struct fake_conn *conn = file->conn;
	const struct stream *in = &conn->to_relay;
	uint32_t events = conn->error ? POLLERR : 0;
	switch (conn->state) {
	case SOCKET_NEW:
		return POLLOUT | POLLHUP;
	case SOCKET_CONNECTING:
		return 0;
	case SOCKET_DEAD:
		return events | POLLIN | POLLOUT | POLLRDHUP | POLLHUP;
	default:
		break;
	}
	if (in->arrived > (at_urgent_byte(in) ? 1 : 0))
		events |= POLLIN;
	if (in->fin_arrived)
		events |= POLLIN | POLLRDHUP;
	if (conn->to_peer.fin || writable(conn))
		events |= POLLOUT;
	if (conn->to_peer.fin && in->fin_arrived)
		events |= POLLHUP;
	return events;
}

void tcp_want_space(struct file *file)
{
	if (file->kind == FILE_SOCKET && !(tcp_poll(file) & POLLOUT))
		file->conn->wants_space = true;
}

bool tcp_connecting(const struct file *file)
{
	return file->kind == FILE_SOCKET && file->conn->state == SOCKET_CONNECTING;
}

static int take_error(struct fake_conn *conn)
{
	int error = conn->error;
	conn->error = 0;
	return -error;
}

size_t tcp_readable(const struct fake_conn *conn)
{
	return before_urgent_byte(&conn->to_relay);
}

ssize_t tcp_read(struct fake_conn *conn, void *buffer, size_t size, enum read_how how)
{
	struct stream *stream = &conn->to_relay;
	meanwhile(conn);
	bool at_mark = at_urgent_byte(stream);
	size_t skip = at_mark && how == READ_PEEK ? 1 : 0;
	if (conn->state == SOCKET_NEW || conn->state == SOCKET_CONNECTING)
		return -ENOTCONN;
	if (at_mark && how == READ_TAKE)
		stream_drop(stream, 1);
	size_t n = skip ? stream->arrived - skip : before_urgent_byte(stream);
	n = n < size ? n : size;
	if (n > 0) {
		stream_copy(stream, skip, buffer, n);
		if (how != READ_PEEK) {
			stream_drop(stream, n);
			conn->moved_ns = kernel.now_ns;
		}
		return (ssize_t)n;
	}
	if (stream->fin_arrived) /* SOCK_DONE comes before sk_err */
		return 0;
	if (at_mark && how == READ_SPLICE && conn->state == SOCKET_OPEN)
		return -EAGAIN;
	if (conn->error)
		return take_error(conn);
	return conn->state == SOCKET_DEAD ? 0 : -EAGAIN;
}

ssize_t tcp_write(struct fake_conn *conn, const void *data, size_t size)
{
	meanwhile(conn);
	if (conn->error)
		return take_error(conn);
	if (conn->state != SOCKET_OPEN || conn->to_peer.fin)
		return -EPIPE;
	size_t n = send_room(&conn->to_peer);
	n = n < size ? n : size;
	if (n > 0 && fake_chance(kernel.options.chances.short_send))
		n = fake_random((uint32_t)n + 1);
	uint64_t left = conn->reset_at ? conn->reset_at - conn->to_peer.put : UINT64_MAX;
	n = n < left ? n : (size_t)left;
	conn->wants_space |= n < size;
	if (n == 0)
		return -EAGAIN;
	stream_put(&conn->to_peer, data, n);
	conn->moved_ns = kernel.now_ns;
	if (n == left) {
		fake_peer_reset(conn);
		conn->to_relay.reset_arrived = true;
		die(conn, ECONNRESET);
	}
	return (ssize_t)n;
}

ssize_t sys_recv(int fd, void *buf, size_t size, int flags)
{
	return tcp_read(file_at(fd, FILE_SOCKET)->conn, buf, size, flags & MSG_PEEK ? READ_PEEK : READ_TAKE);
}

ssize_t sys_send(int fd, const struct iovec *iov, size_t iov_count, int flags)
{
	struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	size_t done = 0;
	(void)flags;
	for (size_t i = 0; i < iov_count; i++) {
		if (iov[i].iov_len == 0) /* a full socket takes nothing, too */
			continue;
		ssize_t n = tcp_write(conn, iov[i].iov_base, iov[i].iov_len);
		if (n < 0)
			return done ? (ssize_t)done : n;
		done += (size_t)n;
		if ((size_t)n < iov[i].iov_len)
			break;
	}
	return (ssize_t)done;
}

int sys_socket_error(int fd)
{
	return take_error(file_at(fd, FILE_SOCKET)->conn);
}

int sys_shutdown_write(int fd)
{
	struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	if (conn->state != SOCKET_OPEN)
		return -ENOTCONN;
	conn->to_peer.fin = true;
	progress();
	return 0;
}

void sys_delay_ack(int fd)
{
	file_at(fd, FILE_SOCKET);
}

void sys_ack_now(int fd)
{
	file_at(fd, FILE_SOCKET)->conn->acks_asked++;
}

int sys_send_space(int fd, struct sys_send_space *ret)
{
	const struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	ret->limit = kernel.options.send_buffer;
	ret->free = (uint32_t)send_room(&conn->to_peer);
	return 0;
}

int sys_unsent(int fd)
{
	const struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	const struct stream *out = &conn->to_peer;
	if (conn->state == SOCKET_DEAD)
		return (int)conn->last_unacked;
	return (int)in_flight(out) + (out->fin && !out->fin_arrived);
}

int sys_at_mark(int fd)
{
	return at_urgent_byte(&file_at(fd, FILE_SOCKET)->conn->to_relay);
}

int sys_tcp(int fd, struct sys_tcp *ret)
{
	file_at(fd, FILE_SOCKET);
	*ret = (struct sys_tcp){.rtt_us = 1000, .congestion_window = 10, .send_queue = (uint32_t)sys_unsent(fd)};
	return 0;
}

static uint32_t client_address; /* 0: loopback */

void fake_clients_come_from(uint32_t address)
{
	client_address = address;
}

int sys_peer(int fd, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;
	file_at(fd, FILE_SOCKET);
	*in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(40000)};
	in4->sin_addr.s_addr = htonl(client_address ? client_address : INADDR_LOOPBACK);
	return 0;
}

static struct sockaddr_in wanted; /* no family: nothing */

void fake_clients_want(uint32_t address, uint16_t port)
{
	wanted = (struct sockaddr_in){.sin_family = address ? AF_INET : AF_UNSPEC, .sin_port = htons(port)};
	wanted.sin_addr.s_addr = htonl(address);
}

int sys_original(int fd, sa_family_t family, struct sockaddr_storage *ret)
{
	file_at(fd, FILE_SOCKET);
	if (family != AF_INET || wanted.sin_family == AF_UNSPEC)
		return -ENOENT;
	memcpy(ret, &wanted, sizeof(wanted));
	return 0;
}

int sys_local(int fd, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret;
	file_at(fd, FILE_SOCKET);
	*in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(80)};
	in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1); /* so that it is seen where it was asked for */
	return 0;
}

void tcp_release(struct file *file)
{
	struct fake_conn *conn = file->conn;
	if (!conn)
		return;
	conn->file = NULL;
	conn->relay_closed = true;
	if (conn->state != SOCKET_OPEN)
		return;
	/* tcp_close(): unread bytes make it a reset */
	if (file->close_by_reset || conn->to_relay.arrived > 0)
		stream_reset(&conn->to_peer);
	else
		conn->to_peer.fin = true;
}

/* ---- listening and connecting ---- */

static struct file *socket_file(struct fake_conn *conn)
{
	struct file *file = file_open(FILE_SOCKET);
	if (file) {
		file->conn = conn;
		conn->file = file;
	}
	return file;
}

int fake_listen(void)
{
	struct file *file = file_open(FILE_LISTENER);
	assert_non_null(file);
	file->listener = calloc(1, sizeof(*file->listener));
	assert_non_null(file->listener);
	list_init(&file->listener->queue);
	return file->fd;
}

uint32_t listener_poll(const struct file *file)
{
	return list_empty(&file->listener->queue) ? 0 : POLLIN;
}

int listener_accept(struct file *file)
{
	struct fake_listener *listener = file->listener;
	if (list_empty(&listener->queue))
		return -EAGAIN;
	struct fake_conn *conn = LIST_ENTRY(listener->queue.next, struct fake_conn, queue);
	struct file *accepted = socket_file(conn);
	if (!accepted)
		return -EMFILE;
	list_remove(&conn->queue);
	listener->waiting--;
	progress();
	return accepted->fd;
}

int sys_accept(int fd)
{
	return listener_accept(file_at(fd, FILE_LISTENER));
}

void listener_release(struct file *file)
{
	struct list *link;
	while ((link = list_shift(&file->listener->queue))) {
		struct fake_conn *conn = LIST_ENTRY(link, struct fake_conn, queue);
		conn->relay_closed = true;
		stream_reset(&conn->to_peer);
		kernel.lost_in_queue++;
	}
	free(file->listener);
}

uint32_t fake_lost_in_queue(void)
{
	return kernel.lost_in_queue;
}

struct fake_conn *fake_dial(int listener_fd)
{
	struct file *file = file_at(listener_fd, FILE_LISTENER);
	if (file->listener->waiting == BACKLOG)
		return NULL;
	struct fake_conn *conn = conn_new();
	conn->state = SOCKET_OPEN;
	conn->opened = true;
	list_append(&file->listener->queue, &conn->queue);
	file->listener->waiting++;
	file_wake(file, EDGE_IN);
	progress();
	return conn;
}

int fake_socket(void)
{
	struct fake_conn *conn = conn_new();
	struct file *file = socket_file(conn);
	if (file)
		return file->fd;
	conn_free(conn);
	return -EMFILE;
}

int fake_socket_to(uint32_t index)
{
	int fd = fake_socket();
	if (fd < 0)
		return fd;
	servers[index].attempts++;
	struct fake_conn *conn = file_of(fd)->conn;
	conn->server = index;
	connected(conn);
	return fd;
}

/* connect_again - asked while the handshake is under way, or just over */
static int connect_again(struct fake_conn *conn)
{
	if (conn->state == SOCKET_OPEN)
		return 0;
	if (conn->state == SOCKET_DEAD)
		return take_error(conn);
	if (conn->answer == FAKE_SILENT || fake_random(4))
		return -EALREADY;
	conn->answer_tick = 0;
	tick_connecting(conn);
	return connect_again(conn);
}

int sys_bind(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
	struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)addr;
	if (conn->state != SOCKET_NEW || addr_len != sizeof(*in4) || in4->sin_port)
		fake_fail("bind of descriptor %d: not a fresh socket, or not an IPv4 address alone", fd);
	conn->bound = ntohl(in4->sin_addr.s_addr);
	return 0;
}

int sys_connect(int fd, const struct sockaddr *addr, socklen_t addr_len)
{
	struct fake_conn *conn = file_at(fd, FILE_SOCKET)->conn;
	if (conn->state == SOCKET_CONNECTING)
		return connect_again(conn);
	if (conn->state != SOCKET_NEW || addr_len != sizeof(struct sockaddr_in))
		fake_fail("connect on descriptor %d: not a fresh socket, or no IPv4 address", fd);
	conn->server = ntohs(((const struct sockaddr_in *)addr)->sin_port) - (uint32_t)FAKE_SERVER_PORT;
	assert_true(conn->server < FAKE_SERVER_COUNT);
	struct server *server = &servers[conn->server];
	conn->answer = server->answer;
	conn->moved_ns = kernel.now_ns;
	server->attempts++;
	progress();
	switch (conn->answer) {
	case FAKE_ACCEPTS:
		connected(conn);
		return 0;
	case FAKE_REFUSES:
		return -ECONNREFUSED;
	case FAKE_NO_ROUTE:
		return -ENETUNREACH;
	case FAKE_NO_PORT:
		return -EADDRNOTAVAIL;
	default:
		conn->state = SOCKET_CONNECTING;
		conn->answer_tick = kernel.ticks + 1 + (kernel.options.chances.slow_network ? fake_random(20) : 0);
		return -EINPROGRESS;
	}
}

int sys_recycle(int fd)
{
	struct file *file = file_at(fd, FILE_SOCKET);
	struct fake_conn *old = file->conn;
	if (sys_unsent(fd) != 0)
		return -EBUSY;
	if (!old->to_peer.fin || !old->to_relay.fin_arrived)
		fake_fail("descriptor %d is recycled before both sides have ended", fd);
	if (file->operations > 0)
		fake_fail("descriptor %d is recycled while operations hold it", fd);
	old->file = NULL;
	old->relay_closed = true;
	file->conn = conn_new();
	file->conn->file = file;
	return 0;
}

void fake_server_answer(uint32_t index, enum fake_answer answer)
{
	assert_true(index < FAKE_SERVER_COUNT && answer < FAKE_ANSWER_COUNT);
	servers[index].answer = answer;
}

uint32_t fake_server_attempts(uint32_t index)
{
	return servers[index].attempts;
}

struct fake_conn *fake_server_accept(uint32_t index)
{
	struct list *link = list_shift(&servers[index].queue);
	return link ? LIST_ENTRY(link, struct fake_conn, queue) : NULL;
}

struct fake_conn *fake_conn_of_fd(int fd)
{
	struct file *file = fd >= 0 && fd < FD_MAX ? kernel.fds[fd] : NULL;
	return file && file->kind == FILE_SOCKET ? file->conn : NULL;
}

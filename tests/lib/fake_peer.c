/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the fake kernel's connections: what a test makes clients and backends do, and what they have seen. */
#include <errno.h>

#include "tests/lib/fake_internal.h"

void fake_conn_forget(struct fake_conn *conn)
{
	if (conn)
		conn->forgotten = true;
}

void **fake_conn_tag(struct fake_conn *conn)
{
	return &conn->tag;
}

size_t fake_peer_room(const struct fake_conn *conn)
{
	bool over = conn->to_relay.fin || conn->to_relay.reset || conn->to_peer.reset_arrived;
	return over ? 0 : send_room(&conn->to_relay);
}

size_t fake_peer_send(struct fake_conn *conn, const void *data, size_t size)
{
	size_t n = fake_peer_room(conn);
	n = n < size ? n : size;
	stream_put(&conn->to_relay, data, n);
	return n;
}

bool fake_peer_send_urgent(struct fake_conn *conn, unsigned char byte)
{
	struct stream *stream = &conn->to_relay;
	/* A second one before the first was read would make the first an ordinary byte. */
	if (stream->urgent_at > stream->taken || fake_peer_room(conn) == 0)
		return false;
	stream->urgent_at = stream->put + 1;
	stream_put(stream, &byte, 1);
	return true;
}

size_t fake_peer_read(struct fake_conn *conn, void *buffer, size_t size)
{
	struct stream *stream = &conn->to_peer;
	size_t n = stream->arrived < size ? stream->arrived : size;
	if (n > 0)
		stream_copy(stream, 0, buffer, n);
	stream_drop(stream, n);
	return n;
}

void fake_peer_shutdown(struct fake_conn *conn)
{
	conn->to_relay.fin = true;
	progress();
}

void fake_peer_close(struct fake_conn *conn)
{
	conn->peer_closed = true;
	if (conn->to_peer.arrived > 0)
		fake_peer_reset(conn);
	else
		fake_peer_shutdown(conn);
}

void fake_peer_reset(struct fake_conn *conn)
{
	conn->peer_closed = true;
	stream_reset(&conn->to_relay);
}

void fake_peer_reset_after(struct fake_conn *conn, size_t size)
{
	conn->reset_at = conn->to_peer.put + size;
}

void fake_peer_vanish(struct fake_conn *conn)
{
	conn->vanished = true;
}

void fake_peer_time_out(struct fake_conn *conn)
{
	if (conn->state != SOCKET_OPEN)
		return;
	conn->vanished = conn->timed_out = true;
	die(conn, ETIMEDOUT);
}

bool fake_peer_at_end(const struct fake_conn *conn)
{
	return conn->to_peer.fin_arrived && conn->to_peer.arrived == 0;
}

bool fake_peer_was_reset(const struct fake_conn *conn)
{
	return conn->to_peer.reset_arrived;
}

uint32_t fake_peer_acks_asked(const struct fake_conn *conn)
{
	return conn->acks_asked;
}

size_t fake_peer_waiting(const struct fake_conn *conn)
{
	return conn->to_peer.arrived;
}

struct fake_facts fake_conn_facts(const struct fake_conn *conn)
{
	return (struct fake_facts){
		.arrived = conn->to_relay.came,
		.taken = conn->to_relay.taken,
		.given = conn->to_peer.put,
		.unacked = conn->to_peer.put - conn->to_peer.came,
		.peer_fin = conn->to_relay.fin,
		.peer_reset = conn->to_relay.reset,
		.reset_arrived = conn->state == SOCKET_DEAD,
		.timed_out = conn->timed_out,
		.relay_fin = conn->to_peer.fin,
		.relay_reset = conn->to_peer.reset,
		.relay_closed = conn->relay_closed,
		.bound = conn->bound,
		.moved_ns = conn->moved_ns,
	};
}

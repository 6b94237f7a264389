/* SPDX-License-Identifier: Apache-2.0 */
/* The peers of the rig: what they send, what they must receive, and what is seen of them. */
#include "tests/unit/relay/rig_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- peers ---- */

struct rig_peer *rig_peer_of(struct rig *rig, struct fake_conn *conn, enum side side)
{
	void **tag = fake_conn_tag(conn);
	if (*tag)
		return *tag;
	struct rig_peer *peer = calloc(1, sizeof(*peer));
	assert_non_null(peer);
	*peer = (struct rig_peer){.conn = conn, .id = ++rig->next_id, .side = side, .cause = -1, .reads = true};
	list_init(&peer->link);
	list_append(&rig->peers, &peer->link);
	return *tag = peer;
}

struct rig_peer *rig_dial(struct rig *rig, enum rig_relay relay)
{
	int fd = rig->worker.listeners[relay].fd;
	struct fake_conn *conn = fd < 0 ? NULL : fake_dial(fd);
	return conn ? rig_peer_of(rig, conn, SIDE_CLIENT) : NULL;
}

struct rig_peer *rig_accept(struct rig *rig, uint32_t server)
{
	struct fake_conn *conn = fake_server_accept(server);
	struct rig_peer *peer = conn ? rig_peer_of(rig, conn, SIDE_SERVER) : NULL;
	if (peer)
		peer->accepted = true;
	return peer;
}

struct rig_peer *rig_accept_any(struct rig *rig)
{
	struct rig_peer *peer = NULL;
	for (uint32_t i = 0; !peer && i < RIG_RECEIVER; i++)
		peer = rig_accept(rig, i);
	return peer;
}

void rig_drop(struct rig_peer *peer)
{
	*fake_conn_tag(peer->conn) = NULL;
	fake_conn_forget(peer->conn);
	if (peer->partner)
		peer->partner->partner = NULL;
	list_remove(&peer->link);
	free(peer);
}

/* content - what peer @id sends at @offset: eight bytes out of one hash */
static void content(uint32_t id, uint64_t offset, unsigned char *out, size_t size)
{
	for (size_t i = 0; i < size; i++, offset++) {
		uint64_t z = ((uint64_t)id << 40) + offset / 8;
		z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
		z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
		for (; i + 1 < size && offset % 8 < 7; i++, offset++)
			out[i] = (unsigned char)(z >> (offset % 8 * 8));
		out[i] = (unsigned char)(z >> (offset % 8 * 8));
	}
}

void rig_content(const struct rig_peer *peer, uint64_t offset, unsigned char *out, size_t size)
{
	const unsigned char *first = peer->first.data;
	content(peer->id, offset, out, size);
	for (size_t i = 0; i < size && offset + i < peer->first.size; i++)
		out[i] = first[offset + i];
}

enum { STEP_BYTES = 64 * 1024 };

/* send_header - what is left of it, up to @size bytes; how many */
static size_t send_header(struct rig_peer *peer, size_t size)
{
	size_t left = peer->header.size - peer->header_sent;
	size = size < left ? size : left;
	size_t sent = size ? fake_peer_send(peer->conn, (const char *)peer->header.data + peer->header_sent, size) : 0;
	peer->header_sent += sent;
	return sent;
}

size_t rig_send(struct rig *rig, struct rig_peer *peer, size_t size)
{
	static unsigned char bytes[STEP_BYTES];
	(void)rig;
	size -= send_header(peer, size);
	if (peer->header_sent < peer->header.size)
		return 0;
	size_t room = fake_peer_room(peer->conn);
	size = size < room ? size : room;
	size = size < STEP_BYTES ? size : STEP_BYTES;
	rig_content(peer, peer->sent, bytes, size);
	size_t sent = fake_peer_send(peer->conn, bytes, size);
	peer->sent += sent;
	return sent;
}

static void check_content(const struct rig_peer *peer, const unsigned char *bytes, size_t size)
{
	static unsigned char expected[STEP_BYTES];
	if (!peer->partner)
		fake_fail("peer %u received bytes from nobody", peer->id);
	if (peer->received + size > peer->partner->sent)
		fake_fail("peer %u received more than was sent to it", peer->id);
	rig_content(peer->partner, peer->received, expected, size);
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != expected[i])
			fake_fail("peer %u: byte %llu is %02x, not %02x", peer->id,
				  (unsigned long long)(peer->received + i), bytes[i], expected[i]);
	}
}

/* check_end - a FIN comes after the last byte */
static void check_end(const struct rig_peer *peer)
{
	if (!fake_peer_at_end(peer->conn) || !peer->partner)
		return;
	if (!fake_conn_facts(peer->partner->conn).peer_fin)
		fake_fail("peer %u received a FIN that was not sent", peer->id);
	if (peer->received != peer->partner->sent)
		fake_fail("peer %u received a FIN after %llu of %llu bytes", peer->id,
			  (unsigned long long)peer->received, (unsigned long long)peer->partner->sent);
}

/* take_greeting - check the part of @bytes that is the greeting; its size */
static size_t take_greeting(const struct rig *rig, struct rig_peer *peer, const unsigned char *bytes, size_t size)
{
	size_t left = peer->side == SIDE_SERVER ? rig->options.greeting_size - peer->greeted : 0;
	size = size < left ? size : left;
	if (size > 0 && memcmp(bytes, rig->options.greeting + peer->greeted, size) != 0)
		fake_fail("server %u is greeted by other bytes", peer->id);
	peer->greeted += size;
	return size;
}

uint64_t rig_given(const struct rig *rig, const struct rig_peer *peer)
{
	uint64_t bytes = fake_conn_facts(peer->conn).given;
	uint64_t greeting = peer->side == SIDE_SERVER ? rig->options.greeting_size : 0;
	return bytes > greeting ? bytes - greeting : 0;
}

uint64_t rig_taken_from(const struct rig_peer *source)
{
	uint64_t taken = fake_conn_facts(source->conn).taken;
	return taken > source->header.size ? taken - source->header.size : 0;
}

size_t rig_receive(struct rig *rig, struct rig_peer *peer, size_t size)
{
	static unsigned char bytes[STEP_BYTES];
	size = size < STEP_BYTES ? size : STEP_BYTES;
	size_t n = fake_peer_read(peer->conn, bytes, size), greeting = take_greeting(rig, peer, bytes, n);
	n -= greeting;
	if (n > 0)
		check_content(peer, bytes + greeting, n);
	peer->received += n;
	check_end(peer);
	return n;
}

void rig_send_urgent(struct rig_peer *peer)
{
	peer->urgent += fake_peer_send_urgent(peer->conn, '!');
}

/* ---- whole exchanges ---- */

struct rig_pair rig_pair(struct rig *rig, enum rig_relay relay)
{
	static const uint32_t first_server[RIG_RELAYS + 1] = {0, 3, 4, 5, 6};
	struct rig_pair pair = {.client = rig_dial(rig, relay)};
	assert_non_null(pair.client);
	rig_run(rig, 2 * RIG_MS);
	for (uint32_t i = first_server[relay]; !pair.server && i < first_server[relay + 1]; i++)
		pair.server = rig_accept(rig, i);
	assert_non_null(pair.server);
	assert_ptr_equal(pair.client->partner, pair.server);
	return pair;
}

void rig_transfer(struct rig *rig, struct rig_peer *from, size_t size)
{
	uint64_t until = from->sent + size;
	for (int i = 0; from->partner->received < until; i++) {
		rig_send(rig, from, until - from->sent);
		rig_run(rig, RIG_MS / 10);
		rig_receive(rig, from->partner, SIZE_MAX);
		if (i > 100000)
			fake_fail("%llu of %llu bytes arrived", (unsigned long long)from->partner->received,
				  (unsigned long long)until);
	}
}

size_t rig_fill(struct rig *rig, struct rig_peer *from)
{
	uint64_t before = from->sent;
	for (int quiet = 0; quiet < 3; quiet++) {
		if (rig_send(rig, from, SIZE_MAX) > 0)
			quiet = 0;
		rig_run(rig, RIG_MS);
	}
	return from->sent - before;
}

void rig_read_all(struct rig *rig, struct rig_peer *peer)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		if (rig_receive(rig, peer, SIZE_MAX) > 0)
			quiet = 0;
		rig_run(rig, RIG_MS);
	}
}

enum flow_state rig_flow(struct rig *rig, const struct rig_peer *source)
{
	struct session *session = rig_session(rig, source);
	assert_non_null(session);
	return session->flows[source->side].state;
}

/* ---- facts ---- */

uint64_t rig_counter(const struct rig *rig, unsigned counter)
{
	return counter_read(&rig->counters, counter);
}

struct session *rig_session(struct rig *rig, const struct rig_peer *peer)
{
	uint32_t index = 0;
	for (struct session *session; (session = slab_next(&rig->worker.sessions, &index));) {
		if (fake_conn_of_fd(session->fds[peer->side]) == peer->conn)
			return session;
	}
	return NULL;
}

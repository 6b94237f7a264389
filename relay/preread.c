/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/preread.h"

#include <errno.h>
#include <stdlib.h>

#include "base/check.h"
#include "relay/ahead.h"
#include "relay/greeting.h"
#include "relay/worker.h"

_Static_assert((int)PROXY_V2_MAX <= (int)SPILL_CHUNK_SIZE, "a header is read into one chunk");

/* ---- whose header counts ---- */

size_t preread_memory(const struct config *config)
{
	size_t ranges = 0;
	bool any = false;
	for (size_t i = 0; i < config->relay_count; i++) {
		any |= config_relay_accepts_proxy(&config->relays[i]);
		ranges += config->relays[i].accept.from.count + 1;
	}
	return any ? config->relay_count * sizeof(struct cidr_set) + ranges * sizeof(struct cidr_range) : 0;
}

int preread_init(struct preread *preread, const struct config *config)
{
	*preread = (struct preread){0};
	if (preread_memory(config) == 0)
		return 0;
	preread->from = calloc(config->relay_count, sizeof(*preread->from));
	if (!preread->from)
		return -ENOMEM;
	preread->relay_count = config->relay_count;
	for (size_t i = 0; i < config->relay_count; i++) {
		const struct config_cidrs *from = &config->relays[i].accept.from;
		if (cidr_set_init(&preread->from[i], from->items, from->count) < 0) {
			preread_fini(preread);
			return -ENOMEM;
		}
	}
	return 0;
}

void preread_fini(struct preread *preread)
{
	for (size_t i = 0; i < preread->relay_count; i++)
		cidr_set_fini(&preread->from[i]);
	free(preread->from);
	*preread = (struct preread){0};
}

/* is_trusted - does the session's client have to send a header? */
static bool is_trusted(const struct worker *worker, const struct session *session)
{
	const struct session_peer *peer = &session->peer;
	struct cidr_address address;
	if (peer->family == AF_UNIX)
		return worker_relay(worker, session)->accept.from_unix;
	return cidr_address_set(&address, peer->family, peer->address) &&
	       cidr_set_has(&worker->shared->preread.from[worker->plan->listeners[session->listener].relay], &address);
}

/* ---- reading it ---- */

static struct preread_told *told_of(const struct worker *worker, const struct session *session)
{
	return &worker->told[slab_index(&worker->sessions, session)];
}

const struct preread_told *preread_told(const struct worker *worker, const struct session *session)
{
	return session->told ? told_of(worker, session) : NULL;
}

/* note_told - the client is whom the header names; one without addresses leaves it at the socket's own */
static void note_told(const struct worker *worker, struct session *session, const struct proxy_header *header)
{
	if (header->source.family == AF_UNSPEC)
		return;
	*told_of(worker, session) = (struct preread_told){.via = session->peer, .destination = header->destination};
	session->peer = header->source;
	session->told = true;
}

/* replace_header - by the one that backends get, if they get one; false when there is no memory for it */
static bool replace_header(struct worker *worker, struct session *session, const struct proxy_header *header,
			   size_t size)
{
	struct spill *residue = &session->flows[SIDE_CLIENT].residue;
	uint8_t greeting[PROXY_ENCODED_MAX];
	size_t greeting_size = 0;
	if (greeting_wanted(worker, session))
		greeting_size = greeting_write_on(worker, session, header, greeting);
	spill_skip(&worker->spill, residue, size);
	session->greeted = true;
	return spill_prepend(&worker->spill, residue, greeting, greeting_size);
}

/* leave - what had to be known is: on to whoever lets it in */
static void leave(struct worker *worker, struct session *session)
{
	session->give_up_ms = 0;
	session_arm_timer(worker, session);
	session_set_state(session, SESSION_WAITING);
	gate_enter(worker, session);
}

static void accept_header(struct worker *worker, struct session *session, const struct proxy_header *header,
			  size_t size, size_t read)
{
	note_told(worker, session, header);
	ahead_count(worker, session, read - size); /* charged when it may come in: ahead_begin() */
	if (replace_header(worker, session, header, size))
		leave(worker, session);
	else
		session_abort(worker, session, CAUSE_RESOURCE_LIMIT);
}

/* timeout_of - of the whole header; it began with the connection */
static uint32_t timeout_of(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->accept.timeout_ms;
}

/* decode - look at what has come so far */
static void decode(struct worker *worker, struct session *session)
{
	struct proxy_header header;
	struct iovec iov;
	size_t size;
	const char *why;
	size_t count = spill_view(&session->flows[SIDE_CLIENT].residue, &iov, 1);
	CHECK(count == 1);
	switch (proxy_decode(iov.iov_base, iov.iov_len, &header, &size, &why)) {
	case PROXY_COMPLETE:
		accept_header(worker, session, &header, size, iov.iov_len);
		break;
	case PROXY_MORE:
		ahead_await(worker, session, timeout_of(worker, session));
		break;
	default:
		session_abort(worker, session, CAUSE_BAD_HEADER);
	}
}

void preread_go_on(struct worker *worker, struct session *session)
{
	ssize_t n = spill_fill(&worker->spill, &session->flows[SIDE_CLIENT].residue, ahead_read, session);
	if (n > 0)
		decode(worker, session);
	else if (n == 0) /* its stream has ended before a header */
		session_abort(worker, session, CAUSE_BAD_HEADER);
	else
		ahead_failed(worker, session, (int)n, timeout_of(worker, session));
}

void preread_begin(struct worker *worker, struct session *session)
{
	const struct config_relay *relay = worker_relay(worker, session);
	bool accepts = config_relay_accepts_proxy(relay);
	if (accepts && is_trusted(worker, session)) {
		session_set_state(session, SESSION_PREREAD);
		preread_go_on(worker, session);
	} else if (accepts && relay->accept.others == CONFIG_OTHERS_REFUSE) {
		session_abort(worker, session, CAUSE_POLICY);
	} else {
		gate_enter(worker, session);
	}
}

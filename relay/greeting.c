/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/greeting.h"

#include "io/sys.h"
#include "relay/worker.h"

bool greeting_wanted(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->proxy_send != CONFIG_PROXY_OFF;
}

static bool is_wildcard(const struct endpoint *endpoint)
{
	if (endpoint->addr.family == AF_INET)
		return endpoint->addr.in4.sin_addr.s_addr == INADDR_ANY;
	return endpoint->addr.family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&endpoint->addr.in6.sin6_addr);
}

/*
 * note_destination - the address the client connected to: the one a header told, the original one, or the listener's; only behind a wildcard
 * does it take a system call to know that
 */
static void note_destination(const struct worker *worker, const struct session *session, struct session_peer *ret)
{
	const struct endpoint *listener = worker->plan->listeners[session->listener].endpoint;
	const struct preread_told *told = preread_told(worker, session);
	const struct session_peer *original = original_of(worker, session);
	struct sockaddr_storage addr = {0};
	if (told)
		*ret = told->destination;
	else if (original)
		*ret = *original;
	else if (!is_wildcard(listener))
		peer_set(ret, &listener->addr.any);
	else if (sys_local(session->fds[SIDE_CLIENT], &addr) == 0)
		peer_set(ret, (const struct sockaddr *)&addr);
}

/* name_of - the namespace as an endpoint has it; NULL: the program's own, which has no name that others could know */
static const char *name_of(const struct netns_ref *netns, char *buf, size_t size)
{
	return netns->kind == NETNS_SELF ? NULL : netns_ref_format(netns, buf, size);
}

size_t greeting_anonymous(const struct worker *worker, uint32_t relay, uint8_t buf[PROXY_ENCODED_MAX])
{
	static const struct proxy_header nobody; /* LOCAL, UNKNOWN */
	switch (worker->plan->config->relays[relay].proxy_send) {
	case CONFIG_PROXY_V1:
		return proxy_encode_v1(&nobody, buf);
	case CONFIG_PROXY_V2:
		return proxy_encode_v2(&nobody, NULL, buf);
	default:
		return 0;
	}
}

static size_t encode(const struct worker *worker, const struct session *session, enum config_proxy version,
		     const struct proxy_header *header, uint8_t buf[PROXY_ENCODED_MAX])
{
	const struct endpoint *listener = worker->plan->listeners[session->listener].endpoint;
	char name[PROXY_NETNS_MAX];
	if (version == CONFIG_PROXY_V1)
		return proxy_encode_v1(header, buf);
	return proxy_encode_v2(header, name_of(&listener->netns, name, sizeof(name)), buf);
}

size_t greeting_write(const struct worker *worker, const struct session *session, enum config_proxy version,
		      bool reversed, uint8_t buf[PROXY_ENCODED_MAX])
{
	struct proxy_header header = {.source = session->peer};
	note_destination(worker, session, &header.destination);
	if (reversed)
		header = (struct proxy_header){.source = header.destination, .destination = header.source};
	return encode(worker, session, version, &header, buf);
}

size_t greeting_write_on(const struct worker *worker, const struct session *session, const struct proxy_header *told,
			 uint8_t buf[PROXY_ENCODED_MAX])
{
	struct proxy_header header = {.source = session->peer, .tlvs = told->tlvs, .tlv_size = told->tlv_size};
	note_destination(worker, session, &header.destination);
	return encode(worker, session, worker_relay(worker, session)->proxy_send, &header, buf);
}

bool greeting_put(struct worker *worker, struct session *session)
{
	uint8_t buf[PROXY_ENCODED_MAX];
	size_t size = greeting_write(worker, session, worker_relay(worker, session)->proxy_send, false, buf);
	return spill_append(&worker->spill, &session->flows[SIDE_CLIENT].residue, buf, size);
}

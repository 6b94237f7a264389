/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/original.h"

#include <netinet/in.h>
#include <string.h>

#include "io/sys.h"
#include "relay/worker.h"

size_t original_memory(const struct config *config)
{
	return config_intercepts(config) ? sizeof(struct session_peer) : 0;
}

static struct session_peer *slot_of(const struct worker *worker, const struct session *session)
{
	return &worker->originals[slab_index(&worker->sessions, session)];
}

static bool is_ipv4(const struct worker *worker, const struct session *session)
{
	const struct endpoint *listener = worker->plan->listeners[session->listener].endpoint;
	return listener->addr.family == AF_INET || peer_is_ipv4(&session->peer);
}

bool original_wants_peer(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->intercept == CONFIG_INTERCEPT_REDIRECT && !is_ipv4(worker, session);
}

/* ask - REDIRECT has translated the destination, so that conntrack knows it; TPROXY has left it as it was */
static int ask(const struct worker *worker, const struct session *session, struct sockaddr_storage *ret)
{
	int fd = session->fds[SIDE_CLIENT];
	if (worker_relay(worker, session)->intercept == CONFIG_INTERCEPT_TPROXY)
		return sys_local(fd, ret);
	return sys_original(fd, is_ipv4(worker, session) ? AF_INET : AF_INET6, ret);
}

static bool same(const struct session_peer *a, const struct session_peer *b)
{
	return a->family == b->family && a->port == b->port && memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

/* is_here - is @original the very listener that the connection came to? */
static bool is_here(const struct worker *worker, const struct session *session, const struct session_peer *original)
{
	const struct endpoint *listener = worker->plan->listeners[session->listener].endpoint;
	struct sockaddr_storage addr = {0};
	struct session_peer local;
	_Static_assert(offsetof(struct sockaddr_in, sin_port) == offsetof(struct sockaddr_in6, sin6_port), "one place for both");
	if (original->port != listener->addr.in4.sin_port)
		return false;
	if (sys_local(session->fds[SIDE_CLIENT], &addr) < 0)
		return true;
	peer_set(&local, (const struct sockaddr *)&addr);
	peer_unmap(&local);
	return same(original, &local);
}

bool original_find(struct worker *worker, const struct session *session)
{
	struct sockaddr_storage addr = {0};
	struct session_peer *original = worker->originals ? slot_of(worker, session) : NULL;
	if (original) /* it may be another one's that has ended, and be asked for under another configuration */
		*original = (struct session_peer){0};
	if (!original || !worker_relay(worker, session)->intercept)
		return true;
	if (ask(worker, session, &addr) < 0)
		return false;
	peer_set(original, (const struct sockaddr *)&addr);
	peer_unmap(original);
	return !is_here(worker, session, original);
}

const struct session_peer *original_of(const struct worker *worker, const struct session *session)
{
	return worker_relay(worker, session)->intercept ? slot_of(worker, session) : NULL;
}

uint32_t original_route(const struct worker *worker, struct session *session)
{
	const struct session_peer *original = original_of(worker, session);
	uint32_t relay = worker->plan->listeners[session->listener].relay;
	uint32_t route = original ? plan_find_destination(worker->plan, relay, original) : (uint32_t)PLAN_NO_ROUTE;
	if (route < worker->plan->route_count)
		session->route = route;
	return route;
}

uint32_t original_target(const struct worker *worker, const struct session *session)
{
	const struct session_peer *original = original_of(worker, session);
	sa_family_t family = original ? original->family : AF_UNSPEC;
	return plan_target_of(worker->plan, session->listener, session->route, session->backend, family);
}

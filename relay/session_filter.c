/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/session_filter.h"

#include <stdio.h>
#include <string.h>

int session_filter_set_backend(struct session_filter *filter, const char *text, struct err *err)
{
	bool has_netns = strchr(text, '/') != NULL;
	char in_own[ENDPOINT_TEXT_MAX];
	struct endpoint backend;
	if (!has_netns)
		snprintf(in_own, sizeof(in_own), "/%.*s", (int)sizeof(in_own) - 2, text);
	int rc = endpoint_parse(has_netns ? text : in_own, &backend, err);
	if (rc < 0)
		return rc;
	filter->backend = backend;
	filter->backend_in_any_netns = !has_netns;
	filter->has_backend = true;
	return 0;
}

static bool is_called(const char *name, const char *wanted)
{
	return !*wanted || strcmp(name, wanted) == 0;
}

static bool fits_client(const struct session_filter *filter, const struct session_peer *client)
{
	struct cidr_address address;
	if (!filter->has_client)
		return true;
	if (!cidr_address_set(&address, client->family, client->address))
		return false;
	cidr_address_mask(&address, filter->client.prefix);
	return memcmp(&address, &filter->client.first, sizeof(address)) == 0;
}

bool session_filter_fits_backend(const struct session_filter *filter, const struct endpoint *backend)
{
	struct endpoint wanted;
	if (!filter->has_backend || !backend)
		return !filter->has_backend;
	wanted = filter->backend;
	if (filter->backend_in_any_netns)
		wanted.netns = backend->netns;
	return endpoint_equal(&wanted, backend);
}

static bool fits_netns(const struct session_filter *filter, const struct endpoint *listener,
                       const struct endpoint *backend)
{
	return !filter->has_netns || netns_ref_fits(&filter->netns, &listener->netns) ||
	       (backend && netns_ref_fits(&filter->netns, &backend->netns));
}

/* fits_names - what it is part of */
static bool fits_names(const struct session_filter *filter, const struct plan *plan,
                       const struct session *session)
{
	const struct plan_listener *listener = &plan->listeners[session->listener];
	const struct config_relay *relay = &plan->config->relays[listener->relay];
	const struct config_pool *pool = &plan->config->pools[plan->routes[session->route].pool];
	const struct endpoint *backend = session->backends_tried ? &pool->backends[session->backend].endpoint
	                                                         : NULL;
	return is_called(relay->name, filter->relay) && is_called(pool->name, filter->pool) &&
	       session_filter_fits_backend(filter, backend) && fits_netns(filter, listener->endpoint, backend);
}

static bool fits_state(const struct session_filter *filter, const struct session *session)
{
	unsigned lanes = 1U << session->flows[SIDE_CLIENT].state | 1U << session->flows[SIDE_SERVER].state;
	return (!filter->states || filter->states & 1U << session->state) &&
	       (!filter->lanes || filter->lanes & lanes);
}

/* is_over - more than @limit, where 0 is no limit */
static bool is_over(uint64_t value, uint64_t limit)
{
	return limit == 0 || value > limit;
}

static bool fits_numbers(const struct session_filter *filter, const struct session *session, uint64_t now_ns)
{
	return is_over((now_ns - session->accepted_ns) / 1000000, filter->age_over_ms) &&
	       is_over(now_ns / 1000000 - session->active_ms, filter->idle_over_ms) &&
	       is_over(session->flows[SIDE_CLIENT].bytes + session->flows[SIDE_SERVER].bytes,
	               filter->bytes_over);
}

bool session_filter_fits(const struct session_filter *filter, const struct plan *plan,
                         const struct session *session, uint64_t now_ns)
{
	return fits_state(filter, session) && fits_numbers(filter, session, now_ns) &&
	       fits_client(filter, &session->peer) && fits_names(filter, plan, session);
}

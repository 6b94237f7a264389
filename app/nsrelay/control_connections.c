/* SPDX-License-Identifier: Apache-2.0 */
/* ListConnections: slices lent to one relay thread after the other, filtered and written as they come back.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/control.h"
#include "app/nsrelay/control_interface.h"
#include "app/text/suggest.h"
#include "nsctl/netlink/prefix.h"

/* Where a call goes on: its place[]. */
enum { PLACE_THREAD, PLACE_SLOT, PLACE_SENT };

/* What a connection must fit; NULL, -1 and AF_UNSPEC: anything. */
struct filter {
	int64_t relay;
	struct prefix from;
	const char *backend, *netns;
	uint64_t limit;
};

/* ---- the filter ---- */

static enum varlink_outcome refuse_relay(const struct config *config, struct varlink_call *call,
                                         const char *name)
{
	struct suggest suggest;
	suggest_init(&suggest, name);
	for (size_t i = 0; i < config->relay_count; i++)
		suggest_add(&suggest, config->relays[i].name);
	return control_not_found(call, "relay", name, suggest_text(&suggest));
}

static int64_t find_relay(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->relay_count; i++)
		if (strcmp(config->relays[i].name, name) == 0)
			return (int64_t)i;
	return -1;
}

/* read_filter - false when the call has failed */
static bool read_filter(const struct config *config, struct varlink_call *call, struct filter *ret)
{
	const char *relay = varlink_text(call, "relay"), *from = varlink_text(call, "from");
	int64_t limit = varlink_number(call, "limit", INT64_MAX);
	*ret = (struct filter){
	        .relay = relay ? find_relay(config, relay) : -1,
	        .backend = varlink_text(call, "backend"),
	        .netns = varlink_text(call, "netns"),
	        .limit = (uint64_t)limit,
	};
	const char *wrong = limit < 1                                          ? "limit"
	                    : from && prefix_parse(from, &ret->from, NULL) < 0 ? "from"
	                                                                       : NULL;
	if (relay && ret->relay < 0)
		refuse_relay(config, call, relay);
	else if (wrong)
		varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", wrong, NULL, NULL);
	return !call->error;
}

/* to_prefix - IPv4 within IPv6, which a listener on [::] has, is IPv4 */
static struct prefix to_prefix(const struct session_peer *peer)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	struct prefix prefix = {.family = peer->family};
	if (peer->family == AF_INET6 && memcmp(peer->address, mapped, sizeof(mapped)) == 0) {
		prefix.family = AF_INET;
		memcpy(&prefix.address, peer->address + sizeof(mapped), sizeof(prefix.address.in4));
	} else {
		memcpy(&prefix.address, peer->address, sizeof(prefix.address));
	}
	prefix.length = prefix.family == AF_INET || prefix.family == AF_INET6
	                        ? prefix_full_length(prefix.family)
	                        : 0;
	return prefix;
}

static bool fits_from(const struct filter *filter, const struct session_peer *client)
{
	struct prefix address = to_prefix(client);
	return filter->from.family == AF_UNSPEC ||
	       (filter->from.family == address.family && prefix_covers(&filter->from, &address));
}

static bool is_called(const struct endpoint *endpoint, const char *text)
{
	char own[ENDPOINT_TEXT_MAX];
	return strcmp(endpoint_format(endpoint, own, sizeof(own)), text) == 0 ||
	       strcmp(endpoint_format_address(&endpoint->addr.any, own, sizeof(own)), text) == 0;
}

static bool is_in(const struct endpoint *endpoint, const char *netns)
{
	char own[NETNS_TEXT_MAX + 8];
	return strcmp(netns_ref_format(&endpoint->netns, own, sizeof(own)), netns) == 0;
}

/* A connection with what its numbers stand for. */
struct named {
	const struct inspect_connection *connection;
	const struct config_relay *relay;
	const struct endpoint *listener, *backend; /* backend: NULL while there is none */
	size_t relay_index;
};

static struct named name_parts(const struct plan *plan, const struct inspect_connection *connection)
{
	const struct plan_listener *listener = &plan->listeners[connection->listener];
	const struct config_relay *relay = &plan->config->relays[listener->relay];
	struct named named = {connection, relay, listener->endpoint, NULL, listener->relay};
	if (connection->backend != INSPECT_NO_BACKEND)
		named.backend = &plan->config->pools[plan->routes[connection->route].pool]
		                         .backends[connection->backend]
		                         .endpoint;
	return named;
}

static bool fits(const struct filter *filter, const struct named *named)
{
	if (filter->relay >= 0 && (size_t)filter->relay != named->relay_index)
		return false;
	if (!fits_from(filter, &named->connection->sides[SIDE_CLIENT].remote))
		return false;
	if (filter->backend && !(named->backend && is_called(named->backend, filter->backend)))
		return false;
	return !filter->netns || is_in(named->listener, filter->netns) ||
	       (named->backend && is_in(named->backend, filter->netns));
}

/* ---- writing ---- */

static void write_address(struct json *out, const char *key, const struct session_peer *peer)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = peer->port};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = peer->port};
	char text[ENDPOINT_TEXT_MAX];
	const struct sockaddr *addr = peer->family == AF_INET ? (const void *)&in4 : (const void *)&in6;
	memcpy(&in4.sin_addr, peer->address, sizeof(in4.sin_addr));
	memcpy(&in6.sin6_addr, peer->address, sizeof(in6.sin6_addr));
	if (peer->family == AF_UNIX)
		json_text(out, key, "unix");
	else if (peer->family != AF_UNSPEC)
		json_text(out, key, endpoint_format_address(addr, text, sizeof(text)));
}

static void write_tcp(struct json *out, const struct sys_tcp *tcp)
{
	json_number(out, "rtt_us", tcp->rtt_us);
	json_number(out, "rtt_var_us", tcp->rtt_var_us);
	json_number(out, "congestion_window", tcp->congestion_window);
	json_number(out, "mss_bytes", tcp->mss);
	json_number(out, "retransmits", tcp->retransmits);
	json_number(out, "send_queue_bytes", tcp->send_queue);
	json_number(out, "receive_queue_bytes", tcp->receive_queue);
}

static void write_side(struct json *out, const char *key, const struct inspect_side *side,
                       const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(out, key);
	if (endpoint)
		json_text(out, "netns", netns_ref_format(&endpoint->netns, text, sizeof(text)));
	write_address(out, "local", &side->local);
	write_address(out, "remote", &side->remote);
	json_text(out, "lane", inspect_lane_name(side->lane));
	json_number(out, "bytes", side->bytes);
	json_number(out, "spliced_bytes", side->spliced);
	if (side->has_tcp)
		write_tcp(out, &side->tcp);
	json_end(out);
}

static void write_connection(struct json *out, const struct named *named)
{
	const struct inspect_connection *connection = named->connection;
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(out, NULL);
	json_number(out, "id", connection->id);
	json_text(out, "relay", named->relay->name);
	json_text(out, "state", inspect_state_name(connection->state));
	json_text(out, "listener", endpoint_format(named->listener, text, sizeof(text)));
	if (named->backend)
		json_text(out, "backend", endpoint_format(named->backend, text, sizeof(text)));
	json_number(out, "age_ms", connection->age_ms);
	json_number(out, "idle_ms", connection->idle_ms);
	if (connection->connect_us)
		json_number(out, "connect_us", connection->connect_us);
	write_side(out, "client", &connection->sides[SIDE_CLIENT], named->listener);
	write_side(out, "server", &connection->sides[SIDE_SERVER], named->backend);
	json_end(out);
}

/* ---- slices ---- */

/* lend - ask for what comes next */
static enum varlink_outcome lend(struct control *control, struct varlink_call *call)
{
	control->slice.cursor = (uint32_t)call->place[PLACE_SLOT];
	if (!inspect_ask(control->inspect, (uint32_t)call->place[PLACE_THREAD], &control->slice))
		return varlink_fail(call, CONTROL_INTERFACE ".Busy", "advice",
		                    "a thread has too much to do; try again", NULL, NULL);
	control->lent_to = call->serial;
	return VARLINK_WAITS;
}

/* wake_others - the slice is free, and who waits for it is asked only when the doorbell rings */
static void wake_others(const struct control *control)
{
	uint64_t one = 1;
	ssize_t n = write(control->inspect->doorbell_fd, &one, sizeof(one));
	(void)n;
}

/* advance - behind the slice that came back; false when it was the last one of the last thread */
static bool advance(struct control *control, struct varlink_call *call)
{
	control->lent_to = 0;
	call->place[PLACE_SLOT] = control->slice.cursor;
	if (control->slice.last) {
		call->place[PLACE_THREAD]++;
		call->place[PLACE_SLOT] = 0;
	}
	return call->place[PLACE_THREAD] < control->inspect->limits->threads;
}

/* keep_fitting - move those that fit to the slice's beginning, as far as the limit allows */
static void keep_fitting(struct control *control, struct varlink_call *call, const struct filter *filter)
{
	struct inspect_slice *slice = &control->slice;
	uint32_t kept = 0;
	for (uint32_t i = 0; i < slice->count && call->place[PLACE_SENT] < filter->limit; i++) {
		struct named named = name_parts(control->inspect->plan, &slice->rows[i]);
		if (!fits(filter, &named))
			continue;
		slice->rows[kept++] = slice->rows[i];
		call->place[PLACE_SENT]++;
	}
	slice->count = kept;
}

static enum varlink_outcome take_slice(struct control *control, struct varlink_call *call,
                                       const struct filter *filter, struct json *out)
{
	keep_fitting(control, call, filter);
	bool more = advance(control, call) && call->place[PLACE_SENT] < filter->limit;
	if (control->slice.count == 0 && more)
		return lend(control, call);
	wake_others(control);
	json_begin_array(out, "connections");
	for (uint32_t i = 0; i < control->slice.count; i++) {
		struct named named = name_parts(control->inspect->plan, &control->slice.rows[i]);
		write_connection(out, &named);
	}
	json_end(out);
	return more ? VARLINK_CONTINUES : VARLINK_LAST;
}

enum varlink_outcome control_list_connections(const struct varlink_service *service,
                                              struct varlink_call *call, struct json *out)
{
	struct control *control = service->ctx;
	struct filter filter;
	if (!read_filter(control->inspect->plan->config, call, &filter))
		return VARLINK_FAILED;
	if (control->lent_to && !inspect_answered(control->inspect, &control->slice))
		return VARLINK_WAITS;
	if (control->lent_to == call->serial)
		return take_slice(control, call, &filter, out);
	if (control->lent_to && control->lent_to != LENT_FOR_NOBODY)
		return VARLINK_WAITS; /* its owner comes for it */
	return lend(control, call);
}

void control_drop_connections(const struct varlink_service *service, const struct varlink_call *call)
{
	struct control *control = service->ctx;
	if (control->lent_to != call->serial)
		return;
	control->lent_to = LENT_FOR_NOBODY;
	wake_others(control);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ListConnections and KillConnections: slices lent to one relay thread after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/nsrelay/control.h"
#include "app/nsrelay/control_filter.h"
#include "app/nsrelay/control_interface.h"
#include "relay/events.h"
#include "relay/state_names.h"

/* Where a call goes on: its place[]. */
enum { PLACE_THREAD, PLACE_SLOT, PLACE_DONE };

/* ---- what is told of a connection ---- */

static const struct varlink_field side_fields[] = {
        {.name = "remote",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "ADDRESS:PORT of the client; with details, of the backend too"},
        {.name = "lane",
         .kind = VARLINK_STRING,
         .help = "how what comes from this side is moved: new, parked, interactive, stopping, bulk, held, "
                 "ended"},
        {.name = "bytes", .kind = VARLINK_INT, .help = "read from this side"},
        {.name = "spliced_bytes",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "of these, without a copy; none when it is left out"},
        {.name = "netns", .kind = VARLINK_STRING, .optional = true, .help = "this and what follows: with details"},
        {.name = "local",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "ADDRESS:PORT of the relay's socket; on the client's side what it connected to"},
        {.name = "rtt_us",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "this and what follows not of unix sockets: TCP_INFO, tcp(7)"},
        {.name = "rtt_var_us", .kind = VARLINK_INT, .optional = true},
        {.name = "congestion_window", .kind = VARLINK_INT, .optional = true, .help = "segments"},
        {.name = "mss_bytes", .kind = VARLINK_INT, .optional = true},
        {.name = "retransmits", .kind = VARLINK_INT, .optional = true, .help = "segments, since it began"},
        {.name = "send_queue_bytes",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "not acknowledged by the peer"},
        {.name = "receive_queue_bytes",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "not read by the relay"},
};
const struct varlink_type control_side_type = {"Side", "One of a connection's two sockets.",
                                               VARLINK_FIELDS(side_fields)};

static const struct varlink_field connection_fields[] = {
        {.name = "id", .kind = VARLINK_INT, .help = "as long as this relay process lives"},
        {.name = "relay", .kind = VARLINK_STRING},
        {.name = "pool", .kind = VARLINK_STRING, .help = "that it goes to"},
        {.name = "state",
         .kind = VARLINK_STRING,
         .help = "preread, pending, hello, waiting (for a socket), queued, connecting, open, resetting, "
                 "closing"},
        {.name = "listener", .kind = VARLINK_STRING, .help = "NETNS/ADDRESS:PORT as in the configuration"},
        {.name = "backend",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "as in the configuration, once it is chosen"},
        {.name = "age_ms", .kind = VARLINK_INT},
        {.name = "idle_ms", .kind = VARLINK_INT, .help = "since a byte last moved"},
        {.name = "connect_us",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "from accept to the backend's answer; with details"},
        {.name = "via",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "ADDRESS:PORT of the proxy that told who the client is, by a PROXY header"},
        {.name = "destination",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "ADDRESS:PORT that an intercepted client wanted to go to"},
        {.name = "client", .kind = VARLINK_OBJECT, .type = &control_side_type},
        {.name = "server", .kind = VARLINK_OBJECT, .type = &control_side_type},
};
const struct varlink_type control_connection_type = {
        "Connection", "A client, a backend, and what is between them.", VARLINK_FIELDS(connection_fields)};
static const struct varlink_field connections_fields[] = {
        {.name = "connections", .kind = VARLINK_OBJECT, .array = true, .type = &control_connection_type},
};

/* A connection with what its numbers stand for. */
struct named {
	const struct inspect_connection *connection;
	const struct config_relay *relay;
	const struct config_pool *pool;
	const struct endpoint *listener, *backend; /* backend: NULL while there is none */
};

static struct named name_parts(const struct plan *plan, const struct inspect_connection *connection)
{
	const struct plan_listener *listener = &plan->listeners[connection->listener];
	struct named named = {
	        .connection = connection,
	        .relay = &plan->config->relays[listener->relay],
	        .pool = &plan->config->pools[plan->routes[connection->route].pool],
	        .listener = listener->endpoint,
	};
	if (connection->backend != INSPECT_NO_BACKEND)
		named.backend = &named.pool->backends[connection->backend].endpoint;
	return named;
}

static void write_address(struct json *out, const char *key, const struct session_peer *peer)
{
	char text[ENDPOINT_TEXT_MAX];
	if (peer->family != AF_UNSPEC)
		json_text(out, key, peer_format(peer, text, sizeof(text)));
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

/* write_details - where the socket is, and what the kernel knows of it */
static void write_details(struct json *out, const struct inspect_side *side, const struct endpoint *endpoint)
{
	char text[ENDPOINT_TEXT_MAX];
	if (endpoint)
		json_text(out, "netns", netns_ref_format(&endpoint->netns, text, sizeof(text)));
	write_address(out, "local", &side->local);
	if (side->has_tcp)
		write_tcp(out, &side->tcp);
}

static void write_moved(struct json *out, const struct inspect_side *side)
{
	json_text(out, "lane", flow_state_name(side->lane));
	json_number(out, "bytes", side->bytes);
	if (side->spliced)
		json_number(out, "spliced_bytes", side->spliced);
}

static void write_sides(struct json *out, const struct named *named, bool details)
{
	const struct inspect_side *client = &named->connection->sides[SIDE_CLIENT],
	                          *server = &named->connection->sides[SIDE_SERVER];
	json_begin_object(out, "client");
	write_address(out, "remote", &client->remote);
	write_moved(out, client);
	if (details)
		write_details(out, client, named->listener);
	json_end(out);
	json_begin_object(out, "server");
	write_moved(out, server);
	if (details) {
		write_address(out, "remote", &server->remote);
		write_details(out, server, named->backend);
	}
	json_end(out);
}

static void write_connection(struct json *out, const struct named *named, bool details)
{
	const struct inspect_connection *connection = named->connection;
	char text[ENDPOINT_TEXT_MAX];
	json_begin_object(out, NULL);
	json_number(out, "id", connection->id);
	json_text(out, "relay", named->relay->name);
	json_text(out, "pool", named->pool->name);
	json_text(out, "state", session_state_name(connection->state));
	json_text(out, "listener", endpoint_format(named->listener, text, sizeof(text)));
	if (named->backend)
		json_text(out, "backend", endpoint_format(named->backend, text, sizeof(text)));
	json_number(out, "age_ms", connection->age_ms);
	json_number(out, "idle_ms", connection->idle_ms);
	if (details && connection->connect_us)
		json_number(out, "connect_us", connection->connect_us);
	write_address(out, "via", &connection->via);
	write_address(out, "destination", &connection->original);
	write_sides(out, named, details);
	json_end(out);
}

/* ---- slices ---- */

static enum varlink_outcome lend(struct control *control, struct varlink_call *call, enum inspect_wish wish)
{
	struct inspect_slice *slice = &control->slice;
	if (!control_filter_read(control->inspect->plan->config, call, slice))
		return VARLINK_FAILED;
	if (slice->is_one) {
		call->place[PLACE_THREAD] = inspect_thread_of(slice->id);
		if (call->place[PLACE_THREAD] >= control->inspect->limits->threads)
			return VARLINK_LAST;
	}
	slice->wish = (uint8_t)wish;
	slice->cursor = (uint32_t)call->place[PLACE_SLOT];
	if (!inspect_ask(control->inspect, (uint32_t)call->place[PLACE_THREAD], slice))
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

/* advance - behind the slice that came back; false when there is nothing behind it */
static bool advance(struct control *control, struct varlink_call *call)
{
	const struct inspect_slice *slice = &control->slice;
	control->lent_to = 0;
	call->place[PLACE_SLOT] = slice->cursor;
	if (slice->last) {
		call->place[PLACE_THREAD]++;
		call->place[PLACE_SLOT] = 0;
	}
	return !slice->is_one && call->place[PLACE_THREAD] < control->inspect->limits->threads;
}

/*
 * await - until the slice that @call has lent is back: VARLINK_CONTINUES; until then, or when there is
 * nothing to wait for, what the call is to answer. Lends it first.
 */
static enum varlink_outcome await(struct control *control, struct varlink_call *call, enum inspect_wish wish)
{
	if (control->lent_to && !inspect_answered(control->inspect, &control->slice))
		return VARLINK_WAITS;
	if (control->lent_to == call->serial)
		return VARLINK_CONTINUES;
	if (control->lent_to && control->lent_to != LENT_FOR_NOBODY)
		return VARLINK_WAITS; /* its owner comes for it */
	return lend(control, call, wish);
}

static void drop_slice(const struct varlink_service *service, const struct varlink_call *call)
{
	struct control *control = service->ctx;
	if (control->lent_to != call->serial)
		return;
	control->lent_to = LENT_FOR_NOBODY;
	wake_others(control);
}

/* ---- ListConnections ---- */

static const struct varlink_field list_fields[] = {
        CONTROL_FILTER_FIELDS,
        {.name = "details",
         .kind = VARLINK_BOOL,
         .optional = true,
         .help = "ask the sockets too: takes seven system calls a connection"},
        {.name = "limit", .kind = VARLINK_INT, .optional = true, .help = "no more than so many"},
};

static void write_rows(const struct control *control, struct json *out)
{
	json_begin_array(out, "connections");
	for (uint32_t i = 0; i < control->slice.count; i++) {
		struct named named = name_parts(control->inspect->plan, &control->slice.rows[i]);
		write_connection(out, &named, control->slice.wish == INSPECT_DETAILS);
	}
	json_end(out);
}

static enum varlink_outcome take_rows(struct control *control, struct varlink_call *call, uint64_t limit,
                                      enum inspect_wish wish, struct json *out)
{
	uint64_t left = limit - call->place[PLACE_DONE];
	if (control->slice.count > left)
		control->slice.count = (uint32_t)left;
	call->place[PLACE_DONE] += control->slice.count;
	bool more = advance(control, call) && call->place[PLACE_DONE] < limit;
	if (control->slice.count == 0 && more)
		return lend(control, call, wish);
	wake_others(control);
	write_rows(control, out);
	return more ? VARLINK_CONTINUES : VARLINK_LAST;
}

static enum varlink_outcome list_connections(const struct varlink_service *service, struct varlink_call *call,
                                             struct json *out)
{
	struct control *control = service->ctx;
	int64_t limit = varlink_number(call, "limit", INT64_MAX);
	enum inspect_wish wish = varlink_flag(call, "details") ? INSPECT_DETAILS : INSPECT_LIST;
	if (limit < 1)
		return varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", "limit", NULL,
		                    NULL);
	enum varlink_outcome outcome = await(control, call, wish);
	if (outcome == VARLINK_CONTINUES)
		return take_rows(control, call, (uint64_t)limit, wish, out);
	if (outcome == VARLINK_LAST) {
		json_begin_array(out, "connections");
		json_end(out);
	}
	return outcome;
}

const struct varlink_method control_method_list_connections = {
        .name = "ListConnections",
        .help = "The connections, or those that all of the parameters fit. One that lives from the first "
                "reply to the\n"
                "last is in exactly one of them. Call it with 'more'.",
        .takes = VARLINK_FIELDS(list_fields),
        .returns = VARLINK_FIELDS(connections_fields),
        .streams = true,
        .fn = list_connections,
        .dropped = drop_slice,
};

/* ---- KillConnections ---- */

static const struct varlink_field kill_fields[] = {
        CONTROL_FILTER_FIELDS,
        {.name = "all", .kind = VARLINK_BOOL, .optional = true, .help = "must be said when nothing else is"},
};
static const struct varlink_field killed_fields[] = {{.name = "killed", .kind = VARLINK_INT}};

static void tell_killed(const struct control *control, const struct varlink_call *call)
{
	const char *relay = varlink_text(call, "relay");
	struct event event = {.kind = EVENT_KILLED, .count = call->place[PLACE_DONE]};
	snprintf(event.relay, sizeof(event.relay), "%s", relay ? relay : "");
	if (event.count)
		events_add(control->inspect->events, &event);
}

static enum varlink_outcome kill_connections(const struct varlink_service *service, struct varlink_call *call,
                                             struct json *out)
{
	struct control *control = service->ctx;
	if (control_filter_is_empty(call) && !varlink_flag(call, "all"))
		return varlink_fail(call, "org.varlink.service.InvalidParameter", "parameter", "all", NULL,
		                    NULL);
	enum varlink_outcome outcome = await(control, call, INSPECT_KILL);
	if (outcome == VARLINK_CONTINUES) {
		call->place[PLACE_DONE] += control->slice.count;
		if (advance(control, call))
			return lend(control, call, INSPECT_KILL);
		wake_others(control);
		outcome = VARLINK_LAST;
	}
	if (outcome == VARLINK_LAST) {
		json_number(out, "killed", call->place[PLACE_DONE]);
		tell_killed(control, call);
	}
	return outcome;
}

const struct varlink_method control_method_kill_connections = {
        .name = "KillConnections",
        .help = "Reset those connections that all of the parameters fit, at both ends.",
        .takes = VARLINK_FIELDS(kill_fields),
        .returns = VARLINK_FIELDS(killed_fields),
        .fn = kill_connections,
        .dropped = drop_slice,
};

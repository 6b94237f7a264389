/* SPDX-License-Identifier: Apache-2.0 */
/* WatchEvents: what happens, from the call on. */
#include "app/nsrelay/control.h"
#include "app/nsrelay/control_interface.h"
#include "base/log.h"
#include "relay/events.h"

enum { EVENTS_A_REPLY = 16 };

static const struct varlink_field event_fields[] = {
        {.name = "time", .kind = VARLINK_STRING, .help = "as in the log: 2024-05-01T12:00:00.123Z"},
        {.name = "event",
         .kind = VARLINK_STRING,
#define X(name, text, help) " " text
         .help = "one of" EVENT_TABLE(X)},
#undef X
        {.name = "relay", .kind = VARLINK_STRING, .optional = true},
        {.name = "pool", .kind = VARLINK_STRING, .optional = true},
        {.name = "endpoint",
         .kind = VARLINK_STRING,
         .optional = true,
         .help = "the backend or the listener, as in the configuration"},
        {.name = "reason", .kind = VARLINK_STRING, .optional = true},
        {.name = "count",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "of connections, or of times: what comes often is told once a second"},
};
const struct varlink_type control_event_type = {"Event", "Something that has happened.",
                                                VARLINK_FIELDS(event_fields)};

static const struct varlink_field events_fields[] = {
        {.name = "events", .kind = VARLINK_OBJECT, .array = true, .type = &control_event_type},
        {.name = "lost",
         .kind = VARLINK_INT,
         .optional = true,
         .help = "so many came before these, and were forgotten before you had read them"},
};

static void write_known(struct json *out, const char *key, const char *text)
{
	if (*text)
		json_text(out, key, text);
}

static void write_event(struct json *out, const struct event *event)
{
	const struct timespec at = {.tv_sec = (time_t)(event->time_ms / 1000),
	                            .tv_nsec = (long)(event->time_ms % 1000) * 1000000};
	char text[32];
	json_begin_object(out, NULL);
	json_text(out, "time", log_format_time(&at, text, sizeof(text)));
	json_text(out, "event", event_name(event->kind));
	write_known(out, "relay", event->relay);
	write_known(out, "pool", event->pool);
	write_known(out, "endpoint", event->endpoint);
	write_known(out, "reason", event->reason);
	if (event->count)
		json_number(out, "count", event->count);
	json_end(out);
}

/* watch_events - place[0]: the number of the event to go on with; 0: the call is new, and is answered at
 * once */
static enum varlink_outcome watch_events(const struct varlink_service *service, struct varlink_call *call,
                                         struct json *out)
{
	const struct control *control = service->ctx;
	struct event events[EVENTS_A_REPLY];
	uint64_t lost = 0;
	bool is_new = call->place[0] == 0;
	if (is_new)
		call->place[0] = events_begin(control->inspect->events);
	uint32_t count = events_read(control->inspect->events, &call->place[0], events, EVENTS_A_REPLY,
	                             &lost);
	if (count == 0 && !is_new)
		return VARLINK_WAITS;
	json_begin_array(out, "events");
	for (uint32_t i = 0; i < count; i++)
		write_event(out, &events[i]);
	json_end(out);
	if (lost)
		json_number(out, "lost", lost);
	return VARLINK_CONTINUES;
}

static void stop_watching(const struct varlink_service *service, const struct varlink_call *call)
{
	const struct control *control = service->ctx;
	if (call->place[0] != 0)
		events_end(control->inspect->events);
}

const struct varlink_method control_method_watch_events = {
        .name = "WatchEvents",
        .help = "What happens from now on, as it happens. The first reply comes at once, and empty; the call "
                "ends with\n"
                "the connection. Call it with 'more'.",
        .returns = VARLINK_FIELDS(events_fields),
        .streams = true,
        .patient = true,
        .fn = watch_events,
        .dropped = stop_watching,
};

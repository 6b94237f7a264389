/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsctl/verb_events.h"

#include <stdlib.h>

#include "app/nsctl/live.h"
#include "app/text/table.h"
#include "app/varlink/client.h"

/* print_member - behind the event's name, if it has one */
static void print_member(const json_t *event, const char *name, FILE *out)
{
	const char *text = json_string_value(json_object_get(event, name));
	char *visible = text ? table_visible(text) : NULL;
	if (visible)
		fprintf(out, " %s=%s", name, visible);
	free(visible);
}

static void print_event(const json_t *event, FILE *out)
{
	const char *time = json_string_value(json_object_get(event, "time")),
	           *name = json_string_value(json_object_get(event, "event"));
	const json_t *count = json_object_get(event, "count");
	fprintf(out, "%s %s", time ? time : "", name ? name : "");
	print_member(event, "relay", out);
	print_member(event, "pool", out);
	print_member(event, "endpoint", out);
	if (count)
		fprintf(out, " count=%" JSON_INTEGER_FORMAT, json_integer_value(count));
	print_member(event, "reason", out);
	putc('\n', out);
}

static void print_lost(const json_t *lost, bool json, FILE *out)
{
	if (json)
		fprintf(out, "{\"event\":\"lost\",\"count\":%" JSON_INTEGER_FORMAT "}\n",
		        json_integer_value(lost));
	else
		fprintf(out, "%" JSON_INTEGER_FORMAT " events lost: they were read too slowly\n",
		        json_integer_value(lost));
}

struct watch {
	FILE *out;
	bool json;
};

/* print_reply - a reader that has gone ends it */
static int print_reply(void *ctx, const json_t *reply, struct err *err)
{
	const struct watch *watch = ctx;
	FILE *out = watch->out;
	bool json = watch->json;
	const json_t *lost = json_object_get(reply, "lost"), *events = json_object_get(reply, "events");
	if (lost)
		print_lost(lost, json, out);
	for (size_t i = 0; i < json_array_size(events); i++) {
		const json_t *event = json_array_get(events, i);
		if (json) {
			json_dumpf(event, out, JSON_COMPACT);
			putc('\n', out);
		} else {
			print_event(event, out);
		}
	}
	(void)err;
	return fflush(out) != 0 || ferror(out) ? 1 : 0;
}

int verb_events(const struct nsctl_options *options, FILE *out, struct err *err)
{
	struct varlink_client client;
	struct watch watch = {.out = out, .json = options->json};
	int r = varlink_connect(&client, options->control_path, err);
	if (r < 0)
		return r;
	varlink_wait(&client);
	r = varlink_each(&client, LIVE_INTERFACE "WatchEvents", NULL, print_reply, &watch, err);
	varlink_disconnect(&client);
	return r < 0 ? r : 0;
}

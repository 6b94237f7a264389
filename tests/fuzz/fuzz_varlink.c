/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages are the same however their bytes are cut, and each is either no call or has an end: one reply
 * after the other that are all JSON, and none to a call that wants none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "app/varlink/frame.h"
#include "app/varlink/service.h"

enum { MESSAGE_MAX = 4096, REPLIES = 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct varlink_field fields[] = {
        {.name = "text", .kind = VARLINK_STRING, .optional = true},
        {.name = "count", .kind = VARLINK_INT, .optional = true},
        {.name = "loud", .kind = VARLINK_BOOL, .optional = true},
};

/* say - what it was given, three times; a count below 0 is refused */
static enum varlink_outcome say(const struct varlink_service *service, struct varlink_call *call,
                                struct json *out)
{
	(void)service;
	if (varlink_number(call, "count", 0) < 0)
		return varlink_fail(call, "a.b.Negative", "text", varlink_text(call, "text"), NULL, NULL);
	json_text(out, "text", varlink_text(call, "text"));
	json_number(out, "count", (uint64_t)varlink_number(call, "count", 0));
	return ++call->place[0] < REPLIES ? VARLINK_CONTINUES : VARLINK_LAST;
}

static const struct varlink_method say_method = {
        .name = "Say", .takes = VARLINK_FIELDS(fields), .streams = true, .fn = say};
static const struct varlink_method *const methods[] = {&say_method};
static const struct varlink_interface interface = {.name = "a.b", .methods = methods, .method_count = 1};
static const struct varlink_service service = {
        .vendor = "", .product = "", .version = "", .url = "", .interface = &interface};

/* step - write one reply and look at it */
static enum varlink_outcome step(struct varlink_call *call)
{
	char *text = NULL;
	size_t size;
	bool silent = call->oneway;
	FILE *out = open_memstream(&text, &size);
	CHECK(out);
	enum varlink_outcome outcome = varlink_call_step(&service, call, out);
	fclose(out);
	json_t *reply = json_loadb(text, size, 0, NULL);
	CHECK(silent ? size == 0 : json_is_object(json_object_get(reply, "parameters")));
	CHECK(outcome != VARLINK_CONTINUES || json_is_true(json_object_get(reply, "continues")));
	json_decref(reply);
	free(text);
	return outcome;
}

static void try_call(const char *text, size_t length)
{
	struct varlink_call call = {0};
	/* Of just that size, so that a read beyond it is seen. */
	char *copy = malloc(length + !length);
	CHECK(copy);
	memcpy(copy, text, length);
	int replies = 0;
	if (varlink_call_begin(&service, &call, copy, length) == 0)
		while (step(&call) != VARLINK_LAST)
			CHECK(++replies < REPLIES);
	varlink_call_end(&service, &call);
	free(copy);
}

/* feed - up to @size bytes; false when a message is too long */
static bool feed(struct frames *frames, const uint8_t *data, size_t size)
{
	while (size > 0) {
		size_t room;
		char *place = frames_room(frames, &room);
		if (!place)
			return false;
		room = room < size ? room : size;
		memcpy(place, data, room);
		frames_added(frames, room);
		data += room;
		size -= room;
	}
	return true;
}

/* read_all - messages of @data in pieces of @piece bytes; returns a sum that tells them apart */
static uint64_t read_all(const uint8_t *data, size_t size, size_t piece, bool call)
{
	struct frames frames = {.max = MESSAGE_MAX};
	uint64_t sum = 0;
	size_t length;
	for (size_t at = 0; at < size; at += piece) {
		if (!feed(&frames, data + at, size - at < piece ? size - at : piece))
			break;
		for (const char *text; (text = frames_first(&frames, &length)); frames_take(&frames)) {
			sum = (sum + length + 1) * 31 + (uint8_t)text[length / 2];
			if (call)
				try_call(text, length);
		}
	}
	frames_fini(&frames);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool seeded;
	if (!seeded)
		json_object_seed(1); /* the same way each time */
	seeded = true;
	uint64_t sum = read_all(data, size, 1, true);
	CHECK(size > MESSAGE_MAX || read_all(data, size, 7, false) == sum);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Varlink without a socket: messages out of bytes, calls out of messages, descriptions out of tables. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "app/varlink/frame.h"
#include "app/varlink/service.h"
#include "tests/unit/unit.h"

/* ---- messages ---- */

static void feed(struct frames *frames, const char *bytes, size_t size)
{
	while (size > 0) {
		size_t room;
		char *place = frames_room(frames, &room);
		assert_non_null(place);
		room = room < size ? room : size;
		memcpy(place, bytes, room);
		frames_added(frames, room);
		bytes += room;
		size -= room;
	}
}

static void assert_first(struct frames *frames, const char *expected)
{
	size_t length;
	const char *text = frames_first(frames, &length);
	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(length, strlen(expected));
	frames_take(frames);
}

static void messages_are_the_same_however_they_are_cut(void **state)
{
	static const char bytes[] = "one\0two\0\0four";
	(void)state;
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		struct frames frames = {.max = 64};
		size_t length;
		feed(&frames, bytes, cut);
		if (cut > 3)
			assert_first(&frames, "one");
		feed(&frames, bytes + cut, sizeof(bytes) - cut);
		if (cut <= 3)
			assert_first(&frames, "one");
		assert_first(&frames, "two");
		assert_first(&frames, "");
		assert_first(&frames, "four");
		assert_null(frames_first(&frames, &length));
		frames_fini(&frames);
	}
}

static void message_that_is_too_long_has_no_room(void **state)
{
	static const char bytes[8] = "1234567";
	struct frames frames = {.max = 8};
	size_t room;
	(void)state;
	feed(&frames, bytes, sizeof(bytes));
	assert_first(&frames, "1234567");
	feed(&frames, "12345678", 8);
	assert_null(frames_room(&frames, &room));
	frames_fini(&frames);
}

/* ---- a service ---- */

static const struct varlink_field take_fields[] = {
        {.name = "text", .kind = VARLINK_STRING, .help = "what to say"},
        {.name = "count", .kind = VARLINK_INT, .optional = true},
        {.name = "loud", .kind = VARLINK_BOOL, .optional = true},
};
static const struct varlink_field line_fields[] = {{.name = "line", .kind = VARLINK_STRING}};
static const struct varlink_type line_type = {"Line", "One of them.", VARLINK_FIELDS(line_fields)};
static const struct varlink_field return_fields[] = {
        {.name = "lines", .kind = VARLINK_OBJECT, .array = true, .type = &line_type},
};
static const struct varlink_type *const types[] = {&line_type};

static int waits, drops;

/* say - one line a reply; @waits replies are not there when they are asked for first */
static enum varlink_outcome say(const struct varlink_service *service, struct varlink_call *call,
                                struct json *out)
{
	(void)service;
	if (strcmp(varlink_text(call, "text"), "nothing") == 0)
		return varlink_fail(call, "org.example.Echo.Mute", "advice", "say something", NULL, NULL);
	json_begin_array(out, "lines");
	json_begin_object(out, NULL);
	json_text(out, "line", varlink_text(call, "text"));
	json_end(out);
	json_end(out);
	if (waits > 0)
		return waits--, VARLINK_WAITS;
	call->place[0]++;
	return (int64_t)call->place[0] < varlink_number(call, "count", 1) ? VARLINK_CONTINUES : VARLINK_LAST;
}

static void dropped(const struct varlink_service *service, const struct varlink_call *call)
{
	(void)service;
	(void)call;
	drops++;
}

static const struct varlink_method say_method = {
        .name = "Say",
        .help = "Says it.",
        .takes = VARLINK_FIELDS(take_fields),
        .returns = VARLINK_FIELDS(return_fields),
        .streams = true,
        .fn = say,
        .dropped = dropped,
};
static const struct varlink_method *const methods[] = {&say_method};
static const struct varlink_field advice_field[] = {{.name = "advice", .kind = VARLINK_STRING}};
static const struct varlink_error errors[] = {
        {"Mute", "There is nothing to say.", VARLINK_FIELDS(advice_field)}};
static const struct varlink_interface echo = {
        .name = "org.example.Echo",
        .help = "For tests.",
        .types = types,
        .type_count = 1,
        .methods = methods,
        .method_count = 1,
        .errors = errors,
        .error_count = 1,
};
static const struct varlink_service service = {
        .vendor = "v", .product = "p", .version = "1", .url = "", .interface = &echo};

/* replies - all that the service says to @message, one a line; "" for a message that is no call */
static const char *replies(const char *message)
{
	static char *text;
	size_t size;
	struct varlink_call call = {0};
	enum varlink_outcome outcome;
	free(text);
	FILE *out = open_memstream(&text, &size);
	assert_non_null(out);
	if (varlink_call_begin(&service, &call, message, strlen(message)) == 0) {
		do
			outcome = varlink_call_step(&service, &call, out);
		while (outcome != VARLINK_LAST);
	}
	varlink_call_end(&service, &call);
	fclose(out);
	return text;
}

#define SAY(parameters) "{\"method\":\"org.example.Echo.Say\",\"more\":true,\"parameters\":" parameters "}"
#define INVALID(name)                                                                                        \
	"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"" name "\"}}\n"
#define LINE "{\"parameters\":{\"lines\":[{\"line\":\"a\"}]}"

static void call_is_answered(void **state)
{
	(void)state;
	assert_string_equal(replies(SAY("{\"text\":\"a\"}")), LINE "}\n");
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"loud\":false,\"count\":null}")), LINE "}\n");
}

static void all_replies_but_the_last_say_that_more_follow(void **state)
{
	(void)state;
	waits = 2;
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"count\":3}")),
	                    LINE ",\"continues\":true}\n" LINE ",\"continues\":true}\n" LINE "}\n");
	assert_int_equal(waits, 0);
}

static void wrong_argument_is_named(void **state)
{
	(void)state;
	assert_string_equal(replies(SAY("{}")), INVALID("text"));
	assert_string_equal(replies(SAY("null")), INVALID("text"));
	assert_string_equal(replies(SAY("{\"text\":1}")), INVALID("text"));
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"count\":\"1\"}")), INVALID("count"));
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"count\":1.5}")), INVALID("count"));
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"loud\":[]}")), INVALID("loud"));
	assert_string_equal(replies(SAY("{\"text\":\"a\",\"lod\":true}")), INVALID("lod"));
}

static void what_is_not_there_is_not_found(void **state)
{
	(void)state;
	assert_contains(replies("{\"method\":\"org.example.Echo.Sy\"}"),
	                "MethodNotFound\",\"parameters\":{\"method\":\"org.example.Echo.Sy\"");
	assert_contains(replies("{\"method\":\"org.example.Eko.Say\"}"),
	                "InterfaceNotFound\",\"parameters\":{\"interface\":\"org.example.Eko\"");
	assert_string_equal(replies("{\"method\":\"Say\"}"), INVALID("method"));
	assert_contains(replies("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                        "\"parameters\":{\"interface\":\"a.b\"}}"),
	                "InterfaceNotFound");
}

static void list_must_be_asked_for_with_more(void **state)
{
	(void)state;
	assert_contains(replies("{\"method\":\"org.example.Echo.Say\",\"parameters\":{\"text\":\"a\"}}"),
	                "ExpectedMore");
}

static void error_of_the_interface_has_its_parameters(void **state)
{
	(void)state;
	assert_string_equal(
	        replies(SAY("{\"text\":\"nothing\"}")),
	        "{\"error\":\"org.example.Echo.Mute\",\"parameters\":{\"advice\":\"say something\"}}\n");
}

static void call_that_wants_no_reply_has_none(void **state)
{
	(void)state;
	assert_string_equal(replies("{\"method\":\"org.varlink.service.GetInfo\",\"oneway\":true}"), "");
	assert_string_equal(replies("{\"method\":\"org.example.Echo.Nothing\",\"oneway\":true}"), "");
}

static void upgrade_is_refused(void **state)
{
	(void)state;
	assert_string_equal(replies("{\"method\":\"org.varlink.service.GetInfo\",\"upgrade\":true}"),
	                    INVALID("upgrade"));
}

static void what_is_no_call_is_refused_whole(void **state)
{
	static const char *const messages[] = {
	        "",
	        "{",
	        "[]",
	        "null",
	        "{}",
	        "{\"method\":1}",
	        "{\"method\":\"a.b\",\"more\":1}",
	        "{\"method\":\"a.b\",\"parameters\":[]}",
	        "{\"method\":\"a.b\",\"method\":\"a.b\"}",
	        "\xff",
	        "{\"method\":\"a.b\\u0000c\"}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(messages); i++) {
		struct varlink_call call = {0};
		assert_int_equal(varlink_call_begin(&service, &call, messages[i], strlen(messages[i])),
		                 -EPROTO);
		varlink_call_end(&service, &call);
	}
}

static void depth_is_told_before_it_is_parsed(void **state)
{
	char text[64] = "";
	(void)state;
	memset(text, '[', VARLINK_DEPTH_MAX);
	assert_false(varlink_too_deep(text, strlen(text)));
	strcat(text, "{");
	assert_true(varlink_too_deep(text, strlen(text)));
	text[0] = '"'; /* within a string they are characters */
	assert_false(varlink_too_deep(text, strlen(text)));
	assert_false(varlink_too_deep("[][][][][][][][][][][][][][][][][][][][]", 40));
	assert_false(varlink_too_deep("\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[\"", 29));
}

static void end_of_a_call_is_told(void **state)
{
	struct varlink_call call = {0};
	static const char text[] = SAY("{\"text\":\"a\"}");
	(void)state;
	drops = 0;
	assert_int_equal(varlink_call_begin(&service, &call, text, strlen(text)), 0);
	varlink_call_end(&service, &call);
	varlink_call_end(&service, &call);
	assert_int_equal(drops, 1);
}

static void info_has_the_interfaces(void **state)
{
	(void)state;
	assert_string_equal(
	        replies("{\"method\":\"org.varlink.service.GetInfo\"}"),
	        "{\"parameters\":{\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"\","
	        "\"interfaces\":[\"org.varlink.service\",\"org.example.Echo\"]}}\n");
}

static void description_is_made_from_the_tables(void **state)
{
	char *text = NULL;
	size_t size;
	(void)state;
	FILE *out = open_memstream(&text, &size);
	varlink_describe(&echo, out);
	fclose(out);
	assert_string_equal(text, "# For tests.\n"
	                          "interface org.example.Echo\n"
	                          "\n"
	                          "# One of them.\n"
	                          "type Line (\n"
	                          "  line: string\n"
	                          ")\n"
	                          "\n"
	                          "# Says it.\n"
	                          "method Say (\n"
	                          "  # what to say\n"
	                          "  text: string,\n"
	                          "  count: ?int,\n"
	                          "  loud: ?bool\n"
	                          ") -> (\n"
	                          "  lines: []Line\n"
	                          ")\n"
	                          "\n"
	                          "# There is nothing to say.\n"
	                          "error Mute (\n"
	                          "  advice: string\n"
	                          ")\n");
	free(text);
	assert_contains(replies("{\"method\":\"org.varlink.service.GetInterfaceDescription\","
	                        "\"parameters\":{\"interface\":\"org.varlink.service\"}}"),
	                "interface org.varlink.service");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(messages_are_the_same_however_they_are_cut),
	        cmocka_unit_test(message_that_is_too_long_has_no_room),
	        cmocka_unit_test(call_is_answered),
	        cmocka_unit_test(all_replies_but_the_last_say_that_more_follow),
	        cmocka_unit_test(wrong_argument_is_named),
	        cmocka_unit_test(what_is_not_there_is_not_found),
	        cmocka_unit_test(list_must_be_asked_for_with_more),
	        cmocka_unit_test(error_of_the_interface_has_its_parameters),
	        cmocka_unit_test(call_that_wants_no_reply_has_none),
	        cmocka_unit_test(upgrade_is_refused),
	        cmocka_unit_test(what_is_no_call_is_refused_whole),
	        cmocka_unit_test(depth_is_told_before_it_is_parsed),
	        cmocka_unit_test(end_of_a_call_is_told),
	        cmocka_unit_test(info_has_the_interfaces),
	        cmocka_unit_test(description_is_made_from_the_tables),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

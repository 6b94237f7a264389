/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/json.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static char *written;
static size_t written_size;

static struct json begin(void)
{
	struct json json = JSON_INIT(open_memstream(&written, &written_size));
	assert_non_null(json.out);
	return json;
}

static void assert_written(struct json *json, const char *expected)
{
	fclose(json->out);
	assert_string_equal(written, expected);
	free(written);
}

static void values_nest_and_are_separated(void **state)
{
	(void)state;
	struct json json = begin();
	json_begin_object(&json, NULL);
	json_text(&json, "name", "veth0");
	json_begin_array(&json, "addresses");
	json_text(&json, NULL, "10.0.0.1/24");
	json_begin_object(&json, NULL);
	json_number(&json, "metric", UINT64_MAX);
	json_end(&json);
	json_begin_array(&json, NULL);
	json_end(&json);
	json_end(&json);
	json_bool(&json, "up", true);
	json_put_null(&json, "peer");
	json_end(&json);
	assert_written(
	        &json,
	        "{\"name\":\"veth0\",\"addresses\":[\"10.0.0.1/24\",{\"metric\":18446744073709551615},[]],"
	        "\"up\":true,\"peer\":null}\n");
}

static void text_that_is_not_there_is_null(void **state)
{
	(void)state;
	struct json json = begin();
	json_begin_array(&json, NULL);
	json_text(&json, NULL, NULL);
	json_text(&json, NULL, "");
	json_end(&json);
	assert_written(&json, "[null,\"\"]\n");
}

static void quotes_and_control_characters_are_escaped_in_texts_and_keys(void **state)
{
	(void)state;
	struct json json = begin();
	json_begin_object(&json, NULL);
	json_text(&json, "a\"\n", "\\ \t \x1b[31m \x7f \xc2\x9b \xc3\xa9 \xf0\x9f\x98\x80");
	json_end(&json);
	assert_written(&json, "{\"a\\\"\\u000a\":\"\\\\ \\u0009 \\u001b[31m \\u007f \\u009b \xc3\xa9 "
	                      "\xf0\x9f\x98\x80\"}\n");
}

static void bytes_that_are_no_utf8_are_replaced(void **state)
{
	(void)state;
	struct json json = begin();
	json_begin_array(&json, NULL);
	json_text(&json, NULL, "a\xff\xc3");
	json_text(&json, NULL, "\xe2\x82");
	json_end(&json);
	assert_written(&json, "[\"a\\ufffd\\ufffd\",\"\\ufffd\\ufffd\"]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(values_nest_and_are_separated),
	        cmocka_unit_test(text_that_is_not_there_is_null),
	        cmocka_unit_test(quotes_and_control_characters_are_escaped_in_texts_and_keys),
	        cmocka_unit_test(bytes_that_are_no_utf8_are_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

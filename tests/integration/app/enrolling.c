/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/integration/app/enrolling.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "app/varlink/client.h"

enum { STEP_MS = 20 };

int enrolling_naps(void)
{
	return TESTNS_PATIENCE_MS / STEP_MS;
}

void enrolling_nap(void)
{
	poll(NULL, 0, STEP_MS);
}

json_t *enrolling_call(const char *method, json_t *given, int fd, struct err *err)
{
	json_t *reply = NULL;
	assert_non_null(given);
	return varlink_call(ENROLLING_CONTROL, method, given, fd, &reply, err) < 0 ? NULL : reply;
}

void enrolling_succeed(const char *method, json_t *given)
{
	struct err err = ERR_INIT;
	json_t *reply = enrolling_call(method, given, -1, &err);
	if (!reply)
		fail_msg("%s", err.text);
	json_decref(reply);
}

void enrolling_refused(const char *method, json_t *given, int fd, const char *error, const char *why)
{
	struct err err = ERR_INIT;
	json_t *reply = enrolling_call(method, given, fd, &err);
	assert_null(reply);
	if (!strstr(err.text, error) || !strstr(err.text, why))
		fail_msg("`%s` does not say `%s: %s`", err.text, error, why);
}

void enrol_as(json_t *given, int fd, const char *expected)
{
	struct err err = ERR_INIT;
	json_t *reply = enrolling_call(CALL("Enrol"), given, fd, &err);
	if (!reply)
		fail_msg("%s", err.text);
	assert_string_equal(json_string_value(json_object_get(reply, "state")), expected);
	json_decref(reply);
}

void enrol(const char *uid, int fd)
{
	enrol_as(json_pack("{s:s}", "uid", uid), fd, "served");
}

void withdraw(const char *uid)
{
	enrolling_succeed(CALL("Withdraw"), json_pack("{s:s}", "uid", uid));
}

static int add_rows(void *ctx, const json_t *reply, struct err *err)
{
	(void)err;
	return json_array_extend(ctx, json_object_get(reply, "enrolments"));
}

/* enrolled - all of @prefix; to be given to json_decref() */
static json_t *enrolled(const char *prefix)
{
	struct varlink_client client;
	struct err err = ERR_INIT;
	json_t *rows = json_array();
	assert_success(varlink_connect(&client, ENROLLING_CONTROL, &err), &err);
	assert_success(varlink_each(&client, CALL("Enrolled"), json_pack("{s:s}", "prefix", prefix), add_rows, rows, &err), &err);
	varlink_disconnect(&client);
	return rows;
}

size_t count_enrolled(const char *prefix, const char *state)
{
	json_t *rows = enrolled(prefix);
	size_t count = 0;
	for (size_t i = 0; i < json_array_size(rows); i++)
		count += strcmp(json_string_value(json_object_get(json_array_get(rows, i), "state")), state) == 0;
	json_decref(rows);
	return count;
}

int rules(int ns_fd)
{
	return testns_run(ns_fd, TESTNS_ARGV("sh", "-c", "exit $(( $(nft list tables | grep -c nsrelay) * 10 + "
							 "$(ip rule | grep -c 0x4e2) ))"));
}

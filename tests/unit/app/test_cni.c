/* SPDX-License-Identifier: Apache-2.0 */
/* What nsrelay-cni says to a runtime where no daemon is needed to know it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cni/command.h"
#include "app/cni/result.h"
#include "tests/unit/unit.h"

#define NETWORK                                                                                              \
	"\"name\": \"net\", \"type\": \"nsrelay-cni\", \"socket\": \"/nowhere/socket\", \"deadline_ms\": 1"
#define PROCEED "\"onFailure\": \"proceed\""
#define RESULT  "\"prevResult\": {\"cniVersion\": \"1.1.0\", \"ips\": []}"

static const struct cni_environment nobody = {
        .container = "c", .ifname = "eth0", .netns = "/proc/self/ns/net"};

/* answer - what @command says to @config; the caller's to free(). @ret_status: the exit status. */
static char *answer(struct cni_environment environment, const char *command, const char *config,
                    int *ret_status)
{
	char *text = NULL, *log = NULL;
	size_t size, log_size;
	FILE *out = open_memstream(&text, &size), *err = open_memstream(&log, &log_size);
	environment.command = command;
	*ret_status = cni_command_run(&environment, config, strlen(config), out, err);
	fclose(out);
	fclose(err);
	free(log);
	return text;
}

static void expect_error_in(struct cni_environment environment, const char *command, const char *config,
                            int code, const char *part)
{
	int status;
	char *text = answer(environment, command, config, &status);
	json_t *error = json_loads(text, 0, NULL);
	assert_int_equal(status, EXIT_FAILURE);
	assert_int_equal(json_integer_value(json_object_get(error, "code")), code);
	assert_non_null(json_string_value(json_object_get(error, "cniVersion")));
	assert_contains(json_string_value(json_object_get(error, "msg")), part);
	json_decref(error);
	free(text);
}

static void expect_error(const char *command, const char *config, int code, const char *part)
{
	expect_error_in(nobody, command, config, code, part);
}

static void version_needs_nothing_else(void **state)
{
	int status;
	char *text = answer((struct cni_environment){0}, "VERSION", "", &status);
	(void)state;
	assert_int_equal(status, EXIT_SUCCESS);
	assert_string_equal(text, "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[\"0.3.1\",\"0.4.0\",\"1."
	                          "0.0\",\"1.1.0\"]}\n");
	free(text);
	text = answer((struct cni_environment){0}, "VERSION", "{\"cniVersion\": \"0.4.0\"}", &status);
	assert_contains(text, "{\"cniVersion\":\"0.4.0\",");
	free(text);
}

static void what_is_no_configuration_is_refused(void **state)
{
	(void)state;
	expect_error("ADD", "", CNI_BAD_JSON, "standard input");
	expect_error("ADD", "[]", CNI_BAD_JSON, "expected an object");
	expect_error("ADD", "{\"a\": 1, \"a\": 2}", CNI_BAD_JSON, "duplicate");
	expect_error("ADD", "{" NETWORK "}", CNI_BAD_VERSION, "is missing");
	expect_error("ADD", "{\"cniVersion\": \"0.2.0\", " NETWORK "}", CNI_BAD_VERSION, "0.2.0");
	expect_error("ADD", "{\"cniVersion\": \"1.0.0\", \"name\": \"../x\"}", CNI_BAD_CONFIG, "name");
	expect_error("ADD", "{\"cniVersion\": \"1.0.0\"}", CNI_BAD_CONFIG, "name");
}

static void a_setting_of_the_wrong_kind_is_told_by_its_name(void **state)
{
	static const struct {
		const char *setting, *part;
	} wrong[] = {
	        {"\"policy\": 7", "policy: expected a text"},
	        {"\"deadline_ms\": \"5s\"", "deadline_ms: expected a whole number from 1 to 600000"},
	        {"\"deadline_ms\": 0", "deadline_ms"},
	        {"\"deadline_ms\": 600001", "deadline_ms"},
	        {"\"onFailure\": \"procede\"", "'procede'; expected \"fail\" or \"proceed\""},
	        {"\"onFailure\": true", "onFailure: expected a text"},
	        {"\"prevResult\": []", "prevResult: expected an object"},
	        {"\"prevResult\": null", "prevResult is missing"},
	};
	char config[512];
	(void)state;
	for (size_t i = 0; i < ARRAY_COUNT(wrong); i++) {
		snprintf(config, sizeof(config), "{\"cniVersion\": \"1.1.0\", \"name\": \"net\", %s}",
		         wrong[i].setting);
		expect_error("ADD", config, CNI_BAD_CONFIG, wrong[i].part);
	}
	expect_error("ADD", "{\"cniVersion\": \"1.1.0\", \"name\": \"net\", \"socket\": 1}", CNI_BAD_CONFIG,
	             "socket");
}

static void a_missing_variable_is_told(void **state)
{
	struct cni_environment less = nobody;
	const char *config = "{\"cniVersion\": \"1.1.0\", " NETWORK ", " RESULT "}";
	(void)state;
	expect_error(NULL, config, CNI_BAD_ENVIRONMENT, "CNI_COMMAND");
	expect_error("add", config, CNI_BAD_ENVIRONMENT, "expected ADD");
	less.netns = NULL;
	expect_error_in(less, "ADD", config, CNI_BAD_ENVIRONMENT, "CNI_NETNS");
	less.container = NULL;
	expect_error_in(less, "DEL", config, CNI_BAD_ENVIRONMENT, "CNI_CONTAINERID");
	less = nobody;
	less.netns = "/dev/null";
	expect_error_in(less, "ADD", config, CNI_BAD_ENVIRONMENT, "no network namespace");
}

static void commands_are_refused_in_versions_before_theirs(void **state)
{
	(void)state;
	expect_error("CHECK", "{\"cniVersion\": \"0.3.1\", " NETWORK "}", CNI_BAD_VERSION, "no CHECK");
	expect_error("STATUS", "{\"cniVersion\": \"1.0.0\", " NETWORK "}", CNI_BAD_VERSION, "no STATUS");
	expect_error("GC", "{\"cniVersion\": \"1.0.0\", " NETWORK "}", CNI_BAD_VERSION, "no GC");
}

static void a_result_of_the_plugins_before_is_needed(void **state)
{
	(void)state;
	expect_error("ADD", "{\"cniVersion\": \"1.1.0\", " NETWORK "}", CNI_BAD_CONFIG,
	             "prevResult is missing");
	expect_error("ADD", "{\"cniVersion\": \"1.0.0\", " NETWORK ", " RESULT "}", CNI_BAD_VERSION,
	             "prevResult has");
}

/* expect_success_in - @command says @text, and nothing else */
static void expect_success_in(struct cni_environment environment, const char *command, const char *config,
                              const char *text)
{
	int status;
	char *said = answer(environment, command, config, &status);
	assert_int_equal(status, EXIT_SUCCESS);
	assert_string_equal(said, text);
	free(said);
}

static void expect_success(const char *command, const char *config, const char *text)
{
	expect_success_in(nobody, command, config, text);
}

static void without_a_daemon_it_is_as_the_network_says(void **state)
{
	(void)state;
	expect_error("ADD", "{\"cniVersion\": \"1.1.0\", " NETWORK ", " RESULT "}", CNI_TRY_LATER,
	             "/nowhere/socket");
	expect_error("CHECK", "{\"cniVersion\": \"1.1.0\", " NETWORK ", " RESULT "}", CNI_TRY_LATER,
	             "/nowhere/socket");
	expect_error("STATUS", "{\"cniVersion\": \"1.1.0\", " NETWORK "}", CNI_LIMITED, "/nowhere/socket");
	expect_success("ADD", "{\"cniVersion\": \"1.1.0\", " PROCEED ", " NETWORK ", " RESULT "}",
	               "{\"cniVersion\":\"1.1.0\",\"ips\":[]}\n");
	expect_success("CHECK", "{\"cniVersion\": \"1.1.0\", " PROCEED ", " NETWORK ", " RESULT "}", "");
	expect_success("STATUS", "{\"cniVersion\": \"1.1.0\", " PROCEED ", " NETWORK "}", "");
}

static void without_a_daemon_there_is_nothing_to_withdraw(void **state)
{
	(void)state;
	expect_success("DEL", "{\"cniVersion\": \"1.1.0\", " NETWORK "}", "");
	expect_success("GC", "{\"cniVersion\": \"1.1.0\", " NETWORK ", \"cni.dev/valid-attachments\": []}",
	               "");
	expect_success("GC", "{\"cniVersion\": \"1.1.0\", " NETWORK ", \"cni.dev/valid-attachments\": null}",
	               "");
}

static void a_pod_ends_whatever_its_result_was(void **state)
{
	(void)state;
	expect_success("DEL", "{\"cniVersion\": \"1.0.0\", " NETWORK ", " RESULT "}", "");
	expect_success("DEL", "{\"cniVersion\": \"1.1.0\", " NETWORK ", \"prevResult\": null}", "");
}

static void a_result_gets_the_version_that_it_lacks(void **state)
{
	(void)state;
	expect_success("ADD",
	               "{\"cniVersion\": \"0.4.0\", " PROCEED ", " NETWORK ", \"prevResult\": {\"ips\": []}}",
	               "{\"ips\":[],\"cniVersion\":\"0.4.0\"}\n");
}

static void a_name_that_is_too_long_keeps_no_pod_from_ending(void **state)
{
	char longest[CNI_UID_MAX];
	struct cni_environment pod = nobody;
	(void)state;
	memset(longest, 'c', sizeof(longest));
	longest[sizeof(longest) - strlen("cni/net//eth0")] = '\0';
	pod.container = longest;
	expect_error_in(pod, "ADD", "{\"cniVersion\": \"1.1.0\", " NETWORK ", " RESULT "}",
	                CNI_BAD_ENVIRONMENT, "too long");
	expect_success_in(pod, "DEL", "{\"cniVersion\": \"1.1.0\", " NETWORK "}", "");
	longest[strlen(longest) - 1] = '\0';
	expect_error_in(pod, "ADD", "{\"cniVersion\": \"1.1.0\", " NETWORK ", " RESULT "}", CNI_TRY_LATER,
	                "no nsrelay");
}

static void garbage_is_not_collected_without_a_list(void **state)
{
	(void)state;
	expect_error("GC", "{\"cniVersion\": \"1.1.0\", " NETWORK "}", CNI_BAD_CONFIG, "valid-attachments");
	expect_error("GC",
	             "{\"cniVersion\": \"1.1.0\", " NETWORK
	             ", \"cni.dev/valid-attachments\": [{\"ifname\": \"a\"}]}",
	             CNI_BAD_CONFIG, "containerID");
}

static void no_two_attachments_have_the_same_uid(void **state)
{
	char uid[CNI_UID_MAX], name[CNI_NAME_MAX], longest[CNI_UID_MAX];
	(void)state;
	assert_int_equal(cni_uid("net", "a/b%", "e th0", uid), 0);
	assert_string_equal(uid, "cni/net/a%2Fb%25/e%20th0");
	assert_int_equal(cni_uid("net", NULL, NULL, uid), 0);
	assert_string_equal(uid, "cni/net/");
	memset(longest, '/', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_true(cni_uid("net", longest, "e", uid) < 0);
	assert_true(cni_pod_name("IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-1", name));
	assert_string_equal(name, "shop/web-1");
	assert_true(cni_pod_name("K8S_POD_NAME=web 1", name));
	assert_string_equal(name, "web_1");
	assert_false(cni_pod_name("K8S_POD_NAMESPACE=shop", name));
	assert_false(cni_pod_name(NULL, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(version_needs_nothing_else),
	        cmocka_unit_test(what_is_no_configuration_is_refused),
	        cmocka_unit_test(a_setting_of_the_wrong_kind_is_told_by_its_name),
	        cmocka_unit_test(a_missing_variable_is_told),
	        cmocka_unit_test(commands_are_refused_in_versions_before_theirs),
	        cmocka_unit_test(a_result_of_the_plugins_before_is_needed),
	        cmocka_unit_test(without_a_daemon_it_is_as_the_network_says),
	        cmocka_unit_test(without_a_daemon_there_is_nothing_to_withdraw),
	        cmocka_unit_test(a_pod_ends_whatever_its_result_was),
	        cmocka_unit_test(a_result_gets_the_version_that_it_lacks),
	        cmocka_unit_test(a_name_that_is_too_long_keeps_no_pod_from_ending),
	        cmocka_unit_test(garbage_is_not_collected_without_a_list),
	        cmocka_unit_test(no_two_attachments_have_the_same_uid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

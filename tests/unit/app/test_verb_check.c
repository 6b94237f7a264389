/* SPDX-License-Identifier: Apache-2.0 */
#include "app/nsrelay/verb_check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct checked {
	int status;
	char *out, *report;
};

/* check - `nsrelay check -c` a file that holds @text */
static struct checked check(const char *text)
{
	struct checked checked;
	struct options options;
	size_t out_size, report_size;
	char path[64];
	char *argv[] = {(char *)"nsrelay", (char *)"check", (char *)"-c", path, NULL};
	int fd = memfd_create("config", MFD_CLOEXEC);
	FILE *out = open_memstream(&checked.out, &out_size),
	     *report = open_memstream(&checked.report, &report_size);
	assert_true(fd >= 0 && out && report);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(options_parse(4, argv, &options, NULL), 0);
	checked.status = verb_check(&options, out, report);
	options_fini(&options);
	fclose(out);
	fclose(report);
	close(fd);
	return checked;
}

static void a_right_file_is_counted(void **state)
{
	(void)state;
	struct checked checked = check("relays:\n"
				       "- { name: a, listen: [ web/1.2.3.4:1, web/1.2.3.4:2 ], to: db }\n"
				       "- { name: b, listen: web/1.2.3.4:3, to: api/1.2.3.4:1 }\n"
				       "pools: { db: { backends: [ x/1.2.3.4:1, y/1.2.3.4:1 ] } }\n");
	assert_int_equal(checked.status, 0);
	assert_contains(checked.out, ": ok (2 relays, 3 listeners, 2 pools, 3 backends)\n");
	assert_int_equal(strncmp(checked.out, "/proc/self/fd/", 14), 0);
	assert_string_equal(checked.report, "");
	free(checked.out);
	free(checked.report);
}

static void one_of_each_is_in_the_singular(void **state)
{
	(void)state;
	struct checked checked = check("relays: [ { name: a, listen: web/1.2.3.4:1, to: api/1.2.3.4:1 } ]\n");
	assert_contains(checked.out, ": ok (1 relay, 1 listener, 1 pool, 1 backend)\n");
	free(checked.out);
	free(checked.report);
}

static void a_wrong_file_is_reported(void **state)
{
	(void)state;
	struct checked checked = check("relays: []\n");
	assert_int_equal(checked.status, EXIT_USAGE);
	assert_string_equal(checked.out, "");
	assert_contains(checked.report, ":1:9: error: the list is empty");
	free(checked.out);
	free(checked.report);
}

/* file_of - a path under which @text can be read, for as long as the process lives */
static char *file_of(const char *text)
{
	char path[64];
	int fd = memfd_create("config", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return strdup(path);
}

/* check_diff - `nsrelay check --diff` of the two, or against the daemon at @control */
static struct checked check_diff(const char *text, const char *against, const char *control)
{
	struct checked checked;
	struct options options;
	size_t out_size, report_size;
	char *path = file_of(text), *other = against ? file_of(against) : strdup(control);
	char *argv[] = {(char *)"nsrelay", (char *)"check", (char *)"--diff", path,
			(char *)(against ? "--against" : "--control"), other, NULL};
	FILE *out = open_memstream(&checked.out, &out_size),
	     *report = open_memstream(&checked.report, &report_size);
	assert_true(out && report);
	assert_int_equal(options_parse(6, argv, &options, NULL), 0);
	checked.status = verb_check(&options, out, report);
	options_fini(&options);
	fclose(out);
	fclose(report);
	free(path);
	free(other);
	return checked;
}

static void free_checked(struct checked *checked)
{
	free(checked->out);
	free(checked->report);
}

#define ONE "relays: [ { name: a, listen: web/1.2.3.4:1, to: api/1.2.3.4:1 } ]\n"

static void what_would_change_is_told_behind_the_counts(void **state)
{
	(void)state;
	struct checked checked = check_diff(ONE "threads: 2\n", ONE "drain: 5s\n", NULL);
	assert_int_equal(checked.status, 0);
	assert_contains(checked.out, ": ok (1 relay, 1 listener, 1 pool, 1 backend)\n"
				     "drain: 5s -> 30s\nthreads: 0 -> 2 (needs a restart)\n");
	assert_string_equal(checked.report, "");
	free_checked(&checked);
}

static void when_nothing_would_change_that_is_told(void **state)
{
	(void)state;
	struct checked checked = check_diff(ONE, ONE, NULL);
	assert_int_equal(checked.status, 0);
	assert_contains(checked.out, ")\nnothing would change\n");
	free_checked(&checked);
}

static void either_file_may_be_wrong(void **state)
{
	(void)state;
	struct checked checked = check_diff(ONE, "relays: []\n", NULL);
	assert_int_equal(checked.status, EXIT_USAGE);
	assert_contains(checked.report, ":1:9: error: the list is empty");
	free_checked(&checked);
	checked = check_diff("relays: []\n", ONE, NULL);
	assert_int_equal(checked.status, EXIT_USAGE);
	free_checked(&checked);
}

static void a_daemon_that_is_not_there_is_no_fault_of_the_file(void **state)
{
	(void)state;
	struct checked checked = check_diff(ONE, NULL, "/nowhere/control.sock");
	assert_int_equal(checked.status, EXIT_FAILURE);
	assert_contains(checked.out, ": ok (");
	assert_contains(checked.report, "/nowhere/control.sock");
	free_checked(&checked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_file_is_counted),
		cmocka_unit_test(one_of_each_is_in_the_singular),
		cmocka_unit_test(a_wrong_file_is_reported),
		cmocka_unit_test(what_would_change_is_told_behind_the_counts),
		cmocka_unit_test(when_nothing_would_change_that_is_told),
		cmocka_unit_test(either_file_may_be_wrong),
		cmocka_unit_test(a_daemon_that_is_not_there_is_no_fault_of_the_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

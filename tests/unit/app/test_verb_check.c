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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_file_is_counted),
		cmocka_unit_test(one_of_each_is_in_the_singular),
		cmocka_unit_test(a_wrong_file_is_reported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

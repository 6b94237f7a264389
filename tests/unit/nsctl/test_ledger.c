/* SPDX-License-Identifier: Apache-2.0 */
#include "nsctl/topology/ledger.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define HEAD "nsctl-ledger-1\tlab\n"

static const char full[] = HEAD "netns\thost\texisting\t18446744073709551615\thost\n"
                                "netns\tns1\tmade\t0\tns1\n"
                                "netns\todd\texisting\t7\tpath:/tmp/a%09b%0A%25\n"
                                "netns\tpod\texisting\t8\tpid:4242\n"
                                "sysctl\t0\trp_filter\t0\t1\n"
                                "sysctl\t1\tip_forward\t\t1\n"
                                "address\t0\teth0\t10.0.0.1/24\n"
                                "address\t3\teth0\tfd00::1/64\n"
                                "route\t0\t0.0.0.0/0\t10.0.0.254/32\t\n"
                                "route\t0\t10.5.0.0/16\t\teth0\n"
                                "port\t0\teth0\n"
                                "number\t0\teth0\tmtu\t1500\t9000\n"
                                "number\t1\tlo\tgso_ipv4_max_size\t0\t262144\n";

static struct ledger ledger_of(const char *text)
{
	struct ledger ledger;
	struct err err = ERR_INIT;
	if (ledger_parse(text, strlen(text), &ledger, &err) < 0)
		fail_msg("%s", err.text);
	return ledger;
}

/* ---- text ---- */

static void text_survives_reading_and_writing(void **state)
{
	(void)state;
	struct ledger ledger = ledger_of(full);
	assert_string_equal(ledger.netns.items[2].ref.text, "/tmp/a\tb\n%");
	assert_true(ledger.netns.items[0].cookie == UINT64_MAX);
	assert_int_equal(ledger.routes.items[1].route.via.family, AF_UNSPEC);
	char *text = ledger_format(&ledger);
	assert_string_equal(text, full);
	free(text);
	ledger_fini(&ledger);
}

static void ledger_of_before_there_were_numbers_is_read(void **state)
{
	(void)state;
	struct ledger ledger = ledger_of(HEAD "netns\ta\tmade\t0\ta\nport\t0\teth0\n");
	assert_int_equal(ledger.ports.count, 1);
	assert_int_equal(ledger.numbers.count, 0);
	ledger_fini(&ledger);
}

static void refused(const char *text, size_t size, const char *why)
{
	struct ledger ledger = {.name = "untouched"};
	struct err err = ERR_INIT;
	assert_int_equal(ledger_parse(text, size, &ledger, &err), -EINVAL);
	assert_contains(err.text, why);
	assert_string_equal(ledger.name, "untouched");
}

static void other_text_is_refused_with_its_line(void **state)
{
	(void)state;
	static const char *const bad[] = {
	        HEAD "netns\thost\texisting\t0\n",             /* a field too few */
	        HEAD "netns\thost\texisting\t0\thost\tmore\n", /* a field too many */
	        HEAD "netns\thost\texisting\t0\thost",         /* cut */
	        HEAD "netns\thost\tborrowed\t0\thost\n",       /* no tenure */
	        HEAD "netns\thost\tmade\t-1\thost\n",          /* no cookie */
	        HEAD "netns\t\tmade\t0\thost\n",               /* no name */
	        HEAD "netns\ta%4\tmade\t0\thost\n",            /* half a byte */
	        HEAD "netns\ta%00b\tmade\t0\thost\n",          /* a NUL */
	        HEAD "sysctl\t0\trp_filter\t0\t1\n",           /* of a namespace that is not there */
	        HEAD "port\t0\teth0\n",
	        HEAD "number\t0\tlo\tmtu\t0\t9000\n",
	        HEAD "surprise\n",
	        HEAD "\n",
	        HEAD "a\tb\tc\td\te\tf\tg\n",
	};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
		refused(bad[i], strlen(bad[i]), "line 2 is not that of an nsctl ledger");
	static const char *const bad_numbers[] = {"lo\tmtu\t0\n", "\tmtu\t0\t9000\n", "lo\tttl\t0\t9000\n",
	                                          "lo\tmtu\t-1\t9000\n", "lo\tmtu\t0\t4294967296\n"};
	for (size_t i = 0; i < ARRAY_COUNT(bad_numbers); i++) {
		char text[128];
		int size = snprintf(text, sizeof(text), HEAD "netns\ta\tmade\t0\ta\nnumber\t0\t%s",
		                    bad_numbers[i]);
		refused(text, (size_t)size, "line 3 is not that of an nsctl ledger");
	}
	refused("", 0, "line 1");
	refused("nsctl-ledger-2\tlab\n", 19, "line 1");
	refused("nsctl-ledger-1\t\n", 16, "line 1");
	refused(HEAD "netns\0", sizeof(HEAD) + 5, "line");
}

static void name_that_is_too_long_is_refused(void **state)
{
	(void)state;
	refused("nsctl-ledger-1\tabcdefghijklmnopqrstuvwxyz0123456789\n", 52, "line 1");
	const char link[] = HEAD "netns\thost\tmade\t0\thost\nport\t0\tsixteencharacter\n";
	refused(link, sizeof(link) - 1, "line 3");
}

/* Any byte changed, and any end, must do no harm; the sanitizers watch. */
static void damaged_text_does_no_harm(void **state)
{
	(void)state;
	static const char bytes[] = {'\0', '\t', '\n', '%', '9', (char)0xff};
	char copy[sizeof(full)];
	for (size_t i = 0; i < sizeof(full) - 1; i++) {
		for (size_t k = 0; k < sizeof(bytes); k++) {
			struct ledger ledger = {0};
			memcpy(copy, full, sizeof(full));
			copy[i] = bytes[k];
			ledger_parse(copy, sizeof(full) - 1, &ledger, NULL);
			ledger_fini(&ledger);
		}
		struct ledger ledger = {0};
		ledger_parse(full, i, &ledger, NULL);
		ledger_fini(&ledger);
	}
}

/* ---- file ---- */

/* A directory of the test's own, with one in it that is not there yet. */
struct place {
	char root[32], above[40], dir[64], file[96], leftover[96], lock[96];
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));
	strcpy(p->root, "/tmp/test_ledger.XXXXXX");
	assert_non_null(mkdtemp(p->root));
	snprintf(p->above, sizeof(p->above), "%s/above", p->root);
	snprintf(p->dir, sizeof(p->dir), "%s/topology", p->above);
	snprintf(p->file, sizeof(p->file), "%s/lab", p->dir);
	snprintf(p->leftover, sizeof(p->leftover), "%s/.new-lab", p->dir);
	snprintf(p->lock, sizeof(p->lock), "%s/.lock", p->dir);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	unlink(p->file);
	unlink(p->leftover);
	unlink(p->lock);
	rmdir(p->dir);
	rmdir(p->above);
	int rc = rmdir(p->root); /* which something left in it would keep from going */
	free(p);
	return rc;
}

static void write_ledger(const struct place *p, const char *text)
{
	struct ledger ledger = ledger_of(text);
	struct err err = ERR_INIT;
	if (ledger_write(p->dir, &ledger, &err) < 0)
		fail_msg("%s", err.text);
	ledger_fini(&ledger);
}

static size_t read_count(const struct place *p)
{
	struct ledger ledger;
	struct err err = ERR_INIT;
	if (ledger_read(p->dir, "lab", &ledger, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(ledger.name, "lab");
	size_t count = ledger.netns.count;
	ledger_fini(&ledger);
	return count;
}

static mode_t mode_of(const char *path)
{
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void missing_file_is_an_empty_ledger(void **state)
{
	assert_int_equal(read_count(*state), 0);
}

static void written_ledger_is_read_back_and_private(void **state)
{
	struct place *p = *state;
	write_ledger(p, full);
	assert_int_equal(read_count(p), 4);
	assert_int_equal(mode_of(p->dir), 0700);
	assert_int_equal(mode_of(p->file), 0600);
	assert_int_equal(access(p->leftover, F_OK), -1);
}

static void empty_ledger_removes_the_file(void **state)
{
	struct place *p = *state;
	write_ledger(p, full);
	put_file(p->leftover, "half");
	write_ledger(p, HEAD);
	assert_int_equal(access(p->file, F_OK), -1);
	assert_int_equal(access(p->leftover, F_OK), -1);
	write_ledger(p, HEAD);
}

static void half_written_ledger_of_a_kill_is_replaced(void **state)
{
	struct place *p = *state;
	write_ledger(p, full);
	put_file(p->leftover,
	         "half of something much longer than what comes next, so that a rest would show");
	assert_int_equal(read_count(p), 4);
	write_ledger(p, HEAD "netns\thost\texisting\t0\thost\n");
	assert_int_equal(read_count(p), 1);
}

static void failed_write_leaves_the_old_ledger(void **state)
{
	struct place *p = *state;
	write_ledger(p, full);
	assert_int_equal(mkdir(p->leftover, 0700), 0);
	struct ledger ledger = ledger_of(HEAD "netns\thost\texisting\t0\thost\n");
	struct err err = ERR_INIT;
	assert_int_equal(ledger_write(p->dir, &ledger, &err), -EISDIR);
	assert_contains(err.text, p->file);
	assert_int_equal(read_count(p), 4);
	ledger_fini(&ledger);
	assert_int_equal(rmdir(p->leftover), 0);
}

static void file_of_something_else_is_refused(void **state)
{
	struct place *p = *state;
	struct ledger ledger;
	struct err err = ERR_INIT;
	write_ledger(p, full);
	put_file(p->file, "nsctl-ledger-1\tother\n");
	assert_int_equal(ledger_read(p->dir, "lab", &ledger, &err), -EINVAL);
	assert_contains(err.text, "another topology");
	put_file(p->file, "hello\n");
	assert_int_equal(ledger_read(p->dir, "lab", &ledger, &err), -EINVAL);
	assert_contains(err.text, p->file);
	assert_contains(err.text, "line 1");
}

static void link_in_place_of_the_file_is_not_followed(void **state)
{
	struct place *p = *state;
	struct ledger ledger;
	struct err err = ERR_INIT;
	write_ledger(p, full);
	assert_int_equal(unlink(p->file), 0);
	assert_int_equal(symlink("/etc/passwd", p->file), 0);
	assert_int_equal(ledger_read(p->dir, "lab", &ledger, &err), -ELOOP);
}

static void name_that_leads_elsewhere_is_refused(void **state)
{
	struct place *p = *state;
	static const char *const bad[] = {"", ".", "..", ".lock", "../x", "a/b"};
	for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
		struct ledger ledger = {0};
		struct err err = ERR_INIT;
		strcpy(ledger.name, bad[i]);
		assert_int_equal(ledger_read(p->dir, bad[i], &ledger, &err), -EINVAL);
		assert_int_equal(ledger_write(p->dir, &ledger, &err), -EINVAL);
		assert_int_equal(ledger_lock(p->dir, bad[i], &err), -EINVAL);
	}
}

static void topology_is_locked_by_one_at_a_time(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;
	int first = ledger_lock(p->dir, "lab", &err);
	assert_true(first >= 0);
	assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ledger_lock(p->dir, "lab", &err), -EBUSY);
	assert_contains(err.text, "another nsctl is at work on topology lab");
	int other = ledger_lock(p->dir, "other", &err);
	assert_true(other >= 0);
	close(first);
	int again = ledger_lock(p->dir, "lab", &err);
	assert_true(again >= 0);
	close(again);
	close(other);
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(text_survives_reading_and_writing),
	        cmocka_unit_test(ledger_of_before_there_were_numbers_is_read),
	        cmocka_unit_test(other_text_is_refused_with_its_line),
	        cmocka_unit_test(name_that_is_too_long_is_refused),
	        cmocka_unit_test(damaged_text_does_no_harm),
	        FILE_TEST(missing_file_is_an_empty_ledger),
	        FILE_TEST(written_ledger_is_read_back_and_private),
	        FILE_TEST(empty_ledger_removes_the_file),
	        FILE_TEST(half_written_ledger_of_a_kill_is_replaced),
	        FILE_TEST(failed_write_leaves_the_old_ledger),
	        FILE_TEST(file_of_something_else_is_refused),
	        FILE_TEST(link_in_place_of_the_file_is_not_followed),
	        FILE_TEST(name_that_leads_elsewhere_is_refused),
	        FILE_TEST(topology_is_locked_by_one_at_a_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

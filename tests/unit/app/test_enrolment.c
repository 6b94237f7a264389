/* SPDX-License-Identifier: Apache-2.0 */
/* The states of enrolments, without any namespace: files of memory stand for them. */
#include "app/nsrelay/enrolment_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static struct spaces spaces;
static struct enrolments enrolments;
static struct config config;

static struct {
	uint64_t ticket;
	int error;
	char text[64];
} answers[16];
static size_t answer_count;
static bool was_noted; /* when the last answer came, what it says was in the file */

/* is_noted - does the file have @uid? */
static bool is_noted(const char *uid)
{
	char line[256];
	bool found = false;
	FILE *file = enrolments.path[0] ? fopen(enrolments.path, "re") : NULL;
	while (file && fgets(line, sizeof(line), file))
		found |= strncmp(line, uid, strlen(uid)) == 0;
	if (file)
		fclose(file);
	return found;
}

static void note_answer(void *ctx, uint64_t ticket, int error, const char *text)
{
	(void)ctx;
	was_noted = is_noted("noted ");
	assert_true(answer_count < ARRAY_COUNT(answers));
	answers[answer_count].ticket = ticket;
	answers[answer_count].error = error;
	snprintf(answers[answer_count++].text, sizeof(answers[0].text), "%s", text);
}

static void assert_answer(size_t index, uint64_t ticket, int error, const char *text)
{
	assert_true(index < answer_count);
	assert_int_equal(answers[index].ticket, ticket);
	assert_int_equal(answers[index].error, error);
	assert_string_equal(answers[index].text, text);
}

static int open_all(void **state)
{
	(void)state;
	answer_count = 0;
	config_init(&config);
	spaces_init(&spaces);
	return enrolments_init(&enrolments, &spaces, "", note_answer, NULL, NULL);
}

static int close_all(void **state)
{
	(void)state;
	enrolments_fini(&enrolments);
	config_fini(&config);
	return list_empty(&spaces.all) ? 0 : -1; /* nobody holds a namespace any more */
}

/* add - one in the namespace @cookie, and somebody who waits for it */
static void add(const char *uid, uint64_t cookie, uint64_t ticket)
{
	struct enrolment draft = {.is.policy = "pods", .cookie = cookie, .pid_fd = -1};
	snprintf(draft.is.uid, sizeof(draft.is.uid), "%s", uid);
	assert_int_equal(enrolments_insert(&enrolments, &draft, memfd_create(uid, MFD_CLOEXEC), NULL), 0);
	struct enrolment_waiter *waiter = vec_push(&enrolments.waiters);
	*waiter = (struct enrolment_waiter){.ticket = ticket, .deadline_ms = 1000000, .serial = enrolments.last_serial};
}

static bool is_due(uint64_t now_ms)
{
	uint64_t next_ms;
	return enrolments_due(&enrolments, now_ms, &next_ms);
}

/* change - one for enrolments, at @now_ms; returns how many are served by it if it goes well */
static size_t change(uint64_t now_ms, const char *why)
{
	assert_int_equal(enrolments_begin(&enrolments, &config, true, now_ms), 0);
	size_t count = config.enrolled_count;
	enrolments_settle(&enrolments, why, now_ms, now_ms + 150);
	return count;
}

static void all_that_waits_is_in_one_change(void **state)
{
	(void)state;
	add("a", 1, 11);
	add("b", 2, 12);
	add("c", 3, 13);
	assert_true(is_due(0));
	assert_int_equal(change(0, NULL), 3);
	assert_false(is_due(UINT64_MAX - 1));
	for (size_t i = 0; i < 3; i++)
		assert_answer(i, 11 + i, 0, "served");
	assert_int_equal(enrolments_begin(&enrolments, &config, false, 1), 0); /* somebody else's change keeps them */
	assert_int_equal(config.enrolled_count, 3);
}

static void change_of_something_else_serves_nobody_new(void **state)
{
	(void)state;
	add("a", 1, 11);
	assert_int_equal(enrolments_begin(&enrolments, &config, false, 0), 0);
	assert_int_equal(config.enrolled_count, 0);
	enrolments_settle(&enrolments, NULL, 0, 0);
	assert_int_equal(answer_count, 0);
	assert_true(is_due(0));
}

static void of_a_failed_change_each_is_tried_alone(void **state)
{
	(void)state;
	add("bad", 1, 11);
	add("good", 2, 12);
	assert_int_equal(change(0, "no"), 2);
	assert_int_equal(answer_count, 0);
	assert_int_equal(change(0, "no"), 1);   /* the bad one, and now it is known that it is */
	assert_int_equal(change(0, NULL), 1);   /* the good one */
	assert_answer(0, 12, 0, "served");
	assert_false(is_due(49));
	assert_true(is_due(50));
	assert_int_equal(change(50, NULL), 2);
	assert_answer(1, 11, 0, "served");
}

static void one_that_failed_joins_no_others(void **state)
{
	(void)state;
	add("before", 7, 11);
	change(0, NULL);
	enrolments_withdraw(&enrolments, "before", 0);
	change(0, NULL);
	add("a", 7, 12); /* it has to wait, and is the first of the list */
	add("b", 8, 13);
	add("c", 9, 14);
	assert_int_equal(change(0, "no"), 2);
	assert_int_equal(change(150, NULL), 1);
	assert_answer(1, 12, 0, "served");
	assert_int_equal(change(150, NULL), 2);
	assert_int_equal(change(150, NULL), 3);
}

static void one_that_keeps_failing_is_given_up(void **state)
{
	uint64_t now_ms = 0, next_ms;
	(void)state;
	add("bad", 1, 11);
	for (int i = 0; i < ENROLMENT_TRIES_MAX; i++) {
		assert_int_equal(answer_count, 0);
		enrolments_due(&enrolments, now_ms, &next_ms);
		now_ms = next_ms;
		change(now_ms, "port taken");
	}
	assert_answer(0, 11, EIO, "port taken");
	assert_true(list_empty(&enrolments.all));
	assert_int_equal(now_ms, 50 * ((1 << (ENROLMENT_TRIES_MAX - 1)) - 1)); /* twice as long each time */
}

static void withdrawal_is_answered_when_its_change_is_over(void **state)
{
	(void)state;
	add("a", 1, 11);
	change(0, NULL);
	enrolments_withdraw(&enrolments, "a", 21);
	assert_int_equal(answer_count, 1);
	assert_true(is_due(0));
	assert_int_equal(change(0, "no"), 0);
	assert_int_equal(answer_count, 1);
	assert_false(is_due(49)); /* it has to be taken away, later */
	assert_true(is_due(50));
	assert_int_equal(change(50, NULL), 0);
	assert_answer(1, 21, 0, "");
	assert_false(is_due(1000));
}

static void one_that_is_withdrawn_while_it_starts_goes_with_the_next_change(void **state)
{
	(void)state;
	add("a", 1, 11);
	assert_int_equal(enrolments_begin(&enrolments, &config, true, 0), 0);
	enrolments_withdraw(&enrolments, "a", 21);
	assert_answer(0, 11, ECANCELED, "it was withdrawn meanwhile");
	enrolments_settle(&enrolments, NULL, 0, 0);
	assert_int_equal(answer_count, 1); /* its listeners are there by now */
	assert_int_equal(change(0, NULL), 0);
	assert_answer(1, 21, 0, "");
}

static void what_was_never_there_is_withdrawn_at_once(void **state)
{
	(void)state;
	add("a", 1, 11);
	enrolments_withdraw(&enrolments, "b", 21);
	assert_answer(0, 21, 0, "");
	enrolments_withdraw(&enrolments, "a", 22); /* it had not begun */
	assert_answer(1, 11, ECANCELED, "it was withdrawn meanwhile");
	assert_answer(2, 22, 0, "");
	assert_false(is_due(1000));
}

static void namespace_that_comes_back_waits_for_its_listeners_to_close(void **state)
{
	uint64_t next_ms;
	(void)state;
	add("a", 7, 11);
	change(0, NULL);
	enrolments_withdraw(&enrolments, "a", 0);
	add("b", 7, 12);
	add("c", 8, 13);
	assert_int_equal(change(0, NULL), 1); /* c alone */
	assert_answer(1, 13, 0, "served");
	assert_false(enrolments_due(&enrolments, 149, &next_ms));
	assert_int_equal(next_ms, 150);
	assert_int_equal(change(150, NULL), 2);
	assert_answer(2, 12, 0, "served");
}

static void who_is_not_in_a_snapshot_goes(void **state)
{
	struct err err = ERR_INIT;
	(void)state;
	add("x/1", 1, 11);
	add("x/2", 2, 12);
	add("y", 3, 13);
	change(0, NULL);
	assert_int_equal(enrolments_keep(&enrolments, "x/2", "s", &err), 0);
	assert_int_equal(enrolments_keep(&enrolments, "x/3", "s", &err), -ENOENT);
	enrolments_sweep(&enrolments, "x/", "s", 21);
	assert_int_equal(change(0, NULL), 2);
	assert_answer(3, 21, 0, "");
	assert_string_equal(config.enrolled[0].uid, "x/2");
	assert_string_equal(config.enrolled[1].uid, "y");
}

static void who_waits_too_long_is_told_so(void **state)
{
	(void)state;
	add("a", 1, 11);
	enrolments.waiters.items[0].deadline_ms = 30;
	assert_int_equal(enrolments_act(&enrolments, 29), 30);
	assert_int_equal(answer_count, 0);
	assert_int_equal(enrolments_act(&enrolments, 30), 0);
	assert_answer(0, 11, 0, "pending");
	assert_int_equal(change(30, NULL), 1);
	assert_int_equal(answer_count, 1); /* once */
}

static void what_is_answered_is_in_the_file_by_then(void **state)
{
	(void)state;
	snprintf(enrolments.path, sizeof(enrolments.path), "/tmp/nsrelay-test-enrolment-%d", (int)getpid());
	add("noted", 1, 11);
	change(0, NULL);
	assert_true(was_noted);
	enrolments_withdraw(&enrolments, "noted", 21);
	change(0, NULL);
	assert_int_equal(answer_count, 2);
	assert_false(was_noted);
	assert_int_equal(unlink(enrolments.path), 0);
}

static void lines_are_of_those_with_the_prefix(void **state)
{
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	(void)state;
	add("x", 1, 11);
	add("y", 2, 12);
	enrolments_list(&enrolments, "y", out);
	fclose(out);
	assert_string_equal(text, "y\tpods\t\t0\t0\tpending\t\n");
}

#define ENROLMENT_TEST(function) cmocka_unit_test_setup_teardown(function, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENROLMENT_TEST(all_that_waits_is_in_one_change),
		ENROLMENT_TEST(change_of_something_else_serves_nobody_new),
		ENROLMENT_TEST(of_a_failed_change_each_is_tried_alone),
		ENROLMENT_TEST(one_that_failed_joins_no_others),
		ENROLMENT_TEST(one_that_keeps_failing_is_given_up),
		ENROLMENT_TEST(withdrawal_is_answered_when_its_change_is_over),
		ENROLMENT_TEST(one_that_is_withdrawn_while_it_starts_goes_with_the_next_change),
		ENROLMENT_TEST(what_was_never_there_is_withdrawn_at_once),
		ENROLMENT_TEST(namespace_that_comes_back_waits_for_its_listeners_to_close),
		ENROLMENT_TEST(who_is_not_in_a_snapshot_goes),
		ENROLMENT_TEST(who_waits_too_long_is_told_so),
		ENROLMENT_TEST(what_is_answered_is_in_the_file_by_then),
		ENROLMENT_TEST(lines_are_of_those_with_the_prefix),
	};
	return cmocka_run_group_tests_name("enrolment", tests, NULL, NULL);
}

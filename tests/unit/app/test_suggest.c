/* SPDX-License-Identifier: Apache-2.0 */
#include "app/text/suggest.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const char *suggested(struct suggest *suggest, const char *word)
{
	static const char *const candidates[] = {"name", "listen", "to", "timeouts", "tcp"};
	suggest_init(suggest, word);
	for (size_t i = 0; i < ARRAY_COUNT(candidates); i++)
		suggest_add(suggest, candidates[i]);
	return suggest_text(suggest);
}

static void a_slip_finds_the_word_that_was_meant(void **state)
{
	(void)state;
	struct suggest suggest;
	assert_string_equal(suggested(&suggest, "lisen"), "did you mean 'listen'?");   /* left out */
	assert_string_equal(suggested(&suggest, "liisten"), "did you mean 'listen'?"); /* doubled */
	assert_string_equal(suggested(&suggest, "lsiten"), "did you mean 'listen'?");  /* swapped */
	assert_string_equal(suggested(&suggest, "nane"), "did you mean 'name'?");      /* replaced */
	assert_string_equal(suggested(&suggest, "timeout"), "did you mean 'timeouts'?");
	assert_string_equal(suggested(&suggest, "ot"), "did you mean 'to'?");
}

static void a_word_far_from_all_gets_the_list(void **state)
{
	(void)state;
	struct suggest suggest;
	static const char *const far[] = {"weight", "a", "", "x", "averyveryveryveryveryveryverylongword"};
	for (size_t i = 0; i < ARRAY_COUNT(far); i++)
		assert_string_equal(suggested(&suggest, far[i]),
				    "expected one of name, listen, to, timeouts, tcp");
}

static void a_single_word_is_no_choice(void **state)
{
	(void)state;
	struct suggest suggest;
	suggest_init(&suggest, "weight");
	suggest_add(&suggest, "address");
	assert_string_equal(suggest_text(&suggest), "expected address");
}

static void many_words_are_cut(void **state)
{
	(void)state;
	struct suggest suggest;
	suggest_init(&suggest, "x");
	for (int i = 0; i < 1000; i++)
		suggest_add(&suggest, "candidate");
	assert_true(strlen(suggest_text(&suggest)) < sizeof(suggest.text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slip_finds_the_word_that_was_meant),
		cmocka_unit_test(a_word_far_from_all_gets_the_list),
		cmocka_unit_test(a_single_word_is_no_choice),
		cmocka_unit_test(many_words_are_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

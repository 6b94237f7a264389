/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/unit.h"

static void error_carries_code_and_text(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	assert_int_equal(err_set(&err, EINVAL, "port %d of %s", 7, "web"), -EINVAL);
	assert_int_equal(err.code, EINVAL);
	assert_string_equal(err.text, "port 7 of web");
}

static void error_without_place_still_returns_the_code(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ENOENT, "x"), -ENOENT);
	errno = EPERM;
	assert_int_equal(err_set_errno(NULL, "x"), -EPERM);
	assert_int_equal(err_prefix(NULL, "x"), -EIO);
}

static void errno_is_kept_and_spelled_out(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	errno = ENOENT;
	assert_int_equal(err_set_errno(&err, "open %s", "/x"), -ENOENT);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(err.text, "open /x: No such file or directory");
	err_set(&err, EINVAL, "x");
	assert_int_equal(errno, ENOENT);
}

static void errno_zero_is_still_an_error(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	errno = 0;
	assert_int_equal(err_set_errno(&err, "x"), -EIO);
}

static void prefix_stands_in_front_and_keeps_the_code(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	err_set(&err, EBUSY, "port taken");
	assert_int_equal(err_prefix(&err, "relay '%s'", "a"), -EBUSY);
	assert_string_equal(err.text, "relay 'a': port taken");
}

static void text_stays_on_one_line(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	err_set(&err, EINVAL, "a\nb\033[31m");
	assert_string_equal(err.text, "a?b?[31m");
}

static void long_text_is_cut_between_characters(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	char text[ERR_TEXT_MAX + 10];
	/* two-byte characters; of the two paddings one puts the cut inside a character */
	for (size_t pad = 0; pad < 2; pad++) {
		memset(text, 'x', pad);
		for (size_t i = pad; i + 2 < sizeof(text); i += 2)
			memcpy(text + i, "\xc3\xa9", 3);
		err_set(&err, EINVAL, "%s", text);
		size_t length = strlen(err.text);
		assert_string_equal(err.text + length - 3, "...");
		assert_int_equal((unsigned char)err.text[length - 4], 0xa9);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_carries_code_and_text),
		cmocka_unit_test(error_without_place_still_returns_the_code),
		cmocka_unit_test(errno_is_kept_and_spelled_out),
		cmocka_unit_test(errno_zero_is_still_an_error),
		cmocka_unit_test(prefix_stands_in_front_and_keeps_the_code),
		cmocka_unit_test(text_stays_on_one_line),
		cmocka_unit_test(long_text_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A text that is refused, and what its report has to say: shared by the tests of what reads YAML. */
#ifndef NSRELAY_TESTS_UNIT_APP_MISTAKE_H
#define NSRELAY_TESTS_UNIT_APP_MISTAKE_H

/* A mistake, the place it is reported at, and what the caret points at. */
struct mistake {
	const char *text;
	int line, column;
	const char *at;
	const char *message; /* how the message begins */
};

/* mistake_assert_reported - fail unless @printed, the report on a text called "f", has @mistake with its
 * caret */
void mistake_assert_reported(const char *printed, const struct mistake *mistake);

#endif

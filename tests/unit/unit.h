/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with the headers it needs before it. */
#ifndef NSRELAY_TESTS_UNIT_H
#define NSRELAY_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/check.h" /* ARRAY_COUNT */

/* assert_contains - fail unless @text has @part in it, and show both */
#define assert_contains(text, part)                                                                          \
	do {                                                                                                 \
		if (!strstr((text), (part)))                                                                 \
			fail_msg("'%s' does not contain '%s'", (text), (part));                              \
	} while (0)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka for C++: the headers it wants before it, and linkage that it does not declare itself. */
#ifndef NSRELAY_TESTS_UNIT_BENCH_UNIT_HPP
#define NSRELAY_TESTS_UNIT_BENCH_UNIT_HPP

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" {
#include <cmocka.h>
}

/* assert_near - fail unless they differ by no more than rounding */
#define assert_near(a, b)                                                                                    \
	do {                                                                                                 \
		if (std::fabs((a) - (b)) > 1e-9 * (1 + std::fabs(b)))                                        \
			fail_msg("%s is %g, not %g", #a, static_cast<double>(a), static_cast<double>(b));    \
	} while (0)

/* assert_has - fail unless @text has @part in it */
#define assert_has(text, part)                                                                               \
	do {                                                                                                 \
		if ((text).find(part) == std::string::npos)                                                  \
			fail_msg("'%.200s' does not contain '%s'", (text).c_str(),                           \
			         std::string(part).c_str());                                                 \
	} while (0)

#define assert_has_not(text, part) assert_true((text).find(part) == std::string::npos)

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for people. */
#ifndef NSRELAY_BENCH_NSBENCH_TEXT_H
#define NSRELAY_BENCH_NSBENCH_TEXT_H

#include <string>

#include "bench/nsbench/stats.h"

namespace nsbench
{

/* number - three or four significant digits, without an exponent: "34.61", "0.075", "151457" */
std::string number(double value);

/* percent - of a share: "4.2 %" */
std::string percent(double share);

/* spread_text - "34.61 (30.12..35.00)": the median and the quartiles; the median alone when there is nothing
 * around it */
std::string spread_text(const Spread &spread);

} /* namespace nsbench */

#endif

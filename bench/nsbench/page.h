/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSRELAY_BENCH_NSBENCH_PAGE_H
#define NSRELAY_BENCH_NSBENCH_PAGE_H

#include <string>

#include "bench/nsbench/results.h"

namespace nsbench
{

/* page_report - one HTML page, well-formed as XML too, that needs neither a network nor scripts */
std::string page_report(const Results &results);

} /* namespace nsbench */

#endif

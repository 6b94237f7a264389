/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that the suite starts: where they are and which version. */
#ifndef NSRELAY_BENCH_NSBENCH_TOOLS_H
#define NSRELAY_BENCH_NSBENCH_TOOLS_H

#include <string>
#include <vector>

namespace nsbench
{

/* tool_find - a program beside this one, in PATH, or where systemd keeps its own; "" when there is none */
std::string tool_find(const std::string &name);

/* tool_output - what a command prints, to either output; "" when it cannot be run */
std::string tool_output(const std::vector<std::string> &argv);

} /* namespace nsbench */

#endif

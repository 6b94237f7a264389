/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Relays, this project's and the public ones: each from 127.0.0.1:RELAY_PORT inside the client's namespace to
 * 127.0.0.1:PLACE_SERVER_PORT inside the server's, with the settings that are best for it.
 */
#ifndef NSRELAY_BENCH_NSBENCH_RELAY_H
#define NSRELAY_BENCH_NSBENCH_RELAY_H

#include <memory>
#include <string>

#include "bench/nsbench/catalogue.h"
#include "bench/nsbench/child.h"
#include "bench/nsbench/settings.h"

namespace nsbench
{

enum { RELAY_PORT = 9000 };

/* relay_obstacle - why this relay cannot be measured here: not installed, or it lacks what that takes; "": it
 * can */
std::string relay_obstacle(const Run &run, RelayKind kind);

/* relay_version - as it tells itself */
std::string relay_version(const Run &run, RelayKind kind);

/* relay_idle_max - how many idle connections may be asked of it under a limit of 20,000 descriptors */
unsigned relay_idle_max(RelayKind kind);

/*
 * relay_start - true once it listens everywhere
 * @client_count: 0: one client's namespace; else so many, numbered (nsrelay alone can do that)
 * Throws Failure, with the end of its log.
 */
std::unique_ptr<Child> relay_start(const Run &run, const PathSpec &path, const struct place &place,
                                   unsigned client_count, const Group &group);

} /* namespace nsbench */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The topologies of the paths, as data for nsctl. */
#ifndef NSRELAY_BENCH_NSBENCH_SHAPES_H
#define NSRELAY_BENCH_NSBENCH_SHAPES_H

#include "bench/nsbench/place.h"
#include "nsctl/topology/topology.h"

/* shape_draw - the topology and where its ends are; @topology is zeroed. 0 or -errno (ENOMEM, EINVAL) */
int shape_draw(const struct place_order *order, struct topology *topology, struct place *ret,
               struct err *err);

#endif

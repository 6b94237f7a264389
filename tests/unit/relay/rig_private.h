/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the rig share. */
#ifndef NSRELAY_TESTS_UNIT_RELAY_RIG_PRIVATE_H
#define NSRELAY_TESTS_UNIT_RELAY_RIG_PRIVATE_H

#include "tests/unit/relay/rig.h"

/* rig_peer_of - who is at the other end of @conn, which the relay has as its @side */
struct rig_peer *rig_peer_of(struct rig *rig, struct fake_conn *conn, enum side side);

/* rig_given - bytes of content that @peer's socket was given by the relay */
uint64_t rig_given(const struct rig *rig, const struct rig_peer *peer);

/* rig_taken_from - bytes of @source that the relay has read, and that are to be passed on */
uint64_t rig_taken_from(const struct rig_peer *source);

#endif

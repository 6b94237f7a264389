/* SPDX-License-Identifier: Apache-2.0 */
/* What the planner's tests share. */
#ifndef NSRELAY_TESTS_FIXTURE_H
#define NSRELAY_TESTS_FIXTURE_H

#include "tests/unit/nsctl/stage.h"
#include "tests/unit/unit.h"

/* What every test has: a stage, and topologies to put on it. */
struct fixture {
	struct stage stage;
	struct topology first, second, none;
};

int fixture_set_up(void **state);
int fixture_tear_down(void **state);

#define fixture_test(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

/* link_at - it must be there; assert_has - the world's text must say @fact */
struct netstate_link *link_at(struct fixture *f, const char *netns, const char *name);
void assert_has(struct fixture *f, const char *fact);

/* put_pair - host/v_a and a/eth0, both with addresses, and a default route in a */
void put_pair(struct topology *topology);

/* put_furnished - host/eth0, which is somebody else's, with @address (NULL: none) */
void put_furnished(struct topology *topology, const char *address);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links, addresses and routes of namespaces that a test has made. Each function is one change, which the
 * kernel has made by the time it returns; a refusal fails the running test.
 */
#ifndef NSRELAY_TESTS_LIB_TESTLINK_H
#define NSRELAY_TESTS_LIB_TESTLINK_H

#include <stdbool.h>

void testlink_set_up(int ns_fd, const char *name, bool up);
void testlink_delete(int ns_fd, const char *name);

/* testlink_join - a veth pair, both ends down */
void testlink_join(int ns_a, const char *a, int ns_b, const char *b);

void testlink_add_address(int ns_fd, const char *link, const char *address);

/* testlink_add_route - @via or @link may be NULL */
void testlink_add_route(int ns_fd, const char *to, const char *via, const char *link);

/* testlink_index - or -ENODEV */
int testlink_index(int ns_fd, const char *name);

#endif
